"""Forward and backward for one batch, in the engine's layout; the twins of `propagation`.

`work` holds, one after the other, the batch's x and y and every layer's z, a and delta, (rows, width) each, and
every W turned; `at` says where each begins: at[0] x, at[1] y, then three for each layer, then the turned ones.
Functions work on some of a batch's rows or on some columns, whole panels, of a layer, so that threads can share.
"""

from __future__ import annotations

from typing import Any

from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.cache import inner, woven
from whygrad.engines.compiled.formulas import activate, loss_pull, pull, row_losses
from whygrad.engines.compiled.layout import LINE, LOW
from whygrad.engines.compiled.raw import read, room, write
from whygrad.engines.compiled.tile import DEEP, HIGH, address, affine, grow, product
from whygrad.engines.compiled.turning import square

FEW = 3  # panels for which nothing is copied
STRIPE = 20 * HIGH  # rows whose z is still in the cache when its activation is worked out


# ---- where things lie ----


@woven
def before(s: Any, at: Any, layer: int) -> Any:
    """Where what goes into that layer begins: x, or the activations of the layer before."""
    return at[0] if layer == 0 else at[3 * layer]


@woven
def turned(s: Any, at: Any, layer: int) -> Any:
    """Where that layer's turned W begins."""
    return at[len(at) - len(s.activations) + layer]


@woven
def _down(s: Any, layer: int) -> Any:
    """Rows of a panel of that layer's W."""
    return (s.biases[layer] - s.weights[layer]) // s.widths[layer + 1]


@woven
def between(s: Any, layer: int, j: int, start: int, stop: int) -> Any:
    """Where those rows of the panel that begins at column j begin and end in w."""
    columns, at = min(s.panel, s.widths[layer + 1] - j), s.weights[layer] + j * _down(s, layer)
    return at + start * columns, at + stop * columns


# ---- forward ----


@woven
def layer_forward(s: Any, w: Any, work: Any, at: Any, layer: int, m: int, start: int, stop: int) -> None:
    """z = a_before @ W + b and, unit by unit, a = g(z) for those columns, stripe by stripe."""
    width, step, down = s.widths[layer + 1], s.widths[layer], _down(s, layer)
    given, z, a = before(s, at, layer), at[2 + 3 * layer], at[3 + 3 * layer]
    for r in range(0, m if start < stop else 0, STRIPE):
        rows, here = min(STRIPE, m - r), r * width + start
        affine(work, given + r * step, step, 1, w, s.weights[layer] + start * down, down, 0,
               work, z + here, 1, width, -(-rows // LOW) * LOW, stop - start, s.sizes[layer],
               w, s.biases[layer] + start)  # fmt: skip
        if not s.whole[layer]:
            activate(s.activations[layer], work, z + here, work, a + here, rows, stop - start, width,
                     s.constants[layer])  # fmt: skip


@woven
def layer_activate(s: Any, work: Any, at: Any, layer: int, start: int, stop: int) -> None:
    """a = g(z) for those rows, where g looks at the whole row."""
    n, width = s.sizes[layer + 1], s.widths[layer + 1]
    z, a = at[2 + 3 * layer] + start * width, at[3 + 3 * layer] + start * width
    activate(s.activations[layer], work, z, work, a, stop - start, n, width, s.constants[layer])


@woven
def losses(s: Any, work: Any, at: Any, start: int, stop: int, found: Any) -> None:
    """found[r]: each row's loss, before row weights."""
    last = len(s.activations) - 1
    n, width, u = s.sizes[last + 1], s.widths[last + 1], at[2 + 3 * last] if s.fused else at[3 + 3 * last]
    row_losses(2 * s.loss + s.fused, work, u + start * width, work, at[1] + start * width, stop - start, n, width,
               s.loss_constant, s.share, found[start:stop])  # fmt: skip


# ---- backward ----


@woven
def last_delta(s: Any, work: Any, at: Any, start: int, stop: int, shares: Any) -> None:
    """delta of the last layer for those rows: dL/dz of a row, times the row's share."""
    last = len(s.activations) - 1
    n, width = s.sizes[last + 1], s.widths[last + 1]
    first, m = start * width, stop - start
    z, a, d = at[2 + 3 * last] + first, at[3 + 3 * last] + first, at[4 + 3 * last] + first
    loss_pull(2 * s.loss + s.fused, work, a, work, at[1] + first, work, d, m, n, width, s.loss_constant, s.share)
    if not s.fused:
        pull(s.activations[last], work, d, work, z, work, a, m, n, width, s.constants[last])
    for r in range(m):
        for i in range(d + r * width, d + (r + 1) * width):
            write(work, i, read(work, i) * shares[start + r])


@woven
def layer_delta(s: Any, work: Any, at: Any, layer: int, m: int, start: int, stop: int) -> None:
    """delta = (delta_after @ W_after.T) and, unit by unit, through the activation, for those columns."""
    step, width, W = s.widths[layer + 1], s.widths[layer + 2], turned(s, at, layer + 1)
    z, a, d, after = at[2 + 3 * layer], at[3 + 3 * layer], at[4 + 3 * layer], at[7 + 3 * layer]
    for r in range(0, m if start < stop else 0, STRIPE):
        rows, here = min(STRIPE, m - r), r * step + start
        product(work, after + r * width, width, 1, work, W + start * width, width, 0,
                work, d + here, 1, step, -(-rows // LOW) * LOW, stop - start, s.sizes[layer + 2])  # fmt: skip
        if not s.whole[layer]:
            pull(s.activations[layer], work, d + here, work, z + here, work, a + here, rows, stop - start, step,
                 s.constants[layer])  # fmt: skip


@woven
def layer_pull(s: Any, work: Any, at: Any, layer: int, start: int, stop: int) -> None:
    """The same through an activation that looks at a whole row, for those rows."""
    n, width, first = s.sizes[layer + 1], s.widths[layer + 1], start * s.widths[layer + 1]
    z, a, d = at[2 + 3 * layer], at[3 + 3 * layer], at[4 + 3 * layer]
    pull(s.activations[layer], work, d + first, work, z + first, work, a + first, stop - start, n, width,
         s.constants[layer])  # fmt: skip


@inner
def gradients(
    s: Any, work: Any, at: Any, m: int, g: Any, layer: int, upper: int, lower: int, start: int, stop: int
) -> None:
    """Rows `upper` to `lower` of those columns of dW = a_before.T @ delta; rows of padding become 0.

    Where there are many columns, the part of a_before is copied side by side, as every panel needs it.
    """
    apart()
    width, step, given, d = s.widths[layer + 1], s.widths[layer], before(s, at, layer) + upper, at[4 + 3 * layer]
    high = -(-(lower - upper) // LOW) * LOW
    if stop - start <= FEW * s.panel:
        for j in range(start, stop, s.panel):
            columns, (first, _) = min(s.panel, width - j), between(s, layer, j, upper, lower)
            product(work, given, 1, step, work, d + j, 1, width, g, first, 1, columns, high, columns, m)
    else:
        copy = room(work, high * DEEP)
        for r in range(0, m, DEEP):
            rows = min(DEEP, m - r)
            for k in range(rows):
                for i in range(0, high, LOW):
                    for n in range(LOW):
                        copy[k * high + i + n] = read(work, given + (r + k) * step + i + n)
            for j in range(start, stop, s.panel):
                columns, (first, _), to = (
                    min(s.panel, width - j),
                    between(s, layer, j, upper, lower),
                    d + r * width + j,
                )
                if r == 0:
                    product(copy, 0, 1, high, work, to, 1, width, g, first, 1, columns, high, columns, rows)
                else:
                    grow(copy, 0, 1, high, work, to, 1, width, g, first, 1, columns, high, columns, rows)
    for j in range(start, stop if lower == s.sizes[layer] else start, s.panel):
        _, last = between(s, layer, j, upper, lower)
        for i in range(last, last + (_down(s, layer) - lower) * min(s.panel, width - j)):
            g[i] = 0


@inner
def bias_gradients(s: Any, work: Any, at: Any, m: int, g: Any, layer: int, start: int, stop: int) -> None:
    """Those columns of db = the sum of delta over the rows."""
    apart()
    width, d, db = s.widths[layer + 1], at[4 + 3 * layer], s.biases[layer]
    for j in range(start, stop):
        write(g, db + j, g.dtype.type(0))
    for r in range(m):
        for j in range(start, stop):
            write(g, db + j, read(g, db + j) + read(work, d + r * width + j))


@inner
def turn(s: Any, w: Any, work: Any, at: Any, layer: int, start: int, stop: int) -> None:
    """The turned W of those columns of W; that of the first layer is never needed."""
    apart()
    if layer == 0:
        return
    n_in, step, width = s.sizes[layer], s.widths[layer], s.widths[layer + 1]
    panel, side = s.panel, LINE // w.itemsize
    for j in range(start, stop, panel):
        columns, W = min(panel, width - j), s.weights[layer] + j * _down(s, layer)
        for i in range(0, n_in, panel):
            rows, across = min(panel, n_in - i), min(panel, step - i)
            to, whole = turned(s, at, layer) + i * width + j * across, rows - rows % side
            for k in range(0, whole, side):
                for n in range(0, columns, side):
                    square(address(w, W + (i + k) * columns + n), columns,
                           address(work, to + n * across + k), across)  # fmt: skip
            for k in range(whole, rows):
                for n in range(columns):
                    write(work, to + n * across + k, read(w, W + (i + k) * columns + n))
