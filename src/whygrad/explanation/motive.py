"""Why a parameter moves the way it does, and what its step did to the loss, in sentences.

Every sentence is chosen by signs of numbers that were computed; nothing here computes a derivative.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np

from whygrad.explanation.kinks import kinks_of
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.symbols import Symbols
from whygrad.names import Place
from whygrad.printing import from_to
from whygrad.propagation import forward_propagation
from whygrad.table import BLOCK

Outcome = Literal["fell", "unchanged", "overshot", "uphill"]
ROUNDING = 8 * float(np.finfo(np.float64).eps)  # losses nearer to each other than this, relatively, are equal


@dataclass(frozen=True)
class Move:
    """One parameter's step, and what may have moved it besides the derivative."""

    parameter: str
    old: float
    new: float
    derivative: float  # the batch's
    row_pull: float
    rows: int  # in the batch
    movers: tuple[str, ...]  # what takes part besides it: "the penalty"
    frozen: bool

    @property
    def way(self) -> str:
        """Where it goes, from which value to which."""
        return f"{'up' if self.new > self.old else 'down'}, {from_to(self.old, self.new)}"


def why_it_moves(move: Move, flat: str = "") -> str:
    """Which way the parameter moves and why; `flat` says why its derivative is 0, where it is."""
    what = move.parameter
    if move.frozen:
        return f"{what} is frozen: it stays {move.old:.9g}, whatever the derivative"
    if not isfinite(move.new):
        return f"{what} leaves the finite numbers: the step is far too long"
    if move.new == move.old:
        if move.derivative == 0:
            return f"{what} does not move: its derivative is 0, as {flat}"
        return f"{what} does not move: what is left of the step is smaller than the last digit of {move.old:.9g}"
    others = " and ".join(move.movers)
    verb = "move" if len(move.movers) > 1 else "moves"
    if move.derivative == 0:
        return f"the derivative is 0, as {flat}; yet {others or 'the rule'} {verb} {what} {move.way}"
    rising = move.derivative > 0
    sign = f"the derivative is {'positive' if rising else 'negative'}"
    if (move.new < move.old) == rising:
        said = f"{sign}: more {what} means {'more' if rising else 'less'} loss, so subtracting it"
        together = f", together with {others}," if others else ""
        return f"{said}{together} moves {what} {move.way}{_beside(move)}"
    alone = f"{sign}, which alone would move {what} {'down' if rising else 'up'}"
    return f"{alone}; but {others or 'the rule'} {verb} it {move.way}{_beside(move)}"


def _beside(move: Move) -> str:
    """What this row alone wants, in a batch of several."""
    if move.rows == 1:
        return ""
    if move.row_pull == 0:
        return "; this row does not pull it"
    same = (move.row_pull > 0) == (move.new < move.old)
    return f"; this row alone pulls it {'the same' if same else 'the other'} way"


def why_flat(moment: Moment, links: Links, symbols: Symbols, place: Place) -> str:
    """Why the row's loss does not depend on the parameter just here: the first factor of its chain that is 0."""
    layer, unit = place.layer, place.to
    if moment.weight == 0:
        return "this row's weight is 0"
    if place.source is not None and links.trace.a[layer][0, place.source] == 0:
        return f"what comes in through it, {symbols.a(layer - 1, place.source)}, is 0 on this row"
    if links.deltas[layer][unit] != 0:
        return "its factors are too small for their product to differ from 0"
    g, z = links.net.layers[layer].activation, float(links.trace.z[layer][0, unit])
    if links.pulls[layer][unit] != 0 and g.elementwise:
        where = f"{g.name} is flat at {symbols.z(layer, unit)} = {z:.9g}"
        if z in kinks_of(g):
            where = f"{symbols.z(layer, unit)} is at the kink of {g.name}, where its derivative is taken as 0"
        if len(moment.rows) > 1 and _dead(moment, layer, unit):
            return f"{where}, on this row as on every other: unit {unit + 1} of layer {layer + 1} is dead"
        return f"{where}: unit {unit + 1} of layer {layer + 1} passes nothing back on this row"
    if layer == len(links.layers) - 1 or not links.output_delta.any():
        if np.array_equal(links.trace.output, links.y):
            return "the prediction equals the target to the last digit"
        return "the loss is flat at this prediction"
    if (links.layers[layer + 1].W[unit] * links.deltas[layer + 1]).any():
        return f"the ways from {symbols.a(layer, unit)} to the loss cancel"
    return f"every way from {symbols.a(layer, unit)} to the loss has a factor 0"


def _dead(moment: Moment, layer: int, unit: int) -> bool:
    """Whether no training row gets anything back through that unit."""
    g = moment.net.layers[layer].activation
    for start in range(0, len(moment.rows), BLOCK):
        trace = forward_propagation(moment.net, moment.w, moment.rows.x[start : start + BLOCK])
        z, a = trace.z[layer], trace.a[layer + 1]  # (rows, n_out)
        if g.pull(np.ones_like(z), z, a)[:, unit].any():
            return False
    return True


def outcome_of(before: float, after: float, slope: float) -> Outcome:
    """What a step did to a loss; `slope` is the derivative times the step: below 0, it set out downhill."""
    if abs(after - before) <= ROUNDING * abs(before):
        return "unchanged"
    if after < before:
        return "fell"
    return "overshot" if slope < 0 else "uphill"


def what_came(step: str, whose: str, before: float, after: float, outcome: Outcome) -> str:
    """The loss before and after, and whether it really fell: "with every parameter moved, the row's loss fell"."""
    if not isfinite(after):
        return (
            f"{step}, {whose} is no finite number any more" if isfinite(before) else f"{whose} is no finite number"
        )
    numbers = from_to(before, after)
    if outcome == "fell":
        return f"{step}, {whose} really falls, {numbers}"
    if outcome == "unchanged":
        return f"{step}, {whose} stays {before:.9g}"
    if outcome == "overshot":
        return f"{step}, {whose} rises, {numbers}: the step set out downhill, but overshot"
    return f"{step}, {whose} rises, {numbers}: the step does not go down this derivative"
