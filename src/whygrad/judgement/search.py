"""The search for the fewest slips that reproduce somebody's answers.

Backpropagation goes from the output back, and a slip changes nothing of what is made before it. So the search
goes the same way: where a block of numbers is the first that does not agree, only what can change that block and
none before it helps. What changes agreeing blocks, for another slip to change them back, is tried after the other
pairs, and in pairs only, as it hardly ever happens: a bias summed over the rows where all else is their mean, or
weights read after an update that never comes. So is what changes an update that is not shown: its rate shows in a
gradient that goes back through weights that are updated already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from whygrad.judgement.cases import Aspect, Block, Case, blocks_of
from whygrad.judgement.conventions import Convention, Hypothesis
from whygrad.judgement.machine import Procedure, Step, one_step
from whygrad.judgement.observations import Probe
from whygrad.judgement.slips import Slip

Element = Slip | Convention
MOST_SHOWN = 50
MOST_TRIED = 40_000  # hypotheses, about 100 microseconds each in a small network

# (slips, conventions), fewest first
SIZES = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0))
PAIRS = ((1, 1), (2, 0))
MOST_SLIPS = 3  # of a hypothesis


def _slips(size: tuple[tuple[int, int], bool]) -> int:
    return size[0][0]


class Effects:
    """Which blocks each slip or convention changes by itself, worked out once for several searches."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Probe], tuple[Block, ...]] = {}

    def of(self, element: Element, case: Case, right: Step) -> tuple[Block, ...]:
        """The blocks of a step, seen or not, that the element changes by more than rounding, in order."""
        key = (element.key, case.probe)
        if key not in self._known:
            changed = one_step(element.change(Procedure()), case.probe)
            every = blocks_of(case.probe.net)
            self._known[key] = tuple(block for block in every if _changes(case, block, right, changed))
        return self._known[key]


class Search:
    """Hypotheses against cases. Nothing is run twice."""

    def __init__(self, cases: tuple[Case, ...], elements: Iterable[Element], effects: Effects) -> None:
        self.cases, self.elements = cases, tuple(elements)
        self.right = [one_step(Procedure(), case.probe) for case in cases]
        self.seen: dict[tuple[int, ...], Block | None] = {}
        self.effects = effects

    @cached_property
    def touched(self) -> list[list[list[Block]]]:
        """For each element, the blocks it changes in each case, in order."""
        return [
            [
                [block for block in self.effects.of(element, case, right) if block in case.blocks]
                for case, right in zip(self.cases, self.right, strict=True)
            ]
            for element in self.elements
        ]

    @cached_property
    def first(self) -> list[set[Block]]:
        """For each element, the first block it changes in each case."""
        return [{blocks[0] for blocks in cases if blocks} for cases in self.touched]

    @cached_property
    def anywhere(self) -> list[set[Block]]:
        """For each element, every block it changes."""
        return [{block for blocks in cases for block in blocks} for cases in self.touched]

    @cached_property
    def hidden(self) -> list[bool]:
        """For each element, whether it changes an update that is not shown, and nothing else."""
        steps = list(zip(self.cases, self.right, strict=True))
        changed = [[b for case, right in steps for b in self.effects.of(e, case, right)] for e in self.elements]
        shown = {block.aspect for case in self.cases for block in case.blocks}
        return [bool(blocks) and {b.aspect for b in blocks} == {"stepped"} - shown for blocks in changed]

    @property
    def unseen(self) -> tuple[Element, ...]:
        """What changes no number of these cases by more than rounding."""
        return tuple(e for e, blocks in zip(self.elements, self.first, strict=True) if not blocks)

    def aspects(self, element: Element) -> set[Aspect]:
        """The aspects in which the element shows first."""
        return {block.aspect for block in self.first[self.elements.index(element)]}

    def fewest(self, most: int = MOST_SLIPS) -> list[Hypothesis]:
        """All hypotheses of the fewest slips, `most` at most, then the fewest conventions, that agree."""
        sizes = sorted((*((size, False) for size in SIZES), *((size, True) for size in PAIRS)), key=_slips)
        for (slips, conventions), anywhere in sizes:
            if slips > most:
                continue
            found = list(self._grown((), slips, conventions, set(), anywhere))
            if found:
                hypotheses = (self.hypothesis(chosen) for chosen in found[:MOST_SHOWN])
                return sorted(hypotheses, key=lambda h: h.far_fetched)
        return []

    @property
    def gave_up(self) -> bool:
        """Whether so many hypotheses were tried that the search ended."""
        return len(self.seen) >= MOST_TRIED

    def hypothesis(self, chosen: tuple[int, ...]) -> Hypothesis:
        """Those elements as a hypothesis."""
        elements = [self.elements[k] for k in chosen]
        slips = tuple(e for e in elements if isinstance(e, Slip))
        return Hypothesis(slips, tuple(e for e in elements if isinstance(e, Convention)))

    def _grown(
        self, chosen: tuple[int, ...], slips: int, conventions: int, tried: set[tuple[int, ...]], anywhere: bool
    ) -> Iterator[tuple[int, ...]]:
        """Those hypotheses with exactly so many more slips and conventions that agree."""
        if chosen in tried or self.gave_up:
            return
        tried.add(chosen)
        block = self._first_difference(chosen)
        if block is None:
            if slips == conventions == 0:
                yield chosen
            return
        if slips == conventions == 0:
            return
        changed = self.anywhere if anywhere else self.first
        for k, element in enumerate(self.elements):
            is_slip = isinstance(element, Slip)
            left = slips if is_slip else conventions
            may_help = block in changed[k] or (anywhere and self.hidden[k])
            if left and may_help and self._goes_with(k, chosen):
                more = tuple(sorted((*chosen, k)))
                yield from self._grown(more, slips - is_slip, conventions - (not is_slip), tried, anywhere)

    def _goes_with(self, k: int, chosen: tuple[int, ...]) -> bool:
        element = self.elements[k]
        if isinstance(element, Convention):
            return k not in chosen
        taken = (e for e in (self.elements[c] for c in chosen) if isinstance(e, Slip))
        return all(element.parts.isdisjoint(other.parts) for other in taken)

    def _first_difference(self, chosen: tuple[int, ...]) -> Block | None:
        """The first block in which the hypothesis does not say what they say."""
        if chosen not in self.seen:
            procedure = self.hypothesis(chosen).procedure
            differs = (_first_disagreement(case, one_step(procedure, case.probe)) for case in self.cases)
            self.seen[chosen] = next((block for block in differs if block is not None), None)
        return self.seen[chosen]


def _first_disagreement(case: Case, step: Step) -> Block | None:
    return next((block for block in case.blocks if not case.agrees(step, block)), None)


def _changes(case: Case, block: Block, right: Step, changed: Step) -> bool:
    before, after = (case.ours(step, block.aspect)[block.part] for step in (right, changed))
    return not bool((np.abs(after - before) <= case.bound(before, block.aspect, block.part)).all())
