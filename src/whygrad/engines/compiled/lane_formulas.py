"""Activations, losses and update rules over the lanes: many networks side by side, one number of each.

A number of a network is here a line (LANES,), the same number of every network; formulas that look at a whole row
(softmax) are given the lines of its units, (n, LANES). They are compiled as in `formulas`, but only those that are
asked for: `Formulas` names them, its Numba type carries the names, and a kernel is compiled, and kept on disk, for
each such type. In compiled code `Formulas` has the methods `activate`, `pull_back`, `judge`, `judge_back` and
`update`; numbers of lines tell them where in `work` to read and to write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cache
from typing import Any

from numba import types
from numba.extending import NativeValue, models, overload_method, register_model, typeof_impl, unbox

from whygrad.activations import ACTIVATIONS
from whygrad.engines.compiled.apart import apart
from whygrad.engines.compiled.cache import making
from whygrad.engines.compiled.formulas import chosen, formula_of, namespace
from whygrad.engines.compiled.layout import LANES
from whygrad.losses import LOSSES, Share
from whygrad.updates import UPDATES


@dataclass(frozen=True)
class Formulas:
    """The formulas of a kernel, by their names."""

    activations: tuple[str, ...]  # each once; layers tell theirs by its place
    loss: str
    fused: bool  # whether loss and output are a shortcut
    rule: str


class FormulasType(types.Type):  # type: ignore[misc]
    """Its Numba type: one for each choice of formulas."""

    def __init__(self, of: Formulas) -> None:
        self.of = of
        super().__init__(name=f"Formulas{astuple(of)}")


typeof_impl.register(Formulas)(lambda value, context: FormulasType(value))
register_model(FormulasType)(models.OpaqueModel)
unbox(FormulasType)(lambda kind, value, c: NativeValue(c.context.get_dummy_value()))


# ---- activations: a from z, and dL/dz from dL/da ----


@cache
def _value(name: str) -> Any:
    """The n lines from z on give those from a on."""
    formula = formula_of(ACTIVATIONS[name].value_rule)
    if ACTIVATIONS[name].elementwise:

        @making
        def value(work: Any, z: int, a: int, n: int, k: float) -> None:
            apart()
            xp = namespace(work)
            for j in range(n):
                for i in range(LANES):
                    work[a + j, i] = formula(xp, work[z + j, i], k)

        return value

    @making
    def row_value(work: Any, z: int, a: int, n: int, k: float) -> None:
        apart()
        found = formula(namespace(work), work[z : z + n], k)
        for j in range(n):
            for i in range(LANES):
                work[a + j, i] = found[j, i]

    return row_value


@cache
def _pull(name: str) -> Any:
    """In place: d is dL/da before and dL/dz after."""
    formula = formula_of(ACTIVATIONS[name].pull_rule)
    if ACTIVATIONS[name].elementwise:

        @making
        def pull(work: Any, d: int, z: int, a: int, n: int, k: float) -> None:
            apart()
            xp = namespace(work)
            for j in range(n):
                for i in range(LANES):
                    work[d + j, i] = formula(xp, work[d + j, i], work[z + j, i], work[a + j, i], k)

        return pull

    @making
    def row_pull(work: Any, d: int, z: int, a: int, n: int, k: float) -> None:
        apart()
        found = formula(namespace(work), work[d : d + n], work[z : z + n], work[a : a + n], k)
        for j in range(n):
            for i in range(LANES):
                work[d + j, i] = found[j, i]

    return row_pull


# ---- losses: the row's, and dL/da or, fused, dL/dz ----


@cache
def _row_loss(rule: Share, elementwise: bool) -> Any:
    """The line `found` = share times the sum of the row's shares; u is a, or z where loss and output are fused."""
    formula = formula_of(rule)
    if elementwise:

        @making
        def loss(work: Any, u: int, y: Any, row: int, n: int, k: float, share: float, found: int) -> None:
            apart()
            xp = namespace(work)
            for i in range(LANES):
                work[found, i] = 0
            for j in range(n):
                target = y[row, j, 0]
                for i in range(LANES):
                    work[found, i] += xp.c(share) * formula(xp, work[u + j, i], target, k)

        return loss

    @making
    def row_loss(work: Any, u: int, y: Any, row: int, n: int, k: float, share: float, found: int) -> None:
        apart()
        xp = namespace(work)
        total = xp.rowsum(formula(xp, work[u : u + n], y[row], k))
        for i in range(LANES):
            work[found, i] = xp.c(share) * total[0, i]

    return row_loss


@cache
def _loss_pull(rule: Share) -> Any:
    """d = share times the derivative of each output's share."""
    formula = formula_of(rule)

    @making
    def pull(work: Any, a: int, y: Any, row: int, d: int, n: int, k: float, share: float) -> None:
        apart()
        xp = namespace(work)
        for j in range(n):
            target = y[row, j, 0]
            for i in range(LANES):
                work[d + j, i] = xp.c(share) * formula(xp, work[a + j, i], target, k)

    return pull


# ---- update rules ----


@making
def _write_one(memory: Any, n: int, j: int, i: int, kept: Any) -> None:
    memory[j, i] = kept[0]


@making
def _write_two(memory: Any, n: int, j: int, i: int, kept: Any) -> None:
    memory[j, i], memory[n + j, i] = kept


_REMEMBER = {  # how many memories, (n, LANES) one after the other -> (what reads one number's, what writes them)
    0: (making(lambda memory, n, j, i: ()), making(lambda memory, n, j, i, kept: None)),
    1: (making(lambda memory, n, j, i: (memory[j, i],)), _write_one),
    2: (making(lambda memory, n, j, i: (memory[j, i], memory[n + j, i])), _write_two),
}


@cache
def _step(name: str) -> Any:
    """w and memories moved on in place, each network by its own rate; what is frozen keeps its w."""
    formula = formula_of(UPDATES[name].step)
    read, write = _REMEMBER[len(UPDATES[name].memories)]

    @making
    def move(w: Any, g: Any, memory: Any, t: int, rates: Any, at: int, k: Any, frozen: Any) -> None:
        apart()
        xp, n = namespace(w), len(w)
        step = float(t)  # the power of a float is worked out before the loop; that of an integer is a loop itself
        for j in range(n):
            stays = len(frozen) > 0 and frozen[j]
            for i in range(LANES):
                moved, kept = formula(xp, w[j, i], g[j, i], read(memory, n, j, i), step, rates[at, i], k)
                write(memory, n, j, i, kept)
                w[j, i] = w[j, i] if stays else moved

    return move


# ---- the methods, woven into the kernel that calls them ----


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method of `Formulas` of the function's name: given types, it returns what is compiled for them."""
    overload_method(FormulasType, function.__name__.strip("_"), inline="always")(function)
    return function


@cache
def _of_layers(one: Callable[[str], Any], activations: tuple[str, ...]) -> Any:
    return chosen([one(name) for name in activations])


@_method
def _activate(f, number, work, z, a, n, k):  # type: ignore[no-untyped-def]  # overloads compare annotations
    function = _of_layers(_value, f.of.activations)
    return lambda f, number, work, z, a, n, k: function(number, work, z, a, n, k)


@_method
def _pull_back(f, number, work, d, z, a, n, k):  # type: ignore[no-untyped-def]
    function = _of_layers(_pull, f.of.activations)
    return lambda f, number, work, d, z, a, n, k: function(number, work, d, z, a, n, k)


@_method
def _judge(f, work, u, y, row, n, k, share, found):  # type: ignore[no-untyped-def]
    loss, s = LOSSES[f.of.loss], LOSSES[f.of.loss].shortcut
    if s is None or not f.of.fused:
        function = _row_loss(loss.value_rule, True)
    else:
        function = _row_loss(s.value_rule, ACTIVATIONS[s.activation].elementwise)
    return lambda f, work, u, y, row, n, k, share, found: function(work, u, y, row, n, k, share, found)


@_method
def _judge_back(f, work, a, y, row, d, n, k, share):  # type: ignore[no-untyped-def]
    loss, s = LOSSES[f.of.loss], LOSSES[f.of.loss].shortcut
    function = _loss_pull(loss.pull_rule if s is None or not f.of.fused else s.pull_rule)
    return lambda f, work, a, y, row, d, n, k, share: function(work, a, y, row, d, n, k, share)


@_method
def _update(f, w, g, memory, t, rates, at, k, frozen):  # type: ignore[no-untyped-def]
    function = _step(f.of.rule)
    return lambda f, w, g, memory, t, rates, at, k, frozen: function(w, g, memory, t, rates, at, k, frozen)
