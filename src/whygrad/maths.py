"""The small namespace every formula of whygrad is written in.

A formula is a plain function whose first argument `xp` supplies exp, log, where ... and whose other
arguments are arrays; it uses only operators and these names, no `if`, nothing in place. So one text serves
several interpreters:

- `NUMPY`: values in float64 or float32.
- `COMPLEX`: the same formulas on complex numbers. The imaginary part of f(x + ih) is h f'(x) to O(h^2), with
  no subtraction, so h may be 1e-30 and the derivative is exact to rounding (Squire & Trapp 1998, "Using
  complex variables to estimate derivatives of real functions"; Martins et al. 2003). Comparisons look at
  the real part, as the real function would.

Arrays have shape (rows, n); `rowsum` and `rowmax` reduce the last axis and keep it: (rows, 1).
"""

from __future__ import annotations

import math
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

# what a formula computes with; typed as float64 for the checker's sake, float32 and complex at run time too
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]
Words = NDArray[np.str_]
Complex = NDArray[np.complex128]


class Namespace(Protocol):
    """What a formula may use besides operators: elementwise functions and two reductions over a row."""

    def exp(self, x: Array, /) -> Array:
        """e^x."""
        ...

    def expm1(self, x: Array, /) -> Array:
        """e^x - 1 without cancellation near 0."""
        ...

    def log(self, x: Array, /) -> Array:
        """The natural logarithm."""
        ...

    def log1p(self, x: Array, /) -> Array:
        """log(1 + x) without cancellation near 0."""
        ...

    def sqrt(self, x: Array, /) -> Array:
        """The square root."""
        ...

    def tanh(self, x: Array, /) -> Array:
        """The hyperbolic tangent."""
        ...

    def erf(self, x: Array, /) -> Array:
        """The error function 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
        ...

    def abs(self, x: Array, /) -> Array:
        """The magnitude."""
        ...

    def maximum(self, x: Array, y: Array | float, /) -> Array:
        """The larger of two, elementwise; NaN passes through."""
        ...

    def where(self, condition: Mask, x: Array | float, y: Array | float, /) -> Array:
        """`x` where the condition holds, else `y`."""
        ...

    def sign(self, x: Array, /) -> Array:
        """-1, 0 or 1."""
        ...

    def positive(self, x: Array, /) -> Mask:
        """Whether x > 0 (of its real part)."""
        ...

    def rowsum(self, x: Array, /) -> Array:
        """(rows, n) -> (rows, 1): the sum of each row."""
        ...

    def rowmax(self, x: Array, /) -> Array:
        """(rows, n) -> (rows, 1): the largest of each row."""
        ...

    def c(self, constant: float, /) -> float:
        """A constant in the dtype of the computation."""
        ...


_erf = np.vectorize(math.erf, otypes=[np.float64])


class _Numpy:
    """Real numbers by NumPy, in the dtype of the arrays given."""

    def __repr__(self) -> str:
        return "NUMPY"

    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    sqrt = staticmethod(np.sqrt)
    tanh = staticmethod(np.tanh)
    abs = staticmethod(np.abs)
    maximum = staticmethod(np.maximum)
    where = staticmethod(np.where)
    sign = staticmethod(np.sign)

    def erf(self, x: Array) -> Array:
        x = np.asarray(x)
        return cast(Array, _erf(x).astype(x.dtype)) if x.size else x

    def positive(self, x: Array) -> Mask:
        return np.asarray(x > 0)

    def rowsum(self, x: Array) -> Array:
        return np.asarray(x.sum(axis=-1, keepdims=True))

    def rowmax(self, x: Array) -> Array:
        return np.asarray(x.max(axis=-1, keepdims=True))

    def c(self, constant: float) -> float:
        return constant  # NumPy keeps float32 when a Python float meets it (NEP 50)


class _Complex:
    """Real formulas continued to complex numbers, for derivatives by a step along the imaginary axis."""

    def __repr__(self) -> str:
        return "COMPLEX"

    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    sqrt = staticmethod(np.sqrt)
    tanh = staticmethod(np.tanh)
    where = staticmethod(np.where)

    def log1p(self, x: Complex) -> Complex:
        # NumPy's complex log1p loses the imaginary part's digits; to first order it is im / (1 + re)
        return np.asarray(np.log1p(x.real) + 1j * (x.imag / (1 + x.real)))

    def erf(self, x: Complex) -> Complex:
        slope = (2 / math.sqrt(math.pi)) * np.exp(-(x.real**2))
        return np.asarray(_erf(x.real) + 1j * x.imag * slope)

    def abs(self, x: Complex) -> Complex:
        return np.where(x.real < 0, -x, x)

    def maximum(self, x: Complex, y: Complex | float) -> Complex:
        return np.where(x.real >= np.asarray(y).real, x, y)

    def sign(self, x: Complex) -> Array:
        return np.sign(x.real)

    def positive(self, x: Complex) -> Mask:
        return np.asarray(x.real > 0)

    def rowsum(self, x: Complex) -> Complex:
        return np.asarray(x.sum(axis=-1, keepdims=True))

    def rowmax(self, x: Complex) -> Complex:
        return np.take_along_axis(x, x.real.argmax(axis=-1, keepdims=True), axis=-1)

    def c(self, constant: float) -> float:
        return constant


NUMPY = cast(Namespace, _Numpy())
COMPLEX = cast(Namespace, _Complex())
