"""The compiled engine: kernels by Numba and LLVM, cached on disk."""

from whygrad.engines.compiled.engine import Compiled

__all__ = ["Compiled"]
