"""Going on with a run: its table read again, its settings checked, its state taken up where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from whygrad.engines import Engine
from whygrad.engines.choosing import continued
from whygrad.errors import InputError, TableError
from whygrad.examples import EXAMPLES, example
from whygrad.history import Keep, Run
from whygrad.job import Job, prepare
from whygrad.loop import Log
from whygrad.network import Network
from whygrad.reading import read_again
from whygrad.schedules import Cosine
from whygrad.scratch import PIECE
from whygrad.table import Table, listed
from whygrad.training import Training
from whygrad.updates import name_of
from whygrad.weights import views

# what rows a run sees, in which batches and as which numbers: changed midway, its state would mean something else
_SETTLED = ("loss", "dtype", "batch", "order", "seed", "validation", "scale", "smoothing", "class_weights")


def remembered_table(
    run: Run, moved_to: str | None = None, beside: Path | None = None, stream: bool | None = None
) -> Table:
    """The table a run was trained on: the example, or its file read again, of the same content.

    `moved_to` is the file's new place; `beside` a folder to look in when it is not where it was. `stream` is as in
    `read_table`, but that a run whose batches are too large to be streamed is not, where nothing is said. Raises
    `InputError` where there is none, `TableError` for a file that is gone or has changed.
    """
    source = run.source
    if source is None:
        raise InputError("its table was no file; go on from Python, with fit(net, table, resume=run)")
    if source.format == "example":
        if moved_to not in (None, source.path):
            raise InputError(f"it was trained on the example {source.path}, not on {moved_to}; leave that out")
        return example(source.path)[1]
    source = source if moved_to is None else replace(source, path=moved_to)
    path = Path(source.path)
    if moved_to is None and not (path.exists() or (beside is not None and (beside / path.name).exists())):
        raise TableError(f"it was trained on {path}, which is not there now; name the table's new place")
    if stream is None and run.training.batch_size(PIECE + 1) > PIECE:
        stream = False
    return read_again(source, run.model.encoding, beside, stream)


def table_title(run: Run) -> str:
    """What to call a run's table."""
    if run.source is None:
        return "arrays or a dataframe"
    if run.source.format == "example":
        return f"{run.source.path}: {EXAMPLES[run.source.path].title}"
    return Path(run.source.path).name


def go_on(
    run: Run,
    net: Network,
    table: Table,
    training: Training,
    *,
    engine: str | Engine = "auto",
    keep: Keep | None = None,
) -> tuple[Job, Log]:
    """The run's job and what it has gathered so far, to be trained on to the bit.

    Only epochs, rules for stopping, rates, penalties, clipping and freezing may change, and the engine where one
    is named. Raises `InputError` for anything else, and for a run that has come to its end.
    """
    _check(run, net, table, training)
    engine = continued(engine, run.engine)
    start = views(net, run.start)
    job = prepare(net, table, training, engine=engine, start=start, keep=keep, encoding=run.model.encoding)
    source = run.source if job.source is None or run.source is None else replace(run.source, path=job.source.path)
    notes = run.notes
    if isinstance(training.schedule, Cosine) and training.epochs != run.training.epochs:
        notes = (
            *notes,
            f"the cosine now spans {training.epochs:,} epochs: a run of as many in one go would have had other "
            f"rates in the first {run.state.epoch:,}",
        )
    job = replace(job, source=source, notes=notes)  # the same file as of a run in one go
    return job, Log(run.state, list(run.history), list(run.kept))


def _check(run: Run, net: Network, table: Table, training: Training) -> None:
    """What a run's state has the shape and the numbers for."""
    reason, had = run.stopped.reason, run.training
    if reason == "diverged":
        raise InputError(f"this run {run.stopped.words}; start again instead of resuming it")
    if reason in ("early", "converged") and training.stop == had.stop:
        raise InputError(f"this run has come to its end ({run.stopped.words}); nothing is left to resume")
    pairs = [
        ("network", net, run.model.network),
        ("optimizer", name_of(training.optimizer), name_of(had.optimizer)),
        *((name, getattr(training, name), getattr(had, name)) for name in _SETTLED),
    ]
    for what, now, before in pairs:
        if now != before:
            raise InputError(f"resume: the run's {what} is {before}, not {now}; it goes on with its own")
    for what, columns, codes in (
        ("inputs", table.inputs, run.model.encoding.inputs),
        ("targets", table.targets, run.model.encoding.targets),
    ):
        found, wanted = [c.name for c in columns], [c.name for c in codes]
        if found != wanted:
            raise InputError(
                f"resume: the run's {what} are {listed(wanted)}; this table has {listed(found) or 'none'}"
            )
    if training.epochs <= run.state.epoch:
        raise InputError(
            f"this run has done {run.state.epoch:,} epochs; epochs counts all of them, so say more than that"
        )
