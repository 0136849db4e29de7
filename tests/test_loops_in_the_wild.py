"""Training loops as they are met: built of classes, left to chance, long, with several ways to store a bias."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_written_freely import checked, keys

import whygrad as wg

BUILT = """
import numpy as np

class Linear:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def __call__(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, g):
        self.gw, self.gb = self.x.T @ g, g.sum(0)
        return g @ self.w.T

class Model:
    def __init__(self, layers):
        self.layers = layers

    def backward(self, g):
        for layer in reversed(self.layers):
            g = layer.backward(g)

def fit(x, y, w1, b1, w2, b2, epochs, lr):
    model, losses = Model([Linear(w1, b1), Linear(w2, b2)]), []
    for _ in range(epochs):
        total = 0.0
        for k in range(len(x)):
            out = x[k:k + 1]
            for layer in model.layers:
                out = layer(out)
            diff = (out - y[k:k + 1]).squeeze()
            total += float(diff ** 2)
            model.backward(2 * diff[None, None] / 1)
            for layer in model.layers:
                layer.w -= lr * layer.gw
                layer.b -= lr * layer.gb
        losses.append(total / len(x))
    return losses
"""


def test_a_loop_that_takes_the_arrays_goes_before_the_classes_it_is_built_of(tmp_path: Path) -> None:
    assert checked(tmp_path, BUILT).verdict == "right"
    wrong = checked(tmp_path, BUILT.replace("self.x.T @ g, g.sum(0)", "self.x.T @ g, 0 * g.sum(0)"))
    assert keys(wrong) == ["b_l-never-every"]


GRADIENTS = """
import numpy as np

def gradients(W1, b1, W2, b2, X, Y):
    H = X @ W1 + b1
    D = 2 * (H @ W2 + b2 - Y) / len(X)
    E = D @ W2.T
    return X.T @ E, E.sum(0), H.T @ D, D.sum(0)
"""

DRAWN = (
    GRADIENTS
    + """
def train(X, Y, W1, b1, W2, b2, lr, epochs):
    losses = []
    for _ in range(epochs):
        k = ROWS
        losses.append(float(((X[k] @ W1 + b1) @ W2 + b2 - Y[k]).mean() ** 2))
        g = gradients(W1, b1, W2, b2, X[k], Y[k])
        W1, b1, W2, b2 = [p - lr * d for p, d in zip((W1, b1, W2, b2), g)]
    return losses
"""
)


@pytest.mark.parametrize(
    "rows",
    [
        "np.random.choice(len(X), 1)",
        "np.random.randint(0, len(X), 1)",
        "np.random.default_rng(1).integers(0, len(X), 1)",
    ],
)
def test_a_loop_that_draws_its_rows_is_not_wrong_for_it(rows: str, tmp_path: Path) -> None:
    report = checked(tmp_path, DRAWN.replace("ROWS", rows))
    assert report.verdict == "right", report
    assert "it draws rows at random, which nobody can follow" in str(report)


ALL = """
import random
import numpy as np

def train(X, Y, W1, b1, W2, b2, lr, epochs):
    losses = []
    for _ in range(epochs):
        total, rows = 0.0, ROWS
        for k in rows:
            x, y = X[k:k + 1], Y[k:k + 1]
            h = x @ W1 + b1
            d = 2 * (h @ W2 + b2 - y)
            total += float((d * d).sum()) / 4
            e = d @ W2.T
            W1, b1, W2, b2 = W1 - lr * x.T @ e, b1 - lr * e.sum(0), W2 - lr * h.T @ d, b2 - lr * d.sum(0)
        losses.append(total / len(X))
    return losses
"""


@pytest.mark.parametrize(
    "rows",
    [
        "np.random.choice(len(X), len(X), replace=False)",
        "random.sample(range(len(X)), len(X))",
        "np.random.permutation(len(X))",
        "np.random.default_rng(2).permutation(len(X))",
    ],
)
def test_a_draw_of_all_rows_is_a_shuffle_and_is_kept_in_order(rows: str, tmp_path: Path) -> None:
    report = checked(tmp_path, ALL.replace("ROWS", rows), order="shuffled")
    assert report.verdict == "right", report
    assert "train shuffles the rows; they were kept in order" in str(report)


LONG = """
import numpy as np

def initialize_parameters(n_x, n_h, n_y):
    W1, b1 = np.zeros((n_h, n_x)), np.zeros((n_h, 1))
    return {"W1": W1, "b1": b1, "W2": np.zeros((n_y, n_h)), "b2": np.zeros((n_y, 1))}

def model(X, Y, n_h, num_iterations):
    p = initialize_parameters(X.shape[0], n_h, Y.shape[0])
    for _ in range(num_iterations):
        A1 = np.tanh(np.dot(p["W1"], X) + p["b1"])
        A2 = 1 / (1 + np.exp(-np.dot(p["W2"], A1) - p["b2"]))
        d2 = (A2 - Y) / X.shape[1]
        d1 = np.dot(p["W2"].T, d2) * (1 - A1 ** 2)
        grads = {"W1": np.dot(d1, X.T), "b1": d1.sum(1, keepdims=True)}
        grads |= {"W2": np.dot(d2, A1.T), "b2": d2.sum(1, keepdims=True)}
        p = {key: p[key] - 1.2 * grads[key] for key in p}
    return p

def train(X, Y, n_h, num_iterations):
    return model(X, Y, n_h, num_iterations)
"""


def test_a_long_run_is_not_wrong_for_what_rounding_makes_of_it(tmp_path: Path) -> None:
    _, table, training = wg.example("xor")
    net = wg.Network(2, (wg.Dense(4, "tanh"), wg.Dense(1, "sigmoid")))
    report = checked(tmp_path, LONG, net, table, training, learning_rate=1.2, epochs=1_000, batch="all")
    assert report.verdict == "right", report
    wrong = LONG.replace("(1 - A1 ** 2)", "(1 - A1)")
    report = checked(tmp_path, wrong, net, table, training, learning_rate=1.2, epochs=1_000, batch="all")
    assert keys(report) == ["derivative-not-squared:1"]


GLOBAL = """
import numpy as np

W1, b1, W2, b2 = np.ones((2, 2)), np.zeros(2), np.ones((2, 1)), np.zeros(1)
dW1 = db1 = dW2 = db2 = out = h = None

def forward(X):
    global h, out
    h = X @ W1 + b1
    out = h @ W2 + b2

def backward(X, y):
    global dW1, db1, dW2, db2
    d = 2 * (out - y) / len(X)
    e = d @ W2.T
    dW1, db1, dW2, db2 = X.T @ e, e.sum(0), h.T @ d, d.sum(0)

def update(lr):
    global W1, b1, W2, b2
    W1, b1, W2, b2 = W1 - lr * dW1, b1 - lr * db1, W2 - lr * dW2, b2 - lr * db2
"""


def test_global_gradients_are_not_taken_for_parameters(tmp_path: Path) -> None:
    report = checked(tmp_path, GLOBAL)
    assert report.verdict == "right", report
    assert "update: right" in str(report)
    assert keys(checked(tmp_path, GLOBAL.replace("W2 - lr * dW2", "W2 + lr * dW2"))) == ["dW_2-sign"]


OUTER = """
import numpy as np

def backward(x, y, W, B):
    h = W[0] @ x + B[0]
    d = 2 * (W[1] @ h + B[1] - y)
    e = W[1].T @ d
    return [np.outer(e, x), np.outer(d, h)], [e, d]

def train(X, Y, W, B, lr, epochs):
    losses = []
    for _ in range(epochs):
        total = 0.0
        for x, y in zip(X, Y):
            total += float(((W[1] @ (W[0] @ x + B[0]) + B[1] - y) ** 2).sum())
            dW, dB = backward(x, y, W, B)
            for l in range(2):
                W[l] = W[l] - lr * dW[l]
                B[l] = B[l] - lr * dB[l]
        losses.append(total / len(X))
    return losses
"""


def test_a_loop_is_tried_with_every_way_to_store_a_bias_that_its_functions_take(tmp_path: Path) -> None:
    report = checked(tmp_path, OUTER)
    assert report.verdict == "right", report
    assert "loop: right" in str(report)


def test_a_loop_without_a_shuffle_is_judged_in_order_whatever_is_claimed(tmp_path: Path) -> None:
    assert checked(tmp_path, OUTER, order="shuffled").verdict == "right"


APART = ALL.replace("total, rows = 0.0, ROWS", "total, order = 0.0, np.random.permutation(len(X))")
APART = APART.replace("for k in rows:", "X_new, Y_new = X[order], TARGETS\n        for k in range(len(X)):")
APART = APART.replace("x, y = X[k:k + 1], Y[k:k + 1]", "x, y = X_new[k:k + 1], Y_new[k:k + 1]")


def test_inputs_that_are_shuffled_without_their_targets_are_found(tmp_path: Path) -> None:
    assert checked(tmp_path, APART.replace("TARGETS", "Y[order]")).verdict == "right"
    report = checked(tmp_path, APART.replace("TARGETS", "Y"))
    assert report.verdict == "wrong"
    assert report.problems == ("train shuffles inputs and targets apart: they no longer belong together",)


SHORT = (
    GRADIENTS
    + """
def train(X, Y, W1, b1, W2, b2, lr, epochs):
    losses = []
    for _ in range(epochs):
        losses.append(float((((X @ W1 + b1) @ W2 + b2 - Y) ** 2).mean()))
        g = gradients(W1, b1, W2, b2, X, Y)
        W1, b1, W2, b2 = [p - lr / 2 * d for p, d in zip((W1, b1, W2, b2), g)]
    return losses
"""
)


def test_a_loop_is_held_to_the_convention_of_its_gradient(tmp_path: Path) -> None:
    """Half the rate is no half squared error where the gradient is that of the whole."""
    report = checked(tmp_path, SHORT, batch="all")
    assert report.verdict == "wrong"
    assert report.sections[0].match.verdict == "right"


HIDDEN_AS_EPOCHS = """
import numpy as np

def fit(X, y, W1, b1, W2, b2, lr, epochs):
    for _ in range(epochs):
        H = np.tanh(X @ W1 + b1)
        D = 2 * (H @ W2 + b2 - y.reshape(-1, 1)) / len(X)
        E = D @ W2.T * (1 - H ** 2)
        W1, b1, W2, b2 = W1 - lr * X.T @ E, b1 - lr * E.sum(0), W2 - lr * H.T @ D, b2 - lr * D.sum(0)
    return W1, b1, W2, b2
"""


def test_as_many_hidden_units_as_epochs_are_no_losses(tmp_path: Path) -> None:
    _, table, training = wg.example("students")
    net = wg.Network(2, (wg.Dense(4, "tanh"), wg.Dense(1, "linear")))
    report = checked(tmp_path, HIDDEN_AS_EPOCHS, net, table, training, epochs=4, batch="all", start="glorot")
    assert report.verdict == "right", report


def test_one_epoch_is_not_enough_to_show_an_update(tmp_path: Path) -> None:
    wrong = BUILT.replace("self.x.T @ g, g.sum(0)", "-self.x.T @ g, g.sum(0)")
    assert checked(tmp_path, wrong, epochs=1).verdict == "wrong"


WRAPPED = (
    GRADIENTS
    + """
def timed(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

@timed
def train(X, Y, W1, b1, W2, b2, lr, epochs):
    return []
"""
)


def test_a_loop_that_hides_its_arguments_is_said_not_to_be_judged(tmp_path: Path) -> None:
    report = checked(tmp_path, WRAPPED)
    assert report.verdict == "undecided"
    assert report.problems == ("cannot be read: wrapper takes *args, so that what it wants cannot be told",)


INSIDE = """
import numpy as np

def train(X, Y, W1, b1, W2, b2, lr, epochs):
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    losses = []
    for _ in range(epochs):
        H = X @ W1 + b1
        e = H @ W2 + b2 - Y.reshape(-1, 1)
        losses.append(float((e ** 2).mean()))
        D = 2 * e / len(X)
        E = D @ W2.T
        W1, b1, W2, b2 = W1 - lr * X.T @ E, b1 - lr * E.sum(0), W2 - lr * H.T @ D, b2 - lr * D.sum(0)
    return losses
"""


def test_rows_that_a_loop_standardises_itself(tmp_path: Path) -> None:
    net, table, training = wg.example("students")
    report = checked(tmp_path, INSIDE, net, table, training, batch="all", scale="standard")
    assert report.sections[-1].name == "loop"
    assert report.verdict != "wrong", report


DECAY = (
    GRADIENTS
    + """
def train(X, Y, W1, b1, W2, b2, lr, epochs, l2):
    losses = []
    for _ in range(epochs):
        losses.append(float((((X @ W1 + b1) @ W2 + b2 - Y) ** 2).mean()))
        g = gradients(W1, b1, W2, b2, X, Y)
        W1, b1 = W1 * (1 - lr * l2) - lr * g[0], b1 - lr * g[1]
        W2, b2 = W2 * (1 - lr * l2) - lr * g[2], b2 - lr * g[3]
    return losses
"""
)


def test_a_penalty_that_the_loop_adds_in_its_update(tmp_path: Path) -> None:
    report = checked(tmp_path, DECAY, batch="all", l2=0.1)
    assert report.verdict == "right", report
    assert "the gradient leaves out the penalty, which the update adds" in str(report)
    assert (
        checked(tmp_path, DECAY.replace("b1 - lr", "b1 * (1 - lr * l2) - lr"), batch="all", l2=0.1).verdict
        == "wrong"
    )
