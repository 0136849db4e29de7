"""The machine: with nothing changed it is the reference to the bit; its policies against loops written by hand."""

from dataclasses import replace

import numpy as np
import pytest

import whygrad as wg
from whygrad.job import prepare
from whygrad.judgement.machine import Loop, Procedure, Step, one_step
from whygrad.judgement.observations import Probe
from whygrad.judgement.running import batches, run_loop
from whygrad.judgement.slips.slip import on_loop, on_stage, on_update, scaled
from whygrad.propagation import backward_propagation, forward_propagation, row_losses
from whygrad.table import Rows
from whygrad.training import Training
from whygrad.weights import initialize_parameters, views

STUDENTS, STUDENT_TABLE, STUDENT_TRAINING = wg.example("students")
WEIGHTS = [True] * 4 + [False] * 2 + [True] * 2 + [False]  # W1, b1, W2, b2


def probe_of(net: wg.Network, table: wg.Table, training: Training) -> Probe:
    job = prepare(net, table, training)
    return Probe(net, job.training, job.start, job.rows)


def students(rows: object = None, **settings: object) -> Probe:
    made = probe_of(STUDENTS, STUDENT_TABLE, replace(STUDENT_TRAINING, **settings))  # type: ignore[arg-type]
    return made if rows is None else replace(made, rows=made.rows.take(np.array(rows)))


def distinct(**settings: object) -> Probe:
    return replace(students(**settings), w=initialize_parameters(STUDENTS, "distinct"))


def means(procedure: Procedure, probe: Probe) -> list[float]:
    return [epoch.mean for epoch in run_loop(procedure, probe)]


# ---- nothing changed ----

OTHERS = [
    ("students", {}),
    ("students", {"order": "shuffled", "batch": 3, "epochs": 4}),
    ("students", {"order": "random", "batch": 3, "optimizer": "momentum", "clip": "norm:1"}),
    ("students", {"dtype": "float32", "batch": "all", "optimizer": wg.Adam(0.01), "warmup": 2}),
    ("students", {"l1": 0.1, "l2": 0.3, "schedule": "exponential:0.5", "freeze": "W_111"}),
    ("placement", {}),
    ("placement", {"class_weights": {"1": 3.0}, "l2": 0.1, "clip": "global_norm:0.1"}),
    ("placement", {"optimizer": "rmsprop", "batch": 3, "smoothing": 0.1, "scale": "standard"}),
    ("xor", {"epochs": 30}),
    ("xor", {"epochs": 9, "optimizer": "nesterov", "batch": 3, "order": "shuffled"}),
]


@pytest.mark.parametrize(("name", "settings"), OTHERS)
def test_the_empty_procedure_is_the_reference_to_the_bit(name: str, settings: dict[str, object]) -> None:
    net, table, training = wg.example(name)
    training = replace(training, **settings)  # type: ignore[arg-type]
    run = wg.fit(net, table, training)
    epochs = []
    for epoch in run_loop(Procedure(), probe_of(net, table, training)):
        epochs.append((epoch.mean, epoch.after(), epoch.w))
    assert [mean for mean, _, _ in epochs] == [record.loss_during for record in run.history[1:]]
    assert [after for _, after, _ in epochs] == [record.loss_after for record in run.history[1:]]
    assert (epochs[-1][2] == run.w).all()
    assert epochs[-1][2].dtype == run.w.dtype


def test_one_step_is_forward_backward_and_update() -> None:
    probe = distinct(l2=0.1)
    step = one_step(Procedure(), probe)
    trace = forward_propagation(STUDENTS, probe.w, probe.rows.x)
    g = backward_propagation(STUDENTS, probe.w, trace, probe.rows.y, "mse").flat
    whole = g + 0.1 * np.where(WEIGHTS, probe.w, 0)
    assert (step.outputs == trace.output).all()
    assert step.loss == row_losses(STUDENTS, "mse", trace, probe.rows.y).mean()
    np.testing.assert_allclose(step.gradient, whole, rtol=1e-15)
    np.testing.assert_allclose(step.w, probe.w - 0.001 * whole, rtol=1e-15)


def test_an_epochs_last_update_waits_until_it_is_asked_for() -> None:
    updates: list[int] = []

    def noted(update):  # type: ignore[no-untyped-def]
        return lambda now, told: (updates.append(told.t), update(now, told))[1]

    procedure = on_update(noted)(Procedure())
    first = next(iter(run_loop(procedure, students())))
    assert first.mean == pytest.approx(26.345577666, abs=5e-10)
    assert updates == [1, 2, 3]
    assert first.after() == first.after()
    assert updates == [1, 2, 3, 4]
    assert first.w is first.w
    assert len(list(run_loop(procedure, students()))) == 5
    assert updates[4:] == list(range(1, 21))


# ---- stages ----


def test_a_stage_is_changed_in_its_layer_alone() -> None:
    probe, zero = distinct(), scaled(lambda now: 0.0)
    right = one_step(Procedure(), probe)

    def layers(step: Step) -> list[np.ndarray]:
        return [part for layer in views(STUDENTS, step.gradient) for part in layer]

    for at in (0, 1):
        for number, stage in enumerate(("weight_gradient", "bias_gradient")):
            changed = layers(one_step(on_stage(at, stage, zero)(Procedure()), probe))
            for k, (theirs, ours) in enumerate(zip(changed, layers(right), strict=True)):
                assert (theirs == (0 if k == 2 * at + number else ours)).all()
    halved = on_stage(1, "output_delta", scaled(lambda now: 0.5))(Procedure())
    np.testing.assert_allclose(one_step(halved, probe).gradient, right.gradient / 2, rtol=1e-15)
    silent = on_stage(0, "hidden_delta", zero)(Procedure())
    assert [part.any() for part in layers(one_step(silent, probe))] == [False, False, True, True]


def test_a_changed_stage_sees_the_moment() -> None:
    seen = []

    def look(stage, now):  # type: ignore[no-untyped-def]
        def bias_gradient(delta: np.ndarray) -> np.ndarray:
            seen.append((now.t, now.rate, now.table_rows, now.rows.x[0, 0], now.trace.a[0][0, 0], now.w[0]))
            return stage(delta)

        return bias_gradient

    w = [epoch.w for epoch in run_loop(on_stage(0, "bias_gradient", look)(Procedure()), students(epochs=1))]
    assert [entry[:4] for entry in seen] == [
        (1, 0.001, 4, 8.0),
        (2, 0.001, 4, 7.0),
        (3, 0.001, 4, 6.0),
        (4, 0.001, 4, 5.0),
    ]
    assert all(x == a for *_, x, a, _ in seen)
    assert seen[0][-1] == 0.1
    assert seen[1][-1] == pytest.approx(0.1 + 0.001 * 5.888, rel=1e-14)  # row 1: dW_111 = -5.888
    assert w[0][0] != seen[3][-1]


def test_what_is_handed_out() -> None:
    probe = distinct(l2=0.1)
    whole, bare, downhill = (
        one_step(Procedure(returned=how), probe)  # type: ignore[arg-type]
        for how in ("whole", "bare", "negative")
    )
    assert (downhill.gradient == -whole.gradient).all()
    penalty = 0.1 * np.where(WEIGHTS, probe.w, 0)
    np.testing.assert_allclose(whole.gradient - bare.gradient, penalty, atol=1e-14)
    assert (whole.w == bare.w).all()
    assert (whole.w == downhill.w).all()


# ---- the loop's policies ----


def numbered(rows: int, **settings: object) -> Probe:
    """A table whose x is the row's number, so that batches can be read off."""
    net = wg.Network(1, (wg.Dense(1),))
    training = Training("mse", wg.SGD(0.01), order="sequential", epochs=4, **settings)  # type: ignore[arg-type]
    x = np.arange(1.0, rows + 1)[:, None]
    return Probe(net, training, np.array([0.1, 0.2]), Rows(x, 2 * x))


def visited(probe: Probe, loop: Loop, epochs: int = 3) -> list[list[list[float]]]:
    return [[rows.x[:, 0].tolist() for rows, _ in batches(probe, loop, epoch)] for epoch in range(epochs)]


def test_which_rows_make_a_batch() -> None:
    five = numbered(5, batch=2)
    assert visited(five, Loop()) == [[[1, 2], [3, 4], [5]]] * 3
    assert visited(five, Loop(order="reversed"))[0] == [[5, 4], [3, 2], [1]]
    assert visited(five, Loop(order="first"))[0] == [[1, 2], [1, 2], [1, 2]]
    assert visited(five, Loop(batch="one"))[0] == [[1], [2], [3], [4], [5]]
    assert visited(five, Loop(batch="all"))[0] == [[1, 2, 3, 4, 5]]
    assert visited(five, Loop(last="dropped")) == [[[1, 2], [3, 4]]] * 3
    assert visited(five, Loop(last="carried")) == [[[1, 2], [3, 4]], [[5, 1], [2, 3], [4, 5]], [[1, 2], [3, 4]]]
    assert visited(numbered(4, batch=3), Loop(last="carried")) == [
        [[1, 2, 3]],
        [[4, 1, 2]],
        [[3, 4, 1], [2, 3, 4]],
    ]
    assert visited(numbered(2, batch=32), Loop(last="dropped"), 1) == [[[1, 2]]]


def hand(probe: Probe, epochs: int = 2) -> tuple[float, float, np.ndarray]:
    return float(probe.w[0]), float(probe.w[1]), probe.rows.x[:, 0]


def test_gradients_that_add_up() -> None:
    probe = numbered(3, batch=1)
    for reset in ("step", "epoch", "never"):
        w, b, x = hand(probe)
        gw = gb = 0.0
        losses = []
        for _ in range(4):
            if reset == "epoch":
                gw = gb = 0.0
            met = []
            for v in x:
                if reset == "step":
                    gw = gb = 0.0
                e = w * v + b - 2 * v
                met.append(e * e)
                gw, gb = gw + 2 * e * v, gb + 2 * e
                w, b = w - 0.01 * gw, b - 0.01 * gb
            losses.append(np.mean(met))
        assert means(on_loop(reset=reset)(Procedure()), probe) == pytest.approx(losses, rel=1e-12)


def test_forward_values_that_are_stale() -> None:
    probe = numbered(3, batch=1)
    w, b, x = hand(probe)
    losses = []
    for _ in range(4):
        errors = [w * v + b - 2 * v for v in x]  # all with the parameters of the epoch's start
        losses.append(np.mean(np.square(errors)))
        for v, e in zip(x, errors, strict=True):
            w, b = w - 0.01 * 2 * e * v, b - 0.01 * 2 * e
    assert means(on_loop(stale="epoch")(Procedure()), probe) == pytest.approx(losses, rel=1e-12)

    w, b, x = hand(probe)
    before, losses = None, []
    for _ in range(4):
        met = []
        for v in x:
            a = w * v + b
            met.append((a - 2 * v) ** 2)
            old_a, old_x = before or (a, v)
            e = old_a - 2 * v  # the target is this row's
            w, b = w - 0.01 * 2 * e * old_x, b - 0.01 * 2 * e
            before = (a, v)
        losses.append(np.mean(met))
    assert means(on_loop(stale="step")(Procedure()), probe) == pytest.approx(losses, rel=1e-12)


def test_what_starts_anew_with_an_epoch() -> None:
    start = means(on_loop(start="epoch")(Procedure()), students())
    assert start == [pytest.approx(26.345577666, abs=5e-10)] * 5
    plain, anew = students(), students(optimizer=wg.Momentum(0.0005, 0.9))
    forgetful = means(on_loop(memory="epoch")(Procedure()), anew)
    assert forgetful[0] == means(Procedure(), anew)[0]
    assert forgetful[1] != means(Procedure(), anew)[1]
    assert means(on_loop(memory="epoch")(Procedure()), plain) == means(Procedure(), plain)  # there are none


def test_losses_that_are_not_emptied() -> None:
    right = means(Procedure(), students())
    pooled = [np.mean(right[: k + 1]) for k in range(5)]
    summed = [np.sum(right[: k + 1]) for k in range(5)]
    assert means(on_loop(losses="pooled")(Procedure()), students()) == pytest.approx(pooled, rel=1e-14)
    assert means(on_loop(losses="summed")(Procedure()), students()) == pytest.approx(summed, rel=1e-14)


def test_what_overflows_goes_on_quietly() -> None:
    wild = students(optimizer=wg.SGD(100.0))
    last = [(epoch.mean, epoch.after()) for epoch in run_loop(Procedure(), wild)][-1]
    assert not np.isfinite(last).any()
    assert not np.isfinite(one_step(Procedure(), replace(wild, w=np.full(9, 1e200))).loss)
