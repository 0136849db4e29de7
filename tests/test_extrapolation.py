"""Extrapolation: the error it states holds, for what is smooth, for kinks near by, and for bends of two sizes."""

from collections.abc import Callable

import numpy as np
import pytest

from whygrad.explanation.extrapolation import extrapolated

STEPS = 0.5 ** np.arange(32)
ROUNDING = 2.2e-16  # of a number of about 1


def central(f: Callable[[np.ndarray], np.ndarray], at: float) -> tuple[float, float]:
    """f'(at) and its error from central differences."""
    above, below = f(at + STEPS), f(at - STEPS)
    rounding = ROUNDING * np.maximum(1, np.maximum(abs(above), abs(below))) / STEPS
    quotients = (above - below) / (2 * STEPS)
    found = extrapolated(quotients[None], rounding[None], 2, np.ones((1, 32), bool))
    return found.value[0], found.error[0]


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (np.exp, np.exp),
        (np.sin, np.cos),
        (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
        (lambda x: x**3, lambda x: 3 * x**2),
        (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    ],
    ids=["exp", "sin", "tanh", "cube", "softsign"],
)
def test_the_error_holds_and_is_small(
    f: Callable[[np.ndarray], np.ndarray], slope: Callable[[float], float]
) -> None:
    for at in np.random.default_rng(0).uniform(-2, 2, 200):
        value, error = central(f, at)
        assert abs(value - slope(at)) <= error
        assert error < 1e-7  # softsign near its bend; the others reach 1e-12


def test_smooth_functions_reach_twelve_digits() -> None:
    assert central(np.sin, 0.3)[1] < 1e-12


def test_a_kink_within_the_largest_steps_is_not_looked_beyond() -> None:
    # |x| + x at -0.001: the slope is 0; steps beyond 0.001 see part of the slope 2 behind the kink
    value, error = central(lambda x: np.abs(x) + x, -0.001)
    assert abs(value) <= error < 1e-11


def test_a_bend_that_only_small_steps_see_is_not_looked_over() -> None:
    # x + 1e-6 sin(1e6 x): the slope at 0 is 1 + 1, though steps of 0.01 and more find 1 to six digits
    value, error = central(lambda x: x + 1e-6 * np.sin(1e6 * x), 0.0)
    assert abs(value - 2) <= error < 1e-5


def test_one_sided_quotients_have_errors_of_every_power() -> None:
    quotients = (np.exp(0.5 + STEPS) - np.exp(0.5)) / STEPS
    found = extrapolated(quotients[None], 2 * ROUNDING / STEPS[None], 1, np.ones((1, 32), bool))
    assert abs(found.value[0] - np.exp(0.5)) <= found.error[0] < 1e-9


def test_steps_that_are_not_usable_are_not_used() -> None:
    quotients = np.where(STEPS > 0.1, 5.0, 1.0)[None]  # without noise, the large steps would be taken
    usable = (STEPS < 0.1)[None]
    found = extrapolated(quotients, ROUNDING / STEPS[None], 2, usable)
    assert found.value[0] == 1
    assert found.step[0] < 0.1


def test_numbers_that_are_not_finite_are_passed_by() -> None:
    quotients = np.where(STEPS > 0.1, np.nan, 1.0)[None]
    found = extrapolated(quotients, ROUNDING / STEPS[None], 2, np.ones((1, 32), bool))
    assert found.value[0] == 1
    nothing = extrapolated(np.full((1, 32), np.inf), ROUNDING / STEPS[None], 2, np.ones((1, 32), bool))
    assert np.isinf(nothing.error[0])
