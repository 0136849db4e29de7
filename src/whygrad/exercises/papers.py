"""A sheet as Markdown and as LaTeX."""

from __future__ import annotations

from whygrad.exercises.sheet import Item, Sheet, pieces
from whygrad.explanation.forms import breaking
from whygrad.explanation.forms.latex import escaped, printable, sentence
from whygrad.printing import counted

BLANK = "________"


def as_markdown(sheet: Sheet) -> str:
    """The sheet as Markdown, mathematics between dollars."""
    lines = [f"# {sheet.title}", "", f"{sheet.about}, {counted(sheet.points, 'point')}.", ""]
    if sheet.student or not sheet.key:
        lines += [f"Name: {sheet.student or 3 * BLANK}", ""]
    lines += ["## The network", ""]
    lines += [f"- {sentence}" for sentence in sheet.network]
    lines += ["", "## Given", ""]
    lines += [f"- {label}: {', '.join(f'${sign.latex}$' for sign in signs)}" for label, signs in sheet.given]
    lines += ["", " ".join(f"{line}." for line in sheet.names), ""]
    if not sheet.key:
        lines += ["## How to answer", "", sheet.answering, ""]
    for part in sheet.parts:
        lines += [f"## {part.title}", "", *([part.note, ""] if part.note else [])]
        lines += [*(_markdown_item(item) for item in part.items), ""]
    return "\n".join(lines)


def _markdown_item(item: Item) -> str:
    mark = f"{item.number}." if item.number else "-"
    if item.working:
        equation = " = ".join(sign.latex for sign in (item.sign, *item.working))
        return f"{mark} ${equation}$" + (f" ({counted(item.points, 'point')})" if item.points else "")
    return f"{mark} ${item.sign.latex} =$ {BLANK} ({counted(item.points, 'point')})"


_HEAD = r"""\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage{amsmath}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\addtolength{\topmargin}{-2cm} \addtolength{\textheight}{4cm}
\addtolength{\oddsidemargin}{-1.5cm} \addtolength{\textwidth}{3cm}
\newcommand{\given}[2]{\makebox[8em][l]{#1}\parbox[t]{\dimexpr\linewidth-8em}{\raggedright #2}\par}
\newcommand{\asked}[3]{\makebox[2em][r]{#1}\quad #2 \dotfill\ \makebox[2.5em][r]{#3}\par}
\newcommand{\worked}[3]{\makebox[2em][r]{#1}\quad \parbox[t]{0.85\linewidth}{\raggedright #2}\hfill
  \makebox[2.5em][r]{#3}\par}
\pagestyle{plain}
\sloppy
\begin{document}
"""


def as_latex(sheet: Sheet) -> str:
    """The sheet as a whole LaTeX document that needs amsmath alone."""
    about = f"{sheet.about}, {counted(sheet.points, 'point')}."
    name = escaped(sheet.student) if sheet.student else r"\rule{6cm}{0.4pt}"
    whose = f"\\hfill Name: {name}" if sheet.student or not sheet.key else ""
    lines = [f"\\section*{{{escaped(sheet.title)}}}", f"{escaped(about)} {whose}\n"]
    lines += ["\\subsection*{The network}", *(f"{_latex(sentence)}\n" for sentence in sheet.network)]
    lines.append("\\subsection*{Given}")
    for label, signs in sheet.given:
        equations = r"\quad ".join(rf"\mbox{{${sign.latex}$}}" for sign in signs)
        lines.append(rf"\given{{{label}}}{{{equations}}}")
    lines.append(" ".join(f"{sentence(line)}." for line in sheet.names) + "\n")
    if not sheet.key:
        lines += ["\\subsection*{How to answer}", _typed(sheet.answering)]
    for part in sheet.parts:
        lines += [f"\\subsection*{{{escaped(part.title)}}}", *([escaped(part.note) + "\n"] if part.note else [])]
        lines += [_latex_item(item) for item in part.items]
    return printable(_HEAD + "\n".join(lines) + "\n\\end{document}\n")


def _latex_item(item: Item) -> str:
    number, points = f"{item.number}." if item.number else "", f"({item.points})" if item.points else ""
    if not item.working:
        return rf"\asked{{{number}}}{{$\displaystyle {item.sign.latex} =$}}{{{points}}}"
    equation = " ".join([f"${item.sign.latex}$", *(_breakable(f"{{}} = {sign.latex}") for sign in item.working)])
    return rf"\worked{{{number}}}{{{equation}}}{{{points}}}"


def _latex(text: str) -> str:
    """A sentence whose words are escaped and whose mathematics is left as it is."""
    return "".join(_breakable(part) if math else escaped(part) for part, math in pieces(text))


def _breakable(latex: str) -> str:
    """A formula; a long one in pieces, between which a line may end."""
    long = breaking.printed(latex) > breaking.LONG
    return " ".join(
        f"${'{} ' if k else ''}{piece}$" for k, piece in enumerate(breaking.pieces(latex) if long else [latex])
    )


def _typed(text: str) -> str:
    """A sentence in which what stands between backticks is typed."""
    parts = enumerate(text.split("`"))
    return "".join(rf"\texttt{{{escaped(part)}}}" if k % 2 else escaped(part) for k, part in parts)
