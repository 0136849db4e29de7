"""Pages of a workbook: where XlsxWriter is met, and how cells look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whygrad.errors import InputError

LOOKS = {
    "title": {"bold": True, "font_size": 14},
    "hint": {"font_color": "#555555"},
    "how": {"font_color": "#555555", "indent": 1},
    "status": {"bold": True, "font_color": "#2E5C8A"},
    "header": {"bold": True, "bottom": 1},
    "header of numbers": {"bold": True, "bottom": 1, "align": "right"},
    "header of checks": {"bold": True, "bottom": 1, "align": "center"},
    "stage": {"bold": True, "bg_color": "#DDE6F0"},
    "sign": {"bold": True, "align": "left"},
    "live": {},
    "put in": {"bg_color": "#FFF2B3", "border": 1, "border_color": "#C9B458"},
    "own": {"font_color": "#777777"},
    "check": {"align": "center", "font_color": "#777777"},
}
SIGNALS = {  # what a check may say, and how that looks
    "agrees": {"font_color": "#2E7D32"},
    "moved": {"font_color": "#C77700", "bold": True},
    "changed": {"font_color": "#C77700", "bold": True},
    "DIFFERS": {"font_color": "#FFFFFF", "bg_color": "#C62828", "bold": True},
}


@dataclass(frozen=True, eq=False)
class Page:
    """One sheet. Lines and columns count from 0."""

    sheet: Any
    looks: Mapping[str, Any]

    def put(self, line: int, column: int, value: str | float, look: str) -> None:
        """A text or a number."""
        self.sheet.write(line, column, value, self.looks[look])

    def formula(self, line: int, column: int, formula: str, value: str | float, look: str = "live") -> None:
        """A formula, and the value it has now, for viewers that compute nothing."""
        self.sheet.write_formula(line, column, f"={formula}", self.looks[look], value)

    def check(self, line: int, live: int, own: int, column: int) -> None:
        """Whether a live number agrees with whygrad's, or else moved since a cell was changed."""
        a, b = f"{letters(live)}{line + 1}", f"{letters(own)}{line + 1}"
        close = f"ABS({a}-{b})<=1E-12*MAX(1,ABS({b}))"
        says = f'IFERROR(IF({close},"agrees",IF(cells_changed>0,"moved","DIFFERS")),"no number")'
        self.formula(line, column, says, "agrees", "check")

    def finish(self, head: int, checks: int) -> None:
        """The head and the first column stay in sight; checks get their colours; it prints one page wide."""
        for word in SIGNALS:
            rule = {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": self.looks[word]}
            self.sheet.conditional_format(0, 0, 10_000, checks, rule)
        self.sheet.freeze_panes(head, 1)
        self.sheet.repeat_rows(head - 1)
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)


def open_book(stream: Any, title: str) -> Any:
    """A new workbook that will be written to the stream; `InputError` where XlsxWriter is missing."""
    try:
        import xlsxwriter
    except ImportError:
        raise InputError("a spreadsheet needs XlsxWriter: pip install 'whygrad[xlsx]'") from None
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}  # a text stays a text
    book = xlsxwriter.Workbook(stream, plain)
    book.set_properties({"title": title, "comments": "made by whygrad"})
    return book


def add_page(book: Any, name: str) -> Page:
    """A new sheet at the end of the workbook."""
    looks = {look: book.add_format(how) for look, how in (LOOKS | SIGNALS).items()}
    return Page(book.add_worksheet(name), looks)


def letters(column: int) -> str:
    """A column's letters: A, B ... Z, AA."""
    before, last = divmod(column, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)
