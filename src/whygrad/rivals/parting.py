"""How far two runs of one training lie apart, and where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from whygrad.maths import Array
from whygrad.rivals.protocol import Followed
from whygrad.table import Indices
from whygrad.training import Training


@dataclass(frozen=True)
class Place:
    """An update of a run: its number in the run, its epoch and its batch in the epoch, all from 1."""

    step: int
    epoch: int
    batch: int

    def __str__(self) -> str:
        return f"epoch {self.epoch}, batch {self.batch} (step {self.step})"


@dataclass(frozen=True)
class Parting:
    """The first place where two runs differ by more than is allowed: in the batch's loss, or after the update.

    `exact` is False where parameters were not kept after every step, so that they may have parted before.
    """

    place: Place
    what: Literal["loss", "parameters"]
    difference: float
    exact: bool

    def __str__(self) -> str:
        when = "the loss of" if self.what == "loss" else "the parameters after"
        return f"{when} {self.place}{'' if self.exact else ' or before'}"


@dataclass(frozen=True, eq=False)
class Gap:
    """Differences of two runs, each relative to max(1, the largest magnitude of the first run's).

    `parameters` (kept,), after the steps `kept_at`; `losses` (steps,). Where one of them is not a finite
    number, the difference is infinite.
    """

    parameters: Array
    losses: Array
    kept_at: Indices

    @property
    def largest(self) -> float:
        """The largest of all."""
        return float(max(self.parameters.max(initial=0.0), self.losses.max(initial=0.0)))

    def parting(self, tolerance: float, training: Training, orders: Sequence[Indices]) -> Parting | None:
        """Where the first difference beyond `tolerance` is; None if there is none."""
        exact = len(self.kept_at) == len(self.losses)
        found = []
        for steps, differences, what in (
            (np.arange(1, len(self.losses) + 1), self.losses, "loss"),
            (self.kept_at, self.parameters, "parameters"),
        ):
            beyond = np.flatnonzero(differences > tolerance)
            if len(beyond):
                found.append((int(steps[beyond[0]]), what, float(differences[beyond[0]])))
        if not found:
            return None
        step, what, difference = min(found)  # a loss is met before its update: "loss" sorts first
        return Parting(
            place_of(step, training, orders),
            "loss" if what == "loss" else "parameters",
            difference,
            exact,
        )


def gap(a: Followed, b: Followed) -> Gap:
    """How far `b` lies from `a`, all through the run."""
    with np.errstate(all="ignore"):
        size = np.maximum(1.0, np.abs(a.weights).max(axis=1, initial=0.0))  # (kept,)
        apart = np.abs(b.weights.astype(np.float64) - a.weights).max(axis=1, initial=0.0)
        losses = np.abs(b.losses - a.losses) / np.maximum(1.0, np.abs(a.losses))
        return Gap(_finite(apart / size), _finite(losses), a.kept_at)


def _finite(differences: Array) -> Array:
    return np.where(np.isfinite(differences), differences, np.inf)


def diverged(run: Followed, training: Training, orders: Sequence[Indices]) -> Place | None:
    """The first step whose loss or parameters are not finite numbers; None if all are."""
    bad = {int(s) + 1 for s in np.flatnonzero(~np.isfinite(run.losses))[:1]}
    bad |= {int(run.kept_at[k]) for k in np.flatnonzero(~np.isfinite(run.weights).all(axis=1))[:1]}
    return place_of(min(bad), training, orders) if bad else None


def place_of(step: int, training: Training, orders: Sequence[Indices]) -> Place:
    """Epoch and batch of a step of the run."""
    ends = np.cumsum([-(-len(order) // training.batch_size(len(order))) for order in orders])
    epoch = int(np.searchsorted(ends, step))
    return Place(step, epoch + 1, step - (int(ends[epoch - 1]) if epoch else 0))


def epoch_losses(run: Followed, training: Training, orders: Sequence[Indices]) -> Array:
    """(epochs,): the mean of the losses met during each epoch, each batch counted by its rows."""
    means, at = [], 0
    for order in orders:
        size = training.batch_size(len(order))
        rows = np.array([len(order[s : s + size]) for s in range(0, len(order), size)])
        means.append(float(run.losses[at : at + len(rows)] @ rows / len(order)))
        at += len(rows)
    return np.array(means)
