"""kill -9 at random moments while checkpoints are written: the file is always whole, only time is lost."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from whygrad.cli import main
from whygrad.modelfile import load, to_bytes

NETWORK = ["--target", "y", "--hidden", "128,64", "--batch", "64", "--seed", "3"]  # 26-128-64-1: 11,777 parameters
NETWORK += ["--engine", "reference"]  # auto would choose by the epochs, which differ here


def table(path: Path) -> None:
    """128 rows, 26 inputs."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(128, 26))
    y = np.tanh(x[:, 0]) - x[:, 1] * x[:, 2] + draw.normal(size=128) / 10
    lines = [",".join(f"{v:.6f}" for v in (*row, target)) for row, target in zip(x, y, strict=True)]
    names = ",".join([*(f"x{k}" for k in range(1, 27)), "y"])
    path.write_text("\n".join([names, *lines]) + "\n")


def stamp(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def run_and_kill(command: list[str], out: Path, delay: float, aimed: bool) -> None:
    """Starts a training, waits for its first checkpoint, and kills it `delay` seconds later.

    An aimed kill waits on until a temporary file is seen, so that it falls into the writing of one, or just after.
    """
    before = stamp(out)
    process = subprocess.Popen(
        [sys.executable, "-m", "whygrad", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        end = time.monotonic() + 60
        while stamp(out) == before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.001)
        time.sleep(delay)
        while aimed and not any(out.parent.glob(".*.tmp")):
            assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -9


def kills(count: int, aimed: int, seed: int, folder: Path) -> int:
    """Kills a training `count` times at random and `aimed` times while it writes, resuming it each time.

    Returns how many kills landed inside a write.
    """
    csv, out = folder / "t.csv", folder / "m.whygrad"
    table(csv)
    delays = random.Random(seed)
    inside, updates = 0, 0
    left: list[Path] = []
    for kill in range(count + aimed):
        start = ["--resume", str(out)] if kill else [str(csv), *NETWORK, "--epochs", "1000000", "--out", str(out)]
        run_and_kill(["train", *start, "--checkpoint", "0", "--quiet"], out, delays.uniform(0, 0.1), kill >= count)
        assert not any(path.exists() for path in left)  # this start removed what the last kill left
        run = load(out)  # whole: its checksum covers every byte
        assert to_bytes(run) == out.read_bytes()
        assert run.stopped.reason == "interrupted"
        assert run.state.t > updates or run.state.t == kill == 0  # further on than the last, or killed at once
        updates = run.state.t
        left = list(folder.glob(".*.tmp"))
        assert len(left) <= 1
        inside += len(left)
    epochs = str(load(out).state.epoch + 10)
    assert main(["train", "--resume", str(out), "--epochs", epochs, "--quiet"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["m.whygrad", "t.csv"]
    expected = folder / "expected.whygrad"
    assert main(["train", str(csv), *NETWORK, "--epochs", epochs, "--quiet", "--out", str(expected)]) == 0
    assert out.read_bytes() == expected.read_bytes()
    print(
        f"{count} kills and {aimed} aimed ones, {inside} of them inside a write; "
        f"{updates:,} updates, {epochs} epochs: the same bits"
    )
    return inside


def test_five_kills_leave_a_whole_file_and_the_same_bits(tmp_path: Path) -> None:
    kills(4, 1, 2, tmp_path)


@pytest.mark.proof
def test_a_hundred_kills_leave_a_whole_file_and_the_same_bits(tmp_path: Path) -> None:
    assert kills(100, 20, 1, tmp_path) >= 10  # enough of them while a file is half written
