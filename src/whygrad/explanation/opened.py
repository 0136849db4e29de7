"""One parameter, opened: its derivative as a chain, as paths, as rows, as a nudge, as an update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from whygrad.errors import InputError
from whygrad.explanation.chain import chain_of
from whygrad.explanation.factors import Chain
from whygrad.explanation.facts import given_blocks, head_blocks
from whygrad.explanation.forms.html import as_fragment
from whygrad.explanation.forms.text import as_text
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.motive import why_flat
from whygrad.explanation.nudge import Nudge, nudge
from whygrad.explanation.opening import picked, tree_blocks, whereabouts
from whygrad.explanation.pages import Block, Heading, Page, Words
from whygrad.explanation.paths import Paths, paths_of
from whygrad.explanation.pulls import Pulls, pulls_of
from whygrad.explanation.sections import (
    agreement_blocks,
    chain_blocks,
    latex_of,
    nudge_blocks,
    path_section,
    plain_paths,
    pull_blocks,
    step_blocks,
    why_title,
)
from whygrad.explanation.step import Step, step_of
from whygrad.explanation.symbols import Sign, Symbols, digits
from whygrad.explanation.verdict import Verdict
from whygrad.explanation.witnesses import Agreement, agreement, ask
from whygrad.maths import Array
from whygrad.names import Place, position_of

NUDGE = 0.01  # the course's
SECTIONS = (
    "given",
    "chain",
    "paths",
    "rows",
    "nudge",
    "update",
)  # and "tree", which is drawn only when it is asked for


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
    @np.errstate(all="ignore")
    def chain(self) -> Chain:
        """The derivative as a product of factors."""
        return chain_of(self.links, self.moment.loss, self.symbols, self.place)

    @np.errstate(all="ignore")
    def paths(self, k: int = 10) -> Paths:
        """Every way from it to the loss, the k largest listed."""
        return paths_of(self.links, self.symbols, self.place, k)

    @cached_property
    @np.errstate(all="ignore")
    def pulls(self) -> Pulls:
        """How every training row pulls it."""
        return pulls_of(self.moment, self.place, notation=self.symbols.notation)

    @cached_property
    @np.errstate(all="ignore")
    def step(self) -> Step:
        """What the update that meets the row does to it. Raises `InputError` where none does."""
        return step_of(self.moment, self.links, self.symbols, self.place)

    @np.errstate(all="ignore")
    def nudge(self, by: float = NUDGE) -> Nudge:
        """What changing it by that much does on the way to the loss."""
        return nudge(self.moment, self.links, self.symbols, self.place, by)

    @np.errstate(all="ignore")
    def agreement(self, against: str | Iterable[str] | None = None) -> Agreement:
        """What paths, backpropagation, nudge and libraries say of it: jax, torch, "any", all "installed", or none.

        Without `against` those are asked that are imported already, as importing one takes a second or two.
        """
        told = ask(self.moment, against)
        return agreement(self.moment, self.links, self.gradient, self.place, told, self.symbols)

    @np.errstate(all="ignore")
    def page(
        self,
        paths: int = 10,
        rows: int = 5,
        nudge: float = NUDGE,
        against: str | Iterable[str] | None = None,
        only: Iterable[str] = SECTIONS,
    ) -> Page:
        """All of it, or `only` some sections: so many paths and rows, that nudge, and those libraries asked."""
        agreed = self.agreement(against)
        m, symbols = self.moment, self.symbols
        where = f"{whereabouts(m, symbols, self.place)}; its value is {digits(self.value)}"
        sections = {
            "tree": lambda: tree_blocks(self.links, symbols, self.place),
            "given": lambda: given_blocks(m, symbols, where),
            "chain": self._chain_blocks,
            "paths": lambda: path_section(lambda: self.paths(paths)),
            "rows": lambda: pull_blocks(self.pulls, rows),
            "nudge": lambda: self._nudge_blocks(nudge, agreed.verdict),
            "update": lambda: step_blocks(self.step) if len(m.batch) else [],
        }
        blocks = (*head_blocks(m, symbols), *picked(sections, only))
        return Page(why_title(self.chain.sign, self.derivative), blocks, agreement_blocks(agreed))

    def _nudge_blocks(self, by: float, verdict: Verdict) -> list[Block]:
        found = self._nudge_if_any(by)
        if found is not None:
            return nudge_blocks(found, verdict)
        large = f"so large that {by:g} does not change it" if isfinite(self.value) else "no finite number"
        said = f"{self.name} = {digits(self.value)} is {large}."
        return [Heading("Nudge"), Words(said)]

    def _nudge_if_any(self, by: float) -> Nudge | None:
        """None where the usual nudge is lost in a huge value; another one, which was asked for, is refused."""
        try:
            return self.nudge(by)
        except InputError:
            if by != NUDGE:
                raise
            return None

    def _chain_blocks(self) -> list[Block]:
        blocks = chain_blocks(self.chain)
        if self.chain.value == 0 and self.chain.factors:
            said = why_flat(self.moment, self.links, self.symbols, self.place)
            blocks.append(Words(f"It is 0, as {said}."))
        return blocks

    @np.errstate(all="ignore")
    def to_plain(
        self, paths: int = 10, nudge: float = NUDGE, against: str | Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON."""
        nudged = self._nudge_if_any(nudge)
        found = {
            "parameter": self.name.text,
            "value": self.value,
            "derivative": self.derivative,
            "chain": self.chain.to_plain(),
            "paths": plain_paths(lambda: self.paths(paths)),
            "rows": self.pulls.to_plain(),
            "nudge": None if nudged is None else nudged.to_plain(),
            "agreement": self.agreement(against).to_plain(),
        }
        return {**found, "update": self.step.to_plain()} if len(self.moment.batch) else found

    @cached_property
    def _shown(self) -> Page:
        return self.page()

    def __repr__(self) -> str:
        return as_text(self._shown)

    def _repr_html_(self) -> str:
        return as_fragment(self._shown)

    def _repr_latex_(self) -> str:
        return latex_of(self.chain)
