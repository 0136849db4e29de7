"""A small spreadsheet program for tests: it reads an .xlsx file and evaluates its formulas by itself.

It knows what these workbooks use: numbers, texts, names, ranges, operators with a spreadsheet's precedence (a
minus sign before a number binds tighter than ^), and a few functions. An overflow is an error, as it is there.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from scipy.special import ndtr

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"]|"")*")|(?P<ref>(?:'[^']+'!)?\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?)(?![\w(])"""
    r"""|(?P<number>\d+\.?\d*(?:E[-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|<>|[-+*/^&=<>(),]))"""
)
Lazy = Callable[[], Any]


class CellError(ArithmeticError):
    """What a spreadsheet shows as #NUM! or #DIV/0!."""


def number(value: Any) -> Any:
    """The value, refused where a spreadsheet would have no number."""
    if not np.isfinite(value).all():
        raise CellError(value)
    return value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "EXP": lambda x: number(np.exp(x)),
    "LN": lambda x: number(np.log(x)),
    "TANH": np.tanh,
    "ABS": np.abs,
    "SIGN": np.sign,
    "SQRT": np.sqrt,
    "PI": lambda: np.pi,
    "NORMSDIST": ndtr,
    "MAX": lambda *x: max(float(np.max(v)) for v in x),
    "MIN": lambda *x: min(float(np.min(v)) for v in x),
    "SUMPRODUCT": lambda x: float(np.sum(x)),
    "AVERAGE": lambda x: float(np.mean(x)),
    "COUNTIF": lambda values, what: sum(1 for v in np.ravel(values) if v == what),
}
LEVELS = (("=", "<>", "<", ">", "<=", ">="), ("&",), ("+", "-"), ("*", "/"), ("^",))
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "&": lambda a, b: f"{shown(a)}{shown(b)}",
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: number(np.divide(a, b)),
    "^": lambda a, b: a**b,
}


def shown(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


class Workbook:
    """The cells of a file: (sheet, "B5") -> formula with "=", text or number. `put` changes one."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as file:
            book = ElementTree.fromstring(file.read("xl/workbook.xml"))
            texts = ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
            strings = ["".join(t.text or "" for t in item.iter(f"{MAIN}t")) for item in texts]
            self.sheets = [sheet.attrib["name"] for sheet in book.iter(f"{MAIN}sheet")]
            names = {found.attrib["name"]: found.text or "" for found in book.iter(f"{MAIN}definedName")}
            self.names = {name: place for name, place in names.items() if not name.startswith("_xlnm.")}
            self.cells: dict[tuple[str, str], Any] = {}
            self.cached: dict[tuple[str, str], str] = {}
            for at, sheet in enumerate(self.sheets, start=1):
                page = ElementTree.fromstring(file.read(f"xl/worksheets/sheet{at}.xml"))
                for cell in page.iter(f"{MAIN}c"):
                    self._read(sheet, cell, strings)
        self.known: dict[tuple[str, str], Any] = {}

    def _read(self, sheet: str, cell: ElementTree.Element, strings: list[str]) -> None:
        at = (sheet, cell.attrib["r"])
        formula, value = cell.find(f"{MAIN}f"), cell.find(f"{MAIN}v")
        if formula is not None:
            self.cells[at] = f"={formula.text}"
            self.cached[at] = (value.text or "") if value is not None else ""
        elif value is not None:
            text = value.text or ""
            self.cells[at] = strings[int(text)] if cell.attrib.get("t") == "s" else float(text)

    def put(self, name: str, value: float) -> None:
        """Writes a number into the cell of that name."""
        self.cells[self._places(self.names[name], "")[0]] = value
        self.known.clear()

    def kept(self, name: str) -> str:
        """The value that the file holds beside the cell's formula."""
        return self.cached[self._places(self.names[name], "")[0]]

    def __getitem__(self, name: str) -> Any:
        """The value of the cell, or cells, of that name."""
        return self._look(self.names[name], "")

    def at(self, sheet: str, cell: str) -> Any:
        """The value of a cell."""
        place = (sheet, cell)
        if place not in self.known:
            found = self.cells.get(place, 0.0)
            is_formula = isinstance(found, str) and found.startswith("=")
            with np.errstate(all="ignore"):
                self.known[place] = self._evaluate(found[1:], sheet) if is_formula else found
        return self.known[place]

    def _places(self, reference: str, sheet: str) -> list[tuple[str, str]]:
        if "!" in reference:
            sheet, reference = reference.rsplit("!", 1)
            sheet = sheet.strip("'")
        ends = reference.replace("$", "").split(":")
        if len(ends) == 1:
            return [(sheet, ends[0])]
        (left, top), (right, bottom) = (re.fullmatch(r"([A-Z]+)(\d+)", end).groups() for end in ends)  # type: ignore
        columns = [column_letters(n) for n in range(column_number(left), column_number(right) + 1)]
        return [(sheet, f"{c}{line}") for line in range(int(top), int(bottom) + 1) for c in columns]

    def _look(self, reference: str, sheet: str) -> Any:
        found = [self.at(*place) for place in self._places(reference, sheet)]
        return np.array(found) if ":" in reference else found[0]

    def _evaluate(self, formula: str, sheet: str) -> Any:
        tokens, at = [], 0
        while at < len(formula):
            found = TOKEN.match(formula, at)
            assert found, f"not understood: {formula[at:]}"
            tokens.append((str(found.lastgroup), found[found.lastgroup or 0]))
            at = found.end()
        value = self._parse([*tokens, ("end", "")], sheet, 0)
        return value()

    def _parse(self, tokens: list[tuple[str, str]], sheet: str, level: int) -> Lazy:
        if level == len(LEVELS):
            return self._operand(tokens, sheet)
        left = self._parse(tokens, sheet, level + 1)
        while tokens[0][0] == "sign" and tokens[0][1] in LEVELS[level]:
            sign = tokens.pop(0)[1]
            right = self._parse(tokens, sheet, level + 1)
            left = self._joined(sign, left, right)
        return left

    @staticmethod
    def _joined(sign: str, left: Lazy, right: Lazy) -> Lazy:
        return lambda: OPERATORS[sign](left(), right())

    def _operand(self, tokens: list[tuple[str, str]], sheet: str) -> Lazy:
        kind, text = tokens.pop(0)
        if text == "-":
            inner = self._operand(tokens, sheet)
            return lambda: -inner()
        if text == "(":
            inner = self._parse(tokens, sheet, 0)
            assert tokens.pop(0)[1] == ")"
            return inner
        if kind == "number":
            return lambda: float(text)
        if kind == "text":
            return lambda: text[1:-1].replace('""', '"')
        if kind == "ref":
            return lambda: self._look(text, sheet)
        assert kind == "name", text
        if tokens[0][1] != "(":
            return lambda: self[text]
        return self._call(text, tokens, sheet)

    def _call(self, function: str, tokens: list[tuple[str, str]], sheet: str) -> Lazy:
        arguments: list[Lazy] = []
        tokens.pop(0)
        while tokens[0][1] != ")":
            arguments.append(self._parse(tokens, sheet, 0))
            if tokens[0][1] == ",":
                tokens.pop(0)
        tokens.pop(0)
        if function == "IF":  # only the branch that is taken
            return lambda: arguments[1]() if arguments[0]() else arguments[2]()
        if function == "IFERROR":
            return lambda: or_else(*arguments)
        return lambda: FUNCTIONS[function](*(argument() for argument in arguments))


def or_else(value: Lazy, instead: Lazy) -> Any:
    try:
        return value()
    except CellError:
        return instead()


def column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def column_letters(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
