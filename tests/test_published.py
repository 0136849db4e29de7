"""Worked examples that others have published, with the numbers they print."""

import math

import numpy as np
import pytest

import whygrad as wg

# Matt Mazur, "A Step by Step Backpropagation Example" (2015): a 2-2-2 network of sigmoids, one row, biases that
# are never updated, the error half the sum of two squares, which for two outputs is the mean squared error
HIDDEN = (np.array([[0.15, 0.25], [0.20, 0.30]]), np.array([0.35, 0.35]))
OUTPUT = (np.array([[0.40, 0.50], [0.45, 0.55]]), np.array([0.60, 0.60]))
BIASES = ("B_11", "B_12", "B_21", "B_22")


def mazur(epochs: int) -> wg.Run:
    net = wg.Network(2, (wg.Dense(2, "sigmoid"), wg.Dense(2, "sigmoid")))
    table = wg.table_from_arrays([[0.05, 0.10]], [[0.01, 0.99]])
    return wg.fit(
        net,
        table,
        loss="mse",
        optimizer=wg.SGD(0.5),
        epochs=epochs,
        batch=1,
        scale="none",
        freeze=BIASES,
        start=[HIDDEN, OUTPUT],
    )


def test_mazurs_forward_pass() -> None:
    run = mazur(1)
    trace = wg.forward_propagation(run.model.network, run.start, np.array([[0.05, 0.10]]))
    assert trace.z[0][0, 0] == pytest.approx(0.3775, abs=1e-12)
    assert trace.a[1][0] == pytest.approx([0.593269992, 0.596884378], abs=5e-10)
    assert trace.output[0] == pytest.approx([0.75136507, 0.772928465], abs=5e-9)
    assert run.history[0].loss_after == pytest.approx(0.298371109, abs=5e-10)


def test_mazurs_first_update() -> None:
    run = mazur(1)
    new = dict(zip(wg.parameter_names(run.model.network), run.w, strict=True))
    printed = {
        "W_211": 0.35891648,
        "W_212": 0.408666186,
        "W_221": 0.511301270,
        "W_222": 0.561370121,
        "W_111": 0.149780716,
        "W_112": 0.19956143,
        "W_121": 0.24975114,
        "W_122": 0.29950229,
    }
    for name, value in printed.items():
        assert new[name] == pytest.approx(value, abs=5e-9), name
    assert [new[name] for name in BIASES] == [0.35, 0.35, 0.60, 0.60]
    # he prints 0.291027924 for the loss now; his own eight weights, put into his own formulas, give 0.29102777
    assert run.history[1].loss_after == pytest.approx(by_hand(printed), abs=5e-9)
    assert run.history[1].loss_after == pytest.approx(0.291028, abs=5e-7)


def by_hand(w: dict[str, float]) -> float:
    """The example's loss in plain arithmetic, one unit after another."""

    def unit(bias: float, *pairs: tuple[float, float]) -> float:
        return 1 / (1 + math.exp(-bias - sum(weight * value for weight, value in pairs)))

    h1 = unit(0.35, (w["W_111"], 0.05), (w["W_112"], 0.10))
    h2 = unit(0.35, (w["W_121"], 0.05), (w["W_122"], 0.10))
    o1 = unit(0.60, (w["W_211"], h1), (w["W_212"], h2))
    o2 = unit(0.60, (w["W_221"], h1), (w["W_222"], h2))
    return ((0.01 - o1) ** 2 + (0.99 - o2) ** 2) / 2
