"""Every command and every Python line of the README runs, and prints what the README says."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NEEDS = {"torch": "torch", "jax": "jax", "keras": "keras", "sklearn": "sklearn"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def steps(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with the output below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def alike(text: str) -> str:
    """Times, versions, rounding errors and trailing space differ from machine to machine."""
    text = re.sub(r"\(\d+\.\d\d s\)", "(0.00 s)", text)
    text = re.sub(r"PyTorch [\d.]+ *", "PyTorch ", text)
    text = re.sub(r"\d\.\de-1[3-9]( \([WB]_\d+\))?", "rounding", text)
    text = re.sub(r"\+- \d(?:\.\d)?e-\d\d", "+- rounding", text)
    text = re.sub(r"(?<=[a-z] )\d\d?\.\d(?=[ ,)\n])|\d\d?\.\d of \d\d?\.\d(?= possible)", "digits", text)
    text = re.sub(r"\d+\.\d{10,}", lambda number: f"{float(number[0]):.9g}", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", made / "examples")
    return made


def run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "110"}
    command = re.sub(r"^whygrad\b", f"{sys.executable} -m whygrad", command)
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_tour_prints_what_it_says(folder: Path) -> None:
    told = 0
    for block in blocks("console"):
        for command, output in steps(block):
            for word, package in NEEDS.items():
                if word in command:
                    pytest.importorskip(package, reason=f"the tour's `{command}` needs {package}")
            printed, wanted = alike(run(command, folder)), alike(output)
            matches = doctest.OutputChecker().check_output(wanted + "\n", printed + "\n", doctest.ELLIPSIS)
            assert matches, f"$ {command}\n--- README\n{wanted}\n--- printed\n{printed}"
            told += 1
    assert told >= 5


def test_the_python_session_prints_what_it_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    session = "\n".join(blocks("python"))
    test = doctest.DocTestParser().get_doctest(session, {}, "README", "README.md", 0)
    assert test.examples
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    printed: list[str] = []
    assert runner.run(test, out=printed.append).failed == 0, "".join(printed)


def test_there_are_two_set_up_commands_and_ci_runs_them_as_they_stand() -> None:
    commands = "".join(blocks("sh")).splitlines()
    assert len(commands) == 2
    assert "whygrad train students" in commands[0]
    assert "pytest" in commands[1]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "run_job=$(commands | sed -n 1p)" in script
    assert "run_tests=$(commands | sed -n 2p)" in script
