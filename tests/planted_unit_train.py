"""A whole training loop in plain Python that prints an epoch's mean losses, and the slips of loops in it."""

from __future__ import annotations

from collections.abc import Mapping

from planted_array_styles import block
from planted_tasks import Task
from planted_unit_slips import unit_slips
from planted_units import HELPERS, Units, lists


def unit_train(task: Task, edits: Mapping[str, str]) -> str:
    """The program: its loop's places are begin, memory, epoch, for, zero, take, forward, old, met, end, shown."""
    s = Units(task, batches=True)
    t = {**s.statements(), **_loop(s), **{f"add {p}": _added(p, task) for p in s.parameters()}, **edits}
    rule, told = task.training.optimizer, ""
    for name in ("momentum", "beta1", "beta2"):
        told += f", {name}" if hasattr(rule, name) else ""
    told += ", l2" if task.training.l2 else ""
    added = [t[f"add {p}"] for p in s.parameters()]
    return f"""{HELPERS}

def zeros(like):
    return [[0.0] * len(row) if isinstance(row, list) else 0.0 for row in like]


def train(X, Y, sizes, learning_rate, n_epochs, batch_size{told}):
    parameters = initialize_parameters(sizes)
{block([*lists(s.parameters(), "parameters"), t["rate"]])}
    data = list(zip(X, Y))
    t = 0
{block([t["begin"], t["memory"]])}
    for epoch in range(n_epochs):
{block([t["epoch"]], 8)}
        for start in {t["for"]}:
{block([t["zero"], t["take"], "m = len(batch)", "t += 1", t["before"]], 12)}
            for x, y in batch:
{block([t["forward"], t["met"], t["old"], *s.backward(t), *added], 16)}
{block([t["after"], *(t[p] for p in s.parameters())], 12)}
{block([t["end"], f'print("epoch", epoch + 1, "loss", {t["shown"]})'], 8)}
    return parameters
"""


def _added(p: str, task: Task, sign: str = "+=") -> str:
    layer = int(p[1:])
    outer = f"for j in range({task.sizes[layer]}):\n"
    if p.startswith("b"):
        return f"{outer}    sum_{p}[j] {sign} d{p}[j]"
    return f"{outer}    for i in range({task.sizes[layer - 1]}):\n        sum_{p}[j][i] {sign} d{p}[j][i]"


def _loop(s: Units) -> dict[str, str]:
    return {
        "begin": "", "memory": _memory(s), "epoch": _EMPTY, "for": "range(0, len(data), batch_size)",
        "zero": _zeros(s, ("sum_",)), "take": "batch = data[start:start + batch_size]", "before": "", "after": "",
        "forward": "\n".join(s.forward(s.statements())), "met": _met(s.judged(s.task.loss)), "old": "", "end": "",
        "shown": "total / count",
    }  # fmt: skip


_EMPTY = "total, count = 0.0, 0"


def _met(loss: str) -> str:
    return f"total += {loss}\ncount += 1"


def _zeros(s: Units, letters: tuple[str, ...]) -> str:
    return "\n".join(f"{letter}{p} = zeros({p})" for p in s.parameters() for letter in letters)


def _memory(s: Units) -> str:
    return _zeros(s, tuple(letter for letter in ("m", "v") if letter in s.task.training.optimizer.memories))


def unit_train_slips(task: Task) -> dict[str, dict[str, str]]:
    """The slips of the statements, then those of the loop."""
    s = Units(task, batches=True)
    found = {}
    for key, edit in unit_slips(s).items():
        forward = any(place[0] in "za" and place[1:].isdigit() for place in edit)
        inside = {"forward": "\n".join(s.forward({**s.statements(), **edit}))} if forward else edit
        found[key] = {"met": _met(edit["loss"])} if "loss" in edit else inside
    last = {p: {f"add {p}": _added(p, task, "=")} for p in s.parameters()}
    found |= {f"d{p[0]}_{p[1:]}-last-row": edit for p, edit in last.items()}
    found["all-last-row"] = {place: text for edit in last.values() for place, text in edit.items()}
    return {**found, **_loop_slips(s)}


def _loop_slips(s: Units) -> dict[str, dict[str, str]]:
    kept = ", ".join(["x", *(f"{what}{n}" for n in s.task.layers for what in "za")])
    forward = "\n".join(s.forward(s.statements()))
    passes = f"passes = []\nfor x, y in data:\n{block([forward, f'passes.append(({kept}))'])}"
    sums = "-sums" if s.task.training.batch not in (1, "all") else ""
    waiting = "    waiting = waiting[batch_size:]\n"
    return {
        "order-reversed": {"take": "batch = data[::-1][start:start + batch_size]"},
        "order-first": {"take": "batch = data[:batch_size]"},
        "batch-all": {"for": "[0]", "take": "batch = data"},
        "batch-one": {"for": "range(len(data))", "take": "batch = data[start:start + 1]"},
        "last-dropped": {"for": "range(0, len(data) - batch_size + 1, batch_size)"},
        "last-carried": {
            "begin": "waiting = []",
            "epoch": f"{_EMPTY}\nwaiting, batches = waiting + data, []\nwhile len(waiting) >= batch_size:\n"
            f"    batches.append(waiting[:batch_size])\n{waiting}",
            "for": "batches", "take": "batch = start",
        },
        f"reset-epoch{sums}": {"epoch": f"{_EMPTY}\n{_zeros(s, ('sum_',))}", "zero": ""},
        f"reset-never{sums}": {"begin": _zeros(s, ("sum_",)), "zero": ""},
        "stale-epoch": {"epoch": f"{_EMPTY}\n{passes}\nrow = 0", "forward": f"{kept} = passes[row]\nrow += 1"},
        "stale-step": {
            "begin": "old = []", "before": "now = []",
            "old": f"now.append(({kept}))\nif len(old) == m:\n    {kept} = old[len(now) - 1]", "after": "old = now",  # noqa: E501
        },
        "memory-epoch": {"memory": "", "epoch": f"{_EMPTY}\nt = 0\n{_memory(s)}"},
        "start-epoch": {"epoch": "\n".join([
            _EMPTY, "parameters = initialize_parameters(sizes)", *lists(s.parameters(), "parameters")
        ])},
        "losses-pooled": {"begin": _EMPTY, "epoch": ""},
        "losses-summed": {"begin": _EMPTY, "epoch": "", "shown": "total / len(data)"},
    }  # fmt: skip
