"""What a rule gives on numbers that were rounded: its value, and how far rounding may have moved it.

Every number may stand for any that is written like it, rounded or cut off: it is known to one unit of its last
digit. The rule is nudged by that unit, one number after the other, and the moves are added (interval arithmetic to
first order; Moore 1966, "Interval Analysis").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from whygrad.exercises.quantity import Rule


def unit_of(value: float, digits: int) -> float:
    """One unit of the last of that many significant digits; of 0, of as many decimals."""
    if value == 0 or not math.isfinite(value):
        return float(10.0**-digits)
    return float(10.0 ** (math.floor(math.log10(abs(value))) - digits + 1))


@dataclass
class Ledger:
    """Numbers by name, and by how much each may be off; what is given is exact."""

    values: dict[str, float]
    units: dict[str, float] = field(default_factory=dict)

    def put(self, name: str, value: float, unit: float) -> None:
        """Enters a number."""
        self.values[name], self.units[name] = value, unit

    @np.errstate(all="ignore")
    def reckoned(self, rule: Rule, needs: tuple[str, ...]) -> tuple[float, float]:
        """(the rule's value, how far the roundings of its needs may move it)."""
        numbers = {name: self.values[name] for name in needs}
        value = rule(numbers)
        return value, sum(self._moved(rule, numbers, name, value) for name in numbers)

    def _moved(self, rule: Rule, numbers: Mapping[str, float], name: str, value: float) -> float:
        unit = self.units.get(name, 0.0)
        if unit == 0:
            return 0.0
        nudged = [abs(rule({**numbers, name: numbers[name] + step}) - value) for step in (-unit, unit)]
        return max((move for move in nudged if math.isfinite(move)), default=0.0)
