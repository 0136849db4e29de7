"""Consensus: what all witnesses say of a row's whole gradient, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.symbols import Symbols
from whygrad.explanation.verdict import tenths
from whygrad.explanation.witnesses import Agreement, agreement, ask
from whygrad.maths import Array
from whygrad.names import place_of
from whygrad.printing import counted

MOST, FEW = 64, 8  # parameters about which every witness is asked: those with the largest derivatives
LARGE = 20_000  # parameters from which on a nudge takes so long that few are asked about


@dataclass(frozen=True, eq=False, repr=False)
class Consensus(Shown):
    """The agreements on a gradient's entries: all of them, or the largest of `count`."""

    agreements: tuple[Agreement, ...]
    count: int

    @property
    def agrees(self) -> bool:
        """Whether nobody disagrees about any."""
        return all(one.agrees for one in self.agreements)

    @property
    def digits(self) -> dict[str, float]:
        """Who agrees, and to how many digits at least; where rounding hides them all, it is not counted."""
        found: dict[str, list[float]] = {w.name: [] for one in self.agreements for w in one.witnesses}
        for one in self.agreements:
            for w in one.witnesses:
                seen = one.verdict.digits_possible if w.name == "nudge" else w.digits
                if w.agrees and seen >= 1:
                    found[w.name].append(w.digits)
        return {name: min(counts) for name, counts in found.items() if counts}

    def line(self) -> str:
        """paths = backprop = nudge: all 9 derivatives agree (paths to 15.9 digits); or the disagreements."""
        if not self.agrees:
            return "; ".join(one.line() for one in self.agreements if not one.agrees)
        names = dict.fromkeys(w.name for one in self.agreements for w in one.witnesses if w.agrees)
        chain = " = ".join(["paths", "backprop", *(name for name in names if name != "paths")])
        asked = len(self.agreements)
        whole = f"all {counted(self.count, 'derivative')} agree"
        if asked < self.count:
            whole = f"the {asked} largest of {counted(self.count, 'derivative')} agree"
        least = ", ".join(f"{name} {tenths(count)}" for name, count in self.digits.items())
        open_ = [one.sign.text for one in self.agreements if one.verdict.kind == "inconclusive"]
        rest = [f"nudge inconclusive about {', '.join(open_[:8])}"] if open_ else []
        absent = dict.fromkeys(said for one in self.agreements for said in one.absent)
        digits = f", to at least so many digits: {least}" if least else ""
        return "; ".join([f"{chain}: {whole}{digits}", *rest, *absent])

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON."""
        facts = {"agrees": self.agrees, "asked": len(self.agreements), "count": self.count}
        return {**facts, "line": self.line(), "digits": self.digits}


def consensus(
    moment: Moment, links: Links, gradient: Array, symbols: Symbols, against: str | Iterable[str] | None = None
) -> Consensus:
    """Asks all witnesses about the row's gradient (P,), and those libraries; see `ask`."""
    most = MOST if len(gradient) <= LARGE else FEW
    largest = np.argsort(-np.abs(gradient), kind="stable")[:most]
    told = ask(moment, against)
    found = tuple(
        agreement(moment, links, gradient, place_of(moment.net, int(at)), told, symbols) for at in np.sort(largest)
    )
    return Consensus(found, len(gradient))
