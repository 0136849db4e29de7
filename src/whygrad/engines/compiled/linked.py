"""Functions that only become part of kernels: no machine code is made of them by themselves.

By itself, Numba has LLVM work over each function together with all that it calls, and make machine code of it.
What Python never calls needs none; and the loops over formulas, of which there are dozens below one function that
chooses, would be worked over once more for each caller above them.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher


class Part(CPUDispatcher):  # type: ignore[misc]
    """Such a function, for Numba's compiler; if not `worked` over before, LLVM sees it in the kernel only."""

    def __init__(self, function: Any, options: dict[str, Any], worked: bool) -> None:
        steps = _Working if worked else _Lowering
        super().__init__(function, targetoptions={"nopython": True, **options}, pipeline_class=steps)

    def add_overload(self, cres: Any) -> None:
        """Tells the compiler, and not Python, what has been lowered for some types."""
        lowered = cres._replace(entry_point=object())  # what callers find it by
        self.overloads[tuple(lowered.signature.args)] = lowered
        self.targetctx.insert_user_function(lowered.entry_point, lowered.fndesc, [lowered.library])


class _Worked(JITCodeLibrary):  # type: ignore[misc]
    """A function and those it calls, to be linked into others."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


class _Lowered(_Worked):
    """The same as it was lowered."""

    def _optimize_final_module(self) -> None:
        """Left to the kernel."""


class _Steps(Compiler):  # type: ignore[misc]
    """Numba's steps without the last, machine code."""

    kind: type[_Worked]

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, self.kind(target.codegen(), "part"), *rest)
        self.state.flags.no_compile = True


class _Working(_Steps):
    kind = _Worked


class _Lowering(_Steps):
    kind = _Lowered
