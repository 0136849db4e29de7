"""Forward and backward for one batch, in the engine's layout; the twins of `propagation`.

`work` holds, one after the other, the batch's x and y and every layer's z, a and delta, (rows, width) each, and
room for a W turned; `at` says where each begins: at[0] x, at[1] y, then three for each layer, last the turned W.
"""

from __future__ import annotations

from typing import Any

from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.cache import inner
from whygrad.engines.compiled.formulas import activate, loss_pull, pull, row_losses
from whygrad.engines.compiled.layout import LOW
from whygrad.engines.compiled.raw import read, write
from whygrad.engines.compiled.tile import HIGH, product

STRIPE = 2 * HIGH  # rows whose z is still in the first cache when its activation is worked out


@inner
def _before(s: Any, at: Any, layer: int) -> Any:
    """Where what goes into that layer begins: x, or the activations of the layer before."""
    return at[0] if layer == 0 else at[3 * layer]


@inner
def forward(s: Any, w: Any, work: Any, at: Any, rows: int, first: int) -> None:
    """z = a_before @ W + b and a = g(z) for every layer from `first` on, stripe by stripe."""
    apart()
    for layer in range(first, len(s.activations)):
        n_in, n, width = s.sizes[layer], s.sizes[layer + 1], s.widths[layer + 1]
        before, z, a, b = _before(s, at, layer), at[2 + 3 * layer], at[3 + 3 * layer], s.biases[layer]
        step = s.widths[layer]
        for r in range(0, rows, STRIPE):
            m = min(STRIPE, rows - r)
            high = -(-m // LOW) * LOW
            product(work, before + r * step, step, 1, w, s.weights[layer], width, work, z + r * width, width,
                    high, width, n_in)  # fmt: skip
            for i in range(z + r * width, z + (r + m) * width, width):
                for j in range(width):
                    write(work, i + j, read(work, i + j) + read(w, b + j))
            activate(
                s.activations[layer], work, z + r * width, work, a + r * width, m, n, width, s.constants[layer]
            )


@inner
def losses(s: Any, work: Any, at: Any, rows: int, found: Any) -> None:
    """found[r]: each row's loss, before row weights."""
    apart()
    last = len(s.activations) - 1
    n, width, u = s.sizes[last + 1], s.widths[last + 1], at[2 + 3 * last] if s.fused else at[3 + 3 * last]
    row_losses(2 * s.loss + s.fused, work, u, work, at[1], rows, n, width, s.loss_constant, s.share, found)


@inner
def backward(s: Any, w: Any, work: Any, at: Any, rows: int, shares: Any, g: Any, lowest: int) -> None:
    """g of the layers down to `lowest`, in the engine's layout: the sum over rows of share times derivative.

    delta is worked out for one layer more.
    """
    apart()
    last = len(s.activations) - 1
    n, width = s.sizes[last + 1], s.widths[last + 1]
    z, a, d = at[2 + 3 * last], at[3 + 3 * last], at[4 + 3 * last]
    loss_pull(2 * s.loss + s.fused, work, a, work, at[1], work, d, rows, n, width, s.loss_constant, s.share)
    if not s.fused:
        pull(s.activations[last], work, d, work, z, work, a, rows, n, width, s.constants[last])
    for r in range(rows):
        share = shares[r]
        for i in range(d + r * width, d + (r + 1) * width):
            write(work, i, read(work, i) * share)
    for layer in range(last, lowest - 1, -1):
        _gradients(s, work, at, rows, g, layer)
        if layer > 0:
            _hidden_delta(s, w, work, at, rows, layer)


@inner
def _gradients(s: Any, work: Any, at: Any, rows: int, g: Any, layer: int) -> None:
    """dW = a_before.T @ delta and db = the sum of delta over the rows."""
    apart()
    n_in, width, step = s.sizes[layer], s.widths[layer + 1], s.widths[layer]
    d, dW, db = at[4 + 3 * layer], s.weights[layer], s.biases[layer]
    product(work, _before(s, at, layer), 1, step, work, d, width, g, dW, width, -(-n_in // LOW) * LOW, width, rows)
    for i in range(dW + n_in * width, db + width):  # rows of padding, and db
        g[i] = 0
    for r in range(rows):
        for j in range(width):
            write(g, db + j, read(g, db + j) + read(work, d + r * width + j))


@inner
def _hidden_delta(s: Any, w: Any, work: Any, at: Any, rows: int, layer: int) -> None:
    """delta_before = (delta @ W.T) through the activation of the layer before."""
    apart()
    n_in, n, width, step = s.sizes[layer], s.sizes[layer + 1], s.widths[layer + 1], s.widths[layer]
    d, before, turned, W = at[4 + 3 * layer], at[1 + 3 * layer], at[len(at) - 1], s.weights[layer]
    zero = w.dtype.type(0)
    for j in range(n):
        for i in range(step):
            write(work, turned + j * step + i, read(w, W + i * width + j) if i < n_in else zero)
    product(work, d, width, 1, work, turned, step, work, before, step, -(-rows // LOW) * LOW, step, n)
    pull(s.activations[layer - 1], work, before, work, at[3 * layer - 1], work, at[3 * layer], rows, n_in, step,
         s.constants[layer - 1])  # fmt: skip
