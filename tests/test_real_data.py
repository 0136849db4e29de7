"""Real tables: the command line beats linear models on held-out diamonds, and reaches scikit-learn's own network.

The diamonds come with the package plotnine, iris, breast cancer and digits with scikit-learn; nothing is fetched.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import whygrad as wg
from whygrad.cli import main

# ---- diamonds ----


def diamonds() -> pd.DataFrame:
    """53,940 diamonds; the package is located, never imported."""
    spec = find_spec("plotnine")
    if spec is None or spec.origin is None:
        pytest.skip("the diamonds come with plotnine, which is not installed")
    return pd.read_csv(Path(spec.origin).parent / "data" / "diamonds.csv")


class Parts(NamedTuple):
    train: pd.DataFrame
    test: pd.DataFrame
    folder: Path  # of train.csv and test.csv


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Four fifths to learn from, one fifth held out."""
    frame = diamonds().sample(frac=1, random_state=0, ignore_index=True)
    cut, folder = len(frame) * 4 // 5, tmp_path_factory.mktemp("diamonds")
    frame[:cut].to_csv(folder / "train.csv", index=False)
    frame[cut:].to_csv(folder / "test.csv", index=False)
    return Parts(frame[:cut], frame[cut:].reset_index(drop=True), folder)


def linear(model: Any, train: pd.DataFrame, test: pd.DataFrame, target: str) -> np.ndarray:
    """What a linear model says about the test rows, from one-hot words and standardised numbers."""
    inputs = train.drop(columns=target)
    words = [name for name in inputs if not pd.api.types.is_numeric_dtype(inputs[name])]
    encoder = make_column_transformer((OneHotEncoder(), words), remainder=StandardScaler())
    return make_pipeline(encoder, model).fit(inputs, train[target]).predict(test.drop(columns=target))


def trained_and_asked(
    parts: Parts, target: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """(predictions, evaluation) of the held-out rows, all by command line."""
    model, said = str(parts.folder / f"{target}.whygrad"), parts.folder / f"{target}.csv"
    table, test = str(parts.folder / "train.csv"), str(parts.folder / "test.csv")
    assert main(["train", table, "--target", target, "--out", model, "--quiet", *options]) == 0
    new_rows = parts.folder / "new.csv"
    parts.test.drop(columns=target).to_csv(new_rows, index=False)  # a prediction needs no answers
    assert main(["predict", model, str(new_rows), "--out", str(said)]) == 0
    capsys.readouterr()
    assert main(["evaluate", model, test, "--json"]) == 0
    return pd.read_csv(said), json.loads(capsys.readouterr().out)


def test_diamond_prices_beat_linear_regression(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--hidden", "64,32", "--epochs", "8", "--batch", "128", "--learning-rate", "0.003"]
    said, found = trained_and_asked(parts, "price", options, capsys)
    truth, guess = parts.test["price"], said["predicted_price"]
    assert found["rows"] == len(truth) == len(guess)
    assert found["R2"] == pytest.approx(r2_score(truth, guess), rel=1e-9)
    assert found["RMSE"] == pytest.approx(root_mean_squared_error(truth, guess), rel=1e-9)  # in dollars
    assert found["MAE"] == pytest.approx(mean_absolute_error(truth, guess), rel=1e-9)
    line = linear(LinearRegression(), parts.train, parts.test, "price")
    r2, rmse = r2_score(truth, line), root_mean_squared_error(truth, line)
    print(f"price: R2 {found['R2']:.4f}, RMSE {found['RMSE']:.0f}; linear: R2 {r2:.4f}, RMSE {rmse:.0f}")
    assert 0.9 < r2 < found["R2"]  # a sound rival, and beaten
    assert found["RMSE"] < rmse
    assert found["R2"] > 0.97


def test_diamond_cuts_beat_logistic_regression(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--hidden", "64,32", "--epochs", "8", "--batch", "128", "--learning-rate", "0.003"]
    said, found = trained_and_asked(parts, "cut", options, capsys)
    truth, guess = parts.test["cut"], said["predicted_cut"]
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess), rel=1e-12)
    names = [c["name"] for c in found["classes"]]
    assert names == sorted(truth.unique())
    chances = said[[f"probability_{name}" for name in names]].to_numpy()
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-9)
    assert [names[k] for k in chances.argmax(axis=1)] == guess.tolist()
    line = linear(LogisticRegression(solver="newton-cholesky"), parts.train, parts.test, "cut")
    beaten = accuracy_score(truth, line)
    print(f"cut: accuracy {found['accuracy']:.4f}; logistic: {beaten:.4f}")
    assert 0.6 < beaten < found["accuracy"]
    assert found["accuracy"] > 0.7


# ---- the accuracy of scikit-learn's own network, within a point ----


class Settings(NamedTuple):
    """What both libraries are told."""

    load: Callable[[], Any]
    hidden: tuple[int, ...]
    epochs: int
    batch: int = 32
    rate: float = 0.005


IRIS = Settings(load_iris, (16,), 100)
CANCER = Settings(load_breast_cancer, (16,), 30)
DIGITS = Settings(load_digits, (64,), 20)


def our_accuracy(s: Settings, x: Any, y: Any, fold: tuple[Any, Any], seed: int) -> float:
    learn, check = fold
    table = wg.table_from_arrays(x[learn], y[learn], task="classification")
    net = wg.dense_network(table, s.hidden, "relu")
    run = wg.fit(
        net, table, optimizer=wg.Adam(s.rate), epochs=s.epochs, batch=s.batch, start="glorot", l2=0.0, seed=seed
    )
    classes = run.predict(x[check]).classes
    assert classes is not None
    return float(np.mean(classes == y[check]))


def their_accuracy(s: Settings, x: Any, y: Any, fold: tuple[Any, Any], seed: int) -> float:
    learn, check = fold
    network = MLPClassifier(
        s.hidden,
        activation="relu",
        solver="adam",
        alpha=0.0,
        batch_size=s.batch,
        learning_rate_init=s.rate,
        max_iter=s.epochs,
        n_iter_no_change=s.epochs + 1,  # never stops early
        random_state=seed,
    )
    model = make_pipeline(StandardScaler(), network)
    with warnings.catch_warnings():
        # it warns that all its epochs are used up, which is what both are told to do
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x[learn], y[learn])
    assert network.n_iter_ == s.epochs
    return float(model.score(x[check], y[check]))


def both_accuracies(s: Settings, repeats: int) -> tuple[float, float]:
    """(ours, theirs): means over 5 stratified folds, drawn anew `repeats` times; the same folds for both."""
    data = s.load()
    x, y = data.data, data.target
    folds = list(RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=0).split(x, y))
    assert len(folds) == 5 * repeats
    ours = [our_accuracy(s, x, y, fold, seed) for seed, fold in enumerate(folds)]
    theirs = [their_accuracy(s, x, y, fold, seed) for seed, fold in enumerate(folds)]
    print(f"{s.load.__name__}: whygrad {np.mean(ours):.4f}, scikit-learn {np.mean(theirs):.4f}")
    return float(np.mean(ours)), float(np.mean(theirs))


def test_iris_once_over() -> None:
    ours, theirs = both_accuracies(IRIS, repeats=1)
    assert theirs > 0.9
    assert ours >= theirs - 0.01


@pytest.mark.proof
@pytest.mark.parametrize("settings", [IRIS, CANCER, DIGITS], ids=lambda s: s.load.__name__)
def test_five_by_five_folds(settings: Settings) -> None:
    ours, theirs = both_accuracies(settings, repeats=5)
    assert theirs > 0.9
    assert ours >= theirs - 0.01
