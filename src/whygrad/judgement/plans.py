"""Plans: where somebody's code may keep its parameters, and in which layouts it may want them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from whygrad.judgement.arguments import arguments_for
from whygrad.judgement.containers import Template, fits, folded, has_shapes, made_up, slots
from whygrad.judgement.forms import Parts, called
from whygrad.judgement.layouts import Kind, Layout, Ones, layouts
from whygrad.judgement.neurons import listed_neurons
from whygrad.judgement.recognition import in_names, recognise
from whygrad.judgement.returned import described, handed
from whygrad.judgement.session import Case, Plan, offer_of, start
from whygrad.judgement.trouble import Trouble, Unread, call
from whygrad.judgement.vocabulary import PARTS, argument_names, parameter_argument, plain, role_of
from whygrad.network import Network


def plans(parts: Parts, case: Case, single: bool) -> Iterator[Plan]:
    """The plans to try; raises `Trouble` where the code's parameters cannot be told."""
    for plan, kinds in _containers(parts, case):
        tried: set[Layout] = set()
        kept = {slot.part for slot in slots(plan.template)}
        for layout, ones in product(layouts(single, kinds), _ones(kept)):
            layout = replace(layout, ones=ones)
            told = _told(kept, layout)
            if told not in tried and fits(case.probe.net, plan.template, layout):
                tried.add(told)
                yield replace(plan, layout=layout)


def _told(kept: set[str], layout: Layout) -> Layout:
    """The layout without what makes no difference to a container of such slots: numbers have no shapes."""
    if "b" not in kept:
        layout = replace(layout, bias="flat")
    return replace(layout, matrix="in, out") if kept == {"number"} else layout


def _ones(kept: set[str]) -> tuple[Ones, ...]:
    """Where W may hold the biases."""
    return ("first", "last") if kept == {"Wb"} else ("", "first", "last") if kept == {"all"} else ("",)


def _containers(parts: Parts, case: Case) -> list[tuple[Plan, tuple[Kind, ...]]]:
    """Where the parameters may be kept, with the kinds of array they may be."""
    net, anyhow = case.probe.net, next(layouts(False))
    blank = Plan({}, anyhow)
    guessed: tuple[Kind, ...] = ("array", "torch", "torch32") if _uses_torch(parts) else ("array",)
    if parts.made is not None:
        holder = start(parts, case, blank).holder or {}
        found = in_names(net, holder)
        if found is not None:
            return [(Plan(found, anyhow, True), _kinds(found, guessed))]
        if not _takes_parameters(parts):
            raise Unread(f"{parts.made.__name__} has no attributes {_wanted(net)}, nor weights and biases")
    elif "initialize" in parts.functions:
        try:
            found = _initialised(parts, case, blank)
        except Trouble:
            if plain(parts.names["initialize"]) in map(plain, PARTS["initialize"]):
                raise
            found = None  # its name is only like one that makes parameters
        if found is not None:
            return [(Plan(found, anyhow), _kinds(found, guessed))]
    if parts.made is None and not _takes_parameters(parts):
        names = next((f.__globals__ for f in parts.functions.values() if hasattr(f, "__globals__")), {})
        found = in_names(net, names)
        if found is not None:
            return [(Plan(found, anyhow, True, "parameters are global variables"), _kinds(found, guessed))]
        if "loop" not in parts.functions and None not in _roles(parts):
            raise Unread(f"no function takes the parameters, and there are no global variables {_wanted(net)}")
    whole = bool({"parameters", None} & _roles(parts))
    if not whole and not _takes_biases(parts):
        return [(Plan(template, anyhow, guessed=True), guessed) for _, template in list(folded(net))[:1]]
    named = [*made_up(net), ("a list of layers of neurons [w, ..., b]", listed_neurons(net))]
    return [
        (
            Plan(template, anyhow, False, f"parameters are {words}" if whole else "", whole),
            _kinds(template, guessed),
        )
        for words, template in (named if whole else named[:1])
    ]


def _uses_torch(parts: Parts) -> bool:
    names = [value for f in parts.functions.values() for value in getattr(f, "__globals__", {}).values()]
    return any(getattr(value, "__name__", "") == "torch" for value in names)


def _initialised(parts: Parts, case: Case, blank: Plan) -> Template | None:
    """The template of what their initialisation returns; None where it returns nothing."""
    function = parts.functions["initialize"]
    net, name = case.probe.net, called(function)
    given = arguments_for("initialize", function, offer_of(parts, case, blank))
    got = handed(function, call(function, name, given, parts.before))
    if got.value is None:
        return None
    found = recognise(net, got.value, tuple(got.named))
    if found is None:
        raise Unread(f"{name} returned {described(got.value)}, in which not all of {_wanted(net)} can be told")
    for slot in slots(found):
        if slot.shape is None:
            raise Trouble(f"{name} returned a {slot.part}{slot.at + 1} that does not fit the network {net}", 3)
    return found


def _kinds(template: Template, guessed: tuple[Kind, ...]) -> tuple[Kind, ...]:
    """The kind of the code's own arrays."""
    if not has_shapes(template):
        return ("list", *guessed)
    there = [slot.kind for slot in slots(template) if slot.shape]
    return (there[0],) if there else guessed


def _roles(parts: Parts) -> set[str | None]:
    """What the arguments stand for; None where one cannot be told by its name."""
    found: set[str | None] = set()
    for part, function in parts.functions.items():
        if part != "initialize":
            names = argument_names(function)
            found |= {role_of(name, part, names) for name in names if not re.search(r"\d", name)}
    return found


def _takes_biases(parts: Parts) -> bool:
    names = {name for part, f in parts.functions.items() if part != "loop" for name in argument_names(f)}
    arrays = [found for name in names if (found := parameter_argument(name)) and not found[0]]
    return any(part == "b" for _, part, _ in arrays) or not arrays or "biases" in _roles(parts)


def _takes_parameters(parts: Parts) -> bool:
    names = {name for part, f in parts.functions.items() if part != "loop" for name in argument_names(f)}
    arrays = any(parameter_argument(name) for name in names)
    return arrays or bool({"parameters", "weights"} & _roles(parts))


def _wanted(net: Network) -> str:
    return ", ".join(f"{part}{at + 1}" for at in range(len(net.layers)) for part in "Wb")
