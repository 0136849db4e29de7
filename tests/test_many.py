"""Many networks at once: the compiled engine's lanes against one network after the other by the reference engine.

A kernel is compiled for each choice of formulas, which takes seconds, so the cases are few, and each meets every
way to use a gradient. Every other case is tried, in one dtype; `-m proof` has all of them in both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_engine_matrix import OPTIMIZERS, TOLERANCE, parted
from truth import targets_for

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.engines import Compiled, Many, ManyAdvanced, Reference
from whygrad.engines.compiled.layout import LANES
from whygrad.engines.protocol import Engine
from whygrad.errors import InputError
from whygrad.job import prepare
from whygrad.losses import LOSSES, loss
from whygrad.network import Dense, Network, layers
from whygrad.table import Rows
from whygrad.training import Clip, Training
from whygrad.updates import Adagrad, Adam

NETWORKS, ROWS, EPOCHS = LANES + 3, 7, 3  # more than a block has room for
BROKEN = 5  # the network that starts from NaN

# hidden activations, loss, output: every activation, every loss, fused and not
CASES = (
    (("relu", "linear"), "mse", "linear"),
    (("tanh", "leaky_relu"), "mae", "linear"),
    (("elu", "sigmoid"), "huber", "tanh"),
    (("softplus",), "log_cosh", "selu"),
    (("softsign",), "bce", "sigmoid"),
    (("gelu",), "bce", "softmax"),
    (("silu",), "cce", "softmax"),
    (("tanh",), "hinge", "softsign"),
    (("softmax",), "cce", "sigmoid"),
    (("gelu", "silu"), "poisson", "softplus"),
)
USES: tuple[dict[str, Any], ...] = (
    {"batch": 1},
    {"batch": 3, "clip": Clip("norm", 0.1), "l1": 0.01, "l2": 0.1},
    {"batch": 32, "clip": Clip("value", 0.05), "freeze": ("W_1_2_1", "B_1_2")},
    {"batch": "all", "clip": Clip("global_norm", 0.1), "freeze": ("1",), "l2": 0.1},
)
DTYPES = ("float64", "float32")


def paired() -> list[Any]:
    """(case, optimizer, dtype): every other case, in float64 and float32 in turn; all else for the proof."""
    made = []
    for k, case in enumerate(CASES):
        for at, dtype in enumerate(DTYPES):
            marks = [] if k % 4 == 2 * at else [pytest.mark.proof]
            made.append(pytest.param(case, OPTIMIZERS[k % len(OPTIMIZERS)], dtype, marks=marks))
    return made


def drawn(net: Network, training: Training, weighted: bool) -> tuple[Many, Rows, np.ndarray, np.ndarray]:
    """Starts, rows, orders and rates: each network has its own start and rates."""
    draw, dtype = np.random.default_rng(1), np.dtype(training.dtype)
    weights = draw.uniform(0, 2, ROWS).astype(dtype) if weighted else None
    y = targets_for(training.loss, ROWS, net.outputs, draw).astype(dtype)
    rows = Rows(draw.normal(size=(ROWS, net.inputs)).astype(dtype), y, weights)
    w = draw.normal(0, 0.6, (NETWORKS, net.n_parameters)).astype(dtype)
    w[BROKEN] = np.nan
    batches = -(-ROWS // training.batch_size(ROWS))
    rates = training.optimizer.learning_rate * draw.uniform(0.1, 2, (NETWORKS, EPOCHS, batches))
    return Many(w), rows, np.array([draw.permutation(ROWS) for _ in range(EPOCHS)]), rates


def agree(found: ManyAdvanced, true: ManyAdvanced, within: float) -> None:
    assert (found.held == true.held).all()
    whole = true.held == true.losses.shape[1]
    assert found.many.t == true.many.t
    assert found.many.w.dtype == true.many.w.dtype
    assert found.losses.dtype == np.float64
    assert parted(found.losses[whole], true.losses[whole]) <= within
    for mine, theirs in zip((found.many.w, *found.many.memory), (true.many.w, *true.many.memory), strict=True):
        assert parted(mine[whole], theirs[whole]) <= within


@pytest.mark.parametrize("use", USES, ids=str)
@pytest.mark.parametrize("case, optimizer, dtype", paired())
def test_lanes_are_one_network_after_the_other(case: Any, optimizer: Any, dtype: Any, use: Any) -> None:
    hidden, judge, output = case
    net = Network(2, (*(Dense(3, name) for name in hidden), Dense(2, output)))
    training = Training(judge, optimizer, dtype=dtype, **use)
    many, *given = drawn(net, training, weighted=use["batch"] == 3)
    before = many.w.copy()
    found = Compiled().advance_many(net, training, many, *given)
    assert found.held[BROKEN] == 0
    assert (np.delete(found.held, BROKEN) == EPOCHS).all()
    agree(found, Reference().advance_many(net, training, many, *given), TOLERANCE[dtype])
    assert many.w.tobytes() == before.tobytes()


def test_the_cases_have_every_formula() -> None:
    assert {name for hidden, _, output in CASES for name in (*hidden, output)} == set(ACTIVATIONS)
    judged = {(loss(judge).name, loss(judge).fuses(ACTIVATIONS[output]) is None) for _, judge, output in CASES}
    assert judged == {(one.name, unfused) for one in LOSSES.values() for unfused in (True, one.shortcut is None)}
    assert len(CASES) >= len(OPTIMIZERS)


def students(dtype: Any = "float64") -> tuple[Network, Training, Many, Rows]:
    """The example, from its start, as many networks as one likes."""
    net, table, training = wg.example("students")
    job = prepare(net, table, replace(training, dtype=dtype))
    return net, job.training, Many(np.tile(job.first_state().w, (NETWORKS, 1))), job.rows


def swept(engine: Engine, epochs: int, rates: Any, dtype: Any = "float64") -> ManyAdvanced:
    net, training, many, rows = students(dtype)
    each = np.broadcast_to(np.asarray(rates)[:, None, None], (NETWORKS, epochs, len(rows)))
    return engine.advance_many(net, training, many, rows, np.tile(np.arange(len(rows)), (epochs, 1)), each)


def only(one: ManyAdvanced, which: np.ndarray) -> ManyAdvanced:
    """Those networks only."""
    memory = tuple(same[which] for same in one.many.memory)
    return ManyAdvanced(Many(one.many.w[which], memory, one.many.t), one.losses[which], one.held[which])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [Reference, Compiled])
def test_rates_that_diverge(name: type[Engine], dtype: Any) -> None:
    """The lecture's rate gives its losses; too large ones are found in the epoch where a fit finds them."""
    rates = np.geomspace(1e-3, 1e6, NETWORKS)
    found = swept(name(), 5, rates, dtype)
    lecture = (26.345577666, 19.859428919, 10.881602572, 3.777037799, 1.223804497)
    np.testing.assert_allclose(found.losses[0], lecture, rtol=1e-9 if dtype == "float64" else 1e-5)
    assert set(found.held) > {0, 5}
    net, table, training = wg.example("students")
    run = wg.fit(net, table, replace(training, optimizer=wg.SGD(float(rates[-1])), dtype=dtype))
    assert f"diverged in epoch {found.held[-1] + 1}," in run.stopped.words
    true = swept(Reference(), 5, rates, dtype)
    assert (found.held == true.held).all()
    agree(*(only(one, rates < 0.01) for one in (found, true)), TOLERANCE[dtype])  # what explodes is chaotic


def test_neighbours_threads_and_cuts_leave_no_trace() -> None:
    """The same bits for a network alone, and for epochs in two calls; formulas whose kernel is there by a case."""
    net = Network(2, layers((3, 1), "softsign", "sigmoid"))
    training = Training("bce", Adagrad(0.05), batch=3)
    many, rows, orders, rates = drawn(net, training, weighted=False)
    whole = Compiled().advance_many(net, training, many, rows, orders, rates)
    for k in (0, LANES + 1):
        alone = Compiled().advance_many(net, training, Many(many.w[k : k + 1]), rows, orders, rates[k : k + 1])
        assert alone.many.w.tobytes() == whole.many.w[k].tobytes()
        assert alone.losses.tobytes() == whole.losses[k].tobytes()
    first = Compiled().advance_many(net, training, many, rows, orders[:1], rates[:, :1])
    second = Compiled().advance_many(net, training, first.many, rows, orders[1:], rates[:, 1:])
    assert second.many.w.tobytes() == whole.many.w.tobytes()
    assert second.many.memory[0].tobytes() == whole.many.memory[0].tobytes()
    assert second.many.t == whole.many.t


def test_a_formula_of_ones_own_is_refused() -> None:
    """In the words of `advance`."""
    mine = replace(ACTIVATIONS["tanh"], name="mine")

    class Own(Adam):
        pass

    for net, training, what in (
        (Network(2, (Dense(1, mine),)), Training("mse"), "activation 'mine'"),
        (Network(2, (Dense(1),)), Training(replace(loss("mse"), name="mine")), "loss 'mine'"),
        (Network(2, (Dense(1),)), Training("mse", Own()), "optimizer 'Own'"),
    ):
        many, *given = drawn(net, replace(training, loss=loss("mse")), weighted=False)
        with pytest.raises(InputError, match=f"^{what} is your own, and the compiled engine has only whygrad's"):
            Compiled().advance_many(net, training, many, *given)
