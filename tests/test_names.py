"""Names of parameters: there and back, in every notation, and refusals."""

import re
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whygrad.errors import InputError
from whygrad.names import (
    NOTATIONS,
    Place,
    find_parameter,
    find_unit,
    legend,
    name,
    parameter_names,
    place_of,
    places,
    position_of,
)
from whygrad.network import Dense, Network
from whygrad.weights import views

TWO_ONE = Network(2, (Dense(2), Dense(1)))
BIG = Network(12, (Dense(11), Dense(3)))

# up to 12 layers and 13 units, so that indices of two digits come up
networks = st.lists(st.integers(1, 13), min_size=2, max_size=13).map(
    lambda sizes: Network(sizes[0], tuple(Dense(n) for n in sizes[1:]))
)


@given(networks)
def test_every_name_finds_its_place_again(net: Network) -> None:
    names = parameter_names(net)
    assert len(set(names)) == len(names) == net.n_parameters
    assert [find_parameter(net, text) for text in names] == list(range(net.n_parameters))


@given(networks)
def test_places_and_positions_are_each_others_inverse(net: Network) -> None:
    every = list(places(net))
    assert [place_of(net, position) for position in range(net.n_parameters)] == every
    assert [position_of(net, place) for place in every] == list(range(net.n_parameters))
    for beyond in (-1, net.n_parameters):
        with pytest.raises(InputError, match=f"parameter {beyond} is not there; positions are 0 to"):
            place_of(net, beyond)


@given(networks)
def test_the_long_form_is_always_accepted(net: Network) -> None:
    for at, place in enumerate(places(net)):
        index = [place.layer, place.to] if place.source is None else [place.layer, place.to, place.source]
        text = "_".join(["B" if place.source is None else "W", *(str(i + 1) for i in index)])
        assert find_parameter(net, text) == at
        assert find_parameter(net, text.lower()) == at
        assert (name(place) == text) == (max(index) >= 9)  # counted from 1: an index of 10 or more


@given(networks)
def test_each_notation_points_at_the_same_number(net: Network) -> None:
    w = np.arange(net.n_parameters)
    layers = views(net, w)
    for at, (course, nielsen, keras, torch) in enumerate(
        zip(*(parameter_names(net, notation) for notation in NOTATIONS), strict=True)
    ):
        digits = [int(n) for n in re.findall(r"\d+", nielsen)]
        if course.startswith("B"):
            found = [layers[digits[0] - 1].b[digits[1]]]
            layer, unit = map(int, re.fullmatch(r"dense_(\d+)\.bias\[(\d+)\]", keras).groups())
            found.append(layers[layer].b[unit])
            layer, unit = map(int, re.fullmatch(r"(\d+)\.bias\[(\d+)\]", torch).groups())
            found.append(layers[layer].b[unit])
        else:
            found = [layers[digits[0] - 1].W[digits[2], digits[1]]]  # w^(L)_j,k: to j, from k
            layer, source, to = map(int, re.fullmatch(r"dense_(\d+)\.kernel\[(\d+), (\d+)\]", keras).groups())
            found.append(layers[layer].W[source, to])
            layer, to, source = map(int, re.fullmatch(r"(\d+)\.weight\[(\d+), (\d+)\]", torch).groups())
            found.append(layers[layer].W.T[to, source])  # PyTorch keeps W transposed
        assert found == [at] * 3
        assert find_parameter(net, course) == at


def test_the_blackboards_names() -> None:
    assert parameter_names(TWO_ONE) == [
        "W_111", "W_121", "W_112", "W_122", "B_11", "B_12", "W_211", "W_212", "B_21",
    ]  # fmt: skip
    assert parameter_names(TWO_ONE, "3b1b")[2:5] == ["w^(1)_0,1", "w^(1)_1,1", "b^(1)_0"]
    assert parameter_names(TWO_ONE, "keras")[1:5:3] == ["dense_0.kernel[0, 1]", "dense_0.bias[0]"]
    assert parameter_names(TWO_ONE, "torch")[1:5:3] == ["0.weight[1, 0]", "0.bias[0]"]
    assert name(Place(1, 2, 10)) == "W_2_3_11"
    assert name(Place(0, 10, None)) == "B_1_11"
    assert name(Place(8, 8, 8)) == "W_999"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("W_211", 6),
        ("W_2_1_1", 6),
        ("w211", 6),
        (" W_212 ", 7),
        ("B_2", 8),
        ("B_21", 8),
        ("b_2_1", 8),
        ("B_12", 5),
    ],
)
def test_forms_that_are_accepted(text: str, position: int) -> None:
    assert find_parameter(TWO_ONE, text) == position


def test_long_indices_by_hand() -> None:
    # W1 is 12 x 11, b1 11: W_1_11_12 is from 12 (row 11), to 11 (column 10): 11 x 11 + 10
    assert find_parameter(BIG, "W_1_11_12") == 131
    assert find_parameter(BIG, "B_1_11") == 12 * 11 + 10
    assert find_parameter(BIG, "W_2_3_11") == 12 * 11 + 11 + 10 * 3 + 2
    assert find_parameter(BIG, "B_23") == BIG.n_parameters - 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("W_311", "parameter: 'W_311': layer 3 is not there; the network has 2"),
        ("W_011", "layer 0 is not there"),
        ("W_231", "parameter: 'W_231': to unit 3 is not there; layer 2 has 1 to 1"),
        ("W_113", "parameter: 'W_113': from unit 3 is not there; layer 1 has 1 to 2"),
        ("W_110", "from unit 0 is not there"),
        ("B_13", "parameter: 'B_13': to unit 3 is not there; layer 1 has 1 to 2"),
        ("B_1", "parameter: 'B_1' has 1 indices; a weight has layer, to and from (W_211), a bias layer and"),
        ("B_3", "parameter: 'B_3' has 1 indices"),
        ("W_21", "parameter: 'W_21' has 2 indices"),
        ("W_2_11", "parameter: 'W_2_11' has 2 indices"),
        ("W_1111", "parameter: 'W_1111' has 4 indices"),
        ("V_211", "parameter: 'V_211' is not a name; write W_211 (layer 2, to 1, from 1) or B_21"),
        ("W_2__11", "is not a name"),
        ("W_2_1_1_", "is not a name"),
        ("W_-1_1_1", "is not a name"),
        ("", "parameter: '' is not a name"),
        ("W", "parameter: 'W' is not a name"),
    ],
)
def test_refusals(text: str, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        find_parameter(TWO_ONE, text)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(networks, st.text(alphabet="WBwb_0123456789 ", max_size=9))
def test_any_text_is_found_or_refused(net: Network, text: str) -> None:
    try:
        position = find_parameter(net, text)
    except InputError:
        return  # as test_refusals has it
    digits = re.findall(r"\d", name(list(places(net))[position]))
    assert re.findall(r"\d", text) in (digits, digits[:-1])  # B_2 for B_21


def test_legends() -> None:
    assert legend(TWO_ONE) == (
        "W_{layer,to,from} and B_{layer,unit}, counted from 1: W_212 is layer 2, to unit 1, from unit 2"
    )
    assert "W_2_3_11 is layer 2, to unit 3, from unit 11" in legend(BIG)
    for notation in NOTATIONS:
        text = legend(TWO_ONE, notation)
        assert text
        assert "\n" not in text
        assert "counted from" in text
    for ask in (legend, parameter_names):
        with pytest.raises(
            InputError, match=r"notation: 'kears' is not known; .* did you mean 'keras'"
        ) as refusal:
            ask(TWO_ONE, "kears")
        assert "course, 3b1b, keras, torch" in str(refusal.value)


# ---- arrows and units ----

DEEP = Network(3, (Dense(12), Dense(4), Dense(2)))
STUDENTS = (("cgpa", "resume score"), ("lpa",))


@settings(deadline=None)  # a busy machine is no mistake
@given(networks)
def test_every_parameter_is_an_arrow(net: Network) -> None:
    last = len(net.layers) - 1
    for at, place in enumerate(places(net)):

        def called(layer: int, unit: int) -> str:
            return (
                f"x_{unit + 1}" if layer < 0 else f"y_{unit + 1}" if layer == last else f"h{layer + 1}.{unit + 1}"
            )

        start = "bias" if place.source is None else called(place.layer - 1, place.source)
        assert find_parameter(net, f"{start}->{called(place.layer, place.to)}") == at
        assert find_unit(net, called(place.layer, place.to)) == (place.layer, place.to)
        assert find_unit(net, f"O_{place.layer + 1}_{place.to + 1}") == (place.layer, place.to)


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("cgpa->h2", "W_121"),
        ("CGPA \N{RIGHTWARDS ARROW} H1", "W_111"),
        (" resume score -> h1 ", "W_112"),
        ("x2->h1", "W_112"),
        ("x_2->h1.1", "W_112"),
        ("h1->lpa", "W_211"),
        ("h2->y", "W_212"),
        ("h2->y_hat", "W_212"),
        ("h2->yhat_1", "W_212"),
        ("h2->out", "W_212"),
        ("h2->output1", "W_212"),
        ("O_12->y_hat", "W_212"),
        ("1->h2", "B_12"),
        ("bias->h2", "B_12"),
        ("Bias->LPA", "B_21"),
    ],
)
def test_arrows_of_the_students(text: str, is_name: str) -> None:
    assert find_parameter(TWO_ONE, text, *STUDENTS) == find_parameter(TWO_ONE, is_name)


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("district=North->h12", "W_1_12_1"),
        ("a->b->h1.2", "W_122"),  # a column with an arrow in its name
        ("a->b->h1", "W_112"),
        ("h1->h1", "W_113"),  # the column h1 is meant before the unit
        ("h2->h1", "W_212"),  # and the unit where no column is called so
        ("h1.1->h1", "W_211"),
        ("h12->h4", "W_2_4_12"),  # only the first layer has so many units
        ("h1.12->h2.4", "W_2_4_12"),
        ("h4->y_2", "W_324"),
        ("h4->Y", "W_314"),  # a column
        ("h4->q->z", "W_324"),
        ("x1->h1.3", "W_131"),
        ("bias->h2.3", "B_23"),
        ("1->q->z", "B_32"),
    ],
)
def test_arrows_of_a_deeper_network(text: str, is_name: str) -> None:
    inputs, outputs = ("district=North", "a->b", "h1"), ("y", "q->z")
    assert find_parameter(DEEP, text, inputs, outputs) == find_parameter(DEEP, is_name)


def test_a_columns_own_name_comes_first() -> None:
    swapped = ("x2", "x1")
    assert find_parameter(TWO_ONE, "x1->h1", swapped) == find_parameter(TWO_ONE, "W_112")
    assert find_parameter(TWO_ONE, "1->h1", ("2", "1")) == find_parameter(TWO_ONE, "W_112")
    assert find_parameter(TWO_ONE, "bias->h1", ("2", "1")) == find_parameter(TWO_ONE, "B_11")
    assert find_unit(TWO_ONE, "A", ("a", "A")) == (-1, 1)
    assert find_unit(TWO_ONE, "y", ("y", "x")) == (-1, 0)


def test_a_network_without_hidden_units_has_arrows_too() -> None:
    line = Network(1, (Dense(1),))
    assert find_parameter(line, "x->y") == 0
    assert find_parameter(line, "km->price", ("km",), ("price",)) == 0
    assert find_parameter(line, "same->same", ("same",), ("same",)) == 0
    assert find_parameter(line, "1->y") == 1


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("O_11", (0, 0)),
        ("o12", (0, 1)),
        ("O_1_2", (0, 1)),
        ("O_21", (1, 0)),
        ("h2", (0, 1)),
        ("h_2", (0, 1)),
        ("h1.2", (0, 1)),
        ("y_hat", (1, 0)),
        ("y_hat_1", (1, 0)),
        ("out", (1, 0)),
        (" x_1 ", (-1, 0)),
        ("x2", (-1, 1)),
        ("Resume Score", (-1, 1)),
        ("lpa", (1, 0)),
    ],
)
def test_units_that_are_found(text: str, unit: tuple[int, int]) -> None:
    assert find_unit(TWO_ONE, text, *STUDENTS) == unit


def test_outputs_by_number() -> None:
    assert [find_unit(DEEP, text) for text in ("y_hat_2", "y2", "OUT2", "output_2", "O_32")] == [(2, 1)] * 5


@pytest.mark.parametrize(
    ("net", "text", "says"),
    [
        (
            TWO_ONE,
            "cgap->h2",
            "parameter: 'cgap->h2': 'cgap' is no unit; did you mean 'cgpa'? By number, units are ",
        ),
        (TWO_ONE, "CGAP->h2", "did you mean 'cgpa'?"),
        (
            TWO_ONE,
            "h1->lap",
            "'lap' is no unit; did you mean 'lpa'? By number, units are x_1 to x_2, h1.1 to h1.2, y_1",
        ),
        (TWO_ONE, "cgpa->h3", "'h3' is no unit; by number, units are x_1 to x_2, h1.1 to h1.2, y_1"),
        (TWO_ONE, "cgpa->h0", "'h0' is no unit"),
        (TWO_ONE, "cgpa->lpa", "no weight goes from cgpa to lpa; each goes from a layer, or 1, to the next layer"),
        (TWO_ONE, "lpa->h1", "no weight goes from lpa to h1"),
        (TWO_ONE, "h1->h2", "no weight goes from h1 to h2"),
        (TWO_ONE, "1->cgpa", "no weight goes from 1 to cgpa"),
        (TWO_ONE, "->h1", "'' is no unit"),
        (TWO_ONE, "cgpa->", "'' is no unit"),
        (TWO_ONE, "cgpa->h1->lpa", "'h1->lpa' is no unit"),
        (DEEP, "1->h2", "parameter: '1->h2' may be B_12 or B_22; say which"),
        (Network(2, (Dense(2),) * 4), "h1->h2", "parameter: 'h1->h2' may be W_221 or W_321; say which"),
        (DEEP, "h4->y", "'y' is no unit; by number, units are x_1 to x_3, h1.1 to h2.4, y_1 to y_2"),
    ],
)
def test_arrows_that_are_refused(net: Network, text: str, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        find_parameter(net, text, *STUDENTS)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("h2", "unit: 'h2' may be h1.2 or h2.2; say which"),
        ("h13", "unit: 'h13' is no unit"),
        ("h9.1", "is no unit"),
        ("O_112", "is no unit"),
        ("y_3", "is no unit"),
        ("", "unit: '' is no unit"),
        ("twin", "unit: 'twin' may be x_1 or x_2; say which"),
        ("tvin", "did you mean 'TWIN'?"),
    ],
)
def test_units_that_are_refused(text: str, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        find_unit(DEEP, text, ("Twin", "TWIN"))
    assert says in str(refusal.value)


@given(networks, st.text(alphabet="xhoyW_.0123->= ", max_size=9))
def test_any_arrow_is_found_or_refused(net: Network, text: str) -> None:
    with suppress(InputError):
        assert 0 <= find_parameter(net, text, ("x=", ">"), ("-",)) < net.n_parameters
    with suppress(InputError):
        layer, unit = find_unit(net, text, ("x",), ("-",))
        assert 0 <= unit < net.sizes[layer + 1]
