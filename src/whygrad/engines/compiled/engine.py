"""The compiled engine: Numba and LLVM, the same numbers as the reference engine's, many times faster.

Numba is imported with the first chunk of work, not before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from whygrad.engines.compiled import blocks, sized, small
from whygrad.engines.compiled.layout import (
    LOOK,
    Shape,
    aligned,
    own_formula,
    padded,
    refuse_own,
    shape_of,
    unpadded,
    work_size,
)
from whygrad.engines.compiled.together import cores, team_for, together
from whygrad.engines.compiled.waiting import KERNELS, first_calls, kernel
from whygrad.engines.protocol import Advanced, Evaluated, Many, ManyAdvanced
from whygrad.losses import LOSSES
from whygrad.maths import Array, Counts
from whygrad.network import Dense, Network
from whygrad.state import State
from whygrad.table import BLOCK, Indices, Rows
from whygrad.training import Training
from whygrad.updates import SGD, UPDATES, constants, name_of
from whygrad.weights import trainable

_CLIPS = ("value", "norm", "global_norm")  # from 1; 0 is none
_SEEN = 96  # rows that are looked at together
_A_THREAD = 40 * _SEEN  # rows that are worth a thread


class _Rule(NamedTuple):
    """What the kernels read of how a gradient is used."""

    rule: int
    constants: Array
    l1: float
    l2: float
    clip: int
    limit: float


_NO_RULE, _LOOK = (_Rule(rule, np.zeros(0), 0.0, 0.0, 0, 0.0) for rule in (-1, LOOK))


class Compiled:
    """Kernels for every network, on one core or several; float64 and float32."""

    name: ClassVar[str] = "compiled"

    def refuse(self, net: Network, training: Training) -> None:
        """Raises `InputError` for a formula of one's own, which no kernel has."""
        refuse_own(net, training.loss)
        if UPDATES.get(name_of(training.optimizer)) is not type(training.optimizer):
            raise own_formula("optimizer", type(training.optimizer).__name__)

    def kernels(self, net: Network, training: Training, weighted: bool) -> tuple[str, ...]:
        """The kernels that a run needs, by their names in the folder of the kernels; `weighted` by row weights."""
        own = _own_kernel(net, training)
        return KERNELS if own is None else (*KERNELS, own.name(net, training, weighted))

    def get_ready(self, dtype: str) -> None:
        """Has what a run needs compiled, or loaded from the cache, by a run of one row."""
        with first_calls(KERNELS, dtype):
            net, training = Network(1, (Dense(1, "linear"),)), Training(LOSSES["mean_squared_error"], SGD())
            self.evaluate(net, training, np.zeros(2, dtype), Rows(*np.zeros((2, 1, 1), dtype)))

    def gradients(self, net: Network, training: Training, w: Array, rows: Rows) -> tuple[float, Array]:
        """The mean loss of the rows and its gradient (P,), in blocks of rows as the reference engine's."""
        advance, dtype, most = kernel("advance", w.dtype.name), w.dtype, min(BLOCK, len(rows))
        shape = shape_of(net, training.loss, dtype)
        held, g, nothing = padded(net, shape, w), aligned(int(shape.weights[-1]), dtype), np.zeros(0, dtype)
        (at, work), (shares, found), met = _work(shape, most, dtype), np.empty((2, most), dtype), np.empty(1)
        total, summed = 0.0, np.zeros_like(w)
        for start in range(0, len(rows), BLOCK):
            block = np.arange(start, min(start + BLOCK, len(rows)))
            given = (
                shape, held, nothing, g, *_numbers(rows, dtype), block, len(block), np.zeros(1), 0, _NO_RULE,
                np.zeros(0, dtype=bool), nothing, work, at, shares, found, met,
            )  # fmt: skip
            together(advance, given, team_for(net.n_parameters * len(block), len(block)))
            share = len(block) / len(rows)
            total, summed = total + share * float(met[0]), summed + share * unpadded(net, shape, g)
        return total, summed.astype(dtype, copy=False)

    def advance(
        self, net: Network, training: Training, state: State, rows: Rows, order: Indices, rates: Array
    ) -> Advanced:
        """For each batch: gradient, then update, in one call."""
        self.refuse(net, training)
        at_once = np.asarray(order, dtype=np.int64), np.array(rates, dtype=np.float64)
        own = _own_kernel(net, training)
        if own is not None:
            numbers = _numbers(rows, state.w.dtype)
            w, kept, met, largest = own.advance(net, training, state, *numbers, *at_once)
            return Advanced(replace(state, w=w, memory=kept, t=state.t + len(rates)), met, largest)
        dtype, size = state.w.dtype, min(training.batch_size(len(order)), len(order))
        shape, rule = shape_of(net, training.loss, dtype), _rule(training)
        w, memory = padded(net, shape, state.w), _memory(net, training, shape, state)
        frozen = np.zeros(0, dtype=bool)
        if training.freeze:
            frozen = padded(net, shape, np.where(trainable(net, training.freeze), 0, 1).astype(dtype)) > 0
        at, work = _work(shape, size, dtype)
        met, (shares, found) = np.zeros(len(rates)), np.empty((2, size), dtype)
        given = (
            shape, w, memory, aligned(len(w), dtype), *_numbers(rows, dtype), at_once[0], size, at_once[1],
            state.t, rule, frozen, np.empty(len(frozen), dtype), work, at, shares, found, met,
        )  # fmt: skip
        largest = together(kernel("advance", dtype.name), given, team_for(net.n_parameters * size, size))
        kept = tuple(unpadded(net, shape, memory[at : at + len(w)]) for at in range(0, len(memory), len(w)))
        moved = replace(state, w=unpadded(net, shape, w), memory=kept, t=state.t + len(rates))
        return Advanced(moved, met, largest)

    def advance_many(
        self, net: Network, training: Training, many: Many, rows: Rows, orders: Indices, rates: Array
    ) -> ManyAdvanced:
        """Many networks at once, one a vector lane; see `many`."""
        from whygrad.engines.compiled.many import advance_many

        self.refuse(net, training)
        return advance_many(net, training, _rule(training), many, _numbers(rows, many.w.dtype), orders, rates)

    def evaluate(self, net: Network, training: Training, w: Array, rows: Rows) -> Evaluated:
        """The loss and the outputs of rows under parameters that stay as they are."""
        advance, dtype, n = kernel("advance", w.dtype.name), w.dtype, net.outputs
        shape = shape_of(net, training.loss, dtype)
        held, nothing, (x, y, weights) = padded(net, shape, w), np.zeros(0, dtype), _numbers(rows, dtype)
        found, outputs = np.empty(len(rows), dtype), np.empty(len(rows) * n, dtype)

        def look(start: int, stop: int) -> None:
            at, work = _work(shape, _SEEN, dtype)
            given = (
                shape, held, found[start:stop], outputs[start * n : stop * n], x, y, nothing,
                np.arange(start, stop), _SEEN, np.zeros(-(-(stop - start) // _SEEN)), 0, _LOOK,
                np.zeros(0, dtype=bool), nothing, work, at, nothing, np.empty(_SEEN, dtype), np.zeros(0),
            )  # fmt: skip
            together(advance, given, 1)

        look(0, min(_A_THREAD, len(rows)))  # compiles, if need be, before there are threads
        left = range(_A_THREAD, len(rows), _A_THREAD)
        if len(left):
            from concurrent.futures import ThreadPoolExecutor  # as much to load as many a whole job

            # rows do not know of each other: the same bits whatever the number of threads
            with ThreadPoolExecutor(cores()) as threads:
                list(threads.map(look, left, [min(start + _A_THREAD, len(rows)) for start in left]))
        wide = found.astype(np.float64)
        loss = (wide * weights if len(weights) else wide).sum() / len(rows)
        return Evaluated(float(loss), outputs.reshape(len(rows), n))


def _own_kernel(net: Network, training: Training) -> Any:
    """The module that writes a kernel out for just such runs, if there is one."""
    return next((one for one in (small, blocks, sized) if one.fits(net, training)), None)


def _rule(training: Training) -> _Rule:
    rule, clip = training.optimizer, training.clip
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
