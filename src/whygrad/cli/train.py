"""`whygrad train`: learn from an example or a table, watch it, keep it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from whygrad.cli.config import write_config
from whygrad.cli.drive import drive
from whygrad.cli.options import (
    NETWORK,
    OUTPUT,
    READING,
    STOPPING,
    TABLE,
    TRAINING,
    NetworkOptions,
    OutputOptions,
    ReadingOptions,
    StopOptions,
    TableOptions,
    TrainingOptions,
)
from whygrad.cli.report import EpochPrinter, print_end, print_head
from whygrad.cli.request import make_request, own_table, resolve
from whygrad.engines import engine as find_engine
from whygrad.errors import InputError
from whygrad.files import refuse_existing, refuse_unwritable, remove_stale
from whygrad.fitting import finish
from whygrad.history import Keep, Run
from whygrad.job import Job, prepare
from whygrad.loop import Log
from whygrad.modelfile import load, write
from whygrad.resuming import go_on, table_title
from whygrad.table import Source

TRACEABLE = 100  # parameters


def train(
    subject: str | None = None,
    /,
    *,
    table: TableOptions = TABLE,
    reading: ReadingOptions = READING,
    network: NetworkOptions = NETWORK,
    training: TrainingOptions = TRAINING,
    stopping: StopOptions = STOPPING,
    output: OutputOptions = OUTPUT,
) -> int:
    """Trains, prints, keeps; returns the exit code.

    Parameters
    ----------
    subject
        An example (students, placement, xor, chain), a table, or a run.toml.
    """
    started = time.monotonic()
    keep = Keep("steps") if output.trace else Keep()
    request, out = None, output.out or output.resume
    if output.resume is not None:
        said = (table, replace(reading, stream=None), network, stopping, replace(training, epochs=None))
        if said != (TABLE, READING, NETWORK, STOPPING, TRAINING) or output.config is not None:
            raise InputError(
                "--resume goes on with the settings the run had; only --epochs may be said anew, and --stream"
            )
        if output.save_config is not None:
            raise InputError("--save-config keeps the options of a new run; a resumed one has none of its own")
        before = load(output.resume)
        _check_output(output, out, source_path(before.source))
        title, job, log = resumed(
            before, output.resume, subject, training.epochs, output.engine, keep, reading.stream
        )
    else:
        request = make_request(subject, table, reading, network, training, stopping, output.config)
        _check_output(output, out, request.subject)
        asked = resolve(request)
        title = asked.title
        job = prepare(asked.net, asked.table, asked.training, engine=output.engine, keep=keep)
        log = Log(job.first_state())
    _check_job(output, job, out)
    if request is not None and output.save_config is not None:
        write_config(output.save_config, request.subject, request.groups, output.force)
    silent = output.json or output.quiet
    if not silent:
        print_head(title, job, resumed=len(log.history) > 0)
    printer = EpochPrinter(job, output, silent)
    start = log.state.w
    heard = drive(job, log, output.resume is not None, out, output.checkpoint, printer.show)
    run = finish(job, log)
    if out is not None:
        write(run, out)
    print_end(run, start, title, out, output, printer, time.monotonic() - started)
    if run.stopped.reason == "interrupted":
        return heard.exit_code
    return 1 if run.stopped.reason == "diverged" else 0


def resumed(
    run: Run, path: Path, subject: str | None, epochs: int | None, engine: str, keep: Keep, stream: bool | None
) -> tuple[str, Job, Log]:
    """The run in a model file, its table read again, ready to go on."""
    remove_stale(path)
    training = run.training if epochs is None else replace(run.training, epochs=epochs)
    table = own_table(run, path, subject, stream)
    try:
        job, log = go_on(run, run.model.network, table, training, engine=engine, keep=keep)
    except InputError as problem:
        raise type(problem)(f"{path}: {problem}") from None
    return table_title(run), job, log


def _check_output(output: OutputOptions, out: Path | None, read: str | None) -> None:
    """Refuses, before any work, what would fail after it; `read` is the table's file, if it is one."""
    find_engine(output.engine)
    if out is not None:
        if not (output.force or out == output.resume):
            refuse_existing(out)
        refuse_same("--out", out, read, output.config, output.save_config)
        refuse_unwritable(out)
        remove_stale(out)
    if output.save_config is not None:
        refuse_same("--save-config", output.save_config, read, out)
    if output.every is not None and output.every < 1:
        raise InputError(f"--every is {output.every}, but must be 1 or more")
    if not output.checkpoint >= 0:
        raise InputError(f"--checkpoint is {output.checkpoint:g}, but must be 0 seconds or more")


def _check_job(output: OutputOptions, job: Job, out: Path | None) -> None:
    """The same, for what only the job tells."""
    if out is not None:
        refuse_same("--out", out, source_path(job.source))
    if output.trace and job.net.n_parameters > TRACEABLE:
        raise InputError(
            f"--trace prints every parameter at every update; {job.net.n_parameters:,} are too many "
            f"(at most {TRACEABLE})"
        )


def source_path(source: Source | None) -> str | None:
    """The file a run's table came from."""
    return None if source is None or source.format == "example" else source.path


def refuse_same(option: str, path: Path, *others: str | Path | None) -> None:
    """Refuses to write over another file that the same command reads or writes, --force or not."""
    for other in others:
        if other is not None and os.path.realpath(path) == os.path.realpath(other):
            raise InputError(f"{option} {path} is also another file of this command; choose another name")
