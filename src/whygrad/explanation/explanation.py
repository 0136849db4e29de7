"""`explain`: the whole of one row's backpropagation, to be asked about any parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from whygrad.engines import Engine
from whygrad.errors import InputError, WrongTypeError
from whygrad.explanation.biography import Biography, biography_of
from whygrad.explanation.chain import Chain
from whygrad.explanation.consensus import Consensus, consensus
from whygrad.explanation.forms.html import as_fragment
from whygrad.explanation.forms.text import as_text
from whygrad.explanation.formula import definitions, explicit_formula
from whygrad.explanation.landscape import LossValues, loss_of
from whygrad.explanation.links import Links, links_of
from whygrad.explanation.moment import At, Moment, moment_of
from whygrad.explanation.opened import Opened
from whygrad.explanation.opening import (
    forward_blocks,
    gradient_blocks,
    is_small,
    row_blocks,
)
from whygrad.explanation.pages import Heading, Page, Words
from whygrad.explanation.paths import Paths, paths_from
from whygrad.explanation.positions import Which
from whygrad.explanation.pulls import Pulls
from whygrad.explanation.sections import Formulas, sensitivity_blocks
from whygrad.explanation.sensitivities import Sensitivities, sensitivities
from whygrad.explanation.step import all_steps
from whygrad.explanation.symbols import Sign, Symbols
from whygrad.explanation.whatif import WhatIf, what_if
from whygrad.fitting import settled
from whygrad.history import Run
from whygrad.job import Job, prepare
from whygrad.losses import Loss
from whygrad.losses import loss as find_loss
from whygrad.maths import Array
from whygrad.names import (
    NOTATIONS,
    find_parameter,
    find_unit,
    parameter_names,
    place_of,
)
from whygrad.network import Network
from whygrad.propagation import Gradients, backward_propagation, row_losses
from whygrad.resuming import remembered_table
from whygrad.table import Rows, Table
from whygrad.training import Training
from whygrad.updates import SGD
from whygrad.weights import Init, initialize_parameters, views


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
        at = self.position(name)
        place = place_of(self.moment.net, at)
        return Opened(self.moment, self.links, self.symbols, place, self.gradient)

    def position(self, name: str) -> int:
        """Where the parameter of that name stands in the flat vector; raises `InputError`."""
        return find_parameter(self.moment.net, name, self.moment.input_names, self.moment.output_names)

    def chain(self, name: str) -> Chain:
        """The derivative by that parameter as a product of factors."""
        return self[name].chain

    def paths(self, name: str, k: int = 10) -> Paths:
        """The k largest ways to the loss from a parameter, a unit's output (O_11) or an input (x_1)."""
        m = self.moment
        try:
            return self[name].paths(k)
        except InputError as problem:
            try:
                layer, unit = find_unit(m.net, name, m.input_names, m.output_names)
            except InputError:
                raise problem from None
            return paths_from(self.links, self.symbols, layer, unit, k)

    def rows(self, name: str) -> Pulls:
        """How every training row pulls that parameter."""
        return self[name].pulls

    def sensitivities(self, k: int | None = None) -> Sensitivities:
        """The k parameters that the row's loss reacts to most, and the units and inputs."""
        return sensitivities(self.moment, self.links, self.symbols, k)

    def what_if(self, changes: Mapping[str, float] | None = None, /, **named: float) -> WhatIf:
        """What becomes of everything when parameters are set: `why.what_if(W_111=0.2)`."""
        wanted: dict[Which, float] = {
            self.position(name): value for name, value in {**(changes or {}), **named}.items()
        }
        return what_if(self.moment, wanted, self.symbols)

    def loss_of(self, grids: Mapping[str, Any], rows: Literal["row", "all"] = "row") -> LossValues:
        """The loss as a function of some parameters, the rest frozen: `why.loss_of({"W_111": [0, 0.1, 0.2]})`."""
        positions = [self.position(name) for name in grids]
        return loss_of(self.moment, positions, list(grids.values()), rows, self.symbols)

    def formula(self, which: Literal["output", "loss"] = "output", unit: int = 0) -> Sign:
        """The prediction, or the loss, as one formula of all parameters. Raises `InputError` if it is too long."""
        return explicit_formula(self.moment.net, self.moment.loss, self.symbols, which, unit)

    def formulas(self) -> Formulas:
        """All predictions and the loss so, and what the functions in them are."""
        outputs = tuple(self.formula("output", unit) for unit in range(self.moment.net.outputs))
        return Formulas((*outputs, self.formula("loss")), definitions(self.moment.net))

    def biography(self, name: str, progress: Callable[[int, int], object] | None = None) -> Biography:
        """That parameter's life: its value over the updates, and which rows and epochs moved it how far.

        Trains again from the start where the run did not keep every step; `progress(done, of)` is called now and
        then. Raises `InputError` for a row that was given without a training.
        """
        if self.origin is None:
            raise InputError("biography: this row has no training; explain a run, or a network with its table")
        place = place_of(self.moment.net, self.position(name))
        return biography_of(*self.origin[:2], place, self.origin.run, self.notation, progress)

    def agreement(self, against: str | Iterable[str] | None = None) -> Consensus:
        """What paths, backpropagation, nudge and libraries say of the gradient; see `Opened.agreement`."""
        return consensus(self.moment, self.links, self.gradient, self.symbols, against)

    def page(self, against: str | Iterable[str] | None = None) -> Page:
        """The row's forward pass, its gradient and what the update makes of every parameter."""
        m, links, symbols = self.moment, self.links, self.symbols
        blocks = [*row_blocks(m, symbols), *forward_blocks(m, links, symbols)]
        if is_small(m.net):
            blocks += gradient_blocks(m, symbols, self.gradient, all_steps(m) if len(m.batch) else None)
        else:
            blocks += sensitivity_blocks(self.sensitivities(10))
        agreed = self.agreement(against)
        blocks += [Heading("Agreement"), Words(agreed.line(), loud=not agreed.agrees)]
        return Page(f"The row's backpropagation: {m.net}", tuple(blocks))

    def to_plain(self) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON."""
        m = self.moment
        names = parameter_names(m.net, self.notation)
        values = {"value": m.w, "derivative": self.gradient, **({"next": all_steps(m)} if len(m.batch) else {})}
        return {
            "row": m.place,
            "when": m.when,
            "facts": dict(m.facts),
            "x": m.row.x[0].tolist(),
            "y": m.row.y[0].tolist(),
            "z": [z[0].tolist() for z in self.links.trace.z],
            "a": [a[0].tolist() for a in self.links.trace.a[1:]],
            "loss": self.loss,
            "dL/da": [pull.tolist() for pull in self.links.pulls],
            "dL/dz": [delta.tolist() for delta in self.links.deltas],
            "dL/dx": self.links.inputs.tolist(),
            "parameters": {
                name: {what: float(v[k]) for what, v in values.items()} for k, name in enumerate(names)
            },
        }

    def __repr__(self) -> str:
        return as_text(self.page())

    def _repr_html_(self) -> str:
        return as_fragment(self.page())


def explain(
    subject: Run | Network,
    table: Table | None = None,
    training: Training | None = None,
    *,
    row: int = 0,
    at: At | None = None,
    start: Init | None = None,
    engine: str | Engine = "auto",
    notation: str = "course",
    **settings: Any,
) -> Explanation:
    """Opens one row's backpropagation.

    `subject` is a run, or a network with the table and training that `fit` would take: `explain(*example(...))`.
    `row` counts from 0, over the whole table. `at` is "start" (of a network), "end" (of a run), an epoch, or
    "EPOCH:ROW", just before the update that meets that row. A run whose table was no file needs it as `table`.
    Raises `InputError` or `WrongTypeError` for what is not there or does not go together.
    """
    if notation not in NOTATIONS:
        raise InputError(f"notation: {notation!r} is not known; it can be {', '.join(NOTATIONS)}")
    if isinstance(subject, Run):
        run = subject
        table = remembered_table(run) if table is None else table
        job = prepare(
            run.model.network,
            table,
            run.training,
            engine=engine,
            start=views(run.model.network, run.start),
            encoding=run.model.encoding,
        )
        moment = moment_of(job, table, row, "end" if at is None else at, run)
        return Explanation(moment, notation, Origin(job, table, run))
    if not isinstance(subject, Network) or not isinstance(table, Table):
        raise WrongTypeError("explain takes a run, or a network and a table, as in explain(*example('students'))")
    job = prepare(subject, table, settled(table, training, settings), engine=engine, start=start)
    moment = moment_of(job, table, row, "start" if at is None else at)
    return Explanation(moment, notation, Origin(job, table, None))


def explain_row(
    net: Network,
    w: Init,
    x: Any,
    y: Any,
    loss: str | Loss = "mse",
    training: Training | None = None,
    notation: str = "course",
) -> Explanation:
    """Opens one row without any table: inputs x (inputs,), targets y (outputs,), parameters `w` as a start.

    `w` is a flat vector (P,), or anything `initialize_parameters` takes. The targets are as the loss reads them:
    one-hot for classes. The training, by default SGD, says what an update would do. Raises `InputError`.
    """
    flat = isinstance(w, np.ndarray) and w.ndim == 1
    parameters = np.asarray(w, np.float64) if flat else initialize_parameters(net, w)
    rows = Rows(np.asarray(x, np.float64).reshape(1, -1), np.asarray(y, np.float64).reshape(1, -1))
    training = training or Training(
        loss=find_loss(loss), optimizer=SGD(), batch=1, order="sequential", start="given"
    )
    memory = tuple(np.zeros_like(parameters) for _ in training.optimizer.memories)
    rate = training.optimizer.learning_rate
    made = Explanation(
        Moment(net, training, parameters, rows, rows, np.zeros(1, np.int64), memory, 0, rate), notation
    )
    with np.errstate(all="ignore"):
        row_losses(net, training.loss, made.links.trace, rows.y)  # refuses targets of another shape
    return made
