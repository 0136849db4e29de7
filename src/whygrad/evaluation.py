"""How good a run's model is on a table whose targets are known."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from whygrad.encoding import Encoding, Unknown, encode_inputs, encode_targets
from whygrad.engines.choosing import looking
from whygrad.history import Run
from whygrad.maths import Counts
from whygrad.metrics import ClassScore, FullTally, class_numbers, confusion, per_class
from whygrad.reading import read_like
from whygrad.scratch import pieces
from whygrad.table import Indices, Rows, Table
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


def evaluate(run: Run, source: Any, unknown: Unknown = "refuse", rows: Indices | None = None) -> Evaluation:
    """Measures a run's model on a `Table`, a file, a dataframe or a mapping with its inputs and targets.

    Of its rows only those numbered `rows`, where they are given. Row weights count in the loss, not in the scores.
    Raises `TableError` for what the model cannot read.
    """
    model, encoding = run.model, run.model.encoding
    if isinstance(source, Table):
        table = source
    else:
        table = read_like(source, encoding, targets=True, like=run.source)
    n, dtype, threshold = len(table if rows is None else rows), np.dtype(run.training.dtype), model.threshold
    engine = looking(model.network, model.loss, run.training.dtype, n)
    loss, tally = 0.0, FullTally(encoding, threshold, n, table.streamed)
    alone = [FullTally(one, threshold, n, table.streamed) for one in _each(encoding)]
    counts = np.zeros((len(encoding.classes), len(encoding.classes)), dtype=np.int64)
    for piece in pieces(n):
        here = table.take(piece if rows is None else rows[piece])
        y = encode_targets(encoding, here)  # (rows, n_out)
        targets = prepare_targets(model.loss, y, run.training.smoothing, piece.start).astype(dtype)
        encoded = Rows(encode_inputs(encoding, here, unknown).astype(dtype), targets, here.row_weights)
        seen = engine.evaluate(model.network, run.training, model.w, encoded)
        loss += seen.loss * (len(here) / n)
        tally.add(y, seen.outputs)
        for k, one in enumerate(alone):
            one.add(y[:, [k]], seen.outputs[:, [k]])
        if encoding.classes:
            counts += confusion(class_numbers(y), class_numbers(seen.outputs, threshold), len(counts))
    if not encoding.classes:
        each = {code.name: one.scores() for code, one in zip(encoding.targets, alone, strict=False)}
        return Evaluation(n, loss, tally.scores(), each)
    return Evaluation(n, loss, tally.scores(), {}, per_class(counts, encoding.classes), counts)


def _each(encoding: Encoding) -> list[Encoding]:
    """Several targets' encodings one by one; none for one."""
    if len(encoding.targets) == 1:
        return []
    return [replace(encoding, targets=(code,)) for code in encoding.targets]
