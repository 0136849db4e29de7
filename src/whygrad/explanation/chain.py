"""The chain: one derivative as a product of factors, each with its formula, its numbers and its value.

The factors stand from the loss to the parameter, dL/dy_hat * dy_hat/dO_11 * dO_11/dW_111. A chain goes on as long
as there is one way; where a unit reaches the loss in several, its factor is the sum over them. A linear
activation is no link (z is a), and neither is anything that could never be other than 0.
"""

from __future__ import annotations

from whygrad.explanation.factors import Chain
from whygrad.explanation.links import Links
from whygrad.explanation.parts import parts_of
from whygrad.explanation.symbols import Symbols, partial
from whygrad.explanation.ways import Ways
from whygrad.losses import Loss
from whygrad.names import Place


def chain_of(links: Links, loss: Loss, symbols: Symbols, place: Place) -> Chain:
    """The chain of the parameter at `place`."""
    ways = Ways(links, loss, symbols)
    sign = partial(symbols.loss, symbols.parameter(place))
    if not ways.leads(place.layer, place.to):
        return Chain(sign, ())
    found, cancels = ways.to_loss(place.layer, place.to)
    return Chain(sign, (*reversed(found), ways.entering(place)), cancels, parts_of(ways, found))


def chain_from(links: Links, loss: Loss, symbols: Symbols, layer: int, unit: int) -> Chain:
    """The chain of a unit's output, or of an input (layer -1)."""
    ways = Ways(links, loss, symbols)
    found, cancels = ways.from_output(layer, unit)
    sign = partial(symbols.loss, symbols.a(layer, unit))
    return Chain(sign, tuple(reversed(found)), cancels, parts_of(ways, found))
