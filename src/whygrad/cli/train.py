"""`whygrad train`: learn from an example or a table, watch it, keep it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from cyclopts import Group, Parameter

from whygrad.cli import say
from whygrad.cli.config import write_config
from whygrad.cli.drive import drive
from whygrad.cli.options import (
    NETWORK,
    READING,
    STOPPING,
    TABLE,
    TRAINING,
    NetworkOptions,
    ReadingOptions,
    StopOptions,
    TableOptions,
    TrainingOptions,
    Whole,
)
from whygrad.cli.request import make_request, resolve
from whygrad.errors import InputError, ModelFileError, TableError
from whygrad.files import refuse_existing, refuse_unwritable, remove_stale
from whygrad.fitting import Log, finish
from whygrad.history import Keep, Record, Run
from whygrad.job import Job, prepare
from whygrad.modelfile import load, write
from whygrad.names import parameter_names
from whygrad.printing import columns, number, sparkline
from whygrad.table import Table

_OUTPUT = Group("Output", sort_key=7)


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True)
class OutputOptions:
    """What to keep and what to print."""

    out: Path | None = None
    "Keep the run in this model file, as in houses.whygrad."
    force: Annotated[bool, Parameter(negative=())] = False
    "Overwrite files that exist."
    resume: Path | None = None
    "Go on with the run in this model file, for --epochs in all."
    checkpoint: float = 30.0
    "Seconds between checkpoints while training with --out; 0 writes as often as possible."
    config: Path | None = None
    "Take options from this run.toml; the command line wins."
    save_config: Path | None = None
    "Write the options to this run.toml."
    every: Whole = None
    "Print a line every so many epochs (default: about twenty lines in all)."
    all: Annotated[bool, Parameter(negative=())] = False
    "List every parameter."
    trace: Annotated[bool, Parameter(negative=())] = False
    "Print every parameter before and after each update (small networks)."
    notation: Literal["course", "3b1b", "keras", "torch"] = "course"
    "How weights are named: W_211, w^(2)_0,0, kernel[0, 0] or weight[0, 0]."
    quiet: Annotated[bool, Parameter(negative=())] = False
    "Print only why it stopped."
    json: Annotated[bool, Parameter(negative=())] = False
    "Print one JSON document instead."
    engine: str = "auto"
    "Which engine computes: auto or reference."


OUTPUT = OutputOptions()
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
        An example (students, placement, xor), a table, or a run.toml.
    """
    started = time.monotonic()
    keep = Keep("steps") if output.trace else Keep()
    request = None
    if output.resume is not None:
        said = (table, reading, network, stopping, replace(training, epochs=None))
        if said != (TABLE, READING, NETWORK, STOPPING, TRAINING) or output.config is not None:
            raise InputError("--resume goes on with the settings the run had; only --epochs may be said anew")
        if output.save_config is not None:
            raise InputError("--save-config keeps the options of a new run; a resumed one has none of its own")
        title, job, log = resumed(output.resume, subject, training.epochs, output.engine, keep)
        out: Path | None = output.out or output.resume
    else:
        request = make_request(subject, table, reading, network, training, stopping, output.config)
        asked = resolve(request)
        title, out = asked.title, output.out
        job = prepare(asked.net, asked.table, asked.training, engine=output.engine, keep=keep)
        log = Log(job.first_state())
    _check_output(output, job, out)
    if request is not None and output.save_config is not None:
        write_config(output.save_config, request.subject, request.groups, output.force)
    silent = output.json or output.quiet
    if not silent:
        print_head(title, job, resumed=len(log.history) > 0)
    printer = EpochPrinter(job, output, silent, len(log.history) > 0)
    heard = drive(job, log, output.resume is not None, out, output.checkpoint, printer.show)
    run = finish(job, log)
    if out is not None:
        write(run, out)
    _print_end(run, title, out, output, printer, time.monotonic() - started)
    if run.stopped.reason == "interrupted":
        return heard.exit_code
    return 1 if run.stopped.reason == "diverged" else 0


def resumed(path: Path, subject: str | None, epochs: int | None, engine: str, keep: Keep) -> tuple[str, Job, Log]:
    """The run in a model file, its table read again, ready to go on."""
    run = load(path)
    remove_stale(path)
    if run.stopped.reason == "diverged":
        raise InputError(f"{path}: this run {run.stopped.words}; start again instead of resuming it")
    if run.stopped.reason in ("early", "converged"):
        raise InputError(f"{path}: this run has come to its end ({run.stopped.words}); nothing is left to resume")
    training = run.training if epochs is None else replace(run.training, epochs=epochs)
    if training.epochs <= run.state.epoch:
        raise InputError(
            f"{path} has done {run.state.epoch:,} epochs; --epochs counts all of them, so say more than that"
        )
    table, title = remembered_table(run, path, subject)
    job = prepare(run.model.network, table, training, engine=engine, keep=keep, encoding=run.model.encoding)
    source = None if run.source is None or job.source is None else replace(run.source, path=job.source.path)
    job = replace(job, start=run.start, source=source, notes=run.notes)  # the same file as of a run in one go
    return title, job, Log(run.state, list(run.history), list(run.kept))


def remembered_table(run: Run, path: Path, moved_to: str | None = None) -> tuple[Table, str]:
    """The table a run was trained on, read again, and what to call it."""
    from whygrad.examples import EXAMPLES, example
    from whygrad.reading import read_again

    source = run.source
    if source is None:
        raise ModelFileError(f"{path}: its table was no file; go on from Python, with fit(net, table, resume=run)")
    if source.format == "example":
        if moved_to not in (None, source.path):
            raise InputError(f"{path} was trained on the example {source.path}, not on {moved_to}; leave that out")
        return example(source.path)[1], f"{source.path}: {EXAMPLES[source.path].title}"
    source = source if moved_to is None else replace(source, path=moved_to)
    if moved_to is None and not os.path.exists(source.path):
        raise TableError(
            f"{path} was trained on {source.path}, which is not there now; name the table's new place"
        )
    return read_again(source, run.model.encoding), Path(source.path).name


def _check_output(output: OutputOptions, job: Job, out: Path | None) -> None:
    """Refuses, before any work, what would fail after it."""
    if out is not None:
        if not (output.force or out == output.resume):
            refuse_existing(out)
        refuse_same("--out", out, source_path(job), output.config, output.save_config)
        refuse_unwritable(out)
        remove_stale(out)
    if output.save_config is not None:
        refuse_same("--save-config", output.save_config, source_path(job), out)
    if output.trace and job.net.n_parameters > TRACEABLE:
        raise InputError(
            f"--trace prints every parameter at every update; {job.net.n_parameters:,} are too many "
            f"(at most {TRACEABLE})"
        )
    if output.every is not None and output.every < 1:
        raise InputError(f"--every is {output.every}, but must be 1 or more")
    if not output.checkpoint >= 0:
        raise InputError(f"--checkpoint is {output.checkpoint:g}, but must be 0 seconds or more")


def source_path(job: Job) -> str | None:
    """The file the job's table came from."""
    return None if job.source is None or job.source.format == "example" else job.source.path


def refuse_same(option: str, path: Path, *others: str | Path | None) -> None:
    """Refuses to write over another file that the same command reads or writes, --force or not."""
    for other in others:
        if other is not None and os.path.realpath(path) == os.path.realpath(other):
            raise InputError(f"{option} {path} is also another file of this command; choose another name")


def print_head(title: str, job: Job, resumed: bool) -> None:
    """What is about to be trained, on what, and how."""
    rows = f"{len(job.rows):,} rows"
    if job.validation is not None:
        rows += f", {len(job.validation):,} more to validate"
    print(f"{title} ({rows})")
    for note in job.notes:
        print(f"note: {note}")
    print(f"network {job.net}")
    for line in say.settings(job.training):
        print(line)
    print(f"engine {job.engine.name}{'; going on where the run stopped' if resumed else ''}")
    print()


class EpochPrinter:
    """Prints the epochs that get a line, the last one in any case."""

    def __init__(self, job: Job, output: OutputOptions, silent: bool, resumed: bool) -> None:
        names = ("accuracy",) if job.encoding.task != "regression" else ("R2", "RMSE")
        targets = job.encoding.targets
        unit = targets[0].name if job.encoding.task == "regression" and len(targets) == 1 else ""
        self.table = say.EpochTable(job.training, job.validation is not None, names, unit)
        self.job, self.output, self.silent = job, output, silent
        self.pending: Record | None = None
        self.headed = False
        self.usual = say.shown_epochs(job.training.epochs) if output.every is None else set()

    def show(self, record: Record) -> None:
        """A line, if this epoch gets one."""
        if self.silent:
            return
        if not self.headed:
            print(self.table.head())
            self.headed = True
        self.pending = record
        every = self.output.every
        if record.epoch in self.usual if every is None else record.epoch % every == 0:
            self.flush()

    def flush(self) -> None:
        """The line that is still owed."""
        if self.pending is not None:
            print(self.table.line(self.pending))
            self.pending = None


def _print_end(
    run: Run, title: str, out: Path | None, output: OutputOptions, printer: EpochPrinter, seconds: float
) -> None:
    if output.json:
        print(say.as_json(say.run_as_plain(run, title)))
        return
    if not output.quiet:
        printer.flush()
        print("loss during: the mean met while the parameters moved; loss after: the whole table, after the epoch")
        print(f"loss after   {sparkline(run.losses())}")
    print(f"stopped: {run.stopped.words} ({seconds:.2f} s)")
    if not output.quiet:
        print()
        for line in trace_lines(run, output.notation) if output.trace else ():
            print(line)
        for line in say.parameters(run.model.network, say.run_values(run), output.notation, output.all):
            print(line)
    if out is not None:
        print(f"kept in {out}")


def trace_lines(run: Run, notation: str) -> list[str]:
    """Every parameter before and after each update."""
    names = parameter_names(run.model.network, notation)
    lines, before = [], run.start
    for kept in run.kept:
        rows = [["parameter", "before", "after", "change"]]
        for name, a, b in zip(names, before, kept.w, strict=True):
            rows.append([name, number(float(a)), number(float(b)), number(float(np.subtract(b, a)))])
        lines += [f"update {kept.t}, epoch {kept.epoch}", *columns(rows), ""]
        before = kept.w
    return lines
