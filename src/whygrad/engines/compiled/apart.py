"""Marks for functions: compiled once and called, not copied into each caller; vectors of full length.

LLVM copies what is called into its caller where it deems that worthwhile. For loops over whole buffers it is not,
and a kernel of many of them takes long to compile. And it makes loops of half the vector's length on processors
that once ran slower with the whole.
"""

from __future__ import annotations

from typing import Any

from numba import types

from whygrad.engines.compiled.cache import intrinsic

_WIDE = '"prefer-vector-width"="512"'


def _marked(builder: Any, *attributes: str) -> None:
    for attribute in attributes:
        set.add(builder.function.attributes, attribute)  # llvmlite's own `add` takes no attribute with a value


@intrinsic
def apart(context: Any) -> Any:
    """Called first thing in a function, keeps it a function of its own."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _marked(builder, "noinline", _WIDE)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def wide(context: Any) -> Any:
    """Called first thing in a kernel: its loops take the longest vectors there are."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _marked(builder, _WIDE)
        return context.get_dummy_value()

    return types.void(), codegen
