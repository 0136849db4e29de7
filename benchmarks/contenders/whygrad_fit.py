"""whygrad as its user calls it: `fit` with the compiled engine, from a table in memory to a finished run.

Besides the updates it encodes the table, works out the whole table's loss after every epoch and its gradient at
the end, and gathers the history.
"""

from __future__ import annotations

from benchmarks.contenders import Run
from benchmarks.workloads import Task
from whygrad.fitting import fit
from whygrad.maths import Array
from whygrad.reading import table_from_arrays
from whygrad.weights import views


def prepare(task: Task, option: int) -> Run:
    """See the package."""
    workload, rows = task.workload, task.data
    training = workload.training(task.dtype, task.epochs)
    start = [(layer.W, layer.b) for layer in views(workload.network, workload.start("float64"))]
    table = table_from_arrays(rows.x, rows.y, task="regression")

    def train() -> Array:
        run = fit(workload.network, table, training, engine="compiled", start=start)
        return run.w

    return train
