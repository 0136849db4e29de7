"""Peak memory of the compiled engine while it trains, beyond the rows and the idle loaded engine.

The claim: at most 1.2 times the weights, the optimizer's state and one block of activations, a batch of rows by
all units. A process of its own for each workload trains once, so that everything is loaded, gives freed memory
back, and sets the system's record of its peak back to what it holds now. Linux only.
"""

from __future__ import annotations

import ctypes
import gc
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks import Outcome, table
from benchmarks.contenders import CONTENDERS
from benchmarks.workloads import WORKLOADS, Task, Workload

CLAIM = 1.2
BATCHES = 20
LEAST = 2**20  # bytes that must be needed for a page or a few not to decide
DTYPE = "float32"
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Held:
    """Bytes: what the claim counts, and the peak that was seen."""

    needed: int
    peak: int

    @property
    def ratio(self) -> float:
        """How many times what is needed."""
        return self.peak / self.needed


def run(rounds: int) -> Outcome:
    """Measures every workload that trains and needs enough to be measured; once, as it is a count."""
    if not STATUS.exists():
        return Outcome(("this system keeps no record of a process's peak memory: not put to the test",), True)
    cells, held = [["network", "weights, state, one block", "peak", "times that"]], True
    for workload in WORKLOADS.values():
        if workload.unit == "block" or needed(workload) < LEAST:
            continue
        found = apart(workload)
        cells.append(
            [
                f"{workload.name}, batch {workload.batch}",
                f"{found.needed / 2**20:.2f} MiB",
                f"{found.peak / 2**20:.2f} MiB",
                f"{found.ratio:.2f}, {'held' if found.ratio <= CLAIM else 'NOT HELD'}",
            ]
        )
        held &= found.ratio <= CLAIM
    return Outcome((f"{DTYPE}; at most {CLAIM:g} times is claimed\n", *table(cells)), held)


def needed(workload: Workload) -> int:
    """Bytes of the weights, the optimizer's state and one block of activations, inputs among them."""
    copies = 1 + len(workload.optimizer.memories)
    numbers = copies * workload.network.n_parameters + workload.batch * sum(workload.sizes)
    return numbers * np.dtype(DTYPE).itemsize


def apart(workload: Workload) -> Held:
    """Measured in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, workload), daemon=True)
    process.start()
    theirs.close()
    try:
        return Held(needed(workload), int(ours.recv()))
    finally:
        process.join()


def _measure(connection: Connection, workload: Workload) -> None:
    rows = min(workload.rows, workload.batch * BATCHES)
    train = CONTENDERS["whygrad"].prepare(Task(workload, DTYPE, rows, 1), 0)
    train()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is what is held now
    before = _kib("VmRSS")
    train()
    connection.send((_kib("VmHWM") - before) * 1024)


def _kib(name: str) -> int:
    """A line of the process's status."""
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(name))
    return int(line.split()[1])
