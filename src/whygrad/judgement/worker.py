"""The process that somebody's code runs in: it loads the file, asks it, and reports line by line.

The report is a file of JSON lines, written as things happen, so that what was done before a crash or a hang is
not lost. It holds data only; nothing that the code wrote is ever unpickled or run by whoever reads it.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whygrad.judgement.adapter import answers
from whygrad.judgement.forms import Parts, find_parts, given_parts
from whygrad.judgement.messages import LOADING, plain_answers, probe_from_plain
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.printed import Caught
from whygrad.judgement.trouble import Trouble, Unread, told, unread

NAME = "submission"  # of the module that the file becomes
Report = Callable[..., None]


def main(question: str, report_to: str) -> None:
    """Answers the question in one file with the report in another."""
    asked = json.loads(Path(question).read_text(encoding="utf-8"))
    with _reporting(report_to, asked["limits"]) as report:
        probes = [probe_from_plain(probe) for probe in asked["probes"]]
        ask_file(asked["path"], probes, report)
        report(done=True)


def answer_from_python(source: Any, probes: Sequence[Probe], limits: Mapping[str, float], report_to: str) -> None:
    """The same for functions of this very process, or of one forked from it."""
    with _reporting(report_to, limits) as report:
        try:
            _answer(_parts_of(source), probes, report)
        except Trouble as trouble:
            report(problem=trouble.words)
        report(done=True)


@contextlib.contextmanager
def _reporting(report_to: str, limits: Mapping[str, float]) -> Iterator[Report]:
    """The function that writes one line of the report; meanwhile all that is printed is caught and reported."""
    with open(report_to, "ab", buffering=0) as file:

        def report(**said: Any) -> None:
            file.write(json.dumps(said).encode() + b"\n")

        caught = Caught(int(limits["printed"]), lambda text: report(printed=text))
        with contextlib.redirect_stdout(caught), contextlib.redirect_stderr(Caught(0)):
            try:
                yield report
            except Exception as error:  # whygrad's own, as theirs are caught where they arise
                report(problem=unread(f"whygrad stumbled over it: {type(error).__name__}: {error}"), done=True)
        caught.flush()
        if caught.flooded:
            report(problem=f"it prints without end: {caught.length:,} characters, of which the first were kept")


def _parts_of(source: Any) -> Parts:
    if isinstance(source, types.ModuleType):
        return find_parts(vars(source), getattr(source, "__file__", None) or "")
    return given_parts(source)


def ask_file(path: str, probes: Sequence[Probe], report: Report) -> None:
    """Loads the file as a module, then asks its parts; a file without any is run as a script."""
    sys.path.insert(0, os.path.dirname(path))
    sys.argv = [path]
    code = _compiled(path, report)
    if code is None:
        return
    report(doing=LOADING)
    names, failed = _run(path, code, NAME)
    parts = find_parts(names, path)
    if not parts.form and _has_main(path) and failed is None:
        names, failed = _run(path, code, "__main__")
    if failed is not None:
        report(problem=failed.words)
    try:
        _answer(parts, probes, report)
    except Trouble as trouble:
        report(problem=trouble.words)


def _compiled(path: str, report: Report) -> types.CodeType | None:
    try:
        return compile(Path(path).read_bytes(), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OSError) as error:
        report(problem=told(error, path).words)
        return None


def _run(path: str, code: types.CodeType, name: str) -> tuple[dict[str, Any], Trouble | None]:
    """(what the file defines, what stopped it)."""
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        exec(code, vars(module))
    except BaseException as error:
        if isinstance(error, SystemExit) and error.code in (None, 0) and name == "__main__":
            return vars(module), None
        return vars(module), told(error, path)
    return vars(module), None


def _has_main(path: str) -> bool:
    """Whether part of the file runs only as a script: `if __name__ == "__main__"`."""
    tree = ast.parse(Path(path).read_bytes())
    tests = [ast.dump(node.test) for node in tree.body if isinstance(node, ast.If)]
    return any("'__name__'" in test and "'__main__'" in test for test in tests)


def _answer(parts: Parts, probes: Sequence[Probe], report: Report) -> None:
    """Asks the parts; what they print in passing is dropped, that of a training loop is reported."""
    report(form=parts.form, parts=parts.names)
    if not parts.form:
        report(seen=parts.seen)
    parts = replace(
        parts, before=lambda name: report(doing=name), heard=lambda text: report(printed=text, by="the loop")
    )

    def tell(found: list[list[Answer]]) -> None:
        report(answers=plain_answers(found))

    if parts.form and probes:
        try:
            with contextlib.redirect_stdout(Caught(0)):
                tell(answers(parts, probes, tell))
        except Unread:
            if parts.instead is None:
                raise
            _answer(parts.instead, probes, report)
