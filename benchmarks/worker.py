"""One process for each contender, so that libraries share neither threads nor settings; asked one at a time."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple

from benchmarks.contenders import Contender, Run
from benchmarks.workloads import SEEN, Task
from whygrad.maths import Array

IMPORTS = 120.0  # seconds a library may take to be imported


class Lost(Exception):
    """A contender that failed or was given up; the message says why."""


class Timed(NamedTuple):
    """What one run took, in seconds, and where it ended: parameters (P,), or the first outputs (SEEN, n_out)."""

    seconds: float
    end: Array


@dataclass(frozen=True)
class Load:
    """Import the library."""


@dataclass(frozen=True)
class Ready:
    """Put a task in place and run it once, which compiles."""

    task: Task
    option: int


@dataclass(frozen=True)
class Go:
    """Run the task that is in place so many times, one after the other."""

    times: int = 1


def timed(run: Run, times: int = 1) -> Timed:
    """What one run takes of so many, and where the last ended."""
    started = time.perf_counter()
    for _ in range(times):
        end = run()
    return Timed((time.perf_counter() - started) / times, end if end.ndim == 1 else end[:SEEN])


def serve(connection: Connection, contender: Contender) -> None:
    """The process: answers with a `Timed`, or with a text that says what went wrong."""
    os.environ.update(contender.variables)
    with suppress(EOFError, BrokenPipeError):  # the other process is gone
        _answer(connection, contender)


def _answer(connection: Connection, contender: Contender) -> None:
    run: Run | None = None
    while True:
        asked = connection.recv()
        try:
            if isinstance(asked, Load):
                contender.prepare  # noqa: B018 - imports the library
                connection.send("")
            elif isinstance(asked, Ready):
                started = time.perf_counter()
                run = contender.prepare(asked.task, asked.option)
                end = timed(run).end
                connection.send(Timed(time.perf_counter() - started, end))
            elif run is not None:
                connection.send(timed(run, asked.times))
        except Exception as problem:  # whatever a library raises ends this contender's race, not the others'
            text = str(problem).strip().splitlines()
            connection.send(f"{type(problem).__name__}: {text[0] if text else ''}"[:120])


class Worker:
    """A contender's process, from outside."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, contender), daemon=True)
        self._process.start()
        theirs.close()
        self._connection.send(Load())
        self._loaded = False

    def load(self) -> None:
        """Waits until the library is imported."""
        if not self._loaded:
            self._answer(IMPORTS)
        self._loaded = True

    @property
    def alive(self) -> bool:
        """Whether it has not been stopped."""
        return self._process.is_alive()

    def ready(self, task: Task, option: int) -> Timed:
        """Puts a task in place and runs it once."""
        self._connection.send(Ready(task, option))
        return self._timed(self.contender.patience)

    def go(self, times: int = 1) -> Timed:
        """Runs the task in place so many times."""
        self._connection.send(Go(times))
        return self._timed(self.contender.patience)

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _timed(self, patience: float) -> Timed:
        answer = self._answer(patience)
        if not isinstance(answer, Timed):
            raise Lost("gave no answer")
        return answer

    def _answer(self, patience: float) -> Timed | str:
        try:
            if not self._connection.poll(patience):
                raise Lost(f"not done within {patience:.0f} s")
            answer: Timed | str = self._connection.recv()
        except (EOFError, OSError):
            raise Lost(f"its process ended with {self._process.exitcode}") from None
        if isinstance(answer, str) and answer:
            raise Lost(answer)
        return answer


class Crew:
    """The workers of a whole run: a process is started once, and again only after it was lost."""

    def __init__(self) -> None:
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *problem: object) -> None:
        for worker in self._workers.values():
            worker.stop()

    def worker(self, contender: Contender) -> Worker:
        """That contender's."""
        found = self._workers.get(contender.name)
        if found is None or not found.alive:
            found = self._workers[contender.name] = Worker(contender)
        return found
