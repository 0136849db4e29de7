"""whygrad follows a training as a rival does: the reference every rival is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import backward_propagation, forward_propagation, row_losses, update_parameters
from whygrad.rivals.protocol import Diary, Followed, walk
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.weights import flatten

FollowSelf = Callable[[Network, Training, Array, Rows, Sequence[Indices]], Followed]


def follow_reference(
    net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]
) -> Followed:
    """Trains from `start` (P,), one order of the rows an epoch, by the functions of `propagation`."""
    x, y = rows.x.astype(training.dtype), rows.y.astype(training.dtype)
    weights = None if rows.weights is None else rows.weights.astype(training.dtype)
    w = start.astype(training.dtype)
    memory = tuple(np.zeros_like(w) for _ in training.optimizer.memories)
    diary = Diary(net, training, orders)
    with np.errstate(all="ignore"):  # a diverging run overflows; its losses say so
        for step in walk(training, orders):
            at = step.rows
            of_batch = None if weights is None else weights[at]  # (batch,)
            trace = forward_propagation(net, w, x[at])
            losses = row_losses(net, training.loss, trace, y[at])  # (batch,)
            found = backward_propagation(net, w, trace, y[at], training.loss, of_batch)
            gradient = flatten(net, found.layers)
            w, memory = update_parameters(net, training, w, gradient, memory, step.number, step.rate)
            loss = losses.mean() if of_batch is None else (losses * of_batch).mean()
            diary.note(float(loss), w.copy)
    return diary.close()
