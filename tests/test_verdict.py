"""Verdicts: right derivatives are called right, slips wrong, kinks inconclusive; rounding accuses nobody."""

import json
from collections import Counter
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
import pytest
from truth import LEGAL, case, matrix, targets_for

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.explanation.verdict import Verdict, digits, judge_all, judge_derivative, tenths
from whygrad.losses import LOSSES, Loss
from whygrad.maths import COMPLEX
from whygrad.names import place_of
from whygrad.propagation import forward_propagation, row_losses
from whygrad.table import Rows

HIDDEN = list(ACTIVATIONS)


def judged(why: wg.Explanation, name: str, derivative: float | None = None) -> Verdict:
    at = why.position(name)
    found = float(why.gradient[at]) if derivative is None else derivative
    return judge_derivative(why.moment, place_of(why.moment.net, at), found)


def kinds(why: wg.Explanation, factor: float = 1.0) -> set[str]:
    return {v.kind for v in judge_all(why.moment, factor * why.gradient)}


def opened(sizes: str, w: Any, x: Any, y: Any, loss: str = "mse") -> wg.Explanation:
    """One row of a network written as "2 relu 1 linear", with as many inputs as x has numbers."""
    words = sizes.split()
    layers = tuple(wg.Dense(int(n), g) for n, g in zip(words[::2], words[1::2], strict=True))
    return wg.explain_row(wg.Network(len(x), layers), np.asarray(w, float) if np.ndim(w) else w, x, y, loss)


# ---- the lecture, and mistakes ----


def test_students_row_1_is_right_to_eleven_digits_and_more() -> None:
    verdict = judged(wg.explain(*wg.example("students")), "W_111")
    assert verdict.kind == "right"
    assert abs(verdict.numeric + 5.888) <= verdict.error
    assert verdict.digits_agreed > 11
    assert verdict.digits_possible > 11
    assert verdict.reason.startswith("a nudge finds -5.888 +- ")


@pytest.mark.parametrize("factor", [1.001, 0.999, -1.0, 2.0, 0.5, 0.0, 1.0001])
def test_slips_are_wrong(factor: float) -> None:
    for example in ("students", "placement"):
        assert kinds(wg.explain(*wg.example(example), start="distinct", row=3), factor) == {"wrong"}


def test_what_is_wrong_is_said() -> None:
    verdict = judged(wg.explain(*wg.example("students")), "W_111", -2.944)
    assert verdict.reason.endswith("but the derivative is -2.944, 0.5 times as much")
    assert verdict.digits_agreed < 1
    assert judged(wg.explain(*wg.example("students")), "W_111", nan).kind == "wrong"


def test_it_is_the_values_that_are_differentiated() -> None:
    slip = replace(ACTIVATIONS["tanh"], name="slip", pull_rule=lambda xp, d, z, a, k: d * (xp.c(1.0) - a))
    net = wg.Network(1, (wg.Dense(1, slip), wg.Dense(1)))
    why = wg.explain_row(net, np.array([0.5, 0.1, 2.0, 0.0]), [1.0], [3.0])
    assert judged(why, "W_111").kind == "wrong"  # 1 - a for 1 - a^2
    a = np.tanh(0.6)
    assert judged(why, "W_111", 2 * (2 * a - 3) * 2 * (1 - a * a)).kind == "right"


# ---- every formula ----


@pytest.mark.parametrize(("hidden", "output", "loss", "depth"), matrix(11))
def test_every_formula_is_judged_right_and_its_slips_wrong(
    hidden: str, output: str, loss: Loss, depth: int
) -> None:
    net, w, x, y = case(hidden, output, loss, depth, rows=1)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    right = judge_all(why.moment, why.gradient)
    assert {v.kind for v in right} == {"right"}
    for verdict, g in zip(right, why.gradient, strict=True):
        assert abs(verdict.numeric - g) <= 2 * verdict.error
    wrong = judge_all(why.moment, 1.001 * why.gradient)
    assert all(v.kind == "wrong" for v in wrong if v.digits_possible >= 4)
    assert any(v.digits_possible >= 8 for v in wrong)


def drawn(seed: int) -> tuple[wg.Network, Loss, np.ndarray, np.ndarray, np.ndarray]:
    """A random network of 1 to 6 layers with any formulas that go together, and one row."""
    draw = np.random.default_rng((seed, 3))
    loss, output = LEGAL[seed % len(LEGAL)]
    depth = int(draw.integers(1, 7))
    hidden = [HIDDEN[(seed + k * int(draw.integers(1, 12))) % len(HIDDEN)] for k in range(depth - 1)]
    sizes = [int(n) for n in draw.integers(1, 6, depth)]
    layers = tuple(wg.Dense(n, g) for n, g in zip(sizes, [*hidden, output], strict=True))
    net = wg.Network(int(draw.integers(1, 5)), layers)
    w = draw.normal(0, draw.choice([0.3, 1.0, 3.0]), net.n_parameters)
    return net, loss, w, draw.normal(0, 1, (1, net.inputs)), targets_for(loss, 1, net.outputs, draw)


def guarded(net: wg.Network, loss: Loss, output: np.ndarray) -> bool:
    """Whether a cross-entropy apart from its own activation is where its derivative is guarded (losses.py)."""
    near = np.minimum(output, 1 - output).min() < 1e-11
    return bool((loss.low, loss.high) == (0, 1) and loss.fuses(net.output) is None and near)


def proved(seeds: range) -> Counter[str]:
    """Judges every parameter of random networks; products of factors and sums of paths are held to the truth."""
    found: Counter[str] = Counter()
    for seed in seeds:
        net, loss, w, x, y = drawn(seed)
        why = wg.explain_row(net, w, x[0], y[0], loss)
        if guarded(net, loss, why.outputs):
            found["guarded networks"] += 1
            continue
        steps = w + 1e-30j * np.eye(len(w))
        losses = [row_losses(net, loss, forward_propagation(net, v, x, COMPLEX), y, COMPLEX)[0] for v in steps]
        truth = np.imag(losses) / 1e-30
        products = [why.chain(name).value for name in wg.parameter_names(net)]
        allowed = 1e-12 * np.maximum(1, np.abs(truth))
        assert (np.abs(products - truth) <= allowed).all(), f"{seed}: chain"
        assert (np.abs(why.links.gradient - truth) <= allowed).all(), f"{seed}: paths"
        verdicts = judge_all(why.moment, why.gradient)
        assert all(v.kind == "right" or (v.kind == "inconclusive" and "kink" in v.reason) for v in verdicts), seed
        found.update(v.kind for v in verdicts)
        found["right to 4 digits or more"] += sum(v.digits_agreed >= 4 for v in verdicts)
        found["networks"] += 1
    return found


def test_random_networks_of_any_formulas() -> None:
    found = proved(range(24))
    assert found["networks"] >= 20
    assert found["right"] > 500


@pytest.mark.proof
def test_two_hundred_random_networks() -> None:
    found = proved(range(230))
    print(dict(found))
    assert found["networks"] >= 200
    assert found["inconclusive"] == 0  # no random draw lies on a kink


# ---- kinks ----


def test_a_zero_start_with_relu_is_inconclusive_with_both_slopes() -> None:
    # z = 0: down, nothing moves; up, y_hat moves by x_1 = 1 (x_2 = 2) and the loss by 2(0 - 3) times that
    why = opened("2 relu 1 linear", [0, 0, 0, 0, 0, 0, 1, 1, 0], [1, 2], [3])
    for name, up in (("W_111", -6), ("W_112", -12), ("B_12", -6)):
        verdict = judged(why, name)
        assert verdict.kind == "inconclusive"
        assert verdict.sides == (0, pytest.approx(up))
        assert verdict.reason.startswith(
            f"this is the kink of relu at z_1{name[2 if name[0] == 'W' else 3]} = 0: "
        )
        assert judged(why, name, 5.0).kind == "inconclusive"
    assert judged(why, "W_211").kind == "right"  # the unit is off, and its weight moves nothing
    assert judged(why, "B_2").kind == "right"


@pytest.mark.parametrize("z", [1e-10, -1e-10, 1e-14, 0.0])
def test_a_unit_too_near_its_kink_is_inconclusive(z: float) -> None:
    verdict = judged(opened("1 relu 1 linear", [z, 0, 1, 0], [1], [3]), "W_111")
    assert verdict.kind == "inconclusive"
    assert verdict.sides == pytest.approx((0, -6), abs=1e-3)


@pytest.mark.parametrize("z", [1e-3, -1e-3, 1e-6, -1e-6])
def test_a_unit_near_its_kink_is_judged_with_smaller_steps(z: float) -> None:
    why = opened("1 relu 1 linear", [z, 0, 1, 0], [1], [3])
    assert judged(why, "W_111").kind == "right"
    assert judged(why, "W_111", -5.9).kind == "wrong"


@pytest.mark.parametrize("g", ["leaky_relu", "selu", "elu:0.5", "elu:2"])
def test_other_kinks(g: str) -> None:
    verdict = judged(opened(f"1 {g} 1 linear", [0, 0, 1, 0], [1], [3]), "W_111")
    assert verdict.kind == "inconclusive"
    assert f"the kink of {g.partition(':')[0]} at z_11 = 0" in verdict.reason


@pytest.mark.parametrize("g", sorted(set(HIDDEN) - {"relu", "leaky_relu", "selu", "softmax"}))
def test_what_bends_without_a_kink_is_judged_at_0(g: str) -> None:
    why = opened(f"1 {g} 1 linear", [0, 0, 1, 0], [1], [3])
    assert judged(why, "W_111").kind == "right"
    assert judged(why, "W_111", 1.001 * why.gradient[0]).kind == "wrong"


def test_kinks_of_losses() -> None:
    verdict = judged(opened("1 linear", [1, 0], [2], [2], "mae"), "W_111")
    assert (verdict.kind, verdict.sides) == ("inconclusive", pytest.approx((-2, 2)))
    assert "the kink of mean_absolute_error at y_hat = y" in verdict.reason
    verdict = judged(opened("1 linear", [0.5, 0], [2], [1], "hinge"), "W_111")
    assert (verdict.kind, verdict.sides) == ("inconclusive", pytest.approx((-2, 0)))
    assert judged(opened("1 linear", [1, 0], [2], [1], "huber"), "W_111").kind == "right"  # a - y = delta: a bend


def test_a_kink_that_is_not_felt_is_none() -> None:
    assert kinds(opened("2 relu 2 relu 1 linear", 0.0, [1, 2], [3])) == {"right"}  # behind it all weights are 0


def test_where_a_formula_is_between_two_kinks_it_is_not_accused() -> None:
    # relu(z) - relu(-z) is z, with slope 1; at 0 the formulas take the left side of both, and find 0
    why = opened("1 linear 2 relu 1 linear", [0, 0, 1, -1, 0, 0, 1, -1, 0], [1], [3])
    verdict = judged(why, "W_111")
    assert why.gradient[0] == 0
    assert verdict.numeric == pytest.approx(-6)
    assert verdict.kind == "inconclusive"
    assert "a formula takes one side" in verdict.reason


# ---- derivatives that are nothing, or nearly ----


def test_a_dead_unit() -> None:
    why = opened("1 relu 1 linear", [-1, 0, 1, 0.5], [1], [0])
    verdict = judged(why, "W_111")
    assert (verdict.kind, verdict.numeric) == ("right", 0)
    assert verdict.reason == "the loss does not move when the parameter does, and the derivative is 0"
    assert judged(why, "W_111", 1e-3).kind == "wrong"


def test_an_input_of_0_and_a_weight_of_0() -> None:
    why = opened("2 tanh 1 linear", [0.5, 0.2, 3, 4, 0, 0, 1, 0, 0], [1, 0], [3])
    assert judged(why, "W_112").kind == "right"  # x_2 = 0
    assert judged(why, "W_121").kind == "right"  # behind it W_212 = 0
    assert judged(why, "W_112", 0.01).kind == "wrong"


def test_a_saturated_sigmoid() -> None:
    # sigmoid(60) is 1 to the last digit: e^-60 = 9e-27 cannot be seen in a
    why = opened("1 sigmoid 1 linear", [60, 0, 1, 0], [1], [3])
    for derivative in (0.0, -4 * np.exp(-60.0)):
        assert judged(why, "W_111", derivative).kind == "right"
    assert "so small that a nudge cannot see it" in judged(why, "W_111", -4 * np.exp(-60.0)).reason
    assert judged(why, "W_111", -1e-3).kind == "wrong"


def test_a_saturated_pair_keeps_its_digits() -> None:
    # the fused loss log(1 + e^-60) is 9e-27 to all digits, and so is its slope -9e-27
    why = opened("1 sigmoid", [60, 0], [1], [1], "bce")
    verdict = judged(why, "W_111", -np.exp(-60.0))
    assert verdict.kind == "right"
    assert verdict.digits_agreed > 8
    # backpropagation has y_hat - y = 1 - 1 = 0, which is right as far as a number of about 1 can tell
    assert why.gradient[0] == 0
    assert judged(why, "W_111").kind == "right"
    assert "lost in the rounding of output minus target" in judged(why, "W_111").reason
    assert judged(why, "W_111", 1e-12).kind == "wrong"


@pytest.mark.parametrize("gap", [20.0, 40.0, 80.0])
def test_a_sure_softmax(gap: float) -> None:
    why = opened("2 softmax", [gap, 0, 0, 0], [1], [1, 0], "cce")
    assert kinds(why) == {"right"}
    assert kinds(opened("2 softmax", [gap, 0, 0, 0], [1], [0, 1], "cce"), 1.001) == {"wrong"}


@pytest.mark.parametrize("loss", ["mse", "huber", "log_cosh"])
@pytest.mark.parametrize("error", [0.0, 1e-15, 1e-12, 1e-9, 1e-6])
def test_a_row_that_is_fitted_is_not_accused(loss: str, error: float) -> None:
    why = opened("3 tanh 1 linear", "glorot", [1, 2], [0], loss)
    fitted = wg.explain_row(why.moment.net, why.moment.w, [1, 2], why.outputs * (1 + error), loss)
    assert kinds(fitted) == {"right"}


def test_a_guarded_derivative_is_not_accused() -> None:
    why = opened("2 sigmoid", [-40, 1, 0, 0], [1], [1, 0], "cce")  # a = 4e-18, guarded at 1e-12
    verdict = judged(why, "W_111")
    assert verdict.kind == "inconclusive"
    assert "an output is within 1e-12 of its bound" in verdict.reason


# ---- scales ----


@pytest.mark.parametrize("g", ["tanh", "relu", "softplus", "gelu"])
@pytest.mark.parametrize(("weights", "inputs"), [(1e6, 1e-6), (1e-3, 1e3), (1e-6, 1e6), (1.0, 1e-6), (1.0, 1e6)])
def test_huge_and_tiny_scales(g: str, weights: float, inputs: float) -> None:
    net = wg.Network(3, (wg.Dense(4, g), wg.Dense(1)))
    w = wg.initialize_parameters(net, "distinct")
    w[:12] *= weights
    why = wg.explain_row(net, w, inputs * np.array([1.0, 2.0, 0.5]), [2.0])
    right, wrong = (judge_all(why.moment, f * why.gradient) for f in (1.0, 1.001))
    assert {v.kind for v in right} == {"right"}
    assert all(v.kind == "wrong" for v in wrong if v.digits_possible >= 4)
    assert sum(v.digits_possible >= 4 for v in wrong) >= 4


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e100])
def test_losses_of_any_size(scale: float) -> None:
    assert kinds(opened("1 linear", [scale, 0], [1], [3 * scale])) == {"right"}


def test_float32_gradients_are_right() -> None:
    why = wg.explain(*wg.example("placement"), start="distinct")
    verdicts = judge_all(why.moment, why.gradient.astype(np.float32))
    assert {v.kind for v in verdicts} == {"right"}
    assert all(6 < v.digits_agreed < 9 for v in verdicts)


# ---- what is asked for ----


def test_one_and_all_are_judged_alike() -> None:
    net, loss, w, x, y = drawn(5)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    for name, verdict in zip(wg.parameter_names(net), judge_all(why.moment, why.gradient), strict=True):
        alone = judged(why, name)
        assert (alone.kind, alone.derivative) == (verdict.kind, verdict.derivative)
        assert abs(alone.numeric - verdict.numeric) <= alone.error + verdict.error


def test_the_rows_weight_counts() -> None:
    moment = wg.explain(*wg.example("students")).moment
    why = wg.Explanation(replace(moment, row=Rows(moment.row.x, moment.row.y, np.array([3.0]))))
    assert kinds(why) == {"right"}
    assert judged(why, "W_111", -5.888).kind == "wrong"


def test_a_loss_that_is_not_finite_decides_nothing() -> None:
    with np.errstate(over="ignore"):
        verdict = judged(opened("1 linear", [1e200, 0], [1e100], [0]), "W_111", 1.0)
    assert verdict.kind == "inconclusive"
    assert "not a finite number" in verdict.reason
    assert json.loads(json.dumps(verdict.to_plain()))["error"] is None


def test_gradients_of_another_shape_are_refused() -> None:
    why = wg.explain(*wg.example("students"))
    with pytest.raises(wg.InputError, match=r"gradient has shape \(8,\), but must be \(9,\)"):
        judge_all(why.moment, why.gradient[:8])


def test_digits() -> None:
    assert digits(0.001, 1.0) == pytest.approx(3)
    assert digits(0.0, 1.0) == pytest.approx(15.95, abs=0.01)
    assert digits(2.0, 1.0) == digits(1.0, 0.0) == digits(nan, 1.0) == 0
    assert digits(1e-300, 1e300) == digits(0.0, 1.0)
    assert (tenths(15.96), tenths(0.0)) == ("15.9", "0.0")


def test_all_formulas_are_in_the_matrix() -> None:
    assert {loss.name for loss, _ in LEGAL} == set(LOSSES)
    nets = [drawn(seed)[0] for seed in range(230)]
    assert {layer.activation.name for net in nets for layer in net.layers[:-1]} == set(ACTIVATIONS)
    assert {len(net.layers) for net in nets[:24]} == {1, 2, 3, 4, 5, 6}
