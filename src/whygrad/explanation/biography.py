"""Biography: one weight's life over a training, update by update, and which epochs and rows moved it how far."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from whygrad.errors import InputError, one_of
from whygrad.explanation.columnfile import write_columns
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.ledger import Ledger, Moves, told, updates_of
from whygrad.history import Run
from whygrad.job import Job
from whygrad.maths import Array
from whygrad.names import Place, name
from whygrad.printing import columns as aligned
from whygrad.printing import counted, sparkline
from whygrad.table import Indices, Table, split_rows

__all__ = ["Biography", "Moves", "Part", "biography_of"]

Part = Literal["updates", "epochs", "rows"]
POINTS = 2000  # of the curve; a longer life is thinned
SHOWN = 10  # epochs, and rows, that are printed
UNTOLD = 1e-4  # of what rows moved it; more than that is not rounding


@dataclass(frozen=True, eq=False, repr=False)
class Biography(Shown):
    """One weight's life: `start`, plus what the epochs (or the rows) moved it by, is `final`.

    `t` and `values` are its value after that many updates, 0 first; of a long life every few and the last. `rows`
    is None where no single row's part in an update can be told; `told` says how it is, or why not.
    """

    parameter: str
    updates: int
    per_epoch: int  # updates an epoch
    t: Indices  # (points,)
    values: Array  # (points,)
    epochs: Moves
    epoch_values: Array  # (epochs,), after each
    rows: Moves | None
    told: str
    notes: tuple[str, ...] = ()

    @property
    def start(self) -> float:
        """Its value before the first update."""
        return float(self.values[0])

    @property
    def final(self) -> float:
        """Its value after the last update."""
        return float(self.values[-1])

    @property
    def rest(self) -> float:
        """What rounding leaves between the rows' moves and the whole way."""
        return 0.0 if self.rows is None else self.final - self.start - float(self.rows.moved.sum())

    def top_rows(self, k: int = SHOWN) -> Moves:
        """The k rows that moved it furthest. Raises `InputError` where rows cannot be told apart."""
        return self._told_rows().top(k)

    def _told_rows(self) -> Moves:
        if self.rows is None:
            raise InputError(f"biography of {self.parameter}: {self.told}")
        return self.rows

    def columns(self, part: Part = "epochs") -> dict[str, NDArray[Any]]:
        """Named arrays: the value after each update; or the moves of the epochs, or of the rows (from 1)."""
        if part == "updates":
            return {"update": self.t, "epoch": -(-self.t // self.per_epoch), "value": self.values}
        if part == "epochs":
            return {**_columns("epoch", self.epochs), "value": self.epoch_values}
        if part == "rows":
            return _columns("row", self._told_rows())
        raise one_of("biography: part", part, get_args(Part))

    def write(self, path: str | os.PathLike[str], part: Part = "epochs", force: bool = False) -> None:
        """Writes one part's columns as CSV or Parquet; see `write_columns`."""
        write_columns(self.columns(part), path, force)

    def to_plain(self) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON."""
        parts = [part for part in get_args(Part) if part != "rows" or self.rows is not None]
        return {
            "parameter": self.parameter,
            "start": self.start,
            "final": self.final,
            "told": self.told,
            "notes": list(self.notes),
            **{part: {what: v.tolist() for what, v in self.columns(part).items()} for part in parts},
        }

    def summary(self) -> str:
        """Its life in one line."""
        lived = f"{counted(self.updates, 'update')}, {counted(len(self.epochs.numbers), 'epoch')}"
        far = f"{self.final - self.start:+.9g} in all, {float(self.epochs.travelled.sum()):.9g} to and fro"
        return f"{self.parameter} went from {self.start:.9g} to {self.final:.9g} ({lived}): {far}"

    def __repr__(self) -> str:
        lines = [self.summary(), f"  {sparkline(self.values)}", *_printed("epoch", self.columns("epochs"))]
        if self.rows is not None:
            lines += ["  rows that moved it most:", *_printed("row", _columns("row", self.top_rows()))]
        return "\n".join([*lines, *(f"  {said}" for said in (self.told, *self.notes))])


def _columns(what: str, moves: Moves) -> dict[str, NDArray[Any]]:
    numbers = moves.numbers + (what == "row")  # rows count from 1 where a person reads
    return {what: numbers, "updates": moves.updates, "moved": moves.moved, "travelled": moves.travelled}


def _printed(what: str, columns: dict[str, NDArray[Any]]) -> list[str]:
    """The first and the last of them as lines of a small table."""
    cells = [
        [head, *(f"{v:.9g}" if values.dtype.kind == "f" else f"{v:,}" for v in values)]
        for head, values in columns.items()
    ]
    lines = [f"    {line}" for line in aligned(list(zip(*cells, strict=True)), left=())]
    more = len(lines) - 1 - SHOWN
    if more <= 0:
        return lines
    middle = f"    ... and {counted(more, f'more {what}')} ..."
    return [*lines[: 1 + SHOWN // 2], middle, *lines[-(SHOWN - SHOWN // 2) :]]


def biography_of(
    job: Job,
    table: Table,
    place: Place,
    run: Run | None = None,
    notation: str = "course",
    progress: Callable[[int, int], object] | None = None,
) -> Biography:
    """The life of the parameter at `place` in the training that `job` describes, up to where `run` has come.

    A run's job is prepared with the run's start and encoding, and its table. `progress` is called after each
    update with the updates done and (at most) to be done. Rows are told for batches of one row, whose update is
    theirs, and for plain gradient descent, where a row's part is -rate pull / rows of the batch. Raises
    `InputError` for a parameter that is not there.
    """
    learn, _ = split_rows(table, job.training.validation, job.training.seed)
    per_epoch = -(-len(job.rows) // job.batch)
    whole = job.training.epochs * per_epoch if run is None else run.state.t
    ledger = Ledger(job, place, every=max(1, -(-whole // POINTS)))
    for before, kept in updates_of(job, run):
        ledger.add(before, kept)
        if progress is not None:
            progress(kept.t, whole)
    ledger.close()
    found = Biography(
        name(place, notation),
        ledger.updates,
        per_epoch,
        np.array(ledger.t, dtype=np.int64),
        np.array(ledger.values),
        ledger.epochs,
        np.array(ledger.ends),
        None if ledger.how == "mixed" else replace(ledger.rows, numbers=learn),
        told(job),
    )
    return replace(found, notes=_notes(found, run, ledger.at))


def _notes(found: Biography, run: Run | None, at: int) -> tuple[str, ...]:
    """What does not agree with the run, or adds up to less than the whole."""
    notes = []
    changed = "the run's settings changed on the way, or its engine was another"
    if run is not None and found.final != (ended := float(run.state.w[at])):
        notes.append(
            f"trained again from its start it ends at {found.final:.9g}, in the run at {ended:.9g}: {changed}"
        )
    elif found.rows is not None and abs(found.rest) > UNTOLD * float(found.rows.travelled.sum()):
        notes.append(f"the rows' parts leave {found.rest:.9g} of its way untold: {changed}")
    if run is not None and run.w[at] != run.state.w[at]:
        notes.append(f"the model has the weights of epoch {run.state.best_epoch}, where it was {run.w[at]:.9g}")
    return tuple(notes)
