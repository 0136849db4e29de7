"""Backpropagation against complex steps, differences, PyTorch, JAX, sympy and numbers worked by hand."""

from itertools import product

import numpy as np
import pytest
from truth import LEGAL, by_complex_step, by_differences, case, float64_jax, forward, mean_loss, split

from whygrad.activations import ACTIVATIONS
from whygrad.losses import LOSSES, Loss, loss
from whygrad.maths import COMPLEX
from whygrad.network import Dense, Network
from whygrad.propagation import (
    Gradients,
    backward_propagation,
    forward_propagation,
    initialize_parameters,
    input_gradient,
    penalized,
    penalty,
    row_losses,
    update_parameters,
)
from whygrad.targets import prepare_targets
from whygrad.training import Training
from whygrad.weights import flatten, is_weight

DEPTHS = (1, 2, 4, 8)
# a network of one layer has no hidden activation
CASES = [(h, d) for d in DEPTHS for h in (ACTIVATIONS if d > 1 else ["linear"])]
SIGMOID_BCE = loss("bce")

each_case = pytest.mark.parametrize(("hidden", "depth"), CASES)


def gradients(net: Network, w: np.ndarray, x: np.ndarray, y: np.ndarray, one: Loss, weights=None) -> Gradients:  # type: ignore[no-untyped-def]
    return backward_propagation(net, w, forward_propagation(net, w, x), y, one, weights)


def gap(found: np.ndarray, true: np.ndarray) -> float:
    """The largest difference, relative to the largest entry where that is above 1."""
    return float(np.abs(found - true).max() / max(1.0, np.abs(true).max()))


# ---- every activation x every legal loss and output x every depth ----


@each_case
def test_every_gradient_by_complex_step_and_by_differences(hidden: str, depth: int) -> None:
    for one, output in LEGAL:
        net, w, x, y = case(hidden, output.name, one, depth)
        g = flatten(net, gradients(net, w, x, y, one).layers)

        def f(v: np.ndarray) -> np.ndarray:
            return mean_loss(net, one, v, x, y)  # noqa: B023

        true = by_complex_step(f, w)
        where = f"{net} {one.name}"
        assert gap(g, true) <= 1e-13, where
        assert gap(g, by_differences(f, w, h=1e-5)) <= 1e-8, where
        first = slice(0, net.sizes[0] * net.sizes[1])  # the longest chain, in its own, smaller size
        assert np.abs(g[first] - true[first]).max() <= 1e-12 * np.abs(true[first]).max(), where


@each_case
def test_forward_and_losses_agree_with_a_second_writing(hidden: str, depth: int) -> None:
    for one, output in LEGAL:
        net, w, x, y = case(hidden, output.name, one, depth)
        trace = forward_propagation(net, w, x)
        for z, a, (true_z, true_a) in zip(trace.z, trace.a[1:], forward(net, w[None], x), strict=True):
            np.testing.assert_allclose(z, true_z[0], rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(a, true_a[0], rtol=1e-13, atol=1e-15)
        assert trace.output is trace.a[-1]
        rows = row_losses(net, one, trace, y)
        assert rows.shape == (len(x),)
        assert rows.mean() == pytest.approx(mean_loss(net, one, w[None], x, y)[0], rel=1e-12)


@each_case
def test_derivatives_by_the_inputs(hidden: str, depth: int) -> None:
    for one, output in LEGAL[::3]:
        net, w, x, y = case(hidden, output.name, one, depth)
        found = input_gradient(net, w, gradients(net, w, x, y, one))

        def f(v: np.ndarray) -> np.ndarray:
            return mean_loss(net, one, w[None], v.reshape(-1, *x.shape), y)  # noqa: B023

        true = by_complex_step(f, x.reshape(-1)).reshape(x.shape)
        assert gap(found, true) <= 1e-13, f"{net} {one.name}"


@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_row_weights_and_penalties(hidden: str) -> None:
    for number, (one, output) in enumerate(LEGAL[::4]):
        net, w, x, y = case(hidden, output.name, one, 3)
        weights = np.random.default_rng(number).uniform(0, 3, len(x))
        training = Training(one, l1=0.03, l2=0.2)
        g = flatten(net, gradients(net, w, x, y, one, weights).layers)
        W = is_weight(net)

        def f(v: np.ndarray) -> np.ndarray:
            size = np.where(v.real < 0, -v, v)[:, W]  # |W|, continued to complex numbers  # noqa: B023
            extra = 0.03 * size.sum(-1) + 0.1 * (v[:, W] ** 2).sum(-1)  # noqa: B023
            return mean_loss(net, one, v, x, y, weights) + extra  # noqa: B023

        assert gap(penalized(net, training, w, g), by_complex_step(f, w)) <= 1e-13
        both = mean_loss(net, one, w[None], x, y, weights)[0] + penalty(net, training, w)
        assert f(w[None])[0] == pytest.approx(both, rel=1e-14)


def test_a_row_of_weight_two_is_a_row_given_twice() -> None:
    net, w, x, y = case("tanh", "sigmoid", SIGMOID_BCE, 3, rows=3)
    weighted = gradients(net, w, x, y, SIGMOID_BCE, np.array([1.0, 2.0, 0.0]))
    twice = gradients(net, w, x[[0, 1, 1]], y[[0, 1, 1]], SIGMOID_BCE)
    np.testing.assert_allclose(flatten(net, weighted.layers), flatten(net, twice.layers), rtol=1e-13)
    assert (weighted.delta[-1][2] == 0).all()
    alone = [flatten(net, gradients(net, w, x[[i]], y[[i]], SIGMOID_BCE).layers) for i in range(3)]
    whole = flatten(net, gradients(net, w, x, y, SIGMOID_BCE).layers)
    np.testing.assert_allclose(whole, np.mean(alone, axis=0), rtol=1e-12)  # the mean of the rows' derivatives


@pytest.mark.parametrize(("name", "output"), [("bce", "sigmoid"), ("bce", "softmax"), ("cce", "softmax")])
def test_label_smoothing(name: str, output: str) -> None:
    one = loss(name)
    net, w, x, _ = case("tanh", output, one, 3)
    smooth = prepare_targets(one, np.eye(2)[[0, 1, 1, 0, 1]], 0.1)
    g = flatten(net, gradients(net, w, x, smooth, one).layers)
    assert gap(g, by_complex_step(lambda v: mean_loss(net, one, v, x, smooth), w)) <= 1e-13
    assert smooth.min() == pytest.approx(0.05)


@pytest.mark.parametrize("name", LOSSES)
def test_float32_stays_float32(name: str) -> None:
    output = next(a.name for one, a in LEGAL if one.name == name)
    net, w, x, y = (v.astype(np.float32) if isinstance(v, np.ndarray) else v
                    for v in case("gelu", output, loss(name), 4))  # fmt: skip
    trace = forward_propagation(net, w, x)
    found = backward_propagation(net, w, trace, y, loss(name), np.ones(5, np.float32))
    arrays = [*trace.z, *trace.a, *found.delta, *(p for layer in found.layers for p in layer)]
    assert {v.dtype for v in [*arrays, row_losses(net, loss(name), trace, y)]} == {np.dtype(np.float32)}
    memory = (np.zeros_like(w), np.zeros_like(w))
    training = Training(name, l1=0.1, l2=0.1, clip="norm:1", freeze="1")
    stepped, memory = update_parameters(net, training, w, flatten(net, found.layers), memory, 1, 0.1)
    assert {v.dtype for v in (stepped, *memory)} == {np.dtype(np.float32)}


def test_second_derivatives_by_a_complex_step_of_the_gradient_are_symmetric() -> None:
    net, w, x, y = case("tanh", "sigmoid", SIGMOID_BCE, 3)

    def gradient(v: np.ndarray) -> np.ndarray:
        trace = forward_propagation(net, v, x, COMPLEX)
        return flatten(net, backward_propagation(net, v, trace, y, SIGMOID_BCE, xp=COMPLEX).layers)

    step = 1e-30j * np.eye(len(w))
    hessian = np.array([gradient(w + e).imag / 1e-30 for e in step])
    assert np.abs(hessian - hessian.T).max() <= 1e-14
    assert np.abs(hessian).max() > 0.01


# ---- other libraries ----

THEIR_LOSSES = {
    "mean_squared_error": lambda np_, a, y: ((a - y) ** 2).mean(),
    "binary_crossentropy": lambda np_, a, y: -(y * np_.log(a) + (1 - y) * np_.log(1 - a)).mean(),
    "categorical_crossentropy": lambda np_, a, y: -(y * np_.log(a)).sum(-1).mean(),
}
THEIR_OUTPUTS = {"mean_squared_error": "linear", "binary_crossentropy": "sigmoid",
                 "categorical_crossentropy": "softmax"}  # fmt: skip
NETWORKS = list(product(("tanh", "sigmoid", "silu", "softplus", "relu", "softmax"), THEIR_OUTPUTS, (2, 5)))


@pytest.mark.parametrize(("hidden", "name", "depth"), NETWORKS)
def test_gradients_are_those_of_jax(hidden: str, name: str, depth: int) -> None:
    pytest.importorskip("jax", reason="needs jax")
    net, w, x, y = case(hidden, THEIR_OUTPUTS[name], loss(name), depth)
    with float64_jax() as jax:
        g = {**{n: getattr(jax.nn, n) for n in ACTIVATIONS if hasattr(jax.nn, n)}, "linear": lambda z: z}

        def f(v, x):  # type: ignore[no-untyped-def]
            a = x
            for layer, (W, b) in zip(net.layers, split(net, v[None]), strict=True):
                a = g[layer.activation.name](a @ W[0] + b[0])
            return THEIR_LOSSES[name](jax.numpy, a, y)

        by_w, by_x = jax.grad(f, (0, 1))(jax.numpy.asarray(w), jax.numpy.asarray(x))
        found = gradients(net, w, x, y, loss(name))
        assert gap(flatten(net, found.layers), np.asarray(by_w)) <= 1e-12
        assert gap(input_gradient(net, w, found), np.asarray(by_x)) <= 1e-12


@pytest.mark.parametrize(("hidden", "name", "depth"), NETWORKS)
def test_gradients_are_pytorchs(hidden: str, name: str, depth: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    net, w, x, y = case(hidden, THEIR_OUTPUTS[name], loss(name), depth)
    nn = torch.nn
    kinds = {"tanh": nn.Tanh(), "sigmoid": nn.Sigmoid(), "silu": nn.SiLU(), "softplus": nn.Softplus(),
             "relu": nn.ReLU(), "softmax": nn.Softmax(-1), "linear": nn.Identity()}  # fmt: skip
    parts = []
    for layer, (W, b) in zip(net.layers, split(net, w[None]), strict=True):
        linear = nn.Linear(*W.shape[1:], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.tensor(W[0].T.copy()), torch.tensor(b[0, 0])
        parts += [linear, kinds[layer.activation.name]]
    THEIR_LOSSES[name](torch, nn.Sequential(*parts)(torch.tensor(x)), torch.tensor(y)).backward()
    theirs = [v for part in parts[::2] for v in (part.weight.grad.numpy().T, part.bias.grad.numpy())]
    found = gradients(net, w, x, y, loss(name))
    assert gap(flatten(net, found.layers), np.concatenate([v.reshape(-1) for v in theirs])) <= 1e-12


def test_a_small_network_by_sympy() -> None:
    sympy = pytest.importorskip("sympy", reason="needs sympy")
    net = Network(2, (Dense(2, "tanh"), Dense(1, "sigmoid")))
    names = sympy.symbols("w1:10")
    W1, b1, W2, b2 = names[0:4], names[4:6], names[6:8], names[8]
    x, y = [sympy.Rational(3, 10), sympy.Rational(-7, 10)], 1
    hidden = [sympy.tanh(x[0] * W1[j] + x[1] * W1[2 + j] + b1[j]) for j in (0, 1)]
    out = 1 / (1 + sympy.exp(-(hidden[0] * W2[0] + hidden[1] * W2[1] + b2)))
    cost = -y * sympy.log(out)
    values = [sympy.Rational(n, 100) for n in range(11, 20)]  # the start "distinct": 0.11 ... 0.19
    at = dict(zip(names, values, strict=True))
    true = np.array([float(cost.diff(v).evalf(30, subs=at)) for v in names])
    w = initialize_parameters(net, "distinct")
    found = gradients(net, w, np.array([[0.3, -0.7]]), np.array([[1.0]]), SIGMOID_BCE)
    np.testing.assert_allclose(flatten(net, found.layers), true, rtol=1e-14)


# ---- printed numbers ----

STUDENTS = np.array([[8.0, 8, 4], [7, 9, 5], [6, 10, 6], [5, 12, 7]])
PLACEMENT = np.array([[8.0, 8, 1], [7, 9, 1], [6, 10, 0], [5, 5, 0]])
TWO_ONE = Network(2, (Dense(2), Dense(1)))


def descend(
    net: Network, one: Loss, table: np.ndarray, rate: float, epochs: int
) -> tuple[list[float], np.ndarray]:
    """Row by row in order from weights 0.1: each epoch's mean loss while it ran, and the parameters after."""
    w, training, losses = initialize_parameters(net, 0.1), Training(one, optimizer="sgd"), []
    for epoch in range(epochs):
        losses.append(0.0)
        for step, row in enumerate(table, start=epoch * len(table) + 1):
            x, y = row[None, :2], row[None, 2:]
            losses[-1] += row_losses(net, one, forward_propagation(net, w, x), y)[0] / len(table)
            g = flatten(net, gradients(net, w, x, y, one).layers)
            w, _ = update_parameters(net, training, w, g, (), step, rate)
    return losses, w


@pytest.mark.parametrize(
    ("row", "y_hat", "loss_of_row", "true"),
    [
        # row 1: O = 0.1 (8 + 8) = 1.6 twice, y_hat = 0.1 (1.6 + 1.6) = 0.32, loss 3.68^2, delta2 = -7.36;
        # dW2 = 1.6 x -7.36 = -11.776; delta1 = 0.1 x -7.36 = -0.736; dW1 = 8 x -0.736 = -5.888
        (0, 0.32, 13.5424, [-5.888, -5.888, -5.888, -5.888, -0.736, -0.736, -11.776, -11.776, -7.36]),
        # row 4: O = 0.1 (5 + 12) = 1.7 twice, y_hat = 0.34, loss 6.66^2, delta2 = -13.32; dW2 = 1.7 x -13.32;
        # delta1 = -1.332; from cgpa 5 x -1.332 = -6.66 (W_111), from the score 12 x -1.332 = -15.984 (W_112)
        (3, 0.34, 44.3556, [-6.66, -6.66, -15.984, -15.984, -1.332, -1.332, -22.644, -22.644, -13.32]),
    ],
)
def test_the_students_first_gradients_by_hand(
    row: int, y_hat: float, loss_of_row: float, true: list[float]
) -> None:
    x, y, w = STUDENTS[[row], :2], STUDENTS[[row], 2:], initialize_parameters(TWO_ONE, 0.1)
    trace = forward_propagation(TWO_ONE, w, x)
    assert trace.output[0, 0] == pytest.approx(y_hat, rel=1e-15)
    assert row_losses(TWO_ONE, loss("mse"), trace, y) == pytest.approx([loss_of_row], rel=1e-15)
    np.testing.assert_allclose(flatten(TWO_ONE, gradients(TWO_ONE, w, x, y, loss("mse")).layers), true, rtol=1e-14)


def test_the_students_five_epochs() -> None:
    losses, w = descend(TWO_ONE, loss("mse"), STUDENTS, 0.001, 5)
    after = row_losses(TWO_ONE, loss("mse"), forward_propagation(TWO_ONE, w, STUDENTS[:, :2]), STUDENTS[:, 2:])
    printed = [26.345577666, 19.859428919, 10.881602572, 3.777037799, 1.223804497, 0.773642543]
    np.testing.assert_allclose([*losses, after.mean()], printed, rtol=0, atol=5.01e-10)
    W1, b1, W2, b2 = [0.271989952] * 2 + [0.392739263] * 2, [0.028380736] * 2, [0.469000402] * 2, [0.121681482]
    np.testing.assert_allclose(w, [*W1, *b1, *W2, *b2], rtol=0, atol=5.01e-10)


def test_the_placements_fifty_epochs() -> None:
    net = Network(2, (Dense(2, "sigmoid"), Dense(1, "sigmoid")))
    losses, w = descend(net, SIGMOID_BCE, PLACEMENT, 0.0001, 50)
    after = row_losses(net, SIGMOID_BCE, forward_propagation(net, w, PLACEMENT[:, :2]), PLACEMENT[:, 2:]).mean()
    printed = [0.693912440, 0.693864553, 0.693834761]
    np.testing.assert_allclose([losses[0], losses[49], after], printed, rtol=0, atol=5.01e-10)
    x = PLACEMENT[:, :2]
    scaled = np.hstack([(x - x.mean(0)) / x.std(0), PLACEMENT[:, 2:]])
    assert descend(net, SIGMOID_BCE, scaled, 1.0, 50)[0][-1] == pytest.approx(0.02402, abs=5.01e-6)


def test_the_single_chain_of_backpropagation_calculus() -> None:
    net = Network(1, tuple(Dense(1, "sigmoid") for _ in range(3)))
    w, x, y = initialize_parameters(net, "distinct"), np.array([[0.5]]), np.array([[1.0]])
    trace, found = forward_propagation(net, w, x), gradients(net, w, x, y, loss("mse"))
    slope = [1 / (2 + np.exp(z[0, 0]) + np.exp(-z[0, 0])) for z in trace.z]  # sigma'(z)
    by_a = 2 * (trace.a[3][0, 0] - y[0, 0])  # dC/da(L) = 2 (a(L) - y)
    for at in (2, 1, 0):
        dW, db = found.layers[at]
        assert dW[0, 0] == pytest.approx(trace.a[at][0, 0] * slope[at] * by_a, rel=1e-14)  # a(L-1) sigma' dC/da
        assert db[0] == pytest.approx(slope[at] * by_a, rel=1e-14)
        by_a *= w[2 * at] * slope[at]  # dC/da(L-1) = w(L) sigma'(z(L)) dC/da(L)
    assert input_gradient(net, w, found)[0, 0] == pytest.approx(by_a, rel=1e-14)
