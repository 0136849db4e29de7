"""From the bytes of a delimited text file to its column names and columns of text.

Polars splits the fields, after one pass over the bytes has shown that every record has as many fields as the
header; files with quotes in unusual places, and those aligned by spaces, are split by the csv module instead.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whygrad.delimited import records
from whygrad.dialect import DELIMITER_NAMES, Dialect, column_names, decode, guess_dialect
from whygrad.errors import TableError
from whygrad.printing import counted
from whygrad.table import Indices, listed

if TYPE_CHECKING:
    import polars as pl

NEWLINE, RETURN, QUOTE = 10, 13, 34
BLANK = re.compile(rb'(?m)^(?:[ \t]|(?<!")""(?!"))*\r?$')  # four quotes are a field that holds one


@dataclass(frozen=True, eq=False)
class TextColumns:
    """A delimited file as text: `names` and one string series for each, all of the same length."""

    names: tuple[str, ...]
    columns: tuple[pl.Series, ...]
    dialect: Dialect
    notes: tuple[str, ...]


def read_text_columns(
    data: bytes,
    name: str,
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    text_encoding: str | None = None,
) -> TextColumns:
    """The columns of a delimited file; what is None is guessed. `name` is for messages.

    Columns with neither a name nor a value, which spreadsheets write beside a table, are left out.
    """
    utf8, codec = decode(data, name, text_encoding)
    heading = read_heading(utf8, codec, name, delimiter, decimal, header)
    columns = split_fast(utf8, name, heading)
    if columns is None:
        columns = text_columns(slow_records(text_lines(utf8), name, heading), len(heading.names))
    if len(columns[0]) == 0:
        raise no_rows(name)
    names, unnamed = heading.names, heading.unnamed
    empty = {c for c, column in zip(names, columns, strict=True) if c in unnamed and is_empty(column)}
    if len(empty) < len(names):
        filled = [(c, column) for c, column in zip(names, columns, strict=True) if c not in empty]
        names, columns = tuple(c for c, _ in filled), tuple(column for _, column in filled)
    return TextColumns(names, columns, heading.dialect, name_notes(names, unnamed, empty))


@dataclass(frozen=True)
class Heading:
    """What the beginning of a delimited file says of all of it: its dialect and columns, `unnamed` those without
    a name in the file. `first_line` is the line of the first record (from 1), `body` says that a header is no more
    to come, as in a part from the middle.
    """

    dialect: Dialect
    names: tuple[str, ...]
    unnamed: frozenset[str]
    first_line: int = 1
    body: bool = False

    def after(self, lines: int) -> Heading:
        """The same for what begins so many lines further on."""
        dialect = replace(self.dialect, skip_lines=0)
        return replace(self, dialect=dialect, first_line=self.first_line + lines, body=True)

    @property
    def header(self) -> int:
        """Records that are no rows."""
        return int(self.dialect.header and not self.body)


def read_heading(
    utf8: bytes, codec: str, name: str, delimiter: str | None, decimal: str | None, header: bool | None
) -> Heading:
    """The heading of a text, of which at least the first 64 kB are given; what is None is guessed."""
    if not utf8.strip():
        raise TableError(f"{name} is empty")
    dialect = guess_dialect(utf8, codec, delimiter, decimal, header is not False)
    line, first = next(records(text_lines(utf8), name, dialect.delimiter, dialect.skip_lines), (0, []))
    if not first:
        raise TableError(f"{name} has comment lines only")
    return Heading(dialect, *column_names(first, f"{name} line {line}", dialect, sure=header is True))


def no_rows(name: str) -> TableError:
    """The error for a file that ends with its header."""
    return TableError(f"{name} has a header and no rows")


def is_empty(column: pl.Series) -> bool:
    """Whether a column of text holds nothing but spaces."""
    return bool((column.is_null() | (column.str.strip_chars() == "")).all())


def name_notes(names: tuple[str, ...], unnamed: frozenset[str], empty: set[str]) -> tuple[str, ...]:
    """What is said of columns without a name: those in `names`, and those left out as `empty`."""
    called = [name for name in names if name in unnamed]
    notes = [f"columns without a name are called {listed(called)}"] if called else []
    if empty and empty.isdisjoint(names):
        notes.append(f"left out {counted(len(empty), 'column')} with neither a name nor a value")
    return tuple(notes)


def _ragged(name: str, line: int, found: int, heading: Heading, many_lines: bool = False) -> TableError:
    dialect = heading.dialect
    first = "header" if dialect.header else "first line"
    delimiter = DELIMITER_NAMES.get(dialect.delimiter, repr(dialect.delimiter))
    return TableError(
        f"{name} line {line}: {counted(found, 'field')} where the {first} has {len(heading.names)} "
        f"(delimiter {delimiter}); {'is a closing quote missing?' if many_lines else 'mend it, or --delimiter'}"
    )


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the records of a text lie: `start`, `end` (byte offsets) and `fields`, each (records,)."""

    start: Indices
    end: Indices
    fields: Indices


def find_records(text: NDArray[np.uint8], delimiter: str) -> Layout | None:
    """The records that are not blank, from the bytes alone; None where quotes or returns are unusual."""
    quotes = np.flatnonzero(text == QUOTE)
    if not _quotes_are_plain(text, quotes, ord(delimiter)):
        return None
    returns = np.flatnonzero(text == RETURN)
    if returns.size:
        outside = returns[np.searchsorted(quotes, returns) % 2 == 0]
        if outside.size and (outside[-1] + 1 == text.size or (text[outside + 1] != NEWLINE).any()):
            return None
    end = np.flatnonzero(text == NEWLINE)
    delimiters = np.flatnonzero(text == ord(delimiter))
    if quotes.size:  # an odd number of quotes before a byte: it lies inside a quoted field
        end = end[np.searchsorted(quotes, end) % 2 == 0]
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    if end.size == 0 or end[-1] != text.size - 1:
        end = np.append(end, text.size)
    start = np.append(0, end[:-1] + 1)
    fields = np.diff(np.searchsorted(delimiters, end), prepend=0) + 1
    inked = ~_blank(text, start, end)
    return Layout(start[inked], end[inked], fields[inked])


def _quotes_are_plain(text: NDArray[np.uint8], quotes: Indices, delimiter: int) -> bool:
    """Whether every quote opens at the start of a field, closes at its end, or is doubled inside."""
    if quotes.size % 2:
        return False
    before = np.array([delimiter, NEWLINE, QUOTE])
    after = np.array([delimiter, NEWLINE, RETURN, QUOTE])
    opening, closing = quotes[0::2], quotes[1::2]
    opening = opening[opening > 0]
    closing = closing[closing < text.size - 1]
    return bool(np.isin(text[opening - 1], before).all() and np.isin(text[closing + 1], after).all())


def opens_plainly(data: bytes, delimiter: str) -> bool:
    """Whether the quotes of a text's first line are plain, the last of them perhaps of a field that goes on."""
    line = np.frombuffer(data, np.uint8, count=data.find(b"\n") + 1 or len(data))
    quotes = np.flatnonzero(line == QUOTE)
    if quotes.size % 2 and quotes[-1] > 0 and line[quotes[-1] - 1] not in (ord(delimiter), QUOTE):
        return False
    return _quotes_are_plain(line, quotes[: quotes.size // 2 * 2], ord(delimiter))


def _blank(text: NDArray[np.uint8], start: Indices, end: Indices) -> NDArray[np.bool_]:
    """(records,) whether a record is nothing but spaces, tabs and empty quotes."""
    blank = np.zeros(len(start), dtype=bool)
    candidates = np.isin(text[np.minimum(start, text.size - 1)], np.frombuffer(b' \t"\r\n', np.uint8))
    if candidates.any():
        for found in BLANK.finditer(text.tobytes()):
            k = int(np.searchsorted(start, found.start()))
            if k < len(start) and start[k] == found.start() and end[k] == found.end():
                blank[k] = True
    return blank


def split_fast(utf8: bytes, name: str, heading: Heading) -> tuple[pl.Series, ...] | None:
    """The columns by Polars; None where only the csv module splits as people mean it."""
    import polars as pl

    dialect, width = heading.dialect, len(heading.names)
    if dialect.delimiter == " ":
        return None
    offset = 0
    for _ in range(dialect.skip_lines):
        offset = utf8.find(b"\n", offset) + 1
    text = np.frombuffer(utf8, np.uint8)[offset:]
    layout = find_records(text, dialect.delimiter)
    if layout is None:
        return None
    wrong = np.flatnonzero(layout.fields != width)
    if wrong.size:
        line = heading.first_line + utf8.count(b"\n", 0, offset + int(layout.start[wrong[0]]))
        raise _ragged(name, line, int(layout.fields[wrong[0]]), heading)
    start, end = layout.start[heading.header :], layout.end[heading.header :]
    schema = {str(k): pl.String for k in range(width)}
    if start.size == 0:
        return tuple(pl.DataFrame(schema=schema).iter_columns())
    if (start[1:] != end[:-1] + 1).any():  # blank lines in between: leave their bytes out
        edges = np.zeros(text.size + 2, dtype=np.int8)
        edges[start] += 1
        edges[end + 1] -= 1
        body = text[np.cumsum(edges[: text.size], dtype=np.int8) > 0].tobytes()
    else:
        body = text[start[0] : end[-1] + 1].tobytes()
    frame = pl.read_csv(body, has_header=False, schema=schema, separator=dialect.delimiter)
    return tuple(frame.iter_columns())


def text_lines(utf8: bytes) -> Iterator[str]:
    """The lines of a text as the csv module wants them, with their ends as they are."""
    return io.TextIOWrapper(io.BytesIO(utf8), encoding="utf-8", newline="")


def slow_records(lines: Iterable[str], name: str, heading: Heading) -> Iterator[list[str]]:
    """The fields of each row by the csv module, whose reading of odd quotes is everybody's."""
    dialect = heading.dialect
    found = records(lines, name, dialect.delimiter, dialect.skip_lines, heading.first_line)
    for number, (line, fields) in enumerate(found):
        if len(fields) != len(heading.names):
            raise _ragged(name, line, len(fields), heading, any("\n" in field for field in fields))
        if number >= heading.header:
            yield fields


def text_columns(rows: Iterable[list[str]], width: int) -> tuple[pl.Series, ...]:
    """The columns of rows of fields."""
    import polars as pl

    columns = list(zip(*rows, strict=True)) or [()] * width
    return tuple(pl.Series(str(k), column, dtype=pl.String) for k, column in enumerate(columns))
