"""What can be handed to the functions of somebody's code: the probe's values in the layout that is being tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from whygrad.judgement.containers import Slot, Template, fill, like, remembers, slots
from whygrad.judgement.layouts import Layout, rows_for, targets_for
from whygrad.judgement.returned import Handed
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import Trace
from whygrad.table import Rows
from whygrad.training import Training


@dataclass
class Offer:
    """All that one call of a function may be handed, and (`lent`) what it was handed of the parameters."""

    net: Network
    training: Training
    w: Array
    rows: Rows
    trace: Trace  # whygrad's own
    template: Template
    layout: Layout
    parts: Mapping[str, str]  # the code's functions by part
    held: bool = False  # the parameters are attributes or global variables, not arguments
    forward: Handed | None = None
    gradients: Handed | None = None
    memory: Handed | None = None
    shared: Any = None  # parameters beside which their functions leave values for each other
    lent: list[tuple[Template, Any]] = field(default_factory=list)
    borrowed: set[str] = field(default_factory=set)  # arguments that whygrad's own forward had to supply


def by_role(role: str, offer: Offer) -> tuple[bool, Any]:
    """(whether there is something for it, the value for an argument of that role)."""
    net, training, layout = offer.net, offer.training, offer.layout
    if role in ("parameters", "weights", "biases"):
        return True, _parameters(role, offer)
    if role == "gradients":
        return offer.gradients is not None, None if offer.gradients is None else offer.gradients.value
    if role in ("outputs", "hidden", "cache"):
        return _of_forward(role, offer)
    if role == "velocity":
        return True, _velocity(offer)
    if role == "l2" and training.l2 == 0 and training.l1 == 0:
        return True, 0.0
    hidden = net.sizes[1] if len(net.layers) > 1 else net.outputs
    table: dict[str, Callable[[], Any]] = {
        "x": lambda: rows_for(layout, offer.rows.x),
        "y": lambda: targets_for(layout, offer.rows.y),
        "learning_rate": lambda: training.optimizer.learning_rate,
        "epochs": lambda: training.epochs,
        "sizes": lambda: list(net.sizes),
        "n_inputs": lambda: net.inputs,
        "n_hidden": lambda: hidden,
        "hidden_sizes": lambda: list(net.sizes[1:-1]),
        "n_outputs": lambda: net.outputs,
        "batch_size": lambda: min(training.batch_size(len(offer.rows)), len(offer.rows)),
        "pairs": lambda: _row_pairs(offer),
        "n_rows": lambda: len(offer.rows),
        "step_number": lambda: 1,
        "momentum": lambda: getattr(training.optimizer, "momentum", getattr(training.optimizer, "beta1", 0.0)),
        "l2": lambda: training.l2,
        "loud": lambda: True,
        "seed": lambda: training.seed,
    }
    return True, table[role]()


def _parameters(role: str, offer: Offer) -> Any:
    if role == "parameters" and remembers(offer.template):
        offer.shared = offer.shared or fill(offer.net, offer.template, offer.layout, offer.w)
        offer.lent.append((offer.template, offer.shared))
        return offer.shared
    if role == "parameters":
        return lend(offer.template, offer)
    layers = range(len(offer.net.layers))
    own = [own_slot("W" if role == "weights" else "b", at, offer) for at in layers]
    return lend(own, offer)


def _of_forward(role: str, offer: Offer) -> tuple[bool, Any]:
    forward = offer.forward
    if role == "outputs":
        if forward is None:
            return True, _as_target(whygrads("y_hat", offer.trace.output, offer), offer)
        return True, _as_target(forward.outputs, offer)
    if role == "hidden":
        if forward is not None and forward.rest is not None:
            return True, forward.rest
        return True, whygrads("the hidden layer", offer.trace.a[-2], offer)
    if forward is None or forward.rest is None:
        return False, None
    return True, forward.rest


def _as_target(outputs: Any, offer: Offer) -> Any:
    """One output as a number, where y is one."""
    if offer.layout.target == "number" and np.size(outputs) == 1:
        return float(np.asarray(outputs).reshape(-1)[0])
    return outputs


def _row_pairs(offer: Offer) -> list[tuple[Any, Any]]:
    """[(x, y), ...], a row each."""
    rows = range(len(offer.rows))
    return [
        (rows_for(offer.layout, offer.rows.x[[k]]), targets_for(offer.layout, offer.rows.y[[k]])) for k in rows
    ]


def _velocity(offer: Offer) -> Any:
    """Memories of 0, in the structure of the gradients where there are some."""
    zeros = np.zeros_like(offer.w)
    if offer.gradients is not None:
        return _zeros(offer.gradients.value)
    return fill(offer.net, offer.template, offer.layout, zeros)


def _zeros(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _zeros(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return like(value, [_zeros(inner) for inner in value])
    return value * 0


def own_slot(part: str, at: int, offer: Offer) -> Slot:
    """The slot of that array, with the shape the code's own initialisation gave it."""
    there = (slot for slot in slots(offer.template) if (part, at) in slot.places)
    return next(there, Slot(part, at))


def lend(template: Template, offer: Offer) -> Any:
    """A fresh structure of parameters, remembered so that a change in place can be read."""
    value = fill(offer.net, template, offer.layout, offer.w)
    offer.lent.append((template, value))
    return value


def whygrads(name: str, a: Array, offer: Offer) -> Any:
    """An array (rows, n) of whygrad's own forward propagation, for want of theirs."""
    offer.borrowed.add(name)
    return rows_for(offer.layout, a)
