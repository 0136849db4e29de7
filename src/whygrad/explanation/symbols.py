"""How quantities are written: each has a name in plain text and one in LaTeX, in the notation asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from whygrad.explanation.escaping import escaped
from whygrad.names import Place, name
from whygrad.network import Network


@dataclass(frozen=True)
class Sign:
    """One thing written twice: for a terminal, and for an equation."""

    text: str
    latex: str

    def __str__(self) -> str:
        return self.text


def partial(of: Sign, by: Sign) -> Sign:
    """The derivative of one by another."""
    above, below = (f"d {s}" if "[" in s or s == "loss" else f"d{s}" for s in (of.text, by.text))
    return Sign(f"{above}/{below}", rf"\frac{{\partial {of.latex}}}{{\partial {by.latex}}}")


def figure(value: float) -> Sign:
    """A number with nine digits, in parentheses where it is negative."""
    text = f"{value + 0.0:.9g}"  # never -0
    latex = text
    if not math.isfinite(value):
        latex = text.replace("inf", r"\infty").replace("nan", r"\text{nan}")
    elif "e" in text:
        mantissa, _, power = text.partition("e")
        latex = rf"{mantissa} \cdot 10^{{{int(power)}}}"
        latex = rf"\left({latex}\right)"
    return Sign(f"({text})", latex if "e" in text else f"({latex})") if value < 0 else Sign(text, latex)


def digits(value: float) -> str:
    """The number of `figure` as it stands in a sentence."""
    return f"{value + 0.0:.9g}"


def word(text: str) -> Sign:
    """A name that is no symbol, such as a column's: letters in an equation, whatever they are."""
    return Sign(text, rf"\text{{{escaped(text)}}}")


@dataclass(frozen=True)
class Symbols:
    """The names of a network's quantities in one notation. Layers and units are given from 0."""

    net: Network
    notation: str = "course"

    @property
    def loss(self) -> Sign:
        """The loss: L, or C for 3Blue1Brown's cost."""
        text = {"course": "L", "3b1b": "C"}.get(self.notation, "loss")
        return Sign(text, text if len(text) == 1 else rf"\mathrm{{{text}}}")

    @property
    def rate(self) -> Sign:
        """The learning rate."""
        return Sign("rate", r"\eta")

    def parameter(self, place: Place) -> Sign:
        """A weight or bias."""
        text = name(place, self.notation)
        if self.notation in ("keras", "torch"):
            return Sign(text, _typed(text))
        kind = "w" if self.notation == "3b1b" else "W"
        if place.source is None:
            kind = "b" if self.notation == "3b1b" else "B"
        units = [place.to] if place.source is None else [place.to, place.source]
        return Sign(text, self._indexed(kind, place.layer, units))

    def z(self, layer: int, unit: int) -> Sign:
        """What enters a unit's activation; with a linear one, the unit's output."""
        if self.net.layers[layer].activation.name == "linear":
            return self.a(layer, unit)
        if self.notation == "keras":
            return _code(f"dense_{layer}.z[{unit}]")
        if self.notation == "torch":
            return _code(f"z{layer}[{unit}]")
        return self._unit("z", layer, unit)

    def a(self, layer: int, unit: int) -> Sign:
        """A unit's output; layer -1 has the inputs."""
        if layer < 0:
            return self.x(unit)
        if self.notation == "keras":
            return _code(f"dense_{layer}.output[{unit}]")
        if self.notation == "torch":
            return _code(f"a{layer}[{unit}]")
        if self.notation == "3b1b":
            return self._unit("a", layer, unit)
        if layer < len(self.net.layers) - 1:
            return self._unit("O", layer, unit)
        if self.net.outputs == 1:
            return Sign("y_hat", r"\hat{y}")
        return Sign(f"y_hat_{unit + 1}", rf"\hat{{y}}_{{{unit + 1}}}")

    def x(self, unit: int) -> Sign:
        """An input."""
        if self.notation == "3b1b":
            return self._unit("a", -1, unit)
        if self.notation in ("keras", "torch"):
            return _code(f"{'inputs' if self.notation == 'keras' else 'x'}[{unit}]")
        return Sign(f"x_{unit + 1}", f"x_{{{unit + 1}}}")

    def y(self, unit: int) -> Sign:
        """A target."""
        if self.notation in ("keras", "torch"):
            return _code(f"y[{unit}]")
        if self.net.outputs == 1:
            return Sign("y", "y")
        number = unit + (self.notation == "course")
        return Sign(f"y_{number}", f"y_{{{number}}}")

    def _unit(self, kind: str, layer: int, unit: int) -> Sign:
        if self.notation == "3b1b":
            return Sign(f"{kind}^({layer + 1})_{unit}", f"{kind}^{{({layer + 1})}}_{{{unit}}}")
        gap = "" if max(layer, unit) < 9 else "_"
        return Sign(f"{kind}_{layer + 1}{gap}{unit + 1}", self._indexed(kind, layer, [unit]))

    def _indexed(self, kind: str, layer: int, units: list[int]) -> str:
        """The LaTeX of a name with indices, commas between them where one has two digits."""
        if self.notation == "3b1b":
            return f"{kind}^{{({layer + 1})}}_{{{','.join(map(str, units))}}}"
        index = [n + 1 for n in (layer, *units)]
        return f"{kind}_{{{('' if max(index) < 10 else ',').join(map(str, index))}}}"

    def legend(self) -> str:
        """One line on the names of what is no parameter."""
        if self.notation == "3b1b":
            return "a^(L)_j is the output of unit j of layer L, z^(L)_j what enters its activation, C the cost"
        if self.notation == "keras":
            return "dense_L.output[j] is the output of unit j of layer L, dense_L.z[j] what enters its activation"
        if self.notation == "torch":
            return "aL[j] is the output of unit j of layer L, zL[j] what enters its activation"
        return "O_{layer,unit} is a unit's output, z_{layer,unit} what enters its activation, y_hat the prediction"


def _code(text: str) -> Sign:
    return Sign(text, _typed(text))


def _typed(text: str) -> str:
    return rf"\texttt{{{escaped(text)}}}"
