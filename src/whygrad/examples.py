"""Built-in examples: a table, a network and the lecture's settings, so that a run comes out as printed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whygrad.errors import one_of
from whygrad.losses import LOSSES
from whygrad.network import Dense, Network
from whygrad.table import Column, Source, Table, Task
from whygrad.training import Training
from whygrad.updates import SGD


@dataclass(frozen=True)
class Example:
    """What an example is about, and how to make it."""

    title: str
    make: Callable[[], tuple[Network, Table, Training]]


def _table(name: str, names: tuple[str, ...], target: Column, rows: list[tuple[float, ...]]) -> Table:
    values = np.array(rows, dtype=np.float64)  # (rows, inputs)
    inputs = tuple(Column(name, "number", values[:, k]) for k, name in enumerate(names))
    task: Task = "regression" if target.kind == "number" else "binary"
    source = Source(name, "", "example")
    return Table(inputs, (target,), task, None, source, (), np.arange(len(values)))


def _students() -> tuple[Network, Table, Training]:
    lpa = Column("lpa", "number", np.array([4.0, 5.0, 6.0, 7.0]))
    table = _table("students", ("cgpa", "resume_score"), lpa, [(8, 8), (7, 9), (6, 10), (5, 12)])
    training = Training(
        loss=LOSSES["mean_squared_error"],
        optimizer=SGD(0.001),
        epochs=5,
        batch=1,
        order="sequential",
        start="0.1",
        scale="none",
    )
    return Network(2, (Dense(2), Dense(1))), table, training


def _placement() -> tuple[Network, Table, Training]:
    placed = Column("placed", "yes/no", np.array([1.0, 1.0, 0.0, 0.0]), ("0", "1"))
    table = _table("placement", ("cgpa", "profile_score"), placed, [(8, 8), (7, 9), (6, 10), (5, 5)])
    training = Training(
        loss=LOSSES["binary_crossentropy"],
        optimizer=SGD(0.0001),
        epochs=50,
        batch=1,
        order="sequential",
        start="0.1",
        scale="none",
    )
    return Network(2, (Dense(2, "sigmoid"), Dense(1, "sigmoid"))), table, training


def _xor() -> tuple[Network, Table, Training]:
    odd = Column("odd", "yes/no", np.array([0.0, 1.0, 1.0, 0.0]), ("no", "yes"))
    table = _table("xor", ("a", "b"), odd, [(0, 0), (0, 1), (1, 0), (1, 1)])
    training = Training(
        loss=LOSSES["binary_crossentropy"],
        optimizer=SGD(0.5),
        epochs=1000,
        batch="all",
        order="sequential",
        start="glorot",
        seed=1,
        scale="none",
    )
    return Network(2, (Dense(4, "tanh"), Dense(1, "sigmoid"))), table, training


def _chain() -> tuple[Network, Table, Training]:
    table = _table("chain", ("x",), Column("y", "number", np.array([0.9, 0.6])), [(1,), (-1,)])
    training = Training(
        loss=LOSSES["mean_squared_error"],
        optimizer=SGD(2.0),
        epochs=500,
        batch=1,
        order="sequential",
        start="distinct",
        scale="none",
    )
    return Network(1, (Dense(1, "sigmoid"),) * 3), table, training


EXAMPLES: dict[str, Example] = {
    "students": Example("cgpa and resume score -> salary in lpa: the lecture's regression", _students),
    "placement": Example("cgpa and profile score -> placed or not: the lecture's classification", _placement),
    "xor": Example("a or b but not both: four rows no single layer can separate", _xor),
    "chain": Example("one neuron a layer, as in 3Blue1Brown's Backpropagation calculus", _chain),
}


def example(name: str) -> tuple[Network, Table, Training]:
    """A built-in example, ready for `fit(*example("students"))`. Raises `InputError` for an unknown name."""
    if name not in EXAMPLES:
        raise one_of("example", name, list(EXAMPLES))
    return EXAMPLES[name].make()
