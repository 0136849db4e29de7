"""The pages: which numbers are said about a row and a parameter, in which order, and in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from whygrad.errors import InputError, one_of
from whygrad.explanation.facts import prediction_words
from whygrad.explanation.forward import dependency_tree, layer_lines, loss_line
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.pages import Block, Cell, Equations, Grid, Heading, Tree, Words, alone
from whygrad.explanation.symbols import Sign, Symbols, figure
from whygrad.maths import Array
from whygrad.names import Place, places
from whygrad.network import Network
from whygrad.printing import counted

SMALL = 40  # parameters up to which everything is written out
UNITS = 4  # of a larger network's outputs


def is_small(net: Network) -> bool:
    """Whether every unit and parameter gets its own line."""
    return net.n_parameters <= SMALL


def forward_blocks(moment: Moment, links: Links, symbols: Symbols) -> list[Block]:
    """The forward pass in numbers: every unit of a small network, the layers and outputs of a large one."""
    net = moment.net
    heading, loss = Heading("Forward"), loss_line(links, moment.loss, symbols)
    said = prediction_words(moment, links)
    if is_small(net):
        lines = [
            line
            for layer, units in enumerate(net.sizes[1:])
            for line in layer_lines(links, symbols, layer, range(units))
        ]
        return [heading, Equations((*lines, loss)), *said]
    chosen = np.sort(np.argsort(-np.abs(links.output_delta), kind="stable")[:UNITS])
    lines = layer_lines(links, symbols, len(net.layers) - 1, chosen.tolist())
    some = f"Of {net.outputs} outputs, the {UNITS} that the loss reacts to most:"
    those = [Words(some)] if net.outputs > UNITS else []
    return [heading, _layer_grid(links), *those, Equations((*lines, loss)), *said]


def tree_blocks(links: Links, symbols: Symbols, place: Place | None = None) -> list[Block]:
    """What depends on what; only what lies between the loss and one parameter, where one is asked for.

    Raises `InputError` for a network too large to be drawn.
    """
    if not is_small(links.net):
        n = f"{links.net.n_parameters:,}"
        raise InputError(f"tree: the network has {n} parameters; a tree is drawn for at most {SMALL}")
    return [Tree(dependency_tree(links, symbols, place))]


def _layer_grid(links: Links) -> Grid:
    """A line a layer: how large its numbers are, and how many of its units are at rest."""
    rows = []
    for number, (layer, a, pull) in enumerate(
        zip(links.net.layers, links.trace.a[1:], links.pulls, strict=True), start=1
    ):
        resting = int((a[0] == 0).sum())
        rows.append(
            (str(number), str(layer.activation), f"{layer.units:,}", f"{resting:,}", _size(a[0]), _size(pull))
        )
    head = ("layer", "activation", "units", "at 0", "outputs (rms)", "dL/doutputs (rms)")
    return Grid(head, tuple(rows), (0, 1))


def _size(values: Array) -> str:
    return f"{float(np.sqrt(np.square(values).mean())):.6g}"


def gradient_blocks(moment: Moment, symbols: Symbols, gradient: Array, after: Array | None) -> list[Block]:
    """The gradient as one vector, by name, with each parameter's value now and after the update."""
    blocks: list[Block] = [Heading("Gradient")]
    names = [symbols.parameter(place) for place in places(moment.net)]
    head: list[Cell] = ["parameter", "value", _derivative_head(symbols)]
    columns = [names, *([alone(figure(v)) for v in values] for values in (moment.w, gradient))]
    if after is None:
        return [*blocks, Grid(tuple(head), tuple(zip(*columns, strict=True)))]
    columns.append([alone(figure(v)) for v in after])
    blocks.append(Grid((*head, "next value"), tuple(zip(*columns, strict=True))))
    return [*blocks, Words(next_value_words(moment))]


def _derivative_head(symbols: Symbols) -> Sign:
    text = f"d{symbols.loss}/dparameter"
    return Sign(text, rf"\frac{{\partial {symbols.loss.latex}}}{{\partial \,\text{{parameter}}}}")


def next_value_words(moment: Moment) -> str:
    """Which update the next values come from."""
    rate = f"learning rate {moment.rate:.9g}"
    if len(moment.batch) == 1:
        return f"Next value: after the update that meets this row, {rate}."
    rows = counted(len(moment.batch), "row")
    return f"Next value: after the update that meets this row together with others ({rows} in its batch), {rate}."


def whereabouts(moment: Moment, symbols: Symbols, place: Place) -> str:
    """Where the parameter stands, in words."""
    sign, to = symbols.parameter(place), _unit(moment, symbols, place.layer, place.to)
    if place.source is None:
        return f"{sign} is the bias of {to}"
    return f"{sign} goes to {to} from {_unit(moment, symbols, place.layer - 1, place.source)}"


def unit_whereabouts(moment: Moment, symbols: Symbols, layer: int, unit: int) -> str:
    """Which unit, or input, it is, in words."""
    kind = "" if layer < 0 else "the output of "
    return f"{symbols.a(layer, unit)} is {kind}{_unit(moment, Symbols(moment.net), layer, unit)}"


def _unit(moment: Moment, symbols: Symbols, layer: int, unit: int) -> str:
    """Unit 1 of layer 1; where others count from 0, by its name there."""
    named = f" ({moment.input_names[unit]})" if layer < 0 and moment.input_names else ""
    if symbols.notation != "course":
        return f"{symbols.a(layer, unit)}{named}"
    last = len(moment.net.layers) - 1
    output = " (the output)" if 0 < layer == last else ""
    return f"input {unit + 1}{named}" if layer < 0 else f"unit {unit + 1} of layer {layer + 1}{output}"


def picked(sections: Mapping[str, Callable[[], list[Block]]], only: Iterable[str]) -> list[Block]:
    """The blocks of the sections asked for, in the order of the page. Raises `InputError` for one not there."""
    wanted = (only,) if isinstance(only, str) else tuple(only)
    for name in wanted:
        if name not in sections:
            raise one_of("only", name, tuple(sections))
    return [block for name, blocks in sections.items() if name in wanted for block in blocks()]
