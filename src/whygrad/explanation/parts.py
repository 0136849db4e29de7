"""Parts: what a sum in a chain is made of, each derivative worked out from the next layer's, down to the loss.

Where a unit reaches the loss in several ways, its factor is a sum, W_211*dL/dz_21 + W_221*dL/dz_22. These lines
say where dL/dz_21 comes from: they are the equations of backpropagation, one for each unit.
"""

from __future__ import annotations

from collections.abc import Sequence

from whygrad.explanation.factors import Cancellation, Factor, Junction
from whygrad.explanation.ways import Ways
from whygrad.explanation.writing import product, written_out

MOST = 12  # lines

Part = Factor | Cancellation


def parts_of(ways: Ways, factors: Sequence[Factor]) -> tuple[Part, ...]:
    """The derivatives in the factors' sums, and those in theirs, the nearest first; the first `MOST` of many."""
    wanted = _junctions(factors)
    found: list[Part] = []
    for junction in wanted:  # which grows on the way
        if len(found) == MOST:
            break
        found.append(part := _part(ways, junction))
        if isinstance(part, Factor):
            wanted += [new for new in _junctions([part]) if new not in wanted]
    return tuple(found)


def _junctions(factors: Sequence[Factor]) -> list[Junction]:
    """Where the derivatives in the sums are taken, of those that are written out."""
    return [factor.terms[k].junction for factor in factors for k in written_out(len(factor.terms))]


def _part(ways: Ways, junction: Junction) -> Part:
    """The loss's derivative there, by what comes after it."""
    kind, layer, unit = junction
    if kind == "a":
        return ways.judged(unit) if layer == ways.last else ways.parting_at_a(layer, unit)
    if layer == ways.last and (cancels := ways.cancellation(unit)):
        return cancels
    g = ways.links.net.layers[layer].activation
    if not g.elementwise:
        return ways.parting_at_z(layer, unit, ways.outputs_of(layer, unit))
    rest = _part(ways, Junction("a", layer, unit))
    assert isinstance(rest, Factor)  # only a z has something that cancels
    if g.name == "linear":
        return rest
    slope = ways.activation(layer, unit, unit)
    formula, numbers = product(slope.formula, rest.formula), product(slope.numbers, rest.numbers)
    return Factor(rest.of, slope.by, formula, numbers, slope.value * rest.value, rest.terms)
