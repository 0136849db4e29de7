"""Arithmetic whose last digits are shaken: run twice, it shows how many digits of a result rounding leaves.

Vignes 1974 (CESTAC); Parker 1997, "Monte Carlo arithmetic". Every result of a forward pass is off by up to its
last digit, at random; a sum by the last digit of the sum of its terms' magnitudes (Higham 2002, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from whygrad.activations import Activation
from whygrad.losses import Loss
from whygrad.maths import NUMPY, Array, Namespace
from whygrad.propagation import REFERENCE, Stages, activate, judge, linear_forward

EPSILON = float(np.finfo(np.float64).eps)
ROUNDED = ("exp", "expm1", "log", "log1p", "sqrt", "tanh", "erf", "rowsum")  # the rest of a namespace is exact


def shaken(seed: int) -> Stages:
    """The stages of a forward pass with shaken digits; the same seed shakes the same passes alike."""
    draw = np.random.default_rng(seed)

    def shake(values: Array, size: Array) -> Array:
        return values + EPSILON * size * draw.uniform(-1, 1, values.shape)

    def affine(a_before: Array, W: Array, b: Array) -> Array:
        terms = np.abs(a_before) @ np.abs(W) + np.abs(b)
        return shake(linear_forward(a_before, W, b), terms)

    def activated(layer: Activation, z: Array, xp: Namespace) -> Array:
        a = activate(layer, z, inner)
        return shake(a, np.abs(a))

    def judged(loss: Loss, output: Activation, z: Array, a: Array, y: Array, xp: Namespace) -> Array:
        losses = judge(loss, output, z, a, y, inner)
        return shake(losses, np.abs(losses))

    inner = cast(Namespace, _Shaken(lambda values: shake(values, np.abs(values))))
    return REFERENCE._replace(affine=affine, activate=activated, judge=judged)


class _Shaken:
    """What formulas are written in, for real numbers: each result that was rounded is shaken."""

    def __init__(self, shake: Callable[[Array], Array]) -> None:
        self.shake = shake

    def __getattr__(self, name: str) -> Any:
        exact = getattr(NUMPY, name)
        return (lambda x: self.shake(exact(x))) if name in ROUNDED else exact
