"""A mark for functions that are compiled once and called, not copied into each caller.

LLVM copies what is called into its caller where it deems that worthwhile. For loops over whole buffers it is not,
and a kernel of many of them takes long to compile.
"""

from __future__ import annotations

from typing import Any

from numba import types

from whygrad.engines.compiled.cache import intrinsic


@intrinsic
def apart(context: Any) -> Any:
    """Called first thing in a function, keeps it a function of its own."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen
