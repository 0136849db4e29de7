"""A kernel written out for one network's sizes, for row-by-row training (see `row_text`)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from whygrad.engines.compiled.layout import aligned
from whygrad.engines.compiled.row_text import (
    Plan,
    constants_read,
    head,
    indented,
    laid_out,
    largest_move,
    memories_of,
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
from whygrad.updates import constants

MOST_PARAMETERS = 8192


def fits(net: Network, training: Training) -> bool:
    """Whether runs of this network have such a kernel."""
    alone = training.batch == 1 and training.clip is None and not training.freeze
    return alone and net.n_parameters <= MOST_PARAMETERS


def advance(
    net: Network, training: Training, state: State, x: Array, y: Array, weights: Array, order: Any, rates: Any
) -> tuple[Array, tuple[Array, ...], Array, float]:
    """(w, memories, each row's loss before its update, the largest move): one update for each of `order`.

    x (rows, n_in), y (rows, n_out), weights (rows,) or none, in the state's dtype.
    """
    dtype = state.w.dtype
    kernel, held, size, places = _made(plan_of(net, training, len(weights) > 0, dtype.itemsize))
    h, v, met = aligned(held, dtype), aligned(size, dtype), np.empty(len(rates))
    for numbers, place in zip((state.w, *state.memory), places, strict=False):
        h[place] = numbers
    own = np.array([layer.activation.k for layer in net.layers])
    with first_calls((kernel.__module__,), dtype.name):
        largest = kernel(
            h, v, x, y, weights, order, rates, state.t, np.array(constants(training.optimizer)), own,
            training.loss.k, training.loss.share(net.outputs), training.l1, training.l2, 1, met,
        )  # fmt: skip
    w, *memory = (h[place] for place in places)
    return w, tuple(memory), met, float(largest)


def name(net: Network, training: Training, weighted: bool) -> str:
    """What the kernel of such runs is called in the folder of the kernels."""
    return named(_text(plan_of(net, training, weighted, np.dtype(training.dtype).itemsize)))


@cache
def _made(plan: Plan) -> tuple[Any, int, int, list[Counts]]:
    """(the kernel, how long h is, and v, where the parameters and each memory lie in h)."""
    layout = laid_out(plan)
    places, blocks = places_of(plan, layout), 1 + memories_of(plan)
    lie = [places + k * layout.held for k in range(blocks)]
    return written(_text(plan)), blocks * layout.held, layout.size, lie


def _text(plan: Plan) -> str:
    layout = laid_out(plan)
    return "\n".join([
        *head(plan),
        "@kernel",
        "def advance(h, v, x, y, weights, order, rates, t, k, own, loss_k, share, l1, l2, one, met):",
        "    wide()", "    xp = namespace(h)",
        *indented(constants_read(plan), 1),
        "    for now in range(len(rates)):",
        "        r, rate, count = order[now], rates[now], float(t + now + 1)",
        f"        for j in range({plan.sizes[0]}):",
        "            write_row(v, j, x[r, j])",
        *indented(row_lines(plan, layout), 2),
        *indented(largest_move(layout), 1), "",
    ])  # fmt: skip
