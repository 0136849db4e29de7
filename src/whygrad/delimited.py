"""The records of a delimited text, each with the line on which it begins."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator

from whygrad.errors import TableError

LONGEST_FIELD = 2**31 - 1  # the most that a C long holds everywhere


def records(
    lines: Iterable[str], name: str, delimiter: str, skip_lines: int = 0, first_line: int = 1
) -> Iterator[tuple[int, list[str]]]:
    """Each record of a delimited text that is not blank, with the number of its first line.

    `first_line` is that of the text's first line; `skip_lines` from there are no records. `lines` must come from
    a text opened with `newline=""`. A line of spaces, tabs and empty quotes is blank.
    Raises the csv module's limit on the length of a field, which is 131,072 characters, for the whole process.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_FIELD))
    stream = iter(lines)
    for _ in range(skip_lines):
        next(stream, None)
    if delimiter == " ":  # runs of spaces align columns; those at the end would add an empty field
        stream = (re.sub(r" +(?=[\r\n]*\Z)", "", line) for line in stream)
    reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
    before = skip_lines + first_line - 1
    line = before + 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields) or (len(fields) > 1 and not delimiter.isspace()):
                yield line, fields
            line = before + reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"{name} line {line}: {error}; is a closing quote missing?") from None


def line_number(path: str, record: int, text_encoding: str, delimiter: str, skip_lines: int) -> int | None:
    """The line (from 1) on which a record (numbered from 0) begins; None if the file is no longer what it was."""
    try:
        with open(path, encoding=text_encoding, newline="") as stream:
            for position, (line, _) in enumerate(records(stream, path, delimiter, skip_lines)):
                if position == record:
                    return line
    except (OSError, UnicodeDecodeError, TableError):
        pass
    return None
