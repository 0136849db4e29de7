"""Derivatives by nudging: forward passes only, nothing of backpropagation and no local derivative.

A parameter is changed by plus and minus h, for a whole ladder of steps h, and the forward pass is run again; the
quotients of one side and of both are extrapolated. How far rounding moves them is measured: the same passes are
run with shaken digits. Of a nudged parameter only its unit's z and the layers above move, so many nudges are rows
of one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from whygrad.explanation.extrapolation import Slope, extrapolated
from whygrad.explanation.moment import Moment
from whygrad.explanation.shaking import shaken
from whygrad.maths import NUMPY, Array, Mask
from whygrad.network import Network
from whygrad.propagation import REFERENCE, Stages, Trace, forward_propagation, row_losses
from whygrad.table import Indices
from whygrad.weights import spans, views

STEPS = 32  # each half the one before: from moving z by its own size, or 1, down to 5e-10 of that
SHAKES = 2  # runs with shaken digits
SAFETY = 2  # rounding may be so much worse than the shaken runs show
BATCH = 1 << 21  # numbers in an array of nudged rows or columns: 16 MB


class Slopes(NamedTuple):
    """The loss's slopes on both sides of where some parameters stand, and across.

    `clean` is `across` from the steps alone whose two nudges leave every unit, and the loss, on one side of its
    kinks; its error is infinite where there are none. `crosses` says whether any step does cross one. `outputs` is
    how fast the outputs' z move with the parameter, added up: the largest of the steps that can tell.
    """

    left: Slope
    right: Slope
    across: Slope
    clean: Slope
    crosses: Mask  # (m,)
    outputs: Array  # (m,)


@np.errstate(all="ignore")
def slopes_into(moment: Moment, layer: int, unit: int, sources: Sequence[int]) -> Slopes:
    """The row loss's slopes by the weights from `sources` into that unit; n_in stands for the bias."""
    size = max(1, BATCH // (2 * STEPS * max(moment.net.sizes[layer:])))
    parts = [np.array(sources[k : k + size], dtype=np.int64) for k in range(0, len(sources), size)]
    found = [_slopes(_ladder(moment, layer, unit, part)) for part in parts]
    sides = zip(*(f[:4] for f in found), strict=True)
    left, right, across, clean = (Slope(*np.concatenate(side, axis=1)) for side in sides)
    rest = (np.concatenate(part) for part in zip(*(f[4:] for f in found), strict=True))
    return Slopes(left, right, across, clean, *rest)


@dataclass(frozen=True, eq=False)
class _Ladder:
    """Steps of m parameters into one unit; `column` (n_in + 1,) is all that enters it, its bias last."""

    moment: Moment
    layer: int
    unit: int
    sources: Indices  # (m,)
    column: Array
    steps: Array  # (m, STEPS)

    @property
    def nudged(self) -> Array:
        """(2, m, STEPS): the parameters one step down, and one up."""
        at = self.column[self.sources][:, None]
        return np.stack([at - self.steps, at + self.steps])


def _ladder(moment: Moment, layer: int, unit: int, sources: Indices) -> _Ladder:
    """Steps down from a power of 2 that moves the unit's z by about the size of its terms, and by 1 at least."""
    W, b = views(moment.net, moment.w)[layer]
    column = np.append(W[:, unit], b[unit])
    enters = np.abs(np.append(forward_propagation(moment.net, moment.w, moment.row.x).a[layer][0], 1.0))
    reach = max(1.0, float(enters @ np.abs(column)))
    largest = np.where(enters > 0, np.minimum(reach / enters, 1e300), np.maximum(np.abs(column), 1.0))
    powers = np.exp2(np.ceil(np.log2(largest[sources])))
    return _Ladder(moment, layer, unit, sources, column, powers[:, None] * 0.5 ** np.arange(STEPS))


def _slopes(ladder: _Ladder) -> Slopes:
    plain, moved = _quotients(ladder, REFERENCE)
    crosses = _crosses(ladder, moved)
    noise = np.zeros_like(plain)  # of the loss
    for seed in range(SHAKES):
        again, _ = _quotients(ladder, shaken(seed))
        noise = np.fmax(noise, np.abs(again - plain) * ladder.steps)
    # no step meets less of it than smaller ones do
    noise = np.maximum(noise, noise[..., STEPS // 2 :].max(axis=-1, keepdims=True))
    rounding = SAFETY * np.maximum.accumulate(noise[..., ::-1], axis=-1)[..., ::-1] / ladder.steps
    every = np.ones_like(crosses)
    clean = np.logical_and.accumulate(~crosses[:, ::-1], axis=1)[:, ::-1]  # from here down no step crosses
    left, right, across = (extrapolated(plain[k], rounding[k], k // 2 + 1, every) for k in range(3))
    away = extrapolated(plain[2], rounding[2], 2, clean)
    return Slopes(left, right, across, away, np.asarray(crosses.any(axis=1)), _speed(ladder, moved))


def _quotients(ladder: _Ladder, stages: Stages) -> tuple[Array, Trace]:
    """Difference quotients (3, m, STEPS), left, right and across, and the passes that they are made of."""
    moment, nudged = ladder.moment, ladder.nudged
    trace = forward_propagation(moment.net, moment.w, moment.row.x, NUMPY, stages)
    here = _losses(moment, trace, stages)[0]
    moved = _passes(ladder, trace, stages)
    below, above = _losses(moment, moved, stages).reshape(nudged.shape)
    at = ladder.column[ladder.sources][:, None]
    left, right = at - nudged[0], nudged[1] - at  # what the steps are after rounding
    quotients = np.stack([(here - below) / left, (above - here) / right, (above - below) / (left + right)])
    return quotients, moved


def _passes(ladder: _Ladder, trace: Trace, stages: Stages) -> Trace:
    """The forward passes of all nudges from the unit's layer on, as rows: 2 m STEPS of them."""
    net, nudged = ladder.moment.net, ladder.nudged
    columns = ladder.column[:, None].repeat(nudged.size, axis=1)  # (n_in + 1, rows)
    owners = np.broadcast_to(ladder.sources[:, None], nudged.shape).reshape(-1)
    columns[owners, np.arange(nudged.size)] = nudged.reshape(-1)
    z = trace.z[ladder.layer].repeat(nudged.size, axis=0)  # (rows, n_out)
    z[:, ladder.unit] = stages.affine(trace.a[ladder.layer], columns[:-1], columns[-1])[0]
    a = stages.activate(net.layers[ladder.layer].activation, z, NUMPY)  # (rows, n_out)
    above = net.layers[ladder.layer + 1 :]
    if not above:
        return Trace((z,), (z, a))
    w = ladder.moment.w[spans(net)[ladder.layer].stop :]
    later = forward_propagation(Network(a.shape[1], above), w, a, NUMPY, stages)
    return Trace((z, *later.z), (z, *later.a))


def _losses(moment: Moment, trace: Trace, stages: Stages) -> Array:
    """(rows,): the row's loss, its weight counted, for each row of the trace."""
    y = moment.row.y.repeat(len(trace.output), axis=0)
    return moment.weight * row_losses(moment.net, moment.loss, trace, y, NUMPY, stages)


def _crosses(ladder: _Ladder, moved: Trace) -> Mask:
    """(m, STEPS): whether the two nudges of a step leave a unit, or the loss, on two sides of a kink."""
    moment, found = ladder.moment, np.zeros(ladder.steps.shape, bool)
    values = [
        (layer.activation.kinks, z) for layer, z in zip(moment.net.layers[ladder.layer :], moved.z, strict=True)
    ]
    for kinks, value in [*values, (moment.loss.kinks, moved.output - moment.row.y)]:
        for kink in kinks:
            below, above = np.sign(value - kink).reshape(*ladder.nudged.shape, -1)
            found |= (below != above).any(axis=-1)
    return found


def _speed(ladder: _Ladder, moved: Trace) -> Array:
    """(m,): how fast the outputs' z move, added up; of small steps rounding would tell."""
    below, above = moved.z[-1].reshape(*ladder.nudged.shape, -1)
    speeds = (np.abs(above - below).sum(axis=-1) / (2 * ladder.steps))[:, : STEPS // 2]
    return np.asarray(np.nan_to_num(speeds, nan=0.0, posinf=0.0).max(axis=1))
