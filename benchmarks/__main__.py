"""`python -m benchmarks [-w NAME]`; exit code 1 where a claim did not hold, 2 for an option that cannot be."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from benchmarks import Outcome, coldstart, machine, memory, paths
from benchmarks.contenders import CONTENDERS
from benchmarks.contest import contest, say
from benchmarks.report import plain, told
from benchmarks.worker import Crew
from benchmarks.workloads import WORKLOADS, Workload

OTHERS: dict[str, Callable[[int], Outcome]] = {
    "coldstart": coldstart.run,
    "paths": paths.run,
    "memory": memory.run,
}
BUDGET = 36.0  # seconds of a workload, both dtypes together
AGAIN = 5  # rounds in float64, of whygrad and the best rival alone
AGAIN_BUDGET = 0.25  # of the budget, for that


@dataclass(frozen=True)
class Said:
    """The options, read."""

    which: tuple[str, ...]
    dtype: str | None
    rounds: int
    rivals: tuple[str, ...]
    budget: float
    json: Path | None


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}", file=sys.stderr)
        raise SystemExit(2)


def read(arguments: Sequence[str] | None) -> Said:
    """Reads the options; ends the process with 2 and one line where one cannot be."""
    names, rivals = (*WORKLOADS, *OTHERS), tuple(c.name for c in CONTENDERS.values() if c.rival)
    parser = _Parser(prog="python -m benchmarks", description="Time whygrad beside its rivals.")
    parser.add_argument(
        "-w", "--which", action="append", metavar="NAME", help=f"only this one (repeatable): {', '.join(names)}"
    )
    parser.add_argument(
        "--dtype", choices=("float32", "float64"), help="only this; else float32, and float64 briefly"
    )
    parser.add_argument("--rounds", type=int, default=9, help="how often each is timed (default 9)")
    parser.add_argument("--rivals", metavar="A,B", help=f"only these: {', '.join(rivals)}")
    parser.add_argument("--budget", type=float, default=BUDGET, help=f"seconds of a workload (default {BUDGET:g})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every time there")
    given = parser.parse_args(arguments)
    chosen = tuple(given.rivals.split(",")) if given.rivals is not None else rivals
    for what, wanted, known in (("-w", given.which or (), names), ("--rivals", chosen, rivals)):
        for name in wanted:
            if name not in known:
                parser.error(f"{what}: {name!r} is not known; it can be {', '.join(known)}")
    if given.rounds < 2:
        parser.error("--rounds must be 2 or more")
    if not given.budget > 0:
        parser.error("--budget must be above 0")
    return Said(tuple(given.which or names), given.dtype, given.rounds, chosen, given.budget, given.json)


def contests(crew: Crew, workload: Workload, said: Said, kept: list[dict[str, Any]]) -> Iterator[Outcome]:
    """A workload's contest, and, where no dtype is asked for, one in float64 of whygrad and the best rival."""
    ours = [c for c in CONTENDERS.values() if not c.rival and c.takes(workload)]
    rivals = [CONTENDERS[name] for name in said.rivals if CONTENDERS[name].takes(workload)]
    for one in rivals:
        if one.missing:
            say(f"{one.label}: not installed: {', '.join(one.missing)}")
    there = [one for one in rivals if not one.missing]
    first = 1 - AGAIN_BUDGET if said.dtype is None else 1.0
    done = contest(crew, workload, said.dtype or "float32", (*ours, *there), said.rounds, said.budget * first)
    kept.append(plain(done))
    yield told(done)
    if said.dtype is None and done.best is not None:
        pair = (CONTENDERS["whygrad"], done.best.contender)
        again = contest(crew, workload, "float64", pair, min(AGAIN, said.rounds), said.budget * AGAIN_BUDGET)
        kept.append(plain(again))
        outcome = told(again)
        yield Outcome(("", *outcome.lines), outcome.held)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmarks asked for and prints their tables."""
    said = read(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the workers end too
    print("\n".join(machine()), flush=True)
    held, kept = True, list[dict[str, Any]]()
    with Crew() as crew:
        for name in said.which:
            print(f"\n{name}\n", flush=True)
            other = OTHERS.get(name)
            for outcome in contests(crew, WORKLOADS[name], said, kept) if other is None else (other(said.rounds),):
                print("\n".join(outcome.lines), flush=True)
                held &= outcome.held
    if said.json is not None:
        text = json.dumps({"machine": machine(), "contests": kept}, indent=1)
        said.json.write_text(text + "\n", encoding="utf-8")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
