"""Kinks: where a slope jumps, and how that is said."""

import numpy as np
import pytest

import whygrad as wg
from whygrad.activations import ACTIVATIONS, activation
from whygrad.explanation.kinks import kinks_at, kinks_of, said_of
from whygrad.explanation.symbols import Symbols
from whygrad.losses import LOSSES
from whygrad.propagation import forward_propagation


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "selu", "elu:0.5", "elu:2"])
def test_slopes_that_jump_at_0(name: str) -> None:
    assert kinks_of(activation(name)) == (0.0,)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"relu", "leaky_relu", "selu"}))
def test_slopes_that_do_not(name: str) -> None:
    assert kinks_of(activation(name)) == ()  # elu's is 1 on both sides, with its alpha of 1


def test_every_kink_of_units_and_loss_with_its_distance() -> None:
    net = wg.Network(1, (wg.Dense(2, "relu"), wg.Dense(1)))
    w = np.array([1.0, -2.0, 0.5, 0.0, 1.0, 1.0, 0.25])  # z = 1.5 and -2, a = 1.5 and 0, y_hat = 1.75
    y = np.array([[1.0]])
    trace = forward_propagation(net, w, np.array([[1.0]]))
    found = list(kinks_at(net, LOSSES["mean_absolute_error"], trace, y))
    assert [(k.layer, k.unit, k.distance) for k in found] == [(0, 0, 1.5), (0, 1, -2.0), (None, 0, 0.75)]
    said = [said_of(k, net, LOSSES["mean_absolute_error"], Symbols(net)) for k in found]
    assert said[0] == "the kink of relu at z_11 = 0"
    assert said[2] == "the kink of mean_absolute_error at y_hat = y"
