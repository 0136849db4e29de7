"""Slips that happen to somebody who works backpropagation by hand, each as the rule that was used instead."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from whygrad.exercises.quantity import Quantity, Rule, Slip
from whygrad.losses import Loss

Needs = tuple[str, ...]


def slips_of(quantity: Quantity) -> tuple[Slip, ...]:
    """A quantity's own slips, then those that can happen to any number of its section."""
    rule, needs = quantity.rule, quantity.needs
    found = [*quantity.slips, multiplied("the sign is turned round", rule, needs, -1)]
    if quantity.section in ("backward", "gradient"):
        found.append(multiplied("a factor 2 too many", rule, needs, 2))
        found.append(multiplied("a factor 2 is missing", rule, needs, 0.5))
    found.append(multiplied("the decimal point stands a place too far to the right", rule, needs, 10))
    found.append(multiplied("the decimal point stands a place too far to the left", rule, needs, 0.1))
    return tuple(found)


def multiplied(words: str, rule: Rule, needs: Needs, factor: float) -> Slip:
    """A factor too many."""
    return Slip(words, lambda values: factor * rule(values), needs)


def instead(words: str, rule: Rule, needs: Needs, swap: Mapping[str, str | float]) -> Slip:
    """Other numbers, or those of other quantities, taken for some of the needs."""

    def mistaken(values: Mapping[str, float]) -> float:
        found = {name: values[other] if isinstance(other, str) else other for name, other in swap.items()}
        return rule({**values, **found})

    return Slip(words, mistaken, (*needs, *(other for other in swap.values() if isinstance(other, str))))


def taken(words: str, other: str) -> Slip:
    """Another quantity's number written down."""
    return Slip(words, lambda values: values[other], (other,))


def of_mean(loss: Loss, outputs: int, rule: Rule, needs: Needs) -> Iterator[Slip]:
    """What happens where a loss is a mean over several outputs."""
    if loss.share(outputs) != 1:
        words = f"the factor 1/{outputs} of the mean over the outputs is left out"
        yield multiplied(words, rule, needs, outputs)


def of_loss(loss: Loss, outputs: int, rule: Rule, needs: Needs) -> Iterator[Slip]:
    """What happens to the value of a loss."""
    if loss.targets in ("probability", "distribution"):
        words = "the logarithm was taken to base 10; here it is the natural one"
        yield multiplied(words, rule, needs, 1 / math.log(10))
    yield from of_mean(loss, outputs, rule, needs)
    yield multiplied("a factor 1/2 that this loss does not have", rule, needs, 0.5)
