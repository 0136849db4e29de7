"""The networks that programs with planted mistakes are written for, and what they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import whygrad as wg
from whygrad.network import Dense, Network
from whygrad.table import Column, Table
from whygrad.training import Training
from whygrad.updates import SGD, Adam, Momentum

MSE, BCE, CCE = "mean_squared_error", "binary_crossentropy", "categorical_crossentropy"


@dataclass(frozen=True, eq=False)
class Task:
    """A network, its table and its training; templates read only `sizes`, `functions`, `loss` and settings."""

    name: str
    net: Network
    table: Table
    training: Training

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units a layer, the inputs first."""
        return self.net.sizes

    @property
    def functions(self) -> tuple[str, ...]:
        """Each layer's activation."""
        return tuple(layer.activation.name for layer in self.net.layers)

    @property
    def loss(self) -> str:
        """The loss's name."""
        return self.training.loss.name

    @property
    def layers(self) -> range:
        """The layers' numbers, from 1."""
        return range(1, len(self.net.layers) + 1)

    @property
    def last(self) -> int:
        """The number of the last layer."""
        return len(self.net.layers)

    @property
    def fusable(self) -> bool:
        """Whether loss and output go together, so that dL/dz is y_hat - y."""
        pair = (self.functions[-1], self.loss)
        return pair in (("sigmoid", "binary_crossentropy"), ("softmax", "categorical_crossentropy"))


def make_task(
    name: str, sizes: str, functions: str, loss: str, rows: int, optimizer: Any = None, **told: Any
) -> Task:
    """A task with a small random table."""
    n_in, *units = (int(n) for n in sizes.split("-"))
    dense = tuple(Dense(n, g) for n, g in zip(units, functions.split(), strict=True))
    rng = np.random.default_rng(len(name) + 7 * rows)
    x = np.round(rng.uniform(-1.5, 1.5, (rows, n_in)), 2)  # (rows, n_in)
    inputs = tuple(Column(f"x{k + 1}", "number", x[:, k]) for k in range(n_in))
    targets, kind = _targets(rng, loss, rows, units[-1])
    table = Table(inputs, targets, kind, None, None, (), np.arange(rows))
    settings = {"epochs": 3, "order": "sequential", "scale": "none", "start": "glorot", **told}
    training = Training(loss=loss, optimizer=optimizer or SGD(0.1), **settings)
    return Task(name, Network(n_in, dense), table, training)


def _targets(rng: np.random.Generator, loss: str, rows: int, units: int) -> tuple[tuple[Column, ...], Any]:
    """The target columns and the kind of task."""
    if loss == CCE:
        codes = np.arange(rows, dtype=np.int32) % units
        return (Column("y", "category", codes, tuple("abcde"[:units])),), "multiclass"
    if loss == BCE:
        return (Column("y", "yes/no", np.arange(rows) % 3 % 2 * 1.0, ("no", "yes")),), "binary"
    y = np.round(rng.uniform(0.1, 0.9, (rows, units)), 2)  # (rows, units)
    return tuple(Column(f"y{k + 1}", "number", y[:, k]) for k in range(units)), "regression"


def _built_in(name: str, **told: Any) -> Task:
    net, table, training = wg.example(name)
    return Task(name, net, table, wg.Training(**{**vars(training), **told}))


TASKS = {
    task.name: task
    for task in (
        _built_in("students"),  # 2-2-1, linear, squared error, one row an update
        _built_in("placement", epochs=4),  # 2-2-1, sigmoid, cross-entropy
        make_task("classes", "3-4-3", "tanh softmax", CCE, 11, batch=4),
        make_task("relu", "2-3-3-2", "relu relu linear", MSE, 9, batch="all"),
        make_task("penalty", "3-3-1", "sigmoid sigmoid", MSE, 10, batch=3, l2=0.1),
        make_task("deep", "4-5-4-3", "relu relu softmax", CCE, 10, batch=4),
        make_task("chain", "1-1-1-1", "sigmoid sigmoid sigmoid", MSE, 6, batch=1),
    )
}
REMEMBERING = {  # whose update has a memory: only their loops show every slip
    task.name: task
    for task in (
        make_task("momentum", "2-3-1", "tanh linear", MSE, 9, Momentum(0.05, 0.8), batch=4),
        make_task("adam", "3-2-3", "tanh softmax", CCE, 9, Adam(0.02), batch=2),
    )
}
MORE = {  # for slips that few of those networks can have, and lines of loops over layers
    task.name: task
    for task in (
        make_task("momentum classes", "3-4-3", "tanh softmax", CCE, 8, Momentum(0.05, 0.9), batch=3),
        make_task("momentum yes", "2-2-1", "sigmoid sigmoid", BCE, 7, Momentum(0.2, 0.5), batch=2),
        make_task("momentum relu", "2-3-3-2", "relu relu linear", MSE, 8, Momentum(0.02, 0.9), batch="all"),
        make_task("momentum chain", "1-1-1-1", "tanh tanh linear", MSE, 6, Momentum(0.1, 0.7), batch=1),
        make_task("adam one", "3-1", "sigmoid", BCE, 8, Adam(0.05), batch=3),
        make_task("twice", "2-2-2-1", "tanh tanh sigmoid", BCE, 7, batch=3),
        make_task("thrice", "2-2-2-1", "sigmoid sigmoid sigmoid", MSE, 6, batch="all"),
        make_task("four", "2-3-3-3-2", "tanh tanh tanh linear", MSE, 8, batch=3),
        make_task("fours", "2-3-3-3-3", "sigmoid sigmoid sigmoid softmax", CCE, 8, batch=3),
        make_task("squares", "3-3-3-3", "relu relu linear", MSE, 8, batch=4),
        make_task("squares too", "2-2-2-2", "sigmoid sigmoid sigmoid", MSE, 7, batch="all"),
        make_task("squares again", "2-2-2-2", "tanh tanh tanh", MSE, 7, batch=3),
        make_task("narrow", "3-2-2-1", "sigmoid sigmoid linear", MSE, 8, batch=3),
        make_task("bent", "2-3-2-1", "relu relu sigmoid", BCE, 8, batch=3),
        make_task("adam two", "2-2-2", "sigmoid linear", MSE, 7, Adam(0.01), batch="all"),
        make_task("adam deep", "2-3-2-3", "relu tanh softmax", CCE, 8, Adam(0.02), batch=4),
        make_task("adam chain", "1-1-1", "tanh sigmoid", MSE, 5, Adam(0.05), batch=1),
        make_task("penalty classes", "3-4-3", "tanh softmax", CCE, 9, batch=4, l2=0.05),
        make_task("penalty yes", "2-2-1", "sigmoid sigmoid", BCE, 7, batch=3, l2=0.2),
        make_task("penalty relu", "2-3-3-2", "relu relu linear", MSE, 8, batch="all", l2=0.1),
        make_task("penalty chain", "1-1-1-1", "tanh tanh linear", MSE, 6, batch=1, l2=0.1),
    )
}
