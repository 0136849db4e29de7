"""A block of rows as `blocks` takes them: side by side, turned, and each times each."""

from __future__ import annotations

from typing import Any

from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.blocks import ROWS
from whygrad.engines.compiled.cache import inner
from whygrad.engines.compiled.layout import LINE
from whygrad.engines.compiled.raw import read, write
from whygrad.engines.compiled.tile import HIGH, address, product
from whygrad.engines.compiled.turning import square


@inner
def fill(x: Any, rows: Any, n_in: int, step: int, block: Any, turned: Any, dots: Any) -> None:
    """block (ROWS, step) is x of those rows, turned its transpose, and dots[t, s] = x_t . x_s for s < t."""
    apart()
    side, half = LINE // x.itemsize, ROWS // 2
    for t in range(len(rows)):
        start = rows[t] * n_in
        for j in range(n_in):
            write(block, t * step + j, read(x, start + j))
    for t in range(0, ROWS, side):
        for j in range(0, step, side):
            square(address(block, t * step + j), step, address(turned, j * ROWS + t), ROWS)
    # rows up to 12 need only the columns before them
    product(block, 0, step, 1, turned, 0, 1, ROWS, dots, 0, 1, ROWS, HIGH, half, n_in)
    product(block, HIGH * step, step, 1, turned, 0, 1, ROWS, dots, HIGH * ROWS, 1, ROWS, ROWS - HIGH, ROWS, n_in)
