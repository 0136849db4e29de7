"""Judging answers: planted slips are named, right ones never accused, and traps seen through."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mistakes import ALL, NETS, answers, strong
from truth import LEGAL, by_differences, mean_loss, near_an_edge, targets_for

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.judgement.cases import make_cases
from whygrad.judgement.conventions import Convention, Hypothesis, conventions
from whygrad.judgement.experiments import probes_for, tell_apart
from whygrad.judgement.machine import Procedure, one_step
from whygrad.judgement.matching import Match, match_forward, match_gradient, match_step
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.slips import Slip, catalogue
from whygrad.judgement.slips.slip import apart
from whygrad.network import Dense, Network
from whygrad.network import layers as make_layers
from whygrad.propagation import forward_propagation
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.weights import initialize_parameters, is_weight, views

each_net = pytest.mark.parametrize("name", NETS)
SIGHTS = (ALL, ("gradient",), ("stepped",), ("outputs", "stepped"))


def judged(procedure: Procedure, probes: tuple[Probe, ...], shown: tuple[str, ...]) -> Match:
    judge = match_step if "stepped" in shown else match_gradient
    return judge(probes, answers(procedure, probes, shown))


def found(match: Match) -> set[tuple[str, ...]]:
    return {hypothesis.keys for hypothesis in match.hypotheses}


def slips_of(name: str) -> list[Slip]:
    """The slips that one step can show."""
    return [slip for slip in catalogue(*NETS[name]) if slip.where != "loop"]


def planted(name: str, *keys: str) -> Hypothesis:
    net, training = NETS[name]
    return Hypothesis(tuple(slip for slip in catalogue(net, training) if slip.key in keys))


# ---- what is planted is found ----


def check_slips(name: str, shown: tuple[str, ...], every: int = 1) -> tuple[float, list[object]]:
    """The share of slips that showed, and those that were neither named nor explained by a convention."""
    probes, visible, missed = strong(*NETS[name]), 0, []
    cases = make_cases(probes, answers(Procedure(), probes, shown), shown)  # type: ignore[arg-type]
    slips = slips_of(name)[::every]
    for slip in slips:
        step = [one_step(slip.change(Procedure()), probe) for probe in probes]
        if not any(case.wrong(s, a).any() for case, s in zip(cases, step, strict=True) for a in case.theirs):
            continue
        visible += 1
        match = judged(slip.change(Procedure()), probes, shown)
        best = match.hypotheses[0] if match.hypotheses else None
        agreed = match.verdict == "convention" and best and all(_is_factor(slip) for _ in best.conventions)
        if (slip.key,) not in found(match) and not agreed:
            missed.append((slip.key, match.verdict, found(match)))
    return visible / len(slips), missed


def _is_factor(slip: Slip) -> bool:
    """A factor of the gradient alone is a convention where the loss is not seen."""
    return slip.part == "factor"


@each_net
def test_slips_are_named(name: str) -> None:
    share, missed = check_slips(name, ALL, every=20)
    assert missed == []
    assert share >= 0.95


@pytest.mark.proof
@each_net
@pytest.mark.parametrize("shown", SIGHTS, ids=",".join)
def test_every_slip_is_named_however_little_is_shown(name: str, shown: tuple[str, ...]) -> None:
    share, missed = check_slips(name, shown)
    assert missed == []
    assert share >= (0.95 if shown == ALL else 0.4)


def check_combinations(name: str, how_many: int, times: int, seed: int) -> None:
    draw, probes, slips = random.Random(seed), strong(*NETS[name]), slips_of(name)
    for _ in range(times):
        chosen = draw.sample(range(len(slips)), how_many)
        hypothesis = Hypothesis(tuple(slips[k] for k in sorted(chosen)))
        if not apart(hypothesis.slips):
            continue
        shown = draw.choice(SIGHTS)
        match = judged(hypothesis.procedure, probes, shown)
        fewer = match.hypotheses and len(match.hypotheses[0].slips) < how_many
        where = f"{hypothesis.keys} {shown}: {match.verdict} {found(match)}"
        assert hypothesis.keys in found(match) or fewer or _as_good(match, hypothesis, probes, shown), where


def _as_good(match: Match, planted: Hypothesis, probes: tuple[Probe, ...], shown: tuple[str, ...]) -> bool:
    """Whether what was found gives the same numbers with as many slips."""
    if not match.hypotheses or len(match.hypotheses[0].slips) > len(planted.slips):
        return False
    mine, theirs = (answers(h.procedure, probes, shown) for h in (planted, match.hypotheses[0]))
    return all(
        np.allclose(getattr(a, aspect), getattr(b, aspect), rtol=1e-6, atol=1e-9)
        for a, b in zip(mine, theirs, strict=True)
        for aspect in shown
    )


@each_net
def test_pairs_are_named(name: str) -> None:
    check_combinations(name, 2, 3, seed=1)


@pytest.mark.proof
@each_net
def test_pairs_and_triples_are_named(name: str) -> None:
    check_combinations(name, 2, 150, seed=2)
    check_combinations(name, 3, 30, seed=3)


def test_a_slip_that_hides_part_of_another_is_named_with_it() -> None:
    name = "2-3-3-2 relu"  # the updated W_3 shows nowhere, as it never moves; the updated W_2 does
    hypothesis = planted(name, "updated-weights", "W_3-never")
    assert found(judged(hypothesis.procedure, strong(*NETS[name]), ALL[::3])) == {hypothesis.keys}


def test_a_slip_of_an_update_not_shown_is_named_where_a_gradient_follows_it() -> None:
    name = "2-2-1 sigmoid"  # ten times the rate shows in the gradient, which goes back through the updated W_2
    hypothesis = planted(name, "updated-weights", "rate-10")
    match = judged(hypothesis.procedure, strong(*NETS[name]), ("gradient",))
    assert found(match) == {hypothesis.keys}
    assert match.digits is not None
    assert match.digits > 12


def test_the_notebooks_three_slips_are_named_from_one_update() -> None:
    net, _, training = wg.example("students")
    probes = probes_for(net, training, Rows(np.zeros((4, 2)), np.zeros((4, 1))))
    three = ("dW_1-transposed", "updated-weights", "b_2-assigned-from-2-new")
    slips = tuple(slip for slip in catalogue(net, training) if slip.key in three)
    match = match_step(probes, answers(Hypothesis(slips).procedure, probes, ("outputs", "stepped")))
    assert match.verdict == "slips"
    assert found(match) == {three}
    assert match.digits == 16
    assert {entry.name for entry in match.entries if entry.wrong} == {
        "B_21", "B_11", "B_12", "W_111", "W_121", "W_112", "W_122",
    }  # fmt: skip


# ---- code that knows nothing of the machine ----


def student_gradients(wrong: str) -> Callable[[Probe], np.ndarray]:
    """Plain NumPy for any dense network of sigmoid layers and squared error, W as [to, from], rows one by one."""

    def gradients(probe: Probe) -> np.ndarray:
        Ws = [layer.W.T for layer in views(probe.net, probe.w)]
        bs = [layer.b for layer in views(probe.net, probe.w)]
        dWs, dbs = [np.zeros_like(W) for W in Ws], [np.zeros_like(b) for b in bs]
        for x, y in zip(probe.rows.x, probe.rows.y, strict=True):
            a = [x]
            for W, b in zip(Ws, bs, strict=True):
                a.append(1 / (1 + np.exp(-(W @ a[-1] + b))))
            d = 2 * (a[-1] - y) / len(y)
            for at in range(len(Ws) - 1, -1, -1):
                slope = a[at + 1] * (1 - a[at + 1])
                delta = d if wrong == "no slope" and at == len(Ws) - 1 else d * slope
                dWs[at] += np.outer(delta, a[at])
                dbs[at] += delta * (a[at][0] if wrong == "bias times input" and at == 0 else 1)
                d = (Ws[at] if wrong == "not transposed" and at == 1 else Ws[at].T) @ delta
        n = 1 if wrong == "sum" else len(probe.rows)
        if wrong == "one entry":
            dWs[0][1, 2] *= 1.001
        if wrong == "swapped":
            dWs[0] = dWs[0].T
        return np.concatenate([part.ravel() for W, b in zip(dWs, dbs, strict=True) for part in (W.T / n, b / n)])

    return gradients


THREES = Network(3, (Dense(3, "sigmoid"), Dense(3, "sigmoid"), Dense(2, "sigmoid")))
THREES_TRAINING = Training("mse", wg.SGD(0.1), batch=2, order="sequential")


def student(wrong: str, net: Network = THREES) -> Match:
    probes = strong(net, THREES_TRAINING)
    return match_gradient(probes, [Answer(gradient=student_gradients(wrong)(probe)) for probe in probes])


@pytest.mark.parametrize(
    ("wrong", "keys"),
    [
        ("no slope", "derivative-missing:3"),
        ("bias times input", "db_1-times-first"),
        ("not transposed", "path-transposed:1"),
        ("swapped", "dW_1-transposed"),
    ],
)
def test_slips_in_a_students_code(wrong: str, keys: str) -> None:
    match = student(wrong)
    assert found(match) == {(keys,)}
    assert match.digits is not None
    assert match.digits > 13
    assert any(entry.wrong for entry in match.entries)


def test_a_students_right_code() -> None:
    match = student("")
    assert (match.verdict, match.remarks, match.known) == ("right", (), ())
    assert not any(entry.wrong for entry in match.entries)
    under = student("sum")
    assert (under.verdict, found(under)) == ("convention", {("sum-over-rows",)})
    assert not any(entry.wrong for entry in under.entries)  # beside what is right under their convention


def test_one_entry_off_by_a_thousandth_is_found() -> None:
    match = student("one entry", Network(3, (Dense(2, "sigmoid"), Dense(1, "sigmoid"))))  # small: all is tried
    assert match.verdict == "unnamed"
    wrong = {(entry.name, round(entry.ratio or 0, 6)) for entry in match.entries if entry.wrong}
    assert wrong == {("dW_123", 1.001)}
    assert "of dW_1, only dW_123 (times 1.001) is wrong" in match.known
    assert "coming from the output, the first wrong place is layer 1 (dW_1)" in match.known


@pytest.mark.parametrize(("name", "k"), [("2-2-1 sigmoid", 0), ("3-4-3 softmax", 18), ("2-3-1 with momentum", 7)])
def test_single_entries_off_by_a_thousandth_are_found(name: str, k: int) -> None:
    check_single_entry(name, k)


@pytest.mark.proof
@each_net
def test_every_single_entry_off_by_a_thousandth_is_found(name: str) -> None:
    for k in range(NETS[name][0].n_parameters):
        check_single_entry(name, k)


def check_single_entry(name: str, k: int) -> None:
    probes = strong(*NETS[name])
    off = []
    for answer in answers(Procedure(), probes, ("gradient",)):
        assert answer.gradient is not None
        g = answer.gradient.copy()
        g[k] *= 1.001
        off.append(Answer(gradient=g))
    match = match_gradient(probes, off)
    assert match.verdict == "unnamed", (name, k)
    assert {entry.name for entry in match.entries if entry.wrong} == {match.entries[k].name}


# ---- right is right ----


def random_case(hidden: str, depth: int, width: int, which: int, rows: int, seed: int) -> Probe | None:
    one, output = LEGAL[which % len(LEGAL)]
    draw = np.random.default_rng(seed)
    net = Network(1 + width, make_layers((width,) * (depth - 1) + (2,), hidden, output.name))
    w = draw.normal(0, 0.7, net.n_parameters)
    x = draw.normal(0, 1.2, (rows, net.inputs))
    y = targets_for(one, rows, net.outputs, draw)
    if near_an_edge(net, one, w, x, y, 1e-2):
        return None
    training = Training(one, wg.SGD(0.1), batch="all", order="sequential")
    return Probe(net, training, w, Rows(x, y))


CASE = {
    "hidden": st.sampled_from(sorted(ACTIVATIONS)), "depth": st.integers(1, 5), "width": st.integers(1, 4),
    "which": st.integers(0, 200), "rows": st.integers(1, 4), "seed": st.integers(0, 10**6),
}  # fmt: skip


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much])
@given(**CASE)
def test_right_answers_are_never_accused(  # type: ignore[no-untyped-def]
    hidden: str, depth: int, width: int, which: int, rows: int, seed: int
) -> None:
    check_right(hidden, depth, width, which, rows, seed)


@pytest.mark.proof
def test_right_answers_are_never_accused_at_length() -> None:
    draw, judged_ones = random.Random(0), 0
    for seed in range(300):
        judged_ones += check_right(
            draw.choice(sorted(ACTIVATIONS)), draw.randint(1, 6), draw.randint(1, 5), draw.randrange(200),
            draw.randint(1, 5), seed,
        )  # fmt: skip
    assert judged_ones > 150


def check_right(hidden: str, depth: int, width: int, which: int, rows: int, seed: int) -> bool:
    """Judges the same right gradient in float64, in float32, and under every convention."""
    probe = random_case(hidden, depth, width, which, rows, seed)
    if probe is None:
        return False
    (double,) = answers(Procedure(), [probe])
    (single,) = answers(Procedure(), [_in_float32(probe)])
    where = f"{probe.net} {probe.training.loss.name}"
    for answer in (double, replace(single, single=True), _widened(single)):
        match = match_step([probe], [answer])
        assert match.verdict == "right", f"{where}: {match.verdict} {found(match)} {match.known}"
    for convention in conventions(probe.net, probe.training):
        shown = answers(convention.change(Procedure()), [probe])
        match = match_step([probe], shown)
        assert match.verdict in ("right", "convention"), f"{where}: {convention.key} {found(match)}"
    return True


def _in_float32(probe: Probe) -> Probe:
    x, y, w = (v.astype(np.float32) for v in (probe.rows.x, probe.rows.y, probe.w))
    return replace(probe, w=w, rows=Rows(x, y), training=replace(probe.training, dtype="float32"))


def _widened(answer: Answer) -> Answer:
    """Float32 numbers kept as float64, as where somebody's arrays lose their type on the way."""
    wide = {k: np.asarray(getattr(answer, k), dtype=np.float64) for k in ("outputs", "gradient", "stepped")}
    return Answer(loss=answer.loss, **wide)


@each_net
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_right_answers_of_the_strong_probes(name: str, dtype: str) -> None:
    probes = strong(*NETS[name])
    asked = [_in_float32(probe) for probe in probes] if dtype == "float32" else probes
    for shown in SIGHTS[:3:2]:
        given_back = [replace(a, single=dtype == "float32") for a in answers(Procedure(), asked, shown)]
        match = (match_step if "stepped" in shown else match_gradient)(probes, given_back)
        assert (match.verdict, match.known) == ("right", ())
        assert ("float32" in " ".join(match.remarks)) == (dtype == "float32")
        assert match_forward(probes, given_back).verdict in ("right", "undecided")


def test_derivatives_by_differences_are_accepted_with_a_remark() -> None:
    probes = strong(*NETS["2-2-1 sigmoid"])

    def of(probe: Probe) -> Callable[[np.ndarray], np.ndarray]:
        return lambda w: mean_loss(probe.net, probe.training.loss, w, probe.rows.x, probe.rows.y)

    central = [Answer(gradient=by_differences(of(probe), probe.w, 1e-4)) for probe in probes]
    match = match_gradient(probes, central)
    assert match.verdict == "right"
    assert match.remarks == (
        f"they agree to {match.digits:.0f} digits, as derivatives taken by differences do, not to 15",
    )
    one_sided = []
    for probe in probes:
        f, nudge = of(probe), 1e-5 * np.eye(len(probe.w))
        one_sided.append(Answer(gradient=(f(probe.w + nudge) - f(probe.w[None])) / 1e-5))
    match = match_gradient(probes, one_sided)
    assert match.verdict == "undecided"
    assert "one-sided differences" in match.remarks[0]


# ---- traps ----


def relu_probe(z: float, y: float = 1.0) -> Probe:
    """One input of 1, a relu unit whose z is that, and a linear output."""
    net = Network(1, (Dense(1, "relu"), Dense(1)))
    training = Training("mse", wg.SGD(0.1), batch="all", order="sequential")
    return Probe(net, training, np.array([z - 0.5, 0.5, 0.7, 0.1]), Rows(np.ones((1, 1)), np.full((1, 1), y)))


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_choice_at_a_kink_is_no_mistake(slope: float) -> None:
    probe = relu_probe(0.0)
    g = one_step(Procedure(), probe).gradient.copy()
    # y_hat = 0.7 * 0 + 0.1, delta2 = 2 (0.1 - 1) = -1.8; through W2 = 0.7 and that slope: -1.26 times it
    g[:2] = -1.26 * slope
    match = match_gradient([probe], [Answer(gradient=g)])
    assert match.verdict == "right"
    assert any("kink" in remark for remark in match.remarks) == (slope > 0)
    off_the_kink = relu_probe(0.3)
    g = one_step(Procedure(), off_the_kink).gradient.copy()
    g[:2] = 0.0
    assert match_gradient([off_the_kink], [Answer(gradient=g)]).verdict in ("slips", "unnamed")


def test_the_choice_at_a_loss_kink_is_no_mistake() -> None:
    net = Network(1, (Dense(1),))
    probe = Probe(net, Training("mae", wg.SGD(0.1)), np.array([0.5, 0.5]), Rows(np.ones((1, 1)), np.ones((1, 1))))
    for side in (-1.0, 0.0, 1.0):
        assert match_gradient([probe], [Answer(gradient=np.array([side, side]))]).verdict == "right"
    assert match_gradient([probe], [Answer(gradient=np.array([1.5, 1.5]))]).verdict == "unnamed"


def test_a_dead_unit_and_a_zero_gradient_are_right() -> None:
    dead = relu_probe(-3.0)
    step = one_step(Procedure(), dead)
    assert (step.gradient[:2] == 0).all()
    assert match_gradient([dead], answers(Procedure(), [dead], ALL)).verdict == "right"
    at_rest = relu_probe(0.5, y=0.45)  # y_hat = 0.7 * 0.5 + 0.1 = 0.45
    assert np.abs(one_step(Procedure(), at_rest).gradient).max() < 1e-15
    match = match_step([at_rest], [Answer(gradient=np.zeros(4), stepped=at_rest.w)])
    assert match.verdict == "right"
    assert {"sign", "dW_2-sign"} <= {slip.key for slip in match.unseen}  # nothing can be said of those


def test_a_saturated_sigmoid_in_float32_is_right() -> None:
    net, training = Network(1, (Dense(1, "sigmoid"), Dense(1))), Training("mse", wg.SGD(0.1))
    probe = Probe(net, training, np.array([21.0, 0.0, 1.0, 0.2]), Rows(np.ones((1, 1)), np.full((1, 1), 3.0)))
    right = one_step(Procedure(), probe).gradient
    assert 0 < abs(right[0]) < 1e-8
    single = right.astype(np.float32)
    single[:2] = 0.0  # there, a is 1
    match = match_gradient([probe], [Answer(gradient=single.astype(np.float64), single=True)])
    assert match.verdict == "right"
    steep = replace(probe, w=np.array([1.0, 0.0, 1.0, 0.2]))
    g = one_step(Procedure(), steep).gradient.copy()
    g[:2] = 0.0
    assert match_gradient([steep], [Answer(gradient=g, single=True)]).verdict != "right"


def test_what_cannot_be_seen_is_not_excluded() -> None:
    net, _, training = wg.example("students")
    x = np.array([[8.0, 8.0]])  # row 1: both inputs alike, twin units
    probe = Probe(net, training, initialize_parameters(net, 0.1), Rows(x, np.array([[4.0]])))
    match = match_gradient([probe], answers(Procedure(), [probe], ("gradient",)))
    assert match.verdict == "right"
    assert {"dW_1-transposed", "path-unit-1:1", "dW_2-of-first"} <= {slip.key for slip in match.unseen}
    strong_ones = match_gradient(strong(net, training), answers(Procedure(), strong(net, training), ("gradient",)))
    assert strong_ones.unseen == ()


# ---- conventions, and the story loss and gradient tell ----


def story(name: str, **shown: object) -> Match:
    """Right answers with some of them scaled."""
    probes = strong(*NETS[name])
    given_back = []
    for answer in answers(Procedure(), probes, ALL):
        change = {k: None if v is None else getattr(answer, k) * v for k, v in shown.items()}
        given_back.append(Answer(**change))  # type: ignore[arg-type]
    return (match_step if "stepped" in shown else match_gradient)(probes, given_back)


def test_a_halved_gradient_is_judged_by_its_loss() -> None:
    assert found(story("2-2-1 linear", gradient=0.5)) == {("half-squared-error",)}
    assert found(story("2-2-1 linear", gradient=0.5, loss=0.5)) == {("half-squared-error",)}
    assert found(story("2-2-1 linear", gradient=0.5, loss=1.0)) == {("factor-half",)}
    assert found(story("2-2-1 linear", gradient=1.0, loss=0.5)) == {("factor-double", "half-squared-error")}
    assert story("2-2-1 linear", gradient=0.5).verdict == "convention"
    assert story("2-2-1 linear", gradient=0.5, loss=1.0).verdict == "slips"
    assert found(story("2-2-1 sigmoid", gradient=0.5)) == {("factor-half",)}  # cross-entropy has no 2


@pytest.mark.parametrize("name", ["2-2-1 linear", "2-3-3-2 relu", "3-4-3 softmax", "3-3-1 with l2"])
def test_every_convention_is_right_under_itself(name: str) -> None:
    probes = strong(*NETS[name])
    for convention in conventions(*NETS[name]):
        match = match_step(probes, answers(convention.change(Procedure()), probes, ALL))
        assert match.verdict == "convention"
        assert (convention.key,) in found(match)
        assert not any(entry.wrong for entry in match.entries)
        assert convention.usual


def test_a_gradient_downhill_is_right_where_the_update_adds_it() -> None:
    name = "2-2-1 sigmoid"
    probes = strong(*NETS[name])
    right = answers(Procedure(), probes, ("gradient", "stepped"))
    turned = [replace(a, gradient=-a.gradient) for a in right]  # type: ignore[operator]
    assert found(match_gradient(probes, turned)) == {("downhill-gradient",)}
    assert found(match_step(probes, turned)) == {("downhill-gradient",)}
    uphill = [replace(a, gradient=-a.gradient, stepped=2 * p.w - a.stepped)  # type: ignore[operator]
              for a, p in zip(right, probes, strict=True)]  # fmt: skip
    assert found(match_gradient(probes, uphill)) == {("sign",)}
    alone = [replace(a, stepped=None) for a in turned]
    assert found(match_gradient(probes, alone)) == {("sign",)}


def test_the_penalty_may_be_added_in_the_update() -> None:
    name = "3-3-1 with l2"
    probes = strong(*NETS[name])
    bare = answers(Procedure(returned="bare"), probes, ("gradient", "stepped"))
    assert found(match_step(probes, bare)) == {("penalty-in-update",)}
    nowhere = [replace(a, stepped=p.w - 0.2 * a.gradient) for a, p in zip(bare, probes, strict=True)]  # type: ignore[operator]
    assert found(match_step(probes, nowhere)) == {("penalty-missing",)}


def test_a_loss_may_be_told_as_its_root_or_in_bits() -> None:
    for name, said, key in (
        ("2-2-1 linear", np.sqrt, "root-during"),
        ("2-2-1 sigmoid", lambda v: v / np.log(2), "bits-during"),
    ):
        probes = strong(*NETS[name])
        told = [replace(a, loss=float(said(a.loss))) for a in answers(Procedure(), probes, ALL)]
        match = match_gradient(probes, told)
        assert match.verdict == "convention"
        assert match.hypotheses[0].reading is not None
        assert match.hypotheses[0].reading.key == key


# ---- several explanations, none, and nothing ----


def test_slips_that_look_the_same_are_all_told() -> None:
    probes = strong(*NETS["2-2-1 linear"])
    match = match_step(probes, answers(planted("2-2-1 linear", "db_2-double").procedure, probes, ("stepped",)))
    assert found(match) == {("db_2-double",), ("b_2-once-per-weight",)}
    with_gradient = match_step(probes, answers(planted("2-2-1 linear", "db_2-double").procedure, probes, ALL))
    assert found(with_gradient) == {("db_2-double",)}


def test_where_nothing_fits_it_says_what_is_known() -> None:
    probes = strong(*NETS["2-3-1 with momentum"])
    draw = np.random.default_rng(0)
    right = answers(Procedure(), probes, ("outputs", "gradient"))
    spans = {"W1": slice(0, 6), "b1": slice(6, 9)}

    def spoiled(change: Callable[[np.ndarray], None]) -> tuple[str, ...]:
        copies = []
        for answer in right:
            assert answer.gradient is not None
            g = answer.gradient.copy()
            change(g)
            copies.append(replace(answer, gradient=g))
        match = match_gradient(probes, copies)
        assert (match.verdict, match.hypotheses, match.digits) == ("unnamed", (), None)
        return match.known

    def quarter(g: np.ndarray) -> None:
        g[spans["W1"]] *= 0.37

    def noise(g: np.ndarray) -> None:
        g[spans["b1"]] += draw.normal(size=3)

    def zero(g: np.ndarray) -> None:
        g[spans["W1"]] = 0

    said = spoiled(quarter)
    assert said[:2] == (
        "right: db_2, dW_2, db_1; wrong: dW_1",
        "coming from the output, the first wrong place is layer 1 (dW_1)",
    )
    assert said[2:] == ("all of dW_1 is 0.37 times what it should be",)
    assert spoiled(noise) == (
        "right: db_2, dW_2, dW_1; wrong: db_1",
        "coming from the output, the first wrong place is layer 1 (db_1)",
    )
    assert spoiled(zero)[2:] == ("dW_1 is 0 everywhere",)


def test_a_mean_over_the_rows_that_only_the_biases_have() -> None:
    name = "2-3-3-2 relu"
    probes = strong(*NETS[name])
    given_back = []
    for probe, answer in zip(probes, answers(Procedure(), probes, ("loss", "gradient")), strict=True):
        factor = np.where(is_weight(probe.net), len(probe.rows), 1)
        given_back.append(replace(answer, gradient=answer.gradient * factor))
    assert found(match_gradient(probes, given_back)) == {("all-dW-rows",)}


def test_numbers_that_are_none_are_wrong_and_said_so() -> None:
    probes = strong(*NETS["2-2-1 linear"])
    odd = []
    for answer in answers(Procedure(), probes, ("gradient",)):
        assert answer.gradient is not None
        g = answer.gradient.copy()
        g[0] = np.nan
        odd.append(Answer(gradient=g))
    match = match_gradient(probes, odd)
    assert match.verdict == "unnamed"
    assert "dW_1 has numbers that are not finite" in match.known
    assert [entry.name for entry in match.entries if entry.wrong] == ["dW_111"] * len(probes)
    overflown = [Answer(gradient=np.full(9, np.inf), loss=np.inf) for _ in probes]
    assert match_gradient(probes, overflown).verdict == "unnamed"


def test_what_is_not_there_is_not_judged() -> None:
    probes = strong(*NETS["2-2-1 linear"])
    nothing = [Answer() for _ in probes]
    for judge, words in (
        (match_gradient, "gradient"),
        (match_step, "parameters after an update"),
        (match_forward, "loss"),
    ):
        match = judge(probes, nothing)
        assert (match.verdict, match.hypotheses) == ("undecided", ())
        assert match.remarks == (f"the code gives no {words}",)
    some = answers(Procedure(), probes, ("gradient",))
    some[0] = Answer(problems=("rows one by one only",))
    assert match_gradient(probes, some).verdict == "right"


def test_a_loss_that_goes_with_nothing_is_left_aside() -> None:
    probes = strong(*NETS["2-2-1 sigmoid"])
    told = [replace(a, loss=7.0) for a in answers(Procedure(), probes, ALL)]
    match = match_step(probes, told)
    assert match.verdict == "right"
    assert match.remarks == ("the loss was left aside: it does not go with the rest",)
    assert match_forward(probes, told).remarks == ("the loss was left aside: it does not go with the rest",)
    assert match_forward(probes, answers(Procedure(), probes, ("outputs", "loss"))).verdict == "right"


def test_a_gradient_taken_from_the_step_shows_the_updates_slips() -> None:
    """As where backpropagation happens inside the update: the step by the rate is all there is."""
    name = "2-2-1 linear"
    probes, rate = strong(*NETS[name]), 0.05
    for key in ("updated-weights", "b_2-assigned-from-1-new", "W_1-never", "dW_1-transposed"):
        shown = answers(planted(name, key).procedure, probes, ("stepped",))
        derived = [
            replace(a, gradient=(p.w - a.stepped) / rate)  # type: ignore[operator]
            for a, p in zip(shown, probes, strict=True)
        ]
        assert found(match_gradient(probes, derived)) == {(key,)}
        assert found(match_step(probes, derived)) == {(key,)}


# ---- probes and experiments ----


@pytest.mark.parametrize("hidden", ["linear", "relu", "selu", "sigmoid", "softmax", "tanh"])
def test_strong_probes_lie_away_from_edges(hidden: str) -> None:
    for one, output in LEGAL[::23]:
        net = Network(3, make_layers((4, 3, 2), hidden, output.name))
        probes = strong(net, Training(one, wg.SGD(0.1), batch=2))
        assert [len(probe.rows) for probe in probes] == [7, 1, 7, 1, 1]  # unlike 2, 3, 4 units and 5 rows
        for probe in probes[:4]:
            trace, where = forward_propagation(net, probe.w, probe.rows.x), f"{net} {one}"
            for layer, z in zip(net.layers, trace.z, strict=True):
                assert all((np.abs(z - kink) > 0.01).all() for kink in layer.activation.kinks), where
            assert ((one.low + 0.01 < trace.output) & (trace.output < one.high - 0.01)).all(), where
            assert all(b.all() for _, b in views(net, probe.w)), where


def test_probes_are_the_same_every_time() -> None:
    for first, second in zip(strong(THREES, THREES_TRAINING), strong(THREES, THREES_TRAINING), strict=True):
        assert (first.w == second.w).all()
        assert (first.rows.x == second.rows.x).all()


def test_the_smallest_experiment_that_tells_two_slips_apart() -> None:
    net, _, training = wg.example("students")
    x, y = np.array([[8.0, 8], [7, 9], [6, 10], [5, 12]]), np.array([[4.0], [5], [6], [7]])
    start = initialize_parameters(net, 0.1)
    by_key = {slip.key: Hypothesis((slip,)) for slip in catalogue(net, training)}

    def apart(*hypotheses: Hypothesis):  # type: ignore[no-untyped-def]
        return tell_apart(hypotheses, net, training, Rows(x, y), start)

    experiment = apart(Hypothesis(), by_key["dW_1-transposed"])
    # row 4 from weights of 0.1: dW_112 = 12 x -1.332 = -15.984, transposed 5 x -1.332 = -6.66
    assert (experiment.row, experiment.start) == (3, "as it is")
    assert sorted(number for _, number in experiment.predictions) == pytest.approx([-15.984, -6.66], rel=1e-12)
    assert str(experiment).startswith("run row 4 (index 3) from the same start: dW_1")
    twins = apart(Hypothesis(), by_key["path-unit-1:1"])  # alike for ever where the units are twins
    assert twins.start == "distinct"
    loops = apart(by_key["reset-never"], by_key["reset-epoch"])
    assert (loops.row, loops.quantity) == (None, "the loss printed for epoch 2")
    assert "run the whole table" in str(loops)
    assert apart(by_key["sign"], by_key["sign"]) is None


def test_a_convention_is_no_slip() -> None:
    net, training = NETS["2-2-1 linear"]
    assert all(isinstance(c, Convention) for c in conventions(net, training))
    assert str(Hypothesis()) == "as whygrad does it"
