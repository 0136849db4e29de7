"""One step of backpropagation as cells: every quantity has a name, a formula in other names, and whygrad's number.

Cells are named as on the blackboard, W_111 and z_21, and dL/dW_111 as dL_dW_111, so that a formula reads as it is
written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from whygrad.explanation.excel import ACTIVATION_CELLS, LOSS_CELLS, PAIR_CELLS, filled
from whygrad.explanation.links import Links
from whygrad.explanation.symbols import Sign, Symbols
from whygrad.explanation.ways import Ways
from whygrad.explanation.writing import spelled
from whygrad.losses import Loss
from whygrad.maths import NUMPY, Array
from whygrad.names import Place, places


@dataclass(frozen=True)
class Cell:
    """One quantity: its cell's name, its formula (none where it is put in), whygrad's number.

    `how` is the formula in words and `sign` how the quantity is written, in the notation asked for.
    """

    name: str
    formula: str
    number: float
    how: str = ""
    sign: str = ""


def group(layer: int) -> str:
    """The name of all z of a layer together."""
    return f"all_z_{layer + 1}"


@dataclass(frozen=True, eq=False)
class Step:
    """The cells of one row's step, with the course's names, which are legal in a spreadsheet."""

    links: Links
    loss: Loss
    weighted: bool

    @property
    def names(self) -> Symbols:
        """What cells are called."""
        return Symbols(self.links.net)

    @property
    def last(self) -> int:
        """The number of the output layer."""
        return len(self.links.layers) - 1

    def parameters(self, w: Array) -> Iterator[Cell]:
        """Weights and biases, to be put in."""
        for place, value in zip(places(self.links.net), w, strict=True):
            before = "input" if place.layer == 0 else f"layer {place.layer}, unit"
            to = f"layer {place.layer + 1}, unit {place.to + 1}"
            how = f"bias of {to}" if place.source is None else f"from {before} {place.source + 1} to {to}"
            yield Cell(self.names.parameter(place).text, "", float(value), how)

    def forward(self) -> Iterator[Cell]:
        """Every z and a; with a linear activation a is z, and stands once. A layer's z lie beside each other."""
        for number, layer in enumerate(self.links.net.layers):
            g, units = layer.activation, range(layer.units)
            z, a = self.links.trace.z[number][0], self.links.trace.a[number + 1][0]
            for unit in units:
                terms = [f"{self._w(number, unit, n)}*{self._a(number - 1, n)}" for n in range(self._size(number))]
                formula = "+".join([*terms, self._w(number, unit, None)])
                yield Cell(self._z(number, unit), formula, float(z[unit]))
            if g.name == "linear":
                continue
            for unit in units:
                formula = filled(ACTIVATION_CELLS[g.name][0], self._letters(number, unit), g.k)
                sign = Sign(self._z(number, unit), "")
                how = spelled(g.texts.value, {"z": sign, "z_i": sign, "k": Sign(f"{g.k:g}", "")}).text
                yield Cell(self._a(number, unit), formula, float(a[unit]), how)

    def judged(self) -> Iterator[Cell]:
        """Each output's share of the loss, where there are several, and the loss."""
        loss, k, y = self.loss, self.loss.k, self.links.y
        fused = loss.fuses(self.links.net.output)
        values = (
            fused.value_rule(NUMPY, self.links.trace.z[-1], y, k)
            if fused
            else loss.value_rule(NUMPY, self.links.trace.output, y, k)
        )  # (1, outputs)
        template = PAIR_CELLS[loss.name] if fused else LOSS_CELLS[loss.name][0]
        words = re.sub(r"(\\textstyle)?\\sum_i ", "", loss.texts.value)
        outputs = range(self.links.net.outputs)
        shares = []
        for unit in outputs:
            a, target = Sign(self._a(self.last, unit), ""), self.names.y(unit)
            how = spelled(words, {"a": a, "a_i": a, "y": target, "y_i": target, "k": Sign(f"{k:g}", "")}).text
            how += ", computed from z" if fused else ""
            formula = filled(template, self._output_letters(unit), k)
            shares.append(Cell(f"L_{unit + 1}", formula, float(values[0, unit]), how))
        if len(shares) == 1:
            yield Cell("L", self._times(shares[0].formula), self.links.loss, shares[0].how)
            return
        yield from shares
        yield Cell("L", self._times("+".join(share.name for share in shares)), self.links.loss)

    def backward(self) -> Iterator[Cell]:
        """From the loss back: dL/da of a layer, its da/dz, its dL/dz, and on to the layer before."""
        ways = Ways(self.links, self.loss, self.names)
        for layer in range(self.last, -1, -1):
            units = range(self._size(layer + 1))
            yield from (self._pull(ways, layer, unit) for unit in units)
            if self.links.net.layers[layer].activation.name == "linear":
                continue  # dL/dz is dL/da
            for unit in units:
                yield from self._slopes(ways, layer, unit)
            yield from (self._delta(ways, layer, unit) for unit in units)

    def _pull(self, ways: Ways, layer: int, unit: int) -> Cell:
        """dL/da: of an output from the loss, of a hidden unit a sum over the units it enters."""
        name = self._d(self._a(layer, unit))
        if layer == self.last:
            slope = filled(LOSS_CELLS[self.loss.name][1], self._output_letters(unit), self.loss.k)
            factor = ways.judged(unit)
            return Cell(name, self._times(slope), factor.value, factor.formula.text)
        entered = range(self._size(layer + 2))
        formula = "+".join(f"{self._w(layer + 1, to, unit)}*{self._d(self._z(layer + 1, to))}" for to in entered)
        return Cell(name, formula, float(self.links.pulls[layer][unit]))

    def _slopes(self, ways: Ways, layer: int, unit: int) -> Iterator[Cell]:
        """da/dz by the z of that unit: of its own a, or of every a of a layer whose units meet."""
        g = self.links.net.layers[layer].activation
        for at in self._reached(layer, unit):
            same = "1" if at == unit else "0"
            meeting = {"a_i": self._a(layer, at), "a_j": self._a(layer, unit), "same": same}
            formula = filled(ACTIVATION_CELLS[g.name][1], self._letters(layer, unit) | meeting, g.k)
            factor = ways.activation(layer, unit, at)
            yield Cell(self._slope(layer, at, unit), formula, factor.value, factor.formula.text)

    def _delta(self, ways: Ways, layer: int, unit: int) -> Cell:
        """dL/dz: a sum over the a's it reaches, or what is left of it where loss and output are a pair."""
        name, value = self._d(self._z(layer, unit)), float(self.links.deltas[layer][unit])
        cancels = ways.cancellation(unit) if layer == self.last else None
        if cancels:
            formula = self._times(filled("{a}-{y}", self._output_letters(unit), 0))
            return Cell(name, formula, value, f"{cancels.formula}, as all else cancels")
        terms = [(self._d(self._a(layer, at)), self._slope(layer, at, unit)) for at in self._reached(layer, unit)]
        words = " + ".join(f"{pull} * {slope}" for pull, slope in terms)
        return Cell(name, "+".join(f"{pull}*{slope}" for pull, slope in terms), value, words)

    def gradient(self) -> Iterator[Cell]:
        """dL/dW is what came in times dL/dz; dL/db is dL/dz."""
        for place, value in zip(places(self.links.net), self.links.gradient, strict=True):
            enters = "" if place.source is None else f"{self._a(place.layer - 1, place.source)}*"
            formula = enters + self._d(self._z(place.layer, place.to))
            yield Cell(self._d(self.names.parameter(place).text), formula, float(value))

    def update(self, new: Array) -> Iterator[Cell]:
        """Every parameter after w - rate dL/dw."""
        for place, value in zip(places(self.links.net), new, strict=True):
            w = self.names.parameter(place).text
            yield Cell(f"new_{w}", f"{w}-learning_rate*{self._d(w)}", float(value))

    # ---- names ----

    def _size(self, layer: int) -> int:
        return self.links.net.sizes[layer]

    def _reached(self, layer: int, unit: int) -> list[int]:
        """The a's of the layer that the unit's z reaches."""
        g = self.links.net.layers[layer].activation
        return [unit] if g.elementwise else list(range(self._size(layer + 1)))

    def _w(self, layer: int, to: int, source: int | None) -> str:
        return self.names.parameter(Place(layer, to, source)).text

    def _z(self, layer: int, unit: int) -> str:
        return self.names.z(layer, unit).text

    def _a(self, layer: int, unit: int) -> str:
        return self.names.a(layer, unit).text

    def _d(self, by: str) -> str:
        return f"d{self.names.loss}_d{by}"

    def _slope(self, layer: int, at: int, unit: int) -> str:
        return f"d{self._a(layer, at)}_d{self._z(layer, unit)}"

    def _letters(self, layer: int, unit: int) -> dict[str, str]:
        return {"z": self._z(layer, unit), "a": self._a(layer, unit), "all": group(layer)}

    def _output_letters(self, unit: int) -> dict[str, str]:
        return self._letters(self.last, unit) | {"y": self.names.y(unit).text}

    def _times(self, formula: str) -> str:
        """The formula times what a share counts in the loss: the row's weight, and 1/n of a mean over outputs."""
        n = self.links.net.outputs
        mean = "" if self.loss.share(n) == 1 else f"1/{n}*"
        factors = ("row_weight*" if self.weighted else "") + mean
        return f"{factors}({formula})" if factors else formula
