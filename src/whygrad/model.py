"""A model: a network with its parameters, and the encoding that makes a table out of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whygrad.encoding import Encoding, Unknown, decode_classes, decode_outputs, encode_inputs
from whygrad.engines.choosing import looking
from whygrad.errors import InputError
from whygrad.losses import Loss
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.reading import read_like
from whygrad.table import Rows, Source, Table
from whygrad.training import Training


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says about rows: outputs in the target's units, and its classes as it held them, if any."""

    outputs: Array  # (rows, n_out)
    classes: NDArray[Any] | None  # (rows,) or (rows, targets): str, int64 or bool
    names: tuple[str, ...]  # of the outputs

    def __len__(self) -> int:
        return len(self.outputs)


@dataclass(frozen=True, eq=False)
class Model:
    """Everything a prediction needs."""

    network: Network
    w: Array  # (P,)
    encoding: Encoding
    loss: Loss

    @property
    def threshold(self) -> float:
        """The output above which a yes/no answer is yes."""
        return self.loss.threshold

    def outputs(self, x: Array) -> Array:
        """The network's own outputs (rows, n_out) for encoded inputs x (rows, inputs)."""
        if len(x) == 0:
            return np.empty((0, self.network.outputs), dtype=self.w.dtype)
        engine = looking(self.network, self.loss, self.w.dtype.name, len(x))
        y = np.zeros((len(x), self.network.outputs), self.w.dtype)  # the losses of no targets, which nobody reads
        return engine.evaluate(self.network, Training(self.loss), self.w, Rows(x, y)).outputs

    def predict(self, source: Any, unknown: Unknown = "refuse", like: Source | None = None) -> Predictions:
        """Predictions for a table, a file, a dataframe, a mapping of columns or an array (rows, inputs).

        New files are written as `like`, the file the model was trained on, where nothing else is said. Raises
        `TableError` for missing columns, and for words or values the model cannot take; `InputError` for an
        array of another shape.
        """
        x = encode_inputs(self.encoding, self._table(source, like), unknown)
        a = self.outputs(x.astype(self.w.dtype))
        classes = None
        if self.encoding.task != "regression":
            classes = decode_classes(self.encoding, a, self.threshold)
        return Predictions(decode_outputs(self.encoding, a), classes, self.encoding.output_names)

    def _table(self, source: Any, like: Source | None = None) -> Table:
        if isinstance(source, Table):
            return source
        if isinstance(source, list | tuple | np.ndarray):
            codes = self.encoding.inputs
            try:
                x = np.asarray(source)
            except ValueError:
                raise InputError(f"the rows differ in length; the model takes (rows, {len(codes)})") from None
            shape = x.shape
            if x.ndim == 1:  # one row, or the one column of a model that has one input
                x = x[:, None] if len(codes) == 1 else x[None, :]
            if x.ndim != 2 or x.shape[1] != len(codes):
                raise InputError(f"inputs have shape {shape}, but the model takes (rows, {len(codes)})")
            source = {code.name: list(x[:, k]) for k, code in enumerate(codes)}
        return read_like(source, self.encoding, targets=False, like=like)
