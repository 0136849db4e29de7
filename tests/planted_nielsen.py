"""Nielsen's class: loops over layers, so that one line is wrong for every hidden layer at once.

Its slips are replacements in the text. A key ends in ":hidden" (or names "dW_hidden") where the line stands for all
hidden layers, and in "_every" where it stands for all layers; `nielsen_keys` says which slips these are.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Mapping

from planted_tasks import Task

_FUNCTIONS = """
import numpy as np


def linear(z):
    return z


def linear_prime(z):
    return np.ones_like(z)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


def tanh(z):
    return np.tanh(z)


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


def relu(z):
    return np.maximum(z, 0)


def relu_prime(z):
    return (z > 0) * 1.0


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


class Network(object):

    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]
"""

_METHODS = """
    def feedforward(self, a):
        for b, w in zip(self.biases[:-1], self.weights[:-1]):
            a = HIDDEN(np.dot(w, a) + b)
        return OUTPUT(np.dot(self.weights[-1], a) + self.biases[-1])

    def cost(self, output_activations, y):
        return COST

    def cost_derivative(self, output_activations, y):
        return ERROR

    def SGD(self, training_data, epochs, mini_batch_size, eta):
        n = len(training_data)
        for j in range(epochs):
            mini_batches = [training_data[k:k + mini_batch_size] for k in range(0, n, mini_batch_size)]
            losses = []
            for mini_batch in mini_batches:
                losses += [self.cost(self.feedforward(x), y) for x, y in mini_batch]
                self.update_mini_batch(mini_batch, eta)
            print("Epoch {0}: loss {1}".format(j, np.mean(losses)))

    def update_mini_batch(self, mini_batch, eta):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        m = len(mini_batch)
        self.weights = [w - eta * (nw / m + LAMBDA * w) for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - eta * (nb / m) for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = HIDDEN(z) if len(zs) < len(self.weights) else OUTPUT(z)
            activations.append(activation)
        delta = self.cost_derivative(activations[-1], y)SLOPE
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            z = zs[-l]
            sp = HIDDEN_prime(z)
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return (nabla_b, nabla_w)
"""

_COSTS = {
    "mean_squared_error": "np.mean((output_activations - y) ** 2)",
    "binary_crossentropy": "-np.mean(y * np.log(output_activations) + (1 - y) * np.log(1 - output_activations))",
    "categorical_crossentropy": "-np.sum(y * np.log(output_activations))",
}


def nielsen(task: Task, edits: Mapping[str, str]) -> str:
    """The class, with what stands at the left of `edits` replaced."""
    hidden, output = task.functions[0] if task.last > 1 else "linear", task.functions[-1]
    share = f" / {task.sizes[-1]}" if task.sizes[-1] > 1 else ""
    error = "output_activations - y" if task.fusable else f"2 * (output_activations - y){share}"
    slope = "" if task.fusable else f" * {output}_prime(zs[-1])"
    text = _METHODS.replace("COST", _COSTS[task.loss]).replace("ERROR", error).replace("SLOPE", slope)
    text = text.replace("HIDDEN", hidden).replace("OUTPUT", output)
    text = text.replace("LAMBDA", str(task.training.l2)) if task.training.l2 else _without_penalty(text)
    for was, now in edits.items():
        assert was in text, f"{was!r} is not in the program"
        text = text.replace(was, now)
    return _FUNCTIONS + text


def _without_penalty(text: str) -> str:
    return text.replace("(nw / m + LAMBDA * w)", "(nw / m)")


_PATH = "self.weights[-l + 1].transpose(), delta)"
_LAST = "np.dot(delta, activations[-2].transpose())"
_INNER = "np.dot(delta, activations[-l - 1].transpose())"
_BATCHES = "training_data[k:k + mini_batch_size] for k in range(0, n, mini_batch_size)"


def nielsen_slips(task: Task) -> dict[str, dict[str, str]]:
    """Every slip that a line of this text can have."""
    found = {**_of_output(task), **_of_update(task), **_of_loop()}
    if task.last > 1:
        found |= _of_hidden(task)
    return found


def _of_hidden(task: Task) -> dict[str, dict[str, str]]:
    sizes, hidden = task.sizes, task.functions[0]
    sp = f"sp = {hidden}_prime(z)"
    inner = set(range(1, task.last))
    found = {
        "delta-sign:hidden": {f"delta = np.dot({_PATH}": f"delta = -np.dot({_PATH}"},
        "dW_hidden-without-input": {
            _INNER: f"{_INNER.replace('activations[-l - 1]', 'np.ones_like(activations[-l - 1])')}"
        },
        "dW_hidden-sign": {f"nabla_w[-l] = {_INNER}": f"nabla_w[-l] = -{_INNER}"},
        "db_hidden-sign": {"nabla_b[-l] = delta": "nabla_b[-l] = -delta"},
        "db_hidden-double": {"nabla_b[-l] = delta": "nabla_b[-l] = 2 * delta"},
        "db_hidden-over-units": {"nabla_b[-l] = delta": "nabla_b[-l] += np.sum(delta)"},
        "db_hidden-times-first": {"nabla_b[-l] = delta": "nabla_b[-l] = delta * activations[-l - 1][0]"},
        "db_hidden-times-sum": {"nabla_b[-l] = delta": "nabla_b[-l] = delta * np.sum(activations[-l - 1])"},
    }
    if task.functions[-1] != "softmax":  # whose deltas add up to 0
        found["path-without:hidden"] = {f"np.dot({_PATH}": "np.sum(delta)"}
    if hidden != "linear":
        found["derivative-missing:hidden"] = {", delta) * sp": ", delta)"}
    for other in ("sigmoid", "tanh", "relu"):
        if other != hidden:
            found[f"derivative-{other}-z:hidden"] = {sp: f"sp = {other}_prime(z)"}
    if hidden in ("sigmoid", "tanh"):
        found["a-for-z:hidden"] = {sp: f"sp = {hidden}_prime(activations[-l])"}
        found["derivative-twice:hidden"] = {"delta) * sp": "delta) * sp * sp"}
        found["z-for-a:hidden"] = {sp: "sp = z * (1 - z)" if hidden == "sigmoid" else "sp = 1 - z ** 2"}
    if all(sizes[n] == sizes[n + 1] for n in inner):
        found["path-transposed:hidden"] = {_PATH: "self.weights[-l + 1], delta)"}
    if all((sizes[n - 1], sizes[n]) == (sizes[n], sizes[n + 1]) for n in inner):
        found["path-W:hidden"] = {_PATH: "self.weights[-l].transpose(), delta)"}
    if all(sizes[n - 1] == sizes[n] for n in inner):
        found["dW_hidden-transposed"] = {_INNER: "np.dot(activations[-l - 1], delta.transpose())"}
        found["dW_hidden-of-a"] = {_INNER: "np.dot(delta, activations[-l].transpose())"}
        found["db_hidden-times-own"] = {"nabla_b[-l] = delta": "nabla_b[-l] = delta * activations[-l - 1]"}
    return found


def _of_output(task: Task) -> dict[str, dict[str, str]]:
    last, name, a = task.last, task.functions[-1], "output_activations"
    start, cost = "delta = self.cost_derivative(activations[-1], y)", _COSTS[task.loss]
    found = {
        "sign": {f"{a} - y\n": f"y - {a}\n"} if task.fusable else {f"2 * ({a} - y)": f"2 * (y - {a})"},
        "factor-double": {start: f"delta = 2 * {start.removeprefix('delta = ')}"},
        f"dW_{last}-without-input": {_LAST: "np.dot(delta, np.ones_like(activations[-2]).transpose())"},
        f"db_{last}-half": {"nabla_b[-1] = delta": "nabla_b[-1] = delta / 2"},
        f"db_{last}-times-first": {"nabla_b[-1] = delta": "nabla_b[-1] = delta * activations[-2][0]"},
        f"bias-left-out:{last}": {"self.weights[-1], a) + self.biases[-1])": "self.weights[-1], a))",
                                  "z = np.dot(w, activation) + b": "z = np.dot(w, activation) + b * (b is not self.biases[-1])"},  # noqa: E501
    }  # fmt: skip
    if task.last > 1 and task.functions[0] != "linear":
        found[f"dW_{last}-of-z_{last - 1}"] = {_LAST: "np.dot(delta, zs[-2].transpose())"}
    slope = f" * {name}_prime(zs[-1])"
    if task.loss == "mean_squared_error":
        found["factor-half"] = {f"2 * ({a} - y)": f"({a} - y)"}
        found["loss-not-squared"] = {cost: f"np.mean(y - {a})"}
        if task.sizes[-1] > 1:
            found["factor-outputs"] = {f" / {task.sizes[-1]}\n": "\n"}
    else:
        found["loss-sign"] = {cost: cost.removeprefix("-")}
    if name == "sigmoid" and task.fusable:
        found[f"derivative-twice:{last}"] = {f"{start}\n": f"{start}{slope}\n"}
    elif name == "softmax":
        found[f"elementwise-twice:{last}"] = {f"{start}\n": f"{start} * activations[-1] * (1 - activations[-1])\n"}
    elif name == "sigmoid":
        found[f"derivative-missing:{last}"] = {f"{start}{slope}": start}
        found[f"a-for-z:{last}"] = {f"{name}_prime(zs[-1])": f"{name}_prime(activations[-1])"}
    return found


def _of_update(task: Task) -> dict[str, dict[str, str]]:
    rate = task.training.optimizer.learning_rate
    found = {
        "factor-rows": {"nw / m": "nw", "nb / m": "nb"},
        "factor-per-rows": {"nw / m": "nw / m / m", "nb / m": "nb / m / m"},
        "update-sign": {"w - eta": "w + eta", "b - eta": "b + eta"},
        "rate-squared": {"- eta": "- eta * eta"},
        "rate-missing": {"- eta *": "-"},
        "rate-10": {"m = len(mini_batch)": f"m = len(mini_batch)\n        eta = {10 * rate}"},
        "b_every-never": {"b - eta * (nb / m) for": "b for"},
        "b_every-rows": {"nb / m": "nb"},
        "W_every-rows": {"nw / m": "nw"},
        "db_every-last-row": {"[nb + dnb for": "[dnb for"},
        "dW_every-last-row": {"[nw + dnw for": "[dnw for"},
        "all-last-row": {"[nb + dnb for": "[dnb for", "[nw + dnw for": "[dnw for"},
    }
    if task.training.l2:
        whole = f" + {task.training.l2} * w"
        found |= {
            "penalty-missing": {whole: ""},
            "penalty-sign": {whole: whole.replace("+", "-")},
            "penalty-per-rows": {whole: f"{whole} / m"},
            "penalty-on-biases": {"(nb / m)": f"(nb / m + {task.training.l2} * b)"},
        }
    return found


def _of_loop() -> dict[str, dict[str, str]]:
    return {
        "order-reversed": {"training_data[k:": "training_data[::-1][k:"},
        "order-first": {"training_data[k:k + mini_batch_size]": "training_data[:mini_batch_size]"},
        "batch-all": {_BATCHES: "training_data for k in [0]"},
        "batch-one": {_BATCHES: "training_data[k:k + 1] for k in range(n)"},
        "last-dropped": {"range(0, n, mini_batch_size)": "range(0, n - mini_batch_size + 1, mini_batch_size)"},
        "losses-pooled": {"            losses = []\n": "", "        n = len(training_data)": "        n, losses = len(training_data), []"},  # noqa: E501
    }  # fmt: skip


def nielsen_keys(task: Task, key: str) -> tuple[str, ...]:
    """The slips of the catalogue that a key here stands for."""
    if "hidden" in key:
        inner = range(1, task.last)
        key = key.replace("path-W:hidden", "path-W{n}:hidden").replace("-of-a", "-of-a_{n}")
        return tuple(key.replace("hidden", "{n}").format(n=n) for n in inner)
    if "every" in key:
        key = key.replace("b_every-rows", "db_every-rows").replace("W_every-rows", "dW_every-rows")
        return tuple(key.replace("every", str(n)) for n in task.layers)
    return (key,)
