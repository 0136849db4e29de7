"""Where threads that run one kernel wait for each other.

`meet(sync, team)` returns once all threads of the team have called it; what each wrote before, all read after. It
waits busily, as a batch takes microseconds, but lets another process have the core after a while. A team of one
passes through. (A central barrier that turns over: Mellor-Crummey & Scott 1991, "Algorithms for scalable
synchronization on shared-memory multiprocessors".)
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.cache import inner, intrinsic
from whygrad.engines.compiled.layout import LINE, ROOM
from whygrad.engines.compiled.raw import place

_OFTEN = ROOM // 2  # the place that counts how often all had come; the first counts who has
_PATIENCE = 4096  # looks before another process may have the core
_INT = ir.IntType(64)


@intrinsic
def _seen(context: Any, array: Any, at: Any) -> Any:
    """array[at] as it is now."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(place(context, builder, signature.args[0], *args), "acquire", 8)

    return types.int64(array, types.int64), codegen


@intrinsic
def _set(context: Any, array: Any, at: Any, number: Any) -> Any:
    """array[at] = number, for all to see."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        where = place(context, builder, signature.args[0], *args[:2])
        builder.store_atomic(args[2], where, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@intrinsic
def _counted(context: Any, array: Any, at: Any) -> Any:
    """array[at] += 1; returns what it was before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", place(context, builder, signature.args[0], *args), _INT(1), "seq_cst")

    return types.int64(array, types.int64), codegen


_give_way = types.ExternalFunction("sched_yield", types.int32())


@inner
def meet(sync: Any, team: int) -> None:
    """See above."""
    apart()
    if team == 1:
        return
    before = _seen(sync, _OFTEN)
    if _counted(sync, 0) == team - 1:
        _set(sync, 0, 0)
        _set(sync, _OFTEN, before + 1)
        return
    looks = 0
    while _seen(sync, _OFTEN) == before:
        looks += 1
        if looks % _PATIENCE == 0:
            _give_way()


@intrinsic
def _prefetch(context: Any, array: Any, at: Any) -> Any:
    """Asks for the cache line of array[at], and does not wait for it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(place(context, builder, signature.args[0], *args), ir.IntType(8).as_pointer())
        kinds = [pointer.type, *[ir.IntType(32)] * 3]
        function = builder.module.declare_intrinsic("llvm.prefetch", (), ir.FunctionType(ir.VoidType(), kinds))
        builder.call(function, [pointer, *(ir.IntType(32)(n) for n in (0, 2, 1))])  # to read, near, data
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@inner
def fetch(array: Any, start: int, n: int, team: int) -> None:
    """Asks for n numbers that others of the team have written: all at once, as each line takes long by itself."""
    apart()
    if team > 1:
        for i in range(start, start + n, LINE // array.itemsize):
            _prefetch(array, i)


@inner
def part(n: int, me: int, team: int, step: int) -> tuple[int, int]:
    """(start, stop): this thread's part of n things, in whole steps but for the last."""
    each = -(-n // (team * step)) * step
    return min(me * each, n), min((me + 1) * each, n)
