"""How good predictions are, in the field's usual measures. Every function names its convention.

Outputs are a (rows, n_out) as the network gives them, targets y (rows, n_out). Definitions follow scikit-learn's
user guide, "Metrics and scoring", against which the tests check them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from whygrad.encoding import Encoding, target_scale
from whygrad.maths import Array, Counts, Mask


def r2(y: Array, a: Array) -> float:
    """1 - SS_residual / SS_total, the mean over outputs; NaN where an output's target never varies."""
    if (y.max(axis=0) == y.min(axis=0)).any():  # the sum of squares may be a rounding error above 0
        return math.nan
    residual = ((y - a) ** 2).sum(axis=0)  # (n_out,)
    total = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    return float((1 - residual / total).mean())


def rmse(y: Array, a: Array) -> float:
    """The root of the mean squared error over rows and outputs.

    scikit-learn's `root_mean_squared_error` of several outputs is another number, the mean of each output's root.
    """
    return float(np.sqrt(((y - a) ** 2).mean()))


def mae(y: Array, a: Array) -> float:
    """The mean absolute error over rows and outputs."""
    return float(np.abs(y - a).mean())


def class_numbers(a: Array, threshold: float = 0.5) -> Counts:
    """(rows, n_out) -> the largest output's number (rows,); with one output, whether it exceeds the threshold."""
    if a.shape[1] == 1:
        return np.asarray(a[:, 0] > threshold).astype(np.int64)
    return np.asarray(a.argmax(axis=1))


def accuracy(encoding: Encoding, y: Array, a: Array, threshold: float = 0.5) -> float:
    """The share of rows whose class is right; with several yes/no targets, the share of right answers."""
    if encoding.task == "binary":
        return float(((a > threshold) == (y > threshold)).mean())
    return float((class_numbers(a) == class_numbers(y)).mean())


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

    Mann & Whitney 1947, by mean ranks. NaN unless both kinds of row occur.
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if n_positive == 0 or n_negative == 0:
        return math.nan
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks = (ends - (counts - 1) / 2)[place]  # mean rank of each group of ties, from 1
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def mean_auc(y: Array, a: Array, threshold: float = 0.5) -> float:
    """The mean over outputs of each one's AUC against the rest ("macro, one against the rest")."""
    areas = [auc(y[:, k] > threshold, a[:, k]) for k in range(a.shape[1])]
    return float(np.mean(areas))


def scores(encoding: Encoding, y: Array, a: Array, threshold: float = 0.5) -> dict[str, float]:
    """The few numbers an epoch reports: accuracy, or R2 and the RMSE in the target's own units."""
    if encoding.task != "regression":
        return {"accuracy": accuracy(encoding, y, a, threshold)}
    scale = target_scale(encoding)
    return {"R2": r2(y, a), "RMSE": rmse(y * scale, a * scale)}


def full_scores(encoding: Encoding, y: Array, a: Array, threshold: float = 0.5) -> dict[str, float]:
    """What an evaluation reports: as `scores`, with MAE or AUC."""
    found = scores(encoding, y, a, threshold)
    if encoding.task != "regression":
        return {**found, "AUC": mean_auc(y, a, threshold)}
    scale = target_scale(encoding)
    return {**found, "MAE": mae(y * scale, a * scale)}
