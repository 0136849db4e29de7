"""Positions: parameters by where they stand in the flat vector, or by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from whygrad.errors import InputError, WrongTypeError
from whygrad.names import find_parameter
from whygrad.network import Network

Which = int | np.integer[Any] | str  # a parameter: its position in the flat vector, or its name


def positions_of(net: Network, parameters: Sequence[Which]) -> tuple[int, ...]:
    """Where the parameters stand; each may be meant once only."""
    found = tuple(_position(net, which) for which in parameters)
    for at, which in zip(found, parameters, strict=True):
        if found.count(at) > 1:
            raise InputError(f"parameter: {which!r} is named twice; name every parameter once")
    return found


def _position(net: Network, which: Which) -> int:
    if isinstance(which, str):
        return find_parameter(net, which)
    if isinstance(which, bool) or not isinstance(which, int | np.integer):
        raise WrongTypeError(f"parameter: {which!r} is neither a name, as in 'W_111', nor a position")
    if not 0 <= which < net.n_parameters:
        raise InputError(f"parameter: position {which} is not there; the network has 0 to {net.n_parameters - 1}")
    return int(which)
