"""Right-hand sides put together out of signs: sums, products, and the formulas of activations and losses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from whygrad.activations import Activation
from whygrad.explanation.symbols import Sign, figure
from whygrad.explanation.writing import spelled
from whygrad.losses import Loss

OVER_CLASSES = r"\textstyle\sum_i "  # in the text of a loss whose shares are the terms of one sum
OVER_UNITS = r"\sum_j e^{z_j}"  # in the text of softmax


def shown(value: float, digits: int) -> Sign:
    """A number with that many significant digits."""
    return figure(float(f"{value:.{digits}g}"))


def new(sign: Sign) -> Sign:
    """What something is after the update."""
    return Sign(f"new {sign}", rf"\text{{new }} {sign.latex}")


def times(*factors: Sign) -> Sign:
    """a*b."""
    return Sign("*".join(f.text for f in factors), r" \cdot ".join(f.latex for f in factors))


def plus(terms: Sequence[Sign]) -> Sign:
    """a + b, and a - b where the second term begins with a minus."""
    text, latex = terms[0].text, terms[0].latex
    for term in terms[1:]:
        sign = "" if term.latex.startswith("-") else "+"
        text += f" - {term.text[1:].lstrip()}" if not sign else f" + {term.text}"
        latex += f" {sign} {term.latex}"
    return Sign(text, latex)


def minus(left: Sign, right: Sign) -> Sign:
    """a - b."""
    return Sign(f"{left} - {right}", f"{left.latex} - {right.latex}")


def activated(g: Activation, z: Sequence[Sign], unit: int) -> Sign:
    """A unit's g(z); softmax's with its sum over all z written out."""
    if g.elementwise:
        return spelled(g.texts.value, {"z": z[unit], "k": figure(g.k)})
    powers = [Sign(f"e^{s}", f"e^{{{s.latex}}}") for s in z]
    total = plus(powers)
    letters = {"z_i": z[unit], "a": Sign(f"({total})", total.latex)}
    return spelled(g.texts.value.replace(OVER_UNITS, "a"), letters)


def sloped(g: Activation, z: Sign, a: Sign, other: Sign | None = None) -> Sign:
    """da/dz; for softmax of output `a` by the z of the output `other`, None for its own."""
    same = "1" if other is None else "0"
    letters = {"z": z, "a": a, "k": figure(g.k), "a_i": a, "a_j": other or a, "1[i=j]": Sign(same, same)}
    return spelled(g.texts.derivative, letters)


def judged(loss: Loss, a: Sequence[Sign], y: Sequence[Sign]) -> Sign:
    """The row's loss, the share of each output written out."""
    template = loss.texts.value.replace(OVER_CLASSES, "")
    terms = [spelled(template, _letters(loss, a_i, y_i)) for a_i, y_i in zip(a, y, strict=True)]
    if len(terms) == 1:
        return terms[0]
    if r"\text" in template:
        terms = [_grouped(term) for term in terms]
    return plus(terms) if loss.share(len(a)) == 1 else times(_fraction(len(a)), _grouped(plus(terms)))


def blamed(loss: Loss, a: Sign, y: Sign, outputs: int) -> Sign:
    """dL/da of one output."""
    template = loss.texts.derivative
    found = spelled(template, _letters(loss, a, y))
    if loss.share(outputs) == 1:
        return found
    single = re.search(r"[-+]|text", re.sub(r"\([^()]*\)", "", template)) is None
    return times(_fraction(outputs), found if single else _grouped(found))


def joined(loss: Loss, output: Activation, a: Sign, y: Sign, outputs: int) -> Sign:
    """dL/dz of one output, where loss and output activation are a pair."""
    pair = loss.fuses(output)
    assert pair is not None
    found = spelled(pair.texts.derivative, _letters(loss, a, y))
    return found if loss.share(outputs) == 1 else times(_fraction(outputs), _grouped(found))


def _letters(loss: Loss, a: Sign, y: Sign) -> Mapping[str, Sign]:
    return {"a": a, "y": y, "a_i": a, "y_i": y, "k": figure(loss.k)}


def _grouped(sign: Sign) -> Sign:
    return Sign(f"({sign})", rf"\left({sign.latex}\right)")


def _fraction(n: int) -> Sign:
    return Sign(f"1/{n}", rf"\frac{{1}}{{{n}}}")
