"""The loss as a function of chosen parameters, the rest frozen, and the straight line that touches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from whygrad.engines.reference import Reference
from whygrad.errors import InputError, one_of
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.moment import Moment
from whygrad.explanation.positions import Which, positions_of
from whygrad.explanation.symbols import Sign, Symbols
from whygrad.maths import NUMPY, Array
from whygrad.names import Place, place_of
from whygrad.printing import counted
from whygrad.propagation import activate, judge, linear_forward
from whygrad.table import Rows
from whygrad.weights import views

ROWS = ("row", "all")
MOST_POINTS = 1_000_000
BUDGET = 1_000_000  # numbers of a layer that are held at once, so that memory does not grow with grid and table


@dataclass(frozen=True, eq=False, repr=False)
class LossValues(Shown):
    """The loss over a grid of values of chosen parameters, the rest frozen, and the tangent where they stand now.

    `values` and `tangent` have one axis a parameter, in the order of `positions`.
    """

    symbols: Symbols
    positions: tuple[int, ...]
    grids: tuple[Array, ...]
    values: Array  # (len(grids[0]), len(grids[1]), ...)
    here: tuple[float, ...]  # the values now
    loss: float  # at them
    slopes: tuple[float, ...]  # the loss's derivatives there
    rows: Literal["row", "all"]

    @property
    def names(self) -> tuple[Sign, ...]:
        """The chosen parameters."""
        return tuple(self.symbols.parameter(place_of(self.symbols.net, at)) for at in self.positions)

    @property
    def tangent(self) -> Array:
        """The straight line (plane) that touches the loss at the values now: loss + slope times change."""
        plane = np.full(self.values.shape, self.loss)
        for slope, value, axis in zip(self.slopes, self.here, self._axes(), strict=True):
            plane += slope * (axis - value)
        return plane

    @property
    def lowest(self) -> tuple[tuple[float, ...], float] | None:
        """The grid's point with the smallest loss, and that loss; None where no loss is finite."""
        finite = np.where(np.isfinite(self.values), self.values, np.inf)
        at = np.unravel_index(int(finite.argmin()), finite.shape)
        if not np.isfinite(finite[at]):
            return None
        return tuple(float(grid[k]) for grid, k in zip(self.grids, at, strict=True)), float(finite[at])

    def columns(self) -> dict[str, Any]:
        """One row a point of the grid: the parameters' values, the loss, the tangent."""
        points = {name.text: axis.reshape(-1) for name, axis in zip(self.names, self._axes(), strict=True)}
        return {**points, "loss": self.values.reshape(-1), "tangent": self.tangent.reshape(-1)}

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON."""
        found = self.lowest
        return {
            "parameters": [name.text for name in self.names],
            "grids": [grid.tolist() for grid in self.grids],
            "values": self.values.tolist(),
            "now": {"at": list(self.here), "loss": self.loss, "slopes": list(self.slopes)},
            "lowest": None if found is None else {"at": list(found[0]), "loss": found[1]},
            "rows": self.rows,
        }

    def _axes(self) -> list[Array]:
        """Each parameter's value at every point, in the shape of `values`."""
        return list(np.meshgrid(*self.grids, indexing="ij"))


def loss_of(
    moment: Moment,
    parameters: Sequence[Which],
    grids: Sequence[Any],
    rows: Literal["row", "all"] = "row",
    symbols: Symbols | None = None,
) -> LossValues:
    """The loss of the row, or the mean loss of all training rows, as a function of one or more parameters.

    `parameters` are names or positions, `grids` the values (n,) each of them takes; the loss is taken at every
    combination, without penalty. Raises `InputError` for parameters or grids that cannot be.
    """
    if rows not in ROWS:
        raise one_of("rows", rows, ROWS)
    positions = positions_of(moment.net, parameters)
    values = tuple(np.asarray(grid, np.float64).reshape(-1) for grid in grids)
    if not positions or len(positions) != len(values):
        raise InputError(
            f"loss_of: {counted(len(positions), 'parameter')} and {counted(len(values), 'grid')}; give at least "
            "one parameter, and a grid of values for each"
        )
    count = prod(len(grid) for grid in values)
    if not 1 <= count <= MOST_POINTS:
        raise InputError(f"loss_of: the grid has {counted(count, 'point')}, but must have 1 to {MOST_POINTS:,}")
    chosen = moment.row if rows == "row" else moment.rows
    points = np.stack([axis.reshape(-1) for axis in np.meshgrid(*values, indexing="ij")], axis=1)
    found = _losses(moment, chosen, positions, points).reshape([len(grid) for grid in values])
    loss, gradient = Reference().gradients(moment.net, moment.training, moment.w, chosen)
    return LossValues(
        symbols or Symbols(moment.net),
        positions,
        values,
        found,
        tuple(float(moment.w[at]) for at in positions),
        loss,
        tuple(float(gradient[at]) for at in positions),
        rows,
    )


def grid_around(value: float, points: int = 101) -> Array:
    """(points,): evenly from value - r to value + r, where r is the larger of 1 and twice |value|."""
    reach = max(1.0, 2 * abs(value))
    return value + np.linspace(-reach, reach, points)


@np.errstate(all="ignore")
def _losses(moment: Moment, rows: Rows, positions: tuple[int, ...], points: Array) -> Array:
    """(points,): the mean loss of the rows where the parameters at `positions` have the values of each point."""
    net = moment.net
    moved = points - moment.w[list(positions)]  # (points, chosen)
    changes = [(place_of(net, at), moved[:, k]) for k, at in enumerate(positions)]
    block = max(1, min(len(rows), BUDGET // max(net.sizes)))
    total = np.zeros(len(points))
    for start in range(0, len(rows), block):
        part = rows.take(slice(start, start + block))
        at_once = max(1, BUDGET // (max(net.sizes) * len(part)))
        for some in range(0, len(points), at_once):
            piece = slice(some, some + at_once)
            losses = _losses_of(moment, part, [(place, by[piece]) for place, by in changes])  # (piece, block)
            total[piece] += (losses if part.weights is None else losses * part.weights).sum(axis=1)
    return total / len(rows)


def _losses_of(moment: Moment, rows: Rows, changes: list[tuple[Place, Array]]) -> Array:
    """(points, rows): the losses where each place's parameter is moved `by` (points,).

    All layers before the first change are run once for all points. A weight moved by d adds d a to its unit's z.
    """
    net, n = moment.net, len(rows)
    points = len(changes[0][1])
    a, z = rows.x, rows.x
    together = 1  # copies of the rows that lie under each other in a
    for number, (layer, (W, b)) in enumerate(zip(net.layers, views(net, moment.w), strict=True)):
        z = linear_forward(a, W, b)  # (together rows, n_out)
        here = [(place, by) for place, by in changes if place.layer == number]
        if here and together == 1:
            z, a, together = np.tile(z, (points, 1)), np.tile(a, (points, 1)), points
        for place, by in here:
            each = np.repeat(by, n)  # (points rows,)
            z[:, place.to] += each if place.source is None else each * a[:, place.source]
        a = activate(layer.activation, z, NUMPY)
    y = np.tile(rows.y, (together, 1))
    return judge(moment.loss, net.output, z, a, y, NUMPY)[:, 0].reshape(together, n)
