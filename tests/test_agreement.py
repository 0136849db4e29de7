"""Compare: golden agreement, planted disagreements found where they were planted, and verdicts withheld."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from whygrad.agreement import compare, compare_rows, follow_reference, last_digit_changed, why_no_learning
from whygrad.errors import InputError
from whygrad.examples import example
from whygrad.network import Dense, Network
from whygrad.rivals import RIVALS
from whygrad.rivals.protocol import Followed
from whygrad.schedules import StepDecay
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.updates import SGD
from whygrad.weights import initialize_parameters

LECTURE = {"start": "0.1", "batch": 1, "order": "sequential", "scale": "none"}
STUDENTS = (
    Network(2, (Dense(2), Dense(1))),
    Training(loss="mse", optimizer=SGD(0.001), epochs=5, **LECTURE),
    Rows(np.array([[8.0, 8], [7, 9], [6, 10], [5, 12]]), np.array([[4.0], [5], [6], [7]])),
)
PLACEMENT = (
    Network(2, (Dense(2, "sigmoid"), Dense(1, "sigmoid"))),
    Training(loss="bce", optimizer=SGD(0.0001), epochs=50, **LECTURE),
    Rows(np.array([[8.0, 8], [7, 9], [6, 10], [5, 5]]), np.array([[1.0], [1], [0], [0]])),
)


def compared(example, against, **changes):
    net, training, rows = example
    orders = [np.arange(len(rows))] * training.epochs
    start = changes.pop("start", initialize_parameters(net, training.start))
    return compare_rows(net, training, rows, start, orders, against, **changes)


def needs(*names: str) -> tuple[str, ...]:
    for name in names:
        if not RIVALS[name].installed():
            pytest.skip(f"{RIVALS[name].label} is not installed")
    return names


# ---- golden ----


@pytest.mark.parametrize(
    "name, tolerance", [("torch", 1e-10), ("jax", 1e-10), ("sklearn", 1e-10), ("keras", 1e-6)]
)
@pytest.mark.parametrize(
    "example, losses",
    [
        (STUDENTS, {1: 26.345577666, 2: 19.859428919, 3: 10.881602572, 4: 3.777037799, 5: 1.223804497}),
        (PLACEMENT, {1: 0.693912440, 50: 0.693864553}),
    ],
    ids=["students", "placement"],
)
def test_everybody_agrees_on_the_lecture(example, losses, name, tolerance):
    found = compared(example, needs(name))
    (theirs,) = found.rivals
    assert (theirs.status, found.verdict) == ("equal", "equal")
    assert theirs.tolerance == tolerance
    assert theirs.difference < min(tolerance, 1e-10)  # Keras's parameters are as near; its losses are not
    assert theirs.apart < tolerance
    assert theirs.parting is None
    for epoch, loss in losses.items():
        assert found.losses[epoch - 1] == pytest.approx(loss, abs=6e-10)
        assert theirs.losses[epoch - 1] == pytest.approx(loss, rel=1e-6 if name == "keras" else 1e-9)


def test_the_report_can_be_read_and_written():
    found = compared(PLACEMENT, tuple(RIVALS))
    lines = found.lines()
    assert max(map(len, lines)) < 110
    text = "\n".join(lines)
    for part in ("200 updates in 50 epochs", "0.693912440", "why it does not learn", "0.02402"):
        assert part in text
    plain = json.loads(json.dumps(found.to_plain(), allow_nan=False))
    assert plain["verdict"] == found.verdict
    assert [r["name"] for r in plain["rivals"]] == list(RIVALS)


# ---- planted ----


def test_a_wrong_rate_is_found_in_the_step_it_begins():
    def wrong_from_epoch_3(net, training, start, rows, orders):
        return follow_reference(net, replace(training, schedule=StepDecay(2, 0.999)), start, rows, orders)

    found = compared(STUDENTS, needs("torch"), follow_self=wrong_from_epoch_3)
    (theirs,) = found.rivals
    assert (theirs.status, found.verdict) == ("not equal", "not equal")
    place = theirs.parting.place
    assert (place.step, place.epoch, place.batch, theirs.parting.what) == (9, 3, 1, "parameters")
    assert theirs.parting.exact
    assert "the parameters after epoch 3, batch 1 (step 9)" in theirs.why
    assert found.to_plain()["rivals"][0]["parting"]["step"] == 9


def test_a_wrong_start_is_found_in_the_first_loss():
    def wrong_start(net, training, start, rows, orders):
        moved = start.copy()
        moved[6] += 1e-6
        return follow_reference(net, training, moved, rows, orders)

    (theirs,) = compared(STUDENTS, needs("jax"), follow_self=wrong_start).rivals
    assert theirs.status == "not equal"
    assert (theirs.parting.place.step, theirs.parting.what) == (1, "loss")


def test_where_parameters_were_not_kept_the_place_is_an_upper_bound(monkeypatch):
    monkeypatch.setattr("whygrad.rivals.protocol.KEPT_NUMBERS", 9 * 5)

    def wrong_b2(net, training, start, rows, orders):
        right = follow_reference(net, training, start, rows, orders)
        off = np.zeros_like(right.weights)
        off[2:, 8] = 1e-3  # b2, from the third epoch on; losses as they should be
        return Followed(right.losses, right.weights + off, right.kept_at)

    (theirs,) = compared(STUDENTS, needs("torch"), follow_self=wrong_b2).rivals
    assert str(theirs.parting) == "the parameters after epoch 3, batch 4 (step 12) or before"
    assert theirs.where == "B_21"
    assert theirs.difference == pytest.approx(1e-3)


# ---- no verdict ----

# x = y = 1 and two equal weights a: a <- (1 + 2 rate) a - 2 rate a^3, a cubic map with period doubling
CUBIC = (
    Network(1, (Dense(1), Dense(1))),
    Training(loss="mse", epochs=300, batch=1, order="sequential", freeze=("B_11", "B_21")),
    Rows(np.ones((1, 1)), np.ones((1, 1))),
)


def cubic(rate: float):
    net, training, rows = CUBIC
    start = np.array([0.5, 0.0, 0.5, 0.0])
    return compared((net, replace(training, optimizer=SGD(rate)), rows), needs("torch"), start=start)


def test_a_chaotic_run_gives_no_verdict():
    found = cubic(0.8)
    (theirs,) = found.rivals
    assert (theirs.status, found.verdict) == ("no verdict", "no verdict")
    assert found.sensitivity > 1
    assert theirs.why.startswith("changing the last digit of the start alone moves whygrad's own run by")


def test_a_run_that_only_oscillates_is_judged():
    found = cubic(0.6)
    assert found.rivals[0].status == "equal"
    assert abs(found.losses[-1] - found.losses[-2]) > 0.1  # it bounces between two values for ever


def test_a_diverged_run_gives_no_verdict_and_says_where():
    found = compared(
        (STUDENTS[0], replace(STUDENTS[1], optimizer=SGD(1.0)), STUDENTS[2]), needs("torch", "sklearn")
    )
    for theirs in found.rivals:
        assert theirs.status == "no verdict"
        assert "whygrad's run diverges in epoch 2, batch" in theirs.why
    assert "does not stay finite" in "\n".join(found.lines())
    json.dumps(found.to_plain(), allow_nan=False)


def test_a_difference_no_larger_than_rounding_gives_no_verdict():
    starts = []

    def noisy(net, training, start, rows, orders):
        starts.append(start)
        right = follow_reference(net, training, start, rows, orders)
        return Followed(right.losses, right.weights + (5e-10 if len(starts) == 1 else 5.5e-10), right.kept_at)

    (theirs,) = compared(STUDENTS, needs("torch"), follow_self=noisy).rivals
    assert theirs.status == "no verdict"
    assert "may be rounding" in theirs.why


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_last_digit_of_every_parameter_moves(dtype):
    start = np.array([0.1, 0.1, 0.0, -2.0, 0.0]).astype(dtype)
    moved = last_digit_changed(start, dtype)
    assert moved.dtype == dtype
    last = float(np.spacing(np.array(2.0, dtype)))
    assert moved[2] == last  # a zero's own last digit would be lost in the first addition
    assert moved[0] == np.nextafter(start[0], np.inf, dtype=dtype)
    assert moved[1] == np.nextafter(start[1], -np.inf, dtype=dtype)
    assert (last_digit_changed(np.zeros(2), dtype) != 0).all()


# ---- not installed, not comparable, not usable ----


def test_not_installed_is_never_equal(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    found = compared(STUDENTS, ("torch",))
    assert found.rivals[0].status == "not installed"
    assert found.verdict == "no verdict"
    assert "not installed" in "\n".join(found.lines())


def test_not_comparable_gives_its_reason():
    net, training, rows = STUDENTS
    found = compared((net, replace(training, optimizer="rmsprop"), rows), needs("sklearn"))
    assert found.rivals[0].status == "not comparable"
    assert found.rivals[0].why == "scikit-learn has no rmsprop"
    assert found.verdict == "no verdict"


def test_float32_has_its_own_tolerance():
    net, training, rows = STUDENTS
    (theirs,) = compared((net, replace(training, dtype="float32"), rows), needs("torch")).rivals
    assert (theirs.status, theirs.tolerance) == ("equal", 2e-5)
    assert "float32 in both" in theirs.tolerance_why


def test_unknown_libraries_and_no_epochs_are_refused():
    with pytest.raises(InputError, match="'kerass' is not known"):
        compared(STUDENTS, ("kerass",))
    net, training, rows = STUDENTS
    with pytest.raises(InputError, match="epochs must be 1 or more"):
        compared((net, replace(training, epochs=0), rows), ("torch",))


# ---- why it does not learn ----


def diagnosis(net, training, rows, start=None):
    start = initialize_parameters(net, training.start, training.seed) if start is None else start
    found = compare_rows(net, training, rows, start, [np.arange(len(rows))] * training.epochs, ())
    return list(found.no_learning), why_no_learning(net, training, rows, found.losses, start)


def test_placement_is_told_why():
    told, again = diagnosis(*PLACEMENT)
    assert told == again
    text = " ".join(told)
    assert "0.693912 in epoch 1, 0.693865 in epoch 50" in text
    assert "input 1 runs from 5 to 8 (mean 6.5, standard deviation 1.1)" in text
    assert "the inputs are not scaled and the rate is tiny" in text
    assert "with the inputs standardised and rate 1 the loss met in epoch 50 is 0.02402" in text
    assert "2 hidden units but only 1 different start" in text
    for name in needs("torch", "jax"):
        assert "no library's mistake" in compared(PLACEMENT, (name,)).no_learning[-1]


def test_a_run_that_learns_is_told_nothing():
    assert diagnosis(*STUDENTS) == ([], [])


DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(20, 2))
X = (X - X.mean(axis=0)) / X.std(axis=0)
PLAIN = Training(loss="mse", optimizer=SGD(1e-6), epochs=20, batch=5, start="glorot", order="sequential")


def test_a_rate_that_is_too_small_is_named():
    told, _ = diagnosis(Network(2, (Dense(1),)), PLAIN, Rows(X, X @ np.array([[1.0], [-2.0]])))
    text = " ".join(told)
    assert "the rate is too small" in text
    assert "standardised" not in text  # they are


def test_inputs_that_saturate_are_named():
    net = Network(2, (Dense(4, "tanh"), Dense(1)))
    rows = Rows(1e6 + 1e3 * X, X @ np.array([[1.0], [-2.0]]))
    training = replace(PLAIN, optimizer=SGD(0.05), epochs=60)
    start = initialize_parameters(net, "glorot")
    ends = follow_reference(net, training, start, rows, [np.arange(20)] * 60).weights[-1]
    told, _ = diagnosis(net, training, rows, ends)  # where its output bias has found the mean
    assert any("the inputs are not scaled." in line or "the inputs are not scaled. " in line for line in told), (
        told
    )


def test_nothing_helps_where_there_is_nothing_to_learn():
    rows = Rows(X, np.tile([[1.0], [-1.0]], (10, 1)))
    told, _ = diagnosis(Network(2, (Dense(1),)), replace(PLAIN, start="zeros"), Rows(0 * X, rows.y))
    assert any("None of these learns either" in line for line in told)


def test_long_runs_are_not_tried_again():
    net, training, rows = PLACEMENT
    start = initialize_parameters(net, "0.1")
    told = why_no_learning(net, replace(training, epochs=1300), rows, np.full(1300, 0.69), start)
    assert any("5,200 updates a run are too many" in line for line in told)


def test_compare_takes_what_fit_takes():
    needs("sklearn")
    found = compare(*example("students"), against=("sklearn",), epochs=2)
    assert found.verdict == "equal"
    assert found.losses == pytest.approx([26.345577666, 19.859428919], abs=5e-10)
    assert str(found) == "\n".join(found.lines())
