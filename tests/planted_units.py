"""Backpropagation in plain Python, unit by unit with lists of lists: statements, and a program of functions.

W1[j][i] is the weight to unit j from unit i. The places are those of `planted_arrays`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planted_array_styles import block
from planted_tasks import Task


class Units:
    """The statements for one task; with `batches`, gradients are added up over rows and averaged in the update."""

    def __init__(self, task: Task, batches: bool = False) -> None:
        self.task, self.batches = task, batches

    def n(self, layer: int) -> int:
        return self.task.sizes[layer]

    @staticmethod
    def a(layer: int) -> str:
        return f"a{layer}" if layer else "x"

    # ---- formulas, of one unit ----

    def value(self, name: str, z: str) -> str:
        return {"linear": z, "tanh": f"math.tanh({z})", "relu": f"max(0.0, {z})"}.get(name, f"{name}({z})")

    def slope(self, name: str, layer: int, by: str = "a", at: str = "") -> str:
        """The derivative of unit j's activation."""
        v = at or f"{'z' if by == 'z' else 'a'}{layer}[j]"
        if name == "relu":
            return f"(1.0 if z{layer}[j] > 0 else 0.0)"
        s = f"sigmoid({v})" if by == "z" else v
        if name == "sigmoid":
            return f"{s} * (1 - {s})"
        return f"(1 - math.tanh({v}) ** 2)" if by == "z" else f"(1 - {v} ** 2)"

    def share(self, loss: str) -> str:
        return f" / {self.n(-1)}" if self.n(-1) > 1 and loss != "categorical_crossentropy" else ""

    def error(self, loss: str) -> str:
        """dL/dy_hat of unit j."""
        a, share = f"{self.a(self.task.last)}[j]", self.share(loss)
        return {
            "mean_squared_error": f"2 * ({a} - y[j]){share}",
            "mean_absolute_error": f"(1 if {a} > y[j] else -1){share}",
            "binary_crossentropy": f"(({a} - y[j]) / ({a} * (1 - {a}))){share}",
            "categorical_crossentropy": f"-y[j] / {a}",
        }[loss]

    def judged(self, loss: str) -> str:
        """One row's loss."""
        a, of_unit = self.a(self.task.last), "for j in range(len(y))"
        one = {
            "mean_squared_error": f"({a}[j] - y[j]) ** 2",
            "mean_absolute_error": f"abs({a}[j] - y[j])",
            "binary_crossentropy": f"-(y[j] * math.log({a}[j]) + (1 - y[j]) * math.log(1 - {a}[j]))",
            "categorical_crossentropy": f"-y[j] * math.log({a}[j])",
        }[loss]
        return f"sum({one} {of_unit}){self.share(loss)}"

    # ---- statements ----

    def z(self, layer: int, term: str = "", bias: str = "") -> str:
        term = term or f"W{layer}[j][i] * {self.a(layer - 1)}[i]"
        return (
            f"z{layer} = []\nfor j in range({self.n(layer)}):\n    s = {bias or f'b{layer}[j]'}\n"
            f"    for i in range({self.n(layer - 1)}):\n        s += {term}\n    z{layer}.append(s)"
        )

    def activation(self, layer: int, name: str = "") -> str:
        name = name or self.task.functions[layer - 1]
        if name == "softmax":
            return f"a{layer} = softmax(z{layer})"
        return f"a{layer} = [{self.value(name, 'z')} for z in z{layer}]"

    def output_delta(self, error: str = "", slope: str | None = None, times: str = "") -> str:
        last = self.task.last
        over, name = f"for j in range({self.n(last)})", self.task.functions[-1]
        if self.task.fusable and not error and slope is None:
            e = f"(a{last}[j] - y[j])" if times else f"a{last}[j] - y[j]"
            return f"delta{last} = [{times}{e} {over}]"
        error = f"{times}{error or self.error(self.task.loss)}"
        if name == "softmax" and slope is None:
            return self.softmax_back(f"[{error} {over}]")
        slope = "" if name == "linear" and slope is None else self.slope(name, last) if slope is None else slope
        return f"delta{last} = [{error}{f' * {slope}' if slope else ''} {over}]"

    def softmax_back(self, errors: str) -> str:
        """dL/dz of the softmax from a list of dL/da."""
        last = self.task.last
        return (
            f"errors = {errors}\nmixed = sum(e * a for e, a in zip(errors, a{last}))\n"
            f"delta{last} = [a * (e - mixed) for e, a in zip(errors, a{last})]"
        )

    def back(self, layer: int, term: str = "", over: str = "") -> str:
        """dL/da of a hidden layer: the sum over the next layer's units k."""
        term = term or f"W{layer + 1}[k][j] * delta{layer + 1}[k]"
        over = over or f"range({self.n(layer + 1)})"
        return (
            f"error{layer} = []\nfor j in range({self.n(layer)}):\n    s = 0.0\n"
            f"    for k in {over}:\n        s += {term}\n    error{layer}.append(s)"
        )

    def hidden_delta(self, layer: int, slope: str | None = None, times: str = "") -> str:
        name = self.task.functions[layer - 1]
        slope = "" if name == "linear" and slope is None else self.slope(name, layer) if slope is None else slope
        factor = f" * {slope}" if slope else ""
        return f"delta{layer} = [{times}error{layer}[j]{factor} for j in range({self.n(layer)})]"

    def dW(self, layer: int, before: str = "", entry: str = "", times: str = "") -> str:
        entry = entry or f"delta{layer}[j] * {before or f'{self.a(layer - 1)}[i]'}"
        inside = "" if self.batches else self.penalty(layer)
        over = f"for i in range({self.n(layer - 1)})] for j in range({self.n(layer)})"
        return f"dW{layer} = [[{times}{entry}{inside} {over}]"

    def penalty(self, layer: int) -> str:
        return f" + l2 * W{layer}[j][i]" if self.task.training.l2 else ""

    def db(self, layer: int, entry: str = "", times: str = "") -> str:
        return f"db{layer} = [{times}{entry or f'delta{layer}[j]'} for j in range({self.n(layer)})]"

    def gradient(self, p: str, share: str = " / m") -> str:
        """The gradient of one number of a parameter, as the update reads it."""
        at = "[j][i]" if p.startswith("W") else "[j]"
        if not self.batches:
            return f"d{p}{at}"
        whole = f"sum_{p}{at}{share}{self.penalty(int(p[1:])) if p.startswith('W') else ''}"
        return f"({whole})" if " + " in whole else whole

    def update(
        self, p: str, sign: str = "-", rate: str = "learning_rate * ", g: str = "", source: str = ""
    ) -> str:
        """The update of W or b: loops over its numbers."""
        at, layer = "[j][i]" if p.startswith("W") else "[j]", int(p[1:])
        lines = "\n".join(self.rule(p, at, sign, rate, g or self.gradient(p), source or f"{p}{at}"))
        outer = f"for j in range({self.n(layer)}):\n"
        if p.startswith("b"):
            return outer + block([lines])
        return f"{outer}    for i in range({self.n(layer - 1)}):\n{block([lines], 8)}"

    def rule(self, p: str, at: str, sign: str, rate: str, g: str, source: str) -> list[str]:
        """What is done to one number."""
        memories = self.task.training.optimizer.memories
        v, m = f"v{p}{at}", f"m{p}{at}"
        if memories == ("v",):
            return [f"{v} = momentum * {v} + {g}", f"{p}{at} = {source} {sign} {rate}{v}"]
        if memories == ("m", "v"):
            hats = f"({m} / (1 - beta1 ** t)) / (math.sqrt({v} / (1 - beta2 ** t)) + 1e-8)"
            first = f"{m} = beta1 * {m} + (1 - beta1) * {g}"
            second = f"{v} = beta2 * {v} + (1 - beta2) * ({g}) ** 2"
            return [first, second, f"{p}{at} = {source} {sign} {rate}{hats}"]
        return [f"{p}{at} = {source} {sign} {rate}{g}"]

    def parameters(self) -> list[str]:
        return [f"{part}{n}" for n in self.task.layers for part in "Wb"]

    def forward(self, t: Mapping[str, str]) -> list[str]:
        return [t[f"{what}{n}"] for n in self.task.layers for what in "za"]

    def backward(self, t: Mapping[str, str]) -> list[str]:
        places: Iterable[str] = (
            f"{what}{n}" for n in reversed(self.task.layers) for what in ("back", "d", "dW", "db")
        )
        return [t[place] for place in places if place in t]

    def statements(self) -> dict[str, str]:
        """Every place's right statement."""
        found = {"rate": "", "loss": self.judged(self.task.loss), f"d{self.task.last}": self.output_delta()}
        for n in self.task.layers:
            found |= {f"z{n}": self.z(n), f"a{n}": self.activation(n), f"dW{n}": self.dW(n), f"db{n}": self.db(n)}
            if n < self.task.last:
                found |= {f"back{n}": self.back(n), f"d{n}": self.hidden_delta(n)}
        return {**found, **{p: self.update(p) for p in self.parameters()}}


HELPERS = """
import math


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def softmax(z):
    e = [math.exp(v - max(z)) for v in z]
    return [v / sum(e) for v in e]


def initialize_parameters(sizes):
    weights, biases = [], []
    for n_in, n_out in zip(sizes, sizes[1:]):
        weights.append([[0.1 * (i + j + 1) for i in range(n_in)] for j in range(n_out)])
        biases.append([0.0] * n_out)
    return {"weights": weights, "biases": biases}
"""


def lists(names: Iterable[str], of: str) -> list[str]:
    """`W1, W2 = of["weights"]` and the same for biases."""
    both = (("weights", "W"), ("biases", "b"))
    names = list(names)
    return [f'{", ".join(n for n in names if letter in n)}{","} = {of}["{key}"]' for key, letter in both]


def units(task: Task, edits: Mapping[str, str]) -> str:
    """Functions for one row, with loops over units and no NumPy."""
    s = Units(task)
    t = {**s.statements(), **edits}
    kept = ", ".join(f"z{n}, a{n}" for n in task.layers)
    unpacked, l2 = lists(s.parameters(), "parameters"), ", l2" if task.training.l2 else ""
    grads = [[f"d{p}" for p in s.parameters() if p[0] == part] for part in "Wb"]
    return f"""{HELPERS}

def forward(parameters, x):
{block([*unpacked, *s.forward(t)])}
    return a{task.last}, ({kept})


def loss(outputs, y):
    a{task.last} = outputs
    return {t["loss"]}


def backprop(parameters, x, y, cache{l2}):
{block([*unpacked, f"{kept} = cache", *s.backward(t)])}
    return {{"weights": [{", ".join(grads[0])}], "biases": [{", ".join(grads[1])}]}}


def update_parameters(parameters, grads, learning_rate):
{block([*unpacked, *lists((f"d{p}" for p in s.parameters()), "grads"), t["rate"]])}
{block([t[p] for p in s.parameters()] or ["pass"])}
"""
