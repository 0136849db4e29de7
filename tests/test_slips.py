"""The catalogue: every slip changes numbers, says what it is, and does what a student's own code would do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from mistakes import NETS, strong

import whygrad as wg
from whygrad.job import prepare
from whygrad.judgement.conventions import conventions
from whygrad.judgement.machine import Procedure, Step, one_step
from whygrad.judgement.observations import Probe
from whygrad.judgement.running import run_loop
from whygrad.judgement.slips import Slip, catalogue
from whygrad.network import Dense, Network
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.weights import initialize_parameters, views

BATCHES = (1, 2, "all")
EVERY = [
    *((name, net, replace(training, batch=batch)) for name, (net, training) in NETS.items() for batch in BATCHES),
    ("with Adam", Network(2, (Dense(2, "silu"), Dense(1))), Training("mse", wg.Adam(0.05), batch=2, epochs=3)),
    (
        "3-3-3-3 softplus",
        Network(3, tuple(Dense(3, "softplus") for _ in range(3))),
        Training("mae", batch=2, epochs=3),
    ),
]
each = pytest.mark.parametrize(("net", "training"), [pytest.param(n, t, id=f"{k} {t.batch}") for k, n, t in EVERY])


def applied(net: Network, training: Training, *keys: str) -> Procedure:
    by_key = {slip.key: slip for slip in catalogue(net, training)}
    procedure = Procedure()
    for key in keys:
        procedure = by_key[key].change(procedure)
    return procedure


def table_for(net: Network, training: Training) -> Probe:
    """Five rows and a random start, for a loop."""
    draw = np.random.default_rng(3)
    one = next(p for p in strong(net, training) if len(p.rows) > 1)
    x = draw.normal(size=(5, net.inputs))
    y = one.rows.y[[0, 1, 2, 0, 1]]
    return Probe(net, training, draw.normal(0, 0.7, net.n_parameters), Rows(x, y))


def shown(step: Step) -> np.ndarray:
    return np.concatenate([step.outputs.ravel(), [step.loss], step.gradient, step.w])


# ---- every slip ----


@each
def test_every_slip_changes_some_number(net: Network, training: Training) -> None:
    probes, loop = strong(net, training), table_for(net, training)
    right = [shown(one_step(Procedure(), probe)) for probe in probes]
    losses = [(epoch.mean, epoch.after()) for epoch in run_loop(Procedure(), loop)]
    dead = []
    for slip in catalogue(net, training):
        procedure = slip.change(Procedure())
        steps = [shown(one_step(procedure, probe)) for probe in probes]
        if all(np.allclose(a, b, rtol=1e-6, atol=1e-9) for a, b in zip(steps, right, strict=True)):
            run = [(epoch.mean, epoch.after()) for epoch in run_loop(procedure, loop)]
            if np.allclose(run, losses, rtol=1e-7, atol=0):
                dead.append(slip.key)
    assert dead == []


@each
def test_every_slip_says_what_it_is(net: Network, training: Training) -> None:
    slips = catalogue(net, training)
    assert [key for key, count in Counter(slip.key for slip in slips).items() if count > 1] == []
    for slip in slips:
        where = f"{slip.key}: {slip}"
        assert all((slip.title, slip.hint, slip.part)), where
        assert slip.written != slip.right, where
        answers = (slip.right, slip.written, slip.title)
        assert not any(answer in slip.hint for answer in answers), where  # a place only
        assert "\n" not in slip.title + slip.written + slip.right + slip.hint, where
        assert slip.layer is None or 1 <= slip.layer <= len(net.layers), where
        assert slip.layer or slip.where != "forward", where


def test_a_catalogue_is_equal_to_itself_and_can_be_asked_for_a_slip() -> None:
    net, training = NETS["2-2-1 linear"]
    assert catalogue(net, training) == catalogue(net, training)
    assert len(set(catalogue(net, training))) == len(catalogue(net, training))


@each
def test_every_convention_changes_loss_and_gradient_together(net: Network, training: Training) -> None:
    for probe in strong(net, training)[:1]:
        right = one_step(Procedure(), probe)
        for convention in conventions(net, training):
            step = one_step(convention.change(Procedure()), probe)
            assert (step.outputs == right.outputs).all()
            if not convention.needs_update and convention.key not in ("damped-momentum", "penalized-loss"):
                factor = step.loss / right.loss
                assert factor != pytest.approx(1)
                if not (training.l1 or training.l2):
                    np.testing.assert_allclose(step.gradient, factor * right.gradient, rtol=1e-12)
            assert all((convention.title, convention.usual))


# ---- the same slips in code as a student writes it ----

TWO = Network(2, (Dense(2), Dense(1)))
X = np.array([[8.0, 8], [7, 9], [6, 10], [5, 12]])
LPA = np.array([4.0, 5, 6, 7])


def students(start: str = "0.1") -> Probe:
    net, table, training = wg.example("students")
    job = prepare(net, table, training)
    return Probe(net, training, initialize_parameters(net, start), job.rows)


def printed(procedure: Procedure, probe: Probe) -> list[float]:
    return [epoch.mean for epoch in run_loop(procedure, probe)]


def test_the_copied_notebook() -> None:
    """Its three slips: b2 from W2, the hidden update after that of W2, and W1's update transposed."""
    W1, b1 = np.full((2, 2), 0.1), np.zeros(2)  # W1[from, to]
    W2, b2 = np.full(2, 0.1), 0.0
    losses = []
    for _ in range(5):
        met = []
        for x, y in zip(X, LPA, strict=True):
            O = W1.T @ x + b1
            y_hat = W2 @ O + b2
            step = 0.001 * 2 * (y - y_hat)
            W2[0] = W2[0] + step * O[0]
            W2[1] = W2[1] + step * O[1]
            b2 = W2[1] + step
            W1[0][0] = W1[0][0] + step * W2[0] * x[0]
            W1[0][1] = W1[0][1] + step * W2[0] * x[1]
            b1[0] = b1[0] + step * W2[0]
            W1[1][0] = W1[1][0] + step * W2[1] * x[0]
            W1[1][1] = W1[1][1] + step * W2[1] * x[1]
            b1[1] = b1[1] + step * W2[1]
            met.append((y - y_hat) ** 2)
        losses.append(np.mean(met))
    assert np.round(losses, 4).tolist() == [25.3217, 18.32, 9.4737, 3.2521, 1.3407]
    three = applied(TWO, students().training, "dW_1-transposed", "updated-weights", "b_2-assigned-from-2-new")
    assert printed(three, students()) == pytest.approx(losses, rel=1e-13)


@pytest.mark.parametrize("transposed", [False, True])
def test_a_transposition_shows_in_row_4(transposed: bool) -> None:
    probe = replace(students(), rows=students().rows.take(np.array([3])))
    procedure = applied(TWO, probe.training, "dW_1-transposed") if transposed else Procedure()
    dW1 = views(TWO, one_step(procedure, probe).gradient)[0].W
    # row 4: delta1 = -1.332 in both units; from cgpa 5 x -1.332 = -6.66, from the score 12 x -1.332 = -15.984
    true = np.array([[-6.66, -6.66], [-15.984, -15.984]])  # [from, to]
    np.testing.assert_allclose(dW1, true.T if transposed else true, rtol=1e-13)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


BCE_NET, BCE = NETS["2-2-1 sigmoid"]


def bce_run(slip: str, probe: Probe) -> list[float]:
    """Row by row with sigmoids and cross-entropy, W stored as [to, from], and one slip."""
    (W1, b1), (W2, b2) = ((layer.W.T.copy(), layer.b.copy()) for layer in views(BCE_NET, probe.w))
    rate, losses = probe.training.optimizer.learning_rate, []
    dW1 = db1 = dW2 = db2 = 0.0
    met: list[float] = []
    for _ in range(probe.training.epochs):
        if slip != "losses-pooled":
            met = []
        for x, y in zip(probe.rows.x, probe.rows.y, strict=True):
            a1 = sigmoid(W1 @ x + b1)
            a2 = sigmoid(W2 @ a1 + b2)
            met.append(float(-(y * np.log(a2) + (1 - y) * np.log(1 - a2))[0]))
            delta2 = a2 - y
            if slip == "derivative-twice:2":
                delta2 = delta2 * a2 * (1 - a2)
            if slip == "derivative-missing:2":
                delta2 = (a2 - y) / (a2 * (1 - a2))
            if slip == "factor-per-table":
                delta2 = delta2 / len(probe.rows)
            da1 = W2.T @ delta2
            if slip == "path-unit-1:1":
                da1 = np.array([W2[0, 0], W2[0, 0]]) * delta2
            slope = a1 * (1 - a1)
            if slip == "derivative-missing:1":
                slope = np.ones(2)
            if slip == "z-for-a:1":
                slope = (W1 @ x + b1) * (1 - (W1 @ x + b1))
            if slip == "a-for-z:1":
                slope = sigmoid(a1) * (1 - sigmoid(a1))
            if slip == "derivative-tanh-a:1":
                slope = 1 - a1**2
            delta1 = da1 * slope
            if slip != "reset-never":
                dW1 = db1 = dW2 = db2 = 0.0
            dW2, db2 = dW2 + np.outer(delta2, a1), db2 + delta2
            dW1, db1 = dW1 + np.outer(delta1, x), db1 + delta1
            if slip == "dW_1-transposed":
                dW1 = np.outer(x, delta1)
            if slip == "dW_2-of-x":
                dW2 = np.outer(delta2, x)
            if slip == "db_1-times-own":
                db1 = delta1 * x
            if slip == "rate-squared":
                dW1, db1, dW2, db2 = (rate * d for d in (dW1, db1, dW2, db2))
            W2, b2 = W2 - rate * dW2, b2 - rate * db2
            W1, b1 = W1 - rate * dW1, b1 - rate * db1
            if slip == "b_1-once-per-weight":
                b1 = b1 - rate * db1
            if slip == "W_2-never":
                W2 = views(BCE_NET, probe.w)[1].W.T
        losses.append(np.mean(met))
    return losses


@pytest.mark.parametrize(
    "slip",
    [
        "", "derivative-twice:2", "derivative-missing:2", "factor-per-table", "path-unit-1:1",
        "derivative-missing:1", "z-for-a:1", "a-for-z:1", "derivative-tanh-a:1", "reset-never", "dW_1-transposed",
        "dW_2-of-x",        "db_1-times-own", "rate-squared", "b_1-once-per-weight", "W_2-never", "losses-pooled",
    ],
)  # fmt: skip
def test_sigmoid_and_cross_entropy_by_hand(slip: str) -> None:
    probe = table_for(BCE_NET, replace(BCE, batch=1))
    procedure = applied(BCE_NET, probe.training, slip) if slip else Procedure()
    assert printed(procedure, probe) == pytest.approx(bce_run(slip, probe), rel=1e-12)


CCE_NET, CCE = NETS["3-4-3 softmax"]


def cce_gradient(slip: str, probe: Probe) -> np.ndarray:
    """Rows as columns, (units, rows), as in many courses; one slip; back to whygrad's flat vector."""
    (W1, b1), (W2, b2) = ((layer.W.T, layer.b[:, None]) for layer in views(CCE_NET, probe.w))
    x, y, n = probe.rows.x.T, probe.rows.y.T, len(probe.rows)
    z1 = W1 @ x + b1
    a1 = np.tanh(z1)
    e = np.exp(W2 @ a1 + b2)
    a2 = e / e.sum(axis=1 if slip == "softmax-over-rows:2" else 0, keepdims=True)
    delta2 = a2 - y
    if slip == "derivative-sigmoid-a:2":
        delta2 = -y / a2 * a2 * (1 - a2)
    if slip == "derivative-missing:2":
        delta2 = -y / a2
    if slip == "factor-rows":
        n = 1
    delta1 = (W2.T @ delta2) * (1 - a1**2)
    if slip == "path-to-1:1":
        delta1 = W2.T[:, :1] @ delta2[:1] * (1 - a1**2)
    if slip == "path-without:1":
        delta1 = delta2.sum(axis=0) * (1 - a1**2)
    dW2, dW1 = delta2 @ a1.T / n, delta1 @ x.T / n
    db2, db1 = delta2.sum(axis=1) / n, delta1.sum(axis=1) / n
    if slip == "dW_1-transposed":
        return np.concatenate([dW1.ravel(), db1, dW2.T.ravel(), db2])
    if slip == "db_1-over-units":
        db1 = np.full(4, delta1.sum() / n)
    if slip == "db_1-per-rows":
        db1 = db1 / n
    if slip == "dW_2-of-z_1":
        dW2 = delta2 @ z1.T / n
    return np.concatenate([dW1.T.ravel(), db1, dW2.T.ravel(), db2])


@pytest.mark.parametrize(
    "slip",
    [
        "", "softmax-over-rows:2", "derivative-sigmoid-a:2", "derivative-missing:2", "factor-rows", "path-to-1:1",
        "path-without:1", "dW_1-transposed", "db_1-over-units", "db_1-per-rows", "dW_2-of-z_1",
    ],
)  # fmt: skip
def test_softmax_in_columns_by_hand(slip: str) -> None:
    for probe in strong(CCE_NET, CCE):
        procedure = applied(CCE_NET, CCE, slip) if slip else Procedure()
        np.testing.assert_allclose(
            one_step(procedure, probe).gradient, cce_gradient(slip, probe), rtol=1e-11, atol=1e-14
        )


@pytest.mark.parametrize(
    ("slip", "rule"),
    [
        ("", lambda v, g, m: m * v + g),
        ("momentum-sign", lambda v, g, m: -m * v + g),
        ("momentum-on-gradient", lambda v, g, m: v + m * g),
        ("momentum-forgotten", lambda v, g, m: g),
    ],
)
def test_momentum_by_hand(slip: str, rule) -> None:  # type: ignore[no-untyped-def]
    net = Network(1, (Dense(1),))
    training = Training("mse", wg.Momentum(0.05, 0.8), batch=1, order="sequential", epochs=3)
    x, y = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.3, -0.7])
    w = b = 0.4
    v_w = v_b = 0.0
    losses = []
    for _ in range(3):
        met = []
        for s, t in zip(x, y, strict=True):
            e = w * s + b - t
            met.append(e * e)
            v_w, v_b = rule(v_w, 2 * e * s, 0.8), rule(v_b, 2 * e, 0.8)
            w, b = w - 0.05 * v_w, b - 0.05 * v_b
        losses.append(np.mean(met))
    probe = Probe(net, training, np.array([0.4, 0.4]), Rows(x[:, None], y[:, None]))
    assert printed(applied(net, training, slip) if slip else Procedure(), probe) == pytest.approx(
        losses, rel=1e-13
    )


def test_penalties_by_hand() -> None:
    net, training = NETS["3-3-1 with l2"]
    probe = strong(net, training)[0]
    training = replace(training, l1=0.05)
    probe = replace(probe, training=training)
    bare = one_step(Procedure(returned="bare"), probe).gradient
    W = np.array([True] * 9 + [False] * 3 + [True] * 3 + [False])
    size = 0.05 * np.sign(probe.w) + 0.1 * probe.w
    rows = len(probe.rows)
    for slip, added in {
        "": np.where(W, size, 0),
        "penalty-on-biases": size,
        "penalty-missing": 0 * size,
        "penalty-double": np.where(W, 2 * size, 0),
        "penalty-half": np.where(W, size / 2, 0),
        "penalty-sign": np.where(W, -size, 0),
        "penalty-per-rows": np.where(W, size / rows, 0),
    }.items():
        procedure = applied(net, training, slip) if slip else Procedure()
        np.testing.assert_allclose(one_step(procedure, probe).gradient, bare + added, rtol=1e-13, err_msg=slip)
        np.testing.assert_allclose(one_step(procedure, probe).w, probe.w - 0.2 * (bare + added), rtol=1e-13)


def test_combinations_are_what_their_code_would_do() -> None:
    """A halved error goes through the updated weights, and the loss is another one."""
    probe = replace(students("distinct"), rows=students().rows.take(np.array([3])))
    procedure = applied(
        TWO, probe.training, "loss-mean_absolute_error", "factor-half", "updated-weights", "rate-10"
    )
    (W1, b1), (W2, b2) = (tuple(part.copy() for part in layer) for layer in views(TWO, probe.w))
    x, y = X[3], LPA[3]
    O = x @ W1 + b1
    y_hat = O @ W2[:, 0] + b2[0]
    error = y_hat - y  # without its 2
    W2[:, 0] -= 0.01 * error * O
    b2[0] -= 0.01 * error
    W1 -= 0.01 * np.outer(x, error * W2[:, 0])
    b1 -= 0.01 * error * W2[:, 0]
    step = one_step(procedure, probe)
    np.testing.assert_allclose(step.w, np.concatenate([W1.ravel(), b1, W2.ravel(), b2]), rtol=1e-13)
    assert step.loss == pytest.approx(abs(error))


def test_what_a_network_cannot_have_is_not_in_its_catalogue() -> None:
    def keys(net: Network, training: Training) -> set[str]:
        return {slip.key.partition(":")[0] for slip in catalogue(net, training)}

    one = keys(Network(2, (Dense(1),)), Training("mse", wg.SGD(0.1), batch="all"))
    absent = {
        "updated-weights",
        "dW_1-transposed",
        "derivative-missing",
        "z-for-a",
        "factor-outputs",
        "order-first",
    }
    assert not one & {
        *absent,
        "penalty-missing",
        "momentum-sign",
        "memory-epoch",
        "last-dropped",
        "softmax-over-rows",
    }
    whole = keys(
        Network(2, (Dense(2, "sigmoid"), Dense(3, "softmax"))),
        Training("cce", wg.Momentum(0.1), batch=2, l2=0.1),
    )
    assert {*absent, "penalty-missing", "momentum-sign", "memory-epoch", "last-dropped", "softmax-over-rows"} <= (
        whole | {"dW_1-transposed"}
    )


def test_a_slip_is_a_value() -> None:
    slip = catalogue(*NETS["2-2-1 linear"])[0]
    assert isinstance(slip, Slip)
    with pytest.raises(AttributeError):
        slip.title = "other"  # type: ignore[misc]
