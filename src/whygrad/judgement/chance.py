"""What a training loop leaves to chance: while it runs, the usual ways to shuffle leave rows in order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

_DRAWS = ("choice", "choices", "randint", "randrange")  # of Python's `random`


@contextmanager
def kept_in_order(turned: bool = False) -> Iterator[list[str]]:
    """While it lasts, what shuffles leaves things in order; what draws rows anew each time is left as it is.

    Where `turned`, what shuffles turns things round. The list says what was used: "shuffle" or "draw".
    """
    still = _Still(turned)
    places = [(np.random, "default_rng", _makes_still(np.random.default_rng, still)), *_global_places(still)]
    before = [getattr(module, name) for module, name, _ in places]
    try:
        for module, name, instead in places:
            setattr(module, name, instead)
        yield still.used
    finally:
        for (module, name, _), was in zip(places, before, strict=True):
            setattr(module, name, was)


def _global_places(still: _Still) -> list[tuple[Any, str, Callable[..., Any]]]:
    """(module, name, what stands there instead)."""
    old = np.random
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
    """Shuffles that do nothing, or turn things round; draws that are noted."""

    def __init__(self, turned: bool) -> None:
        self.used: list[str] = []
        self.turned = turned

    def shuffle(self, x: Any, *_: Any, **__: Any) -> None:
        self.used.append("shuffle")
        if self.turned:
            x[:] = x[::-1].copy() if isinstance(x, np.ndarray) else x[::-1]

    def permutation(self, x: Any, *_: Any, **__: Any) -> Any:
        self.used.append("shuffle")
        kept = np.arange(x) if isinstance(x, int | np.integer) else np.array(x)
        return kept[::-1].copy() if self.turned else kept

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
            self.used.append("shuffle")
            return list(of)[::-1] if self.turned else list(of)

        return sampled

    def drawing(self, draw: Callable[..., Any]) -> Callable[..., Any]:
        """A draw that is noted."""

        def drawn(*given: Any, **named: Any) -> Any:
            self.used.append("draw")
            return draw(*given, **named)

        return drawn


def _makes_still(make: Callable[..., np.random.Generator], still: _Still) -> Callable[..., np.random.Generator]:
    """`default_rng`, but its generators do not shuffle."""

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
