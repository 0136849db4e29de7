"""Judging one printed loss an epoch: right, right under a convention, or which slips print these numbers?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from math import comb, log10

import numpy as np

from whygrad.errors import InputError
from whygrad.judgement.conventions import Hypothesis
from whygrad.judgement.matching import Entry, Match, Verdict
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.readings import DURING
from whygrad.judgement.rounding import rounding
from whygrad.judgement.running import run_loop
from whygrad.judgement.search import MOST_SLIPS
from whygrad.judgement.slips import Slip
from whygrad.judgement.trials import Trials, hypothesis, read_printed
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.printing import counted
from whygrad.table import Rows
from whygrad.training import Training

MOST_STEPS = 1_000_000  # of first epochs, over all combinations of one size; about 40 microseconds each
MOST_OF_LOOP = 20_000  # the same of code, whose functions have been judged before its loop
FLOAT32 = 2e-6  # how far a run in float32 is off after some epochs, about
MOST_TOLD = 12  # more explanations than these explain nothing
Progress = Callable[[float], None]

_TOO_LONG = "rounding alone moves the parameters at the end of so many epochs; take fewer to have the loop judged"

# (slips, conventions), fewest first
_AGREED = ((0, 0), (0, 1), (0, 2))
_WRONG = ((1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0))
_GIVEN = (*_AGREED, (1, 0), (1, 1), (2, 0))  # beside slips that are known


@np.errstate(all="ignore")  # what is not finite is theirs, and is found to be wrong
def match_losses(
    net: Network,
    training: Training,
    rows: Rows,
    start: Array,
    printed: Sequence[str | float],
    digits: int | None = None,
    *,
    final: Array | None = None,
    single: bool = False,
    given: Sequence[Slip] = (),
    scaled: Collection[str] | None = None,
    most: int = MOST_SLIPS,
    most_steps: int | None = None,
    progress: Progress = lambda done: None,
) -> Match:
    """Judges one printed loss an epoch, and the parameters at the end (P,) where they are known.

    Tries whygrad's own run, every convention and reading, then every slip, pair and triple of slips (triples only
    with losses met during the epochs); the fewest slips win. `digits` after the point count where the numbers are
    no texts; slips that are `given`, found elsewhere in the same code, are tried first, alone and with others;
    of the conventions that scale the gradient only those in `scaled`, where the code's own gradient told them;
    no more than `most` new ones are tried together, and of one number of slips all or none, if they need more than
    `most_steps` updates; `progress` is told the share done.

    Raises `InputError` for what is no number, and where there is nothing to compare.
    """
    if not len(printed) and final is None:
        raise InputError("losses: there is none; give what was printed, as in 25.3217,18.3200,9.4737")
    told, most_steps = read_printed(printed, digits, single), most_steps or MOST_STEPS
    probe = Probe(net, replace(training, epochs=len(printed) or training.epochs), start, rows)
    trials = Trials(probe, told, final, 2e-5 if single else 2e-6, scaled=scaled)
    found, remarks = _search(trials, _AGREED, lambda done: None), []
    rounded: list[Hypothesis] = []  # right but for last digits that float32 turns
    if not found:
        grown = rounding(probe, single)
        if not grown.tells(len(printed) > 0, final is not None):
            return Match("losses", "undecided", remarks=(_TOO_LONG,))
        off = told.slack + (FLOAT32 + grown.losses[: len(told.values)]) * np.abs(told.values)
        wider = Trials(probe, replace(told, slack=off), final, 2e-5, grown.final, scaled)
        rounded = _search(wider, _AGREED, lambda _: None)
    if not found and given:
        sizes = [size for size in _GIVEN if size[0] <= most and _worth_it(trials, size, most_steps)]
        found = _search(trials, sizes, progress, tuple(given))
    if not found:
        largest = min(most, 1) if rounded else most
        sizes = [size for size in _WRONG if size[0] <= largest and _worth_it(trials, size, most_steps)]
        found = _search(trials, sizes, progress)
        left = {slips for slips, _ in _WRONG} - {slips for slips, _ in sizes}
        if not found and not rounded and left:
            fewest = min(left)
            why_not = _why_not(trials, fewest)
            remarks.append(f"combinations of {counted(fewest, 'slip')} or more were not tried: {why_not}")
    if not found and not rounded:
        remarks.append("rows in a random order of the code's own were not tried")
    if rounded:
        remarks.append("some last digits are not whygrad's, but within what rounding may do in this run")
    return _judged(trials, [*rounded, *found], remarks)


def match_loop(
    probe: Probe,
    answer: Answer,
    progress: Progress = lambda done: None,
    given: Sequence[Slip] = (),
    scaled: Collection[str] | None = None,
    most: int = MOST_SLIPS,
) -> Match:
    """Judges what a loop returned or printed: its losses, its final parameters, or both; see `match_losses`."""
    losses = () if answer.losses is None else tuple(float(v) for v in answer.losses)
    if not losses and answer.final is None:
        return Match("losses", "undecided", remarks=("the code gives no losses",))
    training = replace(probe.training, epochs=answer.epochs or probe.training.epochs)
    return match_losses(
        probe.net, training, probe.rows, probe.w, losses,
        final=answer.final, single=answer.single, given=given, scaled=scaled, most=most, most_steps=MOST_OF_LOOP,
        progress=progress,
    )  # fmt: skip


def _search(
    trials: Trials, sizes: Sequence[tuple[int, int]], progress: Progress, given: tuple[Slip, ...] = ()
) -> list[Hypothesis]:
    """All hypotheses of the first size that has any, with those that are always alike."""
    total, done = sum(_count(trials, size) for size in sizes), 0
    for slips, agreed in sizes:
        found = []
        for elements in trials.combinations(slips, agreed, given):
            done += 1
            if done % 256 == 0:
                progress(min(1.0, done / total))
            found += [(elements, reading) for reading in trials.explained(elements)]
        if found:
            progress(1.0)
            plain = [pair for pair in found if pair[1] == DURING] or found
            every = [(other, reading) for elements, reading in plain for other in trials.swapped(elements)]
            fitting = (pair for pair in every if pair in plain or pair[1] in trials.explained(pair[0]))
            return sorted((hypothesis(*pair) for pair in fitting), key=lambda h: h.far_fetched)
    return []


# ---- how much can be tried, and how much the numbers can tell ----


def _count(trials: Trials, size: tuple[int, int]) -> int:
    """How many combinations there are, at most."""
    return (comb(len(trials.slips), size[0]) if size[0] else 1) * comb(len(trials.conventions), size[1])


def _steps(trials: Trials, size: tuple[int, int]) -> int:
    """Updates of the first epochs of all of them; without printed losses a run must be followed to its end."""
    rows, training = len(trials.probe.rows), trials.probe.training
    batches = -(-rows // training.batch_size(rows))
    return _count(trials, size) * batches * (1 if len(trials.told.values) else training.epochs)


def _telling(trials: Trials, size: tuple[int, int]) -> bool:
    """Whether the numbers have so many digits that one of so many combinations would hardly hit them by chance."""
    digits = trials.told.digits + (0 if trials.final is None else 4 * len(trials.final))
    return digits >= log10(max(1, _count(trials, size) * len(trials.readings))) + 2


def _worth_it(trials: Trials, size: tuple[int, int], most_steps: int) -> bool:
    return _steps(trials, size) <= most_steps and _telling(trials, size)


def _why_not(trials: Trials, slips: int) -> str:
    if not _telling(trials, (slips, 0)):
        return "too few digits are printed to tell so many apart"
    fewer = "rows" if len(trials.told.values) else "rows or epochs"
    return f"{_steps(trials, (slips, 0)):,} updates would be needed; take fewer {fewer}"


# ---- what is said of it ----


def _judged(trials: Trials, found: list[Hypothesis], remarks: list[str]) -> Match:
    if not found:
        entries = _entries(trials, Hypothesis())
        return Match("losses", "unnamed", (), entries, None, _known(trials, entries), tuple(remarks))
    best = found[0]
    agreed = bool(best.conventions or best.reading)
    verdict: Verdict = "slips" if best.slips else "convention" if agreed else "right"
    if len(found) > MOST_TOLD or (not best.slips and found[-1].slips):
        verdict = "undecided"
        remarks.append(
            f"{counted(len(found), 'explanation')} fit equally well; more digits or epochs would tell more"
        )
    entries = _entries(trials, replace(best, slips=()))
    return Match(
        "losses", verdict, tuple(found), entries, _digits(trials, best), (), tuple(remarks),
        partial(_unseen, trials, best),
    )  # fmt: skip


@np.errstate(all="ignore")
def _unseen(trials: Trials, best: Hypothesis) -> tuple[Slip, ...]:
    """Single slips that print the same numbers, where no slip is what prints them."""
    if best.slips:
        return ()
    return tuple(slip for slip in trials.catalogue if trials.explained((slip, *best.conventions)))


def _numbers(trials: Trials, under: Hypothesis) -> list[float]:
    """What is printed for each epoch under a hypothesis."""
    reading = under.reading or DURING
    run = zip(trials.told.values, run_loop(under.procedure, trials.probe), strict=False)
    return [reading.printed(epoch) for _, epoch in run]


def _entries(trials: Trials, under: Hypothesis) -> tuple[Entry, ...]:
    rows = zip(trials.told.values, trials.told.slack, _numbers(trials, under), strict=True)
    return tuple(
        Entry(0, f"loss of epoch {k}", float(theirs), ours, not abs(theirs - ours) <= slack)
        for k, (theirs, slack, ours) in enumerate(rows, start=1)
    )


def _digits(trials: Trials, best: Hypothesis) -> float | None:
    """To how many digits the best hypothesis gives the number it gives least well."""
    numbers = np.array(_numbers(trials, best))
    if not len(numbers):
        return None
    off = np.maximum(np.abs(trials.told.values - numbers), trials.told.slack) / np.abs(numbers)
    return float(-np.log10(max(off.max(), 1e-16)))


def _known(trials: Trials, entries: tuple[Entry, ...]) -> tuple[str, ...]:
    wrong = [entry for entry in entries if entry.wrong]
    if not wrong:
        return ("the losses agree, the parameters at the end do not",) if entries else ()
    facts = [f"the first number that differs is the {wrong[0].name}: {wrong[0].theirs:g}, not {wrong[0].ours:g}"]
    ratios = np.array([entry.ratio or np.nan for entry in entries])
    if len(ratios) > 1 and np.ptp(ratios) <= 1e-3 * np.abs(ratios).max():
        facts.append(f"every number is {ratios[0]:.4g} times what it should be")
    if any(not np.isfinite(entry.theirs) for entry in entries):
        facts.append("some are not finite: the run diverged")
    return tuple(facts)
