"""Compare: does whygrad agree with Keras, PyTorch, JAX and scikit-learn, and where not, from which step on?

Every library follows the same training from the same start, over the same rows in the same batches at the same
rates. A verdict is given only where rounding cannot explain a difference: whygrad also runs from the start with
its last digit changed, and if that alone grows past the tolerance, the run says nothing about anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf
from typing import Any

import numpy as np

from whygrad.errors import InputError
from whygrad.fitting import settled
from whygrad.job import Job, prepare
from whygrad.maths import Array
from whygrad.names import parameter_names
from whygrad.network import Network
from whygrad.rivals import RIVALS, Followed, NotComparable, Rival, rival
from whygrad.rivals.parting import Gap, Parting, Place, diverged, epoch_losses, gap
from whygrad.rivals.reference import FollowSelf, follow_reference, following
from whygrad.rivals.verdict import Agreement, Comparison, Status
from whygrad.standstill import why_no_learning
from whygrad.table import Indices, Rows, Table, row_order
from whygrad.training import Training
from whygrad.weights import Init

_FLOAT32 = (2e-5, "float32 in both, which holds about 7 digits")
# rounding enters at every step of a run, the changed last digit only at its start
_ROUNDING = 100


def compare_rows(
    net: Network,
    training: Training,
    rows: Rows,
    start: Array,
    orders: Sequence[Indices],
    against: Sequence[str] = tuple(RIVALS),
    follow_self: FollowSelf = follow_reference,
) -> Comparison:
    """Has each library in `against` follow the training from `start` (P,), and judges.

    `rows` are encoded, `rows.y` as `targets.prepare_targets` returns it; `orders` has the row order of each
    epoch. Raises `InputError` for a library that is not known, and where there is no epoch.
    """
    chosen = [rival(name) for name in against]
    if not len(orders):
        raise InputError("compare: there is no epoch to compare; epochs must be 1 or more")
    mine = follow_self(net, training, start, rows, orders)
    nudged = follow_self(net, training, last_digit_changed(start, training.dtype), rows, orders)
    ours = _Ours(net, training, orders, mine, gap(mine, nudged), diverged(mine, training, orders))
    found = tuple(_agreement(r, ours, start, rows) for r in chosen)
    losses = epoch_losses(mine, training, orders)
    no_learning = why_no_learning(net, training, rows, losses, start, follow_self)
    equal = [r.label for r in found if r.status == "equal"]
    if no_learning and equal:
        verb = "does" if len(equal) == 1 else "do"
        no_learning.append(f"{_listed(equal)} {verb} the same, so it is no library's mistake.")
    sensitivity = ours.nudged.largest
    return Comparison(net, training, len(mine.losses), losses, sensitivity, found, tuple(no_learning))


def compare_job(job: Job, against: Sequence[str] = tuple(RIVALS)) -> Comparison:
    """Compares a prepared run: its training rows, start and row orders, through all its epochs.

    Rules for stopping early are left out: nobody stops before the last epoch.
    """
    training, n = job.training, len(job.rows)
    orders = [row_order(n, training.order, training.seed, epoch) for epoch in range(training.epochs)]
    return compare_rows(job.net, training, job.rows, job.start, orders, against, following(job.engine))


def compare(
    net: Network,
    table: Table,
    training: Training | None = None,
    *,
    against: str | Sequence[str] = tuple(RIVALS),
    start: Init | None = None,
    **settings: Any,
) -> Comparison:
    """Follows the training that `fit` would make of the same arguments, in other libraries: where do they part?

    `print(compare(*example("students"), against=("torch",)))`. Libraries that are not installed are said to be so.
    """
    chosen = (against,) if isinstance(against, str) else against
    return compare_job(prepare(net, table, settled(table, training, settings), start=start), chosen)


def last_digit_changed(start: Array, dtype: str) -> Array:
    """The start with each parameter moved by one unit in its last place, alternately up and down.

    A zero moves by the last place of the largest parameter (of 1 where all are 0): its own would be lost in
    the first addition.
    """
    w = start.astype(dtype)
    up = np.arange(len(w)) % 2 == 0
    toward = np.where(up, np.inf, -np.inf).astype(dtype)
    largest = np.abs(w).max(initial=0) or w.dtype.type(1)
    least = np.where(up, np.spacing(largest), -np.spacing(largest))
    moved: Array = np.where(w == 0, least, np.nextafter(w, toward)).astype(dtype)
    return moved


@dataclass(frozen=True, eq=False)
class _Ours:
    """whygrad's own run, and how much it can be trusted."""

    net: Network
    training: Training
    orders: Sequence[Indices]
    run: Followed
    nudged: Gap  # what changing the last digit of the start makes
    diverged: Place | None


def _agreement(other: Rival, ours: _Ours, start: Array, rows: Rows) -> Agreement:
    tolerance, why = other.tolerance if ours.training.dtype == "float64" else _FLOAT32
    if not other.installed():
        reason = f"{other.label} is not installed, so nothing is known about it"
        return Agreement(other.name, other.label, "not installed", reason, tolerance, why)
    try:
        theirs = other.follow(ours.net, ours.training, start, rows, ours.orders)
    except NotComparable as problem:
        return Agreement(other.name, other.label, "not comparable", str(problem), tolerance, why)
    apart = gap(ours.run, theirs)
    parting = apart.parting(tolerance, ours.training, ours.orders)
    status, reason = _judge(ours, other.label, apart.largest, tolerance, parting)
    final = np.abs(theirs.weights[-1].astype(np.float64) - ours.run.weights[-1])  # (P,)
    at = int(np.argmax(np.where(np.isfinite(final), final, np.inf)))
    return Agreement(
        other.name,
        other.label,
        status,
        reason,
        tolerance,
        why,
        epoch_losses(theirs, ours.training, ours.orders),
        float(apart.parameters[-1]),
        parameter_names(ours.net)[at],
        apart.largest,
        parting,
        theirs.unequal,
    )


def _judge(ours: _Ours, label: str, apart: float, tolerance: float, parting: Parting | None) -> tuple[Status, str]:
    """The verdict and its reason."""
    if ours.diverged:
        return "no verdict", f"whygrad's run diverges in {ours.diverged}; nothing can be compared after that"
    parted = f"; they part in {parting}" if parting else ""
    sensitivity = ours.nudged.largest
    if sensitivity > tolerance:
        grown = ours.nudged.parting(tolerance, ours.training, ours.orders)
        return "no verdict", (
            f"changing the last digit of the start alone moves whygrad's own run by {sensitivity:.1e}, beyond "
            f"the {tolerance:g} allowed in {grown}, so a difference proves nothing{parted}"
        )
    if parting is None:
        return "equal", f"never further apart than {apart:.1e}; {tolerance:g} is allowed"
    if apart <= _ROUNDING * sensitivity:
        return "no verdict", (
            f"{apart:.1e} apart, but changing the last digit of the start alone makes {sensitivity:.1e}, "
            f"so it may be rounding{parted}"
        )
    far = "not a finite number" if isinf(apart) else f"up to {apart:.1e} apart"
    return "not equal", f"{label} and whygrad part in {parting}; {far}, {tolerance:g} is allowed"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


__all__ = [
    "Agreement",
    "Comparison",
    "compare",
    "compare_job",
    "compare_rows",
    "follow_reference",
    "last_digit_changed",
    "why_no_learning",
]
