"""Networks to make mistakes in, and what a procedure answers to probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from whygrad.judgement.experiments import probes_for
from whygrad.judgement.machine import Procedure, one_step
from whygrad.judgement.observations import Answer, Probe
from whygrad.network import Dense, Network
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.updates import SGD, Momentum

NETS: dict[str, tuple[Network, Training]] = {
    name: (net, replace(training, batch=2, order="sequential", epochs=3))
    for name, net, training in (
        ("2-2-1 linear", Network(2, (Dense(2), Dense(1))), Training("mse", SGD(0.05))),
        ("2-2-1 sigmoid", Network(2, (Dense(2, "sigmoid"), Dense(1, "sigmoid"))), Training("bce", SGD(0.2))),
        ("3-4-3 softmax", Network(3, (Dense(4, "tanh"), Dense(3, "softmax"))), Training("cce", SGD(0.2))),
        ("2-3-3-2 relu", Network(2, (Dense(3, "relu"), Dense(3, "relu"), Dense(2))), Training("mse", SGD(0.05))),
        (
            "3-3-1 with l2",
            Network(3, (Dense(3, "sigmoid"), Dense(1, "sigmoid"))),
            Training("bce", SGD(0.2), l2=0.1),
        ),
        ("2-3-1 with momentum", Network(2, (Dense(3, "tanh"), Dense(1))), Training("mse", Momentum(0.05, 0.7))),
    )
}
ALL = ("outputs", "loss", "gradient", "stepped")


def strong(net: Network, training: Training) -> tuple[Probe, ...]:
    """Probes for a table of five rows."""
    return probes_for(net, training, Rows(np.zeros((5, net.inputs)), np.zeros((5, net.outputs))))


def answers(procedure: Procedure, probes: Sequence[Probe], shown: Sequence[str] = ALL) -> list[Answer]:
    """What code that follows the procedure shows of each probe."""
    found = []
    for probe in probes:
        step = one_step(procedure, probe)
        said = {"outputs": step.outputs, "loss": step.loss, "gradient": step.gradient, "stepped": step.w}
        found.append(Answer(**{aspect: said[aspect] for aspect in shown}))  # type: ignore[arg-type]
    return found
