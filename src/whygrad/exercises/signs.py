"""The names of an exercise's quantities, before the update and after it. Layers and units count from 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whygrad.exercises.writing import new
from whygrad.explanation.symbols import Sign, Symbols, partial
from whygrad.losses import Loss
from whygrad.names import Place, places
from whygrad.network import Network


@dataclass(frozen=True)
class Signs:
    """How things are called; `after` names what they are after the update."""

    net: Network
    loss: Loss
    symbols: Symbols
    after: bool = False

    @property
    def last(self) -> int:
        """The number of the output layer."""
        return len(self.net.layers) - 1

    @property
    def updated(self) -> Signs:
        """The names after the update."""
        return Signs(self.net, self.loss, self.symbols, True)

    def z(self, layer: int, unit: int) -> Sign:
        """What enters a unit's activation; of a linear one, its output."""
        return self._now(self.symbols.z(layer, unit))

    def a(self, layer: int, unit: int) -> Sign:
        """A unit's output; layer -1 has the inputs, which no update changes."""
        return self.symbols.x(unit) if layer < 0 else self._now(self.symbols.a(layer, unit))

    def y(self, unit: int) -> Sign:
        """A target."""
        return self.symbols.y(unit)

    def L(self) -> Sign:
        """The loss."""
        return self._now(self.symbols.loss)

    def parameter(self, place: Place) -> Sign:
        """A weight or bias."""
        return self._now(self.symbols.parameter(place))

    def W(self, layer: int, to: int, source: int) -> Sign:
        """A weight."""
        return self.parameter(Place(layer, to, source))

    def B(self, layer: int, to: int) -> Sign:
        """A bias."""
        return self.parameter(Place(layer, to, None))

    def d(self, by: Sign) -> Sign:
        """The loss's derivative."""
        return partial(self.symbols.loss, by)

    def given(self) -> Iterator[Sign]:
        """What is given: inputs, targets, parameters in the order of the flat vector, the learning rate."""
        yield from (self.a(-1, k) for k in range(self.net.inputs))
        yield from (self.y(k) for k in range(self.net.outputs))
        yield from (self.parameter(place) for place in places(self.net))
        yield self.symbols.rate

    def linear(self, layer: int) -> bool:
        """Whether a layer's z is its output."""
        return layer < 0 or self.net.layers[layer].activation.name == "linear"

    def parted(self, layer: int) -> bool:
        """Whether a layer's dL/da and dL/dz are two quantities of the exercise."""
        fused = layer == self.last and self.loss.fuses(self.net.output) is not None
        return not (fused or self.linear(layer))

    def _now(self, sign: Sign) -> Sign:
        return new(sign) if self.after else sign
