"""What is handed to a function of somebody's code, argument by argument, told by the arguments' names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from whygrad.errors import InputError
from whygrad.judgement.containers import Slot, pairs
from whygrad.judgement.forms import called
from whygrad.judgement.layouts import rows_for
from whygrad.judgement.neurons import numbered
from whygrad.judgement.offers import Offer, by_role, lend, own_slot, whygrads
from whygrad.judgement.recognition import recognise
from whygrad.judgement.trouble import Trouble, Unread
from whygrad.judgement.vocabulary import (
    argument_names,
    arguments_of,
    known_arguments,
    parameter_argument,
    plain,
    role_of,
    takes_anything,
)
from whygrad.maths import Array
from whygrad.names import find_parameter


def arguments_for(part: str, function: Callable[..., Any], offer: Offer) -> dict[str, Any]:
    """The arguments of a call. Raises `Trouble` naming the first that cannot be told."""
    offer.lent.clear()
    if takes_anything(function):
        raise Unread(f"{called(function)} takes *args, so that what it wants cannot be told")
    names = argument_names(function)
    given: dict[str, Any] = {}
    unknown = []
    for argument in arguments_of(function):
        found, value = _value(part, argument.name, names, offer)
        if found:
            given[argument.name] = value
        elif argument.default is argument.empty:
            unknown.append(argument.name)
    wanted = [role for role in _NEEDED.get(part, ()) if not _is_given(role, part, names, offer)]
    if unknown and len(unknown) != len(wanted):
        raise _not_told(unknown[0], role_of(unknown[0], part, names), called(function), offer)
    return {**given, **{name: by_role(role, offer)[1] for name, role in zip(unknown, wanted, strict=False)}}


def _not_told(name: str, role: str | None, function: str, offer: Offer) -> Trouble:
    """Why there is nothing to hand over for an argument."""
    there = {"cache": offer.parts.get("forward"), "gradients": offer.parts.get("gradients")}
    if role not in there and parameter_argument(name) is None:
        return Unread(f"{function}: the argument {name!r} is not understood; names that are: {known_arguments()}")
    source = there["cache" if role == "cache" else "gradients"]
    if source is None:
        what = "a forward function" if role == "cache" else "a function that returns gradients"
        return Unread(f"{function}: the argument {name!r} comes from {what}, and none was found")
    return Trouble(f"{function}: {source} did not return what its argument {name!r} wants", -1)


_FRESH = ("x", "y", "parameters", "weights", "biases", "outputs")  # never what another function returned
# what a part cannot do without, in the usual order, for arguments with names of their own
_NEEDED = {"forward": ("x", "parameters"), "gradients": ("parameters", "x", "y"), "loop": ("x", "y")}


def _is_given(role: str, part: str, names: Sequence[str], offer: Offer) -> bool:
    if role == "parameters" and (offer.held or any(parameter_argument(name) for name in names)):
        return True
    roles = {role_of(name, part, names) for name in names}
    return role in roles or (role == "parameters" and "weights" in roles)


def _value(part: str, name: str, names: Sequence[str], offer: Offer) -> tuple[bool, Any]:
    """(whether it is understood, what to hand to an argument of that name)."""
    role, array = role_of(name, part, names), parameter_argument(name)
    fresh = role in _FRESH or (array is not None and not array[0])
    own = None if offer.forward is None or role != "outputs" else offer.forward.named.get(plain(name))
    if isinstance(own, list | tuple | Mapping):
        return True, own  # all layers' outputs
    for handed in () if fresh else (offer.forward, offer.memory, offer.gradients):
        if handed is not None and plain(name) in handed.named:
            return True, handed.named[plain(name)]
    found = _parameter(name, names, offer)
    if found is not None:
        return True, found
    found = _activation(name, offer)
    if found is not None:
        return True, found
    if role is not None:
        return by_role(role, offer)
    rule = offer.training.optimizer
    if name in vars(rule):  # beta1, epsilon, decay ...
        return True, getattr(rule, name)
    return False, None


def _parameter(name: str, names: Sequence[str], offer: Offer) -> Any:
    """The array of an argument like W1 or dW1, the number of one like w111; None for other names."""
    single = any(re.fullmatch(r"[wW](_?\d+)(_?\d+){2}", other) and not _is_layer(other, offer) for other in names)
    found = parameter_argument(name)
    through = numbered(offer.net, names)
    if through is not None and name in through:
        return lend(through[name], offer)
    if len(offer.net.layers) == 1 and name in ("W", "w", "b"):
        return lend(own_slot(name.upper() if name != "b" else name, 0, offer), offer)
    first = min((entry[2] for other in names if (entry := parameter_argument(other))), default=1)
    at = -1 if found is None else found[2] - min(first, 1)  # layers are counted from 1, or from 0
    if found is not None and not single and 0 <= at < len(offer.net.layers):
        if found[0]:
            return None if offer.gradients is None else _of_gradients(found[1], at, offer)
        return lend(own_slot(found[1], at, offer), offer)
    if single:
        try:
            return lend(Slot("number", find_parameter(offer.net, name), ()), offer)
        except InputError:
            return None
    return None


def _is_layer(name: str, offer: Offer) -> bool:
    found = parameter_argument(name)
    return found is not None and found[2] <= len(offer.net.layers)


def _of_gradients(part: str, at: int, offer: Offer) -> Any:
    """One array of the gradients that the code returned before."""
    assert offer.gradients is not None
    template = recognise(offer.net, offer.gradients.value, tuple(offer.gradients.named), True)
    for slot, value in pairs(template, offer.gradients.value):
        if slot.place == (part, at):
            return value
    return None


def _activation(name: str, offer: Offer) -> Any:
    """The array of an argument like A1, Z2 or h1; A0 is x, the last A the outputs; x1 is the first input."""
    found = re.fullmatch(r"([azhxiyt])_?(\d)", name.lower())
    if found is None:
        return None
    if found.group(1) in "yt":
        return _target(int(found.group(2)), offer)
    if found.group(1) in "xi":
        return _input(int(found.group(2)), offer)
    kind, number = found.group(1), int(found.group(2))
    last = len(offer.net.layers)
    if not 0 <= number <= last or (kind == "z" and number == 0):
        return None
    if number == 0:
        return rows_for(offer.layout, offer.rows.x)
    if offer.forward is not None:
        held = _in_cache(plain(name), offer.forward.value)
        if held is not None:
            return held
        if kind != "z" and number == last:
            return by_role("outputs", offer)[1]
        if kind != "z" and number == last - 1 and "aprev" in offer.forward.named:
            return offer.forward.named["aprev"]
        only = offer.forward.rest
        if kind != "z" and number == last - 1 and hasattr(only, "shape"):
            return only  # outputs and one more array: what went into the last layer
    return whygrads(name, offer.trace.z[number - 1] if kind == "z" else offer.trace.a[number], offer)


def _input(number: int, offer: Offer) -> Any:
    """One input, counted from 1: a number for one row, (rows,) for several."""
    if number == 0:
        return rows_for(offer.layout, offer.rows.x)
    if number > offer.net.inputs:
        return None
    return _column(offer.rows.x[:, number - 1])


def _target(number: int, offer: Offer) -> Any:
    """One output's target, counted from 1."""
    return _column(offer.rows.y[:, number - 1]) if 1 <= number <= offer.net.outputs else None


def _column(column: Array) -> Any:
    return float(column[0]) if len(column) == 1 else column.copy()


def _in_cache(name: str, value: Any) -> Any:
    """What a dict in the forward function's return calls by that name."""
    if isinstance(value, Mapping):
        return next((held for key, held in value.items() if plain(str(key)) == name), None)
    if isinstance(value, tuple):
        return next((held for inner in value if (held := _in_cache(name, inner)) is not None), None)
    return None
