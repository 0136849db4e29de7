"""What is explained: the row as it was read, as the network takes it, and how to read the names."""

from __future__ import annotations

import numpy as np

from whygrad.encoding import ColumnCode, decode_classes, decode_outputs
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.pages import Block, Equations, Words, alone, chained
from whygrad.explanation.symbols import Sign, Symbols, digits, figure, word
from whygrad.names import legend
from whygrad.printing import counted

LISTED = 12  # columns that are listed one by one


def head_blocks(moment: Moment, symbols: Symbols) -> list[Block]:
    """Which row it is, what has to be known about the moment, and how to read the names."""
    said = f"{moment.place[:1].upper()}{moment.place[1:]}, {moment.when}{_facts(moment)}."
    notes = [Words(f"Note: {note}.") for note in moment.notes]
    return [
        Words(said, plain=True),
        *notes,
        Words(f"Names: {legend(moment.net, symbols.notation)}. {symbols.legend()}."),
    ]


def given_blocks(moment: Moment, symbols: Symbols, where: str = "") -> list[Block]:
    """Inputs and targets as numbers, where they are few, and what stands where."""
    few = moment.net.inputs + moment.net.outputs <= 2 * LISTED
    lines = [Equations((*_inputs(moment, symbols), *_targets(moment, symbols)))] if few else []
    return [*lines, *([Words(f"{where}.")] if where else [])]


def _facts(moment: Moment) -> str:
    """: cgpa 8, resume_score 8, lpa 4; of many columns the first ones and the last, the target."""
    facts = [f"{name} {value}" for name, value in moment.facts]
    if len(facts) > LISTED:
        facts[LISTED - 1 : -1] = [f"... ({counted(len(facts) - LISTED, 'more column')}) ..."]
    return f": {', '.join(facts)}" if facts else ""


def _inputs(moment: Moment, symbols: Symbols) -> list[tuple[Sign, ...]]:
    signs = [symbols.x(k) for k in range(moment.net.inputs)]
    return _encoded(moment, "inputs", moment.input_names, signs, moment.row.x[0].tolist())


def _targets(moment: Moment, symbols: Symbols) -> list[tuple[Sign, ...]]:
    signs = [symbols.y(k) for k in range(moment.net.outputs)]
    return _encoded(moment, "targets", moment.output_names, signs, moment.row.y[0].tolist())


def _encoded(
    moment: Moment, side: str, names: tuple[str, ...], signs: list[Sign], values: list[float]
) -> list[tuple[Sign, ...]]:
    """x_1 = (size - 2)/1.5 = (3.5 - 2)/1.5 = 1: how each column becomes what the network is given."""
    codes = () if moment.encoding is None else getattr(moment.encoding, side)
    origin = {name: code for code in codes for name in (code.name, *code.names)}
    read = dict(moment.facts)
    return [
        chained(sign, *_from(origin.get(name), name, read.get(name, "missing")), alone(figure(value)))
        for sign, name, value in zip(signs, names or ("",) * len(signs), values, strict=True)
    ]


def _from(code: ColumnCode | None, name: str, given: str) -> tuple[Sign, ...]:
    """What stands between x_1 and its value: the column's name, or how its number was standardised."""
    if code is None:
        return (word(name),) if name else ()
    if code.kind != "number":
        second = code.name == name and code.categories != ("0", "1")  # 1 stands for a class of two
        return (word(f"{name} is {code.categories[1]}" if second else name.replace("=", " is ")),)
    if given == "missing":
        return (word(f"{name}, missing: {code.fill:.9g} instead"),)
    if (code.shift, code.scale) == (0, 1):
        return (word(name),)
    return _standardised(word(name), code), _standardised(figure(float(given)), code)


def _standardised(value: Sign, code: ColumnCode) -> Sign:
    """(value - mean)/std."""
    shift, scale = figure(code.shift), figure(code.scale)
    above = value if code.shift == 0 else Sign(f"({value} - {shift})", f"{value.latex} - {shift.latex}")
    return above if code.scale == 1 else Sign(f"{above}/{scale}", rf"\frac{{{above.latex}}}{{{scale.latex}}}")


def prediction_words(moment: Moment, links: Links) -> list[Block]:
    """What the outputs say in the table's own units or words, where they are others."""
    encoding, outputs = moment.encoding, links.trace.output
    if encoding is None:
        return []
    if encoding.task != "regression":
        classes = np.atleast_1d(decode_classes(encoding, outputs, moment.loss.threshold)[0])
        said = ", for ".join(f"{c.name} is {word}" for c, word in zip(encoding.targets, classes, strict=True))
        return [Words(f"So the prediction for {said}.", plain=True)]
    if all((code.shift, code.scale) == (0, 1) for code in encoding.targets):
        return []
    values = decode_outputs(encoding, outputs)[0]
    said = ", ".join(f"{c.name} {digits(v)}" for c, v in zip(encoding.targets, values, strict=True))
    return [Words(f"In the table's own units the prediction is {said}.", plain=True)]
