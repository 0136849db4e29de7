"""An exercise: one row of one network, to be worked by hand, with everything that is asked about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from whygrad.errors import InputError, one_of
from whygrad.exercises.quantities import given_numbers, quantities_of, worked
from whygrad.exercises.quantity import Quantity, Values
from whygrad.exercises.signs import Signs
from whygrad.explanation.symbols import Symbols
from whygrad.losses import Loss, registered
from whygrad.losses import loss as find_loss
from whygrad.maths import Array
from whygrad.names import NOTATIONS, places
from whygrad.network import Network, network_from_plain, whole_number

MOST = 60  # parameters: more are no work for a sheet of paper
DIGITS = 4


@dataclass(frozen=True, eq=False)
class Exercise:
    """One row of one network: inputs x, targets y as the loss reads them, parameters w, and a learning rate.

    `digits` are the significant digits that answers are to have. `student` is an id, empty for a sheet that is the
    same for all. Raises `InputError` for more than 60 parameters and for settings that cannot be.
    """

    net: Network
    loss: Loss
    x: Array  # (inputs,)
    y: Array  # (outputs,)
    w: Array  # (P,)
    rate: float
    digits: int = DIGITS
    notation: str = "course"
    student: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        check(self.net, self.loss, self.rate, self.digits, self.notation)
        sizes = {"x": self.net.inputs, "y": self.net.outputs, "w": self.net.n_parameters}
        for what, n in sizes.items():
            values = np.asarray(getattr(self, what), np.float64)
            if values.shape != (n,) or not np.isfinite(values).all():
                raise InputError(f"exercise: {what} must be {n} finite numbers, for a network {self.net}")
            object.__setattr__(self, what, values)

    @property
    def who(self) -> str:
        """Whose sheet it is, as one writes it; empty where it is anybody's."""
        return f"{self.name} ({self.student})" if self.name and self.student else self.name or self.student

    @property
    def signs(self) -> Signs:
        """How things are called."""
        return Signs(self.net, self.loss, Symbols(self.net, self.notation))

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything to be worked out, in order."""
        return quantities_of(self.signs)

    @cached_property
    def asked(self) -> tuple[Quantity, ...]:
        """What answers are wanted to; number 1 on the sheet is the first of them."""
        return tuple(quantity for quantity in self.quantities if quantity.points)

    @property
    def points(self) -> int:
        """How many there are to be had."""
        return sum(quantity.points for quantity in self.quantities)

    @cached_property
    def given(self) -> Values:
        """The numbers on the sheet, by name."""
        return given_numbers(self.signs, self.x, self.y, self.w, self.rate)

    @cached_property
    def key(self) -> Values:
        """The right answers, and what is given, by name."""
        return worked(self.quantities, self.given)

    @property
    def unmoved(self) -> tuple[str, ...]:
        """The parameters that the update moves by less than the digits show."""
        signs = self.signs
        pairs = ((signs.parameter(place), signs.updated.parameter(place)) for place in places(self.net))
        return tuple(
            old.text
            for old, new in pairs
            if f"{self.key[old.text]:.{self.digits}g}" == f"{self.key[new.text]:.{self.digits}g}"
        )

    def settings(self) -> dict[str, Any]:
        """What all students of a roster share, as TOML and JSON can hold it."""
        return {
            "network": self.net.to_plain(),
            "loss": registered(self.loss),
            "rate": self.rate,
            "digits": self.digits,
            "notation": self.notation,
        }

    def numbers(self) -> dict[str, Any]:
        """What is this student's own."""
        arrays = {what: getattr(self, what).tolist() for what in ("x", "y", "w")}
        return {"student": self.student, "name": self.name, **arrays}


def exercise_from_plain(settings: Mapping[str, Any], numbers: Mapping[str, Any]) -> Exercise:
    """The exercise whose `settings` and `numbers` these are; raises `InputError` for anything else."""
    try:
        x, y, w = (np.array(numbers[what], dtype=np.float64) for what in ("x", "y", "w"))
        rate, digits, notation = (settings[what] for what in ("rate", "digits", "notation"))
        student, name = (str(numbers[what]) for what in ("student", "name"))
        net, loss = network_from_plain(settings["network"]), find_loss(settings["loss"])
        return Exercise(net, loss, x, y, w, rate, digits, notation, student, name)
    except KeyError as problem:
        raise InputError(f"{problem.args[0]} is missing") from None
    except (TypeError, ValueError) as problem:
        raise InputError(str(problem)) from None


def check(net: Network, loss: Loss, rate: float, digits: int, notation: str) -> None:
    """Refuses what makes no exercise."""
    if net.n_parameters > MOST:
        raise InputError(f"the network has {net.n_parameters:,} parameters; {MOST} are the most to work by hand")
    if net.output.name == "softmax" and net.outputs == 1:
        raise InputError("a softmax of one output is always 1 and learns nothing; one output wants sigmoid")
    if not loss.accepts(net.output):
        raise InputError(f"loss {loss.name} is not defined for all that {net.output.name} returns; see --output")
    if not 0 < rate < np.inf:
        raise InputError(f"rate is {rate:g}, but must be a number above 0")
    if not 2 <= whole_number("digits", digits) <= 9:
        raise InputError(f"digits is {digits}, but must be from 2 to 9")
    if notation not in NOTATIONS:
        raise one_of("notation", notation, NOTATIONS)
