"""A page as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from whygrad.explanation.pages import Block, Cell, Curve, Equations, Grid, Heading, Node, Page, Words
from whygrad.explanation.symbols import Sign
from whygrad.printing import columns, sparkline

WIDTH = 110  # letters of a line, where nobody says another
DEEP = 24  # letters: under a longer left side, an equation goes on no further to the right
_GLUE = "\N{NO-BREAK SPACE}"
NARROW = 20  # letters a column of words keeps, when a table is too wide


def as_text(page: Page, width: int = WIDTH) -> str:
    """The page, its blocks apart by empty lines."""
    head = "\n".join(textwrap.fill(part, width) for part in (page.subject, page.title.text) if part)
    return f"{head}\n\n{blocks_as_text(page.all_blocks, width)}"


def blocks_as_text(blocks: Sequence[Block], width: int = WIDTH) -> str:
    """Blocks, apart by empty lines."""
    parts = ["\n".join(line for lines in paragraphs(block, width) for line in lines) for block in blocks]
    return "\n\n".join(part for part in parts if part)


def paragraphs(block: Block, width: int = WIDTH) -> list[list[str]]:
    """A block's lines, those of each equation together."""
    if isinstance(block, Heading):
        return [[block.text, "-" * len(block.text)]]
    if isinstance(block, Words):
        said = f"*** {block.text} ***" if block.loud else block.text
        return [textwrap.wrap(said, width, break_long_words=False, break_on_hyphens=False)]
    if isinstance(block, Equations):
        left = max(len(line[0].text) for line in block.lines)
        return [_equation(line, left, width) for line in block.lines]
    if isinstance(block, Grid):
        return [_grid(block, width)]
    if isinstance(block, Curve):
        return [[f"  {name:<8}{sparkline(np.array(values))}" for name, values in block.lines[:1]]]
    return [_tree_lines(block.root)]


def _equation(line: tuple[Sign, ...], left: int, width: int) -> list[str]:
    """Its lines; a long one goes on before an operator or an arrow."""
    first = line[0].text if len(line) == 1 else f"{line[0].text:<{left}}"
    whole = "".join([f"  {first}", *(f" = {sign.text}" for sign in line[1:])])
    kept = re.sub(r" (?!(?:[-=+*]|->) )", _GLUE, whole)
    wrapped = textwrap.wrap(
        kept,
        width,
        subsequent_indent=" " * (min(left + 3, DEEP) if len(line) > 1 else 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace(_GLUE, " ") for part in wrapped]


def _grid(block: Grid, width: int) -> list[str]:
    """The table's lines; where it is too wide, its words go on below each other."""
    cells = [[_plain(cell) for cell in row] for row in (block.head, *block.rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    while sum(widths) + 2 * len(widths) > width:
        widest = max(block.left, key=lambda k: widths[k], default=None)
        if widest is None or widths[widest] <= NARROW:
            break
        widths[widest] -= 1
    folded = [
        [
            textwrap.wrap(cell, wide, break_long_words=False, break_on_hyphens=False) or [""]
            for cell, wide in zip(row, widths, strict=True)
        ]
        for row in cells
    ]
    lines = [list(line) for row in folded for line in zip_longest(*row, fillvalue="")]
    return [f"  {line}" for line in columns(lines, left=block.left)]


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _tree_lines(root: Node) -> list[str]:
    found = list(_walk(root, "", ""))
    width = max(len(label) for label, _ in found)
    return [f"  {label:<{width}}   {slope}".rstrip() for label, slope in found]


def _walk(node: Node, branch: str, indent: str) -> Iterator[tuple[str, str]]:
    """Each node's line and the derivative beside it."""
    yield branch + " = ".join(s.text for s in node.label), " = ".join(s.text for s in node.slope)
    for k, child in enumerate(node.children):
        last = k == len(node.children) - 1
        yield from _walk(child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
