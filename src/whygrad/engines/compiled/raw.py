"""Numbers read and written at a place that is known to be there.

Numba lets an index count from the end where it is negative, and checks each one for that; what it checks, LLVM
does not turn into vectors. These do not check.

LLVM has to ask before each loop whether two arrays overlap. `read_held` and `write_held` are for an array of
parameters, `read_row` and `write_row` for one of a row's values: it is told that these two never do.
"""

from __future__ import annotations

from typing import Any

from numba import types

from whygrad.engines.compiled.cache import intrinsic

_HELD, _ROW = "parameters", "values"


def place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Where array[at] lies, inside an intrinsic."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _apart(builder: Any, instruction: Any, of: str | None) -> Any:
    """The instruction, told that it reaches only the numbers of that name."""
    if of is not None:
        module = builder.module
        domain = module.add_metadata(["whygrad"])
        scopes = {name: module.add_metadata([module.add_metadata([name, domain])]) for name in (_HELD, _ROW)}
        instruction.set_metadata("alias.scope", scopes[of])
        instruction.set_metadata("noalias", scopes[_ROW if of == _HELD else _HELD])
    return instruction


def _reader(of: str | None) -> Any:
    @intrinsic
    def read(context: Any, array: Any, at: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _apart(builder, builder.load(place(context, builder, signature.args[0], *args)), of)

        return array.dtype(array, types.int64), codegen

    return read


def _writer(of: str | None) -> Any:
    @intrinsic
    def write(context: Any, array: Any, at: Any, number: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            where = place(context, builder, signature.args[0], *args[:2])
            _apart(builder, builder.store(args[2], where), of)
            return context.get_dummy_value()

        return types.void(array, types.int64, array.dtype), codegen

    return write


# array[at], and array[at] = number in its dtype, of an array that lies in one piece, as if it had one dimension
read, read_held, read_row = _reader(None), _reader(_HELD), _reader(_ROW)
write, write_held, write_row = _writer(None), _writer(_HELD), _writer(_ROW)


@intrinsic
def room(context: Any, array: Any, n: Any) -> Any:
    """Room for n numbers of the array's dtype until the function returns, as a pointer."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.alloca(context.get_data_type(array.dtype), size=args[1])

    return types.CPointer(array.dtype)(array, types.int64), codegen
