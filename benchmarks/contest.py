"""A contest: everyone trains the same rows from the same start, in turns, and is shown to end in the same place.

First everybody does a short task, the same for all: it compiles, says how fast everyone is (and with how many
threads), and where everyone ended is compared. Then each has its task cut to what fits into its turn, whole epochs
or else the first rows of one, and the rounds begin. Times are compared by update.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from benchmarks import Timings
from benchmarks.agreement import apart
from benchmarks.ceiling import Ceiling, Heights
from benchmarks.contenders import Contender
from benchmarks.worker import Crew, Lost, Worker
from benchmarks.workloads import Task, Workload
from whygrad.maths import Array

SHORT = 16  # updates of the task that all do; of one row each, 32 times as many
LEAST = 1 / 3  # of the budget that goes into the rounds, however long the rest took
LONGEST = 1.0  # seconds of a turn
ENOUGH = 0.25  # seconds that a turn takes at least, else the task is done again: caches are cold after other turns
BRIEF = 0.2  # seconds below which the short task is timed twice
GRACE = 3.0  # turns that the whole workload may take
FEWEST = 3  # rounds, budget or not


@dataclass
class Entry:
    """A contender in a contest; `lost` says why it is out."""

    contender: Contender
    worker: Worker
    task: Task
    option: int = 0
    first: float = 0.0  # seconds of the first call, compilation included
    times: int = 1  # that the task is done in a turn
    seconds: list[float] = field(default_factory=list)  # of an update, by round
    short_end: Array | None = None  # where it ended the task that all did
    end: Array | None = None  # where it ended its last turn
    apart: float = 0.0  # from whygrad, after the task that all did
    apart_after: float | None = None  # the same after the rounds, where both did the same
    lost: str = ""

    @property
    def timings(self) -> Timings:
        """Seconds of an update."""
        return Timings(tuple(self.seconds))


@dataclass(frozen=True)
class Contest:
    """What came of it."""

    workload: Workload
    dtype: str
    entries: tuple[Entry, ...]
    heights: Heights
    rounds: int

    def entry(self, name: str) -> Entry | None:
        """A contender that was timed, by name."""
        return next((e for e in self.entries if e.contender.name == name and e.seconds), None)

    @property
    def best(self) -> Entry | None:
        """The quickest rival."""
        rivals = [e for e in self.entries if e.contender.rival and e.seconds]
        return min(rivals, key=lambda e: e.timings.median, default=None)

    def ratios(self, entry: Entry) -> Timings | None:
        """How many times whygrad's time an update of that one takes, by round; None where whygrad is out."""
        ours = self.entry("whygrad")
        if ours is None:
            return None
        return Timings(tuple(a / b for a, b in zip(entry.seconds, ours.seconds, strict=True)))


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def contest(
    crew: Crew, workload: Workload, dtype: str, contenders: Sequence[Contender], rounds: int, budget: float
) -> Contest:
    """Runs it, within about `budget` seconds; a contender that fails is out, and the others go on."""
    started = time.monotonic()
    short = _short(workload, dtype)
    entries = [Entry(c, crew.worker(c), short) for c in contenders]
    say(f"{workload.name}, {dtype}: {', '.join(e.contender.name for e in entries)}")
    for entry in entries:
        _safely(entry, lambda one: one.worker.load())
    ceiling = Ceiling(workload, dtype)
    for entry in entries:
        _safely(entry, lambda one: _try_out(one, workload))
    left = max(started + budget - time.monotonic(), budget * LEAST)
    until, reach = time.monotonic() + left, min(LONGEST, left / (rounds + 1) / max(1, len(entries)))
    for entry in entries:
        _safely(entry, lambda one: _cut(one, workload, reach))
    done = _race(entries, ceiling, rounds, until)
    _compare(entries, workload, dtype)
    return Contest(workload, dtype, tuple(entries), ceiling.heights(), done)


def _short(workload: Workload, dtype: str) -> Task:
    rows = workload.batch * SHORT if workload.batch > 1 else 32 * SHORT
    return Task(workload, dtype, min(workload.rows, rows), 1)


def _safely(entry: Entry, do: Callable[[Entry], None]) -> None:
    """Does something with a contender that is still in; one that fails is out."""
    if entry.lost:
        return
    try:
        do(entry)
    except Lost as problem:
        entry.lost, entry.seconds = str(problem), []
        entry.worker.stop()
        say(f"  {entry.contender.name} is out: {problem}")


def _try_out(entry: Entry, workload: Workload) -> None:
    """The short task with each number of threads; the quicker one stays."""
    quickest = float("inf")
    for number, option in enumerate(entry.contender.options(workload)):
        first = entry.worker.ready(entry.task, option)
        again = entry.worker.go()
        if again.seconds < BRIEF:
            again = min(again, entry.worker.go(), key=lambda one: one.seconds)
        if number == 0:
            entry.first = first.seconds
        if again.seconds < quickest:
            quickest, entry.option, entry.short_end = again.seconds, option, again.end
    entry.seconds = [quickest / entry.task.units]
    said = f"first call {entry.first:.2f} s, then {1e6 * entry.seconds[0]:.4g} us each {workload.unit}"
    say(f"  {entry.contender.name}: {said}" + (f", threads: {entry.option}" if entry.option else ""))


def _cut(entry: Entry, workload: Workload, reach: float) -> None:
    """As many whole epochs as fit into a turn, or the first rows of one; again and again where that is short."""
    units = reach / entry.seconds[0]
    whole = -(-workload.rows // workload.batch)
    if units * GRACE >= whole * workload.epochs:
        units = whole * workload.epochs
    epochs = max(1, min(workload.epochs, int(units // whole)))
    rows = workload.rows if units >= whole else max(1, int(units)) * workload.batch
    task = replace(entry.task, rows=min(rows, workload.rows), epochs=epochs)
    if (task, entry.option) != (entry.task, entry.contender.options(workload)[-1]):
        entry.worker.ready(task, entry.option)
        entry.task = task
    entry.times = max(1, int(min(ENOUGH, reach) / (entry.seconds[0] * task.units)))


def _race(entries: Sequence[Entry], ceiling: Ceiling, rounds: int, until: float) -> int:
    """Rounds over everyone who is in; how many there were."""
    for entry in entries:
        entry.seconds = []
    for done in range(rounds):
        if done >= FEWEST and time.monotonic() > until:
            say(f"  the time is up after {done} rounds of {rounds}")
            return done
        for entry in entries:
            _safely(entry, _turn)
        ceiling.look()
    return rounds


def _turn(entry: Entry) -> None:
    ran = entry.worker.go(entry.times)
    entry.seconds.append(ran.seconds / entry.task.units)
    entry.end = ran.end


def _compare(entries: Sequence[Entry], workload: Workload, dtype: str) -> None:
    """How far everyone ended from whygrad: after the short task, and after the rounds where both did the same."""
    ours = next((e for e in entries if e.contender.name == "whygrad" and e.seconds), None)
    for entry in entries:
        if not entry.seconds or ours is None:
            continue
        entry.apart = apart(workload, dtype, entry.short_end, ours.short_end)
        if entry.task == ours.task:
            entry.apart_after = apart(workload, dtype, entry.end, ours.end)
