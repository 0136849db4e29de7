"""All parameters of a network are one flat vector w (P,); here its parts get names and start values.

The order is layer by layer: W (n_in, n_out) row by row, then b (n_out,). Views share memory with w, so an
optimizer, a model file and a comparison are loops over one vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from numbers import Real
from typing import NamedTuple

import numpy as np

from whygrad.errors import InputError, WrongTypeError, one_of
from whygrad.maths import Array
from whygrad.names import find_parameter
from whygrad.network import Network
from whygrad.printing import counted


class LayerWeights(NamedTuple):
    """One layer's parameters, or their gradients."""

    W: Array  # (n_in, n_out)
    b: Array  # (n_out,)


class Span(NamedTuple):
    """Where a layer lies in the flat vector."""

    n_in: int
    n_out: int
    start: int

    @property
    def middle(self) -> int:
        """Where W ends and b begins."""
        return self.start + self.n_in * self.n_out

    @property
    def stop(self) -> int:
        """Where the next layer begins."""
        return self.middle + self.n_out


@lru_cache(maxsize=64)
def spans(net: Network) -> tuple[Span, ...]:
    """Each layer's place in the flat vector."""
    found, start = [], 0
    for n_in, n_out in zip(net.sizes, net.sizes[1:], strict=False):
        found.append(Span(n_in, n_out, start))
        start = found[-1].stop
    return tuple(found)


def views(net: Network, w: Array) -> tuple[LayerWeights, ...]:
    """Each layer's W and b as views into w (P,): changing one changes the other."""
    return tuple(
        LayerWeights(w[s.start : s.middle].reshape(s.n_in, s.n_out), w[s.middle : s.stop]) for s in spans(net)
    )


def flatten(net: Network, arrays: Iterable[tuple[Array, Array]]) -> Array:
    """(W, b) of every layer -> one flat vector (P,). Raises `InputError` for a wrong shape."""
    pairs = [(np.asarray(W), np.asarray(b)) for W, b in arrays]
    if len(pairs) != len(net.layers):
        raise InputError(
            f"parameters: {counted(len(pairs), 'layer')} given, but the network has {len(net.layers)}"
        )
    for number, ((W, b), s) in enumerate(zip(pairs, spans(net), strict=True), start=1):
        if W.shape != (s.n_in, s.n_out) or b.shape != (s.n_out,):
            raise InputError(
                f"parameters: layer {number} has W {W.shape} and b {b.shape}, but needs "
                f"W {(s.n_in, s.n_out)} and b {(s.n_out,)}"
            )
    return np.concatenate([part.reshape(-1) for pair in pairs for part in pair])


@lru_cache(maxsize=64)
def is_weight(net: Network) -> Array:
    """(P,) of bool: True for weights, False for biases. Penalties count weights only."""
    mask = np.zeros(net.n_parameters, dtype=bool)
    for s in spans(net):
        mask[s.start : s.middle] = True
    mask.setflags(write=False)
    return mask


@lru_cache(maxsize=64)
def trainable(net: Network, freeze: tuple[str, ...]) -> Array:
    """(P,) of bool: False for what is frozen. Each entry of `freeze` is a layer ("2") or a name ("W_211").

    Raises `InputError` for a layer or parameter that is not there.
    """
    mask = np.ones(net.n_parameters, dtype=bool)
    for entry in freeze:
        if entry.strip().isdecimal():
            number = int(entry)
            if not 1 <= number <= len(net.layers):
                raise InputError(f"freeze: layer {number} is not there; the network has 1 to {len(net.layers)}")
            s = spans(net)[number - 1]
            mask[s.start : s.stop] = False
        else:
            try:
                mask[find_parameter(net, entry)] = False
            except InputError as problem:
                raise InputError(f"freeze: {problem}") from None
    mask.setflags(write=False)
    return mask


Draw = Callable[[np.random.Generator, Span, float], Array]  # (generator, layer, scale) -> W (n_in, n_out)


def _orthogonal(draw: np.random.Generator, s: Span, scale: float) -> Array:
    tall = draw.standard_normal((max(s.n_in, s.n_out), min(s.n_in, s.n_out)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # makes the draw uniform over orthogonal matrices (Mezzadri 2007)
    return scale * (q if s.n_in >= s.n_out else q.T)


# name -> (how W is drawn, its scale when none is given)
_DRAWS: dict[str, tuple[Draw, float]] = {
    "uniform": (lambda draw, s, k: draw.uniform(-k, k, (s.n_in, s.n_out)), 0.5),
    "normal": (lambda draw, s, k: draw.normal(0, k, (s.n_in, s.n_out)), 0.05),
    "glorot": (
        lambda draw, s, k: k * draw.uniform(-1, 1, (s.n_in, s.n_out)) * math.sqrt(6 / (s.n_in + s.n_out)),
        1.0,
    ),
    "he": (lambda draw, s, k: draw.normal(0, k * math.sqrt(2 / s.n_in), (s.n_in, s.n_out)), 1.0),
    "lecun": (lambda draw, s, k: draw.normal(0, k * math.sqrt(1 / s.n_in), (s.n_in, s.n_out)), 1.0),
    "orthogonal": (_orthogonal, 1.0),
}
STARTS = ("a number", "zeros", "distinct", *_DRAWS)

Init = str | float | Sequence[tuple[Array, Array]]


def initialize_parameters(net: Network, init: Init = "glorot", seed: int = 0) -> Array:
    """Start values as one flat vector (P,) of float64; biases start at 0 unless said otherwise.

    `init` is
    - a number, or its text: every weight that, as the lecture's 0.1; "zeros" is 0;
    - "distinct": P values evenly between 0.1 and 0.2, biases too, so that no two parameters are alike and
      a transposition shows: 0.11, 0.12 ... 0.19 for nine parameters;
    - "uniform:0.5" (between -0.5 and 0.5), "normal:0.05" (its standard deviation);
    - "glorot" (uniform; Glorot & Bengio 2010; Keras's default), "he" (normal; He et al. 2015), "lecun"
      (normal; LeCun et al. 1998), "orthogonal" (Saxe et al. 2014); a number after a colon multiplies them;
    - (W, b) of every layer.

    "he" and "lecun" are plain normal draws, as PyTorch's `kaiming_normal_`; Keras's he_normal and lecun_normal cut
    the normal off at two standard deviations and widen it to the same variance.

    Random starts draw from `default_rng((seed, 0))`. Raises `InputError` or `WrongTypeError` for anything else.
    """
    if not isinstance(init, str | Real):
        return _given(net, init)
    text = str(init).strip().lower()
    if text == "distinct":
        return 0.1 + 0.1 * np.arange(1, net.n_parameters + 1) / (net.n_parameters + 1)
    base, _, number = text.partition(":")
    w = np.zeros(net.n_parameters)
    if base in _DRAWS:
        rule, usual = _DRAWS[base]
        scale = usual if not number else _number(init, number)
        if scale < 0:
            raise InputError(f"init: {init!r} has a scale below 0; give 0 or more")
        generator = np.random.default_rng((seed, 0))
        for s, layer in zip(spans(net), views(net, w), strict=True):
            layer.W[:] = rule(generator, s, scale)
        return w
    w[is_weight(net)] = 0.0 if text == "zeros" else _number(init, text)
    return w


def _given(net: Network, init: object) -> Array:
    try:
        w = flatten(net, init).astype(np.float64)  # type: ignore[arg-type]
    except InputError:
        raise
    except (TypeError, ValueError):
        raise WrongTypeError(
            f"init is a {type(init).__name__}, but must be a name, a number or (W, b) of every layer"
        ) from None
    for number, layer in enumerate(views(net, w), start=1):
        for part, values in zip("Wb", layer, strict=True):
            bad = values[~np.isfinite(values)]
            if bad.size:
                raise InputError(f"parameters: layer {number} has {bad[0]} in {part}; give finite numbers")
    return w


def _number(init: object, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise one_of("init", init, STARTS) from None
    if not math.isfinite(value):
        raise InputError(f"init: {init!r} is not a finite number")
    return value
