"""Every activation, loss and update rule as compiled loops, chosen by number.

Each entry of ACTIVATIONS, LOSSES and UPDATES is compiled as it stands there, inside a loop over the numbers of a
buffer. Those that look at a whole row (softmax) are written out as loops over one row after the other (`traced`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from whygrad.activations import ACTIVATIONS
from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.bits import larger, of_bits, size_bits
from whygrad.engines.compiled.cache import copied, inner, linked
from whygrad.engines.compiled.namespace import XP32, XP64
from whygrad.engines.compiled.raw import read, room, write
from whygrad.engines.compiled.traced import Value, loops, number, row, row_sum, scratch_lines, traced
from whygrad.losses import LOSSES, Share
from whygrad.updates import UPDATES


def namespace(a: Any) -> Any:
    """The namespace of an array's dtype."""
    return XP32 if a.dtype == np.float32 else XP64


overload(namespace)(lambda a: (lambda a: XP32) if a.dtype == types.float32 else (lambda a: XP64))


@cache
def formula_of(rule: Callable[..., Any]) -> Any:
    """A formula compiled, and with it the formulas that it calls."""
    used = {name: value for name, value in rule.__globals__.items() if name in rule.__code__.co_names}
    compiled = {name: formula_of(value) for name, value in used.items() if isinstance(value, FunctionType)}
    return copied(FunctionType(rule.__code__, {**rule.__globals__, **compiled}, rule.__name__))


def chosen(functions: Sequence[Any]) -> Any:
    """One function of (number, *arguments) that calls the function of that number; one may have several numbers.

    It is written out as text: functions that call each other would be linked once a call.
    """
    names = {f"function_{k}": function for k, function in enumerate(dict.fromkeys(functions))}
    numbers = {name: [n for n, one in enumerate(functions) if one is function] for name, function in names.items()}
    cases = "".join(
        f"    if {' or '.join(f'number == {n}' for n in of)}:\n        return {name}(*given)\n"
        for name, of in numbers.items()
    )
    exec(f"def chosen(number, *given):\n{cases}    return function_0(*given)\n", names)
    return linked(names["chosen"])


def _by_rows(arguments: str, dtype: str, result: Value, written: str, then: str = "") -> Any:
    """A function of those arguments that works a result out for every row: the number `total`, or a row.

    `written` is what writes a row's number at place j, `then` what comes after each row; `dtype` names an array.
    """
    lines = loops(result, "n", "total", written, lambda k: (f"s[{k} * n + j]", f"s[{k} * n + j] = {{0}}"))
    text = "\n".join([
        f"def of_rows({arguments}):",
        "    apart()",
        f"    xp, s = namespace({dtype}), room({dtype}, {scratch_lines(result)} * n)",
        "    for r in range(0, rows * width, width):",
        *(f"        {line}" for line in lines),
        f"        {then}", "",
    ])  # fmt: skip
    names: dict[str, Any] = {"np": np, "apart": apart, "namespace": namespace}
    names |= {"larger": larger, "read": read, "room": room, "write": write}
    exec(text, names)
    return linked(names["of_rows"])


def _given(names: str) -> list[Value]:
    """The rows of those buffers, and the formula's constant."""
    return [*(row(f"read({name}, {name}0 + r + j)") for name in names), number("k")]


# ---- activations: a from z, and dL/dz from dL/da, of n numbers in each row; elementwise also of padding ----


def _value(rule: Callable[..., Any], elementwise: bool) -> Any:
    if elementwise:
        formula = formula_of(rule)

        @linked
        def value(z: Any, z0: int, a: Any, a0: int, rows: int, n: int, width: int, k: float) -> None:
            apart()
            xp = namespace(z)
            for r in range(0, 1 if n == width else rows * width, width):
                for i in range(r, rows * width if n == width else r + n):
                    write(a, a0 + i, formula(xp, read(z, z0 + i), k))

        return value

    return _by_rows(
        "z, z0, a, a0, rows, n, width, k", "z", traced(rule, *_given("z")), "write(a, a0 + r + j, {0})"
    )


def _pull(rule: Callable[..., Any], elementwise: bool) -> Any:
    """In place: d is dL/da before and dL/dz after."""
    if elementwise:
        formula = formula_of(rule)

        @linked
        def pull(
            d: Any, d0: int, z: Any, z0: int, a: Any, a0: int, rows: int, n: int, width: int, k: float
        ) -> None:
            apart()
            xp = namespace(z)
            for r in range(0, 1 if n == width else rows * width, width):
                for i in range(r, rows * width if n == width else r + n):
                    write(d, d0 + i, formula(xp, read(d, d0 + i), read(z, z0 + i), read(a, a0 + i), k))

        return pull

    result = traced(rule, *_given("dza"))
    return _by_rows("d, d0, z, z0, a, a0, rows, n, width, k", "d", result, "write(d, d0 + r + j, {0})")


activate = chosen([_value(g.value_rule, g.elementwise) for g in ACTIVATIONS.values()])
pull = chosen([_pull(g.pull_rule, g.elementwise) for g in ACTIVATIONS.values()])


# ---- losses: each row's, and dL/da or, fused, dL/dz ----


@cache
def _rows_loss(rule: Share, elementwise: bool) -> Any:
    """found[r] = share times the sum of row r's shares; `u` is a, or z where loss and output are fused."""
    if elementwise:
        formula = formula_of(rule)

        @linked
        def loss(
            u: Any, u0: int, y: Any, y0: int, rows: int, n: int, width: int, k: float, share: float, found: Any
        ) -> None:
            apart()
            xp = namespace(u)
            for r in range(rows):
                total = xp.c(0.0)
                for j in range(n):
                    total += formula(xp, read(u, u0 + r * width + j), read(y, y0 + r * width + j), k)
                found[r] = xp.c(share) * total

        return loss

    result = number("xp.c(share)") * row_sum(traced(rule, *_given("uy")))
    return _by_rows("u, u0, y, y0, rows, n, width, k, share, found", "u", result, "", "found[r // width] = total")


@cache
def _loss_pull(rule: Share) -> Any:
    """d = share times the derivative of each output's share; padding becomes 0."""
    formula = formula_of(rule)

    @linked
    def pull(
        a: Any, a0: int, y: Any, y0: int, d: Any, d0: int, rows: int, n: int, width: int, k: float, share: float
    ) -> None:
        apart()
        xp = namespace(a)
        for r in range(rows):
            for j in range(width):
                i = r * width + j
                pulled = xp.c(share) * formula(xp, read(a, a0 + i), read(y, y0 + i), k)
                write(d, d0 + i, pulled if j < n else xp.c(0.0))

    return pull


def _both(loss: Any) -> list[tuple[Any, Any, bool]]:
    """(value, pull, whether unit by unit) unfused, and fused where the loss has a shortcut."""
    s = loss.shortcut
    plain = (loss.value_rule, loss.pull_rule, True)
    return [plain, plain if s is None else (s.value_rule, s.pull_rule, ACTIVATIONS[s.activation].elementwise)]


_PAIRS = [pair for loss in LOSSES.values() for pair in _both(loss)]  # loss number l: 2 l unfused, 2 l + 1 fused
row_losses = chosen([_rows_loss(value, elementwise) for value, _, elementwise in _PAIRS])
loss_pull = chosen([_loss_pull(pull) for _, pull, _ in _PAIRS])


# ---- update rules ----


def _constants(n: int) -> Any:
    """The first n of an array as a tuple."""
    return {
        0: inner(lambda k: ()),
        1: inner(lambda k: (k[0],)),
        2: inner(lambda k: (k[0], k[1])),
        3: inner(lambda k: (k[0], k[1], k[2])),
        4: inner(lambda k: (k[0], k[1], k[2], k[3])),
    }[n]


@inner
def _write_one(memory: Any, i: int, n: int, kept: Any) -> None:
    write(memory, i, kept[0])


@inner
def _write_two(memory: Any, i: int, n: int, kept: Any) -> None:
    write(memory, i, kept[0])
    write(memory, n + i, kept[1])


_REMEMBER = {  # how many memories, one after the other -> (what reads a parameter's, what writes them)
    0: (inner(lambda memory, i, n: ()), inner(lambda memory, i, n, kept: None)),
    1: (inner(lambda memory, i, n: (read(memory, i),)), _write_one),
    2: (inner(lambda memory, i, n: (read(memory, i), read(memory, n + i))), _write_two),
}


def _step(rule: Any) -> Any:
    """w and memories moved on in place from number `start` to `stop`; returns the largest move."""
    formula, constants = formula_of(rule.step), _constants(len(fields(rule)) - 1)
    recall, remember = _REMEMBER[len(rule.memories)]

    @linked
    def move(w: Any, g: Any, memory: Any, start: int, stop: int, t: int, rate: float, k: Any) -> float:
        apart()
        xp, given, n = namespace(w), constants(k), len(w)
        largest = size_bits(w.dtype.type(0))
        step = float(
            t
        )  # a power of a float is worked out once, before the loop; one of an integer is a loop itself
        for i in range(start, stop):
            moved, kept = formula(xp, read(w, i), read(g, i), recall(memory, i, n), step, rate, given)
            remember(memory, i, n, kept)
            largest = max(largest, size_bits(moved - read(w, i)))
            write(w, i, moved)
        return float(of_bits(largest))

    return move


update = chosen([_step(rule) for rule in UPDATES.values()])


# ---- what becomes of one number of a gradient before the rule ----


@copied
def penalty(xp: Any, w: Any, l1: float, l2: float) -> Any:
    """What a penalty adds to the derivative of a weight, as in `propagation.penalized`."""
    return xp.c(l1) * xp.sign(w) + xp.c(l2) * w


@copied
def bounded(g: Any, limit: Any) -> Any:
    """g between -limit and limit, or NaN, as where `propagation.clipped` clips by value."""
    return min(max(g, -limit), limit) if g == g else g
