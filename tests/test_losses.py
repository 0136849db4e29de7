"""Every loss against derivatives by a complex step, PyTorch, Keras and numbers worked by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from truth import LEGAL, by_complex_step, complex_step, float64_keras, targets_for

from whygrad.activations import ACTIVATIONS, activation
from whygrad.errors import InputError, WrongTypeError
from whygrad.losses import LOSSES, Huber, Loss, loss, registered
from whygrad.maths import COMPLEX
from whygrad.targets import one_hot, prepare_targets

VARIANTS = (*LOSSES.values(), Huber(0.3), loss("poisson:1e-7"))
LINEAR = activation("linear")
FUSED = [("binary_crossentropy", "sigmoid"), ("categorical_crossentropy", "softmax")]
log = math.log

each = pytest.mark.parametrize("one", VARIANTS, ids=str)
each_fused = pytest.mark.parametrize(("name", "output"), FUSED)
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def draws(one: Loss, seed: int, rows: int = 40, outputs: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Outputs the loss is defined for and targets, no pair within 1e-3 of a kink."""
    draw = np.random.default_rng(seed)
    y = targets_for(one, rows, outputs, draw)
    low, high = max(one.low, -3), min(one.high, 3)
    a = draw.uniform(low + 0.01, high - 0.01, (rows, outputs))
    for kink in (*one.kinks, one.k, -one.k):
        a = np.where(np.abs(a - y - kink) < 1e-3, a + 0.005, a)
    return a, y


# ---- value, derivative, reduction ----


@each
def test_the_pull_is_the_derivative_of_the_value(one: Loss) -> None:
    a, y = draws(one, 1)
    true = complex_step(lambda v: one.value_rule(COMPLEX, v, y, one.k), a)
    ours = one.pull(a, y) / one.share(3)
    assert np.abs(ours - true).max() <= 1e-13 * np.abs(true).max()


@each
def test_a_row_is_the_mean_or_the_sum_of_its_shares(one: Loss) -> None:
    a, y = draws(one, 2, rows=4)
    rows = one.rows(LINEAR, a, a, y)
    assert rows.shape == (4, 1)
    shares = one.rows(LINEAR, a.reshape(-1, 1), a.reshape(-1, 1), y.reshape(-1, 1)).reshape(4, 3)
    n = 1 if one.name == "categorical_crossentropy" else 3
    np.testing.assert_allclose(rows[:, 0], shares.sum(1) / n, rtol=1e-15)
    derivative = by_complex_step(lambda v: one.rows(LINEAR, v, v, y[:1], COMPLEX)[:, 0], a[0])
    np.testing.assert_allclose(one.pull(a[:1], y[:1])[0], derivative, rtol=1e-13)


@pytest.mark.parametrize(
    ("name", "a", "y", "value", "derivative"),
    [
        ("mse", 0.32, 4.0, 13.5424, -7.36),  # the lecture's first row: 3.68^2, 2 x -3.68
        ("mse", 8.0, 3.0, 25.0, 10.0),
        ("mae", 1.5, 4.0, 2.5, -1.0),
        ("mae", 4.0, 4.0, 0.0, 0.0),  # the kink
        ("huber", 1.5, 1.0, 0.125, 0.5),  # 0.5^2 / 2
        ("huber", 5.0, 2.0, 2.5, 1.0),  # 1 (3 - 1/2)
        ("huber:2", -3.0, 2.0, 8.0, -2.0),  # 2 (5 - 1)
        ("log_cosh", log(2), 0.0, log(1.25), 0.6),  # cosh log 2 = (2 + 1/2)/2
        ("bce", 0.25, 1.0, log(4), -4.0),  # -log 1/4; (1/4 - 1)/(3/16)
        ("bce", 0.25, 0.0, log(4 / 3), 4 / 3),  # -log 3/4; (1/4)/(3/16)
        ("bce", 0.5, 0.3, log(2), 0.8),  # 0.2/0.25
        ("hinge", 0.25, 1.0, 0.75, -1.0),
        ("hinge", 1.5, 1.0, 0.0, 0.0),
        ("hinge", 1.0, 1.0, 0.0, 0.0),  # the kink: 0, as in Keras on JAX and PyTorch's clamp
        ("poisson:1e-20", 2.0, 3.0, 2 - 3 * log(2), -0.5),  # 1 - 3/2
    ],
)
def test_hand_worked_numbers(name: str, a: float, y: float, value: float, derivative: float) -> None:
    one, at, target = loss(name), np.array([[a]]), np.array([[y]])
    assert one.rows(LINEAR, at, at, target)[0, 0] == pytest.approx(value, rel=1e-15, abs=1e-15)
    assert one.pull(at, target)[0, 0] == pytest.approx(derivative, rel=1e-15, abs=1e-15)


def test_crossentropies_by_hand() -> None:
    cce, a, y = loss("cce"), np.array([[0.125, 0.25, 0.625]]), np.array([[0.0, 1.0, 0.0]])
    assert cce.rows(LINEAR, a, a, y)[0, 0] == pytest.approx(log(4), rel=1e-15)  # -log 1/4
    np.testing.assert_array_equal(cce.pull(a, y), [[0, -4, 0]])
    far, sure = np.full((1, 1), 40.0), np.ones((1, 1))  # a right answer: e^-40, to all digits
    small = loss("bce").rows(activation("sigmoid"), far, far, sure)[0, 0]
    assert small == pytest.approx(math.exp(-40), rel=1e-15, abs=0)
    fused = cce.rows(activation("softmax"), np.log([[1.0, 2.0, 5.0]]), a, y)  # e^z = 1, 2, 5
    assert fused[0, 0] == pytest.approx(log(4), rel=1e-15)


# ---- fused and unfused ----


@each_fused
def test_fused_equals_unfused(name: str, output: str) -> None:
    one, g = loss(name), activation(output)
    draw = np.random.default_rng(4)
    z = draw.normal(0, 2, (20, 3))
    a = g.value(z)
    for y in (targets_for(one, 20, 3, draw), draw.dirichlet(np.ones(3), 20)):
        rows = one.share(3) * one.value_rule(COMPLEX, a + 0j, y, one.k).real.sum(-1)
        np.testing.assert_allclose(one.rows(g, z, a, y)[:, 0], rows, rtol=1e-13)
        fused = one.fuses(g)
        assert fused is not None
        by_fusion = one.share(3) * fused.pull_rule(COMPLEX, a, y, one.k)
        by_chain = g.pull(one.pull(a, y), z, a)
        assert np.abs(by_fusion - by_chain).max() <= 1e-13
        true = by_complex_step(lambda v: one.rows(g, v, v, y[:1], COMPLEX)[:, 0], z[0])  # noqa: B023
        assert np.abs(by_fusion[0] - true).max() <= 1e-14


def test_only_the_pair_is_fused() -> None:
    fused = {(o.name, g.name) for o in VARIANTS for g in ACTIVATIONS.values() if o.fuses(g)}
    assert fused == set(FUSED)


@each_fused
@both_dtypes
def test_fused_is_stable_for_huge_z(name: str, output: str, dtype: type) -> None:
    one, g = loss(name), activation(output)
    z = np.array([[1000, -1000], [-1000, 1000], [1000, 1000], [-1000, -1000]], dtype)
    y = np.array([[1, 0], [1, 0], [1, 0], [1, 0]], dtype)
    rows = one.rows(g, z, g.value(z), y)
    # sigmoid: shares max(z,0) - zy + log(1 + e^-|z|): 0, 0; 1000, 1000; 0, 1000; 1000, 0; then their mean
    # softmax: log(e^z1 + e^z2) - z1: 0; 2000; log 2; log 2
    expected = [0, 1000, 500, 500] if output == "sigmoid" else [0, 2000, log(2), log(2)]
    assert rows.dtype == dtype
    np.testing.assert_allclose(rows[:, 0], expected, rtol=1e-7)
    fused = one.fuses(g)
    assert fused is not None
    delta = fused.pull_rule(COMPLEX, g.value(z), y, one.k)
    assert delta.dtype == dtype
    np.testing.assert_array_equal(delta, g.value(z) - y)


@pytest.mark.parametrize(("one", "g"), LEGAL, ids=lambda f: f.name)
@both_dtypes
def test_every_legal_pair_stays_finite_and_in_its_dtype(one: Loss, g, dtype: type) -> None:  # type: ignore[no-untyped-def]
    z = np.array([[1000, -1000, 0], [-1000, 1000, 0.5], [0, 0, 0], [-1000, -1000, -1000]], dtype)
    y = targets_for(one, 4, 3, np.random.default_rng(7)).astype(dtype)
    a = g.value(z)
    rows, pulled = one.rows(g, z, a, y), one.pull(a, y)
    delta = g.pull(pulled, z, a)
    for array in (rows, pulled, delta):
        assert array.dtype == dtype
        assert np.isfinite(array).all()


def test_unfused_guards_are_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    a, y = np.array([[0.0, 1.0, 0.0, 1.0, 1e-30]]), np.array([[0.0, 1.0, 1.0, 0.0, 1.0]])
    given_a = torch.tensor(a, requires_grad=True)
    value = torch.nn.functional.binary_cross_entropy(given_a, torch.tensor(y))
    value.backward()
    bce = loss("bce")
    assert bce.rows(LINEAR, a, a, y)[0, 0] == pytest.approx(value.item(), rel=1e-14)  # 100 where log 0
    exact = given_a.grad.numpy() * (np.float64(np.float32(1e-12)) / 1e-12)  # it writes 1e-12 in single precision
    np.testing.assert_allclose(bce.pull(a, y), exact, rtol=1e-14)


# ---- other libraries ----


@pytest.mark.parametrize(("one", "g"), LEGAL, ids=lambda f: f.name)
def test_values_and_gradients_are_pytorchs(one: Loss, g) -> None:  # type: ignore[no-untyped-def]
    torch = pytest.importorskip("torch", reason="needs torch")
    F = torch.nn.functional
    draw = np.random.default_rng(8)
    z = draw.normal(0, 1.5, (30, 3))
    y = targets_for(one, 30, 3, draw)
    given_z, target = torch.tensor(z, requires_grad=True), torch.tensor(y)
    to_a = {
        "linear": lambda v: v * 1,
        "softmax": lambda v: F.softmax(v, -1),
        "leaky_relu": lambda v: F.leaky_relu(v, 0.01),
        **{n: getattr(F, n) for n in ("relu", "elu", "selu", "softplus", "softsign", "gelu", "silu")},
        **{n: getattr(torch, n) for n in ("sigmoid", "tanh")},
    }
    a = to_a[g.name](given_z)
    theirs = {
        "mean_squared_error": lambda: F.mse_loss(a, target),
        "mean_absolute_error": lambda: F.l1_loss(a, target),
        "huber": lambda: F.huber_loss(a, target),
        "log_cosh": lambda: torch.log(torch.cosh(a - target)).mean(),
        "binary_crossentropy": lambda: F.binary_cross_entropy(a, target),
        "categorical_crossentropy": lambda: -(target * torch.log(a)).sum(-1).mean(),
        "hinge": lambda: torch.relu(1 - a * target).mean(),
        "poisson": lambda: F.poisson_nll_loss(a, target, log_input=False, eps=1e-8),
    }[one.name]()
    theirs.backward()
    ours = g.value(z)
    delta = g.pull(one.pull(ours, y), z, ours) / 30
    assert one.rows(g, z, ours, y).mean() == pytest.approx(theirs.item(), rel=1e-13)
    scale = max(1, np.abs(delta).max())
    assert np.abs(delta - given_z.grad.numpy()).max() <= 1e-13 * scale


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_crossentropy_is_pytorchs_crossentropyloss(smoothing: float) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    draw = np.random.default_rng(9)
    z, classes = draw.normal(0, 2, (30, 4)), draw.integers(0, 4, 30)
    given_z = torch.tensor(z, requires_grad=True)
    value = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(given_z, torch.tensor(classes))
    value.backward()
    cce, g = loss("cce"), activation("softmax")
    y = prepare_targets(cce, one_hot(classes, 4), smoothing)
    assert cce.rows(g, z, g.value(z), y).mean() == pytest.approx(value.item(), rel=1e-14)
    np.testing.assert_allclose((g.value(z) - y) / 30, given_z.grad.numpy(), rtol=0, atol=1e-15)


def test_values_are_those_of_keras() -> None:  # to single precision, in which Keras always takes means
    pytest.importorskip("keras", reason="needs keras")
    theirs = {
        "mean_squared_error": "MeanSquaredError", "mean_absolute_error": "MeanAbsoluteError",
        "huber": "Huber", "log_cosh": "LogCosh", "hinge": "Hinge", "poisson:1e-7": "Poisson",
        "binary_crossentropy": "BinaryCrossentropy", "categorical_crossentropy": "CategoricalCrossentropy",
    }  # fmt: skip
    with float64_keras() as keras:
        for name, kind in theirs.items():
            one = loss(name)
            a, y = draws(one, 10)
            if one.targets == "distribution":
                a /= a.sum(1, keepdims=True)  # Keras rescales; PyTorch and whygrad do not
            for smoothing in (0.0, 0.2) if "crossentropy" in name else (0.0,):
                settings = {"label_smoothing": smoothing} if smoothing else {}
                value = float(getattr(keras.losses, kind)(dtype="float64", **settings)(y, a))
                prepared = prepare_targets(one, y, smoothing)
                assert one.rows(LINEAR, a, a, prepared).mean() == pytest.approx(value, rel=1e-6), name


# ---- what fits what ----


def test_accepts() -> None:
    accepted = {one.name: {g.name for g in ACTIVATIONS.values() if one.accepts(g)} for one in LOSSES.values()}
    assert accepted.pop("binary_crossentropy") == {"sigmoid", "softmax"}
    assert accepted.pop("categorical_crossentropy") == {"sigmoid", "softmax"}
    assert accepted.pop("poisson") == {"sigmoid", "softmax", "relu", "softplus"}
    # targets of -1 and 1: what is never negative cannot meet half of them
    assert accepted.pop("hinge") == set(ACTIVATIONS) - {"sigmoid", "softmax", "relu", "softplus"}
    assert all(names == set(ACTIVATIONS) for names in accepted.values())


def test_the_threshold_is_midway_between_the_two_answers() -> None:
    assert {one.name: one.threshold for one in LOSSES.values() if one.threshold != 0.5} == {"hinge": 0.0}


def test_what_is_written_to_a_file_can_be_read_back() -> None:
    for one in VARIANTS:
        assert loss(registered(one)) == one
    own = (
        Loss("quartic", value_rule=lambda xp, a, y, k: (a - y) ** 4),
        replace(LOSSES["mean_squared_error"], value_rule=lambda xp, a, y, k: xp.c(0.5) * (a - y) * (a - y)),
        replace(LOSSES["mean_squared_error"], pull_rule=lambda xp, a, y, k: a - y),
    )
    for one in own:
        with pytest.raises(InputError) as caught:
            registered(one)
        assert str(caught.value) == f"loss {one.name!r} is your own; a model file holds only whygrad's"


def test_refusals() -> None:
    with pytest.raises(InputError, match=r"loss: 'mze' is not known; it can be .*; did you mean 'mse'\?"):
        loss("mze")
    with pytest.raises(InputError, match="loss: 'mse:2' has a constant, but mean_squared_error takes none"):
        loss("mse:2")
    with pytest.raises(InputError, match="the delta must be a number, above 0, as in 'huber:1'"):
        Huber(-1)
    with pytest.raises(WrongTypeError, match="loss is None, but must be a name"):
        loss(None)  # type: ignore[arg-type]
    for one in VARIANTS:
        assert loss(str(one)) == one
        assert all((one.texts.value, one.texts.derivative, one.texts.source))


@pytest.mark.parametrize("text", ["huber:0", "poisson:0", "huber:-1", "huber:nan"])
def test_a_loss_needs_a_constant_above_zero(text: str) -> None:
    with pytest.raises(InputError, match="must be a number, above 0"):
        loss(text)
