"""How results are printed: numbers, columns, parameters, epochs."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from whygrad.cli import print_no_more
from whygrad.history import Record, Run
from whygrad.maths import Array
from whygrad.names import legend, parameter_names
from whygrad.network import Network
from whygrad.printing import columns, number, short
from whygrad.training import Training
from whygrad.weights import spans, views

MOST = 40  # parameters listed one by one when not asked for all
NARROWEST = 60  # letters of a line, however narrow the terminal is


def width(usual: int) -> int:
    """How many letters a line may have: as many as usual, fewer in a narrower terminal."""
    if sys.stdout is None or not sys.stdout.isatty():
        return usual
    return min(usual, max(NARROWEST, shutil.get_terminal_size((usual, 0)).columns))


def settings(training: Training) -> list[str]:
    """The training in a few lines, without what is at rest."""
    t = training
    batch = {"all": "all rows at once", 1: "row by row"}.get(t.batch, f"batches of {t.batch}")
    plain, rest = training.to_plain(), Training(t.loss).to_plain()
    more = [f"{key} {_listed(plain[key])}" for key in _MORE if plain.get(key) != rest.get(key)]
    more += [f"stop at {key} {value}" for key, value in plain["stop"].items() if value != rest["stop"].get(key)]
    lines = [
        f"loss {t.loss}; {rule(training)}; {batch}, {t.order}; {t.epochs:,} epoch{'' if t.epochs == 1 else 's'}",
        f"start {t.start}, seed {t.seed}; {t.dtype}; {'; '.join(more)}".removesuffix("; "),
    ]
    return [line for whole in lines for line in textwrap.wrap(whole, 110, subsequent_indent="  ")]


_MORE = ("schedule", "warmup", "clip", "l1", "l2", "smoothing", "class_weights", "freeze", "validation", "scale")


def _listed(value: Any) -> str:
    """Lists as one writes them on the command line: 2,W_211 and yes=3,no=1."""
    if not isinstance(value, list):
        return str(value)
    return ",".join(f"{part[0]}={part[1]:g}" if isinstance(part, list) else str(part) for part in value)


def rule(training: Training) -> str:
    """The optimizer with its rate, and what else is not as usual."""
    usual = type(training.optimizer)()
    plain = dict(training.to_plain()["optimizer"])
    name, rate = plain.pop("name"), plain.pop("learning_rate")
    odd = {key: value for key, value in plain.items() if value != getattr(usual, key)}
    return f"{name}, learning rate {rate:g}" + "".join(f", {key} {value:g}" for key, value in odd.items())


class EpochTable:
    """The lines of the epochs, each printed as it comes, in columns wide enough for all of them."""

    def __init__(self, training: Training, validated: bool, names: Sequence[str], unit: str) -> None:
        self.penalized = bool(training.l1 or training.l2)
        self.validated = validated
        self.names = list(names)
        titles = [f"{name} ({unit})" if name == "RMSE" and unit else name for name in names]
        losses = ["loss during", "loss after", *(["penalty"] if self.penalized else [])]
        self.titles = [*losses, *titles[:1], "validation loss", *(f"val. {title}" for title in titles)]
        if not validated:
            self.titles = [*losses, *titles]
        self.widths = [max(13, len(title)) for title in self.titles]

    def head(self) -> str:
        """The column names."""
        return self._row("epoch", self.titles)

    def line(self, record: Record) -> str:
        """One epoch; with validation rows, the training rows' first score and all of theirs."""
        cells = [number(record.loss_during), number(record.loss_after)]
        if self.penalized:
            cells.append(number(record.penalty))
        scores = [short(record.scores.get(name)) for name in self.names]
        if self.validated:
            checked = [short(record.validation_scores.get(name)) for name in self.names]
            return self._row(str(record.epoch), [*cells, scores[0], number(record.validation_loss), *checked])
        return self._row(str(record.epoch), [*cells, *scores])

    def _row(self, first: str, cells: Sequence[str]) -> str:
        return f"{first:>6}" + "".join(f"  {c:>{w}}" for c, w in zip(cells, self.widths, strict=True))


def shown_epochs(epochs: int, most: int = 18) -> set[int]:
    """Which epochs get a line: all of a short run, else about `most`: round ones, 1, 10, 100 ... and the last."""
    if epochs <= most + 2:
        return set(range(epochs + 1))
    steps = [k * 10**p for p in range(len(str(epochs))) for k in (1, 2, 5)]
    step = next(k for k in steps if k >= epochs / most)
    decades = {10**p for p in range(len(str(epochs))) if 10**p < step}
    if len(decades) + epochs // step > most:
        step = next(k for k in steps if k > step)
    return {0, 1, *decades, *range(step, epochs, step), epochs}


def parameters(net: Network, named: Sequence[tuple[str, Array]], notation: str, everything: bool) -> list[str]:
    """Every parameter by name with its values side by side, and how to read the names; arrays if they are many."""
    if net.n_parameters > MOST and not everything:
        return [*array_lines(net, named), "root mean squares of each array; --all lists every parameter"]
    rows = [["parameter", "in", *(title for title, _ in named)]]
    labels = parameter_names(net, notation)
    for layer, s in enumerate(spans(net), start=1):
        for i in range(s.start, s.stop):
            array = f"W_{layer} {(s.n_in, s.n_out)}" if i < s.middle else f"b_{layer} {(s.n_out,)}"
            rows.append([labels[i], array, *(number(float(values[i])) for _, values in named)])
    return [*columns(rows, left=(0, 1)), f"names: {legend(net, notation)}"]


def array_lines(net: Network, named: Sequence[tuple[str, Array]]) -> list[str]:
    """Each W and b with its shape and the root mean square of its values."""
    rows = [["array", "shape", *(title for title, _ in named)]]
    layers = [views(net, values) for _, values in named]
    for at in range(len(net.layers)):
        for part in ("W", "b"):
            arrays = [getattr(layer[at], part) for layer in layers]
            sizes = [number(float((a.astype("float64") ** 2).mean() ** 0.5)) for a in arrays]
            rows.append([f"{part}_{at + 1}", str(arrays[0].shape), *sizes])
    return columns(rows, left=(0, 1))


def run_values(run: Run) -> list[tuple[str, Array]]:
    """The parameters of a run: where they started, where they ended, and the slope they ended on."""
    named = [("start", run.start), ("final", run.w)]
    return named if run.gradient is None else [*named, ("gradient", run.gradient)]


def named_values(net: Network, named: Sequence[tuple[str, Array]]) -> dict[str, dict[str, float]]:
    """name -> title -> value, for JSON."""
    return {
        name: {title: float(values[i]) for title, values in named} for i, name in enumerate(parameter_names(net))
    }


def run_as_plain(run: Run, title: str) -> dict[str, Any]:
    """A run as JSON can hold it."""
    net, names = run.model.network, parameter_names(run.model.network)
    plain: dict[str, Any] = {
        "subject": title,
        "network": net.to_plain(),
        "training": run.training.to_plain(),
        "engine": run.engine,
        "notes": list(run.notes),
        "history": [asdict(record) for record in run.history],
        "stopped": asdict(run.stopped),
        "parameters": named_values(net, run_values(run)),
    }
    if run.kept:
        plain["trace"] = [
            {"update": kept.t, "epoch": kept.epoch, "parameters": dict(zip(names, kept.w.tolist(), strict=True))}
            for kept in run.kept
        ]
    return plain


def tell(line: str = "") -> None:
    """Prints a line at once. If nobody reads any more, nothing is printed from then on; the work goes on."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        print_no_more()


def finite(value: Any) -> Any:
    """The value with every NaN and infinity replaced by None, as JSON has neither."""
    if isinstance(value, dict):
        return {key: finite(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_json(value: Any) -> str:
    """The value as one JSON document."""
    import json

    return json.dumps(finite(value), indent=1)
