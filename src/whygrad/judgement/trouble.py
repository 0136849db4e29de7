"""What goes wrong in somebody's code, as one line that names the line of their file."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any

# what code does when it is handed arrays in another layout than its own; anything else is the code's own fault
LAYOUT_ERRORS = (ValueError, IndexError, TypeError, KeyError, AttributeError, AssertionError, RuntimeError)
_INSIDE = (TypeError, KeyError, IndexError, AttributeError)
LONGEST = 200  # characters of an exception's own words


class Trouble(Exception):
    """Somebody's code failed, or returned what cannot be read; its text is one line.

    Of the troubles that several layouts end in, the one with the largest `weight` (and then `line`) is told: 2
    for the code's own fault, 1 for a wrong shape, 0 for what a wrong layout may have caused, -1 for what follows
    from another trouble; 3 ends the search for layouts. `inside` says whether the code may have looked for
    something in a structure of another kind than its own.
    """

    def __init__(self, words: str, weight: int = 1, line: int = 0, inside: bool = False) -> None:
        self.words, self.weight, self.line, self.inside = words, weight, line, inside
        super().__init__(words)


UNREAD = "cannot be read: "


def unread(words: str) -> str:
    """The words as those of something that cannot be read, and is not wrong for it."""
    return UNREAD + words.removeprefix(UNREAD)


class Unread(Trouble):
    """The code may be right, but whygrad does not see how it is meant; that is no mistake of its author."""

    def __init__(self, words: str) -> None:
        super().__init__(unread(words), 3)


class Untold(Trouble):
    """What the code returned holds arrays, but not all can be told: one is missing, or has its own name."""


class Finding(Trouble):
    """The shapes are right, but not the numbers: nan or infinite. It does not speak against a layout."""


def call(function: Callable[..., Any], name: str, given: Mapping[str, Any], before: Callable[[str], None]) -> Any:
    """What the function returns; raises `Trouble` for everything it raises, sys.exit too.

    `before(name)` is called first, so that a hang or a crash of the process can be laid at the right door.
    """
    before(name)
    try:
        return function(**given)
    except BaseException as error:
        raise told(error, code_file(function), name) from None


def code_file(function: Callable[..., Any]) -> str:
    """The file a function was written in; "" where it has none."""
    inner = getattr(function, "py_func", getattr(function, "__func__", function))  # compiled, or a method
    code = getattr(inner, "__code__", None)
    return "" if code is None else str(code.co_filename)


def told(error: BaseException, file: str, name: str = "") -> Trouble:
    """The trouble that tells of an exception: "line 12: ZeroDivisionError: division by zero (in backward)"."""
    where = f" (in {name})" if name else ""
    if isinstance(error, SyntaxError) and error.filename == file:
        return Trouble(f"line {error.lineno}: {type(error).__name__}: {error.msg}", 2, error.lineno or 0)
    place, line = _place(error, file)
    if isinstance(error, NotImplementedError) and name:
        return Trouble(f"{name} is not written yet", 2, line)
    if isinstance(error, SystemExit):
        code = "" if error.code is None else repr(error.code)
        return Trouble(f"{place}sys.exit({code}) was called{where}", 2, line)
    if isinstance(error, ModuleNotFoundError):
        return Trouble(f"{place}{error.name} is imported, but not installed{where}", 2, line)
    if isinstance(error, MemoryError):
        return Trouble(f"{place}it ran out of memory{where}", 2, line)
    said = str(error).strip().partition("\n")[0][:LONGEST]
    words = f"{place}{type(error).__name__}{': ' if said else ''}{said}{where}"
    by_layout = isinstance(error, LAYOUT_ERRORS) and not isinstance(error, RecursionError)
    return Trouble(words, 0 if by_layout else 2, line, isinstance(error, _INSIDE))


def _place(error: BaseException, file: str) -> tuple[str, int]:
    """("line 12: ", 12) of the deepest frame in the file, or in another file of its folder."""
    folder = os.path.dirname(file)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == file:
            return f"line {frame.lineno}: ", frame.lineno or 0
        if folder and os.path.dirname(frame.filename) == folder:
            return f"{os.path.basename(frame.filename)} line {frame.lineno}: ", frame.lineno or 0
    return "", 0
