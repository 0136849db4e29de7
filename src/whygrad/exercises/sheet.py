"""What stands on a sheet, before it is Markdown, LaTeX or HTML; mathematics in sentences stands in dollars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from whygrad.activations import Activation
from whygrad.exercises.exercise import Exercise
from whygrad.exercises.quantity import Quantity, Section
from whygrad.exercises.writing import judged, shown
from whygrad.explanation.pages import alone, chained
from whygrad.explanation.symbols import Sign, figure
from whygrad.explanation.writing import spelled
from whygrad.names import legend
from whygrad.printing import counted

TITLES: dict[Section, str] = {
    "forward": "Forward: from the inputs to the loss",
    "backward": "Backward: from the loss to every unit",
    "gradient": "Gradient: the derivative of the loss by every parameter",
    "update": "Update: every parameter after one step",
    "after": "Once more: the same row with the new parameters",
}
_LETTERS = {  # what else stands in a formula
    "gelu": r", where $\Phi$ is the normal distribution's function and $\varphi = \Phi'$ its density",
    "silu": r", where $\sigma(z) = \frac{1}{1+e^{-z}}$",
}


@dataclass(frozen=True)
class Item:
    """One line: what is asked for, and on the key what it is equal to. `number` is 0 for a step on the way."""

    number: int
    points: int
    sign: Sign
    working: tuple[Sign, ...] = ()


@dataclass(frozen=True)
class Part:
    """A section of the sheet."""

    title: str
    note: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Sheet:
    """A sheet or its key: whose it is, what is given, how to answer, and what is asked."""

    title: str
    about: str
    student: str
    points: int
    network: tuple[str, ...]
    given: tuple[tuple[str, tuple[Sign, ...]], ...]  # rows of equations, each with a label
    names: tuple[str, ...]
    answering: str
    parts: tuple[Part, ...]
    key: bool


def sheet_of(exercise: Exercise, key: bool = False) -> Sheet:
    """The sheet of an exercise, or its answer key: every number, with one line of working."""
    e = exercise
    return Sheet(
        "Backpropagation by hand",
        f"One row through a {'-'.join(map(str, e.net.sizes))} network" + (": answer key" if key else ""),
        e.who,
        e.points,
        tuple(_network(e)),
        tuple(_given(e)),
        (legend(e.net, e.notation), e.signs.symbols.legend()),
        _answering(e),
        tuple(_parts(e, key)),
        key,
    )


def _parts(e: Exercise, key: bool) -> Iterator[Part]:
    numbers = {quantity.name: number for number, quantity in enumerate(e.asked, start=1)}
    for section, title in TITLES.items():
        of = [q for q in e.quantities if q.section == section and (q.points or key)]
        items = [Item(numbers.get(q.name, 0), q.points, q.sign, _working(e, q) if key else ()) for q in of]
        yield Part(title, _note(e) if section == "backward" else "", tuple(items))


def _note(e: Exercise) -> str:
    """What is to be said before the way back."""
    if e.loss.fuses(e.net.output) is None:
        return ""
    pair = f"{_called(e.net.output.name)} and {_called(e.loss.name)}"
    return f"{pair.capitalize()} are a pair: take the two in one step."


def _working(e: Exercise, quantity: Quantity) -> tuple[Sign, ...]:
    """formula = numbers = value, all with the digits that are asked for."""
    names = {need.name: need.sign for need in e.quantities} | {s.text: s for s in e.signs.given()}
    exact = {name: figure(value) for name, value in e.given.items()}
    numbers = {name: shown(e.key[name], e.digits) for name in names} | exact
    value = alone(shown(e.key[quantity.name], e.digits))
    steps = chained(quantity.sign, quantity.written(names), quantity.written(numbers), value)
    return (*steps[1:-1], value)


def _network(e: Exercise) -> Iterator[str]:
    """Sentences on the network, its formulas and the loss."""
    *hidden, output = e.net.layers
    yield (
        f"A row of {counted(e.net.inputs, 'input')} goes through "
        + "".join(
            f"a hidden layer of {counted(layer.units, 'unit')} ({_called(layer.activation.name)}), then "
            for layer in hidden
        )
        + f"an output layer of {counted(output.units, 'unit')} ({_called(output.activation.name)})."
    )
    for g in dict.fromkeys(layer.activation for layer in e.net.layers):
        yield _formula(g, e.digits)
    n, signs = e.net.outputs, e.signs
    outputs = [signs.a(signs.last, k) for k in range(n)]
    loss = judged(e.loss, outputs, [signs.y(k) for k in range(n)])
    natural = "; log is the natural logarithm" if r"\log" in loss.latex else ""
    yield f"Loss, {_called(e.loss.name)}: ${signs.L().latex} = {loss.latex}$" + natural + "."
    rate = f"{signs.symbols.rate.latex} = {figure(e.rate).latex}"
    yield f"The update is one step of gradient descent with the learning rate ${rate}$."


def _formula(g: Activation, digits: int) -> str:
    """An activation's formula."""
    called = _called(g.name)
    if g.name == "linear":
        return "Linear: a unit's output is its $z$, and is asked for once."
    left, right = "g(z)" if g.elementwise else "a_i", spelled(g.texts.value, {"k": figure(g.k)}).latex
    rest = _selu(g, digits) if g.name == "selu" else _LETTERS.get(g.name, "")
    return f"{called.capitalize()}: ${left} = {right}${rest}."


def _selu(g: Activation, digits: int) -> str:
    """Its two constants: the slope on the right, and minus what the value tends to on the left over that slope."""
    one = np.ones((1, 1))
    scale = float(g.pull(one, one, one)[0, 0])
    numbers = (f"{value:.{digits + 2}g}" for value in (scale, -g.low / scale))
    return r", where $\lambda = {}$ and $\alpha = {}$".format(*numbers)


def _called(name: str) -> str:
    """A formula's name as one says it."""
    return name.replace("crossentropy", "cross-entropy").replace("_", " ")


def _given(e: Exercise) -> Iterator[tuple[str, tuple[Sign, ...]]]:
    """Rows of what is given: inputs, targets, then each unit's weights and bias."""
    signs = e.signs

    def equal(*names: Sign) -> tuple[Sign, ...]:
        numbers = [alone(figure(e.given[name.text])) for name in names]
        return tuple(Sign(f"{n} = {v}", f"{n.latex} = {v.latex}") for n, v in zip(names, numbers, strict=True))

    yield "Input" if e.net.inputs == 1 else "Inputs", equal(*(signs.a(-1, k) for k in range(e.net.inputs)))
    yield "Target" if e.net.outputs == 1 else "Targets", equal(*(signs.y(k) for k in range(e.net.outputs)))
    for layer, (n_in, n_out) in enumerate(zip(e.net.sizes, e.net.sizes[1:], strict=False)):
        for to in range(n_out):
            weights = (signs.W(layer, to, source) for source in range(n_in))
            yield f"Layer {layer + 1}, unit {to + 1}", equal(*weights, signs.B(layer, to))


def _answering(e: Exercise) -> str:
    """How answers are to be given."""
    samples = " or ".join(f"{value:.{e.digits}g}" for value in (-12.3456789012, 0.0123456789012))
    file = f"{e.student}.csv" if e.student else "the answers table under your own name, such as ada.csv"
    return (
        f"Work from top to bottom. Give every answer with {e.digits} significant digits, as in {samples}, and go "
        "on with the numbers that you found: what follows rightly from an earlier mistake counts as right. Leave "
        f"open what you cannot answer. Hand in {file}, your answer beside the name of each quantity, or a text "
        f"with lines such as `{e.asked[0].name} = 0.5`; 0,5 and 1/2 and 5e-1 are read as well."
    )


def pieces(sentence: str) -> Iterator[tuple[str, bool]]:
    """The parts of a sentence, and whether each is mathematics."""
    return ((part, k % 2 == 1) for k, part in enumerate(sentence.split("$")) if part)
