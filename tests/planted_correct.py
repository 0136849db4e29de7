"""Random right programs: other shapes, containers, names, structures, conventions and kinds of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from planted_array_styles import backward_lines, block, forward_lines
from planted_arrays import Arrays, Hand
from planted_tasks import BCE, CCE, MSE, Task, make_task

from whygrad.updates import SGD, Momentum


@dataclass(frozen=True)
class Right:
    """A right program, the task it is right for, and what it is like, in words."""

    text: str
    task: Task
    about: str


def right_program(seed: int) -> Right:
    """One of very many."""
    rng = np.random.default_rng(seed)
    task = random_task(rng, seed)
    return Writer(rng, task).program()


def random_task(rng: np.random.Generator, seed: int) -> Task:
    """One to four layers, any activations that the templates write, any loss that goes with the output."""
    hidden = [str(n) for n in rng.integers(1, 5, rng.integers(0, 4))]
    functions = [str(name) for name in rng.choice(["sigmoid", "tanh", "relu", "linear"], len(hidden))]
    loss = str(rng.choice([MSE, BCE, CCE]))
    outputs = {BCE: 1, CCE: int(rng.integers(3, 5)), MSE: int(rng.integers(1, 4))}[loss]
    output = {BCE: "sigmoid", CCE: "softmax", MSE: str(rng.choice(["linear", "sigmoid", "tanh"]))}[loss]
    sizes = "-".join([str(rng.integers(1, 5)), *hidden, str(outputs)])
    batch: Any = [1, 3, "all"][rng.integers(3)]
    told = {"l2": 0.05} if rng.random() < 0.2 else {}
    rule = Momentum(0.1, 0.9) if rng.random() < 0.15 else SGD(float(rng.choice([0.5, 0.1, 0.01])))
    return make_task(f"right{seed}", sizes, " ".join([*functions, output]), loss, 8, rule, batch=batch, **told)


# ---- names and containers ----

_SYNONYMS = {
    "init": ("initialize_parameters", "init_params", "initialize_weights", "initialise_parameters", "initialize_network"),  # noqa: E501
    "forward": ("forward_propagation", "forward", "feed_forward", "forward_pass", "forward_prop"),
    "loss": ("compute_cost", "loss", "compute_loss", "loss_fn", "cost"),
    "gradients": ("backward_propagation", "backward", "backprop", "compute_gradients", "gradients", "back_propagation"),  # noqa: E501
    "update": ("update_parameters", "update_params", "step", "sgd_step", "update_weights", "gradient_descent_step"),  # noqa: E501
    "params": ("parameters", "params", "theta", "model", "network"),
    "grads": ("grads", "gradients", "gradient", "derivatives"),
    "x": ("X", "x", "inputs", "x_train", "features"),
    "y": ("Y", "y", "target", "labels", "y_true", "t"),
    "y_hat": ("y_hat", "y_pred", "predictions", "AL", "output", "probs"),
    "rate": ("learning_rate", "lr", "eta", "alpha", "step_size"),
    "cache": ("cache", "caches", "memory", "activations"),
}  # fmt: skip


def packed(names: Iterable[str], container: str, form: str = "{}") -> str:
    """Arrays W1, b1, ... put into a container; `form` is how each variable is called."""
    names = list(names)
    said = [form.format(name) for name in names]
    pairs = list(zip(said[::2], said[1::2], strict=True))
    if container == "dict":
        return "{" + ", ".join(f'"{name}": {one}' for name, one in zip(names, said, strict=True)) + "}"
    if container == "pairs":
        return "[" + ", ".join(f"({W}, {b})" for W, b in pairs) + "]"
    if container == "layers":
        return "[" + ", ".join(f'{{"W": {W}, "b": {b}}}' for W, b in pairs) + "]"
    if container == "marked":
        return "{" + ", ".join(f'"d{name}": {one}' for name, one in zip(names, said, strict=True)) + "}"
    if container.startswith("reversed"):
        text = ", ".join(one for pair in reversed(pairs) for one in pair)
        return f"[{text}]" if container == "reversed list" else text
    if container == "flat":
        return f"np.concatenate([{', '.join(f'np.ravel({one})' for one in said)}])"
    if container == "groups":
        return f'{{"W": [{", ".join(said[::2])}], "b": [{", ".join(said[1::2])}]}}'
    return ("[{}]" if container == "list" else "{}").format(", ".join(said))


def unpacked(names: Iterable[str], container: str, of: str, form: str = "{}") -> str:
    """The statements that take W1, b1, ... out again."""
    names = list(names)
    said = [form.format(name) for name in names]
    layers = range(len(said) // 2)
    if container == "dict":
        return "\n".join(f'{one} = {of}["{name}"]' for name, one in zip(names, said, strict=True))
    if container == "pairs":
        return "\n".join(f"{said[2 * k]}, {said[2 * k + 1]} = {of}[{k}]" for k in layers)
    if container == "layers":
        return "\n".join(f'{said[2 * k]}, {said[2 * k + 1]} = {of}[{k}]["W"], {of}[{k}]["b"]' for k in layers)
    if container == "marked":
        return "\n".join(f'{one} = {of}["d{name}"]' for name, one in zip(names, said, strict=True))
    if container.startswith("reversed"):
        return f"{', '.join(one for k in reversed(layers) for one in said[2 * k : 2 * k + 2])} = {of}"
    if container == "groups":
        return "\n".join(f'{said[2 * k]}, {said[2 * k + 1]} = {of}["W"][{k}], {of}["b"][{k}]' for k in layers)
    return f"{', '.join(said)} = {of}"


# ---- programs ----


class Writer:
    """Draws a hand, names, a structure and a convention, and writes the program."""

    def __init__(self, rng: np.random.Generator, task: Task) -> None:
        self.rng, self.task = rng, task
        self.names = {role: str(rng.choice(words)) for role, words in _SYNONYMS.items()}
        if self.names["gradients"] == self.names["grads"]:
            self.names["gradients"] = "backward"
        columns, early, by_z = (bool(rng.random() < 0.5) for _ in range(3))
        self.hand = Hand(
            columns=columns, out_in=bool(rng.random() < 0.5), fused=bool(rng.random() < 0.5), by_z=by_z, early=early,  # noqa: E501
            x=self.names["x"], y=self.names["y"], new="new_{}", rate=self.names["rate"],
        )  # fmt: skip
        self.s = Arrays(task, self.hand)
        self.container = str(rng.choice(["dict", "list", "pairs", "layers", "groups", "tuple"]))
        others = ["marked", "reversed tuple", "reversed list"]
        self.returned = str(rng.choice([self.container, self.container, *others]))
        self.flat_bias = bool(rng.random() < 0.5)
        self.single = bool(rng.random() < 0.2)
        self.labels = task.loss == CCE and bool(rng.random() < 0.3)
        self.convention = str(rng.choice(["", "", *self.conventions()]))
        self.t = self.agreed()

    # ---- conventions ----

    def conventions(self) -> list[str]:
        """Those that the task leaves open."""
        task, found = self.task, ["downhill", "sum over rows"]
        n = task.sizes[-1]
        if task.loss == MSE:
            found += ["half squared error"] + (["sum over outputs"] if n > 1 else [])
        if task.loss == CCE:
            found.append("mean over classes")
        if task.training.l2:
            found = ["penalty in update", "penalized loss"]
        if task.training.batch == 1:
            found = [one for one in found if one != "sum over rows"]
        return found

    def agreed(self) -> dict[str, str]:
        """The statements under the convention."""
        s, task = self.s, self.task
        t, place, n = s.statements(), f"d{task.last}", task.sizes[-1]
        loss, layers = t["loss"], task.layers
        if self.convention == "half squared error":
            t |= {"loss": f"{loss} / 2", place: t[place].replace("2 * (", "(", 1)}
        elif self.convention == "sum over outputs":
            t |= {"loss": f"{loss} * {n}", place: t[place].replace(f" / {n}", "", 1)}
        elif self.convention == "mean over classes":
            t |= {"loss": f"{loss} / {n}", place: s.output_delta(times=f"1 / {n} * ")}
        elif self.convention == "sum over rows":
            t["loss"] = f"{loss} * m"
            for at in (place, *(f"{part}{k}" for k in layers for part in ("dW", "db"))):
                t[at] = t[at].replace(" / m", "")
        elif self.convention == "downhill":
            t[place] = s.output_delta(times="-")
            t |= {p: s.update(p, sign="+") for p in s.parameters()}
        elif self.convention == "penalty in update":
            t |= {f"dW{k}": s.dW(k).partition(" + l2")[0] for k in layers}
            t |= {f"W{k}": s.update(f"W{k}").replace(f"dW{k}", f"(dW{k} + l2 * W{k})") for k in layers}
        elif self.convention == "penalized loss":
            t["loss"] = f"{loss} + l2 / 2 * ({' + '.join(f'np.sum(W{k} ** 2)' for k in layers)})"
        return {place: self.shaped(text) for place, text in t.items()}

    def shaped(self, text: str) -> str:
        """The text with biases of the shape that was drawn."""
        if self.flat_bias == self.hand.columns:  # not what `Arrays` writes
            for k in self.task.layers:
                if self.hand.columns:
                    text = text.replace(f" + b{k}", f" + b{k}[:, None]")
                    text = text.replace(
                        f"db{k} = np.sum(dZ{k}, axis=1, keepdims=True)", f"db{k} = np.sum(dZ{k}, axis=1)"
                    )
                else:
                    text = text.replace(
                        f"db{k} = np.sum(dZ{k}, axis=0)", f"db{k} = np.sum(dZ{k}, axis=0, keepdims=True)"
                    )
        return text

    # ---- texts ----

    @property
    def parameters(self) -> list[str]:
        return list(self.s.parameters())

    def helpers(self) -> str:
        """What stands at the top of the file."""
        axis = 0 if self.hand.columns else 1
        kind = ".astype(np.float32)" if self.single else ""
        made = []
        for k in self.task.layers:
            n_in, n_out = self.task.sizes[k - 1], self.task.sizes[k]
            shape = (n_out, n_in) if self.hand.out_in else (n_in, n_out)
            bias = f"({n_out},)" if self.flat_bias else f"({n_out}, 1)" if self.hand.columns else f"(1, {n_out})"
            made += [f"W{k} = (np.random.randn{shape} * 0.1){kind}", f"b{k} = np.zeros({bias}){kind}"]
        return f"""
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - np.max(z, axis={axis}, keepdims=True))
    return e / np.sum(e, axis={axis}, keepdims=True)


def {self.names["init"]}():
{block(made)}
    return {packed(self.parameters, self.container)}

"""

    def before(self) -> list[str]:
        """m, and class numbers as one-hot rows."""
        x, y, n = self.hand.x, self.hand.y, self.task.sizes[-1]
        rows = f"{x}.shape[{1 if self.hand.columns else 0}]"
        turned = ".T" if self.hand.columns else ""
        return [f"m = {rows}", *([f"{y} = np.eye({n})[np.array({y}, dtype=int)]{turned}"] if self.labels else [])]

    def take(self) -> str:
        return unpacked(self.parameters, self.container, self.names["params"])

    def l2(self) -> str:
        return ", l2" if self.task.training.l2 else ""

    def program(self) -> Right:
        """A program of one of several structures."""
        structure = str(self.rng.choice(["apart", "together", "all in update", "class"]))
        momentum = bool(self.task.training.optimizer.memories)
        if momentum and structure in ("all in update", "together"):
            structure = "class"
        write = {
            "apart": self.apart,
            "together": self.together,
            "all in update": self.in_update,
            "class": self.class_,
        }
        hand = [word for word in ("columns", "out_in", "fused", "by_z", "early") if getattr(self.hand, word)]
        about = [
            structure,
            self.container,
            f"returns {self.returned}",
            *hand,
            "flat bias" if self.flat_bias else "2-d bias",
            self.convention,
        ]
        about += [
            word
            for word, there in (("float32", self.single), ("labels", self.labels), ("momentum", momentum))
            if there
        ]
        return Right(
            self.helpers() + write[structure](), self.task, f"{self.task.net}: {', '.join(filter(None, about))}"
        )

    def loss_function(self) -> str:
        n, s = self.names, self.s
        penalized = self.convention == "penalized loss"
        given = f"{n['params']}, {s.hand.x}, {s.hand.y}, l2" if penalized else f"{s.y_hat}, {s.hand.y}"
        first = (
            [self.take(), *self.before(), *forward_lines(s, self.t)]
            if penalized
            else [f"m = {s.y_hat}.shape[{1 if self.hand.columns else 0}]", *self.before()[1:]]
        )
        return f"""
def {n["loss"]}({given}):
{block(first)}
    return {self.t["loss"]}

"""

    def update_function(self) -> str:
        n, momentum = self.names, bool(self.task.training.optimizer.memories)
        l2 = ", l2" if self.convention == "penalty in update" else ""
        v = ", v, momentum" if momentum else ""
        grads = [unpacked(self.parameters, self.returned, n["grads"], "d{}")]
        grads += [unpacked(self.parameters, self.returned, "v", "v{}")] if momentum else []
        out = packed(self.parameters, self.container, "new_{}")
        more = f"    v = {packed(self.parameters, self.returned, 'v{}')}\n" if momentum else ""
        return f"""
def {n["update"]}({n["params"]}, {n["grads"]}{v}, {n["rate"]}{l2}):
{block([self.take(), *grads, *(self.t[p] for p in self.parameters)])}
{more}    {n["params"]} = {out}
    return {n["params"]}{", v" if momentum else ""}
"""

    def apart(self) -> str:
        """Forward, loss, backward from a cache, update."""
        n, s = self.names, self.s
        kept = [name for k in self.task.layers for name in (s.Z(k), s.A(k))]
        cache, taken = (
            f"{{{', '.join(f'{one!r}: {one}' for one in kept)}}}",
            [f"{one} = {n['cache']}[{one!r}]" for one in kept],
        )
        if self.rng.random() < 0.5:
            cache, taken = f"({', '.join(kept)},)", [f"{', '.join(kept)}, = {n['cache']}"]
        grads = packed(self.parameters, self.returned, "d{}")
        return f"""
def {n["forward"]}({s.hand.x}, {n["params"]}):
{block([self.take(), *forward_lines(s, self.t)])}
    {n["cache"]} = {cache}
    return {s.y_hat}, {n["cache"]}

{self.loss_function()}
def {n["gradients"]}({n["params"]}, {n["cache"]}, {s.hand.x}, {s.hand.y}{self.l2()}):
{block([self.take(), *taken, *self.before(), *backward_lines(s, self.t)])}
    {n["grads"]} = {grads}
    return {n["grads"]}

{self.update_function()}"""

    def together(self) -> str:
        """One function for both passes, perhaps with the loss beside the gradients."""
        n, s = self.names, self.s
        grads = packed(self.parameters, self.returned, "d{}")
        update = self.update_function() if "in update" in self.convention or self.convention == "downhill" else ""
        beside = self.returned in ("dict", "marked") and not update
        returned = f"{self.t['loss']}, {grads}" if beside else grads
        body = [self.take(), *self.before(), *forward_lines(s, self.t), *backward_lines(s, self.t)]
        return f"""{self.loss_alone() if self.convention not in ("", "downhill") else ""}
def {n["gradients"]}({n["params"]}, {s.hand.x}, {s.hand.y}{self.l2()}):
{block(body)}
    return {returned}

{update}"""

    def loss_alone(self) -> str:
        """The loss as a function of the parameters."""
        n, s = self.names, self.s
        return f"""
def {n["loss"]}({n["params"]}, {s.hand.x}, {s.hand.y}{self.l2()}):
{block([self.take(), *self.before(), *forward_lines(s, self.t)])}
    return {self.t["loss"]}

"""

    def in_update(self) -> str:
        """Everything in one step."""
        n, s = self.names, self.s
        body = [self.take(), *self.before(), *forward_lines(s, self.t), *backward_lines(s, self.t)]
        return f"""{self.loss_alone() if self.convention else ""}
def {n["update"]}({n["params"]}, {s.hand.x}, {s.hand.y}, {n["rate"]}{self.l2()}):
{block([*body, *(self.t[p] for p in self.parameters)])}
    {n["params"]} = {packed(self.parameters, self.container, "new_{}")}
    return {n["params"]}
"""

    def class_(self) -> str:
        """A class that keeps its parameters, activations and gradients."""
        s, n = self.s, self.names
        momentum = bool(self.task.training.optimizer.memories)
        hand = replace(self.hand, new="self.{}", old="self.{}")
        own = [f"{p} = self.{p}" for p in self.parameters]
        kept = [name for k in self.task.layers for name in (s.Z(k), s.A(k))]
        arguments = "momentum=0.9, " if momentum else ""
        more = [f"self.v{p} = self.{p} * 0" for p in self.parameters] if momentum else []
        steps = [
            Arrays(self.task, hand).update(p, "+" if self.convention == "downhill" else "-")
            for p in self.parameters
        ]
        if self.convention == "penalty in update":
            steps = [
                x.replace(f"dW{k}", f"(dW{k} + l2 * W{k})")
                for k, x in zip(np.repeat(self.task.layers, 2), steps, strict=True)
            ]
        steps = [line.replace(" v", " self.v").replace("\nv", "\nself.v") for line in steps]
        steps = [
            line if not line.startswith("vW") and not line.startswith("vb") else f"self.{line}" for line in steps
        ]
        inside = self.l2() if self.convention != "penalty in update" else ""
        return f"""
class MLP:
    def __init__(self, {arguments}seed=0):
        {packed(self.parameters, "tuple", "self.{}")} = {unrolled(self)}
{block(["self.momentum = momentum"] if momentum else [], 8)}
{block(more, 8)}

    def {n["forward"]}(self, {s.hand.x}):
{block([*own, *forward_lines(s, self.t), *(f"self.{one} = {one}" for one in kept)], 8)}
        return {s.y_hat}

    def {n["loss"]}(self, {s.hand.x}, {s.hand.y}{self.l2()}):
        {s.y_hat} = self.{n["forward"]}({s.hand.x})
{block([*own, *self.before()], 8)}
        return {self.t["loss"]}

    def {n["gradients"]}(self, {s.hand.x}, {s.hand.y}{inside}):
        self.{n["forward"]}({s.hand.x})
{block([*own, *(f"{one} = self.{one}" for one in kept), *self.before(), *backward_lines(s, self.t)], 8)}
        {n["grads"]} = {packed(self.parameters, self.returned, "d{}")}
        return {n["grads"]}

    def {n["update"]}(self, {n["grads"]}, {n["rate"]}{", l2" if self.convention == "penalty in update" else ""}):
{block(["momentum = self.momentum"] if momentum else [], 8)}
{block([*own, unpacked(self.parameters, self.returned, n["grads"], "d{}"), *steps], 8)}
"""


def unrolled(writer: Writer) -> str:
    """What the initialisation returns, one array after the other."""
    call = f"{writer.names['init']}()"
    return {
        "dict": f"{call}.values()",
        "pairs": f"[a for pair in {call} for a in pair]",
        "layers": f"[a for layer in {call} for a in layer.values()]",
        "groups": f"[a for pair in zip(*{call}.values()) for a in pair]",
    }.get(writer.container, call)
