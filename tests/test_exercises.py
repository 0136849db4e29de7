"""Exercises: the key is the truth, the numbers are friendly, the sheets hold what they should in every form."""

import re

import numpy as np
import pytest
from truth import LEGAL, by_complex_step, mean_loss

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.exercises import Exercise, exercise_of, make_exercise, sheet_text
from whygrad.exercises.exercise import exercise_from_plain
from whygrad.losses import LOSSES

HIDDEN = list(ACTIVATIONS)
DRAWN = [(loss, output, HIDDEN[k % len(HIDDEN)]) for k, (loss, output) in enumerate(LEGAL)]


@pytest.mark.parametrize(("loss", "output", "hidden"), DRAWN, ids=lambda v: getattr(v, "name", v))
def test_the_key_is_the_truth(loss: wg.Loss, output: wg.Activation, hidden: str) -> None:
    e = make_exercise((2, 2, 3), hidden, loss, output, seed=5)
    x, y = e.x[None], e.y[None]
    gradient = by_complex_step(lambda w: mean_loss(e.net, loss, w, x, y), e.w)
    named = dict(zip(wg.parameter_names(e.net), gradient, strict=True))
    for name, value in named.items():
        assert e.key[f"dL/d{name}"] == pytest.approx(value, rel=1e-11, abs=1e-13)
        assert e.key[f"new {name}"] == pytest.approx(e.given[name] - e.rate * value, rel=1e-12)
    assert e.key["L"] == pytest.approx(mean_loss(e.net, loss, e.w[None], x, y)[0], rel=1e-12)
    after = mean_loss(e.net, loss, (e.w - e.rate * gradient)[None], x, y)[0]
    assert e.key["new L"] == pytest.approx(after, rel=1e-10)
    assert after < e.key["L"]
    sizes = [abs(e.key[quantity.name]) for quantity in e.quantities]
    assert all(size >= 1e-3 or (size == 0 and hidden == "relu") for size in sizes)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 2), (2, 1, 1, 1, 1, 1, 1), (2, 3, 2, 2)])
@pytest.mark.parametrize("hidden", ["sigmoid", "tanh", "leaky_relu:0.2", "softplus"])
def test_every_factor_is_that_of_the_explanation(sizes: tuple[int, ...], hidden: str) -> None:
    e = make_exercise(sizes, hidden, "mse", seed=1)
    why = wg.explain_row(e.net, e.w, e.x, e.y)
    for layer, (pulls, deltas) in enumerate(zip(why.links.pulls, why.links.deltas, strict=True)):
        for unit, (pull, delta) in enumerate(zip(pulls, deltas, strict=True)):
            assert e.key[f"dL/d{why.symbols.a(layer, unit)}"] == pytest.approx(pull, rel=1e-13)
            assert e.key[f"dL/d{why.symbols.z(layer, unit)}"] == pytest.approx(delta, rel=1e-13)
            slope = f"d{why.symbols.a(layer, unit)}/d{why.symbols.z(layer, unit)}"
            assert e.key.get(slope, 1.0) == pytest.approx(why.links.slopes[layer][unit], rel=1e-13)


@pytest.mark.parametrize("sizes", [(2, 2, 1), (2, 3, 1), (3, 4, 2), (2, 2, 2, 1)])
def test_one_unit_is_off_where_units_can_be(sizes: tuple[int, ...]) -> None:
    """So that relu and its derivative show when they are left out."""
    e = make_exercise(sizes, "relu", seed=1)
    slopes = [e.key[q.name] for q in e.asked if q.name.startswith("dO_")]
    assert sorted(slopes) == [0.0, *[1.0] * (len(slopes) - 1)]
    assert make_exercise((2, 1, 1), "relu").key["dO_11/dz_11"] == 1  # off, it would leave no way back


@pytest.mark.parametrize("seed", range(8))
def test_whoever_rounds_on_the_way_comes_to_the_key(seed: int) -> None:
    """Of seed 0, a draw before had new y_hat = 0.001587 by the key and 0.001384 by numbers of 4 digits."""
    e = make_exercise((2, 2, 2, 2, 1), "tanh", "mse", seed=seed)
    found = dict(e.given)
    for quantity in e.quantities:
        found[quantity.name] = float(f"{quantity.rule(found):.4g}")
        assert found[quantity.name] == pytest.approx(e.key[quantity.name], rel=0.01)


def test_students_row_1_by_hand() -> None:
    e = exercise_of(wg.explain(*wg.example("students")))
    # 0.1*8 + 0.1*8 = 1.6; 0.1*1.6 twice = 0.32; (0.32 - 4)^2 = 13.5424; 2(0.32 - 4) = -7.36; 0.1 - 0.001*(-5.888)
    by_hand = {
        "O_11": 1.6,
        "y_hat": 0.32,
        "L": 13.5424,
        "dL/dy_hat": -7.36,
        "dL/dO_12": -0.736,
        "dL/dW_111": -5.888,
        "dL/dW_212": -11.776,
        "dL/dB_21": -7.36,
        "new W_111": 0.105888,
        "new B_11": 0.000736,
    }
    assert {name: e.key[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-12)
    assert "z_11" not in e.key  # a linear unit's z is its output


def test_a_pair_is_one_step_and_others_are_two() -> None:
    def backward(loss: str, output: str) -> list[str]:
        e = make_exercise((2, 2), "sigmoid", loss, output)
        return [quantity.name for quantity in e.asked if quantity.section == "backward"]

    assert backward("bce", "sigmoid") == backward("cce", "softmax") == ["dL/dz_11", "dL/dz_12"]
    jacobian = ["dy_hat_1/dz_11", "dy_hat_2/dz_11", "dy_hat_1/dz_12", "dy_hat_2/dz_12"]
    assert backward("mse", "softmax") == ["dL/dy_hat_1", "dL/dy_hat_2", *jacobian, "dL/dz_11", "dL/dz_12"]
    assert backward("mse", "linear") == ["dL/dy_hat_1", "dL/dy_hat_2"]


def test_numbers_are_friendly() -> None:
    for seed in range(20):
        e = make_exercise((2, 3, 1), "relu", "mse", seed=seed)
        assert np.array_equal(e.w, e.w.round(2))
        assert np.array_equal(e.x, e.x.round())
        assert len(set(e.x)) == len(e.x)  # equal inputs would hide a transposition
        for layer in wg.views(e.net, e.w):
            assert len(set(layer.W.ravel())) == layer.W.size
        for quantity in e.quantities:
            assert 1e-3 < abs(e.key[quantity.name]) < 100 or e.key[quantity.name] == 0  # of the unit that is off


def test_a_seed_and_an_id_always_draw_the_same() -> None:
    one, same = make_exercise(seed=3, student="ana"), make_exercise(seed=3, student="ana")
    assert one.numbers() == same.numbers()
    others = [make_exercise(seed=3, student="ben"), make_exercise(seed=4, student="ana"), make_exercise(seed=3)]
    for other in others:
        assert other.numbers()["w"] != one.numbers()["w"]


def test_plain_values_read_back_the_same_exercise() -> None:
    e = make_exercise((2, 2, 2), "elu:0.5", "huber:2", seed=9, rate=0.05, digits=5, notation="torch", student="a")
    again = exercise_from_plain(e.settings(), e.numbers())
    assert (again.settings(), again.numbers()) == (e.settings(), e.numbers())
    assert again.key == e.key


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sizes": (2,)}, "at least one layer"),
        ({"sizes": (9, 9, 9)}, "180 parameters; 60 are the most"),
        ({"loss": "bce", "output": "linear"}, "not defined for all that linear returns"),
        ({"loss": "cce"}, "a softmax of one output is always 1"),
        ({"rate": 0.0}, "rate is 0"),
        ({"sizes": (1, 1), "rate": 1e6}, "no friendly numbers were found for 1-1 .* smaller rate"),
        ({"digits": 1}, "digits is 1, but must be from 2 to 9"),
        ({"notation": "greek"}, "notation"),
        ({"activation": "sigmod"}, "did you mean 'sigmoid'"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_makes_no_exercise_is_refused(settings: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises((wg.InputError, wg.WrongTypeError), match=words):
        make_exercise(**settings)


def test_weighted_rows_and_wrong_shapes_are_refused() -> None:
    e = make_exercise()
    with pytest.raises(wg.InputError, match="x must be 2 finite numbers"):
        Exercise(e.net, e.loss, e.x[:1], e.y, e.w, 0.1)
    with pytest.raises(wg.InputError, match="w must be 9 finite numbers"):
        Exercise(e.net, e.loss, e.x, e.y, e.w * np.nan, 0.1)
    table = wg.table_from_arrays([[1.0, 2.0], [2.0, 3.0]], [1.0, 2.0], row_weights=[2.0, 1.0])
    net = wg.Network(2, (wg.Dense(1),))
    with pytest.raises(wg.InputError, match="weight 2"):
        exercise_of(wg.explain(net, table, wg.Training("mse", start="0.1", scale="none")))


# ---- sheets ----


def test_a_sheet_asks_for_everything_and_tells_nothing() -> None:
    e = make_exercise((2, 2, 1), "sigmoid", "bce", seed=3)
    sheet, key = sheet_text(e), sheet_text(e, key=True)
    for number, quantity in enumerate(e.asked, start=1):
        assert f"\n{number}. ${quantity.sign.latex} =$ ________" in sheet
        answer = f"{e.key[quantity.name]:.4g}"
        assert f"{number}. ${quantity.sign.latex} = " in key
        assert answer in key
        assert len(answer.lstrip("-")) < 4 or answer not in sheet  # two digits may be given numbers, too
    assert f"{e.points} points" in sheet
    assert e.points == sum(map(int, re.findall(r"\((\d) points?\)", sheet)))
    assert "natural logarithm" in sheet


def test_a_students_sheet_bears_the_name_and_says_where_answers_go() -> None:
    e = make_exercise(student="m17", name="Ana & Bo <x>")
    assert "Name: Ana & Bo <x> (m17)" in sheet_text(e)
    assert r"Ana \& Bo" in sheet_text(e, "latex")
    assert "Ana &amp; Bo &lt;x&gt; (m17)" in sheet_text(e, "html")
    assert all("m17.csv" in sheet_text(e, form) for form in ("md", "latex", "html"))
    assert "the answers table under your own name" in sheet_text(make_exercise())  # not all as sheet.csv


def test_latex_sets_names_as_mathematics_and_prints_any_name() -> None:
    e = make_exercise((1, 1), student="7", name="Дмитрий Müller")
    paper = sheet_text(e, "latex")
    assert r"$W_{\text{layer,to,from}}$ and $B_{\text{layer,unit}}$, counted from 1: $W_{111}$ is" in paper
    assert r"\ifdefined\Umathchar Д\else [U+0414]\fi{}" in paper  # pdfLaTeX has no such letter
    assert " Müller (7)" in paper
    assert r"\given{Input}{\mbox{$x_{1} =" in paper
    assert not re.search("[Ѐ-ӿ]", re.sub(r"Umathchar .", "", paper))


def test_a_long_formula_may_break_in_latex_and_a_short_one_is_whole() -> None:
    long = sheet_text(make_exercise((4, 2, 1), "tanh", notation="keras", seed=3), "latex", key=True)
    assert r"\texttt{inputs[0]} $ ${} + \texttt{dense\_0.kernel[1, 0]}" in long
    assert "$ ${} + W" not in sheet_text(make_exercise((2, 2, 1), seed=3), "latex", key=True)


def test_a_page_on_a_narrow_screen_is_one_column() -> None:
    page = sheet_text(make_exercise(), "html")
    narrow = page[page.index("@media (max-width") :]
    assert "ol.asked { columns: 1; }" in narrow
    assert "svg { max-width: 100%; height: auto; }" in page


ARTICLE = """
documentclass usepackage setlength addtolength newcommand parindent parskip topmargin textheight oddsidemargin
textwidth linewidth makebox parbox raggedright par quad hfill dotfill rule pagestyle begin end section subsection
displaystyle frac tfrac partial hat cdot eta log cosh tanh max text texttt textless textgreater textbar mathtt
textbackslash textasciicircum textasciitilde mathrm operatorname le left right sum textstyle sigma Phi varphi
lambda alpha asked worked given mbox dimexpr sloppy
"""


@pytest.mark.parametrize(
    ("notation", "key"), [("course", False), ("course", True), ("3b1b", True), ("keras", False), ("torch", True)]
)
def test_every_formula_can_be_written_in_every_form(notation: str, key: bool) -> None:
    """LaTeX: braces and environments closed, dollars in pairs, no command beyond article and amsmath."""
    for k, (name, activation) in enumerate(ACTIVATIONS.items()):
        legal = [loss for loss in LOSSES.values() if loss.accepts(activation)]
        e = make_exercise((2, 2, 2), name, legal[k % len(legal)], name, seed=2, notation=notation)
        page, paper = sheet_text(e, "html", key), sheet_text(e, "latex", key)
        assert page.count("<math") == page.count("</math>") >= len(e.asked)
        assert not re.search(r"<script|src=|href=|\\frac|\$", page)
        bare = paper.replace(r"\{", "").replace(r"\}", "").replace(r"\$", "")
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert paper.count(r"\begin{") == paper.count(r"\end{")
        assert set(re.findall(r"\\([a-zA-Z]+)", bare)) <= {*ARTICLE.split()}
        assert not re.search(r"(?<![\\])[#&%]", re.sub(r"#[123]", "", paper))


def test_constants_stand_in_the_formulas() -> None:
    selu = sheet_text(make_exercise((2, 2, 1), "selu"))
    assert r"$\lambda = 1.0507$ and $\alpha = 1.67326$" in selu
    assert "0.2" in sheet_text(make_exercise((2, 2, 1), "leaky_relu:0.2", seed=1)).split("## Given")[0]


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(wg.InputError, match="format: 'pdf' is not known"):
        sheet_text(make_exercise(), "pdf")
