"""Kernels written out for one small network, against the reference engine; and where they are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_engine_matrix import CASES, Case, a_few, agree, computed, prepared

import whygrad as wg
from whygrad.engines import Compiled, Reference
from whygrad.engines.compiled import small
from whygrad.network import Network, layers
from whygrad.state import State
from whygrad.table import Rows
from whygrad.training import Clip

ALONE = [
    case._replace(batch=1, clip=None, freeze=())
    for case in CASES
    if case.formulas[1].elementwise and case.hidden != "softmax"
]


def _same(case: Case) -> None:
    setup, _ = prepared(case)
    assert small.fits(setup.net, setup.training)
    agree(computed(Compiled(), setup), computed(Reference(), setup), case.dtype)


@pytest.mark.parametrize("case", a_few(ALONE), ids=str)
def test_a_small_network_row_by_row(case: Case) -> None:
    _same(case)


@pytest.mark.proof
@pytest.mark.parametrize("case", ALONE, ids=str)
def test_every_small_network_row_by_row(case: Case) -> None:
    _same(case)


def test_which_runs_have_a_kernel_of_their_own() -> None:
    net, _, training = wg.example("students")
    assert small.fits(net, training)
    assert not small.fits(net, wg.Training("mse", batch=2))
    assert not small.fits(net, wg.Training("mse", batch=1, clip=Clip("norm", 1.0)))
    assert not small.fits(Network(8, layers((16, 1), "tanh", "linear")), wg.Training("mse", batch=1))


def test_what_is_not_finite_comes_through() -> None:
    """A rate that diverges ends in nan, and the largest move says so."""
    net, _, training = wg.example("students")
    rows = Rows(np.array([[8.0, 8], [7, 9]]), np.array([[4.0], [5]]))
    order, rates = np.arange(400) % 2, np.full(400, 5.0)
    moved = Compiled().advance(net, training, State(np.full(9, 0.1), ()), rows, order, rates)
    assert np.isnan(moved.state.w).all()
    assert np.isnan(moved.largest_step)


def test_where_nothing_can_be_written_it_is_compiled_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from whygrad.engines.compiled import cache, written

    for module in (cache, written):
        monkeypatch.setattr(module, "folder", lambda: None)
    written.written.cache_clear()
    net, _, training = wg.example("students")
    rows = Rows(np.array([[8.0, 8], [7, 9]]), np.array([[4.0], [5]]))
    given = net, training, State(np.full(9, 0.1), ()), rows, np.arange(2), np.full(2, 0.001)
    assert np.allclose(Compiled().advance(*given).state.w, Reference().advance(*given).state.w, rtol=1e-14)
    written.written.cache_clear()


def test_kept_kernels_are_loaded_by_the_next_process(tmp_path: Path) -> None:
    text = (
        "import numpy as np, whygrad as wg\n"
        "from whygrad.engines import Compiled\n"
        "from whygrad.state import State\n"
        "net, _, training = wg.example('students')\n"
        "rows = wg.Rows(np.array([[8.0, 8], [7, 9]]), np.array([[4.0], [5]]))\n"
        "state, order, rates = State(np.full(9, 0.1), ()), np.arange(2), np.full(2, 0.001)\n"
        "moved = Compiled().advance(net, training, state, rows, order, rates)\n"
        "print(moved.state.w.tobytes().hex())\n"
    )
    told = {**os.environ, "WHYGRAD_CACHE": str(tmp_path)}
    ran = [
        subprocess.run([sys.executable, "-c", text], env=told, capture_output=True, text=True) for _ in range(2)
    ]
    assert [one.returncode for one in ran] == [0, 0], ran[1].stderr
    assert ran[0].stdout == ran[1].stdout
    assert "compiling" in ran[0].stderr
    assert ran[1].stderr == ""
