"""The update: what the step that meets a row does to one parameter, why, and what it really did to the loss."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from whygrad.engines import Reference
from whygrad.errors import InputError
from whygrad.explanation.arithmetic import Line, Taken, lines_of, take
from whygrad.explanation.forms.shown import Shown
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.motive import Move, Outcome, outcome_of, what_came, why_flat, why_it_moves
from whygrad.explanation.pulls import Pulls, pulls_of
from whygrad.explanation.symbols import Sign, Symbols
from whygrad.maths import Array
from whygrad.names import Place, find_parameter, name
from whygrad.printing import from_to
from whygrad.propagation import forward_propagation, row_losses
from whygrad.table import Rows
from whygrad.updates import name_of
from whygrad.weights import trainable

__all__ = ["Line", "Losses", "Step", "all_steps", "step_of"]

HALVINGS = 40  # of a step that overshot, until the loss falls


@dataclass(frozen=True)
class Losses:
    """The loss of one row, and the mean loss of the batch whose update meets it; without penalty."""

    row: float
    batch: float


@dataclass(frozen=True, eq=False, repr=False)
class Step(Shown):
    """What one update does to one parameter; `t` counts updates from 1.

    `lines` lead from the derivative of the batch's mean loss to the new value. `after` are the losses once every
    parameter has moved, `alone` once only this one has. `shorter` is the part of the whole step that would have
    made the batch's loss fall, where the whole step overshot.
    """

    parameter: Sign
    rule: str
    rate: float
    t: int
    lines: tuple[Line, ...]
    pulls: Pulls  # of the batch's rows
    row_pull: float  # this row's own derivative
    derivative: float  # of the batch's mean loss
    old: float
    new: float
    before: Losses
    after: Losses
    alone: Losses
    outcome: Outcome  # of the batch's loss, once every parameter has moved
    outcome_alone: Outcome
    shorter: float | None
    why: str  # a sentence

    @property
    def row_share(self) -> float:
        """What this row adds to the batch's derivative each time it is in the batch."""
        return self.row_pull / len(self.pulls)

    @property
    def came(self) -> tuple[str, ...]:
        """Sentences on the losses before and after."""
        rows = len(self.pulls)
        whose = "the row's loss" if rows == 1 else f"the mean loss of the batch's {rows:,} rows"
        said = what_came("with every parameter moved", whose, self.before.batch, self.after.batch, self.outcome)
        if self.shorter is not None:
            said += f"; 1/{1 / self.shorter:.0f} of the step would have made it fall"
        single = f"with only {self.parameter} moved"
        found = (said, what_came(single, whose, self.before.batch, self.alone.batch, self.outcome_alone))
        if rows == 1:
            return tuple(dict.fromkeys(found))  # no finite number is said once
        before, after = self.before.row, self.after.row
        way = "falls" if after < before else "rises" if after > before else "stays"
        return (*found, f"this row's own loss {way}, {from_to(before, after)}")

    def to_plain(self) -> dict[str, Any]:
        """Numbers, words and lists only, for JSON."""
        alike = ("rule", "rate", "t", "row_pull", "row_share", "derivative", "old", "new", "outcome", "shorter")
        return {
            "parameter": self.parameter.text,
            **{what: getattr(self, what) for what in (*alike, "outcome_alone", "why")},
            **{what: asdict(getattr(self, what)) for what in ("before", "after", "alone")},
            "came": list(self.came),
            "lines": [line.to_plain() for line in self.lines],
            "batch": {"rows": self.pulls.row_numbers.tolist(), "pulls": self.pulls.pulls.tolist()},
        }


def all_steps(moment: Moment) -> Array:
    """(P,): every parameter's value after the update that meets the row.

    Raises `InputError` where no update does, as for a row kept for validation.
    """
    return take(moment, _batch(moment)).w


@np.errstate(all="ignore")  # a rate too large may overflow, which the numbers then say
def step_of(moment: Moment, links: Links, symbols: Symbols, place: Place) -> Step:
    """What the update that meets the row does to the parameter at `place`.

    Raises `InputError` where no update meets the row, and for a parameter that is not there.
    """
    at = find_parameter(moment.net, name(place))
    batch = _batch(moment)
    taken, pulls = take(moment, batch), pulls_of(moment, place, moment.batch, symbols.notation)
    move = taken.w - moment.w  # (P,)
    single = np.where(np.arange(len(move)) == at, taken.w, moment.w)  # (P,)
    before = Losses(links.loss, taken.loss)
    after, alone = _losses(moment, batch, taken.w), _losses(moment, batch, single)
    outcome = outcome_of(before.batch, after.batch, float(taken.g @ move))
    return Step(
        symbols.parameter(place),
        name_of(moment.training.optimizer),
        moment.rate,
        moment.t + 1,
        lines_of(moment, symbols, place, taken, pulls),
        pulls,
        float(links.gradient[at]),
        float(taken.g[at]),
        float(moment.w[at]),
        float(taken.w[at]),
        before,
        after,
        alone,
        outcome,
        outcome_of(before.batch, alone.batch, float(taken.g[at] * move[at])),
        _shorter(moment, batch, taken, move) if outcome == "overshot" else None,
        _why(moment, links, symbols, place, taken, pulls),
    )


def _batch(moment: Moment) -> Rows:
    if not len(moment.batch):
        said = moment.notes[0] if moment.notes else "no update meets it"
        raise InputError(f"update: {moment.place} has none ({said}); ask about a row that is trained on")
    return moment.rows.take(moment.batch)


def _losses(moment: Moment, batch: Rows, w: Array) -> Losses:
    """The row's and the batch's under the parameters w (P,)."""
    trace = forward_propagation(moment.net, w, moment.row.x)
    own = moment.weight * float(row_losses(moment.net, moment.loss, trace, moment.row.y)[0])
    return Losses(own, Reference().evaluate(moment.net, moment.training, w, batch).loss)


def _shorter(moment: Moment, batch: Rows, taken: Taken, move: Array) -> float | None:
    """The largest of 1/2, 1/4 ... of the step after which the batch's loss is lower than before."""
    parts = (0.5**halvings for halvings in range(1, HALVINGS + 1))
    return next((p for p in parts if _losses(moment, batch, moment.w + p * move).batch < taken.loss), None)


def _why(moment: Moment, links: Links, symbols: Symbols, place: Place, taken: Taken, pulls: Pulls) -> str:
    at = find_parameter(moment.net, name(place))
    move = Move(
        symbols.parameter(place).text,
        float(moment.w[at]),
        float(taken.w[at]),
        float(taken.g[at]),
        float(links.gradient[at]),
        len(pulls),
        _movers(moment, taken, at),
        frozen=not trainable(moment.net, moment.training.freeze)[at],
    )
    if move.derivative != 0:
        return why_it_moves(move)
    if pulls.pulls.any():
        return why_it_moves(move, "the pulls of the batch's rows cancel")
    flat = why_flat(moment, links, symbols, place)
    return why_it_moves(move, flat if len(pulls) == 1 else f"{flat}, and no other row of the batch pulls it")


def _movers(moment: Moment, taken: Taken, at: int) -> tuple[str, ...]:
    """What moves the parameter besides this derivative."""
    found = []
    if taken.wanted[at] != taken.g[at]:
        found.append("the penalty")
    if any(memory[at] != 0 for memory in moment.memory):
        found.append("the memory of earlier derivatives")
    if getattr(moment.training.optimizer, "weight_decay", 0):
        found.append("the weight decay")
    return tuple(found)
