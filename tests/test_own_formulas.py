"""Formulas of one's own: they train from Python, and a file that could not be read back is never written."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import whygrad as wg

SQUARE = wg.Activation("square", value_rule=lambda xp, z, k: z * z, pull_rule=lambda xp, d, z, a, k: d * 2 * z)


@dataclass(frozen=True)
class Half:
    """factor = 1/2."""

    def factor(self, epoch: int, epochs: int) -> float:
        return 0.5


@dataclass(frozen=True)
class Signs:
    """w <- w - rate (sign(g) + pull g)."""

    learning_rate: float = 0.01
    pull: float = 0.0
    memories: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def step(xp, w, g, memory, t, rate, k):  # type: ignore[no-untyped-def]
        return w - rate * (np.sign(g) + k[0] * g), ()


def fitted(hidden: str | wg.Activation, **settings: object) -> wg.Run:
    table = wg.table_from_arrays(np.arange(8.0), np.arange(8.0) ** 2)
    return wg.fit(wg.dense_network(table, 3, hidden), table, epochs=3, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hidden", "settings", "words"),
    [
        (SQUARE, {}, "activation 'square' is your own"),
        ("tanh", {"schedule": Half()}, "schedule 'Half' is your own"),
        ("tanh", {"optimizer": Signs()}, "optimizer 'Signs' is your own"),
    ],
)
def test_it_trains_and_is_refused_by_a_file(
    hidden: str | wg.Activation, settings: dict[str, object], words: str, tmp_path: Path
) -> None:
    run = fitted(hidden, **settings)
    assert np.isfinite(run.losses()).all()
    with pytest.raises(wg.InputError, match=words):
        wg.save(run, tmp_path / "m.whygrad")
    assert list(tmp_path.iterdir()) == []


def test_a_run_can_be_pickled_for_other_processes() -> None:
    run = fitted("leaky_relu:0.3", loss="huber:2")
    again = pickle.loads(pickle.dumps(run))
    assert again.model.network == run.model.network
    assert again.training == run.training
    assert again.predict([[3.0]]).outputs == run.predict([[3.0]]).outputs
