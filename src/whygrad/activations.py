"""Activation functions: each one's value, derivative and mathematics in one object.

An activation maps z (rows, n) to a (rows, n). Two functions belong together:

- `value(xp, z, k)` returns a.
- `pull(xp, d, z, a, k)` pulls a derivative back through it: `d` is dL/da, the result dL/dz. It is given both
  z and a, so each formula uses whichever is cheaper and more exact.

`k` is the activation's one constant (slope of leaky relu, alpha of elu); where there is none it is 0.
A test differentiates every `value` by a complex step to get its `pull`. Conventions at a kink: the derivative
of relu, leaky relu, elu and selu at z = 0 is that of the left side, as in PyTorch (and JAX, but for leaky
relu, where JAX takes the right).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from whygrad.formulas import Texts, constant_of, find
from whygrad.maths import NUMPY, Array, Namespace

Value = Callable[[Namespace, Array, float], Array]
Pull = Callable[[Namespace, Array, Array, Array, float], Array]


@dataclass(frozen=True)
class Activation:
    """An activation function a = g(z) with its derivative. Two are equal when name and constant are.

    `low` and `high` bound what it can return; `kinks` are the z at which it has no derivative;
    `constant` names its constant k, if it has one.
    """

    name: str
    k: float = 0.0
    value_rule: Value = field(default=lambda xp, z, k: z, compare=False, repr=False)
    pull_rule: Pull = field(default=lambda xp, d, z, a, k: d, compare=False, repr=False)
    texts: Texts = field(default=Texts("z", "1", ""), compare=False, repr=False)
    low: float = field(default=-math.inf, compare=False, repr=False)
    high: float = field(default=math.inf, compare=False, repr=False)
    kinks: tuple[float, ...] = field(default=(), compare=False, repr=False)
    constant: str = field(default="", compare=False, repr=False)
    elementwise: bool = field(default=True, compare=False, repr=False)

    def value(self, z: Array, xp: Namespace = NUMPY) -> Array:
        """`a` (rows, n) for z (rows, n)."""
        return self.value_rule(xp, z, self.k)

    def pull(self, d: Array, z: Array, a: Array, xp: Namespace = NUMPY) -> Array:
        """dL/dz (rows, n) from d = dL/da (rows, n)."""
        return self.pull_rule(xp, d, z, a, self.k)

    def __reduce__(self) -> tuple[Callable[[str], Activation], tuple[str]]:
        return activation, (str(self),)  # by name, as its functions cannot be pickled

    def __str__(self) -> str:
        return f"{self.name}:{self.k!r}" if self.constant else self.name


def _sigmoid(xp: Namespace, z: Array, k: float) -> Array:
    e = xp.exp(-xp.abs(z))  # never overflows
    return xp.where(xp.positive(z), xp.c(1.0), e) / (xp.c(1.0) + e)


def _leaky_relu(xp: Namespace, z: Array, k: float) -> Array:
    return xp.where(xp.positive(z), z, xp.c(k) * z)


def _leaky_relu_pull(xp: Namespace, d: Array, z: Array, a: Array, k: float) -> Array:
    return xp.where(xp.positive(z), d, xp.c(k) * d)


def _elu(xp: Namespace, z: Array, k: float) -> Array:
    negative = xp.where(xp.positive(z), xp.c(0.0), z)
    return xp.where(xp.positive(z), z, xp.c(k) * xp.expm1(negative))


def _elu_pull(xp: Namespace, d: Array, z: Array, a: Array, k: float) -> Array:
    negative = xp.where(xp.positive(z), xp.c(0.0), z)
    return d * xp.where(xp.positive(z), xp.c(1.0), xp.c(k) * xp.exp(negative))


# Klambauer et al. 2017: the fixed point with mean 0 and variance 1
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _selu(xp: Namespace, z: Array, k: float) -> Array:
    return xp.c(_SELU_SCALE) * _elu(xp, z, _SELU_ALPHA)


def _selu_pull(xp: Namespace, d: Array, z: Array, a: Array, k: float) -> Array:
    return xp.c(_SELU_SCALE) * _elu_pull(xp, d, z, a, _SELU_ALPHA)


def _softplus(xp: Namespace, z: Array, k: float) -> Array:
    return xp.maximum(z, xp.c(0.0)) + xp.log1p(xp.exp(-xp.abs(z)))


def _softsign(xp: Namespace, z: Array, k: float) -> Array:
    return z / (xp.c(1.0) + xp.abs(z))


def _softsign_pull(xp: Namespace, d: Array, z: Array, a: Array, k: float) -> Array:
    b = xp.c(1.0) / (xp.c(1.0) + xp.abs(z))
    return d * b * b


def _gelu(xp: Namespace, z: Array, k: float) -> Array:
    return xp.c(0.5) * z * (xp.c(1.0) + xp.erf(z * xp.c(math.sqrt(0.5))))


def _gelu_pull(xp: Namespace, d: Array, z: Array, a: Array, k: float) -> Array:
    cumulative = xp.c(0.5) * (xp.c(1.0) + xp.erf(z * xp.c(math.sqrt(0.5))))
    density = xp.c(1 / math.sqrt(2 * math.pi)) * xp.exp(xp.c(-0.5) * z * z)
    return d * (cumulative + z * density)


def _silu_pull(xp: Namespace, d: Array, z: Array, a: Array, k: float) -> Array:
    s = _sigmoid(xp, z, k)
    return d * (s + a * (xp.c(1.0) - s))


def _softmax(xp: Namespace, z: Array, k: float) -> Array:
    e = xp.exp(z - xp.rowmax(z))  # the largest exponent is 0
    return e / xp.rowsum(e)


def _softmax_pull(xp: Namespace, d: Array, z: Array, a: Array, k: float) -> Array:
    # the whole Jacobian da_i/dz_j = a_i (1[i=j] - a_j): every z reaches every a
    return a * (d - xp.rowsum(d * a))


_SIGMA = r"\frac{1}{1+e^{-z}}"

_ALL = (
    Activation("linear", texts=Texts("z", "1", "the identity")),
    Activation(
        "sigmoid",
        value_rule=_sigmoid,
        pull_rule=lambda xp, d, z, a, k: d * a * (xp.c(1.0) - a),
        texts=Texts(_SIGMA, "a(1-a)", "the logistic function (Verhulst 1845)"),
        low=0,
        high=1,
    ),
    Activation(
        "tanh",
        value_rule=lambda xp, z, k: xp.tanh(z),
        pull_rule=lambda xp, d, z, a, k: d * (xp.c(1.0) - a * a),
        texts=Texts(r"\tanh z", "1-a^2", "LeCun et al. 1998, Efficient BackProp"),
        low=-1,
        high=1,
    ),
    Activation(
        "relu",
        value_rule=lambda xp, z, k: xp.maximum(z, xp.c(0.0)),
        pull_rule=lambda xp, d, z, a, k: xp.where(xp.positive(z), d, xp.c(0.0)),
        texts=Texts(r"\max(0, z)", "1[z>0]", "Nair & Hinton 2010"),
        low=0,
        kinks=(0.0,),
    ),
    Activation(
        "leaky_relu",
        k=0.01,
        constant="slope",
        value_rule=_leaky_relu,
        pull_rule=_leaky_relu_pull,
        texts=Texts(
            r"z \text{ if } z>0, k z \text{ else}",
            r"1 \text{ if } z>0, k \text{ else}",
            "Maas et al. 2013; slope 0.01 as in PyTorch, Keras's default is 0.2 (function) and 0.3 (layer)",
        ),
        kinks=(0.0,),
    ),
    Activation(
        "elu",
        k=1.0,
        constant="alpha",
        value_rule=_elu,
        pull_rule=_elu_pull,
        texts=Texts(
            r"z \text{ if } z>0, k(e^z-1) \text{ else}",
            r"1 \text{ if } z>0, k e^z \text{ else}",
            "Clevert et al. 2016",
        ),
        kinks=(0.0,),
    ),
    Activation(
        "selu",
        value_rule=_selu,
        pull_rule=_selu_pull,
        texts=Texts(
            r"\lambda z \text{ if } z>0, \lambda\alpha(e^z-1) \text{ else}",
            r"\lambda \text{ if } z>0, \lambda\alpha e^z \text{ else}",
            "Klambauer et al. 2017",
        ),
        low=-_SELU_SCALE * _SELU_ALPHA,
        kinks=(0.0,),
    ),
    Activation(
        "softplus",
        value_rule=_softplus,
        pull_rule=lambda xp, d, z, a, k: d * _sigmoid(xp, z, k),
        texts=Texts(
            r"\log(1+e^z)",
            _SIGMA,
            "Dugas et al. 2001; exact everywhere as in Keras (PyTorch returns z itself beyond z = 20)",
        ),
        low=0,
    ),
    Activation(
        "softsign",
        value_rule=_softsign,
        pull_rule=_softsign_pull,
        texts=Texts(r"\frac{z}{1+|z|}", r"\frac{1}{(1+|z|)^2}", "Bergstra et al. 2009"),
        low=-1,
        high=1,
    ),
    Activation(
        "gelu",
        value_rule=_gelu,
        pull_rule=_gelu_pull,
        texts=Texts(
            r"z\,\Phi(z)",
            r"\Phi(z)+z\,\varphi(z)",
            "Hendrycks & Gimpel 2016, with the error function as in PyTorch and Keras's approximate=False",
        ),
        low=-0.17,
    ),
    Activation(
        "silu",
        value_rule=lambda xp, z, k: z * _sigmoid(xp, z, k),
        pull_rule=_silu_pull,
        texts=Texts(r"z\,\sigma(z)", r"\sigma(z)+a(1-\sigma(z))", "Elfwing et al. 2018 (also called swish)"),
        low=-0.28,
    ),
    Activation(
        "softmax",
        value_rule=_softmax,
        pull_rule=_softmax_pull,
        texts=Texts(
            r"\frac{e^{z_i}}{\sum_j e^{z_j}}",
            r"a_i(1[i=j]-a_j)",
            "Bridle 1990; each output depends on every z of its row",
        ),
        low=0,
        high=1,
        elementwise=False,
    ),
)

ACTIVATIONS: dict[str, Activation] = {a.name: a for a in _ALL}


def activation(name: str | Activation) -> Activation:
    """The activation of that name; "leaky_relu:0.2" or "elu:0.5" also gives its constant.

    Raises `InputError` for a name that is not known, or a constant where none is taken.
    """
    if isinstance(name, Activation):
        return name
    found, k = find("activation", name, ACTIVATIONS, {})
    return replace(found, k=k)


def LeakyRelu(slope: float = 0.01) -> Activation:
    """Leaky relu with a slope for negative z."""
    found = ACTIVATIONS["leaky_relu"]
    return replace(found, k=constant_of(f"LeakyRelu({slope!r})", found, slope))


def Elu(alpha: float = 1.0) -> Activation:
    """Elu with its alpha: the value it tends to for very negative z is -alpha."""
    found = ACTIVATIONS["elu"]
    return replace(found, k=constant_of(f"Elu({alpha!r})", found, alpha))
