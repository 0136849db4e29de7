"""Why a loss barely moved: facts measured on the run itself, and other settings actually tried.

Nothing here knows an example: every number comes from the rows and from runs made for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from whygrad.maths import Array
from whygrad.names import parameter_names
from whygrad.network import Network
from whygrad.rivals.parting import epoch_losses
from whygrad.rivals.protocol import Followed
from whygrad.rivals.reference import FollowSelf, follow_reference
from whygrad.table import Indices, Rows, row_order
from whygrad.training import Training
from whygrad.weights import views

# a loss that changed by less than this share of its first value did not move
BARELY = 0.01
# a try that reaches this share of the first loss has learned
LEARNED = 0.5
_TIMES = (1, 10, 100, 1_000, 10_000)
# the tries are nine runs; beyond this many updates each, that is too long to wait for
_MOST_UPDATES = 5_000


@dataclass(frozen=True)
class _Try:
    standardised: bool
    times: int
    rate: float
    loss: float  # met during the last epoch; inf where it diverged


def why_no_learning(
    net: Network,
    training: Training,
    rows: Rows,
    losses: Array,
    start: Array,
    follow_self: FollowSelf = follow_reference,
) -> list[str]:
    """Sentences about why the loss barely moved; empty where it moved, diverged, or had one epoch only.

    `losses` (epochs,) are the mean losses met during the epochs of a run from `start` (P,).
    """
    first, last = (float(losses[0]), float(losses[-1])) if len(losses) else (0.0, 0.0)
    if len(losses) < 2 or not np.isfinite(losses).all() or not abs(last - first) < BARELY * abs(first):
        return []
    orders = [row_order(len(rows), training.order, training.seed, epoch) for epoch in range(len(losses))]
    run = follow_self(net, training, start, rows, orders)
    change = abs(last - first) / abs(first)
    said = [f"The loss barely moved: {first:.6f} in epoch 1, {last:.6f} in epoch {len(losses)} ({change:.2%})."]
    said += [*_small_steps(net, training, run, start), *_odd_inputs(rows.x)]
    if len(run.losses) > _MOST_UPDATES:
        said.append(
            f"Other settings were not tried: {len(run.losses):,} updates a run are too many for that "
            f"(at most {_MOST_UPDATES:,})."
        )
    else:
        tries = _tries(net, training, rows, start, orders, follow_self)
        said += _told(tries, first, len(losses))
    return said + _twins(net, training, start)


def _small_steps(net: Network, training: Training, run: Followed, start: Array) -> list[str]:
    """How far the parameter that moved most has moved."""
    moved = np.abs(run.weights[-1] - start)  # (P,)
    at = int(np.argmax(moved))
    size = float(np.abs(start).max(initial=0.0))
    share = f", {moved[at] / size:.2%} of the largest start value" if size else ""
    return [
        f"At rate {training.optimizer.learning_rate:g} no parameter moved further than {moved[at]:.2g} "
        f"({parameter_names(net)[at]}) in all {len(run.losses):,} updates{share}."
    ]


def _scaled(x: Array) -> tuple[Array, Array, Array]:
    """Each input's mean and standard deviation (n_in,), and whether it is far from unit scale."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    far = (np.abs(mean) > 2 * deviation) | (deviation > 10) | (deviation < 0.1)
    return mean, deviation, far & (deviation > 0)


def _odd_inputs(x: Array) -> list[str]:
    mean, deviation, far = _scaled(x)
    columns = np.flatnonzero(far)
    if not len(columns):
        return []
    shown = [
        f"input {k + 1} runs from {x[:, k].min():g} to {x[:, k].max():g} "
        f"(mean {mean[k]:.3g}, standard deviation {deviation[k]:.2g})"
        for k in columns[:3]
    ]
    more = f"; and {len(columns) - 3:,} more" if len(columns) > 3 else ""
    return [f"The inputs are far from mean 0 and standard deviation 1: {'; '.join(shown)}{more}."]


def _tries(
    net: Network,
    training: Training,
    rows: Rows,
    start: Array,
    orders: Sequence[Indices],
    follow_self: FollowSelf,
) -> list[_Try]:
    """The same start, order and epochs with inputs as they are or standardised, at larger rates."""
    mean, deviation, far = _scaled(rows.x)
    scaled = replace(rows, x=(rows.x - mean) / np.where(deviation > 0, deviation, 1))
    found = []
    for standardised in (False, True) if far.any() else (False,):
        for times in _TIMES if standardised else _TIMES[1:]:
            rate = training.optimizer.learning_rate * times
            faster = replace(training, optimizer=replace(training.optimizer, learning_rate=rate))  # type: ignore[type-var]
            run = follow_self(net, faster, start, scaled if standardised else rows, orders)
            loss = float(epoch_losses(run, training, orders)[-1])
            found.append(_Try(standardised, times, rate, loss if np.isfinite(loss) else np.inf))
    return found


def _told(tries: list[_Try], first: float, epochs: int) -> list[str]:
    """What the tries reached, and what follows."""
    said = []
    for standardised, what in ((False, "inputs as they are"), (True, "inputs standardised")):
        reached = [
            f"rate {t.rate:g}: " + ("diverges" if np.isinf(t.loss) else f"{t.loss:.4g}")
            for t in tries
            if t.standardised == standardised
        ]
        if reached:
            said.append(f"Tried, {what}, loss met in epoch {epochs}: {', '.join(reached)}.")
    learned = [t for t in tries if t.loss < LEARNED * first]
    if not learned:
        return [*said, "None of these learns either: neither scale nor rate is what stops it."]
    raw = [t for t in learned if not t.standardised]
    best = min(raw or learned, key=lambda t: t.loss)
    if raw:
        cause = "the rate is too small"
    elif any(t.times == 1 for t in learned):
        cause = "the inputs are not scaled"
    else:
        cause = "the inputs are not scaled and the rate is tiny; either alone is not enough to change"
    inputs = "with the inputs standardised and" if best.standardised else "with"
    return [
        *said,
        f"So it is not the data: {cause}. Same data, same start: {inputs} rate {best.rate:g} the loss met in "
        f"epoch {epochs} is {best.loss:.4g}.",
    ]


def _twins(net: Network, training: Training, start: Array) -> list[str]:
    """Hidden units with equal incoming and outgoing parameters: their gradients are equal at every step."""
    layers = views(net, start)
    said = []
    for number, (here, after) in enumerate(pairwise(layers), start=1):
        units = np.concatenate([here.W.T, here.b[:, None], after.W], axis=1)  # (units, n_in + 1 + n_out)
        distinct = len(np.unique(units, axis=0))
        if distinct < len(units) and not training.freeze:
            said.append(
                f"Layer {number} has {len(units)} hidden units but only {distinct} different start"
                f"{'s' * (distinct != 1)}: units that start alike get equal gradients and stay identical for "
                f"ever, so {len(units)} units can do no more than {distinct}. A random start parts them."
            )
    return said
