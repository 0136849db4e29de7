"""Verdicts: is a derivative right? Judged by nudging alone, with what a nudge can and cannot see."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from whygrad.errors import InputError
from whygrad.explanation.differences import STEPS, Slopes, slopes_into
from whygrad.explanation.kinks import kinks_at, said_of
from whygrad.explanation.moment import Moment
from whygrad.explanation.shaking import EPSILON
from whygrad.explanation.symbols import Symbols
from whygrad.maths import Array
from whygrad.names import Place, places
from whygrad.propagation import forward_propagation

MOST_DIGITS = -math.log10(2.0**-53)  # of a float64
SLACK = 1e-6  # relative; float32 keeps seven digits, and no slip is so small
ENOUGH = 4.0  # digits with which steps that stay clear of a near kink can call a derivative wrong
FEW = 2.0  # and right
GUARD = 1e-12  # so near to its bounds a cross-entropy's derivative is guarded (losses.py)
SMALL = 0.5**10  # of the largest step: a kink farther off is not near
SMALLEST = 0.5 ** (STEPS - 8)  # steps so far down the ladder have no room left below them


@dataclass(frozen=True)
class Verdict:
    """What nudging says of one derivative.

    `numeric` +- `error` is the slope found by nudging; `digits_agreed` of its `digits_possible` decimal digits are
    the derivative's, both 0 where a nudge sees none. `sides` are the slopes of nudges down and up, where they are
    not one. `reason` is a sentence.
    """

    kind: Literal["right", "wrong", "inconclusive"]
    derivative: float
    numeric: float
    error: float
    digits_agreed: float
    digits_possible: float
    reason: str
    sides: tuple[float, float] | None = None

    def to_plain(self) -> dict[str, Any]:
        """Text, numbers and None only, for JSON."""
        plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}
        return plain | {"sides": None if self.sides is None else list(self.sides)}


def judge_derivative(moment: Moment, place: Place, derivative: float, symbols: Symbols | None = None) -> Verdict:
    """Judges the derivative of the row's loss by the parameter at `place`.

    It uses forward passes only: see differences.py. Right is what lies within twice the error of what nudges find,
    or a millionth of it; inconclusive what nudges cannot decide, as where the loss has a kink.
    """
    source = moment.net.sizes[place.layer] if place.source is None else place.source
    (seen,) = _each(moment, slopes_into(moment, place.layer, place.to, [source]))
    return _judged(moment, symbols or Symbols(moment.net), place, seen, float(derivative))


def judge_all(moment: Moment, gradient: Array, symbols: Symbols | None = None) -> tuple[Verdict, ...]:
    """Judges a whole gradient (P,), in its order. Raises `InputError` for one of another shape."""
    net, symbols = moment.net, symbols or Symbols(moment.net)
    if np.shape(gradient) != (net.n_parameters,):
        raise InputError(f"gradient has shape {np.shape(gradient)}, but must be ({net.n_parameters},)")
    seen: dict[Place, Seen] = {}
    for layer, (n_in, n_out) in enumerate(zip(net.sizes, net.sizes[1:], strict=False)):
        for to in range(n_out):
            sources = (*range(n_in), None)
            found = _each(moment, slopes_into(moment, layer, to, range(n_in + 1)))
            seen |= {Place(layer, to, source): one for source, one in zip(sources, found, strict=True)}
    derivatives = np.asarray(gradient, np.float64).tolist()
    return tuple(
        _judged(moment, symbols, place, seen[place], d) for place, d in zip(places(net), derivatives, strict=True)
    )


def digits(difference: float, size: float) -> float:
    """How many decimal digits of a number of that size a difference leaves: 0 to 15.95."""
    if difference == 0:
        return MOST_DIGITS
    ratio = abs(difference) / abs(size) if size else math.inf
    if not math.isfinite(ratio):
        return 0.0
    return min(MOST_DIGITS, max(0.0, -math.log10(ratio))) if ratio else MOST_DIGITS


def tenths(found: float) -> str:
    """Digits with one decimal, never rounded up."""
    return f"{math.floor(10 * found) / 10:.1f}"


class Estimate(NamedTuple):
    """One parameter's `Slope`."""

    value: float
    error: float
    step: float

    @property
    def digits(self) -> float:
        """How many decimal digits it has."""
        return digits(self.error, self.value) if self.value else 0.0

    def agrees(self, derivative: float) -> bool:
        """Whether the derivative, which is rounded too, is within twice its error, or a millionth of it."""
        return abs(derivative - self.value) <= 2 * self.error + SLACK * abs(self.value)


class Seen(NamedTuple):
    """One parameter's `Slopes`; `lost` is what a derivative may lose where it is made of y_hat - y."""

    left: Estimate
    right: Estimate
    across: Estimate
    clean: Estimate
    crosses: bool
    lost: float

    @property
    def parted(self) -> bool:
        """Whether nudges up and down have different slopes, beyond their errors."""
        size = max(abs(self.left.value), abs(self.right.value))
        error = self.left.error + self.right.error
        return abs(self.right.value - self.left.value) > error + SLACK * size


def _each(moment: Moment, slopes: Slopes) -> Iterator[Seen]:
    """The slopes, parameter by parameter."""
    fused = moment.loss.fuses(moment.net.output) is not None
    last_digit = 4 * EPSILON * moment.weight * moment.loss.share(moment.net.outputs) if fused else 0.0
    for k, crosses in enumerate(slopes.crosses):
        left, right, across, clean = (Estimate(*(float(v[k]) for v in side)) for side in slopes[:4])
        yield Seen(left, right, across, clean, bool(crosses), last_digit * float(slopes.outputs[k]))


def _judged(moment: Moment, symbols: Symbols, place: Place, seen: Seen, derivative: float) -> Verdict:
    found = seen.clean
    agrees, sure = found.agrees(derivative), found.digits >= 1
    still = found.value == 0 == derivative
    if not (agrees and (sure or still)) and _guarded(moment):
        return _undecided(found, derivative, _on_guard(moment.loss.name))
    decides = digits(found.error, max(abs(found.value), abs(derivative))) >= ENOUGH
    if seen.crosses and not decides:
        return _judged_at_a_kink(moment, symbols, place, seen, derivative)
    if not math.isfinite(found.error):
        return _undecided(found, derivative, "the loss is not a finite number here, or beside it")
    if agrees and not sure and found.step <= SMALLEST:
        return _undecided(found, derivative, "the loss bends too sharply here for any step")
    if agrees:
        return _right(found, derivative)
    if abs(derivative - found.value) <= seen.lost:
        said = f"a nudge finds {_written(found)}, which is lost in the rounding of output minus target"
        return Verdict("right", derivative, found.value, found.error, 0.0, 0.0, said)
    return _kinked(moment, symbols, place, seen, derivative) if seen.parted else _wrong(found, derivative)


def _judged_at_a_kink(moment: Moment, symbols: Symbols, place: Place, seen: Seen, derivative: float) -> Verdict:
    """Where every step that is large enough to be seen crosses a kink: what counts is whether it is felt."""
    clean, found = seen.clean, seen.across
    if clean.agrees(derivative) and (clean.digits >= FEW or clean.step > SMALL):
        return _right(clean, derivative)
    visible = found.digits >= ENOUGH
    if not seen.parted and found.agrees(derivative) and (visible or found.value == 0):
        return _right(found, derivative)
    if not seen.parted and visible and _nearest_kink(moment, symbols, place) is None:
        return _wrong(found, derivative)  # what was crossed is a bend: elu's at 0, with alpha 1
    return _kinked(moment, symbols, place, seen, derivative)


def _right(found: Estimate, derivative: float) -> Verdict:
    possible = found.digits
    agreed = min(possible, digits(derivative - found.value, found.value))
    if possible > 0:
        said = f"a nudge finds {_written(found)}: {tenths(agreed)} of {tenths(possible)} possible digits agree"
    elif derivative == 0 == found.value:
        said = "the loss does not move when the parameter does, and the derivative is 0"
    else:
        said = f"it is so small that a nudge cannot see it: rounding hides all below {found.error:.1g}"
    return Verdict("right", derivative, found.value, found.error, agreed, possible, said)


def _wrong(found: Estimate, derivative: float) -> Verdict:
    agreed = min(found.digits, digits(derivative - found.value, found.value))
    said = f"a nudge finds {_written(found)}, but the derivative is {derivative:.9g}"
    if found.digits >= 1 and math.isfinite(derivative):
        said += f", {derivative / found.value:.6g} times as much"
    return Verdict("wrong", derivative, found.value, found.error, agreed, found.digits, said)


def _kinked(moment: Moment, symbols: Symbols, place: Place, seen: Seen, derivative: float) -> Verdict:
    where, found = _nearest_kink(moment, symbols, place), seen.across
    here = f"this is {where}" if where else "the loss bends too sharply here"
    if seen.parted:
        left, right = seen.left.value, seen.right.value
        said = f"{here}: a nudge down has the slope {left:.9g}, a nudge up {right:.9g}"
        return _undecided(found, derivative, said, (left, right))
    if found.agrees(derivative):
        return _undecided(found, derivative, f"{here}: nudges leave no more than {_written(found)}")
    return _undecided(found, derivative, f"{here}: a formula takes one side, and a nudge, {_written(found)}, both")


def _undecided(found: Estimate, derivative: float, said: str, sides: tuple[float, float] | None = None) -> Verdict:
    return Verdict("inconclusive", derivative, found.value, found.error, 0.0, 0.0, said, sides)


def _written(found: Estimate) -> str:
    return f"{found.value:.9g} +- {found.error:.1g}"


def _nearest_kink(moment: Moment, symbols: Symbols, place: Place) -> str | None:
    """Which kink of those that the parameter can reach is nearest."""
    net, loss = moment.net, moment.loss
    trace = forward_propagation(net, moment.w, moment.row.x)
    near = [
        kink
        for kink in kinks_at(net, loss, trace, moment.row.y)
        if kink.layer is None or kink.layer > place.layer or (kink.layer, kink.unit) == (place.layer, place.to)
    ]
    return said_of(min(near, key=lambda kink: abs(kink.distance)), net, loss, symbols) if near else None


def _guarded(moment: Moment) -> bool:
    """Whether an output is so near a bound that a cross-entropy apart from its own activation is guarded."""
    loss, net = moment.loss, moment.net
    if (loss.low, loss.high) != (0, 1) or loss.fuses(net.output):
        return False
    a = forward_propagation(net, moment.w, moment.row.x).output
    return bool((np.minimum(a, 1 - a) < GUARD).any())


def _on_guard(loss: str) -> str:
    return (
        f"an output is within {GUARD:g} of its bound, where the derivative of {loss} is guarded against dividing "
        "by 0 and is not the loss's slope"
    )
