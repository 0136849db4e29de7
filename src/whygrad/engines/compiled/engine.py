"""The compiled engine: Numba and LLVM, the same numbers as the reference engine's, many times faster.

Numba is imported with the first chunk of work, not before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from whygrad.engines.compiled.layout import Shape, aligned, own, padded, shape_of, unpadded, work_size
from whygrad.engines.protocol import Advanced, Evaluated, Many, ManyAdvanced
from whygrad.history import State
from whygrad.maths import Array, Counts
from whygrad.model import BLOCK
from whygrad.network import Network
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.updates import UPDATES, constants, name_of
from whygrad.weights import trainable

_CLIPS = ("value", "norm", "global_norm")  # from 1; 0 is none
_SEEN = 96  # rows that are looked at together


class _Rule(NamedTuple):
    """What the kernels read of how a gradient is used."""

    rule: int
    constants: Array
    l1: float
    l2: float
    clip: int
    limit: float


class Compiled:
    """Kernels for every network, on one core or several; float64 and float32."""

    name: ClassVar[str] = "compiled"

    def gradients(self, net: Network, training: Training, w: Array, rows: Rows) -> tuple[float, Array]:
        """The mean loss of the rows and its gradient (P,), in blocks of rows as the reference engine's."""
        from whygrad.engines.compiled.kernels import gradient

        shape = shape_of(net, training.loss, w.dtype)
        held, g = padded(net, shape, w), aligned(int(shape.weights[-1]), w.dtype)
        at, work = _work(shape, min(BLOCK, len(rows)), w.dtype)
        total, summed = 0.0, np.zeros_like(w)
        for start in range(0, len(rows), BLOCK):
            block = np.arange(start, min(start + BLOCK, len(rows)))
            loss = gradient(shape, held, *_numbers(rows, w.dtype), block, work, at, g)
            share = len(block) / len(rows)
            total, summed = total + share * loss, summed + share * unpadded(net, shape, g)
        return total, summed.astype(w.dtype, copy=False)

    def advance(
        self, net: Network, training: Training, state: State, rows: Rows, order: Indices, rates: Array
    ) -> Advanced:
        """For each batch: gradient, then update, in one call."""
        from whygrad.engines.compiled.kernels import advance

        dtype, size = state.w.dtype, min(training.batch_size(len(order)), len(order))
        shape = shape_of(net, training.loss, dtype)
        w, memory = padded(net, shape, state.w), _memory(net, training, shape, state)
        frozen = np.zeros(0, dtype=bool)
        if training.freeze:
            frozen = padded(net, shape, np.where(trainable(net, training.freeze), 0, 1).astype(dtype)) > 0
        at, work = _work(shape, size, dtype)
        met = np.zeros(len(rates))
        largest = advance(
            shape, w, memory, aligned(len(w), dtype), *_numbers(rows, dtype), np.asarray(order, dtype=np.int64),
            size, np.asarray(rates, dtype=np.float64), state.t, _rule(training), frozen, work, at, met,
        )  # fmt: skip
        kept = tuple(unpadded(net, shape, memory[at : at + len(w)]) for at in range(0, len(memory), len(w)))
        moved = replace(state, w=unpadded(net, shape, w), memory=kept, t=state.t + len(rates))
        return Advanced(moved, met, float(largest))

    def advance_many(
        self, net: Network, training: Training, many: Many, rows: Rows, orders: Indices, rates: Array
    ) -> ManyAdvanced:
        """Many networks at once, one a vector lane; see `many`."""
        from whygrad.engines.compiled.many import advance_many

        return advance_many(net, training, _rule(training), many, _numbers(rows, many.w.dtype), orders, rates)

    def evaluate(self, net: Network, training: Training, w: Array, rows: Rows) -> Evaluated:
        """The loss and the outputs of rows under parameters that stay as they are."""
        from whygrad.engines.compiled.kernels import evaluate

        shape, dtype = shape_of(net, training.loss, w.dtype), w.dtype
        at, work = _work(shape, _SEEN, dtype)
        x, y, weights = _numbers(rows, dtype)
        found, outputs = np.empty(len(rows), dtype), np.empty((len(rows), net.outputs), dtype)
        evaluate(shape, padded(net, shape, w), x, y, 0, len(rows), _SEEN, work, at, found, outputs)
        wide = found.astype(np.float64)
        return Evaluated(float((wide * weights if len(weights) else wide).sum() / len(rows)), outputs)


def _rule(training: Training) -> _Rule:
    rule, clip = training.optimizer, training.clip
    if UPDATES.get(name_of(rule)) is not type(rule):
        raise own("optimizer", type(rule).__name__)
    return _Rule(
        list(UPDATES).index(name_of(rule)), np.array(constants(rule)), training.l1, training.l2,
        0 if clip is None else 1 + _CLIPS.index(clip.kind), 0.0 if clip is None else clip.limit,
    )  # fmt: skip


def _memory(net: Network, training: Training, shape: Shape, state: State) -> Any:
    """The memories one after the other, each in the engine's layout; zeros before the first step."""
    n, size = len(training.optimizer.memories), int(shape.weights[-1])
    memory = aligned(n * size, state.w.dtype)
    for number, one in enumerate(state.memory):
        memory[number * size : (number + 1) * size] = padded(net, shape, one)
    return memory


def _work(shape: Shape, rows: int, dtype: np.dtype[Any]) -> tuple[Counts, Array]:
    at, size = work_size(shape, rows)
    return at, aligned(size, dtype)


def _numbers(rows: Rows, dtype: np.dtype[Any]) -> tuple[Array, Array, Array]:
    """x, y and the row weights, none of them where there are none."""
    weights = np.zeros(0, dtype) if rows.weights is None else np.ascontiguousarray(rows.weights, dtype)
    return np.ascontiguousarray(rows.x, dtype), np.ascontiguousarray(rows.y, dtype), weights
