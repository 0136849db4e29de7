"""What both JAX contenders compute: the loss, and one update of parameters [W, b, W, b ...] and their memories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.workloads import Task, Workload
from whygrad.rivals.protocol import matrices
from whygrad.updates import Adam

_HIDDEN: dict[str, Callable[[Any], Any]] = {"tanh": jnp.tanh, "relu": jax.nn.relu, "linear": lambda z: z}
Held = tuple[Any, ...]  # parameters, memories, the number of updates done


def outputs(workload: Workload, parts: list[Any], x: Any) -> Any:
    """z of the last layer (rows, n_out)."""
    a = x
    for k in range(0, len(parts) - 2, 2):
        a = _HIDDEN[workload.hidden](a @ parts[k] + parts[k + 1])
    return a @ parts[-2] + parts[-1]


def update_of(workload: Workload) -> Callable[[Held, Any, Any], Held]:
    """(held, x, y) -> held, one update."""

    def loss(parts: list[Any], x: Any, y: Any) -> Any:
        z = outputs(workload, parts, x)
        if workload.classifies:
            return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), axis=1))
        return jnp.mean((z - y) ** 2)

    rule = workload.optimizer

    def update(held: Held, x: Any, y: Any) -> Held:
        parts, m, v, t = held
        g = jax.grad(loss)(parts, x, y)
        if not isinstance(rule, Adam):
            return [w - rule.learning_rate * d for w, d in zip(parts, g, strict=True)], m, v, t
        t = t + 1
        m = [rule.beta1 * a + (1 - rule.beta1) * d for a, d in zip(m, g, strict=True)]
        v = [rule.beta2 * a + (1 - rule.beta2) * d * d for a, d in zip(v, g, strict=True)]
        far, near = rule.learning_rate / (1 - rule.beta1**t), 1 / jnp.sqrt(1 - rule.beta2**t)
        moved = [w - far * a / (jnp.sqrt(b) * near + rule.epsilon) for w, a, b in zip(parts, m, v, strict=True)]
        return moved, m, v, t

    return update


def start(task: Task) -> Held:
    """Parameters and memories before the first update, in fresh arrays."""
    workload = task.workload
    parts = [jnp.asarray(p) for p in matrices(workload.network, workload.start(task.dtype))]
    some = isinstance(workload.optimizer, Adam)
    m, v = ([jnp.zeros_like(p) for p in parts] if some else [] for _ in range(2))
    return parts, m, v, jnp.zeros((), task.dtype)
