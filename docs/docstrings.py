"""Docstrings on their way into the pages: ours are plain text with `code`, Sphinx reads reStructuredText."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import Any


def _plain(text: str) -> str:
    """One line of text with its marks escaped and `code` as literals."""
    parts = re.split(r"`([^`]+)`", text)  # odd parts are code
    return "".join(f"``{p}``" if k % 2 else re.sub(r"([*|_])", r"\\\1", p) for k, p in enumerate(parts))


def translated(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText; blocks that are indented, or hold `<-`, stay as they are."""
    made: list[str] = []
    block = False
    for line in lines:
        rule = "<-" in line
        listed = bool(made) and bool(re.match(r"(- |  )", made[-1]))
        code = rule or (line.startswith("    ") and not listed) or (block and line.startswith("  "))
        if code and not block:
            made += ["", "::", ""]
        if block and line and not code:
            made.append("")
        if line.startswith("- ") and made and made[-1] and not listed:
            made.append("")
        block = code or (block and not line)
        made.append(("    " + line if rule else line) if code else _plain(line))
    return made


def _docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = translated(lines)


def _signature(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """A value object is shown with the fields it prints, not with the functions it carries."""
    if what == "class" and is_dataclass(thing) and not all(f.repr for f in fields(thing)):
        return f"({', '.join(f.name for f in fields(thing) if f.repr)})", None
    return None


def setup(app: Any) -> dict[str, bool]:
    """Listens to autodoc."""
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
