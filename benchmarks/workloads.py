"""What is trained or predicted by whygrad and its rivals: networks, rows, and what whygrad is to reach.

Data are random but fixed, with the shapes of what the names say; only the students are themselves. Nothing is
downloaded. Rows are visited in the order in which they stand, by everyone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np

from whygrad.examples import example
from whygrad.losses import loss as find_loss
from whygrad.network import Dense, Network
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.updates import SGD, Adam
from whygrad.weights import initialize_parameters

SEEN = 4096  # rows that are drawn together, and whose loss says where a contender ended


@dataclass(frozen=True)
class Goal:
    """How many times as fast as that rival whygrad is to be; "best" is the quickest of all."""

    rival: str
    times: float


@dataclass(frozen=True)
class Workload:
    """A job for everyone. `sizes` begin with the inputs; `share` is the part of the FMA peak to be reached.

    `unit`: an update, or, where nothing is trained, a block of `batch` rows that are predicted.
    """

    name: str
    sizes: tuple[int, ...]
    hidden: str
    optimizer: SGD | Adam
    batch: int
    rows: int
    epochs: int = 1
    output: Literal["linear", "softmax"] = "linear"
    init: str = "glorot"
    data: Literal["teacher", "students", "pixels"] = "teacher"
    unit: Literal["update", "block"] = "update"
    goals: tuple[Goal, ...] = field(default=(), compare=False)
    share: float | None = field(default=None, compare=False)

    @property
    def network(self) -> Network:
        """The network, as whygrad writes it."""
        *hidden, last = self.sizes[1:]
        return Network(self.sizes[0], (*(Dense(n, self.hidden) for n in hidden), Dense(last, self.output)))

    @property
    def classifies(self) -> bool:
        """Whether targets are classes, else numbers."""
        return self.output == "softmax"

    @property
    def loss(self) -> str:
        """The loss, by its short name."""
        return "cce" if self.classifies else "mse"

    @property
    def flops_a_row(self) -> int:
        """Floating-point operations of the matrix products for one row; a multiplication and an addition are two.

        Trained: forward, the weights' gradient, and the derivative of each layer's inputs but the first's.
        """
        products = [a * b for a, b in pairwise(self.sizes)]
        if self.unit == "block":
            return 2 * sum(products)
        return 2 * (2 * sum(products) + sum(products[1:]))

    def training(self, dtype: str, epochs: int) -> Training:
        """The settings, as whygrad writes them."""
        return Training(
            find_loss(self.loss),
            self.optimizer,
            epochs=epochs,
            batch=self.batch,
            order="sequential",
            dtype=cast(Literal["float64", "float32"], dtype),
            scale="none",
        )

    def start(self, dtype: str) -> Any:
        """(P,): where everyone starts."""
        return initialize_parameters(self.network, self.init, seed=1).astype(dtype)


@dataclass(frozen=True)
class Task:
    """A workload cut to its first rows and to fewer epochs, in one dtype."""

    workload: Workload
    dtype: str
    rows: int
    epochs: int

    @property
    def units(self) -> int:
        """Updates (or blocks) in all."""
        return self.epochs * -(-self.rows // self.workload.batch)

    @property
    def data(self) -> Rows:
        """The rows: x (rows, n_in), y (rows, n_out), of classes one-hot."""
        return rows_of(self.workload, self.dtype, self.rows)

    @property
    def classes(self) -> Any:
        """(rows,): the number of each row's class."""
        return self.data.y.argmax(axis=1)


@lru_cache(maxsize=1)
def rows_of(workload: Workload, dtype: str, rows: int) -> Rows:
    """The first rows of a workload, the same on every call; drawn in float32, so that both dtypes are alike."""
    if workload.data == "students":
        _, table, _ = example("students")
        x, y = (np.stack([c.values for c in columns], axis=1) for columns in (table.inputs, table.targets))
        times = -(-rows // len(x))
        return Rows(*(np.tile(v, (times, 1))[:rows].astype(dtype) for v in (x, y)))
    blocks = [_block(workload, number) for number in range(-(-rows // SEEN))]
    return Rows(*(np.concatenate(v)[:rows].astype(dtype) for v in zip(*blocks, strict=True)))


def _block(workload: Workload, number: int) -> tuple[Any, Any]:
    """x and y of `SEEN` rows; targets are what a random linear teacher says, through tanh, with noise."""
    n_in, n_out = workload.sizes[0], workload.sizes[-1]
    teacher = np.random.default_rng(6).standard_normal((n_in, n_out), np.float32) / np.float32(np.sqrt(n_in))
    draw = np.random.default_rng((7, number))
    if workload.data == "pixels":  # in [0, 1), four of five dark
        x = draw.random((SEEN, n_in), np.float32) * (draw.random((SEEN, n_in), np.float32) < 0.2)
    else:
        x = draw.standard_normal((SEEN, n_in), np.float32)
    said = np.tanh(x @ teacher) + np.float32(0.1) * draw.standard_normal((SEEN, n_out), np.float32)
    return x, np.eye(n_out, dtype=np.float32)[said.argmax(axis=1)] if workload.classifies else said


def _best(times: float, *more: Goal) -> tuple[Goal, ...]:
    return (Goal("best", times), *more)


WORKLOADS = {
    one.name: one
    for one in (
        Workload("students", (2, 2, 1), "linear", SGD(0.001), 1, 2_000, 100, init="0.1", data="students",
                 goals=_best(5, Goal("keras", 5000))),
        Workload("small", (8, 16, 1), "tanh", SGD(0.01), 1, 4_000, goals=_best(5)),
        Workload("digits-sgd", (784, 30, 10), "tanh", SGD(0.01), 1, 20_000, output="softmax", data="pixels",
                 goals=_best(5, Goal("torch", 100))),
        Workload("houses", (8, 64, 64, 1), "relu", Adam(), 32, 20_640, goals=_best(3)),
        Workload("forest", (54, 128, 64, 7), "relu", Adam(), 256, 500_000, output="softmax", goals=_best(2)),
        Workload("mnist", (784, 128, 10), "relu", Adam(), 128, 60_000, output="softmax", data="pixels",
                 goals=_best(1.7)),
        Workload("wide", (784, 512, 256, 10), "relu", Adam(), 128, 60_000, output="softmax", data="pixels",
                 goals=_best(1.3), share=0.7),
        Workload("predict", (8, 64, 64, 1), "relu", Adam(), 4096, 10_000_000, unit="block", goals=_best(2),
                 share=0.7),
    )
}  # fmt: skip
