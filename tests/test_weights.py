"""The flat vector, its named views, and start values: bounds, variances and every refusal."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whygrad.errors import InputError, WrongTypeError
from whygrad.names import find_parameter
from whygrad.network import Dense, Network
from whygrad.weights import flatten, initialize_parameters, is_weight, spans, trainable, views

TWO_ONE = Network(2, (Dense(2), Dense(1)))
WIDE = Network(400, (Dense(300), Dense(200)))
RANDOM = ("uniform", "normal", "glorot", "he", "lecun", "orthogonal")

networks = st.lists(st.integers(1, 6), min_size=2, max_size=6).map(
    lambda sizes: Network(sizes[0], tuple(Dense(n) for n in sizes[1:]))
)


# ---- views ----


def test_views_by_hand() -> None:
    w = np.arange(9.0)
    (W1, b1), (W2, b2) = views(TWO_ONE, w)
    np.testing.assert_array_equal(W1, [[0, 1], [2, 3]])  # (from, to)
    np.testing.assert_array_equal(b1, [4, 5])
    np.testing.assert_array_equal(W2, [[6], [7]])
    np.testing.assert_array_equal(b2, [8])
    W1[0, 1] = 10
    b2[0] = 20
    assert w[1] == 10
    assert w[8] == 20
    w[2] = 30
    assert W1[1, 0] == 30


@given(networks)
def test_views_cover_the_vector_once_and_share_its_memory(net: Network) -> None:
    w = np.zeros(net.n_parameters)
    for W, b in views(net, w):
        for part in (W, b):
            assert np.shares_memory(part, w)
            part += 1
    assert (w == 1).all()
    for (n_in, n_out, start), layer in zip(spans(net), views(net, w), strict=True):
        assert layer.W.shape == (n_in, n_out)
        assert layer.b.shape == (n_out,)
        layer.b[-1] = start
        assert w[start + n_in * n_out + n_out - 1] == start


@given(networks, st.integers(0, 2**32))
def test_flatten_undoes_views(net: Network, seed: int) -> None:
    w = np.random.default_rng(seed).normal(size=net.n_parameters)
    again = flatten(net, views(net, w))
    np.testing.assert_array_equal(again, w)
    assert not np.shares_memory(again, w)
    assert flatten(net, views(net, w.astype(np.float32))).dtype == np.float32


@given(networks)
def test_weights_and_biases_are_told_apart(net: Network) -> None:
    w = np.zeros(net.n_parameters)
    for layer in views(net, w):
        layer.W[:] = 1
    np.testing.assert_array_equal(is_weight(net), w == 1)
    assert not is_weight(net).flags.writeable  # it is kept and handed out again


def test_trainable() -> None:
    assert trainable(TWO_ONE, ()).all()
    np.testing.assert_array_equal(np.flatnonzero(~trainable(TWO_ONE, ("2",))), [6, 7, 8])
    frozen = np.flatnonzero(~trainable(TWO_ONE, (" 1 ", "B_2")))
    np.testing.assert_array_equal(frozen, [0, 1, 2, 3, 4, 5, 8])
    assert np.flatnonzero(~trainable(TWO_ONE, ("W_112",))) == find_parameter(TWO_ONE, "W_112") == 2
    assert not trainable(TWO_ONE, ("2",)).flags.writeable


# ---- start values ----


def test_constant_and_distinct_starts() -> None:
    np.testing.assert_array_equal(initialize_parameters(TWO_ONE, 0.1), [0.1] * 4 + [0, 0] + [0.1] * 2 + [0])
    for same in ("0.1", " 0.1 ", np.float64(0.1), np.float32(0.1)):
        np.testing.assert_allclose(initialize_parameters(TWO_ONE, same), initialize_parameters(TWO_ONE, 0.1), 1e-7)
    assert (initialize_parameters(TWO_ONE, "zeros") == 0).all()
    assert (initialize_parameters(TWO_ONE, 0) == 0).all()
    distinct = initialize_parameters(TWO_ONE, "distinct")
    np.testing.assert_allclose(distinct, np.arange(11, 20) / 100, rtol=1e-15)  # 0.11 ... 0.19
    assert len(set(initialize_parameters(WIDE, "distinct"))) == WIDE.n_parameters


def test_arrays_as_start() -> None:
    given_arrays = [(np.array([[1, 2], [3, 4]]), [5, 6]), ([[7], [8]], [9])]
    w = initialize_parameters(TWO_ONE, given_arrays)  # type: ignore[arg-type]
    np.testing.assert_array_equal(w, np.arange(1.0, 10))
    assert w.dtype == np.float64


@pytest.mark.parametrize(
    ("init", "deviation", "bound"),
    [
        # for W1, 400 x 300; a uniform draw in [-k, k] has deviation k/sqrt 3
        ("glorot", math.sqrt(2 / 700), math.sqrt(6 / 700)),
        ("glorot:2", 2 * math.sqrt(2 / 700), 2 * math.sqrt(6 / 700)),
        ("uniform", 0.5 / math.sqrt(3), 0.5),
        ("uniform:0.1", 0.1 / math.sqrt(3), 0.1),
        ("normal", 0.05, math.inf),
        ("Normal:0.3", 0.3, math.inf),
        ("he", math.sqrt(2 / 400), math.inf),
        ("he:0.5", 0.5 * math.sqrt(2 / 400), math.inf),
        ("lecun", math.sqrt(1 / 400), math.inf),
    ],
)
def test_random_starts_have_their_deviation_and_bound(init: str, deviation: float, bound: float) -> None:
    W, b = views(WIDE, initialize_parameters(WIDE, init, seed=3))[0]
    n = W.size
    assert abs(W.mean()) < 4 * deviation / math.sqrt(n)
    assert W.std() == pytest.approx(deviation, rel=4 / math.sqrt(2 * n))  # its own standard error, four times
    assert np.abs(W).max() <= bound
    if bound < math.inf:
        assert np.abs(W).max() > 0.999 * bound
    else:
        assert np.abs(W).max() > 3.5 * deviation  # not truncated
    assert (b == 0).all()


@pytest.mark.parametrize("init", ["glorot", "he", "lecun"])
def test_each_layer_has_its_own_scale(init: str) -> None:
    first, second = views(WIDE, initialize_parameters(WIDE, init))
    ratio = {"glorot": math.sqrt(700 / 500), "he": math.sqrt(400 / 300), "lecun": math.sqrt(400 / 300)}[init]
    assert second.W.std() / first.W.std() == pytest.approx(ratio, rel=0.02)
    assert np.abs(np.corrcoef(first.W[:300, :200].ravel(), second.W.ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(("sizes", "scale"), [((5, 3), 1.0), ((3, 5), 1.0), ((4, 4), 1.0), ((6, 2), 0.5)])
def test_orthogonal_starts_are_orthogonal(sizes: tuple[int, int], scale: float) -> None:
    net = Network(sizes[0], (Dense(sizes[1]),))
    W = views(net, initialize_parameters(net, f"orthogonal:{scale}", seed=5))[0].W
    product = W.T @ W if sizes[0] >= sizes[1] else W @ W.T
    np.testing.assert_allclose(product, scale**2 * np.eye(min(sizes)), rtol=0, atol=1e-15)


@pytest.mark.parametrize("init", ["he", "lecun"])
def test_he_and_lecun_are_whole_normals(init: str) -> None:
    """As PyTorch's kaiming_normal_; Keras's are cut off at two standard deviations, beyond which lie 4.55 %."""
    net = Network(100, (Dense(1000),))
    w = views(net, initialize_parameters(net, init, 1))[0].W
    deviation = math.sqrt((2 if init == "he" else 1) / 100)
    assert (np.abs(w) > 2 * deviation).mean() == pytest.approx(0.0455, abs=0.003)


def test_orthogonal_starts_have_no_favourite_sign() -> None:
    net = Network(3, (Dense(3),))
    drawn = np.array([views(net, initialize_parameters(net, "orthogonal", seed))[0].W for seed in range(2000)])
    # an entry of a uniform orthogonal 3 x 3 matrix has mean 0 and variance 1/3
    assert np.abs(drawn.mean(0)).max() < 4 * math.sqrt(1 / 3 / 2000)
    assert np.abs((drawn**2).mean(0) - 1 / 3).max() < 0.03


@pytest.mark.parametrize("init", RANDOM)
def test_a_seed_decides_all(init: str) -> None:
    first = initialize_parameters(TWO_ONE, init, seed=7)
    np.testing.assert_array_equal(initialize_parameters(TWO_ONE, init, seed=7), first)
    assert (initialize_parameters(TWO_ONE, init, seed=8) != first)[is_weight(TWO_ONE)].all()
    assert first.dtype == np.float64


def test_draws_come_from_the_seed_and_zero() -> None:
    draw = np.random.default_rng((4, 0))
    W1, W2 = draw.normal(0, 1.0, (2, 2)), draw.normal(0, 1.0, (2, 1))  # he: sqrt(2/2) = 1 for both
    true = flatten(TWO_ONE, [(W1, np.zeros(2)), (W2, np.zeros(1))])
    np.testing.assert_array_equal(initialize_parameters(TWO_ONE, "he", seed=4), true)


# ---- refusals ----


@pytest.mark.parametrize(
    ("init", "says"),
    [
        ("hee", "init: 'hee' is not known; it can be a number, zeros, distinct, uniform, normal, glorot, he"),
        ("glorott", "did you mean 'glorot'?"),
        ("he:x", "init: 'he:x' is not known"),
        ("nan", "init: 'nan' is not a finite number"),
        (math.inf, "init: inf is not a finite number"),
        ("uniform:inf", "init: 'uniform:inf' is not a finite number"),
        ("normal:-1", "init: 'normal:-1' has a scale below 0; give 0 or more"),
        ("uniform:-0.5", "init: 'uniform:-0.5' has a scale below 0; give 0 or more"),
        (True, "init: True is not known"),
        ([(np.zeros((2, 2)), np.zeros(2))], "parameters: 1 layer given, but the network has 2"),
        (
            [(np.zeros((2, 2)), np.zeros(2)), (np.zeros((1, 2)), np.zeros(1))],
            "parameters: layer 2 has W (1, 2) and b (1,), but needs W (2, 1) and b (1,)",
        ),
        ([(np.zeros((2, 2)), [0, 0]), ([[0], [math.nan]], [0])], "parameters: layer 2 has nan in W"),
    ],
)
def test_starts_that_cannot_be(init: object, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        initialize_parameters(TWO_ONE, init)  # type: ignore[arg-type]
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("init", [None, 5j, [1, 2], [(1, 2, 3)], np.zeros(9)])
def test_what_is_no_start_is_refused(init: object) -> None:
    with pytest.raises(
        WrongTypeError, match=r"init is a .*, but must be a name, a number or \(W, b\) of every layer"
    ):
        initialize_parameters(TWO_ONE, init)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("freeze", "says"),
    [
        ("3", "freeze: layer 3 is not there; the network has 1 to 2"),
        ("0", "freeze: layer 0 is not there"),
        ("W_311", "parameter: 'W_311': layer 3 is not there; the network has 2"),
        ("all", "parameter: 'all' is not a name; write W_211"),
        ("", "parameter: '' is not a name"),
    ],
)
def test_freezing_what_is_not_there(freeze: str, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        trainable(TWO_ONE, (freeze,))
    assert says in str(refusal.value)
