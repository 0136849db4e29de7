"""Functions that stay as Numba lowers them, until they are part of a kernel.

By itself, Numba has LLVM work over each function together with all that it calls, and make machine code of it.
What Python never calls needs none; and the loops over formulas, of which there are dozens below one function that
chooses, would be worked over once more for each caller above them. LLVM sees a linked function in the kernel only.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher


class Linked(CPUDispatcher):  # type: ignore[misc]
    """Such a function, for Numba's compiler."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions={"nopython": True, **options}, pipeline_class=_Lowering)

    def add_overload(self, cres: Any) -> None:
        """Tells the compiler, and not Python, what has been lowered for some types."""
        lowered = cres._replace(entry_point=object())  # what callers find it by
        self.overloads[tuple(lowered.signature.args)] = lowered
        self.targetctx.insert_user_function(lowered.entry_point, lowered.fndesc, [lowered.library])


class _Lowering(Compiler):  # type: ignore[misc]
    """Numba's steps without the last, machine code."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, _Lowered(target.codegen(), "lowered"), *rest)
        self.state.flags.no_compile = True


class _Lowered(JITCodeLibrary):  # type: ignore[misc]
    """The function and those it calls, to be linked into others."""

    def _optimize_final_module(self) -> None:
        """Left to the kernel."""

    def _finalize_final_module(self) -> None:
        self._finalized = True
