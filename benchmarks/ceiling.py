"""The machine's ceiling: what no engine on it can exceed, measured between the contenders' turns.

- FMA peak: whygrad's own tile on matrices that stay in the first cache, on one core and on all at once
  (there NumPy's product counts too, should it be quicker).
- own kernel: the same product on the workload's largest layer, a batch of rows at a time, on one core.
- BLAS: NumPy's matrix product of 768 x 768, on as many cores as it takes.
- bandwidth: NumPy copying 64 MiB; bytes read and bytes written are counted.

Each is measured in bursts, the products' of milliseconds, and the quickest burst of all counts: a burst is short
enough to have its cores for itself now and then on a shared machine, and a ceiling is what is never exceeded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import cores
from benchmarks.workloads import Workload
from whygrad.engines.compiled.cache import kernel
from whygrad.engines.compiled.layout import LINE, LOW, aligned, rounded
from whygrad.engines.compiled.tile import HIGH, product
from whygrad.maths import Array

COPIED = 2**26  # bytes
SQUARE = 768
BURST, BURST_ALL = 0.001, 0.004  # seconds, of one core and of all
BURSTS = 8  # in one look


@kernel
def _repeated(a: Any, b: Any, c: Any, m: int, n: int, depth: int, times: int) -> None:
    for _ in range(times):
        product(a, 0, depth, 1, b, 0, depth, 0, c, 0, 1, n, m, n, depth)


@dataclass(frozen=True)
class Heights:
    """GFLOP/s of the peak on one core and on all, the own kernel and BLAS; GB/s of a copy."""

    one: float
    all: float
    own: float
    blas: float
    copy: float


class Ceiling:
    """Measures in one dtype beside one workload; `look` once a round."""

    def __init__(self, workload: Workload, dtype: str) -> None:
        kind = np.dtype(dtype)
        vector = LINE // kind.itemsize
        self._pool = ThreadPoolExecutor(cores())
        depth = 384 // kind.itemsize  # A, B and C together take 24 KiB
        one, *every = (
            _Product(2 * HIGH, 2 * vector, depth, kind, burst) for burst in (BURST, *[BURST_ALL] * cores())
        )
        n_in, n_out = max(pairwise(workload.sizes), key=lambda pair: pair[0] * pair[1])
        rows = rounded(min(workload.batch, 96 if workload.unit == "block" else workload.batch), LOW)
        own = _Product(rows, rounded(n_out, vector), n_in, kind, BURST)
        counted = min(rows, workload.batch) * n_out / (rows * rounded(n_out, vector))  # the rest is padding
        draw = np.random.default_rng(0)
        A, B = (draw.random((SQUARE, SQUARE)).astype(kind) for _ in range(2))
        out = np.empty_like(A)
        here, there = (np.ones(COPIED // kind.itemsize, kind) for _ in range(2))
        self._looks: dict[str, tuple[float, Callable[[], object]]] = {
            "one": (one.flops, one.run),
            "all": (sum(e.flops for e in every), lambda: list(self._pool.map(_Product.run, every))),
            "own": (own.flops * counted, own.run),
            "blas": (2.0 * SQUARE**3, lambda: np.matmul(A, B, out=out)),
            "copy": (2.0 * COPIED, lambda: np.copyto(there, here)),
        }
        self._seen = dict.fromkeys(self._looks, 0.0)
        for _, run in self._looks.values():
            run()

    def look(self) -> None:
        """Some bursts of each."""
        for name, (amount, run) in self._looks.items():
            quickest = min(_took(run) for _ in range(BURSTS))
            self._seen[name] = max(self._seen[name], amount / quickest / 1e9)

    def heights(self) -> Heights:
        """The best of all looks; on all cores, whoever's product was the quickest."""
        self._pool.shutdown()
        seen = self._seen
        return Heights(**(seen | {"all": max(seen["one"], seen["all"], seen["blas"])}))


class _Product:
    """A product of (m, depth) by (depth, n) repeated until it takes about `burst` seconds."""

    def __init__(self, m: int, n: int, depth: int, kind: np.dtype[Any], burst: float) -> None:
        self._arrays: tuple[Array, Array, Array] = (
            aligned(m * depth, kind), aligned(depth * n, kind), aligned(m * n, kind)
        )  # fmt: skip
        self._sizes, self._times = (m, n, depth), 1
        self.run()  # compiles
        self._times = max(1, round(burst / min(_took(self.run) for _ in range(BURSTS))))
        self.flops = 2.0 * m * n * depth * self._times

    def run(self) -> None:
        """All repetitions."""
        _repeated(*self._arrays, *self._sizes, self._times)


def _took(run: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
