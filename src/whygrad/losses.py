"""Loss functions: each one's value, derivative and mathematics in one object.

A loss compares outputs a (rows, n_out) with targets y (rows, n_out). It is written per output:

- `value(xp, a, y, k)` returns each output's share (rows, n_out).
- `pull(xp, a, y, k)` returns the derivative of that share by a (rows, n_out).

A row's loss is the mean of its shares over the outputs, or their sum for categorical cross-entropy (whose
shares are the terms of one sum over classes). The loss of many rows is the mean of the rows' losses, each
first multiplied by the row's weight; the mean divides by the number of rows, not by the sum of the weights
(as Keras does; PyTorch's class weights in `CrossEntropyLoss` divide by the sum).

A `Shortcut` is a fused pair of output activation and loss: its value is computed from z, stable for any z,
and dL/dz is one subtraction. Unfused, cross-entropies guard their logarithm and division as PyTorch does:
log a is at least -100 and a(1 - a) at least 1e-12 (Keras instead clips a to [1e-7, 1 - 1e-7]).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from whygrad.activations import Activation
from whygrad.errors import InputError
from whygrad.formulas import Texts, constant_of, find
from whygrad.maths import NUMPY, Array, Namespace

Share = Callable[[Namespace, Array, Array, float], Array]


@dataclass(frozen=True)
class Shortcut:
    """A fused output pair: the shares from z, and dL/dz = pull(a, y), where `activation` makes a from z."""

    activation: str
    value_rule: Share  # (xp, z, y, k) -> shares
    pull_rule: Share  # (xp, a, y, k) -> d share / d z, summed over the shares of the row
    texts: Texts


@dataclass(frozen=True)
class Loss:
    """A loss with its derivative. Two are equal when name and constant are.

    `low` and `high` bound the outputs it is defined for; `targets` says what y may be: "any" number,
    "probability" (in [0, 1]), "distribution" (a row of probabilities that sums to 1), "sign" (-1 or 1) or
    "count" (0 or more). `over_outputs` says how a row's shares become its loss.
    """

    name: str
    k: float = 0.0
    value_rule: Share = field(default=lambda xp, a, y, k: a - y, compare=False, repr=False)
    pull_rule: Share = field(default=lambda xp, a, y, k: a - y, compare=False, repr=False)
    texts: Texts = field(default=Texts("", "", ""), compare=False, repr=False)
    shortcut: Shortcut | None = field(default=None, compare=False, repr=False)
    over_outputs: Literal["mean", "sum"] = field(default="mean", compare=False, repr=False)
    low: float = field(default=-math.inf, compare=False, repr=False)
    high: float = field(default=math.inf, compare=False, repr=False)
    targets: Literal["any", "probability", "distribution", "sign", "count"] = field(
        default="any", compare=False, repr=False
    )
    kinks: tuple[float, ...] = field(default=(), compare=False, repr=False)  # values of a - y
    constant: str = field(default="", compare=False, repr=False)

    def fuses(self, output: Activation) -> Shortcut | None:
        """The shortcut for that output activation, or None."""
        s = self.shortcut
        return s if s is not None and s.activation == output.name else None

    def accepts(self, output: Activation) -> bool:
        """Whether this loss is defined for everything that activation can return, and can be met by it.

        Targets of -1 and 1 cannot be met by what is never negative.
        """
        defined = self.low <= output.low and output.high <= self.high
        return defined and not (self.targets == "sign" and output.low >= 0)

    @property
    def threshold(self) -> float:
        """The output above which a yes/no answer is yes: 0 where targets are -1 and 1, else one half."""
        return 0.0 if self.targets == "sign" else 0.5

    def share(self, n_out: int) -> float:
        """What one output's share counts for in its row's loss: 1/n_out or 1."""
        return 1.0 / n_out if self.over_outputs == "mean" else 1.0

    def rows(self, output: Activation, z: Array, a: Array, y: Array, xp: Namespace = NUMPY) -> Array:
        """Each row's loss (rows, 1) from the output layer's z, a and the targets y, all (rows, n_out)."""
        fused = self.fuses(output)
        shares = fused.value_rule(xp, z, y, self.k) if fused else self.value_rule(xp, a, y, self.k)
        return xp.c(self.share(a.shape[-1])) * xp.rowsum(shares)

    def pull(self, a: Array, y: Array, xp: Namespace = NUMPY) -> Array:
        """d(row loss)/da (rows, n_out)."""
        return xp.c(self.share(a.shape[-1])) * self.pull_rule(xp, a, y, self.k)

    def __reduce__(self) -> tuple[Callable[[str], Loss], tuple[str]]:
        return loss, (str(self),)  # by name, as its functions cannot be pickled

    def __str__(self) -> str:
        return f"{self.name}:{self.k!r}" if self.constant else self.name


def _huber(xp: Namespace, a: Array, y: Array, k: float) -> Array:
    e = xp.abs(a - y)
    outside = xp.positive(e - xp.c(k))
    return xp.where(outside, xp.c(k) * (e - xp.c(0.5 * k)), xp.c(0.5) * e * e)


def _huber_pull(xp: Namespace, a: Array, y: Array, k: float) -> Array:
    e = a - y
    return xp.where(xp.positive(xp.abs(e) - xp.c(k)), xp.c(k) * xp.sign(e), e)


def _log_cosh(xp: Namespace, a: Array, y: Array, k: float) -> Array:
    e = xp.abs(a - y)  # log cosh e = e + log((1 + exp(-2e)) / 2), which cannot overflow nor lose a small e
    return e + xp.log1p(xp.c(0.5) * xp.expm1(xp.c(-2.0) * e))


def _guarded_log(xp: Namespace, a: Array) -> Array:
    # e^-100 is the smallest argument, so log is never below -100 and never of 0
    return xp.log(xp.maximum(a, xp.c(math.exp(-100))))


def _binary_crossentropy(xp: Namespace, a: Array, y: Array, k: float) -> Array:
    return -(y * _guarded_log(xp, a) + (xp.c(1.0) - y) * _guarded_log(xp, xp.c(1.0) - a))


def _binary_crossentropy_pull(xp: Namespace, a: Array, y: Array, k: float) -> Array:
    return (a - y) / xp.maximum(a * (xp.c(1.0) - a), xp.c(1e-12))


def _sigmoid_shares(xp: Namespace, z: Array, y: Array, k: float) -> Array:
    return xp.maximum(z, xp.c(0.0)) - z * y + xp.log1p(xp.exp(-xp.abs(z)))


def _softmax_shares(xp: Namespace, z: Array, y: Array, k: float) -> Array:
    shifted = z - xp.rowmax(z)
    return -y * (shifted - xp.log(xp.rowsum(xp.exp(shifted))))


def _hinge_pull(xp: Namespace, a: Array, y: Array, k: float) -> Array:
    return xp.where(xp.positive(xp.c(1.0) - y * a), -y, xp.c(0.0))


_ALL = (
    Loss(
        "mean_squared_error",
        value_rule=lambda xp, a, y, k: (a - y) * (a - y),
        pull_rule=lambda xp, a, y, k: xp.c(2.0) * (a - y),
        texts=Texts(
            r"(a-y)^2", r"2(a-y)", "Legendre 1805; the mean over rows and outputs, as in PyTorch and Keras"
        ),
    ),
    Loss(
        "mean_absolute_error",
        value_rule=lambda xp, a, y, k: xp.abs(a - y),
        pull_rule=lambda xp, a, y, k: xp.sign(a - y),
        texts=Texts(r"|a-y|", r"\operatorname{sign}(a-y)", "Laplace 1774; derivative 0 where a = y"),
        kinks=(0.0,),
    ),
    Loss(
        "huber",
        k=1.0,
        constant="delta",
        value_rule=_huber,
        pull_rule=_huber_pull,
        texts=Texts(
            r"\tfrac12(a-y)^2 \text{ if } |a-y|\le k, k(|a-y|-\tfrac12 k) \text{ else}",
            r"a-y \text{ if } |a-y|\le k, k\operatorname{sign}(a-y) \text{ else}",
            "Huber 1964",
        ),
    ),
    Loss(
        "log_cosh",
        value_rule=_log_cosh,
        pull_rule=lambda xp, a, y, k: xp.tanh(a - y),
        texts=Texts(r"\log\cosh(a-y)", r"\tanh(a-y)", "as Keras's LogCosh; PyTorch has none"),
    ),
    Loss(
        "binary_crossentropy",
        value_rule=_binary_crossentropy,
        pull_rule=_binary_crossentropy_pull,
        texts=Texts(
            r"-y\log a-(1-y)\log(1-a)",
            r"\frac{a-y}{a(1-a)}",
            "Good 1952; natural logarithm, mean over outputs",
        ),
        shortcut=Shortcut(
            "sigmoid",
            _sigmoid_shares,
            lambda xp, a, y, k: a - y,
            Texts(r"\max(z,0)-zy+\log(1+e^{-|z|})", "a-y", "PyTorch's BCEWithLogitsLoss"),
        ),
        low=0,
        high=1,
        targets="probability",
    ),
    Loss(
        "categorical_crossentropy",
        value_rule=lambda xp, a, y, k: -y * _guarded_log(xp, a),
        pull_rule=lambda xp, a, y, k: -y / xp.maximum(a, xp.c(1e-12)),
        texts=Texts(r"-\textstyle\sum_i y_i\log a_i", r"-\frac{y_i}{a_i}", "natural logarithm, sum over classes"),
        shortcut=Shortcut(
            "softmax",
            _softmax_shares,
            lambda xp, a, y, k: a - y,
            Texts(r"-\textstyle\sum_i y_i(z_i-\log\sum_j e^{z_j})", "a-y", "PyTorch's CrossEntropyLoss"),
        ),
        over_outputs="sum",
        low=0,
        high=1,
        targets="distribution",
    ),
    Loss(
        "hinge",
        value_rule=lambda xp, a, y, k: xp.maximum(xp.c(1.0) - y * a, xp.c(0.0)),
        pull_rule=_hinge_pull,
        texts=Texts(
            r"\max(0, 1-ya)",
            r"-y \text{ if } ya<1, 0 \text{ else}",
            "Cortes & Vapnik 1995; targets -1 and 1 (0 becomes -1, as in Keras)",
        ),
        targets="sign",
        kinks=(0.0,),
    ),
    Loss(
        "poisson",
        k=1e-8,
        constant="epsilon",
        value_rule=lambda xp, a, y, k: a - y * xp.log(a + xp.c(k)),
        pull_rule=lambda xp, a, y, k: xp.c(1.0) - y / (a + xp.c(k)),
        texts=Texts(
            r"a-y\log(a+k)",
            r"1-\frac{y}{a+k}",
            "PyTorch's PoissonNLLLoss with log_input=False, eps 1e-8; Keras's epsilon is 1e-7",
        ),
        low=0,
        targets="count",
    ),
)

LOSSES: dict[str, Loss] = {loss.name: loss for loss in _ALL}
_SHORT = {
    "mse": "mean_squared_error",
    "squared_error": "mean_squared_error",
    "mae": "mean_absolute_error",
    "bce": "binary_crossentropy",
    "binary_cross_entropy": "binary_crossentropy",
    "cce": "categorical_crossentropy",
    "cross_entropy": "categorical_crossentropy",
    "crossentropy": "categorical_crossentropy",
    "categorical_cross_entropy": "categorical_crossentropy",
    "logcosh": "log_cosh",
}


def loss(name: str | Loss) -> Loss:
    """The loss of that name or abbreviation (mse, mae, bce, cce); "huber:2" also gives its constant.

    Raises `InputError` for a name that is not known, or a constant where none is taken.
    """
    if isinstance(name, Loss):
        return name
    found, k = find("loss", name, LOSSES, _SHORT, zero=False)
    return replace(found, k=k)


def Huber(delta: float = 1.0) -> Loss:
    """Huber's loss with its delta, the error at which the parabola becomes a line."""
    found = LOSSES["huber"]
    return replace(found, k=constant_of(f"Huber({delta!r})", found, delta, zero=False))


def registered(found: Loss) -> str:
    """How a loss is written in a file. Raises `InputError` for a user's own, which could not be read back."""
    known = LOSSES.get(found.name)
    if known is None or (found.value_rule, found.pull_rule) != (known.value_rule, known.pull_rule):
        raise InputError(f"loss {found.name!r} is your own; a model file holds only whygrad's")
    return str(found)
