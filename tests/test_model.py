"""Predictions: the same from every kind of source, in the target's own units and words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import whygrad as wg
from whygrad.encoding import encode_inputs, fit_encoding
from whygrad.errors import InputError, TableError, WrongTypeError
from whygrad.losses import LOSSES
from whygrad.model import Model
from whygrad.table import BLOCK, Table
from whygrad.weights import views

ROWS = 40
DRAW = np.random.default_rng(3)
AREA, ROOMS = DRAW.uniform(20, 200, ROWS), DRAW.integers(1, 7, ROWS)
TOWN = DRAW.choice(["Aach", "Bonn", "Celle"], ROWS)
GARDEN = DRAW.choice(["no", "yes"], ROWS)
PRICE = 1000 * AREA + 5000 * ROOMS + 20000 * (TOWN == "Bonn") + 9000 * (GARDEN == "yes")
COLUMNS = {"area": AREA, "rooms": ROOMS, "town": TOWN, "garden": GARDEN, "price": PRICE}
INPUTS = ("area", "rooms", "town", "garden")


def houses() -> Table:
    return wg.read_table(COLUMNS, "price")


def trained(table: Table, **settings: object) -> Model:
    net = wg.dense_network(table, hidden=(4,), activation="tanh")
    return wg.fit(net, table, epochs=20, batch=8, **settings).model


@pytest.fixture(scope="module")
def model() -> Model:
    return trained(houses(), optimizer=wg.Adam(0.05))


def by_hand(model: Model) -> np.ndarray:
    """(rows, 1): the prices, from the standardised and one-hot columns written out here."""
    (W1, b1), (W2, b2) = views(model.network, model.w)
    x = np.column_stack(
        [
            (AREA - AREA.mean()) / AREA.std(),
            (ROOMS - ROOMS.mean()) / ROOMS.std(),
            *[word == TOWN for word in ("Aach", "Bonn", "Celle")],
            GARDEN == "yes",
        ]
    )
    return (np.tanh(x @ W1 + b1) @ W2 + b2) * PRICE.std() + PRICE.mean()


def sources(folder: Path) -> dict[str, object]:
    """The same inputs in every form; extra columns, other orders, the target along with them."""
    csv, parquet = folder / "new.csv", folder / "new.parquet"
    pl.DataFrame(COLUMNS).write_csv(csv)
    pl.DataFrame({"id": range(ROWS), **COLUMNS}).write_parquet(parquet)
    turned = {name: COLUMNS[name] for name in reversed(INPUTS)}
    rows = [list(row) for row in zip(*(COLUMNS[name].tolist() for name in INPUTS), strict=True)]
    return {
        "csv path": csv,
        "csv text path": str(csv),
        "parquet": parquet,
        "pandas": pd.DataFrame(turned),
        "pandas categories": pd.DataFrame(turned).astype({"town": "category"}),
        "polars": pl.DataFrame(turned),
        "arrow": pa.table({name: pa.array(values) for name, values in turned.items()}),
        "mapping": turned,
        "mapping of lists": {name: COLUMNS[name].tolist() for name in INPUTS},
        "rows": rows,
        "tuple of rows": tuple(map(tuple, rows)),
        "object array": np.array(rows, dtype=object),
        "text array": np.array(rows),
        "table": houses(),
    }


def test_every_source_gives_the_same_prices(model: Model, tmp_path: Path) -> None:
    wanted = by_hand(model)
    for name, source in sources(tmp_path).items():
        said = model.predict(source)
        np.testing.assert_allclose(said.outputs, wanted, rtol=1e-12, err_msg=name)
        assert said.classes is None
        assert said.names == ("price",)
        assert len(said) == ROWS


def test_a_frame_keeps_its_row_order_whatever_its_index(model: Model) -> None:
    frame = pd.DataFrame(COLUMNS)
    shuffled = frame.sample(frac=1, random_state=1)
    said = model.predict(shuffled).outputs
    np.testing.assert_allclose(said, by_hand(model)[shuffled.index], rtol=1e-12)
    assert (said != by_hand(model)).any()


@settings(deadline=None)
@given(st.permutations(range(12)))
def test_rows_do_not_influence_each_other(model: Model, order: list[int]) -> None:
    table = houses()
    together = model.predict(table.take(np.array(order))).outputs
    alone = np.concatenate([model.predict(table.take(np.array([k]))).outputs for k in order])
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_one_row_may_be_flat() -> None:
    run = wg.fit(*wg.example("students"))
    flat = run.predict([8, 8])
    assert flat.outputs.shape == (1, 1)
    assert flat.outputs[0, 0] == run.predict(np.array([[8.0, 8.0]])).outputs[0, 0]
    assert flat.outputs[0, 0] == run.predict({"cgpa": [8], "resume_score": [8]}).outputs[0, 0]


def test_a_flat_array_is_the_column_of_a_model_with_one_input() -> None:
    x = np.linspace(-1, 1, 9)
    table = wg.table_from_arrays(x, 2 * x)
    run = wg.fit(wg.dense_network(table, ()), table, epochs=5)
    assert run.predict(x).outputs.shape == (9, 1)
    assert run.predict(x).outputs.tolist() == run.predict(x[:, None]).outputs.tolist()
    assert run.predict([0.5]).outputs.shape == (1, 1)
    students = wg.fit(*wg.example("students"))
    with pytest.raises(InputError, match=r"shape \(3,\), but the model takes \(rows, 2\)"):
        students.predict([1.0, 2.0, 3.0])


def test_more_rows_than_a_block() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, training)
    x = np.tile([[8.0, 8.0], [5.0, 12.0]], (BLOCK, 1))  # two blocks
    said = run.predict(x).outputs
    assert len(said) == 2 * BLOCK
    np.testing.assert_allclose(said[0::2, 0], said[0, 0], rtol=1e-15)
    np.testing.assert_allclose(said[1::2, 0], said[1, 0], rtol=1e-15)
    assert said[0, 0] != said[1, 0]


def test_no_rows(model: Model) -> None:
    none = houses().take(np.array([], dtype=np.int64))
    said = model.predict(none)
    assert said.outputs.shape == (0, 1)
    assert len(said) == 0
    assert model.outputs(np.empty((0, model.network.inputs))).shape == (0, 1)
    for empty in ({name: [] for name in INPUTS}, pd.DataFrame(columns=list(INPUTS)), np.empty((0, 4)), []):
        with pytest.raises((TableError, InputError)):
            model.predict(empty)


def test_no_rows_of_classes() -> None:
    table = wg.read_table({name: COLUMNS[name] for name in INPUTS}, "town")
    said = trained(table).predict(table.take(np.array([], dtype=np.int64)))
    assert said.outputs.shape == (0, 3)
    assert said.classes is not None
    assert said.classes.shape == (0,)


def test_classes_by_name() -> None:
    table = wg.read_table({name: COLUMNS[name] for name in ("area", "price", "town")}, "town")
    model = trained(table, optimizer=wg.Adam(0.05))
    said = model.predict(table)
    assert said.classes is not None
    assert said.names == ("town=Aach", "town=Bonn", "town=Celle")
    assert said.classes.tolist() == [("Aach", "Bonn", "Celle")[k] for k in said.outputs.argmax(axis=1)]
    np.testing.assert_allclose(said.outputs.sum(axis=1), 1, rtol=1e-12)
    assert len(set(said.classes)) > 1


def test_a_yes_no_answer_is_the_word_whose_side_of_one_half_it_is_on() -> None:
    table = wg.read_table({name: COLUMNS[name] for name in ("area", "price", "garden")}, "garden")
    said = trained(table, optimizer=wg.Adam(0.05)).predict(table)
    assert said.classes is not None
    assert said.names == ("garden",)
    assert said.classes.tolist() == np.where(said.outputs[:, 0] > 0.5, "yes", "no").tolist()
    assert set(said.classes) == {"no", "yes"}


def hinge_model(weight: float) -> Model:
    """One weight and no bias, so the output is weight times x."""
    table = wg.read_table({"x": [-1.0, 1.0], "y": ["no", "yes"]}, "y")
    net = wg.Network(1, (wg.Dense(1),))
    return Model(net, np.array([weight, 0.0]), fit_encoding(table, scale="none"), LOSSES["hinge"])


def test_hinge_decides_by_the_sign() -> None:
    model = hinge_model(1.0)
    assert model.threshold == 0.0
    said = model.predict({"x": [-0.7, 0.0, 0.2, 0.4, 3.0]})
    assert said.classes is not None
    assert said.classes.tolist() == ["no", "no", "yes", "yes", "yes"]
    assert said.outputs[:, 0].tolist() == [-0.7, 0.0, 0.2, 0.4, 3.0]
    other = replace(model, loss=LOSSES["binary_crossentropy"])
    assert other.threshold == 0.5
    assert other.predict({"x": [0.2]}).classes.tolist() == ["no"]  # type: ignore[union-attr]


def test_hinge_learns_both_sides() -> None:
    x = np.linspace(-2, 2, 40)
    table = wg.read_table({"x": x, "side": np.where(x > 0.5, "right", "left")}, "side")
    net = wg.dense_network(table, hidden=(), output="linear")
    run = wg.fit(net, table, loss="hinge", optimizer=wg.Adam(0.1), epochs=100)
    assert run.history[-1].scores["accuracy"] == 1.0
    said = run.predict({"x": [-2.0, 0.4, 0.6, 2.0]}).classes
    assert said is not None
    assert said.tolist() == ["left", "left", "right", "right"]


def test_several_answers() -> None:
    x = np.linspace(-2, 2, 60)
    columns = {"x": x, "high": np.where(x > 0.5, "yes", "no"), "tall": np.where(x < -0.5, "true", "false")}
    table = wg.read_table(columns, ("high", "tall"))
    net = wg.dense_network(table, hidden=(8,))
    said = wg.fit(net, table, optimizer=wg.Adam(0.05), epochs=150).predict({"x": [-2.0, 0.0, 2.0]})
    assert said.classes is not None
    assert said.classes.tolist() == [["no", "true"], ["no", "false"], ["yes", "false"]]
    assert said.names == ("high", "tall")
    assert said.outputs.shape == (3, 2)


def test_several_numbers_each_in_its_units() -> None:
    x = np.linspace(0, 1, 30)
    table = wg.read_table({"x": x, "small": 0.001 * x, "large": 1e6 + 1e5 * x}, ("small", "large"))
    net = wg.dense_network(table, hidden=())
    said = wg.fit(net, table, optimizer=wg.Adam(0.1), epochs=300, batch="all").predict({"x": [0.0, 0.5, 1.0]})
    assert said.names == ("small", "large")
    np.testing.assert_allclose(said.outputs[:, 0], [0, 0.0005, 0.001], atol=1e-6)
    np.testing.assert_allclose(said.outputs[:, 1], [1e6, 1.05e6, 1.1e6], atol=1e2)


def test_an_unknown_category_is_refused_by_place_or_all_zeros(model: Model) -> None:
    new = {"area": [50.0, 60.0], "rooms": [2, 3], "town": ["Bonn", "Bon"], "garden": ["no", "no"]}
    with pytest.raises(TableError, match=r"row 2 .*'town'.*'Bon' is not known.*did you mean 'Bonn'"):
        model.predict(new)
    said = model.predict(new, unknown="zeros")
    x = encode_inputs(model.encoding, model._table(new), "zeros")
    assert x[1, 2:5].tolist() == [0, 0, 0]
    np.testing.assert_allclose(said.outputs[0], model.predict({k: v[:1] for k, v in new.items()}).outputs[0])
    np.testing.assert_allclose(said.outputs[:, 0], model.outputs(x)[:, 0] * PRICE.std() + PRICE.mean())


def test_what_cannot_be_predicted_is_refused_in_one_line(model: Model) -> None:
    for source, words in (
        ({"area": [1.0], "rooms": [2], "town": ["Bonn"]}, "lacks the column garden"),
        ({**{k: COLUMNS[k] for k in INPUTS}, "area": ["big"] * ROWS}, "'big' is not a number"),
        ({**{k: COLUMNS[k] for k in INPUTS}, "area": [np.nan] * ROWS}, "missing value"),
        ({**{k: COLUMNS[k] for k in INPUTS}, "garden": ["perhaps"] * ROWS}, "'perhaps' is not known"),
    ):
        with pytest.raises(TableError, match=words):
            model.predict(source)
    for source, words in (
        ([[1.0, 2.0]], r"shape \(1, 2\).*\(rows, 4\)"),
        (np.zeros((2, 2, 4)), r"shape \(2, 2, 4\)"),
        ([[1, 2, "Bonn", "no"], [1, 2, "Bonn"]], "differ in length"),
    ):
        with pytest.raises(InputError, match=words):
            model.predict(source)
    with pytest.raises(TableError, match="no such file"):
        model.predict("no-such-file.csv")
    with pytest.raises(WrongTypeError):
        model.predict(3.5)


def test_a_missing_value_is_filled_as_in_training() -> None:
    holes = {**COLUMNS, "area": np.where(np.arange(ROWS) == 4, np.nan, AREA)}
    table = wg.read_table(holes, "price", missing="fill")
    model = trained(table)
    row = [float("nan"), 3, "Bonn", "no"]
    filled = [float(np.delete(AREA, 4).mean()), 3, "Bonn", "no"]
    wanted = model.predict([filled]).outputs
    np.testing.assert_allclose(model.predict([row]).outputs, wanted, rtol=1e-12)
    np.testing.assert_allclose(model.predict([[None, *row[1:]]]).outputs, wanted, rtol=1e-12)
    np.testing.assert_allclose(
        model.predict({name: [value] for name, value in zip(INPUTS, row, strict=True)}).outputs, wanted, rtol=1e-12
    )


def test_a_float32_model_predicts_in_float32_and_speaks_in_float64(model: Model) -> None:
    small = trained(houses(), optimizer=wg.Adam(0.05), dtype="float32")
    assert small.w.dtype == np.float32
    assert small.outputs(np.zeros((1, 6), dtype=np.float32)).dtype == np.float32
    said = small.predict(houses())
    assert said.outputs.dtype == np.float64
    np.testing.assert_allclose(said.outputs, model.predict(houses()).outputs, rtol=1e-3)
