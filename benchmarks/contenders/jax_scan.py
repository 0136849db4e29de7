"""JAX at its strongest: a whole epoch compiled as one `lax.scan` over the batches, called once an epoch."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from benchmarks.contenders import Run
from benchmarks.contenders.jaxes import Held, outputs, start, update_of
from benchmarks.workloads import Task
from whygrad.maths import Array
from whygrad.rivals.jax import settings
from whygrad.rivals.protocol import flat


def prepare(task: Task, option: int) -> Run:
    """See the package; rows that do not fill a batch are a last update (or block) of their own."""
    workload, size = task.workload, min(task.workload.batch, task.rows)
    update, full = update_of(workload), task.rows // size * size
    with settings(task.dtype):
        x, y = (jax.device_put(v[:full].reshape(-1, size, v.shape[1])) for v in (task.data.x, task.data.y))
        rest_x, rest_y = jax.device_put(task.data.x[full:]), jax.device_put(task.data.y[full:])

    @partial(jax.jit, donate_argnums=0)
    def epoch(held: Held, x: Any, y: Any, rest_x: Any, rest_y: Any) -> Held:
        held, _ = jax.lax.scan(lambda held, batch: (update(held, *batch), None), held, (x, y))
        return update(held, rest_x, rest_y) if len(rest_x) else held

    blocks = jax.jit(lambda parts, x: jax.lax.map(partial(outputs, workload, parts), x))

    def predict() -> Array:
        with settings(task.dtype):
            parts = start(task)[0]
            found = np.asarray(blocks(parts, x)).reshape(full, -1)
            return np.concatenate([found, np.asarray(outputs(workload, parts, rest_x))]) if len(rest_x) else found

    def train() -> Array:
        with settings(task.dtype):
            held = start(task)
            for _ in range(task.epochs):
                held = epoch(held, x, y, rest_x, rest_y)
            return flat(held[0])

    return predict if workload.unit == "block" else train
