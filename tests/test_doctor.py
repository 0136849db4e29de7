"""`whygrad doctor`: what it tells is so, it is quick, and it compiles and makes nothing."""

import json
import sys
import time
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from test_start import loaded

from whygrad.cli import main
from whygrad.engines.compiled import place
from whygrad.installation import EXTRAS
from whygrad.rivals import RIVALS

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHYGRAD_CACHE", str(tmp_path / "cache"))
    place.folder.cache_clear()
    yield tmp_path / "cache"
    place.folder.cache_clear()


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert main(["doctor", "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_versions_and_rivals_are_those_installed(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys)
    for package in ("numpy", "numba", "llvmlite"):
        assert found["versions"][package] == version(package)
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {name for name, said in found["rivals"].items() if said} == {
        n for n, r in RIVALS.items() if r.installed()
    }


def test_every_extra_for_users_is_told() -> None:
    """`rivals` is told rival by rival; test, docs and dev are for those who work on whygrad; all is the rest."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    told = {
        name: packages for name, packages in extras.items() if name not in ("rivals", "test", "docs", "dev", "all")
    }
    assert {name: [p.partition(">")[0] for p in packages] for name, packages in told.items()} == {
        name: [package] for name, package in EXTRAS.items()
    }


def test_kernels_are_told_by_what_is_kept(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys)["engines"]["compiled"] == {"float64": False, "float32": False}
    assert not cache.exists()
    place.note(["advance"], "float64")
    place.note(["advance_lanes"], "float32")
    assert told(capsys)["engines"]["compiled"] == {"float64": True, "float32": False}
    assert main(["doctor"]) == 0
    assert "float64 compiled; float32 not compiled yet" in capsys.readouterr().out


def test_folders_of_other_versions_are_told_with_their_size(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cache / "kernels-old" / "below").mkdir(parents=True)
    (cache / "kernels-old" / "below" / "code").write_bytes(bytes(2_000_000))
    place.note(["advance"], "float64")
    found = told(capsys)["cache"]
    assert found["folder"] == str(place.place())
    assert found["writable"]
    assert found["others"] == {str(cache / "kernels-old"): 2_000_000}
    assert main(["doctor"]) == 0
    assert "1 folder of other versions, 2.0 MB, may be removed" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_told(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.write_text("a file")
    assert told(capsys)["cache"]["writable"] is False
    assert main(["doctor"]) == 0
    assert "cannot be written; kernels are compiled in memory" in capsys.readouterr().out


def test_it_is_quick_and_loads_no_compiler() -> None:
    began = time.monotonic()
    there = loaded("from whygrad.cli import main; main(['doctor'])")
    assert time.monotonic() - began < 10  # it takes half a second; a compilation takes many
    assert not there & {"numba", "torch", "jax", "keras", "sklearn", "polars"}
