"""Driving a run from a terminal: checkpoints, one refreshing line, and stopping when asked to."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from whygrad.engines.choosing import get_ready
from whygrad.errors import OutputError
from whygrad.fitting import finish
from whygrad.history import Record
from whygrad.job import Job
from whygrad.loop import Log, Progress, train
from whygrad.modelfile import write

TOGETHER = 0.3  # seconds


class Interrupted:
    """Whether somebody asked the run to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.at = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Notes the request; a second one ends the process at once.

        Shells and `timeout` may send one request to a process and to its group: what comes together is one.
        """
        if self.signal is None:
            self.signal, self.at = number, time.monotonic()
        elif time.monotonic() - self.at < TOGETHER:
            return
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            sys.exit(128 + number)

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, 143 for a request to end, 129 for a terminal that was closed."""
        return 128 + (self.signal or 0)


@contextmanager
def listening() -> Iterator[Interrupted]:
    """While inside, requests to stop are noted instead of obeyed, so the run can stop between two chunks."""
    heard = Interrupted()
    before = {n: signal.signal(n, heard) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def drive(
    job: Job, log: Log, resumed: bool, out: Path | None, every: float, show: Callable[[Record], None]
) -> Interrupted:
    """Runs the loop to its end or an interruption, writing `out` at most every `every` seconds."""
    get_ready(job.engine, job.training.dtype)  # before the line of the epochs, and before requests are only noted
    written = time.monotonic()
    with listening() as heard, progress_line(job) as tell:
        for progress in train(job, log.state if resumed else None, tuple(log.history)):
            log.add(progress, job.keep)
            if progress.record is not None:
                show(progress.record)
            tell(progress)
            if heard.signal is not None and progress.stopped is None:
                break
            if out is not None and progress.stopped is None and time.monotonic() - written >= every:
                _checkpoint(job, log, out)
                written = time.monotonic()
    return heard


def _checkpoint(job: Job, log: Log, out: Path) -> None:
    """Writes the run as it stands; what cannot be written now is said, and tried again at the next checkpoint."""
    try:
        write(finish(job, log, checkpoint=True), out)
    except OutputError as problem:
        print(f"whygrad: {problem}; training goes on", file=sys.stderr)


@contextmanager
def progress_line(job: Job) -> Iterator[Callable[[Progress], None]]:
    """A refreshing line with the time left, on a terminal only; nothing where output is piped."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    line: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    console, shared = Console(stderr=True), sys.stdout.isatty()  # epochs go where stdout goes
    with Bar(*line, console=console, transient=True, redirect_stdout=shared, redirect_stderr=False) as bar:
        task = bar.add_task("epoch 0", total=job.training.epochs * len(job.rows))

        def tell(progress: Progress) -> None:
            state = progress.state
            bar.update(
                task,
                completed=state.epoch * len(job.rows) + state.row,
                description=f"epoch {min(state.epoch + 1, job.training.epochs)} of {job.training.epochs}",
            )

        yield tell
