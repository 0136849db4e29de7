"""Learning-rate schedules: how the rate changes over a run.

A schedule is a frozen value whose `factor(epoch, epochs)` multiplies the learning rate during that epoch
(counted from 0, of `epochs` in all), as PyTorch's schedulers do when stepped once an epoch. A warm-up
multiplies by a ramp that rises with every update. `rates` turns both into one array of rates for an epoch,
and that array is all an engine ever sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from whygrad.errors import InputError, WrongTypeError, one_of
from whygrad.formulas import plain
from whygrad.maths import Array


class Schedule(Protocol):
    """What a schedule is: a factor for each epoch."""

    def factor(self, epoch: int, epochs: int) -> float:
        """What the learning rate is multiplied by in that epoch, counted from 0."""
        ...


@dataclass(frozen=True)
class Constant:
    """factor = 1."""

    def factor(self, epoch: int, epochs: int) -> float:
        """Always 1."""
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """factor = drop^floor(epoch / every); PyTorch's StepLR(step_size=every, gamma=drop)."""

    every: int = 10
    drop: float = 0.5

    def factor(self, epoch: int, epochs: int) -> float:
        """`drop` once for every `every` epochs behind."""
        return float(self.drop ** (epoch // self.every))


@dataclass(frozen=True)
class Exponential:
    """factor = decay^epoch; PyTorch's ExponentialLR(gamma=decay)."""

    decay: float = 0.95

    def factor(self, epoch: int, epochs: int) -> float:
        """`decay` once for every epoch behind."""
        return float(self.decay**epoch)


@dataclass(frozen=True)
class Cosine:
    """factor = floor + (1 - floor)(1 + cos(pi epoch / epochs)) / 2 (Loshchilov & Hutter 2017, no restarts).

    PyTorch's CosineAnnealingLR(T_max=epochs, eta_min=floor * learning_rate).
    """

    floor: float = 0.0

    def factor(self, epoch: int, epochs: int) -> float:
        """Falls from 1 towards `floor` along half a cosine."""
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * epoch / epochs)) / 2


SCHEDULES: dict[str, type[Constant] | type[StepDecay] | type[Exponential] | type[Cosine]] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": Exponential,
    "cosine": Cosine,
}


def name_of(made: Schedule) -> str:
    """The schedule's name in options and files; raises `InputError` for one of your own: no file holds it."""
    for name, kind in SCHEDULES.items():
        if type(made) is kind:
            return name
    raise InputError(f"schedule {type(made).__name__!r} is your own; a model file holds only whygrad's")


def schedule(text: str | Schedule) -> Schedule:
    """The schedule written as "cosine", "step:10,0.5", "exponential:0.9" or "cosine:0.01".

    Numbers after the colon are its fields in order. Raises `InputError` for anything else.
    """
    if not isinstance(text, str):
        if isinstance(text, type) or not hasattr(text, "factor"):
            raise WrongTypeError(
                f"schedule is {text!r}, but must be a name or a schedule, as in 'cosine' or Cosine(0.01)"
            )
        return _checked(text)
    base, _, numbers = text.partition(":")
    key = plain(base)
    if key not in SCHEDULES:
        raise one_of("schedule", text, list(SCHEDULES))
    try:
        values = [float(n) for n in numbers.split(",")] if numbers else []
        made = SCHEDULES[key](*values)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(
            f"schedule: {text!r} is not understood; write it as step:10,0.5 exponential:0.95 cosine:0.01"
        ) from None
    return _checked(made)


def _checked(made: Schedule) -> Schedule:
    if isinstance(made, StepDecay) and not (1 <= made.every < math.inf and made.every == int(made.every)):
        raise InputError(f"schedule: step every {made.every:g} epochs; it must be a whole number, 1 or more")
    factor = next((getattr(made, f) for f in ("drop", "decay") if hasattr(made, f)), 1.0)
    if not 0 < factor <= 1:
        raise InputError(f"schedule: the factor is {factor:g}, but must be above 0 and at most 1")
    if isinstance(made, Cosine) and not 0 <= made.floor <= 1:
        raise InputError(f"schedule: the cosine's floor is {made.floor:g}, but must lie from 0 to 1")
    return made


def rates(made: Schedule, learning_rate: float, warmup: int, epoch: int, epochs: int, steps: int) -> Array:
    """(steps,): the learning rate of each update of one epoch (counted from 0).

    `warmup` is in epochs: update s (from 1) of the run is multiplied by s / (warmup steps + 1) until the ramp
    reaches 1 (linear warm-up, Goyal et al. 2017). After that the epoch's one rate takes no memory but its own.
    """
    rate = learning_rate * made.factor(epoch, epochs)
    if epoch >= warmup:
        return np.broadcast_to(rate, (steps,))
    return np.asarray(rate * ((epoch * steps + np.arange(1, steps + 1)) / (warmup * steps + 1)))
