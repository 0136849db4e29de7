"""Threads that run one kernel together, on the batches of one network."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from whygrad.engines.compiled.layout import ROOM

# parameters times rows of a batch for each thread: with less, exchanging takes what sharing saves
_WORTH = 4_000_000
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of each period, or "max": docs.kernel.org, cgroup v2
_ROWS = 8  # of a batch for each thread, at least
_MOST = 8  # threads: they meet several times a batch


def team_for(work: int, rows: int) -> int:
    """How many threads share a batch of so many rows and so much work (parameters times rows)."""
    return max(1, min(cores(), _MOST, rows // _ROWS, work // _WORTH))


def together(kernel: Callable[..., float], given: tuple[Any, ...], team: int) -> float:
    """The kernel run by a team, each with its number, the team's size and where they meet; the greatest result."""
    sync, found = np.zeros(ROOM, np.int64), np.zeros(team)

    def run(me: int) -> None:
        found[me] = kernel(*given, me, team, sync)

    if team > 1:
        kernel(*given, 0, 0, sync)  # a team of none: compiled, if need be, before there are threads
    others = [threading.Thread(target=run, args=(me,), daemon=True) for me in range(1, team)]
    for other in others:
        other.start()
    run(0)
    for other in others:
        other.join()
    return float(found.max())


@cache
def cores() -> int:
    """Cores that this process may use: those it is bound to, or fewer where its group has a quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, _QUOTA.read_text(encoding="ascii").split())
    except (OSError, ValueError):  # no such file, or "max"
        return bound
    return max(1, min(bound, quota // period))
