"""Backpropagation in NumPy as statements of text, one a place, in the hand of whoever writes it.

A place is "z1", "a1" (forward), "loss", "d2" (dL/dz), "back1" (dL/da), "dW1", "db1", "W1", "b1" (updates). The
formulas are written here by hand, apart from whygrad's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planted_tasks import Task


@dataclass(frozen=True)
class Hand:
    """How somebody writes arrays."""

    columns: bool = False  # examples are columns
    out_in: bool = False  # W is (n_out, n_in)
    fused: bool = True  # dL/dz of the output is written y_hat - y where that is right
    one: bool = False  # one row a call, as a column
    by_z: bool = False  # an activation's derivative is computed from z
    early: bool = False  # the mean over the rows is taken in the output's delta, not in dW and db
    x: str = "X"
    y: str = "Y"
    a: str = "A"
    z: str = "Z"
    d: str = "dZ"
    back: str = "dA"
    g: str = "d{}"  # the gradient of a parameter
    g_read: str = "d{}"  # the same as the update reads it
    old: str = "{}"  # a parameter before its update
    new: str = "{}"  # and after
    rate: str = "learning_rate"


class Arrays:
    """The statements for one task."""

    def __init__(self, task: Task, hand: Hand) -> None:
        self.task, self.hand = task, hand

    # ---- names ----

    def A(self, layer: int) -> str:
        return f"{self.hand.a}{layer}" if layer else self.hand.x

    def Z(self, layer: int) -> str:
        return f"{self.hand.z}{layer}"

    def d(self, layer: int) -> str:
        return f"{self.hand.d}{layer}"

    def back(self, layer: int) -> str:
        return f"{self.hand.back}{layer}"

    @property
    def y_hat(self) -> str:
        return self.A(self.task.last)

    # ---- shapes ----

    def over_units(self, e: str) -> str:
        return f"np.sum({e}, axis={0 if self.hand.columns else 1}, keepdims=True)"

    def over_rows(self, e: str) -> str:
        if self.hand.one:
            return e
        return f"np.sum({e}, axis=1, keepdims=True)" if self.hand.columns else f"np.sum({e}, axis=0)"

    def last_row(self, e: str) -> str:
        return f"{e}[:, -1:]" if self.hand.columns else f"{e}[-1:]"

    def unit(self, e: str, which: str) -> str:
        """Some units of activations or deltas, as "0:1"."""
        return f"{e}[{which}]" if self.hand.columns else f"{e}[:, {which}]"

    def weights_from(self, W: str, which: str) -> str:
        """The weights from some units."""
        return f"{W}[:, {which}]" if self.hand.out_in else f"{W}[{which}]"

    def weights_to(self, W: str, which: str) -> str:
        return f"{W}[{which}]" if self.hand.out_in else f"{W}[:, {which}]"

    def as_bias(self, W: str, unit: int, outgoing: bool) -> str:
        """One row or column of W in the shape of a bias."""
        down = self.hand.out_in == outgoing  # whether these weights stand below each other
        if not self.hand.columns:
            return f"{W}[:, {unit}]" if down else f"{W}[{unit}]"
        return f"{W}[:, {unit}:{unit + 1}]" if down else f"{W}[{unit}:{unit + 1}].T"

    # ---- products ----

    def weighted(self, layer: int, turned: bool = False) -> str:
        """W a of the layer before."""
        W, a = f"W{layer}", self.A(layer - 1)
        across = self.hand.out_in != self.hand.columns  # W has to be turned
        W = f"{W}.T" if across != turned else W
        return f"np.dot({W}, {a})" if self.hand.columns else f"{a} @ {W}"

    def through(self, W: str, d: str, turned: bool = False) -> str:
        """dL/da of the layer before: d back through W."""
        W = f"{W}.T" if (self.hand.out_in == self.hand.columns) != turned else W
        return f"np.dot({W}, {d})" if self.hand.columns else f"{d} @ {W}"

    def outer(self, before: str, d: str, turned: bool = False) -> str:
        """The sum over rows of d times what came before, in the shape of W."""
        left, right = (d, before) if self.hand.out_in != turned else (before, d)
        if self.hand.one:
            return f"np.outer({left}, {right})"
        return f"np.dot({left}, {right}.T)" if self.hand.columns else f"{left}.T @ {right}"

    # ---- formulas ----

    def value(self, name: str, z: str) -> str:
        return {"linear": z, "tanh": f"np.tanh({z})", "relu": f"np.maximum(0, {z})"}.get(name, f"{name}({z})")

    def slope(self, name: str, layer: int, by: str = "", at: str = "") -> str:
        """The derivative of an activation, from "a" or "z"."""
        by = by or ("z" if self.hand.by_z else "a")
        v = at or (self.Z(layer) if by == "z" else self.A(layer))
        if name == "relu":
            return f"({v} > 0)"
        s = f"sigmoid({v})"
        if by == "z":
            return {"sigmoid": f"{s} * (1 - {s})", "tanh": f"(1 - np.tanh({v}) ** 2)"}[name]
        return {"sigmoid": f"{v} * (1 - {v})", "tanh": f"(1 - {v} ** 2)"}[name]

    def pulled(self, layer: int, of: str) -> str:
        """dL/dz from the name of dL/da."""
        name = self.task.functions[layer - 1]
        if name == "softmax":
            return f"{self.A(layer)} * ({of} - {self.over_units(f'{of} * {self.A(layer)}')})"
        return of if name == "linear" else f"{of} * {self.slope(name, layer)}"

    def share(self, loss: str) -> str:
        n = self.task.sizes[-1]
        return f" / {n}" if n > 1 and loss != "categorical_crossentropy" else ""

    def error(self, loss: str) -> str:
        """dL/dy_hat of each row."""
        a, y, share = self.y_hat, self.hand.y, self.share(loss)
        return {
            "mean_squared_error": f"2 * ({a} - {y}){share}",
            "mean_absolute_error": f"np.sign({a} - {y}){share}",
            "binary_crossentropy": f"-({y} / {a} - (1 - {y}) / (1 - {a})){share}",
            "categorical_crossentropy": f"-{y} / {a}",
        }[loss]

    def judged(self, loss: str) -> str:
        """The mean loss of the rows."""
        a, y = self.y_hat, self.hand.y
        return {
            "mean_squared_error": f"np.mean(({a} - {y}) ** 2)",
            "mean_absolute_error": f"np.mean(np.abs({a} - {y}))",
            "binary_crossentropy": f"-np.mean({y} * np.log({a}) + (1 - {y}) * np.log(1 - {a}))",
            "categorical_crossentropy": f"-np.sum({y} * np.log({a})){'' if self.hand.one else ' / m'}",
        }[loss]

    # ---- statements ----

    def output_delta(self, error: str = "", slope: str | None = None, times: str = "", share: str = "") -> str:
        """d of the last layer; right by itself. `slope` "" leaves the derivative out."""
        last, early = self.task.last, " / m" if self.hand.early and not share else share
        if self.hand.fused and self.task.fusable and not error and slope is None:
            e = f"{self.y_hat} - {self.hand.y}"
            return f"{self.d(last)} = {times}({e}){early}" if times + early else f"{self.d(last)} = {e}"
        e = error or self.error(self.task.loss)
        first = f"{self.back(last)} = {times}({e}){early}" if times + early else f"{self.back(last)} = {e}"
        of = self.back(last)
        pulled = self.pulled(last, of) if slope is None else f"{of} * {slope}" if slope else of
        return f"{first}\n{self.d(last)} = {pulled}"

    def dW(
        self, layer: int, before: str = "", product: str = "", times: str = "", share: str | None = None
    ) -> str:
        product = product or self.outer(before or self.A(layer - 1), self.d(layer))
        share = self._mean if share is None else share
        return f"{self.hand.g.format(f'W{layer}')} = {times}{product}{share}{self.penalty(f'W{layer}')}"

    def penalty(self, p: str, share: str = "l2 * ") -> str:
        return f" + {share}{p}" if self.task.training.l2 and p.startswith("W") else ""

    def db(self, layer: int, of: str = "", times: str = "", share: str | None = None) -> str:
        share = self._mean if share is None else share
        return f"{self.hand.g.format(f'b{layer}')} = {times}{of or self.over_rows(self.d(layer))}{share}"

    @property
    def _mean(self) -> str:
        return "" if self.hand.early or self.hand.one else " / m"

    def names(self, p: str) -> tuple[str, str, str]:
        """A parameter after its update, before it, and its gradient."""
        return self.hand.new.format(p), self.hand.old.format(p), self.hand.g_read.format(p)

    def update(self, p: str, sign: str = "-", rate: str | None = None, source: str = "") -> str:
        new, old, g = self.names(p)
        rate = f"{self.hand.rate} * " if rate is None else rate
        rule = type(self.task.training.optimizer).__name__
        if rule == "Momentum":
            return f"v{p} = momentum * v{p} + {g}\n{new} = {source or old} {sign} {rate}v{p}"
        if rule == "Adam":
            return (
                f"m{p} = beta1 * m{p} + (1 - beta1) * {g}\nv{p} = beta2 * v{p} + (1 - beta2) * {g} ** 2\n"
                f"{new} = {source or old} {sign} {rate}(m{p} / (1 - beta1 ** t)) / "
                f"(np.sqrt(v{p} / (1 - beta2 ** t)) + 1e-8)"
            )
        return f"{new} = {source or old} {sign} {rate}{g}"

    def parameters(self) -> Iterator[str]:
        for layer in self.task.layers:
            yield f"W{layer}"
            yield f"b{layer}"

    def statements(self) -> dict[str, str]:
        """Every place's right statement."""
        found = {"rate": "", "loss": self.judged(self.task.loss), f"d{self.task.last}": self.output_delta()}
        for layer in self.task.layers:
            found[f"z{layer}"] = f"{self.Z(layer)} = {self.weighted(layer)} + b{layer}"
            found[f"a{layer}"] = f"{self.A(layer)} = {self.value(self.task.functions[layer - 1], self.Z(layer))}"
            found[f"dW{layer}"], found[f"db{layer}"] = self.dW(layer), self.db(layer)
            if layer < self.task.last:
                found[f"back{layer}"] = f"{self.back(layer)} = {self.through(f'W{layer + 1}', self.d(layer + 1))}"
                found[f"d{layer}"] = f"{self.d(layer)} = {self.pulled(layer, self.back(layer))}"
        return {**found, **{p: self.update(p) for p in self.parameters()}}
