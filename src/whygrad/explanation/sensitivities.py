"""Sensitivities: what the loss reacts to most, here: parameters, the outputs of units, inputs.

All of them are derivatives of one row's loss at one moment, so they are slopes, true for small changes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.symbols import Sign, Symbols
from whygrad.maths import Array
from whygrad.names import place_of
from whygrad.network import whole_number
from whygrad.table import Indices

HERE = (
    "dL/dw is the slope of this row's loss at these values. A small one means a small effect here, not that the "
    "parameter is unimportant: for other rows, or at other values, it may be large"
)
ENCODED = (
    "dL/dx is by the number that enters the network: of a standardised column, one unit is one standard deviation"
)


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivities(Shown):
    """The k parameters with the largest |dL/dw|, largest first, and dL/da and dL/dx of all units and inputs.

    `relative` is |w dL/dw|: a hundredth of it is what a change of w by 1 % does to the loss, to first order.
    `inputs` are those the network is given, encoded; their columns' own units are not known here.
    """

    symbols: Symbols
    positions: Indices  # (k,) in the flat vector
    values: Array  # (k,)
    derivatives: Array  # (k,) dL/dw
    count: int  # of all parameters
    still: int  # of them, those whose derivative is exactly 0
    units: tuple[Array, ...]  # dL/da (n,) of every layer
    inputs: Array  # (inputs,) dL/dx
    notes: tuple[str, ...]

    @property
    def relative(self) -> Array:
        """(k,): |w dL/dw|."""
        return np.abs(self.values * self.derivatives)

    @cached_property
    def names(self) -> tuple[Sign, ...]:
        """The k parameters, most sensitive first."""
        net = self.symbols.net
        return tuple(self.symbols.parameter(place_of(net, int(at))) for at in self.positions)

    def columns(self) -> dict[str, Any]:
        """The ranking as columns of one length, for a CSV file or a dataframe."""
        return {
            "parameter": [name.text for name in self.names],
            "value": self.values,
            "derivative": self.derivatives,
            "relative": self.relative,
        }

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON."""
        net, names = self.symbols.net, self.symbols
        ranking = {key: np.asarray(column).tolist() for key, column in self.columns().items()}
        units = {
            names.a(layer, unit).text: float(value)
            for layer, pulls in enumerate(self.units)
            for unit, value in enumerate(pulls)
        }
        inputs = {names.x(n).text: float(self.inputs[n]) for n in range(net.inputs)}
        totals = {"count": self.count, "still": self.still}
        return {"parameters": ranking, **totals, "units": units, "inputs": inputs, "notes": list(self.notes)}


def sensitivities(moment: Moment, links: Links, symbols: Symbols, k: int | None = None) -> Sensitivities:
    """What the row's loss is most sensitive to: the k parameters with the largest |dL/dw|, all without k.

    Parameters that are equal in this stand in the order of the flat vector. Raises `InputError` for k below 1.
    """
    gradient = links.gradient
    k = len(gradient) if k is None else min(whole_number("k", k), len(gradient))
    top = _largest(np.abs(gradient), k)
    still = int((gradient == 0).sum())
    notes = [HERE]
    if still:
        notes.append(f"{still:,} of {len(gradient):,} derivatives are exactly 0 here")
    if moment.input_names and moment.training.scale == "standard":
        notes.append(ENCODED)
    return Sensitivities(
        symbols,
        top,
        moment.w[top],
        gradient[top],
        len(gradient),
        still,
        links.pulls,
        links.inputs,
        tuple(notes),
    )


def _largest(sizes: Array, k: int) -> Indices:
    """(k,): where the largest stand, largest first, equal ones in their order; what is no number comes first."""
    sizes = np.where(np.isnan(sizes), np.inf, sizes)
    least = np.partition(sizes, len(sizes) - k)[len(sizes) - k]
    above = np.flatnonzero(sizes > least)  # fewer than k
    equal = np.flatnonzero(sizes == least)[: k - len(above)]
    chosen = np.sort(np.concatenate([above, equal]))
    return chosen[np.argsort(-sizes[chosen], kind="stable")]
