"""Each rival follows whygrad through every formula; a planted difference is found where it was planted."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from whygrad.activations import ACTIVATIONS
from whygrad.errors import InputError
from whygrad.losses import LOSSES
from whygrad.network import Dense, Network
from whygrad.rivals import RIVALS, NotComparable, Rival, rival
from whygrad.rivals.parting import gap
from whygrad.rivals.protocol import kept_steps, walk
from whygrad.rivals.reference import follow_reference
from whygrad.schedules import Constant, Cosine, Exponential, StepDecay
from whygrad.table import Rows, row_order
from whygrad.targets import prepare_targets
from whygrad.training import Training
from whygrad.updates import SGD, UPDATES, Adagrad, Momentum, RMSprop, update
from whygrad.weights import initialize_parameters

ROOT = Path(__file__).parent.parent
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


@pytest.mark.parametrize("name, case", [*spread("torch", 1), *spread("jax", 6)])
def test_follows_every_formula_to_rounding(name, case):
    given = setting(case)
    theirs = needs(name).follow(*given)
    assert gap(follow_reference(*given), theirs).largest < 1e-10


@pytest.mark.parametrize("name, case", spread("keras", 6))
def test_keras_follows_every_formula(name, case):
    net, training, start, rows, orders = setting(case)
    if isinstance(training.optimizer, RMSprop | Adagrad):  # only a smaller epsilon hides where Keras adds it
        training = replace(training, optimizer=replace(training.optimizer, epsilon=1e-12))
    keras = needs(name)
    if "W_211" in training.freeze:
        with pytest.raises(NotComparable, match="Keras freezes whole layers"):
            keras.follow(net, training, start, rows, orders)
        return
    theirs = keras.follow(net, training, start, rows, orders)
    assert gap(follow_reference(net, training, start, rows, orders), theirs).largest < 1e-6


@pytest.mark.parametrize("name", ["torch", "jax", "keras"])
@pytest.mark.parametrize("case", CASES[5:40:7], ids=case_id)
def test_float32(name, case):
    net, training, start, rows, orders = setting({**case, "freeze": (), "optimizer": "momentum"}, "float32")
    ours = follow_reference(net, training, start, rows, orders)
    theirs = needs(name).follow(net, training, start, rows, orders)
    assert ours.weights.dtype == theirs.weights.dtype == np.float32
    assert gap(ours, theirs).largest < 2e-5


# every fifth, as 5 divides no factor's number of levels; the others are proofs
SKLEARN = [
    pytest.param(
        hidden, pair, rule, batch, l2, schedule, weighted, outputs, marks=[pytest.mark.proof] * (k % 5 > 0)
    )
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


# ---- what a library cannot do, or has differently ----

NET = Network(2, (Dense(3, "tanh"), Dense(1)))
ROWS = Rows(np.array([[0.5, -1.0], [1.5, 0.3], [-0.7, 0.2]]), np.array([[0.0], [1.0], [1.0]]))
MSE = Training(loss="mse", optimizer=SGD(0.1), epochs=3, batch=2)
ORDERS = [np.arange(3)] * 3


def follow(name: str, net: Network = NET, training: Training = MSE, rows: Rows = ROWS):
    return needs(name).follow(net, training, initialize_parameters(net, "distinct"), rows, ORDERS)


@pytest.mark.parametrize(
    "reason, net, training",
    [
        ("scikit-learn has no selu for hidden layers", Network(2, (Dense(3, "selu"), Dense(1))), MSE),
        ("not tanh and relu", Network(2, (Dense(3, "tanh"), Dense(2, "relu"), Dense(1))), MSE),
        ("no mean_squared_error on a tanh output", Network(2, (Dense(1, "tanh"),)), MSE),
        ("no huber on a linear output", NET, replace(MSE, loss="huber")),
        ("scikit-learn has no rmsprop", NET, replace(MSE, optimizer=RMSprop())),
        ("no l1 penalty", NET, replace(MSE, l1=0.1)),
        ("does not clip", NET, replace(MSE, clip="norm:1")),
        ("cannot freeze", NET, replace(MSE, freeze=("1",))),
        (
            "one sigmoid output for two classes",
            Network(2, (Dense(2, "softmax"),)),
            replace(MSE, loss="cce"),
        ),
    ],
)
def test_sklearn_says_what_it_cannot_do(reason, net, training):
    with pytest.raises(NotComparable, match=reason):
        follow("sklearn", net, training)


def test_sklearn_takes_no_smoothed_labels_and_no_weights_adam_cannot_undo():
    net = Network(2, (Dense(1, "sigmoid"),))
    bce = replace(MSE, loss="bce")
    with pytest.raises(NotComparable, match="not probabilities or smoothed labels"):
        follow("sklearn", net, bce, Rows(ROWS.x, ROWS.y * 0.9 + 0.05))
    weighted = Rows(ROWS.x, ROWS.y, np.array([1.0, 2.0, 3.0]))
    with pytest.raises(NotComparable, match="take one batch of all rows, or sgd"):
        follow("sklearn", net, replace(bce, optimizer="adam"), weighted)
    with pytest.raises(NotComparable, match="one sum is 0"):
        follow("sklearn", net, bce, Rows(ROWS.x, ROWS.y, np.array([1.0, 2.0, 0.0])))


def test_sklearn_says_what_it_translated():
    weighted = Rows(ROWS.x, ROWS.y, np.array([1.0, 2.0, 3.0]))
    training = replace(MSE, optimizer=Momentum(0.1), l2=0.1, schedule=Cosine())
    said = "\n".join(follow("sklearn", NET, training, weighted).unequal)
    for part in ("half the squared error", "alpha was multiplied", "sum of a batch's row weights", "velocity"):
        assert part in said


def test_a_whole_epoch_in_one_batch_of_more_than_200_rows():
    draw = np.random.default_rng(0)  # "auto" would cut scikit-learn's batch at 200 rows
    rows = Rows(draw.normal(size=(450, 2)), draw.normal(size=(450, 1)))
    training = replace(MSE, batch="all")
    given = (NET, training, initialize_parameters(NET, "distinct"), rows, [np.arange(450)] * 3)
    assert gap(follow_reference(*given), needs("sklearn").follow(*given)).largest < 1e-10


@pytest.mark.parametrize("optimizer", [RMSprop(0.01), Adagrad(0.01)])
def test_keras_says_where_it_adds_epsilon(optimizer):
    said = " ".join(follow("keras", training=replace(MSE, optimizer=optimizer)).unequal)
    assert "sqrt(v + epsilon)" in said
    assert "float32 even when told float64" in said


def test_keras_is_left_as_it_was():
    keras = pytest.importorskip("keras", reason="keras is not installed")
    jax = pytest.importorskip("jax", reason="jax is not installed")
    before = (keras.config.floatx(), keras.config.epsilon(), keras.config.dtype_policy().name)
    follow("keras", training=replace(MSE, loss="log_cosh"))
    assert (keras.config.floatx(), keras.config.epsilon(), keras.config.dtype_policy().name) == before
    assert not jax.config.jax_enable_x64


def test_keras_cannot_train_nothing():
    with pytest.raises(NotComparable, match="every layer is frozen"):
        follow("keras", training=replace(MSE, freeze=("1", "2")))


def test_keras_on_another_backend_says_so():
    needs("keras"), needs("torch")
    code = (
        "import sys; sys.path.insert(0, 'tests'); from test_rivals import *\n"
        "found = follow('keras'); assert 'with torch, not with JAX' in found.unequal[0], found.unequal\n"
        "ours = follow_reference(NET, MSE, initialize_parameters(NET, 'distinct'), ROWS, ORDERS)\n"
        "assert gap(ours, found).largest < 1e-6"
    )
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_torch_says_what_it_translated():
    training = replace(MSE, loss="log_cosh", clip="norm:0.1")
    said = "\n".join(follow("torch", Network(2, (Dense(3, "softplus"), Dense(1))), training).unequal)
    for part in ("beyond z = 20", "norm + 1e-6", "has no log_cosh"):
        assert part in said


@pytest.mark.parametrize("name", RIVALS)
def test_a_diverging_run_comes_back_with_no_warning(name):
    training = replace(MSE, optimizer=SGD(1e3), epochs=30)
    net = Network(2, (Dense(3), Dense(1)))
    theirs = needs(name).follow(net, training, initialize_parameters(net, 1.0), ROWS, [np.arange(3)] * 30)
    assert len(theirs.losses) == 60
    assert not np.isfinite(theirs.losses[-1])
    assert not np.isfinite(theirs.weights[-1]).any()


# ---- the walk everybody shares ----


def test_the_walk_cuts_batches_and_reads_rates():
    steps = list(walk(replace(MSE, epochs=2, schedule=StepDecay(1, 0.5)), [np.array([2, 0, 1]), np.arange(3)]))
    assert [(s.number, s.epoch, s.rows.tolist(), s.rate) for s in steps] == [
        (1, 0, [2, 0], 0.1),
        (2, 0, [1], 0.1),
        (3, 1, [0, 1], 0.05),
        (4, 1, [2], 0.05),
    ]


def test_parameters_are_kept_after_every_step_while_there_is_room(monkeypatch):
    assert kept_steps(NET, MSE, ORDERS).tolist() == [1, 2, 3, 4, 5, 6]
    monkeypatch.setattr("whygrad.rivals.protocol.KEPT_NUMBERS", NET.n_parameters * 4)
    assert kept_steps(NET, MSE, ORDERS).tolist() == [2, 4, 6]
    monkeypatch.setattr("whygrad.rivals.protocol.KEPT_NUMBERS", NET.n_parameters * 2)
    assert kept_steps(NET, MSE, ORDERS).tolist() == [4, 6]


def test_names():
    assert rival("PyTorch").name == "torch"
    assert rival("scikit-learn").name == "sklearn"
    with pytest.raises(InputError, match=r"'kears' is not known; .* did you mean 'keras'"):
        rival("kears")


def test_importing_rivals_imports_none_of_them():
    code = (
        "import sys, whygrad.rivals, whygrad.agreement\n"
        "print(sorted({'torch', 'jax', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
