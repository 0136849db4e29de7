"""Model files that are damaged, foreign or newer, and tables that do not go with them."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusal import check_line, everything, lay_out, refused
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from whygrad.cli import main

TABLE = "a,b,c,price\n1,2,x,3\n2,3,y,4\n3,5,x,6\n4,1,y,9\n5,2,x,8\n"
CLASSES = "a,ok\n1,yes\n2,no\n3,yes\n4,no\n5,yes\n"
Meta = dict[str, Any]
Tensors = dict[str, Any]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | bytes]:
    """Tables and what was trained on them: m (numbers), c (classes), s (an example), d (diverged), e (early)."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lay_out({"t.csv": TABLE, "c.csv": CLASSES})
        small = "--hidden 2 --epochs 3 --quiet"
        early = "--epochs 50 --validation 0.4 --patience 1 --min-delta 100 --quiet"
        for command, code in (
            (f"train t.csv --target price {small} --out m.whygrad", 0),
            (f"train c.csv --target ok {small} --out c.whygrad", 0),
            ("train students --quiet --out s.whygrad", 0),
            ("train students --lr 1 --quiet --out d.whygrad", 1),
            (f"train t.csv --target price {early} --out e.whygrad", 0),
        ):
            assert main(shlex.split(command)) == code
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()  # so that each model is seen with the table beside it
    return files


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def remade(data: bytes, change: Callable[[Meta, Tensors], object]) -> bytes:
    """The file with its metadata or arrays changed and its checksum made right again."""
    length = int.from_bytes(data[:8], "little")
    meta = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["whygrad"])
    tensors = unpack(data)
    change(meta, tensors)
    meta["sha256"] = "0" * 64
    out = bytearray(pack(tensors, {"whygrad": json.dumps(meta)}))
    at = re.search(rb'sha256\\":\s*\\"([0-9a-f]{64})', out)
    assert at
    out[at.start(1) : at.end(1)] = hashlib.sha256(out).hexdigest().encode()
    return bytes(out)


def flipped(data: bytes, byte: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[byte] ^= 1 << bit
    return bytes(changed)


FOREIGN = "is not a whygrad model file"
DAMAGED = "is damaged: its content does not match its checksum"
UNREADABLE = "is no model file this whygrad can read"

# what becomes of m.whygrad, what the line must hold
BROKEN: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    "empty": (lambda data: b"", (FOREIGN,)),
    "text": (lambda data: TABLE.encode(), (FOREIGN,)),
    "cut in its header": (lambda data: data[:60], (FOREIGN,)),
    "cut after its digest": (lambda data: data[:200], (DAMAGED,)),
    "cut by one byte": (lambda data: data[:-1], (DAMAGED, "use another copy")),
    "cut in the middle": (lambda data: data[: len(data) // 2], (DAMAGED,)),
    "one byte more": (lambda data: data + b"\0", (DAMAGED,)),
    "a bit of the arrays": (lambda data: flipped(data, len(data) - 9, 5), (DAMAGED,)),
    "a bit of the metadata": (lambda data: flipped(data, 300, 1), (DAMAGED,)),
    "a bit of the length": (lambda data: flipped(data, 0, 2), (DAMAGED,)),
    "the first half twice": (lambda data: data[: len(data) // 2] * 2, (DAMAGED,)),
    "zeros after the middle": (
        lambda data: data[: len(data) // 2] + bytes(len(data) - len(data) // 2),
        (DAMAGED,),
    ),
    "safetensors of somebody else": (lambda data: pack({"w": np.zeros(3)}), (FOREIGN,)),
    "a checksum of nothing": (
        lambda data: pack({"w": np.zeros(3)}, {"whygrad": json.dumps({"sha256": "0" * 64})}),
        (DAMAGED,),
    ),
    "newer": (
        lambda data: remade(data, lambda m, t: m.update(format=2, written_by="whygrad 9.1")),
        ("was written by whygrad 9.1 in format 2", "reads up to 1", "install a newer one"),
    ),
    "a format in words": (lambda data: remade(data, lambda m, t: m.update(format="two")), (UNREADABLE,)),
    "no state": (lambda data: remade(data, lambda m, t: m.pop("state")), (UNREADABLE, "state")),
    "no parameters": (lambda data: remade(data, lambda m, t: t.pop("w")), (UNREADABLE, "'w'")),
    "too few parameters": (
        lambda data: remade(data, lambda m, t: t.update(w=t["w"][:3].copy())),
        (UNREADABLE, "w has shape (3,) for 13 parameters"),
    ),
    "parameters of another type": (
        lambda data: remade(data, lambda m, t: t.update(w=t["w"].astype("float32"))),
        (UNREADABLE, "w is float32 in a run of float64"),
    ),
    "too few memories": (lambda data: remade(data, lambda m, t: m.update(memories=1)), (UNREADABLE, "1 memories")),
    "an unknown activation": (
        lambda data: remade(data, lambda m, t: m["network"]["layers"][0].update(activation="swoosh")),
        (UNREADABLE, "'swoosh'"),
    ),
    "a layer without units": (
        lambda data: remade(data, lambda m, t: m["network"]["layers"][0].update(units=0)),
        (UNREADABLE, "units is 0"),
    ),
    "a word for epochs": (
        lambda data: remade(data, lambda m, t: m["training"].update(epochs="many")),
        (UNREADABLE, "'many'"),
    ),
    "an unknown kind of column": (
        lambda data: remade(data, lambda m, t: m["encoding"]["inputs"][0].update(kind="date")),
        (UNREADABLE, "date"),
    ),
    "more epochs than history": (lambda data: remade(data, lambda m, t: m.update(epochs=99)), (UNREADABLE,)),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize(
    "command",
    (
        "show m.whygrad",
        "evaluate m.whygrad",
        "predict m.whygrad t.csv --out p.csv",
        "train --resume m.whygrad --epochs 9",
    ),
)
def test_a_broken_model_file_is_refused(
    what: str, command: str, models: dict[str, str | bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    change, fragments = BROKEN[what]
    data = models["m.whygrad"]
    assert isinstance(data, bytes)
    refused(capsys, {**models, "m.whygrad": change(data)}, command, ("m.whygrad", *fragments))


def test_an_untouched_copy_is_not_refused(
    models: dict[str, str | bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """So that every refusal above is due to what was done to the file."""
    data = models["m.whygrad"]
    assert isinstance(data, bytes)
    lay_out({**models, "m.whygrad": remade(data, lambda m, t: None)})
    assert main(["show", "m.whygrad"]) == 0
    assert main(["evaluate", "m.whygrad"]) == 0


# files besides those of `models` (None: one that is taken away), command, what the line must hold
CASES: list[tuple[dict[str, str | None], str, tuple[str, ...]]] = [
    # not there
    ({}, "show nix.whygrad", ("'nix.whygrad'", "nor a file that exists")),
    ({}, "show .", (".", "Is a directory")),
    ({}, "predict nix.whygrad t.csv", ("nix.whygrad", "No such file")),
    ({}, "evaluate .", (".", "Is a directory")),
    ({}, "train --resume nix.whygrad", ("nix.whygrad", "No such file")),
    ({}, "train --resume .", (".", "Is a directory")),
    # the table it was trained on
    ({"t.csv": TABLE + "6,1,x,2\n"}, "evaluate m.whygrad", ("t.csv", "its content has changed")),
    ({"t.csv": TABLE + "6,1,x,2\n"}, "train --resume m.whygrad --epochs 9", ("t.csv", "its content has changed")),
    ({"t.csv": None}, "evaluate m.whygrad", ("m.whygrad", "t.csv", "not there", "new place")),
    ({"t.csv": None}, "train --resume m.whygrad --epochs 9", ("m.whygrad", "t.csv", "not there", "new place")),
    ({"t.csv": None}, "train nix.csv --resume m.whygrad --epochs 9", ("nix.csv: no such file",)),
    ({"t.csv": None}, "compare m.whygrad", ("m.whygrad", "t.csv", "not there")),
    ({}, "train c.csv --resume m.whygrad --epochs 9", ("c.csv is not the file", "changed")),
    ({}, "train students --resume m.whygrad --epochs 9", ("students: no such file",)),
    ({}, "train t.csv --resume s.whygrad --epochs 9", ("s.whygrad", "example students", "not on t.csv")),
    # resuming
    ({}, "train --resume m.whygrad", ("m.whygrad", "3 epochs", "epochs counts all of them")),
    ({}, "train --resume m.whygrad --epochs 2", ("m.whygrad", "3 epochs", "say more")),
    ({}, "train --resume m.whygrad --epochs 9 --lr 0.1", ("--resume", "only --epochs")),
    ({}, "train --resume m.whygrad --epochs 9 --hidden 3", ("--resume", "only --epochs")),
    ({}, "train --resume m.whygrad --epochs 9 --target a", ("--resume", "only --epochs")),
    ({}, "train --resume m.whygrad --epochs 9 --patience 3", ("--resume", "only --epochs")),
    ({}, "train --resume m.whygrad --epochs 9 --delimiter ;", ("--resume", "only --epochs")),
    ({}, "train --resume m.whygrad --epochs 9 --config r.toml", ("--resume", "only --epochs")),
    ({}, "train --resume m.whygrad --epochs 9 --save-config r.toml", ("--save-config", "new run")),
    ({}, "train --resume m.whygrad --epochs 9 --out c.whygrad", ("c.whygrad exists", "--force")),
    ({}, "train --resume m.whygrad --epochs 9 --out no/m.whygrad", ("no/m.whygrad", "does not exist")),
    ({}, "train --resume m.whygrad --epochs 9 --out t.csv --force", ("--out t.csv", "another file")),
    ({}, "train --resume d.whygrad --epochs 99", ("d.whygrad", "diverged in epoch", "start again")),
    ({}, "train --resume e.whygrad --epochs 99", ("e.whygrad", "early, after epoch", "nothing is left")),
    ({}, "train t.csv --target price --out m.whygrad", ("m.whygrad exists", "--force")),
    ({}, "train students --out m.whygrad", ("m.whygrad exists", "--force")),
    # new rows
    ({"n.csv": "a,b\n1,2\n"}, "predict m.whygrad n.csv", ("n.csv lacks the column c", "it has a, b")),
    ({"n.csv": "z\n1\n"}, "predict m.whygrad n.csv", ("n.csv lacks the columns a, b, c", "it has z")),
    ({"n.csv": "a,b,c\n1,2,q\n"}, "predict m.whygrad n.csv", ("n.csv line 2 column 'c'", "'q'", "it knows x, y")),
    ({"n.csv": "a,b,c\n1,w,x\n"}, "predict m.whygrad n.csv", ("n.csv line 2 column 'b'", "'w' is not a number")),
    ({"n.csv": "a,b,c\n1,inf,x\n"}, "predict m.whygrad n.csv", ("n.csv line 2 column 'b'", "'inf'", "finite")),
    ({"n.csv": "a,b,c\n1,2\n"}, "predict m.whygrad n.csv", ("n.csv line 2: 2 fields", "the header has 3")),
    ({"n.csv": "a,b,c\n1,,x\n"}, "predict m.whygrad n.csv", ("n.csv line 2 column 'b'", "missing", "fill in")),
    ({"n.csv": "a,b,c\n"}, "predict m.whygrad n.csv", ("n.csv has a header and no rows",)),
    ({"n.csv": ""}, "predict m.whygrad n.csv", ("n.csv is empty",)),
    ({}, "predict m.whygrad nix.csv", ("nix.csv: no such file",)),
    ({}, "predict m.whygrad .", (". is a directory",)),
    ({"n.csv": "a,b,c\n1,2,x\n"}, "evaluate m.whygrad n.csv", ("n.csv lacks the column price", "a, b, c")),
    (
        {"n.csv": "a,b,c,price\n1,2,x,cheap\n"},
        "evaluate m.whygrad n.csv",
        ("n.csv line 2 column 'price'", "'cheap'"),
    ),
    ({"n.csv": "a,ok\n1,maybe\n"}, "evaluate c.whygrad n.csv", ("n.csv line 2 column 'ok'", "'maybe'", "no, yes")),
    (
        {"n.csv": "a,ok\n1,\n"},
        "evaluate c.whygrad n.csv",
        ("n.csv line 2 column 'ok'", "missing", "--missing drop"),
    ),
    ({}, "predict t.csv m.whygrad", ("t.csv looks like a table", "the model file comes first")),
    ({}, "evaluate t.csv m.whygrad", ("t.csv looks like a table", "the model file comes first")),
    ({}, "evaluate t.csv", ("t.csv looks like a table", "the model file comes first")),
    ({}, "predict m.whygrad m.whygrad", ("m.whygrad is a model file, not a table",)),
    ({}, "evaluate m.whygrad m.whygrad", ("m.whygrad is a model file, not a table",)),
    ({}, "show t.csv", ("t.csv looks like a table", "show takes a model file or an example")),
    # options of evaluate and predict
    ({}, "predict m.whygrad t.csv --keep zz", ("--keep 'zz'", "t.csv", "it has a, b, c, price")),
    (
        {"n.csv": TABLE.replace("a,b,c,price", "a,b,c,predicted_price")},
        "predict m.whygrad n.csv --keep predicted_price",
        ("--keep 'predicted_price'", "of the predictions", "n.csv"),
    ),
    ({}, "predict m.whygrad t.csv --keep a --missing-values b --row-weight a", ("Unknown option", "--row-weight")),
    ({}, "evaluate m.whygrad --missing-values -", ("without a table", "name one")),
    ({}, "evaluate m.whygrad t.csv --row-weight zz", ("--row-weight 'zz'", "a, b, c, price")),
    ({}, "evaluate m.whygrad t.csv --missing fill", ("--missing", "fill", "refuse", "drop")),
    ({}, "evaluate m.whygrad --delimiter ;", ("without a table", "name one")),
    ({}, "evaluate m.whygrad t.csv --unknown guess", ("--unknown", "guess", "refuse", "zeros")),
    ({}, "predict m.whygrad t.csv --target price", ("Unknown option", "--target")),
    ({}, "predict m.whygrad t.csv --out t.csv", ("t.csv exists", "--force")),
    ({}, "predict m.whygrad t.csv --out t.csv --force", ("--out t.csv", "another file")),
    ({}, "predict m.whygrad t.csv --out m.whygrad --force", ("--out m.whygrad", "another file")),
    ({}, "predict m.whygrad t.csv --out no/p.csv", ("no/p.csv", "the folder no does not exist")),
    ({}, "predict m.whygrad t.csv --out p.csv --json", ("--out", "--json", "one of them")),
    ({}, "show m.whygrad --notation latex", ("--notation", "latex", "course")),
]


@pytest.mark.parametrize(
    ("files", "command", "fragments"), CASES, ids=[f"{k} {c[1]}" for k, c in enumerate(CASES)]
)
def test_what_does_not_go_with_a_model_is_refused(
    files: dict[str, str | None],
    command: str,
    fragments: tuple[str, ...],
    models: dict[str, str | bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = {name: content for name, content in {**models, **files}.items() if content is not None}
    refused(capsys, kept, command, fragments)


@pytest.mark.parametrize("command", ("show m.whygrad", "train --resume m.whygrad --epochs 9"))
def test_the_program_itself_refuses_a_flipped_bit(command: str, models: dict[str, str | bytes]) -> None:
    data = models["m.whygrad"]
    assert isinstance(data, bytes)
    lay_out({**models, "m.whygrad": flipped(data, len(data) - 20, 3)})
    before = everything()
    done = subprocess.run([sys.executable, "-m", "whygrad", *command.split()], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    check_line(done.stderr, ("m.whygrad is damaged",))
    assert everything() == before


def test_a_moved_table_is_named_anew(models: dict[str, str | bytes], capsys: pytest.CaptureFixture[str]) -> None:
    lay_out({name: content for name, content in models.items() if name != "t.csv"})
    lay_out({"moved.csv": TABLE})
    assert main(["train", "moved.csv", "--resume", "m.whygrad", "--epochs", "9"]) == 0
    assert main(["evaluate", "m.whygrad"]) == 0  # where the table is now is remembered
