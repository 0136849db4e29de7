"""Probes and answers as JSON and back: what crosses the border to the process of somebody's code is data only."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from whygrad.judgement.observations import Answer, Probe
from whygrad.maths import Array
from whygrad.network import network_from_plain
from whygrad.table import Rows
from whygrad.training import training_from_plain

LOADING = "loading the file"  # what a process is doing before anything is asked


def plain_array(a: Array | None) -> dict[str, Any] | None:
    """An array as its shape and bytes; exact, nan too."""
    if a is None:
        return None
    whole = np.ascontiguousarray(a, dtype="<f8")
    return {"shape": list(a.shape), "bytes": base64.b64encode(whole.tobytes()).decode()}


def array_from_plain(plain: Mapping[str, Any] | None) -> Array | None:
    """The array that `plain_array` wrote."""
    if plain is None:
        return None
    return np.frombuffer(base64.b64decode(plain["bytes"]), dtype="<f8").reshape(plain["shape"]).astype(np.float64)


def plain_probe(probe: Probe) -> dict[str, Any]:
    """A probe as JSON takes it. Raises `InputError` for an activation or a loss of one's own."""
    rows = (("w", probe.w), ("x", probe.rows.x), ("y", probe.rows.y), ("weights", probe.rows.weights))
    return {
        "net": probe.net.to_plain(),
        "training": probe.training.to_plain(),
        **{name: plain_array(a) for name, a in rows},
        "most_epochs": probe.most_epochs,
    }


def probe_from_plain(plain: Mapping[str, Any]) -> Probe:
    """The probe that `plain_probe` wrote."""
    w, x, y, weights = (array_from_plain(plain[name]) for name in ("w", "x", "y", "weights"))
    assert w is not None
    assert x is not None
    assert y is not None
    net, training = network_from_plain(plain["net"]), training_from_plain(plain["training"])
    return Probe(net, training, w, Rows(x, y, weights), plain["most_epochs"])


def plain_answers(found: Sequence[Sequence[Answer]]) -> list[list[dict[str, Any]]]:
    """Answers as JSON takes them."""
    return [[_plain_answer(answer) for answer in answers] for answers in found]


def _plain_answer(answer: Answer) -> dict[str, Any]:
    values = {field.name: getattr(answer, field.name) for field in fields(Answer)}
    return {name: plain_array(v) if isinstance(v, np.ndarray) else v for name, v in values.items()}


def answers_from_plain(plain: Sequence[Sequence[Mapping[str, Any]]]) -> tuple[tuple[Answer, ...], ...]:
    """The answers that `plain_answers` wrote."""
    return tuple(tuple(_answer_from_plain(answer) for answer in answers) for answers in plain)


def _answer_from_plain(plain: Mapping[str, Any]) -> Answer:
    values: dict[str, Any] = {
        name: array_from_plain(v) if isinstance(v, Mapping) else tuple(v) if isinstance(v, list) else v
        for name, v in plain.items()
    }
    return Answer(**values)
