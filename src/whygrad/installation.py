"""What this installation has: versions, processor, engines and their kernels, extras; told without compiling."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from whygrad import __version__
from whygrad.engines import Compiled, Reference
from whygrad.engines.compiled.place import base, kept, place
from whygrad.engines.compiled.waiting import KERNELS
from whygrad.rivals import RIVALS
from whygrad.training import DTYPES

PACKAGES = ("numpy", "numba", "llvmlite", "polars")
EXTRAS = {"xlsx": "xlsxwriter"}
# what matters to rows of numbers, weakest first; named as LLVM does
_VECTORS = ("sse2", "sse4.2", "avx", "avx2", "fma", "avx512f", "avx512bf16", "neon", "sve", "sve2")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Cache:
    """The folder of compiled kernels. Sizes are in bytes."""

    folder: str | None  # of this version; None where no home is known
    writable: bool
    size: int
    others: dict[str, int]  # folders of other versions, which may be removed


@dataclass(frozen=True)
class Installation:
    """What there is; `None` for a version stands for what is not installed."""

    versions: dict[str, str | None]
    processor: str  # as LLVM calls it
    vectors: tuple[str, ...]
    cores: int  # that this process may use
    threads: dict[str, str]  # the variables that limit them, where they are set
    engines: dict[str, dict[str, bool]]  # engine -> dtype -> whether its kernels are compiled
    cache: Cache
    extras: dict[str, str | None]
    rivals: dict[str, str | None]  # name -> label with its version

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings, lists and tables only, for JSON."""
        return asdict(self)


def installation() -> Installation:
    """Looks around: a second at most, as nothing heavier than LLVM is imported."""
    processor, vectors = _processor()
    return Installation(
        {"whygrad": __version__, "python": platform.python_version(), **{p: _version(p) for p in PACKAGES}},
        processor,
        vectors,
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        {name: os.environ[name] for name in _THREADS if name in os.environ},
        {Reference.name: {}, Compiled.name: {dtype: _compiled(dtype) for dtype in DTYPES}},
        _cache(),
        {name: _version(package) for name, package in EXTRAS.items()},
        {name: rival.label if rival.installed() else None for name, rival in RIVALS.items()},
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> tuple[str, tuple[str, ...]]:
    """The processor and its vector instructions, as those who compile for it see them."""
    from llvmlite import binding

    has = binding.get_host_cpu_features()
    return binding.get_host_cpu_name(), tuple(name for name in _VECTORS if has.get(name, False))


def _compiled(dtype: str) -> bool:
    return all(kept(kernel, dtype) for kernel in KERNELS)


def _cache() -> Cache:
    above, mine = base(), place()
    if above is None or mine is None:
        return Cache(None, False, 0, {})
    others = sorted(folder for folder in above.glob("kernels-*") if folder != mine)
    return Cache(str(mine), _writable(mine), _size([mine]), {str(folder): _size([folder]) for folder in others})


def _writable(folder: Path) -> bool:
    """Whether it can be written or, where it is not there yet, made."""
    there = next(above for above in (folder, *folder.parents) if above.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _size(folders: Iterable[Path]) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
