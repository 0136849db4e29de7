"""Arrays on disk, for tables that memory has no room for.

Each lies in a file of its own in the folder for temporary files (TMPDIR), without a name: it is gone with the
process, however that ends. Reading goes through `part`, which gives back the memory that looking at a file takes.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def folder() -> str:
    """The folder for temporary files."""
    return tempfile.gettempdir()


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
    """A column of numbers that grows on disk while the context lasts; `array` gives what was written so far."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        with _room():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()

    def append(self, values: NDArray[Any]) -> None:
        """Writes values (n,) after those that are there. Raises `OutputError` where there is no room."""
        with _room():
            self._file.write(np.ascontiguousarray(values, self._dtype).data)

    def array(self) -> NDArray[Any]:
        """All values, on disk and not to be changed."""
        with _room():
            self._file.flush()
            size = os.fstat(self._file.fileno()).st_size
            if size == 0:
                return np.empty(0, self._dtype)
            return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), self._dtype)


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


def on_disk(array: NDArray[Any]) -> bool:
    """Whether an array lies in a file."""
    return _mapped(array) is not None


def part(array: NDArray[Any], rows: Any) -> NDArray[Any]:
    """`array[rows]`, for a slice or row numbers; of an array on disk always a copy in memory."""
    file = _mapped(array)
    if file is None:
        found: NDArray[Any] = array[rows]
        return found
    if isinstance(rows, slice):
        copied = array[rows].copy()
        file.madvise(mmap.MADV_DONTNEED)
        return copied
    low, high = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
    if high - low <= 2 * len(rows):  # nearly all that lies there
        return np.asarray(part(array, slice(low, high))[rows - low])
    copied = np.empty((len(rows), *array.shape[1:]), array.dtype)
    for start in range(0, len(rows), _AT_ONCE):
        copied[start : start + _AT_ONCE] = array[rows[start : start + _AT_ONCE]]
        file.madvise(mmap.MADV_DONTNEED)
    return copied


def put(array: NDArray[Any], rows: slice, values: NDArray[Any]) -> None:
    """`array[rows] = values`; what lies on disk goes there."""
    array[rows] = values
    file = _mapped(array)
    if file is not None:
        file.madvise(mmap.MADV_DONTNEED)


def changed(array: NDArray[Any], change: Callable[[NDArray[Any]], NDArray[Any]], dtype: DTypeLike) -> NDArray[Any]:
    """What `change` makes of an array (n,), piece by piece, in memory or on disk as the array is."""
    made = new_array(array.shape, dtype, on_disk(array))
    for piece in pieces(len(array)):
        put(made, piece, change(part(array, piece)))
    return made
