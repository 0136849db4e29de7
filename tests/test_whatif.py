"""What if, and the loss as a function of chosen parameters: against networks run anew, one by one."""

import json
import re
import time
import tracemalloc

import numpy as np
import pytest
from truth import LEGAL, by_complex_step, case, mean_loss

import whygrad as wg
from whygrad.explanation import landscape
from whygrad.explanation.landscape import grid_around, loss_of
from whygrad.explanation.moment import Moment
from whygrad.explanation.symbols import Symbols
from whygrad.explanation.whatif import what_if


def students(row: int = 0) -> Moment:
    return wg.explain(*wg.example("students"), row=row).moment


def moment(net: wg.Network, w: np.ndarray, x: np.ndarray, y: np.ndarray, loss: wg.Loss, **more: object) -> Moment:
    """The first of the rows, the others beside it."""
    rows = wg.Rows(x, y, more.get("weights"))  # type: ignore[arg-type]
    training = wg.Training(loss=loss, optimizer=wg.SGD(), l2=more.get("l2", 0.0))  # type: ignore[arg-type]
    one = rows.take(slice(0, 1))
    return Moment(net, training, w, one, rows, np.arange(len(x)), (), 0, 0.01)


# ---- what if ----


def test_students_with_another_first_weight() -> None:
    found = what_if(students(), {"W_111": 0.2})
    # row 1, (8, 8) -> 4: O_11 = 0.2*8 + 0.1*8 = 2.4, O_12 = 1.6, y_hat = 0.24 + 0.16 = 0.4, L = 3.6^2 = 12.96
    assert found.before.outputs == pytest.approx([0.32])
    assert found.after.outputs == pytest.approx([0.4])
    assert (found.before.row_loss, found.after.row_loss) == pytest.approx((13.5424, 12.96))
    # the line: -5.888 * 0.1 = -0.5888; what happened: 12.96 - 13.5424; the parabola bends by (0.8 * 0.1)^2
    assert found.row.promised == pytest.approx(-0.5888)
    assert found.row.happened == pytest.approx(-0.5824)
    assert found.row.gap == pytest.approx(0.0064)
    # dL/dW_211 = 2 (0.4 - 4) O_11 = -7.2 * 2.4
    assert found.after.row_gradient[6] == pytest.approx(-17.28)
    # the mean over (8,8,4), (7,9,5), (6,10,6), (5,12,7): y_hat = 0.32, 0.32, 0.32, 0.34, then + 0.01 cgpa
    before = np.mean([(0.32 - 4) ** 2, (0.32 - 5) ** 2, (0.32 - 6) ** 2, (0.34 - 7) ** 2])
    after = np.mean([(0.40 - 4) ** 2, (0.39 - 5) ** 2, (0.38 - 6) ** 2, (0.39 - 7) ** 2])
    assert (found.before.mean_loss, found.after.mean_loss) == pytest.approx((before, after))
    assert found.mean.happened == pytest.approx(after - before)
    assert [name.text for name in found.names] == ["W_111"]
    assert found.rows == 4


@pytest.mark.parametrize("weighted", [False, True])
def test_before_and_after_are_networks_of_their_own(weighted: bool) -> None:
    loss = wg.LOSSES["huber"]
    net, w, x, y = case("tanh", "linear", loss, 3, rows=6)
    weights = np.array([2.0, 0.5, 1.0, 3.0, 0.0, 1.0]) if weighted else None
    found = what_if(moment(net, w, x, y, loss, weights=weights, l2=0.1), {3: 0.7, "B_21": -0.4})
    after = w.copy()
    after[3], after[wg.find_parameter(net, "B_21")] = 0.7, -0.4
    first = 1.0 if weights is None else weights[0]
    for v, standing in ((w, found.before), (after, found.after)):

        def row(u: np.ndarray) -> np.ndarray:
            return first * mean_loss(net, loss, u, x[:1], y[:1])

        def mean(u: np.ndarray) -> np.ndarray:
            return mean_loss(net, loss, u, x, y, weights)

        assert standing.row_loss == pytest.approx(row(v[None])[0], rel=1e-13)
        assert standing.mean_loss == pytest.approx(mean(v[None])[0], rel=1e-13)
        np.testing.assert_allclose(standing.row_gradient, by_complex_step(row, v), atol=1e-13)
        np.testing.assert_allclose(standing.mean_gradient, by_complex_step(mean, v), atol=1e-13)
        is_weight = np.array([name.startswith("W") for name in wg.parameter_names(net)])
        assert standing.penalty == pytest.approx(0.05 * (v[is_weight] ** 2).sum())
    assert found.row.promised == pytest.approx(float(found.before.row_gradient @ (after - w)), rel=1e-14)
    assert found.mean.happened == pytest.approx(found.after.mean_loss - found.before.mean_loss)
    assert np.array_equal(found.columns()["after"], after)


def test_students_with_another_first_input() -> None:
    found = wg.explain(*wg.example("students")).what_if(x_1=9)
    # (9, 8): both hidden units 1.7, y_hat = 0.34, L = 3.66^2; dL/dx_1 = -7.36 (0.1 0.1 + 0.1 0.1)
    assert (found.before.row_loss, found.after.row_loss) == pytest.approx((13.5424, 13.3956))
    assert found.row.promised == pytest.approx(-0.1472)
    assert found.after.row_gradient[0] == pytest.approx(-7.32 * 0.1 * 9)
    assert found.after.mean_loss == found.before.mean_loss
    text = repr(found)
    assert re.search(r"^  x_1 +8 +9$", text, re.MULTILINE)
    assert "mean loss" not in text
    assert found.to_plain()["changed"] == {"x_1": {"before": 8, "after": 9}}


def test_parameters_and_inputs_at_once() -> None:
    net, w, x, y = case("tanh", "softmax", wg.LOSSES["categorical_crossentropy"], 3, rows=1)
    why = wg.explain_row(net, w, x[0], y[0], "cce")
    found = why.what_if({"W_111": 0.3, "x_2": -1.5})
    v, moved = w.copy(), x.copy()
    v[0], moved[0, 1] = 0.3, -1.5
    assert found.after.row_loss == pytest.approx(wg.explain_row(net, v, moved[0], y[0], "cce").loss, rel=1e-13)
    by_x = by_complex_step(lambda rows: mean_loss(net, why.moment.loss, w[None], rows[:, None], y), x[0])
    assert found.row.promised == pytest.approx(why.gradient[0] * (0.3 - w[0]) + by_x[1] * (-1.5 - x[0, 1]))
    assert [name.text for name in found.names] == ["W_111", "x_2"]
    assert "The mean loss is that of the table as it stands" in repr(found)


def test_an_input_is_set_in_the_tables_units_by_its_columns_name() -> None:
    table = wg.read_table({"Size": [1.0, 3.0], "kind": ["a", "b"], "t": [1.0, 2.0]}, target="t")
    why = wg.explain(wg.dense_network(table, (2,), "tanh"), table)
    assert why.what_if({"size": 4}).after.x[0] == pytest.approx(2)  # (4 - 2)/1
    assert why.what_if(x_1=4).after.x[0] == 4
    with pytest.raises(wg.WrongTypeError, match="x_1 is set to '4', but must be set to a number"):
        why.what_if(size="4")  # type: ignore[arg-type]


@pytest.mark.parametrize(("notation", "called"), [("course", "loss, L,"), ("3b1b", "loss, C,"), ("torch", "loss")])
def test_the_loss_has_its_sign_where_it_has_one(notation: str, called: str) -> None:
    why = wg.explain(*wg.example("students"), notation=notation)
    assert f"that the row's {called} would change" in repr(why.what_if(W_111=1)).replace("\n", " ")


def test_what_if_as_json() -> None:
    plain = json.loads(
        json.dumps(what_if(students(), {0: 0.2, np.int64(8): 1}, Symbols(students().net, "torch")).to_plain())
    )
    assert plain["changed"]["0.weight[0, 0]"] == {"before": 0.1, "after": 0.2}
    assert plain["changed"]["1.bias[0]"] == {"before": 0, "after": 1}
    assert len(plain["parameters"]["row derivative after"]) == 9
    assert plain["mean"]["rows"] == 4


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "no parameter is set"),
        ({"W_311": 1.0}, "layer 3 is not there"),
        ({9: 1.0}, "position 9 is not there; the network has 0 to 8"),
        ({-1: 1.0}, "position -1 is not there"),
        ({"W_111": 1.0, 0: 2.0}, "'W_111' is named twice"),
        ({"W_111": float("nan")}, "not a finite number"),
    ],
)
def test_what_cannot_be_set(changes: dict, says: str) -> None:
    with pytest.raises(wg.InputError, match=says):
        what_if(students(), changes)


@pytest.mark.parametrize("changes", [{"W_111": "0.2"}, {"W_111": True}, {1.5: 0.2}, {True: 0.2}])
def test_what_is_no_number_or_no_parameter(changes: dict) -> None:
    with pytest.raises(wg.WrongTypeError, match=r"must be set to a number|neither a name"):
        what_if(students(), changes)


# ---- the loss as a function of chosen parameters ----


def one_by_one(m: Moment, positions: list[int], grids: list[np.ndarray], rows: wg.Rows) -> np.ndarray:
    """The mean loss at every point of the grid, a network at a time."""
    points = np.stack([axis.ravel() for axis in np.meshgrid(*grids, indexing="ij")], axis=1)
    w = np.tile(m.w, (len(points), 1))
    w[:, positions] = points
    found = [mean_loss(m.net, m.loss, v[None], rows.x, rows.y, rows.weights)[0] for v in w]
    return np.array(found).reshape([len(grid) for grid in grids])


@pytest.mark.parametrize(("loss", "output"), LEGAL, ids=lambda v: getattr(v, "name", v))
def test_values_are_those_of_networks_run_one_by_one(loss: wg.Loss, output: wg.Activation) -> None:
    net, w, x, y = case("tanh", output.name, loss, 3, rows=4)
    m = moment(net, w, x, y, loss, weights=np.array([1.0, 2.0, 0.5, 1.0]))
    draw = np.random.default_rng(1)
    for count in (1, 2, 3):
        positions = [int(p) for p in draw.choice(net.n_parameters, count, replace=False)]
        grids = [w[p] + np.linspace(-0.3, 0.2, 4 - k) for k, p in enumerate(positions)]
        for rows, chosen in (("row", m.row), ("all", m.rows)):
            found = loss_of(m, positions, grids, rows)  # type: ignore[arg-type]
            truth = one_by_one(m, positions, grids, chosen)
            np.testing.assert_allclose(found.values, truth, rtol=1e-12, atol=1e-13)
            slopes = by_complex_step(
                lambda v: mean_loss(net, loss, v, chosen.x, chosen.y, chosen.weights),  # noqa: B023
                w,
            )
            np.testing.assert_allclose(found.slopes, slopes[positions], atol=1e-12)


def test_students_first_weight_is_a_parabola() -> None:
    found = loss_of(students(), ["W_111"], [np.linspace(-1, 1, 5)])
    # y_hat = 0.1 (8 W_111 + 0.8) + 0.16 = 0.8 W_111 + 0.24, so L = (0.8 W_111 - 3.76)^2
    assert found.values == pytest.approx((0.8 * np.linspace(-1, 1, 5) - 3.76) ** 2)
    assert (*found.here, found.loss, *found.slopes) == pytest.approx((0.1, 13.5424, -5.888))
    assert found.tangent == pytest.approx(13.5424 - 5.888 * (np.linspace(-1, 1, 5) - 0.1))
    assert found.lowest == ((1.0,), pytest.approx((0.8 - 3.76) ** 2))


def test_a_plane_touches_at_the_values_now() -> None:
    m = students(3)
    found = loss_of(m, ["W_211", "B_21"], [[0.05, 0.1, 0.2], [-0.1, 0.0]], "all")
    assert found.values.shape == found.tangent.shape == (3, 2)
    assert found.values[1, 1] == pytest.approx(found.tangent[1, 1]) == pytest.approx(found.loss)
    columns = found.columns()
    assert list(columns) == ["W_211", "B_21", "loss", "tangent"]
    assert [*columns["W_211"]] == [0.05, 0.05, 0.1, 0.1, 0.2, 0.2]
    assert [*columns["loss"]] == [*found.values.ravel()]
    at, lowest = found.lowest  # type: ignore[misc]
    assert lowest == found.values.min()
    assert at == (0.2, 0.0)
    plain = json.loads(json.dumps(found.to_plain()))
    assert plain["lowest"]["at"] == [0.2, 0.0]
    assert plain["values"][0] == [*found.values[0]]


def test_losses_that_are_not_finite() -> None:
    net = wg.Network(1, (wg.Dense(1),))
    m = wg.explain_row(net, 0.0, [1.0], [1.0]).moment
    some = loss_of(m, ["W_111"], [[1e200, 0.5]])
    assert np.isinf(some.values[0])
    assert some.lowest == ((0.5,), 0.25)
    assert loss_of(m, ["W_111"], [[1e200]]).lowest is None


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = wg.LOSSES["mean_squared_error"]
    net, w, x, y = case("sigmoid", "linear", loss, 2, rows=20)
    m = moment(net, w, x, y, loss, weights=np.arange(20) / 10)
    grids = [np.linspace(-1, 1, 7), np.linspace(0, 1, 5)]
    whole = loss_of(m, [0, 8], grids, "all").values
    for budget in (1, 50, 200):  # a row and a point at a time; some of each
        monkeypatch.setattr(landscape, "BUDGET", budget)
        np.testing.assert_allclose(loss_of(m, [0, 8], grids, "all").values, whole, rtol=1e-14)


def test_a_surface_over_many_rows_is_quick_and_small() -> None:
    draw = np.random.default_rng(0)
    net = wg.Network(8, (wg.Dense(32, "tanh"), wg.Dense(1)))
    x, y = draw.normal(size=(2000, 8)), draw.normal(size=(2000, 1))
    m = moment(net, draw.normal(0, 0.3, net.n_parameters), x, y, wg.LOSSES["mean_squared_error"])
    grid = np.linspace(-1, 1, 15)
    tracemalloc.start()
    start = time.perf_counter()
    found = loss_of(m, ["W_1_1_1", "W_2_1_1"], [grid, grid], "all")
    wall = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.values.shape == (15, 15)
    assert peak < 100e6  # bytes; all at once would be 225 points, 2000 rows, 32 units: 115 MB for each z and a
    assert wall < 5


def test_grids_around_a_value() -> None:
    assert grid_around(0.0, 3) == pytest.approx([-1, 0, 1])
    assert grid_around(-4.0, 5) == pytest.approx([-12, -8, -4, 0, 4])
    assert grid_around(0.1)[50] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("parameters", "grids", "rows", "says"),
    [
        ([], [], "row", "0 parameters and 0 grids"),
        (["W_111"], [], "row", "1 parameter and 0 grids"),
        (["W_111", "W_111"], [[1], [2]], "row", "named twice"),
        (["W_111"], [[]], "row", "the grid has 0 points"),
        (["W_111", "W_121"], [range(1001), range(1000)], "row", "1,001,000 points"),
        (["W_111"], [[1]], "some", "rows: 'some' is not known; it can be row, all"),
    ],
)
def test_grids_that_cannot_be(parameters: list, grids: list, rows: str, says: str) -> None:
    with pytest.raises(wg.InputError, match=says):
        loss_of(students(), parameters, grids, rows)  # type: ignore[arg-type]
