"""The report: what was judged, what is wrong, which slip it is, and what would be right."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from whygrad.judgement.conventions import Hypothesis
from whygrad.judgement.experiments import Experiment
from whygrad.judgement.matching import Entry, Match
from whygrad.judgement.slips import Slip
from whygrad.judgement.trouble import UNREAD
from whygrad.printing import columns, counted
from whygrad.table import listed

Verdict = Literal["right", "wrong", "undecided"]
SHOWN = 12  # wrong numbers that are listed
ALIKE = 5  # explanations that are listed
DIGITS = 15  # of float64; the last one is anybody's
WIDTH = 110


@dataclass(frozen=True, eq=False)
class Section:
    """One part of the code, judged: forward, gradient, update, loop, or printed losses."""

    name: str
    match: Match
    inherited: tuple[Slip, ...] = ()  # slips of sections above, which this one follows from

    @property
    def slips(self) -> tuple[Slip, ...]:
        """The slips that are this section's own."""
        before = {slip.key for slip in self.inherited}
        return tuple(slip for slip in self.match.slips if slip.key not in before)

    @property
    def verdict(self) -> Verdict:
        """Right also where all that is wrong was wrong before."""
        if self.match.verdict == "slips":
            return "wrong" if self.slips else "right"
        return {"right": "right", "convention": "right", "unnamed": "wrong", "undecided": "undecided"}[
            self.match.verdict
        ]  # type: ignore[return-value]

    @property
    def also(self) -> tuple[Hypothesis, ...]:
        """Other explanations that reproduce the numbers equally well."""
        return self.match.hypotheses[1:] if self.match.verdict == "slips" else ()

    @property
    def agreed(self) -> list[tuple[str, str]]:
        """The conventions it is right under: what they are, and what whygrad and Keras use."""
        if not self.match.hypotheses:
            return []
        best = self.match.hypotheses[0]
        found = [(convention.title, convention.usual) for convention in best.conventions]
        if best.reading is not None and best.reading.key != "during":
            found.append((best.reading.title, "whygrad and Keras print the mean over the rows as they are met"))
        return found

    @property
    def wrong(self) -> tuple[Entry, ...]:
        """The wrong numbers of the first probe that shows any; the others say the same again."""
        every = [entry for entry in self.match.entries if entry.wrong]
        return tuple(entry for entry in every if entry.probe == every[0].probe)

    def to_plain(self, hint: bool = False) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON; with `hint`, no more than where it is wrong."""
        m = self.match
        return {
            "name": self.name,
            "verdict": self.verdict,
            "slips": [_plain_slip(slip, hint) for slip in self.slips],
            "follows_from": [slip.key for slip in self.inherited if slip in m.slips and not hint],
            "also": [[one.key for one in other.elements] for other in self.also if not hint],
            "conventions": [{"title": title, "usual": usual} for title, usual in self.agreed],
            "digits": m.digits,
            "entries": [_plain_entry(entry, hint) for entry in m.entries],
            "known": [] if hint else list(m.known),
            "remarks": list(m.remarks),
        }


def _plain_entry(entry: Entry, hint: bool) -> dict[str, Any]:
    if hint:
        return {"probe": entry.probe, "name": entry.name, "theirs": entry.theirs, "wrong": entry.wrong}
    return {**vars(entry), "ratio": entry.ratio}


def _plain_slip(slip: Slip, hint: bool) -> dict[str, Any]:
    if hint:
        return {"where": slip.where, "layer": slip.layer, "hint": slip.hint}
    return {
        "key": slip.key,
        "title": slip.title,
        "where": slip.where,
        "layer": slip.layer,
        "as_it_is": slip.written,
        "as_it_should_be": slip.right,
        "hint": slip.hint,
    }


@dataclass(frozen=True, eq=False)
class Report:
    """What a check found. `parts` says which of the code's names played which part."""

    name: str
    task: str  # what it was judged on, in words
    sections: tuple[Section, ...] = ()
    form: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    stored: tuple[str, ...] = ()  # how the code stores and orders things, a sentence each
    problems: tuple[str, ...] = ()
    experiment: Experiment | None = None
    hint: bool = False

    @property
    def verdict(self) -> Verdict:
        """Wrong where anything is; right where something was judged and nothing stood in the way.

        What is not written yet, or cannot be read, is not wrong for that.
        """
        verdicts = {section.verdict for section in self.sections}
        if "wrong" in verdicts:
            return "wrong"
        if self.problems:
            unfinished = any("not written yet" in problem for problem in self.problems)
            unread = all(problem.startswith(UNREAD) for problem in self.problems)
            return "undecided" if unfinished or unread or not self.form else "wrong"
        return "right" if self._backward else "undecided"

    @property
    def _backward(self) -> bool:
        """Whether anything that depends on a derivative was judged."""
        return any(s.name != "forward" and s.verdict == "right" for s in self.sections)

    @property
    def slips(self) -> tuple[Slip, ...]:
        """All slips that were named, each once."""
        found = {slip.key: slip for section in self.sections for slip in section.slips}
        return tuple(found.values())

    @property
    def exit_code(self) -> int:
        """0 right, 1 wrong, 3 undecided."""
        return {"right": 0, "wrong": 1, "undecided": 3}[self.verdict]

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong, in short: each slip, or with `hint` its place; where none is known, the wrong numbers."""
        unnamed = [s for s in self.sections if s.verdict == "wrong" and not s.slips]
        return (
            *(slip.hint if self.hint else slip.title for slip in self.slips),
            *(f"{section.name}: no known slip; wrong: {_names(section)}" for section in unnamed),
        )

    def assert_right(self) -> None:
        """Raises `AssertionError` with the whole report, unless everything is right. For pytest."""
        __tracebackhide__ = True  # pytest shows the test and the report, not this line
        if self.verdict != "right":
            raise AssertionError(f"\n{self}")

    def to_plain(self) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON; with `hint`, the places without the answers."""
        return {
            "name": self.name,
            "task": self.task,
            "verdict": self.verdict,
            "form": self.form,
            "parts": dict(self.parts),
            "stored": list(self.stored),
            "sections": [section.to_plain(self.hint) for section in self.sections],
            "problems": list(self.problems),
            "experiment": None if self.experiment is None or self.hint else str(self.experiment),
        }

    def lines(self) -> list[str]:
        """The report for a terminal; with `hint`, the places without the answers."""
        parts = ", ".join(f"{part}: {name}" for part, name in self.parts.items())
        lines = [f"{self.name}: {self.verdict.upper()}", f"judged on {self.task}"]
        if self.form:
            lines += wrapped(f"read as: {self.form}{f' ({parts})' if parts else ''}")
        lines += [f"problem: {problem}" for problem in self.problems]
        for section in self.sections:
            lines += ["", *(_hints(section) if self.hint else _section_lines(section))]
        if self.experiment is not None and not self.hint:
            lines += ["", *wrapped(f"to tell these apart, {self.experiment}")]
        if self.stored:
            lines += ["", *wrapped(f"how it is written: {'; '.join(self.stored)}")]
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return str(self)


def wrapped(text: str) -> list[str]:
    """A sentence in lines that fit a terminal."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _head(section: Section) -> str:
    match, digits = section.match, section.match.digits
    if section.verdict == "undecided":
        return f"{section.name}: undecided"
    agrees = "" if digits is None else f", to {min(digits, DIGITS):.0f} digits"
    if section.verdict == "right":
        if section.inherited and match.verdict == "slips":
            return f"{section.name}: right, given what is above{agrees}"
        return f"{section.name}: right{' under another convention' if section.agreed else ''}{agrees}"
    if not section.slips:
        return f"{section.name}: WRONG, and no known slip gives these numbers"
    give = "1 slip gives" if len(section.slips) == 1 else f"{len(section.slips)} slips together give"
    return f"{section.name}: WRONG; {give} exactly these numbers{agrees}"


def _section_lines(section: Section) -> Iterator[str]:
    yield _head(section)
    for title, usual in section.agreed:
        yield f"  convention: {title}; {usual}"
    for number, slip in enumerate(section.slips, start=1):
        yield f"  {number}. {slip.title}"
        yield f"     as it is:        {slip.written}"
        yield f"     as it should be: {slip.right}"
    yield from _others(section)
    yield from (f"  known: {fact}" for fact in section.match.known)
    wrong = section.wrong
    if wrong and section.verdict == "wrong":
        rows = [["number", "yours", "right", "yours / right"]]
        for entry in wrong[:SHOWN]:
            ratio = "" if entry.ratio is None else f"{entry.ratio:.6g}"
            rows.append([entry.name, f"{entry.theirs:.9g}", f"{entry.ours:.9g}", ratio])
        yield from (f"  {line}" for line in columns(rows))
        if len(wrong) > SHOWN:
            yield f"  ... and {len(wrong) - SHOWN:,} more"
    for remark in section.match.remarks:
        yield from (f"  {line}" for line in wrapped(f"note: {remark}"))


def _others(section: Section) -> Iterator[str]:
    """Explanations that fit equally well."""
    if not section.also or section.verdict != "wrong":
        return
    yield f"  {counted(len(section.also), 'other explanation')} would give the same numbers:"
    for other in section.also[:ALIKE]:
        yield f"     {other}"
    if len(section.also) > ALIKE:
        yield f"     ... and {len(section.also) - ALIKE} more"


def _hints(section: Section) -> Iterator[str]:
    if section.verdict != "wrong":
        yield _head(section)
        return
    yield f"{section.name}: WRONG"
    yield from (f"  hint: {slip.hint}" for slip in section.slips)
    if not section.slips and section.wrong:
        yield from (f"  {line}" for line in wrapped(f"wrong: {_names(section)}"))


def _names(section: Section) -> str:
    return listed((entry.name for entry in section.wrong), SHOWN)
