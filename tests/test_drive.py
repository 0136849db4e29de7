"""Training from a terminal: where lines go, what happens when nobody reads or nothing can be written."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import whygrad as wg
from whygrad.cli import main
from whygrad.cli.drive import drive
from whygrad.errors import OutputError
from whygrad.fitting import finish
from whygrad.job import prepare
from whygrad.loop import Log
from whygrad.modelfile import load

TRAIN = [sys.executable, "-m", "whygrad", "train"]


def on_a_terminal(arguments: list[str], folder: Path, stdout: Path | None) -> tuple[str, int]:
    """What a command with stderr on a terminal (and stdout too, unless it goes to a file) shows there."""
    leader, follower = pty.openpty()
    out = follower if stdout is None else os.open(stdout, os.O_WRONLY | os.O_CREAT)
    process = subprocess.Popen([*TRAIN, *arguments], cwd=folder, stdout=out, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    if stdout is not None:
        os.close(out)
    return shown.decode(), process.wait()


def test_a_terminal_shows_a_line_with_the_time_left(tmp_path: Path) -> None:
    shown, code = on_a_terminal(["xor"], tmp_path, None)
    assert code == 0
    assert "of 1000" in shown
    assert "left" in shown
    assert " 1000 " in shown  # the last epoch's line is among it


def test_epochs_go_where_stdout_goes_though_stderr_is_a_terminal(tmp_path: Path) -> None:
    shown, code = on_a_terminal(["students"], tmp_path, tmp_path / "log")
    log = (tmp_path / "log").read_text()
    assert code == 0
    assert "26.345577666" in log
    assert "26.345577666" not in shown


def test_a_reader_that_leaves_does_not_end_the_training(tmp_path: Path) -> None:
    command = f"{sys.executable} -m whygrad train xor --every 1 --out xor.whygrad | head -1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr == ""
    assert load(tmp_path / "xor.whygrad").state.epoch == 1000


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(run: wg.Run, path: Path) -> None:
        raise OutputError(f"{path} cannot be written: No space left on device")

    monkeypatch.setattr("whygrad.cli.drive.write", full)
    job = prepare(*wg.example("students"))
    log = Log(job.first_state())
    drive(job, log, False, tmp_path / "m.whygrad", 0.0, lambda record: None)
    assert finish(job, log).stopped.reason == "epochs"
    assert "No space left on device; training goes on" in capsys.readouterr().err


def test_ctrl_c_in_python_gives_the_run_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    from whygrad.engines import Reference

    class Pressed(Reference):
        calls = 0

        def advance(self, *arguments):  # type: ignore[no-untyped-def]
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return super().advance(*arguments)

    run = wg.fit(*wg.example("students"), engine=Pressed())
    assert run.stopped.reason == "interrupted"
    assert [record.epoch for record in run.history] == [0, 1, 2]
    whole = wg.fit(*wg.example("students"))
    net, table, training = wg.example("students")
    assert wg.fit(net, table, training, resume=run).w.tobytes() == whole.w.tobytes()


def test_a_resumed_trace_starts_from_where_the_run_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "m.whygrad")
    assert main(["train", "students", "--epochs", "2", "--out", path, "--quiet"]) == 0
    at = load(path).w[0]
    capsys.readouterr()
    assert main(["train", "--resume", path, "--epochs", "3", "--trace"]) == 0
    printed = capsys.readouterr().out
    first = printed.split("update 9, epoch 3")[1].split("W_111")[1].split()
    assert first[0] == f"{at:.9f}"


def test_evaluate_without_a_table_parts_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.arange(40.0)
    text = "x,y\n" + "".join(f"{v},{2 * v + 1}\n" for v in x)
    (tmp_path / "t.csv").write_text(text)
    path = str(tmp_path / "m.whygrad")
    table = str(tmp_path / "t.csv")
    assert main(["train", table, "--target", "y", "--validation", "0.25", "--epochs", "3", "--out", path]) == 0
    run = load(path)
    capsys.readouterr()
    assert main(["evaluate", path]) == 0
    printed = capsys.readouterr().out
    assert "(30 training rows)" in printed
    assert "(10 validation rows)" in printed
    assert f"{run.history[-1].validation_loss:.9f}" in printed
    assert f"{run.history[-1].loss_after:.9f}" in printed


def test_several_targets_are_measured_one_by_one() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 2))
    y = np.column_stack([1000 * x[:, 0], x[:, 1]])
    table = wg.table_from_arrays(x, y)
    run = wg.fit(wg.dense_network(table, 8), table, epochs=20)
    found = wg.evaluate(run, table)
    said = run.predict(table).outputs
    for k, name in enumerate(("y1", "y2")):
        assert found.targets[name]["RMSE"] == pytest.approx(np.sqrt(np.mean((said[:, k] - y[:, k]) ** 2)))


def test_the_best_weights_are_spoken_of_when_they_are_not_the_last() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5))
    table = wg.table_from_arrays(x, rng.normal(size=40))
    run = wg.fit(wg.dense_network(table, 32), table, epochs=60, patience=60, validation=0.5, lr=0.02)
    assert run.stopped.reason == "epochs"
    assert run.state.best_epoch < 60
    assert f"kept the weights of epoch {run.state.best_epoch}" in run.stopped.words
    assert run.training.optimizer.learning_rate == 0.02


def test_a_given_start_is_remembered_and_compared(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    net, table, training = wg.example("students")
    start = [(np.full((2, 2), 0.2), np.zeros(2)), (np.full((2, 1), 0.3), np.zeros(1))]
    run = wg.fit(net, table, training, start=start)
    assert run.training.start == "given"
    wg.save(run, tmp_path / "m.whygrad")
    again = wg.fit(net, table, resume=wg.load(tmp_path / "m.whygrad"), epochs=7)
    assert again.start.tobytes() == run.start.tobytes()
    found = wg.compare(net, table, training, start=start, against="sklearn")
    assert found.losses[0] == pytest.approx(run.history[1].loss_during, rel=1e-12)
    assert found.verdict == "equal"


def test_gradients_of_many_rows_are_those_of_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    table = wg.table_from_arrays(rng.normal(size=(50, 3)), rng.normal(size=50), row_weights=rng.random(50))
    job = prepare(wg.dense_network(table, 4, "tanh"), table, wg.Training("mse", l2=0.1))
    whole = job.engine.gradients(job.net, job.training, job.start, job.rows)
    monkeypatch.setattr("whygrad.engines.reference.BLOCK", 7)
    parts = job.engine.gradients(job.net, job.training, job.start, job.rows)
    assert parts[0] == pytest.approx(whole[0], rel=1e-14)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-12, atol=1e-15)


def test_what_is_kept_leaves_no_trace_in_the_losses() -> None:
    net, table, training = wg.example("students")
    plain = wg.fit(net, table, training, epochs=9)
    kept = wg.fit(net, table, training, epochs=9, keep=wg.Keep("steps"))
    assert kept.history == plain.history
    assert kept.w.tobytes() == plain.w.tobytes()
