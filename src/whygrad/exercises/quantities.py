"""All quantities of one row worked by hand, in the order in which one finds the next.

Forward, every z and a, and the loss; backward, the local factors and every dL/dz; then every derivative, every new
parameter after one step of gradient descent, and the outputs and the loss again. The rules are whygrad's own
stages, formulas and losses, on numbers that may be a student's; what is given stands among them, by its name.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from whygrad.exercises.backward import backward
from whygrad.exercises.forward import forward, row_loss
from whygrad.exercises.gradient import gradient, update
from whygrad.exercises.quantity import Quantity, Values
from whygrad.exercises.signs import Signs
from whygrad.maths import Array


def quantities_of(signs: Signs) -> tuple[Quantity, ...]:
    """Everything to be worked out for one row, whatever its numbers are."""
    return (
        *forward(signs),
        row_loss(signs),
        *backward(signs),
        *gradient(signs),
        *update(signs),
        *forward(signs.updated),
        row_loss(signs.updated),
    )


def given_numbers(signs: Signs, x: Array, y: Array, w: Array, rate: float) -> dict[str, float]:
    """What is given, by name: inputs x (inputs,), targets y (outputs,), parameters w (P,), the learning rate."""
    numbers = [*x, *y, *w, rate]
    return {sign.text: float(number) for sign, number in zip(signs.given(), numbers, strict=True)}


@np.errstate(all="ignore")
def worked(quantities: Iterable[Quantity], given: Values, digits: int | None = None) -> dict[str, float]:
    """What is given and every quantity, by name; with `digits`, each is rounded before the next is worked out."""
    found = dict(given)
    for quantity in quantities:
        value = quantity.rule(found)
        found[quantity.name] = value if digits is None else float(f"{value:.{digits}g}")
    return found
