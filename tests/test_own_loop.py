"""A learner's own training loop out of the lecture's functions, and what happens when shapes do not fit."""

import numpy as np
import pytest

import whygrad as wg

X = np.array([[8.0, 8], [7, 9], [6, 10], [5, 12]])
Y = np.array([[4.0], [5], [6], [7]])
NET = wg.Network(2, (wg.Dense(2), wg.Dense(1)))


def test_twelve_lines_give_the_lectures_losses() -> None:
    training = wg.Training(loss="mse", optimizer=wg.SGD(0.001))
    w = wg.initialize_parameters(NET, 0.1)
    memory, t, means = (), 0, []
    for _ in range(5):
        met = []
        for row in range(4):
            x, y = X[[row]], Y[[row]]
            trace = wg.forward_propagation(NET, w, x)
            met.append(wg.row_losses(NET, "mse", trace, y)[0])
            g = wg.backward_propagation(NET, w, trace, y, "mse").flat
            t += 1
            w, memory = wg.update_parameters(NET, training, w, g, memory, t, 0.001)
        means.append(np.mean(met))
    assert means == pytest.approx([26.345577666, 19.859428919, 10.881602572, 3.777037799, 1.223804497], abs=5e-10)


def test_memories_may_start_as_nothing() -> None:
    training = wg.Training(loss="mse", optimizer="adam")
    w = wg.initialize_parameters(NET, 0.1)
    trace = wg.forward_propagation(NET, w, X)
    g = wg.backward_propagation(NET, w, trace, Y, "mse").flat
    moved, memory = wg.update_parameters(NET, training, w, g, (), 1, 0.01)
    assert np.abs(moved - w) == pytest.approx(0.01, rel=1e-6)  # Adam's first step is the rate, whatever the slope
    assert len(memory) == 2


def test_shapes_that_would_broadcast_are_refused() -> None:
    w = wg.initialize_parameters(NET, 0.1)
    trace = wg.forward_propagation(NET, w, X)
    with pytest.raises(wg.InputError, match=r"y has shape \(4,\), but the outputs have \(4, 1\); y\[:, None\]"):
        wg.row_losses(NET, "mse", trace, Y[:, 0])
    with pytest.raises(wg.InputError, match=r"y has shape \(4,\)"):
        wg.backward_propagation(NET, w, trace, Y[:, 0], "mse")
    classes = wg.Network(2, (wg.Dense(3, "softmax"),))
    three = wg.forward_propagation(classes, wg.initialize_parameters(classes, 0.1), X)
    with pytest.raises(wg.InputError, match=r"one_hot\(y, 3\) makes rows"):
        wg.row_losses(classes, "cce", three, np.array([0, 1, 2, 0]))
    with pytest.raises(wg.InputError, match=r"x has shape \(4, 1\), but the network takes \(rows, 2\)"):
        wg.forward_propagation(NET, w, X[:, :1])
    with pytest.raises(wg.InputError, match=r"w has shape .* 9 parameters"):
        wg.forward_propagation(NET, w[:-1], X)
    with pytest.raises(wg.WrongTypeError, match="flat"):
        wg.update_parameters(
            NET, wg.Training("mse"), w, wg.backward_propagation(NET, w, trace, Y, "mse"), (), 1, 0.1
        )


def test_signatures_read_well() -> None:
    import inspect

    assert "xp: Namespace = NUMPY, stages: Staging = REFERENCE" in str(
        inspect.signature(wg.forward_propagation)
    ).replace("'", "")
