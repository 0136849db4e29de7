"""The tile: a small block of C = A @ B held in vector registers while it is added up. The one replaceable part.

`product(a, a0, ai, ak, b, b0, bj, bk, c, c0, cj, ci, m, n, depth)` is, for i < m and j < n,

    c[c0 + i ci + j] = sum over k < depth of a[a0 + i ai + k ak] b[b0 + k bk + j]

so that A may be read along either side, and a transpose costs nothing. With bj and cj 1 this is so; where B or C
lies in panels (see `layout`), bj or cj is their rows, and bk or ci 0. `affine(..., v, v0)` is the same with
v[v0 + j] added, where each sum begins, and `grow` adds to what C is. m must be a multiple of `LOW` and n of the
vector's length; every row of B and C, and v0, begins on a cache line. The reference lines they equal are `A @ B`,
`A @ B + b` and `C + A @ B`.

Of B, `DEEP` rows of two vectors are taken at a time, which stay in the first cache while all of A goes by.

A tile is 12 (or 4) rows by 2 (or 1) vectors: with 512-bit vectors 24 accumulators, 2 vectors of B and one number
of A repeated, 27 of 32 registers. LLVM is handed the vectors themselves, so nothing depends on what it would
vectorise.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.cache import inner, intrinsic, woven
from whygrad.engines.compiled.layout import LINE, LOW
from whygrad.engines.compiled.raw import place

HIGH = 12  # rows of the highest tile
DEEP = 256  # rows of B that stay in the first cache, two vectors of each: 32 KiB
_INT, _SMALL = ir.IntType(64), ir.IntType(32)


@intrinsic
def address(context: Any, array: Any, at: Any) -> Any:
    """Where array[at] lies; `array` may be a pointer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]]) if pointer else place(context, builder, signature.args[0], *args)

    pointer = isinstance(array, types.CPointer)
    return types.CPointer(array.dtype)(array, types.int64), codegen


def _tile(rows: int, vectors: int, begin: str) -> Any:
    """The tile of that size, as a function (a, ai, ak, b, bk, c, ci, depth, v) of pointers and steps.

    Sums begin with "0", the row "v", or what there is in "C".
    """

    @intrinsic
    def tile(context: Any, a: Any, ai: Any, ak: Any, b: Any, bk: Any, c: Any, ci: Any, depth: Any, v: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _emit(builder, args, vector_of(a.dtype), rows, vectors, begin)
            return context.get_dummy_value()

        step = types.int64
        return types.void(a, step, step, b, step, c, step, step, v), codegen

    return tile


def vector_of(dtype: Any) -> Any:
    """A cache line of numbers of that type, as LLVM's vector."""
    single = dtype == types.float32
    return ir.VectorType(ir.FloatType() if single else ir.DoubleType(), LINE // (4 if single else 8))


def zeros(vector: Any) -> Any:
    """A vector of zeros."""
    return ir.Constant(vector, [vector.element(0.0)] * vector.count)


def fused(builder: Any, vector: Any) -> Any:
    """LLVM's x y + z of such vectors, rounded once."""
    name = f"llvm.fma.v{vector.count}f{8 * LINE // vector.count}"
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(vector, [vector] * 3), name)


def _emit(builder: Any, args: Any, vector: Any, rows: int, vectors: int, begin: str) -> None:
    """A loop over k with one accumulator for each row and vector, then the stores."""
    a, ai, ak, b, bk, c, ci, depth, v = args
    fma, zero = fused(builder, vector), zeros(vector)
    over = [builder.gep(c, [builder.mul(ci, _INT(i))]) for i in range(rows)] if begin == "C" else [v] * rows
    start = [zero if begin == "0" else vector_at(builder, row, j, vector) for row in over for j in range(vectors)]
    before, loop, done = builder.block, builder.append_basic_block("sum"), builder.append_basic_block("store")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(_INT)
    k.add_incoming(_INT(0), before)
    sums = [[builder.phi(vector) for _ in range(vectors)] for _ in range(rows)]
    along = builder.gep(b, [builder.mul(k, bk)])
    right = [vector_at(builder, along, j, vector) for j in range(vectors)]
    first = builder.gep(a, [builder.mul(k, ak)])
    more = []
    for i in range(rows):
        left = repeated(builder, builder.load(builder.gep(first, [builder.mul(ai, _INT(i))])), vector)
        more.append([builder.call(fma, [left, right[j], sums[i][j]]) for j in range(vectors)])
    for total, at_first, summed in zip(_flat(sums), start, _flat(more), strict=True):
        total.add_incoming(at_first, before)
        total.add_incoming(summed, loop)
    following = builder.add(k, _INT(1))
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)
    builder.position_at_end(done)
    for i in range(rows):
        row = builder.gep(c, [builder.mul(ci, _INT(i))])
        for j in range(vectors):
            builder.store(more[i][j], place_of(builder, row, j, vector), align=LINE)


def _flat(nested: list[list[Any]]) -> list[Any]:
    return [one for row in nested for one in row]


def place_of(builder: Any, pointer: Any, j: int, vector: Any) -> Any:
    """Where vector j from there on lies."""
    return builder.bitcast(builder.gep(pointer, [_INT(j * vector.count)]), vector.as_pointer())


def vector_at(builder: Any, pointer: Any, j: int, vector: Any) -> Any:
    """Vector j from there on, which begins on a cache line."""
    return builder.load(place_of(builder, pointer, j, vector), align=LINE)


def repeated(builder: Any, number: Any, vector: Any) -> Any:
    """A vector of one number."""
    blank = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(blank, number, _SMALL(0))
    return builder.shuffle_vector(
        one, blank, ir.Constant(ir.VectorType(_SMALL, vector.count), [_SMALL(0)] * vector.count)
    )


def _of(begin: str) -> Any:
    """The product by tiles whose sums begin so."""
    sizes = ((HIGH, 2), (HIGH, 1), (LOW, 2), (LOW, 1))
    high_wide, high_narrow, low_wide, low_narrow = (_tile(*size, begin) for size in sizes)

    @inner
    def by_tiles(
        a: Any, a0: int, ai: int, ak: int, b: Any, b0: int, bj: int, bk: int, c: Any, c0: int, cj: int, ci: int,
        m: int, n: int, depth: int, v: Any, v0: int,
    ) -> None:  # fmt: skip
        apart()
        vector = LINE // c.itemsize
        for j in range(0, n, 2 * vector):
            wide = n - j > vector
            columns = 2 * vector if wide else vector
            down, over = bk if bk else columns, ci if ci else columns
            pb, pv = address(b, b0 + j * bj), address(v, v0 + j)
            i = 0
            while i < m:
                tall = m - i >= HIGH
                pa, pc = address(a, a0 + i * ai), address(c, c0 + j * cj + i * over)
                if tall and wide:
                    high_wide(pa, ai, ak, pb, down, pc, over, depth, pv)
                elif tall:
                    high_narrow(pa, ai, ak, pb, down, pc, over, depth, pv)
                elif wide:
                    low_wide(pa, ai, ak, pb, down, pc, over, depth, pv)
                else:
                    low_narrow(pa, ai, ak, pb, down, pc, over, depth, pv)
                i += HIGH if tall else LOW

    return by_tiles


_growing = _of("C")


def _deep(begin: str) -> Any:
    """The same, `DEEP` rows of a panel of B at a time: what they add is added to C, as in one long sum."""
    beginning = _of(begin)

    @inner
    def deep(
        a: Any, a0: int, ai: int, ak: int, b: Any, b0: int, bj: int, bk: int, c: Any, c0: int, cj: int, ci: int,
        m: int, n: int, depth: int, v: Any, v0: int,
    ) -> None:  # fmt: skip
        apart()
        if depth <= DEEP:
            beginning(a, a0, ai, ak, b, b0, bj, bk, c, c0, cj, ci, m, n, depth, v, v0)
            return
        panel = 2 * (LINE // c.itemsize)
        for j in range(0, n, panel):
            columns = min(panel, n - j)
            down, over, row, to = bk if bk else columns, ci if ci else columns, b0 + j * bj, c0 + j * cj
            beginning(a, a0, ai, ak, b, row, 1, down, c, to, 1, over, m, columns, DEEP, v, v0 + j)
            for k in range(DEEP, depth, DEEP):
                _growing(a, a0 + k * ak, ai, ak, b, row + k * down, 1, down, c, to, 1, over, m, columns,
                         min(DEEP, depth - k), v, v0)  # fmt: skip

    return deep


affine, _plain = _deep("v"), _deep("0")


@woven
def product(
    a: Any, a0: int, ai: int, ak: int, b: Any, b0: int, bj: int, bk: int, c: Any, c0: int, cj: int, ci: int,
    m: int, n: int, depth: int,
) -> None:  # fmt: skip
    """C (m, n) = A (m, depth) @ B (depth, n); see above."""
    _plain(a, a0, ai, ak, b, b0, bj, bk, c, c0, cj, ci, m, n, depth, c, c0)


@woven
def grow(
    a: Any, a0: int, ai: int, ak: int, b: Any, b0: int, bj: int, bk: int, c: Any, c0: int, cj: int, ci: int,
    m: int, n: int, depth: int,
) -> None:  # fmt: skip
    """C (m, n) += A (m, depth) @ B (depth, n); see above."""
    _growing(a, a0, ai, ak, b, b0, bj, bk, c, c0, cj, ci, m, n, depth, c, c0)
