"""`explain`: from a run, a network and its table, or a row by itself, to the row's backpropagation, opened."""

from __future__ import annotations

from typing import Any

import numpy as np

from whygrad.engines import Engine
from whygrad.engines.choosing import continued
from whygrad.errors import InputError, WrongTypeError
from whygrad.explanation.moment import At, Moment, moment_of
from whygrad.explanation.row import Explanation, Origin
from whygrad.fitting import settled
from whygrad.history import Run
from whygrad.job import prepare
from whygrad.losses import Loss
from whygrad.losses import loss as find_loss
from whygrad.maths import Array
from whygrad.names import NOTATIONS
from whygrad.network import Network
from whygrad.propagation import row_losses
from whygrad.resuming import remembered_table
from whygrad.table import Rows, Table
from whygrad.training import Training
from whygrad.updates import SGD
from whygrad.weights import Init, initialize_parameters, views

__all__ = ["Explanation", "explain", "explain_row"]


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
        if training is not None or start is not None or settings:
            said = ", ".join(settings) or "training and start"
            raise InputError(f"a run is explained as it was trained; leave {said} out")
        if table is None and run.source is None:
            raise InputError("this run's table was no file; give it too, as in explain(run, table)")
        table = remembered_table(run) if table is None else table
        job = prepare(
            run.model.network,
            table,
            run.training,
            engine=continued(engine, run.engine),
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
    rows = Rows(_one_row("x", x), _one_row("y", y))
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


def _one_row(what: str, values: Any) -> Array:
    """(1, n)."""
    try:
        return np.asarray(values, np.float64).reshape(1, -1)
    except (TypeError, ValueError):
        raise WrongTypeError(f"{what} is {values!r}, but must be a row of numbers, as in [8, 8]") from None
