"""whygrad follows a training as a rival does, by one of its engines: what every rival is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from whygrad.engines import Engine, Reference
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.rivals.protocol import Diary, Followed, walk
from whygrad.state import State
from whygrad.table import Indices, Rows
from whygrad.training import Training

FollowSelf = Callable[[Network, Training, Array, Rows, Sequence[Indices]], Followed]


def following(engine: Engine) -> FollowSelf:
    """A function that has this engine train from `start` (P,), one order of the rows an epoch, step by step."""

    def follow(net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]) -> Followed:
        dtype = np.dtype(training.dtype)
        weights = None if rows.weights is None else rows.weights.astype(dtype)
        rows = Rows(rows.x.astype(dtype), rows.y.astype(dtype), weights)
        w = start.astype(dtype)
        state = State(w, tuple(np.zeros_like(w) for _ in training.optimizer.memories))
        diary = Diary(net, training, orders)
        for step in walk(training, orders):
            state, losses, _ = engine.advance(net, training, state, rows, step.rows, np.array([step.rate]))
            diary.note(float(losses[0]), state.w.copy)
        return diary.close()

    return follow


follow_reference = following(Reference())
