"""Moments: the parameters, the batch and the rate that a row meets are those of the training itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import whygrad as wg
from whygrad.explanation.moment import Moment
from whygrad.table import row_order, split_rows

CSV = "size,colour,kind\n" + "\n".join(
    f"{size},{colour},{kind}"
    for size, colour, kind in [
        (3.5, "red", "cat"),
        (2.5, "blue", "dog"),
        (1.5, "red", "bird"),
        (4.0, "green", "cat"),
        (2.2, "blue", "dog"),
        (3.1, "green", "bird"),
        (0.5, "red", "cat"),
        (4.5, "green", "cat"),
        (2.9, "blue", "dog"),
    ]
)


def run_of(**settings: object) -> tuple[wg.Run, wg.Table]:
    net, table, training = wg.example("placement")
    changed = replace(training, **{"epochs": 3, **settings})  # type: ignore[arg-type]
    return wg.fit(net, table, changed, keep=wg.Keep("steps")), table


def moment(subject: wg.Run, table: wg.Table, **how: object) -> Moment:
    return wg.explain(subject, table, **how).moment  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": wg.Adam(0.01), "batch": 2, "order": "shuffled"},
        {"optimizer": wg.Momentum(0.01), "batch": 3, "order": "shuffled", "dtype": "float32"},
        {"optimizer": wg.AdamW(0.01), "schedule": wg.Cosine(), "warmup": 2, "order": "shuffled", "seed": 4},
    ],
    ids=["sgd", "adam", "momentum", "adamw"],
)
def test_a_moment_has_the_parameters_that_the_training_kept(settings: dict[str, object]) -> None:
    run, table = run_of(**settings)
    n = len(table)
    batch = run.training.batch_size(n)
    per_epoch = -(-n // batch)
    steps = [run.start, *(kept.w for kept in run.kept)]  # before the first update, after each
    for epoch in (1, 2, 3):
        order = row_order(n, run.training.order, run.training.seed, epoch - 1)
        np.testing.assert_array_equal(moment(run, table, at=epoch).w, steps[epoch * per_epoch])
        for row in range(n):
            at = int(np.flatnonzero(order == row)[0]) // batch
            found = moment(run, table, row=row, at=f"{epoch}:{row + 1}")
            np.testing.assert_array_equal(found.w, steps[(epoch - 1) * per_epoch + at])
            assert found.t == (epoch - 1) * per_epoch + at
            assert sorted(found.batch) == sorted(order[at * batch : (at + 1) * batch])
            assert found.notes == ()
            same = moment(run, table, row=row, at=(epoch, row))
            np.testing.assert_array_equal(same.w, found.w)


@pytest.mark.parametrize("optimizer", [wg.SGD(0.1), wg.Adam(0.1), wg.Nesterov(0.1), wg.RMSprop(0.1)])
def test_the_next_value_is_what_the_training_made_of_it(optimizer: object) -> None:
    run, table = run_of(optimizer=optimizer, batch=2, order="shuffled", l2=0.1, clip="norm:0.01")
    for epoch, row in ((1, 0), (2, 3), (3, 1)):
        why = wg.explain(run, table, row=row, at=(epoch, row))
        after = run.kept[why.moment.t].w
        found = [entry["next"] for entry in why.to_plain(())["parameters"].values()]
        np.testing.assert_allclose(found, after, rtol=0, atol=1e-15)


def test_start_and_end_are_the_runs() -> None:
    run, table = run_of(dtype="float32", order="shuffled")
    for at, w in (
        ("start", run.start),
        (0, run.start),
        ("0", run.start),
        ("end", run.w),
        (3, run.w),
        ("3", run.w),
    ):
        found = moment(run, table, at=at)
        assert found.w.dtype == found.row.x.dtype == found.rows.y.dtype == np.float64
        np.testing.assert_array_equal(found.w, w.astype(np.float64))
    assert moment(run, table).when == "at the end"
    net, table, training = wg.example("placement")
    assert wg.explain(net, table, training).moment.when == "at the start"
    trained = wg.explain(net, table, replace(training, epochs=2), at="end").moment
    np.testing.assert_array_equal(trained.w, wg.fit(net, table, replace(training, epochs=2)).w)


def test_a_row_that_is_not_next_says_when_its_turn_is() -> None:
    run, table = run_of()
    (note,) = moment(run, table, row=2, at=1).notes  # after epoch 1, the third row comes third
    assert "number 3 of epoch 2, not the next" in note
    assert "(at 2:3 opens it" in note
    (note,) = moment(run, table, row=0, at="2:3").notes
    assert "number 1 of epoch 2" in note
    assert moment(run, table, row=2, at="2:3").notes == ()
    (note,) = moment(run, table, at="end").notes
    assert "the training is over" in note


def test_a_row_after_one_that_was_dropped_says_which_it_is_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2.5\n,3.5\n3,1.5\n4,0.5\n")
    table = wg.read_table(tmp_path / "t.csv", target="b", missing="drop")
    net = wg.dense_network(table, hidden=2)
    told = "rows are counted without those left out; row 2 is row 3 of the source"
    assert wg.explain(net, table, batch="all", row=1).moment.notes == (told,)
    assert wg.explain(net, table, batch="all", row=0).moment.notes == ()


def test_validation_rows_have_facts_and_no_update(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV)
    table = wg.read_table(tmp_path / "t.csv", target="kind")
    net = wg.dense_network(table, (3,))
    learn, check = split_rows(table, 0.4, 0)
    for row in range(len(table)):
        why = wg.explain(net, table, row=row, validation=0.4, batch=2, class_weights="balanced")
        m = why.moment
        assert m.facts[0] == ("size", f"{table.inputs[0].values[row]:.9g}")
        assert m.place == f"row {row + 1} (index {row})"
        assert (len(m.batch) == 0) == (row in check)
        assert any("kept for validation" in note for note in m.notes) == (row in check)
        if row in check:
            assert m.weight == 1  # class weights are for training
            with pytest.raises(wg.InputError, match="no update"):
                _ = why["W_111"].step
            assert "next" not in why.to_plain(())["parameters"]["W_111"]
        else:
            at = int(np.flatnonzero(learn == row)[0])
            np.testing.assert_array_equal(m.rows.x[at], m.row.x[0])
            counts = np.bincount(table.targets[0].values[learn].astype(int), minlength=3)
            assert m.weight == len(learn) / (3 * counts[int(table.targets[0].values[row])])


def test_rows_drawn_with_replacement_may_not_be_met() -> None:
    net, table, training = wg.example("students")
    drawn = replace(training, order="random", seed=3)
    order = row_order(4, "random", 3, 0)
    missing = next(row for row in range(4) if row not in order)
    found = wg.explain(net, table, drawn, row=missing).moment
    assert len(found.batch) == 0
    assert "not drawn" in found.notes[0]
    with pytest.raises(wg.InputError, match=f"row {missing + 1} is not met in epoch 1"):
        wg.explain(net, table, drawn, row=missing, at=(1, missing))


def test_a_diverged_training_says_so() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, replace(training, optimizer=wg.SGD(0.5)))
    assert run.stopped.reason == "diverged"
    found = moment(run, table, at="2:3")
    assert not np.isfinite(found.w).all()
    assert "this training diverges" in found.notes[-1]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"row": 4}, r"row 5 \(index 4\) is not there; the table has 4 rows"),
        ({"row": -1}, r"row 0 \(index -1\) is not there"),
        ({"row": 1.0}, "row is 1.0, but must be a whole number"),
        ({"row": True}, "row is True"),
        ({"at": 6}, "epoch 6 is not there; this training ends after 5 epochs"),
        ({"at": "6:1"}, "row 1 is not met in epoch 6"),
        ({"at": "3:9"}, "row 9 is not met in epoch 3"),
        ({"at": -1}, "epochs count from 0"),
        ({"at": (0, 1)}, "epochs count from 1"),
        ({"at": "0:1"}, "epochs count from 1"),
        ({"at": "1:0"}, "'1:0' is not understood"),
        ({"at": "soon"}, "'soon' is not understood; it can be start, end, an epoch"),
        ({"at": 2.5}, "2.5 is not understood"),
        ({"at": True}, "True is not understood"),
        ({"at": (1, "2")}, "is not understood"),
        ({"at": "9" * 5000}, "is not understood"),
    ],
)
def test_moments_that_are_not_there_are_refused(how: dict[str, object], said: str) -> None:
    with pytest.raises(wg.WhygradError, match=said):
        wg.explain(*wg.example("students"), **how)  # type: ignore[arg-type]
