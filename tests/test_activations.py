"""Every activation against derivatives by a complex step, scipy, PyTorch, JAX and numbers worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from truth import by_complex_step, complex_step, float64_jax

from whygrad.activations import ACTIVATIONS, Activation, Elu, LeakyRelu, activation
from whygrad.errors import InputError, WrongTypeError
from whygrad.maths import COMPLEX, NUMPY

VARIANTS = (*ACTIVATIONS.values(), LeakyRelu(0.2), LeakyRelu(0.0), Elu(0.5))
ELEMENTWISE = [a for a in VARIANTS if a.elementwise]
MANY = np.concatenate(
    [np.linspace(-8, 8, 321), [-1000, -100, -40, -20.5, -1e-3, -1e-9, 1e-9, 1e-3, 20.5, 40, 100, 1000]]
)

each = pytest.mark.parametrize("a", VARIANTS, ids=str)
each_elementwise = pytest.mark.parametrize("a", ELEMENTWISE, ids=str)


def slope(a: Activation, z: np.ndarray) -> np.ndarray:
    return a.pull(np.ones_like(z), z, a.value(z))


# ---- derivatives ----


@each_elementwise
def test_the_pull_is_the_derivative_of_the_value(a: Activation) -> None:
    z = MANY[np.abs(MANY) > 1e-12]  # 0 is the one kink there is
    true = complex_step(lambda v: a.value(v, COMPLEX), z)
    assert np.abs(slope(a, z) - true).max() <= 1e-13


@each_elementwise
@given(st.floats(-1e3, 1e3).filter(lambda z: abs(z) > 1e-9), st.floats(-10, 10))
def test_the_pull_multiplies_what_it_is_given(a: Activation, z: float, d: float) -> None:
    at = np.array([[z]])
    true = complex_step(lambda v: a.value(v, COMPLEX), at)
    pulled = a.pull(np.array([[d]]), at, a.value(at))
    assert np.abs(pulled - d * true).max() <= 1e-13 * max(1, abs(d))


@each
def test_complex_and_real_values_are_the_same(a: Activation) -> None:
    z = MANY.reshape(3, -1)
    real = a.value(z)
    continued = a.value(z + 0j, COMPLEX)
    assert np.abs(continued - real).max() <= 1e-15 * np.abs(real).max()


def test_softmax_has_its_full_jacobian() -> None:
    softmax = activation("softmax")
    draw = np.random.default_rng(1)
    for scale in (0.1, 1.0, 30.0):
        z = draw.normal(0, scale, 4)
        a = softmax.value(z[None])[0]
        # da_i/dz_j = a_i (1[i=j] - a_j), one row of the Jacobian for each unit vector d
        jacobian = np.array([softmax.pull(d[None], z[None], a[None])[0] for d in np.eye(4)])
        assert np.abs(jacobian - (np.diag(a) - np.outer(a, a))).max() <= 1e-15
        for i in range(4):
            true = by_complex_step(lambda v: softmax.value(v, COMPLEX)[..., i], z)  # noqa: B023
            assert np.abs(jacobian[i] - true).max() <= 1e-13


def test_softmax_rows_do_not_mix() -> None:
    softmax = activation("softmax")
    z = np.random.default_rng(2).normal(0, 1, (3, 4))
    d = np.random.default_rng(3).normal(0, 1, (3, 4))
    together = softmax.pull(d, z, softmax.value(z))
    for row in range(3):
        one = slice(row, row + 1)
        assert (together[one] == softmax.pull(d[one], z[one], softmax.value(z[one]))).all()


# ---- the complex namespace itself ----


@pytest.mark.parametrize(
    ("name", "true", "derivative"),
    [
        ("erf", special.erf, lambda x: 2 / math.sqrt(math.pi) * np.exp(-(x**2))),
        ("log1p", special.log1p, lambda x: 1 / (1 + x)),
        ("expm1", special.expm1, np.exp),
        ("tanh", np.tanh, lambda x: 1 / np.cosh(x) ** 2),
        ("exp", np.exp, np.exp),
        ("sqrt", np.sqrt, lambda x: 0.5 / np.sqrt(x)),
        ("log", np.log, lambda x: 1 / x),
        ("abs", np.abs, np.sign),
    ],
)
def test_complex_functions_agree_with_scipy(name: str, true, derivative) -> None:  # type: ignore[no-untyped-def]
    x = np.concatenate([np.linspace(-5, 5, 101), [-1e-8, 1e-8, -0.999999, 1e-300, 1e-5]])
    x = x[x != 0] if name == "abs" else x
    x = x[x > {"log1p": -1, "sqrt": 1e-9, "log": 1e-9}.get(name, -9)]
    f = getattr(COMPLEX, name)
    value, slopes = f(x + 0j).real, complex_step(f, x)
    np.testing.assert_allclose(value, true(x), rtol=4e-16, atol=1e-15)
    np.testing.assert_allclose(slopes, derivative(x), rtol=1e-14, atol=0)


def test_real_erf_agrees_with_scipy_in_both_dtypes() -> None:
    x = np.linspace(-6, 6, 121).reshape(11, 11)
    assert np.abs(NUMPY.erf(x) - special.erf(x)).max() <= 4e-16
    assert np.abs(NUMPY.erf(x.astype(np.float32)) - special.erf(x)).max() <= 1e-6
    assert NUMPY.erf(np.zeros((0, 3), np.float32)).dtype == np.float32


# ---- values ----


@pytest.mark.parametrize(
    ("name", "z", "value", "derivative"),
    [
        ("sigmoid", math.log(3), 0.75, 0.1875),  # 1/(1 + 1/3); 0.75 x 0.25
        ("tanh", math.log(2), 0.6, 0.64),  # (2 - 1/2)/(2 + 1/2); 1 - 0.36
        ("relu", -2.5, 0.0, 0.0),
        ("leaky_relu", -2.0, -0.02, 0.01),  # 0.01 x -2
        ("leaky_relu:0.2", -2.0, -0.4, 0.2),
        ("elu", -math.log(2), -0.5, 0.5),  # e^(-log 2) - 1; e^(-log 2)
        ("elu:3", -math.log(2), -1.5, 1.5),  # 3 times as much
        # 1.0507009873554805 x 1.6732632423543772 = 1.7580993408473766, times -1/2 and 1/2
        ("selu", -math.log(2), -0.8790496704236883, 0.8790496704236883),
        ("softplus", -40.0, math.exp(-40), math.exp(-40)),  # to all digits: log1p, not log of a sum
        ("softplus", math.log(3), math.log(4), 0.75),  # log(1 + 3); sigmoid(log 3)
        ("softsign", -3.0, -0.75, 0.0625),  # -3/4; 1/16
        # Phi(1) = 0.8413447460685429, phi(1) = 0.24197072451914337; their sum
        ("gelu", 1.0, 0.8413447460685429, 1.0833154705876863),
        ("silu", math.log(3), 0.75 * math.log(3), 0.75 + 0.1875 * math.log(3)),  # s + z s (1 - s)
    ],
)
def test_hand_worked_numbers(name: str, z: float, value: float, derivative: float) -> None:
    a = activation(name)
    at = np.array([[z]])
    assert a.value(at)[0, 0] == pytest.approx(value, rel=4e-16, abs=0)
    assert slope(a, at)[0, 0] == pytest.approx(derivative, rel=1e-15, abs=0)


def test_softmax_by_hand() -> None:
    softmax = activation("softmax")
    z = np.log([[1.0, 2.0, 5.0]])  # e^z = 1, 2, 5, which sum to 8
    a = softmax.value(z)
    np.testing.assert_allclose(a, [[0.125, 0.25, 0.625]], rtol=4e-16)
    # d = (1, 0, 0): a_1 (1 - a_1) = 7/64, -a_2 a_1 = -2/64, -a_3 a_1 = -5/64
    pulled = softmax.pull(np.array([[1.0, 0, 0]]), z, a)
    np.testing.assert_allclose(pulled, [[7 / 64, -2 / 64, -5 / 64]], rtol=1e-15)


# ---- edges ----


@each
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("z", [[1000.0, -1000.0, 0.0], [-1000.0, -1000.0, -1000.0], [1000.0, 1000.0, 999.0]])
def test_huge_z_gives_finite_numbers_in_the_dtype_given(a: Activation, dtype: type, z: list[float]) -> None:
    at = np.array([z], dtype)
    value = a.value(at)
    pulled = a.pull(np.full_like(at, 3), at, value)
    for array in (value, pulled):
        assert array.dtype == dtype
        assert array.shape == at.shape
        assert np.isfinite(array).all()


@each
@settings(deadline=None)  # a busy machine is no mistake
@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=6))
def test_float32_stays_float32_and_close(a: Activation, z: list[float]) -> None:
    exact = np.array([z])
    at = exact.astype(np.float32)
    value, pulled = a.value(at), a.pull(np.ones_like(at), at, a.value(at))
    assert value.dtype == np.float32
    assert pulled.dtype == np.float32
    np.testing.assert_allclose(value, a.value(exact), rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(pulled, slope(a, exact), rtol=1e-5, atol=2e-5)


@each
@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=5))
def test_low_and_high_are_bounds(a: Activation, z: list[float]) -> None:
    for dtype in (np.float64, np.float32):
        value = a.value(np.array([z], dtype))
        assert (value >= dtype(a.low)).all()
        assert (value <= dtype(a.high)).all()


@each
def test_bounds_and_kinks_are_no_wider_than_they_need_be(a: Activation) -> None:
    value = a.value(MANY[:, None] if a.elementwise else np.array([[1000.0, -1000.0]]))
    if not a.constant:  # else low depends on it
        assert value.min() - 0.02 <= a.low or a.low == -math.inf
        assert (value.min() < -5) == (a.low == -math.inf)
    assert (value.max() > 5) == (a.high == math.inf)
    tiny = np.array([[-1e-6, 1e-6]])
    jumps = a.elementwise and abs(np.diff(slope(a, tiny))[0, 0]) > 1e-3
    assert bool(a.kinks) or not jumps


def test_the_slope_at_a_kink_is_the_left_one() -> None:
    zero = np.zeros((1, 1))
    at_zero = {str(a): slope(a, zero)[0, 0] for a in VARIANTS if a.kinks}
    assert at_zero == {
        "relu": 0.0,
        "leaky_relu:0.01": 0.01,
        "elu:1.0": 1.0,
        "selu": 1.0507009873554805 * 1.6732632423543772,
        "leaky_relu:0.2": 0.2,
        "leaky_relu:0.0": 0.0,
        "elu:0.5": 0.5,
    }


# ---- other libraries ----


@each
def test_values_and_slopes_are_pytorchs(a: Activation) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    F = torch.nn.functional
    theirs = {
        "linear": lambda z: z * 1,
        "leaky_relu": lambda z: F.leaky_relu(z, a.k),
        "elu": lambda z: F.elu(z, a.k),
        "softplus": lambda z: F.softplus(z, threshold=1e6),  # no threshold: exact everywhere
        "softmax": lambda z: F.softmax(z, -1),
        **{n: getattr(F, n) for n in ("relu", "selu", "softsign", "gelu", "silu")},
        **{n: getattr(torch, n) for n in ("sigmoid", "tanh")},
    }
    z = np.concatenate([np.linspace(-40, 40, 641), np.zeros(3)]).reshape(-1, 4)  # 0 too: the kink
    d = np.random.default_rng(5).normal(0, 1, z.shape)
    given_z = torch.tensor(z, requires_grad=True)
    value = theirs[a.name](given_z)
    value.backward(torch.tensor(d))
    np.testing.assert_allclose(a.value(z), value.detach().numpy(), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(a.pull(d, z, a.value(z)), given_z.grad.numpy(), rtol=1e-13, atol=1e-14)


@each
def test_values_and_slopes_are_those_of_jax(a: Activation) -> None:
    pytest.importorskip("jax", reason="needs jax")
    z = np.linspace(-40, 40, 640).reshape(-1, 4)  # without 0, where JAX's leaky relu takes the right slope
    d = np.random.default_rng(6).normal(0, 1, z.shape)
    with float64_jax() as jax:
        nn = jax.nn
        theirs = {
            "linear": lambda z: z,
            "leaky_relu": lambda z: nn.leaky_relu(z, a.k),
            "elu": lambda z: nn.elu(z, a.k),
            "gelu": lambda z: nn.gelu(z, approximate=False),
            "softsign": nn.soft_sign,
            **{n: getattr(nn, n) for n in ("relu", "selu", "silu", "softplus", "softmax", "sigmoid", "tanh")},
        }
        value, back = jax.vjp(theirs[a.name], jax.numpy.asarray(z))
        np.testing.assert_allclose(a.value(z), value, rtol=1e-13, atol=1e-14)
        pulled = a.pull(d, z, a.value(z))
        np.testing.assert_allclose(pulled, back(jax.numpy.asarray(d))[0], rtol=1e-13, atol=1e-14)


# ---- asking by name ----


def test_names_constants_and_texts() -> None:
    assert activation("leaky-relu:0.2") == LeakyRelu(0.2) == activation(" Leaky Relu:0.2")
    assert activation("elu:0.5") == Elu(0.5) != Elu()
    assert activation(LeakyRelu(0.3)).k == 0.3
    for a in VARIANTS:
        assert activation(str(a)) == a
        assert all((a.texts.value, a.texts.derivative, a.name))
    assert all(a.texts.source for a in VARIANTS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("relo", "activation: 'relo' is not known; it can be linear, sigmoid, tanh, relu"),
        ("relo", "did you mean 'relu'?"),
        ("relu:2", "activation: 'relu:2' has a constant, but relu takes none; write 'relu'"),
        ("elu:x", "activation: 'elu:x': the alpha must be a number, 0 or more, as in 'elu:1'"),
        ("leaky_relu:-1", "the slope must be a number, 0 or more, as in 'leaky_relu:0.01'"),
        ("leaky_relu:nan", "the slope must be a number, 0 or more"),
    ],
)
def test_refusals(text: str, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        activation(text)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_no_name_is_refused() -> None:
    with pytest.raises(WrongTypeError, match="activation is 5, but must be a name, as in 'linear'"):
        activation(5)  # type: ignore[arg-type]
    for made in (lambda: LeakyRelu(-1), lambda: Elu(math.nan), lambda: Elu(math.inf)):
        with pytest.raises(InputError, match="must be a number, 0 or more"):
            made()
