"""How far each number of an answer may be off before it counts as wrong.

Rounding is relative to what was added up, not to the sum: where paths cancel, their sum keeps few digits. So a
gradient's entry is judged against the sum of the magnitudes of all its paths, which is backpropagation with
absolute values of inputs, weights, slopes and deltas: the same passes with other stages. A factor such as a(1 - a)
is itself rounded at the size of a, so a little is added for paths whose slopes are taken as 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from whygrad.activations import ACTIVATIONS, Activation
from whygrad.judgement.machine import Procedure, one_step
from whygrad.judgement.observations import Probe
from whygrad.losses import Loss
from whygrad.maths import NUMPY, Array, Namespace
from whygrad.propagation import (
    REFERENCE,
    Stages,
    Trace,
    backward_propagation,
    forward_propagation,
    row_losses,
    update_parameters,
)
from whygrad.schedules import rates
from whygrad.weights import views

LINEAR = ACTIVATIONS["linear"]


class Precision(NamedTuple):
    """What numbers of a kind can be held to: relative to their paths, and the rounding of one operation."""

    relative: float
    rounding: float


DOUBLE = Precision(1e-6, 2.0**-52)
SINGLE = Precision(2e-5, 2.0**-23)


class Slack(NamedTuple):
    """How far each number may be off; `kinks` is what of the gradient's is the choice of a side at a kink."""

    outputs: Array  # (rows, outputs)
    loss: float
    gradient: Array  # (P,)
    stepped: Array  # (P,)
    kinks: Array  # (P,)


@np.errstate(all="ignore")
def slack(probe: Probe, precision: Precision) -> Slack:
    """What the answers to a probe may be off by, in numbers of that precision."""
    net, w, rows, training = probe.net, probe.w, probe.rows, probe.training
    trace = forward_propagation(net, w, rows.x)
    *_, last = _sizes_of_z(probe, trace)  # (rows, outputs)
    outputs = precision.relative * (np.abs(trace.output) + last)
    losses = row_losses(net, training.loss, trace, rows.y)
    delta = REFERENCE.output_delta(training.loss, net.output, trace.z[-1], trace.output, rows.y, NUMPY)
    loss = precision.relative * float((np.abs(losses) + (np.abs(delta) * last).sum(axis=1)).mean())
    back = (net, w, trace, rows.y, training.loss, rows.weights)
    whole = backward_propagation(*back, stages=_PATHS).flat + training.l1 + training.l2 * np.abs(w)
    steep = backward_propagation(*back, stages=_SLOPE_1).flat
    kinks = _between_sides(probe, trace, precision)
    gradient = precision.relative * whole + 8 * precision.rounding * steep + kinks
    return Slack(outputs, loss, gradient, _of_step(probe, gradient, precision), kinks)


def _of_step(probe: Probe, off: Array, precision: Precision) -> Array:
    """(P,): what an update makes of a gradient that is off by so much, and the rounding of w itself."""
    net, training, w = probe.net, probe.training, probe.w
    g = one_step(Procedure(returned="bare"), probe).gradient
    (rate,) = rates(training.schedule, training.optimizer.learning_rate, 0, 0, 1, 1)
    here, more, less = (
        update_parameters(net, training, w, at, (), 1, float(rate))[0] for at in (g, g + off, g - off)
    )
    spread = np.maximum(np.abs(more - here), np.abs(less - here))
    return np.asarray(spread + precision.relative * np.abs(here - w) + 4 * precision.rounding * np.abs(w))


def _sizes_of_z(probe: Probe, trace: Trace) -> list[Array]:
    """Of each layer's z, (rows, n_out): the sum of the magnitudes of what is added up."""
    layers = views(probe.net, probe.w)
    return [
        REFERENCE.affine(np.abs(before), np.abs(W), np.abs(b))
        for before, (W, b) in zip(trace.a, layers, strict=False)
    ]


# ---- backpropagation with magnitudes ----


def _output_size(loss: Loss, g: Activation, z: Array, a: Array, y: Array, xp: Namespace) -> Array:
    """|delta| and what y takes away from it: where a and y are close, their difference keeps few digits."""
    delta = REFERENCE.output_delta
    return np.abs(delta(loss, g, z, a, y, xp)) + np.abs(delta(loss, g, z, a, np.zeros_like(y), xp))


def _hidden_size(d: Array, W: Array, g: Activation, z: Array, a: Array, xp: Namespace) -> Array:
    """The sum over the units it may come through; a softmax has paths from every unit to every unit."""
    one_by_one = (np.where(np.arange(len(W))[:, None] == k, np.abs(W), 0.0) for k in range(len(W)))
    parts = [np.abs(W)] if g.elementwise else one_by_one
    return np.asarray(sum(np.abs(REFERENCE.hidden_delta(d, part, g, z, a, xp)) for part in parts))


def _slope_1(d: Array, W: Array, g: Activation, z: Array, a: Array, xp: Namespace) -> Array:
    return REFERENCE.hidden_delta(d, np.abs(W), LINEAR, z, a, xp)


def _output_slope_1(loss: Loss, g: Activation, z: Array, a: Array, y: Array, xp: Namespace) -> Array:
    return _output_size(loss, g if loss.fuses(g) else LINEAR, z, a, y, xp)


_PATHS = Stages(
    output_delta=_output_size,
    weight_gradient=lambda before, delta: REFERENCE.weight_gradient(np.abs(before), delta),
    hidden_delta=_hidden_size,
)
_SLOPE_1 = _PATHS._replace(output_delta=_output_slope_1, hidden_delta=_slope_1)


# ---- kinks ----


def _between_sides(probe: Probe, trace: Trace, precision: Precision) -> Array:
    """(P,): how far the gradient of either side is from ours, where a z or an error lies on a kink."""
    net, loss = probe.net, probe.training.loss
    near = [
        1e-3 * precision.relative * size + 1e-300 if layer.activation.kinks else None
        for layer, size in zip(net.layers, _sizes_of_z(probe, trace), strict=True)
    ]
    sides = []
    for side in (-1.0, 1.0):
        z = tuple(
            at if width is None else _off(at, layer.activation.kinks, width, side)
            for layer, at, width in zip(net.layers, trace.z, near, strict=True)
        )
        width = 1e-3 * precision.relative * (np.abs(trace.output) + np.abs(probe.rows.y)) + 1e-300
        y = trace.output - _off(trace.output - probe.rows.y, loss.kinks, width, side)
        at_side = Trace(z, trace.a)
        sides.append(backward_propagation(net, probe.w, at_side, y, loss, probe.rows.weights).flat)
    g = backward_propagation(net, probe.w, trace, probe.rows.y, loss, probe.rows.weights).flat
    return np.asarray(np.maximum(np.abs(sides[0] - g), np.abs(sides[1] - g)) * (sides[0] != sides[1]))


def _off(at: Array, kinks: tuple[float, ...], width: Array, side: float) -> Array:
    """What lies within `width` of a kink, moved to one side of it."""
    for kink in kinks:
        at = np.where(np.abs(at - kink) <= width, kink + side * width, at)
    return at
