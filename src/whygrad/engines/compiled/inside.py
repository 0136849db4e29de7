"""How Numba compiles what only other functions call.

By itself it makes machine code of every function, which Python never calls here, and compiles one anew for each
whole number that a caller has written out, as for `product(..., 1, ...)`.
"""

from __future__ import annotations

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.types.misc import unliteral


class General(CPUDispatcher):  # type: ignore[misc]
    """A function, compiled once for all whole numbers."""

    def __init__(self, function: Any, options: dict[str, Any], **more: Any) -> None:
        super().__init__(function, targetoptions={"nopython": True, **options}, **more)

    def compile(self, sig: Any) -> Any:
        """For those types of arguments."""
        return super().compile(tuple(map(unliteral, sig)))


class Linked(General):
    """A function that stays as Numba lowers it: LLVM works it over in the kernels that it is linked into."""

    def __init__(self, function: Any, options: dict[str, Any]) -> None:
        super().__init__(function, options, pipeline_class=_Lowering)

    def add_overload(self, cres: Any) -> None:
        """Tells the compiler, and not Python, what has been compiled."""
        made = cres._replace(entry_point=object())  # what callers find it by
        self.overloads[tuple(made.signature.args)] = made
        self.targetctx.insert_user_function(made.entry_point, made.fndesc, [made.library])


class _Lowering(Compiler):  # type: ignore[misc]
    """Numba's steps without the last, machine code."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, _Lowered(target.codegen(), "lowered"), *rest)
        self.state.flags.no_compile = True


class _Lowered(JITCodeLibrary):  # type: ignore[misc]
    """A function and those it calls, to be linked into others."""

    def _optimize_final_module(self) -> None:
        """Left to the kernel."""

    def _finalize_final_module(self) -> None:
        self._finalized = True
