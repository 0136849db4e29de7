"""Programs that people might write, with slips planted in their text, and what the checker says of them.

`program(style, task, keys)` is the text of a program; `WRITTEN[style](task)` says which slips can be written in
it. Nothing here uses the catalogue's own changes: a slip is other text in a template.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
from planted_array_slips import array_slips
from planted_array_styles import COURSE, LECTURE, ROWS, SINGLE, course, lecture, rows, single, updated_weights
from planted_arrays import Arrays
from planted_nielsen import nielsen, nielsen_keys, nielsen_slips
from planted_scalars import scalar_slips, scalars
from planted_tasks import MORE, REMEMBERING, TASKS, Task
from planted_train import FIT, MODEL, TRAIN, fit, loop_slips, model, train
from planted_unit_slips import unit_slips
from planted_unit_train import unit_train, unit_train_slips
from planted_units import Units, units

from whygrad.judgement import checking
from whygrad.judgement.observations import Answer
from whygrad.judgement.report import Report
from whygrad.judgement.slips import Slip, catalogue

Edits = Mapping[str, str]
ALL_TASKS = {**TASKS, **REMEMBERING, **MORE}


@dataclass(frozen=True)
class Style:
    """A way of writing: the program of a task with edits, and the edits that make each slip."""

    write: Callable[[Task, Edits], str]
    slips: Callable[[Task], Mapping[str, Edits]]


def _lecture_slips(task: Task) -> dict[str, dict[str, str]]:
    s = Arrays(task, LECTURE)
    return {**array_slips(s), **({"updated-weights": updated_weights(s)} if task.last > 1 else {})}


STYLES = {
    "course": Style(course, lambda task: array_slips(Arrays(task, COURSE))),
    "rows": Style(rows, lambda task: array_slips(Arrays(task, ROWS))),
    "single": Style(single, lambda task: array_slips(Arrays(task, SINGLE))),
    "lecture": Style(lecture, _lecture_slips),
    "train": Style(train, lambda task: loop_slips(task, TRAIN)),
    "model": Style(model, lambda task: loop_slips(task, MODEL)),
    "fit": Style(fit, lambda task: loop_slips(task, FIT)),
    "units": Style(units, lambda task: unit_slips(Units(task))),
    "nielsen": Style(nielsen, nielsen_slips),
    "scalars": Style(scalars, scalar_slips),
    "unit train": Style(unit_train, unit_train_slips),
}

LOOPS = ("train", "model", "fit", "unit train")


def program(style: str, task: Task, keys: Sequence[str] = ()) -> str:
    """The text of a program with those slips. Two that change one place cannot be in it together."""
    possible, edits = _edits(style, task), {}
    for key in keys:
        assert not edits.keys() & possible[key].keys(), f"{keys} change one place"
        edits.update(possible[key])
    return STYLES[style].write(task, edits)


def family(key: str) -> str:
    """A key without its layers: "dW_2-of-a_1" is of the family "dW-of-a"."""
    key = re.sub(r":\d+$|_\d+|-sums$", "", key)
    return re.sub(r"(assigned-(?:from|to)|bias-of-layer)-\d+", r"\1", re.sub(r"^path-W\d", "path-W", key))


# ---- running ----


def loaded(text: str, folder: Path, name: str) -> ModuleType:
    """The program as a module of its own file."""
    path = folder / f"{name}.py".replace(" ", "_")
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def judged(text: str, task: Task, folder: Path, name: str) -> tuple[Report, tuple[tuple[Answer, ...], ...]]:
    """(the report, what the program answered to each probe)."""
    asked = []

    def ask(*given: object) -> object:
        asked.append(real(*given))
        return asked[-1]

    real = checking.ask
    with mock.patch.object(checking, "ask", ask):
        report = checking.check(loaded(text, folder, name), task.net, task.table, task.training)
    return report, asked[0].answers


def differs(clean: Sequence[Sequence[Answer]], answers: Sequence[Sequence[Answer]], single: bool = False) -> bool:
    """Whether a program's numbers are other than the clean one's, more than rounding may make them."""
    if not answers or not clean:
        return True
    return all(
        any(_other(a[0], b, single) for a, b in zip(clean, plan, strict=True))
        for plan in zip(*answers, strict=False)
    )


def _other(a: Answer, b: Answer, single: bool) -> bool:
    for what in ("outputs", "loss", "gradient", "stepped", "losses", "final"):
        x, y = getattr(a, what), getattr(b, what)
        if (x is None) != (y is None):
            return True
        if x is not None and not np.allclose(x, y, rtol=1e-3 if single else 1e-5, atol=1e-4 if single else 1e-9):
            return True
    return False


def named(report: Report, keys: Sequence[str]) -> bool:
    """Whether the report says these slips, among the explanations that it says are equally good."""
    said = _singles(report.slips)
    also = [_singles(other.slips) for section in report.sections for other in section.also]
    return report.verdict == "wrong" and (set(keys) <= said or any(set(keys) <= one for one in also))


def _singles(slips: Iterable[Slip]) -> set[str]:
    """The keys of slips, and of the single layers' slips that they stand for."""
    return {one.key for slip in slips for one in (slip, *slip.singles)}


_slips = lru_cache(catalogue)  # asked for with every style and slip


def plantable(style: str, task: Task) -> list[str]:
    """The keys of slips that can be written in that style and that the catalogue has for the task."""
    known = {slip.key for slip in _slips(task.net, task.training)}
    return [key for key in _edits(style, task) if set(expected(style, task, [key])) <= known]


def _edits(style: str, task: Task) -> dict[str, Edits]:
    """The edits of each slip, also of those that change a line for every layer."""
    found = dict(STYLES[style].slips(task))
    for slip in _slips(task.net, task.training):
        singles = [found.get(single.key) for single in slip.singles]
        places = [place for edits in singles if edits for place in edits]
        if singles and None not in singles and len(set(places)) == len(places):
            found[slip.key] = {place: text for edits in singles if edits for place, text in edits.items()}
    return found


def expected(style: str, task: Task, keys: Sequence[str]) -> tuple[str, ...]:
    """The slips of the catalogue that a report should name: those of a loop over layers are several."""
    return tuple(one for key in keys for one in (nielsen_keys(task, key) if style == "nielsen" else (key,)))


def fits(style: str, task: Task) -> bool:
    """Whether the style has programs for the task."""
    if style == "scalars":
        plain = not (task.training.l2 or task.training.optimizer.memories)
        return plain and task.sizes == (2, 2, 1) and len(set(task.functions)) == 1
    return style in LOOPS or not task.training.optimizer.memories


@lru_cache
def cells() -> tuple[tuple[str, str, str], ...]:
    """(style, task, slip): every family of slips in every style on three networks, networks and layers in turn."""
    found: list[tuple[str, str, str]] = []
    for turn, style in enumerate(STYLES):
        where: dict[str, list[tuple[str, list[str]]]] = {}
        for name, task in ALL_TASKS.items():
            if fits(style, task):
                for kind, keys in _families(style, task).items():
                    where.setdefault(kind, []).append((name, keys))
        for tasks in where.values():
            turned = (tasks[(3 * turn + k) % len(tasks)] for k in range(min(3, len(tasks))))
            found += [(style, name, keys[turn % len(keys)]) for name, keys in turned]
    return tuple(sorted(found, key=lambda cell: (list(STYLES).index(cell[0]), cell[1])))


def _families(style: str, task: Task) -> dict[str, list[str]]:
    """The slips that can be written, those of a family together."""
    found: dict[str, list[str]] = {}
    for key in plantable(style, task):
        found.setdefault(family(key), []).append(key)
    return found


@lru_cache
def _clean(style: str, name: str, folder: Path) -> tuple[tuple[Answer, ...], ...]:
    report, answers = judged(program(style, ALL_TASKS[name]), ALL_TASKS[name], folder, f"{style}_{name}")
    assert report.verdict == "right", report
    return answers


def outcome(style: str, name: str, key: str, folder: Path) -> tuple[str, str]:
    """("named" | "missed" | "unchanged", the report): what the checker makes of one planted slip."""
    task, clean = ALL_TASKS[name], _clean(style, name, folder)
    text = program(style, task, [key])
    report, answers = judged(text, task, folder, re.sub(r"\W", "_", f"{style}_{name}_{key}"))
    if named(report, expected(style, task, [key])):
        return "named", ""
    if not differs(clean, answers, style == "single"):
        return "unchanged", ""
    return "missed", f"{style}, {name}, {key}\n{report}"
