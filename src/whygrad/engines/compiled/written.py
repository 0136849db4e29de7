"""Kernels that are written out as text for one network: kept as modules in the folder of the kernels.

Numba keeps machine code for functions of a file only, so each text becomes a file, named by what it says.
"""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from whygrad.engines.compiled.place import folder


def named(text: str) -> str:
    """The name of the module that text becomes."""
    return f"whygrad_small_{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@cache
def written(text: str) -> Any:
    """The compiled function `advance` of that text."""
    place, name = folder(), named(text)
    if place is None:
        module = ModuleType(name)
        exec(compile(text, name, "exec"), vars(module))
        return module.advance
    path = place / f"{name}.py"
    if not path.exists():
        _write(path, text)
    from importlib import util

    spec = util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = util.module_from_spec(spec)
    sys.modules[name] = loaded  # where Numba looks for it when it loads machine code
    spec.loader.exec_module(loaded)
    return loaded.advance


def _write(path: Path, text: str) -> None:
    """Whole or not at all, whoever else writes it."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)
