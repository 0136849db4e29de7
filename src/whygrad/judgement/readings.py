"""Readings: the ways in which one epoch's losses become the number that is printed. They change no computation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from whygrad.judgement.running import Epoch
from whygrad.training import Training

Same = Callable[[float], float]


@dataclass(frozen=True)
class Reading:
    """How a printed number comes out of an epoch: `number` of it, then `do`, which `undo` takes back."""

    key: str
    title: str
    number: Callable[[Epoch], float] = field(compare=False, repr=False)
    after: bool = False  # whether it needs the epoch's last update
    do: Same = field(default=float, compare=False, repr=False)
    undo: Same = field(default=float, compare=False, repr=False)

    def printed(self, epoch: Epoch) -> float:
        """The number that is printed."""
        return self.do(self.number(epoch))


DURING = Reading("during", "the loss is the mean over the rows as they are met", lambda epoch: epoch.mean)

_ANY = (
    Reading("after", "the loss is the table's after the epoch, not during it", lambda epoch: epoch.after(), True),
    Reading("sum", "the rows' losses are added up, not averaged", lambda epoch: epoch.total),
    Reading(
        "sum-after",
        "the loss is the table's after the epoch, added up over its rows",
        lambda epoch: epoch.after() * epoch.rows,
        True,
    ),
)
_LAST = Reading("last", "the loss is that of the epoch's last batch", lambda epoch: epoch.met[-1][0])
_OF_BATCHES = (
    Reading(
        "batch-mean",
        "the batches' losses are averaged whatever their size",
        lambda epoch: sum(loss for loss, _ in epoch.met) / len(epoch.met),
    ),
    Reading("batch-sum", "the batches' losses are added up", lambda epoch: sum(loss for loss, _ in epoch.met)),
    Reading(
        "batch-sum-per-row",
        "the batches' losses are added up and divided by the rows",
        lambda epoch: sum(loss for loss, _ in epoch.met) / epoch.rows,
    ),
)
# (key, title, do, undo)
_SQUARED: tuple[tuple[str, str, Same, Same], ...] = (
    ("half", "half of it is printed", lambda v: v / 2, lambda v: 2 * v),
    ("root", "its root is printed", lambda v: math.sqrt(abs(v)), lambda v: v * abs(v)),  # no root is below 0
)


def _over_outputs(outputs: int) -> tuple[str, str, Same, Same]:
    return "outputs", "added up over the outputs", lambda v: v * outputs, lambda v: v / outputs


_ENTROPY: tuple[tuple[str, str, Same, Same], ...] = (
    ("bits", "with the logarithm to base 2", lambda v: v / math.log(2), lambda v: v * math.log(2)),
)


def readings(training: Training, outputs: int) -> tuple[Reading, ...]:
    """Every way in which the losses of this training are often printed, whygrad's own first."""
    several = {1: (_LAST,), "all": ()}.get(training.batch, (_LAST, *_OF_BATCHES))
    bases = (DURING, *_ANY, *several)
    entropy = "crossentropy" in training.loss.name
    changed = _SQUARED if training.loss.name == "mean_squared_error" else _ENTROPY if entropy else ()
    if outputs > 1 and training.loss.over_outputs == "mean":
        changed = (*changed, _over_outputs(outputs))
    return (
        *bases,
        *(
            Reading(f"{key}-{base.key}", f"{base.title}; {title}", base.number, base.after, do, undo)
            for key, title, do, undo in changed
            for base in bases
        ),
    )
