"""The machine: the reference's steps with single stages replaced, so that a mistake can be run and compared.

A `Procedure` says what is different from the reference: changed stages of `propagation`, a changed penalty, a
changed update, another loop. The empty procedure is the reference, to the bit. Nothing here is a second copy of
backpropagation: `forward_propagation`, `backward_propagation` and `update_parameters` do the work.

A changed stage is a function (stages of every layer, moment) -> stages of every layer. It is asked once for a
run; what its own arguments do not tell, it reads from the `Moment`, which the machine keeps up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from whygrad.judgement.observations import Probe
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import (
    REFERENCE,
    Stages,
    Trace,
    backward_propagation,
    forward_propagation,
    penalized,
    row_losses,
    update_parameters,
)
from whygrad.schedules import rates
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.updates import Memory
from whygrad.weights import LayerWeights, views

NOTHING = Trace((), ())  # before the first forward pass


class Told(NamedTuple):
    """What an update is told: the gradient (P,) with its penalty, the memories, the step from 1, the rate."""

    g: Array
    memory: Memory
    t: int
    rate: float


@dataclass(eq=False)
class Moment:
    """Where a run stands in a step. `trace` is there once the forward pass is done."""

    net: Network
    training: Training
    table_rows: int
    w: Array  # (P,)
    memory: Memory = ()
    t: int = 0
    rate: float = 0.0
    rows: Rows = field(default_factory=lambda: Rows(np.zeros((0, 0)), np.zeros((0, 0))))  # of this batch
    trace: Trace = NOTHING
    step: Callable[[Array], Array] = lambda g: g  # g (P,) without penalty -> the parameters after this update

    @property
    def layers(self) -> tuple[LayerWeights, ...]:
        """Each layer's W and b as they are before the update."""
        return views(self.net, self.w)


Layerwise = tuple[Stages, ...]
StageChange = Callable[[Layerwise, Moment], Layerwise]
Penalize = Callable[[Moment, Array], Array]
Stepper = Callable[[Moment, Told], tuple[Array, Memory]]


@dataclass(frozen=True)
class Loop:
    """How steps become epochs. The defaults are what the training says.

    - `order`: "reversed" goes through the rows from the last; "first" takes the first batch every time.
    - `batch`: rows an update instead of the training's: "one", or "all".
    - `last`: a last batch with too few rows is "dropped", or "carried" over into the next epoch.
    - `reset`: how long gradients add up: one "step", one "epoch", or "never" set back to 0; `adds` their "means",
      or the rows' "sums", of which the mean over the batch is taken then.
    - `stale`: the backward pass reads the forward values of the "step" before, or all values of an epoch are
      computed with the parameters of its start ("epoch").
    - `memory`: the optimizer's memories are "kept", or lost with every "epoch".
    - `start`: the parameters start "once", or again with every "epoch".
    - `losses`: what is met is "emptied" with every epoch, or goes on: a mean over all of it ("pooled"), or a
      total divided by the rows of the table ("summed").
    """

    order: Literal["told", "reversed", "first"] = "told"
    batch: Literal["told", "one", "all"] = "told"
    last: Literal["kept", "dropped", "carried"] = "kept"
    reset: Literal["step", "epoch", "never"] = "step"
    adds: Literal["means", "sums"] = "means"
    stale: Literal["no", "step", "epoch"] = "no"
    memory: Literal["kept", "epoch"] = "kept"
    start: Literal["once", "epoch"] = "once"
    losses: Literal["emptied", "pooled", "summed"] = "emptied"


@dataclass(frozen=True)
class Procedure:
    """What somebody does differently from the reference.

    `returned` is the gradient their function hands out: the "whole" one, "bare" of the penalty, or "negative",
    to be added in the update.
    """

    stages: tuple[StageChange, ...] = ()
    penalty: tuple[Callable[[Penalize], Penalize], ...] = ()
    update: tuple[Callable[[Stepper], Stepper], ...] = ()
    loop: Loop = Loop()
    returned: Literal["whole", "bare", "negative"] = "whole"


class Step(NamedTuple):
    """What one step made of a batch."""

    outputs: Array  # (rows, outputs)
    loss: float  # mean of the rows, without penalty
    gradient: Array  # (P,), as handed out
    w: Array  # (P,), after the update


class Machine:
    """A procedure at work: its stages made once, its parameters moved on step by step."""

    def __init__(self, procedure: Procedure, probe: Probe) -> None:
        self.procedure, self.start, self.table = procedure, probe.w, probe.rows
        self.now = Moment(probe.net, probe.training, len(probe.rows), probe.w)
        self.stages: Layerwise = (REFERENCE,) * len(probe.net.layers)
        for change in procedure.stages:
            self.stages = change(self.stages, self.now)
        self.penalize: Penalize = lambda now, g: penalized(now.net, now.training, now.w, g)
        for wrap in procedure.penalty:
            self.penalize = wrap(self.penalize)
        self.update = _update(_unpenalized(probe.training))
        for rewrite in procedure.update:
            self.update = rewrite(self.update)
        self.now.step = lambda g: self.moved(g)[0]
        self.total: Array | None = None  # gradients not yet set back to 0
        self.epoch_w, self.before = probe.w, NOTHING

    def moved(self, g: Array) -> tuple[Array, Memory]:
        """The parameters and memories after an update by g (P,), which has no penalty yet."""
        now = self.now
        return self.update(now, Told(self.penalize(now, g), now.memory, now.t, now.rate))

    def begin_epoch(self) -> None:
        """What is kept, and what starts anew."""
        loop, now = self.procedure.loop, self.now
        if loop.start == "epoch":
            now.w = self.start
        if loop.memory == "epoch":
            now.memory, now.t = (), 0
        if loop.reset == "epoch":
            self.total = None
        self.epoch_w = now.w

    def look(self, rows: Rows, rate: float) -> float:
        """Forward and judge: the batch's mean loss."""
        now, stale = self.now, self.procedure.loop.stale
        now.rows, now.rate, now.t = rows, rate, now.t + 1
        w = self.epoch_w if stale == "epoch" else now.w
        trace = forward_propagation(now.net, w, rows.x, stages=self.stages)
        now.trace = self._remembered(trace) if stale == "step" else trace
        return self._mean_loss(trace, rows)

    def gradient(self) -> Array:
        """Backward: the gradient (P,) of the batch that was looked at, without penalty."""
        now = self.now
        loss, rows = now.training.loss, now.rows
        return backward_propagation(now.net, now.w, now.trace, rows.y, loss, rows.weights, stages=self.stages).flat

    def move(self, g: Array) -> None:
        """The update by that gradient, or by what has added up since it was last set back to 0."""
        loop = self.procedure.loop
        rows = len(self.now.rows) if loop.adds == "sums" else 1
        kept = loop.reset != "step" and self.total is not None
        self.total = self.total + rows * g if kept else rows * g  # type: ignore[operator]
        self.now.w, self.now.memory = self.moved(self.total / rows if rows > 1 else self.total)

    def table_loss(self) -> float:
        """The mean loss of the whole table under the parameters as they are."""
        self.now.rows = self.table
        trace = forward_propagation(self.now.net, self.now.w, self.table.x, stages=self.stages)
        return self._mean_loss(trace, self.table)

    def handed_out(self, g: Array) -> Array:
        """The gradient as the code's own function returns it."""
        returned = self.procedure.returned
        if returned == "bare":
            return g
        whole = self.penalize(self.now, g)
        return -whole if returned == "negative" else whole

    def _mean_loss(self, trace: Trace, rows: Rows) -> float:
        losses = row_losses(self.now.net, self.now.training.loss, trace, rows.y, stages=self.stages)
        wide = losses.astype(np.float64)  # summed in float64 whatever the run's dtype, as the engines do
        return float((wide if rows.weights is None else wide * rows.weights).sum()) / len(rows)

    def _remembered(self, trace: Trace) -> Trace:
        """The trace of the step before, where it has as many rows."""
        before, self.before = self.before, trace
        return before if before.a and before.output.shape == trace.output.shape else trace


def _update(training: Training) -> Stepper:
    return lambda now, told: update_parameters(now.net, training, now.w, *told)


def _unpenalized(training: Training) -> Training:
    """The penalty is a step of its own here, so that it can be changed by itself."""
    return replace(training, l1=0.0, l2=0.0) if training.l1 or training.l2 else training


@np.errstate(all="ignore")  # a mistake may overflow; what is not finite agrees with nothing
def one_step(procedure: Procedure, probe: Probe) -> Step:
    """The probe's rows as one batch, the first update from its parameters."""
    (rate,) = rates(probe.training.schedule, probe.training.optimizer.learning_rate, 0, 0, 1, 1)
    machine = Machine(procedure, probe)
    loss = machine.look(probe.rows, float(rate))
    g = machine.gradient()
    handed = machine.handed_out(g)
    machine.move(g)
    return Step(machine.now.trace.output, loss, handed, machine.now.w)
