"""`whygrad evaluate` and `whygrad predict`: a kept model meets a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Group, Parameter

from whygrad.cli import say
from whygrad.cli.options import READING, ReadingOptions
from whygrad.cli.request import names, own_table, said
from whygrad.cli.train import refuse_same
from whygrad.errors import InputError, ModelFileError
from whygrad.evaluation import Evaluation
from whygrad.evaluation import evaluate as measure
from whygrad.files import refuse_existing, refuse_unwritable, remove_stale, write_chunks
from whygrad.history import Run
from whygrad.model import Predictions
from whygrad.modelfile import load
from whygrad.printing import columns, counted, number, short
from whygrad.reading import read_like, read_text
from whygrad.resuming import table_title
from whygrad.scratch import pieces
from whygrad.sources import is_table
from whygrad.table import Indices, Table, split_rows

_OUTPUT = Group("Output", sort_key=7)

Json = Annotated[bool, Parameter(negative=(), group=_OUTPUT)]
Unknown = Literal["refuse", "zeros"]


def evaluate(
    model: Path,
    table: str | None = None,
    /,
    *,
    reading: ReadingOptions = READING,
    row_weight: str | None = None,
    missing: Literal["refuse", "drop"] = "refuse",
    unknown: Unknown = "refuse",
    json: Json = False,
) -> int:
    """Measures a model on a table with known targets.

    Parameters
    ----------
    model
        A model file.
    table
        A table with the model's input and target columns; without one, the table it was trained on.
    row_weight
        A column whose numbers weigh the rows.
    missing
        Missing values that the model was not trained to fill: refuse them, or drop their rows.
    unknown
        A category the model never saw: refuse it, or encode it as all zeros.
    json
        Print one JSON document instead.
    """
    run = open_model(model, "the model file comes first, then the table")
    if table is None and (
        replace(reading, stream=None) != READING or row_weight is not None or missing != "refuse"
    ):
        raise InputError("without a table, that of the training is read as it was then; name one to read it anew")
    notes: tuple[str, ...] = ()
    parts: dict[str, Indices | None]
    if table is None:
        title, opened = table_title(run), own_table(run, model, stream=reading.stream)
        parts = _own_rows(run, opened)
    else:
        how = {**_written(reading), "row_weight": row_weight, "missing": missing}
        opened = read_like(table, run.model.encoding, targets=True, like=run.source, **how)
        title, notes, parts = Path(table).name, opened.notes, {"": None}
    measured = {part: measure(run, opened, unknown, rows) for part, rows in parts.items()}
    if json:
        plain = {part: found.to_plain() for part, found in measured.items()}
        print(say.as_json({"model": str(model), "table": title, **plain.pop("", {}), **plain}))
        return 0
    for part, found in measured.items():
        print(f"{model} on {title} ({counted(found.rows, f'{part} row'.strip())})")
        print("".join(f"note: {note}\n" for note in notes), end="")
        print("\n".join([*_measure_lines(run, found), ""][: None if len(measured) > 1 else -1]))
    return 0


def _own_rows(run: Run, table: Table) -> dict[str, Indices | None]:
    """The rows a run was trained on and, where some were kept out, those it was checked on."""
    learn, check = split_rows(table, run.training.validation, run.training.seed)
    return {"training": learn} if not len(check) else {"training": learn, "validation": check}


def _measure_lines(run: Run, found: Evaluation) -> list[str]:
    targets = run.model.encoding.targets
    unit = f" ({targets[0].name})" if len(targets) == 1 else ""
    rows = [[f"loss ({run.model.loss.name})", number(found.loss)]]
    for name, value in found.scores.items():
        rows.append([name + (unit if name in ("RMSE", "MAE") else ""), number(value)])
    lines = columns(rows)
    if found.targets:
        head = ["target", *next(iter(found.targets.values()))]
        lines += ["", *columns([head, *([name, *map(number, s.values())] for name, s in found.targets.items())])]
    if found.confusion is not None:
        names = [score.name for score in found.classes]
        head = ["class", "rows", "precision", "recall", "F1"]
        body = [[s.name, f"{s.rows:,}", short(s.precision), short(s.recall), short(s.f1)] for s in found.classes]
        counts = [[name, *map(str, row)] for name, row in zip(names, found.confusion.tolist(), strict=True)]
        table = [["true \\ said", *names], *counts]
        lines += ["", *columns([head, *body]), "", "confusion matrix", *columns(table)]
    return lines


def predict(
    model: Path,
    table: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(group=_OUTPUT)] = None,
    force: Annotated[bool, Parameter(negative=(), group=_OUTPUT)] = False,
    reading: ReadingOptions = READING,
    keep: Annotated[str | None, Parameter(group=_OUTPUT)] = None,
    unknown: Unknown = "refuse",
    json: Json = False,
) -> int:
    """Predicts for every row of a table.

    Parameters
    ----------
    model
        A model file.
    table
        A table with the model's input columns.
    out
        Write a CSV file; without it the predictions are printed.
    force
        Overwrite a file that exists.
    keep
        Columns of the table to put before the predictions as they are, as in id,name.
    unknown
        A category the model never saw: refuse it, or encode it as all zeros.
    json
        Print one JSON document instead.
    """
    if out is not None:
        if json:
            raise InputError("--out writes a CSV file and --json prints; say one of them")
        if not force:
            refuse_existing(out)
        refuse_same("--out", out, model, table)
        refuse_unwritable(out)
        remove_stale(out)
    run = open_model(model, "the model file comes first, then the table")
    kept: Iterator[dict[str, list[str]]] = iter(())
    if keep is not None:  # refuses a column that is not there before the rest is read
        kept = read_text(table, names(keep), like=run.source, **said(replace(reading, missing_values=None)))
    opened = read_like(table, run.model.encoding, targets=False, like=run.source, **_written(reading))
    parts = _predicted(run, opened, table, kept, unknown)
    if json:
        columns: dict[str, list[Any]] = {}
        for part in parts:
            for name, values in part.items():
                columns.setdefault(name, []).extend(np.asarray(values).tolist())
        print(say.as_json(columns))
        return 0
    texts = (_csv(part, header=number == 0) for number, part in enumerate(parts))
    if out is None:
        for text in texts:
            print(text, end="")
        return 0
    write_chunks((text.encode("utf-8") for text in texts), out)
    print(f"{len(opened):,} predictions in {out}")
    return 0


def _predicted(
    run: Run, opened: Table, table: str, texts: Iterator[dict[str, list[str]]], unknown: Unknown
) -> Iterator[dict[str, Any]]:
    """Named columns of some rows after the other: those that are kept, as text, then the predictions."""
    for piece in pieces(len(opened)):
        columns, kept = predicted_columns(run, run.predict(opened.take(piece), unknown)), next(texts, {})
        for name, words in kept.items():
            if name in columns:
                raise InputError(f"--keep {name!r} is also a column of the predictions; rename it in {table}")
            if len(words) != piece.stop - piece.start:
                raise InputError(f"{table} changed while it was read; begin again once it is whole")
        yield {**kept, **columns}


def open_model(path: Path, advice: str) -> Run:
    """The run in a model file; where the path is a table's, that is said, and the advice."""
    try:
        return load(path)
    except ModelFileError:
        if path.suffix != ".whygrad" and path.is_file() and is_table(_beginning(path)):
            raise InputError(f"{path} looks like a table; {advice}") from None
        raise


def _beginning(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(1 << 16)


def _written(reading: ReadingOptions) -> dict[str, Any]:
    """How a new table is written, as far as that was said."""
    how = said(reading)
    if "missing_values" in how:
        how["missing_values"] = names(how["missing_values"])
    return how


def predicted_columns(run: Run, said: Predictions) -> dict[str, Any]:
    """Named columns: predicted_price; or predicted_species and the probability of each class."""
    encoding = run.model.encoding
    columns: dict[str, Any] = {}
    if said.classes is None:
        return {f"predicted_{name}": said.outputs[:, k] for k, name in enumerate(said.names)}
    values = said.classes if said.classes.ndim == 2 else said.classes[:, None]  # (rows, targets)
    words = values.astype(str) if values.dtype != bool else np.where(values, "true", "false")
    for k, code in enumerate(encoding.targets):
        columns[f"predicted_{code.name}"] = words[:, k]
    value = "probability" if run.model.loss.targets != "sign" else "output"
    if encoding.task == "multiclass":
        labels = list(encoding.classes)
    else:
        labels = [
            code.categories[1] if len(encoding.targets) == 1 else f"{code.name}={code.categories[1]}"
            for code in encoding.targets
        ]
    return columns | {f"{value}_{label}": said.outputs[:, k] for k, label in enumerate(labels)}


def _csv(columns: dict[str, Any], header: bool) -> str:
    """The columns as CSV text, numbers in the shortest form that reads back the same."""
    import polars as pl

    return str(pl.DataFrame(columns).write_csv(include_header=header))
