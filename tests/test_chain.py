"""Chains: the product of the printed factors is the derivative, and the factors are those of the lecture."""

import numpy as np
import pytest
from truth import LEGAL, by_complex_step, case, matrix, mean_loss

import whygrad as wg
from whygrad.explanation.factors import Chain
from whygrad.losses import LOSSES, Loss


def factors(why: wg.Explanation, name: str) -> list[tuple[str, str, str]]:
    return [(str(f.sign), str(f.formula), str(f.numbers)) for f in why.chain(name).factors]


def test_students_row_1_is_the_lectures_chain() -> None:
    why = wg.explain(*wg.example("students"))
    # 2(0.32 - 4) = -7.36; times W_211 = 0.1, times x_1 = 8: -5.888
    assert factors(why, "W_111") == [
        ("dL/dy_hat", "2(y_hat - y)", "2(0.32 - 4)"),
        ("dy_hat/dO_11", "W_211", "0.1"),
        ("dO_11/dW_111", "x_1", "8"),
    ]
    assert why.chain("W_111").value == pytest.approx(-5.888, abs=1e-14)
    assert why.chain("W_211").value == pytest.approx(-11.776, abs=1e-14)
    assert why.chain("B_21").value == pytest.approx(-7.36, abs=1e-14)
    assert why.chain("B_11").value == pytest.approx(-0.736, abs=1e-14)
    assert why.loss == pytest.approx(13.5424)


def test_a_sigmoid_and_its_cross_entropy_cancel() -> None:
    why = wg.explain(*wg.example("placement"), row=2)
    chain = why.chain("W_211")
    assert [str(f.sign) for f in chain.factors] == ["dL/dy_hat", "dy_hat/dz_21", "dz_21/dW_211"]
    assert str(chain.factors[0].formula) == "(y_hat - y)/(y_hat(1 - y_hat))"
    assert str(chain.factors[1].formula) == "y_hat(1 - y_hat)"
    assert chain.cancels is not None
    assert (str(chain.cancels.sign), str(chain.cancels.formula)) == ("dL/dz_21", "y_hat - y")
    assert str(chain.cancels.whole) == "(y_hat - y)/(y_hat(1 - y_hat)) * y_hat(1 - y_hat)"
    assert chain.cancels.value == pytest.approx(chain.factors[0].value * chain.factors[1].value, rel=1e-13)


def test_classes_a_row_is_not_of_are_no_links() -> None:
    net = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(3, "softmax")))
    why = wg.explain_row(net, "glorot", [1, 2], [0, 1, 0], "cce")
    # the loss is -log y_hat_2: it depends on no other output
    assert [str(f.sign) for f in why.chain("W_211").factors] == [
        "dL/dy_hat_2",
        "dy_hat_2/dz_21",
        "dz_21/dW_211",
    ]
    assert str(why.chain("W_211").factors[1].formula) == "y_hat_2(0 - y_hat_1)"
    assert str(why.chain("W_221").factors[1].formula) == "y_hat_2(1 - y_hat_2)"


def test_smoothed_classes_part_the_chain_into_a_sum() -> None:
    net = wg.Network(2, (wg.Dense(3, "softmax"),))
    chain = wg.explain_row(net, "glorot", [1, 2], [0, 0.5, 0.5], "cce").chain("W_111")
    assert len(chain.factors[0].terms) == 2
    assert sum(t.value for t in chain.factors[0].terms) == pytest.approx(chain.factors[0].value, rel=1e-13)


def parts(chain: Chain) -> list[tuple[str, str]]:
    return [(str(part.sign), str(part.formula)) for part in chain.parts]


def test_what_stands_in_a_sum_is_worked_out_down_to_the_loss() -> None:
    net = wg.Network(2, (wg.Dense(2), wg.Dense(2), wg.Dense(1)))
    why = wg.explain_row(net, "distinct", [8, 8], [4])
    assert parts(why.chain("W_111")) == [
        ("dL/dO_21", "W_311*dL/dy_hat"),
        ("dL/dO_22", "W_312*dL/dy_hat"),
        ("dL/dy_hat", "2(y_hat - y)"),
    ]
    assert parts(why.chain("W_211")) == []  # one way, without a sum


def test_a_hidden_unit_before_softmax_sees_the_pair_cancel_at_every_output() -> None:
    net = wg.Network(2, (wg.Dense(2, "tanh"), wg.Dense(3, "softmax")))
    chain = wg.explain_row(net, "glorot", [1, 2], [0, 1, 0], "cce").chain("W_111")
    assert parts(chain) == [(f"dL/dz_2{n}", f"y_hat_{n} - y_{n}") for n in (1, 2, 3)]
    # by hand: -y_2/y_hat_2 times the softmax's own derivative, y_hat_2(0 - y_hat_1) or y_hat_2(1 - y_hat_2)
    assert [str(part.whole) for part in chain.parts] == [
        f"-y_2/y_hat_2 * y_hat_2({same} - y_hat_{n})" for n, same in ((1, 0), (2, 1), (3, 0))
    ]


@pytest.mark.parametrize("activation", ["tanh", "relu", "softmax", "linear"])
@pytest.mark.parametrize(("output", "loss"), [("softmax", "cce"), ("softmax", "mse"), ("sigmoid", "bce")])
def test_parts_are_the_derivatives_that_the_sum_multiplies(activation: str, output: str, loss: str) -> None:
    net = wg.Network(2, (wg.Dense(3, activation), wg.Dense(2, activation), wg.Dense(2, output)))
    why = wg.explain_row(net, "glorot", [1, 2], [0, 1], loss)
    chain = why.chain("W_111")
    worked = {str(part.sign): part.value for part in chain.parts}
    for factor in (*chain.factors, *chain.parts):
        for term in getattr(factor, "terms", ()):
            assert worked[str(term.rest)] == pytest.approx(term.rest_value, rel=1e-12, abs=1e-15)


def test_of_many_parts_the_nearest_are_worked_out() -> None:
    net = wg.Network(2, (wg.Dense(3, "tanh"), *[wg.Dense(8, "tanh")] * 4, wg.Dense(1)))
    signs = [str(part.sign) for part in wg.explain_row(net, "glorot", [1, 2], [1], "mse").chain("W_111").parts]
    assert len(signs) == 12
    assert signs[:9] == [*(f"dL/dz_2{n}" for n in range(1, 9)), "dL/dz_31"]


def test_no_way_to_the_loss_is_no_chain() -> None:
    net = wg.Network(2, (wg.Dense(3, "sigmoid"),))
    why = wg.explain_row(net, "glorot", [1, 2], [0, 1, 0], "cce")  # -log of the second output alone
    assert why.chain("W_111").factors == ()
    assert why.chain("W_111").value == 0 == why.gradient[why.position("W_111")]
    assert why.chain("W_121").value == why.gradient[why.position("W_121")] != 0


def test_a_saturated_pair_is_one_exact_link() -> None:
    net = wg.Network(1, (wg.Dense(1, "sigmoid"),))
    why = wg.explain_row(net, [(np.array([[50.0]]), np.array([0.0]))], [1.0], [0.0], "bce")
    (pair, enters) = why.chain("W_111").factors
    assert (pair.value, enters.value) == (1.0, 1.0)  # sigmoid(50) is 1 to the last digit, and 1 - 0 = 1
    assert pair.note


def test_a_saturated_pair_that_is_right_is_not_0_by_0() -> None:
    net = wg.Network(1, (wg.Dense(1, "sigmoid"),))
    why = wg.explain_row(net, np.array([50.0, 0.0]), [1.0], [1.0], "bce")
    # (1 - 1)/(1(1 - 1)) is no number; dL/dz = 1 - 1 is
    assert factors(why, "W_111") == [("dL/dz_11", "y_hat - y", "1 - 1"), ("dz_11/dW_111", "x_1", "1")]


def test_numbers_below_zero_stand_in_parentheses() -> None:
    net = wg.Network(1, (wg.Dense(1, "tanh"),))
    why = wg.explain_row(net, [(np.array([[-1.0]]), np.array([0.0]))], [2.0], [-3.0])
    assert str(why.chain("W_111").factors[0].numbers) == "2((-0.96402758) - (-3))"


def test_row_weights_and_several_outputs_stand_in_the_loss_factor() -> None:
    net = wg.Network(1, (wg.Dense(2),))
    why = wg.explain_row(net, 0.5, [2.0], [1.0, 3.0])
    assert factors(why, "W_121")[0] == ("dL/dy_hat_2", "1/2*2(y_hat_2 - y_2)", "1/2*2(1 - 3)")


@pytest.mark.parametrize("notation", ["course", "3b1b", "keras", "torch"])
def test_every_notation_names_every_factor(notation: str) -> None:
    why = wg.explain(*wg.example("placement"), notation=notation)
    for name in wg.parameter_names(why.moment.net):
        for factor in why.chain(name).factors:
            assert factor.sign.text
            assert factor.formula.latex.count("{") == factor.formula.latex.count("}")


def test_unknown_names_and_rows_are_refused() -> None:
    with pytest.raises(wg.InputError, match="is not there"):
        wg.explain(*wg.example("students")).chain("W_311")
    with pytest.raises(wg.InputError, match=r"row 5 \(index 4\) is not there"):
        wg.explain(*wg.example("students"), row=4)
    with pytest.raises(wg.InputError, match="notation"):
        wg.explain(*wg.example("students"), notation="greek")


@pytest.mark.parametrize(("hidden", "output", "loss", "depth"), matrix(3, depths=(1, 3)))
def test_the_product_of_the_factors_is_the_derivative(hidden: str, output: str, loss: Loss, depth: int) -> None:
    net, w, x, y = case(hidden, output, loss, depth, rows=1)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    truth = by_complex_step(lambda v: mean_loss(net, loss, v, x, y), w)
    products = np.array([why.chain(name).value for name in wg.parameter_names(net)])
    scale = max(1.0, np.abs(truth).max())
    np.testing.assert_allclose(products, truth, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(why.links.gradient, truth, rtol=0, atol=1e-12 * scale)


def test_the_matrix_knows_every_formula() -> None:
    assert {loss.name for loss, _ in LEGAL} == set(LOSSES)
