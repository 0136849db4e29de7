"""Tables that memory has no room for: a file read once, some rows at a time, its columns kept on disk.

What comes of it is the same table, and the same run to the bit, as of a file read whole.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whygrad.dialect import SAMPLE, find_codec, to_utf8
from whygrad.errors import TableError
from whygrad.scratch import PIECE, folder, machine_memory, pieces
from whygrad.sources import (
    PARQUET,
    CsvOptions,
    Opened,
    file_hash,
    file_note,
    file_source,
    lacking,
    open_columns,
    open_frame,
    reading,
    reading_parquet,
    refuse_model,
    rows_note,
)
from whygrad.splitting import (
    Heading,
    is_empty,
    name_notes,
    no_rows,
    opens_plainly,
    read_heading,
    slow_records,
    split_fast,
    text_columns,
)
from whygrad.table import Source, file_name
from whygrad.told import telling

if TYPE_CHECKING:
    import polars as pl

Chunks = Callable[[], Iterator[bytes]]  # a file's bytes, from its beginning at each call

BYTES = 1 << 22  # of a file that are read at once
LONGEST = 16 * BYTES  # within which a record must end, or the csv module reads on from there
ROOM = 1 / 12  # of the memory; larger files are streamed, as reading one whole takes several times its size


@dataclass(frozen=True, eq=False)
class Stream:
    """A file that is read some rows at a time; `parts` reads it anew, and gives them in order.

    `said` makes the notes, once the number of rows is known.
    """

    label: str
    names: tuple[str, ...]
    source: Source
    parts: Callable[[], Iterator[Opened]]
    said: Callable[[int], tuple[str, ...]]
    categorical: frozenset[str] = frozenset()


def wants_streaming(source: Any, stream: bool | None) -> bool:
    """Whether a source is to be streamed: as was said, else a file that is large for this machine's memory."""
    if not isinstance(source, (str, os.PathLike)):
        if stream:
            raise TableError("stream=True reads a file some rows at a time; this table is in memory already")
        return False
    if stream is not None:
        return stream
    return os.path.isfile(source) and os.path.getsize(source) > ROOM * machine_memory()


def open_stream(path: Path, options: CsvOptions, missing_values: tuple[str, ...] = ()) -> Stream:
    """Opens a CSV or Parquet file, told apart by content; `missing_values` are further spellings of missing."""
    folder()  # refuses a bad one before anything is read
    with reading(path):
        stamp = _stamp(os.stat(path))
        if not (path.is_file() or path.is_dir()):
            raise TableError(
                f"{path} is a pipe or device, and --stream reads a file more than once; save it first"
            )
        with open(path, "rb") as file:
            first = file.read(64)
    refuse_model(path, first)
    found = _parquet(path, stamp) if first.startswith(PARQUET) else _text(path, stamp, options)
    source = replace(found.source, missing_values=missing_values)
    return replace(found, source=source, parts=lambda: (lacking(one, missing_values) for one in found.parts()))


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    """What tells that a file is still the same."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _refuse_changed(path: Path, stamp: tuple[int, ...], now: os.stat_result) -> None:
    if _stamp(now) != stamp:
        raise TableError(f"{path} changed while it was read; begin again once it is whole")


def _parquet(path: Path, stamp: tuple[int, ...]) -> Stream:
    source = file_source(path, file_hash(path))
    with reading_parquet(path.name):
        names = tuple(_scanned(path).collect_schema().names())
        beginning = open_frame(_scanned(path).head(1).collect(), source)  # refuses a file without rows
    parts = partial(_frames, path, stamp, source)
    return Stream(path.name, names, source, parts, lambda n: (rows_note(path.name, n),), beginning.categorical)


def _scanned(path: Path) -> pl.LazyFrame:
    import polars as pl

    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _frames(path: Path, stamp: tuple[int, ...], source: Source) -> Iterator[Opened]:
    import polars as pl

    with reading_parquet(path.name), telling(f"reading {path.name}") as tell:
        lazy = _scanned(path)
        rows = int(lazy.select(pl.len()).collect().item())
        for piece in pieces(rows):
            yield open_frame(lazy.slice(piece.start, piece.stop - piece.start).collect(), source, piece.start)
            tell(piece.stop / rows)
    _refuse_changed(path, stamp, os.stat(path))


def _text(path: Path, stamp: tuple[int, ...], options: CsvOptions) -> Stream:
    chunks, again = (partial(_chunks, path, stamp, what) for what in ("checking", "reading"))
    codec = find_codec(chunks, path.name, options.text_encoding)
    heading = read_heading(
        _beginning(to_utf8(chunks(), codec)), codec, path.name, options.delimiter, options.decimal, options.header
    )
    source = file_source(path, file_hash(path), heading.dialect)
    empty = _empty_columns(again, path.name, heading)
    return Stream(
        path.name,
        tuple(name for name in heading.names if name not in empty),
        source,
        partial(_columns, again, source, heading, empty, options),
        partial(_said_of_text, path.name, heading, empty),
    )


def _beginning(chunks: Iterator[bytes]) -> bytes:
    """At least as much of a text as a dialect is guessed from, and something that is not blank."""
    text, blank = [b""], True
    while (blank or sum(map(len, text)) <= SAMPLE) and (chunk := next(chunks, b"")):
        text.append(chunk)
        blank = blank and not chunk.strip()
    return b"".join(text)


def _said_of_text(name: str, heading: Heading, empty: set[str], n_rows: int) -> tuple[str, ...]:
    names = tuple(column for column in heading.names if column not in empty)
    return (file_note(name, n_rows, names, heading.dialect), *name_notes(names, heading.unnamed, empty))


def _empty_columns(chunks: Chunks, name: str, heading: Heading) -> set[str]:
    """The columns with neither a name nor a value, unless all are such; looked for where some have no name."""
    empty = set(heading.unnamed)
    for columns in _split(chunks, name, heading) if empty else ():
        for called, column in zip(heading.names, columns, strict=True):
            if called in empty and not is_empty(column):
                empty.remove(called)
    return empty if len(empty) < len(heading.names) else set()


def _chunks(path: Path, stamp: tuple[int, ...], what: str) -> Iterator[bytes]:
    with reading(path), open(path, "rb") as file, telling(f"{what} {path.name}") as tell:
        while chunk := file.read(BYTES):
            yield chunk
            tell(file.tell() / max(1, stamp[2]))
        _refuse_changed(path, stamp, os.fstat(file.fileno()))


def _columns(
    chunks: Chunks, source: Source, heading: Heading, empty: set[str], options: CsvOptions
) -> Iterator[Opened]:
    start = 0
    for found in _split(chunks, file_name(source), heading):
        columns = {name: one for name, one in zip(heading.names, found, strict=True) if name not in empty}
        if len(found[0]):
            yield open_columns(source, heading.dialect, columns, options, start)
            start += len(found[0])
    if start == 0:
        raise no_rows(file_name(source))


def _split(chunks: Chunks, name: str, heading: Heading) -> Iterator[tuple[pl.Series, ...]]:
    """The columns of some whole records after the other, by Polars; by the csv module from where that cannot."""
    text = to_utf8(chunks(), heading.dialect.text_encoding)
    here, left = heading, b""
    for chunk in chain(text, [b""]):
        data = left + chunk
        body = _after_lines(data, here.dialect.skip_lines)
        end = len(data) if not chunk else 0 if body is None else _end_of_records(data, body)
        columns = split_fast(data[:end], name, here) if end else None
        if end and columns is not None:
            yield columns
            here, left = here.after(data.count(b"\n", 0, end)), data[end:]
        elif (
            end or len(data) >= LONGEST or not (body is None or opens_plainly(data[body:], here.dialect.delimiter))
        ):
            yield from _split_slowly(chain([data], text), name, here)
            return
        else:
            left = data


def _after_lines(data: bytes, lines: int) -> int | None:
    """Where the line after so many begins; None where it is not there yet."""
    at = 0
    for _ in range(lines):
        at = data.find(b"\n", at) + 1
        if at == 0:
            return None
    return at


def _end_of_records(data: bytes, start: int) -> int:
    """Where the last whole record from `start` on ends: after the last line end outside quotes; 0 for none."""
    end = data.rfind(b"\n", start) + 1
    quotes = data.count(b'"', start, end)
    while end and quotes % 2:
        earlier = data.rfind(b"\n", start, end - 1) + 1
        quotes -= data.count(b'"', max(start, earlier), end)
        end = earlier
    return end


def _split_slowly(chunks: Iterable[bytes], name: str, heading: Heading) -> Iterator[tuple[pl.Series, ...]]:
    width = len(heading.names)
    lines = io.TextIOWrapper(io.BufferedReader(_Bytes(iter(chunks))), encoding="utf-8", newline="")
    rows = slow_records(lines, name, heading)
    while some := list(islice(rows, max(1, min(PIECE, BYTES // (16 * width))))):
        yield text_columns(some, width)


class _Bytes(io.RawIOBase):
    """Chunks of bytes as one stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._left = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and (chunk := next(self._chunks, None)) is not None:
            self._left = memoryview(chunk)
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
