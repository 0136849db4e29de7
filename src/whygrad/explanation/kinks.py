"""Kinks: where an activation or the loss has another slope on either side, so that no one derivative is right."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from whygrad.activations import Activation
from whygrad.explanation.symbols import Symbols
from whygrad.losses import Loss
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import Trace

BESIDE = 1e-9  # so near to a kink its two slopes are read
SAME = 1e-6  # slopes that differ by less are one: elu with alpha 1 has a kink in its second derivative only


class Kink(NamedTuple):
    """A kink of a unit, at z = `at`; or of the loss, at y_hat - y = `at`, where `layer` is None."""

    layer: int | None
    unit: int
    at: float
    value: float  # what z, or y_hat - y, is

    @property
    def distance(self) -> float:
        """How far off it is, above 0 beyond it."""
        return self.value - self.at


@lru_cache(maxsize=64)
def kinks_of(g: Activation) -> tuple[float, ...]:
    """The z at which the activation's slope jumps."""
    return tuple(kink for kink in g.kinks if abs(np.diff(_slopes_beside(g, kink))[0]) > SAME)


def _slopes_beside(g: Activation, kink: float) -> Array:
    z = np.array([[kink - BESIDE, kink + BESIDE]])
    return np.asarray(g.pull(np.ones_like(z), z, g.value(z))[0])


def kinks_at(net: Network, loss: Loss, trace: Trace, y: Array) -> Iterator[Kink]:
    """Every kink that units and loss have, with where they are in a trace of one row."""
    for layer, (dense, z) in enumerate(zip(net.layers, trace.z, strict=True)):
        for at in kinks_of(dense.activation):
            yield from (Kink(layer, unit, at, float(value)) for unit, value in enumerate(z[0]))
    for at in loss.kinks:
        yield from (Kink(None, unit, at, float(e)) for unit, e in enumerate((trace.output - y)[0]))


def said_of(kink: Kink, net: Network, loss: Loss, symbols: Symbols) -> str:
    """Where the kink is: "the kink of relu at z_11 = 0"."""
    if kink.layer is None:
        last = len(net.layers) - 1
        return f"the kink of {loss.name} at {symbols.a(last, kink.unit)} = {symbols.y(kink.unit)}"
    name = net.layers[kink.layer].activation.name
    return f"the kink of {name} at {symbols.z(kink.layer, kink.unit)} = {kink.at:g}"
