"""A whole run of a procedure, epoch by epoch: whoever compares may stop at the first number that differs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from whygrad.judgement.machine import Loop, Machine, Procedure
from whygrad.judgement.observations import Probe
from whygrad.maths import Array
from whygrad.schedules import rates
from whygrad.table import Indices, Rows, row_order


class Epoch:
    """What an epoch leaves to be printed; to be read before the run goes on.

    Its last update waits until somebody asks for what comes after it, as most runs that are compared end before.
    """

    def __init__(self, machine: Machine, met: list[tuple[float, int]]) -> None:
        self.met, self._machine, self._finished = (
            met,
            machine,
            False,
        )  # (mean loss, rows) of every batch as it was met
        self.rows = len(machine.table)

    @property
    def total(self) -> float:
        """The sum of the rows' losses as they were met."""
        return sum(loss * rows for loss, rows in self.met)

    @property
    def mean(self) -> float:
        """Their mean, as an epoch's loss is printed."""
        summed = self._machine.procedure.loop.losses == "summed"
        return self.total / (self.rows if summed else sum(rows for _, rows in self.met))

    @property
    def w(self) -> Array:
        """(P,): the parameters at the end of the epoch."""
        self.finish()
        return self._machine.now.w

    def after(self) -> float:
        """The table's mean loss under the parameters at the end of the epoch."""
        self.finish()
        with np.errstate(all="ignore"):
            return self._machine.table_loss()

    def finish(self) -> None:
        """The last update, unless it is done."""
        if not self._finished:
            with np.errstate(all="ignore"):
                self._machine.move(self._machine.gradient())
            self._finished = True


def run_loop(procedure: Procedure, probe: Probe) -> Iterator[Epoch]:
    """The probe's training, epoch by epoch."""
    machine, loop = Machine(procedure, probe), procedure.loop
    met: list[tuple[float, int]] = []
    for number in range(probe.training.epochs):
        machine.begin_epoch()
        met = [] if loop.losses == "emptied" else met
        with np.errstate(all="ignore"):
            for k, (rows, rate) in enumerate(batches(probe, loop, number)):
                if k:
                    machine.move(machine.gradient())
                met.append((machine.look(rows, rate), len(rows)))
        epoch = Epoch(machine, met)
        yield epoch
        epoch.finish()


@lru_cache(maxsize=256)
def batches(probe: Probe, loop: Loop, epoch: int) -> tuple[tuple[Rows, float], ...]:
    """The batches of that epoch (from 0) with each one's rate."""
    training, n = probe.training, len(probe.rows)
    size = {"told": min(training.batch_size(n), n), "one": 1, "all": n}[loop.batch]
    order = _order(probe, loop, epoch)
    if loop.last == "carried" and (left := epoch * n % size):  # the rows left over from before come first
        order = np.concatenate([_order(probe, loop, epoch - 1)[n - left :], order])
    whole = len(order) - len(order) % size
    stop = len(order) if loop.last == "kept" else whole
    cuts = range(0, stop, size)
    rate = rates(training.schedule, training.optimizer.learning_rate, training.warmup, epoch, training.epochs,
                 len(cuts))  # fmt: skip
    places = [slice(0, size) if loop.order == "first" else slice(k, min(k + size, stop)) for k in cuts]
    taken = [probe.rows.take(order[place]) for place in places]
    return tuple(zip(taken, (float(r) for r in rate), strict=True))


def _order(probe: Probe, loop: Loop, epoch: int) -> Indices:
    order = row_order(len(probe.rows), probe.training.order, probe.training.seed, epoch)
    return order[::-1] if loop.order == "reversed" else order
