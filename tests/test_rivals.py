"""Each rival follows whygrad through every formula; a planted difference is found where it was planted."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from whygrad.activations import ACTIVATIONS
from whygrad.losses import LOSSES, prepare_targets
from whygrad.maths import Array
from whygrad.network import Dense, Network
from whygrad.rivals import RIVALS, Followed, NotComparable, Rival, rival
from whygrad.rivals.parting import gap
from whygrad.rivals.protocol import kept_steps, walk
from whygrad.rivals.reference import follow_reference
from whygrad.schedules import Constant, Cosine, Exponential, StepDecay
from whygrad.table import Rows, row_order
from whygrad.training import Training
from whygrad.updates import SGD, UPDATES, Adagrad, Adam, RMSprop, update
from whygrad.weights import initialize_parameters, views

RATES = {"sgd": 0.02, "momentum": 0.01, "nesterov": 0.01, "rmsprop": 0.002, "adagrad": 0.02}
OUTPUTS = {
    "binary_crossentropy": ("sigmoid", "softmax"),
    "categorical_crossentropy": ("softmax", "sigmoid"),
    "poisson": ("softplus", "sigmoid"),
}
FACTORS: dict[str, tuple[object, ...]] = {
    "activation": tuple(ACTIVATIONS),
    "loss": tuple(LOSSES),
    "optimizer": tuple(UPDATES),
    "batch": (1, 3, "all"),
    "clip": (None, "value:0.05", "norm:0.1", "global_norm:0.2"),
    "penalty": ((0.0, 0.0), (0.01, 0.0), (0.0, 0.02), (0.01, 0.02)),
    "schedule": ((Constant(), 0), (StepDecay(3, 0.5), 0), (Cosine(0.1), 2), (Exponential(0.9), 1)),
    "weighted": (False, True),
    "freeze": ((), ("1",), ("W_211", "B_11")),
}


def needs(name: str) -> Rival:
    found = RIVALS[name]
    if not found.installed():
        pytest.skip(f"{found.label} is not installed")
    return found


def pairs_covered() -> list[dict[str, object]]:
    """Cases in which every two values of every two factors meet, found greedily."""
    names = list(FACTORS)
    missing = {
        (a, b, x, y)
        for (a, b) in itertools.combinations(names, 2)
        for x in range(len(FACTORS[a]))
        for y in range(len(FACTORS[b]))
    }
    cases = []
    while missing:
        chosen: dict[str, int] = {}
        a, b, x, y = min(missing)
        chosen.update({a: x, b: y})
        for name in names:
            if name not in chosen:
                chosen[name] = max(
                    range(len(FACTORS[name])), key=lambda v: _gained(missing, names, {**chosen, name: v}, name)
                )
        missing -= {(a, b, chosen[a], chosen[b]) for a, b in itertools.combinations(names, 2)}
        cases.append({name: FACTORS[name][v] for name, v in chosen.items()})
    return cases


def _gained(missing: set[tuple[str, str, int, int]], names: list[str], chosen: dict[str, int], new: str) -> int:
    return sum(
        (a, b, chosen[a], chosen[b]) in missing
        for a, b in itertools.combinations(names, 2)
        if a in chosen and b in chosen and new in (a, b)
    )


CASES = pairs_covered()


def case_id(case: dict[str, object]) -> str:
    return "-".join(str(v).replace(" ", "") for v in case.values())


def setting(case: dict[str, object], dtype: str = "float64"):
    """(net, training, start, rows, orders) of about 40 steps."""
    n, loss = 7, LOSSES[str(case["loss"])]
    draw = np.random.default_rng(len(case_id(case)))
    output = OUTPUTS.get(loss.name, ("linear", "tanh"))[draw.integers(2)]
    net = Network(3, (Dense(4, str(case["activation"])), Dense(3, output)))
    labels = draw.integers(3, size=n)
    y = {
        "probability": (draw.random((n, 3)) > 0.5).astype(float),
        "distribution": np.eye(3)[labels],
        "sign": np.where(draw.random((n, 3)) > 0.5, 1.0, 0.0),
        "count": draw.poisson(2.0, (n, 3)).astype(float),
        "any": draw.normal(size=(n, 3)),
    }[loss.targets]
    smoothing = 0.1 if loss.targets in ("probability", "distribution") else 0.0
    rows = Rows(
        draw.normal(size=(n, 3)),
        prepare_targets(loss, y, smoothing),
        draw.random(n) + 0.5 if case["weighted"] else None,
    )
    batch = case["batch"]
    epochs = {1: 6, 3: 14, "all": 40}[batch]
    schedule, warmup = case["schedule"]
    name = str(case["optimizer"])
    training = Training(
        loss=loss,
        optimizer=update(name, learning_rate=RATES.get(name, 0.005)),
        epochs=epochs,
        batch=batch,
        order="shuffled",
        start="glorot",
        dtype=dtype,
        schedule=schedule,
        warmup=warmup,
        clip=case["clip"],
        l1=case["penalty"][0],
        l2=case["penalty"][1],
        smoothing=smoothing,
        freeze=case["freeze"],
    )
    start = initialize_parameters(net, "glorot", 3)
    orders = [row_order(n, "shuffled", 3, epoch) for epoch in range(epochs)]
    return net, training, start, rows, orders


# the full matrices of JAX and Keras compile for half a minute each
def spread(name: str, every: int) -> list[object]:
    return [
        pytest.param(name, case, id=f"{name}-{case_id(case)}", marks=() if k % every == 0 else pytest.mark.proof)
        for k, case in enumerate(CASES)
    ]


@pytest.mark.parametrize("name, case", [*spread("torch", 1), *spread("jax", 2)])
def test_follows_every_formula_to_rounding(name, case):
    given = setting(case)
    theirs = needs(name).follow(*given)
    assert gap(follow_reference(*given), theirs).largest < 1e-10


@pytest.mark.parametrize("name, case", spread("keras", 4))
def test_keras_follows_every_formula(name, case):
    net, training, start, rows, orders = setting(case)
    if isinstance(training.optimizer, RMSprop | Adagrad):  # only a smaller epsilon hides where Keras adds it
        training = replace(training, optimizer=replace(training.optimizer, epsilon=1e-12))
    try:
        theirs = needs(name).follow(net, training, start, rows, orders)
    except NotComparable as reason:
        assert "Keras freezes whole layers" in str(reason)
        assert "W_211" in training.freeze
        return
    assert gap(follow_reference(net, training, start, rows, orders), theirs).largest < 1e-6


@pytest.mark.parametrize("name", ["torch", "jax", "keras"])
@pytest.mark.parametrize("case", CASES[5:40:7], ids=case_id)
def test_float32(name, case):
    net, training, start, rows, orders = setting({**case, "freeze": (), "optimizer": "momentum"}, "float32")
    ours = follow_reference(net, training, start, rows, orders)
    theirs = needs(name).follow(net, training, start, rows, orders)
    assert ours.weights.dtype == theirs.weights.dtype == np.float32
    assert gap(ours, theirs).largest < 2e-5


SKLEARN = [
    (hidden, pair, rule, batch, l2, schedule, weighted, outputs)
    for k, (hidden, pair, rule, batch) in enumerate(
        itertools.product(
            ("linear", "sigmoid", "tanh", "relu"),
            (("mse", "linear"), ("bce", "sigmoid"), ("cce", "softmax")),
            ("sgd", "momentum", "nesterov", "adam"),
            (1, 3, "all"),
        )
    )
    for l2, schedule, weighted in [((0.0, Constant(), False), (0.05, Cosine(0.1), True))[k % 2]]
    for outputs in ((3,) if pair[0] == "cce" else (1, 3))
]


@pytest.mark.parametrize("hidden, pair, rule, batch, l2, schedule, weighted, outputs", SKLEARN)
def test_sklearn_follows_all_it_can(hidden, pair, rule, batch, l2, schedule, weighted, outputs):
    draw = np.random.default_rng(5)
    n = 7
    labels = draw.integers(3, size=n)
    y = {"mse": draw.normal(size=(n, 3)), "bce": (draw.random((n, 3)) > 0.5) * 1.0, "cce": np.eye(3)[labels]}
    weights = draw.random(n) + 0.5 if weighted and (rule != "adam" or batch == "all") else None
    rows = Rows(draw.normal(size=(n, 3)), y[pair[0]][:, :outputs], weights)
    net = Network(3, (Dense(4, hidden), Dense(2, hidden), Dense(outputs, pair[1])))
    training = Training(
        loss=pair[0], optimizer=update(rule, learning_rate=0.02), epochs=10, batch=batch, l2=l2, schedule=schedule
    )
    given = (
        net,
        training,
        initialize_parameters(net, "glorot", 1),
        rows,
        [draw.permutation(n) for _ in range(10)],
    )
    theirs = needs("sklearn").follow(*given)
    assert gap(follow_reference(*given), theirs).largest < 1e-10
