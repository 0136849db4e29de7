"""Benchmarks: `python -m benchmarks` runs all, `python -m benchmarks -w coldstart` one.

A rival is timed in the same run as whygrad, in turns, so that a machine whose speed drifts drifts for both; what
is compared is shown to compute the same. The medians are what counts, the quartiles and extremes say how far to
trust them.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("whygrad", "numpy", "numba", "keras", "jax", "torch", "scikit-learn")


@dataclass(frozen=True)
class Outcome:
    """A benchmark's lines, and whether what it claims held."""

    lines: tuple[str, ...]
    held: bool


@dataclass(frozen=True)
class Timings:
    """What several runs of one job took, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between which the middle half lies."""
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    def cells(self) -> tuple[str, str, str]:
        """The median, the quartiles, the extremes."""
        low, high = self.quartiles
        return (
            f"{self.median:.3f} s",
            f"{low:.3f} to {high:.3f}",
            f"{min(self.seconds):.3f} to {max(self.seconds):.3f}",
        )


def installed(package: str) -> bool:
    """Whether a package is there; it is not imported."""
    return package_version(package) is not None


def package_version(package: str) -> str | None:
    """The version of an installed package, None for one that is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine() -> list[str]:
    """The processor, its cores, Python and the packages: what a table of timings is worth nothing without."""
    found = [f"{package} {package_version(package) or '(not installed)'}" for package in PACKAGES]
    return [
        f"{processor()}, {cores()} cores, {platform.system()} {platform.machine()}",
        f"{platform.python_implementation()} {platform.python_version()}; {', '.join(found)}",
    ]


def processor() -> str:
    """The processor's model."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "an unnamed processor"


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells, the first the head, as a Markdown table with aligned columns."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]]
