"""A job: a run about to be made, with everything checked, encoded and split."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from whygrad.activations import ACTIVATIONS
from whygrad.encoding import Encoding, encode_inputs, encode_targets, fit_encoding
from whygrad.engines import Engine
from whygrad.engines.choosing import choose
from whygrad.errors import InputError
from whygrad.history import Keep
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import penalized
from whygrad.remarks import encoding_notes
from whygrad.state import State
from whygrad.table import Missing, Rows, Source, Table, listed, split_rows
from whygrad.targets import prepare_targets
from whygrad.training import Training
from whygrad.weights import Init, initialize_parameters, trainable


@dataclass(frozen=True, eq=False)
class Job:
    """A run about to be made: everything checked, encoded and split."""

    net: Network
    training: Training
    encoding: Encoding
    rows: Rows  # the training rows, class weights multiplied in
    truth: Array  # (rows, n_out), their targets as encoded, before smoothing
    validation: Rows | None
    validation_truth: Array | None
    start: Array  # (P,)
    engine: Engine
    keep: Keep = field(default_factory=Keep)
    source: Source | None = None
    notes: tuple[str, ...] = ()
    why: str = ""  # this engine, where it was chosen and not named

    def first_state(self) -> State:
        """Before the first update: the start values, empty memories."""
        empty = tuple(np.zeros_like(self.start) for _ in self.training.optimizer.memories)
        return State(self.start, empty)

    @property
    def batch(self) -> int:
        """Rows an update."""
        return min(self.training.batch_size(len(self.rows)), len(self.rows))


def prepare(
    net: Network,
    table: Table,
    training: Training,
    *,
    engine: str | Engine = "auto",
    start: Init | None = None,
    keep: Keep | None = None,
    encoding: Encoding | None = None,
) -> Job:
    """Splits, encodes (fitted on the training rows only, unless an encoding is given) and checks.

    `start` overrides `training.start`, for given arrays. Raises `InputError` where network, table, loss and
    settings do not go together.
    """
    learn, check = split_rows(table, training.validation, training.seed)
    if encoding is None:
        plain = training.scale == "none" or training.loss.targets != "any"
        encoding = fit_encoding(
            table, learn, scale=training.scale, scale_targets=not plain, missing=_missing(table)
        )
    _check_fit(net, table, training, encoding)
    dtype = np.dtype(training.dtype)
    learn_table = table.take(learn)
    truth = encode_targets(encoding, learn_table)
    rows = _rows(training, encoding, learn_table, truth, _row_weights(training, encoding, learn_table, truth))
    validation, validation_truth = None, None
    if len(check):
        check_table = table.take(check)
        validation_truth = encode_targets(encoding, check_table)
        validation = _rows(training, encoding, check_table, validation_truth, check_table.row_weights)
    _check_memory(net, training)
    w = initialize_parameters(net, training.start if start is None else start, training.seed)
    trainable(net, training.freeze)
    choice = choose(engine, net, training, len(learn), len(check))
    return Job(
        net,
        training,
        encoding,
        rows,
        truth,
        validation,
        validation_truth,
        w.astype(dtype),
        choice.engine,
        keep or Keep(),
        table.source,
        (*table.notes, *encoding_notes(table, learn, encoding), *choice.notes),
        choice.why,
    )


def _check_memory(net: Network, training: Training) -> None:
    """Refuses a network whose parameters, gradient and optimizer alone would not fit into this machine."""
    copies = 4 + len(training.optimizer.memories)  # start, w, its gradient, the update
    wanted = copies * net.n_parameters * np.dtype(training.dtype).itemsize
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if wanted > there:
        raise InputError(
            f"{net.n_parameters:,} parameters need about {wanted / 2**30:,.0f} GiB with their optimizer; this "
            f"machine has {there / 2**30:,.0f}: take fewer hidden units"
        )


def _missing(table: Table) -> Missing:
    """What was asked when the table was read; a table without a file has gaps only if they are to be filled."""
    if table.source is not None:
        return table.source.missing
    return "fill" if any(column.missing().any() for column in table.inputs) else "refuse"


def _rows(training: Training, encoding: Encoding, table: Table, truth: Array, weights: Array | None) -> Rows:
    dtype = np.dtype(training.dtype)
    x = encode_inputs(encoding, table, unknown="zeros").astype(dtype)
    y = prepare_targets(training.loss, truth, training.smoothing).astype(dtype)
    return Rows(x, y, None if weights is None else weights.astype(dtype))


def _row_weights(training: Training, encoding: Encoding, table: Table, truth: Array) -> Array | None:
    """(rows,): each row's own weight times its class's."""
    if not training.class_weights:
        return table.row_weights
    if not encoding.classes:
        if encoding.task == "regression":
            raise InputError("class_weights: the target has no classes; leave them out for numbers")
        raise InputError("class_weights weigh the classes of one target; leave them out for several")
    numbers = truth[:, 0].astype(int) if encoding.task == "binary" else truth.argmax(axis=1)  # (rows,)
    n = len(encoding.classes)
    if training.class_weights == "balanced":
        counts = np.bincount(numbers, minlength=n)
        by_class = len(numbers) / (n * np.maximum(counts, 1))
    else:
        given = dict(training.class_weights)
        for name in given:
            if name not in encoding.classes:
                raise InputError(
                    f"class_weights: {name!r} is no class; the classes are {listed(encoding.classes)}"
                )
        by_class = np.array([given.get(name, 1.0) for name in encoding.classes])
    return np.asarray(by_class[numbers] * (1.0 if table.row_weights is None else table.row_weights))


def _check_fit(net: Network, table: Table, training: Training, encoding: Encoding) -> None:
    if not table.targets:
        raise InputError("the table has no target column; name one with --target")
    for what, have, names in (
        ("inputs", net.inputs, encoding.input_names),
        ("outputs", net.outputs, encoding.output_names),
    ):
        if have != len(names):
            raise InputError(f"the network has {have} {what}, but the table makes {len(names)}: {listed(names)}")
    if not training.loss.accepts(net.output):
        fit = [name for name, output in ACTIVATIONS.items() if training.loss.accepts(output)]
        low, high = training.loss.low, training.loss.high
        wanted = "of both signs" if training.loss.targets == "sign" else f"from {low:g} to {high:g}"
        raise InputError(
            f"loss {training.loss.name} needs outputs {wanted}, but {net.output.name} returns "
            f"{net.output.low:g} to {net.output.high:g}; it goes with {', '.join(fit)}"
        )
    if net.output.name == "softmax" and net.outputs == 1:
        raise InputError("a softmax of one output is always 1 and learns nothing; one output wants sigmoid")


@np.errstate(all="ignore")
def table_gradient(job: Job, w: Array) -> Array:
    """(P,): the gradient of the training rows' mean loss plus penalty; what is frozen has one too."""
    _, g = job.engine.gradients(job.net, job.training, w, job.rows)
    return penalized(job.net, job.training, w, g)
