"""Floating-point numbers as their bits, and back: what LLVM can vectorise where a comparison of floats it cannot.

The bits of |x| as a whole number grow with |x|, and those of NaN are larger than any other's.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from whygrad.engines.compiled.cache import intrinsic

_PAIRS = {types.float32: (types.int32, ir.IntType(32), ir.FloatType()),
          types.float64: (types.int64, ir.IntType(64), ir.DoubleType())}  # fmt: skip
_BACK = {whole: (kind, number) for kind, (whole, _, number) in _PAIRS.items()}


@intrinsic
def size_bits(context: Any, x: Any) -> Any:
    """The bits of |x|."""
    whole, bits, _ = _PAIRS[x]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.and_(builder.bitcast(args[0], bits), bits((1 << (bits.width - 1)) - 1))

    return whole(x), codegen


@intrinsic
def of_bits(context: Any, bits: Any) -> Any:
    """The number whose bits these are."""
    kind, number = _BACK[bits]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], number)

    return kind(bits), codegen


@intrinsic
def signed(context: Any, x: Any, sign: Any) -> Any:
    """x >= 0 with the sign of another number."""
    _, bits, number = _PAIRS[x]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        top = bits(1 << (bits.width - 1))
        taken = builder.and_(builder.bitcast(args[1], bits), top)
        return builder.bitcast(builder.or_(builder.bitcast(args[0], bits), taken), number)

    return x(x, sign), codegen


@intrinsic
def larger(context: Any, x: Any, y: Any) -> Any:
    """The larger of two numbers of one dtype, or NaN where one of them is."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = _PAIRS[x][2]
        name = f"llvm.maximum.{'f32' if x == types.float32 else 'f64'}"
        known = builder.module.globals.get(name)
        function = known or ir.Function(builder.module, ir.FunctionType(number, [number] * 2), name)
        return builder.call(function, args)

    return x(x, x), codegen
