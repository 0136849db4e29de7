"""A run that is interrupted and resumed is, bit for bit, the run that was not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whygrad as wg
from whygrad import loop
from whygrad.cli import main
from whygrad.fitting import finish
from whygrad.history import Keep, Run
from whygrad.job import Job, prepare
from whygrad.loop import Log, train
from whygrad.modelfile import from_bytes, load, to_bytes
from whygrad.reading import read_table, table_from_arrays
from whygrad.table import Table
from whygrad.training import Stop, Training, training_from_plain


def numbers(rows: int = 45, seed: int = 5) -> Table:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3))
    return table_from_arrays(x, np.sin(x).sum(axis=1) + draw.normal(size=rows) / 5)


def job_of(table: Table, settings: Mapping[str, Any], keep: str = "ends") -> Job:
    training = training_from_plain({"loss": "mse", "epochs": 4, "batch": 8, **settings})
    return prepare(wg.dense_network(table, (5, 3), "tanh"), table, training, keep=Keep(keep))  # type: ignore[arg-type]


def whole(job: Job) -> bytes:
    log = Log(job.first_state())
    for progress in train(job):
        log.add(progress, job.keep)
    return to_bytes(finish(job, log))


def interrupted(job: Job) -> Iterator[bytes]:
    """Checkpoints after every chunk but the last, each from a file that was loaded and gone on from."""
    log = Log(job.first_state())
    again: Run | None = None
    while True:
        steps = train(job, None if again is None else log.state, tuple(log.history))
        progress = next(steps)
        steps.close()
        log.add(progress, job.keep)
        if progress.stopped is not None:
            yield to_bytes(finish(job, log))
            return
        data = to_bytes(finish(job, log, checkpoint=True))
        yield data
        again = from_bytes(data, "m")
        log = Log(again.state, list(again.history), list(again.kept))


SETTINGS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": {"name": "sgd", "learning_rate": 0.05}},
    "momentum": {"optimizer": {"name": "momentum", "learning_rate": 0.02}},
    "nesterov": {"optimizer": {"name": "nesterov", "learning_rate": 0.02}, "batch": 1},
    "rmsprop": {"optimizer": {"name": "rmsprop", "learning_rate": 0.01}, "batch": 45},
    "adagrad": {"optimizer": {"name": "adagrad", "learning_rate": 0.1}, "order": "random"},
    "adam": {"optimizer": {"name": "adam", "learning_rate": 0.01}},
    "adamw, float32": {"optimizer": {"name": "adamw"}, "dtype": "float32"},
    "sgd, float32, row by row": {"optimizer": {"name": "sgd"}, "dtype": "float32", "batch": 1},
    "sequential, all rows": {"order": "sequential", "batch": "all"},
    "random, batch larger than the table": {"order": "random", "batch": 1000},
    "a last batch of one row": {"batch": 11},
    "schedule, warm-up": {"schedule": "cosine:0.1", "warmup": 2},
    "step schedule": {"schedule": "step:2,0.5", "optimizer": {"name": "momentum", "learning_rate": 0.02}},
    "clip, penalties, freeze": {"clip": "norm:0.1", "l1": 1e-3, "l2": 1e-2, "freeze": ["1", "W_2_1_1"]},
    "validation": {"validation": 0.3},
    "validation, patience that never ends": {"validation": 0.3, "stop": {"patience": 50}, "epochs": 6},
    "validation, patience that ends it": {
        "validation": 0.4,
        "stop": {"patience": 2, "min_delta": 0.01},
        "epochs": 60,
        "optimizer": {"name": "adam", "learning_rate": 0.03},
    },
    "converges": {"stop": {"loss_change": 0.02, "gradient": 10.0}, "epochs": 60, "batch": "all"},
    "unscaled, glorot, seed": {"scale": "none", "start": "glorot", "seed": 9},
}


@pytest.mark.parametrize("keep", ("ends", "steps"))
@pytest.mark.parametrize("name", SETTINGS)
def test_interrupted_after_every_chunk(name: str, keep: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHUNK", 16)  # a few batches, so that chunks end within epochs
    table = numbers()
    job = job_of(table, SETTINGS[name], keep)
    expected = whole(job)
    files = list(interrupted(job))
    assert files[-1] == expected  # weights, memories, history, scores, words: the whole file
    if "batch" not in SETTINGS[name]:
        assert any(from_bytes(data, "m").state.row > 0 for data in files)  # some stopped within an epoch
    if "that ends it" in name:
        assert from_bytes(expected, "m").stopped.reason == "early"
    if name == "converges":
        assert from_bytes(expected, "m").stopped.reason == "converged"


def test_every_checkpoint_leads_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHUNK", 16)
    job = job_of(numbers(), {"validation": 0.2, "stop": {"patience": 3}})
    expected = whole(job)
    checkpoints = list(interrupted(job))[:-1]
    assert len(checkpoints) > 10
    for data in checkpoints:
        again = from_bytes(data, "m")
        log = Log(again.state, list(again.history), list(again.kept))
        for progress in train(job, log.state, tuple(log.history)):
            log.add(progress, job.keep)
        assert to_bytes(finish(job, log)) == expected


@pytest.mark.parametrize("dtype", ("float64", "float32"))
@pytest.mark.parametrize("order", ("shuffled", "sequential", "random"))
@pytest.mark.parametrize("optimizer", ("sgd", "nesterov", "adam"))
def test_fit_resumes_to_more_epochs(optimizer: str, order: str, dtype: str) -> None:
    table = numbers()
    net = wg.dense_network(table, (6,))
    settings = {"optimizer": optimizer, "order": order, "dtype": dtype, "validation": 0.2, "seed": 4}
    half = wg.fit(net, table, epochs=50, **settings)
    resumed = wg.fit(net, table, resume=half, epochs=100)
    expected = wg.fit(net, table, epochs=100, **settings)
    assert to_bytes(resumed) == to_bytes(expected)


CSV_ROWS = 300


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    draw = np.random.default_rng(2)
    x = draw.normal(size=(CSV_ROWS, 4))
    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)
    lines = [
        ",".join([*(f"{v:.6f}" for v in row), "yes" if label else "no"]) for row, label in zip(x, y, strict=True)
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,c,d,ok", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    "options",
    (
        "",
        "--optimizer sgd --lr 0.1 --batch 1",
        "--dtype float32 --batch 7 --order random",
        "--validation 0.25 --patience 1000 --class-weights balanced --smoothing 0.1",
        "--schedule step:30,0.5 --clip global_norm:1 --l2 0.01",
    ),
)
def test_resume_from_50_to_100_epochs_equals_one_run_of_100(options: str, csv: Path, tmp_path: Path) -> None:
    start = ["train", str(csv), "--target", "ok", "--hidden", "5", "--quiet", *options.split()]
    one, two = tmp_path / "one.whygrad", tmp_path / "two.whygrad"
    assert main([*start, "--epochs", "100", "--out", str(one)]) == 0
    assert main([*start, "--epochs", "50", "--out", str(two)]) == 0
    assert main(["train", "--resume", str(two), "--epochs", "100", "--quiet"]) == 0
    assert two.read_bytes() == one.read_bytes()


def test_resume_into_another_file_leaves_the_first(csv: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.whygrad", tmp_path / "two.whygrad"
    assert main(["train", str(csv), "--target", "ok", "--epochs", "3", "--quiet", "--out", str(one)]) == 0
    before = one.read_bytes()
    assert main(["train", "--resume", str(one), "--epochs", "5", "--quiet", "--out", str(two)]) == 0
    assert one.read_bytes() == before
    assert load(two).state.epoch == 5


def test_resume_of_a_table_with_dropped_and_filled_rows(tmp_path: Path) -> None:
    text = "a,b,w,y\n" + "".join(
        f"{'' if k % 5 == 2 else k},{k % 3},{1 + k % 2},{k * k % 17}\n" for k in range(40)
    )
    for missing in ("drop", "fill"):
        csv = tmp_path / f"{missing}.csv"
        csv.write_text(text)
        start = ["train", str(csv), "--target", "y", "--missing", missing, "--row-weight", "w", "--quiet"]
        one, two = tmp_path / f"{missing}1.whygrad", tmp_path / f"{missing}2.whygrad"
        assert main([*start, "--validation", "0.2", "--epochs", "9", "--out", str(one)]) == 0
        assert main([*start, "--validation", "0.2", "--epochs", "4", "--out", str(two)]) == 0
        assert main(["train", "--resume", str(two), "--epochs", "6", "--quiet"]) == 0
        assert main(["train", "--resume", str(two), "--epochs", "9", "--quiet"]) == 0
        assert two.read_bytes() == one.read_bytes()


def test_start_values_given_as_arrays_are_kept(csv: Path, tmp_path: Path) -> None:
    """What a run started from is in its file; a start drawn anew would be another."""
    table = read_table(csv, "ok")
    net = wg.dense_network(table, (3,))
    start = [(np.full((a, b), 0.1) + np.eye(a, b), np.full(b, 0.2)) for a, b in ((4, 3), (3, 1))]
    out = tmp_path / "m.whygrad"
    wg.save(wg.fit(net, table, start=start, epochs=3), out)
    assert main(["train", "--resume", str(out), "--epochs", "6", "--quiet"]) == 0
    assert out.read_bytes() == to_bytes(wg.fit(net, table, start=start, epochs=6))


def wait_for(path: Path, process: "subprocess.Popen[str]", seconds: float = 60) -> None:
    """Until the first checkpoint is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), ((signal.SIGINT, 130), (signal.SIGTERM, 143)))
def test_a_signal_stops_the_run_and_resuming_equals_never_stopping(
    number: signal.Signals, code: int, csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.whygrad"
    program = [sys.executable, "-m", "whygrad"]
    train_it = ["train", str(csv), "--target", "ok", "--hidden", "8", "--batch", "4"]
    train_it += ["--engine", "reference", "--epochs"]  # auto would choose by the epochs, which differ here
    process = subprocess.Popen(
        [*program, *train_it, "100000", "--out", str(out), "--checkpoint", "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(out, process)
        time.sleep(0.2)
        process.send_signal(number)
        said, complaint = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code
    assert complaint == ""
    assert "stopped: interrupted after" in said
    assert f"kept in {out}" in said
    stopped = load(out)
    assert stopped.stopped.reason == "interrupted"
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []
    epochs = stopped.state.epoch + 20
    assert main(["train", "--resume", str(out), "--epochs", str(epochs), "--quiet"]) == 0
    expected = tmp_path / "expected.whygrad"
    assert main([*train_it, str(epochs), "--quiet", "--out", str(expected)]) == 0
    assert out.read_bytes() == expected.read_bytes()


def test_an_interruption_without_a_file_says_so_with_its_code(csv: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "whygrad",
            "train",
            str(csv),
            "--target",
            "ok",
            "--epochs",
            "100000",
            "--every",
            "1",
            "--engine",
            "reference",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip().startswith("3 "):
                break
        process.send_signal(signal.SIGINT)
        said, complaint = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert complaint == ""
    assert "stopped: interrupted after" in said


def test_a_second_ctrl_c_ends_the_program_at_once(csv: Path, tmp_path: Path) -> None:
    """The first asks; where that takes too long (here for ever), the second ends it, in one line."""
    code = (
        "import os, signal, sys, time\n"
        "from whygrad.cli import drive, main\n"
        "def slow(job, state=None, history=()):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(1)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    yield 'never'\n"
        "drive.train = slow\n"
        "sys.exit(main(['train', 'students']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr == "whygrad: interrupted\n"


def test_two_requests_at_once_are_one(csv: Path, tmp_path: Path) -> None:
    """As `timeout` sends them: to the process, and again to its group. The run stops between two chunks, kept."""
    code = (
        "import os, signal, sys\n"
        "from whygrad.cli import drive, main\n"
        "from whygrad.loop import train\n"
        "def pressed(job, state=None, history=()):\n"
        "    for progress in train(job, state, history):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        yield progress\n"
        "drive.train = pressed\n"
        "sys.exit(main(['train', 'students', '--out', sys.argv[1]]))\n"
    )
    out = tmp_path / "m.whygrad"
    done = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 130
    assert done.stderr == ""
    assert load(out).stopped.reason == "interrupted"


def test_a_run_that_ended_by_itself_is_not_resumed_from_the_command_line(
    csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.whygrad"
    start = ["train", str(csv), "--target", "ok", "--quiet", "--out", str(out)]
    assert main([*start, "--loss-change", "1000"]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", str(out), "--epochs", "500"]) == 2
    assert "converged" in capsys.readouterr().err


def test_rates_of_a_resumed_run_go_on_where_they_were() -> None:
    """The schedule counts epochs of the whole run, not of the part after it was resumed."""
    table = numbers()
    training = Training(
        "mse",  # type: ignore[arg-type]
        epochs=6,
        schedule="exponential:0.5",  # type: ignore[arg-type]
        warmup=2,
        stop=Stop(),
    )
    net = wg.dense_network(table, (2,))
    first = wg.fit(net, table, replace(training, epochs=3))
    resumed = wg.fit(net, table, resume=first, epochs=6)
    one = wg.fit(net, table, training)
    assert [r.rate for r in resumed.history] == [r.rate for r in one.history]
    assert resumed.w.tobytes() == one.w.tobytes()
