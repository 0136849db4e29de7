"""Arrays on disk, for tables that memory has no room for.

Each lies in a file of its own in the folder for temporary files (TMPDIR), without a name: it is gone with the
process, however that ends. Reading goes through `part`, which gives back the memory that looking at a file takes.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from whygrad.errors import OutputError

PIECE = 65536  # rows of a table that are read, encoded or scored at once
_AT_ONCE = 1024  # rows from anywhere in a file: the system may map 64 kB around each


def pieces(n: int) -> Iterator[slice]:
    """The numbers 0 to n - 1 in stretches of at most `PIECE`."""
    for start in range(0, n, PIECE):
        yield slice(start, min(start + PIECE, n))


def machine_memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def folder() -> str:
    """The folder for temporary files. Raises `OutputError` where TMPDIR names one that cannot be used."""
    wanted = os.environ.get("TMPDIR")
    try:
        found = tempfile.gettempdir()
    except FileNotFoundError:
        raise OutputError("no folder for temporary files can be written to; TMPDIR names one") from None
    if wanted and os.path.abspath(wanted) != found:
        raise OutputError(f"TMPDIR is {wanted}, which is no folder that can be written to; name another")
    return found


@contextmanager
def _room() -> Iterator[None]:
    """Says in one line where there is no room left."""
    try:
        yield
    except OSError as problem:
        raise OutputError(
            f"the folder for temporary files, {folder()}, cannot take the table: {problem.strerror}; "
            "TMPDIR names another"
        ) from None


class Growing:
    """Rows of numbers (rows, columns) that grow on disk while the context lasts, some rows at a time."""

    def __init__(self, columns: int) -> None:
        self._columns, self._parts = columns, list[int]()
        with _room():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, *problem: object) -> None:
        with suppress(OSError):  # what could not be written has been said
            self._file.close()

    def append(self, rows: list[NDArray[Any]]) -> None:
        """Writes some rows, column by column. Raises `OutputError` where there is no room."""
        with _room():
            self._file.write(np.stack(rows).astype(np.float64, copy=False).data)
        self._parts.append(len(rows[0]))

    def by_columns(self) -> NDArray[Any]:
        """All of it as an array (columns, rows) on disk."""
        found = new_array((self._columns, sum(self._parts)), np.float64, disk=True)
        with _room():
            self._file.seek(0)
        start = 0
        for n in self._parts:
            with _room():
                some = np.frombuffer(self._file.read(8 * self._columns * n)).reshape(self._columns, n)
            for column, values in zip(found, some, strict=True):
                column[start : start + n] = values
            let_go(found)
            start += n
        return found


def new_array(shape: tuple[int, ...], dtype: DTypeLike, disk: bool) -> NDArray[Any]:
    """An array to be filled, on disk or in memory. Raises `OutputError` where the disk has no room for it."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not disk or size == 0:
        return np.empty(shape, dtype)
    with _room(), tempfile.TemporaryFile() as file:
        os.posix_fallocate(file.fileno(), 0, size)  # a full disk is told of now, not by a signal later
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)


def _mapped(array: NDArray[Any]) -> mmap.mmap | None:
    """The file an array lies in, if it lies in one of these."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    found = base.obj if isinstance(base, memoryview) else None
    return found if isinstance(found, mmap.mmap) else None


def let_go(array: NDArray[Any]) -> None:
    """Gives back the memory that looking at an array takes, if it lies in a file."""
    file = _mapped(array)
    if file is not None:
        file.madvise(mmap.MADV_DONTNEED)


def on_disk(array: NDArray[Any]) -> bool:
    """Whether an array lies in a file."""
    return _mapped(array) is not None


def part(array: NDArray[Any], rows: Any) -> NDArray[Any]:
    """`array[rows]`, for a slice or row numbers; of an array on disk always a copy in memory."""
    if not on_disk(array):
        found: NDArray[Any] = array[rows]
        return found
    if isinstance(rows, slice):
        copied = array[rows].copy()
        let_go(array)
        return copied
    low, high = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
    if high - low <= 2 * len(rows):  # nearly all that lies there
        return np.asarray(part(array, slice(low, high))[rows - low])
    copied = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for start in range(0, len(rows), _AT_ONCE):
        copied[start : start + _AT_ONCE] = array[rows[start : start + _AT_ONCE]]
        let_go(array)
    return copied


def put(array: NDArray[Any], rows: slice, values: NDArray[Any]) -> None:
    """`array[rows] = values`; what lies on disk goes there."""
    array[rows] = values
    let_go(array)


def changed(array: NDArray[Any], change: Callable[[NDArray[Any]], NDArray[Any]], dtype: DTypeLike) -> NDArray[Any]:
    """What `change` makes of an array (n,), piece by piece, in memory or on disk as the array is."""
    made = new_array(array.shape, dtype, on_disk(array))
    for piece in pieces(len(array)):
        put(made, piece, change(part(array, piece)))
    return made
