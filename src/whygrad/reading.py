"""Reading a table to learn from: `read_table`, `read_like`, `table_from_arrays`.

What is guessed is said in the table's `notes`. Words, yes/no and exactly {0, 1} in a target mean classes,
other numbers a regression. Everything that cannot be meant is refused in one line that names the place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whygrad.casting import Cells, guess_column, known_column, number_column, number_text
from whygrad.columns import Found, find_columns, in_use, open_table
from whygrad.encoding import Encoding
from whygrad.errors import InputError, TableError, WrongTypeError, one_of
from whygrad.gathering import Make
from whygrad.printing import counted
from whygrad.scratch import PIECE
from whygrad.sources import CsvOptions, Opened, file_hash
from whygrad.streaming import Stream
from whygrad.table import (
    Column,
    Floats,
    Missing,
    Source,
    Table,
    listed,
    present,
)
from whygrad.tasks import WantedTask, decide_task, kinds_note, refuse_identifier, word_notes

Names = str | Sequence[str]
Spellings = str | float | Sequence[str | float]


@dataclass(frozen=True)
class Roles:
    """What each column is for; `category` are those that hold classes even where they hold numbers."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    category: frozenset[str]


def read_table(
    source: Any,
    target: Names,
    *,
    task: WantedTask | None = None,
    category: Names = (),
    ignore: Names = (),
    missing: Missing = "refuse",
    missing_values: Spellings = (),
    row_weight: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    text_encoding: str | None = None,
    stream: bool | None = None,
) -> Table:
    """A table to learn from.

    `source` is a path (CSV or Parquet, told apart by content), a dataframe (pandas, polars, pyarrow, ...) or
    a mapping of names to sequences. `missing`: "refuse" names the first missing entry, "drop" leaves its row
    out, "fill" leaves it to the encoding (inputs only). `category` columns hold classes even if numbers.
    `missing_values` are spellings of a missing entry besides the usual ones, as in "-" or -999.
    `header` None expects names in a first line and refuses one of numbers only; True takes those as names.
    `stream` reads a file some rows at a time and keeps its columns on disk (in TMPDIR); None
    does so with files larger than a twelfth of the memory.
    """
    if task is not None and task not in get_args(WantedTask):
        raise one_of("task", task, get_args(WantedTask))
    if missing not in get_args(Missing):
        raise one_of("missing", missing, get_args(Missing))
    options = CsvOptions(delimiter, decimal, header, text_encoding)
    opened = open_table(source, options, _spellings(missing_values), stream)
    roles = _roles(opened, _tuple(target), _tuple(ignore), _tuple(category), row_weight)
    makes: dict[str, Make] = {
        name: partial(guess_column, as_category=name in roles.category) for name in roles.inputs + roles.targets
    }
    filled = frozenset(roles.inputs if missing == "fill" else ())
    way_out = "; only inputs can be filled" if missing == "fill" else ", --missing fill fills inputs in"
    way_out = f"; --missing drop leaves them out{way_out}"
    found = find_columns(
        opened, {**makes, **_weighing(opened, row_weight)}, roles.category, missing, filled, way_out
    )
    inputs = tuple(in_use(found.columns[name]) for name in roles.inputs)
    targets = tuple(in_use(found.columns[name]) for name in roles.targets)
    for column in (*inputs, *targets):
        if column.name not in roles.category:
            refuse_identifier(opened.label, column)
    decided, targets, said = decide_task(opened.label, targets, task)
    return Table(
        inputs,
        targets,
        decided,
        _weights(opened, found, row_weight),
        _remembered(opened.source, missing, row_weight),
        (*found.notes, kinds_note(inputs), said, *word_notes(inputs, targets)),
        found.rows,
    )


def read_like(
    source: Any,
    encoding: Encoding,
    *,
    targets: bool,
    like: Source | None = None,
    missing: Literal["refuse", "drop"] = "refuse",
    missing_values: Spellings | None = None,
    row_weight: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    text_encoding: str | None = None,
    stream: bool | None = None,
) -> Table:
    """New rows for a trained model: exactly its columns, kinds and categories; other columns are ignored.

    A missing entry is left to the encoding where that can fill it, else refused, or its row dropped. Where
    nothing is said of a header and of spellings of missing, the rows are written as the model's own, `like`.
    """
    if missing not in ("refuse", "drop"):
        raise one_of("missing", missing, ("refuse", "drop"))
    header, missing_values = _as_before(like, header, missing_values)
    options = CsvOptions(delimiter, decimal, header, text_encoding)
    opened = open_table(source, options, _spellings(missing_values), stream)
    wanted = encoding.targets if targets else ()
    absent = [code.name for code in encoding.inputs + wanted if code.name not in opened.names]
    if absent:
        columns = "column" if len(absent) == 1 else "columns"
        raise TableError(
            f"{opened.label} lacks the {columns} {listed(absent)}, which the model was trained on; "
            f"it has {listed(opened.names)}"
        )
    makes: dict[str, Make] = {
        **{code.name: partial(known_column, code=code, is_target=False) for code in encoding.inputs},
        **{code.name: partial(known_column, code=code, is_target=True) for code in wanted},
    }
    words = frozenset(code.name for code in encoding.inputs + wanted if code.kind != "number")
    filled = frozenset(code.name for code in encoding.inputs if code.fill is not None)
    way_out = "; --missing drop leaves them out" if targets else ""  # a prediction is wanted for every row
    way_out += "; the model was trained without a value to fill in"
    found = find_columns(opened, {**makes, **_weighing(opened, row_weight)}, words, missing, filled, way_out)
    return Table(
        tuple(found.columns[code.name] for code in encoding.inputs),
        tuple(found.columns[code.name] for code in wanted),
        encoding.task,
        _weights(opened, found, row_weight),
        _remembered(opened.source, missing, row_weight),
        found.notes,
        found.rows,
    )


def read_text(
    source: Any,
    columns: Names,
    *,
    like: Source | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    text_encoding: str | None = None,
    stream: bool | None = None,
) -> Iterator[dict[str, list[str]]]:
    """Columns of a table as they are written, to stand beside what is predicted; empty where there is nothing.

    They come in `pieces` of rows. Raises `TableError` at once for a column that is not there.
    """
    header, _ = _as_before(like, header, None)
    opened = open_table(source, CsvOptions(delimiter, decimal, header, text_encoding), (), stream)
    names = _tuple(columns)
    for name in names:
        _known(opened, name, "--keep")
    return _texts(opened, names)


def _texts(opened: Opened | Stream, names: tuple[str, ...]) -> Iterator[dict[str, list[str]]]:
    held: dict[str, list[str]] = {name: [] for name in names}
    n = 0
    for one in opened.parts() if isinstance(opened, Stream) else [opened]:
        for name in names:
            held[name] += one.text(name).str.strip_chars().fill_null("").to_list()
        n += one.n_rows
        while n >= PIECE:
            yield {name: held[name][:PIECE] for name in names}
            held, n = {name: held[name][PIECE:] for name in names}, n - PIECE
    if n:
        yield held


def _as_before(
    like: Source | None, header: bool | None, missing_values: Spellings | None
) -> tuple[bool | None, Spellings]:
    """(header, missing values): what was said, else as in the file a model was trained on."""
    if like is None:
        return header, () if missing_values is None else missing_values
    header = False if header is None and like.format == "csv" and not like.header else header
    return header, like.missing_values if missing_values is None else missing_values


def _spellings(values: Spellings) -> tuple[str, ...]:
    several = values if isinstance(values, Iterable) and not isinstance(values, str) else (values,)
    return tuple(map(str, several))


def read_again(
    source: Source, encoding: Encoding, beside: Path | None = None, stream: bool | None = None
) -> Table:
    """The table a model was trained on, from the file it remembers; a file that has changed is refused.

    Where that file is gone, one of its name in the folder `beside` is read. Raises `TableError` for neither.
    """
    path = Path(source.path)
    if beside is not None and not path.exists() and (beside / path.name).exists():
        path = beside / path.name
    if file_hash(path) != source.sha256:
        raise TableError(f"{path.name} is not the file the model was trained on: its content has changed")
    return read_like(
        path,
        encoding,
        targets=True,
        like=source,
        missing="drop" if source.missing == "drop" else "refuse",
        row_weight=source.row_weight,
        delimiter=source.delimiter,
        decimal=source.decimal,
        header=source.header,
        text_encoding=source.text_encoding,
        stream=stream,
    )


def table_from_arrays(
    x: ArrayLike,
    y: ArrayLike,
    *,
    input_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
    task: WantedTask | None = None,
    row_weights: ArrayLike | None = None,
) -> Table:
    """A table of arrays: x (rows,) or (rows, n_in), y (rows,) or (rows, n_out); named x1, x2, ... and y."""
    inputs = _named("x", np.asarray(x), input_names)
    targets = _named("y", np.asarray(y), target_names)
    both = [name for name in inputs if name in targets]
    if both:
        raise InputError(f"{both[0]!r} names an input and a target; give each its own name")
    columns, weight = {**inputs, **targets}, None
    if row_weights is not None:
        weight = "row weight"
        columns[weight] = np.asarray(row_weights)
    return read_table(columns, tuple(targets), task=task, row_weight=weight)


def _named(letter: str, array: NDArray[Any], names: Sequence[str] | None) -> dict[str, NDArray[Any]]:
    if array.ndim not in (1, 2):
        raise InputError(f"{letter} has shape {array.shape}; it must be (rows,) or (rows, columns)")
    block = array.reshape(len(array), -1) if array.ndim == 1 else array
    width = block.shape[1]
    if names is None:
        names = [letter] if width == 1 else [f"{letter}{k}" for k in range(1, width + 1)]
    if len(names) != width or len(set(names)) != width:
        raise InputError(f"{letter} has {counted(width, 'column')}; as many different names are needed")
    return {name: block[:, k] for k, name in enumerate(names)}


def _tuple(names: Names) -> tuple[str, ...]:
    several = isinstance(names, Iterable) and not isinstance(names, str)
    return tuple(names) if several else (names,)  # type: ignore[return-value]  # `_known` refuses what is no name


def _roles(
    opened: Opened | Stream,
    target: tuple[str, ...],
    ignore: tuple[str, ...],
    category: tuple[str, ...],
    row_weight: str | None,
) -> Roles:
    """Who is input, target, weight; a name that does not exist, or has two roles, is refused."""
    weight = () if row_weight is None else (row_weight,)
    taken: dict[str, str] = {}
    for option, names in (("--target", target), ("--ignore", ignore), ("--row-weight", weight)):
        for name in names:
            _known(opened, name, option)
            if name in taken:
                again = "given twice" if taken[name] == option else f"also named by {taken[name]}"
                raise InputError(f"{option} {name!r} is {again}; a column has one role")
            taken[name] = option
    for name in category:
        _known(opened, name, "--category")
        if taken.get(name, "--target") != "--target":
            raise InputError(f"--category {name!r} is also named by {taken[name]}; a column has one role")
    if not target:
        raise InputError(f"no --target is given; {opened.label} has {listed(opened.names)}")
    inputs = tuple(name for name in opened.names if name not in taken)
    if not inputs:
        raise TableError(f"{opened.label} has no column left as an input; it has {listed(opened.names)}")
    return Roles(inputs, target, opened.categorical | frozenset(category))


def _known(opened: Opened | Stream, name: str, option: str) -> None:
    from difflib import get_close_matches

    if not isinstance(name, str):
        raise WrongTypeError(f"{option} is {name!r:.80}, but must be a column's name, as in {opened.names[0]!r}")
    if name not in opened.names:
        close = get_close_matches(name, opened.names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        hint = "; is the --delimiter right?" if len(opened.names) == 1 else hint
        have = listed(opened.names, 20)
        raise TableError(f"{option} {name!r} is not a column of {opened.label}; it has {have}{hint}")


def _weighing(opened: Opened | Stream, name: str | None) -> dict[str, Make]:
    """How the column of row weights is made, if there is one."""
    if name is None:
        return {}
    _known(opened, name, "--row-weight")
    return {name: _weight_column}


def _weight_column(cells: Cells) -> Column:
    """A column of row weights; a negative one is refused."""
    column = number_column(cells)
    negative = column.values < 0
    if negative.any():
        i = int(np.argmax(negative))
        weight = number_text(float(column.values[i]))
        raise TableError(f"{cells.place(i)}: row weight {weight}; weights must be 0 or above")
    return column


def _weights(opened: Opened | Stream, found: Found, name: str | None) -> Floats | None:
    if name is None:
        return None
    column = found.columns[name]
    if not any(values.any() for values in present(column)):
        raise TableError(f"{opened.label} column {name!r}: every row weight is 0; nothing counts")
    return column.values


def _remembered(source: Source | None, missing: Missing, row_weight: str | None) -> Source | None:
    return None if source is None else replace(source, missing=missing, row_weight=row_weight)
