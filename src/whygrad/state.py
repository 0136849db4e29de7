"""What a run needs to go on: where it is between two updates."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.maths import Array
from whygrad.updates import Memory


@dataclass(frozen=True, eq=False)
class State:
    """Everything a run needs to go on, to the bit: kept between two updates, written at checkpoints."""

    w: Array  # (P,)
    memory: Memory  # the optimizer's, each (P,)
    t: int = 0  # updates done
    epoch: int = 0  # epochs finished
    row: int = 0  # rows of the next epoch already seen
    met: float = 0.0  # sum of their losses as they were met
    best_w: Array | None = None  # at the lowest validation loss, where that is watched
    best_loss: float = float("inf")
    best_epoch: int = 0
    waited: int = 0  # epochs since
