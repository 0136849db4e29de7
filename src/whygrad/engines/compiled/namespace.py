"""The namespace of formulas as Numba compiles it: `XP32` and `XP64`, whose methods become machine code.

A formula written for `maths.Namespace` is compiled as it stands. On numbers, its operations are plain arithmetic
that LLVM turns into vectors; on a row as an array (n,), which only softmax needs, they are loops, and so they are
on the rows of many networks side by side, (n, networks). exp and tanh are our own (`functions`). NaN comes through
every one of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.core.imputils import lower_constant
from numba.extending import models, overload_method, register_model, typeof_impl

from whygrad.engines.compiled.cache import inner
from whygrad.engines.compiled.functions import exp32, exp64, tanh32, tanh64


class Scalars:
    """The namespace in one dtype."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class ScalarsType(types.Type):  # type: ignore[misc]
    """Its Numba type."""

    def __init__(self, dtype: str) -> None:
        self.of = getattr(types, dtype)
        super().__init__(name=f"Scalars({dtype})")


typeof_impl.register(Scalars)(lambda value, context: ScalarsType(value.dtype))
register_model(ScalarsType)(models.OpaqueModel)
lower_constant(ScalarsType)(lambda context, builder, kind, value: context.get_dummy_value())

XP32, XP64 = Scalars("float32"), Scalars("float64")


# ---- on numbers, and on rows ----


def _calling(function: Any) -> Any:
    return inner(lambda x: function(x))


def _bare(function: Any) -> Any:
    """The function without its annotations, as Numba wants those of both halves of an overload to be equal."""
    function.__annotations__ = {}
    return function


def _method(function: Any) -> Any:
    """A method of the namespace, of the function's name: given types, it returns what is compiled for them."""
    return overload_method(ScalarsType, function.__name__.strip("_"))(_bare(function))


def _elementwise(name: str, by_dtype: Any) -> None:
    """A method of one number; on a row (n,) or rows (n, networks), of each of their numbers."""

    @_bare
    def method(xp: Any, x: Any) -> Any:
        f = by_dtype(xp.of)
        if not isinstance(x, types.Array):
            return lambda xp, x: f(x)

        @_bare
        def on_rows(xp: Any, x: Any) -> Any:
            out = np.empty_like(x)
            for j in range(x.shape[0]):
                for i in range(x.shape[1]):
                    out[j, i] = f(x[j, i])
            return out

        @_bare
        def on_array(xp: Any, x: Any) -> Any:
            out = np.empty_like(x)
            for j in range(len(x)):
                out[j] = f(x[j])
            return out

        return on_array if x.ndim == 1 else on_rows

    overload_method(ScalarsType, name)(method)


def _alone(f: Any) -> Any:
    """The same for every dtype."""
    return lambda of: f


_elementwise("exp", lambda of: exp32 if of == types.float32 else exp64)
_elementwise("tanh", lambda of: tanh32 if of == types.float32 else tanh64)
for _function in (math.expm1, math.log, math.log1p, math.sqrt, math.erf, abs):
    _elementwise(_function.__name__, _alone(_calling(_function)))


@_method
def _c(xp: Any, constant: Any) -> Any:
    of = xp.of
    return lambda xp, constant: of(constant)


@_method
def _positive(xp: Any, x: Any) -> Any:
    return lambda xp, x: x > 0


@_method
def _where(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    of = xp.of
    return lambda xp, condition, x, y: of(x) if condition else of(y)


@_method
def _maximum(xp: Any, x: Any, y: Any) -> Any:
    of = xp.of
    return lambda xp, x, y: of(y) if x <= y else x  # a NaN is not below anything


@_method
def _sign(xp: Any, x: Any) -> Any:
    of = xp.of
    return lambda xp, x: of(1) if x > 0 else of(-1) if x < 0 else x  # 0, or NaN


@_method
def _rowsum(xp: Any, x: Any) -> Any:
    of = xp.of

    @_bare
    def rowsum(xp: Any, x: Any) -> Any:
        total = of(0)
        for j in range(len(x)):
            total += x[j]
        return total

    @_bare
    def rowsums(xp: Any, x: Any) -> Any:
        total = np.zeros((1, x.shape[1]), x.dtype)
        for j in range(x.shape[0]):
            for i in range(x.shape[1]):
                total[0, i] += x[j, i]
        return total

    return rowsum if x.ndim == 1 else rowsums


@_method
def _rowmax(xp: Any, x: Any) -> Any:
    @_bare
    def rowmax(xp: Any, x: Any) -> Any:
        top = x[0]
        for j in range(1, len(x)):
            top = top if x[j] <= top else x[j]  # a NaN comes through
        return top

    @_bare
    def rowmaxes(xp: Any, x: Any) -> Any:
        top = x[:1].copy()
        for j in range(1, x.shape[0]):
            for i in range(x.shape[1]):
                top[0, i] = top[0, i] if x[j, i] <= top[0, i] else x[j, i]
        return top

    return rowmax if x.ndim == 1 else rowmaxes
