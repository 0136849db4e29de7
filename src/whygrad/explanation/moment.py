"""A moment: one row, the parameters it meets, and the training around them. Everything is explained at one.

A moment in the middle of a training is found by training again from the run's start: the same file, seed and
engine take the same steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from whygrad.encoding import Encoding
from whygrad.errors import InputError, WrongTypeError
from whygrad.history import Run
from whygrad.job import Job
from whygrad.loop import epoch_rates, train
from whygrad.losses import Loss
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.printing import counted
from whygrad.state import State
from whygrad.table import Indices, Rows, Table, row_order, split_rows
from whygrad.training import Training
from whygrad.updates import Memory

At = str | int | tuple[int, int]


@dataclass(frozen=True, eq=False)
class Moment:
    """One row and the parameters it meets. All numbers are float64, whatever the run's dtype.

    `rows` are the training rows, `batch` those of them whose update meets this row (empty for a row that is not
    trained on), `memory`, `t` and `rate` what that update finds. `facts` are the row's columns as they were read.
    """

    net: Network
    training: Training
    w: Array  # (P,)
    row: Rows  # one row: x (1, inputs), y (1, outputs) as the loss reads it, weights (1,) or None
    rows: Rows
    batch: Indices
    memory: Memory
    t: int  # updates done before
    rate: float
    place: str = "the row"
    when: str = "at these parameters"
    facts: tuple[tuple[str, str], ...] = ()
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    members: Indices | None = None  # (rows,) where the training rows stand in the table; None: they are all of it
    encoding: Encoding | None = None  # how columns became numbers, where they were columns

    @property
    def loss(self) -> Loss:
        """The loss function."""
        return self.training.loss

    @property
    def weight(self) -> float:
        """What the row's loss is multiplied by."""
        return 1.0 if self.row.weights is None else float(self.row.weights[0])


def moment_of(job: Job, table: Table, row: int, at: At, run: Run | None = None) -> Moment:
    """The moment at which row `row` (from 0) of the table is explained.

    `at` is "start", "end", an epoch (after which; 0 is the start), or an epoch and a row: just before the update
    that meets that row in that epoch (from 1). As text, "3:2", rows count from 1; as a pair, (3, 1), from 0.
    Raises `InputError` for a row, epoch or moment that is not there.
    """
    if not isinstance(row, int | np.integer) or isinstance(row, bool):
        raise WrongTypeError(f"row is {row!r}, but must be a whole number, from 0")
    if not 0 <= row < len(table):
        raise InputError(f"row {row + 1} (index {row}) is not there; the table has {counted(len(table), 'row')}")
    learn, check = split_rows(table, job.training.validation, job.training.seed)
    state, when = _state_at(job, at, run, learn)
    member = np.flatnonzero(learn == row)
    known = job.rows.take(member) if len(member) else _validation_row(job, check, row)
    batch, rate, note = _update_of(job, state, int(member[0]) if len(member) else None, at == "end")
    notes = (note.format(row=row + 1),) if note else ()
    if (source := int(table.rows[row])) != row:
        notes = (
            *notes,
            f"rows are counted without those left out; row {row + 1} is row {source + 1} of the source",
        )
    if not np.isfinite(state.w).all():
        notes = (*notes, "the parameters are no longer finite numbers here: this training diverges")
    if run is not None and not np.array_equal(state.w, run.state.w, equal_nan=True) and when == "at the end":
        notes = (*notes, "the optimizer's memories are those of the last update, the weights the best ones")
    return Moment(
        job.net,
        job.training,
        _wide(state.w),
        _wide_rows(known),
        _wide_rows(job.rows),
        batch,
        tuple(_wide(m) for m in state.memory),
        state.t,
        rate,
        f"row {row + 1} (index {row})",
        when,
        _facts(table, row),
        job.encoding.input_names,
        _output_names(job.encoding),
        notes,
        learn,
        job.encoding,
    )


def _state_at(job: Job, at: At, run: Run | None, learn: Indices) -> tuple[State, str]:
    if at == "start":
        return job.first_state(), "at the start"
    if at == "end" and run is not None:
        done = counted(run.state.epoch, "epoch")
        return replace(run.state, w=run.model.w), "at the end" if run.state.t else f"at the end, after {done}"
    if at == "end":
        state = job.first_state()
        for progress in train(job):
            state = progress.state
        return state, "at the end"
    epoch, row = _parsed(at)
    state = _after(job, epoch if row is None else epoch - 1)
    if row is None:
        return state, "at the start" if epoch == 0 else f"after epoch {epoch}"
    return _before(job, state, row, learn), f"in epoch {epoch}, before the update that meets row {row + 1}"


def _parsed(at: At) -> tuple[int, int | None]:
    """(epoch, row from 0 or None)."""
    if isinstance(at, tuple) and len(at) == 2 and all(type(n) is int for n in at):
        epoch, row = at
        return _epoch(at, epoch, 1), row
    if isinstance(at, int) and not isinstance(at, bool):
        return _epoch(at, at, 0), None
    found = re.fullmatch(r"(\d{1,15})(?::(\d{1,15}))?", str(at).strip())
    if not found or (found[2] is not None and int(found[2]) == 0):
        raise InputError(f"at: {at!r} is not understood; it can be start, end, an epoch (3), or EPOCH:ROW (3:2)")
    return _epoch(at, int(found[1]), 0 if found[2] is None else 1), None if found[2] is None else int(found[2]) - 1


def _epoch(at: object, epoch: int, least: int) -> int:
    if epoch < least:
        raise InputError(f"at: {at!r}: epochs count from {least} here")
    return epoch


def _after(job: Job, epoch: int) -> State:
    """The state after that many epochs, by training again from the start."""
    state = job.first_state()
    if epoch == 0:
        return state
    for progress in train(job):
        state = progress.state
        if state.epoch == epoch and state.row == 0:
            return state
    raise InputError(f"at: epoch {epoch} is not there; this training ends after {counted(state.epoch, 'epoch')}")


def _before(job: Job, state: State, row: int, learn: Indices) -> State:
    """The state just before the update of the coming epoch that meets this row of the table."""
    member = np.flatnonzero(learn == row)
    order = row_order(len(job.rows), job.training.order, job.training.seed, state.epoch)
    met = np.flatnonzero(np.isin(order, member))
    if not len(met) or state.epoch >= job.training.epochs:
        raise InputError(f"at: row {row + 1} is not met in epoch {state.epoch + 1} of this training")
    batches = int(met[0]) // job.batch
    if batches == 0:
        return state
    part = order[: batches * job.batch]
    moved = job.engine.advance(
        job.net, job.training, state, job.rows, part, epoch_rates(job, state.epoch)[:batches]
    )
    return replace(moved.state, row=len(part))


def _update_of(job: Job, state: State, member: int | None, over: bool) -> tuple[Indices, float, str]:
    """The rows of the coming update that meets the row, its rate, and a remark where it is not the very next."""
    epoch, row = state.epoch, state.row
    rates = epoch_rates(job, min(epoch, max(job.training.epochs - 1, 0)))
    nothing = np.empty(0, np.int64)
    if member is None:
        return nothing, float(rates[0]), "this row is kept for validation: no update meets it"
    order = row_order(len(job.rows), job.training.order, job.training.seed, epoch)
    met = np.flatnonzero(order == member)
    met = met[met >= row] if (met >= row).any() else met
    if not len(met):
        return nothing, float(rates[0]), "this row is not drawn in the coming epoch: no update meets it"
    batch = int(met[0]) // job.batch
    note = ""
    if over or epoch >= job.training.epochs:
        note = "the training is over here; the update shown is what one more with this row would do"
    elif batch != row // job.batch:
        turn = f"number {batch + 1:,} of epoch {epoch + 1:,}, not the next; it is shown as if it were"
        note = f"the update that meets this row is {turn} (at {epoch + 1}:{{row}} opens it in its turn)"
    return order[batch * job.batch : (batch + 1) * job.batch], float(rates[batch]), note


def _validation_row(job: Job, check: Indices, row: int) -> Rows:
    if job.validation is None:
        raise InputError(f"row {row + 1} is neither trained on nor kept for validation")
    return job.validation.take(np.flatnonzero(check == row))


def _wide(values: Array) -> Array:
    return values.astype(np.float64, copy=False)


def _wide_rows(rows: Rows) -> Rows:
    return Rows(_wide(rows.x), _wide(rows.y), None if rows.weights is None else _wide(rows.weights))


def _facts(table: Table, row: int) -> tuple[tuple[str, str], ...]:
    """The row's columns and what stood in them."""
    found = []
    for column in (*table.inputs, *table.targets):
        value = column.values[row]
        if column.missing()[row]:
            text = "missing"
        elif column.kind == "number":
            text = f"{value:.9g}"
        else:
            text = column.categories[int(value)]
        found.append((column.name, text))
    return tuple(found)


def _output_names(encoding: Encoding) -> tuple[str, ...]:
    return encoding.output_names
