"""Containers: the dict, list or tuple somebody keeps parameters or gradients in, and which array is which.

A template is such a structure with a `Slot` in place of every array. It is read off the code's own value
(`recognise`), filled with a flat vector (`fill`) and read back into one (`collect`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whygrad.judgement.layouts import Kind, Layout, biases_for, numbers, of_kind, read_biases, read_weights
from whygrad.judgement.layouts import weights_for as put_weights
from whygrad.judgement.trouble import Trouble
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.table import Indices
from whygrad.weights import spans, views


@dataclass(frozen=True)
class Slot:
    """The place of one array: W or b of a layer (from 0), both in one, a number at a position, or the flat vector.

    `shape` is that of the code's own array, None where the layout decides.
    """

    part: str  # "W", "b", "Wb", "number" or "all"
    at: int = 0  # the layer, or the number's position
    shape: tuple[int, ...] | None = None
    kind: Kind = "array"
    name: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """Which of the network's parameters it holds."""
        return self.part, self.at

    @property
    def places(self) -> list[tuple[str, int]]:
        """The same, W and b apart."""
        return [(part, self.at) for part in self.part] if self.part == "Wb" else [self.place]


Template = Any  # a structure with slots


def made_up(net: Network) -> Iterator[tuple[str, Template]]:
    """The containers to try for an argument like `parameters` where no function of the code makes one."""
    layers = range(len(net.layers))
    pairs = [(Slot("W", at), Slot("b", at)) for at in layers]
    yield "a dict W1, b1, ...", {f"{s.part}{s.at + 1}": s for pair in pairs for s in pair}
    yield "a list W1, b1, ...", [s for pair in pairs for s in pair]
    yield "a list of pairs (W, b)", list(pairs)
    yield "a list of dicts W, b", [{"W": W, "b": b} for W, b in pairs]
    yield "a dict W, b of lists", {part: [Slot(part, at) for at in layers] for part in "Wb"}
    yield "one flat vector", Slot("all")
    yield from folded(net)


def folded(net: Network) -> Iterator[tuple[str, Template]]:
    """The same where W holds the biases."""
    both = [Slot("Wb", at) for at in range(len(net.layers))]
    yield "a dict W1, W2, ...", {f"W{slot.at + 1}": slot for slot in both}
    yield "a list W1, W2, ...", both


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
    there = {place for slot in slots(template) for place in slot.places}
    whole = {(part, at) for at in range(len(net.layers)) for part in "Wb"}
    return whole <= there or ("all", 0) in there or {("number", k) for k in range(net.n_parameters)} <= there


def has_shapes(template: Template) -> bool:
    """Whether it keeps arrays, which have shapes, or numbers alone."""
    return any(slot.part != "number" for slot in slots(template))


def remembers(template: Template) -> bool:
    """Whether functions may leave what they work out beside the parameters, in a dict for each unit or layer."""
    return isinstance(template, list | tuple) and any(isinstance(e, Mapping) or remembers(e) for e in template)


def like(value: Sequence[Any], items: list[Any]) -> Sequence[Any]:
    """The items as a list, tuple or named tuple, as the value is one."""
    make: Callable[[list[Any]], Sequence[Any]] = getattr(value, "_make", type(value))
    return make(items)


def bias_of(template: Template) -> str | None:
    """What a bias looks like, where the code's own arrays say it."""
    shapes = [slot.shape for slot in slots(template) if slot.part == "b" and slot.shape is not None]
    if not shapes:
        return None
    shape = max(shapes, key=math.prod)
    if len(shape) < 2:
        return "flat" if shape else "plain"
    return "column" if shape[-1] == 1 else "row"


def fits(net: Network, template: Template, layout: Layout) -> bool:
    """Whether the layout stores W and b as the code's own arrays do."""
    if bias_of(template) not in (None, layout.bias):
        return False
    for slot in slots(template):
        if slot.part in ("W", "Wb") and slot.shape is not None and len(slot.shape) == 2:
            s = spans(net)[slot.at]
            n_in = s.n_in + (slot.part == "Wb")
            stored = (n_in, s.n_out) if layout.matrix == "in, out" else (s.n_out, n_in)
            if slot.shape != stored:
                return False
    return True


def flat_order(net: Network, layout: Layout) -> Indices:
    """(P,): where in w each number of their flat vector is; layer by layer, W then b, or W with b in it."""
    if layout.ones:
        return np.concatenate([_folded_order(net, at, layout).reshape(-1) for at in range(len(net.layers))])
    found = []
    for s in spans(net):
        W = np.arange(s.start, s.middle).reshape(s.n_in, s.n_out)
        found += [(W if layout.matrix == "in, out" else W.T).reshape(-1), np.arange(s.middle, s.stop)]
    return np.concatenate(found)


def _folded_order(net: Network, at: int, layout: Layout) -> Indices:
    """Where in w each number of W (n_in + 1, n_out), or (n_out, n_in + 1), with b in it is."""
    s = spans(net)[at]
    W, b = np.arange(s.start, s.middle).reshape(s.n_in, s.n_out), np.arange(s.middle, s.stop)[None]
    both = np.vstack([b, W] if layout.ones == "first" else [W, b])  # (n_in + 1, n_out)
    return both if layout.matrix == "in, out" else both.T


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
        return like(template, [fill(net, value, layout, w) for value in template])
    return copy.deepcopy(template)


def _put(net: Network, slot: Slot, layout: Layout, w: Array) -> Any:
    if slot.part == "number":
        return float(w[slot.at])
    if slot.part == "all":
        return w[flat_order(net, layout)]
    if slot.part == "Wb":
        return of_kind(w[_folded_order(net, slot.at, layout)], layout.kind)
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
        at = flat_order(net, layout) if slot.part == "all" else here
        w[at], seen[here] = found.reshape(-1), True
        return
    s, what = spans(net)[slot.at], f"{marked}{slot.part}{slot.at + 1}"
    if slot.part == "Wb":
        order = _folded_order(net, slot.at, layout)
        found = numbers(value)
        if found.shape != order.shape and not (found.ndim < 2 and found.size == order.size and s.n_out == 1):
            raise Trouble(f"{what} has shape {found.shape} instead of {order.shape}")
        w[order], seen[order] = found.reshape(order.shape), True
    elif slot.part == "W":
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
