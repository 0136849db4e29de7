"""What is asked of somebody's code, and what it answered, in whygrad's own order and shapes."""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.maths import Array
from whygrad.network import Network
from whygrad.table import Rows
from whygrad.training import Training


@dataclass(frozen=True, eq=False)
class Probe:
    """A question: what does your code make of these rows, under these parameters and settings?

    The rows are one batch for outputs, loss, gradient and one update; a loop cuts them into batches of
    `training.batch`, in the order they stand, `training.epochs` times; a loop that can be told how many epochs to
    run is told `most_epochs` where that is fewer, as rounding grows in a long run.
    """

    net: Network
    training: Training
    w: Array  # (P,)
    rows: Rows
    most_epochs: int | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What the code made of a probe; None where it has no function for it, or failed (see `problems`)."""

    outputs: Array | None = None  # (rows, outputs)
    loss: float | None = None  # of the rows
    gradient: Array | None = None  # (P,)
    stepped: Array | None = None  # (P,), the parameters after one update
    losses: Array | None = None  # (epochs,), as the loop returned or printed them
    final: Array | None = None  # (P,), the parameters after the loop
    epochs: int | None = None  # that the loop was told, where not the probe's
    of_chance: str = ""  # why the loop's numbers cannot be those that are claimed, in a sentence
    single: bool = False  # whether numbers came as float32
    conventions: tuple[str, ...] = ()  # how it stores and orders things, a sentence each
    problems: tuple[str, ...] = ()  # what crashed, hung or had a wrong shape, a line each
