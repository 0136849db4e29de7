"""Containers: the dict, list or tuple somebody keeps parameters or gradients in, and which array is which.

A template is such a structure with a `Slot` in place of every array. It is read off the code's own value
(`recognise`), filled with a flat vector (`fill`) and read back into one (`collect`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whygrad.errors import InputError
from whygrad.judgement.forms import ARGUMENTS, parameter_argument, plain
from whygrad.judgement.layouts import Kind, Layout, biases_for, kind_of, numbers, read_biases, read_weights
from whygrad.judgement.layouts import weights_for as put_weights
from whygrad.judgement.trouble import Trouble
from whygrad.maths import Array
from whygrad.names import find_parameter
from whygrad.network import Network
from whygrad.weights import spans, views


@dataclass(frozen=True)
class Slot:
    """The place of one array: W or b of a layer (from 0), one number at a position, or the whole flat vector.

    `shape` is that of the code's own array, None where the layout decides.
    """

    part: str  # "W", "b", "number" or "all"
    at: int = 0  # the layer, or the number's position
    shape: tuple[int, ...] | None = None
    kind: Kind = "array"
    name: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """Which of the network's parameters it holds."""
        return self.part, self.at


Template = Any  # a structure with slots

_GROUPS = {"W": ("w", "ws", "weights", "weight"), "b": ("b", "bs", "biases", "bias")}
_OWN_NAMES = {
    "W": re.compile(r"weights?_\w+|w_\w+|wih|who"),
    "b": re.compile(r"bias(es)?_\w+|b_\w+|bih|bho|bh|bo"),
}
_PREFIX = re.compile(r"^(d_?|grad_?|gradients?_?|nabla_?|delta_?|g_)(?=[wb])")


def made_up(net: Network) -> Iterator[tuple[str, Template]]:
    """The containers to try for an argument like `parameters` where no function of the code makes one."""
    layers = range(len(net.layers))
    pairs = [(Slot("W", at), Slot("b", at)) for at in layers]
    yield "a dict W1, b1, ...", {f"{s.part}{s.at + 1}": s for pair in pairs for s in pair}
    yield "a list W1, b1, ...", [s for pair in pairs for s in pair]
    yield "a list of pairs (W, b)", list(pairs)
    yield "a list of dicts W, b", [{"W": W, "b": b} for W, b in pairs]
    yield "a dict W, b of lists", {part: [Slot(part, at) for at in layers] for part in "Wb"}
    yield "one flat vector in whygrad's order", Slot("all")


def slots(template: Template) -> Iterator[Slot]:
    """The slots of a template."""
    if isinstance(template, Slot):
        yield template
    elif isinstance(template, Mapping):
        for value in template.values():
            yield from slots(value)
    elif isinstance(template, list | tuple):
        for value in template:
            yield from slots(value)


def is_complete(net: Network, template: Template) -> bool:
    """Whether every parameter of the network has its slot."""
    there = {slot.place for slot in slots(template)}
    whole = {(part, at) for at in range(len(net.layers)) for part in "Wb"}
    return whole <= there or ("all", 0) in there or {("number", k) for k in range(net.n_parameters)} <= there


def fits(net: Network, template: Template, layout: Layout) -> bool:
    """Whether the layout stores W as the code's own arrays do."""
    for slot in slots(template):
        if slot.part == "W" and slot.shape is not None and len(slot.shape) == 2:
            s = spans(net)[slot.at]
            stored = (s.n_in, s.n_out) if layout.matrix == "in, out" else (s.n_out, s.n_in)
            if slot.shape != stored:
                return False
    return True


# ---- to theirs, and back ----


def fill(net: Network, template: Template, layout: Layout, w: Array) -> Any:
    """A fresh copy of the structure with the parameters w (P,) in it."""
    if isinstance(template, Slot):
        return _put(net, template, layout, w)
    if isinstance(template, Mapping):
        return {key: fill(net, value, layout, w) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(net, value, layout, w) for value in template]
    if isinstance(template, tuple):
        return tuple(fill(net, value, layout, w) for value in template)
    return copy.deepcopy(template)


def _put(net: Network, slot: Slot, layout: Layout, w: Array) -> Any:
    if slot.part == "number":
        return float(w[slot.at])
    if slot.part == "all":
        return w.copy()
    layer = views(net, w)[slot.at]
    if slot.part == "W":
        return put_weights(layout, spans(net)[slot.at], layer.W, slot.shape)
    return biases_for(layout, layer.b, slot.shape)


def collect(net: Network, filled: Sequence[tuple[Template, Any]], layout: Layout, marked: str = "") -> Array:
    """(P,) out of structures and their templates; `marked` is "d" for gradients, to name them in a problem.

    Raises `Trouble` for a wrong shape, or a parameter that is not there.
    """
    w = np.full(net.n_parameters, np.nan)
    seen = np.zeros(net.n_parameters, dtype=bool)
    for template, value in filled:
        for slot, held in pairs(template, value):
            _take(net, slot, layout, held, w, seen, marked)
    if not seen.all():
        raise Trouble(f"{missing(net, seen, marked)} is missing")
    return w


def missing(net: Network, seen: Array, marked: str = "") -> str:
    """The name of the first array that was not seen."""
    for at, (W, _) in enumerate(views(net, seen)):
        if not W.all():
            return f"{marked}W{at + 1}"
        if not seen[spans(net)[at].middle : spans(net)[at].stop].all():
            return f"{marked}b{at + 1}"
    return ""


def _take(net: Network, slot: Slot, layout: Layout, value: Any, w: Array, seen: Array, marked: str) -> None:
    if slot.part in ("number", "all"):
        found = numbers(value)
        here = slice(None) if slot.part == "all" else slice(slot.at, slot.at + 1)
        if found.size != w[here].size:
            raise Trouble(f"{slot.name or 'the vector'} has shape {found.shape}, but should hold {w[here].size}")
        w[here], seen[here] = found.reshape(-1), True
        return
    s, what = spans(net)[slot.at], f"{marked}{slot.part}{slot.at + 1}"
    if slot.part == "W":
        w[s.start : s.middle] = read_weights(layout, s, value, what, slot.shape).reshape(-1)
        seen[s.start : s.middle] = True
    else:
        w[s.middle : s.stop] = read_biases(s, value, what)
        seen[s.middle : s.stop] = True


def pairs(template: Template, value: Any) -> Iterator[tuple[Slot, Any]]:
    """The slots of a template with what the value holds there; what it no longer holds is left out."""
    if isinstance(template, Slot):
        yield template, value
    elif isinstance(template, Mapping) and isinstance(value, Mapping):
        for key in template:
            if key in value:
                yield from pairs(template[key], value[key])
    elif isinstance(template, list | tuple) and isinstance(value, list | tuple):
        for inner, held in zip(template, value, strict=False):
            yield from pairs(inner, held)


# ---- which array is which ----


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


def recognise(net: Network, value: Any, names: Sequence[str] = (), gradients: bool = False) -> Template | None:
    """The template of a value that holds all parameters (or gradients), or None.

    `names` are the variables a tuple was made of, where they are known. Arrays are told by their keys or names
    (W1, dW1, grad_b2, w111), else by their shapes, alternating (W1, b1, W2, b2) before grouped.
    """
    found: Template | None = None
    if isinstance(value, Mapping):
        found = _by_key(net, value, gradients)
        if not is_complete(net, found) and len(value) == len(net.layers):
            inner = _by_order(net, list(value.values()))  # {"layer1": {"W": ..., "b": ...}, ...}
            found = None if inner is None else dict(zip(value, inner, strict=True))
    elif isinstance(value, list | tuple):
        if len(names) == len(value):
            keyed = _by_key(net, dict(zip(names, value, strict=True)), gradients)
            found = type(value)(keyed[name] for name in names)
        if found is None or not is_complete(net, found):
            found = _by_order(net, value)
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
        made = _in_order(net, bare, value) or made
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


def _array_slot(net: Network, name: str, value: Any, first: int) -> Slot | None:
    """The slot of a name like W1 or b2; layers are counted from `first`, 0 or 1."""
    found = parameter_argument(name)
    if found is None or not 0 <= found[2] - first < len(net.layers):
        return None
    slot = Slot(found[1], found[2] - first)
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


def _by_order(net: Network, value: Sequence[Any]) -> Sequence[Any] | None:
    """A list or tuple with slots, by its arrangement and the shapes."""
    layers = range(len(net.layers))
    orders = (list(layers), list(reversed(layers)))
    for order in orders:
        W, b = [Slot("W", at) for at in order], [Slot("b", at) for at in order]
        alternating = [slot for pair in zip(W, b, strict=True) for slot in pair]
        pairs: list[Any] = [list(pair) for pair in zip(W, b, strict=True)]
        for arrangement in (alternating, [*W, *b], [*b, *W], pairs, [W, b], [b, W]):
            found = _arranged(net, arrangement, value)
            if found is not None:
                return found
    if len(value) == len(net.layers) and all(isinstance(layer, Mapping) for layer in value):
        return _layer_dicts(net, value)
    return None


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
    return type(value)(found)


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
