"""Slips of the update: penalty, rate, momentum, and parameters that are set from the wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from whygrad.judgement.machine import Layerwise, Moment, Penalize, Procedure, Stepper, Told
from whygrad.judgement.slips.slip import Slip, Stage, Where, hidden_line, on_penalty, on_update, put
from whygrad.maths import Array
from whygrad.names import Place, name
from whygrad.network import Network
from whygrad.training import Training
from whygrad.updates import Memory
from whygrad.weights import is_weight, spans, views

# ---- the penalty ----


def penalty_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of the penalty's gradient, where the training has a penalty."""
    if not (training.l1 or training.l2):
        return
    right = "dW = ... + " + " + ".join(
        text for there, text in ((training.l1, "l1 sign(W)"), (training.l2, "l2 W")) if there
    )
    part = right.partition("+ ")[2]

    def slip(key: str, title: str, written: str, rewrite: Callable[[Penalize], Penalize]) -> Slip:
        hint = "look at what the penalty adds to each gradient, and to which"
        where: Where = "loop" if "table" in key else "gradient"
        return Slip(f"penalty-{key}", title, where, "penalty", None, written, right, hint, on_penalty(rewrite))

    yield slip(
        "on-biases",
        "the penalty is on the biases, too",
        f"{right};  db = ... + {part.replace('W', 'b')}",
        _on_biases,
    )
    yield slip("missing", "the penalty is left out of the gradient", "dW = ...", lambda add: lambda now, g: g)
    for layer in range(1, len(net.layers) + 1) if len(net.layers) > 1 else ():
        title = f"the penalty is left out of dW_{layer}"
        yield slip(f"missing:{layer}", title, f"dW_{layer} = ...", _left_out(net, layer))
    for key, title, sign, share in (
        ("double", "the penalty is added twice, or without its 1/2", "+ 2", lambda now: 2.0),
        ("half", "the penalty is half of what it should be", "+ 1/2", lambda now: 0.5),
        ("sign", "the penalty is subtracted", "-", lambda now: -1.0),
        ("per-table", "the penalty is divided by the rows of the table", "+ 1/n", lambda now: 1 / now.table_rows),
        ("per-rows", "the penalty is divided by the rows of the batch", "+ 1/n", lambda now: 1 / len(now.rows)),
    ):
        yield slip(key, title, f"dW = ... {sign} ({part})", _shared(share))


def _left_out(net: Network, layer: int) -> Callable[[Penalize], Penalize]:
    """The penalty left out of one layer's dW."""
    s = spans(net)[layer - 1]

    def without(add: Penalize) -> Penalize:
        def added(now: Moment, g: Array) -> Array:
            found = add(now, g).copy()
            found[s.start : s.middle] = g[s.start : s.middle]
            return found

        return added

    return without


def _shared(share: Callable[[Moment], float]) -> Callable[[Penalize], Penalize]:
    return lambda add: lambda now, g: g + share(now) * (add(now, g) - g)


def _on_biases(add: Penalize) -> Penalize:
    def everywhere(now: Moment, g: Array) -> Array:
        t = now.training
        return add(now, g) + np.where(is_weight(now.net), 0.0, t.l1 * np.sign(now.w) + t.l2 * now.w)

    return everywhere


# ---- parameters ----


def parameter_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Slips of single parameters' updates: assigned from others, never updated, updated several times."""
    for layer in range(len(net.layers), 0, -1):
        s = spans(net)[layer - 1]
        W, b = f"W_{layer}", f"b_{layer}"
        weights, biases = slice(s.start, s.middle), slice(s.middle, s.stop)
        for source, words, values in _sources(net, layer):
            for when in ("new", "old"):
                age = "after" if when == "new" else "before"
                yield _parameters(
                    layer, f"{b}-assigned-{source}-{when}",
                    f"{b} starts from {words} ({age} its update), not from {b}",
                    f"update of {b}", f"{b} = {words} - rate * db_{layer}", f"{b} = {b} - rate * db_{layer}",
                    f"look at the line that assigns {b}", _assigned(biases, values, when),
                )  # fmt: skip
        for what, part in ((b, biases), (W, weights)):
            yield _parameters(
                layer, f"{what}-never", f"{what} is never updated", f"update of {what}", f"{what} = {what}",
                f"{what} = {what} - rate * d{what}", f"is every parameter of layer {layer} updated?",
                _moves(part, 0.0),
            )  # fmt: skip
        if s.n_in > 1:
            yield _parameters(
                layer, f"{b}-once-per-weight", f"{b} is updated once for every incoming weight", f"update of {b}",
                f"{b} = {b} - n_in rate * db_{layer}", f"{b} = {b} - rate * db_{layer}",
                f"how many times is {b} updated in one step?", _moves(biases, float(s.n_in)),
            )  # fmt: skip


def _parameters(
    layer: int, key: str, title: str, part: str, written: str, right: str, hint: str,
    rewrite: Callable[[Stepper], Stepper],
) -> Slip:  # fmt: skip
    return Slip(key, title, "update", part, layer, written, right, hint, on_update(rewrite))


def _sources(net: Network, layer: int) -> Iterator[tuple[str, str, Callable[[Array], Array]]]:
    """(key, name, the values (n_out,) out of W (n_in, n_out)) of the weights a bias may be taken for."""
    n_in, n_out = net.sizes[layer - 1], net.sizes[layer]
    for k in sorted({0, 1, n_in - 1} & set(range(n_in))):
        one = name(Place(layer - 1, 0, k)) if n_out == 1 else f"the weights of W_{layer} from unit {k + 1}"
        yield f"from-{k + 1}", one, _row(k)
    if n_in == n_out > 1:
        for k in sorted({0, 1, n_out - 1}):
            yield f"to-{k + 1}", f"the weights of W_{layer} to unit {k + 1}", _column(k)


def _row(k: int) -> Callable[[Array], Array]:
    return lambda W: W[k]


def _column(k: int) -> Callable[[Array], Array]:
    return lambda W: W[:, k]


def _assigned(biases: slice, values: Callable[[Array], Array], when: str) -> Callable[[Stepper], Stepper]:
    """b <- weights + its own move."""

    def rewrite(update: Stepper) -> Stepper:
        def assigned(now: Moment, told: Told) -> tuple[Array, Memory]:
            w, memory = update(now, told)
            at = next(k for k, s in enumerate(spans(now.net)) if s.middle == biases.start)
            source = values(views(now.net, w if when == "new" else now.w)[at].W)
            w = w.copy()
            w[biases] += source - now.w[biases]
            return w, memory

        return assigned

    return rewrite


def _moves(part: slice, times: float) -> Callable[[Stepper], Stepper]:
    """Those parameters move so many times as far."""

    def rewrite(update: Stepper) -> Stepper:
        def moved(now: Moment, told: Told) -> tuple[Array, Memory]:
            w, memory = update(now, told)
            w = w.copy()
            w[part] = now.w[part] + times * (w[part] - now.w[part])
            return w, memory

        return moved

    return rewrite


def updated_weights_slip(net: Network, training: Training) -> Iterator[Slip]:
    """The hidden deltas go back through weights that this step has updated already."""
    if len(net.layers) < 2:
        return
    right = hidden_line(net, len(net.layers) - 1)
    last = len(net.layers)
    yield Slip(
        "updated-weights", f"the hidden delta uses W_{last} after its update", "update", "age of W", last - 1,
        right.replace(f"W_{last}", f"W_{last}(updated)"), right,
        "in which order are deltas computed and parameters updated?", _through_updated,
    )  # fmt: skip


def _through_updated(procedure: Procedure) -> Procedure:
    def change(stages: Layerwise, now: Moment) -> Layerwise:
        dW: dict[int, Array] = {}  # layer from 0 -> its gradient in this step

        def noted(at: int, stage: Stage) -> Stage:
            def weight_gradient(before: Array, delta: Array) -> Array:
                dW[at] = stage(before, delta)
                return dW[at]

            return weight_gradient

        def back(at: int, stage: Stage) -> Stage:
            def hidden_delta(d: Array, W: Array, *given: object) -> Array:
                g = np.zeros_like(now.w)
                views(now.net, g)[at + 1].W[:] = dW[at + 1]
                return stage(d, views(now.net, now.step(g))[at + 1].W, *given)

            return hidden_delta

        for at in range(len(stages) - 1):
            stages = put(stages, at, hidden_delta=back(at, stages[at].hidden_delta))
            stages = put(stages, at + 1, weight_gradient=noted(at + 1, stages[at + 1].weight_gradient))
        return stages

    return replace(procedure, stages=(*procedure.stages, change))


# ---- the rule ----

RATES = (
    ("squared", "the rate is multiplied in twice", "rate^2", lambda rate: rate * rate),
    ("missing", "the rate is left out of the update", "1", lambda rate: 1.0),
    ("10", "the rate is 10 times what was said", "10 rate", lambda rate: 10 * rate),
    ("100", "the rate is 100 times what was said", "100 rate", lambda rate: 100 * rate),
    ("0.1", "the rate is a tenth of what was said", "0.1 rate", lambda rate: rate / 10),
    ("0.01", "the rate is a hundredth of what was said", "0.01 rate", lambda rate: rate / 100),
)


def rule_slips(net: Network, training: Training) -> Iterator[Slip]:
    """Every slip of the rule itself: its sign, its rate, its memories."""
    right = "w = w - rate * g"

    def slip(
        key: str, title: str, part: str, written: str, hint: str, rewrite: Callable[[Stepper], Stepper]
    ) -> Slip:
        return Slip(key, title, "update", part, None, written, right, hint, on_update(rewrite))

    yield slip(
        "update-sign", "the update adds the gradient where it should subtract it", "sign", "w = w + rate * g",
        "which way does the update go?", _uphill,
    )  # fmt: skip
    for key, title, written, rate in RATES:
        hint = "how often does the learning rate enter the update, and which one?"
        yield slip(f"rate-{key}", title, "rate", f"w = w - {written} * g", hint, _told_rate(rate))
    momentum = getattr(training.optimizer, "momentum", 0.0)
    if momentum:
        right = "v = momentum v + g"
        hint = "write down the two lines of the momentum rule"
        for key, title, written, told in (
            ("sign", "the momentum has the wrong sign", "v = -momentum v + g", _remember(-1.0, 1.0)),
            ("on-gradient", "the momentum multiplies the gradient, not the velocity", "v = v + momentum g",
             _remember(1 / momentum, momentum)),
            ("forgotten", "the velocity is set back to 0 in every step", "v = g", _forget),
        ):  # fmt: skip
            yield slip(f"momentum-{key}", title, "momentum", written, hint, told)
    if hasattr(training.optimizer, "beta1"):
        right = "w = w - rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)"
        hint = "compare the line that moves the parameters with Adam's, in an early step"
        for key, title, written, t in (
            ("uncorrected", "the bias correction is left out", "w = w - rate * m / (sqrt(v) + epsilon)", 10**9),
            ("first-step", "the number of the step stays 1", right.replace("^t", ""), 1),
        ):
            yield slip(f"adam-{key}", title, "momentum", written, hint, _at_step(t))


def _uphill(update: Stepper) -> Stepper:
    def uphill(now: Moment, told: Told) -> tuple[Array, Memory]:
        w, memory = update(now, told)
        return now.w - (w - now.w), memory

    return uphill


def _told_rate(rate: Callable[[float], float]) -> Callable[[Stepper], Stepper]:
    return lambda update: lambda now, told: update(now, told._replace(rate=rate(told.rate)))


def _remember(memory: float, g: float) -> Callable[[Stepper], Stepper]:
    """The rule given its memories and its gradient times factors."""
    return lambda update: (
        lambda now, told: update(now, told._replace(memory=tuple(memory * m for m in told.memory), g=g * told.g))
    )


def _forget(update: Stepper) -> Stepper:
    return lambda now, told: update(now, told._replace(memory=()))


def _at_step(t: int) -> Callable[[Stepper], Stepper]:
    return lambda update: lambda now, told: update(now, told._replace(t=t))
