"""The kernels that are kept on disk: whole chunks of a run, called from Python once a chunk.

`advance` may be run by several threads, a `team`, of which each is told its number `me`. Each has some units of
every layer, whose weights never leave its cache, and at the ends of a network some of the batch's rows. No number
depends on who works it out, so a team of any size gives the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from whygrad.engines.compiled.apart import apart, wide
from whygrad.engines.compiled.cache import inner, kernel, woven
from whygrad.engines.compiled.formulas import bounded, namespace, penalty, update
from whygrad.engines.compiled.layout import LOOK, LOW
from whygrad.engines.compiled.meeting import fetch, meet, part
from whygrad.engines.compiled.passes import (
    before,
    between,
    bias_gradients,
    gradients,
    last_delta,
    layer_activate,
    layer_delta,
    layer_forward,
    layer_pull,
    losses,
    turn,
    turned,
)
from whygrad.engines.compiled.raw import read, write
from whygrad.engines.compiled.tile import HIGH

TOGETHER = 8 * HIGH  # rows of a W whose gradient is still in the cache when they are moved


@inner
def _take(s: Any, x: Any, y: Any, rows: Any, start: int, stop: int, work: Any, at: Any) -> None:
    """The batch's rows side by side, from its row `start` to `stop`."""
    apart()
    step, width, n_in, n_out = s.widths[0], s.widths[-1], s.sizes[0], s.sizes[-1]
    for r in range(start, stop):
        to_x, to_y, from_x, from_y = at[0] + r * step, at[1] + r * width, rows[r] * n_in, rows[r] * n_out
        for j in range(n_in):
            write(work, to_x + j, read(x, from_x + j))
        for j in range(n_out):
            write(work, to_y + j, read(y, from_y + j))


@inner
def _keep(s: Any, work: Any, at: Any, m: int, found: Any, losses: Any, outputs: Any, start: int) -> None:
    """A batch's losses and outputs among those of all rows, of which the batch's first has the number `start`."""
    apart()
    a, width, n = at[3 * len(s.biases)], s.widths[-1], s.sizes[-1]
    for r in range(m):
        write(losses, start + r, read(found, r))
        for j in range(n):
            write(outputs, (start + r) * n + j, read(work, a + r * width + j))


@kernel
def advance(
    s: Any, w: Any, memory: Any, g: Any, x: Any, y: Any, weights: Any, order: Any, size: int, rates: Any, t: int,
    u: Any, frozen: Any, held: Any, work: Any, at: Any, shares: Any, found: Any, met: Any, me: int, team: int,
    sync: Any,
) -> float:  # fmt: skip
    """Update after update: w and memory move in place, met[k] is each batch's loss; returns the largest move.

    Without a rule (-1) nothing moves, and g is the last batch's gradient. `LOOK` goes only forward, and leaves the
    rows' losses in `memory` and their outputs in g. A team of none does nothing.
    """
    wide()
    largest, in_pieces = 0.0, u.clip < 2 and u.rule >= 0
    for layer in range(len(s.biases) if team and u.rule != LOOK else 0):
        start, stop = part(s.widths[layer + 1], me, team, s.panel)
        turn(s, w, work, at, layer, start, stop)
    for k in range(len(rates) if team else 0):
        rows, t_now, moved = order[k * size : (k + 1) * size], t + k + 1, 0.0
        meet(sync, team)
        _there(s, w, x, y, rows, work, at, found, me, team, sync)
        if u.rule == LOOK:
            _keep(s, work, at, len(rows), found, memory, g, k * size)
            continue
        _back(s, weights, rows, work, at, shares, me, team, sync)
        if me == 0:
            met[k] = _mean(found, weights, rows)
        for layer in range(len(s.biases)):
            start, stop = part(s.widths[layer + 1], me, team, s.panel)
            for upper in range(0, s.sizes[layer] if start < stop else 0, TOGETHER):
                lower = min(upper + TOGETHER, s.sizes[layer])
                gradients(s, work, at, len(rows), g, layer, upper, lower, start, stop)
                for j in range(start, stop, s.panel):
                    first, last = between(s, layer, j, upper, lower)
                    _prepare(w, g, first, last, u, True, frozen)
                    if in_pieces:  # while the gradient is still in the cache
                        moved = _move(w, memory, g, first, last, t_now, rates[k], u, frozen, held)
                        largest = _greater(largest, moved)
            bias_gradients(s, work, at, len(rows), g, layer, start, stop)
            _prepare(w, g, s.biases[layer] + start, s.biases[layer] + stop, u, False, frozen)
        if not in_pieces:
            meet(sync, team)
            if me == 0 and u.clip > 1:
                _clip(s, g, u)
            meet(sync, team)
        for layer in range(len(s.biases) if u.rule >= 0 else 0):
            start, stop = part(s.widths[layer + 1], me, team, s.panel)
            if not in_pieces:
                for j in range(start, stop, s.panel):
                    first, last = between(s, layer, j, 0, s.sizes[layer])
                    moved = _move(w, memory, g, first, last, t_now, rates[k], u, frozen, held)
                    largest = _greater(largest, moved)
            for j in range(start, stop, s.panel):  # a loop's length shows in the last bits of its end
                first, last = s.biases[layer] + j, s.biases[layer] + min(j + s.panel, stop)
                moved = _move(w, memory, g, first, last, t_now, rates[k], u, frozen, held)
                largest = _greater(largest, moved)
            turn(s, w, work, at, layer, start, stop)
    return largest


@woven
def _there(
    s: Any, w: Any, x: Any, y: Any, rows: Any, work: Any, at: Any, found: Any, me: int, team: int, sync: Any
) -> None:
    """Forward, and judge."""
    m, layers = len(rows), len(s.biases)
    first, last = part(m, me, team, LOW)
    _take(s, x, y, rows, first, last, work, at)
    meet(sync, team)
    for layer in range(layers):
        start, stop = part(s.widths[layer + 1], me, team, s.panel)
        if start < stop:
            fetch(work, before(s, at, layer), m * s.widths[layer], team)
        layer_forward(s, w, work, at, layer, m, start, stop)
        meet(sync, team)
        if s.whole[layer]:
            layer_activate(s, work, at, layer, first, last)
            meet(sync, team)
    losses(s, work, at, first, last, found)


@woven
def _back(s: Any, weights: Any, rows: Any, work: Any, at: Any, shares: Any, me: int, team: int, sync: Any) -> None:
    """Back to every delta."""
    m, layers = len(rows), len(s.biases)
    first, last = part(m, me, team, LOW)
    for r in range(first, last):
        weight = weights[rows[r]] if len(weights) else shares.dtype.type(1)
        shares[r] = weight / shares.dtype.type(m)
    last_delta(s, work, at, first, last, shares)
    meet(sync, team)
    for layer in range(layers - 2, -1, -1):
        start, stop = part(s.widths[layer + 1], me, team, s.panel)
        if start < stop:
            width = s.widths[layer + 2]
            fetch(work, at[7 + 3 * layer], m * width, team)
            fetch(work, turned(s, at, layer + 1) + start * width, (stop - start) * width, team)
        layer_delta(s, work, at, layer, m, start, stop)
        meet(sync, team)
        if s.whole[layer]:
            layer_pull(s, work, at, layer, first, last)
            meet(sync, team)


@inner
def _mean(found: Any, weights: Any, rows: Any) -> float:
    """The batch's loss: the mean of its rows', each times its row weight."""
    apart()
    total = 0.0
    for r in range(len(rows)):
        total += np.float64(found[r]) * np.float64(weights[rows[r]] if len(weights) else found.dtype.type(1))
    return total / len(rows)


@inner
def _prepare(w: Any, g: Any, start: int, stop: int, u: Any, is_weight: bool, frozen: Any) -> None:
    """The gradient as the rule gets it: penalties, nothing for what is frozen, clipped by value."""
    apart()
    if is_weight and (u.l1 != 0 or u.l2 != 0):  # g + l1 sign(W) + l2 W, as `propagation.penalized`
        xp = namespace(w)
        for i in range(start, stop):
            write(g, i, read(g, i) + penalty(xp, read(w, i), u.l1, u.l2))
    if len(frozen):
        for i in range(start, stop):
            g[i] = 0 if frozen[i] else g[i]
    if u.clip == 1:
        limit = g.dtype.type(u.limit)
        for i in range(start, stop):
            g[i] = bounded(g[i], limit)


@inner
def _move(
    w: Any, memory: Any, g: Any, start: int, stop: int, t: int, rate: float, u: Any, frozen: Any, held: Any
) -> float:
    """The rule's step; what is frozen stays as it was. `held` has room for w where something is."""
    apart()
    if len(frozen) == 0:
        return update(u.rule, w, g, memory, start, stop, t, rate, u.constants)  # type: ignore[no-any-return]
    for i in range(start, stop):
        held[i] = w[i]
    update(u.rule, w, g, memory, start, stop, t, rate, u.constants)
    moved = 0.0
    for i in range(start, stop):
        w[i] = held[i] if frozen[i] else w[i]
        moved = _greater(moved, np.float64(abs(w[i] - held[i])))
    return moved


@inner
def _greater(x: float, y: float) -> float:
    """The greater number, or NaN where there is one."""
    return y if y > x or y != y else x


@inner
def _clip(s: Any, g: Any, u: Any) -> None:
    """As `propagation.clipped`: 2 each W and b by its norm, 3 all by one norm."""
    apart()
    if u.clip == 3:
        _shorten(g, 0, len(g), u.limit, 1e-6)
        return
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
