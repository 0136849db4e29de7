"""One parameter, opened: its derivative as a chain, as paths, as rows, as a nudge, as an update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from whygrad.explanation.chain import Chain, chain_of
from whygrad.explanation.forms.html import as_fragment
from whygrad.explanation.forms.text import as_text
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.motive import why_flat
from whygrad.explanation.nudge import Nudge, nudge
from whygrad.explanation.opening import chain_blocks, product_of_signs, row_blocks, whereabouts
from whygrad.explanation.pages import Heading, Page, Words
from whygrad.explanation.paths import Paths, paths_of
from whygrad.explanation.pulls import Pulls, pulls_of
from whygrad.explanation.sections import nudge_blocks, path_blocks, pull_blocks, step_blocks
from whygrad.explanation.step import Step, step_of
from whygrad.explanation.symbols import Sign, Symbols, partial
from whygrad.explanation.witnesses import Agreement, agreement
from whygrad.maths import Array
from whygrad.names import Place, position_of


@dataclass(frozen=True, eq=False)
class Opened:
    """One parameter of an explained row, opened; what costs something is computed when it is asked for."""

    moment: Moment
    links: Links
    symbols: Symbols
    place: Place
    gradient: Array  # (P,), of the row's loss, as backpropagation finds it

    @property
    def name(self) -> Sign:
        """What the parameter is called."""
        return self.symbols.parameter(self.place)

    @property
    def position(self) -> int:
        """Where it stands in the flat vector."""
        return position_of(self.moment.net, self.place)

    @property
    def value(self) -> float:
        """The parameter's value."""
        return float(self.moment.w[self.position])

    @property
    def derivative(self) -> float:
        """The derivative of the row's loss by it."""
        return float(self.gradient[self.position])

    @cached_property
    def chain(self) -> Chain:
        """The derivative as a product of factors."""
        return chain_of(self.links, self.moment.loss, self.symbols, self.place)

    def paths(self, k: int = 10) -> Paths:
        """Every way from it to the loss, the k largest listed."""
        return paths_of(self.links, self.symbols, self.place, k)

    @cached_property
    def pulls(self) -> Pulls:
        """How every training row pulls it."""
        return pulls_of(self.moment, self.place, notation=self.symbols.notation)

    @cached_property
    def step(self) -> Step:
        """What the update that meets the row does to it. Raises `InputError` where none does."""
        return step_of(self.moment, self.links, self.symbols, self.place)

    def nudge(self, by: float = 0.01) -> Nudge:
        """What changing it by that much does on the way to the loss."""
        return nudge(self.moment, self.links, self.symbols, self.place, by)

    def agreement(self, against: str | Iterable[str] | None = None) -> Agreement:
        """What paths, backpropagation, nudge and libraries say of it: jax, torch, those "installed", or none.

        Without `against` those are asked that are imported already.
        """
        return agreement(self.moment, self.links, self.gradient, self.place, against, self.symbols)

    def page(
        self, paths: int = 10, rows: int = 5, nudge: float = 0.01, against: str | Iterable[str] | None = None
    ) -> Page:
        """All of it, with so many paths and rows, that nudge, and those libraries asked."""
        m, symbols = self.moment, self.symbols
        place = whereabouts(m, symbols, self.place)
        blocks = [*row_blocks(m, symbols), Words(f"{place.text[:-1]}; its value is {self.value:.9g}.")]
        blocks += chain_blocks(self.chain)
        if self.chain.value == 0 and self.chain.factors:
            blocks.append(Words(f"It is 0, as {why_flat(m, self.links, symbols, self.place)}."))
        blocks += [*path_blocks(self.paths(paths)), *pull_blocks(self.pulls, rows)]
        agreed = self.agreement(against)
        blocks += nudge_blocks(self.nudge(nudge), agreed.verdict)
        if len(m.batch):
            blocks += step_blocks(self.step)
        blocks += [Heading("Agreement"), Words(agreed.line(), loud=not agreed.agrees)]
        return Page(f"Why {partial(symbols.loss, self.name)} = {self.derivative:.9g}", tuple(blocks))

    def to_plain(
        self, paths: int = 10, nudge: float = 0.01, against: str | Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON."""
        found = {
            "parameter": self.name.text,
            "value": self.value,
            "derivative": self.derivative,
            "chain": self.chain.to_plain(),
            "paths": self.paths(paths).to_plain(),
            "rows": self.pulls.to_plain(),
            "nudge": self.nudge(nudge).to_plain(),
            "agreement": self.agreement(against).to_plain(),
        }
        return {**found, "update": self.step.to_plain()} if len(self.moment.batch) else found

    def __repr__(self) -> str:
        return as_text(self.page())

    def _repr_html_(self) -> str:
        return as_fragment(self.page())

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {' = '.join(s.latex for s in product_of_signs(self.chain))}$"
