"""A square of numbers turned in vector registers.

`square(a, ai, b, bi)`, with as many rows and columns as a vector has numbers: b[j bi + i] = a[i ai + j]. Rows are
read whole; in each step, rows that are 1, 2, 4 ... apart exchange the numbers that are as far from their place.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from whygrad.engines.compiled.cache import intrinsic
from whygrad.engines.compiled.layout import LINE
from whygrad.engines.compiled.tile import vector_of

_INT, _SMALL = ir.IntType(64), ir.IntType(32)


@intrinsic
def square(context: Any, a: Any, ai: Any, b: Any, bi: Any) -> Any:
    """See above; a and b are pointers, aligned to their numbers only."""
    vector = vector_of(a.dtype)
    size = LINE // vector.count

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def place(pointer: Any, step: Any, k: int) -> Any:
            return builder.bitcast(builder.gep(pointer, [builder.mul(step, _INT(k))]), vector.as_pointer())

        a, ai, b, bi = args
        rows = [builder.load(place(a, ai, k), align=size) for k in range(vector.count)]
        apart = 1
        while apart < len(rows):
            for k in (k for k in range(len(rows)) if not k & apart):
                rows[k], rows[k + apart] = _exchanged(builder, rows[k], rows[k + apart], apart)
            apart *= 2
        for k, row in enumerate(rows):
            builder.store(row, place(b, bi, k), align=size)
        return context.get_dummy_value()

    return types.void(a, types.int64, b, types.int64), codegen


def _exchanged(builder: Any, upper: Any, lower: Any, apart: int) -> tuple[Any, Any]:
    """The upper row's numbers of every second group go to the lower row, and the lower's of the others up."""
    n = upper.type.count
    up = [j if not j & apart else n + j - apart for j in range(n)]
    down = [j + apart if not j & apart else n + j for j in range(n)]
    kind = ir.VectorType(_SMALL, n)
    first, second = (builder.shuffle_vector(upper, lower, ir.Constant(kind, places)) for places in (up, down))
    return first, second
