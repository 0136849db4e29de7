"""Formulas that look at a whole row, written out as loops over its numbers.

A formula of a row, as softmax's, takes arrays and makes new ones. Here it is called once with what only writes
down each operation; what comes out becomes text: one loop up to each sum or maximum over the row, and one for the
result. No array is made but a line of scratch for each value that a later loop needs again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_REDUCED = {
    "rowsum": ("xp.c(0.0)", "{0} + {1}"),
    "rowmax": ("xp.c(-np.inf)", "larger({0}, {1})"),
}  # where a sum or maximum begins, and what becomes of it with one more number


@dataclass(frozen=True, eq=False)
class Value:
    """What an operation gives: the text of it, with {0} for its first operand and so on.

    `wide`: a row, of which the text is the number at place j; else one number. `reduced`: whether it is a sum or
    maximum of its operand, "rowsum" or "rowmax".
    """

    text: str
    operands: tuple[Value, ...] = ()
    wide: bool = False
    reduced: str = ""

    def __add__(self, other: Value) -> Value:
        return _made("({0} + {1})", self, other)

    def __sub__(self, other: Value) -> Value:
        return _made("({0} - {1})", self, other)

    def __mul__(self, other: Value) -> Value:
        return _made("({0} * {1})", self, other)

    def __truediv__(self, other: Value) -> Value:
        return _made("({0} / {1})", self, other)

    def __neg__(self) -> Value:
        return _made("(-{0})", self)


class _Names:
    """The namespace of formulas that writes down what is asked of it."""

    def c(self, constant: float) -> Value:
        return Value(f"xp.c({constant!r})")

    def __getattr__(self, name: str) -> Callable[..., Value]:
        if name in _REDUCED:
            return lambda x: Value("", (x,), reduced=name)
        return lambda *given: _made(f"xp.{name}({', '.join(f'{{{k}}}' for k in range(len(given)))})", *given)


_NAMES = _Names()


def _made(text: str, *operands: Value) -> Value:
    return Value(text, operands, any(one.wide for one in operands))


def row(text: str) -> Value:
    """A row that is given: the text of its number at place j."""
    return Value(text, wide=True)


def number(text: str) -> Value:
    """A number that is given."""
    return Value(text)


def traced(formula: Callable[..., Any], *given: Value) -> Value:
    """What a formula gives of those values."""
    result: Value = formula(_NAMES, *given)
    return result


def row_sum(of: Value) -> Value:
    """The sum of a row."""
    return Value("", (of,), reduced="rowsum")


# line k of scratch -> the text that reads it at place j, and that which writes {0} there
Scratch = Callable[[int], tuple[str, str]]


def loops(result: Value, n: str, name: str, written: str, scratch: Scratch) -> list[str]:
    """The lines that work out a result; text `n` is the row's length.

    A row is written in a loop over j by `written`, where {0} is its number; a number becomes the variable `name`.
    """
    return _Loops(result, n, name, written, scratch).write()


class _Loops:
    """The lines so far, and what is known by then."""

    def __init__(self, result: Value, n: str, name: str, written: str, scratch: Scratch) -> None:
        self.result, self.n, self.name, self.written, self.scratch = result, n, name, written, scratch
        self.lines: list[str] = []
        self.known: dict[Value, str] = {}  # numbers worked out, and rows that lie in scratch: their text
        self.again, self.names = _met_again(result), 0

    def write(self) -> list[str]:
        if self.result.wide:
            self._loop(self.result)
        else:
            self.lines.append(f"{self.name} = {self._number(self.result)}")
        return self.lines

    def _named(self) -> str:
        self.names += 1
        return f"{self.name}_{self.names}"

    def _number(self, value: Value) -> str:
        """The text of a number; what it needs is written before."""
        if value in self.known:
            return self.known[value]
        if value.reduced:
            self._loop(value)
        elif not value.operands:
            self.known[value] = value.text
        else:
            text, name = value.text.format(*map(self._number, value.operands)), self._named()
            self.lines.append(f"{name} = {text}")
            self.known[value] = name
        return self.known[value]

    def _loop(self, target: Value) -> None:
        """A sum or maximum, or the row that is the result."""
        (row,) = target.operands if target.reduced else (target,)
        for number in _numbers(row):
            self._number(number)
        name = self._named()
        if target.reduced:
            start, more = _REDUCED[target.reduced]
            self.lines.append(f"{name} = {start}")
        self.lines.append(f"for j in range({self.n}):")
        here: dict[Value, str] = {}
        text = self._at(row, here)
        self.lines.append(f"    {name} = {more.format(name, text)}" if target.reduced else
                          f"    {self.written.format(text)}")  # fmt: skip
        self.known[target] = name

    def _at(self, value: Value, here: dict[Value, str]) -> str:
        """The text of a row's number at place j, or of a number, inside the loop that is being written."""
        if value in here or value in self.known:
            return here.get(value) or self.known[value]
        if not value.operands:
            return value.text
        text = value.text.format(*(self._at(one, here) for one in value.operands))
        here[value] = self._named()
        self.lines.append(f"    {here[value]} = {text}")
        if value in self.again:
            read, write = self.scratch(self.again.index(value))
            self.lines.append(f"    {write.format(here[value])}")
            self.known[value] = read
        return here[value]


def _numbers(value: Value) -> Iterator[Value]:
    """The numbers that a row is made with."""
    for one in value.operands:
        if one.wide:
            yield from _numbers(one)
        else:
            yield one


def scratch_lines(result: Value) -> int:
    """Lines of scratch that `loops` needs."""
    return len(_met_again(result))


def _met_again(result: Value) -> list[Value]:
    """Rows, not given ones, that are worked out in one loop and needed in another."""
    begun: set[Value] = set()
    first: dict[Value, Value] = {}  # a row -> the loop that first needs it
    again: list[Value] = []

    def visit(value: Value, loop: Value) -> None:
        if value.reduced:
            if value not in begun:
                begun.add(value)
                visit(value.operands[0], value)
            return
        if value.wide and value.operands and value in first:
            if first[value] is not loop and value not in again:
                again.append(value)
            return
        first[value] = loop
        for one in value.operands:
            visit(one, loop)

    visit(result, result)
    return again
