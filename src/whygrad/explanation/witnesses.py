"""Witnesses: everybody who can find a derivative is asked, and all have to agree.

- paths and backprop use the same local derivatives: that they agree checks the bookkeeping, not the formulas;
- the nudge uses forward passes only; so does the complex step, exact to rounding (Squire & Trapp 1998), with the
  formulas of the values continued to complex numbers;
- JAX and PyTorch differentiate by themselves, with formulas of their own.

So the nudge and the libraries are the independent ones.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple, cast

import numpy as np

from whygrad.errors import InputError
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.shaking import shaken
from whygrad.explanation.symbols import Sign, Symbols, partial
from whygrad.explanation.verdict import Verdict, digits, judge_derivative, tenths
from whygrad.losses import registered
from whygrad.maths import COMPLEX, NUMPY, Array
from whygrad.names import Place, position_of
from whygrad.propagation import REFERENCE, backward_propagation, forward_propagation, row_losses
from whygrad.rivals import NotComparable, rival
from whygrad.rivals.protocol import Differentiating

LIBRARIES = ("jax", "torch")  # the one that is imported sooner first
SAME = (
    1e-9  # of the sum of the paths' magnitudes: two ways to add them differ by far less, two formulas by far more
)
STEP = 1e-30  # along the imaginary axis: nothing is subtracted, so it may be this small
TINY = 1e-275  # of which it would leave a number that float64 no longer holds
SHAKES = 2
SAFETY = 16  # rounding may be so much worse than the shaken runs show: libraries round in formulas of their own


class Witness(NamedTuple):
    """Who found which value, and to how many digits backpropagation agrees.

    `agrees` is None where the witness decides nothing, as a nudge at a kink.
    """

    name: str
    value: float
    digits: float
    agrees: bool | None


@dataclass(frozen=True, repr=False)
class Agreement(Shown):
    """What all witnesses say of one derivative; `absent` says who could not be asked and why."""

    sign: Sign
    value: float  # backpropagation's
    witnesses: tuple[Witness, ...]  # all but backpropagation
    verdict: Verdict  # the nudge's
    absent: tuple[str, ...] = ()
    own: bool = False  # whether a formula is the user's own

    @property
    def agrees(self) -> bool:
        """Whether nobody disagrees."""
        return all(w.agrees is not False for w in self.witnesses)

    @property
    def pairs(self) -> dict[tuple[str, str], float]:
        """The digits to which each two of them agree."""
        values = {"backprop": self.value} | {w.name: w.value for w in self.witnesses}
        return {
            (a, b): digits(values[a] - values[b], max(abs(values[a]), abs(values[b])))
            for a, b in combinations(values, 2)
        }

    def line(self) -> str:
        """paths = backprop = nudge: -5.888 (paths 15.9 digits, nudge 11.2 of 11.4 possible)."""
        if not self.agrees:
            return self._disagreement()
        joined = [w for w in self.witnesses if w.agrees]
        names = ["backprop", *(w.name for w in joined)]
        if "paths" in names:
            names[:2] = ["paths", "backprop"]
        said = f" ({', '.join(map(self._digits, joined))})" if joined else ""
        rest = "; ".join([*(self._undecided(w) for w in self.witnesses if w.agrees is None), *self.absent])
        return f"{' = '.join(names)}: {self.value:.9g}{said}{'; ' if rest else ''}{rest}"

    def _digits(self, witness: Witness) -> str:
        if witness.name != "nudge" and witness.digits < 1:  # both are so small that rounding hides them
            return f"{witness.name} {witness.value:.1g}"
        if witness.name != "nudge":
            return f"{witness.name} {tenths(witness.digits)}{' digits' if witness.name == 'paths' else ''}"
        if possible := self.verdict.digits_possible:
            return f"nudge {tenths(witness.digits)} of {tenths(possible)} possible"
        if abs(witness.value) > self.verdict.error:
            return f"nudge {witness.value:.1g}"
        return f"nudge sees nothing above {self.verdict.error:.1g}"

    def _undecided(self, witness: Witness) -> str:
        if witness.name == "nudge":
            return f"nudge inconclusive: {self.verdict.reason}"
        return f"{witness.name} finds {witness.value:.9g} here"

    def _disagreement(self) -> str:
        values = ", ".join(f"{w.name} {w.value:.17g}" for w in self.witnesses)
        blame = "this is a bug in whygrad; please report it"
        if self.own:
            blame = "the derivative of an activation or loss of your own is wrong, or this is a bug in whygrad"
        return f"DISAGREEMENT about {self.sign}: backprop {self.value:.17g}, {values}: {blame}"

    def to_plain(self) -> dict[str, Any]:
        """Text, numbers and None only, for JSON."""
        return {
            "name": self.sign.text,
            "value": self.value,
            "agrees": self.agrees,
            "line": self.line(),
            "witnesses": [w._asdict() for w in self.witnesses],
            "nudge": self.verdict.to_plain(),
            "absent": list(self.absent),
        }


class Told(NamedTuple):
    """The row's gradients (P,) by the libraries that were asked, and why others could not be."""

    gradients: dict[str, Array]
    absent: tuple[str, ...]


def ask(moment: Moment, against: str | Iterable[str] | None = None) -> Told:
    """Asks libraries for the gradient of the row's loss.

    `against` names them: "jax" or "torch" or both; "any" asks one that is installed, one that is imported already
    before another, "installed" each, None those that are imported already, as importing one takes a moment. Raises
    `InputError` for a library that is not known, not installed, or gives no derivatives.
    """
    found, absent = {}, []
    for library in _libraries(against):
        try:
            found[library.name] = library.gradient(moment.net, moment.training, moment.w, moment.row)
        except NotComparable as problem:
            absent.append(str(problem))
    return Told(found, tuple(absent))


def agreement(
    moment: Moment,
    links: Links,
    gradient: Array,
    place: Place,
    told: Told,
    symbols: Symbols,
) -> Agreement:
    """What all witnesses say of the derivative of the row's loss by the parameter at `place`.

    `gradient` (P,) is backpropagation's, `told` what the libraries say.
    """
    at = position_of(moment.net, place)
    value = float(gradient[at])
    verdict = judge_derivative(moment, place, value, symbols)
    found = {"paths": float(links.gradient[at])}
    if (exact := _by_complex_step(moment, at)) is not None:
        found["complex step"] = exact
    found |= {name: float(theirs[at]) for name, theirs in told.gradients.items()}
    allowed = _rounding(moment, links, place) + (verdict.error if verdict.kind == "right" else 0.0)
    witnesses = [_witness(name, v, value, allowed, verdict) for name, v in found.items()]
    agreed = {"right": True, "wrong": False, "inconclusive": None}[verdict.kind]
    witnesses.insert(1, Witness("nudge", verdict.numeric, verdict.digits_agreed, agreed))
    sign = partial(symbols.loss, symbols.parameter(place))
    return Agreement(sign, value, tuple(witnesses), verdict, told.absent, _has_own(moment))


def _witness(name: str, found: float, value: float, allowed: float, verdict: Verdict) -> Witness:
    """Where a nudge cannot decide, as at a kink, only the paths take the very side that backpropagation takes."""
    agrees: bool | None = abs(found - value) <= allowed
    if not agrees and (not math.isfinite(found) or (name != "paths" and verdict.kind == "inconclusive")):
        agrees = None
    return Witness(name, found, digits(found - value, max(abs(found), abs(value))), agrees)


def _libraries(against: str | Iterable[str] | None) -> list[Differentiating]:
    if against is None:
        names: Iterable[str] = [name for name in LIBRARIES if name in sys.modules]
    elif against in ("any", "installed"):
        names = [name for name in LIBRARIES if rival(name).installed()]
        if against == "any":
            names = sorted(names, key=lambda name: name not in sys.modules)[:1]
    else:
        names = [against] if isinstance(against, str) else against
    found = [rival(name) for name in names]
    for one in found:
        if one.name not in LIBRARIES:
            raise InputError(f"against: {one.name} gives no derivatives; it can be {' or '.join(LIBRARIES)}")
        if not one.installed():
            raise InputError(f"against: {one.name} is not installed; pip install {one.name}")
    return [cast(Differentiating, one) for one in found]


def _by_complex_step(moment: Moment, at: int) -> float | None:
    """The derivative by a step along the imaginary axis; None where a z is 0, on neither side of a bend there."""
    w = moment.w.astype(np.complex128)
    w[at] += 1j * STEP
    trace = forward_propagation(moment.net, cast(Array, w), moment.row.x, COMPLEX)
    if any((z.real == 0).any() for z in trace.z) or (trace.output.real == moment.row.y).any():
        return None
    loss = row_losses(moment.net, moment.loss, trace, moment.row.y, COMPLEX)[0]
    return moment.weight * float(np.imag(loss)) / STEP


@np.errstate(all="ignore")
def _rounding(moment: Moment, links: Links, place: Place) -> float:
    """How far apart rounding may put two ways to the derivative: in the passes, and in the sum over paths."""
    found = []
    for stages in (REFERENCE, *map(shaken, range(SHAKES))):
        trace = forward_propagation(moment.net, moment.w, moment.row.x, NUMPY, stages)
        again = backward_propagation(moment.net, moment.w, trace, moment.row.y, moment.loss, moment.row.weights)
        layer = again.layers[place.layer]
        found.append(layer.b[place.to] if place.source is None else layer.W[place.source, place.to])
    sizes = replace(
        links,
        layers=tuple(layer._replace(W=np.abs(layer.W)) for layer in links.layers),
        slopes=tuple(np.abs(slope) for slope in links.slopes),
        blame=np.abs(links.blame),
        output_delta=np.abs(links.output_delta),
    )
    entered = 1.0 if place.source is None else abs(float(links.trace.a[place.layer][0, place.source]))
    paths = entered * float(sizes.deltas[place.layer][place.to])
    return TINY + SAME * paths + SAFETY * float(np.ptp(found))


def _has_own(moment: Moment) -> bool:
    """Whether an activation or the loss is none of whygrad's: those are not described for files."""
    try:
        moment.net.to_plain()
        registered(moment.loss)
    except InputError:
        return True
    return False
