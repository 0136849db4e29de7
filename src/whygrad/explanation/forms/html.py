"""A page as HTML: one self-contained file, its equations in MathML, no script and no network."""

from __future__ import annotations

import re
from html import escape

from whygrad.explanation.pages import Block, Cell, Equations, Grid, Heading, Node, Page, Tree, Words
from whygrad.explanation.symbols import Sign

STYLE = """
.whygrad { font: 16px/1.5 system-ui, sans-serif; color: #1c2330; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; } .whygrad .equations math, .whygrad .slope math { math-style: normal; }
.whygrad h1 { font-size: 1.5rem; } .whygrad h2 { font-size: 1.15rem; margin-top: 2rem; color: #2f5fa7; }
.whygrad math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", math; font-size: 1.05em; }
.whygrad .equations { border-spacing: .3rem .35rem; overflow-x: auto; display: block; }
.whygrad .equations td:first-child { text-align: right; white-space: nowrap; }
.whygrad .grid { border-collapse: collapse; display: block; overflow-x: auto; }
.whygrad .grid th, .whygrad .grid td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #dde3ec;
  font-variant-numeric: tabular-nums; } .whygrad .grid .left { text-align: left; }
.whygrad ul { list-style: none; border-left: 1px solid #c5cfdd; margin: 0; padding-left: 1.2rem; }

.whygrad li { margin: .25rem 0; } .whygrad li > .slope { color: #a3541c; margin-left: 1.5rem; }
.whygrad .loud { color: #b00020; font-weight: bold; }
@media (prefers-color-scheme: dark) { .whygrad { color: #dfe5ee; } .whygrad h2 { color: #8fb4ef; }
  body:has(> .whygrad) { background: #14181f; } .whygrad li > .slope { color: #eba572; }
  .whygrad .grid th, .whygrad .grid td { border-color: #333d4b; } }
"""


def as_html(page: Page) -> str:
    """The page as a document."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)}</title>\n</head>\n<body>\n{as_fragment(page)}\n</body>\n</html>\n"
    )


def as_fragment(page: Page) -> str:
    """The page as a part of another page, as a notebook shows it."""
    blocks = "\n".join(_block(block) for block in page.blocks)
    return f'<style>{STYLE}</style>\n<div class="whygrad">\n<h1>{escape(page.title)}</h1>\n{blocks}\n</div>'


def mathml(latex: str) -> str:
    """A formula as MathML."""
    from latex2mathml.converter import convert

    return str(convert(_spaced(latex)))


def _spaced(latex: str) -> str:
    """Thin spaces around the names of functions, which browsers otherwise set like letters."""
    after = re.sub(r"\\(log|cosh|tanh)(?![a-z])(?! *\()", r"\\\1\\,", latex)
    return re.sub(r"(?<=[\w)}])\\(log|cosh|tanh)(?![a-z])", r"\\,\\\1", after)


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h2>{escape(block.text)}</h2>"
    if isinstance(block, Words):
        return f"<p{' class=' + chr(34) + 'loud' + chr(34) if block.loud else ''}>{escape(block.text)}</p>"
    if isinstance(block, Equations):
        rows = "\n".join(_equation(line) for line in block.lines)
        return f'<table class="equations">\n{rows}\n</table>'
    if isinstance(block, Grid):
        return _grid(block)
    assert isinstance(block, Tree)
    return f"<ul>\n{_node(block.root)}\n</ul>"


def _equation(line: tuple[Sign, ...]) -> str:
    rest = "".join(f" = {sign.latex}" for sign in line[1:])
    return f"<tr><td>{mathml(line[0].latex)}</td><td>{mathml(rest) if rest else ''}</td></tr>"


def _grid(block: Grid) -> str:
    def row(cells: tuple[Cell, ...], tag: str) -> str:
        marks = [' class="left"' if k in block.left else "" for k in range(len(cells))]
        inner = "".join(f"<{tag}{mark}>{_cell(c)}</{tag}>" for c, mark in zip(cells, marks, strict=True))
        return f"<tr>{inner}</tr>"

    rows = [row(block.head, "th"), *(row(cells, "td") for cells in block.rows)]
    return '<table class="grid">\n' + "\n".join(rows) + "\n</table>"


def _cell(cell: Cell) -> str:
    return escape(cell) if isinstance(cell, str) else mathml(cell.latex)


def _node(node: Node) -> str:
    label = mathml(" = ".join(s.latex for s in node.label))
    slope = f'<span class="slope">{mathml(" = ".join(s.latex for s in node.slope))}</span>' if node.slope else ""
    inner = "\n".join(_node(child) for child in node.children)
    return f"<li>{label}{slope}" + (f"<ul>\n{inner}\n</ul>" if inner else "") + "</li>"
