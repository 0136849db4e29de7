"""Whether contenders ended in the same place, whoever computed it."""

from __future__ import annotations

import numpy as np

from benchmarks.workloads import SEEN, Workload, rows_of
from whygrad.engines import Reference
from whygrad.maths import Array
from whygrad.table import Rows

SAME = {"float32": 1e-3, "float64": 1e-6}  # after the short task: rounding in that dtype
LIKE = 5e-3  # for those that have Adam's epsilon elsewhere, or take means in float32, in either dtype
LATER = 10.0  # times that after the rounds, as an epoch of updates amplifies what rounding began


def within(alike: bool, dtype: str) -> float:
    """How far apart two may end after the short task: `apart`, below."""
    return SAME[dtype] if alike else max(LIKE, SAME[dtype])


def apart(workload: Workload, dtype: str, end: Array | None, ours: Array | None) -> float:
    """The difference of the losses under both parameters, divided by ours (at least a thousandth of the start's).

    Of outputs, the largest difference divided by the largest output.
    """
    if end is None or ours is None:
        return float("nan")
    if workload.unit == "block":
        wide = ours.astype(np.float64)
        return float(np.abs(end - wide).max() / np.abs(wide).max())
    here, there, first = (final_loss(workload, dtype, w) for w in (end, ours, workload.start(dtype)))
    return abs(here - there) / max(there, 1e-3 * first)


def final_loss(workload: Workload, dtype: str, w: Array) -> float:
    """The mean loss of the first rows under parameters w (P,), by the reference engine in float64."""
    seen = rows_of(workload, dtype, min(SEEN, workload.rows))
    wide = Rows(seen.x.astype(np.float64), seen.y.astype(np.float64))
    training = workload.training("float64", 1)
    return Reference().evaluate(workload.network, training, w.astype(np.float64), wide).loss
