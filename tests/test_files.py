"""Bytes on disk: all of them or none, whatever fails, and nothing overwritten that was not meant."""

import errno
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import whygrad as wg
from whygrad.cli import main
from whygrad.errors import InputError, OutputError
from whygrad.files import refuse_existing, refuse_unwritable, remove_stale, write_bytes
from whygrad.fitting import finish
from whygrad.job import prepare
from whygrad.loop import Log, train
from whygrad.modelfile import load, save, to_bytes, write

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

        def __init__(self, name: object, mode: str, opener: object) -> None:
            self.stream = real_open(name, mode, opener=opener)  # type: ignore[call-overload]

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *args: object) -> None:
            self.stream.close()

        def write(self, data: bytes) -> None:
            self.stream.write(data[: len(data) // 2])
            self.stream.flush()
            fail()

    real_open = open
    import whygrad.files as module

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
    _, table, training = wg.example("students")
    large = wg.fit(wg.Network(2, (wg.Dense(3000), wg.Dense(1))), table, training, epochs=1)
    with pytest.raises(OutputError, match=r"No space left on device \(the file there is as it was\)"):
        write(large, path)
    assert [p.name for p in tiny_disk.iterdir()] == ["m.whygrad"]
    assert path.read_bytes() == kept
    assert to_bytes(load(path)) == kept
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
    assert path.read_bytes() == to_bytes(wg.fit(net, table, training, epochs=50))


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


OTHER = "0123abcd-1f"  # another process's token and thread


@pytest.mark.parametrize("name", ("m.whygrad", "m[1]*?.whygrad", "m", "мodel 1.whygrad"))
def test_stale_files_are_removed_but_not_those_of_the_living(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    dead = tmp_path / f".{name}.{gone()}.{OTHER}.tmp"
    before = tmp_path / f".{name}.{os.getpid()}.{OTHER}.tmp"  # of an earlier process that had our number
    others = [
        tmp_path / f".{name}.{os.getppid()}.{OTHER}.tmp",
        tmp_path / f".{name}.notes.tmp",
        tmp_path / f".{name}.{gone()}.tmp",
        tmp_path / f".other.{gone()}.{OTHER}.tmp",
        tmp_path / f"{name}.{gone()}.{OTHER}.tmp",
        tmp_path / f".{name}.x.{gone()}.{OTHER}.tmp",
    ]
    for file in (dead, before, *others):
        file.write_bytes(b"half")
    assert sorted(remove_stale(path)) == sorted([dead, before])
    assert sorted(tmp_path.iterdir()) == sorted(others)


@pytest.mark.parametrize("owner", ("9" * 23, "9999999999", "²", "٣", "0", "-1", "+5", " 5", "1_0", ""))
def test_what_is_no_process_number_is_left_alone(owner: str, tmp_path: Path) -> None:
    file = tmp_path / f".m.whygrad.{owner}.{OTHER}.tmp"
    file.write_bytes(b"half")
    assert remove_stale(tmp_path / "m.whygrad") == []
    assert file.exists()


def test_a_file_that_another_thread_is_writing_is_not_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.whygrad"
    removed: list[list[Path]] = []
    real = os.replace

    def look(*args: str) -> None:
        removed.append(remove_stale(path))
        real(*args)

    monkeypatch.setattr(os, "replace", look)
    write_bytes(b"new", path)
    assert removed == [[]]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("command", ("train students --force --out", "train --epochs 9 --resume"))
def test_the_next_start_removes_them(command: str, tmp_path: Path) -> None:
    path = tmp_path / "m.whygrad"
    save(wg.fit(*wg.example("students")), path)
    stale = tmp_path / f".m.whygrad.{gone()}.{OTHER}.tmp"
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


# ---- what may be written over ----


def test_threads_that_save_to_one_path_do_not_tear_each_other(tmp_path: Path) -> None:
    path = tmp_path / "m.whygrad"
    contents = [bytes([k]) * 300_000 for k in range(8)]
    failed: list[Exception] = []
    together = threading.Barrier(len(contents))

    def save_often(data: bytes) -> None:
        try:
            together.wait()
            for _ in range(10):
                write_bytes(data, path)
        except Exception as problem:
            failed.append(problem)

    threads = [threading.Thread(target=save_often, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", (True, False))
def test_a_symbolic_link_stays_and_what_it_leads_to_is_written(there: bool, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "real.whygrad", tmp_path / "m.whygrad"
    link.symlink_to(Path("far") / "real.whygrad")
    if there:
        target.write_bytes(b"old")
        with pytest.raises(InputError, match=r"m\.whygrad exists"):
            refuse_existing(link)
    stale = tmp_path / "far" / f".real.whygrad.{gone()}.{OTHER}.tmp"
    stale.write_bytes(b"half")
    assert remove_stale(link) == [stale]
    refuse_unwritable(link)
    write_bytes(b"new", link)
    assert link.is_symlink()
    assert not target.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    lost, loop = tmp_path / "lost.whygrad", tmp_path / "loop.whygrad"
    lost.symlink_to(tmp_path / "nowhere" / "m.whygrad")
    loop.symlink_to(loop)
    with pytest.raises(InputError, match=r"lost\.whygrad leads to .*nowhere.*, whose folder does not exist"):
        refuse_unwritable(lost)
    with pytest.raises(InputError, match=r"loop\.whygrad cannot be written: Too many levels"):
        refuse_unwritable(loop)
    with pytest.raises(InputError, match=r"loop\.whygrad cannot be written: Too many levels"):
        write_bytes(b"new", loop)
    assert loop.is_symlink()


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
@pytest.mark.parametrize("mode", (0o600, 0o640, 0o664, 0o444))
def test_a_file_that_is_overwritten_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "m.whygrad"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_bytes(b"new", path)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode
    fresh = tmp_path / "fresh.whygrad"
    before = os.umask(0o027)
    try:
        write_bytes(b"new", fresh)
    finally:
        os.umask(before)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o640  # as any new file


@pytest.mark.skipif(os.name != "posix", reason="pipes and sockets in the file system are POSIX's")
@pytest.mark.parametrize("kind", ("pipe", "socket", "device", "link to a device"))
def test_what_is_no_regular_file_is_refused_even_with_force(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("m.whygrad")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "device":
        path = Path(os.devnull)
    else:
        path.symlink_to(os.devnull)
    before = os.stat(path, follow_symlinks=False)
    said = f"{path} is no regular file but a pipe, socket or device; name a file"
    run = wg.fit(*wg.example("students"))
    for force in (False, True):
        with pytest.raises(InputError) as caught:
            save(run, path, force=force)
        assert str(caught.value) == said
        force_option = ["--force"] if force else []
        assert main(["train", "students", "--quiet", "--out", str(path), *force_option]) == 2
        assert capsys.readouterr().err == f"whygrad: {said}\n"
    assert os.stat(path, follow_symlinks=False) == before


def test_a_folder_is_refused_even_with_force(tmp_path: Path) -> None:
    run = wg.fit(*wg.example("students"))
    for force in (False, True):
        with pytest.raises(InputError, match=r"is a folder; name a file in it, as in .*model\.whygrad"):
            save(run, tmp_path, force=force)
    assert list(tmp_path.iterdir()) == []
