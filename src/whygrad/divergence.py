"""Where a run stopped being finite: a chunk replayed step by step, each array looked at as it is born."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whygrad.history import State
from whygrad.maths import Array
from whygrad.names import parameter_names
from whygrad.network import Network
from whygrad.propagation import backward_propagation, forward_propagation, row_losses, update_parameters
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.weights import flatten


@dataclass(frozen=True, eq=False)
class Divergence:
    """The last finite state, and where the next step left the finite numbers."""

    state: State
    words: str


def find_divergence(
    net: Network, training: Training, rows: Rows, state: State, order: Indices, rates: Array
) -> Divergence:
    """Replays from a finite state until an array is not finite; names epoch, batch, layer and parameter."""
    size = len(order) if training.batch == "all" else training.batch
    with np.errstate(all="ignore"):
        while state.row < len(order):
            batch = rows.take(order[state.row : state.row + size])
            moved, what = _step(net, training, state, batch, float(rates[state.row // size]))
            if what:
                place = f"epoch {state.epoch + 1}, batch {state.row // size + 1}"
                return Divergence(state, f"diverged in {place}: {what}; a smaller learning rate may hold")
            state = moved
    return Divergence(state, f"diverged in epoch {state.epoch + 1}: the sum of its losses overflows")


def _step(net: Network, training: Training, state: State, batch: Rows, rate: float) -> tuple[State, str]:
    trace = forward_propagation(net, state.w, batch.x)
    for layer, (z, a) in enumerate(zip(trace.z, trace.a[1:], strict=True), start=1):
        for name, values in (("z", z), ("a", a)):
            if not np.isfinite(values).all():
                return state, f"layer {layer}: {name} is {_odd(values)}"
    losses = row_losses(net, training.loss, trace, batch.y)
    if not np.isfinite(losses).all():
        return state, f"the loss is {_odd(losses)}"
    back = backward_propagation(net, state.w, trace, batch.y, training.loss, batch.weights)
    g = flatten(net, back.layers)
    if not np.isfinite(g).all():
        return state, f"the gradient of {_first(net, g)} is {_odd(g)}"
    t = state.t + 1
    w, memory = update_parameters(net, training, state.w, g, state.memory, t, rate)
    if not np.isfinite(w).all():
        return state, f"parameter {_first(net, w)} becomes {_odd(w)}"
    return replace(state, w=w, memory=memory, t=t, row=state.row + len(batch)), ""


def _odd(values: Array) -> str:
    return str(values[~np.isfinite(values)][0])


def _first(net: Network, flat: Array) -> str:
    return parameter_names(net)[int(np.argmin(np.isfinite(flat)))]
