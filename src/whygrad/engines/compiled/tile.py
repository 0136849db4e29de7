"""The tile: a small block of C = A @ B held in vector registers while it is added up. The one replaceable part.

`product(a, a0, ai, ak, b, b0, bk, c, c0, ci, m, n, depth)` is, for i < m and j < n,

    c[c0 + i ci + j] = sum over k < depth of a[a0 + i ai + k ak] b[b0 + k bk + j]

so that A may be read along either side, and a transpose costs nothing. m must be a multiple of `LOW` and n of the
vector's length; every row of B and C begins on a cache line. The reference line it equals is `A @ B`.

A tile is 12 (or 4) rows by 2 (or 1) vectors: with 512-bit vectors 24 accumulators, 2 vectors of B and one number
of A repeated, 27 of 32 registers. LLVM is handed the vectors themselves, so nothing depends on what it would
vectorise.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.cache import inner, intrinsic
from whygrad.engines.compiled.layout import LINE, LOW

HIGH = 12  # rows of the highest tile
_INT, _SMALL = ir.IntType(64), ir.IntType(32)


@intrinsic
def address(context: Any, array: Any, at: Any) -> Any:
    """Where array[at] lies."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.gep(data, [args[1]])

    return types.CPointer(array.dtype)(array, types.int64), codegen


def _tile(rows: int, vectors: int) -> Any:
    """The tile of that size, as a function (a, ai, ak, b, bk, c, ci, depth) of pointers and steps."""

    @intrinsic
    def tile(context: Any, a: Any, ai: Any, ak: Any, b: Any, bk: Any, c: Any, ci: Any, depth: Any) -> Any:
        single = a.dtype == types.float32
        number: Any = ir.FloatType() if single else ir.DoubleType()
        size = 4 if single else 8
        length = LINE // size

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _emit(builder, args, number, size, length, rows, vectors)
            return context.get_dummy_value()

        step = types.int64
        return types.void(a, step, step, b, step, c, step, step), codegen

    return tile


def _emit(builder: Any, args: Any, number: Any, size: int, length: int, rows: int, vectors: int) -> None:
    """A loop over k with one accumulator for each row and vector, then the stores."""
    a, ai, ak, b, bk, c, ci, depth = args
    vector = ir.VectorType(number, length)
    name = f"llvm.fma.v{length}f{8 * size}"
    fma = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(vector, [vector] * 3), name
    )
    before, loop, done = builder.block, builder.append_basic_block("sum"), builder.append_basic_block("store")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(_INT)
    k.add_incoming(_INT(0), before)
    sums = [[builder.phi(vector) for _ in range(vectors)] for _ in range(rows)]
    along = builder.gep(b, [builder.mul(k, bk)])
    right = [_at(builder, along, j * length, vector, size) for j in range(vectors)]
    first = builder.gep(a, [builder.mul(k, ak)])
    more = []
    for i in range(rows):
        left = repeated(builder, builder.load(builder.gep(first, [builder.mul(ai, _INT(i))])), vector)
        more.append([builder.call(fma, [left, right[j], sums[i][j]]) for j in range(vectors)])
    zero = ir.Constant(vector, [number(0.0)] * length)
    for total, summed in zip(_flat(sums), _flat(more), strict=True):
        total.add_incoming(zero, before)
        total.add_incoming(summed, loop)
    following = builder.add(k, _INT(1))
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)
    builder.position_at_end(done)
    for i in range(rows):
        row = builder.gep(c, [builder.mul(ci, _INT(i))])
        for j in range(vectors):
            place = builder.bitcast(builder.gep(row, [_INT(j * length)]), vector.as_pointer())
            builder.store(more[i][j], place, align=LINE)


def _flat(nested: list[list[Any]]) -> list[Any]:
    return [one for row in nested for one in row]


def _at(builder: Any, pointer: Any, offset: int, vector: Any, size: int) -> Any:
    place = builder.bitcast(builder.gep(pointer, [_INT(offset)]), vector.as_pointer())
    return builder.load(place, align=LINE)


def repeated(builder: Any, number: Any, vector: Any) -> Any:
    """A vector of one number."""
    blank = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(blank, number, _SMALL(0))
    return builder.shuffle_vector(
        one, blank, ir.Constant(ir.VectorType(_SMALL, vector.count), [_SMALL(0)] * vector.count)
    )


_high_wide, _high_narrow, _low_wide, _low_narrow = _tile(HIGH, 2), _tile(HIGH, 1), _tile(LOW, 2), _tile(LOW, 1)


@inner
def product(
    a: Any, a0: int, ai: int, ak: int, b: Any, b0: int, bk: int, c: Any, c0: int, ci: int,
    m: int, n: int, depth: int,
) -> None:  # fmt: skip
    """C (m, n) = A (m, depth) @ B (depth, n); see above."""
    apart()
    vector = LINE // a.itemsize
    for j in range(0, n, 2 * vector):
        wide = n - j > vector
        i = 0
        while i < m:
            tall = m - i >= HIGH
            pa, pb, pc = address(a, a0 + i * ai), address(b, b0 + j), address(c, c0 + i * ci + j)
            if tall and wide:
                _high_wide(pa, ai, ak, pb, bk, pc, ci, depth)
            elif tall:
                _high_narrow(pa, ai, ak, pb, bk, pc, ci, depth)
            elif wide:
                _low_wide(pa, ai, ak, pb, bk, pc, ci, depth)
            else:
                _low_narrow(pa, ai, ak, pb, bk, pc, ci, depth)
            i += HIGH if tall else LOW
