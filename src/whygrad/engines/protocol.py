"""What an engine is asked to do."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

from whygrad.maths import Array, Counts
from whygrad.network import Network
from whygrad.state import State
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.updates import Memory


class Advanced(NamedTuple):
    """What comes of a chunk of updates."""

    state: State  # w, memory and t moved on; the loop keeps the rest
    losses: Array  # (batches,): each batch's mean loss before its update, without penalty
    largest_step: float  # of any parameter in any of the updates


class Evaluated(NamedTuple):
    """What comes of a look at rows without moving."""

    loss: float  # mean over rows, row weights counted, without penalty
    outputs: Array  # (rows, n_out)


class Many(NamedTuple):
    """Networks of one shape that have all done t updates, each with parameters of its own."""

    w: Array  # (networks, P)
    memory: Memory = ()  # the optimizer's, each (networks, P); () before the first step, as all zeros
    t: int = 0


class ManyAdvanced(NamedTuple):
    """What comes of some epochs of many networks. One that leaves the finite numbers goes on without any."""

    many: Many
    losses: Array  # (networks, epochs), float64: the mean loss of the rows as they were met, without penalty
    held: Counts  # (networks,): epochs after which loss, parameters and memories were all still finite


class Engine(Protocol):
    """Four calls. Rows carry x, y as the loss reads it, and row weights, all in the run's dtype.

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

    def advance_many(
        self, net: Network, training: Training, many: Many, rows: Rows, orders: Indices, rates: Array
    ) -> ManyAdvanced:
        """Each network through the same epochs, by rates of its own: `advance` once a network and epoch.

        `orders` (epochs, rows) has the rows of each epoch, cut into batches of `training.batch`; `rates`
        (networks, epochs, batches) may be a broadcast view. What a network does, no other notices.
        """
        ...

    def evaluate(self, net: Network, training: Training, w: Array, rows: Rows) -> Evaluated:
        """The loss and the outputs of rows under parameters that stay as they are."""
        ...
