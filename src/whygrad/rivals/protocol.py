"""What a rival is, and the walk through epochs and batches that everybody who follows a training shares.

A rival computes with its own library's layers, derivatives, losses and optimizers. From whygrad it takes only
what must be the same for a comparison: start, rows, batches and rates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from whygrad.errors import InputError
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.schedules import Constant, rates
from whygrad.table import Indices, Rows
from whygrad.training import Training

# at most this many numbers are kept of a run's parameters: 32 MB
KEPT_NUMBERS = 4_000_000

V = TypeVar("V")


class NotComparable(InputError):
    """This library cannot follow this training; the message is the reason, in one line."""


@dataclass(frozen=True, eq=False)
class Followed:
    """What following a training left behind.

    `losses` (steps,): the mean loss each batch met before its update, with row weights, without penalty.
    `weights` (kept, P): the flat parameters after the steps `kept_at` (kept,), counted from 1.
    `unequal`: what was not equal, or had to be translated, and what follows from it; a sentence each.
    """

    losses: Array
    weights: Array
    kept_at: Indices
    unequal: tuple[str, ...] = ()


class Rival(Protocol):
    """A library that can follow a training."""

    @property
    def name(self) -> str:
        """What a user types: "torch"."""
        ...

    @property
    def label(self) -> str:
        """Its name and version: "PyTorch 2.13.0"."""
        ...

    @property
    def tolerance(self) -> tuple[float, str]:
        """How far it may differ in float64, relative to the largest parameter, and why that far."""
        ...

    def installed(self) -> bool:
        """Whether it could be imported; imports nothing."""
        ...

    def follow(
        self, net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]
    ) -> Followed:
        """Trains from `start` (P,), one order of the rows an epoch; raises `NotComparable`."""
        ...


class Differentiating(Rival, Protocol):
    """A rival that also gives derivatives by themselves."""

    def gradient(self, net: Network, training: Training, w: Array, rows: Rows) -> Array:
        """(P,): the derivative of the rows' mean loss, row weights counted, without penalty, in float64.

        Raises `NotComparable` for a formula it does not have.
        """
        ...


class Step(NamedTuple):
    """One update: its number in the run (from 1), its epoch (from 0), its rows and its learning rate."""

    number: int
    epoch: int
    rows: Indices  # (batch,)
    rate: float


def walk(training: Training, orders: Sequence[Indices]) -> Iterator[Step]:
    """Every update of the run in order; the last batch of an epoch may be smaller."""
    number = 0
    for epoch, order in enumerate(orders):
        size = training.batch_size(len(order))
        starts = range(0, len(order), size)
        rule, schedule = training.optimizer, training.schedule
        rate = rates(schedule, rule.learning_rate, training.warmup, epoch, training.epochs, len(starts))
        for at, start in enumerate(starts):
            number += 1
            yield Step(number, epoch, order[start : start + size], float(rate[at]))


def changes_rate(training: Training) -> bool:
    """Whether the learning rate is not the same in every step."""
    return training.warmup > 0 or training.schedule != Constant()


def kept_steps(net: Network, training: Training, orders: Sequence[Indices]) -> Indices:
    """The steps (from 1) after which parameters are kept.

    Every step where all of them fit `KEPT_NUMBERS`, else the last of each epoch or of every few epochs; the
    last step of the run always.
    """
    ends = np.cumsum([-(-len(order) // training.batch_size(len(order))) for order in orders], dtype=np.int64)
    if not len(ends) or ends[-1] * net.n_parameters <= KEPT_NUMBERS:
        return np.arange(1, (ends[-1] if len(ends) else 0) + 1, dtype=np.int64)
    every = -(-len(ends) * net.n_parameters // KEPT_NUMBERS)
    return np.asarray(np.unique([*ends[every - 1 :: every], ends[-1]]), dtype=np.int64)


class Diary:
    """Collects losses and parameters while a training is followed."""

    def __init__(self, net: Network, training: Training, orders: Sequence[Indices]) -> None:
        self.kept_at = kept_steps(net, training, orders)
        self._keep = set(self.kept_at.tolist())
        self._losses: list[float] = []
        self._weights: list[Array] = []
        self._parameters = net.n_parameters

    def note(self, loss: float, parameters: Callable[[], Array]) -> None:
        """Adds one step; `parameters` gives the flat vector (P,) after it, and is called only when kept."""
        self._losses.append(loss)
        if len(self._losses) in self._keep:
            self._weights.append(np.array(parameters()))

    def close(self, unequal: Sequence[str] = ()) -> Followed:
        """All that was noted."""
        weights = np.stack(self._weights) if self._weights else np.empty((0, self._parameters))
        return Followed(np.array(self._losses), weights, self.kept_at, tuple(unequal))


def pick(table: Mapping[str, V], name: str, label: str) -> V:
    """The entry called `name`, or the reason why there is none."""
    if name not in table:
        raise NotComparable(f"{label} has no {name}, so it cannot follow this training")
    return table[name]


def is_installed(package: str) -> bool:
    """Whether the package could be imported."""
    return find_spec(package) is not None


def labelled(label: str, package: str) -> str:
    """The label with the package's version, where it is known."""
    try:
        return f"{label} {version(package).partition('+')[0]}"
    except PackageNotFoundError:
        return label


def matrices(net: Network, w: Array) -> list[Any]:
    """Copies of [W, b, W, b ...] in the flat vector's order, W (n_in, n_out)."""
    from whygrad.weights import views

    return [np.array(part) for layer in views(net, w) for part in layer]


def flat(parts: Sequence[Any]) -> Array:
    """[W, b, W, b ...] -> the flat vector (P,)."""
    return np.concatenate([np.asarray(part).reshape(-1) for part in parts])
