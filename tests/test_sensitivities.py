"""Sensitivities: the right derivatives in the right order, also of a million parameters; and the chain example."""

import json
import math
import time

import numpy as np
import pytest
from truth import by_differences, case, complex_step, mean_loss, split

import whygrad as wg
from whygrad.explanation.sensitivities import Sensitivities, sensitivities
from whygrad.losses import LOSSES
from whygrad.names import place_of, places


def of(why: wg.Explanation, k: int | None = None) -> Sensitivities:
    return sensitivities(why.moment, why.links, why.symbols, k)


def test_students_row_1() -> None:
    found = of(wg.explain(*wg.example("students")))
    # dW2 = -11.776 twice, db2 = -7.36, dW1 = -5.888 four times, db1 = -0.736 twice; twins in the vector's order
    assert [name.text for name in found.names] == [
        *("W_211", "W_212", "B_21", "W_111", "W_121", "W_112", "W_122", "B_11", "B_12")
    ]
    assert found.derivatives == pytest.approx([-11.776] * 2 + [-7.36] + [-5.888] * 4 + [-0.736] * 2)
    # |0.1 * -11.776| = 1.1776; the biases are 0, so changing them by a hundredth of themselves does nothing
    assert found.relative == pytest.approx([1.1776] * 2 + [0] + [0.5888] * 4 + [0] * 2)
    assert found.units[1] == pytest.approx([-7.36])
    assert found.units[0] == pytest.approx([-0.736, -0.736])  # -7.36 W_21k
    assert found.inputs == pytest.approx([-0.1472, -0.1472])  # twice -0.736 * 0.1
    assert (found.count, found.still) == (9, 0)
    assert "not that the parameter is unimportant" in found.notes[0]
    assert len(found.notes) == 1  # nothing is 0, nothing is standardised


def test_every_derivative_is_true() -> None:
    net, w, x, y = case("tanh", "sigmoid", LOSSES["binary_crossentropy"], 3, rows=1)
    loss = LOSSES["binary_crossentropy"]
    found = of(wg.explain_row(net, w, x[0], y[0], loss))
    by_parameter = by_differences(lambda v: mean_loss(net, loss, v, x, y), w)
    assert found.derivatives == pytest.approx(by_parameter[found.positions], rel=1e-6, abs=1e-9)
    assert np.array_equal(found.values, w[found.positions])
    assert (np.diff(np.abs(found.derivatives)) <= 0).all()
    assert sorted(found.positions) == list(range(net.n_parameters))

    for n in range(net.inputs):

        def nudged(value: np.ndarray, n: int = n) -> np.ndarray:
            row = x.astype(complex)
            row[0, n] = value[0]
            return mean_loss(net, loss, w[None], row, y)

        assert found.inputs[n] == pytest.approx(complex_step(nudged, x[:, n])[0], rel=1e-12)

    for layer in (0, 1):  # a unit's bias moves z, so dL/da = dL/db / a'(z), tanh' = 1 - a^2

        def after(a: np.ndarray, layer: int = layer) -> np.ndarray:
            return rest_of(net, loss, w, layer, a, y)

        why = wg.explain_row(net, w, x[0], y[0], loss)
        a = why.links.trace.a[layer + 1]
        for unit in range(a.shape[1]):
            step = np.zeros(a.shape, complex)
            step[0, unit] = 1e-30j
            assert found.units[layer][unit] == pytest.approx(after(a + step).imag[0] / 1e-30, rel=1e-12)


def rest_of(net: wg.Network, loss: wg.Loss, w: np.ndarray, layer: int, a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The loss from the outputs a (1, n) of that layer on."""
    later = wg.Network(net.sizes[layer + 1], net.layers[layer + 1 :])
    parts = list(split(net, w[None]))[layer + 1 :]
    return mean_loss(later, loss, np.concatenate([p.ravel() for pair in parts for p in pair])[None], a, y)


def test_the_first_k_are_those_of_the_whole_ranking() -> None:
    draw = np.random.default_rng(0)
    net = wg.Network(5, (wg.Dense(6, "relu"), wg.Dense(4, "relu"), wg.Dense(2)))
    for _ in range(20):
        why = wg.explain_row(net, draw.normal(0, 1, net.n_parameters), draw.normal(0, 1, 5).round(1), [1.0, 2.0])
        whole = of(why)
        # an independent ranking: Python's stable sort
        expected = sorted(range(net.n_parameters), key=lambda at: -abs(why.gradient[at]))
        assert [*whole.positions] == expected
        for k in (1, 3, net.n_parameters - 1):  # ties, such as those of closed relus, are cut in their order
            assert [*of(why, k).positions] == expected[:k]
    assert of(why, 1000).positions.size == net.n_parameters
    with pytest.raises(wg.InputError, match="k is 0"):
        of(why, 0)


def test_zeros_and_standardised_columns_are_said() -> None:
    table = wg.read_table({"x": [1, 2, 3], "y": [1.5, 2, 4]}, "y")
    net = wg.Network(1, (wg.Dense(2, "relu"), wg.Dense(1)))
    found = of(wg.explain(net, table, loss="mse", start=0.0))
    assert found.still == 6  # only B_21 is not 0: all weights are
    assert found.notes[1:] == (
        "6 of 7 derivatives are exactly 0 here",
        "dL/dx is by the number that enters the network: of a standardised column, one unit is one standard "
        "deviation",
    )


def test_a_derivative_that_is_no_number_comes_first() -> None:
    net = wg.Network(1, (wg.Dense(1), wg.Dense(1)))
    w = np.array([1.0, 2.0, np.nan, 1.0])  # W_211 is none
    found = of(wg.explain_row(net, w, [0.0], [1.0]))
    assert np.isnan(found.derivatives[0])
    assert found.derivatives.shape == (4,)


def test_json_and_columns() -> None:
    found = of(wg.explain(*wg.example("students"), notation="torch"), 2)
    plain = json.loads(json.dumps(found.to_plain()))
    assert plain["parameters"]["parameter"] == ["1.weight[0, 0]", "1.weight[0, 1]"]
    assert plain["parameters"]["derivative"] == pytest.approx([-11.776] * 2)
    assert plain["inputs"] == {"x[0]": pytest.approx(-0.1472), "x[1]": pytest.approx(-0.1472)}
    assert list(plain["units"]) == ["a0[0]", "a0[1]", "a1[0]"]
    assert {len(column) for column in found.columns().values()} == {2}


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3, 1), (12, 11, 10, 2)])
def test_a_position_has_its_place(sizes: tuple[int, ...]) -> None:
    net = wg.Network(sizes[0], tuple(wg.Dense(n) for n in sizes[1:]))
    assert [place_of(net, at) for at in range(net.n_parameters)] == list(places(net))


def test_a_million_parameters_are_ranked_at_once() -> None:
    net = wg.Network(1000, (wg.Dense(960, "tanh"), wg.Dense(40, "tanh"), wg.Dense(1)))
    draw = np.random.default_rng(0)
    why = wg.explain_row(net, draw.normal(0, 0.05, net.n_parameters), draw.normal(0, 1, 1000), [1.0])
    assert why.links.gradient.size == net.n_parameters > 999_000
    start = time.perf_counter()
    found = of(why, 10)
    assert len(found.names) == 10
    assert time.perf_counter() - start < 1.0  # 0.03 s on two cores; naming every parameter would take seconds
    assert np.abs(found.derivatives[0]) == np.abs(why.gradient).max()


# ---- the chain example ----


def test_the_chain_is_3blue1browns() -> None:
    why = wg.explain(*wg.example("chain"))
    # 3Blue1Brown: dC/dw(L) = a(L-1) sigma'(z(L)) 2(a(L) - y), and dC/da(L-1) = w(L) sigma'(z(L)) 2(a(L) - y)
    w1, b1, w2, b2, w3, b3 = (0.1 + 0.1 * n / 7 for n in range(1, 7))
    a = [1.0]
    for w, b in ((w1, b1), (w2, b2), (w3, b3)):
        a.append(1 / (1 + math.exp(-(w * a[-1] + b))))
    slope = [value * (1 - value) for value in a[1:]]
    last = slope[2] * 2 * (a[3] - 0.9)
    second, first = slope[1] * w3 * last, slope[0] * w2 * slope[1] * w3 * last
    truth = [a[0] * first, first, a[1] * second, second, a[2] * last, last]
    assert why.gradient == pytest.approx(truth, rel=1e-13)


def test_the_chain_learns_and_a_deeper_one_hardly() -> None:
    net, table, training = wg.example("chain")
    run = wg.fit(net, table, training)
    assert run.history[0].loss_after == pytest.approx(0.0549, abs=1e-4)
    assert run.history[-1].loss_after < 1e-4
    deep = wg.Network(1, (wg.Dense(1, "sigmoid"),) * 5)
    stuck = wg.fit(deep, table, training)
    assert stuck.history[-1].loss_after > 0.0225  # the variance of the targets: the same for both rows
    first, last = (np.abs(of(wg.explain(deep, table, training)).units[layer][0]) for layer in (0, 4))
    assert first < 1e-4 * last  # each sigmoid lets at most a quarter through
