"""Where compiled kernels are kept, how one waits for them, and that processes do not hurt each other."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from whygrad.engines.compiled import place, waiting
from whygrad.engines.compiled.waiting import first_calls

SOURCE = Path(__file__).parent.parent / "src"
READ_ONLY = Path("/proc/whygrad")  # not even root writes there


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of this test's own, in a process that has called no kernel yet."""
    monkeypatch.setenv("WHYGRAD_CACHE", str(tmp_path))
    monkeypatch.setattr(waiting, "_called", set())
    place.folder.cache_clear()
    yield tmp_path
    place.folder.cache_clear()


# ---- which folder ----


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"WHYGRAD_CACHE": "/a/b", "XDG_CACHE_HOME": "/c", "HOME": "/d"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c", "HOME": "/d"}, "/c/whygrad"),
        ({"XDG_CACHE_HOME": "c", "HOME": "/d"}, "/d/.cache/whygrad"),
        ({"HOME": "/d"}, "/d/.cache/whygrad"),
    ],
)
def test_the_environment_names_the_folder(
    said: dict[str, str], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WHYGRAD_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert place.base() == Path(found)


def test_without_a_home_there_is_no_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know, as in a container: "~" stays "~", and is no folder to make."""
    monkeypatch.delenv("WHYGRAD_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert place.base() is place.place() is place.folder() is None
    assert not place.kept("advance", "float64")
    place.note(["advance"], "float64")  # nowhere, and no error


def test_a_file_where_the_folder_should_be(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "file").write_text("mine")
    monkeypatch.setenv("WHYGRAD_CACHE", str(cache / "file"))
    assert place.folder() is None
    assert not place.kept("advance", "float64")
    assert (cache / "file").read_text() == "mine"


@pytest.mark.skipif(not READ_ONLY.parent.exists(), reason="needs a file system that nobody can write to")
def test_a_read_only_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHYGRAD_CACHE", str(READ_ONLY))
    assert place.folder() is None
    assert not place.kept("advance", "float64")


def test_looking_makes_no_folder(cache: Path) -> None:
    assert not place.kept("advance", "float64")
    assert list(cache.iterdir()) == []


def test_what_is_noted_is_kept_for_that_kernel_and_dtype(cache: Path) -> None:
    place.note(["advance"], "float64")
    assert place.kept("advance", "float64")
    assert not place.kept("advance", "float32")
    assert not place.kept("advance_lanes", "float64")


def folder_of(source: Path) -> str:
    """The folder's name for the package in `source`."""
    code = "from whygrad.engines.compiled.place import place; print(place().name)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.parametrize("name", ("activations.py", "losses.py", "updates.py", "engines/compiled/tile.py"))
def test_an_edited_formula_has_another_folder(name: str, tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "src" / "whygrad" / name
    before, text = folder_of(tmp_path / "src"), file.read_text(encoding="utf-8")
    file.write_text(text + "\n# edited\n", encoding="utf-8")
    edited = folder_of(tmp_path / "src")
    assert edited != before
    file.write_text(text, encoding="utf-8")
    assert folder_of(tmp_path / "src") == before


# ---- waiting ----


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_compiling_is_announced_once_and_what_is_kept_is_not(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with first_calls(("advance", "advance_many"), "float32"), first_calls(("advance",), "float32"):
        assert capsys.readouterr().err == "whygrad: compiling the float32 kernels, once per machine ...\n"
    monkeypatch.setattr(waiting, "_called", set())  # as in a new process
    with first_calls(("advance", "advance_many"), "float32"):
        assert capsys.readouterr().err == ""
    with first_calls(("advance_lanes",), "float32"):
        assert "compiling" in capsys.readouterr().err


def test_without_a_folder_it_says_that_too(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "folder", lambda: None)
    with first_calls(("advance",), "float64"):
        pass
    said = "whygrad: compiling the float64 kernels, in memory, as no cache folder can be written ...\n"
    assert capsys.readouterr().err == said


def test_a_terminal_shows_the_seconds_and_is_left_clean(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with first_calls(("advance",), "float64"):
        pass
    shown = terminal.getvalue()
    assert shown.startswith("\rcompiling the float64 kernels, once per machine: 0 s ...")
    assert shown.endswith("\r\033[K")


def test_a_compilation_that_was_interrupted_is_not_noted(cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt), first_calls(("advance",), "float64"):
        raise KeyboardInterrupt
    assert not place.kept("advance", "float64")
    assert waiting._called == set()


def test_one_process_waits_for_the_other(cache: Path) -> None:
    waits, there = threading.Event(), threading.Event()

    @contextmanager
    def told() -> Iterator[None]:
        waits.set()
        yield

    def second() -> None:
        with place.turn(told()):  # a lock of its own: as another process would
            there.set()

    thread = threading.Thread(target=second)
    with place.turn(nullcontext()):
        thread.start()
        assert waits.wait(10)
        assert not there.wait(0.1)
    thread.join(10)
    assert there.is_set()


# ---- whole processes, which compile ----

SCRIPT = """
import sys, whygrad as wg
run = wg.fit(*wg.example("students"), engine="compiled", epochs=1, dtype=sys.argv[1])
print(run.state.w.tobytes().hex())
"""


def begun(home: Path, dtype: str = "float64", **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, dtype], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(SOURCE), **more},
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """(the parameters' bits, what was said on stderr)."""
    bits, said = process.communicate()
    assert process.returncode == 0, said
    return bits, said


@pytest.mark.proof
def test_the_cache_may_be_missing_or_read_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    written, said = ended(begun(tmp_path))
    assert said == "whygrad: compiling the float64 kernels, once per machine ...\n"
    assert list((tmp_path / ".cache" / "whygrad").rglob("*.nbc"))
    in_memory, said = ended(begun(tmp_path, WHYGRAD_CACHE=str(tmp_path / "file" / "below")))
    assert said == "whygrad: compiling the float64 kernels, in memory, as no cache folder can be written ...\n"
    assert (in_memory, "") == (written, "") == ended(begun(tmp_path))


@pytest.mark.proof
def test_processes_that_compile_at_once_do_not_hurt_each_other(tmp_path: Path) -> None:
    """Two of one dtype, one of the other, from nothing; then each again, from what they left."""
    dtypes = ("float64", "float64", "float32")
    first = [ended(process) for process in [begun(tmp_path, dtype) for dtype in dtypes]]
    assert sum("compiling" in said for _, said in first) == 2  # once a dtype
    assert sum("waiting" in said for _, said in first) == 2
    assert first[0][0] == first[1][0]
    assert [ended(begun(tmp_path, dtype)) for dtype in dtypes] == [(bits, "") for bits, _ in first]
