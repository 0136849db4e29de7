"""How numbers and small tables are printed, wherever whygrad prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from whygrad.maths import Array


def number(value: float | None) -> str:
    """Nine decimals where they fit, scientific otherwise, "-" for what is not there."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.9f}"
    return f"{value:.8e}"


def short(value: float | None) -> str:
    """Four significant digits."""
    return "-" if value is None or math.isnan(value) else f"{value:.4g}"


def from_to(before: float, after: float) -> str:
    """Two numbers with nine digits, or as many more as tell them apart."""
    digits = next((n for n in range(9, 17) if f"{before:.{n}g}" != f"{after:.{n}g}"), 17)
    return f"from {before:.{digits}g} to {after:.{digits}g}"


def counted(n: int, what: str) -> str:
    """The number and its noun: "1 row", "4 rows"."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def columns(rows: Sequence[Sequence[str]], left: Iterable[int] = (0,)) -> list[str]:
    """Rows of cells as aligned lines; the columns in `left` align left, the others right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lefts = set(left)
    return [
        "  ".join(
            c.ljust(w) if k in lefts else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def sparkline(values: Array, width: int = 48) -> str:
    """The values as a row of blocks from low to high, at most `width` of them, evenly picked."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return ""
    picked = finite[np.linspace(0, len(finite) - 1, min(width, len(finite))).round().astype(int)]
    low, high = float(picked.min()), float(picked.max())
    span = (picked - low) / (high - low) if high > low else np.zeros(len(picked))
    return "".join("▁▂▃▄▅▆▇█"[round(7 * float(s))] for s in span)
