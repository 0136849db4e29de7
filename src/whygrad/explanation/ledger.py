"""A ledger: the updates of one weight, added up by epochs and by rows while a training goes by.

A run that kept its steps is read; any other is trained again from its start, remembering this one weight only. The
same file, seed and engine take the same steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from whygrad.explanation.pulls import pull_rows
from whygrad.history import Keep, Kept, Run
from whygrad.job import Job
from whygrad.loop import epoch_rates, train
from whygrad.maths import Array
from whygrad.names import Place, find_parameter, name
from whygrad.table import Indices, row_order
from whygrad.updates import SGD, name_of
from whygrad.weights import trainable

How = Literal["whole", "shares", "mixed"]


@dataclass(frozen=True, eq=False)
class Moves:
    """How far a weight moved in each epoch, or by each row; one entry each."""

    numbers: Indices  # the epochs, from 1; the rows by where they stand in the table, from 0
    updates: Indices  # how many each had a part in
    moved: Array  # the sum of the moves
    travelled: Array  # the sum of their sizes

    def top(self, k: int) -> Moves:
        """The k that moved it furthest, whichever way."""
        order = np.argsort(-np.abs(self.moved), kind="stable")[:k]
        return Moves(self.numbers[order], self.updates[order], self.moved[order], self.travelled[order])


def updates_of(job: Job, run: Run | None = None) -> Iterator[tuple[Array, Kept]]:
    """Each update of a training, or of a run as far as it has come: w (P,) before it, and what is kept after."""
    w = job.start
    for kept in _kept(job, run):
        yield w, kept
        w = kept.w


def _kept(job: Job, run: Run | None) -> Iterator[Kept]:
    last = None if run is None else run.state.t
    if run is not None and [kept.t for kept in run.kept] == list(range(1, run.state.t + 1)):
        yield from run.kept
        return
    t = 0
    for progress in train(replace(job, keep=Keep("steps"))):
        state = progress.state
        if state.t != t:
            t = state.t
            yield Kept(t, state.epoch + (state.row > 0), state.w)
        if t == last:
            return


def how_rows_are_told(job: Job) -> How:
    """Whether an update is wholly one row's, or in shares of its rows, or the rows are mixed beyond telling."""
    if job.batch == 1:
        return "whole"
    t = job.training
    return "shares" if isinstance(t.optimizer, SGD) and t.clip is None and not (t.l1 or t.l2) else "mixed"


def told(job: Job) -> str:
    """The same in a sentence."""
    rule, how = name_of(job.training.optimizer), how_rows_are_told(job)
    if how == "shares":
        return f"a row's part in an update is -rate x pull / {job.batch:,}, the rows of its batch"
    if how == "mixed":
        return (
            "rows can be told apart in batches of one row, and with plain sgd without penalty or clipping; "
            f"this is {rule} with batches of {job.batch:,}, so only epochs are told"
        )
    parts = [f"the memories of {rule} hold earlier rows"] if job.training.optimizer.memories else []
    parts += ["the penalty is in it"] if job.training.l1 or job.training.l2 else []
    return "; ".join(["each update met one row, and its whole move is counted for that row", *parts])


class Ledger:
    """Where the updates of the parameter at `place` are added up; every `every`-th value is written down."""

    def __init__(self, job: Job, place: Place, every: int) -> None:
        n = len(job.rows)
        self.job, self.place, self.every = job, place, every
        self.at = find_parameter(job.net, name(place))
        self.how = how_rows_are_told(job)
        self.free = bool(trainable(job.net, job.training.freeze)[self.at])
        self.updates, self.value = 0, float(job.start[self.at])
        self.t, self.values = [0], [self.value]
        self.ends: list[float] = []  # the value after each epoch
        self.counts: list[int] = []  # updates of each epoch
        self.travelled: list[float] = []  # in each epoch
        self.rows = Moves(np.arange(n), np.zeros(n, np.int64), np.zeros(n), np.zeros(n))

    def add(self, before: Array, kept: Kept) -> None:
        """Takes one update in: the parameters (P,) before it, and those after."""
        if kept.epoch > len(self.ends):
            self._open(kept.epoch)
        value = float(kept.w[self.at])
        move = value - self.value
        self.updates, self.value = kept.t, value
        self.ends[-1] = value
        self.counts[-1] += 1
        self.travelled[-1] += abs(move)
        if kept.t % self.every == 0:
            self._note()
        if self.how != "mixed":
            self._add_rows(before, move)

    def close(self) -> None:
        """Writes the last value down."""
        if self.t[-1] != self.updates:
            self._note()

    @property
    def epochs(self) -> Moves:
        """The moves of the epochs."""
        moved = np.diff([self.values[0], *self.ends])
        counts = np.array(self.counts, dtype=np.int64)
        return Moves(np.arange(1, len(self.ends) + 1), counts, moved, np.array(self.travelled))

    def _note(self) -> None:
        self.t.append(self.updates)
        self.values.append(self.value)

    def _open(self, epoch: int) -> None:
        self.ends.append(self.value)
        self.counts.append(0)
        self.travelled.append(0.0)
        training = self.job.training
        self.order = row_order(len(self.job.rows), training.order, training.seed, epoch - 1)
        self.rates = epoch_rates(self.job, epoch - 1)

    def _add_rows(self, before: Array, move: float) -> None:
        job, size, batch = self.job, self.job.batch, self.counts[-1] - 1
        met = self.order[batch * size : (batch + 1) * size]  # (rows,)
        if self.how == "whole" or not self.free:
            parts = np.full(len(met), move)
        else:
            w = before.astype(np.float64)
            pulls = pull_rows(job.net, job.training.loss, w, job.rows.take(met), self.place).pulls
            parts = -self.rates[batch] * pulls / len(met)
        np.add.at(self.rows.updates, met, 1)  # a row drawn twice counts twice
        np.add.at(self.rows.moved, met, parts)
        np.add.at(self.rows.travelled, met, np.abs(parts))
