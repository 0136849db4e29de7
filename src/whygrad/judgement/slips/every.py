"""Slips of a line inside a loop over layers: the same mistake in every layer, or in every hidden one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from whygrad.judgement.slips.deltas import hidden_slips
from whygrad.judgement.slips.derivatives import derivative_slips
from whygrad.judgement.slips.parts import bias_gradient_slips, weight_gradient_slips
from whygrad.judgement.slips.slip import Slip, together
from whygrad.judgement.slips.updates import parameter_slips
from whygrad.network import Network
from whygrad.training import Training

# what one line of a loop over layers does not do, and what `mean_slips` has
_UNUSUAL = re.compile(r"delta-|path-W|.*-assigned-|.*-of-a_|.*-rows$")


def everywhere_slips(net: Network, training: Training) -> Iterator[Slip]:
    """For each slip that every (hidden) layer can have, all of them as one."""
    last = len(net.layers)
    hidden = [slip for slip in hidden_slips(net, training) if not _UNUSUAL.match(slip.key)]
    if len({layer.activation for layer in net.layers[:-1]}) == 1:
        hidden += [slip for slip in derivative_slips(net, training) if slip.layer != last]
    yield from _grouped(hidden, "hidden ")
    parts = [*weight_gradient_slips(net, training), *bias_gradient_slips(net, training)]
    parts += parameter_slips(net, training)
    yield from _grouped([slip for slip in parts if not _UNUSUAL.match(slip.key)], "")


def _grouped(slips: Sequence[Slip], which: str) -> Iterator[Slip]:
    """One slip for each family that has one slip in each of several layers."""
    families: dict[str, list[Slip]] = {}
    for slip in slips:
        families.setdefault(re.sub(r"(?<=_)\d+|(?<=:)\d+", "l", slip.key), []).append(slip)
    for key, singles in families.items():
        layers = [slip.layer for slip in singles]
        if len(set(layers)) == len(layers) > 1:
            yield _together(f"{key}-every", singles, which)


def _together(key: str, singles: list[Slip], which: str) -> Slip:
    """Those slips as one, with the lines of the last layer for any layer l."""
    one = max(singles, key=lambda slip: slip.layer or 0)
    n = one.layer or 0
    written, right, hint = (_of_any(text, n) for text in (one.written, one.right, one.hint))
    return Slip(
        key, f"in every {which}layer l: {_of_any(one.title, n)}", one.where, one.part, None, written, right, hint,
        together(*(slip.change for slip in singles)), tuple(singles),
    )  # fmt: skip


def _of_any(text: str, n: int) -> str:
    """The text with l for layer n, l+1 for the layer after and l-1 for the one before."""
    names = {n: "l", n + 1: "l+1", n - 1: "l-1"}

    def index(found: re.Match[str]) -> str:
        name = names[int(found[2])]
        return f"{found[1]}{{{name}}}" if found[1] == "_" and len(name) > 1 else f"{found[1]}{name}"

    return re.sub(r"(_|layer )(\d+)", index, text)
