"""`check`: somebody's code is asked, its answers are judged, and what is wrong gets a name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from whygrad.errors import InputError, WrongTypeError
from whygrad.examples import EXAMPLES, example
from whygrad.fitting import settled
from whygrad.job import Job, prepare
from whygrad.judgement.epochs import match_loop, match_losses
from whygrad.judgement.experiments import Experiment, probes_for, strong_table, tell_apart
from whygrad.judgement.matching import Match, match_forward, match_gradient, match_step
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.report import Report, Section
from whygrad.judgement.runner import Limits, Source, ask
from whygrad.judgement.search import MOST_SLIPS, Effects
from whygrad.judgement.slips import Slip
from whygrad.network import Network
from whygrad.printing import counted
from whygrad.table import Table
from whygrad.training import Training
from whygrad.updates import name_of
from whygrad.weights import Init

Progress = Callable[[float], None]
_DEFAULT = "students"


def check(
    source: Source | None = None,
    net: Network | None = None,
    table: Table | None = None,
    training: Training | None = None,
    *,
    losses: Sequence[str | float] | str | None = None,
    start: Init | None = None,
    limits: Limits | None = None,
    hint: bool = False,
    progress: Progress = lambda done: None,
    **settings: Any,
) -> Report:
    """Judges hand-written backpropagation: a .py file, a function, a dict of functions, a class or a module.

    `net`, `table` and `training` say what it is meant to do, by default the lecture's students; so
    `check("mine.py", *example("placement"))`. With `losses` and no source, only printed losses are judged, as text
    ("25.3217,18.3200") or numbers. `hint` names places without answers. The code runs apart, within `limits`.

    Raises `InputError` or `WrongTypeError` for what cannot be judged; what the code does wrong is in the report.
    """
    if (net is None) != (table is None):
        raise WrongTypeError("check takes a network with its table, as in check('mine.py', *example('placement'))")
    title = "your network and table"
    if net is None or table is None:
        net, table, usual = example(_DEFAULT)
        training, title = training or usual, f"{_DEFAULT}: {EXAMPLES[_DEFAULT].title}"
    elif table.source is not None and table.source.format == "example":
        title = f"{table.source.path}: {EXAMPLES[table.source.path].title}"
    elif table.source is not None:
        title = Path(table.source.path).name
    job = prepare(net, table, settled(table, training, settings), start=start)
    if losses is not None:
        if source is not None:
            raise InputError("check: give code or printed losses, one of them")
        return check_losses(job, losses, title, hint, progress)
    if source is None:
        raise InputError("check: give a .py file, functions, or printed losses")
    return check_code(job, source, title, limits, hint, progress)


def check_losses(
    job: Job,
    losses: Sequence[str | float] | str,
    title: str,
    hint: bool = False,
    progress: Progress = lambda _: None,
) -> Report:
    """Judges losses that were printed, one an epoch, by a training like the job's."""
    printed = (
        [part for part in losses.replace(";", ",").split(",") if part.strip()]
        if isinstance(losses, str)
        else losses
    )
    match = match_losses(job.net, job.training, job.rows, job.start, printed, progress=progress)
    return Report(
        "the printed losses",
        _task(job, title),
        (Section("losses", match),),
        experiment=_experiment(job, match),
        hint=hint,
    )


def check_code(
    job: Job,
    source: Source,
    title: str,
    limits: Limits | None = None,
    hint: bool = False,
    progress: Progress = lambda _: None,
) -> Report:
    """Judges code: its forward pass, gradients, update and loop, each on probes where slips show."""
    training = replace(job.training, order="sequential")  # rows that code shuffles are kept in order
    strong = probes_for(job.net, training, job.rows)
    own = Probe(job.net, training, job.start, job.rows)
    probes = (*strong, own, strong_table(job.net, training))
    asked = ask(source, probes, limits)
    name = Path(source).name if isinstance(source, str | Path) else getattr(source, "__name__", "your code")
    report = Report(name, _task(job, title), (), asked.form, dict(asked.parts), problems=asked.problems, hint=hint)
    plans = list(zip(*asked.answers, strict=True)) if asked.answers else []
    if not plans:
        if not asked.losses:
            return report
        match = match_losses(job.net, job.training, job.rows, job.start, asked.losses, progress=progress)
        return replace(report, sections=(Section("losses", match),), experiment=_experiment(job, match))
    sections, answers = _best_reading(probes, plans, progress)
    problems = tuple(dict.fromkeys([*asked.problems, *(p for answer in answers for p in answer.problems)]))
    return replace(
        report,
        sections=sections,
        stored=tuple(dict.fromkeys(said for answer in answers for said in answer.conventions)),
        problems=problems,
    )


def _task(job: Job, title: str) -> str:
    t = job.training
    rule = f"{name_of(t.optimizer)}, rate {t.optimizer.learning_rate:g}, batch {t.batch}, {t.order}"
    return f"{title}\nnetwork {job.net}; loss {t.loss}; {rule}; {counted(t.epochs, 'epoch')}"


def _best_reading(
    probes: Sequence[Probe], plans: Sequence[Sequence[Answer]], progress: Progress
) -> tuple[tuple[Section, ...], Sequence[Answer]]:
    """The way of reading the code that explains it with the fewest slips, and its answers."""
    effects = Effects()
    for most in range(MOST_SLIPS + 1) if len(plans) > 1 else (MOST_SLIPS,):
        judged = [(_sections(probes, answers, progress, most, effects), answers) for answers in plans]
        best = min(judged, key=lambda pair: _badness(pair[0]))
        if not _badness(best[0])[0]:
            break
    return best


def _sections(
    probes: Sequence[Probe], answers: Sequence[Answer], progress: Progress, most: int, effects: Effects
) -> tuple[Section, ...]:
    """Everything the code showed, from the predictions to the loop; what follows from a slip is no new one."""
    single, (own, table) = (probes[:-2], answers[:-2]), zip(probes[-2:], answers[-2:], strict=True)
    derived = any(_is_derived(p, a) for p, a in zip(*single, strict=True))
    found: list[Section] = []
    inherited: tuple[Slip, ...] = ()
    scaled: set[str] | None = None  # the conventions of the gradient

    def add(name: str, match: Match) -> None:
        nonlocal inherited
        found.append(Section(name, match, inherited))
        inherited = (*inherited, *(slip for slip in match.slips if slip not in inherited))

    if _shown(answers, "outputs") or _shown(answers, "loss"):
        add("forward", match_forward(*single, most, effects))
    if _shown(answers, "gradient"):
        add("gradient, from the update's step" if derived else "gradient", match_gradient(*single, most, effects))
    if _shown(answers, "stepped") and not derived:
        add("update", match_step(*single, most, effects))
    for section in found:
        if section.name != "forward" and section.match.verdict in ("right", "convention"):
            scaled = (scaled or set()) | {c.key for c in section.match.hypotheses[0].conventions}
    if scaled is not None and not any(
        a.gradient is not None and len(p.rows) > 1 for p, a in zip(*single, strict=True)
    ):
        scaled.add("sum-over-rows")  # one row at a time does not tell
    loop = _loop((table, *zip(*single, strict=True)), own, progress, inherited, scaled, most)
    if loop is not None:
        add("loop", loop)
    return tuple(found)


Asked = tuple[Probe, Answer]


def _loop(
    strong: Sequence[Asked],
    own: Asked,
    progress: Progress,
    given: Sequence[Slip],
    scaled: Collection[str] | None,
    most: int,
) -> Match | None:
    """The first judgement of a loop that finds something, else one that finds nothing wrong.

    Probes whose numbers are all finite come first; those that are not say nothing against a loop that is right.
    A loop that leaves something to chance is judged by what is claimed alone, and not wrong for other numbers.
    """
    if own[1].of_chance:
        match = match_loop(*own, progress, given, scaled, min(most, 1))
        if match.verdict == "unnamed":
            match = replace(match, verdict="undecided", remarks=(own[1].of_chance,))
        return match
    fine: Match | None = None
    for asked in sorted((*strong[:1], own, *strong[1:]), key=_diverged):
        if asked[1].losses is None and asked[1].final is None:
            continue
        match = match_loop(*asked, progress, given, scaled, most)
        if match.verdict in ("slips", "unnamed") and not (fine is not None and _diverged(asked)):
            return match
        if fine is None or (fine.verdict == "undecided" and match.verdict != "undecided"):
            fine = match
    return fine


def _diverged(asked: Asked) -> bool:
    """Whether the loop's numbers there are not all finite, so that they tell little."""
    _, answer = asked
    return any(part is not None and not np.isfinite(part).all() for part in (answer.losses, answer.final))


def _shown(answers: Sequence[Answer], aspect: str) -> bool:
    return any(getattr(answer, aspect) is not None for answer in answers)


def _is_derived(probe: Probe, answer: Answer) -> bool:
    """Whether the gradient is their step divided by the rate, as where backpropagation happens in the update."""
    if answer.gradient is None or answer.stepped is None:
        return False
    rate = probe.training.optimizer.learning_rate
    return bool((answer.gradient == (probe.w - answer.stepped) / rate).all())


def _badness(sections: tuple[Section, ...]) -> tuple[int, int, int]:
    """How little a way of reading the code explains: unnamed sections, then slips, then conventions."""
    unnamed = sum(section.match.verdict == "unnamed" for section in sections)
    return unnamed, sum(len(s.slips) for s in sections), sum(len(s.agreed) for s in sections)


def _experiment(job: Job, match: Match) -> Experiment | None:
    """What would tell apart explanations that fit equally well."""
    if match.verdict not in ("slips", "undecided") or not 1 < len(match.hypotheses) <= 12:
        return None
    return tell_apart(match.hypotheses, job.net, job.training, job.rows, job.start)
