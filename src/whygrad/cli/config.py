"""run.toml: the options of a run in a file. What the command line says wins over what the file says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from whygrad.cli.options import NetworkOptions, ReadingOptions, StopOptions, TableOptions, TrainingOptions
from whygrad.errors import InputError, one_of
from whygrad.files import refuse_existing, refuse_unwritable, write_bytes

GROUPS = (TableOptions, ReadingOptions, NetworkOptions, TrainingOptions, StopOptions)
Group = TypeVar("Group", TableOptions, ReadingOptions, NetworkOptions, TrainingOptions, StopOptions)


def read_config(path: Path) -> dict[str, Any]:
    """The options in a run.toml, dashes made underscores. Raises `InputError` for what is none."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise InputError(f"{path} is not TOML: {problem}") from None
    given: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for key, value in raw.items():
        name = "learning_rate" if key == "lr" else key.replace("-", "_")
        if name in given:
            raise InputError(f"{path}: {keys[name]} and {key} are the same option; say one of them")
        given[name], keys[name] = value, key
    known = ["subject", *(f.name for group in GROUPS for f in fields(group))]
    for key in given:
        if key not in known:
            raise one_of(f"{path}: option", key, known)
    if not isinstance(given.get("subject", ""), str):
        raise InputError(f"{path}: subject is {given['subject']!r}, but must be a string, as in 'houses.csv'")
    return given


def merged(options: Group, given: Mapping[str, Any], path: Path) -> Group:
    """The options with what the file gives wherever the command line said nothing."""
    hints = get_type_hints(type(options))
    found = {}
    for f in fields(options):
        if f.name in given and getattr(options, f.name) is None:
            found[f.name] = _typed(path, f.name, given[f.name], hints[f.name])
    return replace(options, **found)


def _typed(path: Path, name: str, value: Any, kind: Any) -> Any:
    import msgspec

    if kind == str | None:  # lists and numbers may stand for their text: hidden = [64, 32], batch = 32
        if isinstance(value, list):
            return ",".join(f'"{part}"' if "," in str(part) else str(part) for part in value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        wanted = get_args(kind)[0]  # of "int | None"
        if get_origin(wanted) is Literal:
            raise one_of(f"{path}: {name}", value, get_args(wanted)) from None
        raise InputError(f"{path}: {name} is {value!r}, but must be {_WANTED[wanted]}") from None


_WANTED = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}


def write_config(path: Path, subject: str, groups: tuple[Any, ...], force: bool) -> None:
    """Writes subject and options as a run.toml that `read_config` reads back."""
    import tomli_w

    if not force:
        refuse_existing(path)
    refuse_unwritable(path)
    said = {f.name: getattr(group, f.name) for group in groups for f in fields(group)}
    plain = {"subject": subject, **{name: value for name, value in said.items() if value is not None}}
    write_bytes(tomli_w.dumps(plain).encode(), path)
