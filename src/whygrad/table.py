"""A table: named columns of numbers, categories and yes/no answers, and where each row came from.

Rows are examples. `split_rows` chooses the validation rows and `row_order` the order in which an epoch sees
the rows; both are functions of a seed, so nothing random needs to be stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whygrad.delimited import line_number
from whygrad.errors import InputError, one_of
from whygrad.printing import counted

Kind = Literal["number", "category", "yes/no"]
Held = Literal["text", "integer", "boolean"]
Task = Literal["regression", "binary", "multiclass"]
Order = Literal["sequential", "shuffled", "random"]
Missing = Literal["refuse", "drop", "fill"]

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BLOCK = 8192  # rows that go through a network at once, so that memory does not grow with the table


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    `values` has shape (rows,). number: float64, NaN is missing. category: int32 codes into `categories`,
    -1 is missing. yes/no: float64 0 or 1, NaN is missing, `categories` = (word for 0, word for 1). `held` is
    what its classes were before they were words.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    categories: tuple[str, ...] = ()
    held: Held = "text"

    def __repr__(self) -> str:
        return f"{self.name}: {self.kind}, {self._summary()}"

    def _summary(self) -> str:
        if self.kind == "number":
            present = self.values[~self.missing()]
            return f"{present.min():g} to {present.max():g}" if present.size else "no values"
        return listed(self.categories)

    def missing(self) -> NDArray[np.bool_]:
        """(rows,) True where the entry is missing."""
        return self.values < 0 if self.kind == "category" else np.isnan(self.values)

    def take(self, rows: Indices) -> Column:
        """The column of these rows only."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True)
class Source:
    """The file or example a table came from, and all it takes to read the same rows again; plain values only."""

    path: str
    sha256: str
    format: Literal["csv", "parquet", "example"]
    delimiter: str = ","
    decimal: str = "."
    header: bool = True
    text_encoding: str = "utf-8"
    skip_lines: int = 0
    missing: Missing = "refuse"
    row_weight: str | None = None
    missing_values: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """Inputs and targets of the same rows; `targets` is empty where only predictions are wanted.

    `rows[i]` is the index in the source of row i, `row_weights` has shape (rows,), and `notes` says in one
    line each what was guessed.
    """

    inputs: tuple[Column, ...]
    targets: tuple[Column, ...]
    task: Task
    row_weights: Floats | None
    source: Source | None
    notes: tuple[str, ...]
    rows: Indices

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        name = "Table" if self.source is None else f"Table {file_name(self.source)}"
        shown = [f"  {column!r}" for column in self.inputs[:20]]
        if len(self.inputs) > 20:
            shown.append(f"  ... and {counted(len(self.inputs) - 20, 'more input')}")
        shown += [f"  target {column!r}" for column in self.targets]
        guesses = [f"  note: {note}" for note in self.notes]
        return "\n".join([f"{name}: {counted(len(self), 'row')}, {self.task}", *shown, *guesses])

    def take(self, rows: Indices) -> Table:
        """The table of these rows only, in this order."""
        return replace(
            self,
            inputs=tuple(column.take(rows) for column in self.inputs),
            targets=tuple(column.take(rows) for column in self.targets),
            row_weights=None if self.row_weights is None else self.row_weights[rows],
            rows=self.rows[rows],
        )

    def where(self, row: int, column: str) -> str:
        """The place of an entry, as in "houses.csv line 7 column 'price'"; `row` counts from 0."""
        return place(self.source, int(self.rows[row]), column)


@dataclass(frozen=True, eq=False)
class Rows:
    """Encoded rows: `x` (rows, n_in), `y` (rows, n_out), `weights` (rows,) or None."""

    x: NDArray[Any]
    y: NDArray[Any]
    weights: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Indices | slice) -> Rows:
        """These rows only, in this order."""
        return Rows(self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows])


def listed(names: Iterable[str], most: int = 8) -> str:
    """At most `most` names, as in "a, b and 12 more"."""
    names = list(names)
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def file_name(source: Source) -> str:
    """The last part of the source's path."""
    return PurePath(source.path).name


def place(source: Source | None, index: int, column: str) -> str:
    """Where the entry of row `index` (from 0, in the source) stands, for a message."""
    row = f"row {index + 1} (index {index}) column {column!r}"
    if source is None:
        return row
    line = None
    if source.format == "csv":
        line = line_number(
            source.path, index + source.header, source.text_encoding, source.delimiter, source.skip_lines
        )
    return f"{file_name(source)} {row if line is None else f'line {line} column {column!r}'}"


def split_rows(table: Table, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """(training rows, validation rows), sorted; `fraction` of the rows validate.

    With one class target every class keeps its share (largest remainders), and at least one training row.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"the validation fraction is {fraction:g}; it must be at least 0 and below 1")
    n = len(table)
    if n == 0:
        raise InputError("the table has no rows, so no row is left to train on")
    rng = np.random.default_rng((seed, 1))
    chosen = np.zeros(n, dtype=bool)
    if table.task != "regression" and len(table.targets) == 1:
        classes = table.targets[0].values.astype(np.int64)  # (rows,)
        for label, take in zip(*_shares(classes, fraction), strict=True):
            chosen[rng.permutation(np.flatnonzero(classes == label))[:take]] = True
    else:
        chosen[rng.permutation(n)[: round(fraction * n)]] = True
    training, validation = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    if fraction > 0 and not len(validation):
        raise InputError(
            f"a validation fraction of {fraction:g} of {counted(n, 'row')} leaves no row to validate on"
        )
    if not len(training):
        raise InputError(f"a validation fraction of {fraction:g} of {counted(n, 'row')} leaves no row to train on")
    return training, validation


def _shares(classes: Indices, fraction: float) -> tuple[Indices, Indices]:
    """(labels, validation rows of each) by largest remainders; a training row is kept of every class."""
    labels, counts = np.unique(classes, return_counts=True)
    quota = fraction * counts  # (classes,)
    take = np.floor(quota).astype(np.int64)  # below the count, as the fraction is below 1
    left = round(fraction * len(classes)) - int(take.sum())
    for k in np.argsort(take - quota, kind="stable"):
        if left > 0 and take[k] < counts[k] - 1:
            take[k] += 1
            left -= 1
    return labels, take


def row_order(n: int, order: Order, seed: int, epoch: int) -> Indices:
    """The rows in the order in which this epoch visits them, (n,).

    sequential: 0, 1, 2 ...; shuffled: a fresh permutation; random: n draws with replacement.
    """
    if order == "sequential":
        return np.arange(n, dtype=np.int64)
    rng = np.random.default_rng((seed, 2, epoch))
    if order == "shuffled":
        return rng.permutation(n).astype(np.int64, copy=False)
    if order == "random":
        return rng.integers(n, size=n, dtype=np.int64)
    raise one_of("row order", order, get_args(Order))
