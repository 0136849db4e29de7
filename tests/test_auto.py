"""Which engine `auto` takes, what it says, and that a run keeps the one it began with."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_start import loaded

import whygrad as wg
from whygrad.activations import ACTIVATIONS
from whygrad.cli import main
from whygrad.engines import Compiled, Reference, choosing
from whygrad.engines.choosing import (
    COMPILING,
    FEW,
    START,
    WRITTEN,
    Work,
    choose,
    continued,
    looking,
    pick,
    run_work,
)
from whygrad.errors import InputError
from whygrad.job import prepare
from whygrad.losses import LOSSES
from whygrad.network import Dense, Network
from whygrad.resuming import go_on
from whygrad.training import Training

NET = Network(8, (Dense(64, "relu"), Dense(1, "linear")))
MSE = LOSSES["mean_squared_error"]
SHORT, MIDDLE, LONG = (Work(10_000, "9 updates", s) for s in (START, 2 * START, COMPILING))


@pytest.fixture
def all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "kept", lambda kernel, dtype: True)


@pytest.fixture
def none_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "kept", lambda kernel, dtype: False)


def table(rows: int) -> wg.Table:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(rows, 8))
    return wg.table_from_arrays(x, np.sin(x).sum(axis=1))


@pytest.mark.parametrize(
    ("work", "own", "wait", "engine", "why"),
    [
        (SHORT, "", 0, "reference", "9 updates"),
        (MIDDLE, "", 0, "compiled", "9 updates; kernels from the cache"),
        (MIDDLE, "", WRITTEN, "reference", "9 updates, about 2 s; compiling kernels may take longer"),
        (MIDDLE, "", COMPILING, "reference", "9 updates, about 2 s; compiling kernels may take longer"),
        (LONG, "", WRITTEN, "compiled", "9 updates; kernels to be compiled"),
        (LONG, "", COMPILING, "compiled", "9 updates; kernels to be compiled"),
        (LONG, "loss 'mine' is your own", 0, "reference", "loss 'mine' is your own"),
        (LONG._replace(rows=FEW), "", 0, "reference", "9 updates"),
    ],
)
def test_the_choice(work: Work, own: str, wait: float, engine: str, why: str) -> None:
    assert pick(work, own, wait) == (engine, why)


def test_a_kernel_of_its_own_that_is_not_there_yet_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"advance"}
    monkeypatch.setattr(choosing, "kept", lambda kernel, dtype: kernel in there)
    row_by_row = Training(MSE, "sgd", epochs=1, batch=1)
    for net in (Network(1, (Dense(2, "tanh"), Dense(1, "linear"))), NET, Network(60, NET.layers)):
        rows = next(n for n in range(1000, 10**6, 1000) if run_work(net, row_by_row, n, 0).seconds > WRITTEN / 2)
        assert isinstance(choose("auto", net, row_by_row, rows, 0).engine, Reference)
        assert isinstance(choose("auto", net, row_by_row, 3 * rows, 0).engine, Compiled)
        (own,) = set(Compiled().kernels(net, row_by_row, False)) - there
        (weighted,) = set(Compiled().kernels(net, row_by_row, True)) - there
        assert own != weighted
        there.add(own)
        assert isinstance(choose("auto", net, row_by_row, rows, 0).engine, Compiled)
        assert isinstance(choose("auto", net, row_by_row, rows, 0, weighted=True).engine, Reference)


def test_the_work_of_a_run_grows_with_all_that_makes_it_long() -> None:
    small = Training(MSE, epochs=10)
    wide = Network(8, (Dense(640, "relu"), Dense(1, "linear")))
    deep = Network(8, (Dense(64, "relu"),) * 3 + (Dense(1, "linear"),))
    seconds = run_work(NET, small, 1000, 0).seconds
    assert run_work(NET, small, 1000, 0).words == "320 updates"
    assert run_work(NET, replace(small, epochs=20), 1000, 0).seconds == pytest.approx(2 * seconds)
    for longer in (
        run_work(NET, replace(small, batch=1), 1000, 0),
        run_work(NET, small, 2000, 0),
        run_work(NET, small, 1000, 500),
        run_work(wide, small, 1000, 0),
        run_work(deep, small, 1000, 0),
    ):
        assert longer.seconds > seconds


def test_the_estimate_is_of_the_order_of_the_time() -> None:
    """Within a factor of 20 of a short run here and now: a slip by a power of ten and more is found."""
    training, rows = Training(MSE, epochs=1, batch=1), table(1000)
    job = prepare(NET, rows, training, engine="reference")
    began = time.process_time()
    for _ in wg.train(job):
        pass
    assert 1 / 20 < (time.process_time() - began) / run_work(NET, training, 1000, 0).seconds < 20


@pytest.mark.usefixtures("all_kept")
def test_auto_takes_the_compiled_engine_for_much() -> None:
    chosen = choose("auto", NET, Training(MSE, epochs=1000), 10_000, 0)
    assert isinstance(chosen.engine, Compiled)
    assert chosen.why == "313,000 updates; kernels from the cache"
    assert isinstance(choose("auto", NET, Training(MSE, epochs=1), 10_000, 0).engine, Reference)
    assert isinstance(looking(NET, MSE, "float64", 100_000_000), Compiled)
    assert isinstance(looking(NET, MSE, "float64", 1_000), Reference)


@pytest.mark.usefixtures("none_kept")
def test_an_engine_that_is_named_is_taken_and_needs_no_reason() -> None:
    for name, kind in (("reference", Reference), ("compiled", Compiled)):
        chosen = choose(name, NET, Training(MSE, epochs=1000), 10_000, 0)
        assert isinstance(chosen.engine, kind)
        assert chosen.why == ""


@pytest.mark.usefixtures("all_kept")
def test_a_formula_of_ones_own_is_computed_by_the_reference_which_says_so() -> None:
    mine = Network(8, (Dense(64, replace(ACTIVATIONS["tanh"], name="mine")), Dense(1, "linear")))
    job = prepare(mine, table(10_000), Training(MSE, epochs=1000))
    assert isinstance(job.engine, Reference)
    assert job.why == "activation 'mine' is your own"
    assert job.notes[-1] == "computed by the reference engine: activation 'mine' is your own"
    assert prepare(mine, table(10), Training(MSE)).notes == prepare(NET, table(10), Training(MSE)).notes


@pytest.mark.usefixtures("all_kept")
def test_a_run_goes_on_with_the_engine_it_had() -> None:
    rows = table(2000)
    net = wg.dense_network(rows, 64)
    run = wg.fit(net, rows, engine="reference", epochs=1)
    longer = replace(run.training, epochs=2000)
    assert isinstance(prepare(net, rows, longer).engine, Compiled)
    assert isinstance(go_on(run, net, rows, longer)[0].engine, Reference)
    assert isinstance(go_on(run, net, rows, longer, engine="compiled")[0].engine, Compiled)
    compiled = replace(run, engine="compiled")
    assert isinstance(go_on(compiled, net, rows, replace(longer, epochs=2))[0].engine, Compiled)
    assert wg.explain(compiled, rows).origin.job.engine.name == "compiled"


def test_a_run_by_an_engine_of_ones_own_asks_for_it() -> None:
    mine = Reference()
    assert continued(mine, "mine") is mine
    assert continued("reference", "mine") == "reference"
    with pytest.raises(InputError, match="the run's is 'mine', which is not whygrad's; give that, or 'reference'"):
        continued("auto", "mine")


@pytest.mark.parametrize("name", wg.EXAMPLES)
def test_small_jobs_never_load_a_compiler(name: str) -> None:
    assert not loaded(f"from whygrad.cli import main; main(['train', '{name}'])") & {"numba", "llvmlite"}


def test_a_few_rows_never_load_a_compiler(tmp_path: Path) -> None:
    """Not even through a million epochs, nor to be predicted or measured; so the folder is not made either."""
    text = "x,y\n0.1,1\n0.4,2\n0.5,4\n0.9,7\n"
    (tmp_path / "t.csv").write_text(text)
    program = (
        f"import os; os.chdir({str(tmp_path)!r}); os.environ['WHYGRAD_CACHE'] = 'cache'\n"
        "from whygrad.cli import main\n"
        "from whygrad import dense_network, prepare, read_table, Training, train\n"
        "table = read_table('t.csv', target='y')\n"
        "next(train(prepare(dense_network(table), table, Training('mse', epochs=1_000_000))))\n"
        "main(['train', 't.csv', '--target', 'y', '--epochs', '5', '--out', 'm.whygrad'])\n"
        "main(['predict', 'm.whygrad', 't.csv']); main(['evaluate', 'm.whygrad'])"
    )
    assert not loaded(program) & {"numba", "llvmlite"}
    assert not (tmp_path / "cache").exists()


def test_what_was_chosen_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "m.whygrad")
    assert main(["train", "students", "--out", out]) == 0
    assert "\nengine reference (20 updates)\n" in capsys.readouterr().out
    assert main(["train", "students", "--engine", "reference"]) == 0
    assert "\nengine reference\n" in capsys.readouterr().out
    assert main(["train", "--resume", out, "--epochs", "6"]) == 0
    assert "\nengine reference; going on where the run stopped\n" in capsys.readouterr().out


def test_a_middling_job_says_what_it_would_have_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHYGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("whygrad.cli.train.drive", lambda job, *rest: sys.exit(7))
    x = np.random.default_rng(0).normal(size=(2000, 2))
    np.savetxt(tmp_path / "t.csv", x, delimiter=",", header="x,y", comments="")
    with pytest.raises(SystemExit, match="7"):
        main(["train", str(tmp_path / "t.csv"), "--target", "y", "--epochs", "400"])
    printed = capsys.readouterr().out
    assert "\nengine reference (25,200 updates, about 5 s; compiling kernels may take longer)\n" in printed
    assert not (tmp_path / "cache").exists()


SETTINGS = """
import numpy as np, whygrad as wg
from whygrad.engines import Compiled
from whygrad.engines.choosing import get_ready
get_ready(Compiled(), "float64")
draw = np.random.default_rng(0)
x, y = draw.normal(size=(40, 3)), draw.normal(size=40)
x.flags.writeable = False
tables = [wg.table_from_arrays(x, y), wg.table_from_arrays(x, y, row_weights=np.arange(40.0))]
tables += [wg.table_from_arrays(x, np.where(y > 0, "yes", "no"))]
for table in tables:
    loss = "mse" if table.task == "regression" else "bce"
    for batch in (1, 7, "all"):
        for more in ({}, {"freeze": "1"}, {"clip": "norm:1"}, {"l1": 1, "optimizer": "sgd", "validation": 0.2},
                     {"loss_change": 0, "order": "random"}):
            if batch == 1 and not more.keys() & {"freeze", "clip"}:
                continue  # has a kernel of its own
            net = wg.dense_network(table, 3)
            run = wg.fit(net, table, loss=loss, epochs=2, batch=batch, engine="compiled", **more)
            wg.evaluate(run, table)
from whygrad.engines.compiled import kernels
print(len(kernels.advance.signatures))
"""


def test_every_setting_is_served_by_the_same_machine_code() -> None:
    """A second type for the same dtype would be compiled in the middle of a run, unannounced."""
    done = subprocess.run([sys.executable, "-c", SETTINGS], capture_output=True, text=True)
    assert done.stdout.strip() == "1", done.stderr
