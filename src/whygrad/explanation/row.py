"""The whole of one row's backpropagation, to be asked about any parameter and unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from whygrad.errors import InputError
from whygrad.explanation.biography import Biography, biography_of
from whygrad.explanation.consensus import Consensus, consensus
from whygrad.explanation.extras import Formulas, sensitivity_blocks
from whygrad.explanation.factors import Chain
from whygrad.explanation.facts import given_blocks, head_blocks
from whygrad.explanation.finding import no_such, once, parameter, settings, unit_of, unit_or_none
from whygrad.explanation.forms.html import as_fragment
from whygrad.explanation.forms.text import as_text
from whygrad.explanation.formula import definitions, explicit_formula
from whygrad.explanation.landscape import LossValues, loss_of
from whygrad.explanation.links import Links, links_of
from whygrad.explanation.moment import Moment
from whygrad.explanation.opened import Opened
from whygrad.explanation.opening import forward_blocks, gradient_blocks, is_small, picked, tree_blocks
from whygrad.explanation.pages import Page
from whygrad.explanation.paths import Paths
from whygrad.explanation.pulls import Pulls
from whygrad.explanation.sections import agreement_blocks
from whygrad.explanation.sensitivities import Sensitivities, sensitivities
from whygrad.explanation.step import all_steps
from whygrad.explanation.symbols import Sign, Symbols, word
from whygrad.explanation.unit import OpenedUnit
from whygrad.explanation.whatif import WhatIf, what_if
from whygrad.history import Run
from whygrad.job import Job
from whygrad.maths import Array
from whygrad.names import Place, parameter_names, place_of
from whygrad.propagation import Gradients, backward_propagation
from whygrad.table import Table


class Origin(NamedTuple):
    """The training that a row was taken from."""

    job: Job
    table: Table
    run: Run | None


@dataclass(frozen=True, eq=False)
class Explanation:
    """One row's loss and all its derivatives at one moment; `explanation["W_111"]` opens a parameter.

    `gradient` (P,) is backpropagation's, by `names`; everything else is derived when it is asked for.
    """

    moment: Moment
    notation: str = "course"
    origin: Origin | None = None

    @cached_property
    def links(self) -> Links:
        """The local derivatives of the row."""
        return links_of(self.moment)

    @cached_property
    def symbols(self) -> Symbols:
        """How things are written."""
        return Symbols(self.moment.net, self.notation)

    @cached_property
    @np.errstate(all="ignore")
    def backward(self) -> Gradients:
        """What backpropagation makes of the row."""
        m = self.moment
        return backward_propagation(m.net, m.w, self.links.trace, m.row.y, m.loss, m.row.weights)

    @property
    def gradient(self) -> Array:
        """(P,): the derivative of the row's loss by every parameter."""
        return self.backward.flat

    @property
    def loss(self) -> float:
        """The row's loss, its weight counted, without penalty."""
        return self.links.loss

    @property
    def outputs(self) -> Array:
        """(outputs,): the prediction, as the network gives it."""
        return np.asarray(self.links.trace.output[0])

    def __getitem__(self, name: str) -> Opened:
        """That parameter opened. Raises `InputError` for a name that is none."""
        place = place_of(self.moment.net, self.position(name))
        return Opened(self.moment, self.links, self.symbols, place, self.gradient)

    def unit(self, name: str) -> OpenedUnit:
        """A unit's output (O_11, h1.2, y_hat) or an input (x_1) opened. Raises `InputError` for a name of none."""
        return OpenedUnit(self.moment, self.links, self.symbols, *unit_of(self.moment, name), self.gradient)

    def opened(self, name: str) -> Opened | OpenedUnit:
        """That parameter, unit or input opened. Raises `InputError` for a name that is none of them."""
        try:
            return self[name]
        except InputError as problem:
            if unit_or_none(self.moment, name) is None:
                raise no_such(self.moment, name, problem) from None
            return self.unit(name)

    def position(self, name: str) -> int:
        """Where the parameter of that name stands in the flat vector; raises `InputError`."""
        return parameter(self.moment, name)

    def chain(self, name: str) -> Chain:
        """The derivative by that parameter as a product of factors."""
        return self[name].chain

    def paths(self, name: str, k: int = 10) -> Paths:
        """The k largest ways to the loss from a parameter, a unit's output (O_11) or an input (x_1)."""
        return self.opened(name).paths(k)

    def rows(self, name: str) -> Pulls:
        """How every training row pulls that parameter."""
        return self[name].pulls

    @np.errstate(all="ignore")
    def sensitivities(self, k: int | None = None) -> Sensitivities:
        """The k parameters that the row's loss reacts to most, and the units and inputs."""
        return sensitivities(self.moment, self.links, self.symbols, k)

    @np.errstate(all="ignore")
    def what_if(self, changes: Mapping[str, float] | None = None, /, **named: float) -> WhatIf:
        """What becomes of everything when parameters or inputs are set: `why.what_if(W_111=0.2, x_1=3)`.

        `x_1` is what the network is given; by its column's name an input is set in the table's units.
        """
        both = [(name, value) for part in (changes or {}, named) for name, value in part.items()]
        wanted = settings(self.moment, both)
        return what_if(self.moment, wanted.parameters, self.symbols, wanted.inputs)

    @np.errstate(all="ignore")
    def loss_of(self, grids: Mapping[str, Any], rows: Literal["row", "all"] = "row") -> LossValues:
        """The loss as a function of some parameters, the rest frozen: `why.loss_of({"W_111": [0, 0.1, 0.2]})`."""
        wanted = once(self.moment, list(grids.items()))
        return loss_of(self.moment, list(wanted), list(wanted.values()), rows, self.symbols)

    def formula(self, which: Literal["output", "loss"] = "output", unit: int = 0) -> Sign:
        """The prediction, or the loss, as one formula of all parameters. Raises `InputError` if it is too long."""
        return explicit_formula(self.moment.net, self.moment.loss, self.symbols, which, unit)

    def formulas(self) -> Formulas:
        """All predictions and the loss so, and what the functions in them are."""
        outputs = tuple(self.formula("output", unit) for unit in range(self.moment.net.outputs))
        return Formulas((*outputs, self.formula("loss")), definitions(self.moment.net))

    def biography(self, name: str | Place, progress: Callable[[int, int], object] | None = None) -> Biography:
        """That parameter's life: its value over the updates, and which rows and epochs moved it how far.

        Trains again from the start where the run did not keep every step; `progress(done, of)` is called now and
        then. Raises `InputError` for a row that was given without a training.
        """
        if self.origin is None:
            raise InputError("biography: this row has no training; explain a run, or a network with its table")
        place = name if isinstance(name, Place) else place_of(self.moment.net, self.position(name))
        return biography_of(*self.origin[:2], place, self.origin.run, self.notation, progress)

    @np.errstate(all="ignore")
    def agreement(self, against: str | Iterable[str] | None = None) -> Consensus:
        """What paths, backpropagation, nudge and libraries say of the gradient; see `Opened.agreement`."""
        return consensus(self.moment, self.links, self.gradient, self.symbols, against)

    @np.errstate(all="ignore")
    def page(self, against: str | Iterable[str] | None = None, only: Iterable[str] | None = None) -> Page:
        """The row's forward pass, its gradient and what the update makes of every parameter.

        `only` names sections: given, forward, tree, gradient and sensitivities. Without it a small network has all
        but the last of them, a large one all but tree and gradient.
        """
        m, links, symbols = self.moment, self.links, self.symbols
        sections = {
            "given": lambda: given_blocks(m, symbols),
            "forward": lambda: forward_blocks(m, links, symbols),
            "tree": lambda: tree_blocks(links, symbols),
            "gradient": lambda: gradient_blocks(m, symbols, self.gradient, all_steps(m) if len(m.batch) else None),
            "sensitivities": lambda: sensitivity_blocks(self.sensitivities(10)),
        }
        usual = (
            ("given", "forward", "tree", "gradient") if is_small(m.net) else ("given", "forward", "sensitivities")
        )
        blocks = (*head_blocks(m, symbols), *picked(sections, usual if only is None else only))
        title = f"The row's backpropagation: {m.net}"
        return Page(word(title), blocks, agreement_blocks(self.agreement(against)))

    def row_to_plain(self) -> dict[str, Any]:
        """The row, its forward pass and loss: numbers, words and lists only, for JSON."""
        m, trace = self.moment, self.links.trace
        return {
            "row": m.place,
            "when": m.when,
            "notes": list(m.notes),
            "facts": dict(m.facts),
            "x": m.row.x[0].tolist(),
            "y": m.row.y[0].tolist(),
            "weight": m.weight,
            "z": [z[0].tolist() for z in trace.z],
            "a": [a[0].tolist() for a in trace.a[1:]],
            "loss": self.loss,
        }

    @np.errstate(all="ignore")
    def to_plain(self, against: str | Iterable[str] | None = None) -> dict[str, Any]:
        """All of the row, for JSON."""
        m, links = self.moment, self.links
        values = {"value": m.w, "derivative": self.gradient, **({"next": all_steps(m)} if len(m.batch) else {})}
        names = parameter_names(m.net, self.notation)
        return {
            **self.row_to_plain(),
            "dL/da": [pull.tolist() for pull in links.pulls],
            "dL/dz": [delta.tolist() for delta in links.deltas],
            "dL/dx": links.inputs.tolist(),
            "parameters": {
                name: {what: float(v[k]) for what, v in values.items()} for k, name in enumerate(names)
            },
            "agreement": self.agreement(against).to_plain(),
        }

    @cached_property
    def _shown(self) -> Page:
        return self.page()

    def __repr__(self) -> str:
        return as_text(self._shown)

    def _repr_html_(self) -> str:
        return as_fragment(self._shown)
