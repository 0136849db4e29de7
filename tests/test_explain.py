"""Explain from Python: what its pages say is true, of parameters, units and rows; what cannot be is refused."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truth import by_complex_step, case, mean_loss

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.cli.say import as_json
from whygrad.explanation.pages import Heading
from whygrad.losses import LOSSES

CUBE = wg.Activation("cube", value_rule=lambda xp, z, k: z * z * z, pull_rule=lambda xp, d, z, a, k: d * 2 * z)
OWN = wg.Activation("my_own", value_rule=lambda xp, z, k: z * z, pull_rule=lambda xp, d, z, a, k: d * 2 * z)


def students(**how: object) -> wg.Explanation:
    return wg.explain(*wg.example("students"), **how)  # type: ignore[arg-type]


def last_line(thing: object) -> str:
    return repr(thing).partition("Agreement\n---------\n\n")[2]


# ---- pages ----


def test_the_lectures_row_in_numbers() -> None:
    page = repr(students())
    for line in (
        "Row 1 (index 0), at the start: cgpa 8, resume_score 8, lpa 4.",
        "O_11  = W_111*x_1 + W_112*x_2 + B_11 = 0.1*8 + 0.1*8 + 0 = 1.6",
        "y_hat = W_211*O_11 + W_212*O_12 + B_21 = 0.1*1.6 + 0.1*1.6 + 0 = 0.32",
        "L     = (y_hat - y)^2 = (0.32 - 4)^2 = 13.5424",
        "└─ y_hat = 0.32        dL/dy_hat = -7.36",
        "W_111        0.1         -5.888    0.105888",  # value, derivative, 0.1 - 0.001 (-5.888)
        "B_21           0          -7.36     0.00736",
        "paths = backprop = nudge = complex step",
    ):
        assert line in page, line


def test_the_lectures_weight_in_numbers() -> None:
    page = repr(students()["W_111"])
    for line in (
        "Why dL/dW_111 = -5.888",
        "W_111 goes to unit 1 of layer 1 from input 1 (cgpa); its value is 0.1.",
        "dL/dW_111 = dL/dy_hat * dy_hat/dO_11 * dO_11/dW_111",
        "dL/dW_111 = (-7.36) * 0.1 * 8 = -5.888",
        "3        0.32       6  32.2624  -6.816  -1.704  up",
        "L      13.5424  13.483584  -0.058816         -5.8816               -5.888",
        "Verdict: right. A nudge finds -5.888",
        "new W_111 = W_111 - rate*dL/dW_111 = 0.1 - 0.001*(-5.888) = 0.105888",
        "With every parameter moved, the row's loss really falls, from 13.5424 to 13.0590581.",
    ):
        assert line in page, line
    # jax and torch join in where another test has imported them
    assert re.match(
        r"paths = backprop = nudge = complex step[a-z =]*: -5\.888 \(paths", last_line(students()["W_111"])
    )


def test_a_standardised_column_says_how_it_became_its_number(tmp_path: Path) -> None:
    # sizes 1, 2, 3: mean 2, standard deviation sqrt(2/3) = 0.816496581; prices 10, 20, 60: 30, sqrt(1400/3)
    (tmp_path / "t.csv").write_text("size,colour,garden,price\n1,red,yes,10\n2,blue,no,20\n3,red,no,60\n")
    table = wg.read_table(tmp_path / "t.csv", target="price")
    why = wg.explain(wg.dense_network(table, (2,)), table)
    page = repr(why)
    assert "x_1 = (size - 2)/0.816496581 = (1 - 2)/0.816496581 = -1.22474487" in page
    assert "x_2 = colour is blue = 0" in page
    assert "x_3 = colour is red = 1" in page
    assert "x_4 = garden is yes = 1" in page
    assert "y   = (price - 30)/21.602469 = (10 - 30)/21.602469 = -0.9258201" in page
    told = re.search(r"In the table's own units the prediction is price (\S+)\.\n", page)
    assert told is not None
    assert float(told[1]) == pytest.approx(30 + float(why.outputs[0]) * math.sqrt(1400 / 3), rel=1e-8)
    filled = wg.read_table(tmp_path / "t.csv", target="price", missing="fill", missing_values=["2"])
    told = repr(wg.explain(wg.dense_network(filled, (2,)), filled, row=1))
    assert "x_1 = size, missing: 2 instead = 0" in told


def test_classes_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,kind,ok\n1,cat,yes\n2,dog,no\n4,bird,no\n")
    kinds = wg.read_table(tmp_path / "t.csv", target="kind", ignore=["ok"])
    run = wg.fit(wg.dense_network(kinds, (4,)), kinds, epochs=300, optimizer=wg.Adam(0.05))
    for row, kind in enumerate(["cat", "dog", "bird"]):
        page = repr(wg.explain(run, kinds, row=row))
        assert f"So the prediction for kind is {kind}." in page  # which it has learned
        assert f"kind is {kind} = 1" in page
    oks = wg.read_table(tmp_path / "t.csv", target="ok", ignore=["kind"])
    assert "y   = ok is yes = 1" in repr(wg.explain(wg.dense_network(oks, (2,)), oks))


def test_softmax_is_written_with_its_sum_over_every_z() -> None:
    net = wg.Network(1, (wg.Dense(2, "softmax"),))
    why = wg.explain_row(net, [(np.array([[1.0, -2.0]]), np.zeros(2))], [0.5], [1, 0], "cce")
    page = repr(why)
    assert "y_hat_1 = e^z_11/(e^z_11 + e^z_12) = e^0.5/(e^0.5 + e^(-1)) = 0.817574476" in page
    assert page.index("z_12    =") < page.index("y_hat_1 =")  # every z comes before the first that needs it
    assert "L       = -y_1 log y_hat_1 = -1*log 0.817574476 = 0.201413278" in page  # log(1 + e^-1.5)


def test_a_tree_of_one_weight_has_only_its_ways() -> None:
    net = wg.Network(2, (wg.Dense(2, "tanh"), wg.Dense(2, "tanh"), wg.Dense(1)))
    why = wg.explain_row(net, "distinct", [1, 2], [3])
    page = why["W_121"].page(against=(), only=("tree",))
    (tree,) = (block for block in page.blocks if hasattr(block, "root"))

    def labels(node):  # type: ignore[no-untyped-def]
        return [str(node.label[0]), [labels(child) for child in node.children]]

    unit = ["O_12", [["W_121", []]]]
    assert labels(tree.root) == ["L", [["y_hat", [["O_21", [unit]], ["O_22", [["O_12", []]]]]]]]


def test_only_the_sections_that_are_asked_for() -> None:
    why = students()
    titles = [
        block.text
        for block in why["W_111"].page(only=("update", "chain")).all_blocks
        if isinstance(block, Heading)
    ]
    assert titles == ["Chain", "Update", "Agreement"]
    titles = [block.text for block in why.page(only=()).all_blocks if isinstance(block, Heading)]
    assert titles == ["Agreement"]
    with pytest.raises(wg.InputError, match=r"'chian' is not known; it can be tree, .* did you mean 'chain'"):
        why["W_111"].page(only=("chian",))
    with pytest.raises(wg.InputError, match="a tree is drawn for at most 40"):
        wg.explain_row(wg.Network(9, (wg.Dense(9), wg.Dense(1))), 0.1, np.ones(9), [1]).page(only=("tree",))


def test_a_large_network_is_readable_and_says_what_is_left_out() -> None:
    net = wg.Network(100, (wg.Dense(400, "relu"), wg.Dense(300, "relu"), wg.Dense(12, "softmax")))
    draw = np.random.default_rng(0)
    why = wg.explain_row(net, "he", draw.normal(size=100), np.eye(12)[7], "cce")
    page = repr(why)
    assert "Of 12 outputs, the 4 that the loss reacts to most:" in page
    assert "y_hat_8 = e^z_38/" in page  # the row's own class is among them
    assert f"(the 10 largest of {net.n_parameters:,})" in page
    assert re.search(
        r"the 8 largest of 164,312 derivatives agree, to at least\s+so\s+many\s+digits: paths\s+1[45]", page
    )
    for text in (page, repr(why["W_2_30_5"])):
        assert len(text.splitlines()) < 130
        assert max(map(len, text.splitlines())) <= 115


# ---- derivatives ----


@pytest.mark.parametrize("hidden", ["tanh", "softmax", "linear", "gelu"])
@pytest.mark.parametrize("loss", ["mean_squared_error", "categorical_crossentropy"])
def test_what_is_said_of_units_and_inputs_is_true(hidden: str, loss: str) -> None:
    output = "softmax" if loss == "categorical_crossentropy" else "linear"
    net, w, x, y = case(hidden, output, LOSSES[loss], depth=3, rows=1)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    by_input = by_complex_step(lambda v: mean_loss(net, LOSSES[loss], w[None], v[:, None, :], y), x[0])
    for n, truth in enumerate(by_input):
        found = why.unit(f"x_{n + 1}")
        assert found.derivative == pytest.approx(truth, abs=1e-12)
        assert found.chain.value == pytest.approx(truth, abs=1e-12)
        assert found.value == x[0, n]
    # a bias that enters a linear unit moves its output alone: the same derivative
    plain = wg.Network(net.inputs, (*net.layers[:1], wg.Dense(3), *net.layers[2:]))
    middle = wg.explain_row(plain, w, x[0], y[0], loss)
    truths = by_complex_step(lambda v: mean_loss(plain, LOSSES[loss], v, x, y), w)
    for n in range(3):
        truth = truths[middle.position(f"B_2{n + 1}")]
        for value in (middle.unit(f"O_2{n + 1}").derivative, middle.unit(f"h2.{n + 1}").chain.value):
            assert value == pytest.approx(truth, abs=1e-12)
        assert middle.paths(f"O_2{n + 1}").total == pytest.approx(truth, abs=1e-12)


def test_an_output_without_part_in_the_loss_is_no_chain() -> None:
    net = wg.Network(2, (wg.Dense(3, "sigmoid"),))
    why = wg.explain_row(net, "glorot", [1, 2], [0, 1, 0], "cce")  # -log of the second output alone
    assert why.unit("y_hat_1").chain.factors == ()
    assert why.unit("y_hat_1").derivative == 0
    assert "no way leads from it to the loss" in repr(why.unit("y_hat_1"))
    assert repr(why.unit("y_hat_1").paths()) == "Paths\n-----\n\nNo way leads to the loss of this row."
    assert [str(f.sign) for f in why.unit("y_hat_2").chain.factors] == ["dL/dy_hat_2"]


def test_everybody_agrees_about_a_whole_gradient_and_to_how_many_digits() -> None:
    found = students().agreement(against=())
    assert found.agrees
    assert len(found.agreements) == found.count == 9
    assert set(found.digits) == {"paths", "nudge", "complex step"}
    for name, digits in found.digits.items():
        assert digits == min(w.digits for one in found.agreements for w in one.witnesses if w.name == name)
        assert digits > 9
    assert found.line().startswith("paths = backprop = nudge = complex step: all 9 derivatives agree, to at least")


def test_a_disagreement_is_loud_and_is_the_last_word() -> None:
    # the derivative of z^3 is 3 z^2, and not 2 z, of which it is told
    why = wg.explain_row(wg.Network(1, (wg.Dense(1, CUBE),)), 0.5, [3.0], [1.0])
    for page in (why.page(()), why["W_111"].page(against=())):
        assert page.ending[-1].loud  # type: ignore[union-attr]
    assert last_line(why["W_111"]).startswith("*** DISAGREEMENT about dL/dW_111: backprop")
    assert not why.to_plain(())["agreement"]["agrees"]


def test_own_formulas_without_a_text_are_called_by_their_names() -> None:
    why = wg.explain_row(wg.Network(1, (wg.Dense(2, OWN), wg.Dense(1))), "distinct", [3.0], [1.0])
    page = repr(why["W_111"])
    assert re.search(r"dO_11/dz_11 += my_own'\(z_11\) = my_own'\(", page)
    assert re.search(r"O_11 += my_own\(z_11\) = my_own\(", repr(why))
    loss = wg.Loss(
        "mine",
        value_rule=lambda xp, a, y, k: (a - y) * (a - y),
        pull_rule=lambda xp, a, y, k: xp.c(2.0) * (a - y),
    )
    why = wg.explain_row(wg.Network(1, (wg.Dense(1),)), 0.5, [3.0], [1.0], loss)
    assert "L     = mine(y_hat, y) = mine(1.5, 1) = 0.25" in repr(why)
    assert "dL/dy_hat     = mine'(y_hat, y) = mine'(1.5, 1) = 1" in repr(why["W_111"].chain)


# ---- diverged ----


def test_a_diverged_run_can_be_looked_at() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, replace(training, optimizer=wg.SGD(0.5)))
    for at in ("end", "2:3"):
        why = wg.explain(run, at=at)
        assert "inf" in repr(why)
        page = repr(why["W_111"])
        assert re.search("(so large that 0.01 does not change it|is no finite number)", page)
        assert "Traceback" not in page
        for plain in (why.to_plain(()), why["W_111"].to_plain(against=())):
            json.loads(as_json(plain), parse_constant=lambda word: pytest.fail(word))
        why._repr_html_()
    assert "its factors overflow, so that no path is the largest" in page


def test_a_loss_without_a_number_is_said_once() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, replace(training, optimizer=wg.SGD(10), epochs=50))
    page = repr(wg.explain(run)["W_111"])
    assert page.count("he row's loss is no finite number.") == 1
    assert "from inf to inf" not in page


# ---- results by themselves ----


def test_chains_print_themselves() -> None:
    assert repr(students().chain("B_21")).splitlines()[0] == "Chain"
    assert "dL/dB_21 = (-7.36) * 1 = -7.36" in repr(students().chain("B_21"))
    assert repr(students().formulas()).count(" = ") == 2
    assert repr(students().agreement(())).startswith("Agreement\n")
    assert "<math" in students().chain("B_21")._repr_html_()


def test_parameters_set_are_named_once() -> None:
    why = students()
    assert why.what_if(W_111=0.2).after.row_loss == pytest.approx(12.96)  # y_hat 0.4: (0.4 - 4)^2
    assert why.what_if({"cgpa->h1": 0.2}).after.row_loss == pytest.approx(12.96)
    for twice in ({"W_111": 0.2, "cgpa->h1": 0.3}, {"W_111": 0.2, "W_1_1_1": 0.2}):
        with pytest.raises(wg.InputError, match="is W_111, which is named twice"):
            why.what_if(twice)
        with pytest.raises(wg.InputError, match="is W_111, which is named twice"):
            why.loss_of({name: [0, 1] for name in twice})
    with pytest.raises(wg.InputError, match="what_if: W_111 is set to nan"):
        why.what_if(W_111=math.nan)
    curve = why.loss_of({"W_111": [0, 0.1, 0.2]}, rows="all")
    assert curve.values[1] == pytest.approx(28.0157)  # the lecture's loss before any update


def test_json_has_everything_by_name() -> None:
    plain = students().to_plain(())
    assert plain["facts"] == {"cgpa": "8", "resume_score": "8", "lpa": "4"}
    assert (plain["x"], plain["y"]) == ([8, 8], [4])
    assert plain["a"] == [pytest.approx([1.6, 1.6]), pytest.approx([0.32])]
    assert plain["dL/dz"] == [pytest.approx([-0.736, -0.736]), pytest.approx([-7.36])]
    assert plain["dL/dx"] == pytest.approx([-0.1472, -0.1472])  # 2 (-0.736) 0.1
    assert plain["parameters"]["W_211"] == pytest.approx({"value": 0.1, "derivative": -11.776, "next": 0.111776})
    opened = students()["W_211"].to_plain(against=())
    assert [factor["factor"] for factor in opened["chain"]["factors"]] == ["dL/dy_hat", "dy_hat/dW_211"]
    assert opened["update"]["new"] == pytest.approx(0.111776)
    assert students().unit("O_11").to_plain()["derivative"] == pytest.approx(-0.736)


# ---- what goes in ----


def test_a_run_from_arrays_wants_its_table() -> None:
    table = wg.table_from_arrays([[1, 2], [2, 3], [3, 5]], [1.5, 2.5, 3.0])
    run = wg.fit(wg.dense_network(table, (2,)), table, epochs=2)
    assert wg.explain(run, table, row=2).moment.facts[0] == ("x1", "3")
    with pytest.raises(wg.InputError, match=r"table was no file; give it too, as in explain\(run, table\)"):
        wg.explain(run)
    with pytest.raises(wg.InputError, match="a run is explained as it was trained; leave epochs out"):
        wg.explain(run, table, epochs=3)


def test_a_page_shows_itself() -> None:
    page = students()["W_111"].page(only=("chain",))
    assert repr(page).startswith("Why dL/dW_111 = -5.888\n\nRow 1 (index 0)")
    assert "<math" in page._repr_html_()


def test_of_many_ways_that_are_all_dead_one_is_enough() -> None:
    net = wg.Network(1, (wg.Dense(1, "relu"), wg.Dense(20), wg.Dense(1)))
    why = wg.explain_row(net, "glorot", [0.0], [1.0])  # relu is off at 0
    text = repr(why.paths("W_111"))
    assert "20 ways lead to the loss, all of them through a factor that is 0 now; one of them." in text
    assert text.count("y_hat -> L") == 1
    assert repr(why.paths("W_2_5_1", 1)).count("y_hat -> L") == 1
    assert "20 ways lead to the loss, all of them through a factor that is 0 now.\n" in repr(
        why.paths("W_111", 20)
    )


def test_every_result_shows_itself() -> None:
    why = students()
    found = why["W_111"]
    results = {
        "Paths": why.paths("W_111"),
        "Nudge": found.nudge(),
        "Update": found.step,
        "Agreement": found.agreement(()),
        "Sensitivities": why.sensitivities(),
        "What if": why.what_if(W_111=0.2),
        "Loss as a function of W_111": why.loss_of({"W_111": [0, 1]}),
        "Rows": why.rows("W_111"),
        "Biography": why.biography("W_111"),
    }
    for title, result in results.items():
        assert title in ("Rows", "Biography") or repr(result).startswith(f"{title}\n---"), title
        assert f"<h2>{title.partition(' W_111')[0]}" in result._repr_html_(), title


def test_values_that_leave_the_finite_numbers_promise_nothing() -> None:
    told = repr(students().what_if(W_111=1e308))
    assert "With these values the row's loss, L, is no finite number" in " ".join(told.split())
    assert "-inf" not in told


def refusals() -> Iterator[tuple[object, str]]:
    net, table, _ = wg.example("students")
    why = students()
    yield lambda: wg.explain("students"), "explain takes a run, or a network and a table"
    yield lambda: wg.explain(net), "explain takes a run, or a network and a table"
    yield lambda: wg.explain(net, table, notation="greek"), "notation: 'greek' is not known"
    yield lambda: wg.explain(net, table, speed=3), "'speed' is not known"
    yield lambda: why["O_11"], "parameter: 'O_11' is a unit; name a weight or bias, as in W_111"
    yield lambda: why["cgpa"], "parameter: 'cgpa' is an input; name a weight or bias"
    yield lambda: why.what_if(O_11=1), "'O_11' is neither a parameter nor an input; set those, as in"
    yield lambda: why.what_if(x_1=1, cgpa=2), "'cgpa' is input 1, which is named twice"
    yield (
        lambda: why.what_if(x_7=1),
        "'x_7' is not a name; .*; nor is it a unit or input: x_1 to x_2, h1.1 to h1.2, y_1",
    )
    yield lambda: why.what_if(x_1=math.inf), "what_if: x_1 is set to inf, which is not a finite number"
    yield lambda: why["W_311"], "layer 3 is not there"
    yield lambda: why[0], "asked for by name, as in 'W_111', not by 0"  # type: ignore[index]
    yield lambda: why.unit("W_111"), "'W_111' is no unit"
    yield lambda: why.opened("nonsense"), "'nonsense' is not a name"
    yield lambda: why.opened("x_3"), r"nor is it a unit or input: x_1 to x_2, h1\.1 to h1\.2, y_1$"
    yield lambda: why.opened("W_113"), r"from unit 3 is not there; layer 1 has 1 to 2$"
    yield lambda: why.paths("W_111", 0), "k is 0"
    yield lambda: why.agreement("keras"), "keras gives no derivatives"
    yield lambda: why["W_111"].nudge(0), "must change W_111"
    yield lambda: why["W_111"].page(nudge=1e-30), "must change W_111"
    yield lambda: wg.explain_row(net, 0.1, [1, 2, 3], [1]), r"x has shape \(1, 3\)"
    yield lambda: wg.explain_row(net, 0.1, [1, 2], [1, 2]), r"y has shape \(1, 2\)"
    yield lambda: wg.explain_row(net, 0.1, "ab", [1]), "x is 'ab', but must be a row of numbers"
    yield lambda: wg.explain_row(net, np.zeros(3), [1, 2], [1]), r"w has shape \(3,\)"
    yield lambda: wg.explain_row(net, 0.1, [1, 2], [1]).biography("W_111"), "this row has no training"


@pytest.mark.parametrize(("call", "said"), list(refusals()), ids=lambda v: v if isinstance(v, str) else "")
def test_what_cannot_be_asked_is_refused_in_one_line(call: object, said: str) -> None:
    with pytest.raises(wg.WhygradError, match=said) as refused:
        call()  # type: ignore[operator]
    assert "\n" not in str(refused.value)


def test_names_may_be_columns_arrows_and_numbers() -> None:
    why = students()
    for name in ("W_112", "W_1_1_2", "w112", "resume_score->h1", "x_2->h1"):
        assert why[name].derivative == pytest.approx(-5.888), name
    assert why.opened("lpa").name.text == why.opened("y_hat").name.text == "y_hat"
    assert {why.opened(n).derivative for n in ("O_12", "h2", "h1.2")} == {why.unit("O_12").derivative}


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_every_activation_makes_every_page(activation: str) -> None:
    net = wg.Network(2, (wg.Dense(2, activation), wg.Dense(2, activation), wg.Dense(1)))
    why = wg.explain_row(net, "distinct", [0.5, -1.5], [0.3], "huber")
    for page in (why.page(()), why["W_111"].page(against=()), why.unit("O_11").page(against=())):
        assert not page.ending[-1].loud  # type: ignore[union-attr]
