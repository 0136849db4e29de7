"""Whole training loops in NumPy, in three hands, and the slips of loops.

`train` is one function that returns an epoch's mean losses, `model` a course's dictionary and columns that prints
them, `fit` a class with W as (n_out, n_in) that returns them.
"""

from __future__ import annotations

from collections.abc import Mapping

from planted_array_slips import MSE, array_slips
from planted_array_styles import backward_lines, block, forward_lines, helpers, update_lines
from planted_arrays import Arrays, Hand
from planted_tasks import Task

TRAIN = Hand(x="x", y="y", a="a", z="z", d="d", back="e", g="g{}", g_read="g{}")
MODEL = Hand(columns=True, out_in=True, x="x", y="y", by_z=True, early=True, rate="alpha")
FIT = Hand(out_in=True, fused=False, x="xb", y="yb", a="h", z="s", d="delta", back="err", g="grad_{}",
           g_read="grad_{}", rate="lr")  # fmt: skip

Edits = Mapping[str, str]


def train(task: Task, edits: Edits) -> str:
    """A list of parameters goes in, losses come out."""
    s = Arrays(task, TRAIN)
    made = f"{_names(s)} = [p.copy() for p in params]"
    return f"""{helpers(False)}

def train(X, Y, params, learning_rate, epochs, batch_size{_told(task)}):
{block([made, *_loop(s, edits, "losses.append({})", made)])}
    return losses
"""


def model(task: Task, edits: Edits) -> str:
    """A dictionary of parameters goes in and comes out; losses are printed."""
    s = Arrays(task, MODEL)
    made = "\n".join(f'{p} = parameters["{p}"].copy()' for p in s.parameters())
    out = ", ".join(f'"{p}": {p}' for p in s.parameters())
    return f"""{helpers(True)}

def train_model(X, Y, parameters, alpha, num_epochs, mini_batch_size{_told(task)}):
    epochs, batch_size = num_epochs, mini_batch_size
{block([made, *_loop(s, edits, 'print(f"Cost after epoch {{epoch + 1}}: {{{}}}")', made)])}
    return {{{out}}}
"""


def fit(task: Task, edits: Edits) -> str:
    """A class that holds its arrays."""
    s = Arrays(task, FIT)
    made = "\n".join(f"{p} = self.{p}" for p in s.parameters())
    held = [
        f"self.W{n} = np.random.randn({task.sizes[n]}, {task.sizes[n - 1]}) * 0.1\n"
        f"self.b{n} = np.zeros({task.sizes[n]})"
        for n in task.layers
    ]
    put = [f"self.{p} = {p}" for p in s.parameters()]
    return f"""{helpers(False)}

class NeuralNetwork:

    def __init__(self):
{block(held, 8)}

    def fit(self, X, Y, lr, epochs, batch_size{_told(task)}):
{block([made, *_loop(s, edits, "losses.append({})", made), *put], 8)}
        return losses
"""


def _names(s: Arrays) -> str:
    return ", ".join(s.parameters())


def _told(task: Task) -> str:
    """The further settings that a loop is told."""
    rule = task.training.optimizer
    told = [name for name in ("momentum", "beta1", "beta2") if hasattr(rule, name)]
    return "".join(f", {name}" for name in [*told, *(["l2"] if task.training.l2 else [])])


def _loop(s: Arrays, edits: Edits, tell: str, made: str) -> list[str]:
    """The loop; its places are begin, epoch, for, take, forward, met, old, sum, and end."""
    t = {**s.statements(), **_places(s), **{k: v.replace(_MADE, made) for k, v in edits.items()}}
    inner = [t["take"], f"m = {_rows(s, s.hand.x)}", "t = t + 1", t["forward"], t["met"], t["old"]]
    inner += [*backward_lines(s, t), t["sum"], *update_lines(s, t)[1:]]
    return [
        t["rate"],
        f"n, t, losses = {_rows(s, 'X')}, 0, []",
        t["begin"],
        t["memory"],
        "for epoch in range(epochs):",
        block([t["epoch"], f"for start in {t['for']}:", block(inner), t["end"], tell.format(t["shown"])]),
    ]


def _rows(s: Arrays, x: str) -> str:
    return f"{x}.shape[1]" if s.hand.columns else f"len({x})"


def _cut(s: Arrays, x: str, which: str) -> str:
    """Some of the rows."""
    return f"{x}[:, {which}]" if s.hand.columns else f"{x}[{which}]"


_MADE = "MADE"  # stands for the statements that take the parameters


def _places(s: Arrays) -> dict[str, str]:
    """The right statements of the loop."""
    memories = [name for name in ("m", "v") if name in s.task.training.optimizer.memories]
    return {
        "begin": "", "memory": _zeros(s, memories), "epoch": _EMPTY, "for": "range(0, n, batch_size)",
        "take": _taken(s, "X", "Y"), "forward": "\n".join(forward_lines(s, s.statements())),
        "met": _met(s), "old": "", "sum": "", "end": "", "shown": "total / count",
    }  # fmt: skip


_EMPTY = "total, count = 0.0, 0"


def _met(s: Arrays, loss: str = "") -> str:
    return f"total = total + ({loss or s.judged(s.task.loss)}) * m\ncount = count + m"


def _taken(s: Arrays, x: str, y: str, which: str = "start:start + batch_size") -> str:
    return f"{s.hand.x}, {s.hand.y} = {_cut(s, x, which)}, {_cut(s, y, which)}"


def _zeros(s: Arrays, letters: list[str]) -> str:
    return "\n".join(f"{letter}{p} = np.zeros_like({p})" for p in s.parameters() for letter in letters)


def loop_slips(task: Task, hand: Hand) -> dict[str, dict[str, str]]:
    """The slips of the statements, then those of the loop."""
    s = Arrays(task, hand)
    found = {key: _inside(s, edit) for key, edit in array_slips(s).items()}
    if task.last > 1 and not task.training.optimizer.memories:
        found["updated-weights"] = _updated_weights(s)
    return {**found, **_loop_slips(s), **_by_table(s)}


def _inside(s: Arrays, edit: dict[str, str]) -> dict[str, str]:
    """A changed statement of the forward pass or the loss as a change of their place in the loop."""
    t = {**s.statements(), **edit}
    if "loss" in edit:
        return {"met": _met(s, edit["loss"])}
    if any(place[0] in "za" and place[1:].isdigit() for place in edit):
        return {"forward": "\n".join(forward_lines(s, t))}
    return edit


def _updated_weights(s: Arrays) -> dict[str, str]:
    """Every layer is updated as soon as its gradients are there."""
    edit = {}
    for n in range(1, s.task.last):
        early = f"{s.update(f'W{n + 1}')}\n{s.update(f'b{n + 1}')}\n"
        edit |= {f"back{n}": early + s.statements()[f"back{n}"], f"W{n + 1}": "", f"b{n + 1}": ""}
    return edit


def _by_table(s: Arrays) -> dict[str, dict[str, str]]:
    """n, the rows of the table, where it does not belong."""
    place, early = f"d{s.task.last}", s.hand.early
    parts = {f"{k}{n}": part(n, share=" / n") for n in s.task.layers for k, part in (("dW", s.dW), ("db", s.db))}
    per_table = {place: s.output_delta(share=" / n")} if early else {place: s.output_delta(), **parts}
    found = {"factor-table": {place: s.output_delta(times="n * ")}, "factor-per-table": per_table}
    if s.task.loss == MSE:
        half = per_table[place].replace("2 * (", "(", 1)
        found["factor-half-per-table"] = {**per_table, place: half}
    if s.task.training.l2:
        found["penalty-per-table"] = {f"dW{n}": s.dW(n).replace("l2 *", "l2 / n *") for n in s.task.layers}
    return found


def _loop_slips(s: Arrays) -> dict[str, dict[str, str]]:
    kept = [s.hand.x, *(name for n in s.task.layers for name in (s.Z(n), s.A(n)))]
    values, forward = ", ".join(kept), "\n".join(forward_lines(s, s.statements()))
    alls = "\n".join(f"all_{name} = {name}" for name in kept)
    cut = ", ".join(_cut(s, f"all_{name}", "start:start + batch_size") for name in kept)
    memories = [name for name in ("m", "v") if name in s.task.training.optimizer.memories]
    grads = [s.hand.g.format(p) for p in s.parameters()]
    zeros = "\n".join(f"sum_{g} = 0" for g in grads)
    summed = "\n".join(f"sum_{g} = sum_{g} + {g}\n{g} = sum_{g}" for g in grads)
    axis = ", axis=1" if s.hand.columns else ""
    none = f"{_cut(s, 'X', ':0')}, {_cut(s, 'Y', ':0')}"
    carried = f"X_all, Y_all = np.concatenate([left_X, X]{axis}), np.concatenate([left_Y, Y]{axis})"
    stop = f"{_rows(s, 'X_all')} // batch_size * batch_size"
    left = f"left_X, left_Y = {_cut(s, 'X_all', f'{stop}:')}, {_cut(s, 'Y_all', f'{stop}:')}"
    turned = [f"{x}[:, ::-1]" if s.hand.columns else f"{x}[::-1]" for x in "XY"]
    return {
        "order-reversed": {"take": _taken(s, *turned)},
        "order-first": {"take": _taken(s, "X", "Y", ":batch_size")},
        "batch-all": {"for": "[0]", "take": _taken(s, "X", "Y", ":")},
        "batch-one": {"for": "range(n)", "take": _taken(s, "X", "Y", "start:start + 1")},
        "last-dropped": {"for": "range(0, n - batch_size + 1, batch_size)"},
        "last-carried": {
            "begin": f"left_X, left_Y = {none}", "epoch": f"{_EMPTY}\n{carried}",
            "for": f"range(0, {stop}, batch_size)", "take": _taken(s, "X_all", "Y_all"), "end": left,
        },
        "reset-epoch": {"epoch": f"{_EMPTY}\n{zeros}", "sum": summed},
        "reset-never": {"begin": zeros, "sum": summed},
        "stale-epoch": {
            "epoch": f"{_EMPTY}\n{s.hand.x}, m = X, n\n{forward}\n{alls}", "forward": f"{values} = {cut}",
        },
        "stale-step": {
            "begin": "before = None",
            "old": f"now = ({values})\n"
            f"{values} = before if before is not None and {_rows(s, 'before[0]')} == m else now\nbefore = now",
        },
        "memory-epoch": {"memory": "", "epoch": f"{_EMPTY}\nt = 0\n{_zeros(s, memories)}"},
        "start-epoch": {"epoch": f"{_EMPTY}\n{_MADE}"},
        "losses-pooled": {"begin": _EMPTY, "epoch": ""},
        "losses-summed": {"begin": _EMPTY, "epoch": "", "shown": "total / n"},
    }  # fmt: skip
