"""The whole network as one formula: the prediction, or the loss, written out in parameters, inputs and targets.

How an activation or a loss is written comes from its own texts; here they are put into each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whygrad.activations import Activation
from whygrad.errors import InputError, one_of
from whygrad.explanation.symbols import Sign, Symbols, figure
from whygrad.explanation.writing import spelled
from whygrad.losses import Loss
from whygrad.names import Place
from whygrad.network import Network
from whygrad.printing import counted

MOST_PARAMETERS = 60
MOST_TERMS = 5_000
_SIGNS = {
    "sigmoid": Sign("sigma", r"\sigma"),
    "tanh": Sign("tanh", r"\tanh"),
}  # functions with a sign of their own
_SAFE = re.compile(r"\\[a-z]+\([^()^z]*z\)")  # a function of z alone: \max(0, z)
_PRODUCT = re.compile(r"(?<=[a-z)])(?=\\log)|(?<=k)(?=\()")  # between factors that stand beside each other
_LETTER = re.compile(r"\\text\{[^}]*\}|\\[a-zA-Z]+|[zay]_[ij]|[a-zA-Z]")
_SUM = re.compile(r"(?:\\textstyle)?\\sum_([ij]) ([^{}]*(?:\{[^{}]*\})?[^{}]*)")


@dataclass(frozen=True)
class Expression:
    """A part of the formula; `single` where nothing around it can tear it apart: a name, a call."""

    sign: Sign
    single: bool = True

    @property
    def grouped(self) -> Sign:
        """In parentheses, unless it is single."""
        return self.sign if self.single else bracketed(self.sign)


def explicit_formula(
    net: Network, loss: Loss, symbols: Symbols, which: Literal["output", "loss"] = "output", unit: int = 0
) -> Sign:
    """y_hat = ... (of output `unit`, from 0), or one row's L = ..., in nothing but parameters, inputs and targets.

    The text is written for a keyboard, with * for products and ^ for powers; functions that have no formula of one
    line keep their name, and `definitions` has what they are. Raises `InputError` for a network too large to be
    read as one formula, an output that is not there, or a loss without a text.
    """
    if which not in ("output", "loss"):
        raise one_of("which", which, ("output", "loss"))
    if not 0 <= unit < net.outputs:
        raise InputError(f"unit {unit + 1} (index {unit}) is not there; the network has {net.outputs} outputs")
    _refuse_large(net)
    found = _outputs(net, symbols)
    if which == "output":
        return _equation(symbols.a(len(net.layers) - 1, unit), found[unit].sign)
    return _equation(symbols.loss, _judged(loss, symbols, found))


def definitions(net: Network) -> tuple[Sign, ...]:
    """What the functions are that `explicit_formula` calls by name: sigma(z) = 1/(1 + e^(-z))."""
    z = Sign("z", "z")
    called = {g.name: g for layer in net.layers if _is_called(g := layer.activation) and g.texts.source}
    k = Sign("k", "k")
    return tuple(
        _equation(_call(g, z, k), spelled(_PRODUCT.sub(r" \\cdot ", g.texts.value), {"z": z, "k": k}))
        for name, g in called.items()
        if name != "tanh"  # defined by its name
    )


def _equation(left: Sign, right: Sign) -> Sign:
    return Sign(f"{left.text} = {right.text}", f"{left.latex} = {right.latex}")


def _refuse_large(net: Network) -> None:
    if net.n_parameters > MOST_PARAMETERS:
        raise InputError(
            f"formula: the network has {net.n_parameters:,} parameters; one formula is written for at most "
            f"{MOST_PARAMETERS}"
        )
    terms = 1
    for n_in, layer in zip(net.sizes, net.layers, strict=False):
        terms = (n_in * terms + 1) * (1 if layer.activation.elementwise else layer.units + 1)
    if terms > MOST_TERMS:
        raise InputError(
            f"formula: written out, it would have {counted(terms, 'term')}, as each layer repeats the ones before "
            f"it; {MOST_TERMS:,} are the most"
        )


def _outputs(net: Network, symbols: Symbols) -> list[Expression]:
    """Every output of the network as an expression in parameters and inputs."""
    a = [Expression(symbols.x(n)) for n in range(net.inputs)]
    for number, layer in enumerate(net.layers):
        z = [_affine(symbols, number, unit, a) for unit in range(layer.units)]
        a = _activated(layer.activation, z)
    return a


def _affine(symbols: Symbols, layer: int, unit: int, before: list[Expression]) -> Expression:
    """W_1 a_1 + W_2 a_2 + ... + b."""
    terms = []
    for source, a in enumerate(before):
        weight = symbols.parameter(Place(layer, unit, source))
        terms.append(Sign(f"{weight}*{a.grouped}", rf"{weight.latex} \, {a.grouped.latex}"))
    return Expression(_plus([*terms, symbols.parameter(Place(layer, unit, None))]), single=False)


def _activated(g: Activation, z: list[Expression]) -> list[Expression]:
    if g.name == "linear":
        return z
    if not g.elementwise:
        return [Expression(_written(g.texts.value, {"z": z}, at, g.k), single=False) for at in range(len(z))]
    if _is_called(g):
        return [Expression(_call(g, each.sign, figure(g.k))) for each in z]
    return [Expression(_written(g.texts.value, {"z": [each]}, 0, g.k)) for each in z]


def _is_called(g: Activation) -> bool:
    """Whether it is written by its name, as its z stands more than once, or could be torn apart."""
    return g.name != "linear" and g.elementwise and not _SAFE.fullmatch(g.texts.value)


def _call(g: Activation, z: Sign, k: Sign) -> Sign:
    name = re.sub(r"\W", "_", g.name)
    sign = _SIGNS.get(g.name, Sign(name, rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}"))
    more = Sign(f", {k}", f", {k.latex}") if g.constant else Sign("", "")
    return Sign(f"{sign}({z}{more})", rf"{sign.latex}\left({z.latex}{more.latex}\right)")


def _judged(loss: Loss, symbols: Symbols, outputs: list[Expression]) -> Sign:
    """The loss's formula over all outputs."""
    template = loss.texts.value
    if not template:
        raise InputError(f"formula: the loss {loss.name!r} is your own and has no text; give it one (texts=...)")
    letters = {"a": outputs, "y": [Expression(symbols.y(unit)) for unit in range(len(outputs))]}
    if _SUM.search(template):
        return _written(template, letters, 0, loss.k)
    shares = [_written(template, letters, unit, loss.k) for unit in range(len(outputs))]
    if len(shares) == 1:
        return shares[0]
    torn = template.startswith("-") or r"\text" in template
    added = bracketed(_plus([bracketed(share) if torn else share for share in shares]))
    n = len(shares) if loss.over_outputs == "mean" else 1
    return added if n == 1 else Sign(f"1/{n}*{added}", rf"\frac{{1}}{{{n}}} {added.latex}")


def _written(template: str, letters: dict[str, list[Expression]], at: int, k: float) -> Sign:
    """A formula's text with expressions for its letters: those of unit `at`, and of all units under a sum."""
    template = _PRODUCT.sub(r" \\cdot ", template)
    signs = {"k": figure(k)}
    total = _SUM.search(template)
    if total:
        index, term = total[1], total[2]
        units = range(len(next(iter(letters.values()))))
        added = _plus(
            [_filled(term, {f"{name}_{index}": found[n] for name, found in letters.items()}) for n in units]
        )
        braced = template[: total.start()].endswith("{")
        signs["S"] = Sign(bracketed(added).text, added.latex if braced else bracketed(added).latex)
        template = f"{template[: total.start()]}S{template[total.end() :]}"
    here = {letter: found[at] for name, found in letters.items() for letter in (name, f"{name}_i")}
    return _filled(template, here, signs)


def _filled(template: str, letters: dict[str, Expression], signs: dict[str, Sign] | None = None) -> Sign:
    """The template with expressions for its letters, in parentheses where neighbours would tear them apart."""

    def fit(found: re.Match[str]) -> str:
        letter, left, right = found[0], template[: found.start()].rstrip(), template[found.end() :].lstrip()
        named = re.search(r"\\[a-z]+$", left)  # as in log a
        fenced = re.search(r"(^|[({|,])$", left) and re.match(r"$|[-+)}|,]", right)
        if letter not in letters or fenced or (letters[letter].single and not named):
            return letter
        times = r" \cdot " if re.search(r"[a-z0-9)]$", left) and not named else ""
        return rf"{times}\left({letter}\right)"

    written = {}
    for letter, expression in letters.items():
        sign = expression.sign
        in_braces = f"{{{letter}}}" in template  # which the plain text drops
        written[letter] = Sign(expression.grouped.text, sign.latex) if in_braces else sign
    filled = spelled(_LETTER.sub(fit, template), written | (signs or {}))
    return Sign(filled.text.replace("log (", "log("), filled.latex)


def bracketed(sign: Sign) -> Sign:
    """The sign in parentheses."""
    return Sign(f"({sign.text})", rf"\left({sign.latex}\right)")


def _plus(terms: Sequence[Sign]) -> Sign:
    """All of the terms, with plus signs between them."""
    return Sign(" + ".join(t.text for t in terms), " + ".join(t.latex for t in terms))
