"""Row-by-row gradient descent at the speed of matrix products: exact algebra for the first layer, block by block.

In a block of rows that starts at W0, b0, row t meets W_t = W0 - sum over s < t of x_s d_s', where d_s is the rate
times delta of row s. So its z is

    z_t = x_t W0 + b0 - sum over s < t of (x_t . x_s + 1) d_s

and W after the block is W0 - X' D. Two products of the whole block and short corrections take the place of reading
and writing W for every row; the layers behind are small and are updated row by row. It is the reference's own
sequence of updates; only the order of additions is another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from whygrad.engines.compiled.apart import apart, wide
from whygrad.engines.compiled.bits import of_bits, size_bits
from whygrad.engines.compiled.cache import inner, kernel
from whygrad.engines.compiled.formulas import activate, update
from whygrad.engines.compiled.layout import ROWS
from whygrad.engines.compiled.passes import (
    bias_gradients,
    forward,
    gradients,
    last_delta,
    layer_delta,
    layer_pull,
    losses,
    turn,
)
from whygrad.engines.compiled.raw import read, write
from whygrad.engines.compiled.tile import product


@inner
def _begin(s: Any, w: Any, x: Any, rows: Any, block: Any, z: Any, dots: Any) -> None:
    """The block's x (rows, step) side by side, z = x W0 (rows, width), and dots[t, s] = x_t . x_s + 1, s < t."""
    apart()
    step, width, n_in, m = s.widths[0], s.widths[1], s.sizes[0], len(rows)
    for t in range(m):
        start = rows[t] * n_in
        for j in range(n_in):
            write(block, t * step + j, read(x, start + j))
    rows_of_W = (s.biases[0] - s.weights[0]) // width
    product(block, 0, step, 1, w, s.weights[0], rows_of_W, 0, z, 0, 1, width, ROWS, width, n_in)
    for t in range(m):
        for k in range(t):
            total = dots.dtype.type(1)
            for j in range(step):
                total += read(block, t * step + j) * read(block, k * step + j)
            dots[t, k] = total


@inner
def _end(s: Any, w: Any, block: Any, moves: Any, m: int, g: Any) -> None:
    """W <- W0 - X' D, b <- b0 - the sum of D; `moves` is D (rows, width), 0 from row m on."""
    apart()
    step, width, W, b = s.widths[0], s.widths[1], s.weights[0], s.biases[0]
    rows = (b - W) // width
    product(block, 0, 1, step, moves, 0, 1, width, g, W, rows, 0, rows, width, m)
    for i in range(W, b):
        write(w, i, read(w, i) - read(g, i))
    for t in range(m):
        for j in range(width):
            write(w, b + j, read(w, b + j) - read(moves, t * width + j))


@inner
def _largest(values: Any, start: int, stop: int) -> float:
    """The largest |number|; NaN where there is one."""
    top = size_bits(values.dtype.type(0))
    for i in range(start, stop):
        top = max(top, size_bits(read(values, i)))
    return float(of_bits(top))


@kernel
def advance_rows(
    s: Any, w: Any, g: Any, x: Any, y: Any, weights: Any, order: Any, rates: Any, u: Any, work: Any, at: Any,
    block: Any, z: Any, dots: Any, moves: Any, shares: Any, found: Any, nothing: Any, met: Any,
) -> float:  # fmt: skip
    """One update of plain gradient descent a row; w moves in place, met[k] is each row's loss before it."""
    wide()
    step, width, n, behind, b = s.widths[0], s.widths[1], s.sizes[1], s.weights[1], s.biases[0]
    here, target, delta, zero = at[2], at[1], at[4], w.dtype.type(0)
    largest = 0.0
    for start in range(0, len(rates), ROWS):
        rows = order[start : start + ROWS]
        _begin(s, w, x, rows, block, z, dots)
        for t in range(len(rows)):
            row, rate = rows[t], w.dtype.type(rates[start + t])
            for j in range(width):
                write(work, here + j, read(z, t * width + j) + read(w, b + j))
            for k in range(t):
                dot = dots[t, k]
                for j in range(width):
                    write(work, here + j, read(work, here + j) - dot * read(moves, k * width + j))
            activate(s.activations[0], work, here, work, at[3], 1, n, width, s.constants[0])
            for j in range(s.sizes[-1]):
                work[target + j] = y[row, j]
            forward(s, w, work, at, 1, 1)
            losses(s, work, at, 0, 1, found)
            shares[0] = weights[row] if len(weights) else w.dtype.type(1)
            met[start + t] = np.float64(found[0]) * np.float64(shares[0])
            last_delta(s, work, at, 0, 1, shares)
            for layer in range(len(s.biases) - 2, -1, -1):
                turn(s, w, work, at, layer + 1, 0, s.widths[layer + 2])
                layer_delta(s, work, at, layer, 1, 0, s.widths[layer + 1])
                if s.whole[layer]:
                    layer_pull(s, work, at, layer, 0, 1)
            for layer in range(1, len(s.biases)):
                for j in range(0, s.widths[layer + 1], s.panel):
                    gradients(s, work, at, 1, g, layer, j, 0, s.sizes[layer])
                bias_gradients(s, work, at, 1, g, layer, 0, s.widths[layer + 1])
            for j in range(width):
                write(moves, t * width + j, rate * read(work, delta + j) if j < n else zero)
            moved = _largest(moves, t * width, (t + 1) * width)
            moved *= max(1.0, _largest(block, t * step, (t + 1) * step))
            if behind < len(w):
                moved = max(moved, update(u.rule, w, g, nothing, behind, len(w), 0, rates[start + t], u.constants))
            largest = moved if moved > largest or moved != moved else largest
        _end(s, w, block, moves, len(rows), g)
    return largest
