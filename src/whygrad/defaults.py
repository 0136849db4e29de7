"""What whygrad chooses for a table when it is told nothing: a network, a loss."""

from __future__ import annotations

from collections.abc import Iterable

from whygrad.activations import ACTIVATIONS, Activation
from whygrad.encoding import Encoding, fit_encoding
from whygrad.losses import LOSSES, Loss
from whygrad.losses import loss as find_loss
from whygrad.network import Network, layers, whole_number
from whygrad.table import Table, Task

DEFAULT_HIDDEN = (32,)
DEFAULT_ACTIVATION = "relu"

_OUTPUTS = {"regression": "linear", "binary": "sigmoid", "multiclass": "softmax"}
_LOSSES = {
    "regression": "mean_squared_error",
    "binary": "binary_crossentropy",
    "multiclass": "categorical_crossentropy",
}


def default_loss(task: Task) -> Loss:
    """Squared error for numbers, the cross-entropy that goes with the classes otherwise."""
    return LOSSES[_LOSSES[task]]


def default_output(task: Task, loss: Loss | None = None) -> str:
    """The output activation that gives numbers, one probability, or probabilities that sum to 1.

    A loss that is not defined for those outputs gets the first of softplus and sigmoid that it is defined for; one
    that reads signs (hinge) gets linear.
    """
    if loss is not None and loss.targets == "sign":
        return "linear"
    usual = (_OUTPUTS[task], "softplus", "sigmoid")
    return next((name for name in usual if loss is None or loss.accepts(ACTIVATIONS[name])), usual[0])


def dense_network(
    table: Table | Encoding,
    hidden: int | Iterable[int] = DEFAULT_HIDDEN,
    activation: str | Activation = DEFAULT_ACTIVATION,
    output: str | Activation | None = None,
    loss: str | Loss | None = None,
) -> Network:
    """A dense network that fits a table: as many inputs and outputs as its encoded columns.

    `hidden` are the units of the hidden layers, () for none; `output` is the last layer's activation, chosen
    by the task when None, and by the `loss` where it is said which: hinge gets linear. Raises `InputError` for
    sizes below 1, unknown activations or losses, `WrongTypeError` for sizes that are no numbers.
    """
    encoding = table if isinstance(table, Encoding) else fit_encoding(table, missing="fill")
    sizes = tuple(hidden) if isinstance(hidden, Iterable) and not isinstance(hidden, str) else (hidden,)
    units = tuple(whole_number("hidden", n) for n in sizes)
    last = default_output(encoding.task, None if loss is None else find_loss(loss)) if output is None else output
    return Network(encoding.n_inputs, layers((*units, encoding.n_outputs), activation, last))
