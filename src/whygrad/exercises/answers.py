"""Answers as students write them: z_11,0.62 in a table or z_11 = 0.62 in a text, in any usual spelling."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

SUFFIXES = (".csv", ".txt", ".md")

_SIGNS = str.maketrans("−‐‒–—―⁄÷×·⋅∂", "------//***d")
_NUMBER = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(?:e([+-]?\d+)|\*10(?:\^|\*\*)?[({]?([+-]?\d+)[)}]?)?")
_THOUSANDS = re.compile(r"([+-]?\d{1,3}(?:([.,])\d{3})(?:\2\d{3})*)(?!\2)[.,](\d*)")
_MIXED = re.compile(r"([+-]?)(\d+)\s+(\d+/\d+)")  # 1 1/2
_BEFORE = re.compile(r"(?:about|approx|circa|ca)\b\.?\s*")
_BEHIND = re.compile(r"[.!?;]+$|(?<=[\d.%])(?:\s*[(,;]|\s)[^\d%=+*/^-]*$")  # words that no number stands in
_BLANK = re.compile(r"[-_.?…\s]*|n/?a", re.IGNORECASE)
_LISTED = re.compile(r"^[\s>|]*(?:(?:\d+[.)]|[-*+])\s+)?[\s|]*")  # how a line of a list or table begins
_POINTS = re.compile(r"\(?\s*\d+\s*points?\s*\)?\s*$")
_NUMBERED = re.compile(r"[\s>|]*(\d+)\s*(?:\.(?!\d)|[):=,;|]|\s(?=[-+.\d]))(.*)")  # 8: -0.4519
_AROUND = '=:,;|$"\t '
_PARTING = re.compile(r"[=:,;|\t ]")


@dataclass(frozen=True)
class Answer:
    """One answer as it was written; `value` is None for what is no number, `digits` the significant ones it has.

    A fraction is exact: its digits are None. `line` counts from 1 in its file; 0 where there is none.
    """

    text: str
    value: float | None
    digits: int | None = None
    line: int = 0

    @property
    def blank(self) -> bool:
        """Whether nothing was answered."""
        return self.value is None and _BLANK.fullmatch(self.text) is not None


@dataclass(frozen=True)
class Answers:
    """What one student handed in: answers by quantity, and what could not be used, a line each."""

    found: Mapping[str, Answer] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_number(text: str, line: int = 0) -> Answer:
    """The answer with its number: -0.25, −0,25, -1/4, -25%, -2.5e-1 and -2.5·10^-1 are all read.

    Of working, as in 0.5*3 - 1 = 0.5, the last side counts; words behind a number are passed over.
    """
    plain = re.sub(r"[$`'\"\\]", "", unicodedata.normalize("NFKC", text)).translate(_SIGNS).lower()
    sides = [side.strip() for side in re.split("[=≈~]", plain)]
    result = next((side for side in reversed(sides) if side), "")
    result = _BEHIND.sub("", _BEFORE.sub("", result, count=1)).strip()
    value, digits = _number(result.replace("x", "*"))
    if value is not None and not math.isfinite(value):
        value = None
    return Answer(text.strip(), value, digits, line)


def _number(text: str) -> tuple[float | None, int | None]:
    """(the number, its significant digits, None for a fraction)."""
    mixed = _MIXED.fullmatch(text)
    if mixed:
        part, _ = _number(mixed[3])
        return (None if part is None else float(f"{mixed[1]}1") * (float(mixed[2]) + part)), None
    above, slash, below = re.sub(r"\s", "", text).partition("/")
    value, digits = _decimal(above.removesuffix("%"))
    if value is not None and above.endswith("%"):
        value /= 100
    if not slash:
        return value, digits
    divisor, _ = _decimal(below)
    return (value / divisor if value is not None and divisor else None), None


def _decimal(text: str) -> tuple[float | None, int]:
    """(the number, its significant digits); commas and points are decimal marks, in 1.234,5 the last of them."""
    parted = _THOUSANDS.fullmatch(text)
    if parted:
        text = re.sub("[.,]", "", parted[1]) + "." + parted[3]
    found = _NUMBER.fullmatch(text.replace(",", "."))
    if not found:
        return None, 0
    sign, mantissa, power, ten = found.groups()
    exponent = power or ten or "0"
    if len(exponent) > 4:
        return None, 0
    return float(f"{sign}{mantissa}e{exponent}"), len(mantissa.replace(".", "").lstrip("0"))


def read_answers(
    text: str, names: Iterable[str], given: Iterable[str] = (), numbered: Sequence[str] = ()
) -> Answers:
    """The answers to the quantities `names` in a text.

    Lines that answer nothing and those that repeat what was `given` are passed over, so that a filled-in sheet can
    be read as well as a table. What looks like an answer but names no quantity, or one named before, is a problem.
    Where no quantity is named at all, the lines are read as 8: 0.5, `numbered` being the names from number 1 on.
    """
    handed_out = set(given)
    known = spellings([*names, *handed_out])
    found: dict[str, Answer] = {}
    problems = []
    for line, written in enumerate(text.splitlines(), start=1):
        name, left, right = _parted(written, known)
        answer = read_number(_POINTS.sub("", right), line)
        if name is None and answer.value is not None and _like_a_name(left) and "=" not in right:
            problems.append(f"line {line}: {left!r} is no quantity that is asked for")
        if name is None or name in handed_out:
            continue
        before = found.get(name)
        if before is not None and before.value is not None and answer.value is not None:
            problems.append(f"line {line}: {name} stands in line {before.line} already; line {line} counts")
        if before is None or _use(answer) >= _use(before):
            found[name] = answer
    return Answers(found or _by_number(text, numbered), tuple(problems))


def _by_number(text: str, names: Sequence[str]) -> dict[str, Answer]:
    """The answers in lines that begin with the number that their quantity has on the sheet."""
    found = {}
    for line, written in enumerate(text.splitlines(), start=1):
        parted = _NUMBERED.fullmatch(written)
        if parted and 1 <= int(parted[1]) <= len(names):
            found[names[int(parted[1]) - 1]] = read_number(_POINTS.sub("", parted[2].strip(_AROUND)), line)
    return found


def spellings(names: Iterable[str]) -> dict[str, str]:
    """How each name may be written, without spaces, underscores and the like -> the name; none that fits two."""
    found: dict[str, set[str]] = {}
    for name in names:
        found.setdefault(bare(name), set()).add(name)
    return {bare: next(iter(meant)) for bare, meant in found.items() if len(meant) == 1}


def bare(name: str) -> str:
    """A name without what people leave out or write in another way."""
    text = unicodedata.normalize("NFKD", name).replace("y\u0302", "y_hat").translate(_SIGNS)
    text = text.replace(r"\hat{y}", "y_hat").replace(r"\partial", "d").replace(r"\frac", "").replace("}{", "/")
    text = re.sub(r"\\(text|mathtt|mathrm)", "", text)
    text = re.sub(r"[\s_$`*(){}\[\]\"\\]", "", text).lower()
    return "new" + re.sub(r"(new|')$", "", text) if re.search(r"(new|')$", text) else text


def _parted(written: str, known: Mapping[str, str]) -> tuple[str | None, str, str]:
    """(the quantity's name, what stands for it, the answer); the longest name that is known, None for none."""
    line = _LISTED.sub("", written, count=1)
    marks = [found.start() for found in _PARTING.finditer(line)]
    for mark in reversed(marks):
        name = known.get(bare(line[:mark]))
        if name is not None:
            return name, line[:mark], line[mark:].strip(_AROUND)
    first = next((mark for mark in marks if line[mark] != " "), len(line))
    return None, line[:first].strip(_AROUND), line[first:].strip(_AROUND)


def _like_a_name(text: str) -> bool:
    """Whether this may be meant as a quantity's name."""
    return len(text.split()) in (1, 2) and any(letter.isalpha() for letter in text)


def _use(answer: Answer) -> int:
    """Numbers count more than what is none, and that more than a blank."""
    return 2 if answer.value is not None else 0 if answer.blank else 1
