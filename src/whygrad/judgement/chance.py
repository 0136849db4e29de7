"""What a training loop leaves to chance: while it runs, the usual ways to shuffle leave rows in order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

_DRAWS = ("choice", "choices", "randint", "randrange")  # of Python's `random`


@contextmanager
def kept_in_order() -> Iterator[list[str]]:
    """While it lasts, what shuffles leaves things in order; what draws rows anew each time is left as it is.

    The list says what was used: "shuffle" or "draw".
    """
    used: list[str] = []
    places = [(np.random, "default_rng", _makes_still(np.random.default_rng, used)), *_global_places(used)]
    before = [getattr(module, name) for module, name, _ in places]
    try:
        for module, name, instead in places:
            setattr(module, name, instead)
        yield used
    finally:
        for (module, name, _), was in zip(places, before, strict=True):
            setattr(module, name, was)


def _global_places(used: list[str]) -> list[tuple[Any, str, Callable[..., Any]]]:
    """(module, name, what stands there instead)."""
    still, old = _Still(used), np.random
    return [
        (random, "shuffle", still.shuffle),
        (random, "sample", still.sampling(random.sample)),
        *((random, name, still.drawing(getattr(random, name))) for name in _DRAWS),
        (old, "shuffle", still.shuffle),
        (old, "permutation", still.permutation),
        (old, "choice", still.choosing(old.choice)),
        (old, "randint", still.drawing(old.randint)),
    ]


class _Still:
    """Shuffles that do nothing, and draws that are noted."""

    def __init__(self, used: list[str]) -> None:
        self.used = used

    def shuffle(self, x: Any, *_: Any, **__: Any) -> None:
        self.used.append("shuffle")

    def permutation(self, x: Any, *_: Any, **__: Any) -> Any:
        self.used.append("shuffle")
        return np.arange(x) if isinstance(x, int | np.integer) else np.array(x)

    def choosing(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        """NumPy's choice, which is a shuffle where it takes all there are once each."""

        def chosen(of: Any, size: Any = None, replace: bool = True, *given: Any, **named: Any) -> Any:
            if not replace and size == (of if isinstance(of, int | np.integer) else len(of)):
                return self.permutation(of)
            return self.drawing(draw)(of, size, replace, *given, **named)

        return chosen

    def sampling(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        """Python's sample, which is a shuffle where it takes all there are."""

        def sampled(of: Sequence[Any], k: int, **named: Any) -> Any:
            if k != len(of):
                return self.drawing(draw)(of, k, **named)
            self.shuffle(of)
            return list(of)

        return sampled

    def drawing(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        """A draw that is noted."""

        def drawn(*given: Any, **named: Any) -> Any:
            self.used.append("draw")
            return draw(*given, **named)

        return drawn


def _makes_still(make: Callable[..., np.random.Generator], used: list[str]) -> Callable[..., np.random.Generator]:
    """`default_rng`, but its generators do not shuffle."""
    still = _Still(used)

    class Still(np.random.Generator):
        """A generator that does not shuffle."""

        def shuffle(self, x: Any, axis: int = 0) -> None:
            still.shuffle(x)

        def permutation(self, x: Any, axis: int = 0) -> Any:
            return still.permutation(x)

        def choice(self, *given: Any, **named: Any) -> Any:
            return still.choosing(super().choice)(*given, **named)

        def integers(self, *given: Any, **named: Any) -> Any:
            return still.drawing(super().integers)(*given, **named)

    return lambda seed=None: Still(make(seed).bit_generator)
