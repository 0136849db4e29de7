"""What all formulas share: how one is written down, and how one is asked for by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from whygrad.errors import InputError, WrongTypeError, one_of


@dataclass(frozen=True)
class Texts:
    """How a formula is written: LaTeX of the value and of the derivative, and where it comes from."""

    value: str
    derivative: str
    source: str


class Formula(Protocol):
    """Something with a name and at most one constant k."""

    @property
    def name(self) -> str:
        """Its name in options and files."""
        ...

    @property
    def k(self) -> float:
        """Its constant; 0 where it has none."""
        ...

    @property
    def constant(self) -> str:
        """What the constant is called; empty where it has none."""
        ...


F = TypeVar("F", bound=Formula)


def plain(name: str) -> str:
    """How names are compared: lower case, underscores."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def find(
    what: str, text: str, known: Mapping[str, F], short: Mapping[str, str], zero: bool = True
) -> tuple[F, float]:
    """The formula called `text` ("relu") and its constant, which "leaky_relu:0.2" gives after a colon.

    Raises `InputError` for a name that is not known, and for a constant that is none, is not taken, or is 0
    where `zero` is not allowed; `WrongTypeError` for what is no text.
    """
    if not isinstance(text, str):
        raise WrongTypeError(f"{what} is {text!r}, but must be a name, as in {next(iter(known))!r}")
    base, colon, constant = text.partition(":")
    base = short.get(plain(base), plain(base))
    if base not in known:
        raise one_of(what, text, [*known, *short])
    found = known[base]
    if not colon:
        return found, found.k
    if not found.constant:
        raise InputError(f"{what}: {text!r} has a constant, but {base} takes none; write {base!r}")
    return found, constant_of(f"{what}: {text!r}", found, constant, zero)


def constant_of(what: str, found: Formula, k: str | float, zero: bool = True) -> float:
    """The constant k as a number; raises `InputError` where it is none, below 0, or 0 and that is not allowed."""
    try:
        number = float(k)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and (number >= 0 if zero else number > 0)):
        least = "0 or more" if zero else "above 0"
        raise InputError(
            f"{what}: the {found.constant} must be a number, {least}, as in '{found.name}:{found.k:g}'"
        )
    return number
