"""The update: its printed lines give the value that training really moved to, and its sentences hold."""

import json
import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

import whygrad as wg
from whygrad.explanation.moment import Moment
from whygrad.explanation.step import Step, all_steps, step_of
from whygrad.history import Keep
from whygrad.maths import Array
from whygrad.names import Place, name, places
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.updates import constants

W_111 = Place(0, 0, 0)
KNOWN = {"sqrt": math.sqrt, "max": max, "min": min, "sign": lambda v: (v > 0) - (v < 0)}


def step(why: wg.Explanation, place: Place = W_111) -> Step:
    return step_of(why.moment, why.links, why.symbols, place)


def evaluated(text: str, **letters: float) -> float:
    return float(eval(text.replace("^", "**"), {"__builtins__": {}}, {**KNOWN, **letters}))


# ---- the lecture ----


def test_students_row_1_is_the_lectures_update() -> None:
    found = step(wg.explain(*wg.example("students")))
    derivative, update = found.lines
    assert (str(derivative.sign), str(derivative.numbers)) == ("dL/dW_111", "(-5.888)")
    assert str(update.sign) == "W_111"
    assert str(update.formula) == "W_111 - rate*dL/dW_111"
    assert str(update.numbers) == "0.1 - 0.001*(-5.888)"
    assert found.new == pytest.approx(0.105888, abs=1e-15)
    assert update.value == found.new
    assert found.why == (
        "the derivative is negative: more W_111 means less loss, so subtracting it moves W_111 up, "
        "from 0.1 to 0.105888"
    )
    # all parameters moved: W_1.. to 0.105888, B_1. to 0.000736, W_2.. to 0.111776, B_21 to 0.00736; each hidden
    # unit gives 16 x 0.105888 + 0.000736 = 1.694944, y_hat = 2 x 0.111776 x 1.694944 + 0.00736 = 0.386268...
    y_hat = 2 * 0.111776 * 1.694944 + 0.00736
    assert found.before.row == found.before.batch == pytest.approx(13.5424)
    assert found.after.row == found.after.batch == pytest.approx((4 - y_hat) ** 2, rel=1e-13)
    # only W_111: O_11 = 1.6 + 8 x 0.005888 = 1.647104, y_hat = 0.1 x (1.647104 + 1.6) = 0.3247104
    assert found.alone.row == pytest.approx((4 - 0.3247104) ** 2, rel=1e-13)
    assert (found.outcome, found.outcome_alone) == ("fell", "fell")
    assert found.came[0].startswith(
        "with every parameter moved, the row's loss really falls, from 13.5424 to 13.05"
    )
    assert found.row_share == found.row_pull == pytest.approx(-5.888, abs=1e-14)


def test_adams_first_step_is_as_long_as_the_rate() -> None:
    found = step(wg.explain(*wg.example("students"), optimizer="adam", learning_rate=0.01))
    # m/(1 - beta1) = g and v/(1 - beta2) = g^2, so the step is rate g/(|g| + epsilon) = 0.01 but for epsilon/|g|
    assert found.new - found.old == pytest.approx(0.01, rel=1e-8)
    assert [str(line.sign) for line in found.lines] == ["dL/dW_111", "m", "v", "W_111"]
    assert str(found.lines[1].numbers) == "0.9*0 + (1 - 0.9)*(-5.888)"
    assert str(found.lines[2].numbers) == "0.999*0 + (1 - 0.999)*(-5.888)^2"
    assert "sqrt(" in str(found.lines[3].numbers)
    assert found.t == 1


# ---- every rule, with all that comes before it ----

DRAW = np.random.default_rng(7)
TABLE = wg.table_from_arrays(DRAW.normal(0, 1, (12, 2)), DRAW.normal(0, 2, 12))
NET = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(1)))
SETTINGS: list[dict[str, object]] = [
    {},
    {"batch": 5},
    {"batch": "all", "l1": 0.3, "l2": 0.2},
    {"batch": 3, "clip": "value:0.3", "l2": 0.1},
    {"batch": 4, "clip": "norm:0.5"},
    {"batch": 4, "clip": "global_norm:0.5", "freeze": ("B_11",), "order": "random"},
    {"batch": 4, "clip": "global_norm:500"},
]


def trained(rule: str, **settings: object) -> tuple[wg.Run, wg.Explanation, int]:
    """A run that keeps its steps, the explanation of a row in its third epoch, and that update's number."""
    fixed = {"epochs": 3, "batch": 1, "scale": "none", "loss": "mse", "start": "glorot", "dtype": "float64"}
    given = {**fixed, "optimizer": rule, "learning_rate": 0.05, **settings}
    if given.get("clip"):
        given["clip"] = wg.Clip(*_clip(str(given["clip"])))
    run = wg.fit(NET, TABLE, keep=Keep("steps"), **given)  # type: ignore[arg-type]
    batches = -(-12 // (12 if given["batch"] == "all" else int(given["batch"])))  # type: ignore[call-overload]
    order = np.random.default_rng((0, 2, 2))
    rows = order.integers(12, size=12) if given.get("order") == "random" else order.permutation(12)
    row = int(rows[-1])
    met = int(np.flatnonzero(rows == row)[0]) // -(-12 // batches) if batches < 12 else 11
    return run, wg.explain(run, TABLE, row=row, at=(3, row)), 2 * batches + met


def _clip(text: str) -> tuple[str, float]:
    kind, limit = text.split(":")
    return kind, float(limit)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("rule", list(wg.UPDATES))
def test_the_lines_lead_to_the_value_that_training_moved_to(rule: str, settings: dict[str, object]) -> None:
    run, why, t = trained(rule, **settings)
    assert np.array_equal(all_steps(why.moment), run.kept[t].w)
    optimizer = run.training.optimizer
    known = dict(zip([f for f in vars(optimizer) if f != "learning_rate"], constants(optimizer), strict=True))
    known |= {"rate": why.moment.rate, "t": t + 1, "l1": run.training.l1, "l2": run.training.l2}
    known |= {"limit": run.training.clip.limit} if run.training.clip else {}
    for at, place in enumerate(places(NET)):
        found, own = step(why, place), name(place)
        assert (found.old, found.new, found.t) == (run.kept[t - 1].w[at], run.kept[t].w[at], t + 1)
        letters = {**known, "w": found.old}
        letters |= {m: float(held[at]) for m, held in zip(optimizer.memories, why.moment.memory, strict=True)}
        for line in found.lines:
            # nine digits are printed of each number
            scale = 1 + abs(line.value) + abs(found.old)
            assert evaluated(str(line.numbers)) == pytest.approx(line.value, rel=0, abs=5e-9 * scale)
            if line.what.startswith("clipped"):
                letters["factor"] = line.value / letters["g"]
            elif line.what.startswith("within"):
                letters["factor"] = 1.0
            if "derivative" not in line.what:
                formula = str(line.formula).replace(f"dL/d{own}", "g").replace(own, "w")
                assert evaluated(formula, **letters) == pytest.approx(line.value, rel=1e-13, abs=1e-15)
            letters["w" if str(line.sign) == own else str(line.sign).replace(f"dL/d{own}", "g")] = line.value
            assert line.formula.latex.count("{") == line.formula.latex.count("}")
        assert found.lines[-1].value == found.new


def test_rules_move_far_enough_for_their_lines_to_be_told_apart() -> None:
    for rule in wg.UPDATES:
        _, why, _ = trained(rule)
        assert np.abs(all_steps(why.moment) - why.moment.w).max() > 1e-3


def test_a_batch_shows_its_rows_pulls_and_this_rows_share() -> None:
    found = step(wg.explain(*wg.example("students"), batch=2, row=1))
    # rows 1 and 2 pull -5.888 and -6.552
    assert str(found.lines[0].numbers) == "((-5.888) + (-6.552))/2"
    assert found.derivative == pytest.approx(-6.22, abs=1e-14)
    assert found.row_share == pytest.approx(-3.276, abs=1e-14)
    assert found.pulls.row_numbers.tolist() == [1, 2]
    assert found.why.endswith("; this row alone pulls it the same way")
    assert "the mean loss of the batch's 2 rows really falls" in found.came[0]
    assert found.came[2].startswith("this row's own loss falls, from 21.9024 to ")


def test_the_sum_of_many_rows_pulls_has_one_pair_of_parentheses() -> None:
    x = np.arange(10.0)[:, None]
    net, table = wg.Network(1, (wg.Dense(1),)), wg.table_from_arrays(x, x)
    found = step(wg.explain(net, table, Training("mse", batch=10, order="sequential"), start=0.0))
    # standardised, y is x and the mean of x^2 is 1: the mean of 2(0 - x)x is -2
    assert str(found.lines[0].numbers) == "(-20)/10"


def test_losses_are_told_apart_by_their_last_digits() -> None:
    # y_hat = 1, y = 0, x = 1e-5: dL/dW = 2e-5, and 1 - 0.01 x 2e-5 leaves a loss of 1 - 2 x 2e-12
    found = step(one_row([([[0.0]], [1.0])], ("linear",), [1e-5], [0.0]))
    assert found.came[1] == "with only W_111 moved, the row's loss really falls, from 1 to 0.999999999996"


@pytest.mark.parametrize("notation", ["course", "3b1b", "keras", "torch"])
def test_every_notation_writes_it(notation: str) -> None:
    found = step(wg.explain(*wg.example("students"), optimizer="adam", notation=notation))
    name_of = {"course": "W_111", "3b1b": "w^(1)_0,0", "keras": "dense_0.kernel[0, 0]", "torch": "0.weight[0, 0]"}
    assert str(found.lines[-1].sign) == found.parameter.text == found.pulls.parameter == name_of[notation]
    assert str(found.lines[-1].formula).startswith(name_of[notation])


@dataclass(frozen=True)
class Half:
    """A rule of one's own without texts: w <- w - g/2."""

    learning_rate: float = 0.01
    memories: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def step(xp, w, g, memory, t, rate, k):  # type: ignore[no-untyped-def]
        return w - 0.5 * g, ()


def test_a_rule_of_ones_own_needs_no_texts() -> None:
    found = step(wg.explain(*wg.example("students"), optimizer=Half()))
    assert found.new == pytest.approx(0.1 + 5.888 / 2)
    assert str(found.lines[-1].formula) == "what the rule makes of it"


def test_plain_values_go_through_json() -> None:
    plain = json.loads(json.dumps(step(wg.explain(*wg.example("students"), batch=2)).to_plain()))
    assert plain["parameter"] == "W_111"
    assert plain["lines"][1] == {
        "what": "the update",
        "sign": "W_111",
        "formula": "W_111 - rate*dL/dW_111",
        "numbers": "0.1 - 0.001*(-6.22)",
        "value": pytest.approx(0.10622),
    }
    assert plain["batch"]["rows"] == [1, 2]
    assert plain["before"]["row"] == pytest.approx(13.5424)


# ---- why it moves ----


def one_row(
    layers: list[tuple[object, object]],
    activations: tuple[str, ...],
    x: list[float],
    y: list[float],
    loss: str = "mse",
    training: dict[str, object] | None = None,
) -> wg.Explanation:
    arrays = [(np.array(W, float), np.array(b, float)) for W, b in layers]
    net = wg.Network(len(x), tuple(wg.Dense(len(b), g) for (_, b), g in zip(arrays, activations, strict=True)))
    told = None if training is None else Training(loss, **training)  # type: ignore[arg-type]
    return wg.explain_row(net, arrays, x, y, loss, told)


ONE = [([[1.0]], [0.0])]


def test_a_positive_derivative_moves_it_down() -> None:
    # y_hat = 2, y = 1: 2(2 - 1) 2 = 4; 1 - 0.01 x 4
    found = step(one_row(ONE, ("linear",), [2.0], [1.0]))
    assert found.why == (
        "the derivative is positive: more W_111 means more loss, so subtracting it moves W_111 down, "
        "from 1 to 0.96"
    )


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (one_row(ONE, ("linear",), [0.0], [1.0]), "what comes in through it, x_1, is 0 on this row"),
        (one_row(ONE, ("linear",), [2.0], [2.0]), "the prediction equals the target to the last digit"),
        (one_row(ONE, ("linear",), [2.0], [-1.0], "hinge"), ""),
        (
            one_row([*ONE, *ONE], ("relu", "linear"), [-2.0], [1.0]),
            "relu is flat at z_11 = -2: unit 1 of layer 1 passes nothing back on this row",
        ),
        (
            one_row([([[1.0], [1.0]], [0.0]), *ONE], ("relu", "linear"), [2.0, -2.0], [1.0]),
            "z_11 is at the kink of relu, where its derivative is taken as 0: unit 1 of layer 1 passes",
        ),
        (
            one_row([*ONE, *ONE], ("tanh", "linear"), [30.0], [5.0]),
            "tanh is flat at z_11 = 30: unit 1 of layer 1 passes nothing back on this row",
        ),
        (
            one_row(ONE, ("sigmoid",), [50.0], [0.0], "mse"),
            "sigmoid is flat at z_11 = 50: unit 1 of layer 1 passes nothing back on this row",
        ),
        (one_row([*ONE, ([[0.0]], [0.0])], ("linear", "linear"), [2.0], [1.0]), "every way from O_11 to the loss"),
        (
            one_row([*ONE, ([[1.0, 1.0]], [0.0, 0.0])], ("linear", "linear"), [2.0], [1.0, 3.0]),
            "the ways from O_11 to the loss cancel",
        ),
        (one_row(ONE, ("linear",), [1e-200], [1e-200 - 1e-160]), "its factors are too small"),
    ],
)
def test_a_derivative_of_0_has_a_reason(why: wg.Explanation, reason: str) -> None:
    found = step(why)
    if not reason:  # hinge with y = -1 at a = 2: dL/da = 1, times x = 2
        assert found.derivative == 2
        return
    assert found.derivative == 0
    assert found.new == found.old
    assert found.why.startswith(f"W_111 does not move: its derivative is 0, as {reason}")


def test_the_second_layer_names_the_unit_that_gives_0() -> None:
    found = step(one_row([*ONE, *ONE], ("relu", "linear"), [-2.0], [1.0]), Place(1, 0, 0))
    assert (
        found.why
        == "W_211 does not move: its derivative is 0, as what comes in through it, O_11, is 0 on this row"
    )


def table_moment(x: list[float], y: list[float], weights: list[float] | None = None, **told: object) -> Moment:
    """Rows through relu(1 x) into 1 a, the first row explained, all of them its batch."""
    net = wg.Network(1, (wg.Dense(1, "relu"), wg.Dense(1)))
    rows = Rows(np.array([x]).T, np.array([y]).T, None if weights is None else np.array(weights))
    training = Training("mse", **{"optimizer": wg.SGD(0.01), **told})  # type: ignore[arg-type]
    w = np.array([1.0, 0.0, 1.0, 0.0])
    memory = tuple(np.zeros(4) for _ in training.optimizer.memories)
    return Moment(net, training, w, rows.take(slice(0, 1)), rows, np.arange(len(x)), memory, 0, 0.01)


def test_a_unit_that_is_off_on_every_row_is_dead() -> None:
    dead = step(wg.Explanation(table_moment([-1.0, -2.0, -3.0], [1.0, 1.0, 1.0])))
    assert dead.why == (
        "W_111 does not move: its derivative is 0, as relu is flat at z_11 = -1, on this row as on every other: "
        "unit 1 of layer 1 is dead, and no other row of the batch pulls it"
    )
    off = step(wg.Explanation(replace(table_moment([-1.0, -2.0, 3.0], [1.0, 1.0, 1.0]), batch=np.array([0, 1]))))
    assert "passes nothing back on this row, and no other row of the batch pulls it" in off.why


def test_rows_of_a_batch_may_disagree_or_cancel() -> None:
    # pulls 2(1 - 2) 1 = -2 and 2(2 - 0) 2 = 8: the mean is 3
    found = step(wg.Explanation(table_moment([1.0, 2.0], [2.0, 0.0])))
    assert found.derivative == 3
    assert found.why.endswith("moves W_111 down, from 1 to 0.97; this row alone pulls it the other way")
    # 2(1 - 2) 1 = -2 and 2(2 - 1.5) 2 = 2
    found = step(wg.Explanation(table_moment([1.0, 2.0], [2.0, 1.5])))
    assert found.why == "W_111 does not move: its derivative is 0, as the pulls of the batch's rows cancel"
    found = step(wg.Explanation(table_moment([-1.0, 2.0], [2.0, 0.0])))
    assert found.why.endswith("; this row does not pull it")
    found = step(wg.Explanation(table_moment([1.0, 2.0], [2.0, 0.0], [0.0, 0.0])))
    assert "as this row's weight is 0" in found.why


def test_what_else_may_move_it_is_said() -> None:
    against = table_moment([1.0], [0.0], optimizer=wg.Momentum(0.01, 0.5))  # derivative 2(1 - 0) 1 = 2
    found = step(wg.Explanation(replace(against, memory=(np.full(4, -10.0),))))
    # v = 0.5 x -10 + 2 = -3
    assert found.new == pytest.approx(1.03)
    assert found.why == (
        "the derivative is positive, which alone would move W_111 down; but the memory of earlier derivatives "
        "moves it up, from 1 to 1.03"
    )
    found = step(wg.Explanation(replace(against, memory=(np.full(4, 10.0),))))
    assert "so subtracting it, together with the memory of earlier derivatives, moves W_111 down" in found.why
    found = step(wg.Explanation(table_moment([1.0], [1.5], l2=4.0)))  # -1 + 4 x 1 = 3
    assert "negative, which alone would move W_111 up; but the penalty moves it down, from 1 to 0.97" in found.why
    found = step(wg.Explanation(table_moment([-1.0], [1.5], optimizer=wg.AdamW(0.01, weight_decay=0.1))))
    assert found.why.startswith("the derivative is 0, as relu is flat at z_11 = -1")
    assert found.why.endswith("yet the weight decay moves W_111 down, from 1 to 0.999")
    found = step(wg.Explanation(table_moment([1.0], [1.0 + 1e-15])))
    assert found.derivative != 0
    assert found.why == "W_111 does not move: what is left of the step is smaller than the last digit of 1"
    found = step(wg.explain(*wg.example("students"), freeze="1"))
    assert found.why == "W_111 is frozen: it stays 0.1, whatever the derivative"
    assert (found.lines[-1].what, found.new, found.derivative) == ("frozen", 0.1, pytest.approx(-5.888))
    found = step(wg.Explanation(replace(table_moment([1e200], [0.0]), rate=1e200)))
    assert "leaves the finite numbers" in found.why


# ---- what came of it ----


def test_an_overshoot_is_said_with_the_step_that_would_have_been_short_enough() -> None:
    why = wg.explain(*wg.example("students"), learning_rate=0.1)
    found = step(why)
    assert (found.outcome, found.outcome_alone) == ("overshot", "fell")
    assert found.after.batch > found.before.batch
    assert found.shorter is not None
    losses = []
    for part in (found.shorter, 2 * found.shorter):
        w: Array = why.moment.w + part * (all_steps(why.moment) - why.moment.w)
        y_hat = wg.forward_propagation(why.moment.net, w, np.array([[8.0, 8.0]])).output[0, 0]
        losses.append((y_hat - 4) ** 2)
    assert losses[0] < 13.5424 <= losses[1]
    assert "rises" in found.came[0]
    assert found.came[0].endswith(f"but overshot; 1/{1 / found.shorter:.0f} of the step would have made it fall")


def test_a_step_along_old_memories_may_go_uphill() -> None:
    moment = table_moment([1.0], [0.0], optimizer=wg.Momentum(0.01, 0.5))
    found = step(wg.Explanation(replace(moment, memory=(np.full(4, -10.0),))))
    assert (found.outcome, found.outcome_alone, found.shorter) == ("uphill", "uphill", None)
    assert found.came[0].endswith("the step does not go down this derivative")


def test_no_step_leaves_the_loss_as_it_is() -> None:
    found = step(one_row(ONE, ("linear",), [2.0], [2.0]))
    assert (found.outcome, found.outcome_alone) == ("unchanged", "unchanged")
    assert found.came[0] == "with every parameter moved, the row's loss stays 0"


def test_row_weights_count_in_all_losses() -> None:
    found = step(wg.Explanation(table_moment([1.0, 2.0], [2.0, 0.0], [3.0, 0.5])))
    # losses 3 (1 - 2)^2 = 3 and 0.5 (2 - 0)^2 = 2; pulls 3 x 2(1 - 2) 1 = -6 and 0.5 x 2(2 - 0) 2 = 4: -1
    assert (found.before.row, found.before.batch, found.derivative) == (3, 2.5, -1)
    # only W_111 moved, to 1.01: 3 (1.01 - 2)^2 and 0.5 x 2.02^2
    assert found.alone.row == pytest.approx(3 * 0.99**2, rel=1e-14)
    assert found.alone.batch == pytest.approx((3 * 0.99**2 + 0.5 * 2.02**2) / 2, rel=1e-14)


def test_a_row_kept_for_validation_has_no_update() -> None:
    whole = wg.explain(NET, TABLE, None, row=0, validation=0.25)
    kept = sorted(set(range(12)) - set(whole.moment.members.tolist()))[0]  # type: ignore[union-attr]
    why = wg.explain(NET, TABLE, None, row=kept, validation=0.25)
    for asked in (lambda: step(why), lambda: all_steps(why.moment)):
        with pytest.raises(wg.InputError, match=r"update: row \d+ .* has none \(this row is kept for validation"):
            asked()
    with pytest.raises(wg.InputError, match="layer 3 is not there"):
        step(whole, Place(2, 0, 0))
