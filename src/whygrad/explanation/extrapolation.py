"""Extrapolation: a derivative out of difference quotients with ever smaller steps, and how good it is.

Quotients of a ladder of steps are extrapolated to a step of 0 (Richardson 1911; Ridders 1982, "Accurate
computation of F'(x) and F'(x)F''(x)"; Press et al., "Numerical Recipes", section 5.7), and of all that comes of it
the entry with the smallest error is taken. Its error is twice the sum of three parts:

- truncation: how far the entry is from the one that it improves on, and from its neighbour of half the step;
- rounding, as it is given, carried through the extrapolation;
- contradiction: how far the entry lies outside of what smaller steps leave possible. It keeps a large step from
  looking beyond a kink, or over a bend, that only small steps can see.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from whygrad.maths import Array, Mask

ORDERS = 5  # times that errors are extrapolated away
SAFETY = 2  # of the error over the sum of its parts


class Slope(NamedTuple):
    """Derivatives of some functions: `value` +- `error`, found with steps down from `step` of the largest."""

    value: Array  # (m,)
    error: Array  # (m,), infinite where no step gave a finite one
    step: Array  # (m,), between 0 and 1


@np.errstate(all="ignore")
def extrapolated(quotients: Array, rounding: Array, power: int, usable: Mask) -> Slope:
    """The best of what difference quotients lead to, for m functions and steps each half the one before.

    All are (m, steps), `rounding` a bound on what rounding does to each quotient. A quotient's error goes by the
    powers of its step `power`, 2 `power`, 3 `power` ...: 1 for a one-sided one, 2 for a central one. Entries that
    begin with a step that is not `usable` are not taken.
    """
    m = len(quotients)
    best = Slope(np.full(m, np.nan), np.full(m, np.inf), np.zeros(m))
    for order in range(1, ORDERS + 1):
        gain = 2.0 ** (power * order)
        before = quotients[:, :-1]
        quotients = (gain * quotients[:, 1:] - before) / (gain - 1)  # (m, steps - order)
        rounding = (gain * rounding[:, 1:] + rounding[:, :-1]) / (gain - 1)
        beside = np.abs(np.diff(quotients, axis=1, append=np.nan))  # nothing is beside the smallest step
        truncation = np.maximum(np.abs(quotients - before), beside)
        error = SAFETY * (truncation + rounding + _contradiction(quotients, rounding))
        error = np.where(np.isfinite(error) & usable[:, : error.shape[1]], error, np.inf)
        at = error.argmin(axis=1)
        entry = np.arange(m), at
        better = error[entry] < best.error
        found = Slope(quotients[entry], error[entry], 0.5**at)
        best = Slope(*(np.where(better, new, old) for new, old in zip(found, best, strict=True)))
    return best


def _contradiction(values: Array, rounding: Array) -> Array:
    """(m, n): how far each value lies outside of the values +- rounding of smaller steps."""
    lowest = np.where(np.isnan(values), -np.inf, values - rounding)[:, ::-1]
    highest = np.where(np.isnan(values), np.inf, values + rounding)[:, ::-1]
    low = np.maximum.accumulate(lowest, axis=1)[:, ::-1]
    high = np.minimum.accumulate(highest, axis=1)[:, ::-1]
    return np.maximum(np.maximum(low - values, values - high), 0.0)
