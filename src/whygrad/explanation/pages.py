"""A page: what is said about something, in blocks, before anybody chooses how it looks.

Pages hold words, equations, tables and trees; `forms` turns one into text, LaTeX or HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from whygrad.explanation.symbols import Sign

Cell = str | Sign


@dataclass(frozen=True)
class Heading:
    """A title of a section."""

    text: str


@dataclass(frozen=True)
class Words:
    """A paragraph; `loud` is said so that nobody overlooks it, in a `plain` one W_111 may be a column's name."""

    text: str
    loud: bool = False
    plain: bool = False


@dataclass(frozen=True)
class Equations:
    """Lines of a = b = c, one under the other."""

    lines: tuple[tuple[Sign, ...], ...]


@dataclass(frozen=True)
class Grid:
    """A table; the columns in `left` align left, the others right."""

    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Node:
    """A node of a tree: what it is, and what it depends on."""

    label: tuple[Sign, ...]  # a = b
    slope: tuple[Sign, ...] = ()  # the loss's derivative by it
    children: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Tree:
    """What depends on what, the root first."""

    root: Node


@dataclass(frozen=True)
class Curve:
    """Lines over common x; `mark` is a point on them. What it shows stands in a table too, or in words."""

    x: tuple[float, ...]
    lines: tuple[tuple[str, tuple[float, ...]], ...]  # (what it is, y)
    x_name: str
    mark: tuple[float, float] | None = None


Block = Heading | Words | Equations | Grid | Tree | Curve


@dataclass(frozen=True, repr=False)
class Page:
    """A title, what it is about, and blocks; `ending` is the last word, whatever else is said."""

    title: Sign
    blocks: tuple[Block, ...]
    ending: tuple[Block, ...] = ()
    subject: str = ""

    def __repr__(self) -> str:
        from whygrad.explanation.forms.text import as_text  # which is made of pages

        return as_text(self)

    def _repr_html_(self) -> str:
        from whygrad.explanation.forms.html import as_fragment

        return as_fragment(self)

    @property
    def all_blocks(self) -> tuple[Block, ...]:
        """Everything below the title."""
        return (*self.blocks, *self.ending)

    def with_blocks(self, *blocks: Block) -> Page:
        """The page with more, before its ending."""
        return replace(self, blocks=(*self.blocks, *blocks))

    def about(self, subject: str) -> Page:
        """The page with a line that says what it is about."""
        return replace(self, subject=subject)

    def only_trees(self) -> Page:
        """The page without anything but its trees and its ending."""
        return replace(self, blocks=tuple(block for block in self.blocks if isinstance(block, Tree)))


def chained(*signs: Sign) -> tuple[Sign, ...]:
    """The signs of a line a = b = c; of those that say the same one after another, the last."""
    kept: list[Sign] = []
    for sign in signs:
        if kept and bare(sign.text) == bare(kept[-1].text):
            kept.pop()
        kept.append(sign)
    return tuple(kept)


def bare(text: str) -> str:
    """The text without parentheses around the whole of it."""
    inner = text[1:-1]
    whole = text[:1] == "(" and text[-1:] == ")" and "(" not in inner and ")" not in inner
    return inner if whole else text


def alone(sign: Sign) -> Sign:
    """A number that stands by itself: without the parentheses it needs among others."""
    inner = re.fullmatch(r"\\left\((.*)\\right\)|\((.*)\)", sign.latex)
    if inner is None:
        return sign
    return Sign(bare(sign.text), f"{{{inner[1] or inner[2]}}}")  # braces keep its minus from being a subtraction
