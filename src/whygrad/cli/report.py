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

    def __init__(self, job: Job, output: OutputOptions, silent: bool) -> None:
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
            self._print(self.table.head())
            self.headed = True
        self.pending = record
        every = self.output.every
        if record.epoch in self.usual if every is None else record.epoch % every == 0:
            self.flush()

    def flush(self) -> None:
        """The line that is still owed."""
        if self.pending is not None:
            self._print(self.table.line(self.pending))
            self.pending = None

    def _print(self, line: str) -> None:
        try:
            print(line, flush=True)
        except BrokenPipeError:  # nobody reads any more; the training goes on
            self.silent = True
            say.print_no_more()


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
        print(say.as_json(say.run_as_plain(run, title)))
        return
    if not output.quiet:
        printer.flush()
        print("loss during: the mean met while the parameters moved; loss after: the whole table, after the epoch")
        print(f"loss after   {sparkline(run.losses())}")
    print(f"stopped: {run.stopped.words} ({seconds:.2f} s)")
    if not output.quiet:
        print()
        for line in trace_lines(run, before, output.notation) if output.trace else ():
            print(line)
        for line in say.parameters(run.model.network, say.run_values(run), output.notation, output.all):
            print(line)
    if out is not None:
        print(f"kept in {out}")


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
