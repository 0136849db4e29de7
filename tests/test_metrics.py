"""Every measure against scikit-learn over random draws, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from whygrad.encoding import Encoding, fit_encoding
from whygrad.metrics import FullTally, Tally, auc, class_numbers, confusion, per_class
from whygrad.reading import read_table

NAMES = ("apple", "bean", "corn")


def draws(seed: int, rows: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng((seed, rows, outputs))
    y = draw.normal(3, 2, (rows, outputs))
    return y, y + draw.normal(0.2, 1, (rows, outputs))


def numbers_encoding(*targets: list[float]) -> Encoding:
    columns = {"x": np.arange(len(targets[0]), dtype=float)}
    columns |= {f"y{k}": np.array(values) for k, values in enumerate(targets)}
    return fit_encoding(read_table(columns, tuple(f"y{k}" for k in range(len(targets)))))


def class_encoding(*targets: list[str]) -> Encoding:
    columns: dict[str, object] = {"x": np.arange(len(targets[0]), dtype=float)}
    columns |= {f"y{k}": words for k, words in enumerate(targets)}
    return fit_encoding(read_table(columns, tuple(f"y{k}" for k in range(len(targets)))))


YES_NO = class_encoding(["no", "yes", "no", "yes"])
THREE = class_encoding([*NAMES, *NAMES])
TWO_ANSWERS = class_encoding(["no", "yes", "no", "yes"], ["no", "no", "yes", "yes"])
THREE_ANSWERS = class_encoding(*[["no", "yes", "no", "yes"]] * 3)


def full_scores(encoding: Encoding, y: np.ndarray, a: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """What an evaluation reports of these rows; the same when they come in three pieces."""
    whole, cut = FullTally(encoding, threshold, len(y)), FullTally(encoding, threshold, len(y))
    whole.add(y, a)
    for piece in (slice(0, 1), slice(1, 4), slice(4, None)):
        if len(y[piece]):
            cut.add(y[piece], a[piece])
    assert cut.scores() == pytest.approx(whole.scores(), rel=1e-9, abs=1e-12, nan_ok=True)
    return whole.scores()


def scores(encoding: Encoding, y: np.ndarray, a: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """What an epoch reports of these rows."""
    tally = Tally(encoding, threshold)
    tally.add(y, a)
    return tally.scores()


def of_numbers(y: np.ndarray, a: np.ndarray) -> dict[str, float]:
    """What an evaluation reports of numbers in their own units."""
    columns = {"x": [1.0, 2.0], **{f"y{k}": [0.5, 1.5] for k in range(y.shape[1])}}
    table = read_table(columns, tuple(columns)[1:])
    return full_scores(fit_encoding(table, scale="none"), y, a)


def r2(y: np.ndarray, a: np.ndarray) -> float:
    return of_numbers(y, a)["R2"]


def rmse(y: np.ndarray, a: np.ndarray) -> float:
    return of_numbers(y, a)["RMSE"]


def mae(y: np.ndarray, a: np.ndarray) -> float:
    return of_numbers(y, a)["MAE"]


def accuracy(encoding: Encoding, y: np.ndarray, a: np.ndarray, threshold: float = 0.5) -> float:
    return full_scores(encoding, y, a, threshold)["accuracy"]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 4))
def test_regression_measures_agree_with_scikit_learn(seed: int, rows: int, outputs: int) -> None:
    y, a = draws(seed, rows, outputs)
    assert r2(y, a) == pytest.approx(oracle.r2_score(y, a), rel=1e-10, abs=1e-10)
    assert mae(y, a) == pytest.approx(oracle.mean_absolute_error(y, a), rel=1e-12)
    # scikit-learn's root_mean_squared_error averages the roots; ours is the root over all entries
    assert rmse(y, a) == pytest.approx(math.sqrt(oracle.mean_squared_error(y, a)), rel=1e-12)
    if outputs == 1:
        assert rmse(y, a) == pytest.approx(oracle.root_mean_squared_error(y, a), rel=1e-12)


def test_regression_measures_by_hand() -> None:
    y = np.array([[1.0], [2.0], [6.0]])  # mean 3, SS_total 4 + 1 + 9 = 14
    a = np.array([[2.0], [2.0], [4.0]])  # errors 1, 0, 2: squares 1 + 0 + 4 = 5
    assert r2(y, a) == pytest.approx(1 - 5 / 14, rel=1e-15)
    assert rmse(y, a) == pytest.approx(math.sqrt(5 / 3), rel=1e-15)
    assert mae(y, a) == 1.0
    assert r2(y, np.full((3, 1), 3.0)) == 0.0
    assert (r2(y, y), rmse(y, y), mae(y, y)) == (1.0, 0.0, 0.0)
    assert r2(y, -y) < 0


def test_rmse_of_several_outputs_is_the_root_of_one_mean() -> None:
    y, a = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([[3.0, 1.0], [3.0, 1.0]])
    assert rmse(y, a) == pytest.approx(math.sqrt((9 + 1) / 2), rel=1e-15)
    assert oracle.root_mean_squared_error(y, a) == pytest.approx(
        (3 + 1) / 2
    )  # scikit-learn's is the mean of the roots


def test_r2_of_several_outputs_is_the_mean_of_theirs() -> None:
    y = np.array([[0.0, 10.0], [2.0, 30.0]])
    a = np.array([[0.0, 20.0], [2.0, 20.0]])  # first output perfect, second its mean
    assert r2(y, a) == 0.5


def test_r2_is_not_a_number_where_the_target_never_varies() -> None:
    constant = np.full((3, 1), 2.0)
    assert math.isnan(r2(constant, constant))
    for rows in range(1, 12):  # the mean of three 0.1 is not 0.1
        assert math.isnan(r2(np.full((rows, 1), 0.1), np.full((rows, 1), 0.2)))
    assert math.isnan(r2(np.column_stack([[1.0, 2.0, 3.0], constant[:, 0]]), np.zeros((3, 2))))
    assert math.isnan(r2(np.array([[5.0]]), np.array([[5.0]])))  # one row has no variance
    assert rmse(constant, constant + 3) == 3.0


def test_class_numbers() -> None:
    one = np.array([[0.2], [0.5], [0.500001]])
    assert class_numbers(one).tolist() == [0, 0, 1]  # exactly one half is not above it
    assert class_numbers(np.array([[-0.1], [0.0], [0.1]]), 0.0).tolist() == [0, 0, 1]
    assert class_numbers(np.array([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2]])).tolist() == [1, 0]  # a tie: the first
    assert class_numbers(np.empty((0, 1))).tolist() == []


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 5))
def test_class_measures_agree_with_scikit_learn(seed: int, rows: int, n: int) -> None:
    draw = np.random.default_rng((seed, rows, n))
    truth, guess = draw.integers(0, n, rows), draw.integers(0, n, rows)
    labels = list(range(n))
    counts = confusion(truth, guess, n)
    assert counts.tolist() == oracle.confusion_matrix(truth, guess, labels=labels).tolist()
    assert counts.sum() == rows
    found = per_class(counts, tuple(f"class {k}" for k in labels))
    precision, recall, f1, support = oracle.precision_recall_fscore_support(
        truth, guess, labels=labels, zero_division=np.nan
    )
    assert [c.name for c in found] == [f"class {k}" for k in labels]
    assert [c.rows for c in found] == support.tolist()
    np.testing.assert_allclose([c.precision for c in found], precision, rtol=1e-14, equal_nan=True)
    np.testing.assert_allclose([c.recall for c in found], recall, rtol=1e-14, equal_nan=True)
    np.testing.assert_allclose([c.f1 for c in found], f1, rtol=1e-14, equal_nan=True)


def test_class_measures_by_hand() -> None:
    #          said:  a  b  c      true a: 3 right of 4; b never said; c never true
    counts = np.array([[3, 0, 1], [2, 0, 0], [0, 0, 0]])
    a, b, c = per_class(counts, NAMES)
    assert (a.rows, a.precision, a.recall, a.f1) == (4, 3 / 5, 3 / 4, 6 / 9)
    assert b.rows == 2
    assert math.isnan(b.precision)
    assert (b.recall, b.f1) == (0.0, 0.0)
    assert (c.rows, c.precision, c.f1) == (0, 0.0, 0.0)
    assert math.isnan(c.recall)
    nobody = per_class(np.zeros((1, 1), dtype=np.int64), ("none",))[0]
    assert math.isnan(nobody.precision)
    assert math.isnan(nobody.recall)
    assert math.isnan(nobody.f1)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_accuracy_agrees_with_scikit_learn(seed: int, rows: int) -> None:
    draw = np.random.default_rng((seed, rows))
    truth = draw.integers(0, 3, rows)
    a = draw.dirichlet(np.ones(3), rows)
    assert accuracy(THREE, np.eye(3)[truth], a) == oracle.accuracy_score(truth, a.argmax(axis=1))
    y, p = draw.integers(0, 2, (rows, 1)).astype(float), draw.random((rows, 1))
    assert accuracy(YES_NO, y, p) == oracle.accuracy_score(y[:, 0] == 1, p[:, 0] > 0.5)


def test_accuracy_of_several_answers_is_the_share_of_right_answers() -> None:
    y = np.array([[1.0, 0.0], [0.0, 0.0]])
    a = np.array([[0.9, 0.8], [0.1, 0.2]])  # three of four; scikit-learn's subset accuracy would be 1/2
    assert accuracy(TWO_ANSWERS, y, a) == 0.75
    assert oracle.accuracy_score(y, a > 0.5) == 0.5


def test_accuracy_with_a_threshold_of_zero() -> None:
    y = np.array([[0.0], [0.0], [1.0], [1.0]])
    a = np.array([[-0.3], [0.2], [0.3], [-2.0]])
    assert accuracy(YES_NO, y, a, 0.0) == 0.5
    assert accuracy(YES_NO, y, np.zeros((4, 1)), 0.0) == 0.5  # exactly the threshold is a no
    assert accuracy(YES_NO, y[:2], np.full((2, 1), 0.5)) == 1.0
    assert accuracy(YES_NO, y, a) == 0.5
    assert accuracy(YES_NO, y, np.array([[-0.3], [-0.2], [0.3], [0.1]]), 0.0) == 1.0
    assert accuracy(YES_NO, y, np.array([[-0.3], [-0.2], [0.3], [0.1]])) == 0.5


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=30))
def test_auc_agrees_with_scikit_learn_and_with_counting_pairs(rows: list[tuple[bool, int]]) -> None:
    positive = np.array([p for p, _ in rows])
    score = np.array([s for _, s in rows], dtype=float)  # few values, so ties abound
    if positive.all() or not positive.any():
        assert math.isnan(auc(positive, score))
        return
    above = score[positive][:, None] - score[~positive]  # every pair of a positive and a negative row
    assert auc(positive, score) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean(), rel=1e-13)
    assert auc(positive, score) == pytest.approx(oracle.roc_auc_score(positive, score), rel=1e-13)


def test_auc_by_hand() -> None:
    score = np.array([0.1, 0.4, 0.35, 0.8])
    assert auc(np.array([False, False, True, True]), score) == 0.75  # scikit-learn's own example
    assert auc(np.array([False, False, True, True]), np.zeros(4)) == 0.5
    assert auc(np.array([False, True]), np.array([1.0, 0.0])) == 0.0
    assert math.isnan(auc(np.array([], dtype=bool), np.array([])))


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40))
def test_mean_auc_is_macro_one_against_the_rest(seed: int, more: int) -> None:
    draw = np.random.default_rng((seed, more))
    truth = np.concatenate([np.arange(3), draw.integers(0, 3, more)])
    a = draw.dirichlet(np.ones(3), len(truth)).round(1)  # ties
    a[:, 2] = 1 - a[:, 0] - a[:, 1]
    wanted = oracle.roc_auc_score(truth, a, multi_class="ovr", average="macro")
    assert full_scores(THREE, np.eye(3)[truth], a)["AUC"] == pytest.approx(wanted, rel=1e-12)


def test_mean_auc_of_several_answers() -> None:
    draw = np.random.default_rng(5)
    y = draw.integers(0, 2, (30, 3)).astype(float)
    a = draw.random((30, 3))
    wanted = oracle.roc_auc_score(y, a, average="macro")
    assert full_scores(THREE_ANSWERS, y, a)["AUC"] == pytest.approx(wanted, rel=1e-13)
    y[:, 1] = 1.0  # an answer that never varies has no area, so neither has the mean
    assert math.isnan(full_scores(THREE_ANSWERS, y, a)["AUC"])


def test_scores_are_in_the_targets_own_units() -> None:
    encoding = numbers_encoding([100.0, 200.0, 600.0])
    y = np.array([[100.0], [200.0], [600.0]])
    a = np.array([[150.0], [200.0], [500.0]])
    shift, scale = encoding.targets[0].shift, encoding.targets[0].scale
    found = scores(encoding, (y - shift) / scale, (a - shift) / scale)
    assert list(found) == ["R2", "RMSE"]
    assert found["R2"] == pytest.approx(oracle.r2_score(y, a), rel=1e-12)
    assert found["RMSE"] == pytest.approx(oracle.root_mean_squared_error(y, a), rel=1e-12)
    full = full_scores(encoding, (y - shift) / scale, (a - shift) / scale)
    assert full == {**found, "MAE": pytest.approx(50.0, rel=1e-12)}


def test_scores_of_several_targets_weigh_each_in_its_units() -> None:
    encoding = numbers_encoding([0.0, 1.0, 2.0], [0.0, 1000.0, 2000.0])
    scale = np.array([code.scale for code in encoding.targets])
    y = np.array([[0.0, 0.0], [1.0, 1000.0], [2.0, 2000.0]])
    a = y + np.array([3.0, 400.0])
    found = full_scores(encoding, y / scale, a / scale)
    assert found["RMSE"] == pytest.approx(math.sqrt((9 + 160000) / 2), rel=1e-12)
    assert found["MAE"] == pytest.approx((3 + 400) / 2, rel=1e-12)
    assert found["R2"] == pytest.approx(oracle.r2_score(y, a), rel=1e-12)


def test_scores_of_classes() -> None:
    y = np.array([[0.0], [0.0], [1.0], [1.0]])
    a = np.array([[0.1], [0.4], [0.35], [0.8]])
    assert scores(YES_NO, y, a) == {"accuracy": 0.75}
    assert full_scores(YES_NO, y, a) == {"accuracy": 0.75, "AUC": 0.75}
    one_hot = np.eye(3)[[0, 1, 2]]
    assert full_scores(THREE, one_hot, one_hot) == {"accuracy": 1.0, "AUC": 1.0}
    signs = full_scores(YES_NO, y, a - 0.3, 0.0)  # outputs of a hinge loss: the sign decides
    assert signs == {"accuracy": 0.75, "AUC": 0.75}
