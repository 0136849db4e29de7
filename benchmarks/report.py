"""A contest as a table, and what is to be said below it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks import Outcome, Timings, table
from benchmarks.agreement import LATER, within
from benchmarks.contest import Contest, Entry
from benchmarks.workloads import Goal, Workload

HEAD = ("contender", "median", "middle half", "all", "whole job", "timed", "first call", "apart", "whygrad is")


def told(contest: Contest) -> Outcome:
    """The table of a contest, the ceiling, and each goal; held if all agree and every goal is reached."""
    rows = [HEAD, *(row(contest, e) for e in contest.entries)]
    lines = [title(contest), *table(rows), *ceiling(contest)]
    disagree = [text for e in contest.entries if e.seconds for text in disagreements(contest, e)]
    goals = [goal(contest, one) for one in contest.workload.goals if entered(contest, one)]
    if contest.workload.share is not None:
        goals.append(share(contest, contest.workload.share))
    lines += [*disagree, *(text for text, _ in goals)]
    return Outcome(tuple(lines), not disagree and all(held for _, held in goals))


def title(contest: Contest) -> str:
    """The workload in a line."""
    w = contest.workload
    what = (
        f"{w.loss}, {type(w.optimizer).__name__} {w.optimizer.learning_rate:g}, batch {w.batch}, "
        f"epochs: {w.epochs}"
        if w.unit == "update"
        else f"prediction, in blocks of {w.batch:,}"
    )
    return (
        f"{network(w)}, {what}, {w.rows:,} rows, {contest.dtype}, {contest.rounds} rounds, times of one {w.unit}\n"
    )


def network(w: Workload) -> str:
    """Its sizes and activations."""
    return f"{'-'.join(str(n) for n in w.sizes)} {w.hidden}, {w.output}"


def row(contest: Contest, entry: Entry) -> tuple[str, ...]:
    """One contender's cells."""
    name = entry.contender.label + (f", threads: {entry.option}" if entry.option else "")
    if not entry.seconds:
        return (name, f"out: {entry.lost}", *[""] * (len(HEAD) - 2))
    w, task, found = contest.workload, entry.task, entry.timings
    whole = w.epochs * -(-w.rows // w.batch)
    low, high = found.quartiles
    return (
        name,
        duration(found.median),
        f"{duration(low)} to {duration(high)}",
        f"{duration(min(found.seconds))} to {duration(max(found.seconds))}",
        ("" if task.units == whole else "about ") + duration(found.median * whole),
        "all" if task.units == whole else f"{task.units:,} of {whole:,}",
        f"{entry.first:.1f} s",
        "" if entry.contender.name == "whygrad" else differences(entry),
        "" if entry.contender.name == "whygrad" else times(contest.ratios(entry)),
    )


def differences(entry: Entry) -> str:
    """From whygrad: after the short task, and after the rounds where both did the same."""
    return f"{entry.apart:.0e}" + ("" if entry.apart_after is None else f", {entry.apart_after:.0e}")


def disagreements(contest: Contest, entry: Entry) -> list[str]:
    """What is to be said where a contender did not end where whygrad did."""
    allowed = within(entry.contender.alike, contest.dtype)
    found = [("short task", entry.apart, allowed)]
    if entry.apart_after is not None:
        found.append(("rounds", entry.apart_after, LATER * allowed))
    return [
        f"{entry.contender.label} DOES NOT AGREE after the {when}: {value:.1e} apart, {most:g} allowed"
        for when, value, most in found
        if not value <= most
    ]


def times(found: Timings | None) -> str:
    """A ratio with its middle half."""
    if found is None:
        return ""
    low, high = found.quartiles
    return f"{found.median:.3g} times as fast ({low:.3g} to {high:.3g})"


def duration(seconds: float) -> str:
    """Three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def flops(contest: Contest, entry: Entry) -> float:
    """GFLOP/s of a contender's matrix products in its quickest round, as the peak is the quickest burst's."""
    w, task = contest.workload, entry.task
    return w.flops_a_row * task.rows * task.epochs / (min(entry.seconds) * task.units) / 1e9


def ceiling(contest: Contest) -> list[str]:
    """The machine's ceiling, and what whygrad and the best rival make of it."""
    h = contest.heights
    lines = [
        "",
        f"ceiling: {h.one:.4g} GFLOP/s on one core, {h.all:.4g} on all; NumPy's product {h.blas:.4g}; "
        f"whygrad's on the largest layer {h.own:.4g} on one core; a copy {h.copy:.3g} GB/s",
    ]
    for entry in (contest.entry("whygrad"), contest.best):
        if entry is not None:
            found = flops(contest, entry)
            lines.append(
                f"{entry.contender.label}: {found:.3g} GFLOP/s at its quickest, "
                f"{percent(found / h.all)} of the peak of all cores, {percent(found / h.one)} of one core's"
            )
    return lines


def percent(part: float) -> str:
    """Two digits, three from 10 on."""
    return f"{100 * part:.{3 if part >= 0.1 else 2}g} %"


def entered(contest: Contest, aim: Goal) -> bool:
    """Whether the rival of a goal was there at all."""
    return aim.rival == "best" or any(e.contender.name == aim.rival for e in contest.entries)


def goal(contest: Contest, aim: Goal) -> tuple[str, bool]:
    """Whether whygrad is that many times as fast, in a line."""
    against = contest.best if aim.rival == "best" else contest.entry(aim.rival)
    ratios = contest.ratios(against) if against is not None else None
    if against is None or ratios is None:
        return f"goal {aim.times:g} times {aim.rival}: not put to the test", True
    found = ratios.median
    who = against.contender.label + (", the best rival" if aim.rival == "best" else "")
    held = found >= aim.times
    missed = "" if held else f", by a factor of {aim.times / found:.3g}"
    return f"goal {aim.times:g} times {who}: {found:.3g}, {'held' if held else 'NOT HELD'}{missed}", held


def share(contest: Contest, aim: float) -> tuple[str, bool]:
    """Whether whygrad reaches that part of the peak of all cores, in a line."""
    ours = contest.entry("whygrad")
    if ours is None:
        return f"goal {aim:.0%} of the peak: not put to the test", True
    found = flops(contest, ours) / contest.heights.all
    return (
        f"goal {aim:.0%} of the peak of all cores: {percent(found)}, {'held' if found >= aim else 'NOT HELD'}",
        found >= aim,
    )


def plain(contest: Contest) -> dict[str, Any]:
    """Numbers and strings only, for JSON; seconds of an update by round."""
    return {
        "workload": contest.workload.name,
        "dtype": contest.dtype,
        "rounds": contest.rounds,
        "ceiling": asdict(contest.heights),
        "contenders": [
            {
                "name": e.contender.name,
                "threads": e.option,
                "seconds": e.seconds,
                "first_call": e.first,
                "rows": e.task.rows,
                "epochs": e.task.epochs,
                "apart": e.apart,
                "apart_after": e.apart_after,
                "out": e.lost,
                "gflops": flops(contest, e) if e.seconds else None,
            }
            for e in contest.entries
        ],
    }
