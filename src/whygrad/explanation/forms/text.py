"""A page as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from whygrad.explanation.pages import Block, Cell, Equations, Grid, Heading, Node, Page, Tree, Words
from whygrad.explanation.symbols import Sign
from whygrad.printing import columns

WIDTH = 110


def as_text(page: Page) -> str:
    """The page, its blocks apart by empty lines."""
    parts = [
        page.title,
        *("\n".join(line for lines in paragraphs(block) for line in lines) for block in page.blocks),
    ]
    return "\n\n".join(part for part in parts if part)


def paragraphs(block: Block) -> list[list[str]]:
    """A block's lines, those of each equation together."""
    if isinstance(block, Heading):
        return [[block.text, "-" * len(block.text)]]
    if isinstance(block, Words):
        said = f"*** {block.text} ***" if block.loud else block.text
        return [textwrap.wrap(said, WIDTH, break_long_words=False)]
    if isinstance(block, Equations):
        width = max(len(line[0].text) for line in block.lines)
        return [_equation(line, width) for line in block.lines]
    if isinstance(block, Grid):
        cells = [[_plain(cell) for cell in row] for row in (block.head, *block.rows)]
        return [[f"  {line}" for line in columns(cells, left=block.left)]]
    assert isinstance(block, Tree)
    return [_tree_lines(block.root)]


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _equation(line: tuple[Sign, ...], width: int) -> list[str]:
    rest = "".join(f" = {sign.text}" for sign in line[1:])
    return textwrap.wrap(
        f"  {line[0].text:<{width}}{rest}",
        WIDTH,
        subsequent_indent=" " * (width + 5),
        break_long_words=False,
        break_on_hyphens=False,
    )


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
