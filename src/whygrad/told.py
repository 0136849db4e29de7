"""What is being waited for, on a terminal's stderr: one line that is gone when the wait is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVERY = 0.2  # seconds


@contextmanager
def telling(words: str) -> Iterator[Callable[[float], None]]:
    """Gives a function that is told which share, 0 to 1, is done; silent where stderr is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda share: None
        return
    began = told = time.monotonic()

    def tell(share: float) -> None:
        nonlocal told
        if time.monotonic() - told >= _EVERY:
            told = time.monotonic()
            print(f"\r{words}: {share:.0%} ...", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if told > began:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
