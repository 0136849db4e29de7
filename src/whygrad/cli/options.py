"""Options that several verbs share. None means: not said, so the example's or whygrad's default holds.

The same fields, by the same names, are what a run.toml may hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

_TABLE = Group("Table", sort_key=2)
_READING = Group("Reading a file", sort_key=3)
_NETWORK = Group("Network", sort_key=4)
_TRAINING = Group("Training", sort_key=5)
_STOPPING = Group("Stopping", sort_key=6)
_OUTPUT = Group("Output", sort_key=7)


def whole(kind: Any, tokens: Sequence[Any]) -> int:
    """A whole number; 1.5 is none, and is not rounded to one."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


Whole = Annotated[int | None, Parameter(converter=whole)]


@Parameter(name="*", group=_TABLE)
@dataclass(frozen=True)
class TableOptions:
    """What the columns of a table are for."""

    target: str | None = None
    "What to predict: a column, or several separated by commas."
    task: Literal["regression", "classification"] | None = None
    "Read the target as numbers or as classes; otherwise told by its values."
    category: str | None = None
    "Columns to read as categories although they hold numbers."
    ignore: str | None = None
    "Columns to leave out."
    missing: Literal["refuse", "drop", "fill"] | None = None
    "Missing values: refuse them (default), drop their rows, or fill with the mean or most frequent."
    row_weight: str | None = None
    "A column whose numbers weigh the rows."


@Parameter(name="*", group=_READING)
@dataclass(frozen=True)
class ReadingOptions:
    """How a file is written, and read."""

    delimiter: str | None = None
    "What separates the fields; otherwise guessed and said."
    decimal: Literal[".", ","] | None = None
    "The decimal mark; otherwise guessed and said."
    header: Annotated[bool | None, Parameter(negative="--no-header")] = None
    "Whether the first line names the columns (by default yes, and not by numbers only)."
    missing_values: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    "Spellings of a missing value besides the usual ones, as in -,#N/A."
    text_encoding: str | None = None
    "The file's text encoding; otherwise guessed and said."
    stream: Annotated[bool | None, Parameter(negative="--no-stream")] = None
    "Read some rows at a time, with the columns on disk in TMPDIR (default: files large for this memory)."


@Parameter(name="*", group=_NETWORK)
@dataclass(frozen=True)
class NetworkOptions:
    """Which network."""

    hidden: str | None = None
    "Units of the hidden layers, as in 64,32; 'none' for no hidden layer (default 32)."
    activation: str | None = None
    "Of the hidden layers: relu (default), tanh, sigmoid, gelu, leaky_relu:0.2 ..."
    output: str | None = None
    "Activation of the output layer; otherwise chosen by the task and loss."


@Parameter(name="*", group=_TRAINING)
@dataclass(frozen=True)
class TrainingOptions:
    """How to train."""

    loss: str | None = None
    "mse, mae, huber:1, log_cosh, bce, cce, hinge, poisson; otherwise chosen by the task."
    optimizer: str | None = None
    "sgd, momentum, nesterov, rmsprop, adagrad, adam (default) or adamw."
    learning_rate: Annotated[float | None, Parameter(name=["--learning-rate", "--lr"])] = None
    "How far each update goes (default: the optimizer's, 0.001 for adam)."
    momentum: float | None = None
    "For momentum and nesterov (default 0.9)."
    decay: float | None = None
    "Of rmsprop's running mean (default 0.99)."
    beta1: float | None = None
    "For adam and adamw (default 0.9)."
    beta2: float | None = None
    "For adam and adamw (default 0.999)."
    epsilon: float | None = None
    "Added to the divisor by rmsprop, adagrad, adam and adamw."
    weight_decay: float | None = None
    "For adamw (default 0.01)."
    epochs: Whole = None
    "Passes over the table, in all (default 100)."
    batch: str | None = None
    "Rows per update, or 'all' (default 32)."
    order: Literal["shuffled", "sequential", "random"] | None = None
    "Rows in a new order each epoch (default), as they stand, or drawn with replacement."
    init: str | None = None
    "Start values: a number, zeros, distinct, uniform, normal, glorot, he (default), lecun, orthogonal."
    seed: Whole = None
    "Of start values, split and row orders (default 0)."
    dtype: Literal["float64", "float32"] | None = None
    "Numbers to compute with (default float64)."
    schedule: str | None = None
    "How the rate changes: constant, step:10,0.5, exponential:0.95, cosine:0.01."
    warmup: Whole = None
    "Epochs over which the rate rises from 0."
    clip: str | None = None
    "Bound the gradient: value:1, norm:1 (each array's) or global_norm:1."
    l1: float | None = None
    "Penalty on the size of weights: l1 times the sum of |W|."
    l2: float | None = None
    "Penalty on the squares of weights: l2/2 times the sum of W^2."
    smoothing: float | None = None
    "Label smoothing, for the cross-entropies."
    class_weights: str | None = None
    "'balanced', or weights by class as in yes=3,no=1."
    freeze: str | None = None
    "Layers or parameters that stay at their start, as in 2 or W_211."
    scale: Literal["standard", "none"] | None = None
    "Standardise number columns (default) or take them as they are."
    validation: float | None = None
    "The share of rows kept out of training to check on, as in 0.2."


@Parameter(name="*", group=_STOPPING)
@dataclass(frozen=True)
class StopOptions:
    """When to stop before all epochs are done."""

    patience: Whole = None
    "Stop when the validation loss has not improved for so many epochs; the best weights are kept."
    min_delta: float | None = None
    "What counts as an improvement (default 0: any)."
    loss_change: float | None = None
    "Converged when the loss changes by at most this over an epoch ..."
    gradient: float | None = None
    "... and the full table's gradient has no entry larger than this."


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True)
class OutputOptions:
    """What to keep and what to print."""

    out: Path | None = None
    "Keep the run in this model file, as in houses.whygrad."
    force: Annotated[bool, Parameter(negative=())] = False
    "Overwrite files that exist."
    resume: Path | None = None
    "Go on with the run in this model file, for --epochs in all."
    checkpoint: float = 30.0
    "Seconds between checkpoints while training with --out; 0 writes as often as possible."
    config: Path | None = None
    "Take options from this run.toml; the command line wins."
    save_config: Path | None = None
    "Write the options to this run.toml."
    every: Whole = None
    "Print a line every so many epochs (default: about twenty lines in all)."
    all: Annotated[bool, Parameter(negative=())] = False
    "List every parameter."
    trace: Annotated[bool, Parameter(negative=())] = False
    "Print every parameter before and after each update (small networks)."
    notation: Literal["course", "3b1b", "keras", "torch"] = "course"
    "How weights are named: W_211, w^(2)_0,0, kernel[0, 0] or weight[0, 0]."
    quiet: Annotated[bool, Parameter(negative=())] = False
    "Print only why it stopped."
    json: Annotated[bool, Parameter(negative=())] = False
    "Print one JSON document instead."
    engine: str = "auto"
    "Which engine computes: auto (default; by the work there is), reference or compiled."


TABLE = TableOptions()
READING = ReadingOptions()
NETWORK = NetworkOptions()
TRAINING = TrainingOptions()
STOPPING = StopOptions()
OUTPUT = OutputOptions()
