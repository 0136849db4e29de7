"""The kernel for many small networks side by side, one in each lane; the twin of `kernels.advance`.

Every number is a line (LANES,), the innermost index: whatever is done, is done to every network at once. A batch
goes through row by row, its gradient added up, so that `work` holds one row only: x, then each layer's z, a and
delta, then the row's loss. A block of small networks stays in the first cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from whygrad.engines.compiled.apart import apart, wide
from whygrad.engines.compiled.bits import of_bits, size_bits
from whygrad.engines.compiled.cache import kernel, making, woven
from whygrad.engines.compiled.formulas import bounded, namespace, penalty
from whygrad.engines.compiled.layout import LANES


@woven
def _add_product(c: Any, c0: int, a: Any, a0: int, b: Any, b0: int) -> None:
    """c += a b, of one line each."""
    for i in range(LANES):
        c[c0, i] += a[a0, i] * b[b0, i]


@woven
def _forward(s: Any, f: Any, w: Any, work: Any) -> None:
    """z = a_before @ W + b and a = g(z) for every layer."""
    before, z = 0, s.sizes[0]
    for layer in range(len(s.activations)):
        n_in, n, W, b = s.sizes[layer], s.sizes[layer + 1], s.weights[layer], s.biases[layer]
        for j in range(n):
            for i in range(LANES):
                work[z + j, i] = w[b + j, i]
            for k in range(n_in):
                _add_product(work, z + j, work, before + k, w, W + k * n + j)
        f.activate(s.activations[layer], work, z, z + n, n, s.constants[layer])
        before, z = z + n, z + 3 * n


@woven
def _backward(s: Any, f: Any, w: Any, work: Any, y: Any, row: int, share: float, g: Any) -> None:
    """The row's derivative, times its share of the batch, added to g."""
    last = len(s.activations) - 1
    n, z = s.sizes[last + 1], len(work) - 1 - 3 * s.sizes[last + 1]
    f.judge_back(work, z + n, y, row, z + 2 * n, n, s.loss_constant, s.share)
    if not s.fused:
        f.pull_back(s.activations[last], work, z + 2 * n, z, z + n, n, s.constants[last])
    for j in range(n):
        for i in range(LANES):
            work[z + 2 * n + j, i] *= share
    for layer in range(last, -1, -1):
        n_in, n, W, b = s.sizes[layer], s.sizes[layer + 1], s.weights[layer], s.biases[layer]
        delta, before = z + 2 * n, 0 if layer == 0 else z - 2 * n_in
        for j in range(n):
            for i in range(LANES):
                g[b + j, i] += work[delta + j, i]
            for k in range(n_in):
                _add_product(g, W + k * n + j, work, before + k, work, delta + j)
        if layer > 0:
            z -= 3 * n_in
            _hidden_delta(w, W, work, delta, n, z, n_in)
            f.pull_back(s.activations[layer - 1], work, z + 2 * n_in, z, z + n_in, n_in, s.constants[layer - 1])


@woven
def _hidden_delta(w: Any, W: int, work: Any, delta: int, n: int, z: int, n_in: int) -> None:
    """dL/da of the layer before: delta @ W.T."""
    for k in range(n_in):
        for i in range(LANES):
            work[z + 2 * n_in + k, i] = 0
        for j in range(n):
            _add_product(work, z + 2 * n_in + k, work, delta + j, w, W + k * n + j)


@woven
def _row(s: Any, f: Any, w: Any, work: Any, x: Any, y: Any, row: int, share: float, g: Any) -> None:
    """That row forward and back: its derivative is added to g, its loss stays in the last line of work."""
    for k in range(s.sizes[0]):
        number = x[row, k]
        for i in range(LANES):
            work[k, i] = number
    _forward(s, f, w, work)
    n, found = s.sizes[len(s.sizes) - 1], len(work) - 1
    u = found - 3 * n if s.fused else found - 2 * n
    f.judge(work, u, y, row, n, s.loss_constant, s.share, found)
    _backward(s, f, w, work, y, row, share, g)


@kernel
def advance_lanes(
    s: Any,
    f: Any,
    w: Any,
    memory: Any,
    g: Any,
    work: Any,
    x: Any,
    y: Any,
    weights: Any,
    orders: Any,
    size: int,
    rates: Any,
    t: int,
    u: Any,
    k: Any,
    frozen: Any,
    met: Any,
    held: Any,
) -> None:
    """Epoch after epoch: w and memory move in place, met[e] is each epoch's mean loss.

    held counts the epochs after which everything was still finite; rates (updates, LANES) begin with this call's.
    No line is cut out of an array and handed on: Numba counts who holds such a view, a fifth of the time here.
    """
    wide()
    n, one, done = orders.shape[1], w.dtype.type(1), 0
    for e in range(len(orders)):
        for first in range(0, n, size):
            last = min(first + size, n)
            for p in range(len(g)):
                for i in range(LANES):
                    g[p, i] = 0
            for r in range(first, last):
                row = orders[e, r]
                weight = weights[row] if len(weights) else one
                _row(s, f, w, work, x, y, row, weight / w.dtype.type(last - first), g)
                for i in range(LANES):
                    met[e, i] += np.float64(work[len(work) - 1, i]) * np.float64(weight) / n
            if u.l1 != 0 or u.l2 != 0:
                _penalize(s, w, g, u)
            for p in range(len(frozen)):
                if frozen[p]:
                    for i in range(LANES):
                        g[p, i] = 0
            if u.clip > 0:
                _clip(s, g, u)
            f.update(w, g, memory, t + done + 1, rates, done, k, frozen)
            done += 1
        _note(w, memory, met, e, held)


@making
def _penalize(s: Any, w: Any, g: Any, u: Any) -> None:
    """g + l1 sign(W) + l2 W, as `propagation.penalized`; biases are free."""
    apart()
    xp = namespace(w)
    for layer in range(len(s.biases)):
        for p in range(s.weights[layer], s.biases[layer]):
            for i in range(LANES):
                g[p, i] += penalty(xp, w[p, i], u.l1, u.l2)


@making
def _clip(s: Any, g: Any, u: Any) -> None:
    """As `propagation.clipped`: 1 by value, 2 each W and b by its norm, 3 all by one norm."""
    apart()
    if u.clip == 1:
        limit = g.dtype.type(u.limit)
        for p in range(len(g)):
            for i in range(LANES):
                g[p, i] = bounded(g[p, i], limit)
    elif u.clip == 3:
        _shorten(g, u.limit, 1e-6)
    else:
        for layer in range(len(s.biases)):
            _shorten(g[s.weights[layer] : s.biases[layer]], u.limit, 0.0)
            _shorten(g[s.biases[layer] : s.weights[layer + 1]], u.limit, 0.0)


@making
def _shorten(g: Any, limit: float, guard: float) -> None:
    """Each network's part of g by its own norm."""
    apart()
    norm = np.zeros(LANES)
    for p in range(len(g)):
        for i in range(LANES):
            norm[i] += np.float64(g[p, i]) * np.float64(g[p, i])
    for i in range(LANES):
        norm[i] = np.sqrt(norm[i]) + guard
    for p in range(len(g)):
        for i in range(LANES):
            g[p, i] *= g.dtype.type(limit / norm[i] if norm[i] > limit else 1.0)


@making
def _note(w: Any, memory: Any, met: Any, epoch: int, held: Any) -> None:
    """One more epoch for each network whose numbers have all stayed finite."""
    apart()
    top = np.zeros(LANES, w.dtype)
    _largest(w, top)
    _largest(memory, top)
    for i in range(LANES):
        held[i] += held[i] == epoch and np.isfinite(top[i]) and np.isfinite(met[epoch, i])


@making
def _largest(lines: Any, top: Any) -> None:
    """top is at least as large as every |number| of its lane, and NaN where one is."""
    for p in range(len(lines)):
        for i in range(LANES):
            top[i] = of_bits(max(size_bits(top[i]), size_bits(lines[p, i])))
