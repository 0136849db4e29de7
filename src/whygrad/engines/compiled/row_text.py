"""What one row does to a network of given sizes, as the text of a kernel: every loop's length stands in it.

Parameters and memories lie in one array `h` and a row's values in another, `v`, each at a place that stands in the
text, so that LLVM turns loops into vectors without asking what overlaps. A layer's W lies along its outputs,
(n_in, width), or along its inputs, (n_out, width), whichever takes fewer steps; `width` is rounded up to whole
vectors, and what is padding stays 0. The lines say: z = b + a_before W and a = g(z) for each layer, the loss,
delta back through every W as it was, then each layer's update, as `propagation` and `updates` say it for arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from whygrad.activations import ACTIVATIONS
from whygrad.engines.compiled.layout import LINE, LOW, rounded
from whygrad.engines.compiled.traced import Value, loops, number, row, row_sum, scratch_lines, traced
from whygrad.losses import LOSSES
from whygrad.maths import Counts
from whygrad.network import Network
from whygrad.training import Training
from whygrad.updates import UPDATES, name_of

_TOGETHER = 4  # rows of W that are moved in one pass over a vector
_SUM = 8  # what adding up one vector's numbers costs, in vectors


@dataclass(frozen=True)
class Plan:
    """What the text is made from. `in_blocks`: whether the first layer is left to blocks of rows (`blocks`)."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str
    fused: bool
    rule: str
    penalized: bool
    weighted: bool
    vector: int  # numbers in a vector
    in_blocks: bool = False


def plan_of(net: Network, training: Training, weighted: bool, size: int, in_blocks: bool = False) -> Plan:
    """The plan for numbers of so many bytes."""
    loss = training.loss
    return Plan(
        net.sizes, tuple(g.activation.name for g in net.layers), loss.name, loss.fuses(net.output) is not None,
        name_of(training.optimizer), bool(training.l1 or training.l2), weighted, LINE // size, in_blocks,
    )  # fmt: skip


class Layer(NamedTuple):
    """One layer: its sizes, and where its parameters begin in h and its row's values in v."""

    n: int  # from 1
    n_in: int
    units: int
    along: bool  # whether a row of W is one input's weights to all outputs; else one output's from all inputs
    width: int  # of a row of W
    W: int
    b: int
    before: int
    z: int
    a: int
    d: int

    @property
    def rows(self) -> int:
        """Rows of W."""
        return self.n_in if self.along else self.units


@dataclass(frozen=True)
class Layout:
    """Where everything lies."""

    layers: tuple[Layer, ...]
    held: int  # numbers in h from the parameters to the first memory, and so on
    widest: int  # numbers in the widest row
    top: int  # where in v the largest moves begin, as many as that
    scratch: int  # where lines of that length begin for formulas of a whole row
    size: int  # of v


def memories_of(plan: Plan) -> int:
    """How many memories the rule has."""
    return len(UPDATES[plan.rule].memories)


def laid_out(plan: Plan) -> Layout:
    """Where everything lies: in h the parameters, then each memory; in v the row's values and scratch."""
    layers: list[Layer] = []
    W, before = 0, 0
    at = rounded(plan.sizes[0], plan.vector)
    for n, (n_in, units) in enumerate(zip(plan.sizes, plan.sizes[1:], strict=False), start=1):
        blocks = plan.in_blocks and n == 1
        costs = (_steps(n_in, units, plan.vector, _SUM * (n > 1)), _steps(units, n_in, plan.vector, _SUM))
        along = blocks or costs[0] <= costs[1]
        long, width = rounded(units, plan.vector), rounded(units if along else n_in, plan.vector)
        rows = rounded(n_in, LOW) if blocks else n_in if along else units
        layers.append(
            Layer(n, n_in, units, along, width, W, W + rows * width, before, at, at + long, at + 2 * long)
        )
        W, before, at = W + rows * width + long, at + long, at + 3 * long
    widest = max(max(layer.width, rounded(layer.units, plan.vector)) for layer in layers)
    lines = 1 + max((scratch_lines(result) for result in _of_rows(plan)), default=0)
    return Layout(tuple(layers), W, widest, at, at + widest, at + lines * widest)


def _steps(rows: int, along: int, vector: int, sums: int) -> int:
    """What a W of `rows` rows of `along` numbers costs, in vectors; `sums` for adding a row up to one number."""
    return rows * (3 * rounded(along, vector) // vector + sums)


def places_of(plan: Plan, layout: Layout) -> Counts:
    """(P,): where each parameter of the flat vector lies in h."""
    found = []
    for layer in layout.layers:
        i, j = np.arange(layer.n_in)[:, None], np.arange(layer.units)[None, :]
        if plan.in_blocks and layer.n == 1:
            start = j - j % (2 * plan.vector)  # of the panel, see `layout`
            columns = np.minimum(2 * plan.vector, layer.width - start)
            W = layer.W + start * (layer.b - layer.W) // layer.width + i * columns + j - start
        else:
            W = layer.W + (i * layer.width + j if layer.along else j * layer.width + i)
        found += [W.reshape(-1), layer.b + np.arange(layer.units)]
    return np.concatenate(found)


# ---- the text ----

_HEAD = """
import numpy as np
from whygrad.activations import ACTIVATIONS
from whygrad.engines.compiled.apart import wide
from whygrad.engines.compiled.bits import larger, of_bits, size_bits
from whygrad.engines.compiled.cache import kernel
from whygrad.engines.compiled.formulas import formula_of, namespace, penalty
from whygrad.engines.compiled.raw import read_held, read_row, write_held, write_row
from whygrad.engines.compiled.sums import add_rows
from whygrad.losses import LOSSES
from whygrad.updates import UPDATES

loss = LOSSES[{plan.loss!r}]{shortcut}
value, loss_pull = formula_of(loss.value_rule), formula_of(loss.pull_rule)
step = formula_of(UPDATES[{plan.rule!r}].step)
"""
_LAYER = """g = ACTIVATIONS[{name!r}]
g{n}, pull{n} = formula_of(g.value_rule), formula_of(g.pull_rule)"""


def head(plan: Plan) -> list[str]:
    """The lines before the kernel: what it imports, and its formulas compiled."""
    formulas = (_LAYER.format(n=n, name=name) for n, name in enumerate(plan.activations, start=1))
    return [_HEAD.format(plan=plan, shortcut=".shortcut" if plan.fused else ""), *formulas, "", ""]


def constants_read(plan: Plan) -> Iterator[str]:
    """The lines that read constants, before the rows."""
    yield f"given = ({''.join(f'k[{n}], ' for n in range(len(fields(UPDATES[plan.rule])) - 1))})"
    yield from (f"own{n} = own[{n - 1}]" for n in range(1, len(plan.sizes)))


def row_lines(plan: Plan, layout: Layout) -> Iterator[str]:
    """The lines of one row: forward, judged, back, and every parameter's step."""
    yield from (*_forward(plan, layout), *_loss(plan, layout), *_backward(plan, layout), *_update(plan, layout))


def largest_move(layout: Layout) -> Iterator[str]:
    """The lines that return the largest move, after the rows."""
    yield "largest = size_bits(xp.c(0.0))"
    yield f"for j in range({layout.top}, {layout.scratch}):"
    yield "    largest = max(largest, size_bits(read_row(v, j)))"
    yield "return float(of_bits(largest))"


def indented(lines: Iterable[str], levels: int) -> list[str]:
    """The lines, further in."""
    return [f"{'    ' * levels}{line}" for line in lines]


def _elementwise(plan: Plan, layer: Layer) -> bool:
    return ACTIVATIONS[plan.activations[layer.n - 1]].elementwise


def _of_rows(plan: Plan) -> Iterator[Value]:
    """What the formulas of the plan give that look at a whole row."""
    d, z, a, k = *map(row, "dza"), number("k")
    for g in (ACTIVATIONS[name] for name in plan.activations):
        if not g.elementwise:
            yield from (traced(g.value_rule, z, k), traced(g.pull_rule, d, z, a, k))
            if plan.fused:
                yield _row_loss(plan, z, d)


def _row_loss(plan: Plan, u: Value, y: Value) -> Value:
    shortcut = LOSSES[plan.loss].shortcut
    assert shortcut is not None
    return row_sum(traced(shortcut.value_rule, u, y, number("loss_k")))


def _loops(layout: Layout, result: Value, n: int, written: int) -> list[str]:
    """A result worked out, the number `total` or a row that is written at that place."""

    def scratch(k: int) -> tuple[str, str]:
        place = layout.scratch + k * layout.widest
        return f"read_row(v, {place} + j)", f"write_row(v, {place} + j, {{0}})"

    return loops(result, str(n), "total", f"write_row(v, {written} + j, {{0}})", scratch)


def _given(place: int) -> Value:
    return row(f"read_row(v, {place} + j)")


def _long(plan: Plan, layer: Layer) -> int:
    """The layer's units, rounded up to whole vectors; a few are taken one by one."""
    return layer.units if 4 * layer.units < plan.vector else rounded(layer.units, plan.vector)


def _length(plan: Plan, layer: Layer) -> str:
    """The same as the text of a loop's length; `one` is 1, but LLVM writes loops out whose length it is told."""
    long = _long(plan, layer)
    return str(long) if long == layer.units and long % plan.vector else f"{long} * one"


def _forward(plan: Plan, layout: Layout) -> Iterator[str]:
    """z and a of every layer; in blocks, z of the first is there."""
    for layer, following in zip(layout.layers, [*layout.layers[1:], None], strict=True):
        if not (plan.in_blocks and layer.n == 1):
            yield from _sums(layer) if layer.along else _dots(layer)
        own = f"own{layer.n}"
        if _elementwise(plan, layer):
            yield f"for j in range({_length(plan, layer)}):"
            yield f"    write_row(v, {layer.a} + j, g{layer.n}(xp, read_row(v, {layer.z} + j), {own}))"
        else:
            rule = ACTIVATIONS[plan.activations[layer.n - 1]].value_rule
            yield from _loops(layout, traced(rule, _given(layer.z), number(own)), layer.units, layer.a)
        if following is not None and not following.along and layer.units < _long(plan, layer):
            yield f"for j in range({layer.units}, {_long(plan, layer)}):  # else padding of the next W moves"
            yield f"    write_row(v, {layer.a} + j, xp.c(0.0))"


def _sums(layer: Layer) -> Iterator[str]:
    """z = b + the sum over inputs of a_i W_i, each W_i a row."""
    yield f"for j in range({layer.width} * one):"
    yield f"    write_row(v, {layer.z} + j, read_held(h, {layer.b} + j))"
    yield f"add_rows(v, {layer.z}, v, {layer.before}, h, {layer.W}, {layer.width}, {layer.n_in})"


def _dots(layer: Layer) -> Iterator[str]:
    """z_j = b_j + a . W_j, each W_j a row."""
    yield f"for j in range({layer.units}):"
    yield f"    total = read_held(h, {layer.b} + j)"
    yield f"    for i in range({layer.width} * one):"
    yield f"        total += read_row(v, {layer.before} + i) * read_held(h, {layer.W} + j * {layer.width} + i)"
    yield f"    write_row(v, {layer.z} + j, total)"


def _loss(plan: Plan, layout: Layout) -> Iterator[str]:
    """The row's loss, and delta of the last layer."""
    last = layout.layers[-1]
    n, u = last.units, last.z if plan.fused else last.a
    if plan.fused and not _elementwise(plan, last):
        yield from _loops(layout, _row_loss(plan, _given(u), row("y[r, j]")), n, 0)
    else:
        yield "total = xp.c(0.0)"
        yield f"for j in range({n}):"
        yield f"    total += value(xp, read_row(v, {u} + j), y[r, j], loss_k)"
    weight = " * np.float64(weights[r])" if plan.weighted else ""
    yield f"met[now] = np.float64(xp.c(share) * total){weight}"
    yield f"for j in range({n}):"
    yield f"    pulled = xp.c(share) * loss_pull(xp, read_row(v, {last.a} + j), y[r, j], loss_k)"
    yield f"    write_row(v, {last.d} + j, pulled)"
    if not plan.fused:
        yield from _pulled(plan, layout, last, str(last.units))
    if plan.weighted:
        yield f"for j in range({n}):"
        yield f"    write_row(v, {last.d} + j, read_row(v, {last.d} + j) * weights[r])"


def _pulled(plan: Plan, layout: Layout, layer: Layer, long: str) -> Iterator[str]:
    """delta = dL/dz from dL/da, in its place."""
    own = f"own{layer.n}"
    if _elementwise(plan, layer):
        given = ", ".join(f"read_row(v, {at} + j)" for at in (layer.d, layer.z, layer.a))
        yield f"for j in range({long}):"
        yield f"    write_row(v, {layer.d} + j, pull{layer.n}(xp, {given}, {own}))"
    else:
        rule = ACTIVATIONS[plan.activations[layer.n - 1]].pull_rule
        values = map(_given, (layer.d, layer.z, layer.a))
        yield from _loops(layout, traced(rule, *values, number(own)), layer.units, layer.d)


def _backward(plan: Plan, layout: Layout) -> Iterator[str]:
    """delta of every layer before the last."""
    for layer, before in zip(layout.layers[:0:-1], layout.layers[-2::-1], strict=True):
        if layer.along:  # dL/da_i = W_i . delta
            yield f"for i in range({layer.n_in}):"
            yield "    total = xp.c(0.0)"
            yield f"    for j in range({layer.width} * one):"
            yield f"        total += read_row(v, {layer.d} + j) * read_held(h, {layer.W} + i * {layer.width} + j)"
            yield f"    write_row(v, {before.d} + i, total)"
        else:  # dL/da = the sum over outputs of delta_j W_j
            yield f"for j in range({layer.width} * one):"
            yield f"    write_row(v, {before.d} + j, xp.c(0.0))"
            yield f"add_rows(v, {before.d}, v, {layer.d}, h, {layer.W}, {layer.width}, {layer.units})"
        yield from _pulled(plan, layout, before, _length(plan, before))


def _update(plan: Plan, layout: Layout) -> Iterator[str]:
    """Every parameter's step, in blocks but for the first layer's: W some rows at a time, then b."""
    for layer in layout.layers[plan.in_blocks :]:
        whole = layer.rows - layer.rows % _TOGETHER
        if whole:
            yield f"for row in range(0, {whole}, {_TOGETHER}):"
            yield from (f"    {line}" for line in _rows_moved(plan, layout, layer, "row + ", 0, _TOGETHER))
        if whole < layer.rows:
            yield from _rows_moved(plan, layout, layer, "", whole, layer.rows - whole)
        yield f"for j in range({_length(plan, layer)}):"
        yield f"    top = size_bits(read_row(v, {layout.top} + j))"
        yield from _moved(plan, layout, f"{layer.b} + j", f"read_row(v, {layer.d} + j)")
        yield f"    write_row(v, {layout.top} + j, of_bits(top))"


def _rows_moved(plan: Plan, layout: Layout, layer: Layer, start: str, first: int, many: int) -> Iterator[str]:
    """So many rows of W from there on; a row's gradient is one number of one side times all of the other."""
    one, others = (layer.before, layer.d) if layer.along else (layer.d, layer.before)
    for k in range(many):
        yield f"s{k} = read_row(v, {one} + {start}{first + k})"
        yield f"at{k} = {layer.W} + ({start}{first + k}) * {layer.width}"
    penalty = " + penalty(xp, w, l1, l2)" if plan.penalized else ""
    yield f"for j in range({layer.width} * one):"
    yield f"    other, top = read_row(v, {others} + j), size_bits(read_row(v, {layout.top} + j))"
    for k in range(many):
        yield from _moved(plan, layout, f"at{k} + j", f"s{k} * other{penalty}")
    yield f"    write_row(v, {layout.top} + j, of_bits(top))"


def _moved(plan: Plan, layout: Layout, place: str, g: str) -> Iterator[str]:
    """One parameter's step, in a loop over j."""
    memories = [f"{place} + {k * layout.held}" for k in range(1, memories_of(plan) + 1)]
    yield f"    w = read_held(h, {place})"
    memory = "".join(f"read_held(h, {memory}), " for memory in memories)
    yield f"    new, kept = step(xp, w, {g}, ({memory}), count, rate, given)"
    yield "    top = max(top, size_bits(new - w))"
    yield f"    write_held(h, {place}, new)"
    for k, memory in enumerate(memories):
        yield f"    write_held(h, {memory}, kept[{k}])"
