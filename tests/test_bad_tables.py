"""Tables that cannot be learned from: one line with file, line and column, the value, what would be right."""

import datetime
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from refusal import refused


def parquet(**columns: Sequence[Any]) -> bytes:
    stream = io.BytesIO()
    pl.DataFrame(columns).write_parquet(stream)
    return stream.getvalue()


DAY = datetime.date(2020, 1, 1)
NAMES = "id,a,y\n" + "".join(f"k{i:04d}x,{i},{i % 7}.5\n" for i in range(300))
T = "--target y"

# content of t.csv, options after "train t.csv", what the line must hold
CASES: list[tuple[str | bytes, str, tuple[str, ...]]] = [
    # nothing to read
    ("", T, ("t.csv is empty",)),
    ("   \n\n", T, ("t.csv is empty",)),
    ("a,y\n", T, ("t.csv has a header and no rows",)),
    ("# only\n# comments\n", T, ("t.csv has comment lines only",)),
    (parquet(a=[], y=[]), T, ("t.csv has no rows",)),
    # not a table
    (b"a,y\n1,2\n3\0,4\n", T, ("t.csv line 3", "NUL byte", "not a text file")),
    (
        b"a,y\n1,2\n\xff\xfe,4\n",
        f"{T} --text-encoding utf-8",
        ("t.csv line 3", "0xff", "utf-8", "--text-encoding"),
    ),
    (b"\x81\x8d,y\n1,2\n", T, ("t.csv line 1", "0x81", "cp1252", "--text-encoding")),
    ("a,y\n1,2\n", f"{T} --text-encoding utf-99", ("'utf-99'", "utf-8 or cp1252")),
    (b"PK\x03\x04rest", T, ("t.csv", "spreadsheet", "save it as CSV")),
    (b"\xd0\xcf\x11\xe0rest", T, ("t.csv", "old spreadsheet", "save it as CSV")),
    (b"\x1f\x8brest", T, ("t.csv", "gzip", "unpack it")),
    (parquet(a=[1, 2], y=[1.0, 2.0])[:40], T, ("t.csv begins as Parquet", "PAR1")),
    # lines that do not fit
    ("a,y\n1,2\n3,4,5\n", T, ("t.csv line 3: 3 fields", "the header has 2", "delimiter ','", "--delimiter")),
    ("a,y\n1,2\n3\n4,5\n", T, ("t.csv line 3: 1 field", "the header has 2", "mend it")),
    ('a,y\n"1,2\n3,4\n', T, ("t.csv line 2", "is a closing quote missing?")),
    ('a,y\n1,2\n3,"4\n5,6\n', T, ("t.csv line 3 column 'y'", r"'4\n5,6'", "mend it")),
    ("a;y\n1;2\n3;4\n", f"{T} --delimiter ,", ("--target 'y'", "t.csv", "a;y", "--delimiter")),
    ("a,y\n1,2\n", f"{T} --delimiter ab", ("delimiter 'ab'", "one character")),
    # names of columns
    ("a,a,y\n1,2,3\n4,5,6\n", T, ("t.csv line 1", "columns 1 and 2", "'a'", "rename one")),
    ("1,2\n3,4\n5,6\n", "--target 2", ("t.csv line 1", "only numbers where column names", "--no-header")),
    ("a,price\n1,2\n3,4\n", "--target prise", ("--target 'prise'", "t.csv", "a, price", "did you mean 'price'?")),
    ("a,y\n1,2\n3,4\n", "--target z", ("--target 'z'", "t.csv", "it has a, y")),
    ("a,y\n1,2\n3,4\n", f"{T} --ignore y", ("--ignore 'y'", "--target", "one role")),
    ("a,y\n1,2\n3,4\n", "--target y,y", ("--target 'y' is given twice",)),
    ("a,y\n1,2\n3,4\n", "--target a,y", ("t.csv", "no column left as an input", "a, y")),
    ("y\n1\n2\n", T, ("t.csv", "no column left as an input")),
    ("a,b,y\n1,2,3\n", f"{T} --ignore a,b", ("t.csv", "no column left as an input")),
    ("a,y\n1,2\n3,4\n", "--target ,", ("no --target", "t.csv has a, y")),
    ("a,y\n1,2\n3,4\n", f"{T} --category zz", ("--category 'zz'", "t.csv", "it has a, y")),
    ("a,y\n1,2\n3,4\n", f"{T} --ignore zz", ("--ignore 'zz'", "t.csv", "it has a, y")),
    ("a,y\n1,2\n3,4\n", "", ("t.csv", "--target COLUMN")),
    # entries
    (
        "a,y\n1,2\nx,4\n5,6\n",
        T,
        ("t.csv line 3 column 'a'", "'x'", "a word in a column of numbers", "--category a"),
    ),
    (
        "a,y\n1,2\n3,x\n5,6\n",
        T,
        ("t.csv line 3 column 'y'", "'x'", "a word in a column of numbers", "--category y"),
    ),
    ("a,y\nred,2\nblue,3\n7,4\n", T, ("t.csv line 4 column 'a'", "'7'", "a number in a column of words")),
    ("a,y\n1,2\n,4\n5,6\n", T, ("t.csv line 3 column 'a'", "missing value", "--missing drop", "--missing fill")),
    ("a,y\n1,2\n3,NA\n5,6\n", T, ("t.csv line 3 column 'y'", "1 of 3 rows", "--missing drop")),
    ("a,y\n1,2\n3,NA\n", f"{T} --missing fill", ("t.csv line 3 column 'y'", "only inputs can be filled")),
    ("a,y\n,2\n3,\n,6\n", f"{T} --missing drop", ("t.csv", "every row has a missing value")),
    ("a,b,y\n,1,2\n,2,3\n", T, ("t.csv line 2 column 'a'", "whole column is empty", "--ignore a")),
    ("a,y\n1,2\ninf,4\n", T, ("t.csv line 3 column 'a'", "'inf'", "must be finite")),
    ("a,y\n1,2\n3,-inf\n", T, ("t.csv line 3 column 'y'", "'-inf'", "must be finite")),
    ("a,y\n1,2\n1e999,4\n", T, ("t.csv line 3 column 'a'", "'1e999'", "must be finite")),
    (
        "a;y\n1,234;2\n5,678;4\n9,012;6\n",
        T,
        ("t.csv line 2 column 'a'", "'1,234'", "1234 or 1.234?", "--decimal ,"),
    ),
    ("a;y\n980;2\n1.000;4\n", T, ("t.csv line 3 column 'a'", "'1.000'", "1000 or 1.000?", "--decimal .")),
    ("a\ty\n980\t2\n12.000\t4\n", T, ("t.csv line 3 column 'a'", "'12.000'", "12000 or 12.000?")),
    (
        "a;y\n460.195,55;2\n",
        f"{T} --decimal ,",
        ("t.csv line 2 column 'a'", "without a separator, as in 460195,55)"),
    ),
    ("a;y\n460.195,55;2\n", T, ("t.csv line 2 column 'a'", "as in 460195,55, and --decimal ,)")),
    ('a,y\n"1,100",2\n"1,200",4\n', T, ("t.csv line 2 column 'a'", "'1,100'", "as in 1100); or --category a")),
    ('a,y\n800,2\n"1,000",4\n"1,100",5\n"1,200",5\n', T, ("t.csv line 3 column 'a'", "'1,000'", "',' parts thou")),
    ("a;y\n1'234;2\n5'678;4\n", T, ("t.csv line 2 column 'a'", "1'234", "thousands without a separator")),
    ("a;y\n10%;2\n20%;4\n", T, ("t.csv line 2 column 'a'", "'10%'", "without the percent sign")),
    ("a;y\n$10;2\n$20;4\n", T, ("t.csv line 2 column 'a'", "'$10'", "without the currency sign")),
    ("a;y\n1,5;2\n2.5;4\n30;6\n", T, ("t.csv line 2 column 'a'", "'1,5'", "--decimal ,")),
    (NAMES, T, ("t.csv column 'id'", "300 different words", "look like names", "--ignore id")),
    (parquet(when=[DAY, DAY], y=[1.0, 2.0]), T, ("t.csv row 1 (index 0) column 'when'", "dates", "--ignore when")),
    (parquet(a=[[1], [2]], y=[1.0, 2.0]), T, ("t.csv row 1 (index 0) column 'a'", "List", "--ignore a")),
    (
        parquet(a=[1, None], y=[1.0, 2.0]),
        T,
        ("t.csv row 2 (index 1) column 'a'", "missing value", "--missing fill"),
    ),
    (parquet(a=[1.0, float("inf")], y=[1.0, 2.0]), T, ("t.csv row 2 (index 1) column 'a'", "'inf'", "finite")),
    # weights of rows
    ("a,w,y\n1,1,2\n3,-1,4\n", f"{T} --row-weight w", ("t.csv line 3 column 'w'", "-1", "0 or above")),
    ("a,w,y\n1,1,2\n3,x,4\n", f"{T} --row-weight w", ("t.csv line 3 column 'w'", "'x' is not a number")),
    ("a,w,y\n1,0,2\n3,0,4\n", f"{T} --row-weight w", ("t.csv column 'w'", "every row weight is 0")),
    ("a,w,y\n1,0,2\n3,0,4\n", f"{T} --row-weight y", ("--row-weight 'y'", "--target", "one role")),
    ("a,y\n1,2\n3,4\n", f"{T} --row-weight zz", ("--row-weight 'zz'", "t.csv", "it has a, y")),
    # tasks
    ("a,y\n1,yes\n3,yes\n", T, ("t.csv column 'y'", "'yes'", "at least two classes")),
    ("a,y\n1,2\n3,2\n", f"{T} --task classification", ("t.csv column 'y'", "'2'", "at least two classes")),
    ("a,y\n1,red\n3,blue\n", f"{T} --task regression", ("t.csv column 'y'", "'red'", "not numbers", "--task")),
    ("a,y,z\n1,red,1\n3,blue,2\n", "--target y,z", ("t.csv", "several targets", "'y' is not")),
    ("a,y\n1,2\n", f"{T} --validation 0.5", ("0.5", "of 1 row leaves no row")),
    ("a,y\n1,-1\n2,3\n3,4\n", f"{T} --loss poisson", ("row 1 (index 0)", "-1", "poisson", "0 or more")),
    ("a,y\n1,3\n2,4\n3,5\n", f"{T} --loss bce", ("row 1 (index 0)", "3", "binary_crossentropy", "0, 1")),
    ("a,y\n1,3\n2,4\n3,5\n", f"{T} --loss cce", ("row 1 (index 0)", "3", "categorical_crossentropy", "one-hot")),
    ("a,y\n1,3\n2,4\n3,5\n", f"{T} --loss hinge", ("row 1 (index 0)", "3", "hinge", "-1 and 1")),
]


@pytest.mark.parametrize(
    ("content", "options", "fragments"), CASES, ids=[f"{k:02d} {case[1]}" for k, case in enumerate(CASES)]
)
def test_a_bad_table_is_refused(
    content: str | bytes,
    options: str,
    fragments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    command = f"train t.csv {options} --epochs 1 --out m.whygrad --save-config r.toml"
    refused(capsys, {"t.csv": content}, command, fragments)


LONG = "B" * 400

SUBJECTS: list[tuple[str, tuple[str, ...]]] = [
    ("train", ("what shall be trained?", "students, placement, xor, chain", "houses.csv")),
    ("train studnets", ("'studnets'", "students, placement, xor, chain", "did you mean 'students'?")),
    ("train missing.csv", ("'missing.csv'", "nor a file that exists")),
    ("train missing.csv --target y", ("missing.csv: no such file",)),
    ("train . --target y", (". is a directory", "name the file in it")),
    (f"train {LONG} --target y", (LONG, "File name too long")),
    ("train t.csv/x.csv --target y", ("t.csv/x.csv", "Not a directory")),
    ("train model.whygrad", ("model.whygrad is a model file", "--resume model.whygrad")),
    ("train students --target lpa", ("--target is for tables", "students")),
    ("train students --delimiter ;", ("--delimiter is for tables", "students")),
]


@pytest.mark.parametrize(("command", "fragments"), SUBJECTS, ids=[case[0][:40] for case in SUBJECTS])
def test_a_bad_subject_is_refused(
    command: str,
    fragments: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(capsys, {"t.csv": "a,y\n1,2\n3,4\n"}, command, fragments)


def test_a_table_nobody_may_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def deny(path: Path) -> bytes:  # the superuser may read everything, so permission is taken away here
        if path.name == "t.csv":
            raise PermissionError(13, "Permission denied")
        return original(path)

    original = Path.read_bytes
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n1,2\n")
    from whygrad.cli import main

    monkeypatch.setattr(Path, "read_bytes", deny)
    assert main(["train", "t.csv", "--target", "y"]) == 2
    assert capsys.readouterr().err == "whygrad: t.csv: no permission to read it\n"
