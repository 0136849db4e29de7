"""Columns gathered from the parts of a stream: their cells go to disk, and what they are is decided at the end.

What a column is, and whether it can be, is judged by the functions that judge a column read whole. They are shown
every word of it once, with the row where it first stood, and those numbers on which their judgement may hang.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    `TableError` for what a column cannot be, in the order of `makes`.
    """
    gathering = [_Column(stream.label, name, make, name in words) for name, make in makes.items()]
    gaps, lacking, n_rows = dict[str, int](), 0, 0
    with Growing(1 + len(makes)) as held:
        for opened in stream.parts():
            cells = {name: opened.cells(name) for name in makes}
            absent = np.zeros(opened.n_rows, dtype=bool)
            for name, found in cells.items():
                gone = _missing(found)
                if name not in may_lack and gone.any():
                    gaps.setdefault(name, n_rows + int(np.argmax(gone)))
                    absent |= gone
            kept = np.flatnonzero(~absent) if drop else np.arange(opened.n_rows)
            numbers = [one.take(found, n_rows) for one, found in zip(gathering, cells.values(), strict=True)]
            held.append([n_rows + kept, *(column[kept] for column in numbers)])
            n_rows, lacking = n_rows + opened.n_rows, lacking + int(absent.sum())
        made = [one.judged() for one in gathering]
        rows, *values = held.by_columns()
    columns = {
        one.name: one.column(column, numbers) for one, column, numbers in zip(gathering, made, values, strict=True)
    }
    return Gathered(
        columns, changed(rows, np.asarray, np.int64), n_rows, lacking, {n: gaps[n] for n in makes if n in gaps}
    )


def _missing(cells: Cells) -> NDArray[np.bool_]:
    return np.isnan(cells.numbers) & ~cells.is_word


class _Column:
    """One column on its way: numbers as they are, words as numbers in the order in which they first came."""

    def __init__(self, label: str, name: str, make: Make, as_words: bool) -> None:
        self.label, self.name, self.make, self.as_words = label, name, make, as_words
        self.words: dict[str, int] = {}  # each word's number
        self.first: list[int] = []  # the row where each first stood
        self.numbers: dict[str, tuple[int, float, str]] = {}  # why it is shown: its row, itself, as it is written
        self.counts = (0, 0)  # cells that are words, and numbers
        self.held: set[Held] = set()
        self.like: Cells | None = None  # the first cells, for what is the same of all

    def take(self, cells: Cells, start: int) -> Floats:
        """(rows,) the cells of the rows from `start` on as numbers, NaN where one is missing."""
        self.like = self.like or cells
        n_words, n_numbers = int(cells.is_word.sum()), int((~np.isnan(cells.numbers)).sum())
        self.counts = (self.counts[0] + n_words, self.counts[1] + n_numbers)
        if n_words or n_numbers:
            self.held.add(cells.held)
        if not self.as_words:
            self._show(cells, start)
        if self.as_words or n_words:
            return self._numbered(category_column(cells if self.as_words else only_words(cells)), start)
        return cells.numbers

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
                f"{self.label} column {self.name!r} holds more than {MOST_WORDS:,} different words, the most for "
                "a table that is read some rows at a time; leave the column out, or say --no-stream"
            )
        numbers = np.array([*(self.words[word] for word in column.categories), np.nan])
        return np.asarray(numbers[column.values])

    def judged(self) -> Column:
        """The column as it is judged to be; its values are those of the cells that are shown, words first."""
        like, shown = self.like, sorted(self.numbers.values())
        assert like is not None  # a stream has a part
        rows = [*self.first, *(row for row, _, _ in shown)]

        def where(i: int) -> str:
            return like.place(rows[i] if rows else 0)

        if like.text is None and not self.words:
            return self.make(cells_of_numbers(self.name, np.array([number for _, number, _ in shown]), where))
        import polars as pl

        text = pl.Series([*self.words, *(written for _, _, written in shown)], dtype=pl.String)
        cells = cells_of_text(self.name, text, where, like.decimal, like.unsure)
        held = next(iter(self.held)) if len(self.held) == 1 else "text"
        return self.make(replace(cells, dates=like.dates, held=held, counts=self.counts))

    def column(self, judged: Column, numbers: Floats) -> Column:
        """The column with its values, which are on disk as numbers and as those of words."""
        if judged.kind == "number":
            return replace(judged, values=numbers)
        nothing = -1 if judged.kind == "category" else np.nan
        codes = np.append(judged.values[: len(self.words)], nothing).astype(judged.values.dtype)

        def change(some: Floats) -> NDArray[Any]:
            return np.asarray(codes[np.where(np.isnan(some), -1, some).astype(np.int64)])

        return replace(judged, values=changed(numbers, change, codes.dtype))
