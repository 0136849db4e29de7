"""A page as HTML: one self-contained file, its equations in MathML, no script and no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from whygrad.explanation.escaping import unescaped
from whygrad.explanation.forms.breaking import flat, named, pieces
from whygrad.explanation.forms.drawing import drawn
from whygrad.explanation.forms.style import STYLE
from whygrad.explanation.pages import Block, Cell, Curve, Equations, Grid, Heading, Node, Page, Words
from whygrad.explanation.symbols import Sign

_LETTERS = 0xE000  # private letters stand for texts while a formula is converted
_TEXT = re.compile(r"\\text(tt)?\{((?:\\(?:[a-z]+\{\}|.)|[^{}\\])*)\}")


def as_html(page: Page) -> str:
    """The page as a document."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title.text)}</title>\n</head>\n<body>\n{as_fragment(page)}\n</body>\n</html>\n"
    )


def as_fragment(page: Page) -> str:
    """The page as a part of another page, as a notebook shows it."""
    subject = f'<p class="subject">{_arrows(page.subject)}</p>\n' if page.subject else ""
    return _framed(f"{subject}<h1>{_title(page.title)}</h1>\n{_blocks(page.all_blocks)}")


def blocks_as_html(blocks: Sequence[Block]) -> str:
    """Blocks as a part of another page."""
    return _framed(_blocks(blocks))


def mathml(latex: str) -> str:
    """A formula as MathML."""
    from latex2mathml.converter import convert

    texts: list[tuple[bool, str]] = []

    def keep(found: re.Match[str]) -> str:
        texts.append((found[1] is not None, unescaped(found[2])))
        return rf"\text{{{chr(_LETTERS + len(texts) - 1)}}}"

    made = str(convert(_signed(_spaced(_TEXT.sub(keep, latex)))))
    for k, (typed, text) in enumerate(texts):
        letter, shown = chr(_LETTERS + k), escape(text, quote=False).replace(" ", "\N{NO-BREAK SPACE}")
        kind = 'class="code"' if typed else 'mathvariant="normal"'
        made = made.replace(f"<mtext>{letter}</mtext>", f"<mi {kind}>{shown}</mi>")
    return made


def _spaced(latex: str) -> str:
    """Thin spaces around the names of functions, which browsers otherwise set like letters."""
    after = re.sub(r"\\(log|cosh|tanh)(?![a-z])(?! *\()", r"\\\1\\,", latex)
    return re.sub(r"(?<=[\w)}])\\(log|cosh|tanh)(?![a-z])", r"\\,\\\1", after)


def _signed(latex: str) -> str:
    """A minus that is a sign in braces with its number or name, so that no space parts them."""
    return re.sub(r"(^|[(=,])( *)-(\d[\d.]*|\{[^{}]*\})", r"\1\2{-\3}", latex)


def _framed(inner: str) -> str:
    return f'<style>{STYLE}</style>\n<div class="whygrad">\n{inner}\n</div>'


def _title(title: Sign) -> str:
    return "".join(mathml(part) if maths else escape(part) for part, maths in named(title.text))


def _arrows(text: str) -> str:
    return escape(text.replace("->", "\N{RIGHTWARDS ARROW}"))


def _blocks(blocks: Sequence[Block]) -> str:
    return "\n".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h2>{_sentence(block.text)}</h2>"
    if isinstance(block, Words):
        said = escape(block.text) if block.plain else _sentence(block.text)
        return f'<p class="loud">{said}</p>' if block.loud else f"<p>{said}</p>"
    if isinstance(block, Equations):
        rows = "\n".join(_equation(line) for line in block.lines)
        return f'<table class="equations">\n{rows}\n</table>'
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Curve):
        return drawn(block)
    return f'<ul class="tree">\n{_node(block.root)}\n</ul>'


def _sentence(text: str) -> str:
    return "".join(mathml(part) if maths else escape(part) for part, maths in named(text))


def _equation(line: tuple[Sign, ...]) -> str:
    if len(line) == 1:
        return f'<tr><td colspan="2" class="whole">{_broken(line[0].latex)}</td></tr>'
    rest = " ".join(_broken(sign.latex, "= ") for sign in line[1:])
    return f"<tr><td>{mathml(line[0].latex)}</td><td>{rest}</td></tr>"


def _broken(latex: str, before: str = "") -> str:
    """The formula in several elements, between which a line may end."""
    first, *others = pieces(latex)
    first = f"{before}{{{first}}}" if before and first.count("{") == first.count("}") else before + first
    return "<wbr>".join([mathml(first), *(mathml(f"{{}} {other}") for other in others)])


def _grid(block: Grid) -> str:
    def row(cells: tuple[Cell, ...], tag: str) -> str:
        marks = [' class="left"' if k in block.left else "" for k in range(len(cells))]
        inner = "".join(f"<{tag}{mark}>{_cell(c)}</{tag}>" for c, mark in zip(cells, marks, strict=True))
        return f"<tr>{inner}</tr>"

    rows = [row(block.head, "th"), *(row(cells, "td") for cells in block.rows)]
    return '<div class="wide"><table class="grid">\n' + "\n".join(rows) + "\n</table></div>"


def _cell(cell: Cell) -> str:
    return _sentence(cell) if isinstance(cell, str) else _broken(flat(cell.latex))


def _node(node: Node) -> str:
    label = mathml(" = ".join(sign.latex for sign in node.label))
    slope = mathml(" = ".join(flat(sign.latex) for sign in node.slope)) if node.slope else ""
    inner = "\n".join(_node(child) for child in node.children)
    return f'<li>{label}<span class="slope">{slope}</span>' + (f"<ul>\n{inner}\n</ul>" if inner else "") + "</li>"
