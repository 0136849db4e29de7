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
    `training.batch`, in the order they stand, `training.epochs` times.
    """

    net: Network
    training: Training
    w: Array  # (P,)
    rows: Rows


@dataclass(frozen=True, eq=False)
class Answer:
    """What the code made of a probe; None where it has no function for it, or failed (see `problems`)."""

    outputs: Array | None = None  # (rows, outputs)
    loss: float | None = None  # of the rows
    gradient: Array | None = None  # (P,)
    stepped: Array | None = None  # (P,), the parameters after one update
    losses: Array | None = None  # (epochs,), as the loop returned or printed them
    final: Array | None = None  # (P,), the parameters after the loop
    own_start: bool = False  # whether the loop began from values of its own, not from the probe's
    single: bool = False  # whether numbers came as float32
    conventions: tuple[str, ...] = ()  # how it stores and orders things, a sentence each
    problems: tuple[str, ...] = ()  # what crashed, hung or had a wrong shape, a line each
