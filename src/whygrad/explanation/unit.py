"""One unit's output, or an input, opened: how the loss depends on it, as a chain and as paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from whygrad.explanation.chain import chain_from
from whygrad.explanation.consensus import consensus
from whygrad.explanation.factors import Chain
from whygrad.explanation.facts import given_blocks, head_blocks
from whygrad.explanation.forms.html import as_fragment
from whygrad.explanation.forms.text import as_text
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.opening import picked, unit_whereabouts
from whygrad.explanation.pages import Page
from whygrad.explanation.paths import Paths, paths_from
from whygrad.explanation.sections import (
    agreement_blocks,
    chain_blocks,
    latex_of,
    path_section,
    plain_paths,
    why_title,
)
from whygrad.explanation.symbols import Sign, Symbols, digits
from whygrad.maths import Array

SECTIONS = ("given", "chain", "paths")


@dataclass(frozen=True, eq=False)
class OpenedUnit:
    """One unit's output of an explained row; layer and unit count from 0, layer -1 has the inputs."""

    moment: Moment
    links: Links
    symbols: Symbols
    layer: int
    unit: int
    gradient: Array  # (P,), of the row's loss, as backpropagation finds it

    @property
    def name(self) -> Sign:
        """What it is called."""
        return self.symbols.a(self.layer, self.unit)

    @property
    def value(self) -> float:
        """The unit's output, or the input."""
        return float(self.links.trace.a[self.layer + 1][0, self.unit])

    @property
    def derivative(self) -> float:
        """The derivative of the row's loss by it."""
        pulls = self.links.inputs if self.layer < 0 else self.links.pulls[self.layer]
        return float(pulls[self.unit])

    @cached_property
    @np.errstate(all="ignore")
    def chain(self) -> Chain:
        """The derivative as a product of factors, or as a sum over the units that it enters."""
        return chain_from(self.links, self.moment.loss, self.symbols, self.layer, self.unit)

    @np.errstate(all="ignore")
    def paths(self, k: int = 10) -> Paths:
        """Every way from it to the loss, the k largest listed."""
        return paths_from(self.links, self.symbols, self.layer, self.unit, k)

    @np.errstate(all="ignore")
    def page(
        self, paths: int = 10, against: str | Iterable[str] | None = None, only: Iterable[str] = SECTIONS
    ) -> Page:
        """Chain and paths, or `only` some sections; in the end, whether the row's parameters agree."""
        m, symbols = self.moment, self.symbols
        where = f"{unit_whereabouts(m, symbols, self.layer, self.unit)}; its value is {digits(self.value)}"
        sections = {
            "given": lambda: given_blocks(m, symbols, where),
            "chain": lambda: chain_blocks(self.chain),
            "paths": lambda: path_section(lambda: self.paths(paths)),
        }
        agreed = consensus(m, self.links, self.gradient, symbols, against)
        blocks = (*head_blocks(m, symbols), *picked(sections, only))
        return Page(why_title(self.chain.sign, self.derivative), blocks, agreement_blocks(agreed))

    @np.errstate(all="ignore")
    def to_plain(self, paths: int = 10) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON."""
        return {
            "unit": self.name.text,
            "value": self.value,
            "derivative": self.derivative,
            "chain": self.chain.to_plain(),
            "paths": plain_paths(lambda: self.paths(paths)),
        }

    @cached_property
    def _shown(self) -> Page:
        return self.page()

    def __repr__(self) -> str:
        return as_text(self._shown)

    def _repr_html_(self) -> str:
        return as_fragment(self._shown)

    def _repr_latex_(self) -> str:
        return latex_of(self.chain)
