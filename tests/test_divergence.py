"""A run that leaves the finite numbers stops, says where, and keeps the last finite parameters."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whygrad as wg
from whygrad import loop
from whygrad.cli import main
from whygrad.engines import Advanced, Reference
from whygrad.history import Run
from whygrad.job import prepare
from whygrad.loop import train
from whygrad.losses import LOSSES
from whygrad.maths import Array
from whygrad.modelfile import load
from whygrad.network import Dense, Network
from whygrad.reading import table_from_arrays
from whygrad.table import split_rows
from whygrad.training import Training
from whygrad.updates import SGD, Adam

Start = Sequence[tuple[Array, Array]]
ONE = Network(1, (Dense(1),))
TWO = Network(1, (Dense(1), Dense(1)))


def start(*layers: tuple[float, float]) -> Start:
    """One unit a layer: (W, b)."""
    return [(np.array([[W]]), np.array([b])) for W, b in layers]


def diverge(
    net: Network, first: Start, x: Sequence[float], y: Sequence[float], rate: float = 0.5, **settings: object
) -> Run:
    training = Training(
        **{  # type: ignore[arg-type]
            "loss": "mse",
            "optimizer": SGD(rate),
            "batch": 1,
            "order": "sequential",
            "scale": "none",
            "epochs": 5,
            **settings,
        }
    )
    run = wg.fit(net, table_from_arrays(np.array(x), np.array(y)), training, start=first)
    assert run.stopped.reason == "diverged"
    assert "\n" not in run.stopped.words
    for record in run.history:
        measured = (record.loss_during, record.loss_after, record.penalty, record.rate, record.validation_loss)
        assert all(value is None or math.isfinite(value) for value in measured)
    return run


def finite(run: Run) -> bool:
    arrays = (run.w, run.state.w, *run.state.memory)
    return all(bool(np.isfinite(array).all()) for array in arrays) and math.isfinite(run.state.met)


def test_loss_overflows() -> None:
    # a = W + b is multiplied by 1 - 4e100 by each update: 1, 4e100, 1.6e201, whose square is too large
    run = diverge(ONE, start((1, 0)), [1, 1, 1], [0, 0, 0], rate=1e100)
    assert run.stopped.words.startswith(
        "diverged in epoch 1, batch 3: layer 1: the loss of its output is inf "
        "(its largest parameter: W_111 = 8e+200); a smaller learning rate"
    )
    assert run.stopped.words.endswith("a smaller learning rate may hold")
    assert finite(run)
    assert run.state.t == 2
    assert run.w.tolist() == pytest.approx([8e200, 8e200], rel=1e-12)
    assert [record.epoch for record in run.history] == [0]


def test_z_overflows_in_layer_2() -> None:
    # by hand: W1 = b1 = 3.2e241 and W2 = 6.4e241 after two updates, so z1 = 6.4e241 and z2 = z1 W2 > 1.8e308
    run = diverge(TWO, start((1, 0), (1, 0)), [1, 1, 1], [0, 0, 0], rate=1e60)
    assert run.stopped.words.startswith(
        "diverged in epoch 1, batch 3: layer 2: z of unit 1 is inf (its largest parameter: W_211 = 6.4e+241)"
    )
    assert finite(run)
    assert run.w.tolist() == pytest.approx([3.2e241, 3.2e241, 6.4e241, -1.6e181], rel=1e-12)


def test_z_overflows_in_layer_1() -> None:
    run = diverge(TWO, start((0, 0), (1, 0)), [1, 1e200], [1, 1], rate=1e110)
    assert run.stopped.words.startswith("diverged in epoch 1, batch 2: layer 1: z of unit 1 is inf")
    assert finite(run)
    assert run.state.t == 1


def test_the_unit_is_named() -> None:
    # W_121 starts as large as its input allows; only its own unit overflows, in the second row
    net = Network(1, (Dense(3), Dense(1)))
    first = [(np.array([[0.0, 0.0, 0.0]]), np.zeros(3)), (np.array([[0.0], [1.0], [0.0]]), np.zeros(1))]
    run = diverge(net, first, [1, 1e200], [1, 1], rate=1e110)
    assert "batch 2: layer 1: z of unit 2 is inf (its largest parameter: W_121 = 2e+110)" in run.stopped.words


def test_a_gradient_overflows() -> None:
    # z = 1e150, the loss 1e300; dW = 2 z x = 2e350
    run = diverge(ONE, start((1e-50, 0)), [1e200, 1], [0, 0])
    assert run.stopped.words.startswith("diverged in epoch 1, batch 1: layer 1: the gradient of W_111 is inf")
    assert finite(run)
    assert run.w.tolist() == [1e-50, 0]


def test_a_parameter_overflows() -> None:
    # in layer 2 only, as layer 1 stays: dW2 = 2 z a = 2e250, times the rate 1e100
    run = diverge(
        TWO, start((1, 0), (1e50, 0)), [1e100, 1e99], [0, 0], rate=1e100, freeze=("1",), optimizer=SGD(1e100)
    )
    assert run.stopped.words.startswith("diverged in epoch 1, batch 1: layer 2: parameter W_211 becomes -inf")
    assert run.w.tolist() == [1, 0, 1e50, 0]


def test_the_memory_of_an_optimizer_overflows() -> None:
    # g = -2e200 is finite, g^2 is not; the parameters themselves would stay finite, and for ever still
    run = diverge(ONE, start((0, 0)), [1e200, 1], [1, 1], optimizer=Adam())
    assert run.stopped.words.startswith(
        "diverged in epoch 1, batch 1: layer 1: the optimizer's v of W_111 becomes inf"
    )
    assert finite(run)
    assert run.state.t == 0


def test_the_sum_of_finite_losses_overflows() -> None:
    # the second batch's two losses are 1e308 each; every array is finite
    run = diverge(ONE, start((0, 0)), [1, 1, 1, 1], [1, 1, 0, 0], rate=2.5e153, batch=2)
    assert run.stopped.words == "diverged in epoch 1, batch 2: the sum of the losses met in this epoch overflows"
    assert finite(run)
    assert run.w.tolist() == pytest.approx([5e153, 5e153], rel=1e-12)


def test_the_loss_after_an_epoch_overflows() -> None:
    # as in test_loss_overflows, but the epoch ends after two updates: no batch of it overflowed
    run = diverge(ONE, start((1, 0)), [1, 1], [0, 0], rate=1e100)
    assert run.stopped.words == (
        "diverged in epoch 1, after batch 2, its last: the loss is inf; "
        "layer 1: the loss of its output is inf (its largest parameter: W_111 = 8e+200)"
    )
    assert finite(run)
    assert len(run.history) == 1


def test_float32_overflows_where_float64_does_not() -> None:
    # W + b is 1 after the first row; the second row's loss is 1e40, above float32's 3.4e38
    settings = {"batch": 1, "order": "sequential", "scale": "none", "epochs": 1, "loss": "mse"}
    x, y = [1.0, 1e20], [1.0, 0.0]
    run = diverge(ONE, start((0, 0)), x, y, epochs=1, dtype="float32")
    assert run.stopped.words.startswith("diverged in epoch 1, batch 2: layer 1: the loss of its output is inf")
    assert run.w.dtype == np.float32
    assert run.w.tolist() == [1, 1]
    training = Training(optimizer=SGD(0.5), **settings)  # type: ignore[arg-type]
    wide = wg.fit(ONE, table_from_arrays(np.array(x), np.array(y)), training, start=start((0, 0)))
    assert wide.stopped.reason == "epochs"


def test_a_run_that_cannot_even_start() -> None:
    run = diverge(TWO, start((1e200, 0), (1, 0)), [1e200, 1], [0, 1])
    assert run.stopped.words == (
        "diverged in epoch 0, before any update: the loss is inf; "
        "layer 1: z of unit 1 is inf (its largest parameter: W_111 = 1e+200)"
    )
    assert run.state.t == 0
    assert run.history == ()
    assert finite(run)


def test_a_state_that_holds_no_number_names_the_parameter() -> None:
    table = table_from_arrays(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    training = Training(
        LOSSES["mean_squared_error"], SGD(0.5), epochs=3, batch=1, order="sequential", scale="none"
    )
    job = prepare(TWO, table, training, start=start((1, 0), (1, 0)))
    first = next(train(job))
    assert first.record is not None
    broken = replace(first.state, w=np.array([1, 0, math.nan, 0]))
    (found,) = train(job, broken, [first.record])
    assert found.stopped is not None
    assert found.stopped.words.startswith(
        "diverged in epoch 1, batch 1: layer 2: z of unit 1 is nan (its largest parameter: W_211 = nan)"
    )


def test_a_penalty_overflows() -> None:
    run = diverge(ONE, start((1e160, 0)), [0, 0], [1, 2], l2=1.0)
    assert run.stopped.words == "diverged in epoch 0, before any update: the penalty is inf"


def test_a_validation_loss_overflows() -> None:
    x, y = np.ones(4), np.array([0.0, 1.0, 2.0, 3.0])
    (row,) = split_rows(table_from_arrays(x, y), 0.25, 0)[1]
    x[row] = 1e200
    run = diverge(ONE, start((1, 0)), list(x), list(y), validation=0.25)
    assert run.stopped.words.startswith(
        "diverged in epoch 0, before any update: the validation loss is inf; layer 1"
    )


def by_hand(rate: float, epochs: int = 200) -> tuple[int, int]:
    """students, written out in plain Python: (epoch, batch) of the first number that is not finite.

    Batch 4 + 1 says that the epoch's steps were finite and the loss after it was not.
    """
    data = [(8.0, 8.0, 4.0), (7.0, 9.0, 5.0), (6.0, 10.0, 6.0), (5.0, 12.0, 7.0)]
    W1, b1, W2, b2 = [[0.1, 0.1], [0.1, 0.1]], [0.0, 0.0], [0.1, 0.1], 0.0

    def forward(x: tuple[float, float]) -> tuple[list[float], float]:
        a = [x[0] * W1[0][u] + x[1] * W1[1][u] + b1[u] for u in (0, 1)]
        return a, a[0] * W2[0] + a[1] * W2[1] + b2

    for epoch in range(1, epochs + 1):
        met = 0.0
        for batch, (x1, x2, y) in enumerate(data, start=1):
            a, out = forward((x1, x2))
            error = out - y
            met += error * error
            d = 2 * error
            dW2, da = [d * a[0], d * a[1]], [d * W2[0], d * W2[1]]
            for u in (0, 1):
                W1[0][u] -= rate * da[u] * x1
                W1[1][u] -= rate * da[u] * x2
                b1[u] -= rate * da[u]
                W2[u] -= rate * dW2[u]
            b2 -= rate * d
            if not all(map(math.isfinite, (met, *W1[0], *W1[1], *b1, *W2, b2))):
                return epoch, batch
        after = 0.0
        for x1, x2, y in data:
            error = forward((x1, x2))[1] - y
            after += error * error
        if not math.isfinite(after):
            return epoch, len(data) + 1
    raise AssertionError("it did not diverge")


@pytest.mark.parametrize("rate", (0.02, 0.03, 0.05, 0.08, 0.1, 0.2, 0.5, 1.0, 3.0, 10.0, 1e3, 1e6))
def test_epoch_and_batch_are_those_of_a_run_by_hand(rate: float) -> None:
    run = wg.fit(*wg.example("students"), optimizer=SGD(rate), epochs=200)
    assert run.stopped.reason == "diverged"
    found = re.match(r"diverged in epoch (\d+), (?:after )?batch (\d+)(, its last)?", run.stopped.words)
    assert found, run.stopped.words
    epoch, batch = int(found[1]), int(found[2]) + bool(found[3])
    assert (epoch, batch) == by_hand(rate)
    assert run.state.t == 4 * (epoch - 1) + batch - 1  # every finite update is kept, and no other
    assert finite(run)
    assert [record.epoch for record in run.history] == list(range(epoch))


def test_a_run_of_batches_larger_than_a_chunk_names_the_batch_in_its_epoch() -> None:
    # 3 chunks of 4096 rows an epoch; the table's one bad row stands in batch 600 of 750
    x, y = np.ones(12000), np.zeros(12000)
    y[599 * 16] = 1e200
    table = table_from_arrays(x, y)
    training = Training(
        LOSSES["mean_squared_error"], SGD(1e-3), epochs=1, batch=16, order="sequential", scale="none"
    )
    # the loss before any update is infinite already, so the table is made worse after the start
    run = wg.fit(ONE, table, training, start=start((0, 0)))
    assert "before any update" in run.stopped.words
    job = prepare(ONE, table_from_arrays(x, np.arange(12000) % 2), training, start=start((0, 0)))
    steps = train(job)
    next(steps)
    job.rows.y[599 * 16] = 1e200
    *_, last = steps
    assert last.stopped is not None
    assert last.stopped.words.startswith("diverged in epoch 1, batch 600: layer 1: the loss of its output is inf")
    assert last.state.t == 599


def test_an_engine_that_diverges_where_the_reference_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay goes no further than the chunk in which it happened, and says what it can."""

    class Odd(Reference):
        def advance(self, *args: Any) -> Advanced:
            moved = Reference.advance(self, *args)
            state = moved.state
            return moved if state.t < 4 else moved._replace(state=replace(state, w=state.w * math.nan))

    monkeypatch.setattr(loop, "CHUNK", 2)
    table = table_from_arrays(np.arange(10.0), np.arange(10.0))
    settings = {"optimizer": SGD(0.001), "epochs": 3, "batch": 1, "order": "sequential", "scale": "none"}
    training = Training(LOSSES["mean_squared_error"], **settings)  # type: ignore[arg-type]
    run = wg.fit(ONE, table, training, engine=Odd(), start=start((0, 0)))
    assert run.stopped.words == "diverged in epoch 1, at the latest in batch 4"
    assert run.state.t == 4
    assert finite(run)


def test_the_command_line_exits_with_1_and_keeps_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.whygrad"
    assert main(["train", "students", "--lr", "1", "--epochs", "50", "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert re.search(r"^stopped: diverged in epoch \d+, (after )?batch \d+", said.out, re.M)
    run = load(out)
    assert finite(run)
    assert run.stopped.reason == "diverged"
    assert main(["train", "--resume", str(out), "--epochs", "60"]) == 2
    refused = capsys.readouterr()
    assert refused.err.count("\n") == 1
    assert "diverged" in refused.err
    assert main(["show", str(out)]) == 0
    capsys.readouterr()
    assert main(["train", "students", "--lr", "1e200", "--json"]) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert json.loads(said.out)["stopped"]["reason"] == "diverged"


def test_a_run_that_cannot_even_start_is_kept_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, out = tmp_path / "t.csv", tmp_path / "m.whygrad"
    csv.write_text("x,y\n1e200,1\n2e200,2\n3e200,4\n")
    args = ["train", str(csv), "--target", "y", "--scale", "none", "--init", "1e150", "--hidden", "none"]
    assert main([*args, "--out", str(out)]) == 1
    assert "stopped: diverged in epoch 0, before any update" in capsys.readouterr().out
    assert main(["show", str(out)]) == 0
    assert main(["show", str(out), "--json"]) == 0
