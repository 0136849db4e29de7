"""Targets as a loss reads them: one-hot, checked, smoothed."""

import math

import numpy as np
import pytest

from whygrad.errors import InputError
from whygrad.losses import loss
from whygrad.targets import one_hot, prepare_targets


def test_one_hot() -> None:
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(one_hot(np.array([[1.0], [1.0]]), 2), [[0, 1], [0, 1]])
    assert one_hot(np.array([]), 3).shape == (0, 3)
    for wrong in (3, -1, 0.5, math.nan):
        with pytest.raises(InputError, match=r"is no class number; with 3 classes it is 0 to 2"):
            one_hot(np.array([0, wrong]), 3)


def test_targets_are_prepared() -> None:
    y = np.array([[0.0, 1.0]])
    np.testing.assert_array_equal(prepare_targets(loss("hinge"), y), [[-1, 1]])
    assert prepare_targets(loss("hinge"), y.astype(np.float32)).dtype == np.float32
    assert prepare_targets(loss("mse"), y) is y
    # y 0.8 + 0.2/n: n = 2 for bce, 4 classes for cce
    np.testing.assert_allclose(prepare_targets(loss("bce"), y, 0.2), [[0.1, 0.9]], rtol=1e-15)
    smooth = prepare_targets(loss("cce"), np.array([[0.0, 1.0, 0.0, 0.0]]), 0.2)
    np.testing.assert_allclose(smooth, [[0.05, 0.85, 0.05, 0.05]], rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "y", "says"),
    [
        ("mse", [[1], [math.nan]], "row 2 (index 1) is nan, but mean_squared_error wants a number"),
        ("bce", [[1], [2]], "row 2 (index 1) is 2, but binary_crossentropy wants 0, 1 or a probability"),
        ("cce", [[1, 0], [0.5, 0.4]], "row 2 (index 1) is 0.5, but categorical_crossentropy wants one-hot"),
        ("cce", [[-1, 2]], "row 1 (index 0) is -1"),
        ("cce", [[math.nan, 1]], "row 1 (index 0) is nan"),
        ("hinge", [[3]], "row 1 (index 0) is 3, but hinge wants -1 and 1 (or 0 and 1)"),
        ("poisson", [[-1]], "row 1 (index 0) is -1, but poisson wants 0 or more"),
    ],
)
def test_targets_a_loss_is_not_defined_for(name: str, y: list[list[float]], says: str) -> None:
    with pytest.raises(InputError) as refusal:
        prepare_targets(loss(name), np.array(y, float))
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "log_cosh", "poisson"])
def test_only_cross_entropies_take_label_smoothing(name: str) -> None:
    known = loss(name).name
    with pytest.raises(InputError, match=rf"label smoothing: 0\.1 needs a cross-entropy loss, not {known}"):
        prepare_targets(loss(name), np.zeros((1, 1)), 0.1)
