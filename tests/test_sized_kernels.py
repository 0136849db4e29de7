"""Kernels written out for a network's sizes, against the reference engine; and what they are written with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_engine_matrix import CASES, Case, a_few, agree, computed, draw_setup

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.engines import Compiled, Reference
from whygrad.engines.compiled import sized, small
from whygrad.engines.compiled.cache import kernel
from whygrad.engines.compiled.layout import aligned
from whygrad.engines.compiled.sums import add_rows
from whygrad.engines.compiled.traced import Value, loops, number, row, scratch_lines, traced
from whygrad.maths import NUMPY
from whygrad.network import Network, layers
from whygrad.state import State
from whygrad.table import Rows
from whygrad.training import Clip

# inputs, hidden units, outputs: fewer than a vector and more, with and without padding; W along either side
SIZES = ((2, 3, 2), (5, 17, 3), (1, 32, 2), (40, 3, 2), (9, 20, 18), (16, 70, 4))
ALONE = [case._replace(batch=1, clip=None, freeze=()) for case in CASES]
FEW = a_few(ALONE)


def _same(case: Case, sizes: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "fits", lambda net, training: False)
    setup = draw_setup(case, 1, *sizes)
    assert sized.fits(setup.net, setup.training)
    agree(computed(Compiled(), setup), computed(Reference(), setup), case.dtype)


@pytest.mark.parametrize("k", range(len(FEW)))
def test_row_by_row(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _same(FEW[k], SIZES[k % len(SIZES)], monkeypatch)


@pytest.mark.proof
@pytest.mark.parametrize("k", range(0, len(ALONE), 3))
def test_row_by_row_at_length(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _same(ALONE[k], SIZES[k % len(SIZES)], monkeypatch)


def test_which_runs_have_such_a_kernel() -> None:
    net = Network(8, layers((16, 1), "tanh", "linear"))
    assert sized.fits(net, wg.Training("mse", batch=1))
    assert not sized.fits(net, wg.Training("mse", batch=2))
    assert not sized.fits(net, wg.Training("mse", batch=1, freeze=("1",)))
    assert not sized.fits(net, wg.Training("mse", batch=1, clip=Clip("norm", 1.0)))
    assert not sized.fits(Network(100, layers((100, 1), "tanh", "linear")), wg.Training("mse", batch=1))


def test_what_is_not_finite_comes_through() -> None:
    """A rate that diverges ends in nan, and the largest move says so."""
    net = Network(3, layers((20, 1), "linear", "linear"))
    draw = np.random.default_rng(0)
    rows = Rows(draw.normal(0, 1, (4, 3)), draw.normal(0, 1, (4, 1)))
    state = State(draw.normal(0, 1, net.n_parameters), ())
    given = net, wg.Training("mse", wg.SGD(5.0), batch=1), state, rows, np.arange(400) % 4, np.full(400, 5.0)
    moved = Compiled().advance(*given)
    assert np.isnan(moved.state.w).all()
    assert np.isnan(moved.largest_step)


def test_a_run_in_pieces_is_the_same_to_the_bit() -> None:
    net = Network(3, layers((20, 5, 2), "tanh", "softmax"))
    draw = np.random.default_rng(0)
    rows = Rows(draw.normal(0, 1, (6, 3)), np.eye(2)[draw.integers(0, 2, 6)])
    training, state = wg.Training("cce", wg.Adam(0.01), batch=1), State(draw.normal(0, 1, net.n_parameters), ())
    order, rates = np.arange(6), np.full(6, 0.01)
    whole = Compiled().advance(net, training, state, rows, order, rates)
    half = Compiled().advance(net, training, state, rows, order[:4], rates[:4])
    rest = Compiled().advance(net, training, half.state, rows, order[4:], rates[4:])
    assert rest.state.t == whole.state.t == 6
    assert rest.state.w.tobytes() == whole.state.w.tobytes()
    for one, other in zip(rest.state.memory, whole.state.memory, strict=True):
        assert one.tobytes() == other.tobytes()


# ---- what they are written with ----


@kernel
def added(v: Any, out: int, numbers: int, h: Any, rows: int, width: int, count: int) -> None:
    add_rows(v, out, v, numbers, h, rows, width, count)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("vectors", [1, 2, 3, 4, 7, 8, 13])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 19])
def test_rows_are_added_up(dtype: str, vectors: int, count: int) -> None:
    width = vectors * (64 // np.dtype(dtype).itemsize)
    draw = np.random.default_rng(count)
    v, h = aligned(width + 32, np.dtype(dtype)), aligned(width * (count + 1), np.dtype(dtype))
    v[:], h[:] = draw.normal(0, 1, len(v)), draw.normal(0, 1, len(h))
    truth = v.astype(np.float64)
    truth[:width] += truth[width : width + count] @ h[width:].astype(np.float64).reshape(count, width)
    added(v, 0, width, h, width, width, count)
    assert np.allclose(v, truth, rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)


def _lines(result: Value) -> list[str]:
    return loops(result, "n", "total", "out[j] = {0}", lambda k: (f"s[{k}, j]", f"s[{k}, j] = {{0}}"))


def _worked_out(result: Value) -> Any:
    """The loops run by Python itself, number by number."""
    n = len(ROWS["z"])
    out, s = np.full(n, np.nan), np.full((scratch_lines(result), n), np.nan)
    names = {**ROWS, "n": n, "out": out, "s": s, "xp": NUMPY, "np": np, "larger": np.maximum}
    exec("\n".join(_lines(result)), names)
    return out if result.wide else names["total"]


ROWS = {name: np.random.default_rng(k).normal(0, 2, 5) for k, name in enumerate("dza")}
GIVEN = [row(f"{name}[j]") for name in ROWS]


@pytest.mark.parametrize("name", [name for name, g in ACTIVATIONS.items() if not g.elementwise])
def test_formulas_of_rows_are_written_out(name: str) -> None:
    g, (d, z, a) = ACTIVATIONS[name], (one[None] for one in ROWS.values())
    value, pull = traced(g.value_rule, GIVEN[1], number("1.0")), traced(g.pull_rule, *GIVEN, number("1.0"))
    assert np.allclose(_worked_out(value), g.value_rule(NUMPY, z, 1.0)[0], rtol=1e-14)
    assert np.allclose(_worked_out(pull), g.pull_rule(NUMPY, d, z, a, 1.0)[0], rtol=1e-14)


def _much(xp: Any, z: Any) -> Any:
    e = xp.exp(z)
    return e * xp.rowsum(e) - xp.rowmax(e * z) / xp.c(2.0) + -z


def test_a_row_that_two_loops_need_is_worked_out_once() -> None:
    result = traced(_much, GIVEN[1])
    assert sum("exp" in line for line in _lines(result)) == 1
    assert scratch_lines(result) == 1
    assert np.allclose(_worked_out(result), _much(NUMPY, ROWS["z"][None])[0], rtol=1e-14)


def test_a_number_can_be_what_comes_out() -> None:
    result = traced(lambda xp, z: xp.c(3.0) * xp.rowsum(z * z), GIVEN[1])
    assert np.isclose(_worked_out(result), 3 * (ROWS["z"] ** 2).sum(), rtol=1e-14)
