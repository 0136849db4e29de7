"""Rows: which training row pulls one parameter which way, and how strongly.

The loss of a table is the mean of its rows' losses, so its derivative is the mean of theirs (3Blue1Brown,
"Backpropagation calculus"). A row's own derivative is called its pull. An update subtracts: a row whose pull is
negative pushes the parameter up.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from whygrad.errors import InputError, one_of
from whygrad.explanation.columnfile import write_columns
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.moment import Moment
from whygrad.losses import Loss
from whygrad.maths import Array
from whygrad.names import Place, find_parameter, name
from whygrad.network import Network
from whygrad.printing import columns as aligned
from whygrad.printing import counted, short
from whygrad.propagation import backward_propagation, forward_propagation, row_losses
from whygrad.table import BLOCK, Indices, Rows

By = Literal["pull", "size", "loss", "row"]
SHOWN = 10  # rows that are printed
LISTED = 4  # outputs that are


class Pulled(NamedTuple):
    """Rows, their losses and their pulls on one parameter, each weighted."""

    outputs: Array  # (rows, outputs)
    losses: Array  # (rows,)
    pulls: Array  # (rows,)


@dataclass(frozen=True, eq=False, repr=False)
class Pulls(Shown):
    """Rows and their pulls on one parameter; every array has one entry a row, in the same order.

    `pulls` are the derivatives of the rows' own losses by the parameter, row weights counted. Outputs and targets
    are as the loss reads them. `mean_of` counts all rows of the mean, also those left out here, as by `top`.
    """

    parameter: str
    rows: Indices  # (rows,) where they stand in the table, from 0
    outputs: Array  # (rows, outputs)
    targets: Array  # (rows, outputs)
    losses: Array  # (rows,)
    pulls: Array  # (rows,)
    mean_of: int
    output_names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()  # one an output, where each speaks for a class
    order: By = "row"

    def __len__(self) -> int:
        return len(self.pulls)

    @property
    def row_numbers(self) -> Indices:
        """(rows,): where they stand in the table, counted from 1."""
        return self.rows + 1

    @property
    def shares(self) -> Array:
        """(rows,): what each row adds to the mean, its pull over the number of all rows."""
        return self.pulls / self.mean_of

    @property
    def pushes(self) -> NDArray[np.str_]:
        """(rows,): which way an update that met only this row would move the parameter: up, down or not."""
        return np.where(self.pulls < 0, "up", np.where(self.pulls > 0, "down", "not"))

    @property
    def total(self) -> float:
        """The sum of the shares: of all rows, the derivative of the whole loss."""
        return float(self.pulls.sum() / self.mean_of)

    @property
    def up(self) -> float:
        """The sum of the shares that push up; 0 or less."""
        return float(self.pulls[self.pulls < 0].sum() / self.mean_of)

    @property
    def down(self) -> float:
        """The sum of the shares that push down; 0 or more."""
        return float(self.pulls[self.pulls > 0].sum() / self.mean_of)

    @property
    def half(self) -> int:
        """How many rows make half of all pulling, up and down counted alike; the fewest that do."""
        sizes = np.sort(np.abs(self.pulls))[::-1]
        reached = np.cumsum(sizes)
        return int(np.searchsorted(reached, reached[-1] / 2)) + 1 if len(sizes) and reached[-1] > 0 else 0

    def sorted(self, by: By = "size") -> Pulls:
        """The same rows by pull (those that push up most first), size of pull or loss (largest first), or row."""
        keys = {"pull": self.pulls, "size": -np.abs(self.pulls), "loss": -self.losses, "row": self.rows}
        if by not in keys:
            raise one_of("rows sorted by", by, get_args(By))
        order = np.argsort(keys[by], kind="stable")  # (rows,)
        return replace(self._take(order), order=by)

    def top(self, k: int = SHOWN) -> Pulls:
        """The k rows that pull most, whichever way."""
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
            raise InputError(f"rows: the top {k!r} are asked for, but must be a whole number, 0 or more")
        return self.sorted("size")._take(np.arange(min(k, len(self))))

    def _take(self, rows: Indices) -> Pulls:
        kept = {what: getattr(self, what)[rows] for what in ("rows", "outputs", "targets", "losses", "pulls")}
        return replace(self, **kept)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Named arrays, one entry a row: row (from 1), prediction, target, loss, pull, share, pushes."""
        found: dict[str, NDArray[Any]] = {"row": self.row_numbers}
        for what, values in (("prediction", self.outputs), ("target", self.targets)):
            found |= {what + end: values[:, k] for k, end in enumerate(self._endings())}
        return found | {"loss": self.losses, "pull": self.pulls, "share": self.shares, "pushes": self.pushes}

    def _endings(self) -> list[str]:
        outputs = self.outputs.shape[1]
        if outputs == 1:
            return [""]
        return [f"_{end}" for end in self.output_names or range(1, outputs + 1)]

    def told(self) -> dict[str, NDArray[Any]]:
        """`columns` for a reader: several outputs in few words, in one column prediction and one target.

        Of classes the largest output with its class, and the class that is true; else output by output.
        """
        if self.outputs.shape[1] == 1:
            return self.columns()
        if self.classes:
            classes = np.array(self.classes)
            outputs = [short(value) for value in self.outputs.max(axis=1)]
            best = classes[self.outputs.argmax(axis=1)]  # (rows,)
            prediction = [f"{word} {value}" for word, value in zip(best, outputs, strict=True)]
            target = classes[self.targets.argmax(axis=1)].tolist()
        else:
            prediction, target = _listed(self.outputs), _listed(self.targets)
        found = {"row": self.row_numbers, "prediction": np.array(prediction), "target": np.array(target)}
        return found | {what: self.columns()[what] for what in ("loss", "pull", "share", "pushes")}

    def write(self, path: str | os.PathLike[str], force: bool = False) -> None:
        """Writes the columns as CSV or Parquet, by the path's ending; see `write_columns`."""
        write_columns(self.columns(), path, force)

    def summary(self) -> str:
        """What the rows do together, in words."""
        n = f"{len(self):,} of {counted(self.mean_of, 'row')}"
        if len(self) < self.mean_of:
            return f"these {n} give {self.total:.9g} of the whole derivative"
        if self.mean_of == 1:
            way = "up" if self.total < 0 else "down" if self.total > 0 else "neither way: its derivative is 0"
            return f"the only row pulls {self.parameter} {way}"
        if not self.pulls.any():
            return f"no row pulls {self.parameter}: its derivative is 0 on each of {counted(self.mean_of, 'row')}"
        rising, falling = int((self.pulls < 0).sum()), int((self.pulls > 0).sum())
        half = f"{self.half:,} of {counted(self.mean_of, 'row')} {'makes' if self.half == 1 else 'make'}"
        return (
            f"the mean of the pulls on {self.parameter} is {self.total:.9g}: {counted(rising, 'row')} up "
            f"(together {self.up:.9g}), {counted(falling, 'row')} down (together {self.down:.9g}); "
            f"{half} half of the pull"
        )

    def to_plain(self) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON."""
        return {
            "parameter": self.parameter,
            "rows": self.mean_of,
            "derivative": self.total,
            "up": self.up,
            "down": self.down,
            "summary": self.summary(),
            "columns": {what: values.tolist() for what, values in self.columns().items()},
        }

    def __repr__(self) -> str:
        shown = self if self.order != "row" or len(self) <= SHOWN else self.top()
        shown = shown._take(np.arange(min(SHOWN, len(shown))))
        lines = [
            [what, *(f"{value:.6g}" if values.dtype.kind == "f" else str(value) for value in values)]
            for what, values in shown.told().items()
        ]
        title = f"Rows that pull {self.parameter}: {len(shown):,} of {self.mean_of:,}"
        table = aligned(list(zip(*lines, strict=True)), left=())
        return "\n".join([title, *(f"  {line}" for line in table), f"  {self.summary()}"])


def _listed(values: Array) -> list[str]:
    """Each row's values (rows, outputs) one after another; of many the first."""
    more = f", ... ({values.shape[1] - LISTED} more)" if values.shape[1] > LISTED else ""
    return [", ".join(map(short, row[:LISTED])) + more for row in values.tolist()]


def pulls_of(moment: Moment, place: Place, among: Indices | None = None, notation: str = "course") -> Pulls:
    """Every training row's pull on the parameter at `place`.

    `among` (rows,) are the training rows to look at, by their number in `moment.rows`, as `moment.batch`; without
    it all of them. Costs one forward and one backward pass, in blocks of rows. Raises `InputError` for a parameter
    that is not there.
    """
    find_parameter(moment.net, name(place))
    rows = moment.rows if among is None else moment.rows.take(among)
    members = np.arange(len(moment.rows)) if moment.members is None else moment.members  # (rows,)
    found = pull_rows(moment.net, moment.loss, moment.w, rows, place)
    return Pulls(
        name(place, notation),
        members if among is None else members[among],
        found.outputs,
        rows.y,
        found.losses,
        found.pulls,
        len(rows),
        moment.output_names,
        () if moment.encoding is None or len(rows.y[0]) == 1 else moment.encoding.classes,
    )


@np.errstate(all="ignore")  # after a run diverged, pulls may overflow
def pull_rows(net: Network, loss: Loss, w: Array, rows: Rows, place: Place) -> Pulled:
    """The rows' outputs, losses and pulls under the parameters w (P,), block by block."""
    starts = range(0, len(rows), BLOCK)
    blocks = [_pull_block(net, loss, w, rows.take(slice(start, start + BLOCK)), place) for start in starts]
    return Pulled(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _pull_block(net: Network, loss: Loss, w: Array, rows: Rows, place: Place) -> Pulled:
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights  # (rows,)
    trace = forward_propagation(net, w, rows.x)
    whole = weights * len(rows)  # so that each row's derivative is its own, not its part of a mean
    back = backward_propagation(net, w, trace, rows.y, loss, whole)
    delta = back.delta[place.layer][:, place.to]  # (rows,)
    pulls = delta if place.source is None else trace.a[place.layer][:, place.source] * delta
    return Pulled(trace.output, row_losses(net, loss, trace, rows.y) * weights, pulls)
