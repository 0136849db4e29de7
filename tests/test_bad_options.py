"""Options that cannot be: one line that names the option, the value and what would be right."""

import subprocess
import sys
from pathlib import Path

import pytest
from refusal import check_line, everything, lay_out, refused

NUMBERS = "a,b,price\n1,2,3\n2,3,4\n3,5,6\n4,1,9\n5,2,8\n"
CLASSES = "a,b,ok\n1,2,yes\n2,3,no\n3,5,yes\n4,1,no\n5,2,yes\n"
FILES = {"t.csv": NUMBERS, "c.csv": CLASSES}

# options of "train t.csv --target price", what the line must hold
NUMERIC: list[tuple[str, tuple[str, ...]]] = [
    # not a number
    ("--epochs x", ("--epochs", "'x'", "whole number")),
    ("--epochs 1.5", ("--epochs", "'1.5'", "whole number")),
    ("--epochs 1e3", ("--epochs", "'1e3'", "whole number")),
    ("--epochs", ("--epochs", "requires an argument")),
    ("--batch x", ("--batch", "'x'", "whole number or 'all'")),
    ("--batch 1.5", ("--batch", "'1.5'", "whole number or 'all'")),
    ("--seed x", ("--seed", "'x'", "whole number")),
    ("--seed 0.5", ("--seed", "'0.5'", "whole number")),
    ("--warmup x", ("--warmup", "'x'", "whole number")),
    ("--patience x --validation 0.4", ("--patience", "'x'", "whole number")),
    ("--patience 2.5 --validation 0.4", ("--patience", "'2.5'", "whole number")),
    ("--every x", ("--every", "'x'", "whole number")),
    ("--lr x", ("--lr", "'x'", "not a number")),
    ("--learning-rate 0,1", ("--learning-rate", "'0,1'", "not a number")),
    ("--momentum x", ("--momentum", "'x'", "not a number")),
    ("--decay x", ("--decay", "'x'", "not a number")),
    ("--beta1 x", ("--beta1", "'x'", "not a number")),
    ("--beta2 x", ("--beta2", "'x'", "not a number")),
    ("--epsilon x", ("--epsilon", "'x'", "not a number")),
    ("--weight-decay x", ("--weight-decay", "'x'", "not a number")),
    ("--l1 x", ("--l1", "'x'", "not a number")),
    ("--l2 x", ("--l2", "'x'", "not a number")),
    ("--smoothing x", ("--smoothing", "'x'", "not a number")),
    ("--validation x", ("--validation", "'x'", "not a number")),
    ("--min-delta x", ("--min-delta", "'x'", "not a number")),
    ("--loss-change x", ("--loss-change", "'x'", "not a number")),
    ("--gradient x", ("--gradient", "'x'", "not a number")),
    ("--checkpoint x", ("--checkpoint", "'x'", "not a number")),
    # out of range
    ("--epochs -1", ("epochs", "-1", "0 or more")),
    ("--batch 0", ("batch", "is 0", "1 or more")),
    ("--batch -3", ("batch", "-3", "1 or more")),
    ("--seed -1", ("seed", "-1", "0 or more")),
    ("--warmup -1", ("warmup", "-1", "0 or more")),
    ("--lr 0", ("learning_rate", "is 0", "above 0")),
    ("--lr nan", ("learning_rate", "nan", "above 0")),
    ("--lr inf", ("learning_rate", "inf", "above 0")),
    ("--lr=-1", ("learning_rate", "-1", "above 0")),
    ("--optimizer momentum --momentum 1", ("momentum", "is 1", "below 1")),
    ("--optimizer nesterov --momentum -0.1", ("momentum", "-0.1", "from 0")),
    ("--optimizer rmsprop --decay 2", ("decay", "is 2", "below 1")),
    ("--beta1 1", ("beta1", "is 1", "below 1")),
    ("--beta2 -0.1", ("beta2", "-0.1", "from 0")),
    ("--epsilon 0", ("epsilon", "is 0", "above 0")),
    ("--optimizer adamw --weight-decay -1", ("weight_decay", "-1", "0 or more")),
    ("--l1 -1", ("l1", "-1", "0 or more")),
    ("--l2 nan", ("l2", "nan", "0 or more")),
    ("--smoothing 1", ("smoothing", "is 1", "below 1")),
    ("--validation 1", ("validation", "is 1", "below 1")),
    ("--validation -0.1", ("validation", "-0.1", "0 or more")),
    ("--validation nan", ("validation", "nan", "0 or more")),
    ("--validation 0.01", ("validation", "0.01", "5 rows", "no row to validate on")),
    ("--validation 0.99", ("validation", "0.99", "5 rows", "no row to train on")),
    ("--patience 0 --validation 0.4", ("patience", "is 0", "1 or more")),
    ("--min-delta -1 --patience 3 --validation 0.4", ("min_delta", "-1", "0 or more")),
    ("--loss-change -1", ("loss_change", "-1", "0 or more")),
    ("--gradient nan", ("gradient", "nan", "0 or more")),
    ("--every 0", ("--every", "is 0", "1 or more")),
    ("--checkpoint -1", ("--checkpoint", "-1", "0 seconds or more")),
    ("--checkpoint nan", ("--checkpoint", "nan", "0 seconds or more")),
    ("--hidden 64,,x", ("--hidden", "'64,,x'", "as in 64,32")),
    ("--hidden 1e3", ("--hidden", "'1e3'", "as in 64,32")),
    ("--hidden -3", ("hidden", "-3", "1 or more")),
    ("--hidden 4,0", ("hidden", "is 0", "1 or more")),
    ("--hidden 99999999999999999999", ("399,999,999,999,999,999,997 parameters", "smaller layers")),
]

WORDS: list[tuple[str, tuple[str, ...]]] = [
    # names that are not known
    ("--nonsense 1", ("Unknown option", "--nonsense")),
    ("--epoch 3", ("Unknown option", "--epoch", "--epochs")),
    ("--optimiser sgd", ("Unknown option", "--optimiser", "--optimizer")),
    ("extra", ("extra",)),
    ("--task clasification", ("--task", "clasification", "regression", 'mean "classification"')),
    ("--missing skip", ("--missing", "skip", "refuse", "drop", "fill")),
    ("--decimal x", ("--decimal", '"x"', '"."', '","')),
    ("--order shufled", ("--order", "shufled", 'mean "shuffled"')),
    ("--dtype float16", ("--dtype", "float16", "float64", "float32")),
    ("--scale minmax", ("--scale", "minmax", "standard", "none")),
    ("--notation latex", ("--notation", "latex", "course", "keras", "torch")),
    ("--activation rleu", ("activation", "'rleu'", "tanh", "did you mean 'relu'?")),
    ("--output sofmax", ("--output", "'sofmax'", "linear", "did you mean 'softmax'?")),
    ("--loss mes", ("loss", "'mes'", "huber", "did you mean 'mse'?")),
    ("--optimizer adma", ("optimizer", "'adma'", "rmsprop", "did you mean 'adam'?")),
    ("--schedule cosin", ("schedule", "'cosin'", "exponential", "did you mean 'cosine'?")),
    ("--clip nrom:1", ("clip", "'nrom'", "global_norm", "did you mean 'norm'?")),
    ("--init hee", ("init", "'hee'", "glorot", "did you mean 'he'?")),
    ("--engine gpu", ("engine", "'gpu'", "auto", "reference")),
    ("--engine referense", ("engine", "'referense'", "did you mean 'reference'?")),
    # constants that cannot be
    ("--activation leaky_relu:x", ("activation", "'leaky_relu:x'", "slope", "0 or more")),
    ("--activation relu:2", ("activation", "'relu:2'", "takes none", "'relu'")),
    ("--loss huber:-1", ("loss", "'huber:-1'", "delta", "above 0", "as in 'huber:1'")),
    ("--loss mse:1", ("loss", "'mse:1'", "takes none")),
    ("--schedule step:0,0.5", ("schedule", "step every 0", "1 or more")),
    ("--schedule step:a", ("schedule", "'step:a'", "step:10,0.5")),
    ("--schedule exponential:2", ("schedule", "factor is 2", "at most 1")),
    ("--schedule cosine:2", ("schedule", "floor is 2", "0 to 1")),
    ("--clip norm", ("clip", "'norm'", "norm:1")),
    ("--clip norm:0", ("clip", "0", "above 0")),
    ("--clip value:inf", ("clip", "inf", "above 0")),
    ("--init inf", ("init", "'inf'", "finite")),
    ("--init he:x", ("init", "'he:x'")),
    # what does not go together
    ("--momentum 0.9", ("optimizer adam", "'momentum'", "beta1")),
    ("--decay 0.9", ("optimizer adam", "'decay'", "beta1")),
    ("--optimizer sgd --beta1 0.9", ("optimizer sgd", "'beta1'", "learning_rate")),
    ("--smoothing 0.1", ("label smoothing", "0.1", "mean_squared_error", "leave it at 0")),
    ("--class-weights balanced", ("class_weights", "no classes", "leave them out")),
    ("--patience 3", ("patience", "validation", "0.2")),
    ("--min-delta 0.1", ("--min-delta", "--patience")),
    ("--loss bce --output linear", ("binary_crossentropy", "from 0 to 1", "linear")),
    ("--loss poisson --output tanh", ("poisson", "from 0 to inf", "tanh returns -1 to 1")),
    ("--trace", ("--trace", "129", "at most 100")),
    # what is not in the network
    ("--freeze 9", ("freeze", "layer 9", "1 to 2")),
    ("--freeze 0", ("freeze", "layer 0", "1 to 2")),
    ("--freeze W_999", ("freeze", "'W_999'", "layer 9", "the network has 2")),
    ("--freeze hello", ("freeze", "'hello'", "W_211")),
    ("--freeze W_1", ("freeze", "'W_1'", "layer, to and from")),
    ("--freeze B_2_2", ("freeze", "'B_2_2'", "unit 2", "1 to 1")),
    # files
    ("--out nowhere/m.whygrad", ("nowhere/m.whygrad", "the folder nowhere does not exist")),
    ("--out c.csv", ("c.csv exists", "--force")),
    ("--out c.csv/m.whygrad", ("c.csv/m.whygrad", "does not exist")),
    ("--out folder", ("folder is a folder", "folder/model.whygrad")),
    ("--out folder --force", ("folder is a folder", "folder/model.whygrad")),
    ("--out t.csv --force", ("--out t.csv", "another file", "choose another name")),
    (f"--out {'A' * 300}", ("A" * 300, "File name too long")),
    (f"--out {'A' * 250}", ("A" * 250, "File name too long")),  # its temporary file's name is
    ("--save-config c.csv", ("c.csv exists", "--force")),
    ("--save-config nowhere/r.toml", ("nowhere/r.toml", "the folder nowhere does not exist")),
    ("--save-config t.csv --force", ("--save-config t.csv", "choose another name")),
    ("--save-config r.toml --out c.csv", ("c.csv exists", "--force")),
    ("--save-config r.toml --out r.toml", ("r.toml", "another file", "choose another name")),
    ("--config no.toml", ("no.toml", "No such file")),
    ("--config folder", ("folder", "Is a directory")),
]

WITH_CLASSES: list[tuple[str, tuple[str, ...]]] = [
    ("--class-weights nonsense", ("--class-weights", "'nonsense'", "balanced", "yes=3,no=1")),
    ("--class-weights maybe=2", ("class_weights", "'maybe'", "no, yes")),
    ("--class-weights yes=-2", ("class_weights", "yes", "-2", "0 or more")),
    ("--class-weights yes=x", ("--class-weights", "'yes'", "'x'", "yes=3")),
    ("--class-weights yes=1,yes=2", ("--class-weights", "'yes'", "two weights")),
    ("--loss cce", ("categorical_crossentropy", "one-hot")),
    ("--loss bce --output tanh", ("binary_crossentropy", "from 0 to 1", "tanh returns -1 to 1")),
    ("--loss mse --smoothing 0.1", ("label smoothing", "0.1", "mean_squared_error")),
]

TRAIN = "train t.csv --target price"
COMMANDS = [(f"{TRAIN} {options}", fragments) for options, fragments in [*NUMERIC, *WORDS]]
COMMANDS += [(f"train c.csv --target ok {options}", fragments) for options, fragments in WITH_CLASSES]
COMMANDS += [
    ("train students --stream --epochs 3", ("--stream is for tables", "example students")),
    ("trian students", ("Unknown command", "trian", 'mean "train"')),
    ("nonsense", ("Unknown command", "nonsense", "train, evaluate, predict, show")),
    ("predict", ("predict", "requires an argument")),
    ("evaluate", ("evaluate", "requires an argument")),
    ("show", ("show", "requires an argument")),
    ("show studens", ("'studens'", "students, placement, xor, chain", "did you mean 'students'?")),
    ("compare students --against tensorflow", ("'tensorflow'", "keras, torch, jax, sklearn")),
]

# options of "explain students", what the line must hold
EXPLAIN: list[tuple[str, tuple[str, ...]]] = [
    # which, and when
    ("--row x", ("--row", "'x'", "whole number")),
    ("--row 0", ("--row", "is 0", "1 or more")),
    ("--row 5", ("row 5 (index 4)", "the table has 4 rows")),
    ("--weight W_999", ("'W_999'", "layer 9", "the network has 2")),
    ("--weight nonsense", ("'nonsense'", "W_211", "B_21", "x_1->h2")),
    ("--weight ''", ("''", "W_211")),
    ("--weight 'x->h2'", ("'x->h2'", "'x' is no unit")),
    ("--at soon", ("'soon'", "start, end, an epoch (3), or EPOCH:ROW (3:2)")),
    ("--at 9", ("epoch 9", "ends after 5 epochs")),
    ("--at 3:9", ("row 9", "epoch 3")),
    ("--at 0:1", ("'0:1'", "from 1")),
    ("--at 1:0", ("'1:0'", "EPOCH:ROW")),
    ("--at -1", ("'-1'", "EPOCH:ROW")),
    # how much of it
    ("--only chain", ("'chain'", "given, forward, tree, gradient, sensitivities")),
    ("--weight W_111 --only cahin", ("'cahin'", "did you mean 'chain'?")),
    ("--only ,", ("--only", "chain,paths", "none")),
    ("--weight W_111 --paths 0", ("--paths", "is 0", "1 or more")),
    ("--weight W_111 --rows -1", ("--rows", "-1", "0 or more")),
    ("--weight W_111 --rows 1.5", ("--rows", "'1.5'", "whole number")),
    ("--weight W_111 --nudge 0", ("--nudge", "is 0", "other than 0")),
    ("--weight W_111 --nudge inf", ("--nudge", "inf", "other than 0")),
    ("--weight W_111 --nudge x", ("--nudge", "'x'", "not a number")),
    ("--weight W_111 --nudge 1e-40", ("nudge", "1e-40", "must change W_111 = 0.1", "try 0.01")),
    ("--set W_111", ("--set 'W_111'", "no value", "W_111=0.2")),
    ("--set =1", ("--set '=1'", "no value")),
    ("--set ,", ("--set", "no parameter", "W_111=0.2")),
    ("--set W_111=x", ("--set", "'x'", "not a number")),
    ("--set W_111=inf", ("--set", "'inf'", "not a number")),
    ("--set W_111=1,W_111=2", ("--set", "W_111 twice")),
    ("--set 'W_111=1,cgpa->h1=2'", ("'cgpa->h1'", "is W_111", "named twice")),
    ("--set W_311=1", ("--set: 'W_311'", "layer 3 is not there")),
    ("--set O_11=1", ("--set: 'O_11'", "neither a parameter nor an input", "x_1=3")),
    ("--set lpa=1", ("--set: 'lpa'", "neither a parameter nor an input")),
    ("--set x_3=1", ("--set: 'x_3'", "x_1 to x_2")),
    ("--set x_1=1,cgpa=2", ("--set: 'cgpa'", "input 1", "named twice")),
    ("--curve x_1=0:1:2", ("--curve: 'x_1' is an input", "as in W_111")),
    ("--curve W_111", ("--curve", "'W_111'", "W_111=-1:1:21 (from:to:points)")),
    ("--curve W_111=0:1", ("--curve", "'W_111=0:1'", "from:to:points")),
    ("--curve W_111=0:x:3", ("--curve", "from:to:points")),
    ("--curve W_111=0:inf:3", ("--curve", "from:to:points")),
    ("--curve W_111=0:1:0", ("--curve", "'W_111=0:1:0'", "1 to 1,000,000 points")),
    ("--curve W_111=0:1:2000,W_121=0:1:2000", ("--curve", "1 to 1,000,000 points in all")),
    ("--curve W_111=0:1:2,W_111=0:1:2", ("--curve", "W_111 twice")),
    ("--curve ''", ("--curve", "no parameter")),
    ("--curve W_111=0:1:2 --curve-rows some", ("--curve-rows", "some", "row", "all")),
    ("--hidden 300 --formula", ("1,201 parameters", "at most 60")),
    ("--hidden 300 --format tree", ("1,201 parameters", "at most 40")),
    # what goes with a weight only
    ("--biography", ("--biography", "one weight", "--weight W_111")),
    ("--step", ("--step", "one weight", "--weight W_111")),
    ("--rows-out p.csv", ("--rows-out", "one weight", "--weight W_111")),
    ("--rows 3", ("--rows", "one weight")),
    ("--paths 3", ("--paths", "one weight")),
    ("--nudge 0.1", ("--nudge", "one weight")),
    ("--weight O_11 --biography", ("--biography", "one weight", "O_11 is none")),
    ("--weight x_1 --rows-out p.csv", ("--rows-out", "one weight", "x_1 is none")),
    # how, and where to
    ("--format pdf", ("--format", "pdf", "latex", "html", "json", "xlsx")),
    ("--format xlsx", ("--format xlsx", "--out FILE.xlsx")),
    ("--format xlsx --out why", ("--format xlsx", "why", ".xlsx")),
    ("--out why.pdf", ("--out why.pdf", ".txt .tex .html .htm .json .xlsx")),
    ("--out why", ("--out why", ".txt .tex .html")),
    ("--out why.html --format json", ("--format json", "why.html")),
    ("--out why.html --format tree", ("--format tree", "why.html")),
    ("--out why.html --json", ("--json", "why.html")),
    ("--json --format text", ("--json", "--format text")),
    ("--json --only forward", ("--only", "json")),
    ("--format tree --only forward", ("--only", "tree")),
    ("--weight W_111 --out why.xlsx", ("--weight", "workbook", "leave it out")),
    ("--curve W_111=0:1:3 --out why.xlsx", ("--curve", "workbook", "leave it out")),
    ("--hidden 300 --out why.xlsx", ("1,201 parameters", "at most 200")),
    ("--out nowhere/why.html", ("the folder nowhere does not exist",)),
    ("--out folder --format html", ("folder is a folder",)),
    ("--out t.csv/why.html", ("t.csv/why.html", "does not exist")),
    ("--weight W_111 --rows-out pulls.txt", ("pulls.txt", ".csv or .parquet")),
    ("--weight W_111 --rows-out c.csv", ("c.csv exists", "--force")),
    ("--weight W_111 --rows-out nowhere/p.csv", ("the folder nowhere does not exist",)),
    ("--weight W_111 --step --json", ("--step", "terminal", "--json")),
    ("--weight W_111 --step --out why.txt", ("--step", "terminal", "--out")),
    ("--weight W_111 --out a.json --rows-out ./a.json --force", ("--out a.json", "another file")),
    ("--notation greek", ("--notation", "greek", "course", "torch")),
    ("--against tensorflow", ("'tensorflow'", "keras, torch, jax, sklearn")),
    ("--against sklearn", ("sklearn gives no derivatives", "jax or torch")),
    # and what the other verbs refuse
    ("--target y", ("--target", "the example students comes with its own")),
    ("--lr 0", ("learning_rate", "above 0")),
    ("--patience 3", ("Unknown option", "--patience")),
    ("--config no.toml", ("no.toml", "No such file")),
    ("extra", ("extra",)),
]

TOML: list[tuple[str | bytes, tuple[str, ...]]] = [
    ("epochs = = 3\n", ("r.toml is not TOML", "line 1, column 10")),
    ('target = "price"\nepochs = 3\nepochs = 4\n', ("r.toml is not TOML", "line 3")),
    (b"\xff\xfe", ("r.toml is not TOML", "0xff")),
    ("epoch = 3\n", ("r.toml", "'epoch' is not known", "did you mean 'epochs'?")),
    ("[training]\nepochs = 3\n", ("r.toml", "'training' is not known", "epochs")),
    ('epochs = "3"\n', ("r.toml", "epochs", "'3'", "a whole number")),
    ("epochs = 1.5\n", ("r.toml", "epochs", "1.5", "a whole number")),
    ("learning-rate = true\n", ("r.toml", "learning_rate", "True", "a number")),
    ("batch = true\n", ("r.toml", "batch", "True", "a string")),
    ("header = 1\n", ("r.toml", "header", "1", "true or false")),
    ('order = "suffled"\n', ("r.toml", "order", "'suffled'", "sequential", "did you mean 'shuffled'?")),
    ("lr = 0.1\nlearning_rate = 0.2\n", ("r.toml", "lr and learning_rate are the same option")),
    ('hidden = [4, "x"]\n', ("hidden", "'4,x'", "as in 64,32")),
    ("lr = 0\n", ("learning_rate", "is 0", "above 0")),
    ("subject = 3\n", ("r.toml", "subject is 3", "a string")),
]


@pytest.fixture(autouse=True)
def _in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()


@pytest.mark.parametrize(("command", "fragments"), COMMANDS, ids=[case[0][:60] for case in COMMANDS])
def test_a_bad_option_is_refused(
    command: str, fragments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, FILES, command, fragments)


@pytest.mark.parametrize(("options", "fragments"), EXPLAIN, ids=[case[0][:60] for case in EXPLAIN])
def test_a_bad_option_of_explain_is_refused(
    options: str, fragments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    against = "" if "--against" in options else "--against none"
    refused(capsys, FILES, f"explain students {against} {options}", fragments)


def test_a_bad_subject_of_explain_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, {}, "explain", ("what shall be explained?", "students, placement", "a model file"))
    refused(capsys, {}, "explain studens", ("'studens'", "did you mean 'students'?"))
    refused(capsys, FILES, "explain t.csv", ("t.csv", "--target COLUMN"))
    refused(capsys, FILES, "explain nix.whygrad", ("nix.whygrad", "No such file"))
    refused(
        capsys,
        FILES,
        "explain c.csv --target ok --weight W_111 --rows-out c.csv --force",
        ("--rows-out c.csv", "another file", "choose another name"),
    )


def test_every_option_of_explain_has_a_bad_value_here() -> None:
    from dataclasses import fields

    from whygrad.cli.questions import FormOptions, MoreOptions, WhatOptions

    tried = "".join(f"{options} " for options, _ in EXPLAIN)
    for group in (WhatOptions, MoreOptions, FormOptions):
        for f in fields(group):
            if f.name not in {"force", "sensitivities"}:  # which take nothing, and are never in the way
                assert f"--{f.name.replace('_', '-')} " in tried, f.name


@pytest.mark.parametrize(("text", "fragments"), TOML, ids=[f"{case[0]!r}" for case in TOML])
def test_a_bad_run_toml_is_refused(
    text: str | bytes, fragments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, {**FILES, "r.toml": text}, "train t.csv --target price --config r.toml", fragments)


def test_a_run_toml_without_a_subject_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, {"r.toml": 'target = "y"\n'}, "train r.toml", ("r.toml names no subject", "houses.csv"))
    refused(capsys, {}, "train nix.toml", ("nix.toml", "No such file"))


def test_an_option_like_no_other_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    refused(
        capsys, FILES, "train t.csv --nonsense 1", ("whygrad: Unknown option: --nonsense. (see whygrad --help)",)
    )


def test_every_option_of_train_has_a_bad_value_here() -> None:
    """Whoever adds an option adds a refusal, or says here that nothing it is given can be wrong."""
    from dataclasses import fields

    from whygrad.cli.config import GROUPS
    from whygrad.cli.train import OutputOptions

    tried = " ".join(command for command, _ in COMMANDS) + " --learning-rate "
    elsewhere = {"target", "category", "ignore", "row_weight", "delimiter", "text_encoding", "resume"}
    flags = {"header", "force", "all", "quiet", "json", "missing_values"}  # any text may spell a missing value
    for group in (*GROUPS, OutputOptions):
        for f in fields(group):
            if f.name not in elsewhere | flags:
                assert f"--{f.name.replace('_', '-')} " in f"{tried} ", f.name


OUTSIDE = [
    ("trian students", ("trian", "train")),
    ("train t.csv --target prise", ("'prise'", "'price'")),
    ("train t.csv --target price --lr 0", ("learning_rate", "above 0")),
    ("train t.csv --target price --epochs 1.5", ("--epochs", "'1.5'")),
    ("train t.csv --target price --out nowhere/m.whygrad", ("nowhere", "does not exist")),
    ("train missing.csv --target price", ("missing.csv", "no such file")),
    ("show t.csv", ("t.csv looks like a table", "a model file or an example")),
    ("predict nix.whygrad t.csv", ("nix.whygrad", "No such file")),
    ("train --resume t.csv", ("t.csv is not a whygrad model file",)),
]


@pytest.mark.parametrize(("command", "fragments"), OUTSIDE, ids=[case[0] for case in OUTSIDE])
def test_the_program_itself_exits_with_2_and_one_line(command: str, fragments: tuple[str, ...]) -> None:
    lay_out(FILES)
    before = everything()
    done = subprocess.run([sys.executable, "-m", "whygrad", *command.split()], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    check_line(done.stderr, fragments)
    assert everything() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full, a disk always full")
def test_an_output_that_cannot_be_written_is_no_traceback() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "whygrad", "show", "students"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr == "whygrad: the output cannot be used: No space left on device\n"


def test_a_reader_that_has_gone_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m whygrad train students --epochs 3000 --every 1 | head -1; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_a_terminal_without_the_letters_still_gets_the_words() -> None:
    import os

    done = subprocess.run(
        [sys.executable, "-m", "whygrad", "train", "students"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0
    assert done.stderr == b""
    assert b"stopped: all 5 epochs are done" in done.stdout
