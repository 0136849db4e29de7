"""The nudge: the lecture's ratios by hand, every station against smaller nudges, and why ratios differ."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from truth import LEGAL, case

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.explanation.nudge import Nudge, nudge
from whygrad.names import place_of
from whygrad.table import Rows


def nudged(why: wg.Explanation, name: str, by: float = 0.01) -> Nudge:
    place = place_of(why.moment.net, why.position(name))
    return nudge(why.moment, why.links, why.symbols, place, by)


def table(found: Nudge) -> list[tuple[Any, ...]]:
    return [(s.sign.text, s.before, s.after, s.ratio, s.derivative) for s in found.stations]


def test_students_row_1_as_the_lecture_has_it() -> None:
    found = nudged(wg.explain(*wg.example("students")), "W_111")
    # O_11 = 0.11*8 + 0.1*8 = 1.68, y_hat = 0.1*1.68 + 0.1*1.6 = 0.328, L = (4 - 0.328)^2 = 13.483584
    assert table(found) == [
        ("O_11", pytest.approx(1.6), pytest.approx(1.68), pytest.approx(8), 8),
        ("y_hat", pytest.approx(0.32), pytest.approx(0.328), pytest.approx(0.8), pytest.approx(0.8)),
        ("L", pytest.approx(13.5424), pytest.approx(13.483584), pytest.approx(-5.8816), pytest.approx(-5.888)),
    ]
    assert found.loss.gap == pytest.approx(0.0064)
    assert found.second == pytest.approx(1.28)  # 2 * 0.8^2
    assert found.half_gap == pytest.approx(0.0032)
    assert found.why == (
        "change / nudge is 0.0064 above the derivative, as the loss bends: 0.0064 = 0.01/2 * 1.28, half the nudge "
        "times the second derivative; half the nudge leaves 0.0032"
    )


def test_nudges_of_any_size_are_answered() -> None:
    why = wg.explain(*wg.example("students"))
    assert why["W_111"].nudge(1e300).why == "the loss is no finite number so far away"  # 1e300^2 overflows
    assert nudged(why, "B_11", 1e-200).why == "the nudge is too small: rounding swallows what it does to the loss"


def test_a_bias_and_a_nudge_down() -> None:
    found = nudged(wg.explain(*wg.example("students")), "B_2", -0.01)
    assert (found.before, found.after) == (0, -0.01)
    assert [s.sign.text for s in found.stations] == ["y_hat", "L"]
    assert found.loss.ratio == pytest.approx(-7.37)  # (3.69^2 - 3.68^2)/-0.01


@pytest.mark.parametrize("hidden", list(ACTIVATIONS))
@pytest.mark.parametrize(("loss", "output"), LEGAL[::4], ids=lambda v: getattr(v, "name", v))
def test_every_derivative_on_the_way_is_what_small_nudges_tend_to(hidden: str, loss: Any, output: Any) -> None:
    net, w, x, y = case(hidden, output.name, loss, 3, rows=1)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    for name in ("W_111", "B_12", "W_223", "B_31"):
        up, down = nudged(why, name, 1e-5), nudged(why, name, -1e-5)
        assert [s.sign for s in up.stations] == [s.sign for s in down.stations]
        for above, below in zip(up.stations, down.stations, strict=True):
            slope = (above.after - below.after) / 2e-5
            assert slope == pytest.approx(above.derivative, rel=1e-4, abs=1e-7)
        assert up.loss.derivative == pytest.approx(why.gradient[why.position(name)], rel=1e-12, abs=1e-15)


def test_softmax_moves_every_output_of_its_layer() -> None:
    net = wg.Network(1, (wg.Dense(3, "softmax"),))
    found = nudged(wg.explain_row(net, "glorot", [1.0], [0, 1, 0], "cce"), "W_111")
    assert {s.sign.text for s in found.stations} == {"z_11", "y_hat_1", "y_hat_2", "y_hat_3", "L"}
    assert sum(s.change for s in found.stations[1:4]) == pytest.approx(0)  # probabilities sum to 1


def test_of_narrow_layers_all_units_stand_in_their_order() -> None:
    net = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(4, "sigmoid"), wg.Dense(3, "softmax")))
    found = nudged(wg.explain_row(net, "glorot", [1.0, -1.0], [0, 1, 0], "cce"), "W_111")
    units = [f"{kind}_2{n}" for kind in "zO" for n in (1, 2, 3, 4)]
    outputs = [*(f"z_3{n}" for n in (1, 2, 3)), *(f"y_hat_{n}" for n in (1, 2, 3))]
    assert [s.sign.text for s in found.stations] == ["z_11", "O_11", *units, *outputs, "L"]


def test_of_wide_layers_the_units_that_carry_most_come_first() -> None:
    net = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(50, "sigmoid"), wg.Dense(1)))
    why = wg.explain_row(net, "glorot", [1.0, -1.0], [2.0])
    found = nudged(why, "W_111")
    assert len(found.stations) == 2 + 2 * 4 + 1 + 1
    assert found.left_out == 46
    # through unit n of layer 2 goes dO_11/dW_111 * W_2n1 * dL/dz_2n
    flows = np.abs(found.stations[1].derivative * why.links.layers[1].W[0] * why.links.deltas[1])
    largest = np.argsort(-flows)[:4]
    assert [s.sign for s in found.stations[2:6]] == [why.symbols.z(1, int(n)) for n in largest]


def test_a_dead_unit_stops_the_nudge() -> None:
    net = wg.Network(1, (wg.Dense(1, "relu"), wg.Dense(1)))
    found = nudged(wg.explain_row(net, np.array([-1.0, 0.0, 1.0, 0.5]), [1.0], [0.0]), "W_111")
    assert table(found)[:2] == [("z_11", -1, -0.99, pytest.approx(1), 1), ("O_11", 0, 0, 0, 0)]
    assert [s.sign.text for s in found.stations] == ["z_11", "O_11", "L"]
    assert found.why == "the loss does not move, and its derivative is 0"


def test_a_unit_that_switches_is_named() -> None:
    net = wg.Network(1, (wg.Dense(2, "relu"), wg.Dense(1)))
    why = wg.explain_row(net, np.array([1.0, -0.004, 0.0, 0.0, 1.0, 1.0, 0.0]), [1.0], [0.0])
    assert nudged(why, "W_121").why == (
        "the nudge takes z_12 from -0.004 to 0.006, over the kink of relu at z_12 = 0: O_12 switches on, "
        "so the slope is another on its way"
    )
    assert "O_11 switches off" in nudged(why, "W_111", -1.5).why


def test_an_output_that_passes_its_target_is_named() -> None:
    why = wg.explain_row(wg.Network(1, (wg.Dense(1),)), np.array([1.0, 0.0]), [1.0], [1.005], "mae")
    assert "over the kink of mean_absolute_error at y_hat = y" in nudged(why, "W_111").why


def test_a_bend_without_a_kink_is_no_switch() -> None:
    net = wg.Network(1, (wg.Dense(1, "elu"), wg.Dense(1)))  # with alpha 1 the slope does not jump at 0
    why = wg.explain_row(net, np.array([-0.004, 0.0, 1.0, 0.0]), [1.0], [1.0])
    assert "switches" not in nudged(why, "W_111").why


def test_straight_lines_and_large_nudges_are_told_apart() -> None:
    line = wg.explain_row(wg.Network(1, (wg.Dense(1),)), np.array([2.0, 0.0]), [1.0], [0.0], "mae")
    assert nudged(line, "W_111").why == "the loss goes along a straight line, as far as rounding lets one see"
    tiny = nudged(wg.explain(*wg.example("students")), "W_111", 1e-9)
    assert tiny.why.startswith("the loss goes along a straight line")
    curve = wg.explain_row(wg.Network(1, (wg.Dense(1, "tanh"),)), np.array([0.5, 0.0]), [1.0], [0.0])
    assert nudged(curve, "W_111", 2.0).why.startswith("change / nudge is ")
    assert ", as the loss bends more than once: 2/2 * " in nudged(curve, "W_111", 2.0).why


def test_nudges_that_change_nothing_are_refused() -> None:
    why = wg.explain(*wg.example("students"))
    for by in (0.0, 1e-20, float("nan"), float("inf")):
        with pytest.raises(wg.InputError, match=r"nudge: by is .*, but must change W_111 = 0\.1"):
            nudged(why, "W_111", by)


def test_the_rows_weight_multiplies_its_loss() -> None:
    moment = wg.explain(*wg.example("students")).moment
    row = Rows(moment.row.x, moment.row.y, np.array([3.0]))
    why = wg.Explanation(replace(moment, row=row))
    loss = nudged(why, "W_111").loss
    assert (loss.before, loss.ratio, loss.derivative) == pytest.approx((3 * 13.5424, 3 * -5.8816, 3 * -5.888))


def test_plain_is_json() -> None:
    plain = json.loads(json.dumps(nudged(wg.explain(*wg.example("placement")), "W_111").to_plain()))
    assert plain["name"] == "W_111"
    assert [s["name"] for s in plain["stations"]] == ["z_11", "O_11", "z_21", "y_hat", "L"]
    assert plain["stations"][0]["change"] == pytest.approx(0.08)
