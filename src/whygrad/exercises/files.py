"""Exercises on disk: sheets, keys, answers tables, and the TOML file from which they are marked.

The TOML file holds the settings and every student's own numbers, so marking draws nothing anew.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from whygrad.errors import InputError
from whygrad.exercises.exercise import Exercise, exercise_from_plain
from whygrad.exercises.forms import SUFFIXES, sheet_text
from whygrad.files import refuse_existing, refuse_unwritable, write_bytes

NAME = "exercise.toml"
ENDINGS = {"md": ".md", "latex": ".tex", "html": ".html"}


def form_of(path: Path, form: str | None) -> str:
    """The form said, else that of the path's ending; raises `InputError` where neither tells."""
    found = form or SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: say --format md, latex or html, or end the name in .md, .tex or .html")
    return found


def write_sheet(
    exercise: Exercise, out: Path, key: Path | None, form: str | None, force: bool = False
) -> list[Path]:
    """Writes one sheet to `out`, beside it an answers table (.csv) and what marking reads (.toml), and the key.

    Returns the paths. Raises `InputError` for files that are there already, unless `force`.
    """
    if out.suffix.lower() in (".csv", ".toml"):
        raise InputError(
            f"--out {out}: a table of answers (.csv) and a .toml are written beside it; end it in .md"
        )
    files = {
        out: sheet_text(exercise, form_of(out, form)),
        out.with_suffix(".csv"): answers_table(exercise),
        out.with_suffix(".toml"): exercise_file([exercise]),
    }
    if key is not None:
        if key.resolve() in [path.resolve() for path in files]:
            raise InputError(f"--key {key} would overwrite the sheet's own files; choose another name")
        files[key] = sheet_text(exercise, form_of(key, form), key=True)
    return _write(files, force)


def write_roster(
    exercises: Sequence[Exercise], out: Path, key: Path | None, form: str, force: bool = False
) -> list[Path]:
    """Writes each student's sheet and answers table into the folder `out`, with exercise.toml; keys into `key`."""
    if key is not None and key.resolve() == out.resolve():
        raise InputError(f"--key {key} is the folder of the sheets; students would find the answers beside them")
    files = {out / NAME: exercise_file(exercises)}
    for exercise in exercises:
        files[out / f"{exercise.student}{ENDINGS[form]}"] = sheet_text(exercise, form)
        files[out / f"{exercise.student}.csv"] = answers_table(exercise)
        if key is not None:
            files[key / f"{exercise.student}{ENDINGS[form]}"] = sheet_text(exercise, form, key=True)
    return _write(files, force, folders=[out] if key is None else [out, key])


def _make_folders(folders: Sequence[Path]) -> None:
    """Makes the folders that are missing, all or none; raises `InputError` where one cannot be."""
    made: list[Path] = []
    for folder in folders:
        try:
            if not folder.is_dir():
                folder.mkdir()
                made.append(folder)
        except OSError as problem:
            for empty in made:
                empty.rmdir()
            raise InputError(f"{folder} cannot be made a folder: {problem.strerror}") from None


def _write(files: Mapping[Path, str], force: bool, folders: Sequence[Path] = ()) -> list[Path]:
    """Writes all files, or none where one is in the way; the folders are made where they are missing."""
    for path in files:
        if path.parent.is_dir() or path.parent not in folders:
            if not force:
                refuse_existing(path)
            refuse_unwritable(path)
    _make_folders(folders)
    for path, text in files.items():
        write_bytes(text.encode(), path)
    return list(files)


def write_texts(texts: Mapping[str, str], folder: Path, force: bool = False) -> list[Path]:
    """Writes texts by their file names into a folder."""
    return _write({folder / name: text for name, text in texts.items()}, force, [folder])


def answers_table(exercise: Exercise) -> str:
    """The table quantity,answer to be filled in, as CSV."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["quantity", "answer"])
    table.writerows([quantity.name, ""] for quantity in exercise.asked)
    return stream.getvalue()


def exercise_file(exercises: Sequence[Exercise]) -> str:
    """Exercises of the same settings as TOML, which `read_exercises` reads back."""
    import tomli_w

    plain = {**exercises[0].settings(), "sheets": [exercise.numbers() for exercise in exercises]}
    return "# whygrad exercise mark reads this file\n" + str(tomli_w.dumps(plain))


def read_exercises(path: Path) -> tuple[Exercise, ...]:
    """The exercises in a file that `exercise_file` wrote, one a student, or one for all.

    Raises `InputError` for a file that is none.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path} is no exercise file: {problem}") from None
    sheets = plain.get("sheets")
    if not isinstance(sheets, list) or not sheets or not all(isinstance(sheet, dict) for sheet in sheets):
        raise InputError(f"{path} is no exercise file: it has no sheets; `whygrad exercise make` writes one")
    found = []
    for number, sheet in enumerate(sheets, start=1):
        try:
            found.append(exercise_from_plain(plain, sheet))
        except InputError as problem:
            raise InputError(f"{path}, sheet {number}: {problem}") from None
    return tuple(found)
