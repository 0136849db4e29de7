"""Factors, and the chain that they make: a derivative as a product, each with its formula, numbers and value."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Literal, NamedTuple

from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.symbols import Sign, partial


class Junction(NamedTuple):
    """Where ways part: at the z or the a of a unit; layer and unit count from 0."""

    kind: Literal["z", "a"]
    layer: int
    unit: int


@dataclass(frozen=True)
class Term:
    """One way of a sum: one link, and the derivative of all that follows it, which is taken at `junction`."""

    link: Sign
    link_value: float
    rest: Sign
    rest_value: float
    junction: Junction

    @property
    def value(self) -> float:
        """Their product."""
        return self.link_value * self.rest_value


@dataclass(frozen=True)
class Factor:
    """One factor of a chain, d `of` / d `by`."""

    of: Sign
    by: Sign
    formula: Sign  # with names
    numbers: Sign  # with numbers in their place
    value: float
    terms: tuple[Term, ...] = ()  # where it is a sum
    note: str = ""

    @property
    def sign(self) -> Sign:
        """How it is written: dL/dy_hat."""
        return partial(self.of, self.by)

    def to_plain(self) -> dict[str, Any]:
        """Texts and numbers only, for JSON."""
        found = {"factor": self.sign.text, "formula": self.formula.text, "numbers": self.numbers.text}
        terms = [{"product": f"{t.link}*{t.rest}", "value": t.value} for t in self.terms]
        more = {what: value for what, value in (("terms", terms), ("note", self.note)) if value}
        return {**found, "latex": self.sign.latex, "value": self.value, **more}


@dataclass(frozen=True)
class Cancellation:
    """Two factors whose product is simpler than either: `sign` = `whole` = `formula` = `numbers` = `value`."""

    sign: Sign
    whole: Sign  # the product before anything cancels
    formula: Sign
    numbers: Sign
    value: float

    def to_plain(self) -> dict[str, Any]:
        """Text and a number only, for JSON."""
        signs = {"product": self.sign, "whole": self.whole, "formula": self.formula}
        return {**{what: sign.text for what, sign in signs.items()}, "value": self.value}


@dataclass(frozen=True, repr=False)
class Chain(Shown):
    """The derivative of the row's loss by one parameter. No factors: the loss does not depend on it at all.

    `parts` are the derivatives that stand in a factor's sum, each worked out in turn, the nearest first.
    """

    sign: Sign
    factors: tuple[Factor, ...]
    cancels: Cancellation | None = None
    parts: tuple[Factor | Cancellation, ...] = ()

    @property
    def value(self) -> float:
        """The product of the factors; 0 where no way leads to the loss."""
        return prod(factor.value for factor in self.factors) if self.factors else 0.0

    def to_plain(self) -> dict[str, Any]:
        """Texts and numbers only, for JSON."""
        found: dict[str, Any] = {
            "derivative": self.sign.text,
            "factors": [f.to_plain() for f in self.factors],
            "value": self.value,
        }
        if self.cancels is not None:
            found["cancels"] = self.cancels.to_plain()
        if self.parts:
            found["parts"] = [part.to_plain() for part in self.parts]
        return found
