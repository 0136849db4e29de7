"""From words to values: the network, table and training that a command line, or a run.toml, asks for."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from whygrad.activations import Activation
from whygrad.activations import activation as find_activation
from whygrad.cli.config import merged, read_config
from whygrad.cli.options import NetworkOptions, ReadingOptions, StopOptions, TableOptions, TrainingOptions
from whygrad.defaults import DEFAULT_ACTIVATION, DEFAULT_HIDDEN, default_loss, dense_network
from whygrad.errors import InputError
from whygrad.examples import EXAMPLES, example
from whygrad.history import Run
from whygrad.losses import loss as find_loss
from whygrad.network import Network, layers, whole_number
from whygrad.resuming import remembered_table
from whygrad.table import Table
from whygrad.training import Training
from whygrad.updates import Update, name_of, update


@dataclass(frozen=True)
class Request:
    """What was asked for, before anything is opened."""

    subject: str
    table: TableOptions
    reading: ReadingOptions
    network: NetworkOptions
    training: TrainingOptions
    stop: StopOptions

    @property
    def groups(self) -> tuple[Any, ...]:
        """The groups of options."""
        return (self.table, self.reading, self.network, self.training, self.stop)


@dataclass(frozen=True)
class Asked:
    """What comes of a request."""

    title: str
    net: Network
    table: Table
    training: Training


def make_request(
    subject: str | None,
    table: TableOptions,
    reading: ReadingOptions,
    network: NetworkOptions,
    training: TrainingOptions,
    stop: StopOptions,
    config: Path | None,
) -> Request:
    """Merges a run.toml under the options. A subject that ends in .toml is one."""
    if config is None and subject is not None and subject.endswith(".toml"):
        config, subject = Path(subject), None
    if config is not None:
        given = read_config(config)
        subject = subject or given.get("subject")
        table, reading = merged(table, given, config), merged(reading, given, config)
        network = merged(network, given, config)
        training, stop = merged(training, given, config), merged(stop, given, config)
    if not subject:
        where = "" if config is None else f"{config} names no subject: "
        raise InputError(
            f"{where}what shall be trained? Name an example ({', '.join(EXAMPLES)}) or a table, as in houses.csv"
        )
    return Request(subject, table, reading, network, training, stop)


def resolve(request: Request) -> Asked:
    """Opens the subject and settles every setting."""
    if request.subject in EXAMPLES:
        return _example(request)
    if request.subject.endswith(".whygrad"):
        raise InputError(f"{request.subject} is a model file; --resume {request.subject} goes on training it")
    if request.table.target is None:
        refuse_absent(request.subject)
        raise InputError(f"{request.subject}: which column is to be predicted? Say --target COLUMN")
    hidden, output = _hidden(request.network.hidden), _output(request.network.output)
    inner = find_activation(request.network.activation or DEFAULT_ACTIVATION)
    _training(request, Training(loss=request.training.loss or "mse"))  # type: ignore[arg-type]  # before a long read
    table = open_table(request.subject, request.table, request.reading)
    loss = find_loss(request.training.loss or default_loss(table.task))
    training = _training(request, Training(loss=loss))
    net = dense_network(table, DEFAULT_HIDDEN if hidden is None else hidden, inner, output, loss)
    return Asked(Path(request.subject).name, net, table, training)


def refuse_absent(subject: str) -> None:
    """One line for a subject that is no example and no file."""
    if not os.path.exists(subject):
        close = get_close_matches(subject, EXAMPLES, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"{subject!r} is neither an example ({', '.join(EXAMPLES)}) nor a file that exists{hint}")


def open_table(path: str, table: TableOptions, reading: ReadingOptions) -> Table:
    """The table at `path`, read as the options say."""
    from whygrad.reading import read_table

    given = said(table) | said(reading)
    for name in ("target", "category", "ignore", "missing_values"):
        if name in given:
            given[name] = names(given[name])
    return read_table(path, **given)


def own_table(run: Run, path: Path, moved_to: str | None = None, stream: bool | None = None) -> Table:
    """The table that the run in a model file was trained on; what stands in the way names the file."""
    try:
        return remembered_table(run, moved_to, path.parent, stream)
    except InputError as problem:
        raise type(problem)(f"{path}: {problem}") from None


def said(options: Any) -> dict[str, Any]:
    """The options of a group that were said, by name."""
    return {f.name: value for f in fields(options) if (value := getattr(options, f.name)) is not None}


def names(text: str) -> tuple[str, ...]:
    """Column names separated by commas; quotes protect a comma inside a name."""
    return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True)) if name.strip())


def _example(request: Request) -> Asked:
    strange = next(iter(said(request.table) | said(request.reading)), None)
    if strange is not None:
        option = strange.replace("_", "-")
        raise InputError(f"--{option} is for tables; the example {request.subject} comes with its own")
    net, table, training = example(request.subject)
    wanted = request.network
    if (wanted.hidden, wanted.activation, wanted.output) != (None, None, None):
        hidden = _hidden(wanted.hidden)
        sizes = net.sizes[1:-1] if hidden is None else hidden
        inner = wanted.activation or (net.layers[0].activation if len(net.layers) > 1 else "linear")
        net = Network(net.inputs, layers((*sizes, net.outputs), inner, _output(wanted.output) or net.output))
    title = f"{request.subject}: {EXAMPLES[request.subject].title}"
    return Asked(title, net, table, _training(request, training))


def _output(text: str | None) -> Activation | None:
    if text is None:
        return None
    try:
        return find_activation(text)
    except InputError as problem:
        raise InputError(f"--output: {problem}") from None


def _hidden(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    if text.strip().lower() in ("none", "0", ""):
        return ()
    try:
        return tuple(whole_number("hidden", int(part)) for part in text.split(","))
    except ValueError as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(f"--hidden is {text!r}, but must be units separated by commas, as in 64,32") from None


_SETTINGS = ("momentum", "decay", "beta1", "beta2", "epsilon", "weight_decay")


def _training(request: Request, base: Training) -> Training:
    """The base with every setting that was said."""
    changes = said(request.training)
    optimizer = {name: changes.pop(name) for name in ("optimizer", "learning_rate", *_SETTINGS) if name in changes}
    changes["optimizer"] = _optimizer(optimizer, base.optimizer)
    if "init" in changes:
        changes["start"] = changes.pop("init")
    if "batch" in changes:
        changes["batch"] = _batch(changes["batch"])
    if "class_weights" in changes:
        changes["class_weights"] = _class_weights(changes["class_weights"])
    made = replace(base, **changes, stop=replace(base.stop, **said(request.stop)))
    if request.stop.min_delta is not None and made.stop.patience is None:
        raise InputError("--min-delta says what improves the validation loss; it needs --patience, as in 10")
    return made


def _optimizer(settings: dict[str, Any], base: Update) -> Update:
    rate, name = settings.pop("learning_rate", None), settings.pop("optimizer", None)
    if name is None:
        if rate is None and not settings:
            return base
        name = type(base).__name__
        rate = base.learning_rate if rate is None else rate
    if name.lower() == "sgd" and "momentum" in settings:
        name = "momentum"
    if rate is None and name.lower() == name_of(base):
        rate = base.learning_rate  # naming the optimizer there is changes nothing
    return update(name, rate, **settings)


def _batch(text: str) -> Any:
    if text.strip().lower() in ("all", "full"):
        return "all"
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--batch is {text!r}, but must be a whole number or 'all'") from None


def _class_weights(text: str) -> Any:
    if text.strip().lower() == "balanced":
        return "balanced"
    pairs = [part.rpartition("=") for part in text.split(",")]
    if not all(separator for _, separator, _ in pairs):
        raise InputError(f"--class-weights is {text!r}, but must be 'balanced' or as in yes=3,no=1")
    found = {}
    for name, _, weight in pairs:
        if name.strip() in found:
            raise InputError(f"--class-weights gives {name.strip()!r} two weights; one would be right")
        try:
            found[name.strip()] = float(weight)
        except ValueError:
            raise InputError(
                f"--class-weights: the weight of {name.strip()!r} is {weight!r}, but must be a number, as in yes=3"
            ) from None
    return tuple(found.items())
