"""Rows of a matrix, each times a number, added up in vector registers.

`add_rows(v, out, a, numbers, h, rows, width, count)`, for j < width, a multiple of the vector's length:

    v[out + j] += sum over k < count of a[numbers + k] h[rows + k width + j]

A row vector times a matrix, `a @ W`. Eight sums are kept at a time: eight vectors of the row, or fewer with
several sums each, as one addition has to wait four cycles for the one before.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from whygrad.engines.compiled.cache import inner, intrinsic
from whygrad.engines.compiled.layout import LINE
from whygrad.engines.compiled.tile import address, fused, place_of, repeated, vector_at, vector_of, zeros

_SUMS = 8
_INT = ir.IntType(64)


def _strip(vectors: int) -> Any:
    """The function (out, numbers, row, step, count) of pointers and lengths for that many vectors of a row."""
    chains = _SUMS // vectors

    @intrinsic
    def strip(context: Any, out: Any, numbers: Any, row: Any, step: Any, count: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _Strip(builder, vector_of(out.dtype), args).emit(vectors, chains)
            return context.get_dummy_value()

        return types.void(out, numbers, row, types.int64, types.int64), codegen

    return strip


class _Strip:
    """Emits one strip."""

    def __init__(self, builder: Any, vector: Any, args: Any) -> None:
        self.builder, self.vector, self.fma = builder, vector, fused(builder, vector)
        self.out, self.numbers, self.row, self.step, self.count = args

    def emit(self, vectors: int, chains: int) -> None:
        """`chains` rows at a time, then what is left one by one, then the stores."""
        b = self.builder
        zero = zeros(self.vector)
        start = [vector_at(b, self.out, j, self.vector) for j in range(vectors)]
        sums = [start, *([zero] * vectors for _ in range(chains - 1))]
        if chains > 1:
            whole = b.sub(self.count, b.and_(self.count, _INT(chains - 1)))
            sums = self._loop(_INT(0), whole, sums)
            flat = [self._added([chain[j] for chain in sums]) for j in range(vectors)]
        else:
            whole, flat = _INT(0), start
        (flat,) = self._loop(whole, self.count, [flat])
        for j, one in enumerate(flat):
            b.store(one, place_of(b, self.out, j, self.vector), align=LINE)

    def _added(self, sums: list[Any]) -> Any:
        while len(sums) > 1:
            sums = [self.builder.fadd(*sums[k : k + 2]) for k in range(0, len(sums), 2)]
        return sums[0]

    def _loop(self, start: Any, stop: Any, sums: list[list[Any]]) -> list[list[Any]]:
        """Rows from start to stop, one more in each chain a turn."""
        b, before = self.builder, self.builder.block
        test, body, done = (b.append_basic_block(name) for name in ("rows", "row", "summed"))
        b.branch(test)
        b.position_at_end(test)
        k = b.phi(_INT)
        k.add_incoming(start, before)
        held = [[b.phi(self.vector) for _ in chain] for chain in sums]
        b.cbranch(b.icmp_signed("<", k, stop), body, done)
        b.position_at_end(body)
        more = []
        for n, chain in enumerate(held):
            at = b.add(k, _INT(n))
            factor = repeated(b, b.load(b.gep(self.numbers, [at])), self.vector)
            row = b.gep(self.row, [b.mul(at, self.step)])
            more.append([b.call(self.fma, [factor, vector_at(b, row, j, self.vector), one])
                         for j, one in enumerate(chain)])  # fmt: skip
        following = b.add(k, _INT(len(sums)))
        for phis, first, then in zip(held, sums, more, strict=True):
            for phi, one, two in zip(phis, first, then, strict=True):
                phi.add_incoming(one, before)
                phi.add_incoming(two, body)
        k.add_incoming(following, body)
        b.branch(test)
        b.position_at_end(done)
        return held


_one, _two, _four, _eight = _strip(1), _strip(2), _strip(4), _strip(8)


@inner
def add_rows(v: Any, out: int, a: Any, numbers: int, h: Any, rows: int, width: int, count: int) -> None:
    """See above."""
    vector = LINE // v.itemsize
    factors, j = address(a, numbers), 0
    while j < width:
        left = (width - j) // vector
        to, row = address(v, out + j), address(h, rows + j)
        if left >= 8:
            _eight(to, factors, row, width, count)
            j += 8 * vector
        elif left >= 4:
            _four(to, factors, row, width, count)
            j += 4 * vector
        elif left >= 2:
            _two(to, factors, row, width, count)
            j += 2 * vector
        else:
            _one(to, factors, row, width, count)
            j += vector
