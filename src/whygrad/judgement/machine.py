"""The machine: the reference's steps with single stages replaced, so that a mistake can be run and compared.

A `Procedure` says what is different from the reference: changed stages of `propagation`, a changed penalty, a
changed update, another loop. The empty procedure is the reference, to the bit. Nothing here is a second copy of
backpropagation: `forward_propagation`, `backward_propagation` and `update_parameters` do the work.

A changed stage is a function (stages of every layer, moment) -> stages of every layer. It is asked once for a
run; what its own arguments do not tell, it reads from the `Moment`, which the machine keeps up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Literal, NamedTuple

import numpy as np

from whygrad.judgement.observations import Probe
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import (
    REFERENCE,
    Stages,
    Trace,
    backward_propagation,
    forward_propagation,
    penalized,
    row_losses,
    update_parameters,
)
from whygrad.schedules import rates
from whygrad.table import Indices, Rows, row_order
from whygrad.training import Training
from whygrad.updates import Memory
from whygrad.weights import LayerWeights, views

NOTHING = Trace((), ())  # before the first forward pass


class Told(NamedTuple):
    """What an update is told: the gradient (P,) with its penalty, the memories, the step from 1, the rate."""

    g: Array
    memory: Memory
    t: int
    rate: float


@dataclass(eq=False)
class Moment:
    """Where a run stands in a step. `trace` is there once the forward pass is done."""

    net: Network
    training: Training
    table_rows: int
    w: Array  # (P,)
    memory: Memory = ()
    t: int = 0
    rate: float = 0.0
    rows: Rows = field(default_factory=lambda: Rows(np.zeros((0, 0)), np.zeros((0, 0))))  # of this batch
    trace: Trace = NOTHING
    step: Callable[[Array], Array] = lambda g: g  # g (P,) without penalty -> the parameters after this update

    @property
    def layers(self) -> tuple[LayerWeights, ...]:
        """Each layer's W and b as they are before the update."""
        return views(self.net, self.w)


Layerwise = tuple[Stages, ...]
StageChange = Callable[[Layerwise, Moment], Layerwise]
Penalize = Callable[[Moment, Array], Array]
Stepper = Callable[[Moment, Told], tuple[Array, Memory]]


@dataclass(frozen=True)
class Loop:
    """How steps become epochs. The defaults are what the training says.

    - `order`: "reversed" goes through the rows from the last; "first" takes row 1 every time.
    - `batch`: rows an update instead of the training's: "one", or "all".
    - `last`: a last batch with too few rows is "dropped", or "carried" over into the next epoch.
    - `reset`: how long gradients add up: one "step", one "epoch", or "never" set back to 0.
    - `stale`: the backward pass reads the forward values of the "step" before, or all values of an epoch are
      computed with the parameters of its start ("epoch").
    - `memory`: the optimizer's memories are "kept", or lost with every "epoch".
    - `start`: the parameters start "once", or again with every "epoch".
    - `losses`: what is met is "emptied" with every epoch, or goes on: a mean over all of it ("pooled"), or a
      total divided by the rows of the table ("summed").
    """

    order: Literal["told", "reversed", "first"] = "told"
    batch: Literal["told", "one", "all"] = "told"
    last: Literal["kept", "dropped", "carried"] = "kept"
    reset: Literal["step", "epoch", "never"] = "step"
    stale: Literal["no", "step", "epoch"] = "no"
    memory: Literal["kept", "epoch"] = "kept"
    start: Literal["once", "epoch"] = "once"
    losses: Literal["emptied", "pooled", "summed"] = "emptied"


@dataclass(frozen=True)
class Procedure:
    """What somebody does differently from the reference.

    `returned` is the gradient their function hands out: the "whole" one, "bare" of the penalty, or "negative",
    to be added in the update.
    """

    stages: tuple[StageChange, ...] = ()
    penalty: tuple[Callable[[Penalize], Penalize], ...] = ()
    update: tuple[Callable[[Stepper], Stepper], ...] = ()
    loop: Loop = Loop()
    returned: Literal["whole", "bare", "negative"] = "whole"


class Step(NamedTuple):
    """What one step made of a batch."""

    outputs: Array  # (rows, outputs)
    loss: float  # mean of the rows, without penalty
    gradient: Array  # (P,), as handed out
    w: Array  # (P,), after the update


@dataclass(frozen=True, eq=False)
class Epoch:
    """What an epoch leaves to be printed: (mean loss, rows) of every batch as it was met, and the parameters."""

    met: tuple[tuple[float, int], ...]
    w: Array  # (P,)
    after: Callable[[], float]  # the table's mean loss under the parameters at the end of the epoch
    rows: int  # of the table
    summed: bool = False

    @property
    def total(self) -> float:
        """The sum of the rows' losses as they were met."""
        return sum(loss * rows for loss, rows in self.met)

    @property
    def mean(self) -> float:
        """Their mean, as an epoch's loss is printed."""
        return self.total / (self.rows if self.summed else sum(rows for _, rows in self.met))


class Machine:
    """A procedure at work: its stages made once, its parameters moved on step by step."""

    def __init__(self, procedure: Procedure, probe: Probe) -> None:
        self.procedure, self.start = procedure, probe.w
        self.now = Moment(probe.net, probe.training, len(probe.rows), probe.w)
        self.stages: Layerwise = (REFERENCE,) * len(probe.net.layers)
        for change in procedure.stages:
            self.stages = change(self.stages, self.now)
        self.penalize: Penalize = lambda now, g: penalized(now.net, now.training, now.w, g)
        for wrap in procedure.penalty:
            self.penalize = wrap(self.penalize)
        self.update = _update(_unpenalized(probe.training))
        for rewrite in procedure.update:
            self.update = rewrite(self.update)
        self.now.step = lambda g: self.moved(g)[0]
        self.total: Array | None = None  # gradients not yet set back to 0
        self.epoch_w, self.before = probe.w, NOTHING

    def moved(self, g: Array) -> tuple[Array, Memory]:
        """The parameters and memories after an update by g (P,), which has no penalty yet."""
        now = self.now
        return self.update(now, Told(self.penalize(now, g), now.memory, now.t, now.rate))

    def begin_epoch(self) -> None:
        """What is kept, and what starts anew."""
        loop, now = self.procedure.loop, self.now
        if loop.start == "epoch":
            now.w = self.start
        if loop.memory == "epoch":
            now.memory, now.t = (), 0
        if loop.reset == "epoch":
            self.total = None
        self.epoch_w = now.w

    def step(self, rows: Rows, rate: float) -> Step:
        """Forward, judge, backward, update."""
        now, stale = self.now, self.procedure.loop.stale
        now.rows, now.rate, now.t = rows, rate, now.t + 1
        trace = forward_propagation(
            now.net, self.epoch_w if stale == "epoch" else now.w, rows.x, stages=self.stages
        )
        loss = self._mean_loss(trace, rows)
        now.trace = self._remembered(trace) if stale == "step" else trace
        back = backward_propagation(
            now.net, now.w, now.trace, rows.y, now.training.loss, rows.weights, stages=self.stages
        )
        g = back.flat
        kept = self.procedure.loop.reset != "step" and self.total is not None
        self.total = self.total + g if kept else g  # type: ignore[operator]
        handed = self._handed_out(g)
        now.w, now.memory = self.moved(self.total)
        return Step(trace.output, loss, handed, now.w)

    def table_loss(self, rows: Rows) -> float:
        """The mean loss of the rows under the parameters as they are."""
        self.now.rows = rows
        return self._mean_loss(forward_propagation(self.now.net, self.now.w, rows.x, stages=self.stages), rows)

    def _mean_loss(self, trace: Trace, rows: Rows) -> float:
        losses = row_losses(self.now.net, self.now.training.loss, trace, rows.y, stages=self.stages)
        wide = losses.astype(np.float64)  # summed in float64 whatever the run's dtype, as the engines do
        return float((wide if rows.weights is None else wide * rows.weights).sum()) / len(rows)

    def _remembered(self, trace: Trace) -> Trace:
        """The trace of the step before, where it has as many rows."""
        before, self.before = self.before, trace
        return before if before.a and before.output.shape == trace.output.shape else trace

    def _handed_out(self, g: Array) -> Array:
        returned = self.procedure.returned
        if returned == "bare":
            return g
        whole = self.penalize(self.now, g)
        return -whole if returned == "negative" else whole


def _update(training: Training) -> Stepper:
    return lambda now, told: update_parameters(now.net, training, now.w, *told)


def _unpenalized(training: Training) -> Training:
    """The penalty is a step of its own here, so that it can be changed by itself."""
    return replace(training, l1=0.0, l2=0.0) if training.l1 or training.l2 else training


@np.errstate(all="ignore")  # a mistake may overflow; what is not finite agrees with nothing
def one_step(procedure: Procedure, probe: Probe) -> Step:
    """The probe's rows as one batch, the first update from its parameters."""
    (rate,) = rates(probe.training.schedule, probe.training.optimizer.learning_rate, 0, 0, 1, 1)
    return Machine(procedure, probe).step(probe.rows, float(rate))


def run_loop(procedure: Procedure, probe: Probe) -> Iterator[Epoch]:
    """The probe's training, epoch by epoch: whoever compares may stop at the first number that differs."""
    machine, loop = Machine(procedure, probe), procedure.loop
    met: list[tuple[float, int]] = []
    for epoch in range(probe.training.epochs):
        machine.begin_epoch()
        met = [] if loop.losses == "emptied" else met
        with np.errstate(all="ignore"):
            for rows, rate in batches(probe, loop, epoch):
                met.append((machine.step(rows, rate).loss, len(rows)))
        after = partial(machine.table_loss, probe.rows)
        yield Epoch(tuple(met), machine.now.w, after, len(probe.rows), loop.losses == "summed")


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
    taken = [probe.rows.take(order[k : min(k + size, stop)]) for k in cuts]
    return tuple(zip(taken, (float(r) for r in rate), strict=True))


def _order(probe: Probe, loop: Loop, epoch: int) -> Indices:
    order = row_order(len(probe.rows), probe.training.order, probe.training.seed, epoch)
    return {"told": order, "reversed": order[::-1], "first": np.zeros_like(order)}[loop.order]
