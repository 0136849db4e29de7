"""Slips of an activation's derivative, in a hidden layer or at the output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

from whygrad.activations import ACTIVATIONS, Activation
from whygrad.judgement.slips.forward import LINEAR
from whygrad.judgement.slips.slip import Rewrite, Slip, hidden_line, on_stage, output_line
from whygrad.losses import Loss
from whygrad.maths import Array, Namespace
from whygrad.network import Network
from whygrad.training import Training

Given = Callable[[Activation, Array, Array, Namespace], tuple[Activation, Array, Array]]

_SAME_SIGN = ("linear", "relu", "leaky_relu")  # a and z have one sign, which is all their derivative reads

# (activation, what its derivative reads) -> how that is written in layer n
_SLOPES = {
    ("sigmoid", "a"): "a_{n} (1 - a_{n})",
    ("sigmoid", "z"): "sigmoid(z_{n}) (1 - sigmoid(z_{n}))",
    ("tanh", "a"): "(1 - a_{n}^2)",
    ("tanh", "z"): "(1 - tanh(z_{n})^2)",
    ("relu", "z"): "1[z_{n} > 0]",
}

# activation -> (key, how it is written in layer n, the slope from a): derivatives remembered in part
_HALVES: dict[str, tuple[tuple[str, str, Callable[[Array], Array]], ...]] = {
    "sigmoid": (("one-minus", "(1 - a_{n})", lambda a: 1 - a), ("only-a", "a_{n}", lambda a: a)),
    "tanh": (("not-squared", "(1 - a_{n})", lambda a: 1 - a),),
}


class _Mistaken(NamedTuple):
    """One way of getting a derivative wrong: what stands in the line, and the stage that does it."""

    key: str
    title: str
    factor: str
    at_output: Rewrite
    at_hidden: Rewrite


def derivative_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of an activation's derivative, from the output back to the first layer."""
    for layer in range(len(net.layers), 0, -1):
        output = layer == len(net.layers)
        right = output_line(net, training.loss) if output else hidden_line(net, layer)
        before = "dL/dy_hat" if output else f"delta_{layer + 1} W_{layer + 1}^T"
        hint = f"look at the factor by which delta_{layer} goes from a_{layer} back to z_{layer}"
        own = net.layers[layer - 1].activation
        for m in (*_given_other(own, layer), *_once_more(own, layer)):
            yield Slip(
                f"{m.key}:{layer}", m.title, "gradient", f"g'_{layer}", layer,
                f"delta_{layer} = {before}" + (f" * {m.factor}" if m.factor else ""), right, hint,
                on_stage(layer - 1, "output_delta", m.at_output)
                if output
                else on_stage(layer - 1, "hidden_delta", m.at_hidden),
            )  # fmt: skip


def _given_other(own: Activation, n: int) -> Iterator[_Mistaken]:
    """The derivative of something else, or of the right thing at the wrong place."""
    name = own.name
    if name != "linear":
        title = f"the derivative of {name} is missing in layer {n}"
        yield _given("derivative-missing", title, "", lambda g, z, a, xp: (LINEAR, z, a))
    for (other, source), text in _SLOPES.items():
        if other == name:
            continue
        title = f"layer {n} is {name}, but its derivative is taken as that of {other}"
        if (name, other, source) == ("softmax", "sigmoid", "a"):
            title = f"the derivative of softmax is taken unit by unit in layer {n}; every z reaches every a"
        yield _given(f"derivative-{other}-{source}", title, text.format(n=n), _as(ACTIVATIONS[other], source))
    for key, factor, slope in _HALVES.get(name, ()):
        title = f"the derivative of {name} in layer {n} is taken as {factor.format(n=n)}"
        yield _given(f"derivative-{key}", title, factor.format(n=n), _by(slope))
    if name in ("sigmoid", "tanh"):
        title = f"the derivative in layer {n} is given z_{n} where a_{n} belongs"
        factor = _SLOPES[name, "a"].format(n=n).replace("a_", "z_")
        yield _given("z-for-a", title, factor, lambda g, z, a, xp: (g, z, z))
    if own.elementwise and name not in _SAME_SIGN:
        title = f"the derivative in layer {n} is given a_{n} where z_{n} belongs"
        yield _given("a-for-z", title, f"{name}'(a_{n})", lambda g, z, a, xp: (g, a, g.value(a, xp)))


def _as(other: Activation, source: str) -> Given:
    """Another activation's derivative, from this layer's a, or from its own value of z."""
    if source == "a":
        return lambda g, z, a, xp: (other, z, a)
    return lambda g, z, a, xp: (other, z, other.value(z, xp))


def _by(slope: Callable[[Array], Array]) -> Given:
    """A factor made from this layer's a."""
    by = replace(LINEAR, pull_rule=lambda xp, d, z, a, k: d * slope(a))
    return lambda g, z, a, xp: (by, z, a)


def _given(key: str, title: str, factor: str, given: Given) -> _Mistaken:
    """The pull through other (g, z, a) than the layer's own; dL/dy_hat stays as it is."""

    def pulled(loss: Loss, g: Activation, z: Array, a: Array, y: Array, xp: Namespace) -> Array:
        other, at_z, at_a = given(g, z, a, xp)
        return other.pull(loss.pull(a, y, xp), at_z, at_a, xp)

    return _Mistaken(
        key, title, factor,
        lambda delta, now: pulled,
        lambda delta, now: lambda d, W, g, z, a, xp: delta(d, W, *given(g, z, a, xp), xp),
    )  # fmt: skip


def _once_more(own: Activation, n: int) -> Iterator[_Mistaken]:
    """The derivative multiplied in again, as where a fused y_hat - y has it already."""
    if own.name in ("linear", "relu"):
        return
    title = f"the derivative of {own.name} is taken once too often in layer {n}"
    yield _again("derivative-twice", title, f"{own.name}' * {own.name}'", own)
    if own.name == "softmax":
        title = f"layer {n} multiplies by a (1 - a) once more, though the softmax is done"
        yield _again("elementwise-twice", title, f"softmax' * a_{n} (1 - a_{n})", ACTIVATIONS["sigmoid"])


def _again(key: str, title: str, factor: str, g: Activation) -> _Mistaken:
    return _Mistaken(
        key, title, factor,
        lambda delta, now: lambda loss, own, z, a, y, xp: g.pull(delta(loss, own, z, a, y, xp), z, a, xp),
        lambda delta, now: lambda d, W, own, z, a, xp: g.pull(delta(d, W, own, z, a, xp), z, a, xp),
    )  # fmt: skip
