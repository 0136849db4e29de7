"""One question to somebody's code under one plan: fresh parameters in, functions called in order, numbers out."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whygrad.errors import WhygradError
from whygrad.judgement.arguments import arguments_for
from whygrad.judgement.containers import Template, collect, fill, has_shapes
from whygrad.judgement.forms import Parts, called
from whygrad.judgement.layouts import Layout, numbers
from whygrad.judgement.observations import Probe
from whygrad.judgement.offers import Offer
from whygrad.judgement.recognition import in_names
from whygrad.judgement.returned import Handed, handed, holds_single, is_stub, read_parameters, with_outputs
from whygrad.judgement.trouble import Finding, Trouble, call
from whygrad.judgement.vocabulary import argument_names, parameter_argument, roles_of
from whygrad.maths import Array
from whygrad.names import parameter_names
from whygrad.propagation import Trace, backward_propagation, forward_propagation
from whygrad.table import Rows


@dataclass(frozen=True)
class Plan:
    """How the code is spoken to: where it keeps its parameters, and in which layout."""

    template: Template
    layout: Layout
    held: bool = False  # in attributes or global variables
    words: str = ""  # what the container is
    guessed: bool = False  # whether nothing in the code says what the container is

    @property
    def told(self) -> list[str]:
        """How the code stores and orders things, a sentence each."""
        layout = self.layout.words if has_shapes(self.template) else self.layout.words_of_rows
        return [*layout, *([self.words] if self.words else [])]


@dataclass(frozen=True, eq=False)
class Case:
    """A probe with whygrad's own numbers beside it."""

    probe: Probe
    trace: Trace
    truth: Array  # (P,), the gradient

    @property
    def rows(self) -> Rows:
        """The probe's rows."""
        return self.probe.rows


def case_of(probe: Probe) -> Case:
    """The case of a probe."""
    with np.errstate(all="ignore"):
        trace = forward_propagation(probe.net, probe.w, probe.rows.x)
        loss = probe.training.loss
        found = backward_propagation(probe.net, probe.w, trace, probe.rows.y, loss, probe.rows.weights)
    return Case(probe, trace, found.flat)


@dataclass
class Session:
    """The code with parameters in it, before anything is called."""

    parts: Parts
    case: Case
    functions: Mapping[str, Callable[..., Any]]
    holder: dict[str, Any] | None
    plan: Plan
    offer: Offer
    single: bool = False  # whether float32 went in or came back
    moved: Array | None = None  # (P,), what a function that should return gradients made of the parameters


def offer_of(parts: Parts, case: Case, plan: Plan) -> Offer:
    """All there is to hand over."""
    p = case.probe
    return Offer(p.net, p.training, p.w, p.rows, case.trace, plan.template, plan.layout, parts.names, plan.held)


def start(parts: Parts, case: Case, plan: Plan) -> Session:
    """A fresh session: a class is made anew, held parameters are put in, random numbers start at 0."""
    random.seed(0)
    np.random.seed(0)
    offer = offer_of(parts, case, plan)
    functions, holder = parts.functions, None
    if parts.made is not None:
        made = call(parts.made, parts.made.__name__, arguments_for("class", parts.made, offer), parts.before)
        functions = {part: getattr(made, name) for part, name in parts.names.items()}
        holder = getattr(made, "__dict__", {})
    elif plan.held:
        holder = next(f.__globals__ for f in functions.values() if hasattr(f, "__globals__"))
    if holder is not None and plan.held:
        holder.update(fill(offer.net, plan.template, plan.layout, offer.w))
    return Session(parts, case, functions, holder, plan, offer, plan.layout.rounds)


def ask_part(session: Session, part: str) -> Handed:
    """Calls the function of a part; raises `Trouble`."""
    function = session.functions[part]
    if is_stub(function):
        raise Trouble(f"{called(function)} is not written yet", 2)
    given = arguments_for(part, function, session.offer)
    got = call(function, called(function), given, session.parts.before)
    found = handed(function, got)
    session.single = session.single or holds_single(got)
    return found


def name_of(session: Session, part: str) -> str:
    """The name of a part's function."""
    return called(session.functions[part])


def forward(session: Session) -> Array | None:
    """(rows, k) by their forward function, which is remembered for the next functions; None without one."""
    if "forward" not in session.functions:
        return None
    got = ask_part(session, "forward")
    if got.value is None and session.holder is not None:
        got = Handed(dict(session.holder))  # it leaves its outputs in an attribute or a global variable
    offer, name = session.offer, name_of(session, "forward")
    offer.forward, outputs = with_outputs(got, offer.layout, offer.net, len(offer.rows), name)
    return _finite(outputs, name)


def gradients(session: Session) -> Array | None:
    """(P,) by their function; None where it changes the parameters instead (`moved`)."""
    got = ask_part(session, "gradients")
    name, offer = name_of(session, "gradients"), session.offer
    session.offer.gradients = got
    held = in_names(offer.net, session.holder, True) if got.value is None and session.holder else None
    if held is not None and session.holder is not None:
        return _finite(collect(offer.net, [(held, session.holder)], offer.layout, "d"), name, offer)
    try:
        found, _ = read_parameters(offer.net, offer.layout, got, True, name)
    except Trouble as trouble:
        session.moved = _changed_in_place(session)
        if session.moved is None and got.value is None and offer.shared is not None:
            return None  # what it worked out stands in the parameters' own dicts
        if session.moved is None:
            raise trouble if got.value is not None else Trouble(f"{name} returned nothing (None)", 1) from None
        return None
    return _finite(found, name, offer)


def update(session: Session) -> Array:
    """(P,): the parameters after their update."""
    name, offer = name_of(session, "update"), session.offer
    if "memory" in session.functions:
        offer.memory = ask_part(session, "memory")
    got = ask_part(session, "update")
    try:
        stepped, _ = read_parameters(offer.net, offer.layout, got, False, name)
    except Trouble as trouble:
        moved = _changed_in_place(session)
        if moved is None and session.case.truth.any():
            words = f"{name} returned nothing and changed nothing"
            raise (Trouble(words) if got.value is None else trouble) from None
        stepped = offer.w.copy() if moved is None else moved
    return _finite(stepped, name, offer)


def wants_gradients(session: Session) -> bool:
    """Whether their update is handed gradients."""
    function = session.functions["update"]
    arrays = (parameter_argument(name) for name in argument_names(function))
    return "gradients" in roles_of(function, "update") or any(entry and entry[0] for entry in arrays)


def _changed_in_place(session: Session) -> Array | None:
    """(P,): the parameters they were handed, or hold, as they are now; None where nothing changed."""
    offer = session.offer
    where = [(session.plan.template, session.holder)] if session.plan.held else list(offer.lent)
    try:
        now = collect(offer.net, where, offer.layout)
        before = _as_handed(offer)
    except (Trouble, WhygradError):
        return None
    session.single = session.single or any(holds_single(value) for _, value in where)
    return None if np.array_equal(now, before, equal_nan=True) else now


def _as_handed(offer: Offer) -> Array:
    """(P,): the parameters after the way there and back, rounded as their arrays round."""
    value = fill(offer.net, offer.template, offer.layout, offer.w)
    return collect(offer.net, [(offer.template, value)], offer.layout)


def _finite(found: Array, name: str, offer: Offer | None = None) -> Array:
    """The array; raises `Finding` naming the first entry that is nan or infinite."""
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad) == 0:
        return found
    where = f" in {parameter_names(offer.net)[bad[0]]}" if offer is not None else ""
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    raise Finding(f"{name} returned {found.reshape(-1)[bad[0]]}{where}{more}", 1)


def loss_of(session: Session) -> float | None:
    """The rows' loss by their function, where it gives one number."""
    found = numbers(ask_part(session, "loss").value)
    return float(found.reshape(-1)[0]) if found.size == 1 else None
