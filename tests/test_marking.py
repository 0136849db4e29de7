"""Marking: errors are followed through, rounding costs nothing, slips are named, and nothing stops it."""

import math

import numpy as np
import pytest

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.exercises import Exercise, Marks, exercise_of, feedback, make_exercise, mark_answers
from whygrad.exercises.answers import read_answers, read_number
from whygrad.losses import LOSSES


def rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def cut_off(value: float, digits: int) -> float:
    """The value with no more than so many digits, the rest thrown away."""
    mantissa, power = f"{value:.14e}".split("e")
    point = mantissa.index(".")
    return float(f"{mantissa[: point + digits]}e{power}")


def student(e: Exercise, planted: str = "", error=lambda v: -v, written=rounded, carried=True) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """The answers of somebody who works everything out of own numbers; one goes wrong where it is planted."""
    own, answers = dict(e.given), {}
    for quantity in e.quantities:
        value = quantity.rule(own)
        value = error(value) if quantity.name == planted else value
        own[quantity.name] = written(value, e.digits) if carried else value
        if quantity.points:
            answers[quantity.name] = f"{written(value, e.digits):.12g}"
    return answers


def not_right(marks: Marks) -> dict[str, str]:
    return {mark.quantity.name: mark.status for mark in marks.marks if not mark.right}


def draws(count: int, seed: int) -> list[Exercise]:
    """Exercises of random shapes, activations and losses."""
    rng, found = np.random.default_rng(seed), []
    shapes = [(2, 2, 1), (2, 2, 2), (2, 1), (3, 2), (2, 3, 3), (1, 2, 2, 1), (2, 3, 2, 2)]
    legal = [(loss, g) for loss in LOSSES.values() for g in ACTIVATIONS.values() if loss.accepts(g)]
    while len(found) < count:
        sizes = shapes[rng.integers(len(shapes))]
        loss, output = legal[rng.integers(len(legal))]
        hidden = list(ACTIVATIONS)[rng.integers(len(ACTIVATIONS) - 1)]
        if sizes[-1] > 1 or output.name != "softmax":
            found.append(make_exercise(sizes, hidden, loss, output, seed=len(found)))
    return found


SIGMOID = make_exercise((2, 2, 1), "sigmoid", "bce", seed=3)
SOFTMAX = make_exercise((2, 2, 3), "tanh", "cce", seed=1)
UNFUSED = make_exercise((2, 2, 2), "softplus", "mse", "softmax", seed=4)
STUDENTS = exercise_of(wg.explain(*wg.example("students")))
SOME = [SIGMOID, SOFTMAX, UNFUSED, STUDENTS]
NAMED = ["sigmoid", "softmax", "unfused", "students"]


@pytest.mark.parametrize("written", [rounded, cut_off])
@pytest.mark.parametrize("carried", [True, False])
def test_right_answers_are_right_however_they_are_rounded(written: object, carried: bool) -> None:
    for e in [*SOME, *draws(40, 1)]:
        marks = mark_answers(e, student(e, written=written, carried=carried))
        assert not_right(marks) == {}, e.net
        assert marks.points == e.points


@pytest.mark.parametrize("digits", [2, 3, 6, 9])
def test_other_numbers_of_digits(digits: int) -> None:
    e = make_exercise((2, 2, 1), "tanh", "mse", seed=8, digits=digits)
    assert not_right(mark_answers(e, student(e))) == {}
    assert not_right(mark_answers(e, student(e, written=cut_off, carried=False))) == {}


@pytest.mark.parametrize("error", [lambda v: 0.9 * v, lambda v: v + 0.07], ids=["a tenth", "0.07"])
@pytest.mark.parametrize("e", SOME, ids=NAMED)
def test_one_error_costs_once_wherever_it_is(e: Exercise, error: object) -> None:
    for quantity in e.asked:
        marks = mark_answers(e, student(e, quantity.name, error))
        assert not_right(marks) == {quantity.name: "wrong"}
        assert marks.points == e.points - quantity.points


def test_one_error_in_random_networks_costs_once() -> None:
    for e in draws(7, 2):
        for quantity in e.asked:
            marks = mark_answers(e, student(e, quantity.name, lambda v: 0.9 * v if v else 0.07))
            assert not_right(marks) == {quantity.name: "wrong"}, (e.net, e.loss.name)


def test_an_error_at_a_unit_that_is_off_costs_once() -> None:
    e = make_exercise((2, 3, 1), "relu", seed=2)
    off = next(name for name, value in e.key.items() if name.startswith("O_") and value == 0)
    left_out = student(e, off, lambda v: e.key[off.replace("O", "z")])  # relu left out
    marks = mark_answers(e, left_out)
    assert not_right(marks) == {off: "wrong"}
    assert marks.having("wrong")[0].slips == ("the activation is left out",)
    for quantity in e.asked:
        marks = mark_answers(e, student(e, quantity.name, lambda v: v + 0.3))
        assert not_right(marks) == {quantity.name: "wrong"}


def test_numbers_beyond_all_measure_are_marked_like_others() -> None:
    net, mse = wg.Network(2, (wg.Dense(2), wg.Dense(1))), LOSSES["mean_squared_error"]
    w = np.array([1.5, 0.2, -0.3, 0.7, 100.0, -20.0, 2.5, -1.5, 3.0])
    e = Exercise(net, mse, np.array([1200.0, 35000.0]), np.array([1e6]), w, 1e-9)
    assert e.key["L"] > 1e12
    assert not_right(mark_answers(e, student(e))) == {}
    for quantity in e.asked:
        assert not_right(mark_answers(e, student(e, quantity.name))) == {quantity.name: "wrong"}
    assert not_right(mark_answers(e, {**student(e), "new L": "1e30"})) == {"new L": "unreadable"}


def test_what_follows_from_an_error_is_said_to() -> None:
    marks = mark_answers(SIGMOID, student(SIGMOID, "dL/dO_11"))
    follows = {mark.quantity.name for mark in marks.having("follows")}
    # downstream of dL/dO_11: the first unit's delta, its three derivatives, its three new parameters, the new pass
    first = {"dL/dz_11", "dL/dW_111", "dL/dW_112", "dL/dB_11", "new W_111", "new W_112", "new B_11"}
    assert first <= follows <= first | {"new y_hat", "new L"}


def test_going_on_with_the_right_number_after_a_wrong_one_is_right_too() -> None:
    answers = student(SIGMOID)
    answers["dL/dz_21"] = "0.9"  # a slip of the pen; all that follows is taken from the right number
    assert not_right(mark_answers(SIGMOID, answers)) == {"dL/dz_21": "wrong"}


def test_going_on_as_if_a_second_error_had_not_been_made() -> None:
    """An early error is followed through, a later slip of the pen is not."""
    answers = student(SIGMOID, "z_11", lambda v: v + 0.3)
    answers["dL/dz_21"] = "0.9"
    assert not_right(mark_answers(SIGMOID, answers)) == {"z_11": "wrong", "dL/dz_21": "wrong"}


def test_two_errors_cost_twice() -> None:
    answers = student(SIGMOID, "z_11", lambda v: v + 0.3)
    own = {**SIGMOID.given, **{name: float(text) for name, text in answers.items()}}
    rule = {quantity.name: quantity.rule for quantity in SIGMOID.quantities}
    own["dL/dz_12"] = -rule["dL/dz_12"](own)
    for name in ("dL/dW_121", "dL/dW_122", "dL/dB_12", "new W_121", "new W_122", "new B_12"):
        own[name] = rule[name](own)
    for name in answers:
        answers[name] = f"{own[name]:.4g}"
    wrong = not_right(mark_answers(SIGMOID, answers))
    assert {name for name in wrong if not name.startswith("new")} == {"z_11", "dL/dz_12"}


@pytest.mark.parametrize("e", SOME, ids=NAMED)
def test_a_missing_answer_costs_itself_alone(e: Exercise) -> None:
    for quantity in e.asked:
        answers = student(e)
        answers[quantity.name] = ""
        assert not_right(mark_answers(e, answers)) == {quantity.name: "missing"}


def test_an_error_made_on_the_way_to_a_missing_answer_shows_once() -> None:
    answers = student(SIGMOID, "z_11", lambda v: v + 0.3)
    del answers["z_11"]
    assert not_right(mark_answers(SIGMOID, answers)) == {"z_11": "missing", "O_11": "wrong"}


def test_nonsense_gets_nothing_and_stops_nothing() -> None:
    rng = np.random.default_rng(0)
    for e in SOME:
        names = [quantity.name for quantity in e.asked]
        words = mark_answers(e, dict.fromkeys(names, "I do not know"))
        assert (words.points, len(words.having("unreadable"))) == (0, len(names))
        assert mark_answers(e, {}).points == 0
        huge = {name: f"{value:.5e}" for name, value in zip(names, 1e9 * rng.normal(size=99), strict=False)}
        assert mark_answers(e, huge).points == 0
        zeros = mark_answers(e, dict.fromkeys(names, "0"))
        assert zeros.points < e.points  # of nothing but 0, later 0s follow rightly from earlier ones
        small = {name: f"{value:.4f}" for name, value in zip(names, rng.normal(size=99), strict=False)}
        wild = mark_answers(e, small)
        assert wild.points <= 3
        assert all(math.isfinite(mark.expected) for mark in wild.marks)


def test_too_few_digits_are_right_with_a_note_and_far_too_few_are_wrong() -> None:
    y_hat = SIGMOID.key["y_hat"]
    assert f"{y_hat:.6f}" == "0.486703"
    for text, status, note in [
        ("0.4867", "right", ""),
        ("0.48670", "right", ""),
        ("0.4868", "right", ""),  # less than one unit of the last digit off
        ("0.4864", "wrong", ""),
        ("0.49", "right", "only 2 digits; 4 were asked for"),
        ("0.48", "wrong", ""),
        ("0.5", "wrong", ""),
    ]:
        answers = student(SIGMOID, carried=False)
        answers["y_hat"] = text
        marks = mark_answers(SIGMOID, answers)
        mark = next(mark for mark in marks.marks if mark.quantity.name == "y_hat")
        assert (mark.status, mark.note) == (status, note), text
        assert len(not_right(marks)) == (status == "wrong")


def test_the_last_digit_counts_where_nothing_before_it_was_rounded() -> None:
    # z_11 = -0.4*3 + 0.1*5 + 0.4 = -0.3
    for text, status in (("-0.3", "right"), ("-0.3001", "right"), ("-0.3002", "wrong"), ("0.3", "wrong")):
        assert mark_answers(SIGMOID, {"z_11": text}).marks[0].status == status, text


def named(e: Exercise, name: str, wrong: float) -> tuple[str, ...]:
    """The slips that are found when everything is right but that answer."""
    answers = {**student(e, carried=False), name: f"{wrong:.{e.digits}g}"}
    marks = {mark.quantity.name: mark for mark in mark_answers(e, answers).marks}
    assert marks[name].status == "wrong"
    return marks[name].slips


K, S, U, T = SIGMOID.key, SOFTMAX.key, UNFUSED.key, STUDENTS.key
SLIPS = [
    (SIGMOID, "dL/dW_111", -K["dL/dW_111"], "the sign is turned round"),
    (SIGMOID, "dL/dz_21", K["y"] - K["y_hat"], "the sign is turned round"),
    (STUDENTS, "dL/dy_hat", 0.32 - 4, "a factor 2 is missing"),
    (SIGMOID, "L", -math.log10(1 - K["y_hat"]) if K["y"] == 0 else -math.log10(K["y_hat"]), "base 10"),
    (STUDENTS, "L", 0.5 * (0.32 - 4) ** 2, "a factor 1/2"),
    (SIGMOID, "z_11", K["z_11"] - K["B_11"], "the bias is left out"),
    (SIGMOID, "z_21", K["W_211"] * K["z_11"] + K["W_212"] * K["z_12"] + K["B_21"], "z was taken"),
    (SIGMOID, "z_11", K["W_111"] * K["x_1"] + K["W_121"] * K["x_2"] + K["B_11"], "indices of the weights"),
    (SIGMOID, "O_12", 1 / (1 + math.exp(K["z_12"])), "sign in the exponent"),
    (SIGMOID, "O_12", K["z_12"], "the activation is left out"),
    (SIGMOID, "dO_11/dz_11", K["O_11"], "not its derivative"),
    (SIGMOID, "dO_11/dz_11", K["z_11"] * (1 - K["z_11"]), "z was taken where the unit's output belongs"),
    (SIGMOID, "dL/dz_12", K["dL/dO_12"], "the activation's derivative is left out"),
    (SIGMOID, "dL/dz_12", K["dL/dO_12"] * K["O_12"], "multiplied by the unit's output"),
    (SIGMOID, "dL/dz_21", (K["y_hat"] - K["y"]) * K["y_hat"] * (1 - K["y_hat"]), "multiplied in once more"),
    (SIGMOID, "dL/dO_12", K["new W_212"] * K["dL/dz_21"], "already updated"),
    (SOFTMAX, "dL/dO_11", S["W_211"] * S["dL/dz_21"] + S["W_221"] * S["dL/dz_22"], "path through W_231"),
    (UNFUSED, "dL/dO_12", U["W_221"] * U["dL/dz_21"] + U["W_222"] * U["dL/dz_22"], "indices of the weights"),
    (UNFUSED, "dL/dz_21", U["dL/dy_hat_1"] * U["dy_hat_1/dz_21"], "softmax mixes all"),
    (UNFUSED, "dL/dy_hat_1", 2 * (U["y_hat_1"] - U["y_1"]), "the factor 1/2 of the mean"),
    (SIGMOID, "dL/dW_112", K["dL/dz_12"] * K["x_1"], "transposed"),
    (SIGMOID, "dL/dW_112", K["dL/dO_11"] * K["x_2"], "dL/dO_11 was taken where dL/dz_11 belongs"),
    (SIGMOID, "dL/dW_211", K["dL/dz_21"] * K["z_11"], "z was taken"),
    (SIGMOID, "dL/dW_211", K["dL/dz_21"], "O_11 is left out"),
    (SIGMOID, "dL/dB_11", K["dL/dz_11"] * K["x_2"], "multiplied by x_2"),
    (SIGMOID, "new W_212", K["W_212"] + 0.1 * K["dL/dW_212"], "added"),
    (SIGMOID, "new W_212", K["W_212"] - K["dL/dW_212"], "the learning rate is left out"),
    (SIGMOID, "new W_212", -0.1 * K["dL/dW_212"], "only the step"),
    (SIGMOID, "new y_hat", K["y_hat"], "the old parameters were used"),
    (SIGMOID, "new L", K["L"], "the old parameters were used"),
    (SIGMOID, "dL/dW_122", 10 * K["dL/dW_122"], "decimal point"),
]


@pytest.mark.parametrize(("e", "name", "wrong", "words"), SLIPS, ids=[f"{s[1]} {s[3]}" for s in SLIPS])
def test_slips_are_named(e: Exercise, name: str, wrong: float, words: str) -> None:
    assert any(words in slip for slip in named(e, name, wrong))


def test_numbers_that_fit_no_slip_are_not_accused() -> None:
    rng = np.random.default_rng(5)
    accused = 0
    for k in range(200):
        quantity = SIGMOID.asked[k % len(SIGMOID.asked)]
        wrong = SIGMOID.key[quantity.name] * rng.uniform(1.2, 1.9)
        accused += bool(named(SIGMOID, quantity.name, wrong))
    assert accused <= 2  # by chance alone, one number in some hundreds is that of a slip


def test_a_slip_is_judged_from_the_students_own_numbers() -> None:
    answers = student(SIGMOID, "dL/dz_21", lambda v: v + 0.2)
    own = float(answers["dL/dz_21"])
    answers["dL/dO_11"] = f"{-K['W_211'] * own:.4g}"
    marks = {mark.quantity.name: mark for mark in mark_answers(SIGMOID, answers).marks}
    assert marks["dL/dO_11"].slips == ("the sign is turned round",)
    assert marks["dL/dO_11"].expected == pytest.approx(K["W_211"] * own, rel=1e-12)
    assert marks["dL/dO_11"].astray
    assert marks["dL/dO_11"].key == pytest.approx(K["dL/dO_11"], rel=1e-12)


def test_sections_add_up_and_all_is_plain() -> None:
    marks = mark_answers(SIGMOID, student(SIGMOID, "dL/dO_11"))
    plain = marks.to_plain()
    assert (plain["points"], plain["of"]) == (SIGMOID.points - 1, SIGMOID.points)
    assert sum(plain["sections"].values()) == plain["points"]
    assert marks.section("backward") == (6, 7)
    assert [entry["quantity"] for entry in plain["marks"]] == [quantity.name for quantity in SIGMOID.asked]


def test_names_and_texts_from_python() -> None:
    marks = mark_answers(SIGMOID, {"z_11": K["z_11"], "dL/dW111": f"{K['dL/dW_111']:.5g}"})
    assert marks.points == 2
    with pytest.raises(wg.InputError, match="answers: quantity: 'dL/dW_311' is not known"):
        mark_answers(SIGMOID, {"dL/dW_311": 1})


def test_feedback_says_the_first_error_and_the_line_as_it_should_be() -> None:
    answers = student(SIGMOID, "dL/dO_11")
    answers |= {"O_12": "about half", "dL/dB_12": ""}
    told = feedback(mark_answers(SIGMOID, answers))
    delta = f"{K['dL/dz_21']:.4g}"
    line = f"dL/dO_11 = W_211*dL/dz_21 = ({K['W_211']:g})*({delta}) = {K['dL/dO_11']:.4g}"
    assert K["W_211"] < 0 > K["dL/dz_21"]
    assert "The first thing that went wrong is `dL/dO_11`.\n\n- 9: " in told
    assert line in told
    assert "exactly that of a known slip: the sign is turned round." in told
    assert "4: `O_12`: `about half` is no number." in told
    assert "## Left open\n\n- `dL/dB_12`" in told
    assert "Everything is right." in feedback(mark_answers(SIGMOID, student(SIGMOID)))


def test_feedback_says_that_one_slip_cost_many_answers() -> None:
    answers = student(SIGMOID)
    for quantity in SIGMOID.asked:
        if quantity.section == "update":
            old = SIGMOID.key[quantity.name.removeprefix("new ")]
            answers[quantity.name] = f"{2 * old - SIGMOID.key[quantity.name]:.4g}"
    told = feedback(mark_answers(SIGMOID, answers))
    assert "- One slip cost you 9 answers: added, but the step goes against the derivative." in told
    answers = student(SIGMOID, "z_11", lambda v: -v)
    assert "One slip" not in feedback(mark_answers(SIGMOID, answers))


# ---- reading what students write ----


@pytest.mark.parametrize(
    ("text", "value", "digits"),
    [
        ("0.25", 0.25, 2),
        (" −0,250 ", -0.25, 3),
        ("+.5", 0.5, 1),
        ("1/4", 0.25, None),
        ("-1,5 / 6", -0.25, None),
        ("½", 0.5, None),
        ("2.5e-1", 0.25, 2),
        ("2,5·10⁻¹", 0.25, 2),
        ("2.5 x 10^-1", 0.25, 2),
        ("2.5*10^{-1}", 0.25, 2),
        ("= 0.25", 0.25, 2),
        ("≈ 0.25", 0.25, 2),
        ("1.234,5", 1234.5, 5),
        ("0.00", 0.0, 0),
        ("100", 100.0, 3),
        ("‐0.25", -0.25, 2),
        ("-1 1/2", -1.5, None),
        ("25%", 0.25, 2),
        ("12,50 %", 0.125, 4),
        ("0.25.", 0.25, 2),
        ("0.25 (rounded)", 0.25, 2),
        ("0.25 V", 0.25, 2),
        ("0,25, not sure!", 0.25, 2),
        ("approx. 0.25", 0.25, 2),
        ("'0.25", 0.25, 2),
        ("0.5*0.3 + 0.1 = 0.25", 0.25, 2),
        ("1/4 = 0.250", 0.25, 3),
        ("0.25 =", 0.25, 2),
    ],
)
def test_numbers_are_read_as_they_are_written(text: str, value: float, digits: int | None) -> None:
    found = read_number(text)
    assert found.value == pytest.approx(value, rel=1e-15)
    assert found.digits == digits


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "nan",
        "inf",
        "1/0",
        "1 1/0",
        "1e999",
        "--1",
        "1..2.",
        "0.3*0.5",
        "½½",
        "0.5 or 0.6",
        "0.5 - y",
        "3e",
        "x",
        "minus 0.5",
        "0.5 = 0.3 + 0.2",
    ],
)
def test_what_is_no_number_is_not_taken_for_one(text: str) -> None:
    found = read_number(text)
    assert found.value is None
    assert not found.blank


@pytest.mark.parametrize("text", ["", "  ", "-", "?", "____", "n/a", "…"])
def test_blanks_are_blank(text: str) -> None:
    assert read_number(text).blank


@pytest.mark.parametrize(
    "line",
    [
        "dL/dW_211,0.25",
        '"dL/dW_211","0,25"',
        "dL/dW_211;0,25",
        "dL/dW_211\t0.25\t",
        "dL/dW_211,0,25,,",
        "dL/dW_211 = 0.25",
        "dL / dW211: 1/4",
        "∂L/∂W_211 = 0.25",
        "- `dL/dW_211` = 0.25",
        "| dL/dW_211 | 0.25 |",
        r"21. $\frac{\partial L}{\partial W_{211}} =$ 0.25 (1 point)",
        "DL/DW_211 0.25",
    ],
)
def test_lines_are_read_in_many_spellings(line: str) -> None:
    found = read_answers(f"quantity,answer\n{line}\n", ["z_11", "dL/dW_211", "new W_211"])
    assert found.problems == ()
    assert found.found["dL/dW_211"].value == 0.25
    assert found.found["dL/dW_211"].line == 2


@pytest.mark.parametrize("notation", ["course", "3b1b", "keras", "torch"])
def test_every_notations_names_are_read_back(notation: str) -> None:
    e = make_exercise((2, 2, 2), "sigmoid", "mse", notation=notation)
    names = [quantity.name for quantity in e.asked]
    for mark in (",", ";", " = ", ": "):
        text = "\n".join(f"{name}{mark}{k}" for k, name in enumerate(names))
        found = read_answers(text, names, e.given)
        assert [found.found[name].value for name in names] == list(range(len(names)))
        assert found.problems == ()


def test_new_ones_are_told_from_old_ones() -> None:
    names = ["y_hat", "L", "new W_211", "new y_hat", "new L"]
    found = read_answers("W_211 new = 1\nW_211 = 2\nŷ = 3\nnew y_hat = 4\nL' = 5\n", names, ["W_211"])
    assert {name: answer.value for name, answer in found.found.items()} == {
        "new W_211": 1,
        "y_hat": 3,
        "new y_hat": 4,
        "new L": 5,
    }


def test_strangers_and_repetitions_are_problems() -> None:
    found = read_answers("z_11,1\nz_99,2\nz_11,3\nz_11,\nWork from top to bottom, 5\n", ["z_11"])
    assert found.found["z_11"].value == 3
    assert found.problems == (
        "line 2: 'z_99' is no quantity that is asked for",
        "line 3: z_11 stands in line 1 already; line 3 counts",
    )


@pytest.mark.parametrize("between", [". ", ": ", ",", ";", " = ", ") ", "\t", " "])
def test_answers_by_number_are_read_where_no_name_is(between: str) -> None:
    names = [quantity.name for quantity in SIGMOID.asked]
    text = "Ada Lovelace\n" + "".join(f"{k}{between}{0.5 - k}\n" for k in range(1, 35))
    found = read_answers(text, names, SIGMOID.given, names)
    assert [found.found[name].value for name in names] == [0.5 - k for k in range(1, 35)]
    assert found.problems == ()
    assert found.found[names[0]].line == 2
    mixed = read_answers("z_11 = 0.7\n1.5*3 = 4.5\n2: 3\n", names, (), names)
    assert {name: answer.value for name, answer in mixed.found.items()} == {"z_11": 0.7}
    assert read_answers("99: 1\n0: 2\n", names, (), names).found == {}


def test_a_filled_in_sheet_can_be_read() -> None:
    from whygrad.exercises import sheet_text

    answers = student(SIGMOID)
    lines = sheet_text(SIGMOID).splitlines()
    for quantity in SIGMOID.asked:
        at = next(k for k, line in enumerate(lines) if f" ${quantity.sign.latex} =$" in line)
        lines[at] = lines[at].replace("________", answers[quantity.name])
    found = read_answers("\n".join(lines), [quantity.name for quantity in SIGMOID.quantities], SIGMOID.given)
    assert found.problems == ()
    assert mark_answers(SIGMOID, found).points == SIGMOID.points
