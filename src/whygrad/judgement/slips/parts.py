"""Slips of dW and db, layer by layer: they change nothing else of the gradient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from whygrad.judgement.machine import Moment
from whygrad.judgement.slips.slip import Rewrite, Slip, Stage, a, on_stage, together
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.training import Training

Inputs = Callable[[Moment], Array]  # what stands for a of the layer before, (rows, n_in) or broadcast to it


def weight_gradient_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of a layer's dW."""
    for layer in range(len(net.layers), 0, -1):
        right = f"dW_{layer} = {a(layer - 1)}^T delta_{layer}"
        n_in, n_out = net.sizes[layer - 1], net.sizes[layer]
        name = f"dW_{layer}"
        for key, way, turned in _turns(n_in, n_out):
            yield _slip(
                net, layer, f"{name}-{key}", f"{name} {way}", f"shape of {name}",
                f"{name} = delta_{layer}^T {a(layer - 1)}", right, _shaped(turned),
            )  # fmt: skip
        for key, title, written, inputs in _inputs(net, layer):
            yield _slip(
                net, layer, f"{name}-{key}", title, f"inputs of {name}", f"{name} = {written}^T delta_{layer}",
                right, _fed(inputs),
            )  # fmt: skip
        yield from _scales(net, training, layer, name, "weight_gradient", right)


def _slip(
    net: Network, layer: int, key: str, title: str, part: str, written: str, right: str, rewrite: Rewrite
) -> Slip:
    hint = f"work out dW_{layer} for one row: which two numbers does each entry multiply?"
    change = on_stage(layer - 1, "weight_gradient", rewrite)
    return Slip(key, title, "gradient", part, layer, written, right, hint, change)


def _turns(n_in: int, n_out: int) -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    """(key, words, what becomes of dW (n_in, n_out)): the transpose, forced into the shape that dW should have."""
    if n_in == 1 or n_out == 1:
        return
    if n_in == n_out:
        yield "transposed", "is transposed", lambda dW: dW.T
        return
    way = "is the outer product the wrong way round"
    yield "transposed", way, lambda dW: dW.T.reshape(n_in, n_out)
    stored = f"{way}, in an array (n_out, n_in)"
    yield "transposed-out-in", stored, lambda dW: dW.reshape(n_out, n_in).T


def _shaped(turned: Callable[[Array], Array]) -> Rewrite:
    return lambda dW, now: lambda before, delta: turned(dW(before, delta))


def _fed(inputs: Inputs) -> Rewrite:
    return lambda dW, now: lambda before, delta: dW(np.broadcast_to(inputs(now), before.shape), delta)


def _inputs(net: Network, layer: int) -> Iterator[tuple[str, str, str, Inputs]]:
    """(key, title, how it is written, the wrong inputs) of that layer's dW."""
    before, n_in = layer - 1, net.sizes[layer - 1]
    name = f"dW_{layer}"
    yield "without-input", f"{name} is not multiplied by {a(before)}", "1", lambda now: np.ones(1)
    for other in range(len(net.sizes)):
        if other != before and net.sizes[other] in (n_in, 1):
            yield f"of-{a(other)}", f"{name} multiplies by {a(other)}", a(other), _activations(other)
    if before and net.layers[before - 1].activation.name != "linear":
        title = f"{name} multiplies by z_{before}, not by a_{before}"
        yield f"of-z_{before}", title, f"z_{before}", lambda now: now.trace.z[before - 1]
    if n_in > 1:
        title = f"{name} multiplies every weight's delta by the first of {a(before)}"
        yield "of-first", title, f"{a(before)}[1]", lambda now: now.trace.a[before][:, :1]


def _activations(layer: int) -> Inputs:
    return lambda now: now.trace.a[layer]


def _scales(net: Network, training: Training, layer: int, name: str, stage: str, right: str) -> Iterator[Slip]:
    """Sign and factors of one dW or db."""
    hint = f"check the sign and the constant factor of {name}"
    factors: list[tuple[str, str, str, Callable[[int], float]]] = [
        ("sign", "has the wrong sign", "-", lambda rows: -1.0),
        ("half", "is half of what it should be", "1/2 * ", lambda rows: 0.5),
        ("double", "is twice what it should be", "2 * ", lambda rows: 2.0),
    ]
    if training.batch != 1:
        factors += [
            ("rows", "is summed over the rows where the mean belongs", "n * ", float),
            ("per-rows", "is divided by the rows once more", "1/n * ", lambda rows: 1 / rows),
        ]
    for key, words, written, factor in factors:
        change = on_stage(layer - 1, stage, _by_rows(factor))
        yield Slip(
            f"{name}-{key}", f"{name} {words}", "gradient", f"scale of {name}", layer,
            right.replace("= ", f"= {written}"), right, hint, change,
        )  # fmt: skip
    if training.batch != 1:
        yield Slip(
            f"{name}-last-row", f"{name} keeps only the last row's share", "gradient", f"rows of {name}", layer,
            f"{right} of the last row (= where += belongs)", right,
            f"what is left in {name} of the rows before the last?", on_stage(layer - 1, stage, _last_row),
        )  # fmt: skip


def _last_row(part: Stage, now: Moment) -> Stage:
    def of_last(*given: Array) -> Array:
        *before, delta = given
        alone = np.zeros_like(delta)
        alone[-1:] = delta[-1:]
        return part(*before, alone)

    return of_last


def _by_rows(factor: Callable[[int], float]) -> Rewrite:
    return lambda part, now: lambda *given: factor(len(now.rows)) * part(*given)


def bias_gradient_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of a layer's db."""
    for layer in range(len(net.layers), 0, -1):
        name = f"db_{layer}"
        right = f"{name} = delta_{layer}"
        hint = f"a bias adds itself to z_{layer}: by what is dz_{layer}/db_{layer} multiplied?"
        for key, title, written, rewrite in _bias_forms(net, layer):
            change = on_stage(layer - 1, "bias_gradient", rewrite)
            yield Slip(
                f"{name}-{key}",
                title,
                "gradient",
                f"form of {name}",
                layer,
                f"{name} = {written}",
                right,
                hint,
                change,
            )
        yield from _scales(net, training, layer, name, "bias_gradient", right)


def _bias_forms(net: Network, layer: int) -> Iterator[tuple[str, str, str, Rewrite]]:
    """(key, title, how it is written, the stage) of that layer's db."""
    before, n_in, n_out = layer - 1, net.sizes[layer - 1], net.sizes[layer]
    name, delta, x = f"db_{layer}", f"delta_{layer}", a(layer - 1)
    yield (
        "times-first",
        f"{name} is multiplied by the first of {x}",
        f"{delta} {x}[1]",
        _times(lambda now: now.trace.a[before][:, :1]),
    )
    if n_in > 1:
        yield (
            "times-sum",
            f"{name} is multiplied by the sum of {x}",
            f"{delta} (sum of {x})",
            _times(lambda now: now.trace.a[before].sum(axis=1, keepdims=True)),
        )
        yield (
            "times-last",
            f"{name} is multiplied by the last of {x}",
            f"{delta} {x}[n_in]",
            _times(lambda now: now.trace.a[before][:, -1:]),
        )
    if n_in >= n_out > 1:
        title = f"{name} of each unit is multiplied by {x} of the same number"
        yield "times-own", title, f"{delta}[j] {x}[j]", _times(lambda now: now.trace.a[before][:, :n_out])
    if n_out > 1:
        yield (
            "over-units",
            f"{name} is summed over the units, too",
            f"sum of {delta}",
            (lambda db, now: lambda delta: np.full(n_out, db(delta).sum())),
        )


def _times(inputs: Inputs) -> Rewrite:
    return lambda db, now: lambda delta: db(delta * inputs(now))


def mean_slips(net: Network, training: Training) -> Iterator[Slip]:
    """The mean over the rows missing or taken twice in all dW or all db, or the last row's share alone."""
    if training.batch == 1:
        return
    yield _only_last(net, training)
    if len(net.layers) < 2:
        return
    every = [*weight_gradient_slips(net, training), *bias_gradient_slips(net, training)]
    kinds = (("dW", "weight_gradient", "a^T delta"), ("db", "bias_gradient", "sum of delta"))
    for name, stage, line in kinds:
        for key, words, written, factor in (
            ("rows", "is summed over the rows where the mean belongs", line, _by_rows(float)),
            ("per-rows", "is divided by the rows twice", f"1/n^2 {line}", _by_rows(lambda rows: 1 / rows)),
        ):
            singles = tuple(slip for slip in every if re.fullmatch(rf"{name}_\d+-{key}", slip.key))
            yield Slip(
                f"all-{name}-{key}", f"{name} of every layer {words}", "gradient", f"scale of all {name}", None,
                f"{name} = {written}", f"{name} = 1/n {line}", f"follow the mean over the rows into every {name}",
                together(*(on_stage(at, stage, factor) for at in range(len(net.layers)))), singles,
            )  # fmt: skip


def _only_last(net: Network, training: Training) -> Slip:
    every = [*weight_gradient_slips(net, training), *bias_gradient_slips(net, training)]
    singles = tuple(slip for slip in every if slip.key.endswith("-last-row"))
    return Slip(
        "all-last-row", "the gradient is the last row's share alone", "gradient", "rows", None,
        "g = 1/n g(row) for each row", "g = 1/n (g(row 1) + g(row 2) + ...)",
        "what is left of the first row's gradient when the last row's is there?",
        together(*(slip.change for slip in singles)), singles,
    )  # fmt: skip
