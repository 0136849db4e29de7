"""Row-by-row descent in blocks of rows, against the reference engine's rows one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_engine_matrix import TOLERANCE, parted

import whygrad as wg
from whygrad.engines import Compiled, Reference
from whygrad.engines.compiled import blocks
from whygrad.network import Network, layers
from whygrad.state import State
from whygrad.table import Rows
from whygrad.training import Clip

SGD = wg.SGD(0.05)
CASES: dict[str, tuple[tuple[int, ...], str, str, str]] = {  # sizes, hidden, output, loss
    "one layer": ((50, 3), "linear", "softmax", "cce"),
    "narrow behind": ((49, 20, 1), "tanh", "sigmoid", "bce"),
    "wide behind": ((64, 30, 10), "sigmoid", "softmax", "cce"),
    "panels": ((100, 70, 40, 2), "relu", "linear", "mse"),
    "softmax inside": ((51, 33, 5), "softmax", "linear", "huber"),
}


def _rows(sizes: tuple[int, ...], output: str, n: int, dtype: str, weighted: bool) -> tuple[Rows, Any]:
    draw = np.random.default_rng(0)
    one_hot = np.eye(sizes[-1])[draw.integers(0, sizes[-1], n)]
    y = {"softmax": one_hot, "sigmoid": draw.integers(0, 2, (n, sizes[-1])) * 1.0}.get(
        output, draw.normal(0, 1, (n, sizes[-1]))
    )
    weights = draw.uniform(0, 2, n).astype(dtype) if weighted else None
    return Rows(draw.normal(0, 1, (n, sizes[0])).astype(dtype), y.astype(dtype), weights), draw.permutation(n)


def kinds() -> list[Any]:
    """(case, dtype, weighted), a kernel each, of seconds to compile: each case once, and all of them as proofs."""
    made = []
    for k, name in enumerate(CASES):
        for of_dtype, dtype in enumerate(("float64", "float32")):
            for weighted in (False, True):
                tried = (k % 2, k % 4 in (1, 2)) == (of_dtype, weighted)
                made.append(pytest.param(name, dtype, weighted, marks=() if tried else pytest.mark.proof))
    return made


@pytest.mark.parametrize("name, dtype, weighted", kinds())
def test_rows_in_blocks(name: str, dtype: str, weighted: bool) -> None:
    sizes, hidden, output, loss = CASES[name]
    net, training = (
        Network(sizes[0], layers(sizes[1:], hidden, output)),
        wg.Training(loss, SGD, batch=1, dtype=dtype),
    )  # type: ignore[arg-type]
    assert blocks.fits(net, training)
    for n in (1, 31, 32, 75):  # part of a block, a whole one, and more than one
        rows, order = _rows(sizes, output, n, dtype, weighted)
        state, rates = State(wg.initialize_parameters(net, "glorot").astype(dtype), ()), np.linspace(0.05, 0.01, n)
        found = Compiled().advance(net, training, state, rows, order, rates)
        truth = Reference().advance(net, training, state, rows, order, rates)
        assert found.state.t == n
        assert found.state.w.dtype == np.dtype(dtype)
        assert parted(found.state.w, truth.state.w) <= TOLERANCE[dtype]
        assert parted(found.losses, truth.losses) <= TOLERANCE[dtype]
        # W of the first layer moves with its block; its largest move is that of its largest input
        assert parted(found.largest_step, truth.largest_step) <= 100 * TOLERANCE[dtype]


def test_blocks_follow_one_another_to_the_bit() -> None:
    sizes, hidden, output, loss = CASES["wide behind"]
    net, training = Network(sizes[0], layers(sizes[1:], hidden, output)), wg.Training(loss, SGD, batch=1)
    rows, order = _rows(sizes, output, 96, "float64", weighted=True)  # a kernel that is there
    state, rates = State(wg.initialize_parameters(net, "glorot"), ()), np.full(96, 0.05)
    whole = Compiled().advance(net, training, state, rows, order, rates)
    half = Compiled().advance(net, training, state, rows, order[:64], rates[:64])
    rest = Compiled().advance(net, training, half.state, rows, order[64:], rates[64:])
    assert rest.state.w.tobytes() == whole.state.w.tobytes()


def test_what_is_not_finite_comes_through() -> None:
    net, training = Network(50, layers((5, 1), "linear", "linear")), wg.Training("mse", wg.SGD(5.0), batch=1)
    rows, order = _rows((50, 5, 1), "linear", 64, "float64", weighted=False)
    state = State(wg.initialize_parameters(net, "glorot"), ())
    moved = Compiled().advance(net, training, state, rows, np.tile(order, 10), np.full(640, 5.0))
    assert np.isnan(moved.state.w).any()
    assert np.isnan(moved.largest_step)


@pytest.mark.parametrize(
    "change",
    [{"batch": 2}, {"optimizer": wg.Momentum(0.1)}, {"l2": 0.1}, {"clip": Clip("norm", 1.0)}, {"freeze": ("1",)}],
)
def test_what_is_not_taken_in_blocks(change: dict[str, Any]) -> None:
    training = wg.Training("mse", **{"optimizer": SGD, "batch": 1, **change})
    assert not blocks.fits(Network(50, layers((5, 1), "linear", "linear")), training)
    assert not blocks.fits(Network(47, layers((5, 1), "linear", "linear")), wg.Training("mse", SGD, batch=1))
