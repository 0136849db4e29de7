"""Making exercises: with numbers drawn from a seed, or of a row that is explained."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from whygrad.activations import Activation
from whygrad.defaults import default_output
from whygrad.errors import InputError
from whygrad.exercises.drawing import draw
from whygrad.exercises.exercise import DIGITS, Exercise, check
from whygrad.exercises.signs import Signs
from whygrad.explanation import Explanation
from whygrad.explanation.symbols import Symbols
from whygrad.losses import Loss
from whygrad.losses import loss as find_loss
from whygrad.network import Network, layers, whole_number
from whygrad.table import Task

_TASKS: dict[str, Task] = {"probability": "binary", "distribution": "multiclass"}


def make_exercise(
    sizes: Iterable[int] = (2, 2, 1),
    activation: str | Activation = "sigmoid",
    loss: str | Loss = "mse",
    output: str | Activation | None = None,
    *,
    seed: int = 0,
    rate: float | None = None,
    digits: int = DIGITS,
    notation: str = "course",
    student: str = "",
    name: str = "",
) -> Exercise:
    """One row of a dense network to be worked by hand, with friendly numbers drawn from seed and student id.

    `sizes` are the units of each layer, the inputs first; `activation` is that of the hidden layers, `output` that
    of the last, chosen by the loss when None. The learning rate is 0.1 for outputs that are bounded and 0.01 for
    others, unless it is said. Raises `InputError` for settings that cannot be, and where no friendly numbers are
    found.
    """
    found = find_loss(loss)
    n_in, *units = sizes
    if not units:
        raise InputError("layers: give the inputs and at least one layer, as in 2,2,1")
    last = default_output(_TASKS.get(found.targets, "regression"), found) if output is None else output
    net = Network(n_in, layers(units, activation, last))
    if rate is None:
        rate = 0.1 if net.output.high - net.output.low < inf else 0.01
    check(net, found, rate, digits, notation)
    x, y, w = draw(Signs(net, found, Symbols(net, notation)), rate, whole_number("seed", seed, 0), student)
    return Exercise(net, found, x, y, w, rate, digits, notation, student, name)


def exercise_of(why: Explanation, digits: int = DIGITS, rate: float | None = None) -> Exercise:
    """The explained row as an exercise, at its moment: `exercise_of(explain(*example("students")))`.

    The step is plain gradient descent, at the moment's learning rate unless another is said. Raises `InputError`
    for a row whose weight is not 1, and for networks too large to work by hand.
    """
    m = why.moment
    if m.weight != 1:
        raise InputError(f"{m.place} has weight {m.weight:g}; an exercise takes a row of weight 1")
    return Exercise(
        m.net, m.loss, m.row.x[0], m.row.y[0], m.w, m.rate if rate is None else rate, digits, why.notation
    )
