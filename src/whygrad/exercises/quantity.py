"""One quantity of an exercise: its name, its rule over earlier ones, how that is written, and known slips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from whygrad.explanation.symbols import Sign

Values = Mapping[str, float]  # numbers by the names of quantities and of what is given
Rule = Callable[[Values], float]
Writing = Callable[[Mapping[str, Sign]], Sign]

Section = Literal["forward", "backward", "gradient", "update", "after"]
SECTIONS: tuple[Section, ...] = get_args(Section)


@dataclass(frozen=True, eq=False)
class Slip:
    """A known mistake: the rule that was used instead, and the numbers it reads."""

    words: str
    rule: Rule
    needs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Quantity:
    """Something to be worked out. Its rule reads the numbers called `needs`: given ones, or earlier quantities.

    `written` writes the rule with whatever stands for the needs: their names, or their numbers. A quantity of
    0 points is not asked for; it is a step on the way to one that is.
    """

    sign: Sign
    section: Section
    points: int
    needs: tuple[str, ...]
    rule: Rule
    written: Writing
    slips: tuple[Slip, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in an answers file."""
        return self.sign.text
