"""`whygrad exercise make` and `whygrad exercise mark`: backpropagation worked by hand, and marked."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from whygrad.cli import say
from whygrad.cli.options import Whole, whole
from whygrad.cli.request import said
from whygrad.errors import InputError
from whygrad.examples import example as find_example
from whygrad.exercises import Exercise, Grades, exercise_of, feedback, make_exercise, mark_folder, sheet_text
from whygrad.exercises.exercise import DIGITS
from whygrad.exercises.files import form_of, write_roster, write_sheet, write_texts
from whygrad.exercises.quantity import SECTIONS
from whygrad.exercises.roster import read_roster
from whygrad.explanation import explain
from whygrad.files import refuse_existing, refuse_unwritable, write_bytes
from whygrad.printing import columns, counted

_ROW = Group("Numbers drawn from a seed", sort_key=1)
_EXAMPLE = Group("Or a row of an example", sort_key=2)
_SHEET = Group("The sheet", sort_key=3)
_OUTPUT = Group("Output", sort_key=7)


@Parameter(name="*", group=_ROW)
@dataclass(frozen=True)
class DrawOptions:
    """Which network, and from what its numbers are drawn."""

    layers: str | None = None
    "Units of each layer, the inputs first (default 2,2,1)."
    activation: str | None = None
    "Of the hidden layers: sigmoid (default), tanh, relu, leaky_relu:0.2 ..."
    output: str | None = None
    "Activation of the output layer; otherwise chosen by the loss."
    loss: str | None = None
    "mse (default), mae, huber:1, log_cosh, bce, cce, hinge or poisson."
    seed: Whole = None
    "The numbers are drawn from it, with a roster from it and the student's id (default 0)."
    rate: Annotated[float | None, Parameter(name=["--rate", "--learning-rate", "--lr"])] = None
    "Learning rate of the one update (default 0.1, or 0.01 where outputs have no bounds, or the example's)."
    roster: Path | None = None
    "A CSV file of students, with a column id and perhaps name: a sheet each, with numbers of its own."


@Parameter(name="*", group=_EXAMPLE)
@dataclass(frozen=True)
class ExampleOptions:
    """Which row that is there already."""

    example: str | None = None
    "A built-in example (students, placement, xor, chain), with its parameters at their start."
    row: Whole = None
    "The row, from 1."


@Parameter(name="*", group=_SHEET)
@dataclass(frozen=True)
class SheetOptions:
    """How the sheet asks."""

    digits: Annotated[int, Parameter(converter=whole)] = DIGITS
    "Significant digits that every answer is to have."
    notation: Literal["course", "3b1b", "keras", "torch"] = "course"
    "How things are named: W_211, w^(2)_0,0, kernel[0, 0] or weight[0, 0]."


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True)
class PaperOptions:
    """How it is written, and where."""

    format: Literal["md", "latex", "html"] | None = None
    "How it is written; told by the ending of --out (.md .tex .html), else md, for a roster html."
    out: Path | None = None
    "Write the sheet to this file, beside it a .csv for the answers and a .toml for mark; a folder for a roster."
    key: Path | None = None
    "Write the answer key to this file; for a roster, into this folder."
    force: Annotated[bool, Parameter(negative=())] = False
    "Overwrite files that exist."


DRAW, EXAMPLE, SHEET, PAPER = DrawOptions(), ExampleOptions(), SheetOptions(), PaperOptions()


def make(
    *,
    draw: DrawOptions = DRAW,
    example: ExampleOptions = EXAMPLE,
    sheet: SheetOptions = SHEET,
    paper: PaperOptions = PAPER,
) -> int:
    """Writes a worksheet: one row of one network, worked by hand."""
    if draw.roster is not None:
        return _make_for_all(draw, example, sheet, paper)
    if example.example is not None:
        made = _of_example(draw, example, sheet)
    elif example.row is not None:
        raise InputError("--row is a row of an example; say which, as in --example students")
    else:
        made = make_exercise(**_settings(draw), digits=sheet.digits, notation=sheet.notation)
    if paper.out is not None:
        written = write_sheet(made, paper.out, paper.key, paper.format, paper.force)
        print(f"written: {', '.join(map(str, written))}")
        return 0
    text = sheet_text(made, paper.format or "md")
    if paper.key is not None:
        _write(paper.key, sheet_text(made, form_of(paper.key, paper.format), key=True), paper.force)
    print(text, end="")
    return 0


def _settings(draw: DrawOptions) -> dict[str, Any]:
    """The options as `make_exercise` takes them."""
    found = {name: value for name, value in said(draw).items() if name not in ("layers", "roster")}
    return found if draw.layers is None else {"sizes": _sizes(draw.layers), **found}


def _sizes(layers: str) -> list[int]:
    try:
        return [int(part) for part in layers.split(",")]
    except ValueError:
        raise InputError(f"--layers: {layers!r} is not understood; write numbers as in 2,2,1") from None


def _of_example(draw: DrawOptions, example: ExampleOptions, sheet: SheetOptions) -> Exercise:
    strange = next((name for name in said(draw) if name != "rate"), None)
    if strange is not None:
        raise InputError(f"--{strange}: the example {example.example} comes with its own; leave it out")
    row = 1 if example.row is None else example.row
    why = explain(*find_example(str(example.example)), row=row - 1, notation=sheet.notation)
    made = exercise_of(why, sheet.digits, draw.rate)
    if made.unmoved:
        few = f"{counted(len(made.unmoved), 'parameter')} of {made.net.n_parameters}"
        words = f"with {made.digits} digits the update at rate {made.rate:g} cannot be seen in {few}"
        print(f"whygrad: {words}; --rate or --digits makes it seen", file=sys.stderr)
    return made


def _make_for_all(draw: DrawOptions, example: ExampleOptions, sheet: SheetOptions, paper: PaperOptions) -> int:
    assert draw.roster is not None
    if example != EXAMPLE:
        raise InputError("--roster gives every student numbers of their own; leave --example and --row out")
    if paper.out is None:
        raise InputError("--roster writes a sheet a student; say --out FOLDER")
    how = {**_settings(draw), "digits": sheet.digits, "notation": sheet.notation}
    made = [make_exercise(**how, student=one.id, name=one.name) for one in read_roster(draw.roster)]
    write_roster(made, paper.out, paper.key, paper.format or "html", paper.force)
    keys = "" if paper.key is None else f", the keys in {paper.key}"
    print(f"{counted(len(made), 'sheet')} and as many answers tables in {paper.out}{keys}")
    return 0


def mark(
    answers: Path,
    /,
    *,
    exercise: Path | None = None,
    out: Annotated[Path | None, Parameter(group=_OUTPUT)] = None,
    feedback_to: Annotated[Path | None, Parameter(name="--feedback", group=_OUTPUT)] = None,
    json: Annotated[bool, Parameter(negative=(), group=_OUTPUT)] = False,
    force: Annotated[bool, Parameter(negative=(), group=_OUTPUT)] = False,
) -> int:
    """Marks a folder of answers, factor by factor; what follows rightly from an earlier error counts as right.

    Parameters
    ----------
    answers
        The folder with the students' files: ID.csv, ID.txt or ID.md.
    exercise
        The .toml file that `make` wrote; otherwise the one in the folder.
    out
        Write the grades to this CSV file.
    feedback_to
        Write what each student is told into this folder, as Markdown.
    json
        Print one JSON document instead.
    force
        Overwrite files that exist.
    """
    if out is not None and exercise is not None and out.resolve() == exercise.resolve():
        raise InputError(f"--out {out} would overwrite the exercise itself; choose another name")
    _refuse_among(answers, out, feedback_to, force)
    grades = mark_folder(answers, exercise)
    if feedback_to is not None:
        write_texts({f"{m.exercise.student}.md": feedback(m) for m in grades.marks}, feedback_to, force)
    if out is not None:
        write_bytes(grades.csv().encode(), out)
    print(say.as_json(grades.to_plain()) if json else "\n".join(_summary(grades)))
    return 0


def _refuse_among(answers: Path, out: Path | None, told: Path | None, force: bool) -> None:
    """Refuses to write where it would be read as an answer, or over what is there."""
    if out is not None and out.resolve().parent == answers.resolve():
        raise InputError(f"--out {out} lies among the answers and would be read as one; choose another folder")
    if told is not None and told.resolve() == answers.resolve():
        raise InputError(f"--feedback {told} is the folder of the answers; choose another")
    if out is not None:
        if not force:
            refuse_existing(out)
        refuse_unwritable(out)


def _summary(grades: Grades) -> list[str]:
    """A line a student, what went wrong most often, and what could not be used."""
    rows = [["id", "name", "points", "of", *SECTIONS, "missing"]]
    for marks in grades.marks:
        e, parts = marks.exercise, [str(marks.section(section)[0]) for section in SECTIONS]
        missing = str(len(marks.having("missing", "unreadable")))
        rows.append([e.student, e.name, str(marks.points), str(e.points), *parts, missing])
    if not any(row[1] for row in rows[1:]):
        rows = [[row[0], *row[2:]] for row in rows]
    lines = columns(rows, left=(0, 1) if rows[0][1] == "name" else (0,))
    wrong = [f"{name} ({count} of {len(grades.marks)})" for name, count in grades.most_wrong()]
    lines += ["", f"most often wrong: {', '.join(wrong)}"] if wrong else []
    problems = [f"{m.exercise.student}: {problem}" for m in grades.marks for problem in m.problems]
    return [*lines, *([""] if problems or grades.problems else []), *problems, *grades.problems]


def _write(path: Path, text: str, force: bool) -> None:
    if not force:
        refuse_existing(path)
    write_bytes(text.encode(), path)
