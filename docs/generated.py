"""Pages that are written from the code's own objects at every build, so that they cannot drift from it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from typing import Any

import whygrad
from whygrad.activations import ACTIVATIONS
from whygrad.cli import options
from whygrad.losses import LOSSES
from whygrad.schedules import SCHEDULES
from whygrad.training import Training
from whygrad.updates import UPDATES

Line = list[str]


def _table(head: Line, rows: list[Line]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def _math(latex: str) -> str:
    """The formula between dollars; what holds only `if` becomes one line a case."""
    cases = re.fullmatch(r"(.+?) \\text\{ if \} (.+?), (.+) \\text\{ else\}", latex)
    if cases:
        value, condition, other = cases.groups()
        latex = rf"\begin{{cases}} {value} & {condition} \\ {other} & \text{{else}} \end{{cases}}"
    return f"${latex}$"


def _number(k: float) -> str:
    return f"{k:g}"


def _named(name: str, constant: str, k: float) -> str:
    return f"`{name}`" + (f"<br>{constant} $k$ = {_number(k)}" if constant else "")


def activations() -> str:
    """A table of the activations."""
    rows = []
    for a in ACTIVATIONS.values():
        derivative = "Jacobian " if not a.elementwise else ""
        rows.append(
            [
                _named(a.name, a.constant, a.k),
                _math(a.texts.value),
                derivative + _math(a.texts.derivative),
                a.texts.source,
            ]
        )
    return _table(["name", "$a = g(z)$", "$g'(z)$", "source, convention"], rows)


_TARGETS = {
    "any": "any number",
    "probability": "0 to 1",
    "distribution": "one-hot, or probabilities that sum to 1",
    "sign": "−1 and 1, or 0 and 1",
    "count": "0 or more",
}


def losses() -> str:
    """A table of the losses, and a list of where they come from."""
    sources = "".join(f"- `{loss.name}`: {loss.texts.source}\n" for loss in LOSSES.values())
    rows = [
        [
            _named(loss.name, loss.constant, loss.k),
            _math(loss.texts.value),
            _math(loss.texts.derivative),
            _TARGETS[loss.targets],
        ]
        for loss in LOSSES.values()
    ]
    return _table(["name", "of one output", "by $a$", "targets"], rows) + "\n" + sources


def shortcuts() -> str:
    """A table of the fused pairs of output activation and loss."""
    rows = [
        [f"`{s.activation}`", f"`{loss.name}`", _math(s.texts.value), _math(s.texts.derivative), s.texts.source]
        for loss in LOSSES.values()
        if (s := loss.shortcut)
    ]
    return _table(["output", "loss", "computed as", "by $z$", "the same as"], rows)


def _described(name: str, kind: type[Any]) -> str:
    """A heading, the docstring with its rule set apart, and the defaults."""
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    told = [f"```text\n{p}\n```" if "<-" in p else p for p in paragraphs]
    defaults = ", ".join(f"`{f.name}` {_number(f.default)}" for f in fields(kind) if f.default is not MISSING)
    return f"### {name}\n\n" + "\n\n".join([*told, *([f"Defaults: {defaults}."] if defaults else [])]) + "\n\n"


def updates() -> str:
    """A section for each update rule."""
    return "".join(_described(f"`{name}`", kind) for name, kind in UPDATES.items())


def schedules() -> str:
    """A section for each schedule."""
    rows = []
    for name, kind in SCHEDULES.items():
        told = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
        defaults = ",".join(_number(f.default) for f in fields(kind) if f.default is not MISSING)
        rows.append([f"`{name}:{defaults}`" if defaults else f"`{name}`", told])
    return _table(["written as, with defaults", "what it does"], rows)


def _fields_of(source: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each group of options with its fields and the text under each."""
    for group in ast.parse(source).body:
        if isinstance(group, ast.ClassDef):
            pairs = zip(group.body, group.body[1:], strict=False)
            yield (
                group.name,
                [
                    (field.target.id, str(text.value.value))
                    for field, text in pairs
                    if isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                ],
            )


def settings(group: str) -> str:
    """A table of one group of options: the option, the Python setting, its default, what it means."""
    known = {f.name for f in fields(Training)}
    plain = Training("mse").to_plain()
    rows = []
    for name, text in dict(_fields_of(inspect.getsource(options)))[group]:
        python = {"init": "start"}.get(name, name)
        default = plain.get(python, "none") if python in known and python not in ("loss", "optimizer") else ""
        shown = f"`{default}`" if default not in ("", "none", [], 0.0) or python == "seed" else str(default or "")
        rows.append([f"`--{name.replace('_', '-')}`", f"`{python}`" if python in known else "", shown, text])
    if group != "TrainingOptions":
        return _table(["option", "meaning"], [[row[0], row[3]] for row in rows])
    return _table(["option", "field of `Training`", "default", "meaning"], rows)


def api() -> str:
    """Every public name under its module."""
    parts = []
    for module, names in whygrad._HOME.items():
        home = import_module(f"whygrad.{module}")
        first = (home.__doc__ or "").strip().partition("\n")[0]
        parts.append(f"## {module}\n\n{first}\n\n```{{eval-rst}}")
        parts += [_entry(name, getattr(home, name)) for name in names]
        parts.append("```\n")
    return "\n".join(parts)


def measured(docs: Path) -> str:
    """A table of contents of the pages that measurements write, where they were made."""
    pages = [name for name in ("benchmarks", "proofs") if (docs / f"{name}.md").exists()]
    return (
        "\n".join(["```{toctree}", ":maxdepth: 1", ":caption: Measured", "", *pages, "```", ""]) if pages else ""
    )


def _entry(name: str, thing: Any) -> str:
    if isinstance(thing, dict):
        held = ", ".join(f"``{key}``" for key in thing)
        return f".. py:data:: whygrad.{name}\n\n   A dictionary by name: {held}.\n"
    if inspect.isclass(thing):
        return f".. autoclass:: whygrad.{name}\n   :members:\n   :member-order: bysource\n"
    return f".. autofunction:: whygrad.{name}\n"


def write(folder: Path) -> None:
    """Writes all of them into `folder`."""
    made = {
        "activations": activations(),
        "losses": losses(),
        "shortcuts": shortcuts(),
        "updates": updates(),
        "schedules": schedules(),
        "table_options": settings("TableOptions"),
        "reading_options": settings("ReadingOptions"),
        "network_options": settings("NetworkOptions"),
        "training_options": settings("TrainingOptions"),
        "stop_options": settings("StopOptions"),
        "api": api(),
        "measured": measured(folder.parent),
    }
    folder.mkdir(exist_ok=True)
    for name, text in made.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
