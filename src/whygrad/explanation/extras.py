"""Sections that a page has on request: sensitivities, what if, loss values, formulas, biography."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from whygrad.explanation.biography import Biography
from whygrad.explanation.consensus import Consensus
from whygrad.explanation.factors import Chain
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.landscape import LossValues
from whygrad.explanation.ledger import Moves
from whygrad.explanation.nudge import Nudge
from whygrad.explanation.pages import Block, Cell, Curve, Equations, Grid, Heading, Words
from whygrad.explanation.paths import Paths
from whygrad.explanation.pulls import Pulls
from whygrad.explanation.sections import (
    agreement_blocks,
    chain_blocks,
    nudge_blocks,
    number,
    path_blocks,
    pull_blocks,
    sentences,
    step_blocks,
)
from whygrad.explanation.sensitivities import Sensitivities
from whygrad.explanation.step import Step
from whygrad.explanation.symbols import Sign, Symbols, digits, partial
from whygrad.explanation.whatif import Promise, WhatIf
from whygrad.explanation.witnesses import Agreement
from whygrad.names import places
from whygrad.printing import counted

WRITTEN = 8  # inputs, units or rows that are listed
EPOCHS = 20
POINTS = 25  # of a curve, as numbers
SMALL = 40  # parameters of which every derivative is listed


@dataclass(frozen=True, repr=False)
class Formulas(Shown):
    """Predictions and loss as formulas of all parameters, and what the functions in them are."""

    equations: tuple[Sign, ...]
    functions: tuple[Sign, ...]

    def to_plain(self) -> dict[str, Any]:
        """Texts only, for JSON."""
        return {what: [sign.text for sign in signs] for what, signs in vars(self).items()}


def blocks_of(found: object) -> list[Block]:
    """The section on a result of an explanation."""
    if isinstance(found, Chain):
        return chain_blocks(found)
    if isinstance(found, Paths):
        return path_blocks(found)
    if isinstance(found, Pulls):
        return pull_blocks(found, WRITTEN)
    if isinstance(found, Nudge):
        return nudge_blocks(found)
    if isinstance(found, Step):
        return step_blocks(found)
    if isinstance(found, Agreement | Consensus):
        return list(agreement_blocks(found))
    if isinstance(found, Sensitivities):
        return sensitivity_blocks(found)
    if isinstance(found, WhatIf):
        return what_if_blocks(found)
    if isinstance(found, LossValues):
        return landscape_blocks(found)
    if isinstance(found, Formulas):
        return [Heading("As one formula"), Equations(tuple((s,) for s in (*found.equations, *found.functions)))]
    assert isinstance(found, Biography)
    return biography_blocks(found)


def biography_blocks(found: Biography) -> list[Block]:
    """One weight's life: where it went, which epochs and which rows moved it how far."""
    curve = Curve(tuple(found.t.tolist()), ((found.parameter, tuple(found.values.tolist())),), "updates")
    blocks: list[Block] = [Heading("Biography"), Words(sentences([found.summary()])), curve]
    blocks.append(_moves("epoch", found.epochs, found.columns("epochs")))
    if found.rows is not None:
        top = found.top_rows(WRITTEN)
        all_rows = len(top.numbers) == len(found.rows.numbers)
        blocks.append(Words("The rows:" if all_rows else "The rows that moved it furthest:"))
        blocks.append(_moves("row", top, None))
    return [*blocks, Words(sentences([found.told, *found.notes]))]


def _moves(what: str, moves: Moves, columns: Mapping[str, Any] | None) -> Grid:
    """How far each epoch or row moved it; of many epochs the first and the last."""
    count = len(moves.numbers)
    shown = range(count) if count <= EPOCHS else [*range(EPOCHS - 3), *range(count - 3, count)]
    head: list[Cell] = [what, "updates", "moved by", "to and fro", *(["value after"] if columns else [])]
    rows: list[tuple[Cell, ...]] = [
        (
            f"{moves.numbers[k] + (what == 'row'):,}",
            f"{moves.updates[k]:,}",
            number(moves.moved[k]),
            number(moves.travelled[k]),
            *([number(columns["value"][k])] if columns else []),
        )
        for k in shown
    ]
    if count > EPOCHS:
        rows.insert(EPOCHS - 3, ("...", *("" for _ in head[1:])))
    return Grid(tuple(head), tuple(rows))


def sensitivity_blocks(found: Sensitivities) -> list[Block]:
    """Parameters ranked by the size of their derivative; units and inputs beside them."""
    symbols = found.symbols
    ranked = [
        (name, number(value), number(slope), number(size))
        for name, value, slope, size in zip(
            found.names, found.values, found.derivatives, found.relative, strict=True
        )
    ]
    head = ("parameter", "value w", _slope("dw", symbols), Sign("|w dL/dw|", r"|w \, \partial L / \partial w|"))
    more = "" if len(ranked) == found.count else f" (the {len(ranked)} largest of {found.count:,})"
    blocks: list[Block] = [Heading(f"Sensitivities{more}"), Grid(head, tuple(ranked))]
    listed = [
        (symbols.a(layer, n), pull) for layer, pulls in enumerate(found.units) for n, pull in enumerate(pulls)
    ]
    inputs = [(symbols.x(n), pull) for n, pull in enumerate(found.inputs)]
    for what, pairs in (("unit", listed), ("input", inputs)):
        shown = sorted(pairs, key=lambda pair: -abs(pair[1]))[:WRITTEN] if len(pairs) > WRITTEN else pairs
        blocks.append(
            Grid((what, "the loss's derivative by it"), tuple((sign, number(pull)) for sign, pull in shown))
        )
        if len(shown) < len(pairs):
            blocks.append(Words(f"The {len(shown)} largest of {counted(len(pairs), what)}."))
    return [*blocks, *(Words(f"{note}.") for note in found.notes)]


def _slope(by: str, symbols: Symbols) -> Sign:
    return Sign(f"d{symbols.loss}/{by}", rf"\frac{{\partial {symbols.loss.latex}}}{{\partial {by[1:]}}}")


def what_if_blocks(found: WhatIf) -> list[Block]:
    """Prediction, losses and derivatives before and after, and what the slopes had promised."""
    names, b, a = found.symbols, found.before, found.after
    last = len(names.net.layers) - 1
    rows: list[tuple[Cell, ...]] = [(sign, number(was), number(now)) for sign, was, now in found.changes]
    rows += [
        (names.a(last, n), number(b.outputs[n]), number(a.outputs[n])) for n in range(min(len(b.outputs), WRITTEN))
    ]
    rows.append((names.loss, number(b.row_loss), number(a.row_loss)))
    if found.positions:
        rows.append((f"mean loss of {counted(found.rows, 'row')}", number(b.mean_loss), number(a.mean_loss)))
    if b.penalty or a.penalty:
        rows.append(("penalty", number(b.penalty), number(a.penalty)))
    if len(b.w) <= SMALL:
        signs = [names.parameter(place) for place in places(names.net)]
        rows += [
            (partial(names.loss, sign), number(before), number(after))
            for sign, before, after in zip(signs, b.row_gradient, a.row_gradient, strict=True)
        ]
    row_loss = "the row's loss" if names.loss.text == "loss" else f"the row's loss, {names.loss},"
    promises = [_promise(row_loss, found.row)]
    if found.positions:
        promises.append(_promise("the mean loss", found.mean))
    if found.positions and found.inputs:
        promises.append("The mean loss is that of the table as it stands, with this row as it was.")
    return [Heading("What if"), Grid(("", "before", "after"), tuple(rows)), *map(Words, promises)]


def _promise(what: str, promise: Promise) -> str:
    if not np.isfinite(promise.happened):
        return f"With these values {what} is no finite number, so that no change can be told."
    return (
        f"The slope promised that {what} would change by {digits(promise.promised)}; it changed by "
        f"{digits(promise.happened)}. The difference, {digits(promise.gap)}, is the bend of the loss."
    )


def landscape_blocks(found: LossValues) -> list[Block]:
    """The loss over values of chosen parameters, beside the straight line that touches it now."""
    columns = found.columns()
    count = len(columns["loss"])
    shown = np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(int))
    rows = tuple(tuple(number(column[k]) for column in columns.values()) for k in shown)
    whose = "this row's loss" if found.rows == "row" else "the mean loss of the training rows"
    now = ", ".join(f"{sign} = {digits(value)}" for sign, value in zip(found.names, found.here, strict=True))
    told = [f"{whose}, the rest frozen; now {now}, loss {digits(found.loss)}"]
    blocks: list[Block] = [Heading(f"Loss as a function of {', '.join(sign.text for sign in found.names)}")]
    blocks.append(Words(sentences(told)))
    if len(found.grids) == 1:
        lines = tuple((what, tuple(columns[what].tolist())) for what in ("loss", "tangent"))
        x, mark = tuple(found.grids[0].tolist()), (found.here[0], found.loss)
        blocks.append(Curve(x, lines, found.names[0].text, mark))
    blocks.append(Grid((*found.names, "loss", "tangent"), rows, ()))
    if count > len(shown):
        blocks.append(Words(f"{len(shown)} of {count:,} points."))
    if found.lowest is not None:
        at = ", ".join(f"{s} = {digits(v)}" for s, v in zip(found.names, found.lowest[0], strict=True))
        blocks.append(Words(f"Lowest of these: {digits(found.lowest[1])} at {at}."))
    return blocks
