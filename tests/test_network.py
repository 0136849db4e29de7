"""The network's description: sizes, counts, round trips and refusals."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import whygrad as wg
from whygrad.activations import ACTIVATIONS, Activation, Elu, LeakyRelu, activation
from whygrad.errors import InputError, WhygradError, WrongTypeError
from whygrad.network import Dense, Network, layers, network_from_plain, whole_number
from whygrad.weights import initialize_parameters, views

activations = st.one_of(
    st.sampled_from(list(ACTIVATIONS)),
    st.floats(0, 1e3).map(LeakyRelu),
    st.floats(0, 1e-3).map(Elu),
)
networks = st.builds(
    Network,
    st.integers(1, 50),
    st.lists(st.builds(Dense, st.integers(1, 50), activations), min_size=1, max_size=5).map(tuple),
)


def test_a_network_says_what_it_is() -> None:
    net = Network(2, (Dense(3, "relu"), Dense(1, "sigmoid")))
    assert net.sizes == (2, 3, 1)
    assert net.outputs == 1
    assert net.output == activation("sigmoid")
    assert net.n_parameters == 2 * 3 + 3 + 3 * 1 + 1
    assert str(net) == "2-3-1 (relu, sigmoid), 13 parameters"
    assert eval(repr(net)) == net
    assert str(Network(784, (Dense(512), Dense(10, "leaky_relu:0.2")))) == (
        "784-512-10 (linear, leaky_relu:0.2), 407,050 parameters"  # 785 x 512 + 513 x 10
    )


def test_layers() -> None:
    assert layers((4, 3, 1), "tanh", "sigmoid") == (Dense(4, "tanh"), Dense(3, "tanh"), Dense(1, "sigmoid"))
    assert layers([2], "tanh", "linear") == (Dense(2),)


def test_networks_are_values() -> None:
    one, same = Network(2, (Dense(3, "relu"),)), Network(2, [Dense(3, "ReLU")])  # type: ignore[arg-type]
    assert one == same
    assert hash(one) == hash(same)
    assert one != Network(2, (Dense(3, "tanh"),))
    assert Network(2, (Dense(3, "elu:0.5"),)) != Network(2, (Dense(3, "elu"),))
    with pytest.raises(AttributeError):
        one.inputs = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        one.layers[0].units = 3  # type: ignore[misc]


@given(networks)
def test_there_and_back_through_json(net: Network) -> None:
    plain = net.to_plain()
    assert network_from_plain(plain) == net
    assert network_from_plain(json.loads(json.dumps(plain, allow_nan=False))) == net
    assert eval(repr(net)) == net


@given(networks)
def test_parameters_are_counted_as_they_lie(net: Network) -> None:
    w = initialize_parameters(net, "distinct")
    assert sum(W.size + b.size for W, b in views(net, w)) == net.n_parameters == len(w)


def test_numbers_of_every_kind_count_units() -> None:
    assert Dense(np.int64(3)) == Dense(3.0) == Dense(3)  # type: ignore[arg-type]
    assert type(Dense(np.int64(3)).units) is int  # type: ignore[arg-type]
    assert json.dumps(Network(np.int32(2), (Dense(np.int64(3)),)).to_plain())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Dense(0), "Dense: units is 0, but must be a whole number, 1 or more"),
        (lambda: Dense(-2), "Dense: units is -2"),
        (lambda: Dense(2.5), "Dense: units is 2.5, but must be a whole number"),
        (lambda: Dense(True), "Dense: units is True, but must be a whole number"),
        (lambda: Dense("3"), "Dense: units is '3', but must be a whole number"),
        (lambda: Dense(math.inf), "Dense: units is inf, but must be a whole number"),
        (lambda: Dense(math.nan), "Dense: units is nan, but must be a whole number"),
        (lambda: Dense("many"), "Dense: units is 'many', but must be a whole number"),
        (lambda: Dense(None), "Dense: units is None, but must be a whole number"),
        (lambda: Dense(2, "relo"), "activation: 'relo' is not known; it can be linear, sigmoid"),
        (lambda: Dense(2, 3), "activation is 3, but must be a name, as in 'linear'"),
        (lambda: Network(0, (Dense(1),)), "Network: inputs is 0, but must be a whole number, 1 or more"),
        (lambda: Network(2, ()), "Network: layers is empty; give at least one, as in (Dense(1),)"),
        (lambda: Network(2, Dense(1)), "Network: layers must be a tuple of Dense, as in (Dense(2), Dense(1))"),
        (lambda: Network(2, 3), "Network: layers must be a tuple of Dense"),
        (lambda: Network(2, (3, 1)), "Network: 3 is no layer; layers are Dense, as in Dense(2)"),
        (lambda: whole_number("epochs", -1, 0), "epochs is -1, but must be a whole number, 0 or more"),
    ],
)
def test_refusals(make, says: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(WhygradError) as refusal:
        make()
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"inputs": 2},
        {"layers": [{"units": 1, "activation": "linear"}]},
        {"inputs": 2, "layers": [{"units": 1}]},
        {"inputs": 2, "layers": [3]},
        {"inputs": 2, "layers": "abc"},
        {"inputs": 2, "layers": None},
        None,
        [1, 2],
    ],
)
def test_what_is_no_description_of_a_network_is_refused(plain: object) -> None:
    with pytest.raises(InputError, match=r"network: not a network's description") as refusal:
        network_from_plain(plain)  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


def test_a_description_with_wrong_values_is_refused() -> None:
    good = {"inputs": 2, "layers": [{"units": 1, "activation": "linear"}]}
    with pytest.raises(InputError, match="units is 0"):
        network_from_plain({**good, "layers": [{"units": 0, "activation": "linear"}]})
    with pytest.raises(InputError, match="activation: 'no' is not known"):
        network_from_plain({**good, "layers": [{"units": 1, "activation": "no"}]})
    with pytest.raises(InputError, match="layers is empty"):
        network_from_plain({**good, "layers": []})
    with pytest.raises((InputError, WrongTypeError), match="inputs is None"):
        network_from_plain({**good, "inputs": None})


def test_an_activation_of_ones_own_is_not_written_to_a_file() -> None:
    own = (
        Activation("square", value_rule=lambda xp, z, k: z * z, pull_rule=lambda xp, d, z, a, k: d * (z + z)),
        replace(ACTIVATIONS["relu"], value_rule=lambda xp, z, k: z),
        replace(ACTIVATIONS["relu"], pull_rule=lambda xp, d, z, a, k: d),
    )
    for one in own:
        net = Network(2, (Dense(3, one), Dense(1)))
        with pytest.raises(InputError) as caught:
            net.to_plain()
        assert str(caught.value) == f"activation {one.name!r} is your own; a model file holds only whygrad's"
    for one in ACTIVATIONS.values():
        net = Network(2, (Dense(3, replace(one)), Dense(1)))
        assert network_from_plain(net.to_plain()) == net


def test_a_run_with_an_activation_of_ones_own_is_not_saved(tmp_path: Path) -> None:
    square = Activation("square", value_rule=lambda xp, z, k: z * z, pull_rule=lambda xp, d, z, a, k: d * (z + z))
    _, table, training = wg.example("students")
    run = wg.fit(Network(2, (Dense(2, square), Dense(1))), table, training)
    with pytest.raises(InputError, match=r"^activation 'square' is your own; a model file holds only whygrad's$"):
        wg.save(run, tmp_path / "m.whygrad")
    assert list(tmp_path.iterdir()) == []
