"""What if: some parameters, or inputs of the row, set to other values.

A derivative promises what a straight line would do. Here the network is run again, so that the promise can be held
against what really happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from whygrad.engines.reference import Reference
from whygrad.errors import InputError, WrongTypeError
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.links import links_of
from whygrad.explanation.moment import Moment
from whygrad.explanation.positions import Which, positions_of
from whygrad.explanation.symbols import Sign, Symbols
from whygrad.maths import Array
from whygrad.names import place_of
from whygrad.propagation import forward_propagation, penalty
from whygrad.table import Rows


@dataclass(frozen=True, eq=False)
class Standing:
    """How things stand under some parameters. Losses count row weights and no penalty."""

    w: Array  # (P,)
    x: Array  # (inputs,) of the row
    outputs: Array  # (outputs,) of the row
    row_loss: float
    row_gradient: Array  # (P,)
    mean_loss: float  # of all training rows
    mean_gradient: Array  # (P,)
    penalty: float


@dataclass(frozen=True)
class Promise:
    """What the straight line said a loss would change by, slope times change, and what it did change by."""

    promised: float
    happened: float

    @property
    def gap(self) -> float:
        """What the bend of the loss adds to the line."""
        return self.happened - self.promised


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Shown):
    """Parameters and inputs set to other values: how things stood and stand, and what the slopes had promised.

    The mean loss is that of the table as it stands, whatever the row's inputs are set to.
    """

    symbols: Symbols
    positions: tuple[int, ...]  # of the parameters that were set
    inputs: tuple[int, ...]  # that were set, from 0
    before: Standing
    after: Standing
    row: Promise
    mean: Promise
    rows: int  # training rows in the mean

    @property
    def names(self) -> tuple[Sign, ...]:
        """What was set: parameters, then inputs."""
        parameters = tuple(self.symbols.parameter(place_of(self.symbols.net, at)) for at in self.positions)
        return parameters + tuple(map(self.symbols.x, self.inputs))

    @property
    def changes(self) -> list[tuple[Sign, float, float]]:
        """What was set, with its value before and after."""
        values = [
            (*standing.w[list(self.positions)].tolist(), *standing.x[list(self.inputs)].tolist())
            for standing in (self.before, self.after)
        ]
        return list(zip(self.names, *values, strict=True))

    def columns(self) -> dict[str, Any]:
        """Every parameter before and after, as columns of one length."""
        net, names = self.symbols.net, self.symbols
        return {
            "parameter": [names.parameter(place_of(net, at)).text for at in range(net.n_parameters)],
            "before": self.before.w,
            "after": self.after.w,
            "row derivative before": self.before.row_gradient,
            "row derivative after": self.after.row_gradient,
            "mean derivative before": self.before.mean_gradient,
            "mean derivative after": self.after.mean_gradient,
        }

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON."""
        changed = {name.text: {"before": before, "after": after} for name, before, after in self.changes}
        return {
            "changed": changed,
            "before": _plain(self.before),
            "after": _plain(self.after),
            "row": {"promised": self.row.promised, "happened": self.row.happened},
            "mean": {"promised": self.mean.promised, "happened": self.mean.happened, "rows": self.rows},
            "parameters": {key: np.asarray(column).tolist() for key, column in self.columns().items()},
        }


def what_if(
    moment: Moment,
    changes: Mapping[Which, float],
    symbols: Symbols | None = None,
    inputs: Mapping[int, float] | None = None,
) -> WhatIf:
    """What becomes of prediction, losses and derivatives when parameters, or the row's inputs, have other values.

    `changes` gives new values by name or position, `{"W_111": 0.2}`; `inputs` what the network is given, by number
    from 0. Raises `InputError` for a parameter that is not there or is named twice and for a value that is not
    finite, `WrongTypeError` for one that is no number.
    """
    given = inputs or {}
    if not changes and not given:
        raise InputError("what_if: no parameter is set; name one and its new value, as in {'W_111': 0.2}")
    positions = positions_of(moment.net, list(changes))
    w, x = moment.w.copy(), moment.row.x.copy()  # (P,), (1, inputs)
    for at, (which, value) in zip(positions, changes.items(), strict=True):
        w[at] = _number(which, value)
    for at, value in given.items():
        x[0, at] = _number(f"x_{at + 1}", value)
    before, after = _standing(moment, moment.w, moment.row), _standing(moment, w, replace(moment.row, x=x))
    moved = w - moment.w
    promised = float(before.row_gradient @ moved)
    if given:
        promised += float(links_of(moment).inputs @ (after.x - before.x))
    return WhatIf(
        symbols or Symbols(moment.net),
        positions,
        tuple(given),
        before,
        after,
        Promise(promised, after.row_loss - before.row_loss),
        Promise(float(before.mean_gradient @ moved), after.mean_loss - before.mean_loss),
        len(moment.rows),
    )


def _number(which: Which, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise WrongTypeError(f"what_if: {which} is set to {value!r}, but must be set to a number")
    if not isfinite(value):
        raise InputError(f"what_if: {which} is set to {value!r}, which is not a finite number")
    return float(value)


def _standing(moment: Moment, w: Array, row: Rows) -> Standing:
    net, training = moment.net, moment.training
    with np.errstate(all="ignore"):
        outputs = forward_propagation(net, w, row.x).output[0]
    engine = Reference()
    row_loss, row_gradient = engine.gradients(net, training, w, row)
    mean_loss, mean_gradient = engine.gradients(net, training, w, moment.rows)
    return Standing(
        w, row.x[0], outputs, row_loss, row_gradient, mean_loss, mean_gradient, penalty(net, training, w)
    )


def _plain(standing: Standing) -> dict[str, Any]:
    return {
        "outputs": standing.outputs.tolist(),
        "row loss": standing.row_loss,
        "mean loss": standing.mean_loss,
        "penalty": standing.penalty,
    }
