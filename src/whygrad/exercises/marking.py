"""Marking: factor by factor, each answer judged from the student's own earlier ones.

An answer is right when the quantity's rule, applied to what the student found before, gives it within the
rounding that the digits allow; so a wrong factor that is used rightly later costs once. It is right too when it
follows from what the student should have found before, or is simply what the key has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from whygrad.errors import one_of
from whygrad.exercises.answers import Answer, Answers, bare, read_number, spellings
from whygrad.exercises.exercise import Exercise
from whygrad.exercises.quantity import SECTIONS, Quantity, Section, Values
from whygrad.exercises.reckoning import Ledger, unit_of
from whygrad.exercises.slips import slips_of

Status = Literal["right", "follows", "wrong", "missing", "unreadable"]
ROUNDING = 1 + 1e-9  # a number just on the border is within it, whatever binary makes of it
LARGEST = 1e12  # no answer is larger, or a million times the key's: a slip of the pen would drown in rounding
Reading = tuple[float, float]  # a value, and how far rounding may have moved it


@dataclass(frozen=True, eq=False)
class Mark:
    """What one answer is worth. `expected` is what the student's own earlier answers give, `key` the right answer.

    "follows" is right, though by an earlier error not what the key has. `slips` are the known mistakes that give
    exactly this answer. `number` is the quantity's on the sheet, 0 for a step that is not asked for.
    """

    quantity: Quantity
    number: int
    status: Status
    answer: Answer | None
    expected: float
    key: float
    astray: bool = False  # whether the two differ by an earlier error
    slips: tuple[str, ...] = ()
    note: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is what it should be."""
        return self.status in ("right", "follows")

    @property
    def points(self) -> int:
        """All of the quantity's points, or none."""
        return self.quantity.points if self.right else 0

    def entry(self, digits: int) -> tuple[float, float] | None:
        """The answer's number, and the unit of its last digit; None where there is no number."""
        if self.answer is None or self.answer.value is None:
            return None
        coarse = self.answer.digits if self.note else None
        return self.answer.value, unit_of(self.answer.value, coarse or digits)

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings and lists only, for JSON."""
        return {
            "quantity": self.quantity.name,
            "status": self.status,
            "answer": None if self.answer is None else self.answer.text,
            "expected": self.expected,
            "key": self.key,
            "points": self.points,
            "of": self.quantity.points,
            "slips": list(self.slips),
            "note": self.note,
        }


@dataclass(frozen=True, eq=False)
class Marks:
    """One student's marks, quantity by quantity, and what could not be used of the answers.

    `own` are the numbers that later answers were judged from: the student's, and what is missing worked out.
    """

    exercise: Exercise
    marks: tuple[Mark, ...]
    own: Values
    problems: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """The points reached, of `exercise.points`."""
        return sum(mark.points for mark in self.marks)

    def section(self, section: Section) -> tuple[int, int]:
        """(points reached, points to be had) of one section."""
        part = [mark for mark in self.marks if mark.quantity.section == section]
        return sum(mark.points for mark in part), sum(mark.quantity.points for mark in part)

    def having(self, *statuses: Status) -> tuple[Mark, ...]:
        """The marks of these statuses, in the order of the sheet."""
        return tuple(mark for mark in self.marks if mark.status in statuses)

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings and lists only, for JSON."""
        return {
            "student": self.exercise.student,
            "name": self.exercise.name,
            "points": self.points,
            "of": self.exercise.points,
            "sections": {section: self.section(section)[0] for section in SECTIONS},
            "marks": [mark.to_plain() for mark in self.marks],
            "problems": list(self.problems),
        }


def mark_answers(exercise: Exercise, answers: Answers | Mapping[str, str | float]) -> Marks:
    """The marks of one student's answers: as read from a file, or numbers or texts by the quantities' names.

    Raises `InputError` for a name in the mapping that is no quantity of the exercise.
    """
    if not isinstance(answers, Answers):
        answers = _named(exercise, answers)
    digits, found = exercise.digits, _bounded(exercise, answers.found)
    own, mended = Ledger(dict(exercise.given)), Ledger(dict(exercise.given))  # mended: without what is wrong
    key = Ledger(dict(exercise.key), {q.name: unit_of(exercise.key[q.name], digits) for q in exercise.quantities})
    numbers = {quantity.name: number for number, quantity in enumerate(exercise.asked, start=1)}
    marks: list[Mark] = []
    astray: set[str] = set()  # what is wrong, and what comes of it
    for quantity in exercise.quantities:
        name = quantity.name
        readings = _readings(quantity, (own, mended, key))
        mark = _judged(quantity, found.get(name), readings, digits, not astray.isdisjoint(quantity.needs))
        mark = replace(mark, number=numbers.get(name, 0))
        if mark.astray or mark.status == "wrong":
            astray.add(name)
        for ledger, kept, (value, slack) in zip((own, mended), (True, mark.right), readings, strict=False):
            entry = mark.entry(digits) if kept else None
            ledger.put(name, *(entry or (value, slack + unit_of(value, digits))))
        marks.append(mark)
    done = [replace(mark, slips=_slips(mark, own, digits)) if mark.status == "wrong" else mark for mark in marks]
    shown = tuple(mark for mark in done if mark.number or mark.status == "wrong")
    return Marks(exercise, shown, own.values, answers.problems)


def _bounded(exercise: Exercise, found: Mapping[str, Answer]) -> dict[str, Answer]:
    """The answers; those that are too large for any of the exercise's numbers are none."""
    largest = max(LARGEST, *(1e6 * abs(value) for value in exercise.key.values()))
    return {
        name: replace(answer, value=None) if abs(answer.value or 0.0) > largest else answer
        for name, answer in found.items()
    }


def _readings(quantity: Quantity, ledgers: Sequence[Ledger]) -> list[Reading]:
    """What the rule gives from each; from the last where a student's numbers are none it could be applied to."""
    found = [ledger.reckoned(quantity.rule, quantity.needs) for ledger in ledgers]
    return [reading if math.isfinite(sum(reading)) else found[-1] for reading in found]


def _judged(
    quantity: Quantity, answer: Answer | None, readings: Sequence[Reading], digits: int, astray: bool
) -> Mark:
    """The mark of one answer; the readings are from the student's own numbers, from mended ones, and the key's.

    `astray` says whether anything it needs comes of an error.
    """
    expected, (key, key_slack) = readings[0][0], readings[-1]
    fine = key_slack + unit_of(key, digits)
    mark = Mark(quantity, 0, "missing", answer, expected, key, astray and not _near(expected, key, fine))
    if answer is None or answer.blank:
        return mark
    if answer.value is None:
        return replace(mark, status="unreadable")
    at_key = _near(answer.value, key, fine)
    if at_key or any(_near(answer.value, value, slack + unit_of(value, digits)) for value, slack in readings):
        return replace(mark, status="right" if at_key or not astray else "follows")
    if answer.digits is not None and digits <= 2 * answer.digits < 2 * digits:
        coarse = 0.5 * unit_of(answer.value, answer.digits)  # rounded, not cut off
        if any(_near(answer.value, value, slack + coarse) for value, slack in readings):
            note = f"only {answer.digits} digits; {digits} were asked for"
            return replace(mark, status="follows" if mark.astray else "right", note=note)
    return replace(mark, status="wrong")


def _near(answer: float, value: float, by: float) -> bool:
    return abs(answer - value) <= by * ROUNDING


def _slips(mark: Mark, own: Ledger, digits: int) -> tuple[str, ...]:
    """The known mistakes that give exactly this answer from the student's own numbers."""
    answer = mark.entry(digits)
    assert answer is not None  # only a number is wrong; what is none is unreadable
    found = []
    for slip in slips_of(mark.quantity):
        value, slack = own.reckoned(slip.rule, slip.needs)
        differs = abs(value - mark.expected) > unit_of(mark.expected, digits)
        if differs and _near(answer[0], value, slack + unit_of(value, digits)):
            found.append(slip.words)
    return tuple(dict.fromkeys(found))


def _named(exercise: Exercise, answers: Mapping[str, str | float]) -> Answers:
    known = spellings(quantity.name for quantity in exercise.quantities)
    found = {}
    for name, value in answers.items():
        quantity = known.get(bare(name))
        if quantity is None:
            raise one_of("answers: quantity", name, [asked.name for asked in exercise.asked])
        found[quantity] = read_number(value if isinstance(value, str) else repr(float(value)))
    return Answers(found)
