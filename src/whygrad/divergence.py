"""Where a run stopped being finite: a chunk replayed step by step, each array looked at as it is born."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whygrad.maths import Array
from whygrad.names import parameter_names
from whygrad.network import Network
from whygrad.propagation import Trace, backward_propagation, forward_propagation, row_losses, update_parameters
from whygrad.state import State
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.weights import spans


@dataclass(frozen=True, eq=False)
class Divergence:
    """The last finite state, and where the next step left the finite numbers."""

    state: State
    words: str


def find_divergence(
    net: Network, training: Training, rows: Rows, state: State, order: Indices, rates: Array
) -> Divergence:
    """Replays from a finite state until an array is not finite; names epoch, batch, layer and parameter.

    `order` is that of the epoch, up to where it was found not to be finite.
    """
    size = training.batch_size(len(order))
    with np.errstate(all="ignore"):
        while state.row < len(order):
            batch = rows.take(order[state.row : state.row + size])
            place = f"epoch {state.epoch + 1}, batch {state.row // size + 1}"
            moved, what = _step(net, training, state, batch, float(rates[state.row // size]))
            if what:
                return Divergence(state, f"diverged in {place}: {what}; a smaller learning rate may hold")
            if not np.isfinite(moved.met):
                return Divergence(state, f"diverged in {place}: the sum of the losses met in this epoch overflows")
            state = moved
    return Divergence(state, f"diverged in epoch {state.epoch + 1}, at the latest in batch {state.row // size}")


def odd_forward(net: Network, training: Training, w: Array, rows: Rows) -> str:
    """The first array of a forward pass that is not finite, in words; empty where all are."""
    with np.errstate(all="ignore"):
        return _forward(net, training, w, rows)[2]


def _forward(net: Network, training: Training, w: Array, rows: Rows) -> tuple[Trace, Array, str]:
    trace = forward_propagation(net, w, rows.x)
    for layer, (z, a) in enumerate(zip(trace.z, trace.a[1:], strict=True), start=1):
        for name, values in (("z", z), ("a", a)):
            if not np.isfinite(values).all():
                unit = int(np.argwhere(~np.isfinite(values))[0, 1]) + 1
                what = f"{name} of unit {unit} is {_odd(values)}"
                return trace, np.empty(0), f"layer {layer}: {what} ({_largest(net, w, layer)})"
    losses = row_losses(net, training.loss, trace, rows.y)
    what = "" if np.isfinite(losses).all() else f"the loss of its output is {_odd(losses)}"
    last = len(net.layers)
    return trace, losses, what and f"layer {last}: {what} ({_largest(net, w, last)})"


def _step(net: Network, training: Training, state: State, batch: Rows, rate: float) -> tuple[State, str]:
    trace, losses, what = _forward(net, training, state.w, batch)
    if what:
        return state, what
    back = backward_propagation(net, state.w, trace, batch.y, training.loss, batch.weights)
    g = back.flat
    if not np.isfinite(g).all():
        return state, f"layer {_layer(net, g)}: the gradient of {_first(net, g)} is {_odd(g)}"
    t = state.t + 1
    w, memory = update_parameters(net, training, state.w, g, state.memory, t, rate)
    if not np.isfinite(w).all():
        return state, f"layer {_layer(net, w)}: parameter {_first(net, w)} becomes {_odd(w)}"
    for name, values in zip(training.optimizer.memories, memory, strict=True):
        if not np.isfinite(values).all():
            what = f"the optimizer's {name} of {_first(net, values)} becomes {_odd(values)}"
            return state, f"layer {_layer(net, values)}: {what}"
    wide = losses.astype(np.float64)
    met = state.met + float((wide if batch.weights is None else wide * batch.weights).sum())
    return replace(state, w=w, memory=memory, t=t, row=state.row + len(batch), met=met), ""


def _odd(values: Array) -> str:
    return str(values[~np.isfinite(values)][0])


def _first(net: Network, flat: Array) -> str:
    return parameter_names(net)[int(np.argmin(np.isfinite(flat)))]


def _layer(net: Network, flat: Array) -> int:
    at = int(np.argmin(np.isfinite(flat)))
    return next(number for number, span in enumerate(spans(net), start=1) if at < span.stop)


def _largest(net: Network, w: Array, layer: int) -> str:
    """The layer's parameter that is largest, or none at all."""
    span = spans(net)[layer - 1]
    sizes = np.abs(w[span.start : span.stop])
    at = span.start + int(np.argmax(np.where(np.isnan(sizes), np.inf, sizes)))
    return f"its largest parameter: {parameter_names(net)[at]} = {w[at]:.3g}"
