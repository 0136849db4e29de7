"""Keras follows a training: a Sequential model, its own losses and optimizers, and train_on_batch."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from whygrad.activations import Activation
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.rivals.jax import settings as jax_settings
from whygrad.rivals.protocol import (
    Diary,
    Followed,
    NotComparable,
    changes_rate,
    flat,
    is_installed,
    labelled,
    matrices,
    pick,
    walk,
)
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.updates import Adam, AdamW, name_of
from whygrad.weights import trainable


@dataclass(frozen=True)
class Keras:
    """Keras as a rival."""

    name: str = "keras"
    tolerance: tuple[float, str] = (
        1e-6,
        "float64, but Keras takes means in float32 and adds its epsilons elsewhere",
    )

    @property
    def label(self) -> str:
        """Keras and its version."""
        return labelled("Keras", "keras")

    def installed(self) -> bool:
        """Whether keras and a backend for it could be imported."""
        return is_installed("keras") and (is_installed("jax") or is_installed("torch"))

    def follow(
        self, net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]
    ) -> Followed:
        """See `Rival.follow`."""
        frozen = _frozen(net, training)
        keras = _import_keras()
        jax = keras.backend.backend() == "jax"
        precision = jax_settings(training.dtype) if jax else nullcontext()
        with precision, _settings(keras, training):
            model = _model(keras, net, training, frozen)
            model.set_weights(matrices(net, start.astype(training.dtype)))
            diary = Diary(net, training, orders)
            _train(model, training, rows, orders, diary, keras.ops.convert_to_numpy)
            return diary.close(_unequal(keras, net, training))


def _frozen(net: Network, training: Training) -> list[bool]:
    """Which layers are frozen; Keras cannot freeze less than a layer."""
    frozen = []
    free = matrices(net, trainable(net, training.freeze))
    for number, (W, b) in enumerate(zip(free[::2], free[1::2], strict=True), start=1):
        if (W.any() or b.any()) and not (W.all() and b.all()):
            raise NotComparable(
                f"Keras freezes whole layers, but only some parameters of layer {number} are frozen"
            )
        frozen.append(not b.any())
    if all(frozen):
        raise NotComparable("every layer is frozen, and Keras does not train without a parameter")
    return frozen


def _import_keras() -> Any:
    """Keras; on JAX unless it is imported already or the environment names another backend."""
    try:
        if "keras" in sys.modules or "KERAS_BACKEND" in os.environ:
            import keras
        else:
            os.environ["KERAS_BACKEND"] = "jax" if is_installed("jax") else "torch"
            try:
                import keras
            finally:
                del os.environ["KERAS_BACKEND"]
    except ImportError as problem:
        raise NotComparable(f"Keras is installed but could not be imported: {problem}") from None
    return keras


@contextmanager
def _settings(keras: Any, training: Training) -> Iterator[None]:
    """Keras's global dtype, and its epsilon where the loss reads it; all are put back."""
    config = keras.config
    floatx, policy, epsilon = config.floatx(), config.dtype_policy(), config.epsilon()
    config.set_floatx(training.dtype)
    config.set_dtype_policy(training.dtype)  # once read, it no longer follows floatx
    if training.loss.name == "poisson":
        config.set_epsilon(training.loss.k)
    try:
        yield
    finally:
        config.set_floatx(floatx)
        config.set_dtype_policy(policy)
        config.set_epsilon(epsilon)


def _train(
    model: Any,
    training: Training,
    rows: Rows,
    orders: Sequence[Indices],
    diary: Diary,
    to_numpy: Callable[[Any], Array],
) -> None:
    optimizer, rule = model.optimizer, training.optimizer
    rate = rule.learning_rate
    for step in walk(training, orders):
        if isinstance(rule, Adam | AdamW):
            optimizer.epsilon.assign(rule.epsilon * math.sqrt(1 - rule.beta2**step.number))
        if step.rate != rate:
            for velocity in getattr(optimizer, "momentums", ()):
                velocity.assign(velocity * (step.rate / rate))
            rate = step.rate
            optimizer.learning_rate = rate
        at = step.rows
        weights = None if rows.weights is None else rows.weights[at].astype(training.dtype)
        # train_on_batch counts the penalty into the loss it reports
        penalty = sum(float(part) for part in model.losses)
        loss = model.train_on_batch(
            rows.x[at].astype(training.dtype), rows.y[at].astype(training.dtype), sample_weight=weights
        )
        diary.note(
            float(np.asarray(loss)) - penalty,
            lambda: flat([to_numpy(v.value) for layer in model.layers for v in layer.weights]),
        )


def _model(keras: Any, net: Network, training: Training, frozen: list[bool]) -> Any:
    fused = training.loss.fuses(net.output)
    layers = [keras.Input((net.inputs,))]
    for number, layer in enumerate(net.layers):
        last = number == len(net.layers) - 1
        layers.append(
            keras.layers.Dense(
                layer.units,
                # the loss of a fused pair reads z (from_logits)
                activation=None if last and fused else _activation(keras, layer.activation),
                kernel_regularizer=keras.regularizers.L1L2(training.l1, training.l2 / 2)
                if training.l1 or training.l2
                else None,
                trainable=not frozen[number],
            )
        )
    model = keras.Sequential(layers)
    model.compile(optimizer=_optimizer(keras, training), loss=_loss(keras, net, training))
    model.optimizer.build(model.trainable_variables)
    if isinstance(training.optimizer, Adam | AdamW):
        # one of the optimizer's variables, because a number would be compiled in as a constant
        model.optimizer.epsilon = model.optimizer.add_variable((), name="epsilon")
    return model


def _activation(keras: Any, g: Activation) -> Any:
    known = keras.activations
    table = {
        "linear": known.linear,
        "sigmoid": known.sigmoid,
        "tanh": known.tanh,
        "relu": known.relu,
        "leaky_relu": lambda z: known.leaky_relu(z, negative_slope=g.k),
        "elu": lambda z: known.elu(z, alpha=g.k),
        "selu": known.selu,
        "softplus": known.softplus,
        "softsign": known.softsign,
        "gelu": lambda z: known.gelu(z, approximate=False),
        "silu": known.silu,
        "softmax": known.softmax,
    }
    return pick(table, g.name, "Keras")


def _loss(keras: Any, net: Network, training: Training) -> Any:
    loss, losses, ops = training.loss, keras.losses, keras.ops

    def unscaled(y: Any, a: Any) -> Any:
        return -ops.sum(y * ops.log(a), axis=-1)

    fused = loss.fuses(net.output) is not None
    known: dict[str, Callable[[], Any]] = {
        "mean_squared_error": lambda: losses.MeanSquaredError(),
        "mean_absolute_error": lambda: losses.MeanAbsoluteError(),
        "huber": lambda: losses.Huber(delta=loss.k),
        "log_cosh": lambda: losses.LogCosh(),
        "binary_crossentropy": lambda: losses.BinaryCrossentropy(from_logits=fused),
        "categorical_crossentropy": lambda: (
            losses.CategoricalCrossentropy(from_logits=True) if fused else unscaled
        ),
        "hinge": lambda: losses.Hinge(),
        "poisson": lambda: losses.Poisson(),
    }
    return pick(known, loss.name, "Keras")()


def _optimizer(keras: Any, training: Training) -> Any:
    rule: Any = training.optimizer
    optim, rate = keras.optimizers, rule.learning_rate
    options = {"value": "clipvalue", "norm": "clipnorm", "global_norm": "global_clipnorm"}
    clip = {options[training.clip.kind]: training.clip.limit} if training.clip else {}
    known = {
        "sgd": lambda: optim.SGD(rate, **clip),
        "momentum": lambda: optim.SGD(rate, momentum=float(rule.momentum), **clip),
        "nesterov": lambda: optim.SGD(rate, momentum=float(rule.momentum), nesterov=True, **clip),
        "rmsprop": lambda: optim.RMSprop(rate, rho=rule.decay, epsilon=rule.epsilon**2, **clip),
        "adagrad": lambda: optim.Adagrad(rate, initial_accumulator_value=0.0, epsilon=rule.epsilon**2, **clip),
        "adam": lambda: optim.Adam(rate, rule.beta1, rule.beta2, epsilon=rule.epsilon, **clip),
        "adamw": lambda: optim.AdamW(
            rate, rule.weight_decay, rule.beta1, rule.beta2, epsilon=rule.epsilon, **clip
        ),
    }
    return pick(known, name_of(rule), "Keras")()


def _unequal(keras: Any, net: Network, training: Training) -> list[str]:
    """What Keras has differently; asked while Keras computes in the training's dtype."""
    rule, loss = name_of(training.optimizer), training.loss.name
    said = []
    backend = keras.backend.backend()
    if backend != "jax":
        said.append(f"Keras computed with {backend}, not with JAX")
    mean_of_one = float(keras.ops.convert_to_numpy(keras.ops.mean(np.array([0.1]))))
    if training.dtype == "float64" and mean_of_one != 0.1:
        said.append(
            "Keras takes a mean over outputs in float32 even when told float64: its losses have about 7 "
            "digits, and its gradients where the mean is not exact in float32"
        )
    said += _OPTIMIZERS.get(rule, ())
    if rule in ("momentum", "nesterov") and changes_rate(training):
        said.append(
            "Keras's velocity contains the rate; it was rescaled whenever the rate changed, else an old rate "
            "would go on in it"
        )
    if training.clip is not None and training.clip.kind == "global_norm":
        said.append(
            "Keras clips by the norm itself, whygrad and PyTorch by norm + 1e-6: its clipped gradients are "
            "larger by a share of 1e-6 / norm"
        )
    if loss == "binary_crossentropy" and not training.loss.fuses(net.output):
        said.append("Keras clips outputs to [1e-7, 1 - 1e-7] before the logarithm; the two part only beyond that")
    if loss == "categorical_crossentropy" and not training.loss.fuses(net.output):
        said.append(
            "Keras's own loss would first divide the outputs by their sum; the loss was written with keras.ops"
        )
    if loss == "poisson":
        said.append("Keras's epsilon inside the logarithm is 1e-7; it was set to the loss's own")
    if any(layer.activation.name == "leaky_relu" for layer in net.layers) and backend == "jax":
        said.append("at exactly z = 0 JAX's leaky relu has the slope 1 of its right side, whygrad's the left")
    return said


_ROOT = (
    "Keras divides by sqrt(v + epsilon), whygrad by sqrt(v) + epsilon; Keras was given epsilon squared, "
    "which leaves a relative difference of epsilon / sqrt(v) in a step"
)
_ADAM = (
    "Keras adds epsilon before the bias correction, so that in step t it counts 1 / sqrt(1 - beta2^t) times "
    "as much; it was given epsilon * sqrt(1 - beta2^t) in each step"
)
_OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "rmsprop": (_ROOT,),
    "adagrad": (_ROOT, "Keras starts the sum of squares at 0.1; it was started at 0"),
    "adam": (_ADAM,),
    "adamw": (_ADAM,),
}
