"""Paths: every way from a parameter, an activation or an input to the loss, and what each one carries.

A path multiplies the links that it goes along; the sum over all paths is the derivative (see links.py). There are
as many as the widths of the layers multiplied, so of many paths only the k largest are found, without meeting
the others: backward from the loss, every node learns the largest product ahead of it (as Viterbi 1967); forward,
the ways are then followed best first (Hart, Nilsson & Raphael 1968), and what a way could still come to is known
exactly, so that no step is in vain. Magnitudes are compared as logarithms, which neither overflow nor vanish.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple

import numpy as np

from whygrad.errors import InputError
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.links import Links
from whygrad.explanation.symbols import Sign, Symbols, partial
from whygrad.maths import Array, Mask
from whygrad.names import Place
from whygrad.network import whole_number
from whygrad.table import Indices

DIGITS = 12  # products equal to so many digits are ties and stand in the order of their units
LIMB = 30  # bits of a whole number that are added at once: 8 million of them stay exact in float64


@dataclass(frozen=True)
class Path:
    """One way to the loss: its nodes from the start to L, and d(each node)/d(the one before) with its value."""

    nodes: tuple[Sign, ...]
    factors: tuple[tuple[Sign, float], ...]

    @property
    def product(self) -> float:
        """What the way carries."""
        return math.prod(value for _, value in self.factors)

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON."""
        factors = [{"factor": sign.text, "value": value} for sign, value in self.factors]
        return {"nodes": [node.text for node in self.nodes], "factors": factors, "product": self.product}


@dataclass(frozen=True, repr=False)
class Paths(Shown):
    """The largest paths by magnitude, all of them where they are few, and what all of them come to.

    `count` ways lead to the loss; `dead` of them carry nothing now, as a factor is 0 (a relu that is off).
    `total` is the sum over all, found without them (`Links`).
    """

    sign: Sign  # the derivative: dL/dW_111
    top: tuple[Path, ...]
    count: int
    dead: int
    total: float

    @property
    def listed_sum(self) -> float:
        """What the listed paths add up to."""
        return math.fsum(path.product for path in self.top)

    @property
    def remainder(self) -> float:
        """What the others add: the total without the listed ones; 0 where only dead ways are not listed."""
        if self.count - self.dead <= len(self.top):
            return 0.0
        return math.fsum([self.total, *(-path.product for path in self.top)])

    def to_plain(self) -> dict[str, Any]:
        """Text and numbers only, for JSON; the counts are whole numbers of any size."""
        return {
            "derivative": self.sign.text,
            "top": [path.to_plain() for path in self.top],
            "count": self.count,
            "dead": self.dead,
            "total": self.total,
            "listed_sum": self.listed_sum,
            "remainder": self.remainder,
        }


def paths_of(links: Links, symbols: Symbols, place: Place, k: int = 10) -> Paths:
    """The paths from the parameter at `place`, the k largest listed.

    Raises `InputError` for k below 1, and where factors overflow.
    """
    layer, to, source = place.layer, place.to, place.source
    entering = 1.0 if source is None else float(links.trace.a[layer][0, source])
    start = Step(
        lambda unit: symbols.parameter(Place(layer, unit, source)), np.full(links.net.sizes[layer + 1], entering)
    )
    total = entering * float(links.deltas[layer][to])
    return _paths(links, symbols, [start, *_layer_steps(links, symbols, layer)], to, total, k)


def paths_from(links: Links, symbols: Symbols, layer: int, unit: int, k: int = 10) -> Paths:
    """The paths from a unit's output, or from an input (layer -1), as `paths_of` has them for a parameter."""
    pulls = links.inputs if layer < 0 else links.pulls[layer]
    steps = [_leaving(links, symbols, layer), *_layer_steps(links, symbols, layer + 1)]
    return _paths(links, symbols, steps, unit, float(pulls[unit]), k)


class Step(NamedTuple):
    """Nodes that stand side by side, and their links to the next ones.

    `slopes` is (n,) where each node has one link, to the node of its own number, and (n, m) where each has one to
    every node.
    """

    sign: Callable[[int], Sign]
    slopes: Array


class Ahead(NamedTuple):
    """What lies between each of n nodes and the loss."""

    ways: Sequence[int]  # that lead there
    alive: Sequence[int]  # of them, those without a factor 0
    best: Array  # (n,), log of the largest product's magnitude; -inf is 0


def _layer_steps(links: Links, symbols: Symbols, first: int) -> Iterator[Step]:
    """The steps from a layer's z to the loss; with a linear activation z is a."""
    last = len(links.layers) - 1
    for layer in range(first, last + 1):
        z = functools.partial(symbols.z, layer)
        if layer == last and links.joined:
            yield Step(z, links.output_delta)
            return
        if links.net.layers[layer].activation.name != "linear":
            yield Step(z, links.slopes[layer])
        yield _leaving(links, symbols, layer)


def _leaving(links: Links, symbols: Symbols, layer: int) -> Step:
    """From the outputs of a layer, or the inputs, to the next layer's z or to the loss."""
    slopes = links.blame if layer == len(links.layers) - 1 else links.layers[layer + 1].W
    return Step(functools.partial(symbols.a, layer), slopes)


def _paths(links: Links, symbols: Symbols, steps: Sequence[Step], unit: int, total: float, k: int) -> Paths:
    """The paths from the node of that number in the first step."""
    k = whole_number("paths: k", k)
    sign = partial(symbols.loss, steps[0].sign(unit))
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = _ahead(links, steps)
        if not ahead[0].best[unit] < math.inf:
            raise InputError(f"paths: {sign}: its factors overflow, so that no path is the largest")
        ways = _best_first(steps, ahead, unit, k)
    signs = [*(step.sign for step in steps), lambda _: symbols.loss]
    top = tuple(_path(steps, signs, way) for way in ways)
    count = ahead[0].ways[unit]
    return Paths(sign, top, count, count - ahead[0].alive[unit], total)


def _ahead(links: Links, steps: Sequence[Step]) -> list[Ahead]:
    """What is ahead of every step's nodes, and of the loss, which stands there once for each link to it."""
    fused = steps[-1].slopes is links.output_delta  # then every z of the output is a link's end
    reached: Mask = links.reaches | fused
    ways = [int(does) for does in reached]
    found = [Ahead(ways, ways, np.where(reached, 0.0, -math.inf))]
    for _, slopes in reversed(steps):
        found.append(_before(slopes, found[-1]))
    return found[::-1]


def _before(slopes: Array, ahead: Ahead) -> Ahead:
    """What is ahead of nodes whose links lead to nodes with that ahead of them."""
    reached = _magnitudes(slopes, ahead.best)
    if slopes.ndim == 1:
        alive = [ways if slope else 0 for ways, slope in zip(ahead.alive, slopes, strict=True)]
        return Ahead(ahead.ways, alive, reached)
    return Ahead([sum(ahead.ways)] * len(slopes), _sums(slopes != 0, ahead.alive), reached.max(axis=1))


def _magnitudes(slopes: Array, best: Array) -> Array:
    """log of the largest product's magnitude over each link, of the shape of `slopes`."""
    found = np.abs(slopes)
    np.log(found, out=found)
    found += best
    return found


def _sums(lets_through: Mask, numbers: Sequence[int]) -> list[int]:
    """The sums of whole numbers (m,) of any size where the mask (n, m) lets them through, exact: limb by limb."""
    if lets_through.all():
        return [sum(numbers)] * len(lets_through)
    shifts = range(0, max(numbers).bit_length(), LIMB)
    limbs = [[number >> shift & (1 << LIMB) - 1 for shift in shifts] for number in numbers]
    sums = lets_through @ np.array(limbs, np.float64)  # (n, limbs)
    return [sum(int(part) << shift for part, shift in zip(row, shifts, strict=True)) for row in sums]


def _best_first(steps: Sequence[Step], ahead: Sequence[Ahead], unit: int, k: int) -> list[tuple[int, ...]]:
    """The node numbers of the k largest ways, in order.

    A way's cost is how much smaller, as a logarithm, it has become than the largest there is. Its best
    continuation costs nothing, so no way that comes off the heap can still be beaten by one that is on it.
    """
    open_nodes = [np.flatnonzero([ways > 0 for ways in each.ways]) for each in ahead]
    cost = 0.0 if ahead[0].best[unit] > -math.inf else math.inf
    heap: list[tuple[float, tuple[int, ...], float]] = []  # (rounded cost, nodes so far, cost)
    if ahead[0].ways[unit]:
        heap.append((cost, (unit,), cost))
    found: list[tuple[int, ...]] = []
    while heap and len(found) < k:
        rounded, way, cost = heappop(heap)
        if len(way) > len(steps):
            found.append(way)
            continue
        slopes, nodes = steps[len(way) - 1].slopes, open_nodes[len(way)]
        if slopes.ndim == 1:
            heappush(heap, (rounded, (*way, way[-1]), cost))
            continue
        magnitudes = _magnitudes(slopes[way[-1], nodes], ahead[len(way)].best[nodes])
        for node, rounded, price in _cheapest(nodes, cost, magnitudes, k):
            heappush(heap, (rounded, (*way, node), price))
    return found


def _cheapest(nodes: Indices, cost: float, magnitudes: Array, k: int) -> list[tuple[int, float, float]]:
    """The k best nodes to go on to, with rounded and full costs; among ties the first."""
    best = magnitudes.max()
    costs = cost + (best - magnitudes) if best > -math.inf else np.full(len(nodes), math.inf)
    rounded = np.round(costs, DIGITS)
    near = np.arange(len(nodes))
    if len(nodes) > k:
        near = np.flatnonzero(rounded <= np.partition(rounded, k - 1)[k - 1])
        near = near[np.argsort(rounded[near], kind="stable")[:k]]
    return list(zip(nodes[near].tolist(), rounded[near].tolist(), costs[near].tolist(), strict=True))


def _path(steps: Sequence[Step], signs: Sequence[Callable[[int], Sign]], way: tuple[int, ...]) -> Path:
    """The path through the nodes of those numbers."""
    nodes = tuple(sign(node) for sign, node in zip(signs, way, strict=True))
    factors = []
    for at, (_, slopes) in enumerate(steps):
        value = slopes[way[at]] if slopes.ndim == 1 else slopes[way[at], way[at + 1]]
        factors.append((partial(nodes[at + 1], nodes[at]), float(value)))
    return Path(nodes, tuple(factors))
