"""How a page looks: text for a terminal, LaTeX for paper, HTML for a browser."""

from __future__ import annotations

from collections.abc import Callable

from whygrad.explanation.forms.html import as_html
from whygrad.explanation.forms.latex import as_latex
from whygrad.explanation.forms.text import as_text
from whygrad.explanation.pages import Page

FORMS: dict[str, Callable[[Page], str]] = {"text": as_text, "latex": as_latex, "html": as_html}
SUFFIXES = {".txt": "text", ".tex": "latex", ".html": "html", ".htm": "html", ".json": "json", ".xlsx": "xlsx"}
