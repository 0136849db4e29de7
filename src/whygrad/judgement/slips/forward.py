"""Slips of the forward pass and of the reported loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from whygrad.activations import ACTIVATIONS, Activation
from whygrad.judgement.slips.slip import Change, Rewrite, Slip, Stage, a, on_stage, scaled, together, unfused
from whygrad.losses import LOSSES
from whygrad.network import Network
from whygrad.training import Training

LINEAR = ACTIVATIONS["linear"]
TRIED = ("sigmoid", "tanh", "relu", "linear")  # what is often written for another activation


def forward_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of z and a, layer by layer."""
    for layer in range(1, len(net.layers) + 1):
        yield from _affine(net, layer)
        yield from _activation(net, layer)


def _affine(net: Network, layer: int) -> Iterator[Slip]:
    at, n_in, n_out = layer - 1, net.sizes[layer - 1], net.sizes[layer]
    right = f"z_{layer} = {a(layer - 1)} W_{layer} + b_{layer}"
    hint = f"compare z_{layer} of the forward pass with its formula, term by term"

    def slip(key: str, title: str, written: str, rewrite: Rewrite) -> Slip:
        change = on_stage(at, "affine", rewrite)
        return Slip(f"{key}:{layer}", title, "forward", f"z_{layer}", layer, written, right, hint, change)

    yield slip(
        "bias-left-out", f"the forward pass leaves out b_{layer}", f"z_{layer} = {a(layer - 1)} W_{layer}",
        lambda affine, now: lambda x, W, b: affine(x, W, np.zeros_like(b)),
    )  # fmt: skip
    for other in range(1, len(net.layers) + 1):
        if other != layer and net.sizes[other] == n_out:
            yield slip(
                f"bias-of-layer-{other}", f"the forward pass of layer {layer} adds b_{other}",
                f"z_{layer} = {a(layer - 1)} W_{layer} + b_{other}",
                _bias_of(other - 1),
            )  # fmt: skip
    if n_in == n_out > 1:
        yield slip(
            "forward-transposed", f"the forward pass uses W_{layer} transposed",
            f"z_{layer} = {a(layer - 1)} W_{layer}^T + b_{layer}",
            lambda affine, now: lambda x, W, b: affine(x, W.T, b),
        )  # fmt: skip


def _bias_of(at: int) -> Rewrite:
    return lambda affine, now: lambda x, W, b: affine(x, W, now.layers[at].b)


def _activation(net: Network, layer: int) -> Iterator[Slip]:
    at, own = layer - 1, net.layers[layer - 1].activation
    hint = f"look at which function turns z_{layer} into a_{layer}"

    def slip(key: str, title: str, written: str, activate: Rewrite) -> Slip:
        change = _reactivated(at, activate, last=layer == len(net.layers))
        right = f"a_{layer} = {own.name}(z_{layer})"
        return Slip(f"{key}:{layer}", title, "forward", f"a_{layer}", layer, written, right, hint, change)

    for name in TRIED:
        if name == own.name:
            continue
        other = ACTIVATIONS[name]
        title = (
            f"layer {layer} has no activation"
            if name == "linear"
            else f"layer {layer} uses {name}, not {own.name}"
        )
        written = f"a_{layer} = z_{layer}" if name == "linear" else f"a_{layer} = {name}(z_{layer})"
        yield slip(f"forward-{name}", title, written, _always(other))
    if own.name == "softmax":
        yield slip(
            "softmax-over-rows", f"the softmax of layer {layer} sums over the rows, not over the units",
            f"a_{layer} = softmax(z_{layer}) down each column",
            lambda activate, now: lambda g, z, xp: activate(g, z.T, xp).T,
        )  # fmt: skip


def _always(other: Activation) -> Rewrite:
    return lambda activate, now: lambda g, z, xp: activate(other, z, xp)


def _reactivated(at: int, activate: Rewrite, last: bool) -> Change:
    """Another activation; where it makes the predictions, the loss is taken from them, not from z."""
    first = on_stage(at, "activate", activate)
    if not last:
        return first
    judge = on_stage(at, "judge", lambda judge, now: lambda loss, *given: judge(unfused(loss), *given))
    return together(first, judge)


# ---- the loss that is reported; the gradient does not read it ----

# loss -> what is often reported in its stead
_OTHER_LOSSES = {
    "mean_squared_error": ("mean_absolute_error",),
    "mean_absolute_error": ("mean_squared_error",),
    "huber": ("mean_squared_error", "mean_absolute_error"),
    "log_cosh": ("mean_squared_error",),
    "binary_crossentropy": ("mean_squared_error", "mean_absolute_error"),
    "categorical_crossentropy": ("mean_squared_error", "binary_crossentropy"),
}


_LINES = {
    "mean_squared_error": "L = (y - y_hat)^2",
    "binary_crossentropy": "L = -(y log y_hat + (1 - y) log(1 - y_hat))",
    "categorical_crossentropy": "L = -sum y log y_hat",
}


def loss_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of the loss's value."""
    name = training.loss.name
    for other in _OTHER_LOSSES.get(name, ()):
        words = other.replace("_", " ")
        yield _reported(net, name, other, f"the loss reported is the {words}", f"L = {words}", _other_loss(other))
    if name == "mean_squared_error":
        for key, title, written, error in _UNSQUARED:
            yield _reported(net, name, key, title, written, _errors(error))
    if name == "binary_crossentropy":
        first = LOSSES["categorical_crossentropy"].value_rule  # -y log a
        yield _reported(
            net, name, "second-term", "the cross-entropy has only its first term", "L = -y log y_hat",
            lambda judge, now: lambda loss, output, z, a, y, xp: first(xp, a, y, 0.0).mean(-1, keepdims=True),
        )  # fmt: skip
    if name in ("binary_crossentropy", "categorical_crossentropy"):
        written = _LINES[name].replace("-", "", 1)
        title = "the minus sign of the cross-entropy is missing"
        yield _reported(net, name, "sign", title, written, scaled(lambda now: -1.0))


_UNSQUARED: tuple[tuple[str, str, str, Stage], ...] = (
    ("not-squared", "the error is not squared", "L = y - y_hat", lambda a, y: y - a),
    ("only-prediction-squared", "y_hat is squared, not the error", "L = y - y_hat^2", lambda a, y: y - a * a),
    (
        "difference-of-squares",
        "the squares are subtracted; the error should be squared",
        "L = y^2 - y_hat^2",
        lambda a, y: y * y - a * a,
    ),
)


def _reported(net: Network, loss: str, key: str, title: str, written: str, rewrite: Rewrite) -> Slip:
    right = _LINES.get(loss, f"L = {loss.replace('_', ' ')}")
    hint = "check the loss function by hand for one row"
    change = on_stage(len(net.layers) - 1, "judge", rewrite)
    return Slip(f"loss-{key}", title, "loss", "L", None, written, right, hint, change)


def _other_loss(name: str) -> Rewrite:
    return lambda judge, now: lambda loss, *given: judge(unfused(LOSSES[name]), *given)


def _errors(share: Stage) -> Rewrite:
    """A row's loss as the mean over outputs of some other difference of outputs and targets."""
    return lambda judge, now: lambda loss, output, z, a, y, xp: share(a, y).mean(axis=-1, keepdims=True)
