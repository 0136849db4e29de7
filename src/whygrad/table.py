"""A table: named columns of numbers, categories and yes/no answers, and where each row came from.

Rows are examples. `split_rows` chooses the validation rows and `row_order` the order in which an epoch sees
the rows; both are functions of a seed, so nothing random needs to be stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whygrad.delimited import line_number
from whygrad.errors import InputError, one_of
from whygrad.printing import counted
from whygrad.scratch import changed, on_disk, part, pieces

Kind = Literal["number", "category", "yes/no"]
Held = Literal["text", "integer", "boolean"]
Task = Literal["regression", "binary", "multiclass"]
Order = Literal["sequential", "shuffled", "random"]
Missing = Literal["refuse", "drop", "fill"]

Floats = NDArray[np.float64]
Indices = NDArray[np.integer[Any]]

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
            ends = extremes(self)
            return "no values" if ends is None else f"{ends[0]:g} to {ends[1]:g}"
        return listed(self.categories)

    def missing(self) -> NDArray[np.bool_]:
        """(rows,) True where the entry is missing."""
        return self.values < 0 if self.kind == "category" else np.isnan(self.values)

    def take(self, rows: Indices | slice) -> Column:
        """The column of these rows only, in memory."""
        return replace(self, values=part(self.values, rows))


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

    @property
    def streamed(self) -> bool:
        """Whether its columns lie on disk."""
        return any(on_disk(column.values) for column in (*self.inputs, *self.targets))

    def take(self, rows: Indices | slice) -> Table:
        """The table of these rows only, in this order and in memory."""
        return replace(
            self,
            inputs=tuple(column.take(rows) for column in self.inputs),
            targets=tuple(column.take(rows) for column in self.targets),
            row_weights=None if self.row_weights is None else part(self.row_weights, rows),
            rows=part(self.rows, rows),
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
        """These rows only, in this order and in memory."""
        weights = None if self.weights is None else part(self.weights, rows)
        return Rows(part(self.x, rows), part(self.y, rows), weights)


def row_numbers(n: int) -> Indices:
    """0 to n - 1 (n,), in 4 bytes each as long as that is enough."""
    return np.arange(n, dtype=np.int32 if n <= np.iinfo(np.int32).max else np.int64)


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


def present(column: Column, rows: Indices | None = None) -> Iterator[NDArray[Any]]:
    """The entries of a column in these rows (all where None) that are not missing, piece by piece."""
    for piece in pieces(len(column.values) if rows is None else len(rows)):
        found = column.take(piece if rows is None else rows[piece])
        yield found.values[~found.missing()]


def extremes(column: Column, rows: Indices | None = None) -> tuple[float, float] | None:
    """(smallest, largest) number of a column in these rows (all where None); None where every one is missing."""
    ends = [(float(values.min()), float(values.max())) for values in present(column, rows) if values.size]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None


def levels(column: Column, most: int) -> NDArray[Any] | None:
    """The different entries of a column, sorted, missing ones aside; None where there are more than `most`."""
    found = column.values[:0]
    for values in present(column):
        found = np.union1d(found, values)
        if len(found) > most:
            return None
    return found


def recoded(column: Column, codes: NDArray[np.int64], categories: tuple[str, ...]) -> Column:
    """A column of categories with `codes` (old categories,) for its codes; what is missing stays so."""
    renumber = np.append(codes, -1).astype(np.int32)
    return replace(column, values=changed(column.values, lambda v: renumber[v], np.int32), categories=categories)


def code_counts(column: Column, rows: Indices | None = None) -> NDArray[np.int64]:
    """(categories,) how many of these rows (all where None) have each category of a column, or "no" and "yes"."""
    counts: NDArray[np.int64] = np.zeros(len(column.categories), dtype=np.int64)
    for codes in present(column, rows):
        counts += np.bincount(codes.astype(np.int64), minlength=len(counts))
    return counts


def split_rows(table: Table, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """(training rows, validation rows), sorted; `fraction` of the rows validate.

    With one class target every class keeps its share (largest remainders), and at least one training row.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"the validation fraction is {fraction:g}; it must be at least 0 and below 1")
    n = len(table)
    if n == 0:
        raise InputError("the table has no rows, so no row is left to train on")
    validation = _validation_rows(table, fraction, np.random.default_rng((seed, 1)))
    if fraction > 0 and not len(validation):
        raise InputError(
            f"a validation fraction of {fraction:g} of {counted(n, 'row')} leaves no row to validate on"
        )
    if len(validation) == n:
        raise InputError(f"a validation fraction of {fraction:g} of {counted(n, 'row')} leaves no row to train on")
    return _others(n, validation), validation


def _validation_rows(table: Table, fraction: float, rng: np.random.Generator) -> Indices:
    """Sorted; shuffled in place, since a table may have more rows than there is room for their numbers twice."""
    if table.task == "regression" or len(table.targets) > 1:
        rows = row_numbers(len(table))
        rng.shuffle(rows)
        return np.sort(rows[: round(fraction * len(rows))])
    counts = code_counts(table.targets[0])
    rows, end = _by_class(table.targets[0], counts), np.cumsum(counts)
    heads: list[Indices] = []
    for start, stop, take in zip(end - counts, end, _shares(counts, fraction), strict=True):
        rng.shuffle(rows[start:stop])
        heads.append(rows[start : start + take])
    return np.sort(np.concatenate(heads))


def _by_class(column: Column, counts: NDArray[np.int64]) -> Indices:
    """The rows (rows,), class by class, and in each class in their order."""
    rows, at = row_numbers(len(column.values)), np.cumsum(counts) - counts
    for piece in pieces(len(rows)):
        codes = part(column.values, piece).astype(np.int64)
        sequence = np.argsort(codes, kind="stable")
        here = np.bincount(codes, minlength=len(counts))
        stop = np.cumsum(here)
        for label in np.flatnonzero(here):
            found = sequence[stop[label] - here[label] : stop[label]]
            rows[at[label] : at[label] + here[label]] = piece.start + found
        at += here
    return rows


def _others(n: int, chosen: Indices) -> Indices:
    """0 to n - 1 without what was chosen, which is sorted."""
    others, at = np.empty(n - len(chosen), chosen.dtype), 0
    for piece in pieces(n):
        there = np.ones(piece.stop - piece.start, dtype=bool)
        first, last = np.searchsorted(chosen, np.array([piece.start, piece.stop], chosen.dtype))
        there[chosen[first:last] - piece.start] = False
        found = np.flatnonzero(there)
        others[at : at + len(found)] = piece.start + found
        at += len(found)
    return others


def _shares(counts: NDArray[np.int64], fraction: float) -> NDArray[np.int64]:
    """(classes,) validation rows of each by largest remainders; a training row is kept of every class."""
    quota = fraction * counts  # (classes,)
    take: NDArray[np.int64] = np.floor(quota).astype(np.int64)  # below the count, as the fraction is below 1
    left = round(fraction * int(counts.sum())) - int(take.sum())
    for k in np.argsort(take - quota, kind="stable"):
        if left > 0 and take[k] < counts[k] - 1:
            take[k] += 1
            left -= 1
    return take


def row_order(n: int, order: Order, seed: int, epoch: int) -> Indices:
    """The rows in the order in which this epoch visits them, (n,).

    sequential: 0, 1, 2 ...; shuffled: a fresh permutation; random: n draws with replacement.
    """
    rows = row_numbers(n)
    if order == "sequential":
        return rows
    rng = np.random.default_rng((seed, 2, epoch))
    if order == "shuffled":
        rng.shuffle(rows)
        return rows
    if order == "random":
        for piece in pieces(n):
            rows[piece] = rng.integers(n, size=piece.stop - piece.start, dtype=np.int64)
        return rows
    raise one_of("row order", order, get_args(Order))
