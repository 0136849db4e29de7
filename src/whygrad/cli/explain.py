"""`whygrad explain`: open a row's backpropagation, or one derivative of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Group, Parameter

from whygrad.cli import say
from whygrad.cli.options import (
    NETWORK,
    READING,
    STOPPING,
    TABLE,
    TRAINING,
    NetworkOptions,
    ReadingOptions,
    TableOptions,
    TrainingOptions,
    whole,
)
from whygrad.cli.request import Request, make_request, names, own_table, resolve
from whygrad.cli.use import open_model
from whygrad.errors import InputError
from whygrad.explanation import Explanation
from whygrad.explanation import explain as open_row
from whygrad.explanation.forms import FORMS, SUFFIXES
from whygrad.explanation.forms.text import paragraphs
from whygrad.explanation.pages import Equations, Heading, Page, Tree
from whygrad.explanation.sections import blocks_of
from whygrad.explanation.spreadsheet import write_spreadsheet
from whygrad.files import refuse_existing, refuse_unwritable, write_bytes
from whygrad.resuming import table_title

_WHAT = Group("What to open", sort_key=1)
_MORE = Group("What else to say", sort_key=2)
_OUTPUT = Group("Output", sort_key=8)

Number = Annotated[int, Parameter(converter=whole)]
Form = Literal["text", "tree", "latex", "html", "json", "xlsx"]


@Parameter(name="*", group=_WHAT)
@dataclass(frozen=True)
class WhatOptions:
    """Which row, which parameter, at which moment."""

    row: Number = 1
    "The row of the table, from 1."
    weight: str | None = None
    "A weight or bias, as in W_213, B_21 or cgpa->h2; without it, the row as a whole."
    at: str | None = None
    "When: start, end, an EPOCH (after it), or EPOCH:ROW (before the update that meets that row)."


@Parameter(name="*", group=_MORE)
@dataclass(frozen=True)
class MoreOptions:
    """How much of each section, and sections that are not always there."""

    paths: Number = 10
    "List so many paths to the loss, the largest."
    rows: Number = 5
    "List so many rows, those that pull most."
    nudge: float = 0.01
    "Nudge the weight by this much."
    biography: Annotated[bool, Parameter(negative=())] = False
    "The weight's life: its value over the updates, and which rows and epochs moved it how far."
    sensitivities: Annotated[bool, Parameter(negative=())] = False
    "Rank the parameters by how much the row's loss reacts to them; units and inputs too."
    formula: Annotated[bool, Parameter(negative=())] = False
    "The prediction and the loss as one formula of all parameters (small networks)."
    set: str | None = None
    "What becomes of everything with other values, as in W_111=0.2,B_21=1."
    curve: str | None = None
    "The row's loss over values of a parameter, the rest frozen, as in W_111=-1:1:21 (from:to:points)."


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True)
class FormOptions:
    """How to say it, and where."""

    format: Form | None = None
    "How it is written; told by the ending of --out (.txt .tex .html .json .xlsx), else text."
    out: Path | None = None
    "Write it to this file."
    rows_out: Path | None = None
    "Write every row's pull on the weight to this .csv or .parquet file."
    force: Annotated[bool, Parameter(negative=())] = False
    "Overwrite files that exist."
    step: Annotated[bool, Parameter(negative=())] = False
    "Show one factor of the chain at a time; Enter shows the next."
    notation: Literal["course", "3b1b", "keras", "torch"] = "course"
    "How things are named: W_211, w^(2)_0,0, kernel[0, 0] or weight[0, 0]."
    against: str = "installed"
    "Libraries that are asked for the derivative too: jax,torch; installed (those that are); or none."


WHAT, MORE, FORM = WhatOptions(), MoreOptions(), FormOptions()


def explain(
    subject: str,
    /,
    *,
    what: WhatOptions = WHAT,
    more: MoreOptions = MORE,
    form: FormOptions = FORM,
    table: TableOptions = TABLE,
    reading: ReadingOptions = READING,
    network: NetworkOptions = NETWORK,
    training: TrainingOptions = TRAINING,
    config: Annotated[Path | None, Parameter(group=_OUTPUT)] = None,
) -> int:
    """Opens one row's backpropagation: forward in numbers, every derivative, what the update does.

    Parameters
    ----------
    subject
        An example (students, placement, xor, chain), a table (with --target), a run.toml, or a model file.
    config
        Take options from this run.toml; the command line wins.
    """
    kind = _check(what, more, form)
    said = (table, reading, network, training, config)
    if not subject.endswith(".whygrad"):
        request = make_request(subject, table, reading, network, training, STOPPING, config)
        title, why = _open(request, what, form)
    elif said != (TABLE, READING, NETWORK, TRAINING, None):
        raise InputError(f"{subject}: a model file is explained as it was trained; leave the other options out")
    else:
        title, why = _open_run(Path(subject), what, form)
    if kind == "xlsx":
        return _spreadsheet(why, form)
    if kind == "json":
        found = plain(why, what, more, form)
        return _say(say.as_json({"subject": title, **found}) + "\n", form)
    page = page_of(why, what, more, form)
    page = Page(f"{title}\n{page.title}" if kind in ("text", "tree") else f"{page.title} ({title})", page.blocks)
    if kind == "tree":
        page = Page(page.title, tuple(block for block in page.blocks if isinstance(block, Tree)))
    if form.rows_out is not None:
        why.rows(str(what.weight)).write(form.rows_out, form.force)
    if form.step:
        reveal(page)
        return 0
    return _say(FORMS["text" if kind == "tree" else kind](page).rstrip("\n") + "\n", form)


def _check(what: WhatOptions, more: MoreOptions, form: FormOptions) -> str:
    """Refuses what cannot be, before any work; returns how it is to be written."""
    for option, value in (("--row", what.row), ("--paths", more.paths)):
        if value < 1:
            raise InputError(f"{option} is {value}, but must be 1 or more")
    if more.rows < 0:
        raise InputError(f"--rows is {more.rows}, but must be 0 or more")
    if what.weight is None:
        for option, said in (("biography", more.biography), ("step", form.step), ("rows-out", form.rows_out)):
            if said:
                raise InputError(f"--{option} is about one weight; say which, as in --weight W_111")
    suffix = None if form.out is None else SUFFIXES.get(form.out.suffix.lower())
    if form.out is not None and suffix is None and form.format is None:
        raise InputError(f"--out {form.out} does not say how it is to be written; end it in {' '.join(SUFFIXES)}")
    kind = form.format or suffix or "text"
    if suffix is not None and form.format is not None and suffix != form.format and form.format != "tree":
        raise InputError(f"--format {form.format} does not go with --out {form.out}; say one of them")
    if kind == "xlsx" and form.out is None:
        raise InputError("--format xlsx is a file; say --out FILE.xlsx")
    if form.step and kind != "text":
        raise InputError("--step is for reading in a terminal; leave --format and --out out")
    if form.step and form.out is not None:
        raise InputError("--step is for reading in a terminal; leave --out out")
    for path in (form.out, form.rows_out):
        if path is not None:
            if not form.force:
                refuse_existing(path)
            refuse_unwritable(path)
    return kind


def _open(request: Request, what: WhatOptions, form: FormOptions) -> tuple[str, Explanation]:
    """The title of an example or a table, and its row, opened."""
    asked = resolve(request)
    return asked.title, open_row(asked.net, asked.table, asked.training, **_how(what, form))


def _open_run(path: Path, what: WhatOptions, form: FormOptions) -> tuple[str, Explanation]:
    """The title of a model file's table, and its row, opened."""
    run = open_model(path, "explain takes a model file, or a table with --target")
    return table_title(run), open_row(run, own_table(run, path), **_how(what, form))


def _how(what: WhatOptions, form: FormOptions) -> dict[str, Any]:
    return {"row": what.row - 1, "at": what.at, "notation": form.notation}


def page_of(why: Explanation, what: WhatOptions, more: MoreOptions, form: FormOptions) -> Page:
    """The row's page or the weight's, and the sections that were asked for."""
    if what.weight is None:
        page = why.page(_asked(form.against))
    else:
        page = why[what.weight].page(more.paths, more.rows, more.nudge, _asked(form.against))
    found = extras(why, what, more)
    return page.with_blocks(*(block for section in found.values() for block in blocks_of(section)))


def extras(why: Explanation, what: WhatOptions, more: MoreOptions) -> dict[str, Any]:
    """What was asked for besides, by name."""
    found: dict[str, Any] = {}
    if more.formula:
        found["formulas"] = why.formulas()
    if more.biography:
        found["biography"] = why.biography(str(what.weight))
    if more.sensitivities:
        found["sensitivities"] = why.sensitivities(20)
    if more.set is not None:
        found["what_if"] = why.what_if(_settings(more.set))
    if more.curve is not None:
        found["curve"] = why.loss_of(_grid(more.curve))
    return found


def plain(why: Explanation, what: WhatOptions, more: MoreOptions, form: FormOptions) -> dict[str, Any]:
    """The same for JSON."""
    found = why.to_plain()
    if what.weight is not None:
        found["opened"] = why[what.weight].to_plain(more.paths, more.nudge, _asked(form.against))
    return found | {name: section.to_plain() for name, section in extras(why, what, more).items()}


def _asked(against: str) -> str | tuple[str, ...]:
    """The libraries that are to be asked."""
    wanted = against.strip().lower()
    return "installed" if wanted == "installed" else () if wanted == "none" else names(wanted)


def _settings(text: str) -> dict[str, float]:
    """W_111=0.2,B_21=1 as names and values."""
    found: dict[str, float] = {}
    for part in names(text):
        name, equals, value = part.rpartition("=")
        try:
            found[name.strip()] = float(value) if equals else float("nan")
        except ValueError:
            raise InputError(f"--set {part!r}: {value!r} is not a number; write it as W_111=0.2") from None
        if not equals:
            raise InputError(f"--set {part!r} gives no value; write it as W_111=0.2")
    return found


def _grid(text: str) -> dict[str, Any]:
    """W_111=-1:1:21 as a name and a grid."""
    name, _, span = text.rpartition("=")
    try:
        low, high, points = span.split(":")
        return {name.strip(): np.linspace(float(low), float(high), int(points))}
    except ValueError:
        raise InputError(f"--curve is {text!r}, but must be as in W_111=-1:1:21 (from:to:points)") from None


def _spreadsheet(why: Explanation, form: FormOptions) -> int:
    assert form.out is not None  # checked before
    write_spreadsheet(why.moment, why.links, why.symbols, form.out)
    print(f"written to {form.out}")
    return 0


def _say(text: str, form: FormOptions) -> int:
    if form.out is None:
        print(text, end="")
        return 0
    write_bytes(text.encode("utf-8"), form.out)
    print(f"written to {form.out}")
    return 0


def reveal(page: Page) -> None:
    """Prints the page, waiting for Enter before each line of its chain."""
    waiting, chain = True, False
    print(page.title)
    for block in page.blocks:
        if isinstance(block, Heading):
            chain = block.text == "Chain"
        print()
        for lines in paragraphs(block):
            if chain and waiting and isinstance(block, Equations):
                waiting = _wait()
            print("\n".join(lines))


def _wait() -> bool:
    """Waits for Enter; False once nobody can press it."""
    print("[Enter]", end="", flush=True, file=sys.stderr)
    return bool(sys.stdin.readline())
