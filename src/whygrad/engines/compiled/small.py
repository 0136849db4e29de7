"""A kernel written out for one small network: every weight a number of its own, which LLVM keeps in registers.

For row-by-row training of a network with few parameters. The text of the kernel is made from the shape, kept in
the folder of the kernels, and compiled once for each dtype; it calls the formulas of ACTIVATIONS, LOSSES and
UPDATES as they stand. Per row it says: a_l = g(b_l + a_{l-1} W_l), the loss, delta_l back through the W_l as they
were, then every parameter's update, as `propagation` and `updates` say it for arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from whygrad.engines.compiled.row_text import Plan, constants_read, head, indented, memories_of, plan_of
from whygrad.engines.compiled.waiting import first_calls
from whygrad.engines.compiled.written import named, written
from whygrad.maths import Array
from whygrad.network import Network
from whygrad.state import State
from whygrad.training import Training
from whygrad.updates import constants

MOST_PARAMETERS = 64  # more do not stay in registers


def fits(net: Network, training: Training) -> bool:
    """Whether runs of this network have such a kernel."""
    alone = training.batch == 1 and training.clip is None and not training.freeze
    plain = all(layer.activation.elementwise for layer in net.layers)
    return alone and plain and net.n_parameters <= MOST_PARAMETERS


def advance(
    net: Network, training: Training, state: State, x: Array, y: Array, weights: Array, order: Any, rates: Any
) -> tuple[Array, tuple[Array, ...], Array, float]:
    """(w, memories, each row's loss before its update, the largest move): one update for each of `order`.

    x (rows, n_in), y (rows, n_out), weights (rows,) or none, in the state's dtype.
    """
    rule, loss = training.optimizer, training.loss
    kernel = written(_text(plan_of(net, training, len(weights) > 0, state.w.itemsize)))
    w, met = state.w.copy(), np.empty(len(rates))
    memory = np.zeros((len(rule.memories), len(w)), w.dtype)
    for held, given in zip(memory, state.memory, strict=False):
        held[:] = given
    own = np.array([layer.activation.k for layer in net.layers])
    with first_calls((kernel.__module__,), w.dtype.name):
        largest = kernel(
            w, memory, x, y, weights, order, rates, state.t, np.array(constants(rule)), own, loss.k,
            loss.share(net.outputs), training.l1, training.l2, met,
        )  # fmt: skip
    return w, tuple(memory), met, float(largest)


# ---- the text ----


def name(net: Network, training: Training, weighted: bool) -> str:
    """What the kernel of such runs is called in the folder of the kernels."""
    return named(_text(plan_of(net, training, weighted, np.dtype(training.dtype).itemsize)))


@cache
def _text(plan: Plan) -> str:
    row = (*_forward(plan), *_loss(plan), *_backward(plan), *_update(plan))
    names, memories = [name for name, _ in _parameters(plan)], range(memories_of(plan))
    held = [f"m{k}_{name}" for name in names for k in memories]
    places = [f"memory[{k}, {at}]" for _, at in _parameters(plan) for k in memories]
    read = [f"    {name} = {place}" for name, place in zip(held, places, strict=True)]
    kept = [f"    {place} = {name}" for name, place in zip(held, places, strict=True)]
    return "\n".join([
        *head(plan),
        "@kernel",
        "def advance(w, memory, x, y, weights, order, rates, t, k, own, loss_k, share, l1, l2, met):",
        "    wide()", "    xp = namespace(w)", "    largest = size_bits(xp.c(0.0))",
        *indented(constants_read(plan), 1),
        *(f"    {name} = w[{at}]" for name, at in _parameters(plan)), *read,
        "    for i in range(len(rates)):", "        r = order[i]", *indented(row, 2),
        *(f"    w[{at}] = {name}" for name, at in _parameters(plan)), *kept,
        "    return float(of_bits(largest))", "",
    ])  # fmt: skip


def _parameters(plan: Plan) -> Iterator[tuple[str, int]]:
    """(name, place in w) of every parameter: w1_0_1 is layer 1, from 0, to 1."""
    at = 0
    for n, (n_in, n_out) in enumerate(zip(plan.sizes, plan.sizes[1:], strict=False), start=1):
        for i in range(n_in):
            for j in range(n_out):
                yield f"w{n}_{i}_{j}", at
                at += 1
        for j in range(n_out):
            yield f"b{n}_{j}", at
            at += 1


def _layers(plan: Plan) -> list[tuple[int, range, range]]:
    """(number, units before, units) of every layer."""
    return [
        (n, range(a), range(b)) for n, (a, b) in enumerate(zip(plan.sizes, plan.sizes[1:], strict=False), start=1)
    ]


def _forward(plan: Plan) -> Iterator[str]:
    for j in range(plan.sizes[0]):
        yield f"a0_{j} = x[r, {j}]"
    for n, before, units in _layers(plan):
        for j in units:
            yield f"z{n}_{j} = b{n}_{j} + {' + '.join(f'a{n - 1}_{i} * w{n}_{i}_{j}' for i in before)}"
            yield f"a{n}_{j} = g{n}(xp, z{n}_{j}, own{n})"


def _loss(plan: Plan) -> Iterator[str]:
    """The row's loss, and delta of the last layer."""
    last, units = len(plan.activations), range(plan.sizes[-1])
    u = "z" if plan.fused else "a"
    shares = " + ".join(f"value(xp, {u}{last}_{j}, y[r, {j}], loss_k)" for j in units)
    yield f"met[i] = np.float64(xp.c(share) * ({shares})){' * np.float64(weights[r])' if plan.weighted else ''}"
    for j in units:
        yield f"d{last}_{j} = xp.c(share) * loss_pull(xp, a{last}_{j}, y[r, {j}], loss_k)"
        if not plan.fused:
            yield f"d{last}_{j} = pull{last}(xp, d{last}_{j}, z{last}_{j}, a{last}_{j}, own{last})"
        if plan.weighted:
            yield f"d{last}_{j} = d{last}_{j} * weights[r]"


def _backward(plan: Plan) -> Iterator[str]:
    for n, before, units in reversed(_layers(plan)[1:]):
        for i in before:
            back = " + ".join(f"w{n}_{i}_{j} * d{n}_{j}" for j in units)
            yield f"d{n - 1}_{i} = pull{n - 1}(xp, {back}, z{n - 1}_{i}, a{n - 1}_{i}, own{n - 1})"


def _update(plan: Plan) -> Iterator[str]:
    number = memories_of(plan)
    for n, before, units in _layers(plan):
        for j in units:
            for i in before:
                name = f"w{n}_{i}_{j}"
                penalty = f" + penalty(xp, {name}, l1, l2)" if plan.penalized else ""
                yield from _moved(name, f"a{n - 1}_{i} * d{n}_{j}{penalty}", number)
            yield from _moved(f"b{n}_{j}", f"d{n}_{j}", number)


def _moved(name: str, g: str, number: int) -> Iterator[str]:
    memory = "".join(f"m{k}_{name}, " for k in range(number))
    yield f"new, kept = step(xp, {name}, {g}, ({memory}), float(t + i + 1), rates[i], given)"
    yield f"largest = max(largest, size_bits(new - {name}))"
    yield f"{name} = new"
    for k in range(number):
        yield f"m{k}_{name} = kept[{k}]"
