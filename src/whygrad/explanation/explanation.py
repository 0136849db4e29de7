"""`explain`: the whole of one row's backpropagation, to be asked about any parameter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from whygrad.engines import Engine
from whygrad.errors import InputError, WrongTypeError
from whygrad.explanation.chain import Chain, chain_of
from whygrad.explanation.links import Links, links_of
from whygrad.explanation.moment import At, Moment, moment_of
from whygrad.explanation.symbols import Symbols
from whygrad.fitting import settled
from whygrad.history import Run
from whygrad.job import prepare
from whygrad.losses import Loss
from whygrad.losses import loss as find_loss
from whygrad.maths import Array
from whygrad.names import NOTATIONS, find_parameter, places
from whygrad.network import Network
from whygrad.propagation import Gradients, backward_propagation, row_losses
from whygrad.resuming import remembered_table
from whygrad.table import Rows, Table
from whygrad.training import Training
from whygrad.updates import SGD
from whygrad.weights import Init, initialize_parameters, views


@dataclass(frozen=True, eq=False)
class Explanation:
    """One row's loss and all its derivatives at one moment; `explanation["W_111"]` opens a parameter.

    `gradient` (P,) is backpropagation's, by `names`; everything else is derived when it is asked for.
    """

    moment: Moment
    notation: str = "course"

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

    def position(self, name: str) -> int:
        """Where the parameter of that name stands in the flat vector; raises `InputError`."""
        return find_parameter(self.moment.net, name)

    def chain(self, name: str) -> Chain:
        """The chain of that parameter."""
        at = self.position(name)
        place = next(place for k, place in enumerate(places(self.moment.net)) if k == at)
        return chain_of(self.links, self.moment.loss, self.symbols, place)


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
        return Explanation(moment_of(job, table, row, "end" if at is None else at, run), notation)
    if not isinstance(subject, Network) or not isinstance(table, Table):
        raise WrongTypeError("explain takes a run, or a network and a table, as in explain(*example('students'))")
    job = prepare(subject, table, settled(table, training, settings), engine=engine, start=start)
    return Explanation(moment_of(job, table, row, "start" if at is None else at), notation)


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
    row_losses(net, training.loss, made.links.trace, rows.y)  # refuses targets of another shape
    return made
