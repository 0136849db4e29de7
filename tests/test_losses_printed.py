"""Judging printed losses: the lecture's, the copied notebook's, conventions, and numbers that tell too little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from mistakes import NETS

import whygrad as wg
from whygrad.job import prepare
from whygrad.judgement.conventions import Hypothesis, conventions
from whygrad.judgement.epochs import match_loop, match_losses
from whygrad.judgement.experiments import tell_apart
from whygrad.judgement.machine import Procedure
from whygrad.judgement.matching import Match
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.readings import DURING, Reading, readings
from whygrad.judgement.running import run_loop
from whygrad.judgement.slips import catalogue
from whygrad.judgement.trials import Trials, read_printed
from whygrad.table import Rows
from whygrad.weights import initialize_parameters

LECTURE = ["26.345577666", "19.859428919", "10.881602572", "3.777037799", "1.223804497"]
NOTEBOOK = ["25.3217", "18.3200", "9.4737", "3.2521", "1.3407"]
THREE = ("dW_1-transposed", "updated-weights", "b_2-assigned-from-2-new")


def example(name: str, **settings: object) -> Probe:
    net, table, training = wg.example(name)
    job = prepare(net, table, replace(training, **settings))  # type: ignore[arg-type]
    return Probe(net, job.training, job.start, job.rows)


STUDENTS = example("students")
SLIPS = {slip.key: slip for slip in catalogue(STUDENTS.net, STUDENTS.training)}


def judged(probe: Probe, printed: Sequence[str | float], **more: object) -> Match:
    return match_losses(probe.net, probe.training, probe.rows, probe.w, printed, **more)  # type: ignore[arg-type]


def printed(procedure: Procedure, probe: Probe, reading: Reading = DURING, places: int = 6) -> list[str]:
    return [f"{reading.printed(epoch):.{places}f}" for epoch in run_loop(procedure, probe)]


def found(match: Match) -> set[tuple[str, ...]]:
    return {hypothesis.keys for hypothesis in match.hypotheses}


# ---- right ----


@pytest.mark.parametrize("places", [1, 2, 3, 4, 6, 9])
def test_the_lectures_losses_are_right_at_any_number_of_digits(places: int) -> None:
    match = judged(STUDENTS, [f"{float(loss):.{places}f}" for loss in LECTURE])
    assert (match.verdict, found(match), match.known) == ("right", {()}, ())
    assert [entry.name for entry in match.entries] == [f"loss of epoch {k}" for k in range(1, 6)]
    assert not any(entry.wrong for entry in match.entries)


def test_numbers_have_the_digits_of_the_longest() -> None:
    assert judged(STUDENTS, [26.3456, 19.8594, 10.8816, 3.777, 1.2238]).verdict == "right"  # 3.7770, as a number
    assert judged(STUDENTS, [26.3, 19.9, 10.9, 3.8, 1.2], digits=1).verdict == "right"
    assert read_printed([26.3, 19.9], digits=2).slack == pytest.approx([0.005, 0.005], rel=1e-3)
    assert judged(STUDENTS, [float(loss) for loss in LECTURE]).verdict == "right"
    told = read_printed(["18.3200", "1e-3", "0.5"])
    assert told.slack == pytest.approx([5e-5, 5e-4, 5e-2], rel=1e-3)
    assert told.values.tolist() == [18.32, 0.001, 0.5]


def test_losses_after_the_epochs_are_a_convention() -> None:
    after = [f"{record.loss_after:.4f}" for record in wg.fit(*wg.example("students")).history[1:]]
    assert after[-1] == "0.7736"
    match = judged(STUDENTS, after)
    assert match.verdict == "convention"
    assert [h.reading.key for h in match.hypotheses if h.reading] == ["after"]
    assert "after the epoch" in str(match.hypotheses[0])


@pytest.mark.parametrize("name", ["students", "placement"])
def test_every_reading_is_recognised(name: str) -> None:
    probe = example(name, epochs=5, batch=3 if name == "placement" else 1)
    for reading in readings(probe.training, probe.net.outputs)[::2]:
        match = judged(probe, printed(Procedure(), probe, reading, 7))
        assert match.verdict == ("right" if reading == DURING else "convention"), reading.key
        assert any((h.reading or DURING) == reading for h in match.hypotheses)


def test_conventions_of_the_loss_are_recognised() -> None:
    for name in NETS:
        net, training = NETS[name]
        draw = np.random.default_rng(1)
        y = {"cce": np.eye(3)[[0, 1, 2, 1, 0]], "bce": np.array([0.0, 1, 1, 0, 1])[:, None]}
        targets = {"categorical_crossentropy": y["cce"], "binary_crossentropy": y["bce"]}
        rows = Rows(draw.normal(size=(5, net.inputs)),
                    targets.get(training.loss.name, draw.normal(size=(5, net.outputs))))  # fmt: skip
        probe = Probe(net, training, draw.normal(0, 0.6, net.n_parameters), rows)
        for convention in conventions(net, training):
            if convention.needs_update or convention.needs_loss:
                continue
            match = judged(probe, printed(convention.change(Procedure()), probe, places=8))
            assert match.verdict == "convention", (name, convention.key)


def test_float32_losses_are_right() -> None:
    single = example("students", dtype="float32")
    numbers = [np.float32(epoch.mean) for epoch in run_loop(Procedure(), single)]
    assert judged(STUDENTS, [float(n) for n in numbers], single=True).verdict == "right"
    assert judged(STUDENTS, [str(n) for n in numbers]).verdict == "right"
    turned = ["26.3456", "19.8594", "10.8816", "3.7770", "1.2238"]
    exact = [epoch.mean for epoch in run_loop(Procedure(), STUDENTS)]
    assert [f"{n:.4f}" for n in exact] == turned


# ---- the notebook ----


def test_the_copied_notebooks_three_slips() -> None:
    """A run of its own for a known triple; the whole search is a proof below."""
    match = judged(STUDENTS, NOTEBOOK, given=[SLIPS[key] for key in THREE])
    assert match.verdict == "slips"
    assert found(match) == {THREE}
    assert [slip.written for slip in match.slips] == [
        "dW_1 = delta_1^T x", "delta_1 = delta_2 W_2(updated)^T", "b_2 = W_212 - rate * db_2",
    ]  # fmt: skip
    assert match.digits is not None
    assert match.digits > 4
    two = judged(STUDENTS, NOTEBOOK, given=[SLIPS[key] for key in THREE[:2]])
    assert found(two) == {THREE}


@pytest.mark.proof
def test_no_other_three_slips_print_the_notebooks_numbers() -> None:
    done: list[float] = []
    match = judged(STUDENTS, NOTEBOOK, progress=done.append)
    assert match.verdict == "slips"
    assert match.hypotheses[0].keys == THREE
    # from weights that are all alike, going forward through W_1^T is the same run with W_1 named the other way
    assert found(match) == {THREE, ("forward-transposed:1", *THREE[1:])}
    assert done == sorted(done)
    assert done[-1] == 1.0
    probe = STUDENTS
    told = tell_apart(match.hypotheses, probe.net, probe.training, probe.rows, probe.w)
    assert told is not None
    assert told.row == 3


@pytest.mark.proof
def test_numbers_that_nothing_prints() -> None:
    match = judged(STUDENTS, ["25.1234", "18.4321", "9.1111", "3.3333", "1.2121"])
    assert (match.verdict, match.hypotheses) == ("unnamed", ())
    assert match.known[0] == "the first number that differs is the loss of epoch 1: 25.1234, not 26.3456"


def test_the_weights_of_the_hidden_update_alone() -> None:
    match = judged(STUDENTS, printed(SLIPS["updated-weights"].change(Procedure()), STUDENTS))
    assert found(match) == {("updated-weights",)}


# ---- slips ----


def test_single_slips_are_named_by_losses() -> None:
    check_single_slips(STUDENTS, 14)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["students", "placement", "xor"])
def test_every_single_slip_is_named_by_losses(name: str) -> None:
    settings = {"students": {}, "placement": {"optimizer": wg.SGD(0.1), "batch": 3}, "xor": {"epochs": 6}}[name]
    check_single_slips(example(name, **{"epochs": 5, **settings}), 1)  # type: ignore[arg-type]


def check_single_slips(probe: Probe, every: int) -> None:
    right = [epoch.mean for epoch in run_loop(Procedure(), probe)]
    named = 0
    for slip in catalogue(probe.net, probe.training)[::every]:
        numbers = [epoch.mean for epoch in run_loop(slip.change(Procedure()), probe)]
        if np.allclose(numbers, right, rtol=1e-6):
            continue  # it does not show on this table
        match = judged(probe, [f"{n:.7f}" for n in numbers])
        assert (slip.key,) in found(match) or not match.slips, f"{slip.key}: {match.verdict} {found(match)}"
        named += (slip.key,) in found(match)
    assert named >= 0.8 * len(catalogue(probe.net, probe.training)[::every])


def test_pairs_are_named_by_losses() -> None:
    hypothesis = Hypothesis((SLIPS["db_2-sign"], SLIPS["order-reversed"]))
    assert found(judged(STUDENTS, printed(hypothesis.procedure, STUDENTS))) == {hypothesis.keys}


def test_slips_that_print_the_same_are_all_told() -> None:
    match = judged(STUDENTS, printed(SLIPS["update-sign"].change(Procedure()), STUDENTS))
    assert found(match) == {("sign",), ("update-sign",)}  # the same always
    match = judged(STUDENTS, printed(SLIPS["b_2-assigned-from-1-new"].change(Procedure()), STUDENTS))
    assert found(match) == {("b_2-assigned-from-1-new",), ("b_2-assigned-from-2-new",)}  # here, as units are twins


def test_what_right_losses_do_not_exclude_is_said() -> None:
    match = judged(STUDENTS, LECTURE)
    unseen = {slip.key for slip in match.unseen}
    assert {"path-unit-1:1", "dW_2-of-first"} <= unseen  # twin units
    assert not {"dW_1-transposed", "sign", "updated-weights"} & unseen
    few = {slip.key for slip in judged(STUDENTS, ["26", "20"]).unseen}
    assert unseen < few


def test_a_run_that_diverges_is_named_too() -> None:
    probe = example("students", epochs=3, optimizer=wg.SGD(0.5))
    numbers = [epoch.mean for epoch in run_loop(Procedure(), probe)]
    assert not np.isfinite(numbers).all()
    match = judged(probe, [f"{n:.6g}" for n in numbers])
    assert match.verdict == "right"


# ---- too little to go by ----


def test_few_digits_are_not_searched_for_many_slips() -> None:
    match = judged(STUDENTS, ["24.31"])
    assert match.verdict in ("unnamed", "undecided")
    assert any("too few digits" in remark for remark in match.remarks)
    assert judged(STUDENTS, ["0", "inf"]).verdict in ("unnamed", "undecided")


def test_a_last_digit_that_float32_turns_is_no_mistake_but_a_slip_may_fit_better() -> None:
    placement = example("placement", epochs=5, optimizer=wg.SGD(0.01))
    slip = {s.key: s for s in catalogue(placement.net, placement.training)}["db_1-half"]
    match = judged(placement, printed(slip.change(Procedure()), placement))
    assert match.verdict == "undecided"
    assert {(), ("db_1-half",)} <= found(match)
    assert any("rounding" in remark for remark in match.remarks)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(wg.InputError, match="losses: there is none"):
        judged(STUDENTS, [])
    with pytest.raises(wg.InputError, match="losses: 'x' is not a number"):
        judged(STUDENTS, ["25.3", "x"])


# ---- loops of code ----


def loop(procedure: Procedure, probe: Probe) -> tuple[np.ndarray, np.ndarray]:
    epochs = [(epoch.mean, epoch.w) for epoch in run_loop(procedure, probe)]
    return np.array([mean for mean, _ in epochs]), epochs[-1][1]


def test_a_loops_losses_and_final_parameters() -> None:
    probe = replace(STUDENTS, w=initialize_parameters(STUDENTS.net, "distinct"))
    losses, final = loop(Procedure(), probe)
    for answer in (Answer(losses=losses), Answer(final=final), Answer(losses=losses, final=final)):
        assert match_loop(probe, answer).verdict == "right"
    assert match_loop(probe, Answer()).verdict == "undecided"
    other, ended = loop(SLIPS["reset-epoch"].change(Procedure()), probe)
    for answer in (Answer(losses=other), Answer(final=ended), Answer(losses=other, final=ended)):
        assert found(match_loop(probe, answer)) == {("reset-epoch",)}


def test_momentum_shows_in_a_loop() -> None:
    net, training = NETS["2-3-1 with momentum"]
    draw = np.random.default_rng(0)
    probe = Probe(
        net, training, draw.normal(0, 0.7, net.n_parameters),
        Rows(draw.normal(size=(5, 2)), draw.normal(size=(5, 1))),
    )  # fmt: skip
    for slip in catalogue(net, training):
        if slip.part in ("momentum", "memory", "last batch"):
            losses, final = loop(slip.change(Procedure()), probe)
            assert found(match_loop(probe, Answer(losses=losses, final=final))) == {(slip.key,)}


@pytest.mark.proof
def test_a_loop_that_returns_other_parameters_is_wrong() -> None:
    probe = replace(STUDENTS, w=initialize_parameters(STUDENTS.net, "distinct"))
    losses, final = loop(Procedure(), probe)
    match = match_loop(probe, Answer(losses=losses[:2], final=final * 1.01))
    assert match.verdict == "unnamed"


def test_what_overflows_explains_no_parameters_that_are_finite() -> None:
    """A run that ends in infinity is infinitely far from any other end, though inf <= inf."""
    probe, told = example("students", epochs=60), read_printed([], 4)
    assert not Trials(probe, told, np.full(9, 0.5), 2e-6)._ends(np.full(9, np.inf))
    assert Trials(probe, told, np.full(9, np.inf), 2e-6)._ends(np.full(9, np.inf))
