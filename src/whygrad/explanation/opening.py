"""The pages: which numbers are said about a row and a parameter, in which order, and in which words."""

from __future__ import annotations

import numpy as np

from whygrad.explanation.chain import Chain
from whygrad.explanation.forward import dependency_tree, loss_line, unit_lines
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.pages import Block, Cell, Equations, Grid, Heading, Tree, Words, alone, chained
from whygrad.explanation.symbols import Sign, Symbols, figure, partial
from whygrad.maths import Array
from whygrad.names import Place, legend, places
from whygrad.network import Network
from whygrad.printing import counted

SMALL = 40  # parameters up to which everything is written out
UNITS = 6  # of a larger network's outputs


def is_small(net: Network) -> bool:
    """Whether every unit and parameter gets its own line."""
    return net.n_parameters <= SMALL


def row_blocks(moment: Moment, symbols: Symbols) -> list[Block]:
    """What is explained: the row as it was read, as the network takes it, and how to read the names."""
    facts = ", ".join(f"{name} {value}" for name, value in moment.facts)
    said = f"{moment.place[:1].upper()}{moment.place[1:]}, {moment.when}{f': {facts}' if facts else ''}."
    blocks: list[Block] = [Words(said), *(Words(f"Note: {note}.") for note in moment.notes)]
    if len(moment.input_names) <= 2 * UNITS:
        blocks.append(Equations((*_inputs(moment, symbols), *_targets(moment, symbols))))
    return [*blocks, Words(f"Names: {legend(moment.net, symbols.notation)}. {symbols.legend()}.")]


def _inputs(moment: Moment, symbols: Symbols) -> list[tuple[Sign, ...]]:
    names = moment.input_names or ("",) * moment.net.inputs
    return [
        chained(symbols.x(k), *_named(name), alone(figure(float(moment.row.x[0, k]))))
        for k, name in enumerate(names)
    ]


def _targets(moment: Moment, symbols: Symbols) -> list[tuple[Sign, ...]]:
    names = moment.output_names or ("",) * moment.net.outputs
    return [
        chained(symbols.y(k), *_named(name), alone(figure(float(moment.row.y[0, k]))))
        for k, name in enumerate(names)
    ]


def _named(name: str) -> tuple[Sign, ...]:
    name = name.replace("=", " is ")
    safe = name.replace("\\", " ").replace("{", " ").replace("}", " ").replace("_", r"\_")
    return (Sign(name, rf"\text{{{safe}}}"),) if name else ()


def forward_blocks(moment: Moment, links: Links, symbols: Symbols) -> list[Block]:
    """The forward pass in numbers: every unit of a small network, the layers and outputs of a large one."""
    net = moment.net
    last = len(net.layers) - 1
    loss = loss_line(links, moment.loss, symbols)
    blocks: list[Block] = [Heading("Forward")]
    if is_small(net):
        lines = [
            line
            for layer, units in enumerate(net.sizes[1:])
            for unit in range(units)
            for line in unit_lines(links, symbols, layer, unit)
        ]
        return [*blocks, Equations((*lines, loss)), Tree(dependency_tree(links, symbols))]
    outputs = [line for unit in range(min(net.outputs, UNITS)) for line in unit_lines(links, symbols, last, unit)]
    return [*blocks, _layer_grid(links), Equations((*outputs, loss))]


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


def whereabouts(moment: Moment, symbols: Symbols, place: Place) -> Words:
    """Where the parameter stands, in words."""
    sign, layers = symbols.parameter(place), len(moment.net.layers)
    to = f"unit {place.to + 1} of layer {place.layer + 1}"
    if place.layer == layers - 1:
        to += " (the output)" if layers > 1 else ""
    if place.source is None:
        return Words(f"{sign} is the bias of {to}.")
    if place.layer:
        return Words(f"{sign} goes to {to} from unit {place.source + 1} of layer {place.layer}.")
    named = f" ({moment.input_names[place.source]})" if moment.input_names else ""
    return Words(f"{sign} goes to {to} from input {place.source + 1}{named}.")


def chain_blocks(chain: Chain) -> list[Block]:
    """The chain: the product of symbols, each factor, the product of numbers."""
    blocks: list[Block] = [Heading("Chain")]
    if not chain.factors:
        return [*blocks, Words(f"{chain.sign} = 0: no way leads from it to the loss of this row.")]
    factors = [chained(f.sign, f.formula, f.numbers, alone(figure(f.value))) for f in chain.factors]
    blocks += [Equations((product_of_signs(chain),)), Equations(tuple(factors))]
    if chain.cancels:
        c = chain.cancels
        blocks.append(Words("The output's activation and the loss are a pair: most of their product cancels."))
        blocks.append(Equations((chained(c.sign, c.formula, c.numbers, alone(figure(c.value))),)))
    blocks += [Words(f"{f.sign}: {f.note}.") for f in chain.factors if f.note]
    return [*blocks, Equations((product_of_numbers(chain),))]


def product_of_signs(chain: Chain) -> tuple[Sign, ...]:
    """dL/dW = dL/dy_hat * dy_hat/dW."""
    return chained(chain.sign, _times([f.sign for f in chain.factors]))


def product_of_numbers(chain: Chain) -> tuple[Sign, ...]:
    """dL/dW = -7.36 * 1.6 = -11.776."""
    product = _times([figure(f.value) for f in chain.factors])
    return chained(chain.sign, product, alone(figure(chain.value)))


def _times(signs: list[Sign]) -> Sign:
    return Sign(" * ".join(s.text for s in signs), r" \cdot ".join(s.latex for s in signs))


def slope_line(symbols: Symbols, place: Place, value: float) -> tuple[Sign, ...]:
    """dL/dW = -5.888."""
    return chained(partial(symbols.loss, symbols.parameter(place)), alone(figure(value)))
