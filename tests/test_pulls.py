"""Rows: every row's pull is the derivative of its own loss, and their mean is the whole loss's."""

import json
import re
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truth import LEGAL, by_complex_step, case, float64_jax, mean_loss

import whygrad as wg
from whygrad.activations import Activation
from whygrad.explanation.moment import Moment
from whygrad.explanation.pulls import Pulls, pulls_of
from whygrad.losses import Loss
from whygrad.names import Place, places
from whygrad.table import Rows
from whygrad.training import Training

W_111 = Place(0, 0, 0)


def moment(net: wg.Network, w: np.ndarray, rows: Rows, loss: Loss | str = "mse") -> Moment:
    return Moment(
        net, Training(loss), w, rows.take(slice(0, 1)), rows, np.arange(1), (), 0, 0.1, output_names=("a", "b")
    )


def students() -> Moment:
    return wg.explain(*wg.example("students")).moment


def test_the_students_rows_by_hand() -> None:
    pulls = pulls_of(students(), W_111)
    # 2(y_hat - y) W_211 x_1: row 1 2(0.32 - 4) 0.1 x 8, row 2 2(0.32 - 5) 0.1 x 7, row 3 2(0.32 - 6) 0.1 x 6,
    # row 4 2(0.34 - 7) 0.1 x 5
    np.testing.assert_allclose(pulls.pulls, [-5.888, -6.552, -6.816, -6.66], atol=1e-13)
    np.testing.assert_allclose(pulls.outputs[:, 0], [0.32, 0.32, 0.32, 0.34], atol=1e-14)
    np.testing.assert_allclose(pulls.targets[:, 0], [4, 5, 6, 7])
    np.testing.assert_allclose(pulls.losses, [13.5424, 21.9024, 32.2624, 44.3556], atol=1e-12)
    np.testing.assert_allclose(pulls.shares, [-1.472, -1.638, -1.704, -1.665], atol=1e-13)
    # -25.916 / 4
    assert pulls.total == pytest.approx(-6.479, abs=1e-13)
    assert (pulls.up, pulls.down) == (pulls.total, 0)
    # the two largest, 6.816 + 6.66 = 13.476, are more than half of 25.916; the largest alone is not
    assert pulls.half == 2
    assert "4 rows up" in pulls.summary()
    assert pulls.summary().endswith("2 of 4 rows make half of the pull")


@pytest.mark.parametrize(("loss", "output"), LEGAL, ids=lambda v: getattr(v, "name", v))
@pytest.mark.parametrize("hidden", ["tanh", "relu", "softmax"])
def test_each_pull_is_the_derivative_of_its_own_rows_loss(loss: Loss, output: Activation, hidden: str) -> None:
    net, w, x, y = case(hidden, output.name, loss, depth=2)
    weights = np.array([1.0, 2.0, 0.5, 3.0, 0.0])
    found = moment(net, w, Rows(x, y, weights), loss)
    own = np.array(
        [by_complex_step(lambda v, k=k: mean_loss(net, loss, v, x[[k]], y[[k]]), w) for k in range(5)]
    )  # (rows, P)
    scale = max(1.0, np.abs(own).max())
    for at, place in enumerate(places(net)):
        pulls = pulls_of(found, place)
        np.testing.assert_allclose(pulls.pulls, weights * own[:, at], rtol=0, atol=1e-12 * scale)
        whole = by_complex_step(lambda v: mean_loss(net, loss, v, x, y, weights), w)[at]
        assert pulls.total == pytest.approx(whole, rel=0, abs=1e-12 * scale)
        assert pulls.up + pulls.down == pytest.approx(pulls.total, abs=1e-13 * scale)


def test_every_pull_is_jaxs() -> None:
    pytest.importorskip("jax")
    draw = np.random.default_rng(3)
    net = wg.Network(4, (wg.Dense(5, "tanh"), wg.Dense(3, "softmax")))
    w, x, y = draw.normal(0, 0.7, net.n_parameters), draw.normal(0, 1, (9, 4)), np.eye(3)[draw.integers(0, 3, 9)]
    with float64_jax() as jax:

        def loss(w, x, y):  # type: ignore[no-untyped-def]
            hidden = jax.numpy.tanh(x @ w[:20].reshape(4, 5) + w[20:25])
            return -(y * jax.nn.log_softmax(hidden @ w[25:40].reshape(5, 3) + w[40:])).sum()

        theirs = np.asarray(jax.vmap(jax.grad(loss), (None, 0, 0))(w, x, y))  # (rows, P)
    ours = [pulls_of(moment(net, w, Rows(x, y), "cce"), place).pulls for place in places(net)]
    np.testing.assert_allclose(np.transpose(ours), theirs, rtol=0, atol=1e-14)


def test_the_mean_of_the_pulls_is_backpropagations_gradient_of_all_rows() -> None:
    draw = np.random.default_rng(4)
    net = wg.Network(3, (wg.Dense(4, "sigmoid"), wg.Dense(2)))
    n = 20_000  # several blocks
    rows = Rows(draw.normal(0, 1, (n, 3)), draw.normal(0, 1, (n, 2)))
    w = draw.normal(0, 0.7, net.n_parameters)
    g = wg.backward_propagation(net, w, wg.forward_propagation(net, w, rows.x), rows.y, "mse").flat
    found = moment(net, w, rows)
    for at, place in enumerate(places(net)):
        assert pulls_of(found, place).total == pytest.approx(g[at], rel=1e-12, abs=1e-15)


def test_rows_of_a_batch_keep_their_places_and_their_mean() -> None:
    pulls = pulls_of(replace(students(), members=np.array([2, 3, 5, 8])), W_111, among=np.array([3, 0, 3]))
    assert pulls.row_numbers.tolist() == [9, 3, 9]
    np.testing.assert_allclose(pulls.shares, [-6.66 / 3, -5.888 / 3, -6.66 / 3])


def test_training_rows_are_named_by_where_they_stand_in_the_table() -> None:
    draw = np.random.default_rng(5)
    x, y = draw.normal(0, 1, (20, 2)), draw.normal(0, 1, 20)
    table = wg.table_from_arrays(x, y)
    why = wg.explain(
        wg.Network(2, (wg.Dense(1),)), table, None, validation=0.3, scale="none", loss="mse", start="0.5"
    )
    pulls = pulls_of(why.moment, Place(0, 0, 1))
    assert len(pulls) == 14
    # 2(y_hat - y) x_2 with y_hat = (x_1 + x_2)/2
    mine = 2 * (x.sum(axis=1) / 2 - y) * x[:, 1]
    np.testing.assert_allclose(pulls.pulls, mine[pulls.rows], atol=1e-14)
    assert pulls.mean_of == 14


SMALL = Pulls(
    "W_111",
    np.arange(5),
    np.zeros((5, 1)),
    np.zeros((5, 1)),
    np.array([1.0, 5.0, 3.0, 2.0, 4.0]),
    np.array([-2.0, 1.0, 0.0, 4.0, -3.0]),
    5,
)


def test_rows_are_sorted_as_asked() -> None:
    orders = {by: SMALL.sorted(by).row_numbers.tolist() for by in ("pull", "size", "loss", "row")}  # type: ignore[arg-type]
    assert orders == {
        "pull": [5, 1, 3, 2, 4],
        "size": [4, 5, 1, 2, 3],
        "loss": [2, 5, 3, 4, 1],
        "row": [1, 2, 3, 4, 5],
    }
    assert SMALL.top(2).pulls.tolist() == [4, -3]
    assert SMALL.top(2).shares.tolist() == [0.8, -0.6]  # still of five rows
    assert len(SMALL.top(99)) == 5
    assert SMALL.sorted("pull").sorted("row").pulls.tolist() == SMALL.pulls.tolist()
    with pytest.raises(
        wg.InputError, match="rows sorted by: 'weight' is not known; it can be pull, size, loss, row"
    ):
        SMALL.sorted("weight")  # type: ignore[arg-type]
    with pytest.raises(wg.InputError, match="the top -1"):
        SMALL.top(-1)


def test_ways_and_words() -> None:
    assert SMALL.pushes.tolist() == ["up", "down", "not", "down", "up"]
    assert (SMALL.up, SMALL.down, SMALL.total) == (-1, 1, 0)
    # sizes 4, 3, 2, 1: half of 10 is reached by the second
    assert SMALL.half == 2
    assert "2 rows up (together -1), 2 rows down (together 1); 2 of 5 rows make half" in SMALL.summary()
    assert SMALL.top(1).summary() == "these 1 of 5 rows give 0.8 of the whole derivative"
    nothing = replace(SMALL, pulls=np.zeros(5))
    assert nothing.summary() == "no row pulls W_111: its derivative is 0 on each of 5 rows"
    assert nothing.half == 0


@pytest.mark.parametrize(
    ("target", "way"), [(0.0, "down"), (9.0, "up"), (2.0, "neither way: its derivative is 0")]
)
def test_of_one_row_nothing_is_counted(target: float, way: str) -> None:
    why = wg.explain_row(wg.Network(1, (wg.Dense(1),)), np.array([2.0, 0.0]), [1.0], [target])
    assert why.rows("W_111").summary() == f"the only row pulls W_111 {way}"


def test_printed_are_the_rows_that_pull_most_or_the_order_asked_for() -> None:
    many = replace(
        SMALL,
        rows=np.arange(30),
        outputs=np.zeros((30, 1)),
        targets=np.zeros((30, 1)),
        losses=np.arange(30.0),
        pulls=np.arange(30.0),
        mean_of=30,
    )
    lines = repr(many).splitlines()
    assert lines[0] == "Rows that pull W_111: 10 of 30"
    assert lines[1].split() == ["row", "prediction", "target", "loss", "pull", "share", "pushes"]
    assert [line.split()[0] for line in lines[2:-1]] == [str(n) for n in range(30, 20, -1)]
    assert repr(many.sorted("pull")).splitlines()[2].split()[0] == "1"


def test_several_outputs_are_told_in_few_words() -> None:
    outputs = np.array([[0.5, 1 / 3, 2, 4, 5, 6]]).repeat(5, axis=0)
    wide = replace(SMALL, outputs=outputs, targets=np.eye(6)[[0, 1, 2, 3, 5]])
    head, first = repr(wide).splitlines()[1:3]
    assert head.split() == ["row", "prediction", "target", "loss", "pull", "share", "pushes"]
    assert "1  0.5, 0.3333, 2, 4, ... (2 more)  1, 0, 0, 0, ... (2 more)  " in first
    kinds = replace(wide, classes=("oak", "elm", "ash", "fir", "yew", "box"))
    assert [found.tolist() for key, found in kinds.told().items() if key in ("prediction", "target")] == [
        5 * ["box 6"],
        ["oak", "elm", "ash", "fir", "box"],
    ]
    assert "box 6" in repr(kinds)


def test_the_page_of_a_classification_tells_prediction_and_target_of_every_row() -> None:
    table = wg.read_table({"x": [1.0, 2, 4], "kind": ["oak", "elm", "ash"]}, target="kind")
    why = wg.explain(wg.dense_network(table, (2,), "tanh"), table)
    text = repr(why["W_111"].page(against=(), only=("rows",)))
    outputs = wg.forward_propagation(why.moment.net, why.moment.w, why.moment.rows.x).output
    for row, kind in enumerate(["oak", "elm", "ash"]):
        best = ["ash", "elm", "oak"][outputs[row].argmax()]  # in the order of the alphabet
        assert re.search(rf"^ +{row + 1}  {best} {outputs[row].max():.4g} +{kind} ", text, re.MULTILINE)
    assert "Prediction: the class of the largest output, and that output." in text


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_written_columns_read_back_the_same(ending: str, tmp_path: Path) -> None:
    import polars as pl

    draw = np.random.default_rng(6)
    net = wg.Network(2, (wg.Dense(2),))
    pulls = pulls_of(
        moment(net, draw.normal(0, 1, 6), Rows(draw.normal(0, 1, (7, 2)), draw.normal(0, 1, (7, 2)))), W_111
    )
    path = tmp_path / f"rows.{ending}"
    pulls.write(path)
    read = pl.read_csv(path) if ending == "csv" else pl.read_parquet(path)
    names = ["row", "prediction_a", "prediction_b", "target_a", "target_b", "loss", "pull", "share", "pushes"]
    assert read.columns == names == list(pulls.columns())
    for what, values in pulls.columns().items():
        assert read[what].to_list() == values.tolist()
    with pytest.raises(wg.InputError, match="exists"):
        pulls.write(path)
    pulls.write(path, force=True)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_other_endings_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(wg.InputError, match=r"rows are written as \.csv or \.parquet"):
        SMALL.write(tmp_path / "rows.xls")
    with pytest.raises(wg.WrongTypeError, match="write takes a path"):
        SMALL.write(3)  # type: ignore[arg-type]
    with pytest.raises(wg.InputError, match="layer 3 is not there"):
        pulls_of(students(), Place(2, 0, 0))


def test_plain_values_go_through_json() -> None:
    plain = json.loads(json.dumps(SMALL.to_plain()))
    assert plain["columns"]["pull"] == [-2, 1, 0, 4, -3]
    assert plain["columns"]["row"] == [1, 2, 3, 4, 5]
    assert (plain["derivative"], plain["up"], plain["down"], plain["rows"]) == (0, -1, 1, 5)


@pytest.mark.proof
def test_a_hundred_thousand_rows_of_digits_fit_into_memory() -> None:
    net = wg.Network(784, (wg.Dense(128, "relu"), wg.Dense(10, "softmax")))
    draw, n = np.random.default_rng(0), 100_000
    rows = Rows(draw.normal(0, 1, (n, 784)), np.eye(10)[draw.integers(0, 10, n)])
    found = moment(net, wg.initialize_parameters(net, "he"), rows, "cce")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pulls = pulls_of(found, Place(0, 3, 5))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024  # MiB
    assert grown < 250
    _, g = wg.engine().gradients(net, found.training, found.w, rows)
    assert pulls.total == pytest.approx(g[wg.find_parameter(net, "W_146")], rel=1e-10)
