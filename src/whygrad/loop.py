"""The training loop: a generator that yields between chunks of updates, so whoever drives it may look and stop.

    job = prepare(net, table, training)
    for progress in train(job): ...         # print, write a checkpoint, or break
    run = finish(job, ...)

An epoch is cut into chunks whose size depends only on the batch, never on the clock; a chunk always ends where
a batch ends. So a run that is interrupted and resumed takes the same steps as one that was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from whygrad.divergence import find_divergence, odd_forward
from whygrad.engines.choosing import get_ready
from whygrad.history import Keep, Kept, Record, Stopped
from whygrad.job import Job, measured, table_gradient
from whygrad.maths import Array
from whygrad.propagation import penalty
from whygrad.schedules import rates
from whygrad.scratch import pieces
from whygrad.state import State
from whygrad.table import Rows, row_order
from whygrad.weights import trainable
from whygrad.window import Window

CHUNK = 4096  # rows, about; a chunk is whole batches


@dataclass(frozen=True, eq=False)
class Progress:
    """Where a run is after a chunk. `record` is there at the end of an epoch, `stopped` at the end of all."""

    state: State
    record: Record | None = None
    stopped: Stopped | None = None


@dataclass
class Log:
    """What the driver of a loop gathers from it."""

    state: State
    history: list[Record] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    stopped: Stopped | None = None

    def add(self, progress: Progress, keep: Keep) -> None:
        """Takes one progress in."""
        moved = progress.state.t != self.state.t
        self.state = progress.state
        if progress.record is not None:
            self.history.append(progress.record)
        if progress.stopped is not None:
            self.stopped = progress.stopped
        every_step = keep.parameters == "steps" and moved
        if every_step or (keep.parameters == "epochs" and progress.record is not None):
            epoch = self.state.epoch + (self.state.row > 0)
            self.kept.append(Kept(self.state.t, epoch, self.state.w))


def train(job: Job, state: State | None = None, history: Sequence[Record] = ()) -> Iterator[Progress]:
    """Trains until the epochs are done or a reason to stop comes first, yielding after every chunk.

    With a `state` (and its history) it goes on from there: the same bits as if it had never stopped.
    """
    get_ready(job.engine, job.training.dtype)
    state = job.first_state() if state is None else state
    last = history[-1] if history else None
    if last is None:
        last = _record(job, state, None, None)
        odd = _not_finite(job, state, last)
        yield Progress(state, None if odd else last, odd)
        if odd:
            return
    window = Window(job.rows)
    while state.epoch < job.training.epochs:
        window.turn(partial(row_order, len(job.rows), job.training.order, job.training.seed, state.epoch))
        rate = epoch_rates(job, state.epoch)
        while state.row < len(job.rows):
            before, state = state, _chunk(job, state, window, rate)
            if not np.isfinite(state.met) or not all(np.isfinite(p).all() for p in (state.w, *state.memory)):
                found = find_divergence(job.net, job.training, job.rows, before, window.order[: state.row], rate)
                yield Progress(found.state, None, Stopped("diverged", found.words))
                return
            if state.row < len(job.rows):
                yield Progress(state)
        state, record, stopped = _end_epoch(job, state, last, float(rate[-1]))
        yield Progress(state, record, stopped)
        if stopped or record is None:
            return
        last = record
    yield Progress(state, None, _done(job))


def epoch_rates(job: Job, epoch: int) -> Array:
    """(batches,): the learning rate of each update of that epoch, counted from 0."""
    t = job.training
    steps = -(-len(job.rows) // job.batch)
    return rates(t.schedule, t.optimizer.learning_rate, t.warmup, epoch, t.epochs, steps)


def _chunk(job: Job, state: State, window: Window, rate: Array) -> State:
    size = job.batch
    whole = size if job.keep.parameters == "steps" else size * max(1, CHUNK // size)
    rows, part = window.take(state.row, min(state.row + whole, len(job.rows)))
    first = state.row // size
    batches = -(-len(part) // size)
    moved = job.engine.advance(job.net, job.training, state, rows, part, rate[first : first + batches])
    sizes = np.minimum(size, len(part) - size * np.arange(batches))  # the last batch may be smaller
    sums = np.cumsum(
        np.append(state.met, moved.losses * sizes)
    )  # one by one, so that chunks leave no trace in the sum
    return replace(moved.state, row=state.row + len(part), met=float(sums[-1]))


def _end_epoch(job: Job, state: State, last: Record, rate: float) -> tuple[State, Record | None, Stopped | None]:
    during = state.met / len(job.rows)
    state = replace(state, epoch=state.epoch + 1, row=0, met=0.0)
    record = _record(job, state, during, rate)
    odd = _not_finite(job, state, record)
    if odd:
        return state, None, odd
    state = _watch(job, state, record)
    stopped = _early(job, state) or _converged(job, state, last, record)
    if stopped is None and state.epoch >= job.training.epochs:
        stopped = _done(job)
    return state, record, stopped


def _done(job: Job) -> Stopped:
    n = job.training.epochs
    return Stopped("epochs", "the one epoch is done" if n == 1 else f"all {n:,} epochs are done")


@np.errstate(all="ignore")  # what overflows is found, and named, by `_not_finite`
def _record(job: Job, state: State, during: float | None, rate: float | None) -> Record:
    loss, found = measured(job, state.w, job.rows, job.truth)
    record = Record(state.epoch, during, loss, penalty(job.net, job.training, state.w), rate, found)
    if job.validation is None or job.validation_truth is None:
        return record
    loss, found = measured(job, state.w, job.validation, job.validation_truth)
    return replace(record, validation_loss=loss, validation_scores=found)


def _watch(job: Job, state: State, record: Record) -> State:
    """Notes the best validation loss so far and how long ago it was."""
    loss = record.validation_loss
    if job.training.stop.patience is None or loss is None:
        return state
    if loss < state.best_loss - job.training.stop.min_delta:
        return replace(state, best_w=state.w, best_loss=loss, best_epoch=state.epoch, waited=0)
    return replace(state, waited=state.waited + 1)


def _early(job: Job, state: State) -> Stopped | None:
    patience = job.training.stop.patience
    if patience is None or state.waited < patience:
        return None
    return Stopped(
        "early",
        f"early, after epoch {state.epoch}: the validation loss has not improved for {state.waited} epochs; "
        f"kept the weights of epoch {state.best_epoch}, validation loss {state.best_loss:.6g}",
    )


def _converged(job: Job, state: State, last: Record, record: Record) -> Stopped | None:
    stop = job.training.stop
    if not stop.on_convergence:
        return None
    change = abs(record.loss_after + record.penalty - last.loss_after - last.penalty)
    words = [f"the loss changed by {change:.3g} in epoch {state.epoch}"]
    if stop.loss_change is not None and change > stop.loss_change:
        return None
    if stop.gradient is not None:
        free = trainable(job.net, job.training.freeze)
        steepest = float(np.abs(np.where(free, table_gradient(job, state.w), 0)).max())
        if not steepest <= stop.gradient:  # NaN neither
            return None
        words.append(f"the largest gradient entry is {steepest:.3g}")
    return Stopped("converged", f"converged: {' and '.join(words)}")


def _not_finite(job: Job, state: State, record: Record) -> Stopped | None:
    """Why an epoch that took finite steps still ends the run: what its parameters make of the table overflows."""
    measured = (
        ("loss", record.loss_after, job.rows),
        ("validation loss", record.validation_loss, job.validation),
        ("penalty", record.penalty, None),
    )
    for what, value, rows in measured:
        if value is None or np.isfinite(value):
            continue
        batches = -(-len(job.rows) // job.batch)
        when = f"after batch {batches}, its last" if record.epoch else "before any update"
        where = "" if rows is None else _odd_row(job, state.w, rows)
        said = f"the {what} is {value}" + (f"; {where}" if where else "")
        return Stopped("diverged", f"diverged in epoch {record.epoch}, {when}: {said}")
    return None


def _odd_row(job: Job, w: Array, rows: Rows) -> str:
    """Where a forward pass over the rows stops being finite, in words; empty where it does not."""
    found = (odd_forward(job.net, job.training, w, rows.take(piece)) for piece in pieces(len(rows)))
    return next(filter(None, found), "")
