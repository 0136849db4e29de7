"""Sections of a page, each from one result: paths, rows, update, sensitivities, what if, loss values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from whygrad.explanation.arithmetic import Line
from whygrad.explanation.biography import Biography
from whygrad.explanation.landscape import LossValues
from whygrad.explanation.ledger import Moves
from whygrad.explanation.nudge import Nudge
from whygrad.explanation.pages import Block, Cell, Equations, Grid, Heading, Words, alone, chained
from whygrad.explanation.paths import Path, Paths
from whygrad.explanation.pulls import Pulls
from whygrad.explanation.sensitivities import Sensitivities
from whygrad.explanation.step import Step
from whygrad.explanation.symbols import Sign, Symbols, figure, partial
from whygrad.explanation.verdict import Verdict
from whygrad.explanation.whatif import Promise, WhatIf
from whygrad.names import places
from whygrad.printing import counted, sparkline

WRITTEN = 8  # inputs, units or rows that are listed
EPOCHS = 20


def number(value: float) -> Sign:
    """A number by itself."""
    return alone(figure(float(value)))


def path_blocks(paths: Paths) -> list[Block]:
    """Every way to the loss with its product, or the largest, and what the others add."""
    many = paths.count - paths.dead > len(paths.top)
    n = f"{paths.count:,}" if paths.count < 10**15 else f"about {float(paths.count):.3g}"
    ways = f"{n} {'way leads' if paths.count == 1 else 'ways lead'} to the loss"
    dead = f", {paths.dead:,} of them through a factor that is 0 now" if 0 < paths.dead < 10**15 else ""
    said = f"{ways}{dead}{f'; the {len(paths.top)} largest' if many else ''}."
    rows: list[tuple[Cell, ...]] = [(_way(path), _product(path), number(path.product)) for path in paths.top]
    if paths.remainder or many:
        rows.append(
            (
                f"all others, {paths.count - len(paths.top):,}" if many else "all others",
                "",
                number(paths.remainder),
            )
        )
    rows.append(("together", paths.sign, number(paths.total)))
    return [Heading("Paths"), Words(said), Grid(("way", "product", "value"), tuple(rows), (0, 1))]


def _way(path: Path) -> Sign:
    return Sign(" -> ".join(node.text for node in path.nodes), r" \to ".join(node.latex for node in path.nodes))


def _product(path: Path) -> Sign:
    parts = [figure(value) for _, value in reversed(path.factors)]
    return Sign("*".join(p.text for p in parts), r" \cdot ".join(p.latex for p in parts))


def pull_blocks(pulls: Pulls, shown: int) -> list[Block]:
    """Which rows pull the parameter which way: those that pull most, and what all come to."""
    top = pulls.top(shown) if len(pulls) > shown else pulls
    columns = top.columns()
    told = ["prediction", "target"] if "prediction" in columns else []  # of several outputs, their loss is enough
    keys = ["row", *told, "loss", "pull", "share"]
    rows = [
        (
            *(f"{columns[key][k]}" if key == "row" else number(columns[key][k]) for key in keys),
            str(columns["pushes"][k]),
        )
        for k in range(len(top))
    ]
    said = pulls.summary()
    blocks: list[Block] = [Heading("Rows"), Words(f"{said[:1].upper()}{said[1:]}.")]
    if rows:
        blocks.append(Grid((*keys, "an update moves it"), tuple(rows), (len(keys),)))
        blocks.append(
            Words("Pull: the derivative of that row's own loss. Share: the pull over the number of rows.")
        )
    return blocks


def nudge_blocks(found: Nudge, verdict: Verdict) -> list[Block]:
    """What a nudge does on its way to the loss beside the derivatives, and what ever smaller ones would."""
    head = ("", "before", "after", "change", "change / nudge", f"derivative by {found.sign}")
    rows = tuple(
        (s.sign, *(number(v) for v in (s.before, s.after, s.change, s.ratio, s.derivative)))
        for s in found.stations
    )
    said = f"{found.sign} is nudged by {found.by:.9g}, from {found.before:.9g} to {found.after:.9g}."
    blocks: list[Block] = [Heading("Nudge"), Words(said), Grid(head, rows)]
    if found.left_out:
        blocks.append(Words(f"{counted(found.left_out, 'more unit')} moved besides."))
    why = f"{found.why[:1].upper()}{found.why[1:]}".rstrip(".")
    return [*blocks, Words(f"{why}."), Words(f"Verdict: {verdict.kind}. {verdict.reason}".rstrip(".") + ".")]


def step_blocks(step: Step) -> list[Block]:
    """The update in numbers, which way it goes and why, and what the loss did."""
    rows = "" if len(step.pulls) == 1 else f", with the {len(step.pulls):,} rows of its batch"
    blocks: list[Block] = [Heading("Update"), Words(f"Update {step.t:,} by {step.rule}{rows}:")]
    blocks.append(Equations(tuple(_step_line(line) for line in step.lines)))
    if rows:
        said = f"this row's own pull is {step.row_pull:.9g}, its share of the batch's mean {step.row_share:.9g}"
        blocks.append(Words(f"{said[:1].upper()}{said[1:]}."))
    return [*blocks, *(Words(f"{said[:1].upper()}{said[1:]}.") for said in (step.why, *step.came))]


def _step_line(line: Line) -> tuple[Sign, ...]:
    if line.what == "the derivative":
        return chained(line.sign, number(line.value))
    sign = line.sign
    if line.what.startswith(("the update", "the memory")):
        sign = Sign(f"new {sign}", rf"{sign.latex}^{{\text{{new}}}}")
    return chained(sign, line.formula, line.numbers, number(line.value))


class Formulas(NamedTuple):
    """Predictions and loss as formulas of all parameters, and what the functions in them are."""

    equations: tuple[Sign, ...]
    functions: tuple[Sign, ...]

    def to_plain(self) -> dict[str, Any]:
        """Texts only, for JSON."""
        return {what: [sign.text for sign in signs] for what, signs in self._asdict().items()}


def blocks_of(found: Sensitivities | WhatIf | LossValues | Formulas | Biography) -> list[Block]:
    """The section on a result."""
    if isinstance(found, Sensitivities):
        return sensitivity_blocks(found)
    if isinstance(found, WhatIf):
        return what_if_blocks(found)
    if isinstance(found, Formulas):
        lines = [(sign,) for sign in (*found.equations, *found.functions)]
        return [Heading("As one formula"), Equations(tuple(lines))]
    return landscape_blocks(found) if isinstance(found, LossValues) else biography_blocks(found)


def biography_blocks(found: Biography) -> list[Block]:
    """One weight's life: where it went, which epochs and which rows moved it how far."""
    said = found.summary()
    blocks: list[Block] = [
        Heading("Biography"),
        Words(f"{said[:1].upper()}{said[1:]}."),
        Words(sparkline(found.values)),
    ]
    blocks.append(_moves("epoch", found.epochs, found.columns("epochs")))
    if found.rows is not None:
        top = found.top_rows(WRITTEN)
        blocks.append(
            Words(
                "The rows that moved it furthest:" if len(top.numbers) < len(found.rows.numbers) else "The rows:"
            )
        )
        blocks.append(_moves("row", top, None))
    return [*blocks, *(Words(f"{note[:1].upper()}{note[1:]}.") for note in (found.told, *found.notes) if note)]


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
    rows: list[tuple[Cell, ...]] = [
        (sign, number(b.w[at]), number(a.w[at])) for sign, at in zip(found.names, found.positions, strict=True)
    ]
    rows += [
        (names.a(last, n), number(b.outputs[n]), number(a.outputs[n])) for n in range(min(len(b.outputs), WRITTEN))
    ]
    rows.append((names.loss, number(b.row_loss), number(a.row_loss)))
    rows.append((f"mean loss of {counted(found.rows, 'row')}", number(b.mean_loss), number(a.mean_loss)))
    if b.penalty or a.penalty:
        rows.append(("penalty", number(b.penalty), number(a.penalty)))
    if len(b.w) <= 40:
        signs = [names.parameter(place) for place in places(names.net)]
        rows += [
            (partial(names.loss, sign), number(before), number(after))
            for sign, before, after in zip(signs, b.row_gradient, a.row_gradient, strict=True)
        ]
    blocks: list[Block] = [Heading("What if"), Grid(("", "before", "after"), tuple(rows))]
    return [
        *blocks,
        Words(_promise(f"the row's loss, {names.loss},", found.row)),
        Words(_promise("the mean loss", found.mean)),
    ]


def _promise(what: str, promise: Promise) -> str:
    return (
        f"The slope promised that {what} would change by {promise.promised:.9g}; it changed by "
        f"{promise.happened:.9g}. The difference, {promise.gap:.9g}, is the bend of the loss."
    )


def landscape_blocks(found: LossValues) -> list[Block]:
    """The loss over values of chosen parameters, beside the straight line that touches it now."""
    columns = found.columns()
    keys = list(columns)
    rows = tuple(tuple(number(columns[key][k]) for key in keys) for k in range(len(columns["loss"])))
    whose = "this row's loss" if found.rows == "row" else "the mean loss of the training rows"
    now = ", ".join(f"{sign} = {value:.9g}" for sign, value in zip(found.names, found.here, strict=True))
    blocks: list[Block] = [
        Heading(f"Loss as a function of {', '.join(sign.text for sign in found.names)}"),
        Words(f"{whose[:1].upper()}{whose[1:]}, the rest frozen; now {now}, loss {found.loss:.9g}."),
        Grid((*found.names, "loss", "tangent"), rows, ()),
    ]
    if found.lowest is not None:
        at = ", ".join(f"{s} = {v:.9g}" for s, v in zip(found.names, found.lowest[0], strict=True))
        blocks.append(Words(f"Lowest of these: {found.lowest[1]:.9g} at {at}."))
    return blocks
