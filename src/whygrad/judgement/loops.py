"""Somebody's training loop: run with the probe's rows, start and settings, and told what it returned by shape.

Their initialisation is replaced by the probe's parameters while the loop runs, and rows that it shuffles are kept
in order, so that its losses can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whygrad.judgement.arguments import arguments_for
from whygrad.judgement.chance import kept_in_order
from whygrad.judgement.containers import collect, fill, slots
from whygrad.judgement.forms import Parts, called
from whygrad.judgement.layouts import Layout, numbers
from whygrad.judgement.printed import Caught, printed_losses
from whygrad.judgement.recognition import recognise
from whygrad.judgement.returned import Handed, handed, holds_single, read_parameters
from whygrad.judgement.session import Case, Plan, Session, case_of, start
from whygrad.judgement.trouble import Trouble, call
from whygrad.judgement.vocabulary import roles_of
from whygrad.maths import Array
from whygrad.printing import counted

FEWEST = 3  # epochs: the losses of one show no update
MOST_PRINTED = 1_000_000  # characters of one run
OWN_START = "it chooses its start values itself; let it be given them, or say which they are with --init"
DRAWN = "it draws rows at random, which nobody can follow; let it go through them in order to have it judged"


@dataclass(frozen=True, eq=False)
class Looped:
    """What came of a training loop."""

    losses: Array | None  # (epochs,)
    final: Array | None  # (P,)
    epochs: int | None  # told, where not the probe's
    of_chance: str
    single: bool
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    printed: str
    shuffles: bool


def loop_layouts(plan: Plan, outputs: int, known: bool) -> Iterator[Layout]:
    """The layouts of a loop's whole table: the plan's own first, and alone where it is `known` from functions."""
    layout = plan.layout
    if not layout.single:
        yield layout
    if known and not layout.single:
        return
    for rows in ("rows", "columns"):
        for target in ("outputs", "labels") if outputs > 1 else ("outputs", "flat"):
            tried = replace(layout, rows=rows, target=target, single=False)
            if tried != layout:
                yield tried


def run_loop(parts: Parts, case: Case, plan: Plan) -> Looped:
    """Runs the loop. Raises `Trouble` for a crash, or where nothing of it can be told."""
    looped = _run(parts, case, plan)
    if not looped.shuffles or len(case.rows) < 2 or not _shuffles_apart(parts, case, plan, looped):
        return looped
    words = f"{called(parts.functions['loop'])} shuffles inputs and targets apart: they no longer belong together"
    return replace(looped, problems=(*looped.problems, words))


def _shuffles_apart(parts: Parts, case: Case, plan: Plan, looped: Looped) -> bool:
    """Whether rows that stand the other way round, and are turned back by the loop's own shuffle, are others.

    One epoch is compared where the loop can be told so, else the loss of the first.
    """
    p = replace(case.probe, most_epochs=1)
    turned = case_of(replace(p, rows=p.rows.take(np.arange(len(p.rows))[::-1])))
    try:
        shorter = "epochs" in roles_of(parts.functions["loop"], "loop")
        one = _run(parts, replace(case, probe=p), plan) if shorter else looped
        other = _run(parts, turned, plan, turned=True)
    except Trouble:
        return False
    if one.losses is not None and other.losses is not None:
        return not np.allclose(one.losses[0], other.losses[0], rtol=1e-5, atol=0, equal_nan=True)
    if one.epochs != 1 or one.final is None or other.final is None:
        return False
    return not np.allclose(one.final, other.final, rtol=1e-5, atol=1e-9, equal_nan=True)


def _run(parts: Parts, case: Case, plan: Plan, turned: bool = False) -> Looped:
    function = parts.functions["loop"]
    case = _shorter(case, function)
    session = start(parts, case, plan)
    function, offer = session.functions["loop"], session.offer
    name, notes = called(function), []
    heard = Caught(MOST_PRINTED)
    given = arguments_for("loop", function, offer)
    with redirect_stdout(heard), _started_at(session) as began, kept_in_order(turned) as used:
        got = handed(function, call(function, name, given, parts.before))
    if "shuffle" in used:
        notes.append(f"{name} shuffles the rows; they were kept in order")
    own_start = not (began or offer.lent or plan.held)
    if own_start:
        notes.append(f"{name} chooses the start values itself")
    if "learning_rate" not in roles_of(function, "loop"):
        notes.append(f"{name} takes no learning rate; the one written in it counts")
    printed = printed_losses(heard.text)
    returned = _are_arrays(got, session, plan)
    held, losses, count = _losses(Handed(None) if returned else got, session, printed)
    if held is printed:
        notes.append("its losses were read off what it printed")
    final = _final(Handed(None) if held is got.value else got, session, plan, name)
    if losses is None and final is None:
        found = f"{counted(count, 'number')} and" if count else "no losses and"
        epochs = counted(case.probe.training.epochs, "epoch")
        raise Trouble(f"{name} gave {found} no parameters that can be told for {epochs}")
    single = session.single or holds_single(got.value)
    problems = (f"{name} prints without end: {heard.length:,} characters",) if heard.flooded else ()
    told = case.probe.training.epochs if case.probe.most_epochs is not None else None
    of_chance = OWN_START if own_start else DRAWN if "draw" in used else ""
    return Looped(losses, final, told, of_chance, single, tuple(notes), problems, heard.text, "shuffle" in used)


def _shorter(case: Case, function: Callable[..., Any]) -> Case:
    """The case with as many epochs as show what the loop does, where it can be told how many."""
    p = case.probe
    if p.most_epochs is None or "epochs" not in roles_of(function, "loop"):
        return replace(case, probe=replace(p, most_epochs=None))
    epochs = min(max(FEWEST, p.training.epochs), p.most_epochs)
    return replace(case, probe=replace(p, training=replace(p.training, epochs=epochs)))


def _losses(got: Handed, session: Session, printed: tuple[float, ...]) -> tuple[Any, Array | None, int]:
    """(what held the losses, these as (epochs,), how many numbers the longest held): returned, kept or printed."""
    epochs, most = session.case.probe.training.epochs, 0
    parts = got.value if isinstance(got.value, tuple) else (got.value,)
    inner = [value for part in parts if isinstance(part, Mapping) for value in _likely(part)]
    for value in (*parts, *inner, *_likely(session.holder or {}), printed):
        if not hasattr(value, "__len__") or isinstance(value, str | Mapping):
            continue
        try:
            found = numbers(value)
        except Trouble:
            continue
        if found.size == epochs and max(found.shape, default=0) == epochs:
            return value, found.reshape(-1), epochs
        most = max(most, found.size)
    return None, None, most


def _likely(held: Mapping[Any, Any]) -> list[Any]:
    """What is called a loss, cost or error."""
    return [value for name, value in held.items() if re.search("loss|cost|error|history", str(name).lower())]


def _are_arrays(got: Handed, session: Session, plan: Plan) -> bool:
    """Whether what was returned is W and b of every layer, so that no array in it holds losses."""
    template = recognise(session.offer.net, got.value, tuple(got.named), False, plan.layout)
    return template is not None and any(slot.shape for slot in slots(template) if "W" in slot.part)


def _final(got: Handed, session: Session, plan: Plan, name: str) -> Array | None:
    """(P,): the parameters returned, or changed in place."""
    offer = session.offer
    try:
        return read_parameters(offer.net, plan.layout, got, False, name)[0]
    except Trouble:
        pass
    where = [(plan.template, session.holder)] if plan.held else list(offer.lent)
    try:
        now = collect(offer.net, where, plan.layout)
    except Trouble:
        return None
    return None if np.array_equal(now, offer.w) else now


@contextmanager
def _started_at(session: Session) -> Iterator[list[str]]:
    """While it lasts, their initialisation returns the probe's parameters; the list says whether it was called."""
    began: list[str] = []
    function, offer = session.parts.functions.get("initialize"), session.offer
    names: dict[str, Any] = getattr(function, "__globals__", {})
    there = [name for name, value in names.items() if value is function] if function is not None else []

    def initialize(*_: Any, **__: Any) -> Any:
        began.append("initialize")
        return fill(offer.net, offer.template, offer.layout, offer.w)

    try:
        names.update(dict.fromkeys(there, initialize))
        yield began
    finally:
        names.update(dict.fromkeys(there, function))
