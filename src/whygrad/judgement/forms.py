"""The forms somebody's backpropagation may have, told by the names the code defines.

- a function that returns gradients: `backward_propagation(parameters, X, Y)`, `gradients(W1, b1, W2, b2, x, y)`
- the lecture's, with backpropagation inside the update: `update_parameters(parameters, y, y_hat, A1, X)`
- both: `backward_propagation(parameters, cache, X, Y)`, `update_parameters(parameters, grads, learning_rate)`
- a class made from the layers' sizes: `Network(sizes)` with `.backprop(x, y)`, `.update_mini_batch(batch, eta)`
- a training loop: `train(X, Y, learning_rate, epochs)`
- a script that prints one loss an epoch

Parameters and gradients may be dicts, lists, tuples, separate arguments, attributes, global variables, neurons or
numbers by name; other functions (`initialize_parameters`, `forward_propagation`, `compute_cost`) are used where
they are there. `FORMS` says the same as data; `vocabulary` says by which names each part is found.
Where the code defines several names of a part, the first in its list is taken; of the classes, the one with the
most parts. A file is loaded as a module; what stands under `if __name__ == "__main__"` runs only where the file
defines nothing that can be asked.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whygrad.judgement.returned import returned_parts
from whygrad.judgement.trouble import Trouble, code_file
from whygrad.judgement.vocabulary import (
    ALIKE,
    HANDED_BACK,
    PARTS,
    UNLIKE,
    argument_names,
    parameter_argument,
    plain,
    role_of,
    takes_anything,
)


@dataclass(frozen=True)
class Form:
    """One form: what the code defines, in words and as an example."""

    name: str
    words: str
    example: str


FORMS = (
    Form(
        "gradients",
        "a function that returns the gradients, as a dict, list or tuple like the parameters",
        "backward_propagation(parameters, X, Y) -> {'dW1': ..., 'db1': ..., ...}",
    ),
    Form(
        "update",
        "the lecture's: backpropagation happens inside the update, whose step divided by the rate is the gradient",
        "update_parameters(parameters, y, y_hat, A1, X)",
    ),
    Form(
        "gradients and update",
        "the gradients, and an update that uses them",
        "backward_propagation(parameters, cache, X, Y) -> grads; update_parameters(parameters, grads, lr)",
    ),
    Form(
        "class",
        "a class made from the layers' sizes, with methods and attributes of these names",
        "Network(sizes): .weights, .biases, .feedforward(a), .backprop(x, y), .update_mini_batch(mini_batch, eta)",
    ),
    Form(
        "loop",
        "a whole training loop that returns or prints one loss an epoch, or returns the parameters",
        "train(X, Y, learning_rate, epochs) -> losses",
    ),
    Form("losses", "a script that prints one loss an epoch", "Epoch -  1 Loss -  26.345577666"),
)


@dataclass(frozen=True)
class Parts:
    """What was found in somebody's code: functions by part, or a class with methods by part."""

    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    made: type | None = None  # the class whose methods the functions are
    file: str = ""
    seen: tuple[str, ...] = ()  # the names of all its functions and methods
    instead: Parts | None = None  # what to ask where these cannot be read
    before: Callable[[str], None] = lambda name: None  # told the name of each function before it is called
    heard: Callable[[str], None] = lambda text: None  # told what a training loop printed

    @property
    def names(self) -> dict[str, str]:
        """Which name plays which part."""
        return {part: called(function) for part, function in self.functions.items()}

    @property
    def form(self) -> str:
        """The name of its form; "" where there is nothing to ask."""
        if self.made is not None:
            return "class"
        there = [part for part in ("gradients", "update") if part in self.functions]
        if there:
            return " and ".join(there)
        return next((part for part in ("loop", "forward") if part in self.functions), "")


def called(function: Callable[..., Any]) -> str:
    """A function's name."""
    return str(getattr(function, "__name__", type(function).__name__))


def find_parts(names: Mapping[str, Any], file: str = "") -> Parts:
    """The parts among the names of a module; only what is written in its file or beside it counts."""
    own = {name: value for name, value in names.items() if callable(value) and _is_own(value, file)}
    written = {name: value for name, value in own.items() if not isinstance(value, type)}
    made = [(value, _methods(value, file)) for value in own.values() if isinstance(value, type)]
    functions = _named_parts(written)
    seen = (*written, *(f"{value.__name__}.{name}" for value, methods in made for name in methods))
    alone = Parts(functions, None, file, seen)
    if {"gradients", "update"} & set(functions):
        return alone
    if "loop" in functions and any(parameter_argument(name) for name in argument_names(functions["loop"])):
        return alone  # classes are what it is built of
    classes = [(_named_parts(methods), value) for value, methods in made]
    if classes:
        methods, best = max(classes, key=lambda entry: len(entry[0]))
        if {"gradients", "update", "loop"} & set(methods):
            return Parts(
                methods, best, file, seen, alone if "loop" in functions else _as_step(methods, best, file)
            )
    return alone


def _as_step(methods: Mapping[str, Callable[..., Any]], made: type, file: str) -> Parts | None:
    """A class whose `train` takes no epochs, read as one that makes an update: it may take one row a call."""
    loop = methods.get("loop")
    if loop is None or {"gradients", "update"} & set(methods) or "epochs" in _roles(loop):
        return None
    others = {part: function for part, function in methods.items() if part != "loop"}
    return Parts({**others, "update": loop}, made, file)


def given_parts(source: Callable[..., Any] | Mapping[str, Callable[..., Any]]) -> Parts:
    """The parts of a function (taken for gradients where its name tells nothing) or of a dict of functions.

    A dict's keys are parts ("gradients") or names ("backprop"). Raises `Trouble` for a key that is neither.
    """
    if isinstance(source, type):
        return Parts(_named_parts(_methods(source)), source)
    if not isinstance(source, Mapping):
        return Parts(_named_parts({called(source): source}) or {"gradients": source}, None, code_file(source))
    functions: dict[str, Callable[..., Any]] = {}
    for key, function in source.items():
        found: Mapping[str, Callable[..., Any]]
        found = {key: function} if key in PARTS else _named_parts({key: function})
        if not found:
            raise Trouble(f"{key!r} names no part; parts are {', '.join(PARTS)}")
        functions.update(found)
    return Parts(functions, None, next((code_file(f) for f in functions.values()), ""))


def _methods(made: type, file: str = "") -> dict[str, Any]:
    there = inspect.getmembers(made, callable)
    own = {name: value for name, value in there if not name.startswith("__") and _is_own(value, file)}
    layer = [name for name, value in own.items() if name.startswith("back") and _of_a_layer(value)]
    return {} if layer else own


def _named_parts(there: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    by_name = {plain(name): value for name, value in there.items()}
    found: dict[str, Callable[..., Any]] = {}
    for part, names in PARTS.items():
        name = next((plain(name) for name in names if plain(name) in by_name), None)
        if name is not None:
            found[part] = by_name[name]
    for part, pattern in ALIKE.items():
        like = [name for name in by_name if pattern.fullmatch(name) and not UNLIKE.fullmatch(name)]
        if part not in found and len(like) == 1 and by_name[like[0]] not in found.values():
            found[part] = by_name[like[0]]
    alone = "loop" in found and not argument_names(found["loop"]) and not takes_anything(found["loop"])
    if "gradients" in found and alone:
        del found["loop"]  # main(), with rows of its own
    if "gradients" not in found and "loss" in found and _returns_gradients(found["loss"]):
        found["gradients"] = found.pop("loss")  # loss(X, y) that returns both
    if "loop" in found and "gradients" in _roles(found["loop"]):
        found.setdefault("update", found.pop("loop"))  # sgd(parameters, grads, lr) is one step
    if "gradients" in found and "update" not in found and "learning_rate" in _roles(found["gradients"]):
        found["update"] = found.pop("gradients")  # backward(x, y, lr) takes the step itself
    return found


def _returns_gradients(function: Callable[..., Any]) -> bool:
    """Whether gradients are among what it returns, by their name or as many values for arrays that it takes."""
    parts, taken = returned_parts(function), sum(map(bool, map(parameter_argument, argument_names(function))))
    return any(role_of(name, "update") == "gradients" for name in parts) or 0 < taken < len(parts)


def _of_a_layer(function: Callable[..., Any]) -> bool:
    """Whether it hands a gradient back through one layer: it is given one, and no targets."""
    given = "gradients" in _roles(function) or bool(HANDED_BACK & set(map(plain, argument_names(function))))
    return given and "y" not in _roles(function)


def _roles(function: Callable[..., Any]) -> set[str | None]:
    return {role_of(name, "update") for name in argument_names(function)}


def _is_own(value: Any, file: str) -> bool:
    """Whether it was written in that file or beside it, and not taken from a library."""
    if not file:
        return True
    home = sys.modules.get(getattr(value, "__module__", "") or "")
    written = os.path.abspath(getattr(home, "__file__", None) or "")
    return os.path.dirname(written) == os.path.dirname(os.path.abspath(file))
