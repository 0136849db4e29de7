"""How functions are compiled: kernels, kept on disk, and the functions inside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numba.extending

from whygrad.engines.compiled.place import folder

FAST = {"contract", "reassoc", "nsz", "arcp"}  # never "nnan" or "ninf": NaN must come through


# a function that writes its own LLVM instructions; Numba's decorator says nothing of types
intrinsic: Callable[[Callable[..., Any]], Any] = numba.extending.intrinsic


def kernel(function: Callable[..., Any]) -> Any:
    """A function compiled on its first call for each dtype, and kept on disk."""
    place = folder()
    made = numba.njit(fastmath=FAST, error_model="numpy", nogil=True)(function)
    if place is not None:
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(place)
        try:
            made.enable_caching()
        finally:
            numba.config.CACHE_DIR = before
    return made


def inner(function: Callable[..., Any]) -> Any:
    """A function that is compiled into the kernels that call it."""
    return numba.njit(fastmath=FAST, error_model="numpy", nogil=True)(function)
