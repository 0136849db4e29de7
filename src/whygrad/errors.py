"""Every error whygrad raises on purpose.

    WhygradError
    ├── InputError (ValueError)         a value, option, table or file that cannot be used; exit code 2
    │   ├── TableError                  in a table: names file, line and column
    │   └── ModelFileError              a model file that is damaged, foreign or newer
    ├── WrongTypeError (TypeError)      an argument of the wrong type; exit code 2
    └── OutputError (OSError)           a file that could not be written, as on a full disk; exit code 1

Each message is one line that names the place, the value found and what would be right.
A run that diverges is not an error: it is a `Run` whose `stopped` says where.
"""

from __future__ import annotations


class WhygradError(Exception):
    """The root: catching it catches everything whygrad raises on purpose."""


class InputError(WhygradError, ValueError):
    """A value that cannot be used; the message says which, where, and what would be right."""


class TableError(InputError):
    """A table that cannot be used; the message names the file, the line and the column."""


class ModelFileError(InputError):
    """A model file that is damaged, not whygrad's, or written by a newer whygrad."""


class WrongTypeError(WhygradError, TypeError):
    """An argument of the wrong type; the message says which type would be right."""


class OutputError(WhygradError, OSError):
    """A file that could not be written; what was there before is untouched."""


def one_of(what: str, value: object, allowed: tuple[str, ...] | list[str]) -> InputError:
    """The error for a name that is not in a list, with the closest name suggested."""
    from difflib import get_close_matches

    close = get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return InputError(f"{what}: {value!r} is not known; it can be {', '.join(allowed)}{hint}")
