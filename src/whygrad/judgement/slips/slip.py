"""A slip: a known mistake, as one change of the reference's procedure, with the words to say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Literal

from whygrad.judgement.machine import Layerwise, Moment, Penalize, Procedure, Stepper
from whygrad.losses import Loss
from whygrad.maths import Array
from whygrad.network import Network

Where = Literal["forward", "loss", "gradient", "update", "loop"]
Change = Callable[[Procedure], Procedure]
Stage = Callable[..., Array]
Rewrite = Callable[[Stage, Moment], Stage]


@dataclass(frozen=True)
class Slip:
    """A known mistake in one place of one network.

    `written` is the line of mathematics as it is with the slip, `right` as it should be, `hint` the place
    without the answer. Two slips of one `part` exclude each other. `layer` counts from 1, None for all. A slip of
    several layers at once stands for its `singles`.
    """

    key: str
    title: str
    where: Where
    part: str
    layer: int | None
    written: str
    right: str
    hint: str
    change: Change = field(compare=False, repr=False)
    singles: tuple[Slip, ...] = field(default=(), compare=False, repr=False)

    @property
    def parts(self) -> frozenset[str]:
        """What it changes; slips that share a part exclude each other."""
        return frozenset(single.part for single in self.singles) or frozenset((self.part,))


def apart(slips: Sequence[Slip]) -> bool:
    """Whether no two of them change one part."""
    return len(frozenset().union(*(slip.parts for slip in slips))) == sum(len(slip.parts) for slip in slips)


# ---- how a change is said ----


def on_stage(at: int, stage: str, rewrite: Rewrite) -> Change:
    """One stage of layer `at` (from 0) rewritten from what it was and the moment."""

    def change(stages: Layerwise, now: Moment) -> Layerwise:
        return put(stages, at, **{stage: rewrite(getattr(stages[at], stage), now)})

    return lambda procedure: replace(procedure, stages=(*procedure.stages, change))


def together(*changes: Change) -> Change:
    """Several changes as one."""
    return lambda procedure: reduce(lambda so_far, change: change(so_far), changes, procedure)


def put(stages: Layerwise, at: int, **new: Stage) -> Layerwise:
    """The stages with some of layer `at` (from 0) replaced."""
    return (*stages[:at], stages[at]._replace(**new), *stages[at + 1 :])


def on_update(rewrite: Callable[[Stepper], Stepper]) -> Change:
    """The update rewritten from what it was."""
    return lambda procedure: replace(procedure, update=(*procedure.update, rewrite))


def on_penalty(rewrite: Callable[[Penalize], Penalize]) -> Change:
    """The penalty's part of the gradient rewritten from what it was."""
    return lambda procedure: replace(procedure, penalty=(*procedure.penalty, rewrite))


def on_loop(**policy: Any) -> Change:
    """Another policy of the loop."""
    return lambda procedure: replace(procedure, loop=replace(procedure.loop, **policy))


def scaled(factor: Callable[[Moment], float]) -> Rewrite:
    """A stage's result times a factor, which may depend on the moment."""
    return lambda stage, now: lambda *given: factor(now) * stage(*given)


def unfused(loss: Loss) -> Loss:
    """The loss without its shortcut, as a function of the output alone."""
    return replace(loss, shortcut=None)


# ---- how a line of mathematics is written ----


def a(layer: int) -> str:
    """What leaves layer `layer`: a_1, or x before the first."""
    return f"a_{layer}" if layer else "x"


def slope(net: Network, layer: int) -> str:
    """The factor of the activation's derivative in layer `layer` (from 1); nothing where it is linear."""
    name = net.layers[layer - 1].activation.name
    return "" if name == "linear" else f" * {name}'(z_{layer})"


def hidden_line(net: Network, layer: int) -> str:
    """The right line of a hidden layer's delta."""
    return f"delta_{layer} = delta_{layer + 1} W_{layer + 1}^T{slope(net, layer)}"


def output_line(net: Network, loss: Loss) -> str:
    """The right line of the output's delta, for one row."""
    last, n = len(net.layers), net.outputs
    share = f" / {n}" if n > 1 and loss.over_outputs == "mean" else ""
    if loss.fuses(net.output):
        return f"delta_{last} = (y_hat - y){share}" if share else f"delta_{last} = y_hat - y"
    by_output = f"2 (y_hat - y){share}" if loss.name == "mean_squared_error" else "dL/dy_hat"
    return f"delta_{last} = {by_output}{slope(net, last)}"
