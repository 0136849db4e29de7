"""What a table asks for: which task its targets mean, and which columns cannot be meant."""

from __future__ import annotations

from typing import Literal

import numpy as np

from whygrad.casting import held_as, number_text
from whygrad.errors import TableError
from whygrad.printing import counted
from whygrad.scratch import changed
from whygrad.table import Column, Task, code_counts, levels, listed

WantedTask = Literal["regression", "classification"]
MOST_CLASSES = 1000
MOST_LEVELS = 100 * MOST_CLASSES  # different numbers that are counted before they are too many
FEW = 10  # a target with at most so many different whole numbers may well hold classes


def refuse_identifier(label: str, column: Column) -> None:
    """Refuses words of which most rows have one of their own: names, addresses, keys."""
    words, n = len(column.categories), len(column.values)
    if column.kind == "category" and words > 100 and words > n / 2:
        raise TableError(
            f"{label} column {column.name!r}: {words:,} different words in {counted(n, 'row')} look like names; "
            f"--ignore {column.name}, or --category {column.name} to keep it"
        )


def decide_task(
    label: str, targets: tuple[Column, ...], task: WantedTask | None
) -> tuple[Task, tuple[Column, ...], str]:
    """(task, targets as the task needs them, a note): design decision 12."""
    names = listed(column.name for column in targets)
    words = [column for column in targets if column.kind != "number"]
    if task == "regression" and words:
        held = listed(map(repr, words[0].categories), 3)
        raise TableError(
            f"{label} column {words[0].name!r} holds {held}, not numbers, so it cannot be the target of a "
            "regression; leave out --task"
        )
    single = len(targets) == 1
    switches = [column.kind == "yes/no" or _zero_one(column, single) for column in targets]
    if task == "regression" or (task is None and not words and not all(switches)):
        if single and task is None and (few := _few_whole(targets[0])) >= 2:
            return (
                "regression",
                targets,
                (
                    f"{names} holds only {few} different whole numbers and is read as a quantity: regression; "
                    "if they name classes, say --task classification"
                ),
            )
        verb = "is a number" if single else "are numbers"
        hint = "" if task else "; --task classification would make each value a class" if single else ""
        return "regression", targets, f"{names} {verb}: regression{hint}"
    if not single and not all(switches):
        wrong = targets[switches.index(False)].name
        raise TableError(
            f"{label}: several targets must all be numbers, or all yes/no or 0 and 1; {wrong!r} is not"
        )
    targets = tuple(_as_classes(label, column) for column in targets)
    if not single:
        return "binary", targets, f"{names} have two classes each: binary, one output each"
    classes = targets[0].categories
    if len(classes) == 2:
        return "binary", targets, f"{names} has two classes: binary; an output near 1 means {classes[1]!r}"
    if len(classes) > MOST_CLASSES:
        raise _too_many(label, names, f"{len(classes):,}")
    return "multiclass", targets, f"{names} has {len(classes):,} classes: {listed(classes)}"


def _few_whole(column: Column) -> int:
    """How many different numbers a column holds, if they are whole, at most 10, and occur again; else 0."""
    found = levels(column, FEW)
    few = found is not None and len(found) < len(column.values) and bool((found == np.round(found)).all())
    return len(found) if few and found is not None else 0


def _zero_one(column: Column, both: bool) -> bool:
    """Whether a column of numbers holds only 0 and 1 (and, with `both`, not just one of them)."""
    if column.kind == "category":
        return column.categories in (("0", "1"), ("0.0", "1.0"))
    found = levels(column, 2)
    return found is not None and set(found.tolist()) <= {0.0, 1.0} and (not both or len(found) == 2)


def _as_classes(label: str, column: Column) -> Column:
    """A class target: words as they are, numbers as categories; one class only is refused."""
    if column.kind == "number":
        column = _numbered(label, column)
    counts = code_counts(column)
    if np.count_nonzero(counts) < 2:
        raise TableError(
            f"{label} column {column.name!r}: every row is {column.categories[int(np.argmax(counts))]!r}; "
            "classification needs at least two classes"
        )
    return column


def _numbered(label: str, column: Column) -> Column:
    """A column of numbers as one of categories."""
    found = levels(column, MOST_LEVELS)
    if found is None:
        raise _too_many(label, column.name, f"more than {MOST_LEVELS:,}")
    largest = float(np.abs(found).max())
    if largest >= 2**53:
        raise TableError(
            f"{label} column {column.name!r} holds {number_text(largest)}; numbers from 2^53 run together as "
            f"classes, so --category {column.name} to tell them apart by their text"
        )
    words = tuple(number_text(float(v)) for v in found)
    codes = changed(column.values, lambda v: np.searchsorted(found, v), np.int32)
    return Column(column.name, "category", codes, words, held_as(words, column.held))


def _too_many(label: str, name: str, many: str) -> TableError:
    return TableError(
        f"{label} column {name!r} has {many} classes, each an output of the network; "
        f"at most {MOST_CLASSES:,} are possible; --task regression if it is a quantity"
    )


def word_notes(columns: tuple[Column, ...], targets: tuple[Column, ...]) -> tuple[str, ...]:
    """Words that are probably meant to be one, and classes of one row."""
    notes = []
    for column in (*columns, *targets):
        alike: dict[str, list[str]] = {}
        for word in column.categories:
            alike.setdefault(" ".join(word.casefold().split()), []).append(word)
        twins = [" and ".join(map(repr, words)) for words in alike.values() if len(words) > 1]
        if twins:
            notes.append(f"{column.name} holds {listed(twins, 3)}: words that differ only by case or space")
    for column in targets:
        if column.kind == "number":
            continue
        once = [repr(word) for word, n in zip(column.categories, code_counts(column), strict=True) if n == 1]
        if once:
            noun, verb = ("class", "has") if len(once) == 1 else ("classes", "have")
            notes.append(f"{column.name}: the {noun} {listed(once)} {verb} one row only")
    return tuple(notes)


def kinds_note(inputs: tuple[Column, ...]) -> str:
    """One line with the kinds of the input columns."""
    parts = []
    numbers = [column.name for column in inputs if column.kind == "number"]
    if numbers:
        parts.append(f"{counted(len(numbers), 'number')} ({listed(numbers)})")
    categories = [f"{c.name}: {counted(len(c.categories), 'word')}" for c in inputs if c.kind == "category"]
    if categories:
        noun = "category" if len(categories) == 1 else "categories"
        parts.append(f"{len(categories):,} {noun} ({listed(categories)})")
    answers = [column.name for column in inputs if column.kind == "yes/no"]
    if answers:
        parts.append(f"{len(answers):,} yes/no ({listed(answers)})")
    return f"inputs: {', '.join(parts)}"
