"""The workbook: evaluated by another program, its formulas give whygrad's numbers, also when cells are changed."""

import csv
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truth import LEGAL, case, targets_for
from workbooks import Workbook, column_letters

import whygrad as wg
from whygrad.activations import ACTIVATIONS, Activation
from whygrad.explanation.excel import ACTIVATION_CELLS, LOSS_CELLS, PAIR_CELLS
from whygrad.explanation.explanation import Explanation
from whygrad.explanation.moment import Moment
from whygrad.explanation.spreadsheet import write_spreadsheet
from whygrad.explanation.stages import stages
from whygrad.explanation.whatif import what_if
from whygrad.explanation.workbook import letters
from whygrad.losses import LOSSES, Loss

SHEET = "one row"


def written(why: Explanation, path: Path) -> Workbook:
    write_spreadsheet(why.moment, why.links, why.symbols, path)
    return Workbook(path)


def numbers(moment: Moment) -> dict[str, float]:
    """whygrad's number for every cell."""
    why = Explanation(moment)
    return {cell.name: cell.number for stage in stages(moment, why.links, why.symbols) for cell in stage.cells}


def assert_agrees(book: Workbook, truth: dict[str, float]) -> None:
    for name, number in truth.items():
        assert abs(book[name] - number) <= 1e-12 * max(1.0, abs(number)), f"{name}: {book[name]} for {number}"


def changed(moment: Moment, rate: float) -> tuple[Moment, dict[str, float]]:
    """The moment with every number that can be put in moved a little, and what to put in."""
    draw = np.random.default_rng(7)
    x, y = moment.row.x + draw.normal(0, 0.05, moment.row.x.shape), moment.row.y
    if moment.loss.targets == "any":
        y = y + draw.normal(0, 0.05, y.shape)
    if moment.loss.targets == "distribution":
        y = targets_for(moment.loss, 1, moment.net.outputs, draw)
    w = moment.w + draw.normal(0, 0.05, moment.w.shape)
    new = replace(moment, w=w, row=replace(moment.row, x=x, y=y), rate=rate)
    names = Explanation(moment).symbols
    put = dict(zip(wg.parameter_names(moment.net), w, strict=True))
    put |= {names.x(n).text: float(x[0, n]) for n in range(x.shape[1])}
    put |= {names.y(n).text: float(y[0, n]) for n in range(y.shape[1])}
    return new, put | {"learning_rate": rate}


def test_students_row_1(tmp_path: Path) -> None:
    book = written(wg.explain(*wg.example("students")), tmp_path / "students.xlsx")
    assert book["y_hat"] == pytest.approx(0.32)
    assert book["L"] == pytest.approx(13.5424)
    assert [book[f"dL_dW_{n}"] for n in (111, 112, 121, 122, 211)] == pytest.approx([-5.888] * 4 + [-11.776])
    assert [book["dL_dB_11"], book["dL_dB_21"]] == pytest.approx([-0.736, -7.36])
    assert book["new_W_111"] == pytest.approx(0.1 + 0.001 * 5.888)
    assert book["new_W_211"] == pytest.approx(0.1 + 0.001 * 11.776)
    # 0.105888 * 16 + 0.000736 = 1.694944 twice, times 0.111776, and 0.00736: 0.386268121088
    assert book["new_y_hat"] == pytest.approx(0.386268121088)
    assert book["new_L"] == pytest.approx((4 - 0.386268121088) ** 2)
    assert book.at(SHEET, "A1") == "Backpropagation of row 1 (index 0), at the start"
    assert book.at(SHEET, "A5") == "all 29 numbers agree with whygrad's"


def test_a_change_flows_and_is_told(tmp_path: Path) -> None:
    book = written(wg.explain(*wg.example("students")), tmp_path / "students.xlsx")
    book.put("W_211", 0.2)
    # y_hat = 0.2*1.6 + 0.1*1.6 = 0.48, dL/dy_hat = -7.04, dL/dO_11 = 0.2 * -7.04
    assert [book["y_hat"], book["dL_dy_hat"], book["dL_dO_11"]] == pytest.approx([0.48, -7.04, -1.408])
    assert book["dL_dW_111"] == pytest.approx(8 * -1.408)
    assert book["cells_changed"] == 1
    line = {name: book.names[name].rsplit("$", 1)[1] for name in ("W_211", "O_11", "y_hat")}
    said = {name: book.at(SHEET, f"D{at}") for name, at in line.items()}
    assert said == {"W_211": "changed", "O_11": "agrees", "y_hat": "moved"}
    # O_11 and O_12 are before the change; all 27 others are behind it
    assert book.at(SHEET, "A5") == "27 of 29 numbers moved; the others do not depend on it"


def test_a_wrong_number_is_said_loudly(tmp_path: Path) -> None:
    book = written(wg.explain(*wg.example("students")), tmp_path / "students.xlsx")
    line = book.names["L"].rsplit("$", 1)[1]
    book.cells[(SHEET, f"C{line}")] = 13.5424001
    assert book.at(SHEET, f"D{line}") == "DIFFERS"
    assert book.at(SHEET, "A5") == "1 numbers DIFFER from whygrad's"


# every activation in both places, every loss with the outputs it is used with; the proof takes all together
USUAL = ("linear", "sigmoid", "softmax", "softplus")
MATRIX = [("tanh", *pair) for pair in LEGAL if pair[0].name == "mean_squared_error" or pair[1].name in USUAL]
MATRIX += [(hidden, LOSSES["mean_squared_error"], ACTIVATIONS["linear"]) for hidden in ACTIVATIONS]
PROOF = [(hidden, *pair) for hidden in ACTIVATIONS for pair in LEGAL if (hidden, *pair) not in MATRIX]


@pytest.mark.parametrize(
    ("hidden", "loss", "output"),
    [*MATRIX, *(pytest.param(*each, marks=pytest.mark.proof) for each in PROOF)],
    ids=lambda v: getattr(v, "name", v),
)
def test_every_formula_is_whygrads_before_and_after_changes(
    hidden: str, loss: Loss, output: Activation, tmp_path: Path
) -> None:
    net, w, x, y = case(hidden, output.name, loss, 2, rows=2)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    moment = replace(why.moment, rows=wg.Rows(x, y))
    book = written(Explanation(moment), tmp_path / "book.xlsx")
    assert_agrees(book, numbers(moment))
    gradient = [book[f"dL_d{name}"] for name in wg.parameter_names(net)]
    np.testing.assert_allclose(gradient, why.gradient, rtol=0, atol=1e-12 * max(1, np.abs(gradient).max()))
    assert "agree with whygrad's" in book.at(SHEET, "A5")
    assert book.at("all rows", "D3") == "agrees"
    for name, place in book.names.items():  # what a viewer shows that computes nothing
        at = book._places(place, "")[0]
        if at in book.cached and ":" not in place and not name.startswith("_"):
            assert float(book.cached[at]) == pytest.approx(book[name], rel=1e-12, abs=1e-12)

    new, put = changed(moment, rate=0.3)
    for name, value in put.items():
        book.put(name, value)
    assert_agrees(book, numbers(new))
    mean = what_if(moment, dict(zip(wg.parameter_names(net), new.w, strict=True))).after.mean_loss
    assert book.at("all rows", "B3") == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize(("g", "loss"), [("sigmoid", "bce"), ("softmax", "cce")])
def test_saturated_pairs_overflow_nothing(g: str, loss: str, tmp_path: Path) -> None:
    net = wg.Network(1, (wg.Dense(2, g), wg.Dense(2, g)))
    for scale in (50.0, 5000.0):
        w = scale * np.array([1, -1, 0, 0, 1, -1, -1, 1, 0, 0.5])
        why = wg.explain_row(net, w, [1.0], [0.0, 1.0], loss)
        book = written(why, tmp_path / "book.xlsx")
        assert_agrees(book, numbers(why.moment))


def test_other_saturated_units_overflow_nothing(tmp_path: Path) -> None:
    for name in set(ACTIVATIONS) - {"softmax"}:
        net = wg.Network(1, (wg.Dense(1, name),))
        for w in (-2000.0, 2000.0):
            why = wg.explain_row(net, np.array([w, 0.0]), [1.0], [1.0], "log_cosh")
            assert_agrees(written(why, tmp_path / "book.xlsx"), numbers(why.moment))


def test_weighted_rows_and_all_rows(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    net = wg.Network(2, (wg.Dense(3, "softmax"), wg.Dense(2)))
    x, y, weights = draw.normal(size=(4, 2)), draw.normal(size=(4, 2)), np.array([2.0, 0.5, 1.0, 3.0])
    rows = wg.Rows(x, y, weights)
    why = wg.explain_row(net, draw.normal(size=net.n_parameters), x[1], y[1])
    moment = replace(why.moment, row=rows.take(slice(1, 2)), rows=rows, members=np.array([0, 2, 5, 7]))
    book = written(Explanation(moment), tmp_path / "book.xlsx")
    assert_agrees(book, numbers(moment))
    assert book["row_weight"] == 0.5
    book.put("row_weight", 4.0)
    assert book["L"] == pytest.approx(8 * Explanation(moment).loss)
    assert [book.at("all rows", f"A{line}") for line in range(6, 10)] == [1, 3, 6, 8]
    outputs = wg.forward_propagation(net, moment.w, x).output
    truth = (weights * ((outputs - y) ** 2).mean(axis=1)).mean()
    assert book.at("all rows", "B3") == pytest.approx(truth, rel=1e-13)


def test_many_rows_have_no_sheet(tmp_path: Path) -> None:
    why = wg.explain_row(wg.Network(1, (wg.Dense(1),)), 0.5, [1.0], [1.0])
    rows = wg.Rows(np.ones((101, 1)), np.ones((101, 1)))
    assert written(Explanation(replace(why.moment, rows=rows)), tmp_path / "book.xlsx").sheets == [SHEET]


def test_names_are_legal_and_each_its_own(tmp_path: Path) -> None:
    net = wg.Network(12, (wg.Dense(6, "softmax"), wg.Dense(10, "tanh"), wg.Dense(1)))
    draw = np.random.default_rng(0)
    why = wg.explain_row(net, draw.normal(0, 0.3, net.n_parameters), draw.normal(size=12), [1.0])
    book = written(why, tmp_path / "book.xlsx")
    assert len({name.lower() for name in book.names}) == len(book.names) > 3 * net.n_parameters
    for name in book.names:
        assert re.fullmatch(r"[A-Za-z_]\w*", name)
        assert not re.fullmatch(r"(?i)[a-z]{1,3}\d+|r\d*(c\d*)?|c\d*", name)  # A1 and R1C1 are cells
    assert_agrees(book, numbers(why.moment))


def test_signs_are_in_the_notation_asked_for(tmp_path: Path) -> None:
    why = wg.explain(*wg.example("chain"), notation="torch")
    found = {c.name: (c.sign, c.how) for s in stages(why.moment, why.links, why.symbols) for c in s.cells}
    assert found["z_21"] == ("z1[0]", "1.weight[0, 0]*a0[0] + 1.bias[0]")
    assert found["O_21"] == ("a1[0]", "1/(1 + e^(-z1[0]))")
    assert found["dL_dW_311"] == ("d loss/d 2.weight[0, 0]", "a1[0]*d loss/d z2[0]")
    assert found["x_1"] == ("x[0]", "column x, 1 in the table")
    assert found["new_y_hat"] == ("new a2[0]", "as before")
    book = written(why, tmp_path / "chain.xlsx")
    assert "2.weight[0, 0]" in book.cells.values()


def test_every_activation_and_loss_has_a_formula() -> None:
    assert set(ACTIVATION_CELLS) == set(ACTIVATIONS)
    assert set(LOSS_CELLS) == set(LOSSES)
    assert set(PAIR_CELLS) == {name for name, loss in LOSSES.items() if loss.shortcut}


def test_another_reader_opens_it(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "xor.xlsx"
    written(wg.explain(*wg.example("xor")), path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == [SHEET, "all rows"]
    assert book[SHEET].freeze_panes == "B11"  # title, network, legend, hint, state, 3 numbers, changes, header
    sheet, cell = next(book.defined_names["y_hat"].destinations)
    assert (sheet, book[SHEET][cell.replace("$", "")].value) == (SHEET, "=1/(1+EXP(MIN(-z_21,700)))")
    values = openpyxl.load_workbook(path, data_only=True)[SHEET]
    assert values[cell.replace("$", "")].value == pytest.approx(wg.explain(*wg.example("xor")).outputs[0])


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(why: Explanation, says: str, name: str = "book.xlsx") -> None:
        with pytest.raises(wg.InputError, match=says):
            written(why, tmp_path / name)
        assert not (tmp_path / name).exists()

    small = wg.explain_row(wg.Network(1, (wg.Dense(1),)), 0.5, [1.0], [1.0])
    refused(small, "book.csv is no name of a workbook; it must end in .xlsx", "book.csv")
    wide = wg.Network(200, (wg.Dense(1),))
    refused(wg.explain_row(wide, 0.1, np.ones(200), [1.0]), "201 parameters; one is made for at most 200")
    own = wg.Network(1, (wg.Dense(1, Activation("square", value_rule=lambda xp, z, k: z * z)),))
    refused(
        wg.explain_row(own, 0.1, [1.0], [1.0]), "the activation 'square' has no formula there; it can be linear"
    )
    one = wg.Network(1, (wg.Dense(1),))
    refused(wg.explain_row(one, 0.1, [1.0], [1.0], Loss("mine")), "the loss 'mine' has no formula there")
    huge = replace(small.moment, w=np.array([1e200, 0.0]))
    refused(Explanation(huge), "L is inf, but cells hold only finite numbers")
    with pytest.raises(wg.WrongTypeError, match="the path is a int"):
        written(small, 3)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    refused(small, r"a spreadsheet needs XlsxWriter: pip install 'whygrad\[xlsx\]'")


@pytest.mark.parametrize("column", [0, 25, 26, 51, 52, 701, 702, 16383])
def test_columns_have_letters(column: int) -> None:
    assert letters(column) == column_letters(column + 1)
    assert (letters(0), letters(26), letters(702), letters(16383)) == ("A", "AA", "AAA", "XFD")


@pytest.mark.proof
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize(("hidden", "loss", "output"), MATRIX, ids=lambda v: getattr(v, "name", v))
def test_libreoffice_computes_the_same(hidden: str, loss: Loss, output: Activation, tmp_path: Path) -> None:
    net, w, x, y = case(hidden, output.name, loss, 2, rows=2)
    moment = replace(wg.explain_row(net, w, x[0], y[0], loss).moment, rows=wg.Rows(x, y))
    book = written(Explanation(moment), tmp_path / "book.xlsx")
    new, put = changed(moment, rate=0.3)
    computed = in_libreoffice(tmp_path / "book.xlsx", book, put)
    for name, number in numbers(new).items():
        line = int(book.names[name].rsplit("$", 1)[1])
        assert abs(computed[line - 1][1] - number) <= 1e-12 * max(1, abs(number)), name
    said = {row[3] for row in computed}
    assert "moved" in said
    assert not said & {"DIFFERS", "no number"}


def in_libreoffice(path: Path, book: Workbook, put: dict[str, float]) -> list[list]:
    """The first sheet's cells as LibreOffice computes them, with those numbers put in and no value kept."""
    edited = path.with_name("edited.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(edited, "w") as new:
        for item in old.namelist():
            data = old.read(item).decode()
            if item == "xl/worksheets/sheet1.xml":
                data = re.sub(r"</f><v>[^<]*</v>", "</f>", data)
                for name, value in put.items():
                    cell = book.names[name].rsplit("!", 1)[1].replace("$", "")
                    data, count = re.subn(rf'(<c r="{cell}"[^>]*><v>)[^<]*', rf"\g<1>{float(value)!r}", data)
                    assert count == 1
                data = re.sub(r'(<c r="[A-Z]+\d+"[^>]*?) t="str"', r"\1", data)
            new.writestr(item, data)
    say = 'csv:"Text - txt - csv (StarCalc)":44,34,76,1,,0,false,false,false,false,false,1'
    command = ["soffice", "--headless", "--convert-to", say.replace('"', ""), "--outdir", str(path.parent)]
    subprocess.run([*command, str(edited)], check=True, capture_output=True, timeout=120)
    found = next(path.parent.glob("edited*.csv"))
    with found.open(newline="") as stream:
        rows = list(csv.reader(stream))
    found.unlink()
    return [[row[0], as_number(row[1]), *row[2:]] for row in rows]


def as_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
