"""The sections of a weight's page, each from one result: chain, paths, rows, nudge, update, agreement."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from whygrad.errors import InputError
from whygrad.explanation.arithmetic import Line
from whygrad.explanation.consensus import Consensus
from whygrad.explanation.factors import Cancellation, Chain, Factor
from whygrad.explanation.nudge import Nudge
from whygrad.explanation.pages import Block, Cell, Equations, Grid, Heading, Words, alone, chained
from whygrad.explanation.paths import Path, Paths
from whygrad.explanation.pulls import Pulls
from whygrad.explanation.step import Step
from whygrad.explanation.symbols import Sign, digits, figure
from whygrad.explanation.verdict import Verdict
from whygrad.explanation.witnesses import Agreement
from whygrad.explanation.writing import times
from whygrad.printing import counted

PAIR = "The output's activation and the loss are a pair: most of their product cancels."


def number(value: float) -> Sign:
    """A number by itself."""
    return alone(figure(float(value)))


def sentences(parts: Sequence[str]) -> str:
    """The parts as sentences, each with a full stop and, unless it begins with a name, a capital letter."""
    said = [part.rstrip(".") for part in parts if part]
    return " ".join(f"{s[0].upper()}{s[1:]}." if re.match(r"[a-z]+[ ,:]", s) else f"{s}." for s in said)


def why_title(sign: Sign, value: float) -> Sign:
    """Why dL/dW_111 = -5.888."""
    return Sign(f"Why {sign} = {digits(value)}", rf"\text{{Why }} {sign.latex} = {number(value).latex}")


def latex_of(chain: Chain) -> str:
    """The product of symbols between dollars, as a notebook sets it."""
    signs = product_of_signs(chain) if chain.factors else (chain.sign, number(0.0))
    return f"$\\displaystyle {' = '.join(sign.latex for sign in signs)}$"


def chain_blocks(chain: Chain) -> list[Block]:
    """The chain: the product of symbols, each factor, the product of numbers."""
    blocks: list[Block] = [Heading("Chain")]
    if not chain.factors:
        return [*blocks, Words(f"{chain.sign} = 0: no way leads from it to the loss of this row.")]
    factors = [_worked(f) for f in chain.factors]
    if len(chain.factors) > 1:
        blocks.append(Equations((product_of_signs(chain),)))
    blocks.append(Equations(tuple(factors)))
    if chain.parts:
        pair = [PAIR] if any(isinstance(part, Cancellation) for part in chain.parts) else []
        blocks.append(Words(" ".join(["What stands in the sum comes from what follows it.", *pair])))
        blocks.append(Equations(tuple(map(_worked, chain.parts))))
    if chain.cancels:
        blocks += [Words(PAIR), Equations((_worked(chain.cancels),))]
    blocks += [Words(f"{f.sign}: {f.note}.") for f in chain.factors if f.note]
    return [*blocks, Equations((product_of_numbers(chain),))] if len(chain.factors) > 1 else blocks


def _worked(part: Factor | Cancellation) -> tuple[Sign, ...]:
    """dL/dy_hat = 2(y_hat - y) = 2(0.32 - 4) = -7.36."""
    whole = [part.whole] if isinstance(part, Cancellation) else []
    return chained(part.sign, *whole, part.formula, part.numbers, number(part.value))


def product_of_signs(chain: Chain) -> tuple[Sign, ...]:
    """dL/dW = dL/dy_hat * dy_hat/dW."""
    return chained(chain.sign, times([f.sign for f in chain.factors]))


def product_of_numbers(chain: Chain) -> tuple[Sign, ...]:
    """dL/dW = -7.36 * 1.6 = -11.776."""
    return chained(chain.sign, times([figure(f.value) for f in chain.factors]), number(chain.value))


def path_section(find: Callable[[], Paths]) -> list[Block]:
    """The paths, or in words why there is no largest one, as after a run has diverged."""
    try:
        return path_blocks(find())
    except InputError as problem:
        return [Heading("Paths"), Words(sentences([str(problem).removeprefix("paths: ")]))]


def plain_paths(find: Callable[[], Paths]) -> dict[str, Any] | None:
    """The paths for JSON; None where there is no largest one."""
    try:
        return find().to_plain()
    except InputError:
        return None


def path_blocks(paths: Paths) -> list[Block]:
    """Every way to the loss with its product, or the largest, and what the others add."""
    heading = Heading("Paths")
    if paths.count == 1 and paths.top:
        way, product = _way(paths.top[0]), _product(paths.top[0])
        line = chained(paths.sign, product, number(paths.total))
        return [heading, Words("One way leads to the loss:"), Equations(((way,),)), Equations((line,))]
    if paths.count == 0:
        return [heading, Words("No way leads to the loss of this row.")]
    many = paths.count - paths.dead > len(paths.top)
    n = f"{paths.count:,}" if paths.count < 10**15 else f"about {float(paths.count):.3g}"
    all_dead = paths.dead == paths.count
    counted_dead = "all" if all_dead else f"{paths.dead:,}"
    known = all_dead or 0 < paths.dead < 10**15
    dead = f", {counted_dead} of them through a factor that is 0 now" if known else ""
    top = paths.top
    if all_dead and paths.count > len(top):
        dead, top = f"{dead}; one of them", top[:1]
    said = f"{n} ways lead to the loss{dead}{f'; the {len(top)} largest' if many else ''}."
    rows: list[tuple[Cell, ...]] = [(_way(path), _product(path), number(path.product)) for path in top]
    if paths.remainder or many:
        others = f"all others, {paths.count - len(paths.top):,}" if many else "all others"
        rows.append((others, "", number(paths.remainder)))
    rows.append(("together", paths.sign, number(paths.total)))
    return [heading, Words(said), Grid(("way", "product", "value"), tuple(rows), (0, 1))]


def _way(path: Path) -> Sign:
    return Sign(" -> ".join(node.text for node in path.nodes), r" \to ".join(node.latex for node in path.nodes))


def _product(path: Path) -> Sign:
    return times([figure(value) for _, value in reversed(path.factors)])


def pull_blocks(pulls: Pulls, shown: int) -> list[Block]:
    """Which rows pull the parameter which way: those that pull most, and what all come to."""
    top = pulls.top(shown) if len(pulls) > shown else pulls
    blocks: list[Block] = [Heading("Rows"), Words(sentences([pulls.summary()]))]
    if not len(top):
        return blocks
    columns = top.told()
    words = [k for k, values in enumerate(columns.values()) if values.dtype.kind == "U"]
    cells = [map(number if values.dtype.kind == "f" else str, values) for values in columns.values()]
    head = (*list(columns)[:-1], "an update moves it")
    read = "Pull: the derivative of that row's own loss. Share: the pull over the number of rows."
    if pulls.classes:
        read = f"Prediction: the class of the largest output, and that output. {read}"
    return [*blocks, Grid(head, tuple(zip(*cells, strict=True)), tuple(words)), Words(read)]


def nudge_blocks(found: Nudge, verdict: Verdict | None = None) -> list[Block]:
    """What a nudge does on its way to the loss beside the derivatives, and what ever smaller ones would."""
    head = ("", "before", "after", "change", "change / nudge", f"derivative by {found.sign}")
    rows = tuple(
        (s.sign, *(number(v) for v in (s.before, s.after, s.change, s.ratio, s.derivative)))
        for s in found.stations
    )
    said = f"{found.sign} is nudged by {digits(found.by)}, from {digits(found.before)} to {digits(found.after)}."
    more = f"{counted(found.left_out, 'more unit')} moved besides" if found.left_out else ""
    blocks: list[Block] = [Heading("Nudge"), Words(said), Grid(head, rows), Words(sentences([more, found.why]))]
    if verdict is None:
        return blocks
    return [*blocks, Words(sentences([f"Verdict: {verdict.kind}", verdict.reason]))]


def step_blocks(step: Step) -> list[Block]:
    """The update in numbers, which way it goes and why, and what the loss did."""
    rows = "" if len(step.pulls) == 1 else f" with the {len(step.pulls):,} rows of its batch"
    said = f"Update {step.t:,} by {step.rule}{rows}, learning rate {step.rate:.9g}:"
    blocks: list[Block] = [Heading("Update"), Words(said)]
    blocks.append(Equations(tuple(_step_line(line) for line in step.lines)))
    pull = f"this row's own pull is {digits(step.row_pull)}, its share of the mean {digits(step.row_share)}"
    return [*blocks, Words(sentences([pull if rows else "", step.why])), Words(sentences(step.came))]


def _step_line(line: Line) -> tuple[Sign, ...]:
    if line.what == "the derivative":
        return chained(line.sign, number(line.value))
    sign = line.sign
    if line.what.startswith(("the update", "the memory")):
        old = f"{{{sign.latex}}}" if "^" in sign.latex else sign.latex  # which takes no second superscript
        sign = Sign(f"new {sign}", rf"{old}^{{\text{{new}}}}")
    elif line.what.startswith(("with the penalty", "clipped", "within")):
        sign = Sign(f"{sign}, {line.what}", rf"{sign.latex} \text{{, {line.what}}}")
    return chained(sign, line.formula, line.numbers, number(line.value))


def agreement_blocks(found: Agreement | Consensus) -> tuple[Block, ...]:
    """What everybody says of the derivatives, loudly where they disagree."""
    return Heading("Agreement"), Words(found.line(), loud=not found.agrees)
