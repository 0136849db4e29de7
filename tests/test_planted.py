"""The checker put to the test: slips planted in programs must be named, right programs must not be accused.

The programs come from templates in the hands of different people (`planted.py`), or are drawn at random
(`planted_correct.py`). A slip counts where it changes a number that the checker sees.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from pathlib import Path

import pytest
from planted import ALL_TASKS, LOOPS, cells, expected, family, judged, outcome
from planted_correct import right_program

from whygrad.judgement.slips import catalogue

Cell = tuple[str, str, str]


def _has_another_story(cell: Cell) -> bool:
    """A loop's losses with gradients summed over rows are also right, with the sum over the rows as the loss."""
    return cell[0] in LOOPS and cell[2] == "factor-rows"


SAMPLE = [cell for cell in cells()[::178] if not _has_another_story(cell)]


def test_every_slip_is_planted_in_four_styles_and_on_five_networks() -> None:
    styles, networks = defaultdict(set), defaultdict(set)
    for style, name, key in cells():
        for one in map(family, expected(style, ALL_TASKS[name], [key])):
            styles[one].add(style)
            networks[one].add(name)
    known = {family(slip.key) for task in ALL_TASKS.values() for slip in catalogue(task.net, task.training)}
    assert not known - styles.keys()
    assert {one: where for one, where in styles.items() if len(where) < 4} == {}
    assert {one: where for one, where in networks.items() if len(where) < 5} == {}


@pytest.mark.parametrize("cell", SAMPLE, ids=" ".join)
def test_a_planted_slip_is_named(cell: Cell, tmp_path: Path) -> None:
    assert outcome(*cell, tmp_path)[0] in ("named", "unchanged")


@pytest.mark.parametrize("seed", range(0, 400, 16))
def test_a_right_program_is_not_accused(seed: int, tmp_path: Path) -> None:
    assert _judged_right(seed, tmp_path)[0] == "right"


# ---- in full ----


def _outcomes(of_one: tuple[list[Cell], Path]) -> list[tuple[str, str]]:
    group, folder = of_one
    return [outcome(*cell, folder) for cell in group]


@pytest.mark.proof
def test_planted_slips_are_named(tmp_path: Path) -> None:
    """At least 95 % of those that change the numbers."""
    groups = [list(group) for _, group in groupby(cells(), key=lambda cell: cell[:2])]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_outcomes, [(group, tmp_path) for group in groups]))
    counts: Counter[tuple[str, str]] = Counter()
    for group, results in zip(groups, found, strict=True):
        counts.update((group[0][0], what) for what, _ in results)
        print("\n\n".join(text for _, text in results if text))
    for style in dict.fromkeys(style for style, _ in counts):
        print(
            f"{style}: " + ", ".join(f"{counts[style, what]} {what}" for what in ("named", "missed", "unchanged"))
        )
    named, missed = (sum(n for (_, what), n in counts.items() if what == said) for said in ("named", "missed"))
    print(f"named {named} of {named + missed}")
    assert named / (named + missed) >= 0.95


def _judged_right(seed: int, folder: Path) -> tuple[str, str]:
    right = right_program(seed)
    report, _ = judged(right.text, right.task, folder, f"right_{seed}")
    return report.verdict, "" if report.verdict == "right" else f"{seed}: {right.about}\n{right.text}\n{report}"


@pytest.mark.proof
def test_right_programs_are_not_accused(tmp_path: Path) -> None:
    """400 of them, none."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_judged_right, range(400), [tmp_path] * 400, chunksize=10))
    print("\n\n".join(text for _, text in found if text))
    print(Counter(verdict for verdict, _ in found))
    assert all(verdict == "right" for verdict, _ in found)
