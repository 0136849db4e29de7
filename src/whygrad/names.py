"""Names of parameters, and their translation into the notations of others.

`W_{layer,to,from}` counts from 1 as on the blackboard: W_211 is layer 2, to unit 1, from unit 1; B_11 is the
bias of layer 1, unit 1. Where an index is 10 or more, underscores part them: W_2_11_3. B_2 may stand for
B_21 where layer 2 has one unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from whygrad.errors import InputError, one_of
from whygrad.network import Network

Notation = Literal["course", "3b1b", "keras", "torch"]
NOTATIONS: tuple[str, ...] = get_args(Notation)


@dataclass(frozen=True)
class Place:
    """Where a parameter stands, counted from 0; `source` is the unit it comes from, None for a bias."""

    layer: int
    to: int
    source: int | None


def places(net: Network) -> Iterator[Place]:
    """Every parameter in the order of the flat vector: each layer's W row by row, then its b."""
    for layer, (n_in, n_out) in enumerate(zip(net.sizes, net.sizes[1:], strict=False)):
        for source in range(n_in):
            for to in range(n_out):
                yield Place(layer, to, source)
        for to in range(n_out):
            yield Place(layer, to, None)


def name(place: Place, notation: str = "course") -> str:
    """The parameter's name in that notation."""
    layer, to, source = place.layer, place.to, place.source
    if notation == "course":
        index = [layer + 1, to + 1] if source is None else [layer + 1, to + 1, source + 1]
        gap = "" if max(index) < 10 else "_"
        return f"{'B' if source is None else 'W'}_{gap.join(map(str, index))}"
    if notation == "3b1b":
        return f"b^({layer + 1})_{to}" if source is None else f"w^({layer + 1})_{to},{source}"
    if notation == "keras":
        return f"dense_{layer}.bias[{to}]" if source is None else f"dense_{layer}.kernel[{source}, {to}]"
    if notation == "torch":
        return f"{layer}.bias[{to}]" if source is None else f"{layer}.weight[{to}, {source}]"
    raise one_of("notation", notation, NOTATIONS)


def parameter_names(net: Network, notation: str = "course") -> list[str]:
    """The names of all parameters in the order of the flat vector."""
    return [name(place, notation) for place in places(net)]


_LEGENDS = {
    "3b1b": "w^(L)_j,k goes to unit j of layer L from unit k of layer L-1, units counted from 0",
    "keras": "kernel[from, to], counted from 0",
    "torch": "weight[to, from], counted from 0; the layer's number comes first",
}


def legend(net: Network, notation: str = "course") -> str:
    """One line that says how to read the names."""
    if notation in _LEGENDS:
        return _LEGENDS[notation]
    if notation != "course":
        raise one_of("notation", notation, NOTATIONS)
    layer, to, source = len(net.layers), net.outputs, net.sizes[-2]
    example = name(Place(layer - 1, to - 1, source - 1))
    return (
        f"W_{{layer,to,from}} and B_{{layer,unit}}, counted from 1: {example} is layer {layer}, "
        f"to unit {to}, from unit {source}"
    )


def find_parameter(net: Network, text: str) -> int:
    """The position in the flat vector of the parameter called `text` ("W_211", "W_2_1_1", "B_2").

    Raises `InputError` for a name this network does not have.
    """
    found = re.fullmatch(r"([WBwb])_?(\d+(?:_\d+)*)", text.strip())
    if not found:
        raise InputError(f"parameter: {text!r} is not a name; write W_211 (layer 2, to 1, from 1) or B_21")
    kind, digits = found.group(1).upper(), found.group(2)
    index = [int(n) for n in (digits.split("_") if "_" in digits else digits)]
    if kind == "B" and len(index) == 1 and 1 <= index[0] <= len(net.layers) and net.sizes[index[0]] == 1:
        index.append(1)
    if len(index) != (3 if kind == "W" else 2):
        raise InputError(
            f"parameter: {text!r} has {len(index)} indices; a weight has layer, to and from (W_211), a bias "
            "layer and unit (B_21)"
        )
    return _position(net, text, index)


def _position(net: Network, text: str, index: list[int]) -> int:
    layer = index[0]
    if not 1 <= layer <= len(net.layers):
        raise InputError(f"parameter: {text!r}: layer {layer} is not there; the network has {len(net.layers)}")
    n_in, n_out = net.sizes[layer - 1], net.sizes[layer]
    limits = [("to unit", index[1], n_out), *([("from unit", index[2], n_in)] if len(index) == 3 else [])]
    for what, unit, limit in limits:
        if not 1 <= unit <= limit:
            raise InputError(f"parameter: {text!r}: {what} {unit} is not there; layer {layer} has 1 to {limit}")
    before = sum((a + 1) * b for a, b in zip(net.sizes, net.sizes[1:layer], strict=False))
    to = index[1] - 1
    return before + ((index[2] - 1) * n_out + to if len(index) == 3 else n_in * n_out + to)
