"""Where compiled kernels are kept: a folder of their own for each version of the text they were made from.

Numba keeps machine code beside a stamp of one source file, and does not see that a formula in another file has
changed. So the folder's name is a hash of every file that kernels are compiled from, and of Numba's version: an
edited formula finds an empty folder. Where no folder can be written, kernels are compiled in memory.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numba.extending

from whygrad import activations, losses, updates

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


@lru_cache(maxsize=1)
def folder() -> Path | None:
    """The folder of this version's kernels; None where nothing can be written."""
    base = os.environ.get("WHYGRAD_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "whygrad"
    )
    place = Path(base) / f"kernels-{_digest()}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    except OSError:
        return None


def _digest() -> str:
    texts = [Path(module.__file__ or "") for module in (activations, losses, updates)]
    texts += sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(numba.__version__.encode())
    for path in texts:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def woven(function: Callable[..., Any]) -> Any:
    """A function whose text becomes part of the kernel that calls it.

    What is compiled on its own is worked over by LLVM once more with each caller above it; this is not.
    """
    return numba.njit(fastmath=FAST, error_model="numpy", nogil=True, inline="always")(function)
