"""PyTorch with `torch.compile`: the whole update, forward, backward and optimizer, as one compiled graph.

A last batch of fewer rows takes the same update uncompiled, as another size would be compiled anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch

from benchmarks.contenders import Run
from benchmarks.workloads import Task, Workload
from whygrad.maths import Array
from whygrad.rivals.protocol import flat, matrices
from whygrad.updates import Adam

_HIDDEN: dict[str, Callable[[Any], Any]] = {"tanh": torch.tanh, "relu": torch.relu, "linear": lambda z: z}


def prepare(task: Task, option: int) -> Run:
    """See the package."""
    workload, size = task.workload, task.workload.batch
    torch.set_num_threads(option)
    x = torch.tensor(task.data.x)
    y = torch.tensor(task.classes if workload.classifies else task.data.y)
    plain, step, block = _compiled(workload, option)

    def parts() -> list[Any]:
        return [torch.tensor(p) for p in matrices(workload.network, workload.start(task.dtype))]

    def predict() -> Array:
        held, out = parts(), torch.empty((len(x), workload.sizes[-1]), dtype=x.dtype)
        with torch.inference_mode():
            for first in range(0, len(x), size):
                some = x[first : first + size]
                out[first : first + size] = (
                    block(held, some) if len(some) == size else _outputs(workload, held, some)
                )
        return np.asarray(out)

    def train() -> Array:
        held = parts()
        m, v = ([torch.zeros_like(p) for p in held] for _ in range(2))
        t = torch.zeros((), dtype=x.dtype)
        for _ in range(task.epochs):
            for first in range(0, len(x), size):
                some, aims = x[first : first + size], y[first : first + size]
                (step if len(some) == size else plain)(held, m, v, t, some, aims)
        return flat([p.numpy() for p in held])

    return predict if workload.unit == "block" else train


@lru_cache(maxsize=2)
def _compiled(workload: Workload, threads: int) -> tuple[Callable[..., Any], ...]:
    """The update as it is written, the update compiled for so many threads, and a forward pass compiled."""
    plain, outputs = _step_of(workload), partial(_outputs, workload)
    return plain, *(torch.compile(f, fullgraph=True, dynamic=False) for f in (plain, outputs))


def _outputs(workload: Workload, parts: list[Any], x: Any) -> Any:
    a = x
    for k in range(0, len(parts) - 2, 2):
        a = _HIDDEN[workload.hidden](torch.addmm(parts[k + 1], a, parts[k]))
    return torch.addmm(parts[-1], a, parts[-2])


def _step_of(workload: Workload) -> Callable[..., None]:
    """(parts, m, v, t, x, y): one update, in place."""
    rule, F = workload.optimizer, torch.nn.functional
    judge = F.cross_entropy if workload.classifies else F.mse_loss

    def step(parts: list[Any], m: list[Any], v: list[Any], t: Any, x: Any, y: Any) -> None:
        g = torch.func.grad(lambda parts: judge(_outputs(workload, parts, x), y))(parts)
        t.add_(1)
        for w, a, b, d in zip(parts, m, v, g, strict=True):
            if isinstance(rule, Adam):
                a.lerp_(d, 1 - rule.beta1)
                b.mul_(rule.beta2).add_((1 - rule.beta2) * d * d)
                d = a / (1 - rule.beta1**t) / (b.sqrt() / (1 - rule.beta2**t).sqrt() + rule.epsilon)
            w.sub_(rule.learning_rate * d)

    return step
