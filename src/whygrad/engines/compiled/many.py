"""Many small networks at once: dealt out in blocks of `LANES`, and the blocks to a thread for each core.

A block is lines of LANES numbers: w (P, LANES), the memories (memories P, LANES). Lanes left over in the last
block are networks of zeros that nobody asks for. Blocks and lanes never meet, so a network's bits depend neither
on its neighbours nor on the threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from whygrad.engines.compiled.lane_formulas import Formulas
from whygrad.engines.compiled.lanes import advance_lanes
from whygrad.engines.compiled.layout import LANES, activations_of, aligned, in_lanes, shape_of, work_lines
from whygrad.engines.protocol import Many, ManyAdvanced
from whygrad.maths import Array, Counts
from whygrad.network import Network
from whygrad.table import Indices
from whygrad.training import Training
from whygrad.updates import constants, name_of
from whygrad.weights import trainable


class _Block(NamedTuple):
    """One block after the last epoch."""

    w: Array  # (P, LANES)
    memory: Array  # (memories P, LANES)
    met: Array  # (epochs, LANES)
    held: Counts  # (LANES,)


def advance_many(
    net: Network,
    training: Training,
    use: Any,
    many: Many,
    numbers: tuple[Array, Array, Array],
    orders: Indices,
    rates: Array,
) -> ManyAdvanced:
    """As `Engine.advance_many`.

    `use` says how a gradient is used, `numbers` are x, y and row weights, as the other kernels read them.
    """
    dtype, (m, P), rule = many.w.dtype, many.w.shape, training.optimizer
    shape, memories = in_lanes(net, shape_of(net, training.loss, dtype)), len(rule.memories)
    formulas = Formulas(activations_of(net), training.loss.name, shape.fused, name_of(rule))
    frozen = np.logical_not(trainable(net, training.freeze)) if training.freeze else np.zeros(0, dtype=bool)
    size, told = training.batch_size(orders.shape[1]), np.ascontiguousarray(orders, dtype=np.int64)
    rates = np.broadcast_to(rates, (m, len(orders), -(-orders.shape[1] // size)))  # no other shape would do
    x, y, weights = numbers

    def one(start: int) -> _Block:
        part = slice(start, start + LANES)
        w, memory = _lines(P, dtype, many.w[part]), _lines(memories * P, dtype)
        for k, remembered in enumerate(many.memory):
            memory[k * P : (k + 1) * P] = _lines(P, dtype, remembered[part])
        met, held = np.zeros((len(orders), LANES)), np.zeros(LANES, dtype=np.int64)
        advance_lanes(
            shape, formulas, w, memory, _lines(P, dtype), _lines(work_lines(shape), dtype), x, y[:, :, np.newaxis],
            weights, told, size, _rates(rates[part]), many.t, use, constants(rule), frozen, met, held,
        )  # fmt: skip
        return _Block(w, memory, met, held)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        blocks = list(threads.map(one, range(0, m, LANES)))
    kept = [_networks([block.memory[k * P : (k + 1) * P] for block in blocks], m) for k in range(memories)]
    moved = Many(_networks([b.w for b in blocks], m), tuple(kept), many.t + orders.shape[0] * rates.shape[2])
    return ManyAdvanced(moved, _networks([b.met for b in blocks], m), _networks([b.held for b in blocks], m))


def _lines(n: int, dtype: np.dtype[Any], networks: Array | None = None) -> Array:
    """(n, LANES) that begins where a cache line does: the networks' (at most LANES, n), else zeros."""
    lines = aligned(n * LANES, dtype).reshape(n, LANES)
    if networks is not None:
        lines[:, : len(networks)] = networks.T
    return lines


def _rates(rates: Array) -> Array:
    """(epochs batches, LANES) from (at most LANES, epochs, batches)."""
    lines = np.zeros((*rates.shape[1:], LANES))
    lines[..., : len(rates)] = rates.transpose(1, 2, 0)
    return lines.reshape(-1, LANES)


def _networks(lines: list[Any], m: int) -> Any:
    """(m, n) out of the blocks' lines, each (n, LANES) or (LANES,)."""
    return np.ascontiguousarray(np.concatenate(lines, axis=-1)[..., :m].T)
