"""Names of parameters: there and back, in every notation, and refusals."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whygrad.errors import InputError
from whygrad.names import NOTATIONS, Place, find_parameter, legend, name, parameter_names, places
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
