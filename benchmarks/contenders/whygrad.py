"""whygrad's compiled engine, called as the training loop calls it: chunk by chunk."""

from __future__ import annotations

import numpy as np

from benchmarks.contenders import Run
from benchmarks.workloads import Task
from whygrad.engines import Compiled
from whygrad.loop import CHUNK
from whygrad.maths import Array
from whygrad.state import State


def prepare(task: Task, option: int) -> Run:
    """See the package."""
    workload, rows, engine = task.workload, task.data, Compiled()
    net, training, start = workload.network, workload.training(task.dtype, task.epochs), workload.start(task.dtype)
    order = np.arange(len(rows))
    whole = workload.batch * max(1, CHUNK // workload.batch)
    rates = np.full(-(-whole // workload.batch), training.optimizer.learning_rate)

    def predict() -> Array:
        return engine.evaluate(net, training, start, rows).outputs

    def train() -> Array:
        state = State(start, tuple(np.zeros_like(start) for _ in training.optimizer.memories))
        for _ in range(task.epochs):
            for first in range(0, len(order), whole):
                part = order[first : first + whole]
                rate = rates[: -(-len(part) // workload.batch)]
                state = engine.advance(net, training, state, rows, part, rate).state
        return state.w

    return predict if workload.unit == "block" else train
