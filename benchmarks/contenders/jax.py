"""JAX as most write it: a jitted step, called from Python for each batch; its arrays are given up to it.

The batch is cut out inside the step, which is quicker than cutting it in Python.
"""

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
    """See the package."""
    workload = task.workload
    update = update_of(workload)
    with settings(task.dtype):
        x, y = jax.device_put(task.data.x), jax.device_put(task.data.y)

    @partial(jax.jit, static_argnames="size", donate_argnums=0)
    def step(held: Held, x: Any, y: Any, first: Any, size: int) -> Held:
        part = partial(jax.lax.dynamic_slice_in_dim, start_index=first, slice_size=size)
        return update(held, part(x), part(y))

    def predict() -> Array:
        with settings(task.dtype):
            return np.asarray(whole(start(task)[0], x))

    whole = jax.jit(partial(outputs, workload))
    firsts = [np.int32(first) for first in range(0, task.rows, workload.batch)]

    def train() -> Array:
        with settings(task.dtype):
            held = start(task)
            for _ in range(task.epochs):
                for first in firsts:
                    held = step(held, x, y, first, size=min(workload.batch, task.rows - int(first)))
            return flat(held[0])

    return predict if workload.unit == "block" else train
