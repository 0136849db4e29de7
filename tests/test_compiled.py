"""The compiled engine beside the matrix: its parts against their slow twins, its cache, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.engines import Compiled, Reference
from whygrad.engines.compiled.layout import LOW, aligned, padded, shape_of, unpadded
from whygrad.errors import InputError
from whygrad.losses import loss
from whygrad.network import Dense, Network
from whygrad.state import State
from whygrad.table import Rows
from whygrad.training import Training

NET = Network(3, (Dense(5, "tanh"), Dense(17, "relu"), Dense(2, "linear")))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_parameters_come_back_out_of_the_layout(dtype: str) -> None:
    w = np.arange(1, NET.n_parameters + 1).astype(dtype)
    shape = shape_of(NET, loss("mse"), w.dtype)
    held = padded(NET, shape, w)
    assert held.ctypes.data % 64 == 0
    assert held.sum() == w.sum()  # padding is 0
    assert (unpadded(NET, shape, held) == w).all()


@cache
def tiles() -> Any:
    """C = A B by tiles, compiled once for each dtype."""
    import numba

    from whygrad.engines.compiled.tile import product

    return numba.njit(lambda a, ai, ak, b, c, m, n, k: product(a, 0, ai, ak, b, 0, 1, n, c, 0, 1, n, m, n, k))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("m", [4, 8, 12, 16, 28])
@pytest.mark.parametrize("n", [16, 32, 48])
def test_the_tiles_are_a_matrix_product(dtype: str, m: int, n: int) -> None:
    """Its slow twin is A @ B, with A read along either side."""
    draw, k, kind = np.random.default_rng(m * n), 7, np.dtype(dtype)
    a, b, c = aligned(m * k, kind), aligned(k * n, kind), aligned(m * n, kind)
    A, B, C = a.reshape(m, k), b.reshape(k, n), c.reshape(m, n)
    A[:], B[:] = draw.normal(size=(m, k)), draw.normal(size=(k, n))
    assert m % LOW == 0
    within = {"rtol": 0, "atol": 1e-14 if dtype == "float64" else 1e-5}
    tiles()(a, k, 1, b, c, m, n, k)
    np.testing.assert_allclose(C, A @ B, **within)
    C[:], turned = 0, aligned(m * k, kind)
    turned.reshape(k, m)[:] = A.T
    tiles()(turned, 1, m, b, c, m, n, k)
    np.testing.assert_allclose(C, A @ B, **within)


@pytest.mark.parametrize(
    ("name", "dtype", "within"),
    [
        ("exp", "float32", 9e-8),
        ("tanh", "float32", 1.4e-7),
        ("exp", "float64", 2.7e-16),
        ("tanh", "float64", 2.7e-16),
    ],
)
def test_exp_and_tanh(name: str, dtype: str, within: float) -> None:
    """Against NumPy's in more digits, over all that does not overflow, and at the edges."""
    import numba

    from whygrad.engines.compiled import functions

    f, wide = getattr(functions, f"{name}{dtype[-2:]}"), getattr(np, name)
    run = numba.vectorize(lambda x: f(x))
    end = 87 if dtype == "float32" else 708
    spread = (np.linspace(-end, end, 200_001), np.linspace(-1, 1, 100_001), np.linspace(-1e-3, 1e-3, 1001))
    x = np.concatenate(spread).astype(dtype)
    true = wide(x.astype(np.longdouble))
    assert (np.abs(run(x) - true) <= within * np.abs(true)).all()
    edges = np.array([np.nan, np.inf, -np.inf, 1000, -1000, 0], dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(run(edges), wide(edges), atol=2e-38)


def test_what_is_not_finite_comes_through() -> None:
    """Every activation, forward: NaN and what overflows are not hidden."""
    for name, g in ACTIVATIONS.items():
        net = Network(2, (Dense(2, name), Dense(2, "linear")))
        w = np.full(net.n_parameters, 0.5)
        seen = Compiled().evaluate(net, Training(loss="mse"), w, Rows(np.array([[np.nan, 1.0]]), np.ones((1, 2))))
        assert np.isnan(seen.loss), g


@pytest.mark.parametrize(
    "change",
    [
        {"net": Network(3, (Dense(2, replace(ACTIVATIONS["tanh"], name="mine")),))},
        {"loss": replace(loss("mse"), name="mine")},
        {"loss": replace(loss("mse"), value_rule=lambda xp, a, y, k: a - y)},
        {"loss": replace(loss("mse"), pull_rule=lambda xp, a, y, k: a - y)},
        {"loss": replace(loss("bce"), shortcut=None)},
    ],
)
def test_a_formula_of_ones_own_is_refused(change: dict[str, object]) -> None:
    net = change.pop("net", NET)
    assert isinstance(net, Network)
    training = Training(**{"loss": "mse", "batch": 2, **change})  # type: ignore[arg-type]
    rows = Rows(np.ones((4, 3)), np.ones((4, 2)))
    state = State(np.full(net.n_parameters, 0.1), (np.zeros(net.n_parameters),) * 2)
    with pytest.raises(InputError, match="is your own, and the compiled engine has only whygrad's"):
        Compiled().advance(net, training, state, rows, np.arange(4), np.full(2, 0.1))


def test_a_run_by_fit_is_the_reference_engines() -> None:
    runs = [wg.fit(*wg.example("placement"), engine=name, epochs=5) for name in ("compiled", "reference")]
    assert [run.engine for run in runs] == ["compiled", "reference"]
    np.testing.assert_allclose(runs[0].state.w, runs[1].state.w, rtol=1e-12)


def test_many_rows_are_looked_at_by_threads_with_the_bits_of_few() -> None:
    draw = np.random.default_rng(2)
    rows = Rows(draw.normal(size=(10_001, 3)), draw.normal(size=(10_001, 2)))
    w, training = draw.normal(size=NET.n_parameters), Training(loss="mse")
    seen = Compiled().evaluate(NET, training, w, rows)
    for start in range(0, len(rows), 3_000):
        part = rows.take(slice(start, start + 3_000))
        assert (Compiled().evaluate(NET, training, w, part).outputs == seen.outputs[start : start + 3_000]).all()
    true = Reference().evaluate(NET, training, w, rows)
    assert seen.loss == pytest.approx(true.loss, rel=1e-12)
