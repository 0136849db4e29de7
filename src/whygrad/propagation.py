"""Backpropagation. This is the file to read.

Forward, a row x becomes a prediction; the loss judges it; backward, the chain rule turns the loss into one
derivative for every parameter; an update subtracts. Forward and backward are twins: the same names, `d` or
`delta` for derivatives of the loss, and a shape beside every array. Rows are examples, W is (n_in, n_out):

    z[l] = a[l-1] @ W[l] + b[l]         a[l] = g(z[l])            a[0] = x
    delta[l] = dL/dz[l]                 dW[l] = a[l-1].T @ delta[l]        db[l] = sum of delta[l] over rows

The notation follows Nielsen, "Neural Networks and Deep Learning", chapter 2, and 3Blue1Brown's
"Backpropagation calculus". What this file does not do: it is not fast (engines are), and it draws no
random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from whygrad.activations import Activation
from whygrad.errors import InputError, WrongTypeError
from whygrad.losses import Loss
from whygrad.losses import loss as find_loss
from whygrad.maths import NUMPY, Array, Namespace
from whygrad.network import Network
from whygrad.training import Training
from whygrad.updates import Memory, constants
from whygrad.weights import LayerWeights, flatten, initialize_parameters, is_weight, trainable, views


class Trace(NamedTuple):
    """What forward propagation leaves behind: a[0] is x, and z[l], a[l+1] belong to layer l (from 0)."""

    z: tuple[Array, ...]  # each (rows, n_out of the layer)
    a: tuple[Array, ...]  # one more than z

    @property
    def output(self) -> Array:
        """The predictions (rows, outputs)."""
        return self.a[-1]


class Gradients(NamedTuple):
    """Derivatives of the mean loss of the rows."""

    layers: tuple[LayerWeights, ...]  # dW (n_in, n_out) and db (n_out,) of each layer
    delta: tuple[Array, ...]  # dL/dz of each layer, (rows, n_out)

    @property
    def flat(self) -> Array:
        """(P,): all of them in the order of the flat vector."""
        return np.concatenate([part.reshape(-1) for layer in self.layers for part in layer])


# ---- the stages: each a small function, so that a mistake somebody makes is one of them replaced ----


def linear_forward(a_before: Array, W: Array, b: Array) -> Array:
    """z (rows, n_out) from a_before (rows, n_in)."""
    return a_before @ W + b


def activate(layer: Activation, z: Array, xp: Namespace) -> Array:
    """a (rows, n_out) from z (rows, n_out)."""
    return layer.value(z, xp)


def judge(loss: Loss, output: Activation, z: Array, a: Array, y: Array, xp: Namespace) -> Array:
    """Each row's loss (rows, 1)."""
    return loss.rows(output, z, a, y, xp)


def output_delta(loss: Loss, output: Activation, z: Array, a: Array, y: Array, xp: Namespace) -> Array:
    """dL/dz (rows, n_out) of the last layer, row by row: fused where loss and activation are a pair."""
    fused = loss.fuses(output)
    if fused:
        return xp.c(loss.share(a.shape[-1])) * fused.pull_rule(xp, a, y, loss.k)
    return output.pull(loss.pull(a, y, xp), z, a, xp)


def weight_gradient(a_before: Array, delta: Array) -> Array:
    """dW (n_in, n_out): the sum over rows of what came in times what is wanted of z."""
    return a_before.T @ delta


def bias_gradient(delta: Array) -> Array:
    """db (n_out,)."""
    return np.asarray(delta.sum(axis=0))


def hidden_delta(
    delta_after: Array, W_after: Array, layer: Activation, z: Array, a: Array, xp: Namespace
) -> Array:
    """dL/dz (rows, n) from the next layer's delta: through its weights, then through the activation."""
    d = delta_after @ W_after.T  # (rows, n), dL/da: a sum over all paths
    return layer.pull(d, z, a, xp)


class Stages(NamedTuple):
    """The stages of one step, in order."""

    affine: Callable[..., Array] = linear_forward
    activate: Callable[..., Array] = activate
    judge: Callable[..., Array] = judge
    output_delta: Callable[..., Array] = output_delta
    weight_gradient: Callable[..., Array] = weight_gradient
    bias_gradient: Callable[..., Array] = bias_gradient
    hidden_delta: Callable[..., Array] = hidden_delta

    def __repr__(self) -> str:
        return "REFERENCE" if self == REFERENCE else f"Stages({', '.join(stage.__name__ for stage in self)})"


REFERENCE = Stages()
Staging = Stages | tuple[Stages, ...]  # the same stages for every layer, or each layer's own


def _of_layers(net: Network, stages: Staging) -> tuple[Stages, ...]:
    return (stages,) * len(net.layers) if isinstance(stages, Stages) else stages


# ---- the two passes ----


def forward_propagation(
    net: Network, w: Array, x: Array, xp: Namespace = NUMPY, stages: Staging = REFERENCE
) -> Trace:
    """Every z and a of the rows x (rows, inputs) under the parameters w (P,).

    Raises `InputError` where x or w does not have the network's shape.
    """
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != net.inputs:
        raise InputError(f"x has shape {x.shape}, but the network takes (rows, {net.inputs})")
    if w.shape != (net.n_parameters,):
        raise InputError(f"w has shape {w.shape}, but the network has {net.n_parameters} parameters in one vector")
    z: list[Array] = []
    a = [x]
    for layer, (W, b), stage in zip(net.layers, views(net, w), _of_layers(net, stages), strict=True):
        z.append(stage.affine(a[-1], W, b))  # (rows, n_out)
        a.append(stage.activate(layer.activation, z[-1], xp))  # (rows, n_out)
    return Trace(tuple(z), tuple(a))


def row_losses(
    net: Network, loss: Loss | str, trace: Trace, y: Array, xp: Namespace = NUMPY, stages: Staging = REFERENCE
) -> Array:
    """(rows,): each row's loss, before row weights. Raises `InputError` for targets of another shape."""
    y, stage = _like_outputs(y, trace), _of_layers(net, stages)[-1]
    return np.asarray(stage.judge(find_loss(loss), net.output, trace.z[-1], trace.a[-1], y, xp)[:, 0])


def _like_outputs(y: Array, trace: Trace) -> Array:
    """The targets, refused where their shape would broadcast into something that was not meant."""
    y = np.asarray(y)
    if y.shape != trace.output.shape:
        hint = "; y[:, None] makes a column" if y.ndim == 1 and trace.output.shape[1] == 1 else ""
        if y.ndim == 1 and trace.output.shape[1] > 1:
            hint = f"; one_hot(y, {trace.output.shape[1]}) makes rows of class numbers"
        raise InputError(f"y has shape {y.shape}, but the outputs have {trace.output.shape}{hint}")
    return y


def backward_propagation(
    net: Network,
    w: Array,
    trace: Trace,
    y: Array,
    loss: Loss | str,
    row_weights: Array | None = None,
    xp: Namespace = NUMPY,
    stages: Staging = REFERENCE,
) -> Gradients:
    """The mean loss's derivative by every parameter; row_weights (rows,) multiply the rows' losses.

    Raises `InputError` for targets of another shape than the outputs.
    """
    layers, loss, y, stage = views(net, w), find_loss(loss), _like_outputs(y, trace), _of_layers(net, stages)
    rows = len(y)
    share = 1.0 / rows if row_weights is None else row_weights[:, None] / rows  # (rows, 1)
    last = len(layers) - 1
    delta = stage[last].output_delta(loss, net.output, trace.z[last], trace.a[last + 1], y, xp) * share
    deltas, gradients = [delta], []
    for at in range(last, -1, -1):
        before = trace.a[at]  # (rows, n_in)
        gradients.append(LayerWeights(stage[at].weight_gradient(before, delta), stage[at].bias_gradient(delta)))
        if at > 0:
            g = net.layers[at - 1].activation
            delta = stage[at - 1].hidden_delta(delta, layers[at].W, g, trace.z[at - 1], before, xp)
            deltas.append(delta)  # (rows, n_in)
    return Gradients(tuple(reversed(gradients)), tuple(reversed(deltas)))


def input_gradient(net: Network, w: Array, gradients: Gradients) -> Array:
    """dL/dx (rows, inputs): what one more unit of each input would do to the mean loss."""
    return np.asarray(gradients.delta[0] @ views(net, w)[0].W.T)


# ---- what is done with a gradient ----


def penalty(net: Network, training: Training, w: Array) -> float:
    """l1 sum |W| + l2/2 sum W^2 over the weights; biases are free."""
    if training.l1 == 0 and training.l2 == 0:
        return 0.0
    W = w[is_weight(net)]
    return float(training.l1 * np.abs(W).sum() + 0.5 * training.l2 * (W * W).sum())


def penalized(net: Network, training: Training, w: Array, g: Array) -> Array:
    """g (P,) with the penalty's derivative added: l1 sign(W) + l2 W for the weights."""
    if training.l1:
        g = g + training.l1 * np.where(is_weight(net), np.sign(w), 0).astype(g.dtype)
    if training.l2:
        g = g + training.l2 * np.where(is_weight(net), w, 0).astype(g.dtype)
    return g


def clipped(net: Network, training: Training, g: Array) -> Array:
    """g (P,) within the bounds of `training.clip`."""
    if training.clip is None:
        return g
    kind, limit = training.clip.kind, training.clip.limit
    if kind == "value":
        return np.clip(g, -limit, limit)
    if kind == "global_norm":
        return _shortened(g, limit, 1e-6)  # PyTorch's guard against dividing by 0
    return flatten(net, [(_shortened(W, limit), _shortened(b, limit)) for W, b in views(net, g)])


def _shortened(g: Array, limit: float, guard: float = 0.0) -> Array:
    norm = float(np.linalg.norm(g.astype(np.float64))) + guard  # squares of large float32 would overflow
    return g * (limit / norm) if norm > limit else g


def update_parameters(
    net: Network, training: Training, w: Array, g: Array, memory: Memory, t: int, rate: float
) -> tuple[Array, Memory]:
    """The new parameters and the optimizer's memories after step t (from 1).

    `g` (P,) is the mean loss's gradient, `memory` what the last step returned: () before the first step stands
    for memories of 0. In this order: penalty, gradients of what is frozen to 0, clip, rule, and what is frozen put
    back. Raises `WrongTypeError` for a gradient that is no flat vector.
    """
    if not isinstance(g, np.ndarray) or g.shape != w.shape:
        raise WrongTypeError("g must be one flat vector like w; backward_propagation(...).flat is one")
    rule = training.optimizer
    memory = memory or tuple(np.zeros_like(w) for _ in rule.memories)
    free = trainable(net, training.freeze)
    g = penalized(net, training, w, g)
    if training.freeze:
        g = np.where(free, g, 0).astype(w.dtype)
    stepped, memory = rule.step(NUMPY, w, clipped(net, training, g), memory, t, rate, constants(rule))
    return (np.where(free, stepped, w) if training.freeze else stepped), memory


__all__ = [
    "REFERENCE",
    "Gradients",
    "Stages",
    "Trace",
    "backward_propagation",
    "forward_propagation",
    "initialize_parameters",
    "input_gradient",
    "linear_forward",
    "penalty",
    "row_losses",
    "update_parameters",
]
