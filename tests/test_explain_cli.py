"""`whygrad explain`: every form, on the screen and in files; step by step; the right row at the right moment."""

import json
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from refusal import refused
from test_moment import CSV

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.cli import main

QUICK = ["--against", "none"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(CSV)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    found = main(["explain", *words, *QUICK])
    captured = capsys.readouterr()
    assert (found, captured.err) == (code, "")
    return captured.out


def program(*words: str, **how: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "whygrad", "explain", *words, *QUICK]
    return subprocess.run(command, capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload]


# ---- forms ----


def test_every_page_ends_with_the_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    extras = ["--formula", "--sensitivities", "--set", "W_111=0.2", "--curve", "W_111=0:1:3", "--biography"]
    for words in (
        ["--weight", "W_111", *extras],
        extras[:-1],
        ["--weight", "O_11"],
        ["--format", "tree"],
        ["--only", "none"],
    ):
        text = said(capsys, "students", *words)
        assert text.rpartition("\n\n")[0].endswith("Agreement\n---------")
        assert text.rpartition("\n\n")[2].startswith("paths = backprop = nudge = complex step")
    for form, end in (("latex", r"complex step"), ("html", "complex step")):
        assert end in said(capsys, "students", "--format", form).rpartition("Agreement")[2]


@pytest.mark.parametrize(
    ("options", "out", "begins"),
    [
        ([], "why.txt", b"students: cgpa"),
        (["--format", "text"], "why.TXT", b"students: cgpa"),
        (["--format", "text"], "notes", b"students: cgpa"),
        (["--format", "tree"], "tree.txt", b"students: cgpa"),
        ([], "why.tex", b"\\documentclass"),
        (["--format", "latex"], "why.tex", b"\\documentclass"),
        ([], "why.html", b"<!DOCTYPE html>"),
        ([], "why.htm", b"<!DOCTYPE html>"),
        (["--format", "html"], "page", b"<!DOCTYPE html>"),
        ([], "why.json", b"{\n"),
        (["--json"], "why.json", b"{\n"),
        (["--json"], "answers", b"{\n"),
    ],
)
@pytest.mark.parametrize("weight", [[], ["--weight", "W_112"]], ids=["row", "weight"])
def test_a_file_has_what_the_screen_would_show(
    options: list[str], out: str, begins: bytes, weight: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "students", *weight, *options, "--out", out) == f"written to {out}\n"
    written = Path(out).read_bytes()
    assert written.startswith(begins)
    assert written.endswith(b"\n")
    kinds = {".tex": "latex", ".html": "html", ".htm": "html", ".json": "json"}
    form = [] if options else ["--format", kinds.get(Path(out).suffix.lower(), "text")]
    assert said(capsys, "students", *weight, *options, *form).encode() == written
    Path(out).write_bytes(b"mine")
    refused(
        capsys, {}, " ".join(["explain students", *weight, *options, "--out", out]), (f"{out} exists", "--force")
    )
    said(capsys, "students", *weight, *options, "--out", out, "--force")
    assert Path(out).read_bytes() == written


def test_a_workbook(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xlsxwriter")
    for options in ([], ["--format", "xlsx"]):
        assert said(capsys, "students", *options, "--out", "why.xlsx", "--force") == "written to why.xlsx\n"
        assert "xl/workbook.xml" in zipfile.ZipFile("why.xlsx").namelist()


def test_json_is_complete_and_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    def strict(text: str) -> dict[str, object]:
        return json.loads(text, parse_constant=lambda word: pytest.fail(word))  # type: ignore[no-any-return]

    found = strict(said(capsys, "students", "--json", "--curve", "W_111=0:1:3"))
    assert found["subject"].startswith("students")  # type: ignore[attr-defined]
    assert {
        "row",
        "facts",
        "x",
        "y",
        "z",
        "a",
        "loss",
        "dL/dz",
        "dL/dx",
        "parameters",
        "agreement",
        "curve",
    } < set(found)
    options = ["--formula", "--sensitivities", "--set", "W_111=0.2", "--curve", "W_111=-1:1:3", "--biography"]
    found = strict(said(capsys, "students", "--weight", "W_111", *options, "--format", "json"))
    assert {"formulas", "sensitivities", "what_if", "curve", "biography", "opened"} < set(found)
    opened = found["opened"]
    assert set(opened) >= {"chain", "paths", "rows", "nudge", "update", "agreement"}  # type: ignore[call-overload]
    assert strict(said(capsys, "students", "--weight", "x_1", "--json"))["opened"]["unit"] == "x_1"  # type: ignore[index]
    text = said(capsys, "students", "--lr", "0.5", "--at", "2:3", "--weight", "W_111", "--json")
    assert strict(text)["opened"]["derivative"] is None  # type: ignore[index]


def test_every_rows_pull_goes_to_a_file_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    import polars as pl

    for out, options in (("a.csv", []), ("b.parquet", ["--json"]), ("c.csv", ["--out", "why.html"])):
        said(capsys, "students", "--weight", "W_112", "--row", "4", "--rows-out", out, *options)
        frame = pl.read_csv(out) if out.endswith("csv") else pl.read_parquet(out)
        assert frame["pull"].to_list() == pytest.approx([-5.888, -8.424, -11.36, -15.984])
    refused(capsys, {}, "explain students --weight W_111 --rows-out a.csv", ("a.csv exists",))


def test_a_tree_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "students", "--weight", "W_122", "--format", "tree")
    assert "W_122 = 0.1   dL/dW_122 = -5.888" in text
    assert "W_121" not in text
    assert "Chain" not in text
    assert "├─ W_212 = 0.1" in said(capsys, "students", "--format", "tree")


@pytest.mark.parametrize(
    ("notation", "name"), [("3b1b", "w^(1)_0,1"), ("keras", "dense_0.kernel[1, 0]"), ("torch", "0.weight[0, 1]")]
)
def test_notations_have_legends(notation: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--weight", "W_112"]):
        text = said(capsys, "students", *words, "--notation", notation)
        assert name in text
        assert "Names: " in text
        assert "counted from 0" in text
        assert "W_112" not in text


# ---- which row, when ----


def test_at_says_when(capsys: pytest.CaptureFixture[str]) -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, training, keep=wg.Keep("steps"))
    steps = [run.start, *(kept.w for kept in run.kept)]
    for at, step in (("start", 0), ("end", 20), ("0", 0), ("2", 8), ("3:2", 9)):
        text = said(capsys, "students", "--weight", "W_112", "--at", at, "--only", "given")
        value = re.search(r"its value is (\S+)\.\n", text)
        assert value is not None
        assert float(value[1]) == pytest.approx(steps[step][2], rel=1e-8)


def test_a_model_file_is_explained_as_it_was_trained(capsys: pytest.CaptureFixture[str]) -> None:
    train = "train t.csv --target kind --hidden 3 --epochs 5 --validation 0.3 --batch 4 --quiet --out m.whygrad"
    assert main(train.split()) == 0
    run = wg.load("m.whygrad")
    found = json.loads(said(capsys, "m.whygrad", "--row", "7", "--json"))
    values = [entry["value"] for entry in found["parameters"].values()]
    assert values == run.w.tolist()
    assert found["when"] == "at the end"
    assert found["facts"] == {"size": "0.5", "colour": "red", "kind": "cat"}
    start = json.loads(said(capsys, "m.whygrad", "--row", "7", "--at", "start", "--json"))
    assert [entry["value"] for entry in start["parameters"].values()] == run.start.tolist()
    assert "size->h2" not in said(capsys, "m.whygrad", "--weight", "size->h2")  # called W_121 on its page
    refused(capsys, {}, "explain m.whygrad --epochs 3", ("explained as it was trained",))
    refused(
        capsys,
        {},
        "explain m.whygrad --weight W_111 --rows-out t.csv --force",
        ("--rows-out t.csv", "another file"),
    )


def test_a_model_of_arrays_says_where_it_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    table = wg.table_from_arrays([[1, 2], [2, 3], [3, 5]], [1.5, 2.5, 3.0])
    wg.save(wg.fit(wg.dense_network(table, (2,)), table, epochs=2), "m.whygrad")
    refused(
        capsys,
        {},
        "explain m.whygrad",
        ("its table was no file", "in Python", "explain(load('m.whygrad'), table)"),
    )


def test_a_run_toml_may_say_everything(capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.toml").write_text('subject = "students"\nlearning_rate = 0.5\nhidden = [3]\n')
    for words in (["r.toml"], ["--config", "r.toml"], ["students", "--config", "r.toml"]):
        text = said(capsys, *words, "--weight", "W_131", "--only", "update")
        assert "0.1 - 0.5*" in text


def test_curves_of_two_weights_and_of_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "students", "--only", "none", "--curve", "W_111=0:0.2:3,B_21=0:1:2", "--curve-rows", "all")
    assert "Loss as a function of W_111, B_21" in text
    # W_111 = B_21 = 0, the rest 0.1: y_hat is 0.01 (cgpa + 2 scores): 0.24, 0.25, 0.26, 0.29
    mean = sum((y - t) ** 2 for y, t in ((0.24, 4), (0.25, 5), (0.26, 6), (0.29, 7))) / 4
    assert re.search(rf"\n +0 +0 +{mean:.9g} ", text)


# ---- step by step ----


def test_enter_reveals_one_factor_after_another() -> None:
    command = [sys.executable, "-m", "whygrad", "explain", "students", "--weight", "W_111", "--step", *QUICK]
    terminal, inner = pty.openpty()
    child = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    shown: list[str] = []
    while True:
        text = _until_prompt(terminal)
        shown.append(text.replace("\r\n", "\n"))
        if not text.endswith("[Enter]"):
            break
        os.write(terminal, b"\n")
    assert child.wait() == 0
    first, *factors = shown
    assert "Why dL/dW_111 = ?" in first  # the answer is not told beforehand
    assert "-5.888" not in first
    for part, line in zip(
        factors, ["* dy_hat/dO_11 *", "-7.36", "W_211 = 0.1", "x_1 = 8", "= -5.888", "Paths"], strict=False
    ):
        assert line in part
    assert sum("dy_hat/dO_11 = W_211" in part for part in shown) == 1
    assert shown[-1].rstrip().split("Agreement\n---------")[1].lstrip().startswith("paths = backprop")


@pytest.mark.parametrize(("wide", "most"), [(80, 80), (30, 60), (300, 110)])
def test_a_page_is_as_narrow_as_the_terminal(
    wide: int, most: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["chain", "--hidden", ",".join(12 * "1"), "--weight", "W_111", "--only", "given,chain,paths,update"]
    piped = said(capsys, *words)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(wide))
    text = said(capsys, *words)
    assert most - 15 < max(map(len, text.splitlines())) <= most  # a way of 28 steps has its lines too
    assert text.split() == piped.split()
    assert max(map(len, piped.splitlines())) <= 110


def _until_prompt(terminal: int) -> str:
    text = ""
    while not text.endswith("[Enter]"):
        if not select.select([terminal], [], [], 30)[0]:
            raise AssertionError(f"nothing more came after {text!r}")
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            break
        text += data.decode()
    return text


def test_where_nobody_presses_enter_all_is_shown() -> None:
    words = ["students", "--weight", "W_111", "--step"]
    piped = program(*words, input="\n\n")
    shell = shlex.join([sys.executable, "-m", "whygrad", "explain", *words, *QUICK])
    closed = subprocess.run(f"{shell} <&-", shell=True, capture_output=True, text=True, check=False)
    for done in (piped, closed):
        assert done.returncode == 0
        assert done.stderr == ""
        assert done.stdout.rstrip().split("---------\n")[-1].strip().startswith("paths = backprop")
    assert piped.stdout == closed.stdout


# ---- what stands in the way ----


def test_a_disagreement_exits_with_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = ACTIVATIONS["tanh"]
    wrong = replace(tanh, pull_rule=lambda xp, d, z, a, k: d * (xp.c(1.0) - a))  # 1 - a, and not 1 - a^2
    monkeypatch.setitem(ACTIVATIONS, "tanh", wrong)
    for words in ([], ["--weight", "W_111"], ["--json"], ["--weight", "W_111", "--json"]):
        text = said(capsys, "students", "--activation", "tanh", *words, code=1)
        assert "DISAGREEMENT about dL/dW_111" in text


def test_a_reader_that_has_gone_is_no_error() -> None:
    command = f"{sys.executable} -m whygrad explain students --weight W_111 --against none | head -1"
    done = subprocess.run(
        f"{command}; echo ${{PIPESTATUS[0]}}", shell=True, executable="/bin/bash", capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "students: cgpa and resume score -> salary in lpa: the lecture's regression",
        "0",
    ]
    assert done.stderr == ""


def test_by_itself_it_imports_one_library_and_no_other() -> None:
    pytest.importorskip("jax")
    code = (
        "import sys; from whygrad.cli import main; main(['explain', 'students']); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'jax')) - 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "paths = backprop = nudge = complex step = jax: all 9 derivatives agree" in done.stdout


def test_it_starts_without_heavy_packages() -> None:
    code = (
        "import sys; from whygrad.cli import main; "
        "main(['explain', 'students', '--weight', 'W_111', '--against', 'none']); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'jax', 'keras', 'polars', 'sklearn', 'numba')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
