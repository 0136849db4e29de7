"""Which array is which in what somebody's code keeps or returns: told by keys and names, else by shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from whygrad.errors import InputError
from whygrad.judgement.containers import Slot, Template, fits, is_complete, like, slots
from whygrad.judgement.layouts import Layout, kind_of, numbers
from whygrad.judgement.neurons import all_numbers, neurons, numbered
from whygrad.judgement.trouble import Trouble
from whygrad.judgement.vocabulary import ARGUMENTS, parameter_argument, plain
from whygrad.names import find_parameter
from whygrad.network import Network
from whygrad.weights import spans

_GROUPS = {"W": ("w", "ws", "weights", "weight", "coefs"), "b": ("b", "bs", "biases", "bias", "intercepts")}
_OWN_NAMES = {
    "W": re.compile(r"weights?_\w+|w_\w+|wih|who"),
    "b": re.compile(r"bias(es)?_\w+|b_\w+|bih|bho|bh|bo"),
}
_PREFIX = re.compile(r"^(d_?|grad_?|gradients?_?|nabla_?|delta_?|g_)(?=[wb])")


def in_names(net: Network, names: Mapping[str, Any], gradients: bool = False) -> dict[str, Template] | None:
    """The template of attributes or global variables that hold all parameters (or gradients), or None."""
    there = {key: value for key, value in names.items() if not key.startswith("__") and not callable(value)}
    if gradients:
        own = set(map(plain, ARGUMENTS["gradients"]))
        there = {key: value for key, value in there.items() if _PREFIX.match(key.lower()) or plain(key) in own}
    found = _by_key(net, there, gradients)
    if is_complete(net, found):
        return {key: inner for key, inner in found.items() if any(slots(inner))}
    for key, value in there.items():
        inner = recognise(net, value, (), gradients) if isinstance(value, Mapping | list | tuple) else None
        if inner is not None:
            return {key: inner}
    return None


def recognise(
    net: Network,
    value: Any,
    names: Sequence[str] = (),
    gradients: bool = False,
    layout: Layout | None = None,
) -> Template | None:
    """The template of a value that holds all parameters (or gradients), or None.

    `names` are the variables a list or tuple was made of, where they are known. Arrays are told by their keys or
    names (W1, dW1, grad_b2, w111), else by their shapes, alternating (W1, b1, W2, b2) before grouped; where
    several arrangements fit the shapes, one that also stores arrays as the layout does comes first.
    """
    found: Template | None = None
    if isinstance(value, Mapping):
        found = _by_key(net, value, gradients)
        if not is_complete(net, found) and len(value) == len(net.layers):
            keys = sorted(value) if all(isinstance(key, int) for key in value) else list(value)
            inner = _by_order(net, [value[key] for key in keys], layout)  # {"layer1": {"W": ..., "b": ...}, ...}
            found = None if inner is None else dict(zip(keys, inner, strict=True))
        if found is None or not is_complete(net, found):
            inner = _by_order(net, list(value.values()), layout)  # with keys of their own, as poids1
            found = None if inner is None else dict(zip(value, inner, strict=True))
    elif isinstance(value, list | tuple):
        if len(names) == len(value):
            keyed = _by_key(net, dict(zip(names, value, strict=True)), gradients)
            found = like(value, [keyed[name] for name in names])
        if found is None or not is_complete(net, found):
            found = _by_order(net, value, layout) or _all_folded(net, value)
            found = found or neurons(net, value) or all_numbers(net, value)
    elif hasattr(value, "shape") and tuple(value.shape) in ((net.n_parameters,), (net.n_parameters, 1)):
        found = Slot("all")
    return found if found is not None and is_complete(net, found) else None


def _by_key(net: Network, value: Mapping[Any, Any], gradients: bool) -> dict[Any, Any]:
    """A dict with slots where a key names an array, a group of them, or one number."""
    said = {key: str(key).lower() for key in value}
    bare = {key: _PREFIX.sub("", name) if gradients else name for key, name in said.items()}
    slot_of = _number_slot if any(_is_number(net, name) for name in bare.values()) else _array_slot
    first = min((entry[2] for name in bare.values() if (entry := parameter_argument(name))), default=1)
    made = {
        key: slot_of(net, name, value[key], min(first, 1)) or _group(net, name, value[key])
        for key, name in bare.items()
    }
    if not is_complete(net, made):
        made = _in_order(net, bare, value) or _folded(net, bare, value) or _in_turn(net, bare, value) or made
    marked = {key for key, slot in made.items() if slot is not None and bare[key] != said[key]}
    return {
        key: inner if made[key] is None or (marked and key not in marked) else made[key]
        for key, inner in value.items()
    }


def _in_order(net: Network, bare: Mapping[Any, str], value: Mapping[Any, Any]) -> dict[Any, Any] | None:
    """Slots for arrays with names of their own, as weights_input_hidden and bias_output, in their order."""
    found: dict[Any, Any] = dict.fromkeys(value)
    for part, pattern in _OWN_NAMES.items():
        keys = [key for key, name in bare.items() if pattern.fullmatch(name) and hasattr(value[key], "shape")]
        made = [_checked(net, Slot(part, at), value[key]) for at, key in enumerate(keys)]
        if len(made) != len(net.layers) or None in made:
            return None
        found.update(zip(keys, made, strict=True))
    return found


def _folded(net: Network, bare: Mapping[Any, str], value: Mapping[Any, Any]) -> dict[Any, Any] | None:
    """Slots for arrays W1, W2, ... that hold the biases, too."""
    found: dict[Any, Any] = dict.fromkeys(value)
    for key, name in bare.items():
        named = parameter_argument(name)
        if named is not None and named[1] == "W":
            found[key] = _checked_folded(net, named[2] - 1, value[key])
    return found if is_complete(net, found) else None


def _checked_folded(net: Network, at: int, value: Any) -> Slot | None:
    """The slot of a W with the biases in it, or None where the value cannot be that array."""
    if not 0 <= at < len(net.layers):
        return None
    s, shape = spans(net)[at], getattr(value, "shape", None)
    stored = [(s.n_in + 1, s.n_out), (s.n_out, s.n_in + 1), *([(s.n_in + 1,)] if s.n_out == 1 else [])]
    return Slot("Wb", at, tuple(shape), kind_of(value)) if shape is not None and shape in stored else None


def _in_turn(net: Network, bare: Mapping[Any, str], value: Mapping[Any, Any]) -> dict[Any, Any] | None:
    """Slots for numbers that are counted through all layers, as w1 ... w6 and b1 ... b3."""
    single = {name: key for key, name in bare.items() if not isinstance(value[key], list | tuple | Mapping)}
    found = numbered(net, single)
    return None if found is None else {key: found.get(name) for key, name in bare.items()}


def _array_slot(net: Network, name: str, value: Any, first: int) -> Slot | None:
    """The slot of a name like W1 or b2; layers are counted from `first`, 0 or 1."""
    found = parameter_argument(name)
    if found is None or found[0] or not 0 <= found[2] - first < len(net.layers):
        return None
    slot, s = Slot(found[1], found[2] - first), spans(net)[found[2] - first]
    if found[1] == "W" and isinstance(value, int | float) and s.n_in * s.n_out > 1:
        return None  # one number is no matrix; w1 ... w6 may be numbered through
    return _checked(net, slot, value) or slot


def _is_number(net: Network, name: str) -> bool:
    """Whether the name is that of one weight, as w111."""
    array = parameter_argument(name)
    named = array is not None and array[2] <= len(net.layers)
    return name.startswith("w") and not named and _number_slot(net, name) is not None


def _number_slot(net: Network, name: str, value: Any = None, first: int = 1) -> Slot | None:
    """The slot of a name like w111, W_2_1_1 or b21."""
    try:
        return Slot("number", find_parameter(net, name), (), name=name)
    except InputError:
        return None


def _group(net: Network, name: str, value: Any) -> list[Slot] | dict[Any, Slot] | None:
    """Slots for a list (or a dict numbered by layer) of all W or all b."""
    part = next((part for part, names in _GROUPS.items() if plain(name) in names), None)
    if part is None or not isinstance(value, list | tuple | Mapping) or len(value) != len(net.layers):
        return None
    keys = list(value) if isinstance(value, Mapping) else list(range(len(value)))
    made = [_checked(net, Slot(part, at), value[key]) for at, key in enumerate(keys)]
    if None in made:
        return None
    kept = [slot for slot in made if slot is not None]
    return dict(zip(keys, kept, strict=True)) if isinstance(value, Mapping) else kept


def _by_order(net: Network, value: Sequence[Any], layout: Layout | None) -> Sequence[Any] | None:
    """A list or tuple with slots, by its arrangement and the shapes."""
    backwards = layout is not None and layout.backwards
    found = [made for one in _arrangements(net, backwards) if (made := _arranged(net, one, value)) is not None]
    if not found and len(value) == len(net.layers) and all(isinstance(layer, Mapping) for layer in value):
        return _layer_dicts(net, value)
    return min(found, key=lambda made: layout is not None and not fits(net, made, layout), default=None)


def _all_folded(net: Network, value: Sequence[Any]) -> Sequence[Any] | None:
    """Slots for a list of one array a layer, with the biases in it."""
    found = [_checked_folded(net, at, one) for at, one in enumerate(value)]
    return None if None in found or len(found) != len(net.layers) else found


def _arrangements(net: Network, backwards: bool) -> Iterator[list[Any]]:
    """The orders in which lists hold arrays, the usual ones first: from the first layer on, unless `backwards`."""
    layers = range(len(net.layers))
    for order in sorted((list(layers), list(reversed(layers))), reverse=backwards):
        W, b = [Slot("W", at) for at in order], [Slot("b", at) for at in order]
        pairs: list[Any] = [list(pair) for pair in zip(W, b, strict=True)]
        yield from ([slot for pair in pairs for slot in pair], [*W, *b], [*b, *W], pairs, [W, b], [b, W])


def _arranged(net: Network, arrangement: list[Any], value: Any) -> Sequence[Any] | None:
    """The arrangement with the value's own shapes, or None where one does not fit."""
    if not isinstance(value, list | tuple) or len(value) != len(arrangement):
        return None
    found = []
    for inner, held in zip(arrangement, value, strict=True):
        made = _checked(net, inner, held) if isinstance(inner, Slot) else _arranged(net, inner, held)
        if made is None:
            return None
        found.append(made)
    return like(value, found)


def _layer_dicts(net: Network, value: Sequence[Mapping[Any, Any]]) -> list[Any] | None:
    """One dict a layer, with keys such as W and b, dW and db, weights and biases."""
    found = []
    for at, layer in enumerate(value):
        template = {}
        for key, held in layer.items():
            bare = plain(_PREFIX.sub("", str(key).lower()))
            part = next((part for part, names in _GROUPS.items() if bare in names), None)
            template[key] = held if part is None else _checked(net, Slot(part, at), held)
            if template[key] is None:
                return None
        found.append(template)
    return found


def _checked(net: Network, slot: Slot, value: Any) -> Slot | None:
    """The slot with the value's shape and kind, or None where the value cannot be that array."""
    if not 0 <= slot.at < len(net.layers):
        return None
    try:
        shape = numbers(value).shape
    except Trouble:
        return None
    s = spans(net)[slot.at]
    size = s.n_in * s.n_out if slot.part == "W" else s.n_out
    matrix = shape in ((s.n_in, s.n_out), (s.n_out, s.n_in)) or (len(shape) < 2 and 1 in (s.n_in, s.n_out))
    if int(np.prod(shape)) != size or (slot.part == "W" and not matrix):
        return None
    return Slot(slot.part, slot.at, shape, kind_of(value), slot.name)
