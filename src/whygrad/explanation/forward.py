"""The forward pass in numbers: every z, a and the loss as a formula, with numbers in it, and as a value."""

from __future__ import annotations

import re
from dataclasses import dataclass

from whygrad.explanation.links import Links
from whygrad.explanation.pages import Node, alone, chained
from whygrad.explanation.symbols import Sign, Symbols, figure, partial
from whygrad.explanation.writing import added, spelled
from whygrad.losses import Loss
from whygrad.names import Place

Line = tuple[Sign, ...]


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
    """a = g(z), with names, numbers and the value."""
    g, z = links.net.layers[layer].activation, links.trace.z[layer][0, unit]
    names, numbers = symbols.z(layer, unit), figure(z)
    k = figure(g.k)
    return chained(
        symbols.a(layer, unit),
        spelled(g.texts.value, {"z": names, "z_i": names, "k": k}),
        spelled(g.texts.value, {"z": numbers, "z_i": numbers, "k": k}),
        alone(figure(links.trace.a[layer + 1][0, unit])),
    )


def unit_lines(links: Links, symbols: Symbols, layer: int, unit: int) -> list[Line]:
    """A unit's lines: one where its activation is linear, else two."""
    lines = [affine_line(links, symbols, layer, unit)]
    if links.net.layers[layer].activation.name != "linear":
        lines.append(activation_line(links, symbols, layer, unit))
    return lines


def loss_line(links: Links, loss: Loss, symbols: Symbols) -> Line:
    """L as the sum of the outputs' shares, with names, numbers and the value."""
    fused = loss.fuses(links.net.output) if links.joined else None
    template = (fused or loss).texts.value.replace(r"\textstyle\sum_i ", "")  # one share of the sum
    named, numbered = [], []
    for unit in range(links.net.outputs):
        if not (links.reaches[unit] or links.joined):
            continue
        letters, numbers = _letters(links, loss, symbols, unit)
        named.append(spelled(template, letters))
        numbered.append(spelled(template, numbers))
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
        found.update({f"{letter}_i": found[letter] for letter in "azy"})
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


def dependency_tree(links: Links, symbols: Symbols) -> Node:
    """L <- y_hat <- O <- W: what depends on what, with the value and dL/d of each; a unit is opened once."""
    grown = _Grown(links, symbols, set())
    last = len(links.layers) - 1
    if links.joined:
        children = [grown.z(last, unit) for unit in range(links.net.outputs)]
    else:
        children = [grown.a(last, unit) for unit in range(links.net.outputs) if links.reaches[unit]]
    return Node((symbols.loss, alone(figure(links.loss))), (), tuple(children))


@dataclass(frozen=True)
class _Grown:
    """A tree being grown; `opened` are the (layer, unit) that have their branches somewhere above."""

    links: Links
    symbols: Symbols
    opened: set[tuple[int, int]]

    def a(self, layer: int, unit: int) -> Node:
        """A unit's output: on its z, which goes without saying where no other unit's z matters."""
        value, slope = self.links.trace.a[layer + 1][0, unit], self.links.pulls[layer][unit]
        label, derivative = self._said(self.symbols.a(layer, unit), value, slope)
        if self.links.net.layers[layer].activation.elementwise:
            return self._opened(layer, unit, label, derivative)
        units = range(self.links.net.sizes[layer + 1])
        return Node(label, derivative, tuple(self.z(layer, n) for n in units))

    def z(self, layer: int, unit: int) -> Node:
        """What enters a unit's activation."""
        value, slope = self.links.trace.z[layer][0, unit], self.links.deltas[layer][unit]
        return self._opened(layer, unit, *self._said(self.symbols.z(layer, unit), value, slope))

    def _opened(self, layer: int, unit: int, label: Line, slope: Line) -> Node:
        if (layer, unit) in self.opened:
            return Node((label[0], Sign(f"{label[1]} (above)", label[1].latex)), slope)
        self.opened.add((layer, unit))
        sources = range(self.links.net.sizes[layer])
        units = [] if layer == 0 else [self.a(layer - 1, n) for n in sources]
        parameters = [self._parameter(Place(layer, unit, n)) for n in (*sources, None)]
        return Node(label, slope, (*units, *parameters))

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
