"""The reference engine: NumPy, one batch after another, the steps of `propagation` in the order one reads them.

It promises to be right and plain. It does not promise to be fast: others are, and are held to its numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from whygrad.engines.protocol import Advanced, Evaluated, Many, ManyAdvanced
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import backward_propagation, forward_propagation, row_losses, update_parameters
from whygrad.state import State
from whygrad.table import BLOCK, Indices, Rows
from whygrad.training import Training


class Reference:
    """The engine one reads; float64, or float32 on request."""

    name: ClassVar[str] = "reference"

    def gradients(self, net: Network, training: Training, w: Array, rows: Rows) -> tuple[float, Array]:
        """Forward, judge, backward: the mean loss of the rows and its gradient (P,).

        Many rows go through in blocks, so that what they leave behind never fills the memory.
        """
        if len(rows) <= BLOCK:
            return _gradients(net, training, w, rows)
        total, summed = 0.0, np.zeros_like(w)
        for block in _blocks(rows):
            loss, g = _gradients(net, training, w, block)
            share = len(block) / len(rows)
            total, summed = total + share * loss, summed + share * g
        return total, summed

    def advance(
        self, net: Network, training: Training, state: State, rows: Rows, order: Indices, rates: Array
    ) -> Advanced:
        """For each batch: gradient, then update."""
        size = training.batch_size(len(order))
        w, memory, t = state.w, state.memory, state.t
        losses, largest = [], 0.0
        for start, rate in zip(range(0, len(order), size), rates, strict=True):
            loss, g = self.gradients(net, training, w, rows.take(order[start : start + size]))
            t += 1
            with np.errstate(all="ignore"):
                moved, memory = update_parameters(net, training, w, g, memory, t, float(rate))
                largest = max(largest, float(np.abs(moved - w).max()))
            w = moved
            losses.append(loss)
        return Advanced(replace(state, w=w, memory=memory, t=t), np.array(losses), largest)

    def advance_many(
        self, net: Network, training: Training, many: Many, rows: Rows, orders: Indices, rates: Array
    ) -> ManyAdvanced:
        """One network after the other, one epoch after the other."""
        states = [State(w, tuple(one[k] for one in many.memory), many.t) for k, w in enumerate(many.w)]
        losses, held = np.empty(rates.shape[:2]), np.zeros(len(states), dtype=np.int64)
        for k, state in enumerate(states):
            for epoch, order in enumerate(orders):
                moved = self.advance(net, training, state, rows, order, rates[k, epoch])
                state = states[k] = moved.state
                losses[k, epoch] = _epoch_loss(training, moved.losses, len(order))
                finite = all(np.isfinite(p).all() for p in (losses[k, epoch], state.w, *state.memory))
                held[k] += finite and held[k] == epoch
        w, *memory = (np.array(same) for same in zip(*((s.w, *s.memory) for s in states), strict=True))
        return ManyAdvanced(Many(w, tuple(memory), states[0].t), losses, held)

    def evaluate(self, net: Network, training: Training, w: Array, rows: Rows) -> Evaluated:
        """Forward and judge, block by block."""
        total, outputs = 0.0, []
        with np.errstate(all="ignore"):
            for block in _blocks(rows):
                trace = forward_propagation(net, w, block.x)
                losses = row_losses(net, training.loss, trace, block.y)
                total += _mean(losses, block.weights) * len(block)
                outputs.append(trace.output)
        return Evaluated(total / len(rows), np.concatenate(outputs))


@np.errstate(all="ignore")  # what is not finite is found, and named, by the loop
def _gradients(net: Network, training: Training, w: Array, rows: Rows) -> tuple[float, Array]:
    trace = forward_propagation(net, w, rows.x)
    losses = row_losses(net, training.loss, trace, rows.y)  # (rows,)
    back = backward_propagation(net, w, trace, rows.y, training.loss, rows.weights)
    return _mean(losses, rows.weights), back.flat


@np.errstate(all="ignore")
def _epoch_loss(training: Training, losses: Array, rows: int) -> float:
    """The mean over rows from those of the batches (batches,), the last of which may be smaller."""
    size = training.batch_size(rows)
    sizes = np.minimum(size, rows - size * np.arange(len(losses)))
    return float((losses * sizes).sum() / rows)


def _blocks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), BLOCK):
        yield rows.take(slice(start, start + BLOCK))


def _mean(losses: Array, weights: Array | None) -> float:
    """The mean over rows, summed in float64 whatever the run's dtype."""
    wide = losses.astype(np.float64)
    return float((wide if weights is None else wide * weights).mean())
