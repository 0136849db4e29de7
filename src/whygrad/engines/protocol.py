"""What an engine is asked to do."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

from whygrad.maths import Array
from whygrad.network import Network
from whygrad.state import State
from whygrad.table import Indices, Rows
from whygrad.training import Training


class Advanced(NamedTuple):
    """What comes of a chunk of updates."""

    state: State  # w, memory and t moved on; the loop keeps the rest
    losses: Array  # (batches,): each batch's mean loss before its update, without penalty
    largest_step: float  # of any parameter in any of the updates


class Evaluated(NamedTuple):
    """What comes of a look at rows without moving."""

    loss: float  # mean over rows, row weights counted, without penalty
    outputs: Array  # (rows, n_out)


class Engine(Protocol):
    """Three calls. Rows carry x, y as the loss reads it, and row weights, all in the run's dtype.

    Nothing that is given may be changed in place: states, kept parameters and best weights share their arrays.
    """

    name: ClassVar[str]

    def gradients(self, net: Network, training: Training, w: Array, rows: Rows) -> tuple[float, Array]:
        """The mean loss of the rows and its gradient (P,), without penalty."""
        ...

    def advance(
        self, net: Network, training: Training, state: State, rows: Rows, order: Indices, rates: Array
    ) -> Advanced:
        """Update after update over `order`, cut into batches of `training.batch`; one rate a batch."""
        ...

    def evaluate(self, net: Network, training: Training, w: Array, rows: Rows) -> Evaluated:
        """The loss and the outputs of rows under parameters that stay as they are."""
        ...
