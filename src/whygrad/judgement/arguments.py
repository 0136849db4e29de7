"""What is handed to a function of somebody's code, argument by argument, told by the arguments' names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whygrad.errors import InputError
from whygrad.judgement.containers import Slot, Template, fill, pairs, recognise, slots
from whygrad.judgement.forms import argument_names, called, known_arguments, parameter_argument, plain, role_of
from whygrad.judgement.layouts import Layout, rows_for, targets_for
from whygrad.judgement.returned import Handed
from whygrad.judgement.trouble import Trouble
from whygrad.maths import Array
from whygrad.names import find_parameter
from whygrad.network import Network
from whygrad.propagation import Trace
from whygrad.table import Rows
from whygrad.training import Training


@dataclass
class Offer:
    """All that one call of a function may be handed, and (`lent`) what it was handed of the parameters."""

    net: Network
    training: Training
    w: Array
    rows: Rows
    trace: Trace  # whygrad's own
    template: Template
    layout: Layout
    parts: Mapping[str, str]  # the code's functions by part
    held: bool = False  # the parameters are attributes or global variables, not arguments
    forward: Handed | None = None
    gradients: Handed | None = None
    memory: Handed | None = None
    lent: list[tuple[Template, Any]] = field(default_factory=list)
    borrowed: set[str] = field(default_factory=set)  # arguments that whygrad's own forward had to supply


def arguments_for(part: str, function: Callable[..., Any], offer: Offer) -> dict[str, Any]:
    """The arguments of a call. Raises `Trouble` naming the first that cannot be told."""
    offer.lent.clear()
    names = argument_names(function)
    given: dict[str, Any] = {}
    unknown = []
    for name in names:
        argument = inspect.signature(function).parameters[name]
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
            continue
        found, value = _value(part, name, names, offer)
        if found:
            given[name] = value
        elif argument.default is argument.empty:
            unknown.append(name)
    wanted = [role for role in _NEEDED.get(part, ()) if not _is_given(role, part, names, offer)]
    if unknown and len(unknown) != len(wanted):
        raise _not_told(unknown[0], role_of(unknown[0], part, names), called(function), offer)
    return {**given, **{name: _by_role(role, offer)[1] for name, role in zip(unknown, wanted, strict=False)}}


def _not_told(name: str, role: str | None, function: str, offer: Offer) -> Trouble:
    """Why there is nothing to hand over for an argument."""
    there = {"cache": offer.parts.get("forward"), "gradients": offer.parts.get("gradients")}
    if role not in there and parameter_argument(name) is None:
        return Trouble(
            f"{function}: the argument {name!r} is not understood; names that are: {known_arguments()}", 3
        )
    source = there["cache" if role == "cache" else "gradients"]
    if source is None:
        what = "a forward function" if role == "cache" else "a function that returns gradients"
        return Trouble(f"{function}: the argument {name!r} comes from {what}, and none was found", 3)
    return Trouble(f"{function}: {source} did not return what its argument {name!r} wants", -1)


# what a part cannot do without, in the usual order, for arguments with names of their own
_NEEDED = {"forward": ("x", "parameters"), "gradients": ("parameters", "x", "y"), "loop": ("x", "y")}


def _is_given(role: str, part: str, names: Sequence[str], offer: Offer) -> bool:
    if role == "parameters" and (offer.held or any(parameter_argument(name) for name in names)):
        return True
    roles = {role_of(name, part, names) for name in names}
    return role in roles or (role == "parameters" and "weights" in roles)


def _value(part: str, name: str, names: Sequence[str], offer: Offer) -> tuple[bool, Any]:
    """(whether it is understood, what to hand to an argument of that name)."""
    handed = offer.forward.named if offer.forward is not None else {}
    role = role_of(name, part, names)
    if plain(name) in handed and role not in ("x", "y", "parameters", "weights", "biases", "outputs"):
        return True, handed[plain(name)]
    for held in (offer.memory, offer.gradients):
        if held is not None and plain(name) in held.named and role not in ("x", "y"):
            return True, held.named[plain(name)]
    found = _parameter(name, names, offer)
    if found is not None:
        return True, found
    found = _activation(name, offer)
    if found is not None:
        return True, found
    if role is not None:
        return _by_role(role, offer)
    rule = offer.training.optimizer
    if name in vars(rule):  # beta1, epsilon, decay ...
        return True, getattr(rule, name)
    return False, None


def _parameter(name: str, names: Sequence[str], offer: Offer) -> Any:
    """The array of an argument like W1 or dW1, the number of one like w111; None for other names."""
    single = any(re.fullmatch(r"[wW](_?\d+)(_?\d+){2}", other) and not _is_layer(other, offer) for other in names)
    found = parameter_argument(name)
    if found is not None and not single and 1 <= found[2] <= len(offer.net.layers):
        if found[0]:
            return None if offer.gradients is None else _of_gradients(found[1], found[2] - 1, offer)
        return _lend(_own_slot(found[1], found[2] - 1, offer), offer)
    if single:
        try:
            return _lend(Slot("number", find_parameter(offer.net, name), ()), offer)
        except InputError:
            return None
    return None


def _is_layer(name: str, offer: Offer) -> bool:
    found = parameter_argument(name)
    return found is not None and found[2] <= len(offer.net.layers)


def _own_slot(part: str, at: int, offer: Offer) -> Slot:
    """The slot of that array, with the shape the code's own initialisation gave it."""
    there = (slot for slot in slots(offer.template) if slot.place == (part, at))
    return next(there, Slot(part, at))


def _of_gradients(part: str, at: int, offer: Offer) -> Any:
    """One array of the gradients that the code returned before."""
    assert offer.gradients is not None
    template = recognise(offer.net, offer.gradients.value, tuple(offer.gradients.named), True)
    for slot, value in pairs(template, offer.gradients.value):
        if slot.place == (part, at):
            return value
    return None


def _lend(template: Template, offer: Offer) -> Any:
    """A fresh structure of parameters, remembered so that a change in place can be read."""
    value = fill(offer.net, template, offer.layout, offer.w)
    offer.lent.append((template, value))
    return value


def _activation(name: str, offer: Offer) -> Any:
    """The array of an argument like A1, Z2 or h1; A0 is x, the last A the outputs."""
    found = re.fullmatch(r"([azh])_?(\d)", name.lower())
    if found is None:
        return None
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
            return _by_role("outputs", offer)[1]
        if kind != "z" and number == last - 1 and "aprev" in offer.forward.named:
            return offer.forward.named["aprev"]
        only = offer.forward.rest
        if kind != "z" and number == last - 1 and hasattr(only, "shape"):
            return only  # outputs and one more array: what went into the last layer
    return _whygrads(name, offer.trace.z[number - 1] if kind == "z" else offer.trace.a[number], offer)


def _in_cache(name: str, value: Any) -> Any:
    """What a dict in the forward function's return calls by that name."""
    if isinstance(value, Mapping):
        return next((held for key, held in value.items() if plain(str(key)) == name), None)
    if isinstance(value, tuple):
        return next((held for inner in value if (held := _in_cache(name, inner)) is not None), None)
    return None


def _whygrads(name: str, a: Array, offer: Offer) -> Any:
    offer.borrowed.add(name)
    return rows_for(offer.layout, a)


def _by_role(role: str, offer: Offer) -> tuple[bool, Any]:
    """(whether there is something for it, the value for an argument of that role)."""
    net, training, layout = offer.net, offer.training, offer.layout
    if role in ("parameters", "weights", "biases"):
        return True, _parameters(role, offer)
    if role == "gradients":
        return offer.gradients is not None, None if offer.gradients is None else offer.gradients.value
    if role in ("outputs", "hidden", "cache"):
        return _of_forward(role, offer)
    if role == "velocity":
        return True, _velocity(offer)
    if role == "l2" and training.l2 == 0 and training.l1 == 0:
        return True, 0.0
    hidden = net.sizes[1] if len(net.layers) > 1 else net.outputs
    table: dict[str, Callable[[], Any]] = {
        "x": lambda: rows_for(layout, offer.rows.x),
        "y": lambda: targets_for(layout, offer.rows.y),
        "learning_rate": lambda: training.optimizer.learning_rate,
        "epochs": lambda: training.epochs,
        "sizes": lambda: list(net.sizes),
        "n_inputs": lambda: net.inputs,
        "n_hidden": lambda: hidden,
        "hidden_sizes": lambda: list(net.sizes[1:-1]),
        "n_outputs": lambda: net.outputs,
        "batch_size": lambda: min(training.batch_size(len(offer.rows)), len(offer.rows)),
        "pairs": lambda: _row_pairs(offer),
        "n_rows": lambda: len(offer.rows),
        "step_number": lambda: 1,
        "momentum": lambda: getattr(training.optimizer, "momentum", getattr(training.optimizer, "beta1", 0.0)),
        "l2": lambda: training.l2,
        "loud": lambda: True,
        "seed": lambda: training.seed,
    }
    return True, table[role]()


def _parameters(role: str, offer: Offer) -> Any:
    if role == "parameters":
        return _lend(offer.template, offer)
    layers = range(len(offer.net.layers))
    own = [_own_slot("W" if role == "weights" else "b", at, offer) for at in layers]
    return _lend(own if len(own) > 1 else own[0], offer)


def _of_forward(role: str, offer: Offer) -> tuple[bool, Any]:
    forward = offer.forward
    if role == "outputs":
        if forward is None:
            return True, _as_target(_whygrads("y_hat", offer.trace.output, offer), offer)
        return True, _as_target(forward.outputs, offer)
    if role == "hidden":
        if forward is not None and forward.rest is not None:
            return True, forward.rest
        return True, _whygrads("the hidden layer", offer.trace.a[-2], offer)
    if forward is None or forward.rest is None:
        return False, None
    return True, forward.rest


def _as_target(outputs: Any, offer: Offer) -> Any:
    """One output as a number, where y is one."""
    if offer.layout.target == "number" and np.size(outputs) == 1:
        return float(np.asarray(outputs).reshape(-1)[0])
    return outputs


def _row_pairs(offer: Offer) -> list[tuple[Any, Any]]:
    """[(x, y), ...], a row each."""
    rows = range(len(offer.rows))
    return [
        (rows_for(offer.layout, offer.rows.x[[k]]), targets_for(offer.layout, offer.rows.y[[k]])) for k in rows
    ]


def _velocity(offer: Offer) -> Any:
    """Memories of 0, in the structure of the gradients where there are some."""
    zeros = np.zeros_like(offer.w)
    if offer.gradients is not None:
        return _zeros(offer.gradients.value)
    return fill(offer.net, offer.template, offer.layout, zeros)


def _zeros(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _zeros(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_zeros(inner) for inner in value)
    return value * 0
