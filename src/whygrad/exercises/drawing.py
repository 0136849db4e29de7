"""Numbers that are a pleasure to work with, drawn from a seed.

Inputs are small whole numbers, no two alike; weights and biases have one decimal, two where there are many, and no
two weights of a layer are alike, so that indices interchanged show. A draw is kept when nothing is near a kink,
saturated, 0, or all but equal to its neighbour, work with rounded numbers leads to the same, and one update lowers
the loss. Of units that can be off, as relu's, one is: where all are on, relu left out would not show.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from whygrad.errors import InputError
from whygrad.exercises.quantities import given_numbers, quantities_of, worked
from whygrad.exercises.quantity import Quantity, Values
from whygrad.exercises.signs import Signs
from whygrad.maths import Array
from whygrad.network import Dense, Network
from whygrad.propagation import Trace, forward_propagation
from whygrad.weights import flatten

TRIES = 20_000
GAP = 0.1  # between a z and a kink, and between an output and its target
APART = 0.02  # between two outputs of a layer
SLOPE = 0.05  # the least derivative of an activation
FAR = 2.5  # between a prediction and a number that it is to meet
LEAST = 2e-3  # of any quantity of a network of up to two layers
LARGEST = 99.0
ROUNDED, STEADY = 4, 0.01  # digits that numbers are rounded to on the way, and how far that may lead away
LOW = 5e-3  # of the loss after the update

Row = tuple[Array, Array, Array]  # x (inputs,), y (outputs,), w (P,)


def draw(signs: Signs, rate: float, seed: int, student: str = "") -> Row:
    """The first friendly row and parameters of the stream of that seed and student.

    Raises `InputError` where there is none, as where an update of that rate does not lower the loss.
    """
    words = hashlib.sha256(student.encode()).digest()[:8] if student else b""
    generator = np.random.default_rng((seed, 3, *words))
    quantities = quantities_of(signs)
    for _ in range(TRIES):
        w, x = _parameters(generator, signs.net), _inputs(generator, signs.net.inputs)
        trace = forward_propagation(signs.net, w, x[None])
        if not _friendly(signs.net, trace):
            continue
        y = _targets(generator, signs)
        if _judged_well(signs, trace.output[0], y):
            given = given_numbers(signs, x, y, w, rate)
            key = worked(quantities, given)
            if _worth_it(signs, quantities, key) and _steady(key, worked(quantities, given, ROUNDED)):
                return x, y, w
    raise InputError(
        f"no friendly numbers were found for {signs.net} with {signs.loss.name} and rate {rate:g}; "
        "try fewer units or layers, another activation, or a smaller rate"
    )


def _parameters(generator: np.random.Generator, net: Network) -> Array:
    """(P,): no two weights of a layer alike, no bias 0."""
    layers = []
    for n_in, n_out in zip(net.sizes, net.sizes[1:], strict=False):
        most, parts = next((m, p) for m, p in ((9, 10), (19, 20), (99, 100)) if n_in * n_out <= m or m == 99)
        pool = np.arange(1, most + 1) / parts
        W = generator.choice(np.concatenate([-pool, pool]), (n_in, n_out), replace=False)
        b = generator.choice([-0.5, -0.4, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.4, 0.5], n_out, replace=n_out > 10)
        layers.append((W, b))
    return flatten(net, layers)


def _inputs(generator: np.random.Generator, n: int) -> Array:
    """(inputs,): small whole numbers, no two alike; not 1, which would hide that it was left out."""
    return np.asarray(generator.choice(np.arange(2.0, max(4, n) + 2), n, replace=False))


def _targets(generator: np.random.Generator, signs: Signs) -> Array:
    """(outputs,): targets that the loss is defined for and the output activation can come near to."""
    n, g, loss = signs.net.outputs, signs.net.output, signs.loss
    if loss.targets == "distribution" and not loss.fuses(g):
        cuts = np.sort(generator.choice(np.arange(1, 10), n - 1, replace=False))  # shares in tenths, none 0
        return np.asarray(np.diff([0, *cuts, 10]) / 10)
    if not g.elementwise:
        return np.asarray(np.eye(n)[generator.integers(n)])
    if loss.targets == "sign":
        return np.asarray(generator.choice([-1.0, 1.0], n))
    low, high = max(loss.low, g.low, -3.0), min(loss.high, g.high, 5.0)
    low = max(low, 1.0) if loss.targets == "count" else low
    return generator.integers(math.ceil(low), math.floor(high), n, endpoint=True).astype(np.float64)


def _friendly(net: Network, trace: Trace) -> bool:
    """Whether the row keeps clear of kinks, saturation and twins, and has one unit off where units can be."""
    off = 0
    for dense, z, a in zip(net.layers, trace.z, trace.a[1:], strict=True):
        g = dense.activation
        if any((np.abs(z - kink) < GAP).any() for kink in g.kinks) or (np.abs(z) < APART).any():
            return False
        if g.elementwise:
            least = min(SLOPE, g.k) if g.constant else SLOPE
            flat = np.abs(g.pull(np.ones_like(z), z, a)) < least
        else:
            flat = a < SLOPE
        if _switches(net, dense):
            off += int(flat.sum())
        elif flat.any():
            return False
        if (np.diff(np.sort(a[0])) < APART).any():
            return False
    return off == any(_switches(net, dense) for dense in net.layers)


def _switches(net: Network, dense: Dense) -> bool:
    """Whether one of the layer's units can be off, with a derivative of 0, and leave another its way back."""
    one, g = np.ones((1, 1)), dense.activation
    hidden = dense is not net.layers[-1]
    return hidden and dense.units > 1 and g.elementwise and not g.pull(one, -one, g.value(-one)).any()


def _judged_well(signs: Signs, a: Array, y: Array) -> bool:
    """Whether the loss has something to say about these outputs, and no kink near them."""
    error = np.abs(a - y)
    clear = all((np.abs(a - y - kink) >= GAP).all() for kink in signs.loss.kinks)
    return clear and bool((error >= GAP).all() and (error <= FAR).all())


def _worth_it(signs: Signs, quantities: tuple[Quantity, ...], key: Values) -> bool:
    """Whether no number is too small or large to be worked with, and the update lowers the loss."""
    least = LEAST * 0.2 ** max(0, len(signs.net.layers) - 2)
    sizes = [abs(key[quantity.name]) for quantity in quantities]
    falls = LOW <= key[signs.updated.L().text] < key[signs.L().text]
    off = any(_switches(signs.net, dense) for dense in signs.net.layers)
    return falls and all(least <= size <= LARGEST or (off and size == 0) for size in sizes)


def _steady(key: Values, rounded: Values) -> bool:
    """Whether whoever rounds on the way comes to the numbers of the key, none being a small rest of large ones."""
    return all(abs(rounded[name] - value) <= STEADY * abs(value) for name, value in key.items())
