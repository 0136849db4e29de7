"""Programs in forms that were met in the wild: their parts are found; what they cannot show is not held against them."""  # noqa: E501

from __future__ import annotations

from pathlib import Path

import numpy as np
import programs
import pytest

import whygrad as wg
from whygrad.judgement.report import Report
from whygrad.network import Dense, Network
from whygrad.table import Column, Table


def checked(tmp_path: Path, text: str, *case: object, **told: object) -> Report:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return wg.check(path, *case, **told)


def keys(report: Report) -> list[str]:
    return [slip.key for slip in report.slips]


LAYERS = """
import numpy as np

class Linear:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.full((n_in, n_out), START), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW, self.db = self.x.T @ grad, grad.sum(axis=0)
        return grad @ self.W.T

class Sigmoid:
    def forward(self, z):
        self.a = 1 / (1 + np.exp(-z))
        return self.a

    def backward(self, grad):
        return grad * self.a * (1 - self.a)

def train(X, Y, lr, epochs):
    layers, losses = [Linear(2, 2), Sigmoid(), Linear(2, 1), Sigmoid()], []
    for _ in range(epochs):
        total = 0.0
        for k in range(len(X)):
            a, y = X[k:k + 1], np.reshape(Y[k], (1, 1))
            for layer in layers:
                a = layer.forward(a)
            total -= float((y * np.log(a) + (1 - y) * np.log(1 - a)).sum())
            grad = (a - y) / (a * (1 - a))
            for layer in reversed(layers):
                grad = layer.backward(grad)
            for layer in layers[::2]:
                layer.W -= lr * layer.dW
                layer.b -= lr * layer.db
        losses.append(total / len(X))
    return losses
"""


def test_layers_that_are_classes_are_judged_by_the_loop_around_them(tmp_path: Path) -> None:
    placement = wg.example("placement")
    report = checked(tmp_path, LAYERS.replace("START", "0.1"), *placement, learning_rate=0.1)
    assert report.verdict == "right", report
    wrong = LAYERS.replace("START", "0.1").replace("grad.sum(axis=0)", "0 * grad.sum(axis=0)")
    report = checked(tmp_path, wrong, *placement, learning_rate=0.1)
    assert keys(report) == ["b_l-never-every"]
    assert "in every layer l: b_l is never updated" in str(report)


def test_a_loop_with_a_start_of_its_own_is_not_wrong_for_it(tmp_path: Path) -> None:
    report = checked(tmp_path, LAYERS.replace("START", "0.2"), *wg.example("placement"), learning_rate=0.1)
    assert report.verdict == "undecided"
    assert "it chooses its start values itself; let it be given them, or say which they are with --init" in str(
        report
    )


BOTH = """
import numpy as np

def loss(X, y, W1, b1, W2, b2):
    N = X.shape[0]
    hidden = np.maximum(0, X.dot(W1) + b1)
    p = np.exp(hidden.dot(W2) + b2)
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[np.arange(N), y] -= 1
    d /= N
    grads = {"W2": hidden.T.dot(d), "b2": d.sum(0)}
    back = d.dot(W2.T)
    back[hidden <= 0] = 0
    grads["W1"], grads["b1"] = X.T.dot(back), back.sum(0)
    return -np.log(p[np.arange(N), y]).mean(), grads
"""


def classes() -> tuple[Network, Table, wg.Training]:
    x = np.random.default_rng(1).normal(size=(9, 3))  # (rows, n)
    inputs = tuple(Column(f"x{k}", "number", x[:, k]) for k in range(3))
    target = Column("y", "category", np.arange(9, dtype=np.int32) % 3, tuple("abc"))
    table = Table(inputs, (target,), "multiclass", None, None, (), np.arange(9))
    net = Network(3, (Dense(4, "relu"), Dense(3, "softmax")))
    return net, table, wg.Training(loss="cce", optimizer=wg.SGD(0.1), batch="all", scale="none")


def test_a_loss_that_returns_the_gradients_too_is_asked_for_them(tmp_path: Path) -> None:
    assert checked(tmp_path, BOTH, *classes()).verdict == "right"
    report = checked(tmp_path, BOTH.replace("    back[hidden <= 0] = 0\n", ""), *classes())
    assert keys(report) == ["derivative-missing:1"]


NAMED = """
import numpy as np

def sigmoid_gradient(z):
    return 1.0

def NAME(W1, b1, W2, b2, X, Y):
    H = X @ W1 + b1
    D = 2 * (H @ W2 + b2 - Y) / len(X)
    E = D @ W2.T
    return {"dW1": X.T @ E, "db1": E.sum(0), "dW2": H.T @ D, "db2": D.sum(0)}
"""


@pytest.mark.parametrize("name", ["my_backprop", "cost_and_grad", "calcGradients", "network_backward"])
def test_names_like_those_known_are_understood(tmp_path: Path, name: str) -> None:
    report = checked(tmp_path, NAMED.replace("NAME", name))
    assert report.verdict == "right", report
    assert f"gradients: {name}" in str(report)


GLOBALS = """
W1, b1, W2, b2 = [[0.1, 0.1], [0.1, 0.1]], [0.0, 0.0], [0.1, 0.1], 0.0

def train_one(x, target, rate):
    global W2, b2
    h = [W1[0][j] * x[0] + W1[1][j] * x[1] + b1[j] for j in range(2)]
    d = 2 * (W2[0] * h[0] + W2[1] * h[1] + b2 - target)
    back = [d * W2[j] for j in range(2)]
    W2 = [W2[j] - rate * d * h[j] for j in range(2)]
    b2 -= rate * d
    for j in range(2):
        b1[j] -= rate * back[j]
        for i in range(2):
            W1[i][j] -= rate * back[j] * x[i]
"""


def test_training_on_one_row_is_an_update(tmp_path: Path) -> None:
    assert checked(tmp_path, GLOBALS).verdict == "right"
    assert keys(checked(tmp_path, GLOBALS.replace("        b1[j] -= rate * back[j]\n", ""))) == ["b_1-never"]


LOOP = """
import numpy as np

def train(X, Y, params, learning_rate, epochs):
    W1, b1, W2, b2 = [p.copy() for p in params]
    losses = []
    for _ in range(epochs):
        total = 0.0
        for x, y in zip(X, Y):
            h = x @ W1 + b1
            d = 2 * (h @ W2 + b2 - y)
            total += float(np.sum((d / 2) ** 2))
            back = W2 @ d
            W2, b2 = W2 - RATE * np.outer(h, d), b2 - RATE * d
            W1, b1 = W1 - RATE * np.outer(x, back), b1 - RATE * back
        losses.append(total / len(X))
    return losses
"""


def test_a_loop_that_diverges_on_the_table_is_judged_where_it_does_not(tmp_path: Path) -> None:
    assert checked(tmp_path, LOOP.replace("RATE", "learning_rate")).verdict == "right"
    assert keys(checked(tmp_path, LOOP.replace("RATE", "1.0"))) == ["rate-missing"]


LABELS = """
import numpy as np

def init_params():
    W1, b1 = np.random.rand(4, 3) - 0.5, np.random.rand(4, 1) - 0.5
    W2, b2 = np.random.rand(3, 4) - 0.5, np.random.rand(3, 1) - 0.5
    return W1, b1, W2, b2

def softmax(Z):
    return np.exp(Z) / np.sum(np.exp(Z), axis=0)

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    return Z1, A1, Z2, softmax(Z2)

def one_hot(Y):
    one_hot_Y = np.zeros((Y.size, Y.max() + 1))
    one_hot_Y[np.arange(Y.size), Y] = 1
    return one_hot_Y.T

def backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    m = X.shape[1]
    dZ2 = A2 - one_hot(Y)
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    return dZ1.dot(X.T) / m, dZ1.sum(1, keepdims=True) / m, dZ2.dot(A1.T) / m, dZ2.sum(1, keepdims=True) / m
"""


def test_code_that_counts_classes_by_the_largest_is_right(tmp_path: Path) -> None:
    assert checked(tmp_path, LABELS, *classes()).verdict == "right"
    report = checked(tmp_path, LABELS.replace(" * (Z1 > 0)", ""), *classes())
    assert keys(report) == ["derivative-missing:1"]


NUMBERED = """
class Net:
    def __init__(self):
        self.p1 = self.p2 = self.p3 = self.p4 = self.p5 = self.p6 = 1.0
        self.q1 = self.q2 = self.q3 = 0.0

    def feedforward(self, x):
        return self.p1 * x[0]

    def backprop(self, x, y):
        return {}
"""
NEURONS = """
def init_params(sizes):
    return [[{"coefficients": [1.0] * (n + 1)} for _ in range(m)] for n, m in zip(sizes, sizes[1:])]

def backward(network, x, y):
    return network
"""
WOBBLE = "def backward(parameters, wobble, x, y):\n    return {}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (NUMBERED, "Net has no attributes W1, b1, W2, b2, nor weights and biases"),
        (WOBBLE, "the argument 'wobble' is not understood"),
        (NEURONS, "in which not all of W1, b1, W2, b2 can be told"),
    ],
    ids=["numbered", "an argument", "neurons"],
)
def test_what_cannot_be_read_is_not_wrong(tmp_path: Path, text: str, problem: str) -> None:
    report = checked(tmp_path, text)
    assert report.verdict == "undecided", report
    assert all(line.startswith("cannot be read: ") for line in report.problems)
    assert problem in report.problems[0]


def test_an_update_that_takes_pairs_is_given_several(tmp_path: Path) -> None:
    """What one row cannot show: a sum over the batch that keeps the last row alone."""
    placement = wg.example("placement")
    assert checked(tmp_path, programs.NIELSEN, *placement, epochs=2).verdict == "right"
    wrong = programs.NIELSEN.replace("[nb+dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]", "delta_nabla_b")
    report = checked(tmp_path, wrong, *placement, epochs=2)
    assert report.verdict == "wrong"
    (update,) = (section for section in report.sections if section.name == "update")
    assert update.verdict == "wrong"
    assert any("dB" in entry.name or "B_" in entry.name for entry in update.match.entries if entry.wrong)


NG = """
import numpy as np

def cost_and_gradients(parameters, X, Y, lambd):
    W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
    m = X.shape[1]
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = np.dot(W2, A1) + b2
    cost = np.mean((A2 - Y) ** 2) + lambd / (2 * m) * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    dZ2 = 2 * (A2 - Y) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - A1 ** 2)
    return cost, {
        "dW1": np.dot(dZ1, X.T) + lambd / m * W1, "db1": dZ1.sum(1, keepdims=True),
        "dW2": np.dot(dZ2, A1.T) + lambd / m * W2, "db2": dZ2.sum(1, keepdims=True),
    }
"""


def test_a_penalty_over_the_rows_in_loss_and_gradient_is_a_convention(tmp_path: Path) -> None:
    _, table, training = wg.example("students")
    net = Network(2, (Dense(3, "tanh"), Dense(1, "linear")))
    report = checked(tmp_path, NG, net, table, training, batch="all", l2=0.3)
    assert report.verdict == "right", report
    assert "the penalty is divided by the rows, in the loss and in the gradient" in str(report)
    wrong = NG.replace("lambd / (2 * m)", "lambd / 2")
    assert keys(checked(tmp_path, wrong, net, table, training, batch="all", l2=0.3)) == ["penalty-per-rows"]


BATCHES = """
import numpy as np

def gradients(W1, b1, W2, b2, X, Y):
    H = np.tanh(X @ W1 + b1)
    e = np.exp(H @ W2 + b2)
    D = (e / e.sum(axis=1, keepdims=True) - Y) / len(X)
    E = D @ W2.T * (1 - H ** 2)
    return X.T @ E, E.sum(0), H.T @ D, D.sum(0)

def forward(X, W1, b1, W2, b2):
    e = np.exp(np.tanh(X @ W1 + b1) @ W2 + b2)
    return e / e.sum(axis=1, keepdims=True)
"""


def test_what_takes_batches_is_given_batches_though_one_row_would_be_right(tmp_path: Path) -> None:
    """A softmax over the whole batch is right for one row."""
    net, table, training = classes()
    net = Network(3, (Dense(4, "tanh"), Dense(3, "softmax")))
    assert checked(tmp_path, BATCHES, net, table, training).verdict == "right"
    assert checked(tmp_path, BATCHES.replace("axis=1, keepdims=True", ""), net, table, training).verdict == "wrong"


NAMED_TUPLE = """
from typing import NamedTuple
import numpy as np

class Params(NamedTuple):
    W1: np.ndarray
    b1: np.ndarray
    W2: np.ndarray
    b2: np.ndarray

def init_params():
    return Params(np.zeros((2, 2)), np.zeros(2), np.zeros((2, 1)), np.zeros(1))

def gradients(params, X, Y):
    H = X @ params.W1 + params.b1
    D = 2 * (H @ params.W2 + params.b2 - Y) / len(X)
    E = D @ params.W2.T
    return Params(X.T @ E, E.sum(0), H.T @ D, D.sum(0))
"""


def test_named_tuples(tmp_path: Path) -> None:
    assert checked(tmp_path, NAMED_TUPLE).verdict == "right"
    assert keys(checked(tmp_path, NAMED_TUPLE.replace("E = D @", "E = -D @"))) == ["delta-sign:1"]


MATLAB = """
def backprop(W1, b1, W2, b2, P, T):
    H = P @ W1 + b1
    D = 2 * (H @ W2 + b2 - T) / len(P)
    E = D @ W2.T
    return 0.5, P.T @ E, E.sum(0), H.T @ D, D.sum(0)
"""


def test_inputs_called_P_beside_arrays(tmp_path: Path) -> None:
    assert checked(tmp_path, MATLAB).verdict == "right"
