"""The library as somebody writes with it: the session of the design, and what each setting of a run promises."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import whygrad as wg
from whygrad.defaults import default_output
from whygrad.table import split_rows
from whygrad.updates import UPDATES
from whygrad.weights import is_weight

DRAW = np.random.default_rng(21)


@pytest.fixture
def houses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """houses.csv in the current folder."""
    draw = np.random.default_rng(1)
    area, rooms = draw.uniform(30, 200, 120).round(1), draw.integers(1, 7, 120)
    town = draw.choice(["Aach", "Bonn", "Celle"], 120)
    price = (2000 * area + 9000 * rooms + 30000 * (town == "Bonn") + draw.normal(0, 4000, 120)).round()
    frame = pl.DataFrame({"area": area, "rooms": rooms, "town": town, "price": price})
    frame.write_csv(tmp_path / "houses.csv")
    monkeypatch.chdir(tmp_path)
    return frame


def numbers(x: Any, y: Any, **columns: Any) -> wg.Table:
    return wg.read_table({"x": x, "y": y, **columns}, "y")


def line() -> wg.Table:
    x = np.linspace(-1, 1, 12)
    return numbers(x, np.sin(2 * x) + 0.1 * np.arange(12) % 3)


def answers(rows: int = 30) -> wg.Table:
    draw = np.random.default_rng(8)
    a, b = draw.normal(0, 1, rows), draw.normal(0, 1, rows)
    words = np.where(a + 0.5 * b + draw.normal(0, 0.4, rows) > 0.6, "yes", "no")
    return wg.read_table({"a": a, "b": b, "bought": words}, "bought")


# ---- the session ----


def test_the_session_of_the_design(houses: pl.DataFrame) -> None:
    table = wg.read_table("houses.csv", target="price")
    assert any("regression" in note for note in table.notes)  # says what it guessed
    net = wg.dense_network(table, hidden=(64, 32), activation="relu")
    assert net.sizes == (5, 64, 32, 1)
    run = wg.fit(net, table, optimizer=wg.Adam(1e-3), epochs=50, batch=32, validation=0.2, seed=1)
    shown = repr(run)
    first, last = run.history[0], run.history[-1]
    assert run.stopped.reason == "epochs"
    assert "stopped: all 50 epochs are done" in shown  # why it stopped
    assert f"{last.loss_during:.6g} during, {last.loss_after:.6g} after" in shown  # both losses
    assert f"validation {last.validation_loss:.6g}" in shown
    assert f"loss {first.loss_after:.6g} at the start" in shown
    assert any(len(text) > 5 and set(text.strip()) <= set("▁▂▃▄▅▆▇█") for text in shown.splitlines())  # a curve
    assert last.loss_after < 0.1 * first.loss_after
    assert last.validation_scores["R2"] > 0.9
    html = run._repr_html_()
    assert html.startswith("<pre>")
    assert "all 50 epochs are done" in html
    new_rows = houses.drop("price").head(3)
    said = run.predict(new_rows)
    assert said.outputs.shape == (3, 1)
    np.testing.assert_allclose(said.outputs[:, 0], houses["price"].head(3), rtol=0.5)
    wg.save(run, "houses.whygrad")
    again = wg.load("houses.whygrad")
    assert again.predict(new_rows).outputs.tobytes() == said.outputs.tobytes()
    assert repr(again) == shown


def test_html_escapes_what_it_shows(houses: pl.DataFrame) -> None:
    table = wg.read_table({"x": [1.0, 2.0, 3.0, 4.0], "<b>": ["no", "yes", "no", "yes"]}, "<b>")
    run = wg.fit(wg.dense_network(table, ()), table, epochs=1)
    body = run._repr_html_().removeprefix("<pre>").removesuffix("</pre>")
    assert "<" not in body


def test_the_lecture_to_nine_digits() -> None:
    run = wg.fit(*wg.example("students"))
    during = [record.loss_during for record in run.history[1:]]
    assert [f"{loss:.9f}" for loss in during if loss is not None] == [
        "26.345577666",
        "19.859428919",
        "10.881602572",
        "3.777037799",
        "1.223804497",
    ]
    assert f"{run.history[-1].loss_after:.9f}" == "0.773642543"
    final = ["0.271989952"] * 2 + ["0.392739263"] * 2 + ["0.028380736"] * 2
    assert [f"{value:.9f}" for value in run.w] == [*final, "0.469000402", "0.469000402", "0.121681482"]
    assert f"{run.predict([[8, 8]]).outputs[0, 0]:.6f}" == "5.136435"


def test_the_lectures_classification() -> None:
    net, table, training = wg.example("placement")
    run = wg.fit(net, table, training)
    assert f"{run.history[1].loss_during:.9f}" == "0.693912440"
    assert f"{run.history[50].loss_during:.9f}" == "0.693864553"
    assert f"{run.history[50].loss_after:.9f}" == "0.693834761"
    better = wg.fit(net, table, training, scale="standard", optimizer=wg.SGD(1.0))
    assert f"{better.history[50].loss_during:.5f}" == "0.02402"


def test_four_rows_no_single_layer_can_separate() -> None:
    net, table, training = wg.example("xor")
    assert wg.fit(net, table, training).history[-1].scores["accuracy"] == 1.0
    single = wg.Network(2, (wg.Dense(1, "sigmoid"),))
    assert wg.fit(single, table, training).history[-1].scores["accuracy"] < 1.0
    with pytest.raises(wg.InputError, match="did you mean 'xor'"):
        wg.example("xorr")


def test_a_network_written_out() -> None:
    net = wg.Network(2, (wg.Dense(2), wg.Dense(1)))
    assert net == wg.example("students")[0]
    assert net.n_parameters == 9
    assert str(net).startswith("2-2-1")


def test_everything_public_is_there() -> None:
    for name in wg.__all__:
        assert getattr(wg, name) is not None
    assert set(wg.__all__) <= set(dir(wg))
    with pytest.raises(AttributeError, match="no attribute 'fits'"):
        wg.fits  # noqa: B018


# ---- starting, going on ----


def test_given_start_arrays() -> None:
    net, table, training = wg.example("students")
    start = [
        (np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([0.5, 0.6])),
        (np.array([[0.7], [0.8]]), np.array([0.9])),
    ]
    run = wg.fit(net, table, training, start=start, epochs=0)
    assert run.w.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    W1, b1 = start[0]
    W2, b2 = start[1]
    x = np.array([[8.0, 8.0], [5.0, 12.0]])
    np.testing.assert_allclose(run.predict(x).outputs, (x @ W1 + b1) @ W2 + b2, rtol=1e-15)
    start[0][0][:] = 99.0  # whose arrays these are may change them
    assert run.w[0] == 0.1
    with pytest.raises(wg.InputError, match="layer 1 has W"):
        wg.fit(net, table, training, start=[(np.zeros((2, 3)), np.zeros(3)), *start[1:]])


def test_stopping_and_going_on_is_the_same_to_the_bit(houses: pl.DataFrame) -> None:
    table = wg.read_table("houses.csv", target="price")
    net = wg.dense_network(table, 8)
    straight = wg.fit(net, table, epochs=7, validation=0.25)
    half = wg.fit(net, table, epochs=3, validation=0.25)
    resumed = wg.fit(net, table, resume=half, epochs=7)
    assert resumed.w.tobytes() == straight.w.tobytes()
    assert resumed.history == straight.history
    assert resumed.start.tobytes() == straight.start.tobytes()


def test_what_does_not_go_together_is_refused_in_one_line() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, training)
    for arguments, settings, words in (
        ((net, table), {"epoch": 3}, "setting: 'epoch' is not known.*did you mean 'epochs'"),
        ((net, table), {"resume": run, "start": 0.5}, "takes no start"),
        ((net, table), {"resume": run, "optimizer": "adam"}, "the run's optimizer is sgd, not adam"),
        ((net, table), {"resume": run, "dtype": "float32"}, "the run's dtype is float64, not float32"),
        ((net, table), {"resume": run, "batch": 2}, "the run's batch is 1, not 2"),
        ((net, table), {"resume": run, "validation": 0.25}, "the run's validation is 0.0, not 0.25"),
        ((wg.dense_network(table, 3), table), {"resume": run}, "the run's network is 2-2-1.*not 2-3-1"),
        ((wg.Network(3, (wg.Dense(1),)), table), {}, "3 inputs, but the table makes 2: cgpa, resume_score"),
        ((wg.Network(2, (wg.Dense(2),)), table), {}, "2 outputs, but the table makes 1: lpa"),
        ((net, table), {"loss": "bce"}, "needs outputs from 0 to 1, but linear"),
    ):
        with pytest.raises(wg.InputError, match=words):
            wg.fit(*arguments, **settings)
    for wrong, words in (((table, net), "a Table and a Network"), ((net, [[1.0]]), "a Network and a list")):
        with pytest.raises(wg.WrongTypeError, match=f"a network, then a table, not {words}"):
            wg.fit(*wrong)


def test_what_is_chosen_for_a_table_when_nothing_is_said() -> None:
    three = wg.read_table({"x": [1.0, 2.0, 3.0], "kind": ["a", "b", "c"]}, "kind")
    for table, sizes, output, loss in (
        (line(), (1, 32, 1), "linear", "mean_squared_error"),
        (answers(), (2, 32, 1), "sigmoid", "binary_crossentropy"),
        (three, (1, 32, 3), "softmax", "categorical_crossentropy"),
    ):
        net = wg.dense_network(table)
        assert net.sizes == sizes
        assert [layer.activation.name for layer in net.layers] == ["relu", output]
        training = wg.fit(net, table, epochs=1).training
        assert training.loss.name == loss
        assert training.optimizer == wg.Adam(0.001)
        assert (training.batch, training.order, training.start, training.seed) == (32, "shuffled", "he", 0)
        assert (training.dtype, training.scale, wg.Training("mse").epochs) == ("float64", "standard", 100)


@pytest.mark.parametrize(
    "task, loss, output",
    [
        ("regression", None, "linear"),
        ("regression", "mae", "linear"),
        ("regression", "poisson", "softplus"),
        ("regression", "bce", "sigmoid"),
        ("binary", None, "sigmoid"),
        ("binary", "mse", "sigmoid"),
        ("binary", "hinge", "linear"),
        ("multiclass", "hinge", "linear"),
        ("multiclass", "mse", "softmax"),
    ],
)
def test_the_output_that_goes_with_a_loss(task: Any, loss: str | None, output: str) -> None:
    assert default_output(task, None if loss is None else wg.loss(loss)) == output


@pytest.mark.parametrize("hidden", [None, 2.5, "64", [3, None], True, 0, (4, -1)])
def test_hidden_units_that_are_none_are_refused(hidden: Any) -> None:
    with pytest.raises((wg.InputError, wg.WrongTypeError), match="hidden"):
        wg.dense_network(line(), hidden)


def test_hidden_units_in_every_form() -> None:
    for hidden in (5, np.int64(5), (5,), [5], np.array([5]), (n for n in (5,))):
        assert wg.dense_network(line(), hidden).sizes == (1, 5, 1)
    assert wg.dense_network(line(), ()).sizes == (1, 1)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    table = answers()
    net = wg.dense_network(table, 4)
    one, two, other = (wg.fit(net, table, epochs=3, batch=4, seed=seed) for seed in (5, 5, 6))
    assert one.w.tobytes() == two.w.tobytes()
    assert one.w.tobytes() != other.w.tobytes()


def test_keeping_the_parameters_of_every_step() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, training, keep=wg.Keep("steps"))
    assert [k.t for k in run.kept] == list(range(1, 21))
    assert [k.epoch for k in run.kept] == [e for e in range(1, 6) for _ in range(4)]
    assert run.kept[-1].w.tolist() == run.w.tolist()
    epochs = wg.fit(net, table, training, keep=wg.Keep("epochs")).kept
    assert [k.w.tolist() for k in epochs[1:]] == [k.w.tolist() for k in run.kept[3::4]]
    assert wg.fit(net, table, training).kept == ()


# ---- weights of rows and classes ----

FULL: dict[str, Any] = {"batch": "all", "order": "sequential", "scale": "none", "start": "distinct", "epochs": 10}


def test_a_row_of_weight_two_is_a_row_given_twice() -> None:
    x, y = DRAW.normal(0, 1, 6), DRAW.normal(0, 1, 6)
    weighted = wg.read_table({"x": x, "y": y, "n": [1, 1, 2, 1, 1, 1]}, "y", row_weight="n")
    twice = numbers(np.append(x, x[2]), np.append(y, y[2]))
    net = wg.Network(1, (wg.Dense(3, "tanh"), wg.Dense(1)))
    a = wg.fit(net, weighted, optimizer=wg.SGD(0.07), **FULL)
    # the mean divides by the number of rows: 6, not the 7 of the longer table
    b = wg.fit(net, twice, optimizer=wg.SGD(0.07 * 7 / 6), **FULL)
    np.testing.assert_allclose(a.w, b.w, rtol=1e-12)
    np.testing.assert_allclose(a.losses(), b.losses() * 7 / 6, rtol=1e-12)
    plain = wg.fit(net, numbers(x, y), optimizer=wg.SGD(0.07), **FULL)
    assert np.abs(plain.w - a.w).max() > 1e-4


def test_a_row_of_weight_zero_is_a_row_left_out() -> None:
    x, y = DRAW.normal(0, 1, 6), DRAW.normal(0, 1, 6)
    weighted = wg.read_table({"x": x, "y": y, "n": [1, 1, 1, 0, 1, 1]}, "y", row_weight="n")
    net = wg.Network(1, (wg.Dense(3, "tanh"), wg.Dense(1)))
    a = wg.fit(net, weighted, optimizer=wg.SGD(0.06), **FULL)
    b = wg.fit(net, numbers(np.delete(x, 3), np.delete(y, 3)), optimizer=wg.SGD(0.06 * 5 / 6), **FULL)
    np.testing.assert_allclose(a.w, b.w, rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 4, "all"])
def test_class_weights_are_row_weights(batch: Any) -> None:
    table = answers()
    yes = table.targets[0].values == 1
    net = wg.dense_network(table, 3, "tanh")
    columns = {c.name: c.values for c in table.inputs}
    words = np.where(yes, "yes", "no")

    def with_rows(weights: np.ndarray, **settings: Any) -> wg.Run:
        rows = wg.read_table({**columns, "bought": words, "w": weights}, "bought", row_weight="w")
        return wg.fit(net, rows, epochs=3, batch=batch, **settings)

    by_rows = with_rows(np.where(yes, 3.0, 0.5))
    by_class = wg.fit(net, table, epochs=3, batch=batch, class_weights={"yes": 3, "no": 0.5})
    assert by_class.w.tobytes() == by_rows.w.tobytes()
    assert by_class.losses().tolist() == by_rows.losses().tolist()
    n, n_yes = len(yes), int(yes.sum())
    assert n_yes not in (0, n / 2, n)
    balanced = wg.fit(net, table, epochs=3, batch=batch, class_weights="balanced")
    by_hand = with_rows(np.where(yes, n / (2 * n_yes), n / (2 * (n - n_yes))))
    assert balanced.w.tobytes() == by_hand.w.tobytes()
    own = DRAW.uniform(0.5, 2, n)
    both = with_rows(own, class_weights={"yes": 3})
    np.testing.assert_allclose(both.w, with_rows(own * np.where(yes, 3.0, 1.0)).w, rtol=1e-12)


def test_class_weights_of_several_classes() -> None:
    x = DRAW.normal(0, 1, 20)
    names = np.array(["a", "b", "c"])[np.arange(20) % 3]
    net = wg.Network(1, (wg.Dense(3, "softmax"),))
    table = wg.read_table({"x": x, "kind": names}, "kind")
    weights = np.where(names == "b", 4.0, 1.0)
    rows = wg.read_table({"x": x, "kind": names, "w": weights}, "kind", row_weight="w")
    a, b = wg.fit(net, table, class_weights={"b": 4}, epochs=3), wg.fit(net, rows, epochs=3)
    assert a.w.tobytes() == b.w.tobytes()
    with pytest.raises(wg.InputError, match="'d' is no class; the classes are a, b, c"):
        wg.fit(net, table, class_weights={"d": 4}, epochs=3)
    with pytest.raises(wg.InputError, match="no classes"):
        wg.fit(wg.Network(1, (wg.Dense(1),)), line(), class_weights="balanced")


# ---- what stays, and when it ends ----


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", UPDATES)
def test_what_is_frozen_does_not_move(name: str, dtype: str) -> None:
    table = answers()
    net = wg.Network(2, (wg.Dense(3, "tanh"), wg.Dense(3, "tanh"), wg.Dense(1, "sigmoid")))
    rule = UPDATES[name](learning_rate=0.05)
    run = wg.fit(
        net, table, optimizer=rule, epochs=4, batch=4, freeze=("1", "W_212", "B_31"), l1=0.01, l2=0.1, dtype=dtype
    )
    moved = run.w != run.start
    names = wg.parameter_names(net)
    stay = {label for label in names if label[2] == "1"} | {"W_212", "B_31"}  # layer 1: 6 + 3
    assert len(stay) == 11
    assert {label for label, m in zip(names, moved, strict=True) if not m} == stay


def test_freezing_leaves_the_others_their_gradient() -> None:
    net, table, training = wg.example("students")
    free = wg.fit(net, table, training, epochs=1, batch="all", start="distinct")
    fixed = wg.fit(net, table, training, epochs=1, batch="all", start="distinct", freeze="2")
    assert fixed.w[:6].tolist() == free.w[:6].tolist()
    assert fixed.w[6:].tolist() == fixed.start[6:].tolist()


def noisy() -> wg.Table:
    """Rows that can only be learned by heart, so the validation loss rises before long."""
    draw = np.random.default_rng(2)
    return wg.table_from_arrays(draw.normal(0, 1, (40, 6)), draw.normal(0, 1, 40))


def test_early_stopping_keeps_the_best_weights() -> None:
    table = noisy()
    net = wg.dense_network(table, 32)
    run = wg.fit(net, table, epochs=300, validation=0.3, optimizer=wg.Adam(0.01), stop=wg.Stop(patience=10))
    checked = [record.validation_loss for record in run.history]
    best = int(np.argmin(checked[1:])) + 1  # type: ignore[arg-type]
    assert run.stopped.reason == "early"
    assert len(run.history) - 1 == best + 10 < 300
    assert f"kept the weights of epoch {best}" in run.stopped.words
    assert run.state.w.tolist() != run.w.tolist()
    shorter = wg.fit(net, table, epochs=best, validation=0.3, optimizer=wg.Adam(0.01))
    assert run.w.tobytes() == shorter.w.tobytes()
    _, held_out = split_rows(table, 0.3, 0)
    encoding = run.model.encoding
    a = run.model.outputs(wg.encode_inputs(encoding, table.take(held_out)))
    y = wg.encode_targets(encoding, table.take(held_out))
    assert ((a - y) ** 2).mean() == pytest.approx(checked[best], rel=1e-12)


def test_a_validation_loss_that_stays_is_no_improvement() -> None:
    table = line()
    run = wg.fit(
        wg.dense_network(table, ()), table, epochs=50, validation=0.25, freeze="1", stop=wg.Stop(patience=3)
    )
    assert run.stopped.reason == "early"
    assert len(run.history) - 1 == 1 + 3  # the first epoch is the best so far, and three wait for better


def test_without_patience_the_last_weights_are_kept() -> None:
    table = noisy()
    run = wg.fit(wg.dense_network(table, 32), table, epochs=25, validation=0.3, optimizer=wg.Adam(0.01))
    checked = [record.validation_loss for record in run.history]
    assert min(checked[1:]) < checked[-1]  # type: ignore[type-var, operator]
    assert run.w.tolist() == run.state.w.tolist()
    assert run.state.best_w is None


def test_a_small_improvement_does_not_count_where_it_is_said() -> None:
    table = line()
    net = wg.dense_network(table, ())
    run = wg.fit(
        net,
        table,
        epochs=300,
        batch="all",
        validation=0.25,
        optimizer=wg.SGD(0.01),
        stop=wg.Stop(None, None, 3, 0.5),
    )
    assert run.stopped.reason == "early"
    assert len(run.history) - 1 < 20


def test_convergence_stops_at_the_minimum() -> None:
    table = line()
    net = wg.dense_network(table, ())
    stop = wg.Stop(loss_change=1e-12, gradient=1e-6)
    run = wg.fit(net, table, epochs=100_000, batch="all", optimizer=wg.SGD(0.2), stop=stop)
    assert run.stopped.reason == "converged"
    assert "largest gradient entry" in run.stopped.words
    assert run.gradient is not None
    assert np.abs(run.gradient).max() <= 1e-6
    assert abs(run.history[-1].loss_after - run.history[-2].loss_after) <= 1e-12
    x, y = table.inputs[0].values, table.targets[0].values
    slope, intercept = np.polyfit(x, y, 1)  # least squares, which a network without hidden layer is
    np.testing.assert_allclose(
        run.predict({"x": [0.0, 1.0]}).outputs[:, 0], [intercept, intercept + slope], atol=1e-5
    )


def test_the_gradient_decides_over_penalties_and_without_the_frozen() -> None:
    table = line()
    net = wg.dense_network(table, ())
    stop = wg.Stop(loss_change=1e-14, gradient=1e-7)  # of the loss with its penalty
    run = wg.fit(
        net,
        table,
        epochs=100_000,
        batch="all",
        optimizer=wg.SGD(0.2),
        stop=stop,
        l2=0.5,
        freeze="B_1",
        start="0.3",
    )
    assert run.stopped.reason == "converged"
    x, y = table.inputs[0].values, table.targets[0].values
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    ridge = (x @ y / len(x)) / (x @ x / len(x) + 0.25)  # 2/n (x'x w - x'y) + l2 w = 0
    assert run.w[0] == pytest.approx(ridge, rel=1e-6)


def test_no_change_at_all_is_within_a_bound_of_zero() -> None:
    table = line()
    run = wg.fit(wg.dense_network(table, ()), table, epochs=50, freeze="1", stop=wg.Stop(loss_change=0.0))
    assert run.stopped.reason == "converged"
    assert len(run.history) - 1 == 1


def test_a_run_that_diverges_ends_finite_and_says_where() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, training, optimizer=wg.SGD(1.0), epochs=50)
    assert run.stopped.reason == "diverged"
    assert "epoch" in run.stopped.words
    assert np.isfinite(run.w).all()
    assert "diverged" in repr(run)


# ---- settings reach the engine ----


def test_label_smoothing_pulls_the_answer_inwards() -> None:
    table = wg.read_table({"x": [-1.0, 1.0, -1.0, 1.0], "y": ["yes", "yes", "yes", "no"]}, "y")
    net = wg.Network(1, (wg.Dense(1, "sigmoid"),))
    settings: dict[str, Any] = {"optimizer": wg.SGD(1.0), "epochs": 2000, "batch": "all", "start": "zeros"}
    run = wg.fit(net, table, smoothing=0.2, freeze="W_111", **settings)
    # with the weight held at 0 there is one answer for all rows: the mean of the targets 0.9, 0.9, 0.9, 0.1
    assert run.predict({"x": [5.0]}).outputs[0, 0] == pytest.approx(0.7, abs=1e-9)
    assert run.history[0].loss_after == pytest.approx(np.log(2), rel=1e-12)
    assert run.history[-1].loss_after == pytest.approx(-(0.7 * np.log(0.7) + 0.3 * np.log(0.3)), rel=1e-9)
    assert run.history[-1].scores["accuracy"] == 0.75  # of the true words, not of smoothed ones
    assert wg.fit(net, table, freeze="W_111", **settings).predict({"x": [5.0]}).outputs[0, 0] > 0.7499


def test_label_smoothing_of_several_classes() -> None:
    table = wg.read_table({"x": [-1.0, 1.0, 0.5], "y": ["a", "b", "c"]}, "y")
    net = wg.Network(1, (wg.Dense(3, "softmax"),))
    run = wg.fit(net, table, smoothing=0.3, epochs=0, start=[(np.array([[1.0, 0.0, 2.0]]), np.zeros(3))])
    z = np.array([[-1.0], [1.0], [0.5]])
    z = (z - z.mean()) / z.std() * [1.0, 0.0, 2.0]
    y = 0.7 * np.eye(3) + 0.1
    wanted = -(y * (z - np.log(np.exp(z).sum(1, keepdims=True)))).sum(1).mean()
    assert run.history[0].loss_after == pytest.approx(wanted, rel=1e-12)
    with pytest.raises(wg.InputError, match="label smoothing"):
        wg.fit(wg.Network(1, (wg.Dense(1),)), line(), smoothing=0.1)


def test_a_schedule_reaches_the_engine() -> None:
    table = line()
    net = wg.dense_network(table, 3, "tanh")
    settings: dict[str, Any] = {"batch": 5, "order": "sequential"}
    run = wg.fit(
        net, table, optimizer=wg.SGD(0.1), schedule=wg.StepDecay(2, 0.5), epochs=5, start="distinct", **settings
    )
    assert [r.rate for r in run.history] == [None, 0.1, 0.1, 0.05, 0.05, 0.025]
    w = run.start
    for rate in (0.1, 0.1, 0.05, 0.05, 0.025):  # five runs of one epoch, each from where the last one ended
        w = wg.fit(net, table, optimizer=wg.SGD(rate), epochs=1, start=wg.views(net, w), **settings).w
    assert w.tobytes() == run.w.tobytes()


def test_a_warmup_rises_update_by_update() -> None:
    table = line()
    net = wg.dense_network(table, ())
    run = wg.fit(
        net, table, optimizer=wg.SGD(0.1), warmup=1, epochs=2, batch=4, order="sequential", keep=wg.Keep("steps")
    )
    rates = [0.1 * k / 4 for k in (1, 2, 3)] + [0.1] * 3  # three updates an epoch
    x, y = table.inputs[0].values, table.targets[0].values
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    W, b = run.start
    for k, rate in enumerate(rates):
        at = slice(4 * (k % 3), 4 * (k % 3) + 4)
        error = W * x[at] + b - y[at]
        W, b = W - rate * 2 * (error * x[at]).mean(), b - rate * 2 * error.mean()
        np.testing.assert_allclose(run.kept[k].w, [W, b], rtol=1e-12, atol=1e-15)
    assert [r.rate for r in run.history] == [None, pytest.approx(0.075), pytest.approx(0.1)]


def test_penalties_are_shown_apart_from_the_loss() -> None:
    table = line()
    net = wg.dense_network(table, 3, "tanh")
    run = wg.fit(net, table, l1=0.1, l2=0.5, epochs=2, start="distinct")
    W = run.w[is_weight(net)]
    assert run.history[-1].penalty == pytest.approx(0.1 * np.abs(W).sum() + 0.25 * (W**2).sum(), rel=1e-12)
    bare = wg.fit(net, table, epochs=0, start=wg.views(net, run.w))
    assert bare.history[0].loss_after == run.history[-1].loss_after
    assert bare.history[0].penalty == 0.0


# ---- several targets, missing values, notes ----


def test_several_numbers_at_once() -> None:
    x = np.linspace(-1, 1, 40)
    columns = {"x": x, "up": 3 * x + 1, "bowl": 100 * x**2}
    table = wg.read_table(columns, ("up", "bowl"))
    net = wg.dense_network(table, 16, "tanh")
    assert net.outputs == 2
    run = wg.fit(net, table, optimizer=wg.Adam(0.02), epochs=400)
    assert run.history[-1].scores["R2"] > 0.99
    said = run.predict({"x": [0.5]}).outputs[0]
    np.testing.assert_allclose(said, [2.5, 25.0], rtol=0.1)
    first = run.history[0]
    a = run.model.encoding
    y = wg.encode_targets(a, table)
    out = wg.forward_propagation(net, run.start, wg.encode_inputs(a, table)).output
    assert first.loss_after == pytest.approx(((out - y) ** 2).mean(), rel=1e-12)  # over rows and outputs


def test_counts_stay_counts() -> None:
    x = np.repeat([0.0, 1.0], 50)
    counts = np.random.default_rng(0).poisson(np.where(x == 0, 2.0, 20.0)).astype(float)
    table = numbers(x, counts)
    net = wg.Network(1, (wg.Dense(1, "softplus"),))
    run = wg.fit(net, table, loss="poisson", optimizer=wg.Adam(0.1), epochs=2000, batch="all")
    assert run.model.encoding.targets[0].scale == 1.0  # a loss of counts cannot take standardised ones
    means = [counts[x == 0].mean(), counts[x == 1].mean()]
    np.testing.assert_allclose(run.predict({"x": [0.0, 1.0]}).outputs[:, 0], means, rtol=1e-3)


def test_several_answers_at_once() -> None:
    x = np.linspace(-2, 2, 50)
    table = wg.read_table(
        {"x": x, "high": np.where(x > 0, "yes", "no"), "far": np.where(np.abs(x) > 1, "yes", "no")},
        ("high", "far"),
    )
    run = wg.fit(wg.dense_network(table, 16, "tanh"), table, optimizer=wg.Adam(0.05), epochs=200)
    assert run.training.loss.name == "binary_crossentropy"
    assert run.history[-1].scores["accuracy"] > 0.97
    classes = run.predict({"x": [-1.9, 0.5]}).classes
    assert classes is not None
    assert classes.tolist() == [["no", "yes"], ["yes", "no"]]


def test_missing_inputs_are_filled_with_the_training_rows_mean_or_most_frequent() -> None:
    x = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 30.0])
    town = ["a", "b", "b", None, "b", "a"]
    table = wg.read_table({"x": x, "town": town, "y": np.arange(6.0)}, "y", missing="fill")
    job = wg.prepare(wg.dense_network(table, ()), table, wg.Training("mse", scale="none"))
    assert job.rows.x[2, 0] == np.nanmean(x)
    assert job.rows.x[3].tolist() == [4.0, 0.0, 1.0]
    with pytest.raises(wg.TableError, match=r"row 3 .*'x': missing value"):
        wg.read_table({"x": x, "y": np.arange(6.0)}, "y")


def test_unscaled_inputs_are_warned_of() -> None:
    table = wg.read_table(
        {"small": [0.1, 0.2, 0.4, 0.3], "large": [1.0, 90.0, 50.0, 30.0], "y": [1, 2, 3, 5]}, "y"
    )
    net = wg.dense_network(table, ())
    unscaled = wg.fit(net, table, scale="none", epochs=1)
    assert any("not scaled" in note and "--scale standard" in note for note in unscaled.notes)
    assert not any("not scaled" in note for note in wg.fit(net, table, epochs=1).notes)
    constant = wg.fit(net, wg.read_table({"a": [1.0, 2.0], "b": [7.0, 7.0], "y": [1.0, 2.0]}, "y"), epochs=1)
    assert any("b is 7 in every training row" in note for note in constant.notes)


# ---- validation ----


def test_validation_rows_are_disjoint_complete_and_stratified() -> None:
    x = np.arange(50.0)
    words = np.repeat(["a", "b", "c"], [30, 15, 5])
    table = wg.read_table({"x": x, "kind": words}, "kind")
    net = wg.dense_network(table, ())
    seen = set()
    for seed in range(5):
        job = wg.prepare(net, table, wg.Training("cce", validation=0.2, seed=seed, scale="none"))
        assert job.validation is not None
        learn, check = job.rows.x[:, 0], job.validation.x[:, 0]
        assert sorted([*learn, *check]) == x.tolist()
        assert job.validation.y.sum(axis=0).tolist() == [6, 3, 1]  # a fifth of each class
        seen.add(tuple(check))
    assert len(seen) == 5


@pytest.mark.parametrize("column", ["x", "y", "town"])
def test_the_encoding_is_fitted_on_the_training_rows_only(column: str) -> None:
    draw = np.random.default_rng(4)
    columns: dict[str, Any] = {
        "x": draw.normal(0, 1, 40),
        "town": draw.choice(["a", "b"], 40).astype("<U5"),
        "y": draw.normal(0, 1, 40),
    }
    table = wg.read_table(columns, "y")
    learn, check = split_rows(table, 0.25, 0)
    net = wg.dense_network(table, 4)

    def run(rows: np.ndarray) -> wg.Run:
        planted = {name: values.copy() for name, values in columns.items()}
        if column == "town":  # a swap of known words; a new one would widen the network
            planted[column][rows] = np.where(columns[column][rows] == "a", "b", "a")
        else:
            planted[column][rows] = 1e6
        return wg.fit(net, wg.read_table(planted, "y"), epochs=3, validation=0.25)

    plain, hidden, shown = run(learn[:0]), run(check[:1]), run(learn[:1])
    assert hidden.model.encoding == plain.model.encoding
    assert hidden.w.tobytes() == plain.w.tobytes()
    assert hidden.losses().tolist() == plain.losses().tolist()
    assert hidden.history[-1].validation_loss != plain.history[-1].validation_loss  # there it does show
    assert shown.w.tobytes() != plain.w.tobytes()
