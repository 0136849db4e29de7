"""`whygrad check`: judge hand-written backpropagation, one program or a folder of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from whygrad.cli import say
from whygrad.cli.options import (
    NETWORK,
    READING,
    STOPPING,
    TABLE,
    TRAINING,
    NetworkOptions,
    ReadingOptions,
    TableOptions,
    TrainingOptions,
)
from whygrad.cli.request import Asked, make_request, resolve
from whygrad.errors import InputError
from whygrad.files import refuse_existing, refuse_unwritable, write_bytes
from whygrad.job import prepare
from whygrad.judgement.checking import check_code, check_losses
from whygrad.judgement.report import Report
from whygrad.judgement.runner import Limits, existing
from whygrad.judgement.skeleton import skeleton

_WHAT = Group("What to judge", sort_key=1)
_OUTPUT = Group("Output", sort_key=8)
NEW = Path("my_backprop.py")

Flag = Annotated[bool, Parameter(negative=(), group=_OUTPUT)]
Output = Annotated[Path | None, Parameter(group=_OUTPUT)]


def check(
    programs: Annotated[tuple[Path, ...], Parameter(group=_WHAT)] = (),
    /,
    *,
    losses: Annotated[str | None, Parameter(group=_WHAT)] = None,
    new: Annotated[bool, Parameter(negative=(), group=_WHAT)] = False,
    data: Annotated[str, Parameter(group=_WHAT)] = "students",
    hint: Flag = False,
    seconds: Annotated[float, Parameter(group=_WHAT)] = 20.0,
    memory: Annotated[float, Parameter(group=_WHAT)] = 2.0,
    json: Flag = False,
    csv: Output = None,
    force: Flag = False,
    table: TableOptions = TABLE,
    reading: ReadingOptions = READING,
    network: NetworkOptions = NETWORK,
    training: TrainingOptions = TRAINING,
    config: Output = None,
) -> int:
    """Judges hand-written backpropagation, and names the mistake.

    Parameters
    ----------
    programs
        Python files. Their functions are found by name: backward_propagation, update_parameters, train ...
    losses
        Judge only these printed losses, one an epoch, as in 25.3217,18.3200,9.4737.
    new
        Write a skeleton to fill in: my_backprop.py, or the file that is named.
    data
        What the code is meant to learn: an example (students, placement, xor, chain) or a table, with --target.
    hint
        Say the place of a mistake, not the answer.
    seconds
        How long each program may run.
    memory
        How much memory each program may use, in GiB.
    json
        Print one JSON document instead.
    csv
        Write a line a program to this file, for grading.
    force
        Overwrite a file that exists.
    config
        Take options from this run.toml; the command line wins.
    """
    asked = resolve(make_request(data, table, reading, network, training, STOPPING, config))
    if new:
        return _write_new(asked, programs, force)
    if bool(programs) == (losses is not None):
        raise InputError("what shall be judged? Name a Python file, or say --losses 25.3217,18.3200,9.4737")
    if csv is not None:
        if csv.resolve() in [path.resolve() for path in programs]:
            raise InputError(f"--csv {csv} would overwrite a program that is judged; choose another name")
        if not force:
            refuse_existing(csv)
        refuse_unwritable(csv)
    job = prepare(asked.net, asked.table, asked.training)
    limits = Limits(seconds, memory * 2**30)
    if losses is not None:
        reports = [check_losses(job, losses, asked.title, hint, _progress())]
    else:
        reports = _check_all(programs, lambda path: check_code(job, path, asked.title, limits, hint, _progress()))
    if csv is not None:
        _write_grades(reports, csv)
    if json:
        plain = [report.to_plain() for report in reports]
        print(say.as_json(plain[0] if len(plain) == 1 else plain))
    elif len(reports) == 1:
        print(reports[0])
    else:
        print("\n".join(_line(report) for report in reports))
    if csv is not None and not json:
        print(f"written to {csv}")
    codes = {report.exit_code for report in reports}
    return 1 if 1 in codes else max(codes)


def _write_new(asked: Asked, programs: Sequence[Path], force: bool) -> int:
    """The skeleton for the network that is asked for."""
    if len(programs) > 1:
        raise InputError("--new writes one file; name one")
    path = programs[0] if programs else NEW
    if not force:
        refuse_existing(path)
    rate = asked.training.optimizer.learning_rate
    write_bytes(skeleton(asked.net, asked.training.loss, rate).encode("utf-8"), path)
    print(f"written to {path}; fill in the TODOs, then: whygrad check {path}")
    return 0


def _check_all(programs: Sequence[Path], judge: Callable[[Path], Report]) -> list[Report]:
    """Each program's report, by its path where two have one name; on a terminal, a line says which is at work."""
    for path in programs:
        existing(path)
    alike = len({path.name for path in programs}) < len(programs)
    reports = []
    for number, path in enumerate(programs, start=1):
        if len(programs) > 1 and sys.stderr.isatty():
            print(f"\r\033[K{number} of {len(programs)}: {path.name}", end="", file=sys.stderr, flush=True)
        report = judge(path)
        reports.append(replace(report, name=str(path)) if alike else report)
    if len(programs) > 1 and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return reports


def _line(report: Report) -> str:
    """A report in one line."""
    found = "; ".join(report.wrong) or "; ".join(report.problems)
    return f"{report.name}: {report.verdict}{f': {found}' if found else ''}"


def _write_grades(reports: Sequence[Report], path: Path) -> None:
    """A line a program: its verdict, each section's, the slips and the problems."""
    import polars as pl

    kinds = ("forward", "gradient", "update", "loop", "losses")
    rows = [
        {
            "file": report.name,
            "verdict": report.verdict,
            **{kind: _of_kind(report, kind) for kind in kinds},
            "slips": "; ".join(report.wrong),
            "problems": "; ".join(report.problems),
        }
        for report in reports
    ]
    write_bytes(pl.DataFrame(rows).write_csv().encode("utf-8"), path)


def _of_kind(report: Report, kind: str) -> str:
    return next((s.verdict for s in report.sections if s.name.split()[0] == kind), "")


def _progress() -> Callable[[float], Any]:
    """A refreshing line with the share of explanations tried, on a terminal and once it takes a while."""
    started = time.monotonic()
    if not sys.stderr.isatty():
        return lambda done: None

    def show(done: float) -> None:
        if time.monotonic() - started > 1:
            end = "\r\033[K" if done >= 1 else ""
            print(f"\r\033[Ktrying explanations: {done:.0%}{end}", end="", file=sys.stderr, flush=True)

    return show
