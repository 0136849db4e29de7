"""Paths: the ten largest from one weight of the first layer of a network with a million parameters.

The claim: at most 50 ms on top of one forward and one backward pass of the row. The links make a forward pass of
their own; it is not deducted. What is found is compared with backpropagation, and where all paths can be held in
memory, with all of them sorted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import whygrad as wg
from benchmarks import Outcome, table
from whygrad.explanation.links import Links, links_of
from whygrad.explanation.paths import Paths, paths_of
from whygrad.explanation.symbols import Symbols
from whygrad.maths import Array
from whygrad.names import Place
from whygrad.network import layers

CLAIM = 0.050  # seconds
PLACE = Place(0, 3, 5)
MOST = 10**6  # paths that are also multiplied out one by one


@dataclass(frozen=True)
class Job:
    """A network and one row of one class."""

    name: str
    sizes: tuple[int, ...]
    hidden: str

    def explained(self) -> wg.Explanation:
        """The row to be opened."""
        draw = np.random.default_rng(1)
        net = wg.Network(self.sizes[0], layers(self.sizes[1:], self.hidden, "softmax"))
        y = np.eye(net.outputs)[1]
        return wg.explain_row(net, wg.initialize_parameters(net, "he"), draw.normal(0, 1, net.inputs), y, "cce")


JOBS = (
    Job("784-1000-200-10 relu", (784, 1000, 200, 10), "relu"),
    Job("512-800-700-20 tanh", (512, 800, 700, 20), "tanh"),
    Job("50 layers of 141 tanh", (20, *[141] * 50, 5), "tanh"),
)


def run(rounds: int) -> Outcome:
    """Times both passes and the paths in turns, after one turn that is not counted."""
    cells = [["network", "parameters", "paths", "both passes", "links", "paths", "difference"]]
    said, held = [], True
    for job in JOBS:
        row, lines, well = timed(job, rounds)
        cells.append(row)
        said += lines
        held &= well
    return Outcome((f"{rounds} rounds, in turns, medians in milliseconds", *table(cells), *said), held)


def timed(job: Job, rounds: int) -> tuple[list[str], list[str], bool]:
    """One network's row of the table, what is to be said of it, and whether the claim held."""
    why = job.explained()
    m, symbols = why.moment, Symbols(why.moment.net)

    def passes() -> None:
        trace = wg.forward_propagation(m.net, m.w, m.row.x)
        wg.backward_propagation(m.net, m.w, trace, m.row.y, m.loss)

    seconds: list[tuple[float, float, float]] = []
    for _ in range(rounds + 1):
        both = took(passes)
        started = time.perf_counter()
        links = links_of(m)
        between = time.perf_counter()
        paths = paths_of(links, symbols, PLACE)
        seconds.append((both, between - started, time.perf_counter() - between))
    lines, same = judged(job, why, paths)
    on_top = statistics.median(local + found for _, local, found in seconds[1:])
    difference = statistics.median(local + found - both for both, local, found in seconds[1:])
    fast = on_top <= CLAIM
    lines.append(
        f"{job.name}: links and paths take {1000 * on_top:.2f} ms; at most {1000 * CLAIM:g}: "
        f"{'held' if fast else 'NOT HELD'}"
    )
    count = f"{paths.count:,}" if paths.count <= MOST else f"{float(paths.count):.1e}"
    medians = [statistics.median(column) for column in zip(*seconds[1:], strict=True)]
    times = [f"{1000 * t:.2f}" for t in (*medians, difference)]
    return [job.name, f"{m.net.n_parameters:,}", count, *times], lines, same and fast


def took(job: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def judged(job: Job, why: wg.Explanation, paths: Paths) -> tuple[list[str], bool]:
    """Whether the sum is backpropagation's derivative, and the listed ones the largest of all."""
    truth = float(why.gradient[why.position(f"W_1_{PLACE.to + 1}_{(PLACE.source or 0) + 1}")])
    apart = abs(paths.total - truth) / abs(truth)
    same = apart <= 1e-12
    lines = [f"{job.name}: sum of paths {paths.total:.9g}, backpropagation {truth:.9g}, {apart:.1e} apart"]
    if paths.count <= MOST:
        largest = np.sort(np.abs(multiplied_out(why.links)))[::-1][: len(paths.top)]
        listed = np.abs([path.product for path in paths.top])
        right = bool(np.allclose(listed, largest, rtol=1e-12, atol=0))
        lines.append(f"{job.name}: the ten listed are {'the largest' if right else 'NOT THE LARGEST'} of all")
        same &= right
    return lines, same


def multiplied_out(links: Links) -> Array:
    """(paths,): the product of every path."""
    at = PLACE.to
    values = np.array([links.trace.a[0][0, PLACE.source] * links.slopes[0][at]])
    for layer in range(1, len(links.layers)):
        W = links.layers[layer].W
        values = values[..., None] * (W[[at]] if layer == 1 else W)
        slopes = links.slopes[layer]
        values = values * slopes if slopes.ndim == 1 else values[..., None] * slopes
    return np.asarray(values * links.blame).reshape(-1)
