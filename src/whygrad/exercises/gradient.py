"""The gradient by hand, and one step of gradient descent."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from whygrad.exercises.forward import row_of
from whygrad.exercises.quantity import Quantity, Slip, Values
from whygrad.exercises.signs import Signs
from whygrad.exercises.slips import instead
from whygrad.exercises.writing import minus, times
from whygrad.maths import NUMPY
from whygrad.names import Place
from whygrad.network import Network
from whygrad.propagation import bias_gradient, weight_gradient
from whygrad.updates import SGD


def ordered(net: Network) -> Iterator[Place]:
    """Every parameter as one reads them: a layer's weights unit by unit, then its biases."""
    for layer, (n_in, n_out) in enumerate(zip(net.sizes, net.sizes[1:], strict=False)):
        yield from (Place(layer, to, source) for to in range(n_out) for source in range(n_in))
        yield from (Place(layer, to, None) for to in range(n_out))


def gradient(signs: Signs) -> Iterator[Quantity]:
    """The derivative of every parameter."""
    for place in ordered(signs.net):
        yield by_bias(signs, place) if place.source is None else by_weight(signs, place, place.source)


def by_weight(signs: Signs, place: Place, source: int) -> Quantity:
    """dL/dW: dL/dz, times what came in."""
    layer, to = place.layer, place.to
    a, d = signs.a(layer - 1, source).text, signs.d(signs.z(layer, to)).text
    needs = (d, a)

    def rule(values: Values) -> float:
        return float(weight_gradient(row_of(values, [a]), row_of(values, [d]))[0, 0])

    slips = [instead(f"{a} is left out", rule, needs, {a: 1.0})]
    n_in, n_out = signs.net.sizes[layer : layer + 2]
    if to != source and to < n_in and source < n_out:
        crossed = {a: signs.a(layer - 1, to).text, d: signs.d(signs.z(layer, source)).text}
        slips.append(instead("the indices are interchanged (transposed)", rule, needs, crossed))
    if not signs.linear(layer - 1):
        raw = signs.z(layer - 1, source).text
        slips.append(instead("z was taken where the unit's output belongs", rule, needs, {a: raw}))
    if signs.parted(layer):
        pull = signs.d(signs.a(layer, to)).text
        slips.append(instead(f"{pull} was taken where {d} belongs", rule, needs, {d: pull}))
    sign = signs.d(signs.parameter(place))
    return Quantity(sign, "gradient", 1, needs, rule, lambda s: times(s[d], s[a]), tuple(slips))


def by_bias(signs: Signs, place: Place) -> Quantity:
    """dL/dB is dL/dz."""
    d = signs.d(signs.z(place.layer, place.to)).text
    needs = (d,)

    def rule(values: Values) -> float:
        return float(bias_gradient(row_of(values, [d]))[0])

    def entered(a: str) -> Slip:
        return Slip(f"multiplied by {a}, but a bias enters by itself", lambda v: rule(v) * v[a], (d, a))

    slips = [entered(signs.a(place.layer - 1, k).text) for k in range(signs.net.sizes[place.layer])]
    if signs.parted(place.layer):
        pull = signs.d(signs.a(place.layer, place.to)).text
        slips.append(instead(f"{pull} was taken where {d} belongs", rule, needs, {d: pull}))
    return Quantity(signs.d(signs.parameter(place)), "gradient", 1, needs, rule, lambda s: s[d], tuple(slips))


def update(signs: Signs) -> Iterator[Quantity]:
    """Every parameter after one step."""
    return (updated(signs, place) for place in ordered(signs.net))


def updated(signs: Signs, place: Place) -> Quantity:
    """new = old - rate * derivative."""
    old = signs.parameter(place)
    w, g, rate = old.text, signs.d(old).text, signs.symbols.rate.text
    needs = (w, rate, g)

    def rule(values: Values) -> float:
        stepped, _ = SGD.step(NUMPY, np.array([values[w]]), np.array([values[g]]), (), 1, values[rate], ())
        return float(stepped[0])

    def added(values: Values) -> float:
        return rule({**values, rate: -values[rate]})

    slips = (
        Slip("added, but the step goes against the derivative", added, needs),
        instead("the learning rate is left out", rule, needs, {rate: 1.0}),
        instead("only the step was written down, not where it leads", rule, needs, {w: 0.0}),
    )
    return Quantity(
        signs.updated.parameter(place),
        "update",
        1,
        needs,
        rule,
        lambda s: minus(s[w], times(s[rate], s[g])),
        slips,
    )
