"""The model file: exact round trips, every flipped bit noticed, nothing lost when a disk or a process fails."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import whygrad as wg
from whygrad.cli import main
from whygrad.errors import InputError, ModelFileError, OutputError
from whygrad.fitting import Log, finish
from whygrad.history import Keep, Run
from whygrad.job import prepare
from whygrad.loop import train
from whygrad.maths import Array
from whygrad.modelfile import from_bytes, load, refuse_unwritable, remove_stale, save, to_bytes, write, write_bytes
from whygrad.reading import read_table, table_from_arrays
from whygrad.table import Table
from whygrad.training import Stop, Training

COLOURS = ("red", "green", "blue")
TREES = ("kauri", "rimu", "tōtara")


def numbers(rows: int = 60, seed: int = 3) -> Table:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 3))
    return table_from_arrays(x, x @ np.array([1.0, -2.0, 0.5]) + draw.normal(size=rows) / 10)


def classes(folder: Path, classes: int = 3, rows: int = 60) -> Table:
    draw = np.random.default_rng(7)
    lines = ["size,colour,weight,kind"]
    for k in range(rows):
        size = "" if k % 11 == 5 else f"{draw.normal():.6f}"
        lines.append(f"{size},{COLOURS[k % 3]},{1 + k % 4},{TREES[k % classes]}")
    path = folder / "trees.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_table(path, "kind", missing="fill", row_weight="weight")


def same_array(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_same(a: Run, b: Run) -> None:
    """Every field, arrays to the bit."""
    assert a.model.network == b.model.network
    assert a.model.encoding == b.model.encoding
    assert a.model.loss == b.model.loss
    assert a.training == b.training
    assert a.stopped == b.stopped
    assert (a.engine, a.source, a.notes) == (b.engine, b.source, b.notes)
    for x, y in ((a.w, b.w), (a.start, b.start), (a.gradient, b.gradient)):
        assert same_array(x, y)
    for x, y in zip((a.state.w, *a.state.memory), (b.state.w, *b.state.memory), strict=True):
        assert same_array(x, y)
    assert same_array(a.state.best_w, b.state.best_w)
    counters = ("t", "epoch", "row", "met", "best_loss", "best_epoch", "waited")
    assert [getattr(a.state, name) for name in counters] == [getattr(b.state, name) for name in counters]
    assert (a.model.w is a.state.best_w) == (b.model.w is b.state.best_w)
    assert len(a.history) == len(b.history)
    for one, other in zip(a.history, b.history, strict=True):
        assert repr(asdict(one)) == repr(asdict(other))  # as text, for NaN is not equal to itself
    assert [(k.t, k.epoch) for k in a.kept] == [(k.t, k.epoch) for k in b.kept]
    assert all(same_array(x.w, y.w) for x, y in zip(a.kept, b.kept, strict=True))


def assert_round_trip(run: Run) -> None:
    data = to_bytes(run)
    back = from_bytes(data, "m.whygrad")
    assert_same(run, back)
    assert to_bytes(back) == data


@pytest.mark.parametrize("dtype", ("float64", "float32"))
@pytest.mark.parametrize("optimizer", ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"))
def test_round_trip_of_every_optimizer(optimizer: str, dtype: str) -> None:
    table = numbers()
    run = wg.fit(wg.dense_network(table, (5,)), table, optimizer=optimizer, dtype=dtype, epochs=3)
    assert run.w.dtype == np.dtype(dtype)
    assert_round_trip(run)


def test_round_trip_of_every_setting() -> None:
    table = numbers()
    settings = {
        "loss": "huber:0.7",
        "optimizer": wg.Adam(0.003, beta1=0.8, beta2=0.95, epsilon=1e-7),
        "epochs": 7,
        "batch": 11,
        "order": "random",
        "start": "orthogonal:0.7",
        "seed": 123456789012345678901234567890,
        "dtype": "float32",
        "schedule": "cosine:0.05",
        "warmup": 2,
        "clip": "norm:0.3",
        "l1": 1e-4,
        "l2": 1e-3,
        "freeze": ("2", "W_1_3_1"),
        "validation": 0.3,
        "scale": "none",
        "stop": Stop(loss_change=1e-9, gradient=1e-9, patience=3, min_delta=1e-3),
    }
    run = wg.fit(wg.dense_network(table, (6, 4), "leaky_relu:0.13"), table, **settings)  # type: ignore[arg-type]
    assert run.training.to_plain().keys() >= settings.keys() - {"stop"}
    assert_round_trip(run)


def test_round_trip_of_classes_categories_fills_and_row_weights(tmp_path: Path) -> None:
    table = classes(tmp_path)
    assert table.row_weights is not None
    run = wg.fit(
        wg.dense_network(table, (4,)),
        table,
        epochs=4,
        smoothing=0.1,
        class_weights={"kauri": 2.0, "tōtara": 0.5},
        validation=0.2,
    )
    assert run.model.encoding.classes == ("kauri", "rimu", "tōtara")
    assert run.source is not None
    assert run.source.row_weight == "weight"
    assert_round_trip(run)
    back = from_bytes(to_bytes(run), "m")
    rows = {"size": [0.5, None], "colour": ["red", "blue"]}
    for one, other in zip((run.predict(rows),), (back.predict(rows),), strict=True):
        assert one.outputs.tobytes() == other.outputs.tobytes()
        assert one.classes is not None
        assert other.classes is not None
        assert one.classes.tolist() == other.classes.tolist()


def test_round_trip_of_two_classes_and_balanced_weights(tmp_path: Path) -> None:
    table = classes(tmp_path, classes=2)
    run = wg.fit(
        wg.dense_network(table, (4,)), table, epochs=4, class_weights="balanced", stop=Stop(gradient=1e-12)
    )
    assert run.model.loss.name == "binary_crossentropy"
    assert_round_trip(run)


def test_round_trip_of_the_best_weights() -> None:
    table = numbers(12)
    run = wg.fit(
        wg.dense_network(table, (20,)),
        table,
        optimizer=wg.Adam(0.05),
        epochs=60,
        validation=0.4,
        stop=Stop(patience=4),
    )
    assert run.stopped.reason == "early"
    assert run.w is run.state.best_w
    assert not np.array_equal(run.w, run.state.w)
    assert_round_trip(run)


@pytest.mark.parametrize("keep", ("epochs", "steps"))
def test_round_trip_of_kept_parameters(keep: str) -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, training, keep=Keep(keep))  # type: ignore[arg-type]
    assert len(run.kept) == (20 if keep == "steps" else 6)
    assert_round_trip(run)


def test_round_trip_of_scores_that_are_no_numbers() -> None:
    table = table_from_arrays(np.arange(10.0), np.full(10, 3.0))  # R2 of a target that never varies is NaN
    run = wg.fit(wg.dense_network(table, (2,)), table, epochs=2, validation=0.2)
    assert np.isnan(run.history[-1].scores["R2"])
    assert np.isnan(run.history[-1].validation_scores["R2"])
    assert_round_trip(run)


def test_round_trip_of_a_diverged_run() -> None:
    run = wg.fit(*wg.example("students"), optimizer=wg.SGD(1.0), epochs=50)
    assert run.stopped.reason == "diverged"
    assert_round_trip(run)


def test_round_trip_of_a_run_that_could_not_start() -> None:
    net, table, training = wg.example("students")
    run = wg.fit(net, table, replace(training, start="1e300"))
    assert run.history == ()
    assert_round_trip(run)


def test_round_trip_of_a_checkpoint_at_any_moment() -> None:
    table = numbers(5000)
    job = prepare(wg.dense_network(table, (3,)), table, Training("mse", epochs=2, batch=7))  # type: ignore[arg-type]
    log = Log(job.first_state())
    rows = set()
    for progress in train(job):
        log.add(progress, job.keep)
        rows.add(log.state.row)
        assert_round_trip(finish(job, log, checkpoint=True))
    assert any(row > 0 for row in rows)  # some of them within an epoch


def test_save_refuses_what_exists_and_forces(tmp_path: Path) -> None:
    path = tmp_path / "m.whygrad"
    run = wg.fit(*wg.example("students"))
    save(run, path)
    with pytest.raises(InputError, match=r"m\.whygrad exists; --force"):
        save(run, path)
    other = wg.fit(*wg.example("students"), epochs=2)
    save(other, path, force=True)
    assert_same(load(path), other)
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        save(run, tmp_path / "nowhere" / "m.whygrad")


# ---- flipped bits ----


def small_file() -> bytes:
    return to_bytes(wg.fit(*wg.example("students"), epochs=2))


def unnoticed(data: bytes, positions: Iterator[int]) -> list[int]:
    """The bits whose flip `from_bytes` does not notice."""
    missed, words = [], set()
    changed = bytearray(data)
    for position in positions:
        byte, bit = divmod(position, 8)
        changed[byte] ^= 1 << bit
        try:
            from_bytes(bytes(changed), "m.whygrad")
            missed.append(position)
        except ModelFileError as problem:
            words.add(str(problem))
        changed[byte] ^= 1 << bit
    assert bytes(changed) == data
    assert words == {
        "m.whygrad is not a whygrad model file (or its beginning is damaged)",
        "m.whygrad is damaged: its content does not match its checksum; use another copy",
    }
    return missed


def test_a_flipped_bit_is_noticed_in_a_sample_of_places() -> None:
    data = small_file()
    draw = np.random.default_rng(11)
    ends = [*range(200), *range(8 * len(data) - 64, 8 * len(data))]
    sample = [*ends, *draw.choice(8 * len(data), 1500, replace=False).tolist()]
    from_bytes(data, "m.whygrad")
    assert unnoticed(data, iter(sample)) == []


@pytest.mark.proof
def test_every_flipped_bit_is_noticed() -> None:
    data = small_file()
    assert unnoticed(data, iter(range(8 * len(data)))) == []


def test_every_cut_and_every_byte_more_is_noticed() -> None:
    data = small_file()
    for length in range(0, len(data), 7):
        with pytest.raises(ModelFileError):
            from_bytes(data[:length], "m")
    for more in (b"\0", b" ", b"}", data):
        with pytest.raises(ModelFileError):
            from_bytes(data + more, "m")


# ---- writing that fails ----


@pytest.mark.parametrize("call", ("open", "write", "fsync", "replace"))
@pytest.mark.parametrize("old", (None, b"what was there"))
@pytest.mark.parametrize("code", (errno.ENOSPC, errno.EIO, errno.EACCES))
def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(
    call: str, old: bytes | None, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.whygrad"
    if old is not None:
        path.write_bytes(old)

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    class Full:
        """A stream that takes half of what it is given, as a disk that fills up does."""

        def __init__(self, name: object, mode: str) -> None:
            self.stream = real_open(name, mode)  # type: ignore[call-overload]

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *args: object) -> None:
            self.stream.close()

        def write(self, data: bytes) -> None:
            self.stream.write(data[: len(data) // 2])
            self.stream.flush()
            fail()

    real_open = open
    import whygrad.modelfile as module

    if call == "open":
        monkeypatch.setattr(module, "open", fail, raising=False)
    elif call == "write":
        monkeypatch.setattr(module, "open", Full, raising=False)
    else:
        monkeypatch.setattr(os, call, fail)
    with pytest.raises(OutputError) as caught:
        write_bytes(b"x" * 1000, path)
    monkeypatch.undo()
    said = str(caught.value)
    assert said.startswith(f"{path} cannot be written: {os.strerror(code)}")
    assert said.endswith("(the file there is as it was)") == (old is not None)
    assert [p.name for p in tmp_path.iterdir()] == ([] if old is None else ["m.whygrad"])
    assert old is None or path.read_bytes() == old


@pytest.mark.parametrize("call", ("fsync", "replace"))
def test_ctrl_c_while_writing_leaves_nothing_behind(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "m.whygrad"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(b"new", path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"m.whygrad": b"old"}


def test_the_data_is_synced_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):

        def noted(*args: object, name: str = name, real: object = getattr(os, name)) -> None:
            calls.append(name)
            real(*args)  # type: ignore[operator]

        monkeypatch.setattr(os, name, noted)
    write_bytes(b"new", tmp_path / "m.whygrad")
    assert calls == ["fsync", "replace", "fsync"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only the superuser can mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine does not let us mount a small disk: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_real_full_disk_keeps_the_old_file(tiny_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny_disk / "m.whygrad"
    small = wg.fit(*wg.example("students"))
    write(small, path)
    kept = path.read_bytes()
    table = numbers()
    large = wg.fit(wg.dense_network(table, (3000,)), table, epochs=1)
    with pytest.raises(OutputError, match=r"No space left on device \(the file there is as it was\)"):
        write(large, path)
    assert [p.name for p in tiny_disk.iterdir()] == ["m.whygrad"]
    assert path.read_bytes() == kept
    assert_same(load(path), small)
    command = ["train", "students", "--hidden", "3000", "--epochs", "1", "--quiet", "--out", str(path), "--force"]
    assert main(command) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "No space left on device (the file there is as it was)" in said.err
    assert [p.name for p in tiny_disk.iterdir()] == ["m.whygrad"]
    assert path.read_bytes() == kept


def test_a_disk_that_fills_up_between_checkpoints_keeps_the_last_one(tiny_disk: Path) -> None:
    path = tiny_disk / "m.whygrad"
    net, table, training = wg.example("students")
    job = prepare(net, table, replace(training, epochs=50))
    log = Log(job.first_state())
    good = b""
    filler = tiny_disk / "filler"
    for progress in train(job):
        log.add(progress, job.keep)
        if log.state.epoch == 20 and not filler.exists():
            filler.write_bytes(b"x" * 52_000)  # what somebody else puts there
        try:
            write(finish(job, log, checkpoint=True), path)
            good = path.read_bytes()
        except OutputError:
            break
    assert 20 <= log.state.epoch < 50
    assert path.read_bytes() == good
    filler.unlink()
    assert main(["train", "--resume", str(path), "--quiet"]) == 0
    assert_same(load(path), wg.fit(net, table, training, epochs=50))


def test_a_path_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"is a folder; name a file in it, as in .*model\.whygrad"):
        refuse_unwritable(tmp_path)
    with pytest.raises(InputError, match=r"the folder .*nowhere does not exist"):
        refuse_unwritable(tmp_path / "nowhere" / "m.whygrad")
    with pytest.raises(InputError, match="cannot be written: File name too long"):
        refuse_unwritable(tmp_path / ("m" * 250))
    refuse_unwritable(tmp_path / "m.whygrad")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_disk_is_refused_before_the_work(tiny_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Permissions do not bind the superuser; a disk mounted read-only does."""
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    assert main(["train", "students", "--out", str(tiny_disk / "m.whygrad")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"whygrad: {tiny_disk / 'm.whygrad'} cannot be written: Read-only file system\n"


# ---- stale temporary files ----


def gone() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@pytest.mark.parametrize("name", ("m.whygrad", "m[1]*?.whygrad", "m", "мodel 1.whygrad"))
def test_stale_files_are_removed_but_not_those_of_the_living(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    dead = tmp_path / f".{name}.{gone()}.tmp"
    mine = tmp_path / f".{name}.{os.getpid()}.tmp"
    living = tmp_path / f".{name}.{os.getppid()}.tmp"
    others = [
        living,
        tmp_path / f".{name}.notes.tmp",
        tmp_path / f".other.{gone()}.tmp",
        tmp_path / f"{name}.{gone()}.tmp",
        tmp_path / f".{name}.x.{gone()}.tmp",
    ]
    for file in (dead, mine, *others):
        file.write_bytes(b"half")
    assert sorted(remove_stale(path)) == sorted([dead, mine])
    assert sorted(tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize("command", ("train students --force --out", "train --epochs 9 --resume"))
def test_the_next_start_removes_them(command: str, tmp_path: Path) -> None:
    path = tmp_path / "m.whygrad"
    save(wg.fit(*wg.example("students")), path)
    stale = tmp_path / f".m.whygrad.{gone()}.tmp"
    stale.write_bytes(b"half")
    assert main([*command.split(), str(path), "--quiet"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["m.whygrad"]


def test_a_start_that_is_refused_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.whygrad"
    save(wg.fit(*wg.example("students")), path)
    before = path.read_bytes()
    assert main(["train", "students", "--out", str(path)]) == 2
    assert main(["train", "students", "--lr", "0", "--out", str(path), "--force"]) == 2
    assert path.read_bytes() == before
