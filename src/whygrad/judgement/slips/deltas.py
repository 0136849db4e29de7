"""Slips of the deltas dL/dz beside the activation's derivative: loss, sign, factors, the way back through W."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from whygrad.judgement.machine import Moment
from whygrad.judgement.slips.slip import Rewrite, Slip, Where, hidden_line, on_stage, output_line, scaled
from whygrad.losses import LOSSES
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.training import Training

Factor = Callable[[Moment], float]


class _Factor(NamedTuple):
    key: str
    title: str
    written: str
    of: Factor


# loss -> what it is often mistaken for when it is differentiated
_OTHER_DERIVATIVES = {
    "mean_squared_error": ("mean_absolute_error",),
    "mean_absolute_error": ("mean_squared_error",),
    "huber": ("mean_squared_error", "mean_absolute_error"),
    "binary_crossentropy": ("mean_squared_error",),
    "categorical_crossentropy": ("mean_squared_error", "binary_crossentropy"),
}


def _times(line: str, factor: str) -> str:
    """The line with its right side times a factor."""
    left, _, side = line.partition(" = ")
    return f"{left} = {factor} * {f'({side})' if ' - ' in re.sub(r'[(].*?[)]', '', side) else side}"


def output_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of the output's delta: the loss differentiated, its sign and its factors."""
    last, right = len(net.layers), output_line(net, training.loss)

    def slip(key: str, title: str, part: str, written: str, hint: str, rewrite: Rewrite) -> Slip:
        change = on_stage(last - 1, "output_delta", rewrite)
        return Slip(key, title, "gradient", part, last, written, right, hint, change)

    for name in _OTHER_DERIVATIVES.get(training.loss.name, ()):
        words = name.replace("_", " ")
        yield slip(
            f"derivative-of-{name}", f"the derivative is that of the {words}", "dL/dy_hat",
            f"delta_{last} = derivative of the {words}", "differentiate your loss by y_hat again", _other(name),
        )  # fmt: skip
    turned = right.replace("y_hat - y", "y - y_hat") if "y_hat - y" in right else right.replace("= ", "= -", 1)
    yield slip(
        "sign", "the whole gradient has the wrong sign", "sign", turned,
        "take a row where y_hat is too large: what must dL/dy_hat be there?", scaled(lambda now: -1.0),
    )  # fmt: skip
    for f in _factors(net, training):
        change = on_stage(last - 1, "output_delta", scaled(f.of))
        written = _times(right, f.written).replace("= 1/2 * 2 (", "= (").replace("= 2 * 2 (", "= 4 (")
        where: Where = "loop" if "table" in f.key else "gradient"  # in one step, a batch is all there is
        hint = "check the constant factors of the loss's derivative"
        yield Slip(f"factor-{f.key}", f.title, where, "factor", last, written, right, hint, change)


def _other(name: str) -> Rewrite:
    return lambda delta, now: lambda loss, *given: delta(LOSSES[name], *given)


def _factors(net: Network, training: Training) -> Iterator[_Factor]:
    """Every constant that is often missing, or there twice."""
    n, mean = net.outputs, training.loss.over_outputs == "mean"
    squared = training.loss.name == "mean_squared_error"
    missing, twice = "the gradient is half of what it should be", "the gradient is twice what it should be"
    if squared:
        missing = "the factor 2 of the square's derivative is missing"
        twice = "the factor 2 of the square's derivative is there twice"
    yield _Factor("half", missing, "1/2", _constant(0.5))
    yield _Factor("double", twice, "2", _constant(2))
    if training.batch != 1:
        yield _Factor("rows", "the sum over the rows is taken for their mean", "n", _rows)
        title = "the mean over the rows is divided by the rows once more"
        yield _Factor("per-rows", title, "1/n", lambda now: 1 / _rows(now))
    if training.batch != "all":
        yield _Factor("table", "the gradient is multiplied by the rows of the table", "n", _table)
        title = "the gradient of one batch is divided by the rows of the whole table"
        yield _Factor("per-table", title, "1/n", lambda now: 1 / _table(now))
        if squared:
            title = "1/n (n rows of the table) stands where the factor 2 belongs"
            yield _Factor("half-per-table", title, "1/(2n)", lambda now: 0.5 / _table(now))
    if n > 1:
        title = "the gradient is multiplied by the number of outputs"
        yield _Factor(
            "outputs", "the sum over the outputs is taken for their mean" if mean else title, f"{n}", _constant(n)
        )
        title = f"the gradient is divided by the number of outputs{' once more' if mean else ''}"
        yield _Factor("per-outputs", title, f"1/{n}", _constant(1 / n))


def _constant(factor: float) -> Factor:
    return lambda now: factor


def _rows(now: Moment) -> float:
    return float(len(now.rows))


def _table(now: Moment) -> float:
    return float(now.table_rows)


# ---- the hidden layers' deltas ----


def hidden_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of the way back through the weights, from the last hidden layer to the first."""
    for layer in range(len(net.layers) - 1, 0, -1):
        right = hidden_line(net, layer)
        hint = f"follow the paths from delta_{layer + 1} back to one unit of layer {layer}, and add them up"
        for key, title, through, weights in _paths(net, layer):
            written = right.replace(f"delta_{layer + 1} W_{layer + 1}^T", through)
            change = on_stage(layer - 1, "hidden_delta", _through(weights))
            yield Slip(f"{key}:{layer}", title, "gradient", f"path_{layer}", layer, written, right, hint, change)
        for key, words, factor in (
            ("sign", "has the wrong sign", -1.0),
            ("half", "is half of what it should be", 0.5),
            ("double", "is twice what it should be", 2.0),
        ):
            written = right.replace("= ", f"= {'-' if factor < 0 else f'{factor:g} * '}", 1)
            change = on_stage(layer - 1, "hidden_delta", scaled(_constant(factor)))
            title = f"delta_{layer} {words}"
            yield Slip(
                f"delta-{key}:{layer}", title, "gradient", f"delta_{layer}", layer, written, right, hint, change
            )


Weights = Callable[[Array, Moment], Array]  # W of the layer after -> what is gone back through instead


def _paths(net: Network, layer: int) -> Iterator[tuple[str, str, str, Weights]]:
    """(key, title, what stands in the line, the weights gone through) for the delta of that hidden layer."""
    n, n_after, d = net.sizes[layer], net.sizes[layer + 1], f"delta_{layer + 1}"
    W = f"W_{layer + 1}"
    if n == n_after > 1:
        title = f"delta_{layer} goes through {W} where its transpose belongs"
        yield "path-transposed", title, f"{d} {W}", lambda W, now: W.T
    for other in range(1, len(net.layers) + 1):
        shape = (net.sizes[other - 1], net.sizes[other])
        if other != layer + 1 and (n, n_after) in (shape, shape[::-1]):
            title = f"delta_{layer} goes back through W_{other}; it belongs to {W}"
            yield f"path-W{other}", title, f"{d} W_{other}^T", _of_layer(other - 1, shape == (n, n_after))
    title = f"delta_{layer} leaves out {W}"
    yield "path-without", title, d, lambda W, now: np.ones_like(W)
    if n > 1:
        title = f"every unit of layer {layer} goes back through the weights of unit 1"
        yield "path-unit-1", title, f"{d} (unit 1 of {W})^T", lambda W, now: np.broadcast_to(W[:1], W.shape)
    if n_after > 1:
        title = f"delta_{layer} follows only the paths through unit 1 of layer {layer + 1}"
        yield (
            "path-to-1",
            title,
            f"{d}[1] {W}[:, 1]^T",
            lambda W, now: np.where(np.arange(W.shape[1]) == 0, W, 0.0),
        )


def _of_layer(at: int, as_it_is: bool) -> Weights:
    return lambda W, now: now.layers[at].W if as_it_is else now.layers[at].W.T


def _through(weights: Weights) -> Rewrite:
    return lambda delta, now: lambda d, W, *given: delta(d, weights(W, now), *given)
