"""Letters that LaTeX reads as commands, so that a column may have any name."""

from __future__ import annotations

_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{c: rf"\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def escaped(text: str) -> str:
    """Text for LaTeX, in which every character that it reads as a command stands for itself."""
    return "".join(_SPECIAL.get(c, c) for c in text)


def unescaped(latex: str) -> str:
    """The text that was escaped."""
    for c, command in _SPECIAL.items():
        latex = latex.replace(command, "\x00" if c == "\\" else c)
    return latex.replace("\x00", "\\")
