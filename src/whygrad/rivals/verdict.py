"""What came of a comparison: the verdict on each library, and the report."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from whygrad.maths import Array
from whygrad.network import Network
from whygrad.printing import number
from whygrad.rivals.parting import Parting
from whygrad.training import Training

Status = Literal["equal", "not equal", "no verdict", "not installed", "not comparable"]


@dataclass(frozen=True, eq=False)
class Agreement:
    """What came of one library.

    `losses` (epochs,) are the mean losses met during the epochs; `difference` is the largest difference of
    final parameters relative to max(1, the largest parameter), at the parameter `where`; `apart` the largest
    difference met anywhere in the run, losses included. All are None where it did not follow.
    """

    name: str
    label: str
    status: Status
    why: str
    tolerance: float
    tolerance_why: str
    losses: Array | None = None
    difference: float | None = None
    where: str | None = None
    apart: float | None = None
    parting: Parting | None = None
    unequal: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Comparison:
    """whygrad and its rivals on one training.

    `losses` (epochs,) are whygrad's; `sensitivity` is how far changing the last digit of the start moved
    whygrad's own run; `no_learning` says why the loss barely moved, and is empty where it moved.
    """

    network: Network
    training: Training
    steps: int
    losses: Array
    sensitivity: float
    rivals: tuple[Agreement, ...]
    no_learning: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["equal", "not equal", "no verdict"]:
        """Of all libraries that followed: "not equal" if one is not; "equal" if one is and all others too."""
        found = {r.status for r in self.rivals}
        if "not equal" in found:
            return "not equal"
        return "equal" if "equal" in found and "no verdict" not in found else "no verdict"

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings, lists and tables only, for JSON; what is not a finite number is None."""
        return {
            "verdict": self.verdict,
            "network": self.network.to_plain(),
            "training": self.training.to_plain(),
            "steps": self.steps,
            "losses": [_number(loss) for loss in self.losses],
            "sensitivity": _number(self.sensitivity),
            "rivals": [_plain(r) for r in self.rivals],
            "no_learning": list(self.no_learning),
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The report in plain text, each line shorter than 110 characters."""
        return [*_head(self), "", *_loss_table(self), *_explained(self)]


# ---- the report ----

_WIDTH = 108


def _head(c: Comparison) -> list[str]:
    epochs = len(c.losses)
    lines = [
        f"{c.network}; {c.training.dtype}",
        f"{c.steps:,} update{'s' * (c.steps != 1)} in {epochs:,} epoch{'s' * (epochs != 1)}, the same start, "
        "rows, batches and rates for everybody",
        "whygrad's own run does not stay finite"
        if math.isinf(c.sensitivity)
        else f"changing the last digit of the start moves whygrad's own run by {c.sensitivity:.1e}",
        "",
        f"{'library':<20}{'verdict':<16}{'final parameters differ by':<34}parts in",
    ]
    for r in c.rivals:
        differ = "-" if r.difference is None else f"{_size(r)}, allowed {r.tolerance:g}"
        never = "-" if r.difference is None else "never"
        parts = f"epoch {r.parting.place.epoch}, step {r.parting.place.step}" if r.parting else never
        lines.append(f"{r.label:<20}{r.status:<16}{differ:<34}{parts}")
    return lines


def _size(r: Agreement) -> str:
    return f"{r.difference:.1e} ({r.where})" if r.difference else "0"


def _loss_table(c: Comparison) -> list[str]:
    """Mean losses of at most 12 epochs, evenly spread."""
    shown = [r for r in c.rivals if r.losses is not None]
    labels = ["whygrad", *(r.label.rpartition(" ")[0] or r.label for r in shown)]
    lines = ["mean loss met during each epoch", "epoch".rjust(7) + "".join(f"{x:>18}" for x in labels)]
    for epoch in np.unique(np.linspace(0, len(c.losses) - 1, 12).round().astype(int)):
        losses = [c.losses[epoch], *(r.losses[epoch] for r in shown if r.losses is not None)]
        lines.append(f"{epoch + 1:>7}" + "".join(f"{number(loss):>18}" for loss in losses))
    return lines


def _explained(c: Comparison) -> list[str]:
    """Each verdict's reason, what was not equal, and why the loss did not move."""
    lines = []
    for r in c.rivals:
        lines += ["", *_wrapped(f"{r.label}: {r.status}: {r.why}", "")]
        if r.losses is not None:
            lines += _wrapped(f"tolerance {r.tolerance:g}: {r.tolerance_why}", "  ")
        if r.unequal:
            lines += ["  what was not equal, or was translated:"]
        for sentence in r.unequal:
            lines += _wrapped(f"- {sentence}", "    ")
    if c.no_learning:
        lines += ["", "why it does not learn:"]
        for sentence in c.no_learning:
            lines += _wrapped(f"- {sentence}", "  ")
    return lines


def _wrapped(text: str, indent: str) -> list[str]:
    hang = indent + "  "
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=hang, break_on_hyphens=False)


def _plain(r: Agreement) -> dict[str, Any]:
    place = None if r.parting is None else {**vars(r.parting.place), "what": r.parting.what}
    if place and r.parting:
        place |= {"difference": _number(r.parting.difference), "exact": r.parting.exact}
    return {
        "name": r.name,
        "label": r.label,
        "status": r.status,
        "why": r.why,
        "tolerance": r.tolerance,
        "tolerance_why": r.tolerance_why,
        "losses": None if r.losses is None else [_number(loss) for loss in r.losses],
        "difference": _number(r.difference),
        "where": r.where,
        "apart": _number(r.apart),
        "parting": place,
        "unequal": list(r.unequal),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
