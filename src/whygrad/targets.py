"""Targets as a loss reads them: class numbers made one-hot, checked, smoothed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whygrad.errors import InputError
from whygrad.losses import Loss
from whygrad.maths import Array, Mask


def one_hot(classes: Array, n_classes: int) -> Array:
    """(rows,) class numbers 0 .. n_classes - 1 -> (rows, n_classes) with one 1 in each row."""
    numbers = np.asarray(classes)
    if numbers.size and not ((numbers >= 0) & (numbers < n_classes) & (numbers == np.floor(numbers))).all():
        bad = numbers[~((numbers >= 0) & (numbers < n_classes) & (numbers == np.floor(numbers)))][0]
        raise InputError(f"targets: {bad} is no class number; with {n_classes} classes it is 0 to {n_classes - 1}")
    return np.eye(n_classes)[numbers.astype(np.int64).reshape(-1)]


@dataclass(frozen=True)
class _TargetRule:
    broken: Callable[[Array], Mask]  # (rows, n_out) -> (rows, n_out) of bool
    wanted: str


def _not_distribution(y: Array) -> Mask:
    whole = np.abs(y.sum(axis=-1, keepdims=True) - 1) <= 1e-6  # False for NaN
    return np.asarray(~((y >= 0) & (y <= 1) & whole))


_TARGET_RULES = {
    "any": _TargetRule(lambda y: ~np.isfinite(y), "a number"),
    "probability": _TargetRule(lambda y: ~((y >= 0) & (y <= 1)), "0, 1 or a probability between"),
    "distribution": _TargetRule(_not_distribution, "one-hot rows or probabilities that sum to 1"),
    "sign": _TargetRule(lambda y: ~((y == 0) | (y == 1) | (y == -1)), "-1 and 1 (or 0 and 1)"),
    "count": _TargetRule(lambda y: ~((y >= 0) & np.isfinite(y)), "0 or more"),
}


def prepare_targets(found: Loss, y: Array, smoothing: float = 0.0, first: int = 0) -> Array:
    """The targets (rows, n_out) as the loss reads them; checked, and smoothed for cross-entropies.

    Class numbers (rows,) or (rows, 1) are made one-hot by `one_hot` before. For hinge, 0 becomes -1. Label
    smoothing s mixes in the uniform distribution, y(1 - s) + s/n (Szegedy et al. 2016), with n = 2 for binary
    cross-entropy, as Keras does for both and PyTorch for `CrossEntropyLoss`.

    Raises `InputError` for targets the loss is not defined for, naming the row; those of y count from `first`.
    """
    rule = _TARGET_RULES[found.targets]
    bad = rule.broken(y)
    if bad.any():
        row, output = (int(i) for i in np.argwhere(bad)[0])
        place = f"row {first + row + 1} (index {first + row})"
        raise InputError(f"targets: {place} is {y[row, output]:g}, but {found.name} wants {rule.wanted}")
    if found.targets == "sign":
        return np.where(y == 0, -1.0, y).astype(y.dtype)
    if smoothing == 0:
        return y
    if found.targets not in ("probability", "distribution"):
        raise InputError(
            f"label smoothing: {smoothing:g} needs a cross-entropy loss, not {found.name}; leave it at 0"
        )
    n = 2 if found.targets == "probability" else y.shape[-1]
    return y * (1 - smoothing) + smoothing / n
