"""The forward pass in numbers: every z, a and the loss as a formula, with numbers in it, and as a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from whygrad.activations import Activation
from whygrad.explanation.links import Links
from whygrad.explanation.pages import Node, alone, chained
from whygrad.explanation.symbols import Sign, Symbols, figure, partial
from whygrad.explanation.writing import added, called, spelled, texts_of
from whygrad.losses import Loss
from whygrad.names import Place

Line = tuple[Sign, ...]
_PRODUCT = re.compile(r"(?<=[a-z)])(?=\\log)")  # between a number and the logarithm beside it
OVER_UNITS, POWER = r"\sum_j e^{z_j}", "e^{z_i}"  # in the text of softmax


def affine_line(links: Links, symbols: Symbols, layer: int, unit: int) -> Line:
    """z = W_1 a_1 + W_2 a_2 + b, with names, numbers and the value."""
    W, b = links.layers[layer]
    before = links.trace.a[layer][0]  # (n_in,)
    named, numbered = [], []
    for source in range(len(before)):
        weight, a = symbols.parameter(Place(layer, unit, source)), symbols.a(layer - 1, source)
        named.append(Sign(f"{weight}*{a}", rf"{weight.latex} \, {a.latex}"))
        numbers = figure(W[source, unit]), figure(before[source])
        numbered.append(Sign(f"{numbers[0]}*{numbers[1]}", rf"{numbers[0].latex} \cdot {numbers[1].latex}"))
    bias = symbols.parameter(Place(layer, unit, None))
    return chained(
        symbols.z(layer, unit),
        added([*named, bias]),
        added([*numbered, figure(b[unit])]),
        alone(figure(links.trace.z[layer][0, unit])),
    )


def activation_line(links: Links, symbols: Symbols, layer: int, unit: int) -> Line:
    """a = g(z), with names, numbers and the value; softmax's with its sum over all z."""
    g, z = links.net.layers[layer].activation, links.trace.z[layer][0]  # (n,)
    signs = [symbols.z(layer, n) for n in range(len(z))]
    numbers = [figure(v) for v in z]
    return chained(
        symbols.a(layer, unit),
        _activated(g, signs, unit),
        _activated(g, numbers, unit),
        alone(figure(links.trace.a[layer + 1][0, unit])),
    )


def _activated(g: Activation, z: list[Sign], unit: int) -> Sign:
    if g.elementwise:
        return spelled(texts_of(g).value, {"z": z[unit], "k": figure(g.k), **called(g)})
    powers = [Sign(f"e^{sign}", f"e^{{{alone(sign).latex}}}") for sign in z]
    total = added(powers)
    written = g.texts.value.replace(OVER_UNITS, "a").replace(POWER, "u")
    return spelled(written, {"u": powers[unit], "a": Sign(f"({total})", total.latex)})


def layer_lines(links: Links, symbols: Symbols, layer: int, units: Sequence[int]) -> list[Line]:
    """The units' lines, z and a; all z first where each a needs them; only one line where a is z."""
    g = links.net.layers[layer].activation
    z = [affine_line(links, symbols, layer, unit) for unit in units]
    if g.name == "linear":
        return z
    a = [activation_line(links, symbols, layer, unit) for unit in units]
    return [line for pair in zip(z, a, strict=True) for line in pair] if g.elementwise else [*z, *a]


def loss_line(links: Links, loss: Loss, symbols: Symbols) -> Line:
    """L as the sum of the outputs' shares, with names, numbers and the value."""
    fused = loss.fuses(links.net.output) if links.joined else None
    texts = fused.texts if fused else texts_of(loss)
    template = texts.value.replace(r"\textstyle\sum_i ", "")  # one share of the sum
    named, numbered = [], []
    for unit in range(links.net.outputs):
        if not (links.reaches[unit] or links.joined):
            continue
        letters, numbers = _letters(links, loss, symbols, unit)
        named.append(spelled(template, letters))
        numbered.append(spelled(_PRODUCT.sub(r"\\cdot ", template), numbers))
    value = alone(figure(links.loss))
    if not named:
        return chained(symbols.loss, value)
    factors = _factors(links, loss)
    return chained(symbols.loss, _scaled(factors, named), _scaled(factors, numbered), value)


def _letters(links: Links, loss: Loss, symbols: Symbols, unit: int) -> tuple[dict[str, Sign], dict[str, Sign]]:
    last = len(links.layers) - 1
    names = {"a": symbols.a(last, unit), "z": symbols.z(last, unit), "y": symbols.y(unit), "k": figure(loss.k)}
    numbers = {
        "a": figure(links.trace.output[0, unit]),
        "z": figure(links.trace.z[-1][0, unit]),
        "y": figure(links.y[0, unit]),
        "k": figure(loss.k),
    }
    for found in (names, numbers):
        found.update({f"{letter}_i": found[letter] for letter in "azy"} | called(loss))
    return names, numbers


def _factors(links: Links, loss: Loss) -> list[Sign]:
    """What the sum of the shares is multiplied by: the row's weight, and one over the outputs."""
    n = links.net.outputs
    found = [] if links.weight == 1 else [figure(links.weight)]
    return found if loss.share(n) == 1 else [*found, Sign(f"1/{n}", rf"\frac{{1}}{{{n}}}")]


def _scaled(factors: list[Sign], terms: list[Sign]) -> Sign:
    total = added(terms)
    if not factors:
        return total
    if len(terms) > 1 or re.search(r" [-+] | if ", re.sub(r"\([^()]*\)", "", total.text)):
        total = Sign(f"({total})", rf"\left({total.latex}\right)")
    return Sign(
        "*".join([*map(str, factors), str(total)]), r" \cdot ".join([*(f.latex for f in factors), total.latex])
    )


def dependency_tree(links: Links, symbols: Symbols, place: Place | None = None) -> Node:
    """L <- y_hat <- O <- W: what depends on what, with the value and dL/d of each; a unit is opened once.

    With a place, only what lies between the loss and the parameter there.
    """
    grown = _Grown(links, symbols, set(), place)
    last = len(links.layers) - 1
    if links.joined:
        children = [grown.z(last, unit) for unit in grown.units(last)]
    else:
        outputs = range(links.net.outputs) if grown.meet(last) else grown.units(last)
        children = [grown.a(last, unit) for unit in outputs if links.reaches[unit]]
    return Node((symbols.loss, alone(figure(links.loss))), (), tuple(children))


@dataclass(frozen=True)
class _Grown:
    """A tree being grown; `opened` are the (layer, unit) that have their branches somewhere above."""

    links: Links
    symbols: Symbols
    opened: set[tuple[int, int]]
    place: Place | None

    def meet(self, layer: int) -> bool:
        """Whether every z of the layer reaches every a of it."""
        return not self.links.net.layers[layer].activation.elementwise

    def units(self, layer: int) -> Sequence[int]:
        """The units of a layer whose z is on the way, or all of them."""
        if self.place is not None and self.place.layer >= layer:
            return [self.place.to] if self.place.layer == layer else []
        return range(self.links.net.sizes[layer + 1])

    def a(self, layer: int, unit: int) -> Node:
        """A unit's output: on its z, which goes without saying where no other unit's z matters."""
        value, slope = self.links.trace.a[layer + 1][0, unit], self.links.pulls[layer][unit]
        label, derivative = self._said(self.symbols.a(layer, unit), value, slope)
        if not self.meet(layer):
            return self._opened(layer, unit, label, derivative)
        return Node(label, derivative, tuple(self.z(layer, n) for n in self.units(layer)))

    def z(self, layer: int, unit: int) -> Node:
        """What enters a unit's activation."""
        value, slope = self.links.trace.z[layer][0, unit], self.links.deltas[layer][unit]
        return self._opened(layer, unit, *self._said(self.symbols.z(layer, unit), value, slope))

    def _opened(self, layer: int, unit: int, label: Line, slope: Line) -> Node:
        if (layer, unit) in self.opened:
            above = Sign(f"{label[1]} (above)", rf"{label[1].latex} \text{{ (above)}}")
            return Node((label[0], above), slope)
        self.opened.add((layer, unit))
        if self.place is not None and self.place.layer == layer:
            return Node(label, slope, (self._parameter(self.place),))
        units = [self.a(layer - 1, n) for n in (self._before(layer) if layer else ())]
        own = [] if self.place is not None else [*range(self.links.net.sizes[layer]), None]
        return Node(label, slope, (*units, *(self._parameter(Place(layer, unit, n)) for n in own)))

    def _before(self, layer: int) -> Sequence[int]:
        """The units of the layer before whose a is on the way."""
        return range(self.links.net.sizes[layer]) if self.meet(layer - 1) else self.units(layer - 1)

    def _parameter(self, place: Place) -> Node:
        W, b = self.links.layers[place.layer]
        delta = self.links.deltas[place.layer][place.to]
        sign = self.symbols.parameter(place)
        if place.source is None:
            return Node(*self._said(sign, b[place.to], delta))
        slope = delta * self.links.trace.a[place.layer][0, place.source]
        return Node(*self._said(sign, W[place.source, place.to], slope))

    def _said(self, sign: Sign, value: float, slope: float) -> tuple[Line, Line]:
        """x = 1.6, and dL/dx = -0.736."""
        return (sign, alone(figure(value))), (partial(self.symbols.loss, sign), alone(figure(slope)))
