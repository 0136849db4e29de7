"""The choice among plans: under which container and layout somebody's code is asked.

A plan fits where nothing raises and every shape comes back right; where the code has a forward function, plans
under which its outputs equal whygrad's come first. Code that takes one row at a time is asked for the outputs of
several rows row by row, and for nothing else of them. Where nothing fits, the plan that came furthest says what
went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from whygrad.judgement.attempts import Attempt, attempt, one_row, outputs_of, same
from whygrad.judgement.forms import Parts
from whygrad.judgement.layouts import targets
from whygrad.judgement.observations import Probe
from whygrad.judgement.plans import plans
from whygrad.judgement.session import Case, Plan, case_of
from whygrad.judgement.trouble import Trouble, Unread, Untold, unread
from whygrad.table import Rows
from whygrad.weights import initialize_parameters

MOST_PLANS = 8  # answers a probe, at most


@dataclass(eq=False)
class Tried:
    """A plan with its attempts at the cases, up to the first that failed."""

    plan: Plan
    attempts: list[Attempt]
    agrees: bool
    trouble: Trouble | None = None
    alike: list[Plan] = field(default_factory=list)  # others that give the same numbers

    @property
    def rank(self) -> tuple[bool, int, int, int]:
        """How far it came."""
        weight, line = (9, 0) if self.trouble is None else (self.trouble.weight, self.trouble.line)
        return self.agrees, weight, len(self.attempts), line


def choose(parts: Parts, cases: Sequence[Case]) -> list[Tried]:
    """The plans to answer under: those that fit, or else the one that came furthest."""
    best: Tried | None = None
    fitting: list[Tried] = []
    for single in (False, True):
        found = []
        for tried in _tried(parts, cases, single):
            if tried.trouble is None:
                found.append(tried)
            elif best is None or tried.rank > best.rank:
                best = tried
        agreeing = [tried for tried in found if tried.agrees]
        for_batches = not single and not agreeing and cases[0].probe.training.batch != 1
        if for_batches and any(_adds_up(tried) for tried in found):
            return distinct(_either_way(parts, cases, _steady(parts, cases[0], list(filter(_adds_up, found)))))
        if agreeing or (found and "forward" not in parts.functions):
            return distinct(_either_way(parts, cases, agreeing or _steady(parts, cases[0], found)))
        fitting = fitting or found
    if fitting:
        return distinct(_either_way(parts, cases, _steady(parts, cases[0], fitting)))
    assert best is not None
    if best.plan.guessed and best.trouble is not None and best.trouble.inside:
        raise Unread(f"{best.trouble.words}; how it keeps its parameters was guessed, as nothing in it makes them")
    attempts = [attempt(parts, case, best.plan) for case in cases]
    if (
        "loop" in parts.functions
        and best.trouble is not None
        and (best.trouble.weight == 0 or isinstance(best.trouble, Untold))
    ):
        for one in attempts:  # the loop may show the rest
            one.put(problems=tuple(map(unread, one.answer.problems)))
    return [Tried(best.plan, attempts, best.agrees, best.trouble)]


def _adds_up(tried: Tried) -> bool:
    """Whether several rows gave one gradient or update of the right shape: it is meant for batches."""
    return any(one.answer.gradient is not None or one.answer.stepped is not None for one in tried.attempts[:1])


def _tried(parts: Parts, cases: Sequence[Case], single: bool) -> Iterator[Tried]:
    """Every plan with the first target that fits, or the one that came furthest."""
    for plan in plans(parts, cases[0], single):
        best: Tried | None = None
        for target in targets(plan.layout, cases[0].probe.net.outputs):
            tried = _one(parts, cases, replace(plan, layout=replace(plan.layout, target=target)))
            if best is None or tried.trouble is None or tried.rank > best.rank:
                best = tried
            if tried.trouble is None or tried.trouble.weight > 2:
                break
        if best is not None:
            yield best
            if best.trouble is not None and best.trouble.weight > 2:
                return


def _one(parts: Parts, cases: Sequence[Case], plan: Plan) -> Tried:
    """The plan tried on all cases, up to the first that it does not fit."""
    tried = Tried(plan, [], "forward" in parts.functions)
    if plan.layout.single and all(len(case.rows) > 1 for case in cases):
        alone = attempt(parts, one_row(cases[0], 0), plan, brief=True)
        tried.trouble, tried.agrees = alone.misfit, alone.agrees
    for case in cases:
        if tried.trouble is not None:
            return tried
        found = attempt(parts, case, plan, brief=True)
        tried.agrees = tried.agrees and found.agrees
        tried.attempts.append(found)
        tried.trouble = found.misfit or _first_row_only(parts, case, plan, found)
    tried.agrees = tried.agrees and _agrees_on_telling(parts, cases[0], plan)
    return tried


def _agrees_on_telling(parts: Parts, case: Case, plan: Plan) -> bool:
    """Whether the outputs equal whygrad's under parameters that all differ, so that a transposed W shows."""
    net = case.probe.net
    x = 0.3 + np.arange(net.inputs)[None] / (net.inputs + 1)  # (1, n_in)
    rows = Rows(x, case.rows.y[:1])
    telling = case_of(Probe(net, case.probe.training, initialize_parameters(net, "distinct"), rows))
    try:
        outputs, single = outputs_of(parts, telling, plan)
    except Trouble:
        return False
    return same(outputs, telling.trace.output, single)


def _steady(parts: Parts, case: Case, fitting: list[Tried]) -> list[Tried]:
    """Those that also fit more rows than any layer has units, as a table on its side may fit by chance."""
    n = max(case.probe.net.sizes) + 2
    rows = case.rows.take(np.arange(n) % len(case.rows))
    many = case_of(replace(case.probe, rows=rows))
    kept = [
        tried for tried in fitting if tried.plan.layout.single or attempt(parts, many, tried.plan).misfit is None
    ]
    return kept or fitting


def _first_row_only(parts: Parts, case: Case, plan: Plan, found: Attempt) -> Trouble | None:
    """The trouble that the gradient of several rows follows the first row, and none of the others."""
    what = "gradient" if found.answer.gradient is not None else "stepped"
    before = getattr(found.answer, what)
    if before is None or len(case.rows) < 2:
        return None
    others, first = _moved_rows(case, slice(1, None)), _moved_rows(case, slice(1))
    if np.array_equal(others.truth, case.truth):
        return None
    after = [getattr(attempt(parts, moved, plan).answer, what) for moved in (others, first)]
    same_again = [one is not None and np.array_equal(one, before) for one in after]
    return Trouble("only the first of several rows is read", 0) if same_again == [True, False] else None


def _moved_rows(case: Case, which: slice) -> Case:
    """The case with other inputs in some rows."""
    x = case.rows.x.copy()
    x[which] = 0.5 * x[which] + 0.25 * (1 + np.arange(x.shape[1]))
    return case_of(replace(case.probe, rows=replace(case.rows, x=x)))


def _either_way(parts: Parts, cases: Sequence[Case], fitting: list[Tried]) -> list[Tried]:
    """Those, then those that also fit with a list of gradients read from the last layer on."""
    if "gradients" not in parts.functions:
        return fitting
    turned = [replace(tried.plan, layout=replace(tried.plan.layout, backwards=True)) for tried in fitting]
    return [*fitting, *(tried for plan in turned if (tried := _one(parts, cases, plan)).trouble is None)]


def distinct(fitting: list[Tried]) -> list[Tried]:
    """One plan of those that give the same numbers."""
    kept: list[Tried] = []
    for tried in fitting:
        same = next((other for other in kept if _equal(tried, other)), None)
        if same is None:
            kept.append(tried)
        else:
            same.alike.append(tried.plan)
    return kept[:MOST_PLANS]


def _equal(a: Tried, b: Tried) -> bool:
    for mine, other in zip(a.attempts, b.attempts, strict=True):
        for what in ("outputs", "loss", "gradient", "stepped", "losses", "final"):
            x, y = getattr(mine.answer, what), getattr(other.answer, what)
            if (x is None) != (y is None) or (x is not None and not np.allclose(x, y, rtol=1e-12, atol=0)):
                return False
    return True
