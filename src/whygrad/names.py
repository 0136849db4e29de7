"""Names of parameters, and their translation into the notations of others.

`W_{layer,to,from}` counts from 1 as on the blackboard: W_211 is layer 2, to unit 1, from unit 1; B_11 is the
bias of layer 1, unit 1. Where an index is 10 or more, underscores part them: W_2_11_3. B_2 may stand for
B_21 where layer 2 has one unit. A parameter is also an arrow between two units: cgpa->h2, h1->lpa, bias->h2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

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


def place_of(net: Network, position: int) -> Place:
    """The place of the parameter at that position of the flat vector. Raises `InputError` beyond its ends."""
    left = position
    for layer, (n_in, n_out) in enumerate(zip(net.sizes, net.sizes[1:], strict=False)):
        if 0 <= left < (n_in + 1) * n_out:
            source, to = divmod(left, n_out)
            return Place(layer, to, source if source < n_in else None)
        left -= (n_in + 1) * n_out
    raise InputError(f"parameter {position} is not there; positions are 0 to {net.n_parameters - 1}")


def position_of(net: Network, place: Place) -> int:
    """The position in the flat vector of the parameter at that place, which must be one of the network's."""
    before = sum((a + 1) * b for a, b in zip(net.sizes, net.sizes[1 : place.layer + 1], strict=False))
    row = net.sizes[place.layer] if place.source is None else place.source
    return before + row * net.sizes[place.layer + 1] + place.to


def names_parameter(text: str) -> bool:
    """Whether the text is how a parameter is written, be it there or not."""
    return re.search(_ARROW, text) is not None or re.fullmatch(_PARAMETER, text.strip()) is not None


def find_parameter(net: Network, text: str, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> int:
    """The position in the flat vector of the parameter called `text`.

    That is "W_211", "W_2_1_1" or "B_2", or an arrow to a unit from one of the layer before, or from 1 or bias:
    "cgpa->h2", "h1.2->h2.3", "h1->lpa", "bias->h2". `find_unit` says how units are called. Raises `InputError`
    for a name this network does not have, or that may mean several parameters.
    """
    if re.search(_ARROW, text):
        return _at_arrow(net, text.strip(), inputs, outputs)
    found = re.fullmatch(_PARAMETER, text.strip())
    if not found:
        raise InputError(
            f"parameter: {text!r} is not a name; write W_211 (layer 2, to 1, from 1) or B_21, or x_1->h2"
        )
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
    return position_of(net, Place(layer - 1, index[1] - 1, index[2] - 1 if len(index) == 3 else None))


# ---- units, and the arrows between them ----

Unit = tuple[int, int]  # (layer, unit), from 0; layer -1 has the inputs

_PARAMETER = r"([WBwb])_?(\d+(?:_\d+)*)"
_ARROW = "->|\N{RIGHTWARDS ARROW}"
_BIAS = ("1", "bias")
_Found = TypeVar("_Found")


def find_unit(net: Network, text: str, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> Unit:
    """(layer, unit), from 0, of the unit called `text`; layer -1 has the inputs.

    That is a column, by the names `inputs` and `outputs` (capitals count only where two differ by them); or by
    number x_1, h2 (where one hidden layer has it), h1.2 (layer 1, unit 2), O_12 (the same), y_2, y_hat_2, out2.
    No number is needed where there is one. Raises `InputError` for what is not there, or means several units.
    """
    found = _best(_meanings(net, text.strip(), inputs, outputs))
    if not found:
        raise InputError(f"unit: {_no_unit(net, text, (*inputs, *outputs))}")
    if len(found) > 1:
        raise InputError(
            f"unit: {text!r} may be {' or '.join(_called(net, unit) for unit in found[:4])}; say which"
        )
    return found[0]


def _at_arrow(net: Network, text: str, inputs: Sequence[str], outputs: Sequence[str]) -> int:
    """The parameter that goes between two units; columns may have arrows in their names, so each is tried."""
    found: dict[Place, int] = {}
    ends = [(text[: m.start()].strip(), text[m.end() :].strip()) for m in re.finditer(_ARROW, text)]
    for start, end in ends:
        sources = _meanings(net, start, inputs, outputs)
        for (layer, to), fit in _meanings(net, end, inputs, outputs).items():
            if start.lower() in _BIAS and layer >= 0:
                found[Place(layer, to, None)] = fit
            for (before, source), also in sources.items():
                if before + 1 == layer:
                    found[Place(layer, to, source)] = fit + also
    best = _best(found)
    if not best:
        raise InputError(f"parameter: {text!r}: {_no_arrow(net, *ends[0], (*inputs, *outputs))}")
    if len(best) > 1:
        raise InputError(f"parameter: {text!r} may be {' or '.join(name(place) for place in best[:4])}; say which")
    return position_of(net, best[0])


def _meanings(net: Network, text: str, inputs: Sequence[str], outputs: Sequence[str]) -> dict[Unit, int]:
    """The units that the text may mean; 1 for those whose column is called exactly so, else 0."""
    found = dict.fromkeys(_numbered(net, text), 0)
    for layer, columns in ((-1, inputs), (len(net.layers) - 1, outputs)):
        for unit, column in enumerate(columns):
            if column.strip().casefold() == text.casefold():
                found[layer, unit] = int(column.strip() == text)
    return found


def _numbered(net: Network, text: str) -> list[Unit]:
    """The units that a kind and a number may mean: h2 means one in every hidden layer that has two or more."""
    last = len(net.layers) - 1
    wanted: list[tuple[int, str]] = []
    if found := re.fullmatch(r"x_?(\d*)", text, re.IGNORECASE):
        wanted = [(-1, found[1])]
    elif found := re.fullmatch(r"(?:y_?hat|y|output|out)_?(\d*)", text, re.IGNORECASE):
        wanted = [(last, found[1])]
    elif found := re.fullmatch(r"h_?(\d*)", text, re.IGNORECASE):
        wanted = [(layer, found[1]) for layer in range(last)]
    elif found := re.fullmatch(r"h(\d+)\.(\d+)|o_?(\d)(\d)|o_(\d+)_(\d+)", text, re.IGNORECASE):
        layer, unit = filter(None, found.groups())
        wanted = [(int(layer) - 1, unit)] if 1 <= int(layer) <= len(net.layers) else []
    numbers = [(layer, unit or ("1" if net.sizes[layer + 1] == 1 else "0")) for layer, unit in wanted]
    return [(layer, int(unit) - 1) for layer, unit in numbers if 1 <= int(unit) <= net.sizes[layer + 1]]


def _called(net: Network, unit: Unit) -> str:
    """The unit's name by number: x_1, h1.2, y_1."""
    layer, number = unit
    kind = "x_" if layer < 0 else "y_" if layer == len(net.layers) - 1 else f"h{layer + 1}."
    return f"{kind}{number + 1}"


def _no_unit(net: Network, text: str, columns: Sequence[str]) -> str:
    """What is said of a text that means no unit: the closest column, and the numbers there are."""
    from difflib import get_close_matches

    folded = {column.casefold(): column for column in columns}
    close = get_close_matches(text.casefold(), folded, n=1)
    hint = f"did you mean {folded[close[0]]!r}? By number" if close else "by number"
    return f"{text!r} is no unit; {hint}, units are {numbered_units(net)}"


def numbered_units(net: Network) -> str:
    """x_1 to x_2, h1.1 to h1.2, y_1."""
    last = len(net.layers) - 1
    ends = [(-1, -1), *([(0, last - 1)] if last else []), (last, last)]
    spans = [(_called(net, (a, 0)), _called(net, (b, net.sizes[b + 1] - 1))) for a, b in ends]
    return ", ".join(first if first == final else f"{first} to {final}" for first, final in spans)


def _no_arrow(net: Network, start: str, end: str, columns: Sequence[str]) -> str:
    """What is said of an arrow that means no parameter."""
    for text in (start, end):
        if not _meanings(net, text, columns, ()) and not (text == start and text.lower() in _BIAS):
            return _no_unit(net, text, columns)
    return f"no weight goes from {start} to {end}; each goes from a layer, or 1, to the next layer"


def _best(found: Mapping[_Found, int]) -> list[_Found]:
    """What fits best: several where they fit alike."""
    return [key for key, fit in found.items() if fit == max(found.values())]
