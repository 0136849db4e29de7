"""Parameters kept number by number: neurons with their weights and bias, or w1, w2, ... through all layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whygrad.judgement.containers import Slot, Template
from whygrad.judgement.vocabulary import plain
from whygrad.network import Network
from whygrad.weights import Span, spans

_WEIGHTS, _BIAS = ("w", "ws", "weights", "weight"), ("b", "bias")


def neurons(net: Network, value: Any) -> Template | None:
    """The template of a list of layers, each a list of neurons, or None.

    A neuron is [w, ..., b], a dict with such a list as its weights, or one with weights and a bias; what else the
    dict holds is left as it is.
    """
    if not isinstance(value, list | tuple) or len(value) != len(net.layers):
        return None
    found = []
    for s, layer in zip(spans(net), value, strict=True):
        if not isinstance(layer, list | tuple) or len(layer) != s.n_out:
            return None
        found.append([_neuron(s, unit, neuron) for unit, neuron in enumerate(layer)])
    return None if any(None in layer for layer in found) else found


def listed_neurons(net: Network) -> Template:
    """A list of layers of neurons [w, ..., b]."""
    return [[_numbers(s, unit) for unit in range(s.n_out)] for s in spans(net)]


def _neuron(s: Span, unit: int, neuron: Any) -> Template | None:
    if _is_row(neuron, s.n_in + 1):
        return _numbers(s, unit)
    if not isinstance(neuron, Mapping):
        return None
    weights = next((key for key in neuron if plain(str(key)) in _WEIGHTS), None)
    bias = next((key for key in neuron if plain(str(key)) in _BIAS), None)
    if weights is not None and bias is None and _is_row(neuron[weights], s.n_in + 1):
        return {**neuron, weights: _numbers(s, unit)}
    if weights is not None and bias is not None and _is_row(neuron[weights], s.n_in):
        *row, b = _numbers(s, unit)
        return {**neuron, weights: row, bias: b}
    return None


def _is_row(value: Any, n: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == n and all(isinstance(v, int | float) for v in value)


def _numbers(s: Span, unit: int) -> list[Slot]:
    """The weights to a unit, then its bias."""
    weights = [Slot("number", s.start + k * s.n_out + unit, ()) for k in range(s.n_in)]
    return [*weights, Slot("number", s.middle + unit, ())]


def numbered(net: Network, names: Iterable[str]) -> dict[str, Slot] | None:
    """name -> slot of w1, w2, ... to each unit in turn, and of b1, b2, ..., one a unit; None where one is missing.

    So a 2-2-1 network has w1 and w2 to its first hidden unit, w5 and w6 to its output (Mazur's numbers).
    """
    slots = in_turn(net)
    if len(slots) == 2 * len(net.layers):
        return None  # one unit a layer: W1, b1, W2, b2 are its arrays
    given = {plain(name): name for name in names}
    if "b" in given and "b2" not in slots:
        given.setdefault("b1", given["b"])
    if not slots.keys() <= given.keys():
        return None
    return {given[key]: slot for key, slot in slots.items()}


def in_turn(net: Network) -> dict[str, Slot]:
    """The slots of w1, w2, ..., then of b1, b2, ..."""
    units = [_numbers(s, unit) for s in spans(net) for unit in range(s.n_out)]
    weights = [slot for unit in units for slot in unit[:-1]]
    biases = [unit[-1] for unit in units]
    return {f"{letter}{k}": slot for letter, of in (("w", weights), ("b", biases)) for k, slot in enumerate(of, 1)}


def all_numbers(net: Network, value: Sequence[Any]) -> list[Slot] | None:
    """The slots of a list of all weights in turn, then all biases, or None."""
    return list(in_turn(net).values()) if _is_row(value, net.n_parameters) else None
