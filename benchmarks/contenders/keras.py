"""Keras as somebody would write it: Sequential, compile, `fit(shuffle=False)`; predict in large blocks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import keras
import numpy as np

from benchmarks.contenders import Run
from benchmarks.workloads import Task, Workload
from whygrad.maths import Array
from whygrad.rivals.jax import settings
from whygrad.rivals.protocol import flat, matrices
from whygrad.updates import Adam

BLOCK = 65_536  # rows predicted at once; its default of 32 would be slower


def prepare(task: Task, option: int) -> Run:
    """See the package."""
    workload, dtype = task.workload, task.dtype
    x, y = task.data.x, task.classes if workload.classifies else task.data.y
    start = matrices(workload.network, workload.start(dtype))
    with settings(dtype):
        model = _model(workload, dtype)
        fresh = [
            np.array(v) if v is model.optimizer._learning_rate else np.zeros(v.shape, v.dtype)
            for v in model.optimizer.variables
        ]

    def predict() -> Array:
        with settings(dtype):
            model.set_weights(start)
            return np.asarray(model.predict(x, batch_size=BLOCK, verbose=0))

    def train() -> Array:
        with settings(dtype):
            model.set_weights(start)
            for variable, value in zip(model.optimizer.variables, fresh, strict=True):
                variable.assign(value)
            model.fit(x, y, batch_size=workload.batch, epochs=task.epochs, shuffle=False, verbose=0)
            return flat(model.get_weights())

    return predict if workload.unit == "block" else train


@lru_cache(maxsize=1)
def _model(workload: Workload, dtype: str) -> Any:
    *hidden, last = workload.sizes[1:]
    dense, rule = keras.layers.Dense, workload.optimizer
    layers = [keras.Input((workload.sizes[0],), dtype=dtype)]
    layers += [dense(n, activation=workload.hidden, dtype=dtype) for n in hidden]
    model = keras.Sequential([*layers, dense(last, dtype=dtype)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype)
    optimizer = (
        keras.optimizers.Adam(rule.learning_rate, rule.beta1, rule.beta2, epsilon=rule.epsilon)
        if isinstance(rule, Adam)
        else keras.optimizers.SGD(rule.learning_rate)
    )
    model.compile(optimizer, loss if workload.classifies else keras.losses.MeanSquaredError(dtype=dtype))
    model.optimizer.build(model.trainable_variables)
    return model
