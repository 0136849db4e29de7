"""The kernels that are kept on disk: whole chunks of a run, called from Python once a chunk."""

from __future__ import annotations

from typing import Any

import numpy as np

from whygrad.engines.compiled.apart import apart, wide
from whygrad.engines.compiled.cache import inner, kernel
from whygrad.engines.compiled.formulas import bounded, namespace, penalty, update
from whygrad.engines.compiled.passes import backward, forward, losses


@inner
def _take(s: Any, x: Any, y: Any, rows: Any, work: Any, at: Any) -> None:
    """The batch's rows side by side."""
    apart()
    step, width, n_in, n_out = s.widths[0], s.widths[-1], s.sizes[0], s.sizes[-1]
    x0, y0 = at[0], at[1]
    for r in range(len(rows)):
        row = rows[r]
        for j in range(n_in):
            work[x0 + r * step + j] = x[row, j]
        for j in range(n_out):
            work[y0 + r * width + j] = y[row, j]


@inner
def _look(
    s: Any, w: Any, x: Any, y: Any, weights: Any, rows: Any, work: Any, at: Any, shares: Any, found: Any
) -> float:
    """Forward and judge: the batch's mean loss, and each row's share of it."""
    apart()
    m = len(rows)
    _take(s, x, y, rows, work, at)
    forward(s, w, work, at, m, 0)
    losses(s, work, at, m, found)
    total = 0.0
    for r in range(m):
        weight = weights[rows[r]] if len(weights) else shares.dtype.type(1)
        total += np.float64(found[r]) * np.float64(weight)
        shares[r] = weight / shares.dtype.type(m)
    return total / m


@kernel
def gradient(s: Any, w: Any, x: Any, y: Any, weights: Any, rows: Any, work: Any, at: Any, g: Any) -> Any:
    """The mean loss of those rows, and g."""
    wide()
    shares, found = np.empty(len(rows), w.dtype), np.empty(len(rows), w.dtype)
    loss = _look(s, w, x, y, weights, rows, work, at, shares, found)
    backward(s, w, work, at, len(rows), shares, g, 0)
    return loss


@kernel
def evaluate(
    s: Any, w: Any, x: Any, y: Any, start: int, stop: int, block: int, work: Any, at: Any, found: Any, outputs: Any
) -> None:
    """Each row's loss and outputs, from row `start` to `stop`, `block` rows at a time."""
    wide()
    a, width, n = at[len(at) - 3], s.widths[-1], s.sizes[-1]
    for first in range(start, stop, block):
        m = min(block, stop - first)
        _take(s, x, y, np.arange(first, first + m), work, at)
        forward(s, w, work, at, m, 0)
        losses(s, work, at, m, found[first : first + m])
        for r in range(m):
            for j in range(n):
                outputs[first + r, j] = work[a + r * width + j]


@kernel
def advance(
    s: Any,
    w: Any,
    memory: Any,
    g: Any,
    x: Any,
    y: Any,
    weights: Any,
    order: Any,
    size: int,
    rates: Any,
    t: int,
    u: Any,
    frozen: Any,
    work: Any,
    at: Any,
    met: Any,
) -> float:
    """Update after update: w and memory move in place, met[k] is each batch's loss; returns the largest move."""
    wide()
    shares, found, largest = np.empty(size, w.dtype), np.empty(size, w.dtype), 0.0
    before = np.empty(len(frozen), w.dtype)
    for k in range(len(rates)):
        rows = order[k * size : (k + 1) * size]
        met[k] = _look(s, w, x, y, weights, rows, work, at, shares, found)
        backward(s, w, work, at, len(rows), shares, g, 0)
        if u.l1 != 0 or u.l2 != 0:
            _penalize(s, w, g, u)
        if len(frozen):
            for i in range(len(w)):
                before[i] = w[i]
                g[i] = 0 if frozen[i] else g[i]
        if u.clip > 0:
            _clip(s, g, u)
        moved = update(u.rule, w, g, memory, t + k + 1, rates[k], u.constants)
        if len(frozen):
            moved = 0.0
            for i in range(len(w)):
                w[i] = before[i] if frozen[i] else w[i]
                moved = max(moved, np.float64(abs(w[i] - before[i])))
        largest = max(largest, moved)
    return largest


@inner
def _penalize(s: Any, w: Any, g: Any, u: Any) -> None:
    """g + l1 sign(W) + l2 W, as `propagation.penalized`; biases are free."""
    apart()
    xp = namespace(w)
    for layer in range(len(s.biases)):
        for i in range(s.weights[layer], s.biases[layer]):
            g[i] += penalty(xp, w[i], u.l1, u.l2)


@inner
def _clip(s: Any, g: Any, u: Any) -> None:
    """As `propagation.clipped`: 1 by value, 2 each W and b by its norm, 3 all by one norm."""
    apart()
    if u.clip == 1:
        limit = g.dtype.type(u.limit)
        for i in range(len(g)):
            g[i] = bounded(g[i], limit)
    elif u.clip == 3:
        _shorten(g, 0, len(g), u.limit, 1e-6)
    else:
        for layer in range(len(s.biases)):
            _shorten(g, s.weights[layer], s.biases[layer], u.limit, 0.0)
            _shorten(g, s.biases[layer], s.weights[layer + 1], u.limit, 0.0)


@inner
def _shorten(g: Any, start: int, stop: int, limit: float, guard: float) -> None:
    apart()
    total = 0.0
    for i in range(start, stop):
        total += np.float64(g[i]) * np.float64(g[i])
    norm = np.sqrt(total) + guard
    if norm > limit:
        factor = g.dtype.type(limit / norm)
        for i in range(start, stop):
            g[i] *= factor
