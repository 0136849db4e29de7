"""The explicit formula: read back and evaluated, it is the network, and its derivatives are backprop's."""

import math
import re

import numpy as np
import pytest
from truth import LEGAL, STEP, case, targets_for

import whygrad as wg
from whygrad.activations import ACTIVATIONS, Activation
from whygrad.explanation.formula import definitions, explicit_formula
from whygrad.explanation.symbols import Symbols
from whygrad.explanation.writing import plain_text
from whygrad.formulas import Texts
from whygrad.losses import LOSSES, Loss

MSE = LOSSES["mean_squared_error"]


def text_of(net: wg.Network, loss: Loss = MSE, which: str = "output", unit: int = 0) -> str:
    return explicit_formula(net, loss, Symbols(net), which, unit).text  # type: ignore[arg-type]


# ---- reading a formula back ----


def as_python(text: str) -> str:
    """The right-hand side as a Python expression."""
    code = f"({text.split(' = ', 1)[1]})".replace("log cosh(", "logcosh(").replace("^", "**")
    code = re.sub(r"\|([^|]*)\|", r"abs(\1)", code)
    while (end := code.find(" else)")) >= 0:  # (A if C, B else)
        depth, at = 0, end
        while depth or code[at] != ",":
            at -= 1
            depth += {")": 1, "(": -1}.get(code[at], 0)
        code = f"{code[:at]} else {code[at + 2 : end]}{code[end + 5 :]}"
    return code


class Real(complex):
    """A complex number that compares by its real part, as the real function would."""

    def __le__(self, other: float) -> bool:
        return self.real <= other


def flat_for(x: complex, below: complex, above: complex) -> complex:
    return above if complex(x).real > 0 else below


# every function a formula may call, from its mathematics, on complex numbers
CALLS = {
    "e": math.e,
    "abs": lambda x: Real(-x if complex(x).real < 0 else x),
    "max": lambda low, x: x if complex(x).real > low else low,
    "log": np.log,
    "logcosh": lambda x: np.log(np.cosh(x)),
    "tanh": np.tanh,
    "sigma": lambda z: 1 / (1 + np.exp(-z)),
    "leaky_relu": lambda z, k: flat_for(z, k * z, z),
    "elu": lambda z, k: flat_for(z, k * (np.exp(z) - 1), z),
    "selu": lambda z: flat_for(
        z, 1.0507009873554805 * 1.6732632423543772 * (np.exp(z) - 1), 1.0507009873554805 * z
    ),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "softsign": lambda z: z / flat_for(z, 1 - z, 1 + z),
    "gelu": lambda z: z * phi(z),
    "silu": lambda z: z / (1 + np.exp(-z)),
}


def phi(z: complex) -> complex:
    """The normal distribution, its derivative the bell curve."""
    z = complex(z)
    slope = math.exp(-z.real * z.real / 2) / math.sqrt(2 * math.pi)
    return complex(0.5 * (1 + math.erf(z.real / math.sqrt(2))), slope * z.imag)


def named(net: wg.Network, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, complex]:
    values = dict(zip(wg.parameter_names(net), w, strict=True))
    values |= {f"x_{n + 1}": value for n, value in enumerate(x)}
    return values | ({"y": y[0]} if net.outputs == 1 else {f"y_{n + 1}": value for n, value in enumerate(y)})


def evaluated(text: str, net: wg.Network, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The formula's value, and its derivative by every parameter, by a complex step of the text itself."""
    code = compile(as_python(text), "formula", "eval")
    slopes = []
    for at in range(len(w)):
        step = w.astype(complex)
        step[at] += 1j * STEP
        found = eval(code, {"__builtins__": {}}, CALLS | named(net, step, x, y))
        slopes.append(found.imag / STEP)
    return complex(found).real, np.array(slopes)


# ---- tests ----


def test_students_as_one_formula() -> None:
    net, _, training = wg.example("students")
    found = explicit_formula(net, training.loss, Symbols(net))
    assert found.text == (
        "y_hat = W_211*(W_111*x_1 + W_112*x_2 + B_11) + W_212*(W_121*x_1 + W_122*x_2 + B_12) + B_21"
    )
    assert found.latex == (
        r"\hat{y} = W_{211} \, \left(W_{111} \, x_{1} + W_{112} \, x_{2} + B_{11}\right) + "
        r"W_{212} \, \left(W_{121} \, x_{1} + W_{122} \, x_{2} + B_{12}\right) + B_{21}"
    )
    inner = found.text.removeprefix("y_hat = ")
    assert text_of(net, training.loss, "loss") == f"L = ({inner} - y)^2"


def test_one_neuron_a_layer_nests() -> None:
    net, _, _ = wg.example("chain")
    assert text_of(net) == "y_hat = sigma(W_311*sigma(W_211*sigma(W_111*x_1 + B_11) + B_21) + B_31)"
    (sigma,) = definitions(net)
    assert sigma.text == "sigma(z) = 1/(1 + e^(-z))"
    assert sigma.latex == r"\sigma\left(z\right) = \frac{1}{1+e^{-{z}}}"


def test_cross_entropies_are_written_in_probabilities() -> None:
    one = wg.Network(1, (wg.Dense(1, "sigmoid"),))
    assert text_of(one, LOSSES["binary_crossentropy"], "loss") == (
        "L = -y*log(sigma(W_111*x_1 + B_11)) - (1 - y)*log(1 - sigma(W_111*x_1 + B_11))"
    )
    two = wg.Network(1, (wg.Dense(2, "softmax"),))
    e1, e2 = "e^(W_111*x_1 + B_11)", "e^(W_121*x_1 + B_12)"
    assert text_of(two, unit=1) == f"y_hat_2 = {e2}/({e1} + {e2})"
    assert text_of(two, LOSSES["categorical_crossentropy"], "loss") == (
        f"L = -(y_1*log({e1}/({e1} + {e2})) + y_2*log({e2}/({e1} + {e2})))"
    )


MATRIX = [(h, *pair) for h in ACTIVATIONS for pair in LEGAL if h in ("tanh", "softmax") or pair[0] is MSE]


@pytest.mark.parametrize(("hidden", "loss", "output"), MATRIX, ids=lambda v: getattr(v, "name", v))
def test_value_and_derivatives_of_the_loss(hidden: str, loss: Loss, output: Activation) -> None:
    net, w, x, y = case(hidden, output.name, loss, 2, rows=1)
    why = wg.explain_row(net, w, x[0], y[0], loss)
    value, slopes = evaluated(text_of(net, loss, "loss"), net, w, x[0], y[0])
    scale = max(1.0, np.abs(why.gradient).max())
    assert value == pytest.approx(why.loss, rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(slopes, why.gradient, rtol=0, atol=1e-12 * scale)


@pytest.mark.parametrize("output", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (3, 2, 2, 3), (2, 3, 2), (4, 1)])
def test_the_outputs_of_deep_networks(sizes: tuple[int, ...], output: str) -> None:
    draw = np.random.default_rng(len(sizes))
    activations = [output, "softmax", output, output]
    net = wg.Network(sizes[0], tuple(map(wg.Dense, sizes[1:], activations)))
    w, x = draw.normal(0, 1, net.n_parameters), draw.normal(0, 1, net.inputs)
    truth = wg.forward_propagation(net, w, x[None]).output[0]
    for unit in range(net.outputs):
        text = text_of(net, unit=unit)
        value, _ = evaluated(text, net, w, x, np.zeros(net.outputs))
        assert value == pytest.approx(truth[unit], rel=1e-12, abs=1e-13)


SYMPY = [
    *(("example", name) for name in ("students", "placement", "xor", "chain")),
    *(
        (hidden, output, loss)
        for hidden in ("sigmoid", "tanh", "linear", "softmax")
        for output, loss in (
            ("linear", "mean_squared_error"),
            ("softmax", "categorical_crossentropy"),
            ("sigmoid", "binary_crossentropy"),
            ("tanh", "mean_squared_error"),
            ("softmax", "poisson"),
        )
    ),
]


@pytest.mark.parametrize("chosen", SYMPY, ids="-".join)
def test_sympy_reads_and_differentiates_it(chosen: tuple[str, ...]) -> None:
    sympy = pytest.importorskip("sympy")
    if chosen[0] == "example":
        why = wg.explain(*wg.example(chosen[1]))
        net, loss, w, x, y = (
            why.moment.net,
            why.moment.loss,
            why.moment.w,
            why.moment.row.x[0],
            why.moment.row.y[0],
        )
    else:
        hidden, output, name = chosen
        loss = LOSSES[name]
        net = wg.Network(2, (wg.Dense(2, hidden), wg.Dense(2, output)))
        draw = np.random.default_rng(3)
        w, x = draw.normal(0, 1, net.n_parameters), draw.normal(0, 1, 2)
        y = targets_for(loss, 1, 2, draw)[0]
        why = wg.explain_row(net, w, x, y, loss)
    z = sympy.Symbol("z")
    known = {"sigma": sympy.Lambda(z, 1 / (1 + sympy.exp(-z))), "e": sympy.E}
    read = sympy.sympify(as_python(text_of(net, loss, "loss")), locals=known)
    names = wg.parameter_names(net)
    derivatives = [read.diff(sympy.Symbol(name)) for name in names]
    letters = named(net, w, x, y)
    evaluate = sympy.lambdify([sympy.Symbol(name) for name in letters], [read, *derivatives], "mpmath", cse=True)
    value, *slopes = (float(v) for v in evaluate(*map(float, letters.values())))
    assert value == pytest.approx(why.loss, rel=1e-12, abs=1e-13)
    np.testing.assert_allclose(slopes, why.gradient, rtol=0, atol=1e-12 * max(1.0, np.abs(why.gradient).max()))


@pytest.mark.parametrize(("loss", "output"), LEGAL, ids=lambda v: getattr(v, "name", v))
def test_the_latex_says_the_same(loss: Loss, output: Activation) -> None:
    net = wg.Network(2, (wg.Dense(2, "tanh"), wg.Dense(2, output)))
    found = explicit_formula(net, loss, Symbols(net), "loss")
    assert found.latex.count("{") == found.latex.count("}")
    assert found.latex.count(r"\left(") == found.latex.count(r"\right)")
    latex2mathml = pytest.importorskip("latex2mathml.converter")
    assert latex2mathml.convert(found.latex).startswith("<math")
    if output.elementwise and not output.constant and loss.name != "poisson":  # e^{...} and names need care
        assert re.sub(r"[ *]", "", plain_text(found.latex)) == re.sub(r"[ *]", "", found.text)


@pytest.mark.parametrize("notation", ["3b1b", "keras", "torch"])
def test_other_notations(notation: str) -> None:
    net = wg.Network(1, (wg.Dense(1, "sigmoid"), wg.Dense(1)))
    found = explicit_formula(net, MSE, Symbols(net, notation), "loss")
    expected = {
        "3b1b": "C = (w^(2)_0,0*sigma(w^(1)_0,0*a^(0)_0 + b^(1)_0) + b^(2)_0 - y)^2",
        "keras": "loss = (dense_1.kernel[0, 0]*sigma(dense_0.kernel[0, 0]*inputs[0] + dense_0.bias[0]) + "
        "dense_1.bias[0] - y[0])^2",
        "torch": "loss = (1.weight[0, 0]*sigma(0.weight[0, 0]*x[0] + 0.bias[0]) + 1.bias[0] - y[0])^2",
    }
    assert found.text == expected[notation]


def test_a_choice_between_two_formulas() -> None:
    net = wg.Network(1, (wg.Dense(1),))
    huber = wg.Huber(0.5)
    text = text_of(net, huber, "loss")
    assert text == (
        "L = 1/2*(W_111*x_1 + B_11 - y)^2 if |W_111*x_1 + B_11 - y| <= 0.5, "
        "0.5*(|W_111*x_1 + B_11 - y| - 1/2*0.5) else"
    )
    for y in (0.8, 5.0):  # y_hat = 2 - 1 = 1: within 0.5, and beyond
        why = wg.explain_row(net, np.array([2.0, -1.0]), [1.0], [y], huber)
        value, slopes = evaluated(text, net, why.moment.w, np.ones(1), np.array([y]))
        assert value == pytest.approx(why.loss, rel=1e-13)
        assert slopes == pytest.approx(why.gradient)


def test_what_every_function_is() -> None:
    net = wg.Network(1, tuple(wg.Dense(2, name) for name in ("elu:0.5", "leaky_relu", "tanh", "relu", "linear")))
    assert [found.text for found in definitions(net)] == [
        "elu(z, k) = z if z > 0, k*(e^z - 1) else",
        "leaky_relu(z, k) = z if z > 0, k*z else",
    ]
    assert "elu(W_111*x_1 + B_11, 0.5)" in text_of(wg.Network(1, net.layers[:1]))


def test_formulas_of_ones_own() -> None:
    own = Activation("my square", value_rule=lambda xp, z, k: z * z, pull_rule=lambda xp, d, z, a, k: 2 * d * z)
    net = wg.Network(1, (wg.Dense(1, own),))
    assert text_of(net) == "y_hat = my_square(W_111*x_1 + B_11)"
    assert definitions(net) == ()  # nobody has said what it is
    with pytest.raises(wg.InputError, match="the loss 'mine' is your own and has no text"):
        text_of(net, Loss("mine"), "loss")
    quartic = Loss("quartic", texts=Texts("(a-y)^4", "4(a-y)^3", ""))
    assert text_of(net, quartic, "loss") == "L = (my_square(W_111*x_1 + B_11) - y)^4"


def test_what_is_too_large_or_not_there() -> None:
    with pytest.raises(wg.InputError, match="65 parameters; one formula is written for at most 60"):
        text_of(wg.Network(12, (wg.Dense(5),)))
    deep = wg.Network(2, tuple(wg.Dense(2, "softmax") for _ in range(8)))
    with pytest.raises(wg.InputError, match=r"it would have [0-9,]+ terms, as each layer repeats"):
        text_of(deep)
    net = wg.Network(2, (wg.Dense(2),))
    with pytest.raises(wg.InputError, match=r"unit 3 \(index 2\) is not there; the network has 2 outputs"):
        text_of(net, unit=2)
    with pytest.raises(wg.InputError, match="which: 'both' is not known"):
        text_of(net, which="both")
