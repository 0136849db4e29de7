"""`check` as its users meet it: a file, functions, printed losses, a folder; from Python and the command line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import whygrad as wg
from whygrad.cli import main
from whygrad.judgement.runner import Limits

ROOT = Path(__file__).parent.parent
BY_HAND = ROOT / "examples" / "salary_by_hand.py"  # three slips, as in a widely copied notebook
PRINTED = "25.3217,18.3200,9.4737,3.2521,1.3407"

RIGHT = """
def backward_propagation(parameters, x, y):
    W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
    a1 = x @ W1 + b1
    delta2 = 2 * (a1 @ W2 + b2 - y) / len(x)
    delta1 = delta2 @ W2.T
    return {"dW1": x.T @ delta1, "db1": delta1.sum(0), "dW2": a1.T @ delta2, "db2": delta2.sum(0)}
"""


def wrong(folder: Path, name: str = "wrong.py") -> Path:
    """A program with a slip that is known, and found soon."""
    path = folder / name
    path.write_text(RIGHT.replace('"dW1": x.T', '"dW1": -x.T'), encoding="utf-8")
    return path


@pytest.fixture
def right(tmp_path: Path) -> Path:
    path = tmp_path / "right.py"
    path.write_text(RIGHT, encoding="utf-8")
    return path


def test_the_three_slips_of_a_widely_copied_notebook_are_named() -> None:
    report = wg.check(BY_HAND)
    assert report.verdict == "wrong"
    titles = [slip.title for slip in report.slips]
    assert titles == [
        "dW_1 is transposed",
        "the hidden delta uses W_2 after its update",
        "b_2 starts from W_212 (after its update), not from b_2",
    ]
    with pytest.raises(AssertionError, match="dW_1 is transposed"):
        report.assert_right()


def test_pytest_shows_the_test_and_the_report_alone(tmp_path: Path) -> None:
    test = tmp_path / "test_mine.py"
    test.write_text(
        f"import whygrad as wg\ndef test_mine():\n    wg.check({str(wrong(tmp_path))!r}).assert_right()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "wrong.py: WRONG" in done.stdout
    assert ").assert_right()" in done.stdout
    assert "def assert_right" not in done.stdout


def test_right_code_is_right(right: Path) -> None:
    report = wg.check(right)
    assert (report.verdict, report.exit_code, report.slips) == ("right", 0, ())
    report.assert_right()


def test_a_function_may_be_given_itself() -> None:
    def gradients(parameters, x, y):  # type: ignore[no-untyped-def]
        W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
        a1 = x @ W1 + b1
        delta2 = (a1 @ W2 + b2 - y) / len(x)  # of half the squared error
        delta1 = delta2 @ W2.T
        return {"dW1": x.T @ delta1, "db1": delta1.sum(0), "dW2": a1.T @ delta2, "db2": delta2.sum(0)}

    report = wg.check(gradients)
    assert report.verdict == "right"
    assert "half squared error" in str(report)


def test_the_task_may_be_another() -> None:
    def gradients(parameters, x, y):  # type: ignore[no-untyped-def]
        W1, b1, W2, b2 = (parameters[name] for name in ("W1", "b1", "W2", "b2"))
        a1 = 1 / (1 + np.exp(-(x @ W1 + b1)))
        a2 = 1 / (1 + np.exp(-(a1 @ W2 + b2)))
        delta2 = (a2 - y) / len(x)
        delta1 = delta2 @ W2.T  # the derivative of the hidden sigmoid is missing
        return {"dW1": x.T @ delta1, "db1": delta1.sum(0), "dW2": a1.T @ delta2, "db2": delta2.sum(0)}

    report = wg.check(gradients, *wg.example("placement"))
    assert report.verdict == "wrong"
    assert any("derivative" in slip.title and slip.layer == 1 for slip in report.slips)


def test_code_and_losses_together_are_refused(right: Path) -> None:
    with pytest.raises(wg.InputError, match="one of them"):
        wg.check(right, losses=PRINTED)
    with pytest.raises(wg.InputError, match=r"give a \.py file"):
        wg.check()
    with pytest.raises(wg.WrongTypeError, match="with its table"):
        wg.check(right, wg.example("students")[0])


def test_correct_printed_losses_are_right() -> None:
    report = wg.check(losses="26.3456,19.8594,10.8816,3.7770,1.2238")
    assert report.verdict == "right"


def run(*tokens: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "whygrad", *map(str, tokens)], capture_output=True, text=True, check=False
    )


def test_the_command_line_names_the_slips_and_says_so_by_its_exit_code(right: Path) -> None:
    done = run("check", BY_HAND)
    assert done.returncode == 1
    assert "3 slips together give exactly these numbers" in done.stdout
    assert run("check", right).returncode == 0


def test_a_hint_gives_the_place_and_not_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(BY_HAND), "--hint"]) == 1
    said = capsys.readouterr().out
    assert "hint: look at the line that assigns b_2" in said
    assert "transposed" not in said
    assert "as it should be" not in said


def weird(right: Path) -> Path:
    """A wrong program that no known slip explains."""
    path = right.parent / "weird.py"
    path.write_text(RIGHT.replace("delta2.sum(0)}", "3.7 * delta2.sum(0)}"), encoding="utf-8")
    return path


def test_a_hint_for_what_no_slip_explains_names_the_wrong_numbers_alone(
    right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(weird(right)), "--hint"]) == 1
    said = capsys.readouterr().out
    assert "\n  wrong: dB_21\n" in said
    assert "3.7" not in said
    assert main(["check", "--losses", "26.3456,19.8594,9.9", "--hint"]) == 1
    said = capsys.readouterr().out
    assert "\n  wrong: loss of epoch 3\n" in said
    assert "10.8" not in said


def test_no_face_of_a_hint_gives_the_answer_away(
    right: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grades = tmp_path / "grades.csv"
    assert main(["check", str(BY_HAND), str(right), "--hint", "--csv", str(grades)]) == 1
    assert "look at the line that assigns b_2" in grades.read_text()
    for said in (capsys.readouterr().out, grades.read_text()):
        assert "transposed" not in said
    assert main(["check", str(BY_HAND), "--hint", "--json"]) == 1
    said = capsys.readouterr().out
    for answer in ("transpose", "as_it_should_be", "ours", "ratio", "-3.1035", "updated-weights", "title"):
        assert answer not in said
    (section,) = [one for one in json.loads(said)["sections"] if one["verdict"] == "wrong"]
    assert set(section["slips"][0]) == {"where", "layer", "hint"}
    assert set(section["entries"][0]) == {"probe", "name", "theirs", "wrong"}


def test_a_line_a_program_says_what_is_wrong_where_no_slip_is_known(
    right: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(right), str(weird(right))]) == 1
    assert "weird.py: wrong: gradient: no known slip; wrong: dB_21\n" in capsys.readouterr().out


def test_programs_of_one_name_are_told_apart_by_their_paths(
    right: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bob").mkdir()
    other, grades = wrong(tmp_path, "bob/right.py"), tmp_path / "grades.csv"
    assert main(["check", str(right), str(other), "--csv", str(grades)]) == 1
    assert f"{right}: right\n" in capsys.readouterr().out
    assert pl.read_csv(grades)["file"].to_list() == [str(right), str(other)]


def test_limits_beyond_what_the_system_counts_are_none(right: Path) -> None:
    assert wg.check(right, limits=Limits(1e30, 1e30)).verdict == "right"


def test_grades_never_overwrite_a_program(right: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(right), "--csv", str(right), "--force"]) == 2
    assert "would overwrite a program" in capsys.readouterr().err
    assert right.read_text() == RIGHT


def test_a_program_that_is_not_there_is_refused_before_any_is_judged(
    right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("whygrad.cli.check.check_code", None)
    assert main(["check", str(right), str(tmp_path / "gone.py")]) == 2
    assert capsys.readouterr().err == "whygrad: gone.py is not there\n"


def test_json_holds_the_whole_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(wrong(tmp_path)), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "wrong"
    slips = [slip for section in found["sections"] for slip in section["slips"]]
    assert {"as_it_is", "as_it_should_be", "hint", "title", "key", "layer", "where"} == set(slips[0])


def test_a_folder_is_graded(right: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken, empty = tmp_path / "broken.py", tmp_path / "empty.py"
    broken.write_text("def gradients(parameters, x, y):\n    return parametrs\n", encoding="utf-8")
    empty.write_text("print('hello')\n", encoding="utf-8")
    grades = tmp_path / "grades.csv"
    files = [str(path) for path in (wrong(tmp_path), right, broken, empty)]
    assert main(["check", *files, "--csv", str(grades)]) == 1
    assert "right.py: right" in capsys.readouterr().out
    table = pl.read_csv(grades)
    assert table["file"].to_list() == ["wrong.py", "right.py", "broken.py", "empty.py"]
    assert table["verdict"].to_list() == ["wrong", "right", "wrong", "undecided"]
    assert "line 2: NameError" in table["problems"][2]
    assert main(["check", str(right), "--csv", str(grades)]) == 2  # not overwritten without --force
    assert "exists" in capsys.readouterr().err


def test_a_skeleton_is_written_and_is_not_judged_before_it_is_filled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--new"]) == 0
    assert main(["check", "--new"]) == 2
    assert "my_backprop.py" in capsys.readouterr().err
    assert main(["check", "my_backprop.py"]) == 3
    assert "backward_propagation is not written yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["check"], "Name a Python file"),
        (["check", "nowhere.py"], "nowhere.py is not there"),
        (["check", "x.py", "--losses", "1,2"], "Name a Python file"),
        (["check", "--losses", "1,two"], "'two' is not a number"),
        (["check", "--losses", "1", "--data", "studnets"], "did you mean 'students'"),
        (["check", str(BY_HAND), "--seconds", "0"], "seconds is 0"),
        (["check", str(BY_HAND), "--memory", "-1"], "memory"),
        (["check", str(BY_HAND), "--memory", "nan"], "memory is nan"),
        (["check", str(BY_HAND), "--memory", "inf"], "memory is inf"),
        (["check", "--new", "a.py", "b.py"], "one file"),
    ],
)
def test_bad_requests_are_one_line(tokens: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tokens) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    assert heard.err.count("\n") == 1
    assert said in heard.err


@pytest.mark.proof
def test_three_slips_are_named_from_five_printed_losses_alone() -> None:
    report = wg.check(losses=PRINTED)
    (section,) = report.sections
    assert len(section.slips) == 3
    titles = {slip.title for slip in section.slips}
    assert titles == {
        "dW_1 is transposed",
        "the hidden delta uses W_2 after its update",
        "b_2 starts from W_212 (after its update), not from b_2",
    }
    # a forward pass through W_1 transposed is, from a constant start, the same run for ever
    assert [h.keys[0] for h in section.also] in ([], ["forward-transposed:1"])
