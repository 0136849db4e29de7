"""The one matrix: every engine x activation x loss and output x optimizer x batch x dtype x all the rest.

Sampled so that every pair of levels of any two factors meets in some case. The reference engine is held to a
loop written out here, whose gradients are complex steps of a second writing of the forward pass; any other
engine to the reference engine. An engine enters by its name in `ENGINES`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
import pytest
from truth import LEGAL, by_complex_step, forward, mean_loss, near_an_edge, split, targets_for

from whygrad.activations import ACTIVATIONS, Activation
from whygrad.engines import ENGINES, Reference, engine
from whygrad.engines.protocol import Engine
from whygrad.errors import InputError
from whygrad.losses import Loss
from whygrad.maths import NUMPY
from whygrad.network import Network, layers
from whygrad.schedules import Exponential, rates
from whygrad.state import State
from whygrad.table import Rows, row_order
from whygrad.training import Clip, Training
from whygrad.updates import SGD, Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop, constants

EPOCHS = 3
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}
EDGE = 1e-5  # how near to a kink a float32 run may come without landing on the other side

# epsilons are large, so that a rounding error in a tiny gradient stays one in the step
OPTIMIZERS = (
    SGD(0.05),
    Momentum(0.02, 0.8),
    Nesterov(0.02, 0.8),
    RMSprop(0.02, 0.9, 1e-2),
    Adagrad(0.05, 1e-2),
    Adam(0.02, 0.8, 0.95, 1e-2),
    AdamW(0.02, 0.8, 0.95, 1e-2, 0.1),
)
BATCHES: dict[Any, int] = {1: 7, 3: 10, 32: 40, "all": 12}  # rows an update -> rows in all; remainders occur
CLIPS = (None, Clip("value", 0.05), Clip("norm", 0.1), Clip("global_norm", 0.1))
PENALTIES = ((0.0, 0.0), (0.02, 0.0), (0.0, 0.1), (0.01, 0.1))  # l1, l2
FREEZES = ((), ("1",), ("W_1_2_1", "B_1_2"))
ORDERS = ("sequential", "shuffled", "random")

FACTORS: dict[str, tuple[Any, ...]] = {
    "formulas": tuple(LEGAL),
    "hidden": tuple(ACTIVATIONS),
    "depth": (2, 3),
    "optimizer": OPTIMIZERS,
    "batch": tuple(BATCHES),
    "dtype": ("float64", "float32"),
    "clip": CLIPS,
    "penalty": PENALTIES,
    "freeze": FREEZES,
    "weighted": (False, True),
    "order": ORDERS,
}


class Case(NamedTuple):
    """One level of each factor."""

    formulas: tuple[Loss, Activation]
    hidden: str
    depth: int
    optimizer: Any
    batch: Any
    dtype: Any
    clip: Clip | None
    penalty: tuple[float, float]
    freeze: tuple[str, ...]
    weighted: bool
    order: Any

    def __str__(self) -> str:
        loss, output = self.formulas
        parts = [loss.name, output.name, f"{self.depth}x{self.hidden}", type(self.optimizer).__name__]
        parts += [f"batch {self.batch}", self.dtype, str(self.clip or "unclipped"), f"penalty {self.penalty}"]
        return ", ".join([*parts, f"freeze {'+'.join(self.freeze) or 'none'}", self.order]) + "w" * self.weighted


Levels = tuple[int, ...]  # a level's number for each factor


def pairs(levels: Levels) -> set[tuple[tuple[int, int], ...]]:
    """Every pair of (factor, level) in one case."""
    return set(combinations(enumerate(levels), 2))


def every_pair(sizes: Levels) -> set[tuple[tuple[int, int], ...]]:
    """Every pair of levels of two factors."""
    two = combinations(range(len(sizes)), 2)
    return {((i, u), (j, v)) for i, j in two for u in range(sizes[i]) for v in range(sizes[j])}


def sampled() -> list[Levels]:
    """Every formula with every hidden activation; the other factors greedily, by the pairs still missing.

    Where several levels are as good, a drawn one: taken in turn, the same levels of all factors would meet.
    """
    draw = np.random.default_rng(0)
    sizes = tuple(len(levels) for levels in FACTORS.values())
    missing = every_pair(sizes)
    uses: Counter[tuple[int, int]] = Counter()
    cases: list[Levels] = []
    for first in product(range(sizes[0]), range(sizes[1])):
        chosen = list(first)
        for k in range(2, len(sizes)):
            new = [sum(((j, chosen[j]), (k, v)) in missing for j in range(k)) for v in range(sizes[k])]
            gain = [(new[v], -uses[k, v], draw.random()) for v in range(sizes[k])]
            chosen.append(gain.index(max(gain)))
            uses[k, chosen[k]] += 1
        missing -= pairs(tuple(chosen))
        cases.append(tuple(chosen))
    while missing:
        levels = dict(enumerate(cases[len(missing)])) | dict(min(missing))
        cases.append(tuple(levels.values()))
        missing -= pairs(cases[-1])
    return cases


def named(levels: Levels) -> Case:
    return Case(*(values[v] for values, v in zip(FACTORS.values(), levels, strict=True)))


SAMPLE = sampled()
DEEP = [named(levels) for levels in SAMPLE]
# without a hidden layer there is no hidden activation
CASES = DEEP + [case._replace(depth=1, hidden="linear") for case in DEEP[:: len(ACTIVATIONS)]]


def a_few(cases: Sequence[Case]) -> list[Case]:
    """Some of those cases, picked greedily, in which each loss, output and level of the other factors occurs."""
    levels = {case: {*enumerate(case.formulas), *zip(Case._fields[1:], case[1:], strict=True)} for case in cases}
    few, missing = [], set().union(*levels.values())
    while missing:
        few.append(max(cases, key=lambda case: len(levels[case] & missing)))
        missing -= levels[few[-1]]
    return few


@dataclass(frozen=True, eq=False)
class Setup:
    """What an engine is given, and what it is to make of it."""

    net: Network
    training: Training
    w: np.ndarray
    rows: Rows
    orders: list[np.ndarray]  # one an epoch
    rates: list[np.ndarray]

    @property
    def state(self) -> State:
        return State(self.w, tuple(np.zeros_like(self.w) for _ in self.training.optimizer.memories))


class Result(NamedTuple):
    w: np.ndarray
    memory: tuple[np.ndarray, ...]
    t: int
    losses: np.ndarray  # of every batch
    largest: float


def draw_setup(case: Case, seed: int, inputs: int = 2, hidden: int = 3, outputs: int = 2) -> Setup:
    loss, output = case.formulas
    net = Network(inputs, layers((hidden,) * (case.depth - 1) + (outputs,), case.hidden, output))
    draw = np.random.default_rng((seed, case.depth))
    dtype = np.dtype(case.dtype)
    n = BATCHES[case.batch]
    weights = draw.uniform(0, 2, n) * (np.arange(n) != 1)  # one row counts nothing
    rows = Rows(
        draw.normal(0, 1, (n, inputs)).astype(dtype),
        targets_for(loss, n, outputs, draw).astype(dtype),
        weights.astype(dtype) if case.weighted else None,
    )
    l1, l2 = case.penalty
    training = Training(
        loss,
        case.optimizer,
        epochs=EPOCHS,
        batch=case.batch,
        order=case.order,
        dtype=case.dtype,
        clip=case.clip,
        l1=l1,
        l2=l2,
        freeze=case.freeze,
    )
    steps = 1 if case.batch == "all" else -(-n // case.batch)
    return Setup(
        net,
        training,
        draw.normal(0, 0.6, net.n_parameters).astype(dtype),
        rows,
        [row_order(n, case.order, seed, epoch) for epoch in range(EPOCHS)],
        [rates(Exponential(0.8), case.optimizer.learning_rate, 1, e, EPOCHS, steps) for e in range(EPOCHS)],
    )


def weight_places(net: Network) -> np.ndarray:
    """(P,): True for weights, counted off."""
    return np.concatenate([[True] * (a * b) + [False] * b for a, b in zip(net.sizes, net.sizes[1:], strict=False)])


def frozen_places(net: Network, freeze: tuple[str, ...]) -> np.ndarray:
    """(P,): True for what stays; W_1_2_1 is the second entry of the first W, B_1_2 the second of the first b."""
    n_in, n_out = net.sizes[:2]
    by_hand = {(): [], ("1",): range((n_in + 1) * n_out), ("W_1_2_1", "B_1_2"): [1, n_in * n_out + 1]}
    return np.isin(np.arange(net.n_parameters), list(by_hand[freeze]))


def clipped_by_hand(net: Network, clip: Clip | None, g: np.ndarray) -> np.ndarray:
    if clip is None:
        return g
    if clip.kind == "value":
        return np.minimum(np.maximum(g, -clip.limit), clip.limit)
    parts = [g] if clip.kind == "global_norm" else [p.ravel() for pair in split(net, g[None]) for p in pair]
    guard = 1e-6 if clip.kind == "global_norm" else 1e-300
    return np.concatenate([p * min(1.0, clip.limit / ((p**2).sum() ** 0.5 + guard)) for p in parts])


def objective(setup: Setup, part: tuple[Any, ...]) -> Callable[[Any], Any]:
    """The loss of those rows plus the penalties, of (copies, P), continued to complex numbers."""

    def f(v: Any) -> Any:
        W = v[:, weight_places(setup.net)]
        sizes = np.where(W.real < 0, -W, W).sum(-1)
        penalty = setup.training.l1 * sizes + setup.training.l2 / 2 * (W**2).sum(-1)
        return mean_loss(setup.net, setup.training.loss, v, *part) + penalty

    return f


def plain(setup: Setup) -> Result | None:
    """The run written out in float64, gradients by complex steps; None where it comes near an edge."""
    net, training = setup.net, setup.training
    w = setup.w.astype(np.float64)
    x, y = setup.rows.x.astype(np.float64), setup.rows.y.astype(np.float64)
    weights = None if setup.rows.weights is None else setup.rows.weights.astype(np.float64)
    is_weight, stays = weight_places(net), frozen_places(net, training.freeze)
    memory: tuple[np.ndarray, ...] = tuple(np.zeros_like(w) for _ in training.optimizer.memories)
    t, losses, largest = 0, [], 0.0
    for order, epoch_rates in zip(setup.orders, setup.rates, strict=True):
        size = len(order) if training.batch == "all" else training.batch
        for number, rate in enumerate(epoch_rates):
            at = order[number * size : (number + 1) * size]
            part = (x[at], y[at], None if weights is None else weights[at])
            too_small = training.l1 > 0 and (np.abs(w[is_weight]) < EDGE).any()
            if too_small or near_an_edge(net, training.loss, w, *part[:2], gap=EDGE):
                return None

            losses.append(mean_loss(net, training.loss, w[None], *part)[0])
            g = clipped_by_hand(net, training.clip, np.where(stays, 0, by_complex_step(objective(setup, part), w)))
            t += 1
            rule = training.optimizer
            moved, memory = rule.step(NUMPY, w, g, memory, t, float(rate), constants(rule))
            moved = np.where(stays, w, moved)
            largest = max(largest, np.abs(moved - w).max())
            w = moved
    return Result(w, memory, t, np.array(losses), largest)


def computed(tried: Engine, setup: Setup) -> Result:
    """The same run by an engine, epoch after epoch."""
    state, losses, largest = setup.state, [], 0.0
    for order, epoch_rates in zip(setup.orders, setup.rates, strict=True):
        moved = tried.advance(setup.net, setup.training, state, setup.rows, order, epoch_rates)
        state, largest = moved.state, max(largest, moved.largest_step)
        losses.append(moved.losses)
    return Result(state.w, state.memory, state.t, np.concatenate(losses), largest)


def prepared(case: Case) -> tuple[Setup, Result]:
    """The first draw that stays away from every edge, and its truth."""
    for seed in range(1000):
        setup = draw_setup(case, seed)
        truth = plain(setup)
        if truth is not None:
            return setup, truth
    raise AssertionError(f"no draw of {case} is away from every edge")


def parted(found: Any, true: Any) -> float:
    """max|difference| / max|true|, the latter at least 1e-3."""
    return float(np.abs(np.asarray(found, dtype=np.float64) - true).max() / max(np.abs(true).max(), 1e-3))


def agree(found: Result, truth: Result, dtype: str) -> None:
    """The same run: parameters, losses and memories within the tolerance, the largest move nearly so."""
    within = TOLERANCE[dtype]
    assert found.t == truth.t
    assert found.w.dtype == np.dtype(dtype)
    assert parted(found.w, truth.w) <= within
    assert parted(found.losses, truth.losses) <= within
    assert parted(found.largest, truth.largest) <= 100 * within
    for mine, true in zip(found.memory, truth.memory, strict=True):
        assert parted(mine, true) <= within


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", ENGINES)
def test_every_engine(name: str, case: Case) -> None:
    setup, truth = prepared(case)
    tried = ENGINES[name]()
    if name != Reference.name:
        truth = computed(Reference(), setup)
    before = setup.w.copy()
    found = computed(tried, setup)
    assert found.w.dtype == np.dtype(case.dtype)
    assert found.t == truth.t == sum(len(r) for r in setup.rates)
    within = TOLERANCE[case.dtype]
    assert parted(found.w, truth.w) <= within
    assert parted(found.losses, truth.losses) <= within
    for mine, true in zip(found.memory, truth.memory, strict=True):
        assert mine.dtype == np.dtype(case.dtype)
        assert parted(mine, true) <= within
    assert found.largest == pytest.approx(truth.largest, rel=100 * within, abs=within)
    assert (setup.w == before).all()  # what an engine is given, it leaves alone


GRADIENT_CASES = CASES[::7]


@pytest.mark.parametrize("case", GRADIENT_CASES, ids=str)
@pytest.mark.parametrize("name", ENGINES)
def test_gradients_and_evaluation(name: str, case: Case) -> None:
    setup, _ = prepared(case)
    w = setup.w.astype(np.float64)
    weights = setup.rows.weights
    part = (setup.rows.x.astype(np.float64), setup.rows.y.astype(np.float64), weights)
    true_loss = mean_loss(setup.net, setup.training.loss, w[None], *part)[0]
    true_g = by_complex_step(lambda v: mean_loss(setup.net, setup.training.loss, v, *part), w)
    tried, within = ENGINES[name](), TOLERANCE[case.dtype]
    loss, g = tried.gradients(setup.net, setup.training, setup.w, setup.rows)
    seen = tried.evaluate(setup.net, setup.training, setup.w, setup.rows)
    assert parted(g, true_g) <= within
    assert loss == pytest.approx(true_loss, rel=within)
    assert seen.loss == pytest.approx(true_loss, rel=within)
    assert parted(seen.outputs, forward(setup.net, w[None], part[0])[-1][1][0]) <= within


@pytest.mark.parametrize("case", GRADIENT_CASES, ids=str)
@pytest.mark.parametrize("name", ENGINES)
def test_an_epoch_in_pieces_has_the_same_bits(name: str, case: Case) -> None:
    setup, _ = prepared(case)
    tried, order, epoch_rates = ENGINES[name](), setup.orders[0], setup.rates[0]
    size = len(order) if case.batch == "all" else case.batch
    training = replace(setup.training, batch=size)
    whole = tried.advance(setup.net, training, setup.state, setup.rows, order, epoch_rates)
    state = setup.state
    for number in range(len(epoch_rates)):
        part = order[number * size : (number + 1) * size]
        state = tried.advance(setup.net, training, state, setup.rows, part, epoch_rates[number : number + 1]).state
    assert state.w.tobytes() == whole.state.w.tobytes()
    assert [m.tobytes() for m in state.memory] == [m.tobytes() for m in whole.state.memory]
    assert state.t == whole.state.t


def test_an_engine_by_name() -> None:
    assert next(iter(ENGINES)) == Reference.name  # the one to read comes first
    for name, kind in ENGINES.items():
        assert isinstance(engine(name), kind)
        assert kind.name == name
    assert engine("auto").name in ENGINES
    mine = Reference()
    assert engine(mine) is mine
    with pytest.raises(InputError, match="did you mean 'reference'"):
        engine("referenz")


def test_every_pair_of_levels_meets() -> None:
    sizes = tuple(len(levels) for levels in FACTORS.values())
    assert set().union(*(pairs(levels) for levels in SAMPLE)) == every_pair(sizes)
    assert len(set(SAMPLE)) == len(SAMPLE)
    assert sampled() == SAMPLE  # the same cases every time
