"""The nudge: one parameter is changed a little, and everything after it is watched as it moves.

Beside each change, divided by the nudge, stands the derivative: what the ratio becomes for ever smaller nudges (as
3Blue1Brown tells it in "Backpropagation calculus"). The changes come from running the row forward a second time,
the derivatives are pushed forward through the links (forward mode: Wengert 1964).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from whygrad.errors import InputError
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.kinks import Kink, kinks_at, said_of
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.shaking import shaken
from whygrad.explanation.symbols import Sign, Symbols
from whygrad.maths import NUMPY, Array
from whygrad.names import Place, position_of
from whygrad.printing import counted, short
from whygrad.propagation import REFERENCE, Stages, Trace, forward_propagation, row_losses

SHOWN = 4  # units of a layer
NEAR = 0.1  # a bend explains a gap to so much of it


@dataclass(frozen=True)
class Station:
    """One number on the way from the parameter to the loss, before and after the nudge.

    `ratio` is its change divided by the nudge, `derivative` its derivative by the parameter.
    """

    sign: Sign
    before: float
    after: float
    ratio: float
    derivative: float

    @property
    def change(self) -> float:
        """How far it moved."""
        return self.after - self.before

    @property
    def gap(self) -> float:
        """How far the ratio is from the derivative."""
        return self.ratio - self.derivative

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON."""
        return {"name": self.sign.text, **_plain(self), "change": self.change, "gap": self.gap}


@dataclass(frozen=True, repr=False)
class Nudge(Shown):
    """What changing one parameter by `by`, from `before` to `after`, does; the last station is the loss.

    Of a wide layer, the units through which most of the derivative flows are stations; `left_out` units moved
    besides. `second` is the loss's second derivative by the parameter, from a nudge to either side, and
    `half_gap` the loss's gap after half the nudge. `why` says why ratio and derivative differ.
    """

    sign: Sign
    by: float
    before: float
    after: float
    stations: tuple[Station, ...]
    left_out: int
    second: float
    half_gap: float
    why: str

    @property
    def loss(self) -> Station:
        """What happens to the loss."""
        return self.stations[-1]

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON."""
        return {"name": self.sign.text, **_plain(self), "stations": [s.to_plain() for s in self.stations]}


def _plain(found: Station | Nudge) -> dict[str, Any]:
    return {k: v for k, v in vars(found).items() if k not in ("sign", "stations")}


def nudge(moment: Moment, links: Links, symbols: Symbols, place: Place, by: float = 0.01) -> Nudge:
    """Changes the parameter at `place` by `by` and runs the row forward again.

    Raises `InputError` for a nudge that is 0, not finite, or too small to change the parameter.
    """
    at = position_of(moment.net, place)
    before, name = float(moment.w[at]), symbols.parameter(place)
    if not math.isfinite(by) or before + by == before:
        raise InputError(f"nudge: by is {by!r}, but must change {name} = {before:.9g}; try 0.01")
    here, after, back, half = (_pass(moment, at, step) for step in (0.0, by, -by, by / 2))
    steps = tuple(_pushed(links, place))
    stations, left_out = _stations(links, symbols, place, (here.trace, after.trace), steps, by)
    slope = _of_loss(links, steps[-1])
    loss = Station(symbols.loss, here.loss, after.loss, (after.loss - here.loss) / by, slope)
    second = (after.loss - 2 * here.loss + back.loss) / by / by  # by^2 may overflow
    half_gap = (half.loss - here.loss) / (by / 2) - slope
    rounding = 2 * max(abs(_pass(moment, at, 0.0, shaken(seed)).loss - here.loss) for seed in range(4)) / abs(by)
    switched = _switched(moment, symbols, here.trace, after.trace)
    why = _why(by, loss, second, half_gap, rounding, switched)
    return Nudge(name, by, before, before + by, (*stations, loss), left_out, second, half_gap, why)


class _Pass(NamedTuple):
    """The row's forward pass, and its loss with its weight."""

    trace: Trace
    loss: float


def _pass(moment: Moment, at: int, step: float, stages: Stages = REFERENCE) -> _Pass:
    """Forward with the parameter at that position of the flat vector moved by `step`."""
    w = moment.w.copy()
    w[at] += step
    trace = forward_propagation(moment.net, w, moment.row.x, NUMPY, stages)
    losses = row_losses(moment.net, moment.loss, trace, moment.row.y, NUMPY, stages)
    return _Pass(trace, moment.weight * float(losses[0]))


class _Step(NamedTuple):
    """A layer's derivatives by the parameter."""

    layer: int
    z: Array  # (n,)
    a: Array  # (n,)


def _pushed(links: Links, place: Place) -> Iterator[_Step]:
    """The derivatives of every z and a by the parameter, from its own layer on."""
    entered = 1.0 if place.source is None else links.trace.a[place.layer][0, place.source]
    dz = np.zeros(links.net.sizes[place.layer + 1])
    dz[place.to] = entered
    for layer in range(place.layer, len(links.layers)):
        slope = links.slopes[layer]
        da = slope * dz if slope.ndim == 1 else dz @ slope  # of softmax each z moves every a
        yield _Step(layer, dz, da)
        if layer + 1 < len(links.layers):
            dz = da @ links.layers[layer + 1].W


def _of_loss(links: Links, last: _Step) -> float:
    """dL by the parameter, from the last layer's."""
    return float(links.output_delta @ last.z if links.joined else links.blame @ last.a)


def _stations(
    links: Links, symbols: Symbols, place: Place, traces: tuple[Trace, Trace], steps: tuple[_Step, ...], by: float
) -> tuple[list[Station], int]:
    """Every z and a that moves, or of many those through which most of the derivative flows; and the others."""
    found, left_out = [], 0
    for layer, dz, da in steps:
        g = links.net.layers[layer].activation
        z, a = ([getattr(trace, kind)[at][0] for trace in traces] for kind, at in (("z", layer), ("a", layer + 1)))
        own = place.to if layer == place.layer else None
        through_z, others = _through(dz, z, dz * links.deltas[layer], own)
        through_a, more = (through_z, 0) if g.elementwise else _through(da, a, da * links.pulls[layer], own)
        if g.name != "linear":  # else z is a, and has one name
            found += [_station(symbols.z(layer, n), z, dz, n, by) for n in through_z]
        found += [_station(symbols.a(layer, n), a, da, n, by) for n in through_a]
        left_out += max(others, more)
    return found, left_out


def _through(slopes: Array, values: list[Array], flows: Array, own: int | None) -> tuple[list[int], int]:
    """The units to show, of many those of the largest flow, and how many others moved."""
    moves = [n for n, slope in enumerate(slopes) if slope != 0 or values[0][n] != values[1][n] or n == own]
    if len(moves) > SHOWN:
        moves.sort(key=lambda n: -abs(flows[n]))
    return moves[:SHOWN], len(moves[SHOWN:])


def _station(sign: Sign, values: list[Array], slopes: Array, n: int, by: float) -> Station:
    before, after = (float(v[n]) for v in values)
    return Station(sign, before, after, (after - before) / by, float(slopes[n]))


def _switched(moment: Moment, symbols: Symbols, here: Trace, after: Trace) -> list[str]:
    """What went over a kink, in words."""
    net, loss, y = moment.net, moment.loss, moment.row.y
    pairs = zip(kinks_at(net, loss, here, y), kinks_at(net, loss, after, y), strict=True)
    return [
        _crossing(was, now, symbols, said_of(was, net, loss, symbols))
        for was, now in pairs
        if np.sign(was.distance) != np.sign(now.distance)
    ]


def _crossing(was: Kink, now: Kink, symbols: Symbols, kink: str) -> str:
    if was.layer is None:
        return f"takes the output over {kink}"
    z, a = symbols.z(was.layer, was.unit), symbols.a(was.layer, was.unit)
    turn = "on" if now.distance > was.distance else "off"
    return f"takes {z} from {short(was.value)} to {short(now.value)}, over {kink}: {a} switches {turn}"


def _why(by: float, loss: Station, second: float, half_gap: float, rounding: float, switched: list[str]) -> str:
    if loss.change == 0 == loss.derivative:
        return "the loss does not move, and its derivative is 0"
    if loss.change == 0:
        return "the nudge is too small: rounding swallows what it does to the loss"
    if not math.isfinite(loss.after) or not math.isfinite(loss.before):
        return f"the loss is no finite number {'here' if not math.isfinite(loss.before) else 'so far away'}"
    if switched:
        more = f" (and {counted(len(switched) - 1, 'more kink')})" if switched[1:] else ""
        return f"the nudge {switched[0]}{more}, so the slope is another on its way"
    if abs(loss.gap) <= rounding:
        return "the loss goes along a straight line, as far as rounding lets one see"
    bend = by / 2 * second
    apart = f"change / nudge is {short(abs(loss.gap))} {'above' if loss.gap > 0 else 'below'} the derivative"
    product, halved = f"{by:g}/2 * {short(second)}", f"half the nudge leaves {short(half_gap)}"
    if abs(loss.gap - bend) <= NEAR * abs(loss.gap):
        return (
            f"{apart}, as the loss bends: {short(loss.gap)} = {product}, half the nudge times the second "
            f"derivative; {halved}"
        )
    return (
        f"{apart}, as the loss bends more than once: {product}, half the nudge times the second derivative, is "
        f"{short(bend)}; {halved}"
    )
