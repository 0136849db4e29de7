"""Whole programs in NumPy, in four hands: a course's dictionaries and columns, rows in lists, float32, the lecture."""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planted_arrays import Arrays, Hand
from planted_tasks import Task

Edits = Mapping[str, str]

COURSE = Hand(columns=True, out_in=True, old='parameters["{}"]', g_read='grads["d{}"]')
ROWS = Hand(
    x="x", y="y", a="a", z="z", d="delta", back="error", g="g{}", g_read="g{}", new="new_{}", rate="lr",
    fused=False, early=True, by_z=True,
)  # fmt: skip
SINGLE = Hand(out_in=True, x="x", y="y", a="h", z="s", d="d", back="e", g="grad_{}", g_read="grad_{}", rate="eta")
LECTURE = Hand(
    columns=True, one=True, fused=False, by_z=True, old='parameters["{}"]', new='parameters["{}"]', rate="learning_rate",  # noqa: E501
)  # fmt: skip


def block(statements: Iterable[str], indent: int = 4) -> str:
    """Statements below each other."""
    lines = [line for statement in statements for line in statement.splitlines()]
    return "\n".join(" " * indent + line for line in lines)


def helpers(columns: bool) -> str:
    """The functions of activations."""
    axis = 0 if columns else 1
    return f"""
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - np.max(z, axis={axis}, keepdims=True))
    return e / np.sum(e, axis={axis}, keepdims=True)
"""


def forward_lines(s: Arrays, t: Edits) -> list[str]:
    """z and a of every layer."""
    return [t[f"{what}{layer}"] for layer in s.task.layers for what in "za"]


def backward_lines(s: Arrays, t: Edits) -> list[str]:
    """From the output back; a layer's dW and db before the next delta."""
    found = []
    for layer in reversed(s.task.layers):
        if layer < s.task.last:
            found.append(t[f"back{layer}"])
        found += [t[f"d{layer}"], t[f"dW{layer}"], t[f"db{layer}"]]
    return found


def update_lines(s: Arrays, t: Edits) -> list[str]:
    """Every parameter's update."""
    return [t["rate"], *(t[p] for p in s.parameters())]


def _names(s: Arrays) -> list[str]:
    return list(s.parameters())


def _listed(names: Iterable[str], form: str = "{}") -> str:
    return ", ".join(form.format(name) for name in names)


def _cached(s: Arrays) -> list[str]:
    return [name for layer in s.task.layers for name in (s.Z(layer), s.A(layer))]


def course(task: Task, edits: Edits) -> str:
    """Andrew Ng's: parameters, cache and grads are dictionaries, examples are columns."""
    s = Arrays(task, COURSE)
    t = {**s.statements(), **edits}
    unpacked = [f'{p} = parameters["{p}"]' for p in _names(s)]
    cached = [f'{name} = cache["{name}"]' for name in _cached(s)]
    l2 = ", l2" if task.training.l2 else ""
    return f"""{helpers(True)}

def initialize_parameters(layer_dims):
    np.random.seed(3)
    parameters = {{}}
    for l in range(1, len(layer_dims)):
        parameters["W" + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) * 0.1
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def forward_propagation(X, parameters):
{block([*unpacked, *forward_lines(s, t)])}
    cache = {{{_listed(_cached(s), '"{0}": {0}')}}}
    return {s.y_hat}, cache


def compute_cost({s.y_hat}, Y):
    m = Y.shape[1]
    cost = {t["loss"]}
    return float(cost)


def backward_propagation(parameters, cache, X, Y{l2}):
    m = X.shape[1]
{block([*unpacked, *cached, *backward_lines(s, t)])}
    grads = {{{_listed(_names(s), '"d{0}": d{0}')}}}
    return grads


def update_parameters(parameters, grads, learning_rate):
{block(update_lines(s, t))}
    parameters = {{{_listed(_names(s), '"{0}": {0}')}}}
    return parameters
"""


def rows(task: Task, edits: Edits) -> str:
    """A batch of rows, parameters in a list, one function for both passes."""
    s = Arrays(task, ROWS)
    t = {**s.statements(), **edits}
    l2 = ", l2" if task.training.l2 else ""
    return f"""{helpers(False)}

def init_params(sizes):
    rng = np.random.default_rng(1)
    params = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        params += [rng.normal(size=(n_in, n_out)), np.zeros(n_out)]
    return params


def forward(params, x):
    {_listed(_names(s))} = params
{block(forward_lines(s, t))}
    return {s.y_hat}


def loss(params, x, y):
    {s.y_hat} = forward(params, x)
    m = len(x)
    return {t["loss"]}


def gradients(params, x, y{l2}):
    {_listed(_names(s))} = params
    m = len(x)
{block([*forward_lines(s, t), *backward_lines(s, t)])}
    return [{_listed(_names(s), "g{}")}]


def step(params, grads, lr):
    {_listed(_names(s))} = params
    {_listed(_names(s), "g{}")} = grads
{block(update_lines(s, t))}
    return [{_listed(_names(s), "new_{}")}]
"""


def single(task: Task, edits: Edits) -> str:
    """float32 throughout, separate arrays, W as (n_out, n_in), updates in place."""
    s = Arrays(task, SINGLE)
    t = {**s.statements(), **edits}
    names, l2 = _listed(_names(s)), ", weight_decay" if task.training.l2 else ""
    t = {
        place: text.replace("l2 *", "weight_decay *").replace("l2 /", "weight_decay /")
        for place, text in t.items()
    }
    made = [
        f"W{n} = (np.random.randn({task.sizes[n]}, {task.sizes[n - 1]}) * 0.1).astype(np.float32)\n"
        f"b{n} = np.zeros({task.sizes[n]}, dtype=np.float32)"
        for n in task.layers
    ]
    updates = [*update_lines(s, t)]
    return f"""{helpers(False)}

def init_params():
{block(made)}
    return {names}


def forward(x, {names}):
{block(forward_lines(s, t))}
    return {_listed(_cached(s))}


def loss_fn({s.y_hat}, y):
    m = len(y)
    return {t["loss"]}


def backward(x, y, {_listed(_cached(s))}, {names}{l2}):
    m = np.float32(len(x))
{block(backward_lines(s, t))}
    return {_listed(_names(s), "grad_{}")}


def update_params({names}, {_listed(_names(s), "grad_{}")}, eta):
    eta = np.float32(eta)
{block(updates)}
    return {names}
"""


def lecture(task: Task, edits: Edits) -> str:
    """The lecture's: one row a call as a column, backpropagation inside the update of a dictionary."""
    s = Arrays(task, LECTURE)
    t = {**s.statements(), **edits}
    unpacked = [f'{p} = parameters["{p}"]' for p in _names(s)]
    passed = [name for layer in s.task.layers for name in (s.Z(layer), s.A(layer)) if name != s.y_hat]
    body = [t["rate"], *(f"{line}.copy()" for line in unpacked), f"{s.y_hat} = y_hat"]
    for layer in reversed(task.layers):
        body += [t[f"back{layer}"]] if layer < task.last else []
        body += [t[f"d{layer}"], t[f"dW{layer}"], t[f"db{layer}"], t[f"W{layer}"], t[f"b{layer}"]]
    l2 = f"l2 = {task.training.l2}\n" if task.training.l2 else ""
    return f"""{helpers(True)}
{l2}learning_rate = {task.training.optimizer.learning_rate}


def initialize_parameters(layer_dims):
    parameters = {{}}
    for l in range(1, len(layer_dims)):
        parameters["W" + str(l)] = np.ones((layer_dims[l - 1], layer_dims[l])) * 0.1
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def L_layer_forward(X, parameters):
{block([*unpacked, *forward_lines(s, t)])}
    return {s.y_hat}, {{{_listed(passed, '"{0}": {0}')}}}


def compute_loss(Y, {s.y_hat}):
    return {t["loss"]}


def update_parameters(parameters, X, Y, y_hat, {_listed(passed)}):
{block(body)}
    return parameters
"""


def updated_weights(s: Arrays) -> dict[str, str]:
    """In the lecture's hand: the way back reads the dictionary, whose weights are new by then."""
    through = (s.through(f'parameters["W{n + 1}"]', s.d(n + 1)) for n in range(1, s.task.last))
    return {f"back{n}": f"{s.back(n)} = {text}" for n, text in enumerate(through, start=1)}
