"""What `whygrad train` prints: the head, a line for some epochs, the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from whygrad.cli import say
from whygrad.cli.options import OutputOptions
from whygrad.history import Record, Run
from whygrad.job import Job
from whygrad.maths import Array
from whygrad.names import parameter_names
from whygrad.printing import columns, counted, number, sparkline


def print_head(title: str, job: Job, resumed: bool) -> None:
    """What is about to be trained, on what, and how."""
    rows = counted(len(job.rows), "row")
    if job.validation is not None:
        rows += f", {len(job.validation):,} more to validate"
    say.tell(f"{title} ({rows})")
    for note in job.notes:
        say.tell(f"note: {note}")
    say.tell(f"network {job.net}")
    for line in say.settings(job.training):
        say.tell(line)
    why = f" ({job.why})" if job.why else ""
    say.tell(f"engine {job.engine.name}{why}{'; going on where the run stopped' if resumed else ''}")
    say.tell()


class EpochPrinter:
    """Prints the epochs that get a line, the last one in any case."""

    def __init__(self, job: Job, output: OutputOptions, silent: bool) -> None:
        names = ("accuracy",) if job.encoding.task != "regression" else ("R2", "RMSE")
        targets = job.encoding.targets
        unit = targets[0].name if job.encoding.task == "regression" and len(targets) == 1 else ""
        self.table = say.EpochTable(job.training, job.validation is not None, names, unit)
        self.output, self.silent = output, silent
        self.pending: Record | None = None
        self.headed = False
        self.usual = say.shown_epochs(job.training.epochs) if output.every is None else set()

    def show(self, record: Record) -> None:
        """A line, if this epoch gets one."""
        if self.silent:
            return
        if not self.headed:
            say.tell(self.table.head())
            self.headed = True
        self.pending = record
        every = self.output.every
        if record.epoch in self.usual if every is None else record.epoch % every == 0:
            self.flush()

    def flush(self) -> None:
        """The line that is still owed."""
        if self.pending is not None:
            say.tell(self.table.line(self.pending))
            self.pending = None


def print_end(
    run: Run,
    before: Array,
    title: str,
    out: Path | None,
    output: OutputOptions,
    printer: EpochPrinter,
    seconds: float,
) -> None:
    """Why it stopped, the parameters, where it is kept; `before` (P,) are those of the first update traced."""
    if output.json:
        say.tell(say.as_json(say.run_as_plain(run, title)))
        return
    if not output.quiet:
        printer.flush()
        say.tell(
            "loss during: the mean met while the parameters moved; loss after: the whole table, after the epoch"
        )
        say.tell(f"loss after   {sparkline(run.losses())}")
        for line in unit_lines(run):
            say.tell(line)
    say.tell(f"stopped: {run.stopped.words} ({seconds:.2f} s)")
    if not output.quiet:
        say.tell()
        for line in trace_lines(run, before, output.notation) if output.trace else ():
            say.tell(line)
        for line in say.parameters(run.model.network, say.run_values(run), output.notation, output.all):
            say.tell(line)
    if out is not None:
        say.tell(f"kept in {out}")
    elif run.source is None or run.source.format != "example" or run.stopped.reason == "interrupted":
        say.tell("not kept: --out FILE keeps a run")


def unit_lines(run: Run) -> list[str]:
    """What the losses of a scaled target count in."""
    scaled = [code for code in run.model.encoding.targets if code.kind == "number" and code.scale != 1]
    if not scaled:
        return []
    units = ", ".join(f"{code.scale:.6g} of {code.name}" for code in scaled[:4])
    return [f"losses are those of the standardised target: 1 is {units}{' ...' if len(scaled) > 4 else ''}"]


def trace_lines(run: Run, before: Array, notation: str) -> list[str]:
    """Every parameter before and after each update; `before` (P,) are those of the first."""
    names = parameter_names(run.model.network, notation)
    lines: list[str] = []
    for kept in run.kept:
        rows = [["parameter", "before", "after", "change"]]
        for name, a, b in zip(names, before, kept.w, strict=True):
            rows.append([name, number(float(a)), number(float(b)), number(float(np.subtract(b, a)))])
        lines += [f"update {kept.t}, epoch {kept.epoch}", *columns(rows), ""]
        before = kept.w
    return lines
