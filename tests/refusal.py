"""What every refusal has in common, checked for one command line at a time."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from whygrad.cli import main

Files = Mapping[str, str | bytes]


def lay_out(files: Files) -> None:
    """Writes the files into the current folder."""
    for name, content in files.items():
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)


def everything() -> dict[str, bytes | None]:
    """Every path below the current folder with its bytes; None for a folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path().rglob("*")}


def check_line(line: str, fragments: tuple[str, ...]) -> None:
    """One line that begins as ours do, holds every fragment, and is no traceback."""
    assert line.startswith("whygrad: ")
    assert line.endswith("\n")
    assert line.count("\n") == 1
    for fragment in fragments:
        assert fragment in line, (fragment, line)
    for trace in ("Traceback", 'File "', "Warning"):
        assert trace not in line


def refused(
    capsys: pytest.CaptureFixture[str], files: Files, command: str, fragments: tuple[str, ...], code: int = 2
) -> None:
    """Runs one command in the current folder: one line on stderr, nothing on stdout, no file touched."""
    lay_out(files)
    before = everything()
    capsys.readouterr()
    assert main(shlex.split(command)) == code, capsys.readouterr()
    said = capsys.readouterr()
    assert said.out == ""
    check_line(said.err, fragments)
    after = everything()
    assert after == before, set(after) ^ set(before)
