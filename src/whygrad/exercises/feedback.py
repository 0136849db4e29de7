"""What a student is told: what went wrong first, each line as it should be, and the slip if numbers show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from whygrad.exercises.marking import Mark, Marks
from whygrad.exercises.quantity import SECTIONS
from whygrad.exercises.writing import shown
from whygrad.explanation.pages import alone, chained
from whygrad.explanation.symbols import figure
from whygrad.printing import counted

OFTEN = 3  # times that the same slip is one misunderstanding


def feedback(marks: Marks) -> str:
    """One student's marks as Markdown."""
    e = marks.exercise
    parts = ((name, *marks.section(name)) for name in SECTIONS)
    sections = ", ".join(f"{name} {points} of {of}" for name, points, of in parts)
    lines = [f"# Feedback for {e.who or 'the answers'}", ""]
    lines.append(f"**{marks.points} of {counted(e.points, 'point')}**: {sections}.")
    wrong, missing = marks.having("wrong"), marks.having("missing")
    first = [f"The first thing that went wrong is `{wrong[0].quantity.name}`.", ""] if wrong else []
    for title, told in (
        ("Wrong", [_wrong(marks, mark) for mark in wrong]),
        ("Unreadable", [_unreadable(mark) for mark in marks.having("unreadable")]),
        ("Left open", [", ".join(f"`{mark.quantity.name}`" for mark in missing)] if missing else []),
        ("To be noted", list(_notes(marks))),
    ):
        if told:
            lines += ["", f"## {title}", "", *(first if title == "Wrong" else []), *(f"- {line}" for line in told)]
    if marks.points == e.points:
        lines += ["", "Everything is right."]
    return "\n".join([*lines, ""])


def _wrong(marks: Marks, mark: Mark) -> str:
    """The line as it should be, from the student's own numbers, and the slip."""
    e, quantity = marks.exercise, mark.quantity
    names = {other.name: other.sign for other in e.quantities} | {sign.text: sign for sign in e.signs.given()}
    numbers = {need: shown(marks.own[need], e.digits) for need in quantity.needs}
    numbers |= {need: figure(e.given[need]) for need in quantity.needs if need in e.given}
    value = alone(shown(mark.expected, e.digits))
    steps = chained(quantity.sign, quantity.written(names), quantity.written(numbers), value)
    line = " = ".join(sign.text for sign in (*steps[:-1], value))
    said = f"{_number(mark)}you have `{_text(mark)}`; it should be `{line}`"
    if mark.astray:
        said += f" from your own numbers (`{alone(shown(mark.key, e.digits))}` on the key)"
    if mark.slips:
        said += f". Your number is exactly that of a known slip: {'; or '.join(mark.slips)}"
    return said + "."


def _unreadable(mark: Mark) -> str:
    return f"{_number(mark)}`{mark.quantity.name}`: `{_text(mark)}` is no number."


def _notes(marks: Marks) -> Iterator[str]:
    follows = [mark for mark in marks.having("follows") if mark.number]
    if follows:
        names = ", ".join(f"`{mark.quantity.name}`" for mark in follows)
        yield f"Right, as they follow from your earlier numbers, though the key has others: {names}."
    often = Counter(mark.slips for mark in marks.having("wrong") if mark.slips)
    for slips, times in often.items():
        if times >= OFTEN:
            yield f"One slip cost you {times} answers: {'; or '.join(slips)}."
    for mark in marks.marks:
        if mark.note:
            yield f"`{mark.quantity.name}`: {mark.note}; it counts as right."
    yield from (f"{problem}." for problem in marks.problems)


def _number(mark: Mark) -> str:
    return f"{mark.number}: " if mark.number else ""


def _text(mark: Mark) -> str:
    return "" if mark.answer is None else mark.answer.text.replace("`", "")
