"""How far rounding moves a run: whygrad's own training once more, from a start that is off by rounding alone.

Two right programs round differently in every step. In most runs that stays in the last digits; in a long run, or
one with a large rate, each step may multiply what the steps before left, until nothing can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whygrad.judgement.machine import Procedure
from whygrad.judgement.observations import Probe
from whygrad.judgement.running import run_loop
from whygrad.maths import Array

_START = 1e-13  # how far the start is off, relative; some hundred roundings of float64
_START_SINGLE = 3e-6
_MOST = 0.01  # of a number's size: above it, the number tells nothing


@dataclass(frozen=True, eq=False)
class Rounding:
    """How far each epoch's loss (epochs,) may be off, relative to its size, and each parameter at the end (P,)."""

    losses: Array
    final: Array
    moved: Array  # (P,), how far the run moved each parameter

    def tells(self, losses: bool, final: bool) -> bool:
        """Whether rounding leaves anything to be compared of what is there."""
        kept = self.final <= _MOST * np.abs(self.moved).max(initial=0.0)
        return bool((losses and self.losses[0] <= _MOST) or (final and kept.any()))


def rounding(probe: Probe, single: bool) -> Rounding:
    """The rounding of the probe's run, in float32 where `single`."""
    signs = np.where(np.arange(len(probe.w)) % 2, 1.0, -1.0)
    off = replace(probe, w=probe.w * (1 + signs * (_START_SINGLE if single else _START)))
    means, w = [], probe.w
    for one, other in zip(run_loop(Procedure(), probe), run_loop(Procedure(), off), strict=True):
        means.append((one.mean, other.mean))
        w, other_w = one.w, other.w
    one_mean, other_mean = np.array(means).T
    losses = np.abs(other_mean - one_mean) / np.abs(one_mean)
    grown = np.maximum.accumulate(np.nan_to_num(losses, nan=0.0, posinf=0.0))
    return Rounding(10 * grown, np.nan_to_num(10 * np.abs(other_w - w), nan=0.0, posinf=0.0), w - probe.w)
