"""A roster: the students that get a sheet each."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from whygrad.delimited import records
from whygrad.dialect import decode
from whygrad.errors import InputError

_ID = re.compile(r"\w(?:[\w .@+-]{0,98}\w)?")


@dataclass(frozen=True)
class Student:
    """Somebody who gets a sheet; the id names files."""

    id: str
    name: str = ""


def same(text: str) -> str:
    """What two ids have in common that would be one file on some disk."""
    return unicodedata.normalize("NFC", text).casefold()


def read_roster(path: str | Path) -> tuple[Student, ...]:
    """The students in a CSV file with a column id and, if wanted, a column name.

    Without a first line that names an id, the first column has the ids and the second the names. Rows without
    anything in them are passed over. Raises `InputError` for an id that is empty, twice there, or could not be a
    file's name, and for a first line that names a name and no id.
    """
    path = Path(path)
    rows = [(line, fields) for line, fields in _rows(path) if any(field.strip() for field in fields)]
    head = [same(field.strip()) for field in rows[0][1]] if rows else []
    id_at, name_at = 0, 1
    if "name" in head and "id" not in head:
        raise InputError(f"{path} line {rows[0][0]}: no column is called id; call one so: {', '.join(head)}")
    if "id" in head:
        id_at, name_at = head.index("id"), head.index("name") if "name" in head else len(head)
    students: dict[str, tuple[int, Student]] = {}
    for line, fields in rows[1:] if "id" in head else rows:
        cells = dict(enumerate(field.strip() for field in fields))
        student = Student(cells.get(id_at, ""), cells.get(name_at, ""))
        if not _ID.fullmatch(student.id):
            raise InputError(
                f"{path} line {line}: the id is {student.id!r}, but must be letters and digits, as it names files"
            )
        if same(student.id) in students:
            before = students[same(student.id)][0]
            raise InputError(f"{path} line {line}: the id {student.id!r} stands in line {before} already")
        students[same(student.id)] = line, student
    if not students:
        raise InputError(f"{path} has no students; write one id a line")
    return tuple(student for _, student in students.values())


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The lines of the file with their numbers."""
    try:
        utf8, _ = decode(path.read_bytes(), str(path), None, option=False)
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None
    lines = utf8.decode().splitlines(keepends=True)
    delimiter = next((mark for mark in "\t;" if lines and mark in lines[0]), ",")
    return list(records(lines, str(path), delimiter))
