"""How good predictions are, in the field's usual measures. Every function names its convention.

Outputs are a (rows, n_out) as the network gives them, targets y (rows, n_out). Definitions follow scikit-learn's
user guide, "Metrics and scoring", against which the tests check them. A `Tally` takes the rows piece by piece.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from whygrad.encoding import Encoding, target_scale
from whygrad.maths import Array, Counts, Mask
from whygrad.scratch import new_array, part, pieces, put


class _Squares(NamedTuple):
    """What R2 is made of, from some rows; all but `rows` have shape (n_out,)."""

    rows: int
    low: Array  # of the targets
    high: Array
    mean: Array
    total: Array  # sum of (y - mean)^2
    residual: Array  # sum of (y - a)^2


def _squares(y: Array, a: Array) -> _Squares:
    mean = y.mean(axis=0)
    total, residual = ((y - mean) ** 2).sum(axis=0), ((y - a) ** 2).sum(axis=0)
    return _Squares(len(y), y.min(axis=0), y.max(axis=0), mean, total, residual)


def _joined(p: _Squares, q: _Squares) -> _Squares:
    """Both parts as one, without a cancellation (Chan, Golub & LeVeque 1983, updating formulae)."""
    rows, apart = p.rows + q.rows, q.mean - p.mean
    return _Squares(
        rows,
        np.minimum(p.low, q.low),
        np.maximum(p.high, q.high),
        p.mean + apart * (q.rows / rows),
        p.total + q.total + apart**2 * (p.rows * q.rows / rows),
        p.residual + q.residual,
    )


def _r2(found: _Squares) -> float:
    """1 - SS_residual / SS_total, the mean over outputs; NaN where an output's target never varies."""
    if (found.high == found.low).any():  # the sum of squares may be a rounding error above 0
        return math.nan
    return float((1 - found.residual / found.total).mean())


def class_numbers(a: Array, threshold: float = 0.5) -> Counts:
    """(rows, n_out) -> the largest output's number (rows,); with one output, whether it exceeds the threshold."""
    if a.shape[1] == 1:
        return np.asarray(a[:, 0] > threshold).astype(np.int64)
    return np.asarray(a.argmax(axis=1))


def _right(encoding: Encoding, y: Array, a: Array, threshold: float) -> Mask:
    """(rows,), or (rows, targets) for several: whether the class is right."""
    if encoding.task == "binary":
        return np.asarray((a > threshold) == (y > threshold))
    return np.asarray(class_numbers(a) == class_numbers(y))


def confusion(truth: Counts, guess: Counts, n_classes: int) -> Counts:
    """(n_classes, n_classes) counts: row = the true class, column = the predicted one."""
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (truth, guess), 1)
    return counts


@dataclass(frozen=True)
class ClassScore:
    """One class against the rest; NaN where nothing was predicted (precision) or nothing is true (recall)."""

    name: str
    rows: int
    precision: float
    recall: float
    f1: float


def per_class(counts: Counts, names: tuple[str, ...]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class from the confusion matrix."""
    scores = []
    for k, name in enumerate(names):
        hit, true, said = int(counts[k, k]), int(counts[k].sum()), int(counts[:, k].sum())
        precision = hit / said if said else math.nan
        recall = hit / true if true else math.nan
        f1 = 2 * hit / (true + said) if true + said else math.nan
        scores.append(ClassScore(name, true, precision, recall, f1))
    return tuple(scores)


def auc(positive: Mask, score: Array) -> float:
    """Area under the ROC curve: the chance that a positive row outscores a negative one, ties half.

    Mann & Whitney 1947. NaN unless both kinds of row occur.
    """
    won, lost = score[positive], np.sort(score[~positive])
    if not len(won) or not len(lost):
        return math.nan
    twice = 0  # the pairs in which the positive row scores more, each counted twice, and those with a tie
    for piece in pieces(len(won)):
        twice += int(
            np.searchsorted(lost, won[piece], "left").sum() + np.searchsorted(lost, won[piece], "right").sum()
        )
    return twice / (2 * len(won) * len(lost))


def _mean_auc(positive: Array, outputs: Array) -> float:
    """The mean over outputs of each one's AUC against the rest ("macro"); both arrays have shape (n_out, rows)."""
    everything = slice(0, outputs.shape[1])
    areas = [auc(part(p, everything), part(a, everything)) for p, a in zip(positive, outputs, strict=True)]
    return float(np.mean(areas))


class Tally:
    """The few numbers an epoch reports, of rows that come piece by piece: those of all at once, but for rounding.

    Classes: accuracy, the share of rows whose class is right; with several yes/no targets, of right answers.
    Numbers: R2, and the RMSE over rows and outputs in the target's own units. (scikit-learn's
    `root_mean_squared_error` of several outputs is another number, the mean of each output's root.)
    """

    def __init__(self, encoding: Encoding, threshold: float = 0.5) -> None:
        self.encoding, self.threshold = encoding, threshold
        self.entries = 0  # rows times what is counted of each
        self.right, self.squared = 0, 0.0
        self.squares: _Squares | None = None

    def add(self, y: Array, a: Array) -> None:
        """Counts these rows in: targets and outputs, each (rows, n_out)."""
        if self.encoding.task != "regression":
            right = _right(self.encoding, y, a, self.threshold)
            self.entries, self.right = self.entries + right.size, self.right + int(right.sum())
            return
        scale, found = target_scale(self.encoding), _squares(y, a)
        self.squares = found if self.squares is None else _joined(self.squares, found)
        self.entries += y.size
        self.squared += float(((y * scale - a * scale) ** 2).sum())

    def scores(self) -> dict[str, float]:
        """The numbers so far; at least one row must have been counted in."""
        if self.squares is None:
            return {"accuracy": self.right / self.entries}
        return {"R2": _r2(self.squares), "RMSE": math.sqrt(self.squared / self.entries)}


class FullTally(Tally):
    """What an evaluation reports of so many rows: as a `Tally`, with the MAE in the target's units, or the AUC.

    An AUC needs all outputs at once: they are kept, on disk if so said, and looked at one output after the other.
    """

    def __init__(self, encoding: Encoding, threshold: float, rows: int, disk: bool = False) -> None:
        super().__init__(encoding, threshold)
        shape = (encoding.n_outputs, 0 if encoding.task == "regression" else rows)
        self.positive, self.outputs = new_array(shape, bool, disk), new_array(shape, np.float64, disk)
        self.absolute, self.at = 0.0, 0

    def add(self, y: Array, a: Array) -> None:
        """Counts these rows in: targets and outputs, each (rows, n_out)."""
        super().add(y, a)
        if self.encoding.task == "regression":
            scale = target_scale(self.encoding)
            self.absolute += float(np.abs(y * scale - a * scale).sum())
            return
        here = slice(self.at, self.at + len(y))
        for k, (positive, outputs) in enumerate(zip(self.positive, self.outputs, strict=True)):
            put(positive, here, y[:, k] > self.threshold)
            put(outputs, here, a[:, k])
        self.at = here.stop

    def scores(self) -> dict[str, float]:
        """The numbers, once every row has been counted in."""
        if self.encoding.task == "regression":
            return {**super().scores(), "MAE": self.absolute / self.entries}
        return {**super().scores(), "AUC": _mean_auc(self.positive, self.outputs)}
