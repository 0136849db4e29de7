"""Fitting: the loop driven to its end, and what came of it gathered into a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from whygrad.defaults import default_loss
from whygrad.engines import Engine
from whygrad.errors import InputError, WrongTypeError, one_of
from whygrad.history import Keep, Kept, Record, Run, State, Stopped
from whygrad.job import Job, prepare, table_gradient
from whygrad.loop import Progress, train
from whygrad.model import Model
from whygrad.network import Network
from whygrad.table import Table
from whygrad.training import Training
from whygrad.updates import name_of
from whygrad.weights import Init


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


# what rows a run sees, in which batches and as which numbers: changed midway, its state would mean something else
_SETTLED = ("loss", "dtype", "batch", "order", "seed", "validation", "scale")


def _check_resumed(net: Network, training: Training, run: Run) -> None:
    """What a run's state has the shape and the numbers for."""
    had = run.training
    pairs = [
        ("network", net, run.model.network),
        ("optimizer", name_of(training.optimizer), name_of(had.optimizer)),
        *((name, getattr(training, name), getattr(had, name)) for name in _SETTLED),
    ]
    for what, now, before in pairs:
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
