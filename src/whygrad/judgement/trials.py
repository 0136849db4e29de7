"""The trials behind judging printed losses: which combinations of slips print these numbers?

One number an epoch is little to go by, but each has its digits: a run is followed only until its first number that
differs, so that some hundred thousand combinations can be tried.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache, reduce
from itertools import combinations, product

import numpy as np

from whygrad.errors import InputError
from whygrad.judgement.conventions import Convention, Hypothesis, conventions
from whygrad.judgement.experiments import strong_table
from whygrad.judgement.machine import Procedure
from whygrad.judgement.observations import Probe
from whygrad.judgement.readings import DURING, Reading, readings
from whygrad.judgement.running import run_loop
from whygrad.judgement.slips import Slip, catalogue
from whygrad.judgement.slips.slip import apart
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.training import Training

Element = Slip | Convention


@dataclass(frozen=True, eq=False)
class Printed:
    """The numbers of the epochs, and how far each may be off: half a unit of its last digit, and rounding."""

    values: Array  # (epochs,)
    slack: Array  # (epochs,)
    digits: float  # how many digits they have together, of numbers that do not follow from each other

    def between(self, reading: Reading) -> list[tuple[float, float]]:
        """For each epoch, between what the number must lie that this reading makes into the printed one."""
        both = zip(self.values - self.slack, self.values + self.slack, strict=True)
        return [(reading.undo(float(low)), reading.undo(float(high))) for low, high in both]


def read_printed(printed: Sequence[str | float], digits: int | None = None, single: bool = False) -> Printed:
    """Numbers as they were printed; texts say their digits themselves, else `digits` after the point do.

    Raises `InputError` for a text that is no number.
    """
    texts = [text.strip() if isinstance(text, str) else repr(float(text)) for text in printed]
    exact = [_number(text) for text in texts]
    own = [-int(d.as_tuple().exponent) if d.is_finite() else 0 for d in exact]  # digits after the point
    if digits is None and not any(isinstance(text, str) for text in printed):
        digits = max(own, default=0)  # numbers have lost the 0s at their end
    places = own if digits is None else [digits] * len(own)
    values = np.array([float(d) for d in exact])
    significant = [d.adjusted() + 1 + n if d.is_finite() and d else n for d, n in zip(exact, places, strict=True)]
    rounding = np.array([2e-5 if single else 2e-6 if n > 7 else 1e-9 for n in significant])
    half = np.array([0.5 * 10.0**-n for n in places])
    slack = half + rounding * np.abs(values)
    return Printed(values, slack, _digits(values, slack))


def _digits(values: Array, slack: Array) -> float:
    """How much a sequence tells: the digits of its first number, of the steps, of the steps' steps, and so on.

    Fifty losses that fall along a line tell no more than two of them.
    """
    known = np.isfinite(values)
    left, off, digits = values[known], float(slack[known].max(initial=1e-300)), 0.0
    while len(left) and (size := float(np.abs(left).max())) > off:
        digits += min(math.log10(size / off), 7.0)
        left, off = np.diff(left), 2 * off
    return digits + float(np.count_nonzero(~known))


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InputError(f"losses: {text!r} is not a number; give what was printed, as in 25.3217,18.32") from None


class Trials:
    """Combinations of slips and conventions, run against the numbers."""

    def __init__(
        self,
        probe: Probe,
        told: Printed,
        final: Array | None,
        precision: float,
        off: Array | float = 0.0,
        scaled: Collection[str] | None = None,
    ) -> None:
        self.probe, self.told, self.final = probe, told, final
        self.precision, self.off = precision, off  # of the parameters at the end: relative, and how far besides
        self.readings = readings(probe.training, probe.net.outputs) if len(told.values) else (DURING,)
        self.between = {reading.key: told.between(reading) for reading in self.readings}
        self.catalogue = catalogue(probe.net, probe.training)  # in the order in which slips are applied
        possible = [c for c in conventions(probe.net, probe.training) if not c.needs_update and not c.needs_loss]
        self.conventions = [c for c in possible if not c.scales or scaled is None or c.key in scaled]

    @cached_property
    def alike(self) -> tuple[tuple[Slip, ...], ...]:
        """The slips in groups that print the same numbers always."""
        return _alike(self.probe.net, replace(self.probe.training, epochs=2))

    @property
    def slips(self) -> list[Slip]:
        """One slip of each group."""
        return [group[0] for group in self.alike]

    def combinations(self, slips: int, agreed: int, given: tuple[Slip, ...] = ()) -> Iterator[tuple[Element, ...]]:
        """Every combination of so many slips with those given, each of another part, and so many conventions."""
        for chosen in combinations(self.slips if slips else [], slips):
            together = sorted((*given, *chosen), key=self.catalogue.index) if given else chosen
            if apart(together):
                for under in combinations(self.conventions, agreed):
                    yield (*together, *under)

    def explained(self, elements: tuple[Element, ...]) -> list[Reading]:
        """The readings under which these slips and conventions print the numbers; alone the plain one, if it does.

        Three slips are tried with losses met during an epoch only, which saves each run its last update.
        """
        procedure = reduce(lambda so_far, one: one.change(so_far), elements, Procedure())
        many = sum(isinstance(e, Slip) for e in elements) > 2
        halved = any(e.key == "half-squared-error" for e in elements)
        scaled = any(isinstance(e, Convention) and e.scales for e in elements)
        alive = [r for r in self.readings if not (many and r.after) and not (halved and r.key.startswith("half"))]
        alive = [r for r in alive if not (scaled and r.key.startswith("outputs"))]  # one would hide the other
        for k, epoch in enumerate(run_loop(procedure, self.probe)):
            if k < len(self.told.values):
                numbers: dict[object, float] = {}
                for reading in alive:
                    if reading.number not in numbers:
                        numbers[reading.number] = reading.number(epoch)
                alive = [r for r in alive if self._between(r, k, numbers[r.number])]
            if not alive:
                return []
        if self.final is not None and not self._ends(epoch.w):
            return []
        return [DURING] if DURING in alive else alive

    def _between(self, reading: Reading, k: int, number: float) -> bool:
        low, high = self.between[reading.key][k]
        if not np.isfinite(self.told.values[k]):
            return not np.isfinite(number)
        return low <= number <= high

    def _ends(self, w: Array) -> bool:
        assert self.final is not None
        if not np.isfinite(w).all():  # as far off as can be, or as theirs
            return bool((np.isfinite(w) == np.isfinite(self.final)).all())
        size = np.abs(w) + np.abs(w - self.probe.w)
        return bool((np.abs(self.final - w) <= self.precision * size + self.off).all())

    def swapped(self, elements: tuple[Element, ...]) -> Iterator[tuple[Element, ...]]:
        """The same combination with each element replaced by those that are always alike."""
        slips = [e for e in elements if isinstance(e, Slip)]
        agreed = [e for e in elements if isinstance(e, Convention)]
        for chosen in product(*(next(group for group in self.alike if slip in group) for slip in slips)):
            if apart(chosen):
                yield (*chosen, *agreed)


def hypothesis(elements: tuple[Element, ...], reading: Reading) -> Hypothesis:
    """Those elements as a hypothesis; the plain reading is none."""
    slips = tuple(e for e in elements if isinstance(e, Slip))
    agreed = tuple(e for e in elements if isinstance(e, Convention))
    return Hypothesis(slips, agreed, None if reading == DURING else reading)


@lru_cache(maxsize=32)
def _alike(net: Network, training: Training) -> tuple[tuple[Slip, ...], ...]:
    """The slips in groups that have the same losses and parameters in all epochs of a table that hides nothing."""
    strong = strong_table(net, training)
    groups: list[list[Slip]] = []
    seen = np.zeros((0, training.epochs * (2 + net.n_parameters)))  # (groups, numbers)
    for slip in catalogue(net, training):
        run = run_loop(slip.change(Procedure()), strong)
        numbers = np.array([n for epoch in run for n in (epoch.mean, epoch.after(), *epoch.w)])
        close = (seen == numbers) | (np.abs(seen - numbers) <= 1e-9 * np.abs(numbers))
        like = np.flatnonzero(close.all(axis=1))
        if len(like):
            groups[like[0]].append(slip)
        else:
            groups.append([slip])
            seen = np.vstack([seen, numbers])
    return tuple(map(tuple, groups))
