"""Kernels at their first call in a process: loaded from the cache, or compiled, which is announced on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from whygrad.engines.compiled.place import folder, kept, note, turn

KERNELS = ("advance",)  # what every run needs

_called: set[tuple[str, str]] = set()  # (kernel, dtype) in this process


def kernel(name: str, dtype: str, file: str = "kernels") -> Callable[..., Any]:
    """The kernel of that name and file, to be called with numbers of that dtype."""
    function: Callable[..., Any] = getattr(import_module(f"whygrad.engines.compiled.{file}"), name)
    if (name, dtype) in _called:
        return function

    def first_call(*given: Any) -> Any:
        with first_calls((name,), dtype):
            return function(*given)

    return first_call


@contextmanager
def first_calls(kernels: Sequence[str], dtype: str) -> Iterator[None]:
    """Inside, those kernels are called; what is not in the cache is compiled meanwhile, by one process."""
    new = {(name, dtype) for name in kernels} - _called
    _called.update(new)
    try:
        if all(kept(*one) for one in new):
            yield
        else:
            with turn(_told("waiting for another process that compiles kernels")):
                with _announced(dtype, new):
                    yield
                note((name for name, _ in new), dtype)
    except BaseException:
        _called.difference_update(new)
        raise


@contextmanager
def _announced(dtype: str, kernels: set[tuple[str, str]]) -> Iterator[None]:
    if all(kept(*one) for one in kernels):  # another process has compiled them meanwhile
        yield
        return
    how = "once per machine" if folder() is not None else "in memory, as no cache folder can be written"
    with _told(f"compiling the {dtype} kernels, {how}"):
        yield


@contextmanager
def _told(words: str) -> Iterator[None]:
    """A line on stderr for as long as it takes: with the seconds on a terminal, else once."""
    if sys.stderr is None or not sys.stderr.isatty():
        if sys.stderr is not None:
            print(f"whygrad: {words} ...", file=sys.stderr, flush=True)
        yield
        return
    done, began = threading.Event(), time.monotonic()

    def tick() -> None:
        while not done.is_set():
            print(f"\r{words}: {time.monotonic() - began:.0f} s ...", end="", file=sys.stderr, flush=True)
            done.wait(1)

    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        yield
    finally:
        done.set()
        ticking.join()
        print("\r\033[K", end="", file=sys.stderr, flush=True)
