"""The file that `whygrad check --new` writes: a backpropagation to fill in, with every shape said."""

from __future__ import annotations

from whygrad.losses import Loss
from whygrad.losses import loss as find_loss
from whygrad.network import Network


def skeleton(net: Network, loss: str | Loss, learning_rate: float = 0.01, start: float = 0.1) -> str:
    """The text of a Python file with four functions to write for this network and loss; it needs NumPy only.

    Raises `InputError` for an unknown loss.
    """
    found = find_loss(loss)
    sizes = ", ".join(str(n) for n in net.sizes)
    layers = "\n".join(_layer(net, at) for at in range(len(net.layers)))
    grads = ", ".join(f"d{part}{at + 1}" for at in range(len(net.layers)) for part in "Wb")
    return _TEXT.format(
        net="-".join(str(n) for n in net.sizes),
        loss=str(found).replace("_", " "),
        formula=_loss_words(found, net),
        sizes=sizes,
        layers=layers,
        n_in=net.inputs,
        n_out=net.outputs,
        grads=grads,
        rate=repr(learning_rate),
        start=repr(start),
    )


def _layer(net: Network, at: int) -> str:
    """One line on a layer: its arrays, shapes and activation."""
    n_in, n_out = net.sizes[at], net.sizes[at + 1]
    name = str(net.layers[at].activation)
    return f"    W{at + 1} ({n_in}, {n_out})   b{at + 1} ({n_out},)   activation: {name}"


def _loss_words(loss: Loss, net: Network) -> str:
    """How the losses of rows and outputs become one number."""
    if loss.over_outputs == "sum":
        return "its sum over the outputs, then the mean over the rows"
    return "its mean over the rows" if net.outputs == 1 else "its mean over the rows and the outputs"


_TEXT = '''"""My own backpropagation for a {net} network.

    x is (rows, {n_in}), y is (rows, {n_out})
{layers}

The loss is the {loss}: {formula}.

Put your own lines where it says TODO (instead of the line that says it), then ask:

    whygrad check THIS_FILE.py

One function after the other, if you like: each is checked by itself.
"""

import numpy as np


def initialize_parameters(layer_dims=({sizes})):
    """The start values, as W1, b1, W2, ... This one is done."""
    parameters = {{}}
    for l in range(1, len(layer_dims)):
        parameters["W" + str(l)] = np.full((layer_dims[l - 1], layer_dims[l]), {start})
        parameters["b" + str(l)] = np.zeros(layer_dims[l])
    return parameters


def forward_propagation(X, parameters):
    """From the rows X (rows, {n_in}) to the predictions y_hat (rows, {n_out}).

    `cache` is for you: put in what backward_propagation will need, such as every layer's output.
    """
    cache = {{}}
    raise NotImplementedError  # TODO: layer by layer, z = a @ W + b, then its activation
    return y_hat, cache


def backward_propagation(parameters, cache, X, Y):
    """The loss's derivative by every parameter, in a dict: {grads}.

    Each has the shape of its parameter.
    """
    grads = {{}}
    raise NotImplementedError  # TODO: from the last layer to the first, dL/dz, then dW and db
    return grads


def update_parameters(parameters, grads, learning_rate={rate}):
    """The parameters after one step of gradient descent."""
    raise NotImplementedError  # TODO: every parameter minus learning_rate times its derivative
    return parameters


def train(X, Y, parameters, epochs=5, batch_size=1, learning_rate={rate}):
    """Trains with one update for every `batch_size` rows, in the order of the rows.

    Returns the parameters and a list with one loss an epoch: the mean of the rows' losses, as they are met.
    """
    losses = []
    raise NotImplementedError  # TODO: for every epoch, for every batch: forward, loss, backward, update
    return parameters, losses
'''
