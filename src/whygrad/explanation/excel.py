"""The formulas of activations and losses in the language of spreadsheets, and how names are put into formulas.

Spreadsheets are another language, so the mathematics stands here once more, in one table each; tests hold every
formula against whygrad's own numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from whygrad.activations import ACTIVATIONS
from whygrad.errors import InputError
from whygrad.losses import LOSSES, Loss
from whygrad.network import Network

_SIGMOID = "1/(1+EXP(MIN(-{z},700)))"  # EXP overflows beyond 709
_SELU = "1.05070098735548*", "1.67326324235438"

# activation -> (its value, its derivative); all: the z of the whole layer, same: 1 where a_i is of z_j, else 0
ACTIVATION_CELLS = {
    "linear": ("{z}", "1"),
    "sigmoid": (_SIGMOID, "{a}*(1-{a})"),
    "tanh": ("TANH({z})", "1-{a}*{a}"),
    "relu": ("MAX(0,{z})", "IF({z}>0,1,0)"),
    "leaky_relu": ("IF({z}>0,{z},{k}*{z})", "IF({z}>0,1,{k})"),
    "elu": ("IF({z}>0,{z},{k}*(EXP({z})-1))", "IF({z}>0,1,{k}*EXP({z}))"),
    "selu": (
        f"{_SELU[0]}IF({{z}}>0,{{z}},{_SELU[1]}*(EXP({{z}})-1))",
        f"{_SELU[0]}IF({{z}}>0,1,{_SELU[1]}*EXP({{z}}))",
    ),
    "softplus": ("MAX(0,{z})+LN(1+EXP(-ABS({z})))", _SIGMOID),
    "softsign": ("{z}/(1+ABS({z}))", "1/(1+ABS({z}))^2"),
    "gelu": ("{z}*NORMSDIST({z})", "NORMSDIST({z})+{z}*EXP(-{z}*{z}/2)/SQRT(2*PI())"),
    "silu": (f"{{z}}*{_SIGMOID}", f"{_SIGMOID}+{{a}}*(1-{_SIGMOID})"),
    "softmax": ("EXP({z}-MAX({all}))/SUMPRODUCT(EXP({all}-MAX({all})))", "{a_i}*({same}-{a_j})"),
}

# loss -> (one output's share, its derivative by a); logarithms and divisions guarded as in losses.py
LOSS_CELLS = {
    "mean_squared_error": ("({a}-{y})^2", "2*({a}-{y})"),
    "mean_absolute_error": ("ABS({a}-{y})", "SIGN({a}-{y})"),
    "huber": (
        "IF(ABS({a}-{y})<={k},({a}-{y})^2/2,{k}*(ABS({a}-{y})-{k}/2))",
        "IF(ABS({a}-{y})<={k},{a}-{y},{k}*SIGN({a}-{y}))",
    ),
    "log_cosh": ("ABS({a}-{y})+LN(1+EXP(-2*ABS({a}-{y})))-LN(2)", "TANH({a}-{y})"),
    "binary_crossentropy": (
        "-({y}*LN(MAX({a},EXP(-100)))+(1-{y})*LN(MAX(1-{a},EXP(-100))))",
        "({a}-{y})/MAX({a}*(1-{a}),1E-12)",
    ),
    "categorical_crossentropy": ("-{y}*LN(MAX({a},EXP(-100)))", "-{y}/MAX({a},1E-12)"),
    "hinge": ("MAX(0,1-{y}*{a})", "IF(1-{y}*{a}>0,-{y},0)"),
    "poisson": ("{a}-{y}*LN({a}+{k})", "1-{y}/({a}+{k})"),
}

# a loss with its own output activation -> one output's share from z, as exact for large z; dL/dz is a - y
PAIR_CELLS = {
    "binary_crossentropy": "MAX(0,{z})-{z}*{y}+LN(1+EXP(-ABS({z})))",
    "categorical_crossentropy": "-{y}*({z}-MAX({all})-LN(SUMPRODUCT(EXP({all}-MAX({all})))))",
}


def refuse_foreign(net: Network, loss: Loss) -> None:
    """One line for an activation or a loss that has no formula here, as those of one's own."""
    for g in (layer.activation for layer in net.layers):
        if g.name not in ACTIVATION_CELLS or g.value_rule is not ACTIVATIONS[g.name].value_rule:
            raise _foreign("activation", g.name, ACTIVATION_CELLS)
    if loss.name not in LOSS_CELLS or loss.value_rule is not LOSSES[loss.name].value_rule:
        raise _foreign("loss", loss.name, LOSS_CELLS)


def _foreign(what: str, name: str, known: Mapping[str, object]) -> InputError:
    return InputError(f"spreadsheet: the {what} {name!r} has no formula there; it can be {', '.join(known)}")


def filled(template: str, letters: Mapping[str, str], k: float) -> str:
    """The formula with names for its letters and the number k for its constant."""
    return template.format(**letters, k=repr(float(k)).upper())


def renamed(formula: str, names: Mapping[str, str]) -> str:
    """The formula, or a text, with other names for some of its cells."""
    return re.sub(r"[A-Za-z_]\w*", lambda found: names.get(found[0], found[0]), formula)
