"""From a source to its columns, whether it is read whole or some rows at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from whygrad.errors import TableError
from whygrad.gathering import Gathered, Make, gather
from whygrad.printing import counted
from whygrad.scratch import folder
from whygrad.sources import CsvOptions, Opened, open_source
from whygrad.streaming import Stream, open_stream, wants_streaming
from whygrad.table import Column, Indices, Missing, code_counts, listed, place, recoded, row_numbers


def open_table(
    source: Any, options: CsvOptions, missing_values: tuple[str, ...], stream: bool | None
) -> Opened | Stream:
    """Opens a source, as a stream if that is wanted or, where nothing is said, if it is large."""
    if wants_streaming(source, stream):
        return open_stream(Path(source), options, missing_values)
    return open_source(source, options, missing_values)


class Found(NamedTuple):
    """What was read: columns by name, their rows in the source, and what is said of both."""

    columns: dict[str, Column]
    rows: Indices
    notes: tuple[str, ...]


def find_columns(
    opened: Opened | Stream,
    makes: dict[str, Make],
    words: frozenset[str],
    missing: Missing,
    filled: frozenset[str],
    way_out: str,
) -> Found:
    """The columns; rows that lack an entry outside `filled` are dropped if `missing` is "drop", else refused."""
    drop = missing == "drop"
    if isinstance(opened, Stream):
        read = gather(opened, makes, words, filled, drop)
        notes = (*opened.said(read.n_rows), f"read some rows at a time, columns on disk in {folder()}")
    else:
        read, notes = _whole(opened, makes, filled, drop), opened.notes
    if not read.gaps:
        return Found(read.columns, read.rows, notes)
    count = f"{read.lacking:,} of {counted(read.n_rows, 'row')}"
    if drop:
        if not len(read.rows):
            raise TableError(f"{opened.label}: every row has a missing value, so --missing drop leaves none")
        return Found(
            read.columns, read.rows, (*notes, f"left out {count} with a missing value ({listed(read.gaps)})")
        )
    first = min(read.gaps, key=lambda name: read.gaps[name])
    where = place(opened.source, read.gaps[first], first)
    raise TableError(f"{where}: missing value ({count} {'lacks' if read.lacking == 1 else 'lack'} one){way_out}")


def _whole(opened: Opened, makes: dict[str, Make], may_lack: frozenset[str], drop: bool) -> Gathered:
    """As `gather`, of a source that is in memory."""
    columns = {name: make(opened.cells(name)) for name, make in makes.items()}
    absent, gaps = np.zeros(opened.n_rows, dtype=bool), {}
    for name, column in columns.items():
        gone = column.missing()
        if name not in may_lack and gone.any():
            gaps[name] = int(np.argmax(gone))
            absent |= gone
    rows = np.flatnonzero(~absent) if drop else row_numbers(opened.n_rows)
    kept = {name: column.take(rows) for name, column in columns.items()} if drop else columns
    return Gathered(kept, rows, opened.n_rows, int(absent.sum()), gaps)


def in_use(column: Column) -> Column:
    """The column with only the categories that some row still has."""
    if column.kind != "category":
        return column
    there = code_counts(column) > 0
    if there.all():
        return column
    used = tuple(word for word, some in zip(column.categories, there, strict=True) if some)
    return recoded(column, np.cumsum(there) - 1, used)
