"""Engines: ways of doing the same steps. The engine is an argument, never a global.

The reference engine is the one to read; a faster one is proved against it before it is timed. Adding an engine
is one new file and one name in `ENGINES`.
"""

from __future__ import annotations

from whygrad.engines.compiled import Compiled
from whygrad.engines.protocol import Advanced, Engine, Many, ManyAdvanced
from whygrad.engines.reference import Reference
from whygrad.errors import one_of

ENGINES: dict[str, type[Engine]] = {"reference": Reference, "compiled": Compiled}


def engine(name: str | Engine = "auto") -> Engine:
    """The engine of that name; "auto", where no job is at hand to choose by, the reference.

    `fit` and the command line choose by the job; see `choosing`. Raises `InputError` for an unknown name.
    """
    if not isinstance(name, str):
        return name
    if name == "auto":
        return Reference()
    if name not in ENGINES:
        raise one_of("engine", name, ("auto", *ENGINES))
    return ENGINES[name]()


__all__ = ["ENGINES", "Advanced", "Compiled", "Engine", "Many", "ManyAdvanced", "Reference", "engine"]
