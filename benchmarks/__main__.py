"""`python -m benchmarks [-w NAME] [--rounds N]`; exit code 1 where a claim did not hold."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from benchmarks import Outcome, coldstart, machine, paths

WHICH: dict[str, Callable[[int], Outcome]] = {"coldstart": coldstart.run, "paths": paths.run}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmarks asked for and prints their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time whygrad beside its rivals.")
    parser.add_argument("-w", "--which", choices=sorted(WHICH), action="append", help="only this one (repeatable)")
    parser.add_argument("--rounds", type=int, default=9, help="how often each job is timed (default 9)")
    said = parser.parse_args(arguments)
    if said.rounds < 2:
        parser.error("--rounds must be 2 or more")
    print("\n".join(machine()), flush=True)
    held = True
    for name in said.which or sorted(WHICH):
        print(f"\n{name}", flush=True)
        outcome = WHICH[name](said.rounds)
        print("\n".join(outcome.lines), flush=True)
        held &= outcome.held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
