"""Oracles the tests share: derivatives by a complex step and by central differences, and small draws.

`mean_loss` is a second writing of the forward pass that runs many parameter vectors at once, so that one
call gives every derivative of a network; `test_propagation` checks the library's own pass against it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from whygrad.activations import ACTIVATIONS
from whygrad.losses import LOSSES, Loss
from whygrad.maths import COMPLEX, NUMPY
from whygrad.network import Network, layers

os.environ.setdefault("KERAS_BACKEND", "jax")  # read when keras is first imported

STEP = 1e-30  # along the imaginary axis: nothing is subtracted, so it may be this small

# every (loss, output activation) a loss is defined for
LEGAL = [(loss, a) for loss in LOSSES.values() for a in ACTIVATIONS.values() if loss.accepts(a)]


def complex_step(f: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """f'(x), elementwise, of a function continued to complex numbers."""
    return f(x + 1j * STEP).imag / STEP


def stepped(w: np.ndarray) -> np.ndarray:
    """(P, P) complex: copy i of w has an imaginary step in entry i."""
    return w + 1j * STEP * np.eye(len(w))


def by_complex_step(f: Callable[[Any], Any], w: np.ndarray) -> np.ndarray:
    """(P,): df/dw for f from (copies, P) to (copies,)."""
    return f(stepped(w)).imag / STEP


def by_differences(f: Callable[[Any], Any], w: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """(P,): (f(w + h) - f(w - h)) / 2h for each entry, f from (copies, P) to (copies,)."""
    nudge = h * np.eye(len(w))
    return (f(w + nudge) - f(w - nudge)) / (2 * h)


def split(net: Network, w: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(copies, P) -> each layer's W (copies, n_in, n_out) and b (copies, 1, n_out), counted off in order."""
    at = 0
    for n_in, n_out in zip(net.sizes, net.sizes[1:], strict=False):
        W = w[:, at : at + n_in * n_out].reshape(-1, n_in, n_out)
        b = w[:, at + n_in * n_out : at + n_in * n_out + n_out].reshape(-1, 1, n_out)
        at += (n_in + 1) * n_out
        yield W, b


def forward(net: Network, w: np.ndarray, x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each layer's (z, a), both (copies, rows, n_out), for parameters (copies, P)."""
    xp = COMPLEX if np.iscomplexobj(w) or np.iscomplexobj(x) else NUMPY
    a, trace = x, []
    for layer, (W, b) in zip(net.layers, split(net, w), strict=True):
        z = a @ W + b
        a = layer.activation.value(z, xp)
        trace.append((z, a))
    return trace


def mean_loss(net: Network, loss: Loss, w: Any, x: Any, y: Any, row_weights: Any = None) -> np.ndarray:
    """(copies,): the mean of the rows' weighted losses for each of the parameter vectors (copies, P).

    The loss is always taken from a, never by a fused shortcut.
    """
    xp = COMPLEX if np.iscomplexobj(w) or np.iscomplexobj(x) else NUMPY
    a = forward(net, w, x)[-1][1]
    shares = loss.value_rule(xp, a, y, loss.k)
    rows = shares.mean(-1) if loss.over_outputs == "mean" else shares.sum(-1)
    return (rows if row_weights is None else rows * row_weights).mean(-1)


def targets_for(loss: Loss, rows: int, outputs: int, draw: np.random.Generator) -> np.ndarray:
    """Random targets (rows, outputs) that the loss is defined for."""
    if loss.targets == "probability":
        return draw.integers(0, 2, (rows, outputs)).astype(float)
    if loss.targets == "distribution":
        return draw.dirichlet(np.ones(outputs), rows)
    if loss.targets == "sign":
        return draw.choice([-1.0, 1.0], (rows, outputs))
    if loss.targets == "count":
        return draw.integers(0, 5, (rows, outputs)).astype(float)
    return draw.normal(0, 1.5, (rows, outputs))


def near_an_edge(net: Network, loss: Loss, w: np.ndarray, x: np.ndarray, y: np.ndarray, gap: float = 1e-3) -> bool:
    """Whether a z, an a or an a - y lies within `gap` of where a function is not smooth, or is guarded."""
    trace = forward(net, w[None], x)
    for layer, (z, _) in zip(net.layers, trace, strict=True):
        if any((np.abs(z - kink) < gap).any() for kink in layer.activation.kinks):
            return True
    output = trace[-1][1]
    if loss.high == 1 and not ((output > gap) & (output < 1 - gap)).all():
        return True  # 1 - a has lost digits, and the guards of the logarithm come near
    if loss.targets == "count" and ((output > 0) & (output < 0.1)).any():
        return True  # log a bends too sharply for differences
    error = output - y
    jumps = [*loss.kinks, *((loss.k, -loss.k) if loss.name == "huber" else ())]
    return any((np.abs(error - jump) < gap).any() for jump in jumps)


Case = tuple[Network, np.ndarray, np.ndarray, np.ndarray]  # network, w (P,), x, y


def case(hidden: str, output: str, loss: Loss, depth: int, rows: int = 5, width: int = 3) -> Case:
    """The first random network of that depth, with rows, that is near no edge and lets gradients through."""
    net = Network(2, layers((width,) * (depth - 1) + (2,), hidden, output))
    for seed in range(10_000):
        draw = np.random.default_rng((seed, depth))
        w = draw.normal(0, 0.6, net.n_parameters)
        x = draw.normal(0, 1.0, (rows, net.inputs))
        y = targets_for(loss, rows, net.outputs, draw)
        if near_an_edge(net, loss, w, x, y):
            continue
        g = by_complex_step(lambda v: mean_loss(net, loss, v, x, y), w)  # noqa: B023
        if np.abs(g[: 2 * net.sizes[1]]).max() > 1e-7 and np.abs(g).max() < 100:
            return net, w, x, y
    raise AssertionError(f"no draw of {net} is away from every edge")


def matrix(step: int, depths: tuple[int, ...] = (1, 2, 3)) -> list[Any]:
    """Every hidden activation x legal output and loss x depth; all but each `step`-th are proofs.

    A network of one layer has no hidden activation, and comes once.
    """
    first = next(iter(ACTIVATIONS))
    cases = [(h, o.name, l, d) for h in ACTIVATIONS for l, o in LEGAL for d in depths if d > 1 or h == first]
    marks = [() if k % step == 0 else pytest.mark.proof for k in range(len(cases))]
    return [
        pytest.param(*c, marks=m, id=f"{c[0]}-{c[1]}-{c[2].name}-{c[3]}")
        for c, m in zip(cases, marks, strict=True)
    ]


@contextmanager
def float64_jax() -> Iterator[Any]:
    """JAX computing in float64 inside, and as it was before outside."""
    import jax

    with jax.enable_x64(True):
        yield jax


@contextmanager
def float64_keras() -> Iterator[Any]:
    """Keras computing in float64 inside, and as it was before outside."""
    import keras

    before = keras.config.floatx()
    with float64_jax():
        keras.config.set_floatx("float64")
        try:
            yield keras
        finally:
            keras.config.set_floatx(before)
