"""The guide: its commands and Python lines print what the pages say; it builds without a warning or a download."""

import doctest
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import alike, run, steps

from whygrad.cli import main
from whygrad.rivals import RIVALS

ROOT = Path(__file__).parent.parent
PAGES = sorted(ROOT.glob("docs/*.md"))
RUNNABLE = [p for p in PAGES if re.search(r"^```(console|python)$", p.read_text(encoding="utf-8"), re.MULTILINE)]


def printed_by(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints; by `main` where that is all it shows, as a process of its own takes long to start."""
    alone, *then = command.split(" | ", 1)
    if not alone.startswith("whygrad ") or re.search(r"[>;]", re.sub(r"'.*?'", "", command)):
        return run(command, folder)
    main(shlex.split(alone)[1:])
    out, err = capsys.readouterr()
    for rest in then:
        out = subprocess.run(rest, shell=True, cwd=folder, input=out, capture_output=True, text=True).stdout
    return out + err


def calm(text: str) -> str:
    """`alike`, and what else differs from machine to machine in comparisons: versions, small gaps, widths."""
    text = re.sub(r"(Keras|JAX|scikit-learn) \d[\d.]+\d", r"\1", text)
    text = re.sub(r"(?<!\d)(?:\d\.\de-\d\d(?: \([WB]_\d+(?:_\d+)*\))?|0(?=, allowed)|0\.0e\+00)", "rounding", text)
    return re.sub(r"(?<=\S) {2,}", "  ", alike(text))


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_a_page_prints_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the page, as its Python lines may read what its commands wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "110")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    known: dict[str, object] = {}
    text = page.read_text(encoding="utf-8")
    for name, rival in RIVALS.items():
        if re.search(rf"--against \S*{name}|against=.*{name}", text) and not rival.installed():
            pytest.skip(f"{page.name} compares with {name}, which is not installed")
    for language, block in re.findall(r"^```(console|python)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if language == "console":
            for command, output in steps(block):
                printed, wanted = calm(printed_by(command, tmp_path, capsys)), calm(output)
                same = doctest.OutputChecker().check_output(wanted + "\n", printed + "\n", doctest.ELLIPSIS)
                assert same, f"$ {command}\n--- {page.name}\n{wanted}\n--- printed\n{printed}"
        else:
            session = doctest.DocTestParser().get_doctest(block, known, page.name, str(page), 0)
            assert session.examples, block
            said: list[str] = []
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            assert runner.run(session, out=said.append, clear_globs=False).failed == 0, "".join(said)
            known = session.globs


def test_the_lectures_page_has_the_lectures_numbers() -> None:
    """That they are right is what the page's own test says; here, that none was left out."""
    text = (ROOT / "docs" / "lecture.md").read_text(encoding="utf-8")
    wanted = ["13.5424", "-11.776", "-7.36", "-5.888", "-0.736", "-6.66", "-15.984", "26.345577666", "0.773642543"]
    assert [
        number for number in [*wanted, "25.3217, 18.32, 9.4737, 3.2521, 1.3407", "0.02402"] if number not in text
    ] == []


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for package in ("sphinx", "myst_parser", "furo", "latex2mathml"):
        pytest.importorskip(package, reason=f"building the guide needs {package}: pip install 'whygrad[docs]'")
    made = tmp_path_factory.mktemp("guide")
    source = shutil.copytree(ROOT / "docs", made / "docs", ignore=shutil.ignore_patterns("_build", "_generated"))
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, made / name)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-b",
        "html",
        str(source),
        str(made / "html"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=made)
    assert done.returncode == 0, done.stdout + done.stderr
    return made / "html"


def test_the_guide_builds_without_a_warning(built: Path) -> None:
    for page in PAGES:
        assert (built / page.with_suffix(".html").name).exists(), page


def test_a_reader_downloads_nothing(built: Path) -> None:
    fetched = []
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        tags = re.findall(r"<(?:script|link|img|iframe|source|video|audio)\b[^>]*>", text)
        fetched += [(page.name, tag) for tag in tags if re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", tag)]
        fetched += [(page.name, url) for url in re.findall(r"(?:@import|url\()[\s\"']*(?:https?:)?//[^)]*", text)]
    for sheet in built.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        fetched += [
            (sheet.name, url) for url in re.findall(r"(?:@import\s+|url\()[\"']?(?:https?:)?//[^)]*", text)
        ]
    assert fetched == []


def test_mathematics_needs_no_script(built: Path) -> None:
    text = (built / "lecture.html").read_text(encoding="utf-8")
    assert text.count("<math ") > 20
    assert not re.search(r"<script[^>]*mathjax", text, re.IGNORECASE)


def test_every_formula_is_in_the_guide(built: Path) -> None:
    import whygrad as wg

    training = (built / "training.html").read_text(encoding="utf-8")
    api = (built / "api.html").read_text(encoding="utf-8")
    for name in [*wg.ACTIVATIONS, *wg.LOSSES, *wg.UPDATES]:
        assert f">{name}<" in training, name
    for name in wg.__all__:
        assert f'id="whygrad.{name}"' in api, name
