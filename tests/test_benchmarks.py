"""The benchmarks compare like with like; no time is asserted here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import memory  # noqa: E402
from benchmarks.agreement import apart, final_loss, within  # noqa: E402
from benchmarks.contenders import CONTENDERS, Contender  # noqa: E402
from benchmarks.contest import contest  # noqa: E402
from benchmarks.report import told  # noqa: E402
from benchmarks.worker import Crew, Worker  # noqa: E402
from benchmarks.workloads import WORKLOADS, Goal, Task, Workload, rows_of  # noqa: E402
from whygrad.updates import SGD, Adam  # noqa: E402

# name: network, batch, rows, epochs, times the best rival
TABLE = {
    "students": ("2-2-1", 1, 2_000, 100, 5),
    "small": ("8-16-1", 1, 4_000, 1, 5),
    "digits-sgd": ("784-30-10", 1, 20_000, 1, 5),
    "houses": ("8-64-64-1", 32, 20_640, 1, 3),
    "forest": ("54-128-64-7", 256, 500_000, 1, 2),
    "mnist": ("784-128-10", 128, 60_000, 1, 1.7),
    "wide": ("784-512-256-10", 128, 60_000, 1, 1.3),
    "predict": ("8-64-64-1", 4096, 10_000_000, 1, 2),
}
TINY = {
    "sgd": Workload("tiny", (3, 4, 1), "tanh", SGD(0.05), 1, 30, 2),
    "adam": Workload("tiny", (3, 5, 4, 3), "relu", Adam(), 8, 30, 2, output="softmax"),
    "predict": Workload("tiny", (3, 5, 1), "relu", Adam(), 8, 30, unit="block"),
}


@pytest.fixture
def keras_on_jax(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("name", TABLE)
def test_the_workloads_are_what_the_table_says(name: str) -> None:
    w = WORKLOADS[name]
    sizes = "-".join(str(n) for n in w.sizes)
    assert (sizes, w.batch, w.rows, w.epochs, w.goals[0].times) == TABLE[name]
    assert w.goals[0].rival == "best"
    assert isinstance(w.optimizer, SGD if w.batch == 1 else Adam)
    assert w.classifies == (w.sizes[-1] > 1)


def test_goals_against_single_rivals_and_the_peak() -> None:
    assert Goal("keras", 5000) in WORKLOADS["students"].goals
    assert Goal("torch", 100) in WORKLOADS["digits-sgd"].goals
    assert {name for name, w in WORKLOADS.items() if w.share == 0.7} == {"wide", "predict"}


def test_flops_of_a_row() -> None:
    """3-4-1: 16 products forward, 16 for the weights, 4 back through the second layer; two operations each."""
    assert TINY["sgd"].flops_a_row == 2 * (16 + 16 + 4)
    assert TINY["predict"].flops_a_row == 2 * (15 + 5)


def test_fewer_rows_are_the_first_of_more() -> None:
    for w in (WORKLOADS["students"], WORKLOADS["houses"], WORKLOADS["mnist"]):
        few, more = rows_of(w, "float32", 5), rows_of(w, "float64", 4100)
        assert few.x.dtype == np.float32
        assert few.x.shape == (5, w.sizes[0])
        assert (few.x == more.x[:5]).all()
        assert (few.y == more.y[:5]).all()
    assert rows_of(WORKLOADS["students"], "float64", 5).x.tolist() == [[8, 8], [7, 9], [6, 10], [5, 12], [8, 8]]


@pytest.mark.parametrize("kind", TINY)
@pytest.mark.parametrize("contender", CONTENDERS.values(), ids=CONTENDERS)
def test_every_contender_ends_where_whygrad_does(kind: str, contender: Contender, keras_on_jax: None) -> None:
    if contender.missing:
        pytest.skip(f"not installed: {contender.missing}")
    if contender.name == "torch-compile":
        pytest.skip("compiles for half a minute; the benchmarks themselves compare it")
    if contender.only and kind != "sgd":
        pytest.skip("is timed on regressions alone")
    task = Task(TINY[kind], "float32", 30, TINY[kind].epochs)
    ours = CONTENDERS["whygrad"].prepare(task, 0)()
    run = contender.prepare(task, contender.options(task.workload)[0])
    first, second = run(), run()
    assert (first == second).all()  # every run begins at the start
    assert first.shape == ours.shape
    assert apart(task.workload, "float32", first, ours) <= within(contender.alike, "float32")
    if contender.alike:
        np.testing.assert_allclose(first, ours, rtol=0, atol=1e-4)


def test_whoever_ends_elsewhere_is_seen() -> None:
    w = TINY["adam"]
    start = w.start("float32")
    moved = start + np.float32(0.1)
    assert apart(w, "float32", moved, start) > within(False, "float32")
    assert final_loss(w, "float32", start) != final_loss(w, "float32", moved)
    assert apart(TINY["predict"], "float32", np.full((9, 1), 1.01), np.ones((9, 1))) > within(False, "float32")


def test_a_contest_tells_times_ratios_and_who_is_out() -> None:
    w = replace(TINY["sgd"], goals=(Goal("best", 1e-9), Goal("torch", 2)), share=0.0)
    gone = replace(CONTENDERS["sklearn"], name="none-such", label="nobody")
    with Crew() as crew:
        done = contest(crew, w, "float32", (CONTENDERS["whygrad"], CONTENDERS["sklearn"], gone), 3, 5.0)
    assert done.rounds == 3
    assert [len(e.seconds) for e in done.entries] == [3, 3, 0]
    assert done.best is done.entry("sklearn")
    assert done.entries[1].apart <= within(True, "float32")
    assert "ModuleNotFoundError" in done.entries[2].lost
    outcome = told(done)
    text = "\n".join(outcome.lines)
    assert outcome.held, text
    assert "out: ModuleNotFoundError" in text
    assert "goal 1e-09 times scikit-learn, the best rival" in text
    assert "times torch" not in text  # it was not there


def test_a_worker_is_given_up_and_started_anew() -> None:
    with Crew() as crew:
        worker = crew.worker(CONTENDERS["whygrad"])
        worker.load()
        assert crew.worker(CONTENDERS["whygrad"]) is worker
        worker.stop()
        again = crew.worker(CONTENDERS["whygrad"])
        assert isinstance(again, Worker)
        assert again is not worker


def test_what_memory_is_needed() -> None:
    """3-5-4-3 has 59 parameters; Adam keeps two more of each; 8 rows by 15 units; four bytes a number."""
    assert memory.needed(TINY["adam"]) == 4 * (3 * 59 + 8 * 15)


@pytest.mark.parametrize(
    "options, said",
    [
        (["-w", "student"], "-w: 'student' is not known; it can be students, small,"),
        (["--rivals", "torch,theano"], "--rivals: 'theano' is not known"),
        (["--rounds", "1"], "--rounds must be 2 or more"),
        (["--dtype", "float16"], "float16"),
        (["--budget", "nan"], "--budget must be above 0"),
    ],
)
def test_an_option_that_cannot_be_is_one_line(options: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks", *options], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_json_keeps_every_time(tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    options = ["-w", "small", "--rivals", "sklearn", "--rounds", "2", "--budget", "2", "--dtype", "float32"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options, "--json", str(file)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr  # 1: a goal was missed
    (one,) = json.loads(file.read_text())["contests"]
    assert (one["workload"], one["dtype"], one["rounds"]) == ("small", "float32", 2)
    assert [len(c["seconds"]) for c in one["contenders"]] == [2, 2, 2]
