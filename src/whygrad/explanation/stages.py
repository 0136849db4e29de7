"""The stages of one step as cells: what is put in, forward, loss, backward, update, and forward once more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from whygrad.explanation.cells import Cell, Step, group
from whygrad.explanation.excel import refuse_foreign, renamed
from whygrad.explanation.links import Links, links_of
from whygrad.explanation.moment import Moment
from whygrad.explanation.symbols import Sign, Symbols, partial
from whygrad.maths import NUMPY
from whygrad.names import places
from whygrad.network import Network
from whygrad.updates import SGD

WIDEST = 84  # letters of a formula in words; the cell itself has it whole


@dataclass(frozen=True)
class Stage:
    """Cells that belong together, under one heading."""

    title: str
    cells: tuple[Cell, ...]


@np.errstate(all="ignore")  # what is not finite is refused by name
def stages(moment: Moment, links: Links, symbols: Symbols) -> list[Stage]:
    """The whole step, from what is put in, which has no formulas, to the loss after the update.

    Raises `InputError` for an activation or a loss that has no formula in a spreadsheet.
    """
    refuse_foreign(moment.net, moment.loss)
    step = Step(links, moment.loss, moment.row.weights is not None)
    new, _ = SGD.step(NUMPY, moment.w, links.gradient, (), 1, moment.rate, ())
    after = replace(step, links=links_of(replace(moment, w=new)))
    found = [
        ("The row", _row_cells(moment)),
        ("The parameters", step.parameters(moment.w)),
        ("Forward", step.forward()),
        ("Loss", step.judged()),
        ("Backward, from the loss to every z", step.backward()),
        ("The loss's derivative by every parameter", step.gradient()),
        ("A step of gradient descent on this row alone", step.update(new)),
        ("The same row with the new parameters", _renewed([*after.forward(), *after.judged()], moment.net)),
    ]
    signs = dict(zip(map(_legal, _signs(step.names)), (s.text for s in _signs(symbols)), strict=True))
    signs |= {"learning_rate": "learning rate", "row_weight": "row weight"}
    return [Stage(title, tuple(_signed(cell, signs) for cell in cells)) for title, cells in found]


def _signs(s: Symbols) -> list[Sign]:
    """Everything that has a sign, always in the same order."""
    net = s.net
    units = [(layer, unit) for layer, n in enumerate(net.sizes[1:]) for unit in range(n)]
    found = [s.x(n) for n in range(net.inputs)] + [s.parameter(place) for place in places(net)]
    found += [sign for layer, unit in units for sign in (s.z(layer, unit), s.a(layer, unit))]
    slopes = [
        partial(s.a(layer, at), s.z(layer, unit)) for layer, unit in units for at in range(net.sizes[layer + 1])
    ]
    return [*found, *(partial(s.loss, by) for by in found), *slopes, s.loss, *map(s.y, range(net.outputs))]


def _signed(cell: Cell, signs: dict[str, str]) -> Cell:
    """The cell with its sign, and its formula in words, in the notation asked for."""
    new = cell.name.startswith("new_")
    name = cell.name.removeprefix("new_")
    how = cell.how
    if cell.formula:
        how = renamed(how or re.sub(r"(?<=\w)([-+])(?=\w)", r" \1 ", cell.formula), signs)
    if len(how) > WIDEST:
        how = f"{how[: WIDEST - 6].rsplit(' + ', 1)[0]} + ..."
    return replace(cell, how=how, sign=("new " if new else "") + signs.get(name, name))


def _row_cells(moment: Moment) -> Iterator[Cell]:
    """The row's inputs and targets, its weight, and the learning rate."""
    names, facts = Symbols(moment.net), dict(moment.facts)

    def told(columns: tuple[str, ...], at: int) -> str:
        column = columns[at] if at < len(columns) else ""
        fact = f", {facts[column]} in the table" if column in facts else ""
        return f"column {column}{fact}" if column else "put in"

    for n, value in enumerate(moment.row.x[0]):
        yield Cell(names.x(n).text, "", float(value), told(moment.input_names, n))
    for n, value in enumerate(moment.row.y[0]):
        yield Cell(names.y(n).text, "", float(value), told(moment.output_names, n))
    if moment.row.weights is not None:
        yield Cell("row_weight", "", moment.weight, "what the loss of this row is multiplied by")
    yield Cell("learning_rate", "", moment.rate, "how far a step goes down the slope")


def _renewed(cells: Iterable[Cell], net: Network) -> Iterator[Cell]:
    """The cells of a forward pass, computed from the new parameters."""
    found = list(cells)
    parameters = [Symbols(net).parameter(place).text for place in places(net)]
    groups = [group(layer) for layer in range(len(net.layers))]
    new = {name: f"new_{name}" for name in (*(cell.name for cell in found), *parameters, *groups)}
    for cell in found:
        yield replace(cell, name=new[cell.name], formula=renamed(cell.formula, new), how="as before")


def _legal(sign: Sign) -> str:
    """A sign as the name of a cell: dL/dW_111 becomes dL_dW_111."""
    return sign.text.replace("/", "_")
