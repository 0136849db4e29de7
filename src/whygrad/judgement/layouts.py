"""Layouts: how somebody's code stores its arrays, and the way from whygrad's arrays to theirs and back.

whygrad's own: W (n_in, n_out), b (n_out,), x (rows, n), y (rows, k). Others write W (n_out, n_in), rows as columns
of X, one row at a time as (n,) or (n, 1), a bias as a column, a number instead of an array of one, class numbers
instead of one-hot rows, lists of lists, float32, or another library's arrays.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from whygrad.judgement.trouble import Trouble
from whygrad.maths import Array
from whygrad.printing import counted
from whygrad.weights import Span

Ones = Literal["", "first", "last"]
Kind = Literal["array", "float32", "list", "matrix", "torch", "torch32"]


@dataclass(frozen=True)
class Layout:
    """One way to store parameters and rows.

    `rows` says where examples lie: "rows" (m, n), "columns" (n, m) or "flat" (n,). `target` says what y is: of
    the outputs' shape, "flat" (m,), a "number", or "labels", the class numbers (m,). `single`: one row a call.
    """

    matrix: Literal["in, out", "out, in"]
    rows: Literal["rows", "columns", "flat"]
    bias: Literal["flat", "column", "row", "plain"]  # plain: a layer with one unit has W (n_in,) and a number b
    target: Literal["outputs", "flat", "number", "labels"] = "outputs"
    single: bool = False
    kind: Kind = "array"
    backwards: bool = False
    ones: Ones = ""  # where W holds the biases: as the weights of an input that is 1

    @property
    def rounds(self) -> bool:
        """Whether parameters are handed over in float32."""
        return self.kind in ("float32", "torch32")

    @property
    def words(self) -> tuple[str, ...]:
        """The layout in sentences."""
        n_in = "n_in + 1" if self.ones else "n_in"
        W = f"({n_in}, n_out)" if self.matrix == "in, out" else f"(n_out, {n_in})"
        b = f"with b {self.ones}" if self.ones else f"b is {_BIASES[self.bias]}"
        return (f"W is {W}, {b}, {self.words_of_rows[0]}", *self.words_of_rows[1:])

    @property
    def words_of_rows(self) -> tuple[str, ...]:
        """The same without parameters."""
        told = [f"x is { {'rows': '(rows, n)', 'columns': '(n, rows)', 'flat': '(n,)'}[self.rows] }"]
        if self.single:
            told.append("it takes one row at a time")
        if self.target == "labels":
            told.append("y are class numbers from 0")
        if self.rounds:
            told.append("it computes in float32")
        if self.backwards:
            told.append("its lists begin with the last layer")
        return tuple(told)


_BIASES = {"flat": "(n_out,)", "column": "(n_out, 1)", "row": "(1, n_out)", "plain": "(n_out,) or a number"}


def layouts(single: bool, kinds: tuple[Kind, ...] = ("array",)) -> Iterator[Layout]:
    """The layouts to try, the usual ones first; `target` is tried by itself, see `targets`."""
    rows: tuple[Literal["rows", "columns", "flat"], ...] = (
        ("columns", "flat", "rows") if single else ("rows", "columns")
    )
    for kind in kinds:
        for where in rows:
            orders: tuple[Literal["in, out", "out, in"], ...] = ("in, out", "out, in")
            for matrix in orders:
                biases: tuple[Literal["flat", "column", "row", "plain"], ...] = (
                    ("column", "flat", "plain", "row")
                    if where == "columns"
                    else ("flat", "row", "plain", "column")
                )
                for bias in biases:
                    yield Layout(matrix, where, bias, single=single, kind=kind)


def targets(layout: Layout, outputs: int) -> tuple[Literal["outputs", "flat", "number", "labels"], ...]:
    """What y may be under a layout, the most likely first."""
    if outputs > 1:
        return ("outputs", "labels")
    return ("number", "outputs") if layout.single else ("outputs", "flat")


# ---- to theirs ----


def weights_for(layout: Layout, s: Span, W: Array, shape: tuple[int, ...] | None) -> Any:
    """W (n_in, n_out) as they store it; `shape` is that of their own array, where it is known."""
    if shape is None:
        plain = layout.bias == "plain" and s.n_out == 1
        shape = (s.n_in,) if plain else (s.n_in, s.n_out) if layout.matrix == "in, out" else (s.n_out, s.n_in)
    turned = W if layout.matrix == "in, out" or len(shape) < 2 else W.T
    return of_kind(turned.reshape(shape), layout.kind)


def biases_for(layout: Layout, b: Array, shape: tuple[int, ...] | None) -> Any:
    """b (n_out,) as they store it."""
    if shape is None:
        plain = () if len(b) == 1 else (-1,)
        shape = {"flat": (-1,), "column": (-1, 1), "row": (1, -1), "plain": plain}[layout.bias]
    return of_kind(b.reshape(shape), layout.kind)


def rows_for(layout: Layout, a: Array) -> Any:
    """Inputs or activations (rows, n) as they take them."""
    turned = {"rows": a, "columns": a.T, "flat": a[0]}[layout.rows]
    return of_kind(turned, layout.kind)


def targets_for(layout: Layout, y: Array) -> Any:
    """Targets (rows, k) as they take them."""
    if layout.target == "labels":
        numbers = y.argmax(axis=1)  # (rows,)
        return int(numbers[0]) if layout.single else numbers
    if layout.target == "number":
        return float(y[0, 0])
    if layout.target == "flat":
        return of_kind(y[:, 0], layout.kind)
    return rows_for(layout, y)


def of_kind(a: Array, kind: Kind) -> Any:
    """A copy of the array, as the code's own kind of array; a number where it has no dimension."""
    if a.ndim == 0:
        return float(a)
    if kind == "list":
        return a.tolist()
    if kind == "matrix":
        return np.matrix(a)
    if kind in ("torch", "torch32"):
        torch = sys.modules["torch"]
        return torch.tensor(a.tolist(), dtype=torch.float64 if kind == "torch" else torch.float32)
    return np.array(a, dtype=np.float32 if kind == "float32" else np.float64)


def kind_of(value: Any) -> Kind:
    """What kind of array the code's own value is."""
    if type(value).__module__.partition(".")[0] == "torch":
        return "torch32" if str(value.dtype) == "torch.float32" else "torch"
    if isinstance(value, np.matrix):
        return "matrix"
    if isinstance(value, list | tuple):
        return "list"
    return "float32" if getattr(value, "dtype", None) == np.float32 else "array"


# ---- and back ----


def numbers(value: Any) -> Array:
    """Their value as an array of float64; raises `Trouble` for what holds no numbers."""
    if hasattr(value, "detach"):  # a tensor that remembers how it was made
        value = value.detach().cpu().numpy()
    try:
        found = np.asarray(value)
        if found.dtype == object:
            found = found.astype(np.float64)
    except (TypeError, ValueError):
        raise Trouble(f"{type(value).__name__} where numbers should be") from None
    if found.dtype.kind not in "fiub":
        raise Trouble(f"{found.dtype} where numbers should be")
    return np.array(found, dtype=np.float64)


def is_single(value: Any) -> bool:
    """Whether the value came as float32 (or half of that)."""
    return str(getattr(value, "dtype", "")).removeprefix("torch.") in ("float32", "float16", "bfloat16")


def read_weights(layout: Layout, s: Span, value: Any, what: str, shape: tuple[int, ...] | None) -> Array:
    """Their W, or its gradient, as (n_in, n_out). Raises `Trouble` for another shape than they were given."""
    found = numbers(value)
    stored = (s.n_in, s.n_out) if layout.matrix == "in, out" else (s.n_out, s.n_in)
    bare = found.ndim < 2 or (shape is not None and len(shape) < 2)  # (n_in,) for (n_in, 1)
    if found.shape != stored and not (bare and found.size == s.n_in * s.n_out and 1 in stored):
        raise Trouble(f"{what} has shape {found.shape} instead of {stored}")
    found = found.reshape(stored)
    return found if layout.matrix == "in, out" else np.ascontiguousarray(found.T)


def read_biases(s: Span, value: Any, what: str) -> Array:
    """Their b, or its gradient, as (n_out,). Raises `Trouble` for another number of numbers."""
    found = numbers(value)
    if found.size != s.n_out:
        has = "is one number" if found.ndim == 0 else f"has shape {found.shape}"
        raise Trouble(f"{what} {has}, but should hold {counted(s.n_out, 'number')}")
    return found.reshape(-1)


def read_outputs(layout: Layout, value: Any, rows: int, outputs: int, name: str) -> Array:
    """Their outputs as (rows, k)."""
    found = numbers(value)
    bare = found.ndim < 2 and (outputs == 1 or rows == 1)
    turned = layout.rows == "columns" and not bare
    wanted = (outputs, rows) if turned else (rows, outputs)
    if found.shape != wanted and not (bare and found.size == rows * outputs):
        raise Trouble(
            f"{name} returned outputs of shape {found.shape} for {counted(rows, 'row')} instead of {wanted}"
        )
    return found.T.copy() if turned else found.reshape(rows, outputs)
