"""What a run remembers: a record for each epoch, why it stopped, and the finished run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from whygrad.encoding import Unknown
from whygrad.maths import Array
from whygrad.model import Model, Predictions
from whygrad.printing import sparkline
from whygrad.state import State
from whygrad.table import Source
from whygrad.training import Training

Reason = Literal["epochs", "converged", "early", "diverged", "interrupted"]


@dataclass(frozen=True)
class Keep:
    """What to record besides the losses, said before the run: the parameters after each epoch, or each step."""

    parameters: Literal["ends", "epochs", "steps"] = "ends"


@dataclass(frozen=True)
class Record:
    """One epoch. Losses are means over rows, without penalty; epoch 0 is the start, before any update.

    Row weights and label smoothing count in every loss, class weights in those of the training rows only.
    `loss_during` is the mean loss met while the parameters moved; `loss_after` that of the whole table after
    the last update. `scores` are accuracy, or R2 and RMSE in the target's units.
    """

    epoch: int
    loss_during: float | None
    loss_after: float
    penalty: float
    rate: float | None
    scores: dict[str, float]
    validation_loss: float | None = None
    validation_scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """Why a run stopped: the reason, and the same in words."""

    reason: Reason
    words: str


@dataclass(frozen=True, eq=False)
class Kept:
    """The parameters at one moment: after update t, in that epoch (from 1)."""

    t: int
    epoch: int
    w: Array  # (P,)


@dataclass(frozen=True, eq=False)
class Run:
    """A finished (or interrupted) training run: the model, where it started, how it went, why it stopped."""

    model: Model
    start: Array  # (P,), the parameters before the first update
    state: State
    history: tuple[Record, ...]
    stopped: Stopped
    training: Training
    engine: str = "reference"
    source: Source | None = None  # the file its table came from
    kept: tuple[Kept, ...] = ()
    notes: tuple[str, ...] = ()
    gradient: Array | None = None  # (P,), of the whole table's loss and penalty at the end; a checkpoint has none

    @property
    def w(self) -> Array:
        """The model's parameters (P,)."""
        return self.model.w

    def predict(self, source: Any, unknown: Unknown = "refuse") -> Predictions:
        """What the model says about new rows; see `Model.predict`."""
        return self.model.predict(source, unknown, self.source)

    def losses(self) -> Array:
        """(epochs + 1,): the loss after each epoch, the start's first."""
        return np.array([record.loss_after for record in self.history])

    def summary(self) -> list[str]:
        """A few lines: the network, both losses, a curve, why it stopped."""
        lines = [f"Run of {self.model.network}", f"  {self.training.loss.name}, {self.training.optimizer!r}"]
        if self.history:
            first, last = self.history[0], self.history[-1]
            during = "" if last.loss_during is None else f"{last.loss_during:.6g} during, "
            checked = "" if last.validation_loss is None else f", validation {last.validation_loss:.6g}"
            lines.append(
                f"  loss {first.loss_after:.6g} at the start; epoch {last.epoch}: {during}"
                f"{last.loss_after:.6g} after{checked}"
            )
            lines.append("  " + "; ".join(_scored(last)))
            lines.append(f"  {sparkline(self.losses())}")
        return [*lines, f"  stopped: {self.stopped.words}"]

    def __repr__(self) -> str:
        return "\n".join(self.summary())

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"


def _scored(record: Record) -> list[str]:
    """The scores in words, those of the validation rows apart."""
    groups = (("", record.scores), ("validation ", record.validation_scores))
    return [
        ", ".join(f"{whose}{name} {v:.4g}" for name, v in scores.items()) for whose, scores in groups if scores
    ]
