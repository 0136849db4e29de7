"""Probes on which slips differ, and the smallest experiment that tells two explanations apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from whygrad.judgement.conventions import Hypothesis
from whygrad.judgement.machine import one_step
from whygrad.judgement.observations import Probe
from whygrad.judgement.running import Epoch, run_loop
from whygrad.losses import Loss
from whygrad.maths import Array
from whygrad.names import parameter_names
from whygrad.network import Network
from whygrad.propagation import Trace, backward_propagation, forward_propagation
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.weights import initialize_parameters, views

# ---- strong probes ----

DRAWS = 300
ENOUGH_EPOCHS = 10  # of a loop, to show what it does


def probes_for(net: Network, training: Training, rows: Rows) -> tuple[Probe, ...]:
    """A handful of probes on which almost every slip changes the numbers.

    Random weights, biases that are not 0, several rows at once and single ones; away from kinks, dead units and
    saturated ones. A start in which all weights are alike, as the lecture's, hides a transposition, and rows
    whose inputs are alike hide it too. `rows` is the table: the batches avoid its number of rows, and numbers of
    units, so that one factor is not taken for another.
    """
    several = next(n for n in count(3, 2) if n not in (len(rows), 2 * net.outputs, *net.sizes))
    random = [_drawn(net, training, n, seed) for seed, n in enumerate((several, 1, several, 1))]
    distinct = initialize_parameters(net, "distinct")
    last = Probe(net, training, distinct, _rows(net, training.loss, 1, np.random.default_rng(4)))
    return tuple(replace(probe, most_epochs=ENOUGH_EPOCHS) for probe in (*random, last))


def strong_table(net: Network, training: Training) -> Probe:
    """A random start and random rows for a loop: enough for several batches, the last smaller."""
    size = training.batch_size(13)
    drawn = _drawn(net, training, 13 if size in (1, 13) else 3 * size + 1, seed=5)
    return replace(drawn, most_epochs=ENOUGH_EPOCHS)


def _drawn(net: Network, training: Training, n: int, seed: int) -> Probe:
    """The strongest of many draws, or the first that is strong enough."""
    best: tuple[float, Probe] | None = None
    for draw in range(DRAWS):
        rng = np.random.default_rng((seed, draw))
        w = initialize_parameters(net, "glorot:1.3", seed=DRAWS * seed + draw)
        for _, b in views(net, w):
            b[:] = rng.choice([-1, 1], b.shape) * rng.uniform(0.1, 0.5, b.shape)
        rows = _rows(net, training.loss, n, rng)
        if training.scale == "standard" and n > 1:  # code that standardises them itself changes nothing
            rows = replace(rows, x=(rows.x - rows.x.mean(axis=0)) / rows.x.std(axis=0))
        probe = Probe(net, training, w, rows)
        strength = _strength(probe)
        if best is None or strength > best[0]:
            best = (strength, probe)
        if strength > 0.02:
            break
    assert best is not None
    return best[1]


def _rows(net: Network, loss: Loss, n: int, rng: np.random.Generator) -> Rows:
    """Rows of standard normal inputs, and targets that the loss is defined for."""
    shape = (n, net.outputs)
    x = rng.choice([-1, 1], (n, net.inputs)) * rng.uniform(0.3, 1.8, (n, net.inputs))
    y: Array
    if loss.targets == "distribution":
        y = np.zeros(shape)
        classes = (rng.permutation(max(n, net.outputs)) % net.outputs)[:n]
        if n < net.outputs:  # code may take the largest class for their number
            classes[0] = net.outputs - 1
        y[np.arange(n), classes] = 1.0
    elif loss.targets == "probability":
        y = ((np.arange(n * net.outputs).reshape(shape) + rng.integers(2)) % 2).astype(np.float64)
    elif loss.targets == "sign":
        y = rng.choice([-1.0, 1.0], shape)
    elif loss.targets == "count":
        y = rng.integers(1, 5, shape).astype(np.float64)
    else:
        y = rng.choice([-1, 1], shape) * rng.uniform(0.5, 2.0, shape)
    return Rows(x, y)


@np.errstate(all="ignore")
def _strength(probe: Probe) -> float:
    """The smallest entry of the gradient that is not 0, times their share: the larger, the more shows."""
    trace = forward_propagation(probe.net, probe.w, probe.rows.x)
    if _on_an_edge(probe, trace):
        return 0.0
    g = backward_propagation(probe.net, probe.w, trace, probe.rows.y, probe.training.loss).flat
    there = g != 0
    return float(np.abs(g[there]).min() * there.mean() ** 2) if there.any() else 0.0


def _on_an_edge(probe: Probe, trace: Trace) -> bool:
    """Near a kink, or with a whole layer on one side of its kinks; or predicting the end of a range."""
    for layer, z in zip(probe.net.layers, trace.z, strict=True):
        for kink in layer.activation.kinks:
            if (np.abs(z - kink) < 0.05).any() or (z.size > 1 and len(np.unique(z > kink)) == 1):
                return True
    loss, outputs, y = probe.training.loss, trace.output, probe.rows.y
    at_end = (outputs < loss.low + 0.03) | (outputs > loss.high - 0.03)
    return bool(at_end.any() or any((np.abs(outputs - y - kink) < 0.05).any() for kink in loss.kinks))


# ---- telling explanations apart ----

STARTS = ("distinct", "glorot")
CLEARLY = 1e-3  # two numbers are told apart where they differ by this share of the largest
ENOUGH = 0.1  # where all differ by so much, no other start is looked at


@dataclass(frozen=True, eq=False)
class Experiment:
    """A small run that gives different numbers under different explanations."""

    row: int | None  # from 0; None for the whole table
    start: str  # "as it is", or what --init is given
    quantity: str  # "dW_111", or "the loss printed for epoch 2"
    predictions: tuple[tuple[Hypothesis, float], ...]

    def __str__(self) -> str:
        what = "the whole table" if self.row is None else f"row {self.row + 1} (index {self.row})"
        start = "from the same start" if self.start == "as it is" else f"from --init {self.start}"
        each = "; ".join(f"{number:.6g} if {hypothesis}" for hypothesis, number in self.predictions)
        return f"run {what} {start}: {self.quantity} is {each}"


def tell_apart(
    hypotheses: Sequence[Hypothesis], net: Network, training: Training, rows: Rows, start: Array
) -> Experiment | None:
    """The smallest experiment whose numbers tell the hypotheses apart: one row and one update, else two epochs.

    None where they agree on every number asked for, as equivalent slips do.
    """
    starts = [("as it is", start), *((name, initialize_parameters(net, name)) for name in STARTS)]
    best: tuple[tuple[int, float], Experiment] | None = None
    for kind in (_one_update, _two_epochs):
        for name, w in starts:
            for experiment in kind(hypotheses, Probe(net, training, w, rows), name):
                score = _score(experiment)
                if score[0] > 1 and (best is None or score > best[0]):
                    best = (score, experiment)
            if best is not None and best[0] > (len(hypotheses) - 1, ENOUGH):
                return best[1]
        if best is not None:
            return best[1]
    return None


def _score(experiment: Experiment) -> tuple[int, float]:
    """How many groups of numbers there are, and the smallest distance between two groups as a share."""
    numbers = np.sort([number for _, number in experiment.predictions])
    if not np.isfinite(numbers).all():
        return 0, 0.0
    gaps = np.diff(numbers) / max(np.abs(numbers).max(), 1e-300)
    clear = gaps[gaps > CLEARLY]
    return 1 + len(clear), float(clear.min(initial=1.0))


def _one_update(hypotheses: Sequence[Hypothesis], probe: Probe, start: str) -> Iterator[Experiment]:
    """One row alone: every entry of the gradient, else of the parameters after the update."""
    names = parameter_names(probe.net)
    for row in range(min(len(probe.rows), 20)):
        alone = replace(probe, rows=probe.rows.take(np.array([row])))
        steps = [one_step(h.procedure, alone) for h in hypotheses]
        for what, numbers in (("d{}", [s.gradient for s in steps]), ("{} after one update", [s.w for s in steps])):
            for k, name in enumerate(names):
                predictions = tuple((h, float(n[k])) for h, n in zip(hypotheses, numbers, strict=True))
                yield Experiment(row, start, what.format(name), predictions)


def _two_epochs(hypotheses: Sequence[Hypothesis], probe: Probe, start: str) -> Iterator[Experiment]:
    """The whole table twice: the losses printed."""
    short = replace(probe, training=replace(probe.training, epochs=2))
    losses = [[_printed(h, epoch) for epoch in run_loop(h.procedure, short)] for h in hypotheses]
    for k in range(2):
        predictions = tuple((h, numbers[k]) for h, numbers in zip(hypotheses, losses, strict=True))
        yield Experiment(None, start, f"the loss printed for epoch {k + 1}", predictions)


def _printed(hypothesis: Hypothesis, epoch: Epoch) -> float:
    return epoch.mean if hypothesis.reading is None else hypothesis.reading.printed(epoch)
