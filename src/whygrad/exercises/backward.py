"""Backward by hand: the local factors and every dL/dz, from the loss to the first layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from whygrad.exercises.forward import LINEAR, row_of
from whygrad.exercises.quantity import Quantity, Slip, Values
from whygrad.exercises.signs import Signs
from whygrad.exercises.slips import instead, of_mean, taken
from whygrad.exercises.writing import blamed, joined, plus, sloped, times
from whygrad.explanation.symbols import partial
from whygrad.maths import NUMPY
from whygrad.propagation import hidden_delta, output_delta


def backward(signs: Signs) -> Iterator[Quantity]:
    """Of each layer: dL/da of every unit, the activation's derivatives, dL/dz."""
    for layer in range(signs.last, -1, -1):
        g, units = signs.net.layers[layer].activation, range(signs.net.sizes[layer + 1])
        if layer == signs.last and signs.loss.fuses(g):
            yield from (pair(signs, unit) for unit in units)
            continue
        for unit in units:
            yield blame(signs, unit) if layer == signs.last else sum_over_paths(signs, layer, unit)
        if not signs.linear(layer):
            yield from (slope(signs, layer, at, unit) for unit in units for at in reached(signs, layer, unit))
            yield from (delta(signs, layer, unit) for unit in units)


def reached(signs: Signs, layer: int, unit: int) -> list[int]:
    """The outputs of a layer that a unit's z enters: its own, or with softmax all."""
    return [unit] if signs.net.layers[layer].activation.elementwise else list(range(signs.net.sizes[layer + 1]))


def pair(signs: Signs, unit: int) -> Quantity:
    """dL/dz of an output whose activation and loss are a pair: y_hat - y."""
    n, g, loss = signs.net.outputs, signs.net.output, signs.loss
    a, y, z = (s.text for s in (signs.a(signs.last, unit), signs.y(unit), signs.z(signs.last, unit)))
    needs = (a, y)

    def rule(values: Values) -> float:
        outputs, targets = np.full((1, n), values[a]), np.full((1, n), values[y])
        return float(output_delta(loss, g, outputs, outputs, targets, NUMPY)[0, 0])

    def once_more(values: Values) -> float:
        outputs = np.array([[values[a]]])
        return float(g.pull(np.array([[rule(values)]]), outputs, outputs)[0, 0])

    slips = [*of_mean(loss, n, rule, needs), instead("z was taken for the output", rule, needs, {a: z})]
    if g.elementwise:
        words = "the activation's derivative was multiplied in once more; here it has cancelled"
        slips.append(Slip(words, once_more, needs))
    return Quantity(
        signs.d(signs.z(signs.last, unit)),
        "backward",
        1,
        needs,
        rule,
        lambda s: joined(loss, g, s[a], s[y], n),
        tuple(slips),
    )


def blame(signs: Signs, unit: int) -> Quantity:
    """dL/da of an output."""
    n, loss = signs.net.outputs, signs.loss
    a, y = signs.a(signs.last, unit).text, signs.y(unit).text
    needs = (a, y)

    def rule(values: Values) -> float:
        return float(loss.pull(np.full((1, n), values[a]), np.full((1, n), values[y]))[0, 0])

    return Quantity(
        signs.d(signs.a(signs.last, unit)),
        "backward",
        1,
        needs,
        rule,
        lambda s: blamed(loss, s[a], s[y], n),
        tuple(of_mean(loss, n, rule, needs)),
    )


def sum_over_paths(signs: Signs, layer: int, unit: int) -> Quantity:
    """dL/da of a hidden unit: a sum over the units it enters."""
    n, after = signs.net.sizes[layer + 2], signs.updated
    weights = [signs.W(layer + 1, to, unit).text for to in range(n)]
    deltas = [signs.d(signs.z(layer + 1, to)).text for to in range(n)]
    needs = (*weights, *deltas)

    def rule(values: Values) -> float:
        delta, W = row_of(values, deltas), row_of(values, weights)  # both (1, n): W from this unit alone
        return float(hidden_delta(delta, W, LINEAR, delta, delta, NUMPY)[0, 0])

    updated = {w: after.W(layer + 1, to, unit).text for to, w in enumerate(weights)}
    slips = [instead("the weights were already updated; backward takes the old ones", rule, needs, updated)]
    if signs.net.sizes[layer + 1] == n > 1:
        swap = {w: signs.W(layer + 1, unit, to).text for to, w in enumerate(weights)}
        slips.append(instead("the indices of the weights are interchanged", rule, needs, swap))
    if n > 1:
        for w, d in zip(weights, deltas, strict=True):
            slips.append(instead(f"the path through {w} is left out", rule, needs, {d: 0.0}))
    return Quantity(
        signs.d(signs.a(layer, unit)),
        "backward",
        min(n, 2),
        needs,
        rule,
        lambda s: plus([times(s[w], s[d]) for w, d in zip(weights, deltas, strict=True)]),
        tuple(slips),
    )


def slope(signs: Signs, layer: int, at: int, unit: int) -> Quantity:
    """da/dz: of output `at` by the z of `unit`."""
    g, n = signs.net.layers[layer].activation, signs.net.sizes[layer + 1]
    z, a, other = signs.z(layer, unit), signs.a(layer, at).text, signs.a(layer, unit).text
    needs = (z.text, a) if g.elementwise else tuple(dict.fromkeys((a, other)))

    def rule(values: Values) -> float:
        if g.elementwise:
            return float(g.pull(np.ones((1, 1)), row_of(values, [z.text]), row_of(values, [a]))[0, 0])
        outputs = np.zeros((1, n))  # those of other units play no part
        outputs[0, at], outputs[0, unit] = values[a], values[other]
        return float(g.pull(np.eye(n)[[at]], outputs, outputs)[0, unit])

    slips = [taken("the unit's output was written down, not its derivative", a)]
    if g.elementwise:
        slips.append(instead("z was taken where the unit's output belongs", rule, needs, {a: z.text}))
        slips.append(instead("the unit's output was taken where z belongs", rule, needs, {z.text: a}))
    return Quantity(
        partial(signs.a(layer, at), z),
        "backward",
        1,
        needs,
        rule,
        lambda s: sloped(g, s.get(z.text, z), s[a], None if a == other else s[other]),
        tuple(slips),
    )


def delta(signs: Signs, layer: int, unit: int) -> Quantity:
    """dL/dz: the chain rule through the activation, over every output the z enters."""
    z = signs.z(layer, unit)
    outputs = {at: signs.a(layer, at) for at in reached(signs, layer, unit)}
    ways = {at: (signs.d(a).text, partial(a, z).text) for at, a in outputs.items()}
    needs = tuple(name for way in ways.values() for name in way)

    def rule(values: Values) -> float:
        return sum(values[pull] * values[slope] for pull, slope in ways.values())

    if len(ways) == 1:
        slope, a = ways[unit][1], outputs[unit].text
        slips = [instead("the activation's derivative is left out", rule, needs, {slope: 1.0})]
        slips.append(instead("multiplied by the unit's output, not by its derivative", rule, needs, {slope: a}))
    else:
        alone = {pull: 0.0 for at, (pull, _) in ways.items() if at != unit}
        slips = [instead("only the unit's own output was counted; softmax mixes all", rule, needs, alone)]
    return Quantity(
        signs.d(z),
        "backward",
        min(len(ways), 2),
        needs,
        rule,
        lambda s: plus([times(s[pull], s[slope]) for pull, slope in ways.values()]),
        tuple(slips),
    )
