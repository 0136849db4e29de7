"""Encoding: a table's columns as numbers a network can take, fitted once, on the training rows only.

A number is standardised, (x - mean) / std with the population's std. A yes/no answer is one 0/1 column. A
category is one column per word, 1 in the column of its word (one-hot). An `Encoding` is plain data: names,
words and floats, so a model file keeps it exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from whygrad.errors import InputError, TableError, one_of
from whygrad.scratch import pieces
from whygrad.table import (
    Column,
    Floats,
    Held,
    Indices,
    Kind,
    Missing,
    Table,
    Task,
    code_counts,
    listed,
    present,
    row_numbers,
)

Scale = Literal["standard", "none"]
Unknown = Literal["refuse", "zeros"]


@dataclass(frozen=True)
class ColumnCode:
    """How one column becomes numbers: encoded = (value - shift) / scale, or one-hot over `categories`.

    `seen` are the categories that occur in the training rows. `fill` stands in for a missing entry, in the
    column's own units (a number, 0 or 1, a word); None refuses it. `held` is what classes are decoded to.
    """

    name: str
    kind: Kind
    shift: float = 0.0
    scale: float = 1.0
    categories: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    fill: float | str | None = None
    held: Held = "text"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the encoded columns."""
        if self.kind == "category":
            return tuple(f"{self.name}={word}" for word in self.categories)
        return (self.name,)


@dataclass(frozen=True)
class Encoding:
    """How a table becomes the arrays X (rows, n_inputs) and Y (rows, n_outputs), and outputs become words."""

    inputs: tuple[ColumnCode, ...]
    targets: tuple[ColumnCode, ...]
    task: Task

    @property
    def input_names(self) -> tuple[str, ...]:
        """One name for each column of X: "carat", "cut=Ideal", ..."""
        return tuple(name for code in self.inputs for name in code.names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """One name for each column of Y: the target, or "cut=Ideal", ... where there are several classes."""
        if self.task == "multiclass":
            return self.targets[0].names
        return tuple(code.name for code in self.targets)

    @property
    def n_inputs(self) -> int:
        """The number of columns of X."""
        return len(self.input_names)

    @property
    def n_outputs(self) -> int:
        """The number of columns of Y."""
        return len(self.output_names)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names of a single class target; empty for numbers and for several targets."""
        return self.targets[0].categories if self.task != "regression" and len(self.targets) == 1 else ()


def fit_encoding(
    table: Table,
    rows: Indices | None = None,
    *,
    scale: Scale = "standard",
    scale_targets: bool = True,
    missing: Missing = "refuse",
) -> Encoding:
    """The encoding of a table, with means, stds and fills from `rows` (all rows where None).

    `scale_targets=False` leaves a regression's targets in their own units, for losses of counts or signs.
    `missing="fill"` fills a missing input with the mean of a number, the most frequent of words; "drop" was
    done when the table was read, so what is missing by now is refused.
    """
    if scale not in get_args(Scale):
        raise one_of("scale", scale, get_args(Scale))
    if missing not in get_args(Missing):
        raise one_of("missing", missing, get_args(Missing))
    chosen = row_numbers(len(table)) if rows is None else rows
    if len(chosen) == 0:
        raise InputError("an encoding needs at least one training row")
    standardise = scale == "standard"
    return Encoding(
        tuple(_fit_column(table, c, chosen, standardise, missing == "fill") for c in table.inputs),
        tuple(_fit_column(table, c, chosen, standardise and scale_targets, False) for c in table.targets),
        table.task,
    )


def _fit_column(table: Table, column: Column, rows: Indices, standardise: bool, fill: bool) -> ColumnCode:
    there = 0
    for piece in pieces(len(rows)):
        absent = column.take(rows[piece]).missing()
        if absent.any() and not fill:
            raise _missing_error(table, int(rows[piece.start + np.argmax(absent)]), column.name)
        there += int((~absent).sum())
    if there == 0:
        raise TableError(f"column {column.name!r} has no value in the training rows; --ignore {column.name}")
    if column.kind == "number":
        found = number_range(column, rows)
        shift, unit = (found.mean, found.unit) if standardise else (0.0, 1.0)
        return ColumnCode(column.name, "number", shift, unit, fill=found.mean if fill else None)
    counts = code_counts(column, rows)
    seen = tuple(word for word, count in zip(column.categories, counts, strict=True) if count)
    usual = int(np.argmax(counts))
    usual_entry = column.categories[usual] if column.kind == "category" else float(usual)
    return ColumnCode(
        column.name,
        column.kind,
        categories=column.categories,
        seen=seen,
        fill=usual_entry if fill else None,
        held=column.held,
    )


class NumberRange(NamedTuple):
    """The numbers of a column: smallest, largest, mean, and the population's std, 1 for a constant."""

    low: float
    high: float
    mean: float
    unit: float


def number_range(column: Column, rows: Indices) -> NumberRange:
    """What these rows hold, missing entries aside; mean and std in two passes, at least one entry there."""
    low, high, n, total = math.inf, -math.inf, 0, 0.0
    for values in present(column, rows):
        if values.size:
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            n, total = n + values.size, total + float(values.sum())
    if low == high:
        return NumberRange(low, high, low, 1.0)  # so that dividing is safe
    mean = total / n
    mean += sum(float((values - mean).sum()) for values in present(column, rows)) / n
    spread = max(high - mean, mean - low)  # squares of very large or small numbers would overflow or vanish
    squares = sum(float(np.square((values - mean) / spread).sum()) for values in present(column, rows))
    return NumberRange(low, high, mean, spread * math.sqrt(squares / n))


def encode_inputs(encoding: Encoding, table: Table, unknown: Unknown = "refuse") -> Floats:
    """X (rows, n_inputs). A word the model does not know is refused, or all zeros with `unknown="zeros"`."""
    if unknown not in get_args(Unknown):
        raise one_of("unknown", unknown, get_args(Unknown))
    columns = {column.name: column for column in table.inputs}
    return _encode(encoding.inputs, columns, table, unknown == "zeros")


def encode_targets(encoding: Encoding, table: Table) -> Floats:
    """Y (rows, n_outputs): numbers, one 0/1 column per binary target, or one-hot where there are classes."""
    columns = {column.name: column for column in table.targets}
    # a class that no training row has is still the truth of a validation row
    codes = tuple(replace(code, seen=code.categories) for code in encoding.targets)
    y = _encode(codes, columns, table, False)
    if encoding.task != "binary":
        return y
    last = np.cumsum([len(code.names) for code in codes]) - 1  # of each one-hot pair, its second class
    return np.ascontiguousarray(y[:, last])


def _encode(codes: tuple[ColumnCode, ...], columns: dict[str, Column], table: Table, zeros: bool) -> Floats:
    x = np.zeros((len(table), sum(len(code.names) for code in codes)))  # (rows, encoded columns)
    at = 0
    for code in codes:
        column = columns.get(code.name)
        if column is None:
            raise TableError(f"no column {code.name!r}; the table has {listed(columns) or 'none'}")
        if column.kind != code.kind:
            raise TableError(
                f"column {code.name!r} is a {column.kind} here and a {code.kind} in the model; "
                "read the table with read_like"
            )
        if code.kind == "category":
            _encode_words(code, column, table, zeros, x[:, at : at + len(code.categories)])
        else:
            values = _filled(code, column, table)
            np.divide(values - code.shift, code.scale, out=x[:, at])
        at += len(code.names)
    return x


def _filled(code: ColumnCode, column: Column, table: Table) -> Floats:
    """(rows,) the column's numbers with its missing entries filled."""
    absent = column.missing()
    if not absent.any():
        return column.values
    if code.fill is None:
        raise _missing_error(table, int(np.argmax(absent)), code.name)
    return np.where(absent, float(code.fill), column.values)


def _encode_words(code: ColumnCode, column: Column, table: Table, zeros: bool, out: Floats) -> None:
    """Sets the ones of a one-hot block `out` (rows, categories) that starts as zeros."""
    position = {word: k for k, word in enumerate(code.categories)}
    known = np.array([position.get(word, -1) for word in column.categories] + [-1])  # last: missing
    absent = column.missing()
    if absent.any():
        if code.fill is None:
            raise _missing_error(table, int(np.argmax(absent)), code.name)
        known[-1] = position[str(code.fill)]
    codes = known[column.values]  # (rows,)
    strange = codes < 0
    if strange.any() and not zeros:
        row = int(np.argmax(strange))
        raise unknown_word(code, column.categories[column.values[row]], table.where(row, code.name))
    unseen = np.array([word not in code.seen for word in code.categories])
    rows = np.flatnonzero(~strange & ~unseen[codes])
    out[rows, codes[rows]] = 1.0


def unknown_word(code: ColumnCode, word: str, where: str) -> TableError:
    """The error for a word that is none of a column's categories."""
    from difflib import get_close_matches

    close = get_close_matches(word, code.categories, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    known = listed(code.categories)
    return TableError(f"{where}: {word!r} is not known to the model; it knows {known}{hint}")


def _missing_error(table: Table, row: int, column: str) -> TableError:
    return TableError(
        f"{table.where(row, column)}: missing value; the model was not told how to fill it (--missing fill)"
    )


def decode_outputs(encoding: Encoding, a: NDArray[Any]) -> Floats:
    """Outputs (rows, n_outputs) in the target's own units; probabilities of classes stay as they are."""
    if encoding.task != "regression":
        return np.asarray(a, dtype=np.float64)
    shift = np.array([code.shift for code in encoding.targets])
    outputs: Floats = np.asarray(a, dtype=np.float64) * target_scale(encoding) + shift
    return outputs


def decode_classes(encoding: Encoding, a: NDArray[Any], threshold: float = 0.5) -> NDArray[Any]:
    """The class each row's outputs (rows, n_outputs) speak for: (rows,), or (rows, targets) for several.

    Several classes: the largest output. Binary: the second class where the output is above the threshold. They
    come as what the target held: str, int64 or bool; as words where several targets differ in that.
    """
    if encoding.task == "regression":
        raise InputError("a regression has no classes to decode; use decode_outputs")
    if encoding.task == "multiclass":
        largest: NDArray[Any] = _class_values(encoding.targets[0])[np.argmax(a, axis=1)]
        return largest
    chosen = (np.asarray(a) > threshold).astype(np.int64)  # (rows, targets)
    alike = len({code.held for code in encoding.targets}) == 1
    values = [_class_values(code) if alike else np.array(code.categories) for code in encoding.targets]
    found = [v[chosen[:, k]] for k, v in enumerate(values)]
    return found[0] if len(found) == 1 else np.stack(found, axis=1)


def _class_values(code: ColumnCode) -> NDArray[Any]:
    """(categories,) the classes of a target as what it held."""
    if code.held == "integer":
        return np.array([int(word) for word in code.categories], dtype=np.int64)
    if code.held == "boolean":
        return np.array([word.lower() == "true" for word in code.categories])
    return np.array(code.categories)


def target_scale(encoding: Encoding) -> Floats:
    """(n_outputs,) original units per unit of output, so error * target_scale is in the target's units."""
    if encoding.task == "multiclass":
        return np.ones(encoding.n_outputs)
    return np.array([code.scale for code in encoding.targets])
