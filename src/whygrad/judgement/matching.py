"""Judging answers: right, right under another convention, wrong by named slips, or wrong without a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Literal

import numpy as np

from whygrad.judgement.cases import Aspect, Case, make_cases, names
from whygrad.judgement.conventions import Convention, Hypothesis, conventions
from whygrad.judgement.machine import Procedure, Step, one_step
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.patterns import known
from whygrad.judgement.readings import Reading, readings
from whygrad.judgement.search import MOST_SLIPS, Effects, Search
from whygrad.judgement.slips import Slip, catalogue
from whygrad.judgement.tolerances import SINGLE
from whygrad.maths import Array, Mask

Verdict = Literal["right", "convention", "slips", "unnamed", "undecided"]


@dataclass(frozen=True)
class Entry:
    """One number of theirs beside ours; under their conventions, if they have others."""

    probe: int  # from 0
    name: str
    theirs: float
    ours: float
    wrong: bool

    @property
    def ratio(self) -> float | None:
        """Theirs by ours; None where ours is 0."""
        return self.theirs / self.ours if self.ours else None


@dataclass(frozen=True, eq=False)
class Match:
    """What was found of one aspect.

    - `verdict`: "right"; right under another "convention"; wrong by "slips" that reproduce the numbers; wrong but
      "unnamed", as nothing reproduces them; "undecided" where there is nothing to judge by.
    - `hypotheses`: all that reproduce the numbers equally well, with equally few slips; the first is shown first.
    - `digits`: to how many digits they do, in the number that agrees least.
    - `known`: what can be said where nothing reproduces them, a sentence each.
    - `remarks`: what else there is to say of the judgement, a sentence each.
    - `unseen`: slips that would not have shown in these numbers, worked out when asked for.
    """

    about: str
    verdict: Verdict
    hypotheses: tuple[Hypothesis, ...] = ()
    entries: tuple[Entry, ...] = ()
    digits: float | None = None
    known: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    find_unseen: Callable[[], tuple[Slip, ...]] = field(default=tuple, repr=False)

    @cached_property
    def unseen(self) -> tuple[Slip, ...]:
        """Slips that are not excluded, as they would have changed none of these numbers."""
        return self.find_unseen()

    @property
    def slips(self) -> tuple[Slip, ...]:
        """The slips of the first hypothesis."""
        return self.hypotheses[0].slips if self.hypotheses else ()


Aspects = tuple[Aspect, ...]


def match_forward(
    probes: Sequence[Probe], answers: Sequence[Answer], most: int = MOST_SLIPS, effects: Effects | None = None
) -> Match:
    """Judges predictions, and the loss where the code has one."""
    about: Aspect = "outputs" if any(a.outputs is not None for a in answers) else "loss"
    return _match(about, ("outputs", "loss"), (("outputs", "loss"), (about,)), probes, answers, most, effects)


def match_gradient(
    probes: Sequence[Probe], answers: Sequence[Answer], most: int = MOST_SLIPS, effects: Effects | None = None
) -> Match:
    """Judges gradients, with the predictions and the loss the code shows: all must tell one story.

    A halved gradient beside the whole squared error lacks a factor 2; beside half the squared error, or where no
    loss is seen, it is a convention. A gradient of the other sign is right where the update adds it.
    """
    shown: Aspects = ("outputs", "loss", "gradient")
    tries: list[Aspects] = [shown, ("outputs", "gradient"), ("gradient",)]
    if any(answer.stepped is not None for answer in answers):
        tries.insert(0, (*shown, "stepped"))
    return _match("gradient", shown, tries, probes, answers, most, effects)


def match_step(
    probes: Sequence[Probe], answers: Sequence[Answer], most: int = MOST_SLIPS, effects: Effects | None = None
) -> Match:
    """Judges one update, with everything the code shows on the way to it."""
    shown: Aspects = ("outputs", "loss", "gradient", "stepped")
    tries: list[Aspects] = [shown, ("outputs", "gradient", "stepped"), ("stepped",)]
    return _match("stepped", shown, tries, probes, answers, most, effects)


_ASIDE = {
    "loss": "the loss was left aside: it does not go with the rest",
    "outputs": "the predictions were left aside: what follows does not go with them",
    "gradient": "the gradient was left aside: the update does not follow from it",
}


@np.errstate(all="ignore")  # what is not finite is theirs, and is found to be wrong
def _match(
    about: Aspect,
    shown: Aspects,
    tries: Sequence[Aspects],
    probes: Sequence[Probe],
    answers: Sequence[Answer],
    most: int,
    effects: Effects | None,
) -> Match:
    """Judged by the first of those groups of aspects that is explained as a whole; else what is known.

    With fewer slips than `MOST_SLIPS` nothing is left aside yet: more slips may explain the first group.
    """
    if all(getattr(answer, about) is None for answer in answers):
        return Match(about, "undecided", remarks=(f"the code gives no {_WORDS[about]}",))
    effects = effects or Effects()
    loss = any(answer.loss is not None for answer in answers)
    loop = any(answer.losses is not None or answer.final is not None for answer in answers)  # may hold the update
    searches: list[Search] = []
    for aspects in tries if most == MOST_SLIPS else tries[:1]:
        cases, reading = _read(make_cases(probes, answers, aspects))
        search = Search(cases, _elements(probes[0], aspects, loop, loss and "loss" in aspects), effects)
        searches.append(search)
        found = [_visible(search, h, shown) for h in search.fewest(most)]
        if found:
            missing = [a for a in shown if a not in aspects and any(getattr(x, a) is not None for x in answers)]
            remarks = [_ASIDE[a] for a in missing]
            hypotheses = tuple(replace(h, reading=reading) for h in {h.keys: h for h in found}.values())
            return _explained(about, search, hypotheses, remarks)
    return _unexplained(about, searches, [fact for aspect in shown for fact in _facts(searches[0], aspect)])


_WORDS = {
    "outputs": "predictions",
    "loss": "loss",
    "gradient": "gradient",
    "stepped": "parameters after an update",
}


def _elements(probe: Probe, aspects: Aspects, loop: bool, loss: bool) -> list[Slip | Convention]:
    agreed = conventions(probe.net, probe.training)
    possible = [
        c for c in agreed if ("stepped" in aspects or loop or not c.needs_update) and (loss or not c.needs_loss)
    ]
    slips = [slip for slip in catalogue(probe.net, probe.training) if slip.where != "loop"]
    return [*slips, *possible]


def _visible(search: Search, hypothesis: Hypothesis, shown: Aspects) -> Hypothesis:
    """The hypothesis without what changes only aspects that are not judged here.

    What shows in no aspect by itself is there because the rest does not agree without it.
    """
    kept = {e.key for e in hypothesis.elements if not search.aspects(e) or search.aspects(e) & set(shown)}
    return Hypothesis(
        tuple(e for e in hypothesis.slips if e.key in kept),
        tuple(e for e in hypothesis.conventions if e.key in kept),
    )


def _read(cases: tuple[Case, ...]) -> tuple[tuple[Case, ...], Reading | None]:
    """The cases with their losses as whygrad reads them, where those are its root, or in bits."""
    judged = [(case, one_step(Procedure(), case.probe)) for case in cases if "loss" in case.theirs]
    if all(not case.wrong(step, "loss").any() for case, step in judged):
        return cases, None
    for reading in readings(cases[0].probe.training, cases[0].probe.net.outputs):
        if reading.key in ("root-during", "bits-during"):
            undone = tuple(_with_loss(case, reading) for case in cases)
            steps = [one_step(Procedure(), case.probe) for case in undone]
            if not any(
                "loss" in c.theirs and c.wrong(s, "loss").any() for c, s in zip(undone, steps, strict=True)
            ):
                return undone, reading
    return cases, None


def _with_loss(case: Case, reading: Reading) -> Case:
    if "loss" not in case.theirs:
        return case
    return replace(case, theirs={**case.theirs, "loss": np.array([reading.undo(float(case.theirs["loss"][0]))])})


# ---- what is said of it ----


def _explained(about: Aspect, search: Search, hypotheses: tuple[Hypothesis, ...], remarks: list[str]) -> Match:
    best, cases = hypotheses[0], search.cases
    agreed = bool(best.conventions or best.reading)
    verdict: Verdict = "slips" if best.slips else "convention" if agreed else "right"
    steps = [one_step(best.procedure, case.probe) for case in cases]
    under = Hypothesis(conventions=best.conventions).procedure
    entries = _entries(cases, [one_step(under, case.probe) for case in cases], about)
    digits = min(
        _digits(case, step, about) for case, step in zip(cases, steps, strict=True) if about in case.theirs
    )
    if any(case.precision is SINGLE for case in cases):
        remarks.append("the numbers are float32, and were held to its precision")
    elif verdict != "slips" and digits < 9:
        remarks.append(f"they agree to {digits:.0f} digits, as derivatives taken by differences do, not to 15")
    if about == "gradient" and any(_at_kink(case, step).any() for case, step in zip(cases, steps, strict=True)):
        remarks.append(
            "where z lies on a kink, another side's derivative was taken; that is a choice, not a mistake"
        )
    return Match(about, verdict, hypotheses, entries, digits, (), tuple(remarks), partial(_unseen, search))


def _unexplained(about: Aspect, searches: list[Search], facts: list[str]) -> Match:
    search = searches[0]
    entries = _entries(search.cases, search.right, about)
    if _by_differences(search, about):
        remark = "they agree to 4 digits or more, but not to rounding, as derivatives by one-sided differences do"
        return Match(about, "undecided", (), entries, remarks=(remark,), find_unseen=partial(_unseen, search))
    remarks = ("not all combinations of three slips were tried",) if any(s.gave_up for s in searches) else ()
    return Match(about, "unnamed", (), entries, None, tuple(facts), remarks, partial(_unseen, search))


def _facts(search: Search, aspect: Aspect) -> tuple[str, ...]:
    return known(search.cases, search.right, aspect)


def _by_differences(search: Search, about: Aspect) -> bool:
    """Whether most numbers are a little off, and none by much: no single mistake does that."""
    off = np.concatenate(
        [
            _off(case, step, about)
            for case, step in zip(search.cases, search.right, strict=True)
            if about in case.theirs
        ]
    )
    return about in ("gradient", "stepped") and bool(off.max() < 1e-4 and np.median(off) > 1e-9)


def _entries(cases: tuple[Case, ...], steps: Sequence[Step], about: Aspect) -> tuple[Entry, ...]:
    found = []
    for number, (case, step) in enumerate(zip(cases, steps, strict=True)):
        if about in case.theirs:
            columns = zip(
                names(case, about),
                case.theirs[about],
                case.ours(step, about),
                case.wrong(step, about),
                strict=True,
            )
            found += [Entry(number, name, float(t), float(o), bool(wrong)) for name, t, o, wrong in columns]
    return tuple(found)


def _digits(case: Case, step: Step, about: Aspect) -> float:
    """To how many digits the step gives their numbers; 16 at most."""
    off = _off(case, step, about)
    worst = float((np.where(_at_kink(case, step), 0.0, off) if about == "gradient" else off).max(initial=0.0))
    return -math.log10(worst) if worst > 1e-16 else 16.0


def _off(case: Case, step: Step, about: Aspect) -> Array:
    """How far their numbers are off, relative to what each is added up from."""
    ours, kinks = case.ours(step, about), case.kinks if about == "gradient" else 0.0
    size = np.maximum((case.slack[about] - kinks) / case.precision.relative, np.abs(ours))
    return np.abs(case.theirs[about] - ours) / np.maximum(size, 1e-300)


def _at_kink(case: Case, step: Step) -> Mask:
    """(P,): where their gradient is right only because of a kink's two sides."""
    ours = case.ours(step, "gradient")
    bound = case.bound(ours, "gradient", slice(None)) - case.kinks
    theirs = case.theirs.get("gradient", ours)
    return np.asarray((case.kinks > 0) & ~(np.abs(theirs - ours) <= bound))


@np.errstate(all="ignore")
def _unseen(search: Search) -> tuple[Slip, ...]:
    """Slips that would change nothing here, though their aspect is judged."""
    aspects = {aspect for case in search.cases for aspect in case.theirs}
    judged = {"forward", "gradient"} | ({"loss"} & aspects) | ({"update"} if "stepped" in aspects else set())
    return tuple(e for e in search.unseen if isinstance(e, Slip) and e.where in judged)
