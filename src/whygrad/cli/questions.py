"""What a command line asks of an explanation: its options, and what of them cannot be, refused before any work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Group, Parameter

from whygrad.cli.options import whole
from whygrad.cli.request import names
from whygrad.cli.train import refuse_same
from whygrad.errors import InputError
from whygrad.explanation.forms import SUFFIXES
from whygrad.explanation.landscape import MOST_POINTS
from whygrad.files import refuse_existing, refuse_unwritable

_WHAT = Group("What to open", sort_key=1)
_MORE = Group("What to say of it", sort_key=1.5)
OUTPUT = Group("Output", sort_key=8)

Number = Annotated[int, Parameter(converter=whole)]
Flag = Annotated[bool, Parameter(negative=())]
Form = Literal["text", "tree", "latex", "html", "json", "xlsx"]


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class WhatOptions:
    """Which row, which parameter, at which moment."""

    row: Number = 1
    "The row of the table, from 1."
    weight: str | None = None
    "A weight or bias, as in W_213, B_21 or cgpa->h2; or a unit or input, O_11 or x_1. Without it, the whole row."
    at: str | None = None
    "When: start, end, an EPOCH (after it), or EPOCH:ROW (before the update that meets that row)."


@Parameter(name="*", group=_MORE)
@dataclass(frozen=True)
class MoreOptions:
    """Which sections, and how much of each."""

    only: str | None = None
    """These sections only, as in chain,paths: given, chain, paths, rows, nudge, update, tree of a weight; given, \
forward, tree, gradient, sensitivities of a row; or none."""
    paths: Number = 10
    "List so many paths to the loss, the largest."
    rows: Number = 5
    "List so many rows, those that pull most."
    nudge: float = 0.01
    "Nudge the weight by this much."
    biography: Flag = False
    "The weight's life: its value over the updates, and which rows and epochs moved it how far."
    sensitivities: Flag = False
    "Rank the parameters by how much the row's loss reacts to them; units and inputs too."
    formula: Flag = False
    "The prediction and the loss as one formula of all parameters (small networks)."
    set: str | None = None
    "What becomes of everything with other values of parameters or inputs, as in W_111=0.2,x_1=3."
    curve: str | None = None
    "The loss over values of a parameter, or of several, the rest frozen, as in W_111=-1:1:21 (from:to:points)."
    curve_rows: Literal["row", "all"] = "row"
    "Whose loss the curve is: this row's, or the mean of all training rows."


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True)
class FormOptions:
    """How to say it, and where."""

    format: Form | None = None
    "How it is written; told by the ending of --out (.txt .tex .html .json .xlsx), else text."
    json: Flag = False
    "Print one JSON document instead."
    out: Path | None = None
    "Write it to this file."
    rows_out: Path | None = None
    "Write every row's pull on the weight to this .csv or .parquet file."
    force: Flag = False
    "Overwrite files that exist."
    step: Flag = False
    "Show one factor of the chain at a time; Enter shows the next."
    notation: Literal["course", "3b1b", "keras", "torch"] = "course"
    "How things are named: W_211, w^(2)_0,0, kernel[0, 0] or weight[0, 0]."
    against: str = "any"
    "Who is asked for the derivative too: jax, torch, any (one that is installed), installed (all that are), none."


WHAT, MORE, FORM = WhatOptions(), MoreOptions(), FormOptions()
OF_WEIGHTS = ("rows", "nudge", "biography", "rows_out", "step", "paths")
OF_UNITS = ("paths", "step")  # of those, what can be said of a unit too


def refuse_beside(more: MoreOptions, form: FormOptions, what: str, allowed: tuple[str, ...]) -> None:
    """Refuses options about a weight where `what`, which is none, is opened."""
    usual = {f.name: getattr(group, f.name) for group in (MORE, FORM) for f in fields(group)}
    given = {f.name: getattr(group, f.name) for group in (more, form) for f in fields(group)}
    for option in OF_WEIGHTS:
        if option not in allowed and given[option] != usual[option]:
            raise InputError(f"--{option.replace('_', '-')} is about one weight{what}")


def form_of(what: WhatOptions, more: MoreOptions, form: FormOptions) -> str:
    """Refuses what cannot be; returns how it is to be written."""
    for option, value, least in (("row", what.row, 1), ("paths", more.paths, 1), ("rows", more.rows, 0)):
        if value < least:
            raise InputError(f"--{option} is {value}, but must be {least} or more")
    if not math.isfinite(more.nudge) or more.nudge == 0:
        raise InputError(f"--nudge is {more.nudge:g}, but must be a number other than 0, as in 0.01")
    if what.weight is None:
        refuse_beside(more, form, "; say which, as in --weight W_111", ())
    kind = _form(form)
    if kind == "xlsx":
        _check_workbook(what, more, form)
    if more.only is not None and kind in ("tree", "json"):
        raise InputError(f"--only is for pages, of which {kind} is none; leave one of them out")
    if form.step and (kind != "text" or form.out is not None):
        raise InputError("--step is for reading in a terminal; leave --format, --json and --out out")
    return kind


def _form(form: FormOptions) -> str:
    if form.json and form.format not in (None, "json"):
        raise InputError(f"--json and --format {form.format} do not go together; say one of them")
    wanted = "json" if form.json else form.format
    suffix = None if form.out is None else SUFFIXES.get(form.out.suffix.lower())
    if form.out is not None and suffix is None and wanted is None:
        raise InputError(f"--out {form.out} does not say how it is to be written; end it in {' '.join(SUFFIXES)}")
    if suffix is not None and wanted not in (None, suffix) and (wanted, suffix) != ("tree", "text"):
        raise InputError(f"{'--json' if form.json else f'--format {wanted}'} does not go with --out {form.out}")
    return wanted or suffix or "text"


def _check_workbook(what: WhatOptions, more: MoreOptions, form: FormOptions) -> None:
    if form.out is None:
        raise InputError("--format xlsx is a file; say --out FILE.xlsx")
    if form.out.suffix.lower() != ".xlsx":
        raise InputError(f"--format xlsx: {form.out} must end in .xlsx")
    said = [f.name for f in fields(more) if getattr(more, f.name) != f.default]
    said += [name for name, value in (("weight", what.weight), ("rows-out", form.rows_out)) if value is not None]
    if said:
        option = said[0].replace("_", "-")
        raise InputError(f"--{option} has no place in a workbook, which holds the whole row; leave it out")


def check_files(form: FormOptions, *read: str | Path | None) -> None:
    """Refuses to write where something is, where nothing can be, or over what is `read`."""
    pairs = ("--out", form.out, form.rows_out), ("--rows-out", form.rows_out, None)
    for option, path, other in pairs:
        if path is not None:
            if not form.force:
                refuse_existing(path)
            refuse_same(option, path, other, *read)
            refuse_unwritable(path)
    if form.rows_out is not None and form.rows_out.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"--rows-out {form.rows_out} must end in .csv or .parquet")


def sections(only: str) -> tuple[str, ...]:
    """The sections that --only names; none stands for none."""
    wanted = names(only.lower())
    if not wanted:
        raise InputError("--only names no section; write it as chain,paths, or none")
    return () if wanted == ("none",) else wanted


@contextmanager
def about(option: str) -> Iterator[None]:
    """Names the option in what is refused inside of it, where it is not named."""
    try:
        yield
    except InputError as problem:
        if str(problem).startswith(option):
            raise
        raise InputError(f"{option}: {str(problem).removeprefix('parameter: ')}") from None


def settings_in(text: str) -> dict[str, float]:
    """W_111=0.2,B_21=1 as names and values."""
    found: dict[str, float] = {}
    for part in names(text):
        name, equals, value = (piece.strip() for piece in part.rpartition("="))
        if not (equals and name):
            raise InputError(f"--set {part!r} gives no value; write it as W_111=0.2")
        try:
            number = _finite(value)
        except ValueError:
            raise InputError(f"--set {part!r}: {value!r} is not a number; write it as W_111=0.2") from None
        found[_new(name, found, "--set")] = number
    if not found:
        raise InputError("--set names no parameter; write it as W_111=0.2")
    return found


def grids_in(text: str) -> dict[str, Any]:
    """W_111=-1:1:21 as a name and a grid; several, separated by commas."""
    found: dict[str, Any] = {}
    points = 1
    for part in names(text):
        name, _, span = part.rpartition("=")
        try:
            low, high, count = span.split(":")
            n, ends = int(count), (_finite(low), _finite(high))
        except ValueError:
            raise InputError(f"--curve is {text!r}, but must be as in W_111=-1:1:21 (from:to:points)") from None
        points *= max(n, 0)
        if not 1 <= points <= MOST_POINTS:
            raise InputError(f"--curve {part!r}: there must be 1 to {MOST_POINTS:,} points in all")
        found[_new(name.strip(), found, "--curve")] = np.linspace(*ends, n)
    if not found:
        raise InputError("--curve names no parameter; write it as W_111=-1:1:21 (from:to:points)")
    return found


def _new(name: str, found: dict[str, Any], option: str) -> str:
    if name in found:
        raise InputError(f"{option} names {name} twice; name it once")
    return name


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
