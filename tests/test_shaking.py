"""Shaken digits: as far from the plain run as rounding could be, and no farther."""

import numpy as np
import pytest

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.explanation.shaking import EPSILON, shaken
from whygrad.maths import NUMPY
from whygrad.propagation import forward_propagation, row_losses


def losses(net: wg.Network, w: np.ndarray, x: np.ndarray, y: np.ndarray, seeds: int) -> np.ndarray:
    """(seeds,): the row's loss in shaken runs."""
    found = []
    for seed in range(seeds):
        stages = shaken(seed)
        trace = forward_propagation(net, w, x, NUMPY, stages)
        found.append(row_losses(net, "mse", trace, y, NUMPY, stages)[0])
    return np.array(found)


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_every_activation_is_shaken_in_its_last_digits(name: str) -> None:
    z = np.array([[-2.0, -0.3, 0.4, 1.7]])
    plain = ACTIVATIONS[name].value(z)
    stages = shaken(0)
    runs = np.array([stages.activate(ACTIVATIONS[name], z, NUMPY) for _ in range(50)])
    assert np.abs(runs - plain).max() <= 8 * EPSILON * np.abs(plain).max()
    assert (np.ptp(runs, axis=0)[plain != 0] > 0).all()


def test_cancellation_shows() -> None:
    # 1e8 - 1e8 + 1: the last digit of 1e8 is 1.5e-8, so that is how well 1 is known
    net, x = wg.Network(2, (wg.Dense(1),)), np.array([[1.0, 1.0]])
    spread = np.ptp(losses(net, np.array([1e8, -1e8, 1.0]), x, np.array([[0.0]]), 50))
    assert 1e-8 < spread < 2e-7  # twice that for the square, and to both sides
    assert np.ptp(losses(net, np.array([1.0, -1.0, 1.0]), x, np.array([[0.0]]), 50)) < 1e-14


def test_the_inside_of_a_formula_is_shaken_too() -> None:
    # log cosh of 1e-9 is 5e-19, but the formula takes 1e-9 from 1e-9: 1e-25 is what it can tell, not 1e-34
    stages = shaken(1)
    z = np.array([[1e-9]])
    loss, linear = wg.losses.LOSSES["log_cosh"], ACTIVATIONS["linear"]
    runs = [stages.judge(loss, linear, z, z, np.zeros((1, 1)), NUMPY)[0, 0] for _ in range(50)]
    assert 1e-26 < np.ptp(runs) < 1e-23


def test_one_seed_shakes_alike() -> None:
    net, x, y = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(1))), np.array([[1.0, 2.0]]), np.array([[3.0]])
    w = wg.initialize_parameters(net, "glorot")
    first = losses(net, w, x, y, 3)
    np.testing.assert_array_equal(first, losses(net, w, x, y, 3))
    assert len(set(first)) > 1
