"""Training: everything a run is told, as one frozen value that goes to a file and comes back equal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Any, Literal, TypeGuard

from whygrad.errors import InputError, WrongTypeError, one_of
from whygrad.losses import Loss, registered
from whygrad.losses import loss as find_loss
from whygrad.network import whole_number
from whygrad.schedules import Constant, Schedule
from whygrad.schedules import name_of as schedule_name
from whygrad.schedules import schedule as find_schedule
from whygrad.updates import UPDATES, Adam, Update, name_of
from whygrad.updates import update as find_update

CLIPS = ("value", "norm", "global_norm")
ORDERS = ("sequential", "shuffled", "random")
DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Clip:
    """Bounds on the gradient, taken after the penalties are added.

    "value" bounds each entry; "norm" the Euclidean norm of each W and each b (Keras's clipnorm);
    "global_norm" that of all of them together, as PyTorch's clip_grad_norm_, which adds 1e-6 to the norm
    (Pascanu et al. 2013; Keras's global_clipnorm does not add it).
    """

    kind: Literal["value", "norm", "global_norm"]
    limit: float

    def __post_init__(self) -> None:
        if self.kind not in CLIPS:
            raise one_of("clip", self.kind, CLIPS)
        if not _number(self.limit) or not 0 < self.limit < math.inf:
            raise InputError(f"clip: the limit is {self.limit!r}, but must be a number above 0")
        object.__setattr__(self, "limit", float(self.limit))

    def __str__(self) -> str:
        return f"{self.kind}:{self.limit!r}"


def clip(text: str | Clip | None) -> Clip | None:
    """The clipping written as "value:1", "norm:1" or "global_norm:5"; None stays None."""
    if text is None or isinstance(text, Clip):
        return text
    if not isinstance(text, str):
        raise WrongTypeError(f"clip is {text!r}, but must be text or a Clip, as in 'norm:1'")
    kind, _, limit = text.partition(":")
    try:
        bound = float(limit)
    except ValueError:
        raise InputError(f"clip: {text!r} is not understood; write value:1, norm:1 or global_norm:1") from None
    return Clip(kind.strip().lower().replace("-", "_"), bound)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Stop:
    """When to stop before all epochs are done.

    `loss_change` and `gradient`: converged, once the loss after an epoch changed by at most this much and the
    largest entry of the full table's gradient is at most that (both, where both are given; a zero gradient is
    necessary for a minimum, not sufficient). `patience`: early, once the validation loss has not improved by
    more than `min_delta` for that many epochs; the best weights are kept (Prechelt 1998).
    """

    loss_change: float | None = None
    gradient: float | None = None
    patience: int | None = None
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        for what in ("loss_change", "gradient", "min_delta"):
            bound = getattr(self, what)
            if bound is not None and not (_number(bound) and 0 <= bound < math.inf):
                raise InputError(f"stop: {what} is {bound!r}, but must be 0 or more")
        if self.patience is not None:
            whole_number("stop: patience", self.patience)

    @property
    def on_convergence(self) -> bool:
        """Whether a bound on the loss's change or on the gradient is set."""
        return self.loss_change is not None or self.gradient is not None


@dataclass(frozen=True)
class Training:
    """Everything a run is told. Names may be given for formulas: `Training(loss="mse", optimizer="adam")`.

    - `batch`: rows an update, or "all"; the last batch of an epoch may be smaller, and is its own mean.
    - `order`: "shuffled" (a new permutation each epoch), "sequential", or "random" (drawn with replacement).
    - `l1`, `l2`: the loss gains l1 sum |W| + l2/2 sum W^2 over weights, never biases; shown apart.
    - `warmup`: epochs over which the rate rises from 0.
    - `smoothing`: label smoothing, for the cross-entropies.
    - `class_weights`: pairs (class name, weight), or "balanced": rows / (classes x rows of the class).
    - `freeze`: layers ("2") and parameters ("W_211") that stay at their start.
    - `validation`: the fraction of rows kept out of training, 0 to below 1.
    - `start`: how parameters start, see `initialize_parameters`; arrays are kept in the run, not here.

    Raises `InputError` or `WrongTypeError` for a setting that cannot be.
    """

    loss: Loss
    optimizer: Update = field(default_factory=Adam)
    epochs: int = 100
    batch: int | Literal["all"] = 32
    order: Literal["sequential", "shuffled", "random"] = "shuffled"
    start: str = "he"
    seed: int = 0
    dtype: Literal["float64", "float32"] = "float64"
    schedule: Schedule = field(default_factory=Constant)
    warmup: int = 0
    clip: Clip | None = None
    l1: float = 0.0
    l2: float = 0.0
    smoothing: float = 0.0
    class_weights: tuple[tuple[str, float], ...] | Literal["balanced"] = ()
    freeze: tuple[str, ...] = ()
    validation: float = 0.0
    scale: Literal["standard", "none"] = "standard"
    stop: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "loss", find_loss(self.loss))
        put(self, "optimizer", find_update(self.optimizer))
        put(self, "schedule", find_schedule(self.schedule))
        put(self, "clip", clip(self.clip))
        put(self, "start", _start(self.start))
        put(self, "freeze", _words("freeze", self.freeze))
        put(self, "class_weights", _pairs(self.class_weights))
        put(self, "epochs", whole_number("epochs", self.epochs, 0))
        put(self, "seed", whole_number("seed", self.seed, 0))
        put(self, "warmup", whole_number("warmup", self.warmup, 0))
        if self.batch != "all":
            what = "batch, unless it is 'all',"
            put(self, "batch", whole_number(what, self.batch))
        _choice("order", self.order, ORDERS)
        _choice("dtype", self.dtype, DTYPES)
        _choice("scale", self.scale, ("standard", "none"))
        for what, high in (("l1", math.inf), ("l2", math.inf), ("smoothing", 1), ("validation", 1)):
            put(self, what, _between(what, getattr(self, what), 0, high))
        if not isinstance(self.stop, Stop):
            raise WrongTypeError(f"stop is {self.stop!r}, but must be a Stop, as in Stop(patience=5)")
        if self.stop.patience is not None and self.validation == 0:
            raise InputError("patience: early stopping watches the validation loss; set validation, as in 0.2")

    def batch_size(self, rows: int) -> int:
        """Rows an update where there are so many to go through; the last batch may be smaller."""
        return rows if self.batch == "all" else self.batch

    def to_plain(self) -> dict[str, Any]:
        """Numbers, strings, lists and tables only, for JSON and TOML; what is at rest (None) is left out."""
        plain: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None:
                continue
            plain[f.name] = _PLAIN[f.name](value) if f.name in _PLAIN else value
        return plain


def training_from_plain(plain: Mapping[str, Any]) -> Training:
    """The training that `Training.to_plain` wrote; raises `InputError` for anything else."""
    if not isinstance(plain, Mapping):
        raise InputError(f"training is {plain!r}, but must be a table of settings")
    _known("training", plain, Training)
    if "loss" not in plain:
        raise InputError("training: loss is missing; give one, as in 'mse'")
    values = dict(plain)
    if isinstance(values.get("optimizer"), Mapping):
        settings = dict(values["optimizer"])
        values["optimizer"] = find_update(str(settings.pop("name", "sgd")), **settings)
    if isinstance(values.get("stop"), Mapping):
        _known("stop", values["stop"], Stop)
        values["stop"] = Stop(**values["stop"])
    if isinstance(values.get("schedule"), str):
        values["schedule"] = find_schedule(values["schedule"])
    try:
        return Training(**values)
    except TypeError as problem:
        raise InputError(f"training: {problem}") from None


def _known(what: str, plain: Mapping[str, Any], kind: type[Training] | type[Stop]) -> None:
    known = [f.name for f in fields(kind)]
    for key in plain:
        if key not in known:
            raise one_of(f"{what}: setting", key, known)


def _plain_update(rule: Update) -> dict[str, Any]:
    if name_of(rule) not in UPDATES:
        raise InputError(f"optimizer {type(rule).__name__!r} is your own; a model file holds only whygrad's")
    settings = {f.name: float(getattr(rule, f.name)) for f in fields(rule)}  # type: ignore[arg-type]
    return {"name": name_of(rule), **settings}


def _plain_schedule(made: Schedule) -> str:
    name = schedule_name(made)
    numbers = [repr(float(getattr(made, f.name))) for f in fields(made)]  # type: ignore[arg-type]
    return f"{name}:{','.join(numbers)}" if numbers else name


def _plain_stop(stop: Stop) -> dict[str, float]:
    return {f.name: v for f in fields(stop) if (v := getattr(stop, f.name)) is not None}


_PLAIN: dict[str, Any] = {
    "loss": registered,
    "optimizer": _plain_update,
    "schedule": _plain_schedule,
    "clip": str,
    "stop": _plain_stop,
    "freeze": list,
    "class_weights": lambda value: value if isinstance(value, str) else [list(pair) for pair in value],
}


def _choice(what: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise one_of(what, value, allowed)


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool)


def _start(value: object) -> str:
    if isinstance(value, str):
        return value
    if not _number(value):
        raise WrongTypeError(f"start is {value!r}, but must be a name or a number, as in 'he' or 0.1")
    return repr(float(value))


def _between(what: str, value: object, low: float, high: float) -> float:
    """The value; refused where it is not a number in [low, high)."""
    if not _number(value):
        raise WrongTypeError(f"{what} is {value!r}, but must be a number")
    number = float(value)
    if not low <= number < high:
        bound = "" if high == math.inf else f" and below {high:g}"
        raise InputError(f"{what} is {number:g}, but must be {low:g} or more{bound}")
    return number


def _words(what: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str | int):
        return tuple(part.strip() for part in str(value).split(",") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(str(part) for part in value)
    raise WrongTypeError(f"{what} is {value!r}, but must be names, as in '2' or ('W_211', '2')")


def _pairs(value: object) -> tuple[tuple[str, float], ...] | Literal["balanced"]:
    if value == "balanced":
        return "balanced"
    listed = value.items() if isinstance(value, Mapping) else value
    try:
        pairs = tuple((str(name), float(weight)) for name, weight in listed)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise InputError(
            f"class_weights is {value!r}, but must be 'balanced' or weights by class, as in {{'yes': 3}}"
        ) from None
    for name, weight in pairs:
        if not (math.isfinite(weight) and weight >= 0):
            raise InputError(f"class_weights: {name} has weight {weight:g}, but weights are 0 or more")
    return pairs
