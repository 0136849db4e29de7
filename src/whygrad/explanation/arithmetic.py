"""An update worked out line by line: each with its formula, its numbers and its value.

Values come from the functions that train: `penalized`, `clipped` and `update_parameters`. The formulas beside them
are the rule's own texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from whygrad.engines import Reference
from whygrad.explanation.moment import Moment
from whygrad.explanation.pages import alone
from whygrad.explanation.pulls import Pulls
from whygrad.explanation.symbols import Sign, Symbols, figure, partial
from whygrad.explanation.writing import SHOWN, added, spelled
from whygrad.maths import Array
from whygrad.names import Place, find_parameter, name
from whygrad.propagation import clipped, penalized, update_parameters
from whygrad.table import Rows
from whygrad.updates import Memory, constants
from whygrad.weights import is_weight, trainable


@dataclass(frozen=True)
class Line:
    """One line of an update: `sign` <- `formula`, which is `numbers`, which is `value`."""

    what: str
    sign: Sign
    formula: Sign
    numbers: Sign
    value: float

    def to_plain(self) -> dict[str, str | float]:
        """Numbers and words only, for JSON."""
        texts = {what: getattr(self, what).text for what in ("sign", "formula", "numbers")}
        return {"what": self.what, **texts, "value": self.value}


class Taken(NamedTuple):
    """An update and what it is made of, stage by stage."""

    loss: float  # the batch's before it
    g: Array  # (P,), the mean loss's gradient
    wanted: Array  # (P,), with the penalty's
    bounded: Array  # (P,), clipped, and 0 where frozen
    w: Array  # (P,), the new parameters
    memory: Memory


@np.errstate(all="ignore")  # a rate too large may overflow, which the numbers then say
def take(moment: Moment, batch: Rows) -> Taken:
    """The moment's update with the rows of that batch."""
    net, training, w = moment.net, moment.training, moment.w
    loss, g = Reference().gradients(net, training, w, batch)
    wanted = penalized(net, training, w, g)
    bounded = clipped(net, training, np.where(trainable(net, training.freeze), wanted, 0))
    new, memory = update_parameters(net, training, w, g, moment.memory, moment.t + 1, moment.rate)
    return Taken(loss, g, wanted, bounded, new, memory)


def lines_of(moment: Moment, symbols: Symbols, place: Place, taken: Taken, pulls: Pulls) -> tuple[Line, ...]:
    """From the derivative of the batch's mean loss by one parameter to the parameter's new value."""
    at = find_parameter(moment.net, name(place))
    parameter, training = symbols.parameter(place), moment.training
    old = figure(float(moment.w[at]))
    lines = [_derivative_line(pulls, partial(symbols.loss, parameter), float(taken.g[at]))]
    if not trainable(moment.net, training.freeze)[at]:
        return (*lines, Line("frozen", parameter, parameter, old, float(taken.w[at])))
    if (training.l1 or training.l2) and is_weight(moment.net)[at]:
        lines.append(_penalty_line(moment, parameter, old, lines[-1], float(taken.wanted[at])))
    if training.clip is not None:
        lines.append(_clip_line(moment, lines[-1], float(taken.bounded[at])))
    return (*lines, *_rule_lines(moment, symbols, parameter, at, lines[-1], taken))


def _derivative_line(pulls: Pulls, sign: Sign, value: float) -> Line:
    n = len(pulls)
    if n == 1:
        return Line("the derivative", sign, sign, figure(value), value)
    formula = Sign(
        f"(sum of the {n:,} rows' pulls)/{n}", rf"\frac{{1}}{{{n}}} \sum \text{{pulls of the {n:,} rows}}"
    )
    total = (
        added([figure(pull) for pull in pulls.pulls]) if n <= SHOWN else alone(figure(float(pulls.pulls.sum())))
    )
    numbers = Sign(f"({total})/{n}", rf"\frac{{{total.latex}}}{{{n}}}")
    return Line("the derivative, the mean of the batch's", sign, formula, numbers, value)


def _penalty_line(moment: Moment, parameter: Sign, old: Sign, before: Line, value: float) -> Line:
    l1, l2 = moment.training.l1, moment.training.l2
    template = "g" + r"+\mathrm{l1}\cdot\operatorname{sign}(w)" * (l1 > 0) + r"+\mathrm{l2}\cdot w" * (l2 > 0)
    names = {"g": before.sign, "w": parameter, **_constants({"l1": l1, "l2": l2}, names=True)}
    numbers = {"g": figure(before.value), "w": old, **_constants({"l1": l1, "l2": l2})}
    return Line("with the penalty", Sign("g", "g"), spelled(template, names), spelled(template, numbers), value)


def _clip_line(moment: Moment, before: Line, value: float) -> Line:
    clip = moment.training.clip
    assert clip is not None  # asked before
    if clip.kind == "value":
        settings, template = {"limit": clip.limit}, r"\max(-\mathrm{limit}, \min(g, \mathrm{limit}))"
    else:
        factor = value / before.value if before.value else 1.0
        settings, template = {"factor": factor}, r"\mathrm{factor}\cdot g"
    names = {"g": before.sign, **_constants(settings, names=True)}
    numbers = {"g": figure(before.value), **_constants(settings)}
    what = f"clipped ({clip})" if value != before.value else f"within the clip ({clip})"
    return Line(what, Sign("g", "g"), spelled(template, names), spelled(template, numbers), value)


def _rule_lines(
    moment: Moment, symbols: Symbols, parameter: Sign, at: int, before: Line, taken: Taken
) -> list[Line]:
    """The rule's texts, one after another; a memory that a line makes new is new in the lines below it."""
    rule = moment.training.optimizer
    settings = dict(zip((f.name for f in fields(rule)[1:]), constants(rule), strict=True))  # type: ignore[arg-type]
    g = before.sign
    if rule.memories and g.text != "g":
        g = Sign(f"({g})", rf"\left({g.latex}\right)")  # it may be squared
    names = {"w": parameter, "g": g, "t": Sign("t", "t"), r"\eta": symbols.rate}
    names |= {memory: Sign(memory, memory) for memory in rule.memories}
    names |= _constants(settings, names=True)
    numbers = {"w": figure(float(moment.w[at])), "g": figure(before.value), "t": figure(moment.t + 1)}
    numbers |= {r"\eta": figure(moment.rate), **_constants(settings)}
    numbers |= {m: figure(float(old[at])) for m, old in zip(rule.memories, moment.memory, strict=True)}
    new = dict(zip(rule.memories, (float(memory[at]) for memory in taken.memory), strict=True))
    new["w"] = float(taken.w[at])
    lines = []
    for text in getattr(rule, "texts", ()) or ("w <- \\text{what the rule makes of it}",):
        made, template = text.split(" <- ")
        what = "the update" if made == "w" else f"the memory {made}"
        formula, worked = spelled(template, names), spelled(template, numbers)
        lines.append(Line(what, names[made], formula, worked, new[made]))
        numbers[made] = figure(new[made])
    return lines


def _constants(settings: dict[str, float], names: bool = False) -> dict[str, Sign]:
    r"""Signs for \mathrm{...}: the settings' values, or their names, Greek where they sound so."""
    return {
        rf"\mathrm{{{what}}}": Sign(what, _constant(what)) if names else figure(v) for what, v in settings.items()
    }


def _constant(what: str) -> str:
    greek = re.fullmatch(r"(beta|epsilon|gamma|rho)(\d*)", what)
    if greek:
        return rf"\{greek[1]}" + (f"_{greek[2]}" if greek[2] else "")
    return rf"\mathrm{{{what.replace('_', chr(92) + '_')}}}"
