"""A weight's life: start plus its moves is its end, by epochs and by rows; a row moved it by its pulls."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truth import by_complex_step, mean_loss

import whygrad as wg
from whygrad.explanation.biography import Biography, biography_of
from whygrad.fitting import finish, settled
from whygrad.history import Keep
from whygrad.job import Job
from whygrad.loop import Log, train
from whygrad.losses import LOSSES
from whygrad.names import Place, places
from whygrad.table import row_order
from whygrad.weights import views

W_111 = Place(0, 0, 0)


def students(**settings: Any) -> Biography:
    net, table, training = wg.example("students")
    return biography_of(wg.prepare(net, table, replace(training, **settings)), table, W_111)


def by_hand() -> tuple[np.ndarray, np.ndarray]:
    """The students' W_111 after each update, and what each row moved it, by a loop of its own."""
    x, y = np.array([[8, 8], [7, 9], [6, 10], [5, 12]], float), np.array([4, 5, 6, 7], float)
    W1, b1, W2, b2 = np.full((2, 2), 0.1), np.zeros(2), np.full(2, 0.1), 0.0
    values, moved = [0.1], np.zeros(4)
    for _ in range(5):
        for k in range(4):
            h = x[k] @ W1 + b1
            d = 2 * (h @ W2 + b2 - y[k])
            W1_new, b1_new = W1 - 0.001 * d * np.outer(x[k], W2), b1 - 0.001 * d * W2
            W2, b2 = W2 - 0.001 * d * h, b2 - 0.001 * d
            moved[k] += W1_new[0, 0] - W1[0, 0]
            W1, b1 = W1_new, b1_new
            values.append(W1[0, 0])
    return np.array(values), moved


def adds_up(life: Biography, atol: float = 1e-13) -> None:
    assert life.start + life.epochs.moved.sum() == pytest.approx(life.final, rel=0, abs=atol)
    assert life.epoch_values[-1] == life.final
    assert life.epochs.updates.sum() == life.updates
    if life.rows is not None:
        assert life.start + life.rows.moved.sum() == pytest.approx(life.final, rel=0, abs=atol)
        assert (life.rows.travelled >= np.abs(life.rows.moved) - 1e-15).all()
    assert (life.epochs.travelled >= np.abs(life.epochs.moved) - 1e-15).all()


# ---- the lecture ----


def test_the_students_weight_lives_as_in_the_lecture() -> None:
    life = students()
    values, moved = by_hand()
    np.testing.assert_allclose(life.values, values, rtol=0, atol=1e-14)
    assert life.values[1] == pytest.approx(0.105888, abs=1e-15)
    assert life.final == pytest.approx(0.271989952, abs=5e-10)
    assert life.t.tolist() == list(range(21))
    assert life.rows is not None
    np.testing.assert_allclose(life.rows.moved, moved, rtol=0, atol=1e-14)
    assert life.rows.updates.tolist() == [5, 5, 5, 5]
    np.testing.assert_allclose(life.epoch_values, values[[4, 8, 12, 16, 20]], rtol=0, atol=1e-14)
    np.testing.assert_allclose(life.epochs.moved, np.diff(values[::4]), rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        life.epochs.travelled, np.abs(np.diff(values)).reshape(5, 4).sum(axis=1), rtol=0, atol=1e-14
    )
    adds_up(life)
    assert life.summary().startswith(
        "W_111 went from 0.1 to 0.271989952 (20 updates, 5 epochs): +0.171989952 in all"
    )
    assert life.told == "each update met one row, and its whole move is counted for that row"


def test_a_run_that_kept_its_steps_tells_the_same_as_one_trained_again() -> None:
    net, table, training = wg.example("placement")
    kept, plain = (wg.fit(net, table, training, keep=Keep(how)) for how in ("steps", "epochs"))  # type: ignore[arg-type]
    job = wg.prepare(net, table, training)
    lives = [biography_of(job, table, W_111, run) for run in (kept, plain, None)]
    for life in lives:
        assert life.values.tolist() == lives[0].values.tolist()
        assert life.values[1:].tolist() == [float(k.w[0]) for k in kept.kept]
        assert life.columns("rows")["moved"].tolist() == lives[0].columns("rows")["moved"].tolist()
        assert life.notes == ()
        adds_up(life)


# ---- rows of batches ----

DRAW = np.random.default_rng(9)
X, Y = DRAW.normal(0, 1, (17, 2)), DRAW.normal(0, 2, 17)
WEIGHTS = DRAW.uniform(0.5, 2, 17)
NET = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(1)))


def prepared(**settings: Any) -> tuple[Job, wg.Table]:
    fixed = {"optimizer": "sgd", "lr": 0.05, "epochs": 4, "batch": 5, "scale": "none", "start": "glorot"}
    table = wg.table_from_arrays(X, Y, row_weights=WEIGHTS)
    return wg.prepare(NET, table, settled(table, None, {**fixed, **settings})), table


@pytest.mark.parametrize("order", ["shuffled", "random"])
@pytest.mark.parametrize("at", [0, 7, 11, 12])
def test_a_row_of_a_batch_moves_its_share_of_the_step(order: str, at: int) -> None:
    job, table = prepared(order=order, validation=0.2)
    life = biography_of(job, table, list(places(NET))[at])
    assert life.rows is not None
    learn = life.rows.numbers
    assert len(learn) == len(job.rows) == 14
    run = wg.fit(NET, table, job.training, keep=Keep("steps"))
    moved, met, w = np.zeros(17), np.zeros(17, int), run.start
    for kept in run.kept:
        batch = row_order(14, order, 0, kept.epoch - 1)[(kept.t - 1) % 3 * 5 :][:5]  # type: ignore[arg-type]
        for k in learn[batch]:
            x, y = X[[k]], Y[[k], None]
            own = by_complex_step(lambda v, x=x, y=y: mean_loss(NET, LOSSES["mean_squared_error"], v, x, y), w)
            moved[k] -= 0.05 * WEIGHTS[k] * own[at] / len(batch)
            met[k] += 1
        w = kept.w
    np.testing.assert_allclose(life.rows.moved, moved[learn], rtol=0, atol=1e-13)
    assert life.rows.updates.tolist() == met[learn].tolist()
    assert (met.max() > 4) == (order == "random")
    assert life.epochs.updates.tolist() == [3, 3, 3, 3]
    assert abs(life.rest) < 1e-13
    assert life.told == "a row's part in an update is -rate x pull / 5, the rows of its batch"
    adds_up(life)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"optimizer": "adam"}, "this is adam with batches of 5"),
        ({"l2": 0.1}, "this is sgd with batches of 5"),
        ({"clip": "norm:1"}, "this is sgd with batches of 5"),
        ({"batch": 1, "optimizer": "momentum"}, "for that row; the memories of momentum hold earlier rows"),
        ({"batch": 1, "l1": 0.1}, "for that row; the penalty is in it"),
        ({"batch": "all"}, "-rate x pull / 17, the rows"),
    ],
    ids=str,
)
def test_it_says_whether_rows_can_be_told_apart(settings: dict[str, Any], told: str) -> None:
    job, table = prepared(**settings)
    life = biography_of(job, table, W_111)
    assert told in life.told
    assert (life.rows is None) == ("only epochs are told" in life.told)
    adds_up(life)
    if life.rows is None:
        for asked in (life.top_rows, lambda: life.columns("rows")):
            with pytest.raises(
                wg.InputError, match="biography of W_111: rows can be told apart in batches of one"
            ):
                asked()
        assert "rows" not in life.to_plain()
        assert "rows that moved it most" not in repr(life)


def test_what_is_frozen_never_moves() -> None:
    for batch in (1, 5):
        job, table = prepared(batch=batch, freeze=("W_111",))
        life = biography_of(job, table, W_111)
        assert life.rows is not None
        assert not life.rows.moved.any()
        assert (life.final, life.epochs.travelled.sum()) == (life.start, 0)


def test_float32_leaves_a_rest_of_its_rounding() -> None:
    job, table = prepared(dtype="float32")
    life = biography_of(job, table, W_111)
    assert life.rows is not None
    assert 0 < abs(life.rest) < 1e-5 * life.rows.travelled.sum()
    assert life.start + life.rows.moved.sum() + life.rest == pytest.approx(life.final, abs=1e-15)
    assert life.start + life.epochs.moved.sum() == pytest.approx(life.final, abs=1e-14)
    assert life.notes == ()


# ---- long lives, and lives cut short ----


def test_a_long_life_keeps_every_epoch_and_a_thinned_curve() -> None:
    life = students(epochs=1003)  # 4012 updates
    assert life.updates == 4012
    assert life.t.tolist() == [*range(0, 4012, 3), 4012]
    assert len(life.epochs.numbers) == 1003
    adds_up(life, atol=1e-12)
    whole = students(epochs=250)
    assert life.values[:300].tolist() == whole.values[:900:3].tolist()


def test_an_interrupted_run_is_told_as_far_as_it_came() -> None:
    net, table, training = wg.example("students")
    job = wg.prepare(net, table, training, keep=Keep("steps"))
    log = Log(job.first_state())
    for progress in train(job):
        log.add(progress, Keep())
        if log.state.t == 6:
            break
    life = biography_of(job, table, W_111, finish(job, log))
    values, _ = by_hand()
    np.testing.assert_allclose(life.values, values[:7], rtol=0, atol=1e-14)
    assert life.epochs.updates.tolist() == [4, 2]
    assert life.notes == ()


def test_a_run_that_diverged_is_told_up_to_its_last_finite_update() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, training, lr=1.0)
    assert run.stopped.reason == "diverged"
    job = wg.prepare(net, table, run.training)
    life = biography_of(job, table, W_111, run)
    assert life.updates == run.state.t > 0
    assert life.final == run.state.w[0]
    assert biography_of(job, table, W_111).values.tolist() == life.values.tolist()


def test_a_run_without_any_update_has_a_start_only() -> None:
    net, table, training = wg.example("students")
    job = wg.prepare(net, table, training)
    life = biography_of(job, table, W_111, finish(job, Log(job.first_state())))
    assert (life.start, life.final, life.updates) == (0.1, 0.1, 0)
    assert life.epochs.moved.sum() == 0
    assert "W_111 went from 0.1 to 0.1 (0 updates, 0 epochs)" in repr(life)


def test_early_stopping_keeps_other_weights_and_that_is_said() -> None:
    table = wg.table_from_arrays(X, Y)
    run = wg.fit(NET, table, optimizer="sgd", lr=0.3, epochs=60, batch=4, validation=0.3, patience=4)
    assert run.stopped.reason == "early"
    job = wg.prepare(NET, table, run.training, start=views(NET, run.start), encoding=run.model.encoding)
    life = biography_of(job, table, W_111, run)
    assert life.final == run.state.w[0] != run.w[0]
    assert life.notes == (
        f"the model has the weights of epoch {run.state.best_epoch}, where it was {run.w[0]:.9g}",
    )


def test_settings_changed_on_the_way_are_noticed() -> None:
    net, table, training = wg.example("students")
    half = wg.fit(net, table, training, epochs=2, keep=Keep("steps"))
    run = wg.fit(net, table, resume=half, epochs=4, lr=0.0005, keep=Keep("steps"))
    life = biography_of(wg.prepare(net, table, run.training), table, W_111, run)
    assert life.final == run.w[0]  # it was read, and batches of one row need no rate
    assert life.notes == ()
    forgotten = replace(run, kept=())
    life = biography_of(wg.prepare(net, table, run.training), table, W_111, forgotten)
    assert life.notes[0].startswith(f"trained again from its start it ends at {life.final:.9g}, in the run at ")
    training = replace(training, batch=2)
    half = wg.fit(net, table, training, epochs=2, keep=Keep("steps"))
    run = wg.fit(net, table, resume=half, epochs=4, lr=0.0005, keep=Keep("steps"))
    life = biography_of(wg.prepare(net, table, run.training), table, W_111, run)
    assert life.notes[0].startswith("the rows' parts leave ")
    assert life.notes[0].endswith("untold: the run's settings changed on the way, or its engine was another")


# ---- asking ----


def test_rows_and_columns_are_given_as_asked(tmp_path: Path) -> None:
    import polars as pl

    life = students()
    # in the lecture row 4 moves W_111 furthest; row 1 goes to and fro
    assert (life.top_rows(2).numbers + 1).tolist() == [4, 3]
    assert life.columns("rows")["row"].tolist() == [1, 2, 3, 4]
    assert life.columns("updates")["epoch"].tolist() == [0, *np.repeat([1, 2, 3, 4, 5], 4)]
    assert list(life.columns()) == ["epoch", "updates", "moved", "travelled", "value"]
    with pytest.raises(
        wg.InputError, match="biography: part: 'days' is not known; it can be updates, epochs, rows"
    ):
        life.columns("days")  # type: ignore[arg-type]
    life.write(tmp_path / "life.csv", "updates")
    assert pl.read_csv(tmp_path / "life.csv")["value"].to_list() == life.values.tolist()
    plain = json.loads(json.dumps(life.to_plain()))
    assert plain["rows"]["moved"] == life.columns("rows")["moved"].tolist()
    assert plain["updates"]["value"][0] == plain["start"] == 0.1
    net, table, training = wg.example("students")
    job = wg.prepare(net, table, training)
    with pytest.raises(wg.InputError, match="layer 3 is not there"):
        biography_of(job, table, Place(2, 0, 0))


def test_it_prints_its_curve_its_epochs_and_its_rows() -> None:
    lines = repr(students()).splitlines()
    assert lines[1].strip() == "▁▁▂▂▂▃▃▄▄▄▅▅▆▆▇▇▇▇▇██"
    assert lines[2].split() == ["epoch", "updates", "moved", "travelled", "value"]
    assert lines[3].split()[:2] == ["1", "4"]
    assert "rows that moved it most:" in lines[8]
    assert [line.split()[0] for line in lines[10:14]] == ["4", "3", "2", "1"]
    long = repr(students(epochs=30))
    assert "... and 20 more epochs ..." in long
    assert len(long.splitlines()) < 25


def test_progress_is_told_after_every_update() -> None:
    net, table, training = wg.example("students")
    told: list[tuple[int, int]] = []
    biography_of(wg.prepare(net, table, training), table, W_111, progress=lambda done, of: told.append((done, of)))
    assert told == [(t, 20) for t in range(1, 21)]


@pytest.mark.parametrize(("notation", "name"), [("keras", "dense_0.kernel[0, 0]"), ("torch", "0.weight[0, 0]")])
def test_it_bears_the_name_of_its_notation(notation: str, name: str) -> None:
    net, table, training = wg.example("students")
    life = biography_of(wg.prepare(net, table, training), table, W_111, notation=notation)
    assert life.parameter == name
