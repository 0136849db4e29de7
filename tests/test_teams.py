"""Threads that share the batches of one network: the same bits as one alone; and what they work with."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_engine_matrix import CASES, TOLERANCE, computed, draw_setup, parted

import whygrad as wg
from whygrad.engines import Compiled, Reference
from whygrad.engines.compiled import engine, together
from whygrad.engines.compiled.cache import kernel
from whygrad.engines.compiled.layout import ROOM, aligned
from whygrad.engines.compiled.meeting import meet, part
from whygrad.engines.compiled.tile import address, affine
from whygrad.engines.compiled.together import team_for
from whygrad.engines.compiled.turning import square
from whygrad.network import Network, layers
from whygrad.table import Rows

SHARED = [case for case in CASES if case.batch != 1]
WIDTHS = (
    (20, 70, 40),
    (33, 100, 20),
    (9, 48, 81),
    (50, 130, 17),
)  # panels of 32 or 16 columns: whole ones and not


@pytest.mark.parametrize("case", SHARED[::4], ids=str)
def test_a_team_of_any_size_gives_the_same_bits(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = draw_setup(case, 1, *WIDTHS[SHARED.index(case) // 4 % len(WIDTHS)])
    alone = None
    for team in (1, 2, 3):
        monkeypatch.setattr(engine, "team_for", lambda work, rows, team=team: team)
        found = computed(Compiled(), setup)
        alone = alone or found
        assert found.w.tobytes() == alone.w.tobytes()
        assert found.losses.tobytes() == alone.losses.tobytes()
        assert found.largest == alone.largest
        assert [one.tobytes() for one in found.memory] == [one.tobytes() for one in alone.memory]


@pytest.mark.parametrize("case", SHARED[::61], ids=str)
def test_a_team_agrees_with_the_reference(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "team_for", lambda work, rows: 3)
    setup = draw_setup(case, 1, *WIDTHS[0])
    found, truth = computed(Compiled(), setup), computed(Reference(), setup)
    assert parted(found.w, truth.w) <= TOLERANCE[case.dtype]
    assert parted(found.losses, truth.losses) <= TOLERANCE[case.dtype]


# few rows and panels; and sums longer than what stays in the cache, over panels enough for a copy of a_before
@pytest.mark.parametrize(("inputs", "hidden", "n"), [(5, 70, 50), (300, 200, 600)])
def test_gradients_are_the_same_with_a_team(
    inputs: int, hidden: int, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, training = Network(inputs, layers((hidden, 40, 3), "tanh", "softmax")), wg.Training("cce")
    draw = np.random.default_rng(0)
    rows = Rows(draw.normal(0, 1, (n, inputs)), np.eye(3)[draw.integers(0, 3, n)])
    w = draw.normal(0, 0.3, net.n_parameters)
    found = []
    for team in (1, 2):
        monkeypatch.setattr(engine, "team_for", lambda work, rows, team=team: team)
        found.append(Compiled().gradients(net, training, w, rows))
    assert found[0][0] == found[1][0]
    assert found[0][1].tobytes() == found[1][1].tobytes()
    loss, gradient = Reference().gradients(net, training, w, rows)
    assert np.isclose(found[0][0], loss, rtol=1e-13)
    assert np.abs(found[0][1] - gradient).max() < 1e-13 * max(1, np.abs(gradient).max())


def test_small_batches_have_no_team() -> None:
    assert team_for(work=4801 * 32, rows=32) == 1
    assert team_for(work=10**9, rows=4) == 1
    assert team_for(work=10**9, rows=128) >= 1


@pytest.mark.parametrize(
    ("said", "most"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", 99), ("", 99)]
)
def test_a_quota_of_the_processor_counts(
    said: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "_QUOTA", tmp_path / "cpu.max")
    if said:
        (tmp_path / "cpu.max").write_text(f"{said}\n", encoding="ascii")
    found = together.cores.__wrapped__()
    assert 1 <= found <= most
    if most > 1:
        assert found == len(os.sched_getaffinity(0))


# ---- what they work with ----


@kernel
def climbed(sync: Any, team: int, me: int, steps: int, heights: Any, seen: Any) -> None:
    """Each climbs a step, meets the others, and looks how high they are."""
    for step in range(steps):
        heights[me] = step + 1
        meet(sync, team)
        for other in range(team):
            if heights[other] != step + 1:
                seen[me] += 1
        meet(sync, team)


@pytest.mark.parametrize("team", [1, 2, 3])
def test_nobody_goes_on_before_all_have_come(team: int) -> None:
    sync, heights, seen = np.zeros(ROOM, np.int64), np.zeros(team, np.int64), np.zeros(team, np.int64)
    climbed(sync, 1, 0, 1, heights, seen)  # compiles
    heights[:], seen[:] = 0, 0
    threads = [
        threading.Thread(target=climbed, args=(sync, team, me, 300, heights, seen), daemon=True)
        for me in range(team)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.01)  # the first waits
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert (heights == 300).all()
    assert (seen == 0).all()


@kernel
def shared(n: int, team: int, step: int, out: Any) -> None:
    for me in range(team):
        out[me, 0], out[me, 1] = part(n, me, team, step)


@pytest.mark.parametrize("n", [0, 1, 4, 31, 32, 33, 100])
@pytest.mark.parametrize("team", [1, 2, 5])
def test_parts_are_all_and_none_twice(n: int, team: int) -> None:
    out = np.zeros((team, 2), np.int64)
    shared(n, team, 4, out)
    assert [k for start, stop in out for k in range(start, stop)] == list(range(n))
    assert all(start % 4 == 0 or start == n for start, _ in out)


@kernel
def turned(a: Any, ai: int, b: Any, bi: int) -> None:
    square(address(a, 0), ai, address(b, 0), bi)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_square_is_turned(dtype: str) -> None:
    side = 64 // np.dtype(dtype).itemsize
    a, b = np.arange(side * (side + 3)).astype(dtype), np.full(side * (side + 5), -1).astype(dtype)
    turned(a, side + 3, b, side + 5)
    A, B = a.reshape(side, side + 3), b.reshape(side, side + 5)
    assert (B[:, :side] == A[:, :side].T).all()
    assert (B[:, side:] == -1).all()


@kernel
def in_panels(a: Any, b: Any, c: Any, v: Any, m: int, n: int, depth: int) -> None:
    affine(a, 0, depth, 1, b, 0, depth, 0, c, 0, m, 0, m, n, depth, v, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("vectors", [1, 2, 3, 6])
def test_a_product_of_panels(dtype: str, vectors: int) -> None:
    kind = np.dtype(dtype)
    n, m, depth, panel = vectors * (64 // kind.itemsize), 16, 9, 2 * (64 // kind.itemsize)
    draw = np.random.default_rng(vectors)
    a, b, c, v = (aligned(size, kind) for size in (m * depth, depth * n, m * n, n))
    for array in (a, b, v):
        array[:] = draw.normal(0, 1, len(array))
    in_panels(a, b, c, v, m, n, depth)
    for j in range(0, n, panel):
        columns = min(panel, n - j)
        B = b[j * depth : (j + columns) * depth].reshape(depth, columns)
        C = c[j * m : (j + columns) * m].reshape(m, columns)
        truth = a.reshape(m, depth).astype(np.float64) @ B.astype(np.float64) + v[j : j + columns]
        assert np.allclose(C, truth, rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)
