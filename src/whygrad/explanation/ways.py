"""Ways: the factors that one unit after another adds to a chain, each with its formula, numbers and value."""

from __future__ import annotations

import re
from dataclasses import dataclass

from whygrad.explanation.factors import Cancellation, Factor, Junction, Term
from whygrad.explanation.links import Links
from whygrad.explanation.symbols import Sign, Symbols, figure, partial
from whygrad.explanation.writing import added, called, product, spelled, texts_of, times
from whygrad.losses import Loss
from whygrad.names import Place


@dataclass(frozen=True)
class Ways:
    """Factors by where they stand; layers and units count from 0."""

    links: Links
    loss: Loss
    symbols: Symbols

    @property
    def last(self) -> int:
        """The number of the output layer."""
        return len(self.links.layers) - 1

    def leads(self, layer: int, unit: int) -> bool:
        """Whether the loss depends on that unit at all."""
        g = self.links.net.layers[layer].activation
        if layer < self.last or self.links.joined or not g.elementwise:
            return bool(self.links.reaches.any()) or self.links.joined
        return bool(self.links.reaches[unit])

    def to_loss(self, layer: int, unit: int) -> tuple[list[Factor], Cancellation | None]:
        """The factors from a unit's z to the loss, and what cancels in them."""
        found: list[Factor] = []
        while True:
            if layer == self.last and self.links.joined:
                return [*found, self.pair(unit)], None
            outputs = self.outputs_of(layer, unit)
            cancels = self.cancellation(unit) if layer == self.last else None
            if len(outputs) > 1:
                return [*found, self.parting_at_z(layer, unit, outputs)], cancels
            at = outputs[0]
            if self.links.net.layers[layer].activation.name != "linear":
                found.append(self.activation(layer, unit, at))
            if layer == self.last:
                return [*found, self.judged(at)], cancels
            units = self.entered(layer)
            if len(units) > 1:
                return [*found, self.parting_at_a(layer, at)], None
            found.append(self.weight(layer + 1, units[0], at))
            layer, unit = layer + 1, units[0]

    def from_output(self, layer: int, unit: int) -> tuple[list[Factor], Cancellation | None]:
        """The same from a unit's output, or from an input (layer -1)."""
        if layer == self.last:
            return [self.judged(unit)] if self.links.reaches[unit] else [], None
        units = self.entered(layer)
        if len(units) != 1:
            return [self.parting_at_a(layer, unit)] if units else [], None
        found, cancels = self.to_loss(layer + 1, units[0])
        return [self.weight(layer + 1, units[0], unit), *found], cancels

    def entered(self, layer: int) -> list[int]:
        """The units of the next layer through which a unit's output reaches the loss."""
        return [n for n in range(self.links.net.sizes[layer + 2]) if self.leads(layer + 1, n)]

    def outputs_of(self, layer: int, unit: int) -> list[int]:
        """The a's of a layer through which the unit's z reaches the loss."""
        if self.links.net.layers[layer].activation.elementwise:
            return [unit]
        reaches = self.links.reaches if layer == self.last else [True] * self.links.net.sizes[layer + 1]
        return [n for n, does in enumerate(reaches) if does]

    def entering(self, place: Place) -> Factor:
        """dz/dW is what came in; dz/db is 1."""
        of, by = self.symbols.z(place.layer, place.to), self.symbols.parameter(place)
        if place.source is None:
            return Factor(of, by, Sign("1", "1"), Sign("1", "1"), 1.0)
        value = float(self.links.trace.a[place.layer][0, place.source])
        return Factor(of, by, self.symbols.a(place.layer - 1, place.source), figure(value), value)

    def weight(self, layer: int, to: int, source: int) -> Factor:
        """dz/da of the layer before is the weight between them."""
        value = float(self.links.layers[layer].W[source, to])
        of, by = self.symbols.z(layer, to), self.symbols.a(layer - 1, source)
        return Factor(of, by, self.symbols.parameter(Place(layer, to, source)), figure(value), value)

    def activation(self, layer: int, unit: int, at: int) -> Factor:
        """da/dz, of output `at` by the z of `unit`: another unit's only where all of a layer's meet."""
        g = self.links.net.layers[layer].activation
        trace, names = self.links.trace, self.symbols
        a, z = trace.a[layer + 1][0], trace.z[layer][0]
        if g.elementwise:
            letters = {"z": names.z(layer, unit), "a": names.a(layer, unit), "k": figure(g.k)}
            numbers = {"z": figure(z[unit]), "a": figure(a[unit]), "k": figure(g.k)}
            value = float(self.links.slopes[layer][unit])
        else:
            same = Sign("1", "1") if unit == at else Sign("0", "0")
            letters = {"a_i": names.a(layer, at), "a_j": names.a(layer, unit), "1[i=j]": same}
            numbers = {"a_i": figure(a[at]), "a_j": figure(a[unit]), "1[i=j]": same}
            value = float(self.links.slopes[layer][unit, at])
        template = texts_of(g).derivative
        letters |= called(g)
        numbers |= called(g)
        return Factor(
            names.a(layer, at), names.z(layer, unit), spelled(template, letters), spelled(template, numbers), value
        )

    def judged(self, at: int) -> Factor:
        """dL/da of an output."""
        formula, numbers = self._of_output(texts_of(self.loss).derivative, at)
        return Factor(
            self.symbols.loss, self.symbols.a(self.last, at), formula, numbers, float(self.links.blame[at])
        )

    def pair(self, unit: int) -> Factor:
        """dL/dz of an output whose activation and loss are one link."""
        found = self.cancellation(unit)
        assert found is not None  # only a pair is ever joined
        note = (
            "so near its limit, the output's own derivative and the loss's by it have no digits left one by one; "
            "taken together they keep theirs"
        )
        z = self.symbols.z(self.last, unit)
        return Factor(self.symbols.loss, z, found.formula, found.numbers, found.value, note=note)

    def cancellation(self, unit: int) -> Cancellation | None:
        """dL/dz = y_hat - y, where loss and output activation are a pair."""
        fused = self.loss.fuses(self.links.net.output)
        if fused is None:
            return None
        formula, numbers = self._of_output(fused.texts.derivative, unit)
        sign = partial(self.symbols.loss, self.symbols.z(self.last, unit))
        both = [(self.judged(at), self.activation(self.last, unit, at)) for at in self.outputs_of(self.last, unit)]
        whole = added([times([loss.formula, slope.formula]) for loss, slope in both])
        return Cancellation(sign, whole, formula, numbers, float(self.links.output_delta[unit]))

    def parting_at_z(self, layer: int, unit: int, outputs: list[int]) -> Factor:
        """dL/dz of a unit whose z reaches several outputs of its layer: a sum over them."""
        factors = [self.activation(layer, unit, at) for at in outputs]
        terms = tuple(
            Term(f.sign, f.value, partial(self.symbols.loss, f.of), float(pull), Junction("a", layer, at))
            for f, at, pull in zip(factors, outputs, self.links.pulls[layer][outputs], strict=True)
        )
        return self._sum(self.symbols.z(layer, unit), terms, float(self.links.deltas[layer][unit]))

    def parting_at_a(self, layer: int, at: int) -> Factor:
        """dL/da of a unit that enters several units of the next layer: a sum over them."""
        terms = tuple(
            Term(
                self.symbols.parameter(Place(layer + 1, unit, at)),
                float(self.links.layers[layer + 1].W[at, unit]),
                partial(self.symbols.loss, self.symbols.z(layer + 1, unit)),
                float(self.links.deltas[layer + 1][unit]),
                Junction("z", layer + 1, unit),
            )
            for unit in self.entered(layer)
        )
        pulls = self.links.inputs if layer < 0 else self.links.pulls[layer]
        return self._sum(self.symbols.a(layer, at), terms, float(pulls[at]))

    def _sum(self, by: Sign, terms: tuple[Term, ...], value: float) -> Factor:
        formula = added([product(t.link, t.rest) for t in terms])
        numbers = added([product(figure(t.link_value), figure(t.rest_value)) for t in terms])
        return Factor(self.symbols.loss, by, formula, numbers, value, terms)

    def _of_output(self, template: str, unit: int) -> tuple[Sign, Sign]:
        """A formula of the loss for one output, with names and with numbers."""
        share, weight = self.loss.share(self.links.net.outputs), self.links.weight
        parts = [] if weight == 1 else [figure(weight).latex]
        parts += [] if share == 1 else [rf"\frac{{1}}{{{self.links.net.outputs}}}"]
        if parts:
            single = re.search(r"[-+]|text", re.sub(r"\([^()]*\)", "", template)) is None
            inner = template if single else rf"\left({template}\right)"
            template = r" \cdot ".join([*parts, inner])
        names, a, y = self.symbols, self.links.trace.output[0, unit], self.links.y[0, unit]
        letters = {"a": names.a(self.last, unit), "y": names.y(unit), "k": figure(self.loss.k)}
        numbers = {"a": figure(float(a)), "y": figure(float(y)), "k": figure(self.loss.k)}
        for found in (letters, numbers):
            found |= {"a_i": found["a"], "y_i": found["y"], **called(self.loss)}
        return spelled(template, letters), spelled(template, numbers)
