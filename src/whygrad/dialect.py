"""From the bytes of a delimited text file to its column names and columns of text.

The dialect (text encoding, delimiter, decimal sign, comment lines) is guessed from the first 64 kB. Polars
then splits the fields, after one pass over the bytes has shown that every record has as many fields as the
header; files with quotes in unusual places, and those aligned by spaces, are split by the csv module instead.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whygrad.errors import InputError, TableError
from whygrad.table import Indices, listed, records

if TYPE_CHECKING:
    import polars as pl

SAMPLE = 65536
DELIMITERS = "\t;|, "  # where two fit equally well the earlier one: commas and spaces also occur in values
DELIMITER_NAMES = {"\t": "tab", " ": "space"}
DELIMITER_WORDS = {"tab": "\t", "\\t": "\t", "space": " "}
NEWLINE, RETURN, QUOTE = 10, 13, 34
FOREIGN = {
    b"PK\x03\x04": "a spreadsheet or zip file; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save it as CSV",
    b"\x1f\x8b": "a gzip file; unpack it first",
}

POINT_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
BLANK = re.compile(rb'(?m)^(?:[ \t]|(?<!")""(?!"))*\r?$')  # four quotes are a field that holds one
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Dialect:
    """How a delimited text file is written; `text_encoding` is a codec name of Python's."""

    text_encoding: str
    delimiter: str
    decimal: str
    skip_lines: int
    header: bool


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
    header: bool = True,
    text_encoding: str | None = None,
) -> TextColumns:
    """The columns of a delimited file; what is None is guessed. `name` is for messages."""
    utf8, codec = decode(data, name, text_encoding)
    if not utf8.strip():
        raise TableError(f"{name} is empty")
    dialect = guess_dialect(utf8, codec, delimiter, decimal, header)
    line, first = next(_slow_records(utf8, name, dialect), (0, []))
    if not first:
        raise TableError(f"{name} has comment lines only")
    names, notes = _names(first, f"{name} line {line}", dialect)
    columns = _split_fast(utf8, name, dialect, len(first))
    if columns is None:
        columns = _split_slowly(utf8, name, dialect, len(first))
    if len(columns[0]) == 0:
        raise TableError(f"{name} has a header and no rows")
    return TextColumns(names, columns, dialect, notes)


def decode(data: bytes, name: str, text_encoding: str | None) -> tuple[bytes, str]:
    """(the text as UTF-8 without a mark, its codec). Guessed: UTF-8, UTF-16 by its mark, else cp1252."""
    for magic, what in FOREIGN.items():
        if data.startswith(magic):
            raise TableError(f"{name} is {what}")
    try:
        codec = _guess_encoding(data) if text_encoding is None else codecs.lookup(text_encoding).name
        if codec == "utf-8" and data.startswith(codecs.BOM_UTF8):
            codec = "utf-8-sig"
        text = data.decode(codec)
        utf8 = data if codec == "utf-8" else text.encode()
    except LookupError:
        raise InputError(f"no text encoding is called {text_encoding!r}; try utf-8 or cp1252") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"{name} line {line}: byte 0x{data[error.start]:02x} is not {codec} text; "
            "is this a text file? --text-encoding names another encoding"
        ) from None
    if b"\0" in utf8:
        line = utf8.count(b"\n", 0, utf8.index(b"\0")) + 1
        raise TableError(f"{name} line {line}: a NUL byte; this is not a text file")
    return utf8, codec


def _guess_encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def guess_dialect(utf8: bytes, codec: str, delimiter: str | None, decimal: str | None, header: bool) -> Dialect:
    """The dialect of a text; what is given is kept, what is None is guessed from the first 64 kB."""
    delimiter = None if delimiter is None else DELIMITER_WORDS.get(delimiter, delimiter)
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise InputError(f"delimiter {delimiter!r}: it must be one character, such as ',' or ';' or tab")
    if decimal not in (None, ".", ","):
        raise InputError(f"decimal sign {decimal!r}: it can be '.' or ','")
    sample = utf8[:SAMPLE]
    if len(utf8) > SAMPLE:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    lines = list(io.StringIO(sample.decode(errors="ignore"), newline=""))
    skip = 0
    while skip < len(lines) and (lines[skip].startswith("#") or not lines[skip].strip()):
        skip += 1
    delimiter = delimiter or _guess_delimiter(lines[skip:])
    rows = _sample_rows(lines[skip:], delimiter)
    if header and skip and _is_header(lines[skip - 1], rows, delimiter):
        skip -= 1
    return Dialect(codec, delimiter, decimal or _guess_decimal(rows), skip, header)


def _sample_rows(lines: list[str], delimiter: str) -> list[list[str]]:
    return [[field.strip() for field in fields] for _, fields in records(lines, "sample", delimiter)]


def _guess_delimiter(lines: list[str]) -> str:
    """The delimiter that gives the largest share of lines the same number of fields, at least 2.

    csv.Sniffer is not asked: it takes letters and decimal commas for delimiters where it is unsure.
    """
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        widths = [len(fields) for fields in _sample_rows(lines, delimiter)]
        usual, count = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if usual < 2 or (delimiter == " " and (widths[0] != usual or best_share >= 0.5)):
            continue
        if count / len(widths) > best_share:
            best, best_share = delimiter, count / len(widths)
    return best


def _is_header(comment: str, rows: list[list[str]], delimiter: str) -> bool:
    """Whether a line that starts with # names the columns: as many fields as a line with numbers below."""
    if not rows or not comment.startswith("#"):
        return False
    fields = next(iter(_sample_rows([comment], delimiter)), [])
    return len(fields) == len(rows[0]) > 1 and any(_is_number(field) for field in rows[0])


def _is_number(field: str) -> bool:
    return bool(POINT_NUMBER.fullmatch(field) or COMMA_NUMBER.fullmatch(field))


def _guess_decimal(rows: list[list[str]]) -> str:
    """',' where numbers have decimal commas and none has a point, unless all could be thousands (1,234)."""
    fields = [field for row in rows for field in row]
    if any("." in field and POINT_NUMBER.fullmatch(field) for field in fields):
        return "."
    commas = [field for field in fields if "," in field and COMMA_NUMBER.fullmatch(field)]
    return "," if any(not THOUSANDS.fullmatch(field) for field in commas) else "."


def _names(first: list[str], where: str, dialect: Dialect) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(column names, notes) from the first record."""
    if not dialect.header:
        return tuple(f"column_{k}" for k in range(1, len(first) + 1)), ()
    fields = [field.strip() for field in first]
    filled = [field for field in fields if field]
    if filled and all(_is_number(field) for field in filled):
        raise TableError(f"{where}: only numbers where column names should be; --no-header if there are none")
    if fields[0].startswith("#") and len(fields[0]) > 1:
        fields[0] = fields[0].lstrip("# ")
    nameless = [k for k, field in enumerate(fields) if not field]
    for k in nameless:
        fields[k] = f"column_{k + 1}"
    for k, field in enumerate(fields):
        if field in fields[:k]:
            at = fields.index(field)
            raise TableError(f"{where}: columns {at + 1} and {k + 1} are both called {field!r}; rename one")
    unnamed = listed([fields[k] for k in nameless])
    return tuple(fields), (f"columns without a name are called {unnamed}",) if nameless else ()


def _ragged(
    name: str, line: int, found: int, width: int, dialect: Dialect, many_lines: bool = False
) -> TableError:
    first = "header" if dialect.header else "first line"
    delimiter = DELIMITER_NAMES.get(dialect.delimiter, repr(dialect.delimiter))
    return TableError(
        f"{name} line {line}: {found} field{'s' * (found != 1)} where the {first} has {width} "
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


def _split_fast(utf8: bytes, name: str, dialect: Dialect, width: int) -> tuple[pl.Series, ...] | None:
    """The columns by Polars; None where only the csv module splits as people mean it."""
    import polars as pl

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
        line = utf8.count(b"\n", 0, offset + int(layout.start[wrong[0]])) + 1
        raise _ragged(name, line, int(layout.fields[wrong[0]]), width, dialect)
    start, end = layout.start[dialect.header :], layout.end[dialect.header :]
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


def _slow_records(utf8: bytes, name: str, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    lines = io.TextIOWrapper(io.BytesIO(utf8), encoding="utf-8", newline="")
    return records(lines, name, dialect.delimiter, dialect.skip_lines)


def _split_slowly(utf8: bytes, name: str, dialect: Dialect, width: int) -> tuple[pl.Series, ...]:
    """The columns by the csv module, whose reading of odd quotes is everybody's."""
    import polars as pl

    rows = []
    for line, fields in _slow_records(utf8, name, dialect):
        if len(fields) != width:
            many_lines = any("\n" in field for field in fields)
            raise _ragged(name, line, len(fields), width, dialect, many_lines)
        rows.append(fields)
    columns = list(zip(*rows[dialect.header :], strict=True)) or [()] * width
    return tuple(pl.Series(str(k), column, dtype=pl.String) for k, column in enumerate(columns))
