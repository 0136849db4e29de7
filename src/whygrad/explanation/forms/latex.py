"""A page as LaTeX: a whole document that compiles with amsmath alone."""

from __future__ import annotations

from collections.abc import Iterator

from whygrad.explanation.escaping import escaped
from whygrad.explanation.forms.breaking import flat, named, pieces, printed
from whygrad.explanation.pages import Block, Cell, Curve, Equations, Grid, Heading, Node, Page, Words
from whygrad.explanation.symbols import Sign

__all__ = ["as_latex", "escaped", "printable", "sentence"]

LINE = 72  # printed letters of an equation that stand in one line
LEFT = 12  # of them beside it, left of its first =
WIDE, WIDEST = 84, 110  # of a table: in smaller letters, in very small ones
ROWS = 40  # of a table on one page
_EUROPEAN = "ĂĄĆČĎĚĘĞĹĽŁŃŇŐŔŘŚŠŞŤŢŰŮŸŹŽŻİăąćčďěęğĺľłńňőŕřśšşťţűůźžżıŒœĐđ€£§°±·«»¿¡"  # in every font


def as_latex(page: Page) -> str:
    """The page as a document."""
    body = "\n\n".join(block for block in map(_block, page.all_blocks) if block)
    subject = f"\\noindent {escaped(page.subject)}\n" if page.subject else ""
    return printable(
        "\\documentclass[a4paper,fleqn]{article}\n"
        "\\usepackage[T1]{fontenc}\n"
        "\\usepackage{amsmath}\n"
        "\\usepackage[margin=2cm]{geometry}\n"
        "\\setlength{\\parindent}{0pt}\n"
        "\\setlength{\\parskip}{6pt}\n"
        "\\renewcommand{\\arraystretch}{1.15}\n"
        "\\sloppy\n"
        "\\allowdisplaybreaks\n"
        "\\begin{document}\n"
        f"{subject}\\section*{{{sentence(page.title.text)}}}\n\n{body}\n\n"
        "\\end{document}\n"
    )


def printable(text: str) -> str:
    """Letters that pdfLaTeX has in no font are named by their number there; other LaTeXs print them."""
    return "".join(
        c
        if c.isascii() or "À" <= c <= "ÿ" or c in _EUROPEAN
        else rf"\ifdefined\Umathchar {c}\else [U+{ord(c):04X}]\fi{{}}"
        for c in text
    )


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"\\subsection*{{{sentence(block.text)}}}"
    if isinstance(block, Words):
        said = escaped(block.text) if block.plain else sentence(block.text)
        return f"\\textbf{{{said}}}" if block.loud else said
    if isinstance(block, Equations):
        left = max((printed(line[0].latex) for line in block.lines if len(line) > 1), default=0)
        room = LINE - max(0, left - LEFT)
        lines = [_equation(line, room) for line in block.lines]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"
    if isinstance(block, Grid):
        return _grid(block)
    if isinstance(block, Curve):
        return ""  # its numbers stand beside it
    return _grid(_tree(block.root))


def sentence(text: str) -> str:
    """A sentence with the names in it set as mathematics."""
    return "".join(f"${part}$" if maths else escaped(part) for part, maths in named(text))


def _equation(line: tuple[Sign, ...], room: int) -> str:
    """a = b = c in one line where it fits, else a line for each side, and more for a long one."""
    first, sides = line[0].latex, [sign.latex for sign in line[1:]]
    if not sides:
        return " \\\\\n".join(f"&{part}" for part in _filled(first, LINE))
    whole = " ".join(f"= {side}" for side in sides)
    if printed(whole) <= room:
        return f"{first} &{whole}"
    rows = [
        (f"{'= ' if k == 0 else chr(92) + 'qquad '}{part}")
        for side in sides
        for k, part in enumerate(_filled(side, room))
    ]
    return f"{first} &" + " \\\\\n&".join(rows)


def _filled(latex: str, room: int) -> list[str]:
    """The formula's pieces put together into lines of so many printed letters."""
    lines: list[str] = []
    for piece in pieces(latex):
        if lines and printed(lines[-1] + piece) <= room:
            lines[-1] += piece
        else:
            lines.append(piece if not lines else f"{{}} {piece}")
    return lines


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return sentence(cell)
    return f"${flat(cell.latex)}$" if cell.latex else ""


def _grid(block: Grid) -> str:
    """The table; a wide one in smaller letters, its words in lines, a long one in parts."""
    widths = [
        max(len(c) if isinstance(c, str) else printed(flat(c.latex)) for c in column)
        for column in zip(block.head, *block.rows, strict=True)
    ]
    total = sum(widths) + 3 * len(widths)
    words = sum(widths[k] for k in block.left)
    room = max(30, WIDEST - (total - words))  # letters for all columns of words
    shape = "".join(
        _column(k in block.left, widths[k], total, room * widths[k] / max(words, 1)) for k in range(len(widths))
    )
    size = "" if total <= WIDE else "\\small" if total <= WIDEST else "\\footnotesize"
    head = " & ".join(_cell(cell) for cell in block.head) + r" \\ \hline"
    parts = [block.rows[at : at + ROWS] for at in range(0, len(block.rows), ROWS)]
    tables = []
    for part in parts:
        rows = [" & ".join(_cell(cell) for cell in row) + r" \\" for row in part]
        tables.append("\n".join([f"\\begin{{tabular}}{{{shape}}}", head, *rows, "\\end{tabular}"]))
    return "{" + size + "\n" + "\n\n".join(tables) + "\n\n}"


def _column(left: bool, width: int, total: int, share: float) -> str:
    if not left:
        return "r"
    return "l" if total <= WIDEST or width < 20 else f"p{{{share / WIDEST:.2f}\\linewidth}}"


def _tree(root: Node) -> Grid:
    """The tree as a table: what depends on what, further in; the derivatives in a column beside it."""
    return Grid(("quantity", "the loss's derivative by it"), tuple(_lines(root, 0)), (0, 1))


def _lines(node: Node, depth: int) -> Iterator[tuple[Cell, ...]]:
    label, slope = (" = ".join(sign.latex for sign in line) for line in (node.label, node.slope))
    text = " = ".join(sign.text for sign in node.label)
    yield Sign(text, rf"\hspace{{{1.5 * depth:g}em}}{label}"), Sign("", slope)
    for child in node.children:
        yield from _lines(child, depth + 1)
