"""Sheets and keys in the three forms they can have."""

from __future__ import annotations

from typing import Literal, get_args

from whygrad.errors import one_of
from whygrad.exercises.exercise import Exercise
from whygrad.exercises.page import as_html
from whygrad.exercises.papers import as_latex, as_markdown
from whygrad.exercises.picture import picture
from whygrad.exercises.sheet import sheet_of

Form = Literal["md", "latex", "html"]
FORMS: tuple[Form, ...] = get_args(Form)
SUFFIXES: dict[str, Form] = {".md": "md", ".tex": "latex", ".html": "html", ".htm": "html"}


def sheet_text(exercise: Exercise, form: str = "md", key: bool = False) -> str:
    """The exercise as a sheet, or with `key` as its answer key: Markdown ("md"), "latex" or "html".

    Raises `InputError` for another form.
    """
    sheet = sheet_of(exercise, key)
    if form == "md":
        return as_markdown(sheet)
    if form == "latex":
        return as_latex(sheet)
    if form == "html":
        return as_html(sheet, picture(exercise.signs))
    raise one_of("format", form, FORMS)
