"""The network: a frozen description of layers. It holds no numbers to train; those are one flat vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from whygrad.activations import ACTIVATIONS, Activation
from whygrad.activations import activation as find_activation
from whygrad.errors import InputError, WrongTypeError

MOST_PARAMETERS = 10**12


@dataclass(frozen=True, init=False)
class Dense:
    """A fully connected layer: a = g(a_before @ W + b), W (n_in, units), b (units,).

    `activation` is a name ("relu", "leaky_relu:0.2") or an `Activation`. Raises `InputError` for fewer
    than one unit or an unknown activation.
    """

    units: int
    activation: Activation

    def __init__(self, units: int, activation: str | Activation = "linear") -> None:
        object.__setattr__(self, "units", whole_number("Dense: units", units))
        object.__setattr__(self, "activation", find_activation(activation))

    def __repr__(self) -> str:
        return f"Dense({self.units}, {str(self.activation)!r})"


@dataclass(frozen=True)
class Network:
    """A dense network: `inputs` numbers a row, then layers, the last of which is the output.

    Raises `InputError` for no inputs or no layers.
    """

    inputs: int
    layers: tuple[Dense, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", whole_number("Network: inputs", self.inputs))
        layers: object = self.layers
        if isinstance(layers, Dense) or not isinstance(layers, Iterable):
            raise WrongTypeError("Network: layers must be a tuple of Dense, as in (Dense(2), Dense(1))")
        object.__setattr__(self, "layers", tuple(layers))
        if not self.layers:
            raise InputError("Network: layers is empty; give at least one, as in (Dense(1),)")
        for layer in self.layers:
            if not isinstance(layer, Dense):
                raise WrongTypeError(f"Network: {layer!r} is no layer; layers are Dense, as in Dense(2)")
        if self.n_parameters > MOST_PARAMETERS:
            raise InputError(
                f"Network: {self.n_parameters:,} parameters; at most {MOST_PARAMETERS:,} can be numbered, "
                "and far fewer trained: give smaller layers"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units a layer, the inputs first: (2, 2, 1)."""
        return (self.inputs, *(layer.units for layer in self.layers))

    @property
    def outputs(self) -> int:
        """How many numbers come out."""
        return self.layers[-1].units

    @property
    def output(self) -> Activation:
        """The last layer's activation."""
        return self.layers[-1].activation

    @property
    def n_parameters(self) -> int:
        """Weights and biases: the sum over layers of (n_in + 1) n_out."""
        return sum((n_in + 1) * n_out for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False))

    def __str__(self) -> str:
        sizes = "-".join(str(n) for n in self.sizes)
        names = ", ".join(str(layer.activation) for layer in self.layers)
        return f"{sizes} ({names}), {self.n_parameters:,} parameters"

    def to_plain(self) -> dict[str, Any]:
        """Numbers and strings only, for JSON; `network_from_plain` reads it back equal.

        Raises `InputError` for an activation that is a user's own, which could not be read back.
        """
        layers = [{"units": layer.units, "activation": _registered(layer.activation)} for layer in self.layers]
        return {"inputs": self.inputs, "layers": layers}


def _registered(found: Activation) -> str:
    known = ACTIVATIONS.get(found.name)
    if known is None or (found.value_rule, found.pull_rule) != (known.value_rule, known.pull_rule):
        raise InputError(f"activation {found.name!r} is your own; a model file holds only whygrad's")
    return str(found)


def network_from_plain(plain: Mapping[str, Any]) -> Network:
    """The network that `Network.to_plain` wrote; raises `InputError` for anything else."""
    try:
        layers = tuple(Dense(entry["units"], entry["activation"]) for entry in plain["layers"])
        return Network(plain["inputs"], layers)
    except (KeyError, TypeError) as problem:
        raise InputError(f"network: not a network's description ({problem!r})") from None


def layers(sizes: Iterable[int], hidden: str | Activation, output: str | Activation) -> tuple[Dense, ...]:
    """Dense layers of those sizes: every one but the last with `hidden`, the last with `output`."""
    units = tuple(sizes)
    return (*(Dense(n, hidden) for n in units[:-1]), Dense(units[-1], output))


def whole_number(what: str, value: object, least: int = 1) -> int:
    """The value as an int, or one line that says what is wrong."""
    try:
        number = int(value)  # type: ignore[call-overload]
    except OverflowError:  # infinite
        raise InputError(f"{what} is {value!r}, but must be a whole number, {least} or more") from None
    except (TypeError, ValueError):
        raise WrongTypeError(f"{what} is {value!r}, but must be a whole number, {least} or more") from None
    if isinstance(value, bool) or number != value or number < least:
        raise InputError(f"{what} is {value!r}, but must be a whole number, {least} or more")
    return int(number)
