"""Programs that keep no arrays W and b: neurons, numbers counted through, W with the biases in it, keys of their own."""  # noqa: E501

from __future__ import annotations

from pathlib import Path

import pytest
from test_written_freely import checked, keys

import whygrad as wg

NEURONS = """
import math

def forward_propagate(network, row):
    for layer in network:
        for neuron in layer:
            *weights, bias = neuron["weights"]
            neuron["output"] = 1 / (1 + math.exp(-bias - sum(w * v for w, v in zip(weights, row))))
        row = [neuron["output"] for neuron in layer]
    return row

def backward_propagate_error(network, expected):
    after = None
    for layer in reversed(network):
        for j, neuron in enumerate(layer):
            if after is None:
                neuron["delta"] = neuron["output"] - expected[j]
            else:
                error = sum(n["weights"][j] * n["delta"] for n in after)
                neuron["delta"] = error * neuron["output"] * (1 - neuron["output"])
        after = layer

def update_weights(network, row, l_rate):
    for layer in network:
        for neuron in layer:
            for k, v in enumerate(row):
                neuron["weights"][k] -= l_rate * neuron["delta"] * v
            neuron["weights"][-1] -= l_rate * neuron["delta"]
        row = [neuron["output"] for neuron in layer]

def initialize_network(n_inputs, n_hidden, n_outputs):
    sizes = [(n_inputs, n_hidden), (n_hidden, n_outputs)]
    return [[{"weights": [0.1] * (n + 1)} for _ in range(m)] for n, m in sizes]
"""


def test_neurons_that_are_dicts_and_remember_their_outputs(tmp_path: Path) -> None:
    report = checked(tmp_path, NEURONS, *wg.example("placement"))
    assert report.verdict == "right", report
    said = str(report)
    assert "the gradient is its step divided by the learning rate" in said
    assert "W is" not in said
    assert keys(checked(tmp_path, NEURONS.replace(' * neuron["output"] * (1 - neuron["output"])', ""),
                        *wg.example("placement"))) == ["derivative-missing:1"]  # fmt: skip


APART = NEURONS.replace('*weights, bias = neuron["weights"]', 'weights, bias = neuron["w"], neuron["bias"]')
APART = APART.replace('neuron["weights"][-1]', 'neuron["bias"]').replace('["weights"]', '["w"]')
APART = APART.replace('{"weights": [0.1] * (n + 1)}', '{"w": [0.1] * n, "bias": 0.0}')


def test_neurons_with_their_bias_apart(tmp_path: Path) -> None:
    assert checked(tmp_path, APART, *wg.example("placement")).verdict == "right"


LISTS = """
def outputs_of(layer, row):
    return [sum(w * v for w, v in zip(neuron, row + [1])) for neuron in layer]

def feed_forward(neural_network, input_vector):
    hidden = outputs_of(neural_network[0], input_vector)
    return [hidden, outputs_of(neural_network[1], hidden)]

def squared_error_gradients(neural_network, input_vector, target_vector):
    hidden, outputs = feed_forward(neural_network, input_vector)
    d = [2 * (o - t) for o, t in zip(outputs, target_vector)]
    e = [sum(d[k] * neural_network[1][k][j] for k in range(len(d))) for j in range(len(hidden))]
    return [[[one * v for v in input_vector + [1]] for one in e], [[one * v for v in hidden + [1]] for one in d]]

def gradient_step(v, gradient, step_size):
    return [one - step_size * g for one, g in zip(v, gradient)]

def main():
    print("a run of its own")
"""


def test_neurons_that_are_lists(tmp_path: Path) -> None:
    report = checked(tmp_path, LISTS)
    assert report.verdict == "right", report
    assert "a list of layers of neurons [w, ..." in str(report)
    assert not report.problems  # main takes no rows, so it is no loop to judge
    wrong = checked(tmp_path, LISTS.replace("d[k] * neural_network[1][k][j]", "d[k] * neural_network[1][k][0]"))
    assert keys(wrong) == ["path-unit-1:1"]


COUNTED = """
import numpy as np

class OurNetwork:
    def __init__(self):
        self.w1, self.w2, self.w3, self.w4, self.w5, self.w6 = np.random.normal(size=6)
        self.b1, self.b2, self.b3 = np.random.normal(size=3)

    def feedforward(self, x):
        h1 = self.w1 * x[0] + self.w2 * x[1] + self.b1
        h2 = self.w3 * x[0] + self.w4 * x[1] + self.b2
        return self.w5 * h1 + self.w6 * h2 + self.b3

    def train(self, data, all_y_trues):
        for epoch in range(3):
            for x, y in zip(data, all_y_trues):
                h1 = self.w1 * x[0] + self.w2 * x[1] + self.b1
                h2 = self.w3 * x[0] + self.w4 * x[1] + self.b2
                d = 2 * (self.w5 * h1 + self.w6 * h2 + self.b3 - y)
                d1, d2 = d * self.w5, d * self.w6
                self.w1 -= 0.001 * d1 * x[0]
                self.w2 -= 0.001 * d1 * x[1]
                self.b1 -= 0.001 * d1
                self.w3 -= 0.001 * d2 * x[0]
                self.w4 -= 0.001 * d2 * x[1]
                self.b2 -= 0.001 * d2
                self.w5 -= 0.001 * d * h1
                self.w6 -= 0.001 * d * h2
                self.b3 -= 0.001 * d
"""


def test_numbers_counted_through_as_attributes(tmp_path: Path) -> None:
    report = checked(tmp_path, COUNTED, epochs=3)
    assert report.verdict == "right", report
    wrong = COUNTED.replace("self.b3 -= 0.001 * d\n", "self.b3 = self.w5 - 0.001 * d\n")
    assert "b_2-assigned-from-1-new" in keys(checked(tmp_path, wrong, epochs=3))


BY_NUMBER = """
def gradients(i1, i2, t1, w1, w2, w3, w4, w5, w6, b1, b2, b3):
    h1, h2 = w1 * i1 + w2 * i2 + b1, w3 * i1 + w4 * i2 + b2
    d = 2 * (w5 * h1 + w6 * h2 + b3 - t1)
    return d * w5 * i1, d * w5 * i2, d * w6 * i1, d * w6 * i2, d * h1, d * h2, d * w5, d * w6, d
"""


def test_numbers_counted_through_as_arguments(tmp_path: Path) -> None:
    assert checked(tmp_path, BY_NUMBER).verdict == "right"
    wrong = checked(tmp_path, BY_NUMBER.replace("d * w5 * i2, d * w6 * i1", "d * w6 * i1, d * w5 * i2"))
    assert keys(wrong) == ["dW_1-transposed"]


FOLDED = """
import numpy as np

def with_ones(A):
    return np.hstack([ONES])

def forward(X, W1, W2):
    return with_ones(with_ones(X) @ W1) @ W2

def gradients(X, Y, W1, W2):
    H = with_ones(X) @ W1
    D = 2 * (with_ones(H) @ W2 - Y) / len(X)
    return with_ones(X).T @ (D @ W2[ROWS].T), with_ones(H).T @ D
"""


@pytest.mark.parametrize(
    ("ones", "rows", "said"),
    [("np.ones((len(A), 1)), A", "1:", "with b first"), ("A, np.ones((len(A), 1))", ":-1", "with b last")],
)
def test_biases_that_are_a_row_of_W(ones: str, rows: str, said: str, tmp_path: Path) -> None:
    text = FOLDED.replace("ONES", ones).replace("ROWS", rows)
    report = checked(tmp_path, text)
    assert report.verdict == "right", report
    assert f"W is (n_in + 1, n_out), {said}" in str(report)
    assert (
        keys(checked(tmp_path, text.replace("D = 2 *", "D ="))) == []
    )  # half the squared error, as no loss is shown


FLAT = """
import numpy as np

def cost_and_grad(theta, X, y):
    W1, W2 = theta[:6].reshape(2, 3), theta[6:].reshape(1, 3)  # each unit's bias, then its weights
    A, H = np.hstack([np.ones((len(X), 1)), X]), None
    H = np.hstack([np.ones((len(X), 1)), A @ W1.T])
    e = H @ W2.T - y.reshape(-1, 1)
    d = 2 * e / len(X)
    grad = np.concatenate([((d @ W2[:, 1:]).T @ A).ravel(), (d.T @ H).ravel()])
    return (e ** 2).mean(), grad
"""


def test_one_flat_vector_of_rows_with_the_bias_first(tmp_path: Path) -> None:
    report = checked(tmp_path, FLAT)
    assert report.verdict == "right", report
    assert keys(checked(tmp_path, FLAT.replace("d = 2 * e", "d = e"))) == [
        "factor-half"
    ]  # the loss stands beside it


FOREIGN = """
import numpy as np

def initialiser():
    a, b = np.zeros((2, 2)), np.zeros((1, 2))
    return {"poids1": a, "biais1": b, "poids2": np.zeros((2, 1)), "biais2": np.zeros((1, 1))}

def gradients(reseau, X, Y):
    cache = X @ reseau["poids1"] + reseau["biais1"]
    d = 2 * (cache @ reseau["poids2"] + reseau["biais2"] - Y) / len(X)
    e = d @ reseau["poids2"].T
    return {"poids1": X.T @ e, "biais1": e.sum(0), "poids2": cache.T @ d, "biais2": d.sum(0)}
"""


def test_keys_of_ones_own_language(tmp_path: Path) -> None:
    assert checked(tmp_path, FOREIGN).verdict == "right"
    unmade = FOREIGN.replace("def initialiser", "def anfang")
    report = checked(tmp_path, unmade)
    assert report.verdict == "undecided"
    assert "how it keeps its parameters was guessed, as nothing in it makes them" in str(report)


def test_names_that_are_not_known_are_told(tmp_path: Path) -> None:
    report = checked(tmp_path, "class Netz:\n    def lernen(self, x):\n        return x\n")
    assert report.verdict == "undecided"
    assert "no function of a known name (it defines Netz.lernen)" in str(report)
