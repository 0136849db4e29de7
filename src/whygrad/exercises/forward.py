"""Forward by hand: every z and a, then the loss; before the update, and once more after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from whygrad.activations import ACTIVATIONS
from whygrad.exercises.quantity import Quantity, Section, Slip, Values
from whygrad.exercises.signs import Signs
from whygrad.exercises.slips import instead, of_loss, taken
from whygrad.exercises.writing import activated, judged, plus, times
from whygrad.explanation.symbols import Sign
from whygrad.maths import Array
from whygrad.propagation import linear_forward

LINEAR = ACTIVATIONS["linear"]  # stands where no activation, and no pair of one with the loss, is to play a part


def row_of(values: Values, names: Sequence[str]) -> Array:
    """(1, n): the numbers of those names."""
    return np.array([[values[name] for name in names]])


def forward(signs: Signs) -> Iterator[Quantity]:
    """Every z and a; after the update only the outputs are asked for, with 2 points as they are the whole way."""
    for layer, dense in enumerate(signs.net.layers):
        asked = (2 if layer == signs.last else 0) if signs.after else 1
        linear = signs.linear(layer)
        for unit in range(dense.units):
            yield entering(signs, layer, unit, asked if linear or not signs.after else 0)
        for unit in range(0 if linear else dense.units):
            yield output(signs, layer, unit, asked)


def entering(signs: Signs, layer: int, unit: int, points: int) -> Quantity:
    """z, or a linear unit's output."""
    n_in, n_out = signs.net.sizes[layer : layer + 2]
    weights = [signs.W(layer, unit, k).text for k in range(n_in)]
    before = [signs.a(layer - 1, k).text for k in range(n_in)]
    bias = signs.B(layer, unit).text
    needs = (*weights, *before, bias)

    def rule(values: Values) -> float:
        W, b = row_of(values, weights).T, np.array([values[bias]])  # (n_in, 1), (1,)
        return float(linear_forward(row_of(values, before), W, b)[0, 0])

    slips = [
        *stale(signs, signs.symbols.z(layer, unit)),
        instead("the bias is left out", rule, needs, {bias: 0.0}),
    ]
    if n_in == n_out > 1:
        swap = {w: signs.W(layer, k, unit).text for k, w in enumerate(weights)}
        slips.append(instead("the indices of the weights are interchanged", rule, needs, swap))
    if not signs.linear(layer - 1):
        raw = {a: signs.z(layer - 1, k).text for k, a in enumerate(before)}
        slips.append(instead("z was taken where the unit's output belongs", rule, needs, raw))
    return Quantity(
        signs.z(layer, unit),
        section(signs),
        points,
        needs,
        rule,
        lambda s: plus([*(times(s[w], s[a]) for w, a in zip(weights, before, strict=True)), s[bias]]),
        tuple(slips),
    )


def output(signs: Signs, layer: int, unit: int, points: int) -> Quantity:
    """A unit's a = g(z)."""
    g, own = signs.net.layers[layer].activation, signs.z(layer, unit).text
    units = [unit] if g.elementwise else range(signs.net.sizes[layer + 1])
    needs = tuple(signs.z(layer, k).text for k in units)
    at = needs.index(own)

    def rule(values: Values) -> float:
        return float(g.value(row_of(values, needs))[0, at])

    slips = [*stale(signs, signs.symbols.a(layer, unit)), taken("the activation is left out", own)]
    if g.name == "sigmoid":
        words = "the sign in the exponent is turned round"
        slips.append(Slip(words, lambda values: rule({own: -values[own]}), needs))
    return Quantity(
        signs.a(layer, unit),
        section(signs),
        points,
        needs,
        rule,
        lambda s: activated(g, [s[z] for z in needs], at),
        tuple(slips),
    )


def row_loss(signs: Signs) -> Quantity:
    """The row's loss, from its outputs."""
    n, loss = signs.net.outputs, signs.loss
    outputs = [signs.a(signs.last, k).text for k in range(n)]
    targets = [signs.y(k).text for k in range(n)]
    needs = (*outputs, *targets)

    def rule(values: Values) -> float:
        a, y = row_of(values, outputs), row_of(values, targets)  # (1, outputs)
        return float(loss.rows(LINEAR, a, a, y)[0, 0])

    return Quantity(
        signs.L(),
        section(signs),
        1,
        needs,
        rule,
        lambda s: judged(loss, [s[a] for a in outputs], [s[y] for y in targets]),
        (*stale(signs, signs.symbols.loss), *of_loss(loss, n, rule, needs)),
    )


def section(signs: Signs) -> Section:
    """Before the update or after it."""
    return "after" if signs.after else "forward"


def stale(signs: Signs, old: Sign) -> list[Slip]:
    """What happens after the update: that the old parameters are used again."""
    return [taken("the old parameters were used", old.text)] if signs.after else []
