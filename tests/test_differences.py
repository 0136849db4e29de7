"""Slopes by nudging: against numbers by hand, whatever the parameter, and however many at once."""

import numpy as np
import pytest

import whygrad as wg
from whygrad.explanation import differences
from whygrad.explanation.differences import slopes_into


def test_students_row_1_by_hand() -> None:
    moment = wg.explain(*wg.example("students")).moment
    for source, slope in ((0, -5.888), (1, -5.888), (2, -0.736)):  # dW_111, dW_112, dB_11
        for side in slopes_into(moment, 0, 0, [source])[:4]:
            assert abs(side.value[0] - slope) <= side.error[0] < 1e-9
    (value,) = slopes_into(moment, 1, 0, [1]).across.value
    assert value == pytest.approx(-11.776, abs=1e-12)  # dW_212


def test_the_sides_of_a_kink_by_hand() -> None:
    # z = 0: down, relu keeps 0 and nothing moves; up, y_hat moves by x = 2 and the loss by 2(0 - 3)2 = -12
    net = wg.Network(1, (wg.Dense(1, "relu"), wg.Dense(1)))
    moment = wg.explain_row(net, np.array([0.0, 0.0, 1.0, 0.0]), [2.0], [3.0]).moment
    found = slopes_into(moment, 0, 0, [0, 1])
    np.testing.assert_allclose(found.left.value, [0, 0], atol=1e-12)
    np.testing.assert_allclose(found.right.value, [-12, -6], atol=1e-9)
    np.testing.assert_allclose(found.across.value, [-6, -3], atol=1e-6)
    assert np.isinf(found.clean.error).all()
    assert found.crosses.all()


def test_steps_that_cross_no_kink_are_told_apart() -> None:
    # z = 0.01 with x = 1: steps below 0.01 stay beyond the kink, where dL/dW = 2(0.01 - 3) = -5.98
    net = wg.Network(1, (wg.Dense(1, "relu"), wg.Dense(1)))
    found = slopes_into(wg.explain_row(net, np.array([0.01, 0, 1, 0]), [1.0], [3.0]).moment, 0, 0, [0])
    assert found.crosses[0]
    assert abs(found.clean.value[0] + 5.98) <= found.clean.error[0] < 1e-9
    assert found.clean.step[0] < 0.01


def test_a_loss_has_kinks_too() -> None:
    net = wg.Network(1, (wg.Dense(1),))
    found = slopes_into(wg.explain_row(net, np.array([1.0, 0.0]), [2.0], [2.0], "mae").moment, 0, 0, [0])
    assert (found.left.value[0], found.right.value[0]) == pytest.approx((-2, 2))
    assert found.crosses[0]


def test_no_batch_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    net = wg.Network(5, (wg.Dense(4, "tanh"), wg.Dense(2, "softmax")))
    moment = wg.explain_row(net, "glorot", np.arange(5) / 5, [0.0, 1.0], "cce").moment
    whole = slopes_into(moment, 0, 1, range(6))
    monkeypatch.setattr(differences, "BATCH", 1)  # one parameter at a time
    apart = slopes_into(moment, 0, 1, range(6))
    assert apart.across.value.shape == (6,)
    assert (np.abs(apart.across.value - whole.across.value) <= apart.across.error + whole.across.error).all()


def test_a_source_that_brings_0_moves_nothing() -> None:
    net = wg.Network(2, (wg.Dense(1, "tanh"),))
    found = slopes_into(wg.explain_row(net, np.array([0.3, 1e9, 0.1]), [1.0, 0.0], [0.5]).moment, 0, 0, [1])
    assert found.across.value[0] == 0
