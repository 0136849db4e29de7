"""The model file: one file, data only, exact and atomic.

It is a safetensors file (https://github.com/huggingface/safetensors): arrays, and one string of metadata which is
JSON. Nothing in it is ever executed. safetensors does not notice a flipped bit, so the JSON begins with a
SHA-256 over the whole file, taken with the 64 digits of the digest itself set to 0.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from whygrad.encoding import Encoding
from whygrad.errors import ModelFileError, WrongTypeError
from whygrad.files import refuse_existing, write_bytes
from whygrad.history import Kept, Record, Run, Stopped
from whygrad.maths import Array
from whygrad.model import Model
from whygrad.network import Network, network_from_plain
from whygrad.sources import is_model
from whygrad.state import State
from whygrad.table import Source
from whygrad.training import Training, training_from_plain

FORMAT = 1
_DIGEST = re.compile(rb'sha256\\":\s*\\"([0-9a-f]{64})\\"')  # as it stands in the header, quotes escaped


def save(run: Run, path: str | os.PathLike[str], force: bool = False) -> None:
    """Writes a run to a file.

    Raises `InputError` if the file exists, unless `force`; `OutputError` if it cannot be written;
    `WrongTypeError` for what is no run or no path.
    """
    target = _path("save", path)
    if not isinstance(run, Run):
        raise WrongTypeError(f"save takes a run, as fit returns it, then a path, not a {type(run).__name__}")
    if not force:
        refuse_existing(target)
    write(run, target)


def _path(what: str, path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise WrongTypeError(
            f"{what}: the path is a {type(path).__name__}; give text or a Path, as in 'm.whygrad'"
        )
    return Path(path)


def write(run: Run, path: Path) -> None:
    """Writes a run over whatever is there, atomically."""
    write_bytes(to_bytes(run), path)


# ---- a run as bytes ----


def to_bytes(run: Run) -> bytes:
    """The whole file."""
    from safetensors.numpy import save as pack

    meta = {
        "sha256": "0" * 64,
        "format": FORMAT,
        "written_by": f"whygrad {_version()}",
        "network": run.model.network.to_plain(),
        "training": run.training.to_plain(),
        "encoding": asdict(run.model.encoding),
        "source": None if run.source is None else asdict(run.source),
        "engine": run.engine,
        "stopped": asdict(run.stopped),
        "notes": list(run.notes),
        "state": {name: getattr(run.state, name) for name in _COUNTERS},
        "memories": len(run.state.memory),
        "epochs": len(run.history),
        "best": run.model.w is run.state.best_w,
    }
    data = bytearray(pack(_tensors(run), {"whygrad": json.dumps(meta)}))
    found = _DIGEST.search(data)
    assert found is not None  # it was written a line ago
    data[found.start(1) : found.end(1)] = hashlib.sha256(data).hexdigest().encode()
    return bytes(data)


_COUNTERS = ("t", "epoch", "row", "met", "best_loss", "best_epoch", "waited")


def _tensors(run: Run) -> dict[str, Array]:
    tensors = {"w": run.state.w, "start": run.start}
    tensors |= {f"memory.{k}": values for k, values in enumerate(run.state.memory)}
    if run.state.best_w is not None:
        tensors["best_w"] = run.state.best_w
    if run.gradient is not None:
        tensors["gradient"] = run.gradient
    tensors |= {f"history.{name}": values for name, values in _columns(run.history).items()}
    if run.kept:
        tensors["kept.w"] = np.stack([kept.w for kept in run.kept])
        tensors["kept.at"] = np.array([(kept.t, kept.epoch) for kept in run.kept])
    return {name: np.ascontiguousarray(values) for name, values in tensors.items()}


def _columns(history: tuple[Record, ...]) -> dict[str, Array]:
    """Records as columns (epochs + 1,) of float64; what was never measured is left out."""
    columns: dict[str, list[Any]] = {}
    for record in history:
        plain = {f.name: getattr(record, f.name) for f in fields(record)}
        for group in ("scores", "validation_scores"):
            plain |= {f"{group}.{name}": value for name, value in plain.pop(group).items()}
        for name, value in plain.items():
            columns.setdefault(name, []).append(value)
    return {
        name: np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        for name, values in columns.items()
        if any(v is not None for v in values)
    }


def load(path: str | os.PathLike[str]) -> Run:
    """The run in a file, exactly as it was saved.

    Raises `ModelFileError` for a file that is not there, damaged, not whygrad's, or of a newer format;
    `WrongTypeError` for what is no path.
    """
    file = _path("load", path)
    try:
        with open(file, "rb") as stream:
            data = stream.read(64)
            data += stream.read() if is_model(data) else b""  # any other file may be of any size
    except OSError as problem:
        raise ModelFileError(f"{file}: cannot be read: {problem.strerror}") from None
    return from_bytes(data, str(file))


def from_bytes(data: bytes, name: str) -> Run:
    """The run in these bytes; `name` is what messages call it."""
    from msgspec import ValidationError
    from safetensors import SafetensorError
    from safetensors.numpy import load as unpack

    found = _DIGEST.search(data)
    if found is None:
        raise ModelFileError(f"{name} is not a whygrad model file (or its beginning is damaged)")
    zeroed = data[: found.start(1)] + b"0" * 64 + data[found.end(1) :]
    if hashlib.sha256(zeroed).hexdigest().encode() != found.group(1):
        raise ModelFileError(f"{name} is damaged: its content does not match its checksum; use another copy")
    try:
        tensors = unpack(data)
        length = int.from_bytes(data[:8], "little")
        meta = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["whygrad"])
        if meta["format"] > FORMAT:
            raise ModelFileError(
                f"{name} was written by {meta['written_by']} in format {meta['format']}; this whygrad "
                f"({_version()}) reads up to {FORMAT}: install a newer one"
            )
        return _run(meta, tensors)
    except (SafetensorError, ValidationError, ValueError, KeyError, TypeError, IndexError) as problem:
        if isinstance(problem, ModelFileError):
            raise
        raise ModelFileError(f"{name} is no model file this whygrad can read ({problem!r})") from None


def _run(meta: dict[str, Any], tensors: dict[str, Array]) -> Run:
    import msgspec

    net = network_from_plain(meta["network"])
    training = training_from_plain(meta["training"])
    memory = tuple(tensors[f"memory.{k}"] for k in range(meta["memories"]))
    state = State(tensors["w"], memory, best_w=tensors.get("best_w"))
    state = replace(state, **{name: meta["state"][name] for name in _COUNTERS})
    _check_shapes(net, training, tensors, len(memory))
    w = state.best_w if meta["best"] and state.best_w is not None else state.w
    kept: tuple[Kept, ...] = ()
    if "kept.w" in tensors:
        at = tensors["kept.at"]
        kept = tuple(Kept(int(t), int(e), v) for (t, e), v in zip(at, tensors["kept.w"], strict=True))
    return Run(
        Model(net, w, msgspec.convert(meta["encoding"], Encoding), training.loss),
        tensors["start"],
        state,
        _history(tensors, meta["epochs"]),
        msgspec.convert(meta["stopped"], Stopped),
        training,
        meta["engine"],
        msgspec.convert(meta["source"], Source | None),
        kept,
        tuple(meta["notes"]),
        tensors.get("gradient"),
    )


def _check_shapes(net: Network, training: Training, tensors: dict[str, Array], memories: int) -> None:
    """Raises `ValueError` for arrays that do not fit the network and training beside them."""
    if memories != len(training.optimizer.memories):
        raise ValueError(f"{memories} memories for {training.optimizer!r}")
    for name, values in tensors.items():
        flat = not name.startswith(("history.", "kept."))
        if (flat or name == "kept.w") and values.shape[-1:] != (net.n_parameters,):
            raise ValueError(f"{name} has shape {values.shape} for {net.n_parameters} parameters")
        if flat and values.dtype != np.dtype(training.dtype):
            raise ValueError(f"{name} is {values.dtype} in a run of {training.dtype}")


def _history(tensors: dict[str, Array], epochs: int) -> tuple[Record, ...]:
    columns = {
        name.removeprefix("history."): values for name, values in tensors.items() if name.startswith("history.")
    }
    return tuple(_one_record(columns, k) for k in range(epochs))


def _one_record(columns: dict[str, Array], k: int) -> Record:
    values = {name: float(column[k]) for name, column in columns.items()}
    scores = {name.partition(".")[2]: v for name, v in values.items() if name.startswith("scores.")}
    checked = {name.partition(".")[2]: v for name, v in values.items() if name.startswith("validation_scores.")}
    moved = values["epoch"] > 0  # the start has no loss during and no rate
    return Record(
        int(values["epoch"]),
        values["loss_during"] if moved else None,
        values["loss_after"],
        values["penalty"],
        values["rate"] if moved else None,
        dict(sorted(scores.items(), key=_usual)),
        values.get("validation_loss"),
        dict(sorted(checked.items(), key=_usual)),
    )


def _usual(item: tuple[str, float]) -> int:
    order = ("accuracy", "R2", "RMSE")
    return order.index(item[0]) if item[0] in order else len(order)


def _version() -> str:
    from whygrad import __version__

    return __version__
