"""JAX follows a training: jax.nn, jax.value_and_grad and jit on the CPU.

JAX has no losses and no optimizers of its own, so both are written here with jax.numpy, from the papers and
not from whygrad's formulas: a formula shared would be compared with itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from whygrad.activations import Activation
from whygrad.losses import Loss
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.rivals.protocol import Diary, Followed, flat, is_installed, labelled, matrices, pick, walk
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.updates import name_of
from whygrad.weights import trainable


@dataclass(frozen=True)
class Jax:
    """JAX as a rival."""

    name: str = "jax"
    tolerance: tuple[float, str] = (1e-10, "float64 in both, so only rounding differs")

    @property
    def label(self) -> str:
        """JAX and its version."""
        return labelled("JAX", "jax")

    def installed(self) -> bool:
        """Whether jax could be imported."""
        return is_installed("jax")

    def follow(
        self, net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]
    ) -> Followed:
        """See `Rival.follow`."""
        with settings(training.dtype):
            return _follow(net, training, start, rows, orders)

    def gradient(self, net: Network, training: Training, w: Array, rows: Rows) -> Array:
        """See `Differentiating.gradient`."""
        with settings("float64"):
            return _gradient(net, training, w, rows)


@contextmanager
def settings(dtype: str) -> Iterator[None]:
    """JAX on the CPU, and in float64 where that is asked for; put back afterwards."""
    import jax

    try:
        from jax import enable_x64
    except ImportError:  # where it was before JAX 0.8
        from jax.experimental import enable_x64
    with jax.default_device(jax.devices("cpu")[0]), enable_x64(dtype == "float64"):
        yield


def _follow(net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]) -> Followed:
    import jax
    import jax.numpy as jnp

    parts = [jnp.asarray(p, training.dtype) for p in matrices(net, start)]
    memory = tuple([jnp.zeros_like(p) for p in parts] for _ in training.optimizer.memories)
    take = jax.jit(_one_step(net, training))  # compiled once for each size of a batch
    x, y = rows.x.astype(training.dtype), rows.y.astype(training.dtype)
    weights = np.ones(len(x)) if rows.weights is None else rows.weights
    weights = weights.astype(training.dtype)
    diary = Diary(net, training, orders)
    for step in walk(training, orders):
        at = step.rows
        loss, parts, memory = take(parts, memory, x[at], y[at], weights[at], step.rate, float(step.number))
        diary.note(float(loss), partial(flat, parts))
    return diary.close(_unequal(net, training))


def _gradient(net: Network, training: Training, w: Array, rows: Rows) -> Array:
    import jax.numpy as jnp

    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    parts = [jnp.asarray(p) for p in matrices(net, w)]
    return flat(_differentiated(net, training.loss)(parts, rows.x, rows.y, weights))


@lru_cache(maxsize=16)
def _differentiated(net: Network, loss: Loss) -> Callable[..., Any]:
    """(parts, x, y, row weights) -> gradients; compiled as a whole, which is sooner done than part by part."""
    import jax
    import jax.numpy as jnp

    def objective(parts: list[Any], x: Any, y: Any, weights: Any) -> Any:
        return jnp.mean(weights * _row_losses(net, loss, parts, x, y))

    compiled: Callable[..., Any] = jax.jit(jax.grad(objective))
    return compiled


def _one_step(net: Network, training: Training) -> Callable[..., Any]:
    """(parts, memory, x, y, row weights, rate, t) -> (loss, parts, memory), for jit."""
    import jax
    import jax.numpy as jnp

    free = [jnp.asarray(mask) for mask in matrices(net, trainable(net, training.freeze))]

    def objective(parts: list[Any], x: Any, y: Any, weights: Any) -> tuple[Any, Any]:
        loss = jnp.mean(weights * _row_losses(net, training.loss, parts, x, y))
        l1 = sum(jnp.sum(jnp.abs(W)) for W in parts[::2])
        l2 = sum(jnp.sum(W**2) for W in parts[::2])
        return loss + training.l1 * l1 + training.l2 / 2 * l2, loss

    def step(
        parts: list[Any], memory: tuple[list[Any], ...], x: Any, y: Any, weights: Any, rate: Any, t: Any
    ) -> Any:
        (_, loss), g = jax.value_and_grad(objective, has_aux=True)(parts, x, y, weights)
        g = _clip(training, [jnp.where(mask, d, 0) for mask, d in zip(free, g, strict=True)])
        stepped, memory = _update(training, parts, g, memory, rate, t)
        kept = [jnp.where(m, new, old) for m, new, old in zip(free, stepped, parts, strict=True)]
        return loss, kept, memory

    return step


def _activate(g: Activation, z: Any) -> Any:
    import jax
    import jax.numpy as jnp

    nn = jax.nn
    known = {
        "linear": lambda z: z,
        "sigmoid": nn.sigmoid,
        "tanh": jnp.tanh,
        "relu": nn.relu,
        "leaky_relu": lambda z: nn.leaky_relu(z, g.k),
        "elu": lambda z: nn.elu(z, g.k),
        "selu": nn.selu,
        "softplus": nn.softplus,
        "softsign": nn.soft_sign,
        "gelu": lambda z: nn.gelu(z, approximate=False),
        "silu": nn.silu,
        "softmax": nn.softmax,
    }
    return pick(known, g.name, "JAX")(z)


def _row_losses(net: Network, loss: Loss, parts: list[Any], x: Any, y: Any) -> Any:
    """(rows,)"""
    import jax
    import jax.numpy as jnp
    from jax.scipy.special import xlog1py, xlogy

    nn, output = jax.nn, net.output.name
    a = x
    for number, layer in enumerate(net.layers):
        z = a @ parts[2 * number] + parts[2 * number + 1]  # (rows, n_out)
        a = _activate(layer.activation, z)
    if (loss.name, output) == ("binary_crossentropy", "sigmoid"):
        return -jnp.mean(y * nn.log_sigmoid(z) + (1 - y) * nn.log_sigmoid(-z), axis=1)
    if (loss.name, output) == ("categorical_crossentropy", "softmax"):
        return -jnp.sum(y * nn.log_softmax(z), axis=1)
    e = jnp.abs(a - y)
    known = {
        "mean_squared_error": lambda: jnp.mean((a - y) ** 2, axis=1),
        "mean_absolute_error": lambda: jnp.mean(e, axis=1),
        "huber": lambda: jnp.mean(jnp.where(e <= loss.k, e**2 / 2, loss.k * (e - loss.k / 2)), axis=1),
        "log_cosh": lambda: jnp.mean(jnp.logaddexp(a - y, y - a) - math.log(2), axis=1),
        "binary_crossentropy": lambda: -jnp.mean(xlogy(y, a) + xlog1py(1 - y, -a), axis=1),
        "categorical_crossentropy": lambda: -jnp.sum(xlogy(y, a), axis=1),
        "hinge": lambda: jnp.mean(nn.relu(1 - y * a), axis=1),
        "poisson": lambda: jnp.mean(a - y * jnp.log(a + loss.k), axis=1),
    }
    return pick(known, loss.name, "JAX")()


def _clip(training: Training, g: list[Any]) -> list[Any]:
    import jax.numpy as jnp

    if training.clip is None:
        return g
    kind, limit = training.clip.kind, training.clip.limit
    if kind == "value":
        return [jnp.clip(d, -limit, limit) for d in g]
    squares = [jnp.sum(d**2) for d in g]
    if kind == "global_norm":
        squares = [sum(squares)] * len(g)
    guard = 1e-6 if kind == "global_norm" else 0.0  # as PyTorch
    norms = [jnp.sqrt(s) + guard for s in squares]
    return [jnp.where(norm > limit, d * (limit / norm), d) for norm, d in zip(norms, g, strict=True)]


def _update(
    training: Training, parts: list[Any], g: list[Any], memory: tuple[list[Any], ...], rate: Any, t: Any
) -> tuple[list[Any], tuple[list[Any], ...]]:
    """The new parameters and memories, part by part, by the rule's paper."""
    rule: Any = training.optimizer
    one = pick(_RULES, name_of(rule), "JAX")
    done = [one(rule, w, d, *old, rate, t) for w, d, *old in zip(parts, g, *memory, strict=True)]
    stepped, *memories = zip(*done, strict=True)
    return list(stepped), tuple(list(m) for m in memories)


def _sgd(rule: Any, w: Any, g: Any, rate: Any, t: Any) -> Any:
    return (w - rate * g,)


def _momentum(rule: Any, w: Any, g: Any, v: Any, rate: Any, t: Any) -> Any:
    v = rule.momentum * v + g
    return w - rate * v, v


def _nesterov(rule: Any, w: Any, g: Any, v: Any, rate: Any, t: Any) -> Any:
    v = rule.momentum * v + g
    return w - rate * (g + rule.momentum * v), v


def _rmsprop(rule: Any, w: Any, g: Any, v: Any, rate: Any, t: Any) -> Any:
    import jax.numpy as jnp

    v = rule.decay * v + (1 - rule.decay) * g**2
    return w - rate * g / (jnp.sqrt(v) + rule.epsilon), v


def _adagrad(rule: Any, w: Any, g: Any, s: Any, rate: Any, t: Any) -> Any:
    import jax.numpy as jnp

    s = s + g**2
    return w - rate * g / (jnp.sqrt(s) + rule.epsilon), s


def _adam(rule: Any, w: Any, g: Any, m: Any, v: Any, rate: Any, t: Any) -> Any:
    import jax.numpy as jnp

    m = rule.beta1 * m + (1 - rule.beta1) * g
    v = rule.beta2 * v + (1 - rule.beta2) * g**2
    m_hat, v_hat = m / (1 - rule.beta1**t), v / (1 - rule.beta2**t)
    return w - rate * m_hat / (jnp.sqrt(v_hat) + rule.epsilon), m, v


def _adamw(rule: Any, w: Any, g: Any, m: Any, v: Any, rate: Any, t: Any) -> Any:
    stepped, m, v = _adam(rule, w, g, m, v, rate, t)
    return stepped - rate * rule.weight_decay * w, m, v


_RULES: dict[str, Callable[..., Any]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adam": _adam,
    "adamw": _adamw,
}


def _unequal(net: Network, training: Training) -> list[str]:
    """What JAX has differently."""
    said = ["JAX has no losses and no optimizers; they were written anew with jax.numpy"]
    if any(layer.activation.name == "leaky_relu" for layer in net.layers):
        said.append("at exactly z = 0 JAX's leaky relu has the slope 1 of its right side, whygrad's the left")
    name = training.loss.name
    if name.endswith("crossentropy") and not training.loss.fuses(net.output):
        said.append(
            "JAX's logarithm is not guarded; the two part only where an output is below 1e-12 "
            "or, for binary cross-entropy, within 1e-12 of 1"
        )
    return said
