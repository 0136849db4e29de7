"""A page: what is said about something, in blocks, before anybody chooses how it looks.

Pages hold words, equations, tables and trees; `forms` turns one into text, LaTeX or HTML.
"""

from __future__ import annotations

from dataclasses import dataclass

from whygrad.explanation.symbols import Sign

Cell = str | Sign


@dataclass(frozen=True)
class Heading:
    """A title of a section."""

    text: str


@dataclass(frozen=True)
class Words:
    """A paragraph; `loud` is said so that nobody overlooks it."""

    text: str
    loud: bool = False


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


Block = Heading | Words | Equations | Grid | Tree


@dataclass(frozen=True)
class Page:
    """A title and blocks."""

    title: str
    blocks: tuple[Block, ...]

    def with_blocks(self, *blocks: Block) -> Page:
        """The page with more at its end."""
        return Page(self.title, (*self.blocks, *blocks))


def chained(*signs: Sign) -> tuple[Sign, ...]:
    """The signs of a line a = b = c without those that repeat the one before."""
    kept: list[Sign] = []
    for sign in signs:
        if not kept or bare(sign.text) != bare(kept[-1].text):
            kept.append(sign)
    return tuple(kept)


def bare(text: str) -> str:
    """The text without parentheses around the whole of it."""
    inner = text[1:-1]
    whole = text[:1] == "(" and text[-1:] == ")" and "(" not in inner and ")" not in inner
    return inner if whole else text


def alone(sign: Sign) -> Sign:
    """A number that stands by itself: without the parentheses it needs among others."""
    latex = sign.latex
    if latex.startswith("(") and latex.endswith(")"):
        latex = f"{{{latex[1:-1]}}}"  # braces keep its minus from looking like a subtraction
    return Sign(bare(sign.text), latex)
