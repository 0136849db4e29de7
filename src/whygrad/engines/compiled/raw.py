"""Numbers read and written at a place that is known to be there.

Numba lets an index count from the end where it is negative, and checks each one for that; what it checks, LLVM
does not turn into vectors. These two do not check.
"""

from __future__ import annotations

from typing import Any

from numba import types

from whygrad.engines.compiled.cache import intrinsic


@intrinsic
def read(context: Any, array: Any, at: Any) -> Any:
    """array[at] of a 1-D array that lies in one piece."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load(builder.gep(data, [args[1]]))

    return array.dtype(array, types.int64), codegen


@intrinsic
def write(context: Any, array: Any, at: Any, number: Any) -> Any:
    """array[at] = number, which is brought to the array's dtype."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        builder.store(args[2], builder.gep(data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), codegen
