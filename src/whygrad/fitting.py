"""Fitting: the loop driven to its end, and what came of it gathered into a run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from whygrad.defaults import default_loss
from whygrad.engines import Engine
from whygrad.engines.choosing import get_ready
from whygrad.errors import InputError, WrongTypeError, one_of
from whygrad.history import Keep, Run, Stopped
from whygrad.job import Job, prepare, table_gradient
from whygrad.loop import Log, train
from whygrad.model import Model
from whygrad.network import Network
from whygrad.resuming import go_on
from whygrad.table import Table
from whygrad.training import Stop, Training
from whygrad.updates import update as find_update
from whygrad.weights import Init


def finish(job: Job, log: Log, checkpoint: bool = False) -> Run:
    """The run as it stands: its model has the best weights where early stopping watched, else the last."""
    state = log.state
    stopped = log.stopped or Stopped("interrupted", f"interrupted after update {state.t:,}")
    w = state.w
    if job.training.stop.patience is not None and state.best_w is not None:
        w = state.best_w
        if state.best_epoch != state.epoch and stopped.reason != "early":
            best = f"kept the weights of epoch {state.best_epoch}, validation loss {state.best_loss:.6g}"
            stopped = replace(stopped, words=f"{stopped.words}; {best}")
    return Run(
        Model(job.net, w, job.encoding, job.training.loss),
        job.start,
        state,
        tuple(log.history),
        stopped,
        job.training,
        job.engine.name,
        job.source,
        tuple(log.kept),
        job.notes,
        None if checkpoint else table_gradient(job, w),
    )


def settled(table: Table, training: Training | None, settings: Mapping[str, Any]) -> Training:
    """The training with these settings changed; without one, the defaults and the loss that fits the table.

    Besides the fields of `Training`, `learning_rate` (or `lr`) changes the optimizer's, and `patience`,
    `min_delta`, `loss_change` and `gradient` the rules for stopping.
    """
    if not isinstance(table, Table):
        raise WrongTypeError(f"a table is wanted, as read_table returns it, not {table!r:.80}")
    if training is None:
        training = Training(loss=default_loss(table.task))
    elif not isinstance(training, Training):
        raise WrongTypeError(f"training is {training!r:.80}; give a Training, or settings by name")
    changes = dict(settings)
    rates = [changes.pop(name) for name in ("learning_rate", "lr") if name in changes]
    bounds = {f.name: changes.pop(f.name) for f in fields(Stop) if f.name in changes}
    known = [f.name for f in fields(Training)]
    for name in changes:
        if name not in known:
            raise one_of("setting", name, [*known, "learning_rate", *(f.name for f in fields(Stop))])
    if rates:
        optimizer = find_update(changes.get("optimizer", training.optimizer))
        changes["optimizer"] = replace(optimizer, learning_rate=rates[0])  # type: ignore[type-var]
    if bounds:
        changes["stop"] = replace(changes.get("stop", training.stop), **bounds)
    return replace(training, **changes)


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
    `stopped.reason == "diverged"` and the last finite parameters; one that Ctrl-C ends returns as "interrupted".
    """
    if not isinstance(net, Network) or not isinstance(table, Table):
        raise WrongTypeError(
            f"fit takes a network, then a table, not a {type(net).__name__} and a {type(table).__name__}"
        )
    training = settled(table, training if training or resume is None else resume.training, settings)
    if resume is None:
        if start is not None:
            training = replace(training, start=str(start) if isinstance(start, str | int | float) else "given")
        job = prepare(net, table, training, engine=engine, start=start, keep=keep)
        log = Log(job.first_state())
    elif start is not None:
        raise InputError("resume goes on from where a run stopped, so it takes no start; leave one of them out")
    else:
        job, log = go_on(resume, net, table, training, engine=engine, keep=keep)
    get_ready(job.engine, job.training.dtype)  # interrupted here, there is nothing to return
    with suppress(KeyboardInterrupt):  # what was trained so far is a run too; its `stopped` says so
        for progress in train(job, log.state if resume else None, log.history):
            log.add(progress, job.keep)
    return finish(job, log)
