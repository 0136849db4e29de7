"""Conventions: right under another agreement, and therefore no mistake.

A `Convention` changes the procedure, as a slip does, but gradient and loss together, so that they tell the same
story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce

from whygrad.judgement.machine import Moment, Procedure, Stepper, Told
from whygrad.judgement.readings import Reading
from whygrad.judgement.slips import Slip
from whygrad.judgement.slips.slip import Change, on_penalty, on_stage, on_update, together
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.propagation import penalty
from whygrad.training import Training
from whygrad.updates import Memory


@dataclass(frozen=True)
class Convention:
    """Another agreement: what it is, and what whygrad and Keras use."""

    key: str
    title: str
    usual: str
    change: Change = field(compare=False, repr=False)
    needs_update: bool = False  # only an update that goes with it makes it one
    needs_loss: bool = False  # only a loss that goes with it makes it one
    scales: bool = False  # whether the gradient becomes so many times as large


@dataclass(frozen=True)
class Hypothesis:
    """What somebody's code may do: slips, under conventions, with its losses read that way."""

    slips: tuple[Slip, ...] = ()
    conventions: tuple[Convention, ...] = ()
    reading: Reading | None = None

    @property
    def procedure(self) -> Procedure:
        """The reference with all of it changed."""
        return reduce(lambda so_far, one: one.change(so_far), self.elements, Procedure())

    @property
    def elements(self) -> tuple[Slip | Convention, ...]:
        """Its slips, then its conventions."""
        return (*self.slips, *self.conventions)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of its slips and conventions."""
        return tuple(one.key for one in self.elements)

    @property
    def far_fetched(self) -> int:
        """How many of its slips are in the forward pass, which is rarely where a mistake is, and easily seen."""
        return sum(slip.where == "forward" for slip in self.slips)

    def __str__(self) -> str:
        parts = [one.title for one in self.elements]
        if self.reading is not None:
            parts.append(self.reading.title)
        return "; ".join(parts) or "as whygrad does it"


def conventions(net: Network, training: Training) -> tuple[Convention, ...]:
    """Every convention that network and training leave open."""
    return tuple(_conventions(net, training))


def _conventions(net: Network, training: Training) -> Iterator[Convention]:
    if training.loss.name == "mean_squared_error":
        usual = "whygrad and Keras use L = (y_hat - y)^2"
        yield _scaled(
            net, "half-squared-error", "half squared error: L = 1/2 (y_hat - y)^2", usual, lambda rows: 0.5
        )
    if training.batch != 1:
        usual = "whygrad and Keras use the mean over the rows of a batch"
        yield _scaled(net, "sum-over-rows", "the loss of a batch is the sum over its rows", usual, float)
    if net.outputs > 1:
        n = net.outputs
        if training.loss.over_outputs == "mean":
            usual = "whygrad and Keras use the mean over the outputs"
            yield _scaled(
                net, "sum-over-outputs", "a row's loss is the sum over its outputs", usual, lambda rows: float(n)
            )
        else:
            usual = "whygrad and Keras use the sum over the classes"
            yield _scaled(
                net, "mean-over-classes", "a row's loss is the mean over its classes", usual, lambda rows: 1 / n
            )
    if getattr(training.optimizer, "momentum", 0.0):
        usual = "whygrad, PyTorch and Keras add the whole gradient: v = momentum v + g"
        yield Convention(
            "damped-momentum", "momentum as a moving average: v = momentum v + (1 - momentum) g", usual,
            on_update(_damped),
        )  # fmt: skip
    yield Convention(
        "downhill-gradient", "the function returns the direction downhill, -gradient, and the update adds it",
        "whygrad returns the gradient, and the update subtracts it",
        lambda procedure: replace(procedure, returned="negative"), needs_update=True,
    )  # fmt: skip
    if training.l1 or training.l2:
        yield Convention(
            "penalty-in-update", "the gradient leaves out the penalty, which the update adds",
            "with whygrad, too, the update adds it; here both are counted to the gradient",
            lambda procedure: replace(procedure, returned="bare"), needs_update=True,
        )  # fmt: skip
        yield Convention(
            "penalized-loss", "the loss includes the penalty", "whygrad shows the penalty apart",
            on_stage(len(net.layers) - 1, "judge", _with_penalty),
        )  # fmt: skip
        yield Convention(
            "penalty-over-rows", "the penalty is divided by the rows, in the loss and in the gradient",
            "whygrad, Keras and PyTorch add the whole penalty, whatever the rows", _per_rows(net), needs_loss=True,
        )  # fmt: skip


def _per_rows(net: Network) -> Change:
    """The penalty divided by the rows of the batch, in the loss and in the gradient."""

    def judged(judge: Callable[..., Array], now: Moment) -> Callable[..., Array]:
        return lambda *given: judge(*given) + penalty(now.net, now.training, now.w) / len(now.rows)

    shared = on_penalty(lambda add: lambda now, g: g + (add(now, g) - g) / len(now.rows))
    return together(on_stage(len(net.layers) - 1, "judge", judged), shared)


def _scaled(net: Network, key: str, title: str, usual: str, factor: Callable[[int], float]) -> Convention:
    """Loss and gradient of a batch times a factor of its number of rows."""

    def judged(stage: Callable[..., Array], now: Moment) -> Callable[..., Array]:
        return lambda loss, g, z, a, y, xp: factor(len(y)) * stage(loss, g, z, a, y, xp)

    last = len(net.layers) - 1
    both = together(on_stage(last, "judge", judged), on_stage(last, "output_delta", judged))
    return Convention(key, title, usual, both, scales=True)


def _damped(update: Stepper) -> Stepper:
    def damped(now: Moment, told: Told) -> tuple[Array, Memory]:
        momentum = float(getattr(now.training.optimizer, "momentum"))  # noqa: B009
        return update(now, told._replace(g=(1 - momentum) * told.g))

    return damped


def _with_penalty(judge: Callable[..., Array], now: Moment) -> Callable[..., Array]:
    return lambda *given: judge(*given) + penalty(now.net, now.training, now.w)
