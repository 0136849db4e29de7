"""PyTorch, eager: nn.Linear layers, autograd, its own optimizer in the fused form, its quickest on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.contenders import Run
from benchmarks.workloads import Task, Workload
from whygrad.maths import Array
from whygrad.rivals.protocol import flat, matrices
from whygrad.updates import Adam

BLOCK = 8192  # rows predicted at once, so that activations stay in the cache
_HIDDEN = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU, "linear": torch.nn.Identity}


def prepare(task: Task, option: int) -> Run:
    """See the package."""
    torch.set_num_threads(option)
    workload, size = task.workload, task.workload.batch
    x = torch.tensor(task.data.x)
    y = torch.tensor(task.classes if workload.classifies else task.data.y)
    judge = torch.nn.functional.cross_entropy if workload.classifies else torch.nn.functional.mse_loss

    def predict() -> Array:
        model, out = network(workload, task.dtype), torch.empty((len(x), workload.sizes[-1]), dtype=x.dtype)
        with torch.inference_mode():
            for first in range(0, len(x), BLOCK):
                out[first : first + BLOCK] = model(x[first : first + BLOCK])
        return np.asarray(out)

    def train() -> Array:
        model = network(workload, task.dtype)
        optimizer = _optimizer(workload, model)
        for _ in range(task.epochs):
            for first in range(0, len(x), size):
                optimizer.zero_grad()
                judge(model(x[first : first + size]), y[first : first + size]).backward()
                optimizer.step()
        return flat([p.detach().numpy().T for p in model.parameters()])

    return predict if workload.unit == "block" else train


def network(workload: Workload, dtype: str) -> Any:
    """The layers with the start in them; an output without softmax, as its loss takes z."""
    layers: list[Any] = []
    for n_in, n_out in zip(workload.sizes, workload.sizes[1:], strict=False):
        layers += [torch.nn.Linear(n_in, n_out, dtype=getattr(torch, dtype)), _HIDDEN[workload.hidden]()]
    model = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for p, value in zip(model.parameters(), matrices(workload.network, workload.start(dtype)), strict=True):
            p.copy_(torch.tensor(value.T))
    return model


def _optimizer(workload: Workload, model: Any) -> Any:
    rule = workload.optimizer
    if isinstance(rule, Adam):
        return torch.optim.Adam(
            model.parameters(), rule.learning_rate, (rule.beta1, rule.beta2), rule.epsilon, fused=True
        )
    return torch.optim.SGD(model.parameters(), rule.learning_rate, fused=True)
