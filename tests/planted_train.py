"""A whole training loop in NumPy, in one function that returns an epoch's mean losses, and the slips of loops."""

from __future__ import annotations

from collections.abc import Mapping

from planted_array_slips import MSE, array_slips
from planted_array_styles import backward_lines, block, forward_lines, helpers, update_lines
from planted_arrays import Arrays, Hand
from planted_tasks import Task

TRAIN = Hand(x="x", y="y", a="a", z="z", d="d", back="e", g="g{}", g_read="g{}")


def train(task: Task, edits: Mapping[str, str]) -> str:
    """The program: its loop's places are begin, epoch, for, take, forward, met, sum, and end."""
    s = Arrays(task, TRAIN)
    t = {**s.statements(), **_loop(s), **edits}
    names = ", ".join(s.parameters())
    rule, told = task.training.optimizer, ""
    for name in ("momentum", "beta1", "beta2"):
        told += f", {name}" if hasattr(rule, name) else ""
    told += ", l2" if task.training.l2 else ""
    inner = [t["take"], "m = len(x)", "t = t + 1", t["forward"], t["met"], t["old"]]
    inner += [*backward_lines(s, t), t["sum"], *update_lines(s, t)[1:]]
    return f"""{helpers(False)}

def train(X, Y, params, learning_rate, epochs, batch_size{told}):
{block([f"{names} = [p.copy() for p in params]", t["rate"]])}
    n, t, losses = len(X), 0, []
{block([t["begin"], t["memory"]])}
    for epoch in range(epochs):
{block([t["epoch"]], 8)}
        for start in {t["for"]}:
{block(inner, 12)}
{block([t["end"], f"losses.append({t['shown']})"], 8)}
    return losses
"""


def _loop(s: Arrays) -> dict[str, str]:
    """The right statements of the loop."""
    memories = [name for name in ("m", "v") if name in s.task.training.optimizer.memories]
    return {
        "begin": "", "memory": _zeros(s, memories), "epoch": _EMPTY, "for": "range(0, n, batch_size)",
        "take": _taken("X", "Y"), "forward": "\n".join(forward_lines(s, s.statements())),
        "met": _met(s), "old": "", "sum": "", "end": "", "shown": "total / count",
    }  # fmt: skip


_EMPTY = "total, count = 0.0, 0"


def _met(s: Arrays, loss: str = "") -> str:
    return f"total = total + ({loss or s.judged(s.task.loss)}) * m\ncount = count + m"


def _taken(x: str, y: str) -> str:
    return f"x, y = {x}[start:start + batch_size], {y}[start:start + batch_size]"


def _zeros(s: Arrays, letters: list[str]) -> str:
    return "\n".join(f"{letter}{p} = np.zeros_like({p})" for p in s.parameters() for letter in letters)


def train_slips(task: Task) -> dict[str, dict[str, str]]:
    """The slips of the statements, then those of the loop."""
    s = Arrays(task, TRAIN)
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
    place = f"d{s.task.last}"
    parts = {f"{k}{n}": part(n, share=" / n") for n in s.task.layers for k, part in (("dW", s.dW), ("db", s.db))}
    found = {"factor-table": {place: s.output_delta(times="n * ")}, "factor-per-table": parts}
    if s.task.loss == MSE:
        found["factor-half-per-table"] = {**parts, place: s.output_delta().replace("2 * (", "(", 1)}
    if s.task.training.l2:
        found["penalty-per-table"] = {f"dW{n}": s.dW(n).replace("l2 *", "l2 / n *") for n in s.task.layers}
    return found


def _loop_slips(s: Arrays) -> dict[str, dict[str, str]]:
    kept = [s.hand.x, *(name for n in s.task.layers for name in (s.Z(n), s.A(n)))]
    values, _olds = ", ".join(kept), ", ".join(f"old_{name}" for name in kept)
    forward = "\n".join(forward_lines(s, s.statements()))
    alls = "\n".join(f"all_{name} = {name}" for name in kept)
    cut = ", ".join(f"all_{name}[start:start + batch_size]" for name in kept)
    memories = [name for name in ("m", "v") if name in s.task.training.optimizer.memories]
    grads = [f"g{p}" for p in s.parameters()]
    zeros = "\n".join(f"sum_{g} = 0" for g in grads)
    summed = "\n".join(f"sum_{g} = sum_{g} + {g}\n{g} = sum_{g}" for g in grads)
    carried = "X_all, Y_all = np.concatenate([left_X, X]), np.concatenate([left_Y, Y])"
    stop = "len(X_all) // batch_size * batch_size"
    again = f"{', '.join(s.parameters())} = [p.copy() for p in params]"
    return {
        "order-reversed": {"take": _taken("X[::-1]", "Y[::-1]")},
        "order-first": {"take": "x, y = X[:batch_size], Y[:batch_size]"},
        "batch-all": {"for": "[0]", "take": "x, y = X, Y"},
        "batch-one": {"for": "range(n)", "take": "x, y = X[start:start + 1], Y[start:start + 1]"},
        "last-dropped": {"for": "range(0, n - batch_size + 1, batch_size)"},
        "last-carried": {
            "begin": "left_X, left_Y = X[:0], Y[:0]", "epoch": f"{_EMPTY}\n{carried}",
            "for": f"range(0, {stop}, batch_size)", "take": _taken("X_all", "Y_all"),
            "end": f"left_X, left_Y = X_all[{stop}:], Y_all[{stop}:]",
        },
        "reset-epoch": {"epoch": f"{_EMPTY}\n{zeros}", "sum": summed},
        "reset-never": {"begin": zeros, "sum": summed},
        "stale-epoch": {"epoch": f"{_EMPTY}\nx, m = X, n\n{forward}\n{alls}", "forward": f"{values} = {cut}"},
        "stale-step": {
            "begin": "before = None",
            "old": f"now = ({values})\n"
            f"{values} = before if before is not None and len(before[0]) == m else now\nbefore = now",
        },
        "memory-epoch": {"memory": "", "epoch": f"{_EMPTY}\nt = 0\n{_zeros(s, memories)}"},
        "start-epoch": {"epoch": f"{_EMPTY}\n{again}"},
        "losses-pooled": {"begin": _EMPTY, "epoch": ""},
        "losses-summed": {"begin": _EMPTY, "epoch": "", "shown": "total / n"},
    }  # fmt: skip
