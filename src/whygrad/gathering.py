"""Columns gathered from the parts of a stream: their cells go to disk, and what they are is decided at the end.

What a column is, and whether it can be, is judged by the functions that judge a column read whole. They are shown
every word of it once, with the row where it first stood, and those numbers on which their judgement may hang.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from whygrad.casting import Cells, category_column, cells_of_numbers, cells_of_text, only_words, point_sorts
from whygrad.errors import TableError
from whygrad.scratch import Growing, changed
from whygrad.streaming import Stream
from whygrad.table import Column, Floats, Held, Indices

Make = Callable[[Cells], Column]  # from the cells of a column to what it is

MOST_WORDS = 100_000  # different ones in a column


class Gathered(NamedTuple):
    """What a stream held: columns, the rows of the source that are in them, and how many there were in all."""

    columns: dict[str, Column]
    rows: Indices
    n_rows: int
    lacking: int  # rows that lack an entry of a column that may not lack any
    gaps: dict[str, int]  # such columns that lack one, and the first row


def gather(
    stream: Stream, makes: Mapping[str, Make], words: frozenset[str], may_lack: frozenset[str], drop: bool
) -> Gathered:
    """Reads a stream to its end. `words` are columns that hold words even where they hold numbers.

    With `drop`, rows that lack an entry are left out, except of the columns that `may_lack` some. Raises
    `TableError` for what a column cannot be, in the order of `makes`, as soon as it is certain.
    """
    with ExitStack() as files:
        gathering = {
            name: _Column(name, make, name in words, files.enter_context(Growing(np.float64)))
            for name, make in makes.items()
        }
        rows, gaps, lacking, n_rows = files.enter_context(Growing(np.int64)), dict[str, int](), 0, 0
        for opened in stream.parts():
            cells = {name: opened.cells(name) for name in makes}
            absent = np.zeros(opened.n_rows, dtype=bool)
            for name, found in cells.items():
                gone = _missing(found)
                if name not in may_lack and gone.any():
                    gaps.setdefault(name, n_rows + int(np.argmax(gone)))
                    absent |= gone
            kept = np.flatnonzero(~absent) if drop else np.arange(opened.n_rows)
            for name, found in cells.items():
                gathering[name].add(found, n_rows, kept)
            rows.append(n_rows + kept)
            n_rows, lacking = n_rows + opened.n_rows, lacking + int(absent.sum())
        columns = {name: one.column() for name, one in gathering.items()}
        return Gathered(
            columns, rows.array(), n_rows, lacking, {name: gaps[name] for name in makes if name in gaps}
        )


def _missing(cells: Cells) -> NDArray[np.bool_]:
    return np.isnan(cells.numbers) & ~cells.is_word


class _Column:
    """One column on its way: numbers as they are, words as numbers in the order in which they first came."""

    def __init__(self, name: str, make: Make, as_words: bool, values: Growing) -> None:
        self.name, self.make, self.as_words, self.values = name, make, as_words, values
        self.words: dict[str, int] = {}  # each word's number
        self.first: list[int] = []  # the row where each first stood
        self.numbers: dict[str, tuple[int, float, str]] = {}  # why it is shown: its row, itself, as it is written
        self.held: set[Held] = set()
        self.like: Cells | None = None  # the first cells, for what is the same of all

    def add(self, cells: Cells, start: int, kept: Indices) -> None:
        """Takes cells in, of the rows from `start` on; those `kept` go to disk."""
        self.like = self.like or cells
        values = cells.numbers
        if not self.as_words:
            self._show(cells, start)
        if self.as_words or cells.is_word.any():
            values = self._numbered(category_column(cells if self.as_words else only_words(cells)), start)
        if not _missing(cells).all():
            self.held.add(cells.held)
        self.values.append(values[kept])
        if self.numbers and self.words:
            self.column()  # which refuses it

    def _show(self, cells: Cells, start: int) -> None:
        """Keeps the first number of every sort that a judgement asks for."""
        sorts = {
            "any": ~np.isnan(cells.numbers),
            "infinite": np.isinf(cells.numbers),
            "negative": cells.numbers < 0,
            **point_sorts(cells),
        }
        for why, there in sorts.items():
            if why not in self.numbers and there.any():
                i = int(np.argmax(there))
                self.numbers[why] = (start + i, float(cells.numbers[i]), cells.value(i))

    def _numbered(self, column: Column, start: int) -> Floats:
        """(rows,) the words' numbers, NaN where there is none."""
        new = [k for k, word in enumerate(column.categories) if word not in self.words]
        if new:
            codes, rows = np.unique(column.values, return_index=True)
            first = dict(zip(codes.tolist(), rows.tolist(), strict=True))
            for k in sorted(new, key=lambda code: first[code]):
                self.words[column.categories[k]] = len(self.words)
                self.first.append(start + first[k])
        if len(self.words) > MOST_WORDS:
            raise TableError(
                f"column {self.name!r} holds more than {MOST_WORDS:,} different words; --ignore {self.name}"
            )
        numbers = np.array([*(self.words[word] for word in column.categories), np.nan])
        return np.asarray(numbers[column.values])

    def column(self) -> Column:
        """The column as it is judged to be, its values on disk."""
        made, values = self.make(self._shown()), self.values.array()
        if made.kind == "number":
            return replace(made, values=values)
        nothing = -1 if made.kind == "category" else np.nan
        codes = np.append(made.values[: len(self.words)], nothing).astype(made.values.dtype)

        def change(numbers: Floats) -> NDArray[Any]:
            return np.asarray(codes[np.where(np.isnan(numbers), -1, numbers).astype(np.int64)])

        return replace(made, values=changed(values, change, codes.dtype))

    def _shown(self) -> Cells:
        """Cells of the words and the numbers to judge by, at their places."""
        like, shown = self.like, list(self.numbers.values())
        assert like is not None  # a stream has a part
        rows = [*self.first, *(row for row, _, _ in shown)]

        def where(i: int) -> str:
            return like.place(rows[i] if rows else 0)

        if like.text is None and not self.words:
            return cells_of_numbers(self.name, np.array([number for _, number, _ in shown]), where)
        import polars as pl

        text = pl.Series([*self.words, *(written for _, _, written in shown)], dtype=pl.String)
        cells = cells_of_text(self.name, text, where, like.decimal, like.unsure)
        held = next(iter(self.held)) if len(self.held) == 1 else "text"
        return replace(cells, dates=like.dates, held=held)
