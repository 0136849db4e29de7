"""How good a run's model is on a table whose targets are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from whygrad.encoding import Encoding, Unknown, encode_inputs, encode_targets
from whygrad.engines.choosing import looking
from whygrad.history import Run
from whygrad.maths import Array, Counts
from whygrad.metrics import ClassScore, class_numbers, confusion, full_scores, per_class
from whygrad.reading import read_like
from whygrad.table import Rows, Table
from whygrad.targets import prepare_targets


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The run's loss on these rows, and its task's scores; see `metrics` for each one's convention.

    Row weights and label smoothing count in the loss, class weights do not: those belong to training. `scores`
    holds R2, RMSE and MAE, the latter two in the target's units; or accuracy and AUC. With several targets,
    `targets` has each one's own (a mean over targets mixes their units). With one class target, `classes` has
    each class's scores and `confusion` the counts, row = true, column = predicted.
    """

    rows: int
    loss: float
    scores: dict[str, float]
    targets: dict[str, dict[str, float]] = field(default_factory=dict)
    classes: tuple[ClassScore, ...] = ()
    confusion: Counts | None = None

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings and lists only, for JSON."""
        plain: dict[str, Any] = {"rows": self.rows, "loss": self.loss, **self.scores}
        if self.targets:
            plain["targets"] = self.targets
        if self.confusion is not None:
            plain["classes"] = [asdict(score) for score in self.classes]
            plain["confusion"] = self.confusion.tolist()
        return plain


def evaluate(run: Run, source: Any, unknown: Unknown = "refuse") -> Evaluation:
    """Measures a run's model on a `Table`, a file, a dataframe or a mapping with its inputs and targets.

    Row weights count in the loss, not in the scores. Raises `TableError` for what the model cannot read.
    """
    model, encoding = run.model, run.model.encoding
    if isinstance(source, Table):
        table = source
    else:
        table = read_like(source, encoding, targets=True, like=run.source)
    y = encode_targets(encoding, table)  # (rows, n_out)
    dtype = np.dtype(run.training.dtype)
    x = encode_inputs(encoding, table, unknown).astype(dtype)
    targets = prepare_targets(model.loss, y, run.training.smoothing).astype(dtype)
    rows = Rows(x, targets, table.row_weights)
    engine = looking(model.network, model.loss, run.training.dtype, len(table))
    seen = engine.evaluate(model.network, run.training, model.w, rows)
    scores = full_scores(encoding, y, seen.outputs, model.threshold)
    names = encoding.classes
    if not names:
        return Evaluation(len(table), seen.loss, scores, _each(encoding, y, seen.outputs, model.threshold))
    counts = confusion(class_numbers(y), class_numbers(seen.outputs, model.threshold), len(names))
    return Evaluation(len(table), seen.loss, scores, {}, per_class(counts, names), counts)


def _each(encoding: Encoding, y: Array, a: Array, threshold: float) -> dict[str, dict[str, float]]:
    """Several targets' scores one by one; empty for one."""
    if len(encoding.targets) == 1:
        return {}
    alone = [replace(encoding, targets=(code,)) for code in encoding.targets]
    return {
        code.name: full_scores(one, y[:, [k]], a[:, [k]], threshold)
        for k, (code, one) in enumerate(zip(encoding.targets, alone, strict=True))
    }
