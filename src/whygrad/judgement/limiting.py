"""Limits of the process that somebody's code runs in."""

from __future__ import annotations

import math
import sys


def limit(seconds: float, memory: int) -> None:
    """Bounds this process's memory to what it has now and `memory` bytes more, and its processor time.

    The processor's bound is for a process whose parent is gone; the clock is watched by the parent.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    spent = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(spent.ru_utime + spent.ru_stime + seconds) + 1
    _lower(resource.RLIMIT_CPU, most)
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + memory)


def _lower(which: int, most: int) -> None:
    """Sets a limit, unless a smaller one is there already."""
    import resource

    _, hard = resource.getrlimit(which)
    most = min(most, sys.maxsize)  # all the system can count
    resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
