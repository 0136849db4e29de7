"""How the compiled engine lays out a network: every row of every matrix padded to whole vectors.

The engine keeps its own copy of the parameters. Layer l is W (rows, width) and then b (width,), where `width` is
n_out and `rows` is n_in, each rounded up; what is padding is 0 at first, is never read into a sum, and never
comes back out. Activations are (batch rows, width) with the same widths.

W lies in panels of two vectors' columns, one after the other, each (rows, columns of the panel): a tile goes down
a panel line by line, where in a whole W it would leap from page to page. Column j begins at row 0 of its panel,
rows x j numbers after W begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from whygrad.activations import ACTIVATIONS
from whygrad.errors import InputError
from whygrad.losses import LOSSES, Loss
from whygrad.maths import Array, Counts, Mask
from whygrad.network import Network
from whygrad.weights import spans

LINE = 64  # bytes of a cache line, where every row begins
LOW = 4  # rows of the lowest tile
LOOK = -2  # given as a rule's number: only look, see `kernels.advance`
LANES = 64
ROOM = 32  # int64s, all 0 at first, with which threads wait for each other


class Shape(NamedTuple):
    """What kernels read of a network and its loss: one entry a layer, the inputs first in `sizes` and `widths`.

    Formulas are told by their place in ACTIVATIONS and LOSSES.
    """

    sizes: Counts  # units: inputs, then each layer's
    widths: Counts  # the same, rounded up to whole vectors
    weights: Counts  # where each layer's W begins
    biases: Counts  # where each layer's b begins
    activations: Counts
    constants: Array  # each activation's constant, float64
    loss: int
    loss_constant: float
    fused: bool  # whether loss and output are a shortcut
    share: float  # what one output counts for in its row's loss
    panel: int  # columns of a panel of W
    whole: Mask  # whether each layer's activation looks at a whole row


def own_formula(what: str, name: str) -> InputError:
    """A formula that no kernel has."""
    return InputError(f"{what} {name!r} is your own, and the compiled engine has only whygrad's; take 'reference'")


def rounded(n: int, to: int) -> int:
    """n, rounded up to a multiple."""
    return -(-n // to) * to


def refuse_own(net: Network, loss: Loss) -> None:
    """Raises `InputError` for an activation or loss of one's own."""
    for layer in net.layers:
        g = layer.activation
        if not _same(ACTIVATIONS.get(g.name), g, "value_rule", "pull_rule"):
            raise own_formula("activation", g.name)
    if not _same(LOSSES.get(loss.name), loss, "value_rule", "pull_rule", "shortcut"):
        raise own_formula("loss", loss.name)


def _same(known: object, given: object, *rules: str) -> bool:
    """Whether what is given has the rules of what is known by its name; its constant may be another."""
    return known is given or all(getattr(known, rule, None) == getattr(given, rule) for rule in rules)


def shape_of(net: Network, loss: Loss, dtype: np.dtype[np.generic]) -> Shape:
    """The shape for numbers of that type. Raises `InputError` for a formula of one's own."""
    refuse_own(net, loss)
    vector = LINE // dtype.itemsize
    widths = [rounded(n, vector) for n in net.sizes]
    weights, biases, start = [], [], 0
    for n_in, width in zip(net.sizes, widths[1:], strict=False):
        weights.append(start)
        biases.append(start + rounded(n_in, LOW) * width)
        start = biases[-1] + width
    names, losses = list(ACTIVATIONS), list(LOSSES)
    return Shape(
        np.array(net.sizes), np.array(widths), np.array([*weights, start]), np.array(biases),
        np.array([names.index(layer.activation.name) for layer in net.layers]),
        np.array([layer.activation.k for layer in net.layers]),
        losses.index(loss.name), loss.k, loss.fuses(net.output) is not None, loss.share(net.outputs), 2 * vector,
        np.array([not layer.activation.elementwise for layer in net.layers]),
    )  # fmt: skip


def activations_of(net: Network) -> tuple[str, ...]:
    """The names of the network's activations, each once."""
    return tuple(dict.fromkeys(layer.activation.name for layer in net.layers))


def in_lanes(net: Network, shape: Shape) -> Shape:
    """The same shape with nothing padded, where places count lines of lanes in the order of the flat vector.

    Activations are told by their place in `activations_of`.
    """
    places, names = spans(net), activations_of(net)
    return shape._replace(
        widths=shape.sizes,
        activations=np.array([names.index(layer.activation.name) for layer in net.layers]),
        weights=np.array([*(s.start for s in places), net.n_parameters]),
        biases=np.array([s.middle for s in places]),
    )


def aligned(n: int, dtype: np.dtype[np.generic]) -> Array:
    """n zeros that begin where a cache line does."""
    extra = LINE // dtype.itemsize
    made = np.zeros(n + extra, dtype=dtype)
    first = (-made.ctypes.data // dtype.itemsize) % extra
    return made[first : first + n]


def padded(net: Network, shape: Shape, w: Array) -> Array:
    """w (P,) in the engine's layout."""
    out = aligned(int(shape.weights[-1]), w.dtype)
    for at, s in enumerate(spans(net)):
        W = w[s.start : s.middle].reshape(s.n_in, s.n_out)
        for j, panel in _panels(shape, at, out):
            columns = W[:, j : j + panel.shape[1]]
            panel[: s.n_in, : columns.shape[1]] = columns
        b = int(shape.biases[at])
        out[b : b + s.n_out] = w[s.middle : s.stop]
    return out


def unpadded(net: Network, shape: Shape, padded_w: Array) -> Array:
    """(P,) out of the engine's layout."""
    w = np.empty(net.n_parameters, dtype=padded_w.dtype)
    for at, s in enumerate(spans(net)):
        W = w[s.start : s.middle].reshape(s.n_in, s.n_out)
        for j, panel in _panels(shape, at, padded_w):
            columns = W[:, j : j + panel.shape[1]]
            columns[:] = panel[: s.n_in, : columns.shape[1]]
        b = int(shape.biases[at])
        w[s.middle : s.stop] = padded_w[b : b + s.n_out]
    return w


def _panels(shape: Shape, layer: int, w: Array) -> Iterator[tuple[int, Array]]:
    """(first column, (rows, columns) as a view) of each panel of a layer's W."""
    width, W, b = int(shape.widths[layer + 1]), int(shape.weights[layer]), int(shape.biases[layer])
    rows = (b - W) // width
    for j in range(0, width, shape.panel):
        columns = min(shape.panel, width - j)
        yield j, w[W + j * rows : W + (j + columns) * rows].reshape(rows, columns)


def work_size(shape: Shape, rows: int) -> tuple[Counts, int]:
    """(where each buffer begins, how many numbers in all) for batches of so many rows.

    In this order: x, y, then each layer's z, a and delta, (rows, width) each; then each layer's W turned, (width,
    width before) in panels too, of which the first is never needed and has no room.
    """
    high, widths = rounded(rows, LOW), shape.widths.tolist()
    wide = [widths[0], widths[-1], *(width for width in widths[1:] for _ in range(3))]
    turned = [before * width for before, width in pairwise(widths[1:])]
    ends = np.cumsum([0, *(high * width for width in wide), 0, *turned])
    return ends[:-1], int(ends[-1])


def work_lines(shape: Shape) -> int:
    """Lines of lanes for one row of many networks: x, then each layer's z, a and delta, then the row's loss."""
    return int(shape.sizes[0] + 3 * shape.sizes[1:].sum()) + 1
