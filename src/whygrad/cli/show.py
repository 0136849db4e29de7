"""`whygrad show`: look into a model file or an example."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from whygrad.cli import say
from whygrad.cli.request import refuse_absent
from whygrad.cli.use import open_model
from whygrad.encoding import ColumnCode, Encoding
from whygrad.examples import EXAMPLES, example
from whygrad.history import Run
from whygrad.job import prepare, table_gradient
from whygrad.network import Network
from whygrad.printing import columns
from whygrad.table import listed
from whygrad.weights import spans

_OUTPUT = Group("Output", sort_key=7)
Flag = Annotated[bool, Parameter(negative=(), group=_OUTPUT)]


def show(
    subject: str,
    /,
    *,
    all: Flag = False,
    json: Flag = False,
    notation: Literal["course", "3b1b", "keras", "torch"] = "course",
) -> int:
    """Prints what a model file or an example holds.

    Parameters
    ----------
    subject
        A model file, or an example (students, placement, xor, chain).
    all
        List every parameter.
    json
        Print one JSON document instead.
    notation
        How weights are named.
    """
    if subject in EXAMPLES:
        return _show_example(subject, notation, all, json)
    refuse_absent(subject)
    run = open_model(Path(subject), "show takes a model file or an example")
    if json:
        plain = say.run_as_plain(run, subject)
        print(say.as_json({**plain, "encoding": asdict(run.model.encoding), "source": _source(run)}))
        return 0
    print(f"{subject}: {run.model.network}")
    print(f"table: {_source(run)}")
    for line in say.settings(run.training):
        print(line)
    for section in (_encoding_lines(run.model.encoding), layer_lines(run.model.network), _history_lines(run)):
        print()
        print("\n".join(section))
    print(f"stopped: {run.stopped.words}")
    print()
    print("\n".join(say.parameters(run.model.network, say.run_values(run), notation, all)))
    return 0


def _source(run: Run) -> str:
    if run.source is None:
        return "given as arrays or a dataframe"
    if run.source.format == "example":
        return f"the example {run.source.path}"
    return f"{Path(run.source.path).name}, sha256 {run.source.sha256[:12]}..."


def _show_example(name: str, notation: str, everything: bool, json: bool) -> int:
    net, table, training = example(name)
    job = prepare(net, table, training)
    there = (*table.inputs, *table.targets)
    named = [("start", job.start), ("gradient", table_gradient(job, job.start))]
    if json:
        plain = {"network": net.to_plain(), "training": training.to_plain()}
        rows = {column.name: column.values.tolist() for column in there}
        print(say.as_json({"subject": name, **plain, "table": rows, "parameters": say.named_values(net, named)}))
        return 0
    print(f"{name}: {EXAMPLES[name].title}")
    shown = [[column.name for column in there]]
    shown += [[f"{column.values[k]:g}" for column in there] for k in range(len(table))]
    print("\n".join(columns(shown, left=())))
    print(f"network {net}")
    print("\n".join(say.settings(training)))
    print()
    print("\n".join(layer_lines(net)))
    print()
    print("\n".join(say.parameters(net, named, notation, everything)))
    return 0


def layer_lines(net: Network) -> list[str]:
    """A line a layer: its shapes and activation."""
    rows = [["layer", "activation", "W (from, to)", "b", "parameters"]]
    for number, (layer, s) in enumerate(zip(net.layers, spans(net), strict=True), start=1):
        count = s.stop - s.start
        rows.append([str(number), str(layer.activation), f"({s.n_in}, {s.n_out})", f"({s.n_out},)", f"{count:,}"])
    return columns(rows, left=(0, 1))


def _encoding_lines(encoding: Encoding) -> list[str]:
    rows = [["column", "role", "kind", "encoded as"]]
    for role, codes in (("input", encoding.inputs), ("target", encoding.targets)):
        rows += [[code.name, role, code.kind, _coded(code)] for code in codes]
    return columns(rows, left=(0, 1, 2, 3))


def _coded(code: ColumnCode) -> str:
    filled = "" if code.fill is None else f"; missing: {code.fill}"
    if code.kind == "number":
        plain = code.shift == 0 and code.scale == 1
        return ("as it is" if plain else f"(value - {code.shift:.6g}) / {code.scale:.6g}") + filled
    if code.kind == "yes/no":
        return f"{code.categories[0]} = 0, {code.categories[1]} = 1{filled}"
    return f"one of {len(code.categories)}: {listed(code.categories)}{filled}"


def _history_lines(run: Run) -> list[str]:
    if not run.history:
        return ["no history: it stopped before any update"]
    first = run.history[0]
    regression = run.model.encoding.task == "regression"
    targets = run.model.encoding.targets
    unit = targets[0].name if regression and len(targets) == 1 else ""
    table = say.EpochTable(run.training, first.validation_loss is not None, list(first.scores), unit)
    chosen = say.shown_epochs(run.history[-1].epoch)
    lines = [table.line(record) for record in run.history if record.epoch in chosen]
    return [table.head(), *lines]
