"""Cold start: from the start of a process to its exit.

The claim: `whygrad train students` takes at most a fifth of the same job in Keras. The same job: the same network
from the same start, five epochs row by row in order with plain gradient descent, the mean losses met during the
epochs printed. The losses are compared before a time is believed.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks import Outcome, Timings, installed, table

CLAIM = 1 / 5
AGREE = 1e-5  # relative; Keras computes in float32

# what somebody would write in Keras who wants this job done; fit's loss is the mean met during the epoch
KERAS_JOB = """
import numpy as np
import keras

x = np.array([[8, 8], [7, 9], [6, 10], [5, 12]], dtype="float32")
y = np.array([[4], [5], [6], [7]], dtype="float32")
start = keras.initializers.Constant(0.1)
model = keras.Sequential([
    keras.Input((2,)),
    keras.layers.Dense(2, kernel_initializer=start),
    keras.layers.Dense(1, kernel_initializer=start),
])
model.compile(optimizer=keras.optimizers.SGD(0.001), loss="mean_squared_error")
history = model.fit(x, y, batch_size=1, epochs=5, shuffle=False, verbose=0)
print([float(loss) for loss in history.history["loss"]])
"""


@dataclass(frozen=True)
class Job:
    """A whole process, what it needs, and whether it prints the five losses."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    losses: bool = False

    @property
    def missing(self) -> list[str]:
        """The packages it needs that are not installed."""
        return [package for package in self.needs if not installed(package)]


def _python(name: str, *arguments: str) -> Job:
    return Job(name, (sys.executable, *arguments))


def _keras(backend: str) -> Job:
    command = (sys.executable, "-c", KERAS_JOB)
    return Job(f"Keras on {backend}", command, ("keras", backend), (("KERAS_BACKEND", backend),), losses=True)


WHYGRAD = Job("whygrad train students", (sys.executable, "-m", "whygrad", "train", "students"), losses=True)
RIVALS = (_keras("jax"), _keras("torch"))
OTHERS = (
    _python("whygrad --help", "-m", "whygrad", "--help"),
    _python("import whygrad", "-c", "import whygrad"),
    _python("import numpy", "-c", "import numpy"),
    _python("python itself", "-c", "pass"),
)


def run(rounds: int) -> Outcome:
    """Times every job in turns, once a round, after one round that compiles bytecode and is not counted."""
    jobs = [job for job in (WHYGRAD, *RIVALS, *OTHERS) if not job.missing]
    losses = {job.name: read_losses(finished(job)[1]) for job in jobs if job.losses}
    for job in jobs:
        finished(job)  # the second run already finds the bytecode; so does every one below
    seconds: dict[str, list[float]] = {job.name: [] for job in jobs}
    for _ in range(rounds):
        for job in jobs:
            seconds[job.name].append(finished(job)[0])
    timings = {name: Timings(tuple(found)) for name, found in seconds.items()}
    said, held = judged(losses, timings)
    return Outcome((f"{rounds} rounds, in turns, whole processes", *rows(timings), *said), held)


def finished(job: Job) -> tuple[float, str]:
    """(seconds, what it printed) of one process, from its start to its exit."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "JAX_PLATFORMS": "cpu", **dict(job.variables)}
    started = time.perf_counter()
    done = subprocess.run(job.command, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{job.name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return took, done.stdout


def read_losses(printed: str) -> list[float]:
    """The five losses met during the epochs: a list on the last line, or the second column of whygrad's table."""
    lines = printed.strip().splitlines()
    if lines[-1].startswith("["):
        return [float(loss) for loss in json.loads(lines[-1])]
    cells = [line.split() for line in lines]
    return [float(row[1]) for row in cells if len(row) > 2 and row[0].isdigit() and row[1] != "-"]


def rows(timings: dict[str, Timings]) -> list[str]:
    """The table; a rival that is not there is said."""
    cells = [["process", "median", "middle half", "all", "whygrad takes"]]
    ours = timings[WHYGRAD.name].median
    for job in (WHYGRAD, *RIVALS, *OTHERS):
        if job.missing:
            cells.append([job.name, f"not installed: {', '.join(job.missing)}", "", "", ""])
            continue
        found = timings[job.name]
        ratio = f"{ours / found.median:.3f} of it" if job in RIVALS else ""
        cells.append([job.name, *found.cells(), ratio])
    return table(cells)


def judged(losses: dict[str, list[float]], timings: dict[str, Timings]) -> tuple[list[str], bool]:
    """Whether the jobs were the same, and whether the claim held against every rival there is."""
    ours, lines, held = losses[WHYGRAD.name], [], True
    lines.append("losses: " + ", ".join(f"{loss:.9f}" for loss in ours))
    for job in RIVALS:
        if job.missing:
            continue
        theirs = losses[job.name]
        if len(ours) != 5 or len(theirs) != 5:
            return [*lines, f"{job.name}: {len(theirs)} losses beside {len(ours)}, not 5: not the same job"], False
        apart = max(abs(a - b) / abs(b) for a, b in zip(theirs, ours, strict=True))
        ratio = timings[WHYGRAD.name].median / timings[job.name].median
        same, fast = apart <= AGREE, ratio <= CLAIM
        lines.append(
            f"{job.name}: losses {'agree' if same else 'DO NOT AGREE'} (largest relative difference {apart:.1e}); "
            f"whygrad takes {ratio:.3f} of its time; at most {CLAIM:g}: {'held' if fast else 'NOT HELD'}"
        )
        held &= same and fast and math.isfinite(ratio)
    if all(job.missing for job in RIVALS):
        lines.append("no rival is installed: the claim was not put to the test")
    return lines, held
