"""What a function of somebody's code returned, and what is what in it."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from whygrad.judgement.containers import collect
from whygrad.judgement.layouts import Layout, is_single, read_outputs
from whygrad.judgement.recognition import recognise
from whygrad.judgement.trouble import Trouble, Untold
from whygrad.judgement.vocabulary import plain, role_of
from whygrad.maths import Array
from whygrad.network import Network


@dataclass(frozen=True)
class Handed:
    """What a function returned: the value, and its parts by the names of the variables returned."""

    value: Any
    named: Mapping[str, Any] = field(default_factory=dict)  # plain name -> value
    outputs: Any = None  # of a forward function
    rest: Any = None  # what it returned beside the outputs


def handed(function: Callable[..., Any], value: Any) -> Handed:
    """What the function returned, with the names of the variables returned."""
    inside = getattr(function, "__func__", function)
    names, parts = returned_names(inside), returned_parts(inside)
    if isinstance(value, tuple | list) and len(names) == len(value):
        return Handed(value, {plain(name): inner for name, inner in zip(names, value, strict=True)})
    if isinstance(value, tuple) and len(parts) == len(value):  # Z1, A1, softmax(Z2)
        return Handed(value, {plain(name): inner for name, inner in zip(parts, value, strict=True) if name})
    return Handed(value, {plain(names[0]): value} if len(names) == 1 else {})


@lru_cache(maxsize=256)
def _tree(function: Callable[..., Any]) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None


def is_stub(function: Callable[..., Any]) -> bool:
    """Whether it is not written yet: it does nothing, or says so by `raise NotImplementedError` or `...`."""
    return _is_stub(getattr(function, "__func__", function))


@lru_cache(maxsize=256)
def _is_stub(function: Callable[..., Any]) -> bool:
    tree = _tree(function)
    body = [ast.unparse(node) for node in getattr(tree, "body", [])]
    left = [
        line for line in body if line not in ("pass", "return", "return None") and not line.startswith(("'", '"'))
    ]
    unwritten = ("raise NotImplementedError", "...", "return ...")
    return (bool(body) and not left) or any(line.startswith(unwritten) for line in left)


def returned_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The variables of the function's last return: `return A2, cache` gives ("A2", "cache"); () if not told.

    Also of `grads = [dW2, db2]; return grads`, where nothing else is done with that variable.
    """
    names = returned_parts(function)
    return names if all(names) and len(set(names)) == len(names) else ()


@lru_cache(maxsize=256)
def returned_parts(function: Callable[..., Any]) -> tuple[str, ...]:
    """What stands in its last return: the names of variables, "" for what is none."""
    tree = _tree(function)
    if tree is None:
        return ()
    nodes = _own_nodes(tree)
    last = next((node.value for node in reversed(nodes) if isinstance(node, ast.Return)), None)
    if isinstance(last, ast.Name):
        last = _only_value(nodes, last.id) or last
    parts = last.elts if isinstance(last, ast.Tuple | ast.List) else [last]
    return tuple(getattr(part, "id", getattr(part, "attr", "")) for part in parts)  # W1, or self.W1


def _only_value(nodes: list[ast.AST], name: str) -> ast.Tuple | ast.List | None:
    """The list or tuple of variables that is all a variable is ever given, before it is returned."""
    uses = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
    given = [node.value for node in nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
    if len(uses) == 2 and len(given) == 1 and isinstance(given[0], ast.Tuple | ast.List) and given[0].elts:
        return given[0]
    return None


def _own_nodes(tree: ast.AST) -> list[ast.AST]:
    """The nodes of a function without those of the functions inside it, in the order they are written."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            found += [node, *_own_nodes(node)]
    return found


def with_outputs(got: Handed, layout: Layout, net: Network, rows: int, name: str) -> tuple[Handed, Array]:
    """What a forward function returned, with its outputs found, and these as (rows, k)."""
    first: Trouble | None = None
    for found in _outputs(got, len(net.layers)):
        try:
            outputs = read_outputs(layout, found, rows, net.outputs, name)
        except Trouble as trouble:
            first = first or trouble
            continue
        return Handed(got.value, got.named, found, _rest(got.value, found)), outputs
    raise first or Trouble(f"{name} returned nothing", 2)


def _outputs(got: Handed, layers: int) -> Iterator[Any]:
    """What may be the outputs, the most likely first."""
    named = dict(got.named)
    if isinstance(got.value, Mapping):
        named = {plain(str(key)): inner for key, inner in got.value.items()}
    for key, inner in named.items():
        if not isinstance(inner, Mapping | list | tuple) and (
            role_of(key, "loss") == "outputs" or re.fullmatch(rf"[ah]{layers}", key)
        ):
            yield inner
    parts = got.value if isinstance(got.value, tuple) else (got.value,)
    other = [inner for key, inner in named.items() if re.fullmatch(r"z\d+", key)]  # what goes into an activation
    for part in (*(p for p in parts if not any(p is z for z in other)), *other):
        if not isinstance(part, Mapping) and part is not None:
            yield part
    for part in reversed(parts):  # activations, layer by layer
        if isinstance(part, list | tuple) and part:
            yield part[-1]


def _rest(value: Any, outputs: Any) -> Any:
    """What came beside the outputs: one thing as it is, several as the whole."""
    if isinstance(value, tuple):
        others = [inner for inner in value if inner is not outputs]
        return others[0] if len(others) == 1 else value
    return None if value is outputs else value


def read_parameters(net: Network, layout: Layout, got: Handed, gradients: bool, name: str) -> tuple[Array, bool]:
    """((P,), whether it came as float32) of what a function returned, also beside other things.

    Raises `Trouble` where not every array can be told, or one has a wrong shape.
    """
    values = [(got.value, tuple(got.named))]
    if isinstance(got.value, tuple) and len(got.value) > 1 and _is_number(got.value[0]):
        values.append((got.value[1:], tuple(got.named)[1:]))  # the loss comes first
    if isinstance(got.value, tuple) and len(got.value) > 1 and _is_number(got.value[-1]):
        values.append((got.value[:-1], tuple(got.named)[:-1]))  # or last
    if isinstance(got.value, tuple):
        values += [
            (inner, ())
            for inner in got.value
            if isinstance(inner, Mapping | list | tuple) or hasattr(inner, "shape")
        ]
    for value, names in values:
        template = recognise(net, value, names, gradients, layout)
        if template is not None:
            try:
                return collect(net, [(template, value)], layout, "d" if gradients else ""), holds_single(value)
            except Trouble as trouble:
                raise Trouble(f"{name}: {trouble.words}", trouble.weight) from None
    wanted = ", ".join(
        f"{'d' if gradients else ''}{part}{at + 1}" for at in range(len(net.layers)) for part in "Wb"
    )
    raise Untold(f"{name} returned {described(got.value)}, in which not all of {wanted} can be told")


_LOSS = re.compile(r"j|l|.*loss|.*cost|.*error|err")


def loss_beside(function: Callable[..., Any], got: Handed) -> float | None:
    """The number that is returned beside the gradients, if it or the function is named for a loss."""
    inside = getattr(function, "__func__", function)
    names = returned_parts(inside)
    if not isinstance(got.value, tuple) or len(names) != len(got.value):
        return None
    numbers = {plain(name): value for name, value in zip(names, got.value, strict=True) if _is_number(value)}
    named = next((value for name, value in numbers.items() if _LOSS.fullmatch(name)), None)
    if named is None and len(numbers) == 1 and re.search("loss|cost|error", inside.__name__.lower()):
        (named,) = numbers.values()
    return None if named is None else float(named)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or getattr(value, "shape", None) == ()


def holds_single(value: Any) -> bool:
    """Whether an array in the structure is float32."""
    if isinstance(value, Mapping):
        return any(holds_single(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(holds_single(inner) for inner in value)
    return is_single(value)


def described(value: Any) -> str:
    """A value in a few words: "a dict with dW1, db1", "a tuple of (2, 2), (2,)", "an array (3, 1)"."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, Mapping):
        return f"a dict with {', '.join(str(key) for key in list(value)[:8])}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {_shapes(value) or 'nothing'}"
    shape = getattr(value, "shape", None)
    return f"an array {tuple(shape)}" if shape is not None else f"{type(value).__name__} {value!r:.40}"


def _shapes(value: Any) -> str:
    """The shapes of a list's first entries; a list in it in brackets."""
    words = []
    for inner in value[:8]:
        nested = isinstance(inner, list | tuple)
        shape = str(tuple(inner.shape)) if hasattr(inner, "shape") else type(inner).__name__
        words.append(f"[{_shapes(inner)}]" if nested else shape)
    return ", ".join(words)
