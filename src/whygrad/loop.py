"""The training loop: a generator that yields between chunks of updates, so whoever drives it may look and stop.

    job = prepare(net, table, training)
    for progress in train(job): ...         # print, write a checkpoint, or break
    run = finish(job, ...)

An epoch is cut into chunks whose size depends only on the batch, never on the clock; a chunk always ends where
a batch ends. So a run that is interrupted and resumed takes the same steps as one that was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from whygrad.defaults import default_loss
from whygrad.divergence import find_divergence, odd_forward
from whygrad.encoding import Encoding, encode_inputs, encode_targets, encoding_notes, fit_encoding
from whygrad.engines import Engine
from whygrad.engines import engine as find_engine
from whygrad.errors import InputError, WrongTypeError, one_of
from whygrad.history import Keep, Kept, Record, Run, State, Stopped
from whygrad.losses import prepare_targets
from whygrad.maths import Array
from whygrad.metrics import scores
from whygrad.model import Model
from whygrad.network import Network
from whygrad.propagation import penalized, penalty
from whygrad.schedules import rates
from whygrad.table import Indices, Missing, Rows, Source, Table, listed, row_order, split_rows
from whygrad.training import Training
from whygrad.updates import name_of
from whygrad.weights import Init, initialize_parameters, trainable

CHUNK = 4096  # rows, about; a chunk is whole batches


@dataclass(frozen=True, eq=False)
class Job:
    """A run about to be made: everything checked, encoded and split."""

    net: Network
    training: Training
    encoding: Encoding
    rows: Rows  # the training rows, class weights multiplied in
    truth: Array  # (rows, n_out), their targets as encoded, before smoothing
    validation: Rows | None
    validation_truth: Array | None
    start: Array  # (P,)
    engine: Engine
    keep: Keep = field(default_factory=Keep)
    source: Source | None = None
    notes: tuple[str, ...] = ()

    def first_state(self) -> State:
        """Before the first update: the start values, empty memories."""
        empty = tuple(np.zeros_like(self.start) for _ in self.training.optimizer.memories)
        return State(self.start, empty)

    @property
    def batch(self) -> int:
        """Rows an update."""
        return len(self.rows) if self.training.batch == "all" else min(self.training.batch, len(self.rows))


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


def prepare(
    net: Network,
    table: Table,
    training: Training,
    *,
    engine: str | Engine = "auto",
    start: Init | None = None,
    keep: Keep | None = None,
    encoding: Encoding | None = None,
) -> Job:
    """Splits, encodes (fitted on the training rows only, unless an encoding is given) and checks.

    `start` overrides `training.start`, for given arrays. Raises `InputError` where network, table, loss and
    settings do not go together.
    """
    learn, check = split_rows(table, training.validation, training.seed)
    if encoding is None:
        plain = training.scale == "none" or training.loss.targets != "any"
        encoding = fit_encoding(
            table, learn, scale=training.scale, scale_targets=not plain, missing=_missing(table)
        )
    _check_fit(net, table, training, encoding)
    dtype = np.dtype(training.dtype)
    learn_table = table.take(learn)
    truth = encode_targets(encoding, learn_table)
    rows = _rows(training, encoding, learn_table, truth, _row_weights(training, encoding, learn_table, truth))
    validation, validation_truth = None, None
    if len(check):
        check_table = table.take(check)
        validation_truth = encode_targets(encoding, check_table)
        validation = _rows(training, encoding, check_table, validation_truth, check_table.row_weights)
    w = initialize_parameters(net, training.start if start is None else start, training.seed)
    trainable(net, training.freeze)
    return Job(
        net,
        training,
        encoding,
        rows,
        truth,
        validation,
        validation_truth,
        w.astype(dtype),
        find_engine(engine),
        keep or Keep(),
        table.source,
        (*table.notes, *encoding_notes(table, learn, encoding)),
    )


def _missing(table: Table) -> Missing:
    """What was asked when the table was read; a table without a file has gaps only if they are to be filled."""
    if table.source is not None:
        return table.source.missing
    return "fill" if any(column.missing().any() for column in table.inputs) else "refuse"


def _rows(training: Training, encoding: Encoding, table: Table, truth: Array, weights: Array | None) -> Rows:
    dtype = np.dtype(training.dtype)
    x = encode_inputs(encoding, table, unknown="zeros").astype(dtype)
    y = prepare_targets(training.loss, truth, training.smoothing).astype(dtype)
    return Rows(x, y, None if weights is None else weights.astype(dtype))


def _row_weights(training: Training, encoding: Encoding, table: Table, truth: Array) -> Array | None:
    """(rows,): each row's own weight times its class's."""
    if not training.class_weights:
        return table.row_weights
    if not encoding.classes:
        raise InputError("class_weights: the target has no classes; leave them out for numbers")
    numbers = truth[:, 0].astype(int) if encoding.task == "binary" else truth.argmax(axis=1)  # (rows,)
    n = len(encoding.classes)
    if training.class_weights == "balanced":
        counts = np.bincount(numbers, minlength=n)
        by_class = len(numbers) / (n * np.maximum(counts, 1))
    else:
        given = dict(training.class_weights)
        for name in given:
            if name not in encoding.classes:
                raise InputError(
                    f"class_weights: {name!r} is no class; the classes are {listed(encoding.classes)}"
                )
        by_class = np.array([given.get(name, 1.0) for name in encoding.classes])
    return np.asarray(by_class[numbers] * (1.0 if table.row_weights is None else table.row_weights))


def _check_fit(net: Network, table: Table, training: Training, encoding: Encoding) -> None:
    if not table.targets:
        raise InputError("the table has no target column; name one with --target")
    for what, have, names in (
        ("inputs", net.inputs, encoding.input_names),
        ("outputs", net.outputs, encoding.output_names),
    ):
        if have != len(names):
            raise InputError(f"the network has {have} {what}, but the table makes {len(names)}: {listed(names)}")
    if not training.loss.accepts(net.output):
        raise InputError(
            f"loss {training.loss.name} needs outputs from {training.loss.low:g} to {training.loss.high:g}, "
            f"but {net.output.name} returns {net.output.low:g} to {net.output.high:g}"
        )


def train(job: Job, state: State | None = None, history: Sequence[Record] = ()) -> Iterator[Progress]:
    """Trains until the epochs are done or a reason to stop comes first, yielding after every chunk.

    With a `state` (and its history) it goes on from there: the same bits as if it had never stopped.
    """
    state = job.first_state() if state is None else state
    last = history[-1] if history else None
    if last is None:
        last = _record(job, state, None, None)
        odd = _not_finite(job, state, last)
        yield Progress(state, None if odd else last, odd)
        if odd:
            return
    while state.epoch < job.training.epochs:
        order = row_order(len(job.rows), job.training.order, job.training.seed, state.epoch)
        rate = epoch_rates(job, state.epoch)
        while state.row < len(order):
            before, state = state, _chunk(job, state, order, rate)
            if not np.isfinite(state.met) or not all(np.isfinite(p).all() for p in (state.w, *state.memory)):
                found = find_divergence(job.net, job.training, job.rows, before, order[: state.row], rate)
                yield Progress(found.state, None, Stopped("diverged", found.words))
                return
            if state.row < len(order):
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


def _chunk(job: Job, state: State, order: Indices, rate: Array) -> State:
    size = job.batch
    whole = size if job.keep.parameters == "steps" else size * max(1, CHUNK // size)
    part = order[state.row : state.row + whole]
    first = state.row // size
    batches = -(-len(part) // size)
    moved = job.engine.advance(job.net, job.training, state, job.rows, part, rate[first : first + batches])
    counts = np.full(batches, size)
    counts[-1] = len(part) - size * (batches - 1)  # the last batch may be smaller
    with np.errstate(all="ignore"):  # what overflows here is looked for, and named, at once
        met = state.met + float(moved.losses @ counts)
    return replace(moved.state, row=state.row + len(part), met=met)


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
    seen = job.engine.evaluate(job.net, job.training, state.w, job.rows)
    threshold = 0.0 if job.training.loss.targets == "sign" else 0.5
    record = Record(
        state.epoch,
        during,
        seen.loss,
        penalty(job.net, job.training, state.w),
        rate,
        scores(job.encoding, job.truth, seen.outputs, threshold),
    )
    if job.validation is None or job.validation_truth is None:
        return record
    checked = job.engine.evaluate(job.net, job.training, state.w, job.validation)
    found = scores(job.encoding, job.validation_truth, checked.outputs, threshold)
    return replace(record, validation_loss=checked.loss, validation_scores=found)


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
        where = "" if rows is None else odd_forward(job.net, job.training, state.w, rows)
        said = f"the {what} is {value}" + (f"; {where}" if where else "")
        return Stopped("diverged", f"diverged in epoch {record.epoch}, {when}: {said}")
    return None


@np.errstate(all="ignore")
def table_gradient(job: Job, w: Array) -> Array:
    """(P,): the gradient of the training rows' mean loss plus penalty; what is frozen has one too."""
    _, g = job.engine.gradients(job.net, job.training, w, job.rows)
    return penalized(job.net, job.training, w, g)


def finish(job: Job, log: Log, checkpoint: bool = False) -> Run:
    """The run as it stands: its model has the best weights where early stopping watched, else the last."""
    watched = job.training.stop.patience is not None and log.state.best_w is not None
    w = log.state.best_w if watched and log.state.best_w is not None else log.state.w
    return Run(
        Model(job.net, w, job.encoding, job.training.loss),
        job.start,
        log.state,
        tuple(log.history),
        log.stopped or Stopped("interrupted", f"interrupted after {log.state.t:,} updates"),
        job.training,
        job.engine.name,
        job.source,
        tuple(log.kept),
        job.notes,
        None if checkpoint else table_gradient(job, w),
    )


def _check_arguments(
    net: object, table: object, start: Init | None, resume: Run | None, settings: Mapping[str, Any]
) -> None:
    if not isinstance(net, Network) or not isinstance(table, Table):
        raise WrongTypeError(
            f"fit takes a network, then a table, not a {type(net).__name__} and a {type(table).__name__}"
        )
    known = [f.name for f in fields(Training)]
    for name in settings:
        if name not in known:
            raise one_of("fit: setting", name, known)
    if resume is not None and start is not None:
        raise InputError("resume goes on from where a run stopped, so it takes no start; leave one of them out")


def _check_resumed(net: Network, training: Training, run: Run) -> None:
    """What a run's state has the shape and the numbers for."""
    had = run.training
    for what, now, before in (
        ("network", net, run.model.network),
        ("optimizer", name_of(training.optimizer), name_of(had.optimizer)),
        ("dtype", training.dtype, had.dtype),
    ):
        if now != before:
            raise InputError(f"resume: the run's {what} is {before}, not {now}; it goes on with its own")


def settled(table: Table, training: Training | None, settings: Mapping[str, Any]) -> Training:
    """The training with these settings changed; without one, the defaults and the loss that fits the table."""
    if training is None:
        return Training(**{"loss": default_loss(table.task), **settings})
    return replace(training, **settings)


def fit(
    net: Network,
    table: Table,
    training: Training | None = None,
    *,
    engine: str | Engine = "auto",
    start: Init | None = None,
    keep: Keep | None = None,
    resume: Run | None = None,
    **settings: Any,
) -> Run:
    """Trains a network on a table and returns the run.

    `settings` are the fields of `Training`, by default Adam 0.001, batch 32, 100 epochs, shuffled, He start,
    with the loss that goes with the target. `resume` goes on from a run, for `epochs` in all.

    Raises `InputError` or `WrongTypeError` for what does not go together. A run that diverges returns, with
    `stopped.reason == "diverged"` and the last finite parameters.
    """
    _check_arguments(net, table, start, resume, settings)
    training = settled(table, training if training or resume is None else resume.training, settings)
    if resume is None:
        job = prepare(net, table, training, engine=engine, start=start, keep=keep)
        log = Log(job.first_state())
    else:
        _check_resumed(net, training, resume)
        job = prepare(net, table, training, engine=engine, keep=keep, encoding=resume.model.encoding)
        job = replace(job, start=resume.start)
        log = Log(resume.state, list(resume.history), list(resume.kept))
    for progress in train(job, log.state if resume else None, log.history):
        log.add(progress, job.keep)
    return finish(job, log)
