"""A page as text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise, zip_longest

import numpy as np

from whygrad.explanation.pages import Block, Cell, Curve, Equations, Grid, Heading, Node, Page, Words
from whygrad.explanation.symbols import Sign
from whygrad.printing import columns, sparkline

WIDTH = 110  # letters of a line, where nobody says another
DEEP = 24  # letters: under a longer left side, an equation goes on no further to the right
DEEPEST = 20  # parentheses
SHALLOW = 4  # letters: where a part would else be too long
_SIDE = re.compile(r"(?= = )")
_OPERATOR = re.compile(r" (?:[-=+*]|->) ")
_QUOTIENT = re.compile(r"/\(")
_FACTOR = re.compile(r"(?<=\S)\*")
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
    return [_tree_lines(block.root, width)]


def _equation(line: tuple[Sign, ...], left: int, width: int) -> list[str]:
    """Its lines; a long one goes on before an equals sign, or within a side before an operator or an arrow."""
    first = line[0].text if len(line) == 1 else f"{line[0].text:<{left}}"
    whole = "".join([f"  {first}", *(f" = {sign.text}" for sign in line[1:])])
    lines = _broken(whole, min(left + 3, DEEP) if len(line) > 1 else SHALLOW, width)
    return lines if max(map(len, lines)) <= width else _broken(whole, SHALLOW, width)


def _broken(whole: str, indent: int, width: int) -> list[str]:
    """The equation's lines, each as full as it can be."""
    lines = [""]
    for part in (part for side in _SIDE.split(whole) for part in _parts(side, width - indent)):
        if lines != [""] and len(lines[-1] + part) > width:
            lines.append(" " * indent + part.lstrip())
        else:
            lines[-1] += part
    return [line.rstrip() for line in lines]


def _parts(text: str, room: int, level: int = 0) -> Iterator[str]:
    """The text whole if there is room, else cut: before operators and quotients, further in, before any factor."""
    if len(text) <= room or level > 2 * DEEPEST:
        yield text
        return
    deep, kind = divmod(level, 2)
    places = _FACTOR if level == 2 * DEEPEST else _QUOTIENT if kind else _OPERATOR
    inside = list(accumulate((c == "(") - (c == ")") for c in text))  # parentheses open after each letter
    cuts = [at for match in places.finditer(text) if (at := match.start()) and inside[at - 1] <= deep]
    for start, end in pairwise([0, *cuts, len(text)]):
        yield from _parts(text[start:end], room, level + 1)


def _grid(block: Grid, width: int) -> list[str]:
    """The table's lines; where it is too wide, cells go on below each other, or columns in a table below."""
    cells = [[_plain(cell) for cell in row] for row in (block.head, *block.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    floors = [_floor(column, k in block.left) for k, column in enumerate(zip(*cells, strict=True))]
    if len(widths) > 2 and _needed(floors) > width:
        half = (len(widths) + 2) // 2
        parts = _columns(block, [*range(half)]), _columns(block, [0, *range(half, len(widths))])
        return [*_grid(parts[0], width), "", *_grid(parts[1], width)]
    while _needed(widths) > width:
        widest = max(
            (k for k in range(len(widths)) if widths[k] > floors[k]), key=lambda k: widths[k], default=None
        )
        if widest is None:
            break
        widths[widest] -= 1
    head, *rows = [[_folded(cell, wide) for cell, wide in zip(row, widths, strict=True)] for row in cells]
    high = max(map(len, head))
    lines = [
        list(line)
        for row in ([[""] * (high - len(lines)) + lines for lines in head], *rows)  # heads stand on their columns
        for line in zip_longest(*row, fillvalue="")
    ]
    return [f"  {line}".rstrip() for line in columns(lines, left=block.left)]


def _needed(widths: Sequence[int]) -> int:
    """How wide a table of such columns is, with the two spaces before each."""
    return sum(widths) + 2 * len(widths)


def _floor(column: Sequence[str], wordy: bool) -> int:
    """How narrow a column can be: its numbers stay whole, its words and its head may be folded."""
    head, *body = column
    widest = max(map(len, body), default=0)
    if wordy:
        widest = min(widest, max(NARROW, _longest(body)))
    return max(widest, _longest([head]))


def _longest(cells: Sequence[str]) -> int:
    return max((len(word) for cell in cells for word in cell.split()), default=0)


def _columns(block: Grid, kept: list[int]) -> Grid:
    """The table with those columns only."""
    head, *rows = [tuple(row[k] for k in kept) for row in (block.head, *block.rows)]
    return Grid(head, tuple(rows), tuple(at for at, k in enumerate(kept) if k in block.left))


def _folded(cell: str, width: int) -> list[str]:
    return textwrap.wrap(cell, width, break_long_words=False, break_on_hyphens=False) or [""]


def _plain(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _tree_lines(root: Node, width: int) -> list[str]:
    """A line a node, its derivative beside it; where that is too wide, below it."""
    found = list(_walk(root, "  ", "  "))
    wide = max(len(label) for label, _, _ in found)
    lines = [f"{label:<{wide}}   {slope}".rstrip() for label, slope, _ in found]
    if max(map(len, lines)) <= width:
        return lines
    return [line for label, slope, indent in found for line in (label, *([indent + slope] if slope else []))]


def _walk(node: Node, branch: str, indent: str) -> Iterator[tuple[str, str, str]]:
    """Each node's line, the derivative beside it, and what stands before a line below it."""
    yield branch + " = ".join(s.text for s in node.label), " = ".join(s.text for s in node.slope), indent
    for k, child in enumerate(node.children):
        last = k == len(node.children) - 1
        yield from _walk(child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
