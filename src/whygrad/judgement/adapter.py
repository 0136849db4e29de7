"""Answers of somebody's code in whygrad's order and shapes, under every plan that fits it.

Each plan (a container for the parameters and a layout) is tried on all probes; see `choice`. A training loop is
run under those that were chosen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from whygrad.judgement.attempts import Attempt
from whygrad.judgement.choice import Tried, choose, distinct
from whygrad.judgement.forms import Parts
from whygrad.judgement.loops import Looped, loop_layouts, run_loop
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.plans import plans
from whygrad.judgement.session import Case, Plan, case_of
from whygrad.judgement.trouble import Trouble, Unread, unread

Tell = Callable[[list[list[Answer]]], None]


def answers(parts: Parts, probes: Sequence[Probe], told: Tell = lambda found: None) -> list[list[Answer]]:
    """For every probe an answer under each plan chosen; the plans stand in the same order for every probe.

    `told` is given the answers without the training loop, before that is run. Raises `Trouble` where the code
    cannot be asked at all.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # what overflows is told by its numbers
        return _answers(parts, [case_of(probe) for probe in probes], told)


def _answers(parts: Parts, cases: Sequence[Case], told: Tell) -> list[list[Answer]]:
    known = bool({"forward", "gradients", "update"} & set(parts.functions))
    chosen = _written(parts, cases, choose(parts, cases)) if known else _loop_only(parts, cases)
    if "loop" not in parts.functions or not any(case.probe.training.epochs for case in cases):
        return _by_case(chosen)
    if known:
        told(_by_case(chosen))
    looped = [one for tried in chosen for one in _with_loop(parts, cases, tried, known)]
    ran = [one for one in looped if one.trouble is None or known]
    if ran:
        return _by_case(distinct(ran))
    best = max(looped, key=lambda one: one.rank)
    assert best.trouble is not None
    if (best.plan.guessed and best.trouble.inside) or (parts.instead is not None and best.trouble.weight < 2):
        raise Unread(best.trouble.words)
    return _by_case([best])


def _written(parts: Parts, cases: Sequence[Case], chosen: list[Tried]) -> list[Tried]:
    """The plans; gradients that are zero whatever is asked are taken for a function still to be written."""
    found = [one.answer.gradient for tried in chosen for one in tried.attempts]
    zero = all(gradient is not None and not gradient.any() for gradient in found)
    if "gradients" not in parts.functions or not zero or not any(case.truth.any() for case in cases):
        return chosen
    words = f"{parts.names['gradients']} returned only zeros: it is not written yet"
    for tried in chosen:
        for one in tried.attempts:
            one.put(gradient=None, problems=(*one.answer.problems, words))
    return chosen


def _loop_only(parts: Parts, cases: Sequence[Case]) -> list[Tried]:
    """A plan for every way to store parameters."""
    usual = [plan for plan in plans(parts, cases[0], False) if plan.layout.rows == "rows"]
    return [Tried(plan, [Attempt() for _ in cases], False) for plan in usual]


def _with_loop(parts: Parts, cases: Sequence[Case], tried: Tried, known: bool) -> Iterator[Tried]:
    """The plan with what the training loop gave, once for each layout of the table that it runs with."""
    worst: Trouble | None = None
    ran = False
    for group in _loop_plans(tried, cases[0].probe.net.outputs, known):
        if ran:
            break
        for plan in group:
            try:
                looped = [_looped(parts, case, plan) for case in cases]
            except Trouble as trouble:
                worst = trouble if worst is None or trouble.weight > worst.weight else worst
                continue
            if not ran:
                parts.heard(next(loop.printed for loop in looped if loop is not None))
            ran = True
            attempts = [_added(one, more) for one, more in zip(tried.attempts, looped, strict=True)]
            yield Tried(plan, attempts, tried.agrees)
    if not ran and worst is not None:
        words = unread(worst.words) if known and worst.weight < 2 else worst.words
        failed = [Attempt(replace(one.answer, problems=(*one.answer.problems, words))) for one in tried.attempts]
        yield Tried(tried.plan, failed, tried.agrees, worst)


def _loop_plans(tried: Tried, outputs: int, known: bool) -> Iterator[list[Plan]]:
    """Groups of plans, of which the first that the loop runs with counts: the plan chosen, then those alike.

    Last, functions that take columns may take one row as well, and their loop a table of rows.
    """
    for group in ([tried.plan], tried.alike):
        yield [replace(plan, layout=layout) for plan in group for layout in loop_layouts(plan, outputs, known)]
    if known and tried.plan.layout.rows == "columns":
        single = replace(tried.plan, layout=replace(tried.plan.layout, rows="rows", single=True))
        yield [replace(tried.plan, layout=layout) for layout in loop_layouts(single, outputs, known)]


def _looped(parts: Parts, case: Case, plan: Plan) -> Looped | None:
    """What came of the loop; None where it was not made for a table of one row, or there is nothing to run."""
    if not case.probe.training.epochs:
        return None
    try:
        return run_loop(parts, case, plan)
    except Trouble as trouble:
        if len(case.rows) > 1 or trouble.weight > 0:
            raise
        return None


def _added(one: Attempt, looped: Looped | None) -> Attempt:
    if looped is None:
        return one
    answer = replace(
        one.answer,
        losses=looped.losses,
        final=looped.final,
        epochs=looped.epochs,
        of_chance=looped.of_chance,
        problems=(*one.answer.problems, *looped.problems),
        single=one.answer.single or looped.single,
        conventions=(*one.answer.conventions, *looped.notes),
    )
    return Attempt(answer, one.troubles, agrees=one.agrees)


def _by_case(chosen: Sequence[Tried]) -> list[list[Answer]]:
    return [[tried.attempts[k].answer for tried in chosen] for k in range(len(chosen[0].attempts))]
