"""exp and tanh as plain arithmetic, as LLVM turns no call to a mathematics library into vectors.

After Cephes (Moshier 1992, netlib.org/cephes). The largest relative errors are 9e-8 (exp) and 1.4e-7 (tanh) in
float32, 2.7e-16 (both) in float64. NaN comes through.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from whygrad.engines.compiled.bits import of_bits, signed
from whygrad.engines.compiled.cache import exact


def _floats(*numbers: float) -> tuple[Any, ...]:
    return tuple(map(np.float32, numbers))


_LOG2E = 1.4426950408889634
_E_LOG2E, _E_HIGH, _E_LOW, _E_TOP, _E_BOTTOM = _floats(1.44269504, 0.693359375, -2.12194440e-4, 88.72283, -103.97)
_HALF, _ONE, _TWO, _NEAR, _INF = _floats(0.5, 1, 2, 0.625, np.inf)
_E = _floats(
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.5
)  # fmt: skip
_T = _floats(-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)


@exact
def _power32(n: Any) -> Any:
    return of_bits(np.int32((n + 127) << 23))  # Numba's whole numbers grow to int64


@exact
def exp32(x: Any) -> Any:
    """e^x: x = n log 2 + r, e^r by a polynomial, 2^n by its bits, in two steps as 2^128 has none."""
    y = min(_E_TOP, max(_E_BOTTOM, x))
    n = np.floor(y * _E_LOG2E + _HALF)
    r = y - n * _E_HIGH - n * _E_LOW  # log 2 in two parts, the first exact in few bits
    p = ((((_E[0] * r + _E[1]) * r + _E[2]) * r + _E[3]) * r + _E[4]) * r + _E[5]
    half = np.int32(n) >> 1
    e = (p * r * r + r + _ONE) * _power32(half) * _power32(np.int32(n) - half)
    return x if x != x else _INF if x > _E_TOP else e


@exact
def tanh32(x: Any) -> Any:
    """By a polynomial in x^2 near 0, else 1 - 2 / (e^(2|x|) + 1) with the sign of x."""
    z = x * x
    near = ((((_T[0] * z + _T[1]) * z + _T[2]) * z + _T[3]) * z + _T[4]) * z * x + x
    size = abs(x)
    far = _ONE - _TWO / (exp32(size + size) + _ONE)
    return near if size < _NEAR else signed(far, x)


@exact
def _power64(n: Any) -> Any:
    return of_bits((n + 1023) << 52)


@exact
def exp64(x: Any) -> Any:
    """As `exp32`, e^r by a quotient of polynomials in r^2."""
    y = min(709.7827128933841, max(-745.2, x))
    n = np.floor(y * _LOG2E + 0.5)
    r = y - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6
    z = r * r
    p = r * ((1.26177193074810590878e-4 * z + 3.02994407707441961300e-2) * z + 1.0)
    q = ((3.00198505138664455042e-6 * z + 2.52448340349684104192e-3) * z + 2.27265548208155028766e-1) * z + 2.0
    half = np.int64(n) >> 1
    e = (1.0 + 2.0 * (p / (q - p))) * _power64(half) * _power64(np.int64(n) - half)
    return x if x != x else np.inf if x > 709.7827128933841 else e


@exact
def tanh64(x: Any) -> Any:
    """As `tanh32`, near 0 by a quotient of polynomials in x^2."""
    z = x * x
    p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    size = abs(x)
    near, far = x + x * z * (p / q), 1.0 - 2.0 / (exp64(size + size) + 1.0)
    return near if size < 0.625 else signed(far, x)
