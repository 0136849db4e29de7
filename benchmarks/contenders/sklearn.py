"""scikit-learn: MLPRegressor or MLPClassifier, one `partial_fit` an epoch.

Its regressor minimises half the squared error, so its rate (or Adam's epsilon) is adapted to take the same steps.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.contenders import Run
from benchmarks.workloads import Task
from whygrad.maths import Array
from whygrad.rivals.protocol import flat, matrices
from whygrad.updates import Adam

_NAMES = {"linear": "identity", "tanh": "tanh", "relu": "relu"}


def prepare(task: Task, option: int) -> Run:
    """See the package."""
    x, workload = task.data.x, task.workload
    y = task.classes if workload.classifies else task.data.y[:, 0]
    model = _model(task)
    parts, memory = [*model.coefs_, *model.intercepts_], model._optimizer

    def predict() -> Array:
        _put(task, parts, memory)
        with threadpool_limits(option):
            return np.asarray(model.predict(x)).reshape(len(x), -1)

    def train() -> Array:
        _put(task, parts, memory)
        with threadpool_limits(option), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            for _ in range(task.epochs):
                model.partial_fit(x, y)
        return flat([part for pair in zip(model.coefs_, model.intercepts_, strict=True) for part in pair])

    return predict if workload.unit == "block" else train


def _model(task: Task) -> Any:
    """An estimator whose arrays are allocated."""
    workload, rule = task.workload, task.workload.optimizer
    factor = 1.0 if workload.classifies else 2.0 / workload.sizes[-1]  # of its gradient, to be whygrad's
    settings: dict[str, Any] = {
        "hidden_layer_sizes": workload.sizes[1:-1],
        "activation": _NAMES[workload.hidden],
        "alpha": 0.0,
        "batch_size": min(workload.batch, task.rows),
        "shuffle": False,
        "random_state": 0,
    }
    if isinstance(rule, Adam):
        settings |= {"solver": "adam", "learning_rate_init": rule.learning_rate, "epsilon": rule.epsilon / factor}
    else:
        settings |= {"solver": "sgd", "learning_rate_init": rule.learning_rate * factor, "momentum": 0.0}
    settings |= {"beta_1": rule.beta1, "beta_2": rule.beta2} if isinstance(rule, Adam) else {}
    some = task.data.x[: settings["batch_size"]]
    if workload.classifies:
        model = MLPClassifier(**settings)
        model.partial_fit(some, task.classes[: len(some)], classes=np.arange(workload.sizes[-1]))
        return model
    return MLPRegressor(**settings).partial_fit(some, task.data.y[: len(some), 0])


def _put(task: Task, parts: list[Any], memory: Any) -> None:
    """The start, and an optimizer that remembers nothing."""
    found = matrices(task.workload.network, task.workload.start(task.dtype))
    for part, value in zip(parts, [*found[::2], *found[1::2]], strict=True):
        part[...] = value
    for name in {"velocities", "ms", "vs"} & set(vars(memory)):
        for one in getattr(memory, name):
            one[...] = 0
    memory.t = 0
