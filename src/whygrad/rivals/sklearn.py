"""scikit-learn follows a training: MLPRegressor or MLPClassifier, one partial_fit a batch.

Its losses are written for its own gradients: half the squared error, summed over outputs; log loss summed over
outputs. So its gradient is a constant times whygrad's, and its rate (or Adam's epsilon) is divided by it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np

from whygrad.maths import Array
from whygrad.network import Network
from whygrad.rivals.protocol import (
    Diary,
    Followed,
    NotComparable,
    changes_rate,
    flat,
    is_installed,
    labelled,
    matrices,
    walk,
)
from whygrad.table import Indices, Rows
from whygrad.training import Training
from whygrad.updates import name_of

_HIDDEN = {"linear": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
# (loss, output activation) -> whether it classifies
_PAIRS = {
    ("mean_squared_error", "linear"): False,
    ("binary_crossentropy", "sigmoid"): True,
    ("categorical_crossentropy", "softmax"): True,
}


@dataclass(frozen=True)
class ScikitLearn:
    """scikit-learn as a rival."""

    name: str = "sklearn"
    tolerance: tuple[float, str] = (1e-10, "float64 in both, so only rounding differs")

    @property
    def label(self) -> str:
        """scikit-learn and its version."""
        return labelled("scikit-learn", "scikit-learn")

    def installed(self) -> bool:
        """Whether sklearn could be imported."""
        return is_installed("sklearn")

    def follow(
        self, net: Network, training: Training, start: Array, rows: Rows, orders: Sequence[Indices]
    ) -> Followed:
        """See `Rival.follow`."""
        _refuse(net, training, rows, orders)
        factor = _factor(net, training)
        report = factor if _classifies(net, training) else 2.0  # its loss is half, or a sum over outputs
        x, targets = rows.x.astype(training.dtype), _targets(net, training, rows)
        diary = Diary(net, training, orders)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a diverging run overflows, and its losses say so
            model = _model(net, training, start, targets)
            rate = training.optimizer.learning_rate
            for step in walk(training, orders):
                at = step.rows
                weights = None if rows.weights is None else rows.weights[at]
                mean = 1.0 if weights is None else float(weights.mean())
                _set_rate(training, model._optimizer, step.rate, rate, factor * mean)
                rate = step.rate
                model.set_params(alpha=training.l2 * len(at) / factor, batch_size=len(at))
                squares = sum(float(W.ravel() @ W.ravel()) for W in model.coefs_)
                try:
                    model.partial_fit(x[at], targets[at], sample_weight=weights)
                except ValueError:  # a parameter is no longer finite, and scikit-learn refuses to go on
                    diary.note(math.nan, lambda: np.full(net.n_parameters, math.nan))
                    continue
                penalty = 0.5 * model.alpha * squares / (len(at) * mean)
                diary.note(float(model.loss_ - penalty) * mean * report, lambda: _parameters(model))
        return diary.close(_unequal(net, training, rows))


def _classifies(net: Network, training: Training) -> bool:
    return _PAIRS[training.loss.name, net.output.name]


def _factor(net: Network, training: Training) -> float:
    """whygrad's gradient divided by scikit-learn's."""
    if training.loss.name == "categorical_crossentropy":
        return 1.0
    return (1.0 if _classifies(net, training) else 2.0) / net.outputs


def _targets(net: Network, training: Training, rows: Rows) -> Any:
    """Numbers (rows,) or (rows, n_out), class numbers (rows,), or 0/1 (rows, n_out)."""
    if not _classifies(net, training):
        y = rows.y.astype(training.dtype)
        return y[:, 0] if net.outputs == 1 else y
    if training.loss.name == "categorical_crossentropy":
        return rows.y.argmax(axis=1)
    y = rows.y.astype(np.int64)
    return y[:, 0] if net.outputs == 1 else y


def _model(net: Network, training: Training, start: Array, targets: Any) -> Any:
    """An estimator that has `start` as its parameters and has not taken a step."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    rule: Any = training.optimizer
    kind = name_of(rule)
    hidden = [layer.activation.name for layer in net.layers[:-1]]
    settings: dict[str, Any] = {
        "hidden_layer_sizes": net.sizes[1:-1],
        "activation": _HIDDEN[hidden[0]] if hidden else "identity",
        "solver": "adam" if kind == "adam" else "sgd",
        "learning_rate_init": rule.learning_rate,
        "shuffle": False,
        "random_state": 0,
        "momentum": 0.0 if kind in ("sgd", "adam") else rule.momentum,
        "nesterovs_momentum": kind == "nesterov",
    }
    if kind == "adam":
        settings |= {"beta_1": rule.beta1, "beta_2": rule.beta2, "epsilon": rule.epsilon}
    nothing = np.zeros((1, net.inputs), training.dtype)
    if _classifies(net, training):
        model = MLPClassifier(**settings)
        classes = np.arange(max(2, net.outputs))
        model.partial_fit(nothing, targets[:1], classes=classes)  # the only way to have it allocate
    else:
        model = MLPRegressor(**settings)
        model.partial_fit(nothing, targets[:1])
    for part, value in zip([*model.coefs_, *model.intercepts_], _by_kind(net, start), strict=True):
        part[...] = value
    memory = model._optimizer
    for name in {"velocities", "ms", "vs"} & set(vars(memory)):
        setattr(memory, name, [np.zeros_like(m) for m in getattr(memory, name)])
    memory.t = 0
    return model


def _by_kind(net: Network, start: Array) -> list[Any]:
    """All W, then all b."""
    parts = matrices(net, start)
    return [*parts[::2], *parts[1::2]]


def _parameters(model: Any) -> Array:
    return flat([part for pair in zip(model.coefs_, model.intercepts_, strict=True) for part in pair])


def _set_rate(training: Training, memory: Any, rate: float, before: float, factor: float) -> None:
    """Gives scikit-learn's optimizer the rate, or the epsilon, with which its own gradient takes our step."""
    rule: Any = training.optimizer
    if name_of(rule) == "adam":
        memory.learning_rate_init = rate
        memory.epsilon = rule.epsilon * math.sqrt(1 - rule.beta2 ** (memory.t + 1)) / factor
        return
    memory.learning_rate = rate * factor
    memory.velocities = [v * (rate / before) for v in memory.velocities]


def _refuse(net: Network, training: Training, rows: Rows, orders: Sequence[Indices]) -> None:
    """Raises `NotComparable` for whatever scikit-learn's networks cannot do."""
    hidden = [layer.activation.name for layer in net.layers[:-1]]
    loss, output, rule = training.loss.name, net.output.name, name_of(training.optimizer)
    reasons = [(name not in _HIDDEN, f"scikit-learn has no {name} for hidden layers") for name in hidden]
    reasons += [
        (
            len(set(hidden)) > 1,
            f"scikit-learn has one activation for all hidden layers, not {' and '.join(dict.fromkeys(hidden))}",
        ),
        ((loss, output) not in _PAIRS, f"scikit-learn has no {loss} on a {output} output"),
        (rule not in ("sgd", "momentum", "nesterov", "adam"), f"scikit-learn has no {rule}"),
        (training.l1 > 0, "scikit-learn's networks have no l1 penalty"),
        (training.clip is not None, "scikit-learn does not clip gradients"),
        (bool(training.freeze), "scikit-learn cannot freeze parameters"),
        (
            loss == "categorical_crossentropy" and net.outputs < 3,
            "scikit-learn uses one sigmoid output for two classes, not two softmax outputs",
        ),
        (
            loss.endswith("crossentropy") and not np.isin(rows.y, (0, 1)).all(),
            "scikit-learn takes classes as targets, not probabilities or smoothed labels",
        ),
    ]
    for holds, reason in reasons:
        if holds:
            raise NotComparable(reason)
    if rows.weights is not None:
        _refuse_weights(training, rows.weights, orders)


def _refuse_weights(training: Training, weights: Array, orders: Sequence[Indices]) -> None:
    from sklearn.neural_network import MLPRegressor

    if "sample_weight" not in signature(MLPRegressor.partial_fit).parameters:
        raise NotComparable("scikit-learn has row weights only from 1.7 on")
    means = {float(weights[step.rows].mean()) for step in walk(training, orders)}
    if 0.0 in means:
        raise NotComparable("scikit-learn divides by the sum of a batch's row weights, and one sum is 0")
    if name_of(training.optimizer) == "adam" and max(means) - min(means) > 1e-12 * max(means):
        raise NotComparable(
            "scikit-learn divides by the sum of a batch's row weights, which Adam does not let us undo; "
            "take one batch of all rows, or sgd"
        )


def _unequal(net: Network, training: Training, rows: Rows) -> list[str]:
    """What had to be translated for scikit-learn."""
    factor, rule = _factor(net, training), name_of(training.optimizer)
    what = "Adam's epsilon was divided" if rule == "adam" else "its rate was multiplied"
    said = []
    if not _classifies(net, training):
        said.append(
            "scikit-learn minimises half the squared error, summed over outputs: its gradient times "
            f"{factor:g} is whygrad's, so {what} by {factor:g}; its losses are shown doubled"
        )
    elif factor != 1:
        said.append(
            f"scikit-learn sums the log loss over outputs, so {what} by {factor:g}; its losses are shown as means"
        )
    if training.l2:
        said.append("scikit-learn divides its penalty by a batch's rows; alpha was multiplied by them")
    if rows.weights is not None:
        said.append("scikit-learn divides by the sum of a batch's row weights, whygrad by its rows; translated")
    if rule == "adam":
        said.append("scikit-learn's Adam adds epsilon before the bias correction; translated step by step")
    if rule in ("momentum", "nesterov") and changes_rate(training):
        said.append("scikit-learn's velocity contains the rate; it was rescaled whenever the rate changed")
    return said
