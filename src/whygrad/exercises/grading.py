"""Marking a folder of answers: every student's file against that student's own exercise.

What cannot be used of one student's answers never stands in the way of another's; it becomes a line.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from whygrad.dialect import decode
from whygrad.errors import InputError
from whygrad.exercises.answers import SUFFIXES, Answers, read_answers
from whygrad.exercises.exercise import Exercise
from whygrad.exercises.files import NAME, read_exercises
from whygrad.exercises.marking import Marks, mark_answers
from whygrad.exercises.quantity import SECTIONS
from whygrad.exercises.reckoning import unit_of
from whygrad.exercises.roster import same

ENOUGH = 5  # answers that can tell whose sheet they belong to
PASSED_OVER = (".toml", ".html", ".htm", ".tex")  # sheets and settings that lie beside the answers


@dataclass(frozen=True, eq=False)
class Grades:
    """Every student's marks, in the order of the roster, and what belongs to no student."""

    marks: tuple[Marks, ...]
    problems: tuple[str, ...] = ()

    def most_wrong(self, most: int = 3) -> list[tuple[str, int]]:
        """The quantities that went wrong most often, and how often."""
        wrong = Counter(mark.quantity.name for marks in self.marks for mark in marks.having("wrong"))
        return wrong.most_common(most)

    def csv(self) -> str:
        """A line a student: points, those of each section, how many answers were wrong, missing, unreadable."""
        stream = io.StringIO()
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["id", "name", "points", "of", *SECTIONS, "wrong", "missing", "unreadable", "problems"])
        for marks in self.marks:
            e = marks.exercise
            counts = [len(marks.having(status)) for status in ("wrong", "missing", "unreadable")]
            parts = [marks.section(section)[0] for section in SECTIONS]
            table.writerow([e.student, e.name, marks.points, e.points, *parts, *counts, "; ".join(marks.problems)])
        return stream.getvalue()

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings and lists only, for JSON."""
        return {"students": [marks.to_plain() for marks in self.marks], "problems": list(self.problems)}


def mark_folder(answers: str | Path, exercise: str | Path | None = None) -> Grades:
    """Marks the answers files (ID.csv, ID.txt or ID.md) in a folder.

    `exercise` is the file that `whygrad exercise make` wrote; by default the one .toml file in the folder. An
    exercise without a roster is the same for everybody, and every file is a student's. Raises `InputError` for a
    folder or exercise that cannot be read, or a folder without answers.
    """
    folder = Path(answers)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name the one with the answers, ID.csv, ID.txt or ID.md each")
    path = _exercise_in(folder) if exercise is None else Path(exercise)
    exercises = read_exercises(path)
    shared = exercises[0] if len(exercises) == 1 and not exercises[0].student else None
    files, problems = _handed_in(folder, path.stem if shared else None)
    if not files:
        raise InputError(f"{folder} holds no answers; they are files such as ID.csv, ID.txt or ID.md")
    if shared is not None:
        exercises = tuple(replace(shared, student=found[0].stem) for found in files.values())
    own = [_marked(e, files.pop(same(e.student), [])) for e in exercises]
    marks = tuple(own if shared else (_traced(one, exercises) for one in own))
    strangers = [_stranger(found[0], path, exercises) for found in files.values()]
    return Grades(marks, (*problems, *strangers))


def _stranger(file: Path, sheets: Path, exercises: Sequence[Exercise]) -> str:
    """A line for a file that is no student's, with the id it may be meant for: 7 for 007, 007 (1) for 007."""
    meant = [e.student for e in exercises if _names(same(file.stem), same(e.student))]
    hint = f"; did you mean {meant[0]!r}?" if len(meant) == 1 else ""
    return f"{file.name}: no sheet in {sheets.name} is for {file.stem!r}{hint}"


def _names(stem: str, student: str) -> bool:
    """Whether the id stands in the file's name by itself, with or without the noughts it begins with."""
    return re.search(rf"(?<![^\W_])0*{re.escape(student.lstrip('0') or '0')}(?![^\W_])", stem) is not None


def _exercise_in(folder: Path) -> Path:
    found = sorted(folder.glob("*.toml"))
    if len(found) != 1:
        there = "there is none" if not found else f"there are {len(found)}"
        raise InputError(f"{folder}: which exercise is it? {there} ({NAME}) in the folder; say --exercise FILE")
    return found[0]


def _handed_in(folder: Path, sheet: str | None) -> tuple[dict[str, list[Path]], list[str]]:
    """(the answers files by student, a line for what is none); those of the sheet itself are passed over."""
    files: dict[str, list[Path]] = {}
    problems = []
    for path in sorted(folder.iterdir(), key=lambda path: (same(path.stem), path.suffix.lower())):
        ending = path.suffix.lower()
        if path.name.startswith(".") or not path.is_file() or path.stem == sheet or ending in PASSED_OVER:
            continue
        if ending in SUFFIXES:
            files.setdefault(same(path.stem), []).append(path)
        else:
            problems.append(f"{path.name}: not read; answers come as {', '.join(SUFFIXES)}")
    return files, problems


def _marked(exercise: Exercise, files: list[Path]) -> Marks:
    """The marks of one student: of the first file that answers anything."""
    names, problems, read = [quantity.name for quantity in exercise.quantities], [], []
    numbered = [quantity.name for quantity in exercise.asked]
    for path in files:
        try:
            utf8, _ = decode(path.read_bytes(), path.name, None, option=False)
        except OSError as problem:
            problems.append(f"{path.name} cannot be read: {problem.strerror}")
        except InputError as problem:
            problems.append(str(problem))
        else:
            read.append((path.name, read_answers(utf8.decode(), names, exercise.given, numbered)))
    filled = [found for found in read if not all(answer.blank for answer in found[1].found.values())]
    if not filled:
        problems.append("no answers" if read else "no answers file" if not files else "no readable answers file")
        return replace(mark_answers(exercise, Answers()), problems=tuple(problems))
    name, answers = filled[0]
    problems += [f"{other} has answers too; {name} is marked" for other, _ in filled[1:]]
    marks = mark_answers(exercise, answers)
    problems += [f"{name} {problem}" for problem in marks.problems]
    for mark in marks.having("unreadable"):
        assert mark.answer is not None
        problems.append(f"{name} line {mark.answer.line}: {mark.quantity.name} is {mark.answer.text!r}, no number")
    return replace(marks, problems=tuple(problems))


def _traced(marks: Marks, exercises: Sequence[Exercise]) -> Marks:
    """The marks, with a line where most answers are not of this student's sheet but of another's."""
    found = [(mark.quantity.name, mark.answer.value) for mark in marks.marks if mark.answer is not None]
    numbers = {name: value for name, value in found if value is not None}

    def share(exercise: Exercise) -> float:
        keys = ((value, exercise.key[name]) for name, value in numbers.items())
        return sum(abs(value - key) <= unit_of(key, 3) for value, key in keys) / len(numbers)

    if len(numbers) < ENOUGH or share(marks.exercise) > 0.5:
        return marks
    for other in exercises:
        if share(other) > 0.8:
            line = f"these are the answers to another sheet, that of {other.who}"
            return replace(marks, problems=(*marks.problems, line))
    return marks
