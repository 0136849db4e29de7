"""What a name means in a row that is explained: a parameter, a unit or an input."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

from whygrad.errors import InputError, WrongTypeError
from whygrad.explanation.moment import Moment
from whygrad.explanation.positions import Which
from whygrad.names import Unit, find_parameter, find_unit, names_parameter, numbered_units, place_of
from whygrad.names import name as parameter_name


class Settings(NamedTuple):
    """What is said of parameters, by their own names, and of inputs, by their number from 0."""

    parameters: dict[Which, Any]
    inputs: dict[int, Any]


def parameter(moment: Moment, name: str) -> int:
    """Where the parameter of that name stands in the flat vector. Raises `InputError` for a name of none."""
    try:
        return find_parameter(moment.net, _text(name), moment.input_names, moment.output_names)
    except InputError:
        if (unit := unit_or_none(moment, name)) is None:
            raise
        kind = "an input" if unit[0] < 0 else "a unit"
        raise InputError(f"parameter: {name!r} is {kind}; name a weight or bias, as in W_111") from None


def unit_of(moment: Moment, name: str) -> Unit:
    """The unit or input (layer -1) of that name. Raises `InputError` for a name of none."""
    return find_unit(moment.net, _text(name), moment.input_names, moment.output_names)


def unit_or_none(moment: Moment, name: str) -> Unit | None:
    """The same, None where there is none."""
    try:
        return unit_of(moment, name)
    except InputError:
        return None


def no_such(moment: Moment, name: str, problem: InputError) -> InputError:
    """The problem with a name that is no parameter, and what units there are, unless it is a parameter's."""
    if names_parameter(name):
        return problem
    return InputError(f"{problem}; nor is it a unit or input: {numbered_units(moment.net)}")


def once(moment: Moment, named: Sequence[tuple[str, Any]]) -> dict[Which, Any]:
    """What is said of each parameter, by its own name, however it was called; said twice, it is refused."""
    found: dict[Which, Any] = {}
    for name, said in named:
        own = parameter_name(place_of(moment.net, parameter(moment, name)))
        if own in found:
            raise InputError(f"parameter: {name!r} is {own}, which is named twice; name it once")
        found[own] = said
    return found


def settings(moment: Moment, named: Sequence[tuple[str, Any]]) -> Settings:
    """What is set to which value: parameters, and inputs as the network is given them.

    By its column's name an input is set in the table's units. Raises `InputError` for what is computed, not given.
    """
    inputs: dict[int, Any] = {}
    parameters = []
    for name, value in named:
        unit = unit_or_none(moment, name)
        if unit is None:
            parameters.append((_named(moment, name), value))
        elif unit[0] >= 0:
            raise InputError(f"{name!r} is neither a parameter nor an input; set those, as in W_111=0.2 or x_1=3")
        elif unit[1] in inputs:
            raise InputError(f"{name!r} is input {unit[1] + 1}, which is named twice; name it once")
        else:
            inputs[unit[1]] = _encoded(moment, name, value)
    return Settings(once(moment, parameters), inputs)


def _named(moment: Moment, name: str) -> str:
    """The name of a parameter; of nothing at all, what names there are is said."""
    try:
        parameter(moment, name)
    except InputError as problem:
        raise no_such(moment, name, problem) from None
    return name


def _encoded(moment: Moment, name: str, value: Any) -> Any:
    """The column's number as the network is given it; of x_1 that is the number itself."""
    codes = () if moment.encoding is None else moment.encoding.inputs
    for code in codes if isinstance(value, Real) else ():
        if code.kind == "number" and code.name.strip().casefold() == name.strip().casefold():
            return (float(value) - code.shift) / code.scale
    return value


def _text(name: str) -> str:
    """The name, refused where it is none: explanation[0]."""
    if not isinstance(name, str):
        raise WrongTypeError(f"parameters and units are asked for by name, as in 'W_111', not by {name!r}")
    return name
