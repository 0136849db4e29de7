"""A job: a run about to be made, with everything checked, encoded and split."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from whygrad.activations import ACTIVATIONS
from whygrad.encoding import Encoding, encode_inputs, encode_targets, fit_encoding
from whygrad.engines import Engine
from whygrad.engines.choosing import choose
from whygrad.errors import InputError
from whygrad.history import Keep
from whygrad.maths import Array
from whygrad.metrics import Tally, class_numbers
from whygrad.network import Network
from whygrad.propagation import penalized
from whygrad.remarks import encoding_notes
from whygrad.scratch import PIECE, machine_memory, new_array, part, pieces, put
from whygrad.state import State
from whygrad.table import Indices, Missing, Rows, Source, Table, code_counts, listed, split_rows
from whygrad.targets import prepare_targets
from whygrad.told import telling
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
    _check_memory(net, training)
    _check_batch(table, training, len(learn))
    by_class = _class_weights(training, encoding, table, learn)
    rows, truth = _encoded(training, encoding, table, learn, by_class)
    validation, validation_truth = _encoded(training, encoding, table, check, None) if len(check) else (None, None)
    w = initialize_parameters(net, training.start if start is None else start, training.seed)
    trainable(net, training.freeze)
    choice = choose(engine, net, training, len(learn), len(check), rows.weights is not None)
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
    there = machine_memory()
    if wanted > there:
        raise InputError(
            f"{net.n_parameters:,} parameters need about {wanted / 2**30:,.0f} GiB with their optimizer; this "
            f"machine has {there / 2**30:,.0f}: take fewer hidden units"
        )


def _check_batch(table: Table, training: Training, rows: int) -> None:
    """Refuses to hold what a network makes of all rows of a table that memory may have no room for."""
    if table.streamed and training.batch_size(rows) > PIECE:
        raise InputError(
            f"batch {training.batch}: the rows of a batch lie in memory together, of a streamed table at most "
            f"{PIECE:,}; take fewer, as in 4096, or --no-stream"
        )


def _missing(table: Table) -> Missing:
    """What was asked when the table was read; a table without a file has gaps only if they are to be filled."""
    if table.source is not None:
        return table.source.missing
    return "fill" if any(column.missing().any() for column in table.inputs) else "refuse"


def _encoded(
    training: Training, encoding: Encoding, table: Table, chosen: Indices, by_class: Array | None
) -> tuple[Rows, Array]:
    """(these rows of the table, their targets as encoded, before smoothing); on disk where the table is."""
    n, dtype, disk = len(chosen), training.dtype, table.streamed
    x = new_array((n, encoding.n_inputs), dtype, disk)
    y = new_array((n, encoding.n_outputs), dtype, disk)
    truth = new_array((n, encoding.n_outputs), "float64", disk)
    plain = table.row_weights is None and by_class is None
    weights = None if plain else new_array((n,), dtype, disk)
    with telling("encoding rows") as tell:
        for piece in pieces(n):
            here = table.take(chosen[piece])
            targets = encode_targets(encoding, here)
            put(truth, piece, targets)
            put(y, piece, prepare_targets(training.loss, targets, training.smoothing, piece.start))
            put(x, piece, encode_inputs(encoding, here, unknown="zeros"))
            if weights is not None:
                put(weights, piece, _row_weights(here, targets, by_class))
            tell(piece.stop / n)
    return Rows(x, y, weights), truth


def _row_weights(table: Table, targets: Array, by_class: Array | None) -> Array:
    """(rows,): each row's own weight times its class's."""
    own = np.ones(len(table)) if table.row_weights is None else table.row_weights
    return own if by_class is None else np.asarray(by_class[class_numbers(targets)] * own)


def _class_weights(training: Training, encoding: Encoding, table: Table, learn: Indices) -> Array | None:
    """(classes,): the weight of each; None where they are not weighed."""
    if not training.class_weights:
        return None
    if not encoding.classes:
        if encoding.task == "regression":
            raise InputError("class_weights: the target has no classes; leave them out for numbers")
        raise InputError("class_weights weigh the classes of one target; leave them out for several")
    if training.class_weights == "balanced":
        counts = code_counts(table.targets[0], learn)
        return np.asarray(len(learn) / (len(counts) * np.maximum(counts, 1)))
    given = dict(training.class_weights)
    for name in given:
        if name not in encoding.classes:
            raise InputError(f"class_weights: {name!r} is no class; the classes are {listed(encoding.classes)}")
    return np.array([given.get(name, 1.0) for name in encoding.classes])


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
    found = np.zeros_like(w)
    for piece in pieces(len(job.rows)):
        share = (piece.stop - piece.start) / len(job.rows)
        found = found + share * job.engine.gradients(job.net, job.training, w, job.rows.take(piece))[1]
    return penalized(job.net, job.training, w, found)


def measured(job: Job, w: Array, rows: Rows, truth: Array) -> tuple[float, dict[str, float]]:
    """(mean loss, scores) of rows whose targets are known, piece by piece."""
    total, tally = 0.0, Tally(job.encoding, job.training.loss.threshold)
    for piece in pieces(len(rows)):
        seen = job.engine.evaluate(job.net, job.training, w, rows.take(piece))
        total += seen.loss * ((piece.stop - piece.start) / len(rows))
        tally.add(part(truth, piece), seen.outputs)
    return total, tally.scores()
