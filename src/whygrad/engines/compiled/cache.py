"""How functions are compiled: kernels, kept on disk, and the functions inside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numba.extending

from whygrad.engines.compiled.linked import Part
from whygrad.engines.compiled.place import folder

FAST = {"contract", "reassoc", "nsz", "arcp"}  # never "nnan" or "ninf": NaN must come through
_ALL = {"fastmath": FAST, "error_model": "numpy", "nogil": True}
_INSIDE = {**_ALL, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# a function that writes its own LLVM instructions; Numba's decorator says nothing of types
intrinsic: Callable[[Callable[..., Any]], Any] = numba.extending.intrinsic


def kernel(function: Callable[..., Any]) -> Any:
    """A function compiled on its first call for each dtype, and kept on disk. It counts no arrays; see `inner`."""
    place = folder()
    made = numba.njit(**_ALL, _nrt=False)(function)
    if place is not None:
        before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(place)
        try:
            made.enable_caching()
        finally:
            numba.config.CACHE_DIR = before
    return made


def inner(function: Callable[..., Any]) -> Any:
    """A function that is compiled into the kernels that call it, and cannot be called from Python.

    It makes no arrays and does not count who holds those it is given; the kernel's caller holds them. (Each call
    would count every array up and down, and threads would wait for each other's counts.)
    """
    return Part(function, {**_INSIDE, "_nrt": False}, worked=True)


def linked(function: Callable[..., Any]) -> Any:
    """The same, worked over by LLVM with the kernel only: for what there are many of, the loops over formulas.

    What is compiled on its own is worked over once more with each caller above it.
    """
    return Part(function, {**_INSIDE, "_nrt": False}, worked=False)


def making(function: Callable[..., Any]) -> Any:
    """As `inner`, for one that makes arrays."""
    return numba.njit(**_INSIDE, _nrt=True)(function)


def copied(function: Callable[..., Any]) -> Any:
    """The same, copied into each of its callers, so that loops around it may be turned into vectors."""
    return numba.njit(**_INSIDE, forceinline=True)(function)


def exact(function: Callable[..., Any]) -> Any:
    """The same, its sums added up in the order they are written."""
    return numba.njit(**{**_INSIDE, "fastmath": FAST - {"reassoc"}}, forceinline=True)(function)


def woven(function: Callable[..., Any]) -> Any:
    """A function whose text becomes part of the kernel that calls it."""
    return numba.njit(**_ALL, inline="always")(function)
