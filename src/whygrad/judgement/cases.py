"""What is compared: answers to probes, cut into blocks in the order in which backpropagation makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from whygrad.judgement.machine import Step
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.tolerances import DOUBLE, SINGLE, Precision, Slack, slack
from whygrad.maths import Array, Mask
from whygrad.names import parameter_names
from whygrad.network import Network
from whygrad.weights import spans

Aspect = Literal["outputs", "loss", "gradient", "stepped"]


class Block(NamedTuple):
    """Numbers that are right or wrong together: the outputs, the loss, or one layer's W or b."""

    aspect: Aspect
    name: str  # "dW_1"
    layer: int  # from 1; 0 for outputs and loss
    start: int  # where it begins in the aspect's flat numbers
    stop: int | None  # and ends

    @property
    def part(self) -> slice:
        """Its place in the aspect's flat numbers."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, eq=False)
class Case:
    """A probe with its answer, made ready to be compared."""

    probe: Probe
    theirs: dict[Aspect, Array]  # each flat
    slack: dict[Aspect, Array]  # each flat: how far a number may be off
    kinks: Array  # (P,): what of the gradient's slack is the choice of a side at a kink
    precision: Precision
    blocks: tuple[Block, ...]
    derived: bool  # whether the gradient is their step divided by the rate

    def ours(self, step: Step, aspect: Aspect) -> Array:
        """What a step says of an aspect, flat."""
        if aspect == "outputs":
            return step.outputs.reshape(-1)
        if aspect == "loss":
            return np.array([step.loss])
        if aspect == "stepped":
            return step.w
        return (self.probe.w - step.w) / _rate(self.probe) if self.derived else step.gradient

    def bound(self, ours: Array, aspect: Aspect, part: slice) -> Array:
        """How far their numbers may be from ours: rounding grows with what a mistake makes larger."""
        moved = ours - self.probe.w[part] if aspect == "stepped" else ours
        return np.asarray(self.slack[aspect][part] + self.precision.relative * np.abs(moved))

    def agrees(self, step: Step, block: Block) -> bool:
        """Whether the step says what they say of that block."""
        return not self.wrong(step, block.aspect, block.part).any()

    def wrong(self, step: Step, aspect: Aspect, part: slice = slice(None)) -> Mask:
        """Which of their numbers are not the step's; what is not a number never is."""
        ours = self.ours(step, aspect)[part]
        return np.asarray(~(np.abs(self.theirs[aspect][part] - ours) <= self.bound(ours, aspect, part)))


def make_cases(probes: Sequence[Probe], answers: Sequence[Answer], aspects: Sequence[Aspect]) -> tuple[Case, ...]:
    """A case for each probe that was answered in any of these aspects."""
    made = (_case(probe, answer, aspects) for probe, answer in zip(probes, answers, strict=True))
    return tuple(case for case in made if case.theirs)


def _case(probe: Probe, answer: Answer, aspects: Sequence[Aspect]) -> Case:
    given = {aspect: getattr(answer, aspect) for aspect in aspects}
    theirs: dict[Aspect, Array] = {k: np.atleast_1d(v).reshape(-1) for k, v in given.items() if v is not None}
    single = answer.single or _looks_single(theirs)
    precision = SINGLE if single else DOUBLE
    found = slack(probe, precision)
    derived = _is_derived(probe, answer)
    return Case(
        probe, theirs, _flat(found, probe, derived), found.kinks, precision,
        tuple(b for b in blocks_of(probe.net) if b.aspect in theirs), derived,
    )  # fmt: skip


def _looks_single(theirs: dict[Aspect, Array]) -> bool:
    """Whether every number could have been kept in float32, though not all are round."""
    numbers = np.concatenate([np.zeros(0), *theirs.values()])
    with np.errstate(all="ignore"):
        kept = numbers.astype(np.float32).astype(np.float64)
    return bool((kept == numbers).all() and (numbers != np.round(numbers, 3)).any())


def _is_derived(probe: Probe, answer: Answer) -> bool:
    if answer.gradient is None or answer.stepped is None:
        return False
    return bool(np.array_equal(answer.gradient, (probe.w - answer.stepped) / _rate(probe)))


def _rate(probe: Probe) -> float:
    return probe.training.optimizer.learning_rate


def _flat(found: Slack, probe: Probe, derived: bool) -> dict[Aspect, Array]:
    by_step = found.stepped / _rate(probe)
    gradient = np.maximum(found.gradient, by_step) if derived else found.gradient
    return {
        "outputs": found.outputs.reshape(-1),
        "loss": np.array([found.loss]),
        "gradient": gradient,
        "stepped": found.stepped,
    }


@lru_cache(maxsize=64)
def blocks_of(net: Network) -> tuple[Block, ...]:
    """All blocks of a step in the order in which they are made: forward, judged, then from the output back.

    db shows a delta most plainly, so it comes before dW; b may have been set from an updated W, so it comes after.
    """
    made = [Block("outputs", "y_hat", 0, 0, None), Block("loss", "the loss", 0, 0, None)]
    places = list(enumerate(spans(net), start=1))[::-1]
    for layer, s in places:
        made.append(Block("gradient", f"db_{layer}", layer, s.middle, s.stop))
        made.append(Block("gradient", f"dW_{layer}", layer, s.start, s.middle))
    for layer, s in places:
        made.append(Block("stepped", f"W_{layer}", layer, s.start, s.middle))
        made.append(Block("stepped", f"b_{layer}", layer, s.middle, s.stop))
    return tuple(made)


def names(case: Case, aspect: Aspect) -> list[str]:
    """What the numbers of an aspect are called."""
    if aspect == "loss":
        return ["loss"]
    if aspect == "outputs":
        rows, n = len(case.probe.rows), case.probe.net.outputs
        return [f"y_hat_{k + 1} of row {row + 1}" for row in range(rows) for k in range(n)]
    d = "d" if aspect == "gradient" else ""
    return [f"{d}{name}" for name in parameter_names(case.probe.net)]
