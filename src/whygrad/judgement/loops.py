"""Somebody's training loop: run with the probe's rows, start and settings, and told what it returned by shape.

Their initialisation is replaced by the probe's parameters while the loop runs, and the usual calls that shuffle
leave the rows as they stand, so that its losses can be compared.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whygrad.judgement.arguments import arguments_for
from whygrad.judgement.containers import collect, fill
from whygrad.judgement.forms import Parts, called
from whygrad.judgement.layouts import Layout, numbers
from whygrad.judgement.printed import Caught, printed_losses
from whygrad.judgement.returned import Handed, handed, holds_single, read_parameters
from whygrad.judgement.session import Case, Plan, Session, start
from whygrad.judgement.trouble import Trouble, call
from whygrad.judgement.vocabulary import argument_names, role_of
from whygrad.maths import Array
from whygrad.printing import counted

MOST_PRINTED = 1_000_000  # characters of one run


@dataclass(frozen=True, eq=False)
class Looped:
    """What came of a training loop."""

    losses: Array | None  # (epochs,)
    final: Array | None  # (P,)
    own_start: bool
    single: bool
    notes: tuple[str, ...]
    problems: tuple[str, ...]
    printed: str


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
    """Runs the loop once. Raises `Trouble` for a crash, or where nothing of it can be told."""
    session = start(parts, case, plan)
    function, offer = session.functions["loop"], session.offer
    name, notes = called(function), []
    heard = Caught(MOST_PRINTED)
    given = arguments_for("loop", function, offer)
    with redirect_stdout(heard), _started_at(session) as began, _unshuffled() as shuffled:
        got = handed(function, call(function, name, given, parts.before))
    if shuffled:
        notes.append(f"{name} shuffles the rows; they were kept in order")
    own_start = not (began or offer.lent or plan.held)
    if own_start:
        notes.append(f"{name} chooses the start values itself")
    names = argument_names(function)
    if "learning_rate" not in {role_of(argument, "loop", names) for argument in names}:
        notes.append(f"{name} takes no learning rate; the one written in it counts")
    printed = printed_losses(heard.text)
    held, losses, count = _losses(got, session, printed)
    if held is printed:
        notes.append("its losses were read off what it printed")
    final = _final(Handed(None) if held is got.value else got, session, plan, name)
    if losses is None and final is None:
        found = f"{counted(count, 'number')} and" if count else "no losses and"
        epochs = counted(case.probe.training.epochs, "epoch")
        raise Trouble(f"{name} gave {found} no parameters that can be told for {epochs}")
    single = session.single or holds_single(got.value)
    problems = (f"{name} prints without end: {heard.length:,} characters",) if heard.flooded else ()
    return Looped(losses, final, own_start, single, tuple(notes), problems, heard.text)


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


@contextmanager
def _unshuffled() -> Iterator[list[str]]:
    """While it lasts, the usual ways to shuffle leave things in order; the list says whether one was used."""
    used: list[str] = []

    def leave(x: Any, *_: Any, **__: Any) -> None:
        used.append("shuffle")

    def in_order(x: Any, *_: Any, **__: Any) -> Any:
        used.append("permutation")
        return np.arange(x) if isinstance(x, int | np.integer) else np.array(x)

    class Still(np.random.Generator):
        """A generator that does not shuffle."""

        def shuffle(self, x: Any, axis: int = 0) -> None:
            leave(x)

        def permutation(self, x: Any, axis: int = 0) -> Any:
            return in_order(x)

    draw = np.random.default_rng
    places: list[tuple[Any, str, Callable[..., Any]]] = [
        (random, "shuffle", leave),
        (np.random, "shuffle", leave),
        (np.random, "permutation", in_order),
        (np.random, "default_rng", lambda seed=None: Still(draw(seed).bit_generator)),
    ]
    before = [getattr(module, name) for module, name, _ in places]
    try:
        for module, name, instead in places:
            setattr(module, name, instead)
        yield used
    finally:
        for (module, name, _), was in zip(places, before, strict=True):
            setattr(module, name, was)
