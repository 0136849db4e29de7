"""`whygrad predict` and `evaluate` on new files: columns that are kept, and how files are written."""

import json
from pathlib import Path

import pytest

import whygrad as wg
from whygrad.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def train(content: str, *options: str) -> None:
    Path("t.csv").write_text(content)
    assert main(["train", "t.csv", "--epochs", "1", "--quiet", "--out", "m.whygrad", *options]) == 0


def test_columns_are_kept_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    train("a,b,y\n1,2,3.5\n4,5,6\n", "--target", "y")
    Path("n.csv").write_text('id,a,name,b\n007,1,"Doe, J",2\n1.50,4,,5\nNA,4,x,5\n')
    capsys.readouterr()
    assert main(["predict", "m.whygrad", "n.csv", "--keep", "id,name"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "id,name,predicted_y"
    assert lines[1].startswith('007,"Doe, J",')
    assert lines[2].startswith(("1.50,,", '1.50,"",'))
    assert lines[3].startswith("NA,x,")
    assert main(["predict", "m.whygrad", "n.csv", "--keep", "id", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["id", "predicted_y"]
    assert found["id"] == ["007", "1.50", "NA"]


def test_a_model_of_a_file_without_header_reads_new_ones_so(capsys: pytest.CaptureFixture[str]) -> None:
    train("1,2,3.5\n4,5,6\n", "--target", "column_3", "--no-header")
    Path("n.csv").write_text("1,2,3\n4,5,6\n")
    Path("named.csv").write_text("column_1,column_2\n1,2\n4,5\n")
    capsys.readouterr()
    assert main(["predict", "m.whygrad", "n.csv", "--keep", "column_1"]) == 0
    bare = capsys.readouterr().out
    assert len(bare.splitlines()) == 3
    assert main(["evaluate", "m.whygrad", "n.csv"]) == 0
    assert "2 rows" in capsys.readouterr().out
    assert main(["predict", "m.whygrad", "named.csv", "--header", "--keep", "column_1"]) == 0
    assert capsys.readouterr().out == bare
    run = wg.load("m.whygrad")
    assert len(run.predict("n.csv")) == 2
    assert wg.evaluate(run, "n.csv").rows == 2


def test_spellings_of_missing_are_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    train("a,y\n1,3.5\n-,4\n#N/A,5\n4,6\n", "--target", "y", "--missing", "fill", "--missing-values", "-,#N/A")
    Path("n.csv").write_text("a\n-\n2.5\n")
    capsys.readouterr()
    assert main(["predict", "m.whygrad", "n.csv"]) == 0
    _, gap, mean = capsys.readouterr().out.splitlines()
    assert gap == mean  # it was filled with the mean
    assert main(["evaluate", "m.whygrad"]) == 0
    assert main(["predict", "m.whygrad", "n.csv", "--missing-values", "x"]) == 2
    assert "'-' is not a number" in capsys.readouterr().err
    assert len(wg.load("m.whygrad").predict("n.csv")) == 2


def test_classes_are_printed_as_words(capsys: pytest.CaptureFixture[str]) -> None:
    train("a,y\n1,0\n2,1\n3,1\n4,0\n", "--target", "y")
    capsys.readouterr()
    assert main(["predict", "m.whygrad", "t.csv", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["predicted_y"]) <= {"0", "1"}


def test_a_run_toml_may_hold_spellings(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("a,y\n1,3.5\n-,4\n4,6\n")
    Path("r.toml").write_text(
        'subject = "t.csv"\ntarget = "y"\nmissing = "drop"\nmissing-values = ["-", "x"]\nepochs = 1\n'
    )
    assert main(["train", "r.toml", "--quiet"]) == 0
