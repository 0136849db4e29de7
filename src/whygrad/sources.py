"""Opening what a table can come from: CSV and Parquet files, dataframes, mappings of names to sequences."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from whygrad.casting import Cells, cells_of_numbers, cells_of_text, without
from whygrad.dialect import DELIMITER_NAMES, Dialect
from whygrad.errors import TableError, WrongTypeError
from whygrad.printing import counted
from whygrad.splitting import read_text_columns
from whygrad.table import Held, Source, file_name, listed, place

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

Place = Callable[[int], str]
PARQUET = b"PAR1"
MODEL_FILE = b'{"__metadata__":{"whygrad"'  # from byte 8 on
ABSENT_OBJECTS = ("None", "<NA>", "NaT")  # how Python and pandas print a missing object


@dataclass(frozen=True, eq=False)
class Opened:
    """A source whose columns have no kinds yet: names, and a function from a name to the column's cells.

    `label` is what messages call it; `categorical` are the columns that came as categories. `text` gives a
    column as it is written, whatever it means, null where there is nothing.
    """

    label: str
    names: tuple[str, ...]
    n_rows: int
    cells: Callable[[str], Cells]
    source: Source | None
    notes: tuple[str, ...]
    text: Callable[[str], pl.Series]
    categorical: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CsvOptions:
    """What the caller knows of a CSV file; None is guessed."""

    delimiter: str | None = None
    decimal: str | None = None
    header: bool | None = None
    text_encoding: str | None = None


def open_source(source: Any, options: CsvOptions, missing_values: tuple[str, ...] = ()) -> Opened:
    """Opens a path, a mapping or a dataframe; `missing_values` are spellings of missing besides the usual ones."""
    return lacking(_open(source, options), missing_values)


def lacking(opened: Opened, missing_values: tuple[str, ...]) -> Opened:
    """The same, with these spellings of a missing value read as one too."""
    file = opened.source if opened.source is None else replace(opened.source, missing_values=missing_values)
    return replace(opened, source=file, cells=lambda name: without(opened.cells(name), missing_values))


def _open(source: Any, options: CsvOptions) -> Opened:
    if isinstance(source, (str, os.PathLike)):
        return _open_file(Path(source), options)
    if isinstance(source, Mapping):
        return _open_mapping(source)
    import narwhals as nw

    if isinstance(source, np.ndarray):
        raise WrongTypeError("an array has no column names; use table_from_arrays(x, y)")
    try:
        frame = nw.from_native(source, eager_only=True)
    except nw.exceptions.DuplicateError as error:
        raise TableError(f"the table has columns of the same name: {' '.join(str(error).split())}") from None
    except TypeError:
        raise WrongTypeError(
            f"a table cannot be read from a {type(source).__name__}; give a path, a dataframe "
            "(collected, if lazy) or a mapping of names to sequences"
        ) from None
    return _open_frame(frame, "the table", None)


def is_table(data: bytes) -> bool:
    """Whether bytes are Parquet or text, so that a table may be in them."""
    return data.startswith(PARQUET) or (bool(data.strip()) and b"\0" not in data)


def file_hash(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with reading(path), open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Inside, a file is read; what stands in the way is said in one line."""
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise TableError(f"{path} is a directory; name the file in it") from None
    except PermissionError:
        raise TableError(f"{path}: no permission to read it") from None
    except OSError as problem:
        raise TableError(f"{path}: cannot be read: {problem.strerror}") from None


def _open_file(path: Path, options: CsvOptions) -> Opened:
    with reading(path):
        data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    refuse_model(path, data)
    if data.startswith(PARQUET):
        return _open_parquet(data, file_source(path, sha256))
    found = read_text_columns(
        data,
        path.name,
        delimiter=options.delimiter,
        decimal=options.decimal,
        header=options.header,
        text_encoding=options.text_encoding,
    )
    columns = dict(zip(found.names, found.columns, strict=True))
    opened = open_columns(file_source(path, sha256, found.dialect), found.dialect, columns, options)
    note = file_note(path.name, opened.n_rows, found.names, found.dialect)
    return replace(opened, notes=(note, *found.notes))


def is_model(data: bytes) -> bool:
    """Whether a file that begins so is a model file."""
    return data[8:].startswith(MODEL_FILE)


def refuse_model(path: Path, data: bytes) -> None:
    """Refuses a file that begins as a model file does."""
    if is_model(data):
        raise TableError(f"{path.name} is a model file, not a table")


def file_source(path: Path, sha256: str, dialect: Dialect | None = None) -> Source:
    """The source that a file is: of text in that dialect, or Parquet."""
    whole = os.path.abspath(path)  # a run is gone on with from another folder
    if dialect is None:
        return Source(whole, sha256, "parquet")
    return Source(
        whole,
        sha256,
        "csv",
        delimiter=dialect.delimiter,
        decimal=dialect.decimal,
        header=dialect.header,
        text_encoding=dialect.text_encoding,
        skip_lines=dialect.skip_lines,
    )


def open_columns(
    source: Source, dialect: Dialect, columns: dict[str, pl.Series], options: CsvOptions, start: int = 0
) -> Opened:
    """Columns of text from a delimited file, of the rows from `start` on."""
    unsure = options.decimal is None and dialect.delimiter in ";\t"  # such files often group thousands by points

    def cells(name: str) -> Cells:
        return cells_of_text(name, columns[name], place_from(source, start, name), dialect.decimal, unsure)

    n_rows = len(next(iter(columns.values())))
    return Opened(file_name(source), tuple(columns), n_rows, cells, source, (), lambda name: columns[name])


def place_from(source: Source | None, start: int, column: str) -> Place:
    """From a row number, counted from row `start` of the source, to the entry's place."""
    return lambda i: place(source, start + i, column)


def rows_note(label: str, n_rows: int) -> str:
    """One line on how many rows a source has."""
    return f"{label}: {counted(n_rows, 'row')}"


def file_note(name: str, n_rows: int, columns: tuple[str, ...], dialect: Dialect) -> str:
    """One line on a delimited file and what was guessed of it."""
    delimiter = DELIMITER_NAMES.get(dialect.delimiter, repr(dialect.delimiter))
    parts = [rows_note(name, n_rows), f"delimiter {delimiter}"]
    if dialect.sep_line:
        parts.append("sep line skipped")
    if dialect.decimal == ",":
        parts.append("decimal comma")
    if dialect.text_encoding != "utf-8":
        parts.append(f"text encoding {dialect.text_encoding}")
    if dialect.skip_lines > dialect.sep_line:
        parts.append(f"{counted(dialect.skip_lines - dialect.sep_line, 'line')} of comment skipped")
    if not dialect.header:
        parts.append(f"no header, columns called {columns[0]} to {columns[-1]}")
    return ", ".join(parts)


def _open_parquet(data: bytes, source: Source) -> Opened:
    import polars as pl

    with reading_parquet(file_name(source)):
        return open_frame(pl.read_parquet(io.BytesIO(data)), source)


@contextmanager
def reading_parquet(name: str) -> Iterator[None]:
    """Inside, a Parquet file is read; what stands in the way is said in one line."""
    import polars as pl

    try:
        yield
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{name} begins as Parquet but cannot be read: {reason}") from None


def open_frame(frame: pl.DataFrame, source: Source, start: int = 0) -> Opened:
    """The rows of a Parquet file from `start` on."""
    import narwhals as nw

    return _open_frame(nw.from_native(frame, eager_only=True), file_name(source), source, start)


def _open_frame(frame: nw.DataFrame[Any], label: str, source: Source | None, start: int = 0) -> Opened:
    import narwhals as nw

    columns = {str(column.name): column for column in frame.iter_columns()}
    categorical = (nw.Categorical, nw.Enum)
    return _opened(
        label,
        tuple(columns),
        len(frame),
        lambda name, where: _frame_cells(name, columns[name], where),
        lambda name: _frame_text(columns[name]),
        source,
        frozenset(name for name, column in columns.items() if isinstance(column.dtype, categorical)),
        start,
    )


def _frame_cells(name: str, column: nw.Series[Any], where: Place) -> Cells:
    import narwhals as nw

    dtype = column.dtype
    if dtype.is_numeric():
        numbers = np.array(column.cast(nw.Float64).to_numpy(), dtype=np.float64)
        exact = None if dtype.is_float() else partial(_frame_text, column)
        return cells_of_numbers(name, numbers, where, exact)
    if dtype.is_nested():
        raise TableError(f"{where(0)}: {dtype} is no single value; unpack it, or --ignore {name}")
    held = "text" if dtype == nw.String else _held(column.drop_nulls().to_list())
    return replace(cells_of_text(name, _frame_text(column), where), dates=dtype.is_temporal(), held=held)


def _frame_text(column: nw.Series[Any]) -> pl.Series:
    """The column as text, null where missing; booleans in lower case, as they are written in files."""
    import narwhals as nw

    if column.dtype == nw.String:
        return column.to_polars()
    missing = column.is_null().to_list()
    words = [None if gone else str(value) for gone, value in zip(missing, column.to_list(), strict=True)]
    return _series(words, column.dtype == nw.Boolean)


def _series(words: list[str | None], boolean: bool) -> pl.Series:
    import polars as pl

    series = pl.Series(words, dtype=pl.String)
    return series.str.to_lowercase() if boolean else series


def _open_mapping(mapping: Mapping[Any, Any]) -> Opened:
    arrays = {str(name): _array(str(name), values) for name, values in mapping.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        said = listed(f"{name} {length:,}" for name, length in lengths.items())
        raise TableError(f"the columns differ in length: {said}")
    n_rows = max(lengths.values(), default=0)
    return _opened(
        "the table",
        tuple(arrays),
        n_rows,
        lambda name, where: _array_cells(name, arrays[name], where),
        lambda name: _array_text(arrays[name]),
        None,
    )


def _array(name: str, values: Any) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError:
        raise TableError(f"column {name!r} is not a flat sequence of values") from None
    if array.ndim != 1:
        raise TableError(f"column {name!r} has shape {array.shape}; it must be (rows,)")
    return array


def _array_cells(name: str, array: NDArray[Any], where: Place) -> Cells:
    kind = array.dtype.kind
    if kind in "iuf":
        exact = None if kind == "f" else partial(_array_text, array)
        return cells_of_numbers(name, array.astype(np.float64), where, exact)
    held = _held(array.tolist())
    return replace(cells_of_text(name, _array_text(array), where), dates=kind in "mM", held=held)


def _held(values: list[Any]) -> Held:
    """What Python values are, apart from absent ones, so that classes of them can be the same again."""
    kinds = {type(value) for value in values if str(value) not in ABSENT_OBJECTS}
    if kinds and kinds <= {bool, np.bool_}:
        return "boolean"
    return "integer" if kinds and all(issubclass(kind, int | np.integer) for kind in kinds) else "text"


def _array_text(array: NDArray[Any]) -> pl.Series:
    """The array as text, null where missing."""
    kind = array.dtype.kind
    values = array if kind in "mM" else array.tolist()  # the latter makes numbers of days
    words = [None if str(value) in ABSENT_OBJECTS else str(value) for value in values]
    return _series(words, kind == "b")


def _opened(
    label: str,
    names: tuple[str, ...],
    n_rows: int,
    cells: Callable[[str, Place], Cells],
    text: Callable[[str], pl.Series],
    source: Source | None,
    categorical: frozenset[str] = frozenset(),
    start: int = 0,
) -> Opened:
    if n_rows == 0:
        raise TableError(f"{label} has no rows")
    return Opened(
        label,
        names,
        n_rows,
        lambda name: cells(name, place_from(source, start, name)),
        source,
        (rows_note(label, n_rows),),
        text,
        categorical,
    )
