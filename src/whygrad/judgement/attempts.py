"""One probe under one plan: outputs, loss, gradient and an update, each asked for in a fresh session."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from whygrad.judgement.forms import Parts
from whygrad.judgement.observations import Answer
from whygrad.judgement.returned import is_stub, loss_beside
from whygrad.judgement.session import (
    Case,
    Plan,
    Session,
    case_of,
    forward,
    gradients,
    loss_of,
    start,
    update,
    wants_gradients,
)
from whygrad.judgement.trouble import Finding, Trouble
from whygrad.judgement.vocabulary import argument_names, role_of, roles_of
from whygrad.maths import Array


@dataclass(eq=False)
class Attempt:
    """What came of a probe under a plan."""

    answer: Answer = field(default_factory=Answer)
    troubles: list[Trouble] = field(default_factory=list)
    at_forward: Trouble | None = None  # which of the troubles the forward function made
    agrees: bool = False  # whether the outputs equal whygrad's, as far as they are numbers
    notes: list[str] = field(default_factory=list)

    def put(self, **values: Any) -> None:
        """Adds to the answer."""
        self.answer = replace(self.answer, **values)

    @property
    def misfit(self) -> Trouble | None:
        """The trouble that speaks against the plan; a broken forward function alone does not."""
        against = [trouble for trouble in self.troubles if not isinstance(trouble, Finding)]
        broken = self.at_forward is not None and self.at_forward.weight == 2
        if broken and against == [self.at_forward] and self.answer.gradient is not None:
            return None
        return max(against, key=lambda trouble: trouble.weight, default=None)


def attempt(parts: Parts, case: Case, plan: Plan, brief: bool = False) -> Attempt:
    """Asks for all there is; where `brief`, a forward function that cannot take the layout ends it."""
    tried = Attempt(notes=plan.told)
    alone = plan.layout.single and len(case.rows) > 1
    if "forward" in parts.functions:
        _try(tried, _outputs, parts, case, plan)
        tried.at_forward = tried.troubles[0] if tried.troubles else None
        tried.agrees = tried.agrees or isinstance(tried.at_forward, Finding)
    stuck = tried.at_forward is not None and tried.at_forward.weight < 2 and not tried.agrees
    if alone and _takes_pairs(parts):
        tried.notes.append("rows were given one by one, so there is no gradient of several")
        _try(tried, _update, parts, case, plan)
    elif alone:
        tried.notes.append("rows were given one by one, so there is no gradient or update of several")
    elif not (brief and stuck):
        if "loss" in parts.functions:
            _loss(tried, parts, case, plan)
        if "gradients" in parts.functions:
            _try(tried, _gradients, parts, case, plan)
        if "update" in parts.functions and tried.answer.stepped is None:
            _try(tried, _update, parts, case, plan)
    told = [trouble for trouble in tried.troubles if trouble.weight >= 0] or tried.troubles
    problems = dict.fromkeys([*tried.answer.problems, *(trouble.words for trouble in told)])
    tried.put(conventions=tuple(dict.fromkeys(tried.notes)), problems=tuple(problems))
    return tried


def _takes_pairs(parts: Parts) -> bool:
    """Whether their update is handed a list of rows, though everything else takes one row."""
    update = parts.functions.get("update")
    return update is not None and "pairs" in {role_of(name, "update") for name in argument_names(update)}


def _try(tried: Attempt, ask: Callable[..., None], parts: Parts, case: Case, plan: Plan) -> None:
    try:
        ask(tried, parts, case, plan)
    except Trouble as trouble:
        tried.troubles.append(trouble)


def _outputs(tried: Attempt, parts: Parts, case: Case, plan: Plan) -> None:
    found, single = outputs_of(parts, case, plan)
    tried.put(outputs=found, single=tried.answer.single or single)
    tried.agrees = same(found, case.trace.output, single)


def outputs_of(parts: Parts, case: Case, plan: Plan) -> tuple[Array, bool]:
    """((rows, k), whether in float32), row by row where the plan takes one at a time."""
    rows = range(len(case.rows))
    alone = plan.layout.single and len(rows) > 1
    found, single = [], False
    for one in [one_row(case, k) for k in rows] if alone else [case]:
        session = start(parts, one, plan)
        outputs = forward(session)
        assert outputs is not None
        found.append(outputs)
        single = single or session.single
    return np.concatenate(found), single


def one_row(case: Case, k: int) -> Case:
    """The case of one of its rows."""
    return case_of(replace(case.probe, rows=case.rows.take(slice(k, k + 1))))


def same(found: Array, wanted: Array, single: bool) -> bool:
    """Whether they are equal but for rounding."""
    scale = float(np.abs(wanted).max(initial=1e-30))
    return bool(np.allclose(found, wanted, rtol=0, atol=scale * (1e-4 if single else 1e-9)))


def _loss(tried: Attempt, parts: Parts, case: Case, plan: Plan) -> None:
    """The loss, where it can be had: a loss function that cannot be called is no trouble, a broken one is."""
    session = start(parts, case, plan)
    try:
        forward(session)
        tried.put(loss=loss_of(session))
    except Trouble as trouble:
        if trouble.weight == 2 and tried.at_forward is None:
            tried.put(problems=(*tried.answer.problems, trouble.words))


def _gradients(tried: Attempt, parts: Parts, case: Case, plan: Plan) -> None:
    session = start(parts, case, plan)
    _forward_first(session)
    found = gradients(session)
    tried.put(single=tried.answer.single or session.single)
    if found is None:
        tried.put(stepped=session.moved)
        _gradient_from_step(tried, session, "gradients")
    else:
        tried.put(gradient=found)
    if "loss" not in parts.functions and session.offer.gradients is not None:
        tried.put(loss=loss_beside(session.functions["gradients"], session.offer.gradients))
    _note_borrowed(tried, session)


def _update(tried: Attempt, parts: Parts, case: Case, plan: Plan) -> None:
    session = start(parts, case, plan)
    offer = session.offer
    if is_stub(session.functions["update"]):
        raise Trouble(f"{parts.names['update']} is not written yet", 2)
    _forward_first(session)
    if "gradients" in session.functions:
        try:
            gradients(session)
        except Trouble:
            if wants_gradients(session) and offer.gradients is None:
                return  # told already
    tried.put(stepped=update(session), single=tried.answer.single or session.single)
    if "gradients" not in session.functions or (offer.shared is not None and tried.answer.gradient is None):
        _gradient_from_step(tried, session, "update")
    _note_borrowed(tried, session)


def _forward_first(session: Session) -> None:
    """Calls their forward function, for what the next one needs; its own trouble is told by `_outputs`."""
    with contextlib.suppress(Trouble):
        forward(session)


def _gradient_from_step(tried: Attempt, session: Session, part: str) -> None:
    """(before - after) / rate, where the update is plain gradient descent."""
    offer = session.offer
    rule, stepped = offer.training.optimizer, tried.answer.stepped
    if type(rule).__name__ != "SGD" or stepped is None:
        return
    tried.put(gradient=(offer.w - stepped) / rule.learning_rate)
    given = "learning_rate" in roles_of(session.functions[part], part)
    rate = "" if given else f"; it takes no learning rate, and {rule.learning_rate:g} was taken for it"
    tried.notes.append(f"the gradient is its step divided by the learning rate{rate}")


def _note_borrowed(tried: Attempt, session: Session) -> None:
    tried.notes += [f"{name} was computed by whygrad" for name in sorted(session.offer.borrowed)]
