"""The lecture's own update of a 2-2-1 network, number by number, and its slips as replacements in the text."""

from __future__ import annotations

from collections.abc import Mapping

from planted_tasks import Task

_TEXT = """
import numpy as np

RATE = 0.001


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def linear(z):
    return z


def initialize_parameters(layer_dims):
    parameters = {}
    for l in range(1, len(layer_dims)):
        parameters['W' + str(l)] = np.ones((layer_dims[l-1], layer_dims[l])) * 0.1
        parameters['b' + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def forward_propagation(X, parameters):
    A1 = ACTIVATION(np.dot(parameters['W1'].T, X) + parameters['b1'])
    A2 = ACTIVATION(np.dot(parameters['W2'].T, A1) + parameters['b2'])
    return A2, A1


def compute_loss(y, y_hat):
    return LOSS


def update_parameters(parameters, y, y_hat, A1, X):
    w1 = parameters['W2'][0][0]
    w2 = parameters['W2'][1][0]
    error = ERROR
    parameters['W2'][0][0] = parameters['W2'][0][0] + RATE * error * A1[0][0]
    parameters['W2'][1][0] = parameters['W2'][1][0] + RATE * error * A1[1][0]
    parameters['b2'][0][0] = parameters['b2'][0][0] + RATE * error
    d1 = error * w1SLOPE1
    d2 = error * w2SLOPE2
    parameters['W1'][0][0] = parameters['W1'][0][0] + RATE * d1 * X[0][0]
    parameters['W1'][1][0] = parameters['W1'][1][0] + RATE * d1 * X[1][0]
    parameters['b1'][0][0] = parameters['b1'][0][0] + RATE * d1
    parameters['W1'][0][1] = parameters['W1'][0][1] + RATE * d2 * X[0][0]
    parameters['W1'][1][1] = parameters['W1'][1][1] + RATE * d2 * X[1][0]
    parameters['b1'][1][0] = parameters['b1'][1][0] + RATE * d2
"""

_ENTROPY = "float(-(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat)))"
_SLOPE = " * A1[{k}][0] * (1 - A1[{k}][0])"
_B1 = "    parameters['b1'][{k}][0] = parameters['b1'][{k}][0] + RATE * d{j}\n"
_B2 = "parameters['b2'][0][0] = parameters['b2'][0][0]"
_TURNED = {"['W1'][1][0] + RATE * d1 * X[1]": "['W1'][1][0] + RATE * d2 * X[0]",
           "['W1'][0][1] + RATE * d2 * X[0]": "['W1'][0][1] + RATE * d1 * X[1]"}  # fmt: skip


def scalars(task: Task, edits: Mapping[str, str]) -> str:
    """The program, with what stands at the left of `edits` replaced."""
    linear = task.loss == "mean_squared_error"
    text = _TEXT.replace("ACTIVATION", "linear" if linear else "sigmoid")
    text = text.replace("LOSS", "float((y - y_hat) ** 2)" if linear else _ENTROPY)
    text = text.replace("ERROR", "2 * (y - y_hat)" if linear else "y - y_hat")
    for k in (0, 1):
        text = text.replace(f"SLOPE{k + 1}", "" if linear else _SLOPE.format(k=k))
    text = text.replace("RATE = 0.001", f"RATE = {task.training.optimizer.learning_rate}")
    for was, now in edits.items():
        assert was in text, f"{was!r} is not in the program"
        text = text.replace(was, now)
    return text


def scalar_slips(task: Task) -> dict[str, dict[str, str]]:
    """What people got wrong in these lines."""
    rate = task.training.optimizer.learning_rate
    found = {
        "sign": {
            "y - y_hat\n" if task.fusable else "2 * (y - y_hat)": "y_hat - y\n"
            if task.fusable
            else "2 * (y_hat - y)"
        },
        "updated-weights": {"* w1": "* parameters['W2'][0][0]", "* w2": "* parameters['W2'][1][0]"},
        "path-without:1": {"error * w1": "error", "error * w2": "error"},
        "path-unit-1:1": {"error * w2": "error * w1"},
        "dW_1-transposed": _TURNED,
        "dW_1-without-input": {f" * d{j} * X[{k}][0]": f" * d{j}" for j in (1, 2) for k in (0, 1)},
        "dW_1-of-first": {" * X[1][0]": " * X[0][0]"},
        "dW_1-of-a_1": {f" * d{j} * X[{k}][0]": f" * d{j} * A1[{k}][0]" for j in (1, 2) for k in (0, 1)},
        "dW_2-without-input": {f"error * A1[{k}][0]\n": "error\n" for k in (0, 1)},
        "dW_2-of-x": {f"error * A1[{k}][0]\n": f"error * X[{k}][0]\n" for k in (0, 1)},
        "dW_2-of-first": {"error * A1[1][0]\n": "error * A1[0][0]\n"},
        "b_2-assigned-from-1-new": {_B2: "parameters['b2'][0][0] = parameters['W2'][0][0]"},
        "b_2-assigned-from-2-new": {_B2: "parameters['b2'][0][0] = parameters['W2'][1][0]"},
        "b_2-assigned-from-1-old": {_B2: "parameters['b2'][0][0] = w1"},
        "b_2-never": {f"    {_B2} + RATE * error\n": ""},
        "b_1-never": {_B1.format(k=k, j=k + 1): "" for k in (0, 1)},
        "b_1-once-per-weight": {_B1.format(k=k, j=k + 1): 2 * _B1.format(k=k, j=k + 1) for k in (0, 1)},
        "b_2-once-per-weight": {f"    {_B2} + RATE * error\n": 2 * f"    {_B2} + RATE * error\n"},
        "db_2-times-first": {f"{_B2} + RATE * error": f"{_B2} + RATE * error * A1[0][0]"},
        "db_1-times-first": {f"RATE * d{j}\n": f"RATE * d{j} * X[0][0]\n" for j in (1, 2)},
        "db_1-times-last": {f"RATE * d{j}\n": f"RATE * d{j} * X[1][0]\n" for j in (1, 2)},
        "db_2-sign": {f"{_B2} + RATE": f"{_B2} - RATE"},
        "rate-squared": {"RATE *": "RATE * RATE *"},
        "rate-10": {f"RATE = {rate}": f"RATE = {10 * rate}"},
        "rate-0.1": {f"RATE = {rate}": f"RATE = {rate / 10}"},
        "loss-mean_absolute_error": {scalars_loss(task): "float(abs(y - y_hat))"},
        "bias-left-out:1": {"X) + parameters['b1']": "X)"},
        "forward-transposed:1": {"parameters['W1'].T": "parameters['W1']"},
    }
    if task.loss == "mean_squared_error":
        return {**found, "factor-half": {"2 * (y - y_hat)": "(y - y_hat)"}}
    slopes = {_SLOPE.format(k=k): "" for k in (0, 1)}
    output = "y_hat * (1 - y_hat)"
    return {
        **found,
        "derivative-missing:1": slopes,
        "derivative-twice:2": {"error = y - y_hat": f"error = (y - y_hat) * {output}"},
        "derivative-tanh-a:1": {
            s: s.replace("A1[", "(1 - A1[", 1).replace("[0] * (1 - ", "[0] * ") for s in slopes
        },
        "a-for-z:1": {_SLOPE.format(k=k): f" * sigmoid(A1[{k}][0]) * (1 - sigmoid(A1[{k}][0]))" for k in (0, 1)},
    }


def scalars_loss(task: Task) -> str:
    """The line that returns the loss, without its return."""
    return "float((y - y_hat) ** 2)" if task.loss == "mean_squared_error" else _ENTROPY
