r"""Update rules (optimizers): each a frozen value with one pure function.

`step(xp, w, g, memory, t, rate, k)` takes the flat parameters w (P,), their gradient g (P,), the rule's
memories (a tuple of arrays (P,), all zero before the first step), the number t = 1, 2, ... of this step, its
learning rate and the rule's constants `k` in the order of the fields; it returns the new w and memories and
changes nothing in place. Defaults and conventions are PyTorch's; each docstring says where Keras differs.

`texts` are the rule's lines in LaTeX, in the order they are worked out, each "what <- formula". Their letters: w,
g, t, the memories, \eta for the rate and \mathrm{...} with a field's name for a constant. A line reads the
memories that lines above it made new. A rule of one's own may do without texts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from numbers import Real
from typing import Any, ClassVar, Protocol, cast

from whygrad.errors import InputError, WrongTypeError, one_of
from whygrad.formulas import plain
from whygrad.maths import Array, Namespace

Memory = tuple[Array, ...]


class Update(Protocol):
    """What an update rule is: a learning rate, constants, names of its memories, and a pure step."""

    memories: ClassVar[tuple[str, ...]]

    @property
    def learning_rate(self) -> float:
        """The rate before any schedule."""
        ...

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...], /
    ) -> tuple[Array, Memory]:
        """The new parameters and memories."""
        ...


@dataclass(frozen=True)
class SGD:
    """Gradient descent (Cauchy 1847; Robbins & Monro 1951).

    w <- w - rate g
    """

    learning_rate: float = 0.01
    memories: ClassVar[tuple[str, ...]] = ()
    texts: ClassVar[tuple[str, ...]] = (r"w <- w-\eta\cdot g",)

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
    ) -> tuple[Array, Memory]:
        """One step; see the class."""
        return w - xp.c(rate) * g, ()


@dataclass(frozen=True)
class Momentum:
    """Gradient descent with momentum (Polyak 1964), PyTorch's form.

    v <- momentum v + g
    w <- w - rate v

    Keras keeps rate times v instead; the two part only while the rate changes.
    """

    learning_rate: float = 0.01
    momentum: float = 0.9
    memories: ClassVar[tuple[str, ...]] = ("v",)
    texts: ClassVar[tuple[str, ...]] = (r"v <- \mathrm{momentum} v+g", r"w <- w-\eta\cdot v")

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
    ) -> tuple[Array, Memory]:
        """One step; see the class."""
        (momentum,) = k
        v = xp.c(momentum) * memory[0] + g
        return w - xp.c(rate) * v, (v,)


@dataclass(frozen=True)
class Nesterov:
    """Nesterov's accelerated gradient (Nesterov 1983; Sutskever et al. 2013), PyTorch's form.

    v <- momentum v + g
    w <- w - rate (g + momentum v)

    Keras keeps rate times v instead; the two part only while the rate changes.
    """

    learning_rate: float = 0.01
    momentum: float = 0.9
    memories: ClassVar[tuple[str, ...]] = ("v",)
    texts: ClassVar[tuple[str, ...]] = (r"v <- \mathrm{momentum} v+g", r"w <- w-\eta\cdot(g+\mathrm{momentum} v)")

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
    ) -> tuple[Array, Memory]:
        """One step; see the class."""
        (momentum,) = k
        v = xp.c(momentum) * memory[0] + g
        return w - xp.c(rate) * (g + xp.c(momentum) * v), (v,)


@dataclass(frozen=True)
class RMSprop:
    """Rates divided by a running root mean square of the gradient (Tieleman & Hinton 2012).

    v <- decay v + (1 - decay) g^2
    w <- w - rate g / (sqrt(v) + epsilon)

    PyTorch's form and defaults; Keras has decay 0.9 and takes sqrt(v + epsilon) with epsilon 1e-7.
    """

    learning_rate: float = 0.01
    decay: float = 0.99
    epsilon: float = 1e-8
    memories: ClassVar[tuple[str, ...]] = ("v",)
    texts: ClassVar[tuple[str, ...]] = (
        r"v <- \mathrm{decay} v+(1-\mathrm{decay})\cdot g^2",
        r"w <- w-\eta\cdot\frac{g}{\sqrt{v}+\mathrm{epsilon}}",
    )

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
    ) -> tuple[Array, Memory]:
        """One step; see the class."""
        decay, epsilon = k
        v = xp.c(decay) * memory[0] + xp.c(1 - decay) * g * g
        return w - xp.c(rate) * g / (xp.sqrt(v) + xp.c(epsilon)), (v,)


@dataclass(frozen=True)
class Adagrad:
    """Rates divided by the root of the sum of all squared gradients (Duchi et al. 2011).

    s <- s + g^2
    w <- w - rate g / (sqrt(s) + epsilon)

    PyTorch's form and defaults; Keras starts s at 0.1 and takes sqrt(s + epsilon) with epsilon 1e-7.
    """

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    memories: ClassVar[tuple[str, ...]] = ("s",)
    texts: ClassVar[tuple[str, ...]] = (
        r"s <- s+g^2",
        r"w <- w-\eta\cdot\frac{g}{\sqrt{s}+\mathrm{epsilon}}",
    )

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
    ) -> tuple[Array, Memory]:
        """One step; see the class."""
        (epsilon,) = k
        s = memory[0] + g * g
        return w - xp.c(rate) * g / (xp.sqrt(s) + xp.c(epsilon)), (s,)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba 2015), algorithm 1.

    m <- beta1 m + (1 - beta1) g;    v <- beta2 v + (1 - beta2) g^2
    w <- w - rate m/(1 - beta1^t) / (sqrt(v/(1 - beta2^t)) + epsilon)

    PyTorch's form and defaults; Keras adds epsilon (1e-7) to sqrt(v) before the bias correction.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    memories: ClassVar[tuple[str, ...]] = ("m", "v")
    texts: ClassVar[tuple[str, ...]] = (
        r"m <- \mathrm{beta1} m+(1-\mathrm{beta1})\cdot g",
        r"v <- \mathrm{beta2} v+(1-\mathrm{beta2})\cdot g^2",
        r"w <- w-\eta\cdot\frac{m/(1-\mathrm{beta1}^t)}{\sqrt{(v/(1-\mathrm{beta2}^t))}+\mathrm{epsilon}}",
    )

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
    ) -> tuple[Array, Memory]:
        """One step; see the class."""
        return _adam(xp, w, g, memory, t, rate, k)


def _adam(
    xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
) -> tuple[Array, Memory]:
    beta1, beta2, epsilon = k
    m = xp.c(beta1) * memory[0] + xp.c(1 - beta1) * g
    v = xp.c(beta2) * memory[1] + xp.c(1 - beta2) * g * g
    root = xp.sqrt(v) / xp.c((1 - beta2**t) ** 0.5) + xp.c(epsilon)
    return w - xp.c(rate / (1 - beta1**t)) * m / root, (m, v)


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019).

    w <- (1 - rate weight_decay) w, then a step of Adam

    The decay applies to every parameter, biases too, as in PyTorch and Keras (whose default is 0.004).
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    memories: ClassVar[tuple[str, ...]] = ("m", "v")
    texts: ClassVar[tuple[str, ...]] = (
        *Adam.texts[:2],
        r"w <- (1-\eta\cdot\mathrm{weight_decay})\cdot w"
        r"-\eta\cdot\frac{m/(1-\mathrm{beta1}^t)}{\sqrt{(v/(1-\mathrm{beta2}^t))}+\mathrm{epsilon}}",
    )

    @staticmethod
    def step(
        xp: Namespace, w: Array, g: Array, memory: Memory, t: int, rate: float, k: tuple[float, ...]
    ) -> tuple[Array, Memory]:
        """One step; see the class."""
        decayed = w * xp.c(1 - rate * k[3])
        return _adam(xp, decayed, g, memory, t, rate, k[:3])


UPDATES: dict[str, type[Any]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
}


def name_of(rule: Update) -> str:
    """The rule's name in options and files: "adam"."""
    return type(rule).__name__.lower()


def constants(rule: Update) -> tuple[float, ...]:
    """The rule's constants k in the order its step reads them: every field but the learning rate."""
    return tuple(float(getattr(rule, f.name)) for f in fields(type(rule))[1:])  # type: ignore[arg-type]


def update(name: str | Update, learning_rate: float | None = None, **settings: float) -> Update:
    """The update rule of that name with its settings; raises `InputError` for an unknown name or setting."""
    if not isinstance(name, str):
        if isinstance(name, type) or not is_dataclass(name):
            raise WrongTypeError(
                f"optimizer is {name!r}, but must be a name or a rule, as in 'adam' or Adam(0.001)"
            )
        return checked(name)
    key = plain(name)
    if key not in UPDATES:
        raise one_of("optimizer", name, list(UPDATES))
    rule = UPDATES[key]
    allowed = [f.name for f in fields(rule)]
    for setting in settings:
        if setting not in allowed:
            raise one_of(f"optimizer {key}: setting", setting, allowed)
    if learning_rate is not None:
        settings["learning_rate"] = learning_rate
    return checked(cast(Update, rule(**settings)))


# setting -> (what it must be, test)
_LIMITS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("a number above 0", lambda v: 0 < v < float("inf")),
    "momentum": ("from 0 to below 1", lambda v: 0 <= v < 1),
    "decay": ("from 0 to below 1", lambda v: 0 <= v < 1),
    "beta1": ("from 0 to below 1", lambda v: 0 <= v < 1),
    "beta2": ("from 0 to below 1", lambda v: 0 <= v < 1),
    "epsilon": ("a number above 0", lambda v: 0 < v < float("inf")),
    "weight_decay": ("0 or more", lambda v: 0 <= v < float("inf")),
}


def checked(rule: Update) -> Update:
    """The rule itself, once every setting is a number (else `WrongTypeError`) in its range (`InputError`)."""
    for f in fields(rule):  # type: ignore[arg-type]
        value = getattr(rule, f.name)
        if isinstance(value, bool) or not isinstance(value, Real):
            raise WrongTypeError(f"optimizer {name_of(rule)}: {f.name} is {value!r}, but must be a number")
        wanted, holds = _LIMITS.get(f.name, ("a finite number", isfinite))  # a rule of one's own has its own names
        if not holds(float(value)):
            raise InputError(f"optimizer {name_of(rule)}: {f.name} is {float(value):g}, but must be {wanted}")
    return rule
