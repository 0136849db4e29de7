"""Where compiled kernels are kept and which are there, told without Numba: a start that needs none stays quick.

Numba keeps machine code beside a stamp of one source file, and does not see that a formula in another file has
changed. So the folder's name is a hash of all that machine code depends on: every file that kernels are compiled
from, the versions of Numba, llvmlite and Python, and the processor. An edited formula finds an empty folder.
Where no folder can be written, kernels are compiled in memory.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from pathlib import Path

_HERE = Path(__file__).parent
_FORMULAS = ("activations.py", "losses.py", "updates.py")


def base() -> Path | None:
    """The folder of all versions' folders, there or not; None where nobody's home is known."""
    said, cache = os.environ.get("WHYGRAD_CACHE"), os.environ.get("XDG_CACHE_HOME", "")
    if said:
        return Path(said).absolute()
    if os.path.isabs(cache):  # a relative one is to be ignored, says the XDG Base Directory Specification
        return Path(cache) / "whygrad"
    home = os.path.expanduser("~")
    return Path(home) / ".cache" / "whygrad" if os.path.isabs(home) else None


def place() -> Path | None:
    """The folder of this version's kernels, there or not."""
    above = base()
    return None if above is None else above / f"kernels-{_digest()}"


@lru_cache(maxsize=1)
def folder() -> Path | None:
    """The folder of this version's kernels, made if need be; None where nothing can be written."""
    where = place()
    if where is None:
        return None
    import tempfile

    try:
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=where):
            return where
    except OSError:
        return None


def kept(kernel: str, dtype: str) -> bool:
    """Whether this version's folder has that kernel compiled, and can be used."""
    where = place()
    return where is not None and _mark(where, kernel, dtype).exists() and folder() is not None


def note(kernels: Iterable[str], dtype: str) -> None:
    """Notes that those kernels are in the folder now."""
    where = folder()
    if where is not None:
        with suppress(OSError):  # without the note they are only announced again
            for kernel in kernels:
                _mark(where, kernel, dtype).touch()


@contextmanager
def turn(waiting: AbstractContextManager[None]) -> Iterator[None]:
    """Inside, no other process compiles into the folder; `waiting` is entered while one still does.

    Numba numbers its files by what an index lists: two processes that write at once may take one number.
    """
    where = folder()
    if where is None:
        yield
        return
    with open(where / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with waiting:
                fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            pass
        yield


def _mark(where: Path, kernel: str, dtype: str) -> Path:
    return where / f"{kernel}-{dtype}.kept"


@lru_cache(maxsize=1)
def _digest() -> str:
    from importlib.metadata import version  # as much to load as all of this package; most starts need none

    texts = [_HERE.parents[1] / name for name in _FORMULAS] + sorted(_HERE.glob("*.py"))
    stamp = (_HERE / "kernels.py").stat().st_mtime_ns  # Numba's own stamp is of this file
    known = [version("numba"), version("llvmlite"), sys.version, _processor(), str(_HERE), str(stamp)]
    digest = hashlib.sha256("\n".join(known).encode())
    for path in texts:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _processor() -> str:
    """What tells one processor's machine code from another's: on Linux the first core's name and abilities."""
    lines: list[str] = []
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as text:
        for line in text:
            if not line.strip():
                break
            if line.startswith(("model name", "flags", "Features", "CPU part")):
                lines.append(line)
    return "".join([platform.machine(), platform.processor(), *lines])
