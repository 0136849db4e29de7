"""A page as LaTeX: a whole document that compiles with amsmath alone."""

from __future__ import annotations

import re

from whygrad.explanation.pages import Block, Cell, Equations, Grid, Heading, Node, Page, Tree, Words

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def as_latex(page: Page) -> str:
    """The page as a document."""
    body = "\n\n".join(_block(block) for block in page.blocks)
    return (
        "\\documentclass[a4paper]{article}\n"
        "\\usepackage[T1]{fontenc}\n"
        "\\usepackage{amsmath}\n"
        "\\usepackage[margin=2cm]{geometry}\n"
        "\\allowdisplaybreaks\n"
        "\\begin{document}\n"
        f"\\section*{{{escaped(page.title)}}}\n\n{body}\n\n"
        "\\end{document}\n"
    )


def escaped(text: str) -> str:
    """Text in which every character that LaTeX reads as a command stands for itself."""
    return "".join(_SPECIAL.get(c, c) for c in text)


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"\\subsection*{{{escaped(block.text)}}}"
    if isinstance(block, Words):
        return f"\\textbf{{{escaped(block.text)}}}" if block.loud else escaped(block.text)
    if isinstance(block, Equations):
        lines = [
            sign.latex
            if k == 0
            else f"{'&' if k == 1 else ''}= {sign.latex}" + (r" \\" if k == len(line) - 1 else "")
            for line in block.lines
            for k, sign in enumerate(line)
        ]
        return "\\begin{align*}\n" + re.sub(r" \\\\$", "", "\n".join(lines)) + "\n\\end{align*}"
    if isinstance(block, Grid):
        return _grid(block)
    assert isinstance(block, Tree)
    return "\n".join(["\\begin{itemize}", *_nodes(block.root), "\\end{itemize}"])


def _cell(cell: Cell) -> str:
    return escaped(cell) if isinstance(cell, str) else f"${cell.latex}$"


def _grid(block: Grid) -> str:
    shape = "".join("l" if k in block.left else "r" for k in range(len(block.head)))
    head = " & ".join(_cell(cell) for cell in block.head) + r" \\ \hline"
    rows = [" & ".join(_cell(cell) for cell in row) + r" \\" for row in block.rows]
    return "\n".join([f"\\noindent\\begin{{tabular}}{{{shape}}}", head, *rows, "\\end{tabular}"])


def _nodes(node: Node) -> list[str]:
    label = " = ".join(s.latex for s in node.label)
    slope = f", $\\quad {' = '.join(s.latex for s in node.slope)}$" if node.slope else ""
    lines = [f"\\item ${label}${slope}"]
    if node.children:
        inner = [line for child in node.children for line in _nodes(child)]
        lines += ["\\begin{itemize}", *inner, "\\end{itemize}"]
    return lines
