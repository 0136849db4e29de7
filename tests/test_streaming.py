"""A table read some rows at a time is the table read whole, to the last bit, and refused in the same words."""

import errno
import io
import os
import re
import shlex
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from test_bad_tables import CASES

import whygrad as wg
from whygrad import job, reading, scratch, streaming, told, window
from whygrad.cli import main
from whygrad.errors import OutputError, TableError
from whygrad.history import Run
from whygrad.sources import CsvOptions
from whygrad.table import Column, Table

DRAW = np.random.default_rng(12)
N = 61


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Parts of a line or two, pieces of three rows: every seam is met."""
    monkeypatch.setattr(streaming, "BYTES", 37)
    monkeypatch.setattr(streaming, "LONGEST", 600)
    for module in (scratch, streaming, reading, job):
        monkeypatch.setattr(module, "PIECE", 3)
    monkeypatch.setattr(scratch, "_AT_ONCE", 2)
    monkeypatch.setattr(window, "BYTES", 300)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda k: f"{k}")
def test_a_bad_table_is_refused_in_the_same_words(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    content, options, _ = CASES[number]
    Path("t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    said = []
    for how in ("--no-stream", "--stream"):
        assert main(["train", "t.csv", "--batch", "2", *shlex.split(options), how]) == 2
        said.append(capsys.readouterr())
    assert said[0] == said[1]
    assert said[0].out == ""


def frame(n: int = N) -> pl.DataFrame:
    """A bit of everything."""
    words = DRAW.choice(["red", "dark blue", 'say "hi"', "a,b"], n)
    return pl.DataFrame(
        {
            "id": [f"row {i}" for i in range(n)],
            "x": DRAW.normal(size=n) * 1e3,
            "z": [None if i % 7 == 3 else i / 4 for i in range(n)],
            "colour": words,
            "zip": DRAW.choice(["0123", "0456", "789"], n),
            "garden": DRAW.choice(["yes", "no"], n),
            "weight": DRAW.integers(0, 4, n),
            "price": DRAW.normal(size=n),
            "kind": DRAW.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "flag": DRAW.integers(0, 2, n),
        }
    )


def write_frame(path: str, **how: Any) -> None:
    found = frame()
    found.write_parquet(path) if path.endswith(".parquet") else found.write_csv(path, **how)


def same_column(a: Column, b: Column) -> None:
    assert (a.name, a.kind, a.categories, a.held) == (b.name, b.kind, b.categories, b.held)
    assert a.values.dtype == b.values.dtype
    np.testing.assert_array_equal(a.values, b.values)


def same_table(whole: Table, streamed: Table) -> None:
    assert streamed.streamed
    assert not whole.streamed
    for a, b in zip((*whole.inputs, *whole.targets), (*streamed.inputs, *streamed.targets), strict=True):
        same_column(a, b)
    np.testing.assert_array_equal(whole.rows, streamed.rows)
    if whole.row_weights is None:
        assert streamed.row_weights is None
    else:
        np.testing.assert_array_equal(whole.row_weights, streamed.row_weights)
    assert (whole.task, whole.source) == (streamed.task, streamed.source)
    assert set(streamed.notes) - set(whole.notes) == {
        f"read some rows at a time, columns on disk in {scratch.folder()}"
    }
    assert set(whole.notes) <= set(streamed.notes)


OPTIONS: list[dict[str, Any]] = [
    {"target": "price", "ignore": "id", "missing": "fill"},
    {"target": "price", "ignore": ("id", "weight"), "missing": "drop", "category": "zip"},
    {"target": "kind", "ignore": "id", "missing": "drop", "row_weight": "weight"},
    {"target": "garden", "ignore": ("id", "z")},
    {"target": "flag", "ignore": ("id", "z"), "category": ("zip", "weight")},
    {"target": "weight", "ignore": ("id", "z"), "task": "classification"},
    {"target": ("garden", "flag"), "ignore": ("id", "z")},
    {"target": ("price", "x"), "ignore": "id", "missing": "fill", "missing_values": ("red", 0.25)},
]


@pytest.mark.parametrize("path", ["t.csv", "t.parquet"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: str(o["target"]))
def test_the_same_table(path: str, options: dict[str, Any]) -> None:
    write_frame(path)
    same_table(wg.read_table(path, **options), wg.read_table(path, **options, stream=True))


TEXTS = [
    "x;y\n1,5;2\n2;3\n",
    "x,y\n\n1,2\n  \n3,4\n\n\n",
    "x,y\r\n1,2\r\n3,4\r\n",
    "x,y\r1,2\r3,4\r",
    "# by hand\n\n# 2020, May\nx,y\n1,2\n3,4\n",
    'sep=;\nx;y\n"a;\nb";2\nc;3\n',
    'x,y\n5" pipe,2\n6" pipe,3\n' + 'plain,5\n"quoted, at last",6\n',
    "x y\n a   2\n b 3  \n c 4\n",
    'x,y\n"' + "long " * 300 + '",2\nshort,3\n"two\nlines",4\n',
    "a,y,,\n1,3,,7\n4,6,,8\n5,7,,9\n",
    "größe,y\n1,2\nNA,3\n4,5\n",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_same_from_any_text(text: str, encoding: str) -> None:
    Path("t.csv").write_bytes(text.encode(encoding))
    whole = wg.read_table("t.csv", "y", missing="fill")
    streamed = wg.read_table("t.csv", "y", missing="fill", stream=True)
    same_table(whole, streamed)
    assert [whole.where(i, "y") for i in range(len(whole))] == [streamed.where(i, "y") for i in range(len(whole))]


TRAININGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (OPTIONS[0], {"loss": "mse", "validation": 0.2, "batch": 2}),
    (OPTIONS[0], {"loss": "huber:1", "order": "random", "batch": 1, "optimizer": "sgd", "dtype": "float32"}),
    (OPTIONS[2], {"loss": "cce", "validation": 0.3, "batch": 3, "class_weights": "balanced"}),
    (OPTIONS[3], {"loss": "bce", "order": "sequential", "batch": 2, "smoothing": 0.1, "optimizer": "momentum"}),
    (OPTIONS[4], {"loss": "hinge", "validation": 0.25, "batch": 3, "class_weights": {"0": 2, "1": 1}}),
    (OPTIONS[7], {"loss": "mse", "batch": 3, "validation": 0.1, "warmup": 2, "schedule": "exponential:0.9"}),
]


def same_run(a: Run, b: Run) -> None:
    assert a.w.tobytes() == b.w.tobytes()
    assert a.history == b.history
    assert (a.stopped, a.model.encoding) == (b.stopped, b.model.encoding)
    assert a.gradient is not None
    assert b.gradient is not None
    assert a.gradient.tobytes() == b.gradient.tobytes()


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(("options", "settings"), TRAININGS, ids=lambda o: str(o.get("loss", "")))
def test_the_same_run(options: dict[str, Any], settings: dict[str, Any], engine: str) -> None:
    write_frame("t.csv")
    runs = []
    for stream in (False, True):
        table = wg.read_table("t.csv", **options, stream=stream)
        net = wg.dense_network(table, (5,), "tanh", loss=settings["loss"])
        runs.append(wg.fit(net, table, wg.Training(epochs=3, **settings), engine=engine))
    same_run(*runs)


def test_the_same_evaluation_and_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    write_frame("t.csv")
    quietly = shlex.split("--epochs 2 --out m.whygrad --force --batch 3 --quiet --stream")
    for target, more in (("kind", ""), ("price", ""), ("garden", "--ignore id,z"), ("price,x", "")):
        options = shlex.split(more or "--ignore id --missing fill")
        assert main(["train", "t.csv", "--target", target, *options, *quietly]) == 0
        for command in ("evaluate m.whygrad t.csv", "evaluate m.whygrad t.csv --json",
                        "predict m.whygrad t.csv --keep id,z", "predict m.whygrad t.csv --json"):  # fmt: skip
            said = []
            for how in ("--no-stream", "--stream"):
                capsys.readouterr()
                assert main([*shlex.split(command), how]) == 0
                said.append(re.sub("note: .*\n", "", capsys.readouterr().out))
            assert said[0] == said[1]
        assert (
            main(["predict", "m.whygrad", "t.csv", "--out", "p.csv", "--force", "--stream", "--keep", "id"]) == 0
        )
        assert len(pl.read_csv("p.csv")) == N


def test_a_run_goes_on_where_its_file_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "ROOM", 0.0)  # any file is large now
    write_frame("t.csv")
    train = [
        "train",
        "t.csv",
        "--target",
        "kind",
        "--ignore",
        "id",
        "--missing",
        "drop",
        "--batch",
        "3",
        "--quiet",
    ]
    assert main([*train, "--epochs", "4", "--out", "whole.whygrad", "--no-stream"]) == 0
    assert main([*train, "--epochs", "2", "--out", "half.whygrad"]) == 0
    assert wg.read_table("t.csv", "kind", ignore="id", missing="drop").streamed
    assert main(["train", "--resume", "half.whygrad", "--epochs", "4", "--quiet"]) == 0
    same_run(wg.load("whole.whygrad"), wg.load("half.whygrad"))


def test_a_bad_last_row_leaves_no_predictions(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("a,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(20)))
    assert main(["train", "t.csv", "--target", "y", "--epochs", "1", "--out", "m.whygrad", "--quiet"]) == 0
    Path("n.csv").write_text("a\n" + "1\n" * 20 + "x\n")
    capsys.readouterr()
    assert main(["predict", "m.whygrad", "n.csv", "--stream", "--out", "p.csv"]) == 2
    assert "n.csv line 22 column 'a': 'x' is not a number" in capsys.readouterr().err
    assert sorted(os.listdir()) == ["m.whygrad", "n.csv", "t.csv"]


def test_what_lies_in_memory_is_not_streamed() -> None:
    with pytest.raises(TableError, match="in memory already"):
        wg.read_table({"x": [1.0, 2.0], "y": [0.1, 0.2]}, "y", stream=True)


def test_too_many_words_are_refused_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from whygrad import gathering

    monkeypatch.setattr(gathering, "MOST_WORDS", 10)
    Path("t.csv").write_text("name,y\n" + "".join(f"who{i}?,{i}.5\n" for i in range(40)))
    with pytest.raises(TableError, match=r"t\.csv column 'name' holds more than 10 different words, the most"):
        wg.read_table("t.csv", "y", stream=True)


def test_a_batch_that_memory_may_not_hold_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("a,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(20)))
    for batch in ("all", "4"):
        assert main(["train", "t.csv", "--target", "y", "--batch", batch, "--stream"]) == 2
        assert f"batch {batch}: " in capsys.readouterr().err


def no_room(*given: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("what", ["posix_fallocate", "TemporaryFile"])
def test_a_full_disk_is_one_line(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_frame("t.csv")
    monkeypatch.setattr(os if what == "posix_fallocate" else scratch.tempfile, what, no_room)
    assert main(["train", "t.csv", "--target", "kind", "--ignore", "id,z", "--batch", "3", "--stream"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device; TMPDIR names another" in said
    with pytest.raises(OutputError, match="cannot take the table"):
        scratch.new_array((3,), "float64", disk=True)


def test_nothing_is_left_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path / "here"))
    (tmp_path / "here").mkdir()
    write_frame("t.csv")
    table = wg.read_table("t.csv", "price", ignore="id", missing="fill", stream=True)
    assert not os.listdir("here")  # not even while it is in use: a kill cannot leave anything
    assert len(table) == N


@pytest.mark.parametrize("path", ["g*.parquet", "t[1].parquet", "year=3/t.parquet"])
def test_a_name_is_a_name_and_no_pattern(path: str) -> None:
    Path("year=3").mkdir()
    for name in ("g1.parquet", "g2.parquet", path):
        write_frame(name)
    options = OPTIONS[0]
    same_table(wg.read_table(path, **options), wg.read_table(path, **options, stream=True))


WRONG_LATE = [
    "x,y\n" + "".join(f"{i}.5,1\n" for i in range(100)) + "abc,2\ndef,3\n",
    "x,y\n" + "red,1\n" * 100 + "5,2\n6,3\n",
    "x;y\n5;1\n1.000;2\n-2.000;3\n7;4\n",
]


@pytest.mark.parametrize("text", WRONG_LATE)
@pytest.mark.parametrize("size", [37, 1 << 22])
def test_the_cell_that_is_wrong_is_the_same(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BYTES", size)
    Path("t.csv").write_text(text)
    said = []
    for stream in (False, True):
        with pytest.raises(TableError) as caught:
            wg.read_table("t.csv", "y", stream=stream)
        said.append(str(caught.value))
    assert said[0] == said[1]


FEW_FILES = """
import resource, whygrad as wg
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
table = wg.read_table("t.csv", "y", stream=True)
wg.prepare(wg.Network(300, (wg.Dense(1),)), table, wg.Training("mse"))
"""


def test_a_wide_table_needs_few_open_files() -> None:
    pl.DataFrame({name: DRAW.normal(size=4) for name in [*(f"x{k}" for k in range(300)), "y"]}).write_csv("t.csv")
    done = subprocess.run([sys.executable, "-c", FEW_FILES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_run_of_large_batches_goes_on_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("t.csv").write_text("a,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(20)))
    train = ["train", "t.csv", "--target", "y", "--batch", "all", "--out", "m.whygrad", "--quiet"]
    assert main([*train, "--epochs", "2"]) == 0
    monkeypatch.setattr(streaming, "ROOM", 0.0)
    assert main(["train", "--resume", "m.whygrad", "--epochs", "3", "--quiet"]) == 0
    assert main(["evaluate", "m.whygrad", "--stream", "--json"]) == 0


def test_a_pipe_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo("pipe.csv")
    assert main(["train", "pipe.csv", "--target", "y", "--stream"]) == 2
    assert "pipe.csv is a pipe or device, and --stream reads a file more than once" in capsys.readouterr().err


def test_a_file_that_changes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    write_frame("t.csv")
    original = streaming.open_columns

    def growing(*given: Any) -> Any:
        with open("t.csv", "a") as file:
            file.write("\n")
        return original(*given)

    monkeypatch.setattr(streaming, "open_columns", growing)
    with pytest.raises(TableError, match=r"t\.csv changed while it was read"):
        wg.read_table("t.csv", "price", ignore="id", missing="fill", stream=True)


def test_a_folder_for_temporary_files_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_frame("t.csv")
    monkeypatch.setenv("TMPDIR", "/nowhere")
    assert main(["train", "t.csv", "--target", "kind", "--stream"]) == 1
    assert "TMPDIR is /nowhere, which is no folder that can be written to" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['# a 5" pipe\nx,y\n' + "1,2\n" * 400, 'x,y\n5" pipe,2\n' + "6,3\n" * 400])
def test_a_quote_that_is_never_closed_holds_no_rows_up(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = streaming._end_of_records

    def watched(data: bytes, start: int) -> int:
        seen.append(len(data))
        return original(data, start)

    Path("t.csv").write_text(text)
    monkeypatch.setattr(streaming, "_end_of_records", watched)
    parts = list(streaming.open_stream(Path("t.csv"), CsvOptions()).parts())
    assert sum(one.n_rows for one in parts) == 400 + ("pipe,2" in text)
    assert max(seen) < 150  # bytes that were gathered before Polars, or the csv module, took them


def test_refusals_come_before_a_long_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write_frame("t.csv")
    write_frame("p.csv")

    def read(*given: object) -> None:
        raise AssertionError("the table was read")

    monkeypatch.setattr(streaming, "_columns", read)
    for wrong in ("--out p.csv", "--engine nope", "--loss nonsense", "--optimizer none", "--hidden x",
                  "--activation y", "--output z", "--batch b", "--every 0"):  # fmt: skip
        assert main(["train", "t.csv", "--target", "kind", "--stream", *shlex.split(wrong)]) == 2


def test_an_epochs_order_takes_four_bytes_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    n = 40_000
    pl.DataFrame({"x": DRAW.normal(size=n), "y": DRAW.normal(size=n)}).write_parquet("t.parquet")
    for module in (scratch, streaming, job):
        monkeypatch.setattr(module, "PIECE", 1000)
    table = wg.read_table("t.parquet", "y", stream=True)
    net, training = wg.dense_network(table, (2,)), wg.Training("mse", batch=500, epochs=3, validation=0.2)
    tracemalloc.start()
    made = job.prepare(net, table, training, engine="reference")
    prepared = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    for _ in wg.train(made):
        pass
    trained = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert prepared < 5.2 * n + 400_000
    assert trained < 4 * 0.8 * n + 400_000


MEASURE = """
import sys
import whygrad as wg
table = wg.read_table(sys.argv[1], "y", stream=True)
net = wg.dense_network(table, (8,), "relu")
training = wg.Training("mse", batch=64, epochs=2, validation=0.2, dtype="float32")
run = wg.fit(net, table, training, engine=sys.argv[2])
assert run.stopped.reason == "epochs"
wg.evaluate(run, table)
line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(line.split()[1]) * 1024)  # getrusage counts what the process that started this one held too
"""


def peak(n: int, engine: str) -> int:
    """Bytes that a process takes at most to learn from so many rows."""
    columns: dict[str, Any] = {f"x{k}": DRAW.normal(size=n).round(3) for k in range(5)}
    pl.DataFrame({**columns, "c": DRAW.choice(["u", "v"], n), "y": DRAW.normal(size=n).round(3)}).write_csv(
        "m.csv"
    )
    found = subprocess.run([sys.executable, "-c", MEASURE, "m.csv", engine], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return int(found.stdout)


@pytest.mark.parametrize(
    ("few", "many", "engine"),
    [(100_000, 400_000, "compiled"), pytest.param(2_000_000, 6_000_000, "compiled", marks=pytest.mark.proof)],
)
def test_memory_does_not_grow_with_the_rows(few: int, many: int, engine: str) -> None:
    grown = peak(many, engine) - peak(few, engine)
    assert grown <= 4 * (many - few) + 24 * 2**20, grown / 2**20  # the order, and how malloc happens to fall


def test_a_terminal_is_told_how_far_reading_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(told, "_EVERY", 0.0)
    write_frame("t.csv")
    wg.read_table("t.csv", "price", ignore="id", missing="fill", stream=True)
    said = sys.stderr.getvalue()
    assert re.search(r"\rreading t.csv: \d+% \.\.\.", said)
    assert said.endswith("\r\033[K")
