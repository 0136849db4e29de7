"""The model file: exact round trips, every flipped bit noticed, nothing lost when a disk or a process fails."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import whygrad as wg
from whygrad.errors import InputError, ModelFileError, WrongTypeError
from whygrad.fitting import finish
from whygrad.history import Keep, Run
from whygrad.job import prepare
from whygrad.loop import Log, train
from whygrad.maths import Array
from whygrad.modelfile import from_bytes, load, save, to_bytes
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


@pytest.mark.parametrize("path", (3, None, b"m.whygrad", ["m.whygrad"]))
def test_a_path_of_another_type_is_one_line(path: object) -> None:
    run = wg.fit(*wg.example("students"), epochs=1)
    kind = type(path).__name__
    with pytest.raises(WrongTypeError, match=f"^save: the path is a {kind}; give text or a Path"):
        save(run, path)  # type: ignore[arg-type]
    with pytest.raises(WrongTypeError, match=f"^load: the path is a {kind}; give text or a Path"):
        load(path)  # type: ignore[arg-type]


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    for other in (3, None, wg.example("students")[0]):
        with pytest.raises(WrongTypeError, match=f"^save takes a run, .* not a {type(other).__name__}$"):
            save(other, tmp_path / "m.whygrad")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
