"""Row-by-row gradient descent at the speed of matrix products: exact algebra for the first layer, block by block.

In a block of rows that starts at W0, row t meets W_t = W0 - sum over s < t of x_s d_s', where d_s is the rate
times delta of row s. So its z is

    z_t = x_t W0 + b_t - sum over s < t of (x_t . x_s) d_s

and W after the block is W0 - X' D. Three products of the whole block and a short correction per row take the place
of reading and writing W for every row; the layers behind are updated row by row (see `row_text`). It is the
reference's own sequence of updates; only the order of additions is another.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from whygrad.engines.compiled.layout import LINE, aligned, rounded
from whygrad.engines.compiled.row_text import (
    Layout,
    Plan,
    constants_read,
    head,
    indented,
    laid_out,
    largest_move,
    places_of,
    plan_of,
    row_lines,
)
from whygrad.engines.compiled.waiting import first_calls
from whygrad.engines.compiled.written import named, written
from whygrad.maths import Array, Counts
from whygrad.network import Network
from whygrad.state import State
from whygrad.training import Training
from whygrad.updates import name_of

ROWS = 32  # rows of a block, a multiple of every vector
FEWEST_INPUTS = 48  # below, reading and writing W costs less than the products


def fits(net: Network, training: Training) -> bool:
    """Whether rows can be taken in blocks though each has its update: plain descent, and many inputs."""
    plain = name_of(training.optimizer) == "sgd" and training.clip is None and not training.freeze
    unpenalized = training.l1 == 0 and training.l2 == 0
    return training.batch == 1 and plain and unpenalized and net.inputs >= FEWEST_INPUTS


def advance(
    net: Network, training: Training, state: State, x: Array, y: Array, weights: Array, order: Any, rates: Any
) -> tuple[Array, tuple[Array, ...], Array, float]:
    """As `sized.advance`."""
    dtype = state.w.dtype
    plan = plan_of(net, training, len(weights) > 0, dtype.itemsize, in_blocks=True)
    kernel, layout, places = _made(plan)
    h, v, met = aligned(layout.held, dtype), aligned(layout.size, dtype), np.empty(len(rates))
    h[places] = state.w
    step, width = rounded(net.inputs, LINE // dtype.itemsize), layout.layers[0].width
    block, turned, z, moves, dots = (aligned(ROWS * n, dtype) for n in (step, step, width, width, ROWS))
    own = np.array([layer.activation.k for layer in net.layers])
    with first_calls((kernel.__module__,), dtype.name):
        largest = kernel(
            h, v, block, turned, z, moves, dots, x, y, weights, order, rates, own, training.loss.k,
            training.loss.share(net.outputs), 1, met,
        )  # fmt: skip
    return h[places], (), met, float(largest)


def name(net: Network, training: Training, weighted: bool) -> str:
    """What the kernel of such runs is called in the folder of the kernels."""
    size = np.dtype(training.dtype).itemsize
    return named(_text(plan_of(net, training, weighted, size, in_blocks=True)))


@cache
def _made(plan: Plan) -> tuple[Any, Layout, Counts]:
    """(the kernel, where everything lies, and where the parameters do in h)."""
    layout = laid_out(plan)
    return written(_text(plan)), layout, places_of(plan, layout)


def _text(plan: Plan) -> str:
    layout = laid_out(plan)
    first, n_in = layout.layers[0], plan.sizes[0]
    step, down = rounded(n_in, plan.vector), (first.b - first.W) // first.width
    return "\n".join([
        "from whygrad.engines.compiled.block_of_rows import fill",
        "from whygrad.engines.compiled.tile import grow, product",
        *head(plan),
        "@kernel",
        "def advance(h, v, block, turned, z, moves, dots, x, y, weights, order, rates, own, loss_k, share, one,",
        "            met):",
        "    wide()", "    xp, k, l1, l2 = namespace(h), (), 0.0, 0.0",
        *indented(constants_read(plan), 1),
        f"    for start in range(0, len(rates), {ROWS}):",
        f"        m = min({ROWS}, len(rates) - start)",
        f"        fill(x, order[start : start + m], {n_in}, {step}, block, turned, dots)",
        f"        product(block, 0, {step}, 1, h, {first.W}, {down}, 0, z, 0, 1, {first.width}, {ROWS},",
        f"                {first.width}, {n_in})",
        "        for nth in range(m):",
        "            now, r, rate, count = start + nth, order[start + nth], rates[start + nth], 1.0",
        *indented(_first_z(first.z, first.b, first.width), 3),
        *indented(row_lines(plan, layout), 3),
        *indented(_first_move(layout, first.d, first.b, first.width, step), 3),
        f"        grow(block, 0, 1, {step}, moves, 0, 1, {first.width}, h, {first.W}, {down}, 0, {down},",
        f"             {first.width}, m)",
        *indented(largest_move(layout), 1), "",
    ])  # fmt: skip


def _first_z(z: int, b: int, width: int) -> list[str]:
    """z of the first layer: what the block's product says, and the moves of the rows before in this block."""
    return [
        f"for j in range({width} * one):",
        f"    write_row(v, {z} + j, read_row(z, nth * {width} + j) + read_held(h, {b} + j))",
        f"add_rows(v, {z}, dots, nth * {ROWS}, moves, 0, {width}, nth)",
    ]


def _first_move(layout: Layout, d: int, b: int, width: int, step: int) -> list[str]:
    """What the row moves: b at once, W with the block."""
    return [
        f"widest = size_bits(read_row(block, nth * {step}))",
        f"for j in range({step} * one):",
        f"    widest = max(widest, size_bits(read_row(block, nth * {step} + j)))",
        "reach = larger(of_bits(widest), xp.c(1.0))",
        f"for j in range({width} * one):",
        f"    move = -xp.c(rate) * read_row(v, {d} + j)",
        f"    write_row(moves, nth * {width} + j, move)",
        f"    write_held(h, {b} + j, read_held(h, {b} + j) + move)",
        f"    top = max(size_bits(read_row(v, {layout.top} + j)), size_bits(move * reach))",
        f"    write_row(v, {layout.top} + j, of_bits(top))",
    ]
