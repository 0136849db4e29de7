"""Paths: all of them sum to the derivative, and the largest are found in their order without the rest."""

import json
import math
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from truth import LEGAL, STEP, by_complex_step, case, forward, mean_loss, split

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.explanation.paths import DIGITS, Path, Paths, paths_from, paths_of
from whygrad.explanation.symbols import Symbols
from whygrad.losses import LOSSES
from whygrad.maths import COMPLEX
from whygrad.names import Place, name, place_of, places
from whygrad.network import layers

ALL = 10**6


def of(why: wg.Explanation, parameter: str, k: int = 10) -> Paths:
    place = place_of(why.moment.net, why.position(parameter))
    return paths_of(why.links, why.symbols, place, k)


def leaving(why: wg.Explanation, layer: int, unit: int, k: int = 10) -> Paths:
    return paths_from(why.links, why.symbols, layer, unit, k)


def texts(path: Path) -> list[str]:
    return [node.text for node in path.nodes]


def steps(path: Path) -> list[tuple[str, float]]:
    return [(sign.text, value) for sign, value in path.factors]


# ---- by hand ----


def test_students_row_1_has_one_path_from_each_weight_of_the_first_layer() -> None:
    found = of(wg.explain(*wg.example("students")), "W_111")
    (path,) = found.top
    # 8 * 0.1 * 2(0.32 - 4) = -5.888
    assert texts(path) == ["W_111", "O_11", "y_hat", "L"]
    assert [(sign, pytest.approx(value)) for sign, value in steps(path)] == [
        ("dO_11/dW_111", 8),
        ("dy_hat/dO_11", 0.1),
        ("dL/dy_hat", -7.36),
    ]
    assert (found.count, found.dead) == (1, 0)
    assert path.product == pytest.approx(-5.888, abs=1e-14)
    assert found.total == pytest.approx(-5.888, abs=1e-14)
    assert (found.listed_sum, found.remainder) == (path.product, 0.0)
    assert str(found.sign) == "dL/dW_111"


def test_an_input_reaches_the_loss_through_both_twins() -> None:
    found = leaving(wg.explain(*wg.example("students")), -1, 0)
    assert [texts(path) for path in found.top] == [["x_1", "O_11", "y_hat", "L"], ["x_1", "O_12", "y_hat", "L"]]
    # -7.36 * (0.1 * 0.1 + 0.1 * 0.1)
    assert found.listed_sum == pytest.approx(-0.1472, abs=1e-15)
    assert found.total == pytest.approx(-0.1472, abs=1e-15)
    assert found.count == 2


def test_biases_outputs_and_hidden_units() -> None:
    why = wg.explain(*wg.example("placement"))
    assert steps(of(why, "B_12").top[0])[0] == ("dz_12/dB_12", 1.0)
    assert texts(leaving(why, 0, 1).top[0]) == ["O_12", "z_21", "y_hat", "L"]
    assert texts(leaving(why, 1, 0).top[0]) == ["y_hat", "L"]
    assert leaving(why, 1, 0).total == why.links.blame[0]


def test_a_2_3_2_2_network_by_loops() -> None:
    net = wg.Network(2, layers((3, 2, 2), "tanh", "tanh"))
    x, y = np.array([0.7, -1.1]), np.array([0.2, 0.9])
    w = wg.initialize_parameters(net, "distinct") * 3
    (W1, b1), (W2, b2), (W3, b3) = wg.views(net, w)
    a1 = np.tanh(x @ W1 + b1)
    a2 = np.tanh(a1 @ W2 + b2)
    a3 = np.tanh(a2 @ W3 + b3)
    why = wg.explain_row(net, w, x, y)
    for source, unit in product(range(2), range(3)):
        expected = {}
        for j, o in product(range(2), range(2)):
            nodes = f"W_1{unit + 1}{source + 1} z_1{unit + 1} O_1{unit + 1} z_2{j + 1} O_2{j + 1}"
            nodes += f" z_3{o + 1} y_hat_{o + 1} L"
            value = x[source] * (1 - a1[unit] ** 2) * W2[unit, j] * (1 - a2[j] ** 2) * W3[j, o]
            expected[nodes] = value * (1 - a3[o] ** 2) * (a3[o] - y[o])  # 2(a - y), the mean of two outputs
        found = of(why, name(Place(0, unit, source)))
        assert found.count == 4
        assert {" ".join(texts(p)): pytest.approx(p.product, rel=1e-13) for p in found.top} == expected
        magnitudes = [abs(p.product) for p in found.top]
        assert magnitudes == sorted(magnitudes, reverse=True)
        assert found.total == pytest.approx(sum(expected.values()), rel=1e-13)


def test_softmax_branches_to_the_classes_the_loss_depends_on() -> None:
    net = wg.Network(2, (wg.Dense(2, "tanh"), wg.Dense(3, "softmax")))
    crossed = wg.explain_row(net, "glorot", [1, 2], [0, 1, 0], "cce")  # -log y_hat_2 alone
    assert [texts(p) for p in of(crossed, "W_211").top] == [["W_211", "z_21", "y_hat_2", "L"]]
    assert of(crossed, "W_111").count == 3  # z_21, z_22 and z_23, each to y_hat_2
    squared = wg.explain_row(net, "glorot", [1, 2], [0, 1, 0], "mse")
    assert {texts(p)[2] for p in of(squared, "W_211").top} == {"y_hat_1", "y_hat_2", "y_hat_3"}
    assert of(squared, "W_111").count == 9
    smoothed = wg.explain_row(net, "glorot", [1, 2], [0, 0.5, 0.5], "cce")
    assert of(smoothed, "W_111").count == 6
    for why in (crossed, squared, smoothed):
        assert of(why, "W_111").listed_sum == pytest.approx(why.gradient[0], rel=1e-12)


def test_a_hidden_softmax_branches_too() -> None:
    net = wg.Network(1, (wg.Dense(3, "softmax"), wg.Dense(2)))
    why = wg.explain_row(net, "distinct", [1.5], [1.0, 2.0])
    found = of(why, "W_121")
    assert found.count == 3 * 2
    assert {tuple(texts(p)[1:3]) for p in found.top} == {("z_12", f"O_1{k}") for k in (1, 2, 3)}
    assert found.listed_sum == pytest.approx(found.total, rel=1e-12)
    assert leaving(why, 0, 2).count == 2


def test_a_saturated_pair_is_entered_in_one_link() -> None:
    net = wg.Network(1, (wg.Dense(2, "softmax"),))
    why = wg.explain_row(net, [(np.array([[50.0, 0.0]]), np.zeros(2))], [1.0], [0.0, 1.0], "cce")
    assert why.links.joined
    assert [texts(p) for p in of(why, "W_111").top] == [["W_111", "z_11", "L"]]
    assert of(why, "W_111").top[0].product == pytest.approx(1.0, abs=1e-15)  # y_hat_1 - 0
    assert texts(leaving(why, 0, 1).top[0]) == ["y_hat_2", "L"]
    assert leaving(why, 0, 0).count == 0  # the loss is -log y_hat_2


def test_no_way_is_no_path() -> None:
    net = wg.Network(2, (wg.Dense(3, "sigmoid"),))
    why = wg.explain_row(net, "glorot", [1, 2], [0, 1, 0], "cce")
    for found in (of(why, "W_111"), leaving(why, 0, 0)):
        assert (found.top, found.count, found.dead, found.total, found.remainder) == ((), 0, 0, 0.0, 0.0)
    assert [texts(p)[1] for p in leaving(why, -1, 0).top] == ["z_12"]


def test_dead_ways_are_ways() -> None:
    net = wg.Network(1, (wg.Dense(3, "relu"), wg.Dense(2, "relu"), wg.Dense(1)))
    W2 = np.array([[1.0, -1.0], [2.0, -1.0], [0.0, -1.0]])
    start = [
        (np.array([[1.0, -1.0, 2.0]]), np.zeros(3)),
        (W2, np.zeros(2)),
        (np.array([[3.0], [4.0]]), np.zeros(1)),
    ]
    why = wg.explain_row(net, start, [1.0], [0.0])
    # from x: units 1 and 3 of the first layer are on, unit 1 of the second; W_213 is 0: only x-1-1 is alive
    found = leaving(why, -1, 0)
    assert (found.count, found.dead) == (6, 5)
    assert texts(found.top[0])[1:5] == ["z_11", "O_11", "z_21", "O_21"]
    assert [texts(p)[1] for p in found.top[1:]] == ["z_11", "z_12", "z_12", "z_13", "z_13"]
    first = leaving(why, -1, 0, k=1)
    assert (first.top, first.remainder) == (found.top[:1], 0.0)
    off = of(why, "W_121")
    assert (off.count, off.dead, off.total) == (2, 2, 0.0)
    nothing = of(wg.explain_row(net, start, [0.0], [1.0]), "W_111")  # what enters is 0
    assert (nothing.count, nothing.dead) == (2, 2)


def test_3blue1browns_names() -> None:
    why = wg.explain(*wg.example("placement"))
    found = paths_of(why.links, Symbols(why.moment.net, "3b1b"), Place(0, 0, 1))
    assert texts(found.top[0]) == ["w^(1)_0,1", "z^(1)_0", "a^(1)_0", "z^(2)_0", "a^(2)_0", "C"]


def test_plain_is_json() -> None:
    found = leaving(wg.explain(*wg.example("students")), -1, 0, k=1)
    plain = json.loads(json.dumps(found.to_plain()))
    assert plain["derivative"] == "dL/dx_1"
    assert (plain["count"], plain["dead"]) == (2, 0)
    assert plain["top"][0]["nodes"] == ["x_1", "O_11", "y_hat", "L"]
    assert plain["top"][0]["factors"][1] == {"factor": "dy_hat/dO_11", "value": 0.1}
    assert plain["remainder"] == pytest.approx(plain["total"] - plain["listed_sum"])
    assert plain["remainder"] == pytest.approx(-0.0736)


def test_refusals() -> None:
    why = wg.explain(*wg.example("students"))
    with pytest.raises(wg.InputError, match="paths: k is 0, but must be a whole number, 1 or more"):
        of(why, "W_111", k=0)
    net = wg.Network(1, (wg.Dense(1), wg.Dense(1)))
    with np.errstate(all="ignore"):
        far = wg.explain_row(net, 1e200, [1e200], [0.0])
        with pytest.raises(wg.InputError, match="paths: dL/dW_111: its factors overflow"):
            of(far, "W_111")


# ---- all paths sum to the derivative ----

FOUR = [(loss, a) for loss, a in LEGAL if (loss.name, a.name) in {
    ("mean_squared_error", "linear"), ("mean_squared_error", "softmax"),
    ("binary_crossentropy", "sigmoid"), ("categorical_crossentropy", "softmax"),
}]  # fmt: skip


@pytest.mark.parametrize("hidden", list(ACTIVATIONS))
@pytest.mark.parametrize(("loss", "output"), FOUR, ids=lambda v: getattr(v, "name", v))
def test_the_sum_of_all_paths_is_the_derivative(loss: object, output: object, hidden: str) -> None:
    net, w, x, y = case(hidden, output.name, loss, 3, rows=1)  # type: ignore[attr-defined]
    why = wg.explain_row(net, w, x[0], y[0], loss)  # type: ignore[arg-type]
    truth = by_complex_step(lambda v: mean_loss(net, loss, v, x, y), w)  # type: ignore[arg-type]
    found = [paths_of(why.links, why.symbols, place, ALL) for place in places(net)]
    scale = max(1.0, np.abs(truth).max())
    assert all(len(each.top) == each.count for each in found)
    np.testing.assert_allclose([each.listed_sum for each in found], truth, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose([each.total for each in found], truth, rtol=0, atol=1e-12 * scale)
    for k in range(net.inputs):
        nudged = x + 1j * STEP * (np.arange(net.inputs) == k)
        derivative = mean_loss(net, loss, w[None], nudged, y)[0].imag / STEP  # type: ignore[arg-type]
        assert leaving(why, -1, k, ALL).listed_sum == pytest.approx(derivative, abs=1e-12 * scale)


# ---- the largest, beside all of them found by brute force ----

Way = tuple[tuple[int, ...], str, float]  # the numbers of its units, its nodes, its product


def slope(g: wg.Activation, z: np.ndarray) -> np.ndarray:
    """da/dz [z, a] by a complex step."""
    stepped = z + 1j * STEP * np.eye(len(z))
    return g.value(stepped, COMPLEX).imag / STEP


def ways(net: wg.Network, w: np.ndarray, x: np.ndarray, y: np.ndarray, loss: str, unit: int) -> list[Way]:
    """Every path from B_1unit, from a second writing of the forward pass and complex steps."""
    trace = [(z[0, 0], a[0, 0]) for z, a in forward(net, w[None], x[None])]
    weights = [W[0] for W, _ in split(net, w[None])]
    shares = LOSSES[loss].value_rule(COMPLEX, trace[-1][1] + 1j * STEP * np.eye(len(y)), y, 0.0).imag / STEP
    judge = shares.mean(1) if loss == "mean_squared_error" else shares.sum(1)  # dL/da
    last = len(net.layers) - 1

    def beyond_z(layer: int, z: int) -> Iterator[Way]:
        g = net.layers[layer].activation
        slopes = slope(g, trace[layer][0])
        for a in range(net.sizes[layer + 1]):
            if a != z and g.name != "softmax":
                continue
            called = f"O_{layer + 1}{a + 1}" if layer < last else f"y_hat_{a + 1}"
            begin = called if g.name == "linear" else f"z_{layer + 1}{z + 1} {called}"
            for numbers, nodes, value in beyond_a(layer, a):
                yield (z, a, *numbers), f"{begin} {nodes}", slopes[z, a] * value

    def beyond_a(layer: int, a: int) -> Iterator[Way]:
        if layer == last:
            if loss == "mean_squared_error" or y[a] > 0:  # -sum y log y_hat has no other terms
                yield (), "L", judge[a]
            return
        for z in range(net.sizes[layer + 2]):
            for numbers, nodes, value in beyond_z(layer + 1, z):
                yield numbers, nodes, weights[layer + 1][a, z] * value

    return list(beyond_z(0, unit))


def in_order(found: list[Way]) -> list[Way]:
    """The largest first, ties (to ten digits) in the order of their units."""
    found = sorted(found, key=lambda way: -abs(way[2]))
    tie, ranks = 0, [0]
    for before, way in pairwise(found):
        tie += abs(way[2]) < abs(before[2]) * (1 - 1e-10)
        ranks.append(tie)
    return [way for _, way in sorted(zip(ranks, found, strict=True), key=lambda each: (each[0], each[1][0]))]


OUTPUTS = [
    ("mean_squared_error", "linear"),
    ("mean_squared_error", "softmax"),
    ("mean_squared_error", "relu"),
    ("categorical_crossentropy", "softmax"),
]


@st.composite
def small_networks(draw: st.DrawFn) -> tuple[wg.Network, np.ndarray, np.ndarray, np.ndarray, str]:
    """Networks with few different weights, some 0, so that ties, dead ways and twins are common."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    hidden = [draw(st.sampled_from(["linear", "relu", "softmax", "tanh", "leaky_relu"])) for _ in sizes[1:-1]]
    loss, output = draw(st.sampled_from(OUTPUTS))
    net = wg.Network(sizes[0], tuple(map(wg.Dense, [*sizes[1:-1], max(2, sizes[-1])], [*hidden, output])))
    values = draw(st.sampled_from([(0.5,), (0.0, 1.0), (0.5, -0.5, 1.0), (0.0, 0.25, -1.0, 2.0)]))
    w = np.array(draw(st.lists(st.sampled_from(values), min_size=net.n_parameters, max_size=net.n_parameters)))
    x = np.array(draw(st.lists(st.sampled_from([0.3, -0.7]), min_size=sizes[0], max_size=sizes[0])))
    y = np.zeros(net.outputs)
    y[draw(st.integers(0, net.outputs - 1))] = 1.0
    return net, w, x, y, loss


@settings(max_examples=400, deadline=None)
@given(small_networks(), st.integers(1, 12), st.integers(0, 3))
def test_the_top_are_those_of_brute_force(
    drawn: tuple[wg.Network, np.ndarray, np.ndarray, np.ndarray, str], k: int, unit: int
) -> None:
    net, w, x, y, loss = drawn
    unit %= net.sizes[1]
    for layer, (z, a) in zip(net.layers, forward(net, w[None], x[None]), strict=True):
        assume((np.abs(z) > 1e-9).all())  # a relu has no slope at 0
        if (layer.activation.high == 1 and layer.units > 1) or layer.activation.name == "tanh":
            assume(np.abs(a).max() < 0.999)  # beyond, 1 - a loses digits
    why = wg.explain_row(net, w, x, y, loss)
    assume(not why.links.joined)
    every = ways(net, w, x, y, loss, unit)
    sizes = np.abs([p.product for p in paths_of(why.links, why.symbols, Place(0, unit, None), ALL).top])
    costs = np.log(sizes[0] / sizes[sizes > 0]) * 10**DIGITS
    assume((np.abs(costs % 1 - 0.5) > 0.01).all())  # ties are told by rounding: not where a last digit turns it
    found = paths_of(why.links, why.symbols, Place(0, unit, None), k)
    expected = in_order(every)[:k]
    assert [" ".join(texts(path)[1:]) for path in found.top] == [nodes for _, nodes, _ in expected]
    np.testing.assert_allclose([p.product for p in found.top], [value for *_, value in expected], rtol=1e-10)
    assert found.count == len(every)
    assert found.dead == sum(value == 0 for *_, value in every)
    assert found.total == pytest.approx(math.fsum(value for *_, value in every), rel=1e-9, abs=1e-12)
    rest = math.fsum(value for *_, value in in_order(every)[k:])
    assert found.remainder == pytest.approx(rest, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_the_top_of_thousands_are_those_of_brute_force(seed: int) -> None:
    draw = np.random.default_rng(seed)
    hidden = ("tanh", "relu", "softmax", "gelu")[seed % 4]
    net = wg.Network(3, layers((9, 8, 4), hidden, "linear" if seed % 2 else "softmax"))
    w, x, y = draw.normal(0, 1, net.n_parameters), draw.normal(0, 1, 3), np.eye(4)[seed % 4]
    why = wg.explain_row(net, w, x, y)
    expected = in_order(ways(net, w, x, y, "mean_squared_error", 2))
    found = paths_of(why.links, why.symbols, Place(0, 2, None), 50)
    assert found.count == len(expected)
    assert [" ".join(texts(path)[1:]) for path in found.top] == [nodes for _, nodes, _ in expected[:50]]
    fewer = paths_of(why.links, why.symbols, Place(0, 2, None), 7)
    assert fewer.top == found.top[:7]


# ---- more paths than could be met ----


def powers(depth: int, width: int, seed: int) -> tuple[wg.Explanation, np.ndarray]:
    """A deep linear network whose weights are powers of two, and their exponents (depth, width, width)."""
    draw = np.random.default_rng(seed)
    net = wg.Network(width, layers((width,) * depth, "linear", "linear"))
    exponents = draw.integers(-40, 3, (depth, width, width))
    start = [(np.exp2(exponents[layer]), np.zeros(width)) for layer in range(depth)]
    return wg.explain_row(net, start, np.ones(width), -np.ones(width)), exponents


@pytest.mark.parametrize("seed", range(5))
def test_the_top_of_a_deep_network_by_whole_numbers(seed: int) -> None:
    depth, width, k = 60, 4, 12
    why, exponents = powers(depth, width, seed)
    blame = np.log2(np.abs(why.links.blame))  # the outputs differ from -1 by a few powers of two at most
    # the k largest from every unit, by adding exponents, and where they go: a list of (-exponent, units)
    ahead = [[(-float(b), (unit,))] for unit, b in enumerate(blame)]
    for layer in range(depth - 1, -1, -1):
        ahead = [
            sorted(
                (cost - float(exponents[layer, unit, to]), (unit, *units))
                for to in range(width)
                for cost, units in ahead[to]
            )[:k]
            for unit in range(width)
        ]
    found = leaving(why, -1, 0, k)
    expected = []
    for _, units in ahead[0]:
        inner = [f"O_{layer}{'_' if layer > 9 else ''}{u + 1}" for layer, u in enumerate(units[1:-1], start=1)]
        expected.append(["x_1", *inner, f"y_hat_{units[-1] + 1}", "L"])
    assert [texts(path) for path in found.top] == expected
    assert found.count == width**depth
    assert found.dead == 0
    assert found.top[0].product == pytest.approx(math.exp2(-ahead[0][0][0]), rel=1e-9)


def test_ties_without_end_stand_in_the_order_of_their_units() -> None:
    net = wg.Network(2, layers((6,) * 40 + (1,), "tanh", "linear"))
    why = wg.explain_row(net, 0.1, [1.0, 2.0], [3.0])
    found = of(why, "W_111")
    assert found.count == 6**39
    ends = [texts(path)[-6:-2] for path in found.top]
    assert ends[:7] == [["z_39_1", "O_39_1", f"z_40_{k}", f"O_40_{k}"] for k in range(1, 7)] + [
        ["z_39_2", "O_39_2", "z_40_1", "O_40_1"]
    ]
    assert all(node.endswith("1") for path in found.top for node in texts(path)[:-6])


def test_products_too_small_for_a_float_keep_their_order() -> None:
    net = wg.Network(1, layers((2,) * 30 + (1,), "linear", "linear"))
    start = [(np.array([[1.0, 1.0]]), np.zeros(2))]
    start += [(np.array([[1e-20, 2e-20], [4e-20, 3e-20]]), np.zeros(2)) for _ in range(29)]
    start += [(np.array([[1.0], [1.0]]), np.zeros(1))]
    why = wg.explain_row(net, start, [1.0], [1.0])
    (first, second) = leaving(why, -1, 0, 2).top
    # a step 2-2 brings 3, the last one 2-1 brings 4: 3^28 * 4; on the way 2-1-2 brings 8 instead of 9, anywhere
    assert first.product == 0.0  # below the smallest float
    assert [t[-1] for t in texts(first)[1:-2]] == ["2"] * 29 + ["1"]
    assert [t[-1] for t in texts(second)[1:-2]] == ["2", "1"] + ["2"] * 27 + ["1"]
    assert leaving(why, -1, 0, 2).dead == 0


def test_dead_ways_are_counted_exactly_beyond_floats() -> None:
    draw = np.random.default_rng(3)
    depth, width = 30, 7
    net = wg.Network(width, layers((width,) * depth, "linear", "linear"))
    kept = draw.random((depth, width, width)) < 0.6
    start = [(np.where(kept[layer], 0.5, 0.0), np.zeros(width)) for layer in range(depth)]
    why = wg.explain_row(net, start, np.ones(width), np.zeros(width))
    alive = [1] * width
    for W, _ in reversed(start):
        alive = [sum(n for n, weight in zip(alive, row, strict=True) if weight) for row in W.tolist()]
    for unit in range(width):
        found = leaving(why, -1, unit)
        assert found.count == width**depth
        assert found.count - found.dead == alive[unit] > 2**53
