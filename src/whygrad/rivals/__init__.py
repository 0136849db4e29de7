"""Rivals: other libraries, each made to follow one training from the same start, row by row.

Importing this imports none of them; each is imported inside its own file when it is asked to follow.
"""

from __future__ import annotations

from whygrad.errors import one_of
from whygrad.formulas import plain
from whygrad.rivals.jax import Jax
from whygrad.rivals.keras import Keras
from whygrad.rivals.protocol import Followed, NotComparable, Rival
from whygrad.rivals.sklearn import ScikitLearn
from whygrad.rivals.torch import PyTorch

RIVALS: dict[str, Rival] = {r.name: r for r in (Keras(), PyTorch(), Jax(), ScikitLearn())}
_SHORT = {"pytorch": "torch", "scikit_learn": "sklearn", "scikitlearn": "sklearn"}


def rival(name: str) -> Rival:
    """The rival of that name ("torch", "jax", "keras", "sklearn"); raises `InputError` for another."""
    key = _SHORT.get(plain(name), plain(name))
    if key not in RIVALS:
        raise one_of("rival", name, list(RIVALS))
    return RIVALS[key]


__all__ = ["RIVALS", "Followed", "NotComparable", "Rival", "rival"]
