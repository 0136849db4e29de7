"""`whygrad exercise make` and `mark`: files, rosters, folders of answers of every kind, and refusals."""

import csv
import json
import re
from pathlib import Path

import pytest
from refusal import Files, refused

import whygrad as wg
from whygrad.cli import main
from whygrad.exercises import Exercise, mark_folder
from whygrad.exercises.files import read_exercises
from whygrad.exercises.roster import Student, read_roster

MAKE = "exercise make --layers 2,2,1 --activation sigmoid --loss bce --seed 3"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(command: str) -> None:
    assert main(command.split()) == 0


def answered(e: Exercise, digits: int = 6, **changed: str) -> str:
    """The answers table of somebody who has everything right, but for what is changed."""
    rows = {quantity.name: f"{e.key[quantity.name]:.{digits}g}" for quantity in e.asked} | changed
    return "quantity,answer\n" + "".join(f"{name},{answer}\n" for name, answer in rows.items())


def roster() -> dict[str, Exercise]:
    """Sheets for three students in `sheets`, and an empty folder `answers`."""
    Path("ids.csv").write_text("id,name\nana,Ana Lima\nben,Ben Okri\ncem,\n")
    run("exercise make --loss bce --roster ids.csv --out sheets --key keys")
    Path("answers").mkdir()
    return {e.student: e for e in read_exercises(Path("sheets/exercise.toml"))}


def grades() -> dict[str, dict[str, str]]:
    with open("grades.csv", newline="") as stream:
        return {row["id"]: row for row in csv.DictReader(stream)}


# ---- make ----


def test_a_sheet_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run(MAKE)
    printed = capsys.readouterr().out
    assert printed.startswith("# Backpropagation by hand\n")
    assert "34. $\\text{new } L =$ ________ (1 point)" in printed
    run(f"{MAKE} --key key.tex --format latex")
    assert capsys.readouterr().out.startswith(r"\documentclass")
    assert "answer key" in Path("key.tex").read_text()


def test_a_sheet_goes_to_files_by_its_ending(capsys: pytest.CaptureFixture[str]) -> None:
    run(f"{MAKE} --out sheet.html --key key.md")
    assert capsys.readouterr().out == "written: sheet.html, sheet.csv, sheet.toml, key.md\n"
    assert Path("sheet.html").read_text().startswith("<!DOCTYPE html>")
    assert Path("key.md").read_text().startswith("# Backpropagation by hand")
    assert Path("sheet.csv").read_text().startswith("quantity,answer\nz_11,\nz_12,\n")
    (e,) = read_exercises(Path("sheet.toml"))
    assert (e.settings(), e.numbers()) == (
        wg.exercises.make_exercise((2, 2, 1), "sigmoid", "bce", seed=3).settings(),
        wg.exercises.make_exercise((2, 2, 1), "sigmoid", "bce", seed=3).numbers(),
    )


def test_a_row_of_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    run("exercise make --example students --row 4 --digits 6")
    printed = capsys.readouterr().out
    assert "$x_{1} = 5$, $x_{2} = 12$" in printed
    assert "6 significant digits" in printed
    assert r"\eta = 0.001" in printed


def test_an_update_that_cannot_be_seen_is_said_to_be_so_and_the_rate_can_be_chosen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("exercise make --example placement")
    said = capsys.readouterr()
    assert r"\eta = 0.0001" in said.out
    assert "at rate 0.0001 cannot be seen in 6 parameters of 9" in said.err
    run("exercise make --example placement --rate 0.5")
    said = capsys.readouterr()
    assert r"\eta = 0.5" in said.out
    assert said.err == ""


def test_every_student_gets_a_sheet_of_their_own() -> None:
    sheets = roster()
    assert list(sheets) == ["ana", "ben", "cem"]
    names = {path.name for path in Path("sheets").iterdir()}
    assert names == {"exercise.toml", *(f"{one}.{end}" for one in sheets for end in ("html", "csv"))}
    assert {path.name for path in Path("keys").iterdir()} == {"ana.html", "ben.html", "cem.html"}
    assert "Ana Lima (ana)" in Path("sheets/ana.html").read_text()
    assert len({tuple(e.w) for e in sheets.values()}) == 3
    again = wg.exercises.make_exercise(loss="bce", student="ben", name="Ben Okri")
    assert again.numbers() == sheets["ben"].numbers()  # drawn from seed and id, whoever else is on the roster


def test_nothing_is_overwritten_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    roster()
    refused(
        capsys, {}, "exercise make --roster ids.csv --out sheets --key other", ("exercise.toml exists", "--force")
    )
    run("exercise make --roster ids.csv --out sheets --key other --force")
    run(f"{MAKE} --out sheet.md")
    refused(capsys, {}, f"{MAKE} --out sheet.md", ("sheet.md exists",))


@pytest.mark.parametrize(
    ("text", "students"),
    [
        ("ana\nben\n", [Student("ana"), Student("ben")]),
        ("ID;Kurs;Name\n17;A;Müller, J.\n", [Student("17", "Müller, J.")]),
        ("\ufeffname,id\nAna,a.1\n\n", [Student("a.1", "Ana")]),
        ("a@b.org\tAna\n", [Student("a@b.org", "Ana")]),
        ("id;name\n007;Jörg\n;\n ; \n", [Student("007", "Jörg")]),
    ],
)
def test_rosters_are_read_as_they_are(text: str, students: list[Student]) -> None:
    Path("ids.csv").write_text(text, encoding="utf-8")
    assert read_roster("ids.csv") == tuple(students)


@pytest.mark.parametrize(
    ("files", "command", "fragments"),
    [
        ({}, "make --layers 2,x", ("--layers: '2,x' is not understood", "2,2,1")),
        ({}, "make --layers 2", ("at least one layer",)),
        ({}, "make --row 2", ("--row is a row of an example",)),
        ({}, "make --example students --loss bce", ("--loss", "students comes with its own")),
        ({}, "make --example student", ("did you mean 'students'",)),
        ({}, "make --example students --row 5", ("row 5 (index 4) is not there",)),
        ({}, "make --out sheet.pdf", ("sheet.pdf", "--format md, latex or html")),
        ({}, "make --out nowhere/sheet.md", ("the folder nowhere does not exist",)),
        ({}, "make --out sheet.md --key sheet.csv --format md", ("--key sheet.csv would overwrite",)),
        ({}, "make --out sheet.csv --format md", ("--out sheet.csv", "end it in .md")),
        ({}, "make --out sheet.md --key nowhere/key.md", ("the folder nowhere does not exist",)),
        ({}, "make --out sheet.md --key nowhere/key.md --force", ("the folder nowhere does not exist",)),
        ({}, "make --out sheet.md --key /proc/key.md", ("/proc",)),
        ({"ids.csv": "ana\n"}, "make --roster ids.csv --out a --key b/c", ("b/c cannot be made a folder",)),
        ({}, "make --digits 12", ("digits is 12", "from 2 to 9")),
        ({"ids.csv": "ana\n"}, "make --roster ids.csv", ("--out FOLDER",)),
        ({"ids.csv": "ana\n"}, "make --roster ids.csv --out a --key a", ("--key a", "students would find")),
        ({"ids.csv": "ana\n"}, "make --roster ids.csv --out a --example xor", ("leave --example",)),
        (
            {"ids.csv": b"id\n\x81\n"},
            "make --roster ids.csv --out a",
            ("line 2: byte 0x81", "text; save it as UTF-8\n"),
        ),
        ({"ids.csv": "id\n"}, "make --roster ids.csv --out a", ("ids.csv has no students",)),
        ({"ids.csv": "id\nana\n../b\n"}, "make --roster ids.csv --out a", ("ids.csv line 3", "'../b'")),
        ({"ids.csv": "id\nana\nANA\n"}, "make --roster ids.csv --out a", ("line 3", "stands in line 2 already")),
        (
            {"ids.csv": "Nr,Name\n1,Ana\n"},
            "make --roster ids.csv --out a",
            ("line 1: no column is called id", "nr, name"),
        ),
        ({"ids.csv": "id,name\n,Ana\n"}, "make --roster ids.csv --out a", ("line 2", "the id is ''")),
        ({}, "make --roster ids.csv --out a", ("ids.csv cannot be read",)),
        ({"a": "", "ids.csv": "ana\n"}, "make --roster ids.csv --out a", ("a",)),
        ({}, "mark answers", ("answers is no folder",)),
        ({"grades.csv": "x"}, "mark . --out other/grades.csv", ("other",)),
        ({}, "mark . --out grades.csv", ("grades.csv lies among the answers",)),
        ({}, "mark . --feedback .", ("is the folder of the answers",)),
        ({"a.csv": ""}, "mark .", ("there is none", "--exercise FILE")),
        ({"a.toml": "", "b.toml": ""}, "mark .", ("there are 2",)),
        ({"a.toml": "="}, "mark .", ("a.toml is no exercise file",)),
        ({"a.toml": "rate = 1"}, "mark .", ("a.toml is no exercise file: it has no sheets",)),
        ({"a.toml": "[[sheets]]\nx = [1]"}, "mark .", ("a.toml, sheet 1: y is missing",)),
        (
            {"b.toml": ""},
            "mark x --exercise b.toml --out b.toml --force",
            ("--out b.toml would overwrite the exercise",),
        ),
        ({}, "mark . --exercise b.toml", ("b.toml cannot be read",)),
    ],
)
def test_refusals(
    capsys: pytest.CaptureFixture[str], files: Files, command: str, fragments: tuple[str, ...]
) -> None:
    refused(capsys, files, f"exercise {command}", fragments)


# ---- mark ----


def test_right_answers_get_all_points_and_an_error_costs_once(capsys: pytest.CaptureFixture[str]) -> None:
    sheets = roster()
    Path("answers/ana.csv").write_text(answered(sheets["ana"]))
    Path("answers/ben.csv").write_text(
        answered(sheets["ben"], **{"dL/dz_21": f"{-sheets['ben'].key['dL/dz_21']:.4g}"})
    )
    capsys.readouterr()
    run("exercise mark answers --exercise sheets/exercise.toml --out grades.csv --feedback told")
    printed = capsys.readouterr().out
    rows = grades()
    assert [(row["points"], row["of"]) for row in rows.values()] == [("35", "35"), ("34", "35"), ("0", "35")]
    assert (rows["ben"]["backward"], rows["ben"]["wrong"]) == ("6", "1")
    assert (rows["cem"]["missing"], rows["cem"]["problems"]) == ("34", "no answers file")
    assert re.search(r"^ben +Ben Okri +34 +35 +7 +6 +9 +9 +3 +0$", printed, re.MULTILINE)
    assert "most often wrong: dL/dz_21 (1 of 3)" in printed
    assert "cem: no answers file" in printed
    assert "the sign is turned round" in Path("told/ben.md").read_text()
    assert "Everything is right" in Path("told/ana.md").read_text()


def test_the_exercise_is_found_among_the_answers_and_json_tells_all(capsys: pytest.CaptureFixture[str]) -> None:
    e = roster()["ana"]
    Path("answers/exercise.toml").write_bytes(Path("sheets/exercise.toml").read_bytes())
    Path("answers/ana.csv").write_text(answered(e, L="1/0"))
    capsys.readouterr()
    run("exercise mark answers --json")
    plain = json.loads(capsys.readouterr().out)
    ana = plain["students"][0]
    assert (ana["student"], ana["points"], ana["of"]) == ("ana", 34, 35)
    assert [mark["status"] for mark in ana["marks"] if mark["quantity"] == "L"] == ["unreadable"]
    assert ana["problems"] == ["ana.csv line 8: L is '1/0', no number"]


def test_what_one_student_hands_in_never_stops_the_others() -> None:
    names = ["blank", "binary", "sheet", "spread", "latin", "excel", "twice", "text", "good"]
    Path("ids.csv").write_text("id\n" + "\n".join(names) + "\n")
    run("exercise make --loss bce --roster ids.csv --out sheets")
    sheets = {e.student: e for e in read_exercises(Path("sheets/exercise.toml"))}
    folder = Path("answers")
    folder.mkdir()
    (folder / "blank.csv").write_bytes(Path("sheets/blank.csv").read_bytes())
    (folder / "binary.csv").write_bytes(b"\x00\x01\x02")
    (folder / "spread.csv").write_bytes(b"PK\x03\x04 a spreadsheet")
    (folder / "sheet.xlsx").write_bytes(b"PK\x03\x04")
    latin = answered(sheets["latin"]).replace(",", ";").replace(".", ",") + "Größe;5\n"
    (folder / "latin.csv").write_bytes(latin.encode("cp1252"))
    (folder / "excel.csv").write_bytes(answered(sheets["excel"]).replace(",", "\t").encode("utf-16"))
    (folder / "twice.csv").write_bytes(Path("sheets/twice.csv").read_bytes())
    (folder / "twice.txt").write_text(answered(sheets["twice"]).replace(",", " = "))
    (folder / "text.md").write_text(answered(sheets["text"]).replace(",", ": "))
    (folder / "text.txt").write_text("z_11 = 5\n")
    (folder / "GOOD.CSV").write_text(answered(sheets["good"]))
    (folder / "stranger.csv").write_text("z_11,1\n")
    found = mark_folder(folder, "sheets/exercise.toml")
    by_id = {marks.exercise.student: marks for marks in found.marks}
    assert list(by_id) == names
    right = {name for name, marks in by_id.items() if marks.points == 35}
    assert right == {"latin", "excel", "twice", "text", "good"}
    assert {name: marks.problems for name, marks in by_id.items()} == {
        "blank": ("no answers",),
        "binary": ("binary.csv line 1: a NUL byte; this is not a text file", "no readable answers file"),
        "sheet": ("no answers file",),
        "spread": ("spread.csv is a spreadsheet or zip file; save it as CSV", "no readable answers file"),
        "latin": ("latin.csv line 36: 'Größe' is no quantity that is asked for",),
        "excel": (),
        "twice": (),
        "text": ("text.txt has answers too; text.md is marked",),
        "good": (),
    }
    assert found.problems == (
        "sheet.xlsx: not read; answers come as .csv, .txt, .md",
        "stranger.csv: no sheet in exercise.toml is for 'stranger'",
    )


def test_answers_to_somebody_elses_sheet_are_said_to_be() -> None:
    sheets = roster()
    Path("answers/ana.csv").write_text(answered(sheets["ana"]))
    Path("answers/ben.csv").write_text(answered(sheets["ana"], digits=4, L="9"))
    Path("answers/cem.csv").write_text(answered(sheets["cem"], z_11="7"))
    found = mark_folder("answers", "sheets/exercise.toml")
    assert [marks.problems for marks in found.marks] == [
        (),
        ("these are the answers to another sheet, that of Ana Lima (ana)",),
        (),
    ]
    Path("answers/ben.csv").write_text("z_11,5\n")  # too little to tell
    assert mark_folder("answers", "sheets/exercise.toml").marks[1].problems == ()


def test_a_file_by_nearly_a_students_id_is_said_to_be() -> None:
    Path("ids.csv").write_text("007\n008\n")
    run("exercise make --roster ids.csv --out sheets")
    Path("answers").mkdir()
    for name in ("7", "008 (1)", "9", "78", "Ada_007_late"):
        Path(f"answers/{name}.csv").write_text("z_11,1\n")
    no = "no sheet in exercise.toml is for"
    assert mark_folder("answers", "sheets/exercise.toml").problems == (
        f"008 (1).csv: {no} '008 (1)'; did you mean '008'?",
        f"7.csv: {no} '7'; did you mean '007'?",
        f"78.csv: {no} '78'",
        f"9.csv: {no} '9'",
        f"Ada_007_late.csv: {no} 'Ada_007_late'; did you mean '007'?",
    )


def test_one_sheet_for_all() -> None:
    run(f"{MAKE} --out sheet.md")
    (e,) = read_exercises(Path("sheet.toml"))
    for name, changed in (("ana", {}), ("ben", {"z_11": "9"})):
        Path(f"{name}.csv").write_text(answered(e, **changed))
    run("exercise mark . --exercise sheet.toml --feedback told")
    found = mark_folder(".")
    assert [(marks.exercise.student, marks.points) for marks in found.marks] == [("ana", 35), ("ben", 34)]
    assert {path.name for path in Path("told").iterdir()} == {"ana.md", "ben.md"}
    assert found.most_wrong() == [("z_11", 1)]


def test_an_answers_folder_without_answers_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    roster()
    refused(
        capsys, {}, "exercise mark answers --exercise sheets/exercise.toml", ("answers holds no answers", "ID.csv")
    )
