import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whygrad.errors import InputError
from whygrad.table import Column, Rows, Source, Table, row_order, split_rows


def table_of(classes=None, n=None, task="multiclass"):
    """A table with one number input and, where `classes` is given, a class target."""
    n = len(classes) if n is None else n
    inputs = (Column("x", "number", np.arange(n, dtype=float)),)
    targets = ()
    if classes is not None:
        names = tuple(f"c{k}" for k in range(max(classes) + 1))
        targets = (Column("y", "category", np.array(classes, dtype=np.int32), names),)
    return Table(inputs, targets, task, None, None, (), np.arange(n))


class TestSplit:
    @given(n=st.integers(2, 300), fraction=st.floats(0.05, 0.9), seed=st.integers(0, 2**32))
    def test_regression_parts_are_sorted_disjoint_and_of_the_asked_size(self, n, fraction, seed):
        size = round(fraction * n)
        if size in (0, n):
            return
        training, validation = split_rows(table_of(n=n, task="regression"), fraction, seed)
        assert len(validation) == size
        assert np.array_equal(np.sort(np.concatenate([training, validation])), np.arange(n))
        assert (np.diff(training) > 0).all()
        assert (np.diff(validation) > 0).all()

    @given(
        classes=st.lists(st.integers(0, 4), min_size=5, max_size=200),
        fraction=st.floats(0.1, 0.9),
        seed=st.integers(0, 99),
    )
    def test_classes_keep_their_share(self, classes, fraction, seed):
        table = table_of(classes)
        labels = np.array(classes)
        try:
            training, validation = split_rows(table, fraction, seed)
        except InputError:
            assert round(fraction * len(classes)) == 0 or np.bincount(labels).max() == 1
            return
        assert np.array_equal(np.sort(np.concatenate([training, validation])), np.arange(len(classes)))
        short = 0
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
            taken = int((labels[validation] == label).sum())
            assert taken < count  # a training row is left of every class
            assert taken <= fraction * count + 1
            assert taken >= min(count - 1, np.floor(fraction * count))
            short += taken == count - 1
        size = round(fraction * len(classes))
        assert len(validation) == size or (len(validation) < size and short)

    def test_a_class_with_one_row_stays_in_training(self):
        for seed in range(20):
            training, _ = split_rows(table_of([0] * 9 + [1]), 0.5, seed)
            assert 9 in training

    def test_yes_no_targets_are_stratified_too(self):
        answers = Column("y", "yes/no", np.array([0.0] * 90 + [1.0] * 10), ("no", "yes"))
        table = Table((), (answers,), "binary", None, None, (), np.arange(100))
        _, validation = split_rows(table, 0.2, 3)
        assert (validation >= 90).sum() == 2
        assert len(validation) == 20

    def test_same_seed_same_split_other_seed_other_split(self):
        table = table_of(n=100, task="regression")
        assert np.array_equal(split_rows(table, 0.2, 1)[1], split_rows(table, 0.2, 1)[1])
        assert not np.array_equal(split_rows(table, 0.2, 1)[1], split_rows(table, 0.2, 2)[1])

    def test_draws_are_those_of_the_documented_generator(self):
        expected = np.sort(np.random.default_rng((7, 1)).permutation(50)[:10])
        assert np.array_equal(split_rows(table_of(n=50, task="regression"), 0.2, 7)[1], expected)

    def test_fraction_zero_validates_nothing(self):
        training, validation = split_rows(table_of([0, 1, 1]), 0, 0)
        assert training.tolist() == [0, 1, 2]
        assert validation.size == 0

    @pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5, float("nan")])
    def test_fractions_outside_are_refused(self, fraction):
        with pytest.raises(InputError, match="at least 0 and below 1"):
            split_rows(table_of([0, 1]), fraction, 0)

    def test_empty_parts_are_refused(self):
        with pytest.raises(InputError, match="no row to validate on"):
            split_rows(table_of(n=4, task="regression"), 0.1, 0)
        with pytest.raises(InputError, match="no row to train on"):
            split_rows(table_of(n=2, task="regression"), 0.9, 0)
        with pytest.raises(InputError, match="no row"):
            split_rows(table_of(n=0, task="regression"), 0, 0)


class TestOrder:
    def test_sequential_is_the_table(self):
        assert row_order(4, "sequential", 5, 6).tolist() == [0, 1, 2, 3]

    @given(n=st.integers(1, 200), seed=st.integers(0, 2**63), epoch=st.integers(0, 1000))
    def test_shuffled_is_a_permutation(self, n, seed, epoch):
        order = row_order(n, "shuffled", seed, epoch)
        assert order.dtype == np.int32  # 4 bytes a row
        assert np.array_equal(np.sort(order), np.arange(n))
        assert np.array_equal(order, np.random.default_rng((seed, 2, epoch)).permutation(n))

    def test_random_draws_with_replacement_and_evenly(self):
        draws = row_order(100_000, "random", 0, 1)
        counts = np.bincount(draws, minlength=100_000)
        # drawn k times: Poisson with mean 1, so a share 1/e is never drawn; 5 standard errors
        assert abs((counts == 0).mean() - np.exp(-1)) < 5 * np.sqrt(0.25 / 100_000)
        assert draws.dtype == np.int32
        assert np.array_equal(draws, np.random.default_rng((0, 2, 1)).integers(100_000, size=100_000))

    def test_epochs_and_seeds_differ(self):
        orders = {tuple(row_order(20, "shuffled", seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}
        assert len(orders) == 4

    def test_another_order_is_refused(self):
        with pytest.raises(InputError, match="did you mean 'shuffled'"):
            row_order(3, "shufled", 0, 0)


def test_take_keeps_columns_weights_and_places_together():
    table = Table(
        (Column("x", "number", np.array([1.0, 2.0, 3.0])),),
        (Column("y", "category", np.array([0, 1, 0], dtype=np.int32), ("a", "b")),),
        "binary",
        np.array([0.5, 1.0, 2.0]),
        None,
        (),
        np.array([4, 7, 9]),
    )
    part = table.take(np.array([2, 0]))
    assert part.inputs[0].values.tolist() == [3.0, 1.0]
    assert part.targets[0].values.tolist() == [0, 0]
    assert part.row_weights.tolist() == [2.0, 0.5]
    assert part.where(0, "x") == "row 10 (index 9) column 'x'"
    rows = Rows(np.eye(3), np.arange(3.0)[:, None], np.array([1.0, 2.0, 3.0])).take(np.array([1]))
    assert (rows.x.tolist(), rows.y.tolist(), rows.weights.tolist()) == ([[0, 1, 0]], [[1]], [2])
    assert len(rows) == 1


def test_repr_names_every_column_with_its_range_or_words():
    table = Table(
        (
            Column("area", "number", np.array([1.5, np.nan, 30.0])),
            Column("street", "category", np.arange(3, dtype=np.int32), tuple(f"s{k}" for k in range(12))),
        ),
        (Column("warm", "yes/no", np.array([0.0, 1.0, 1.0]), ("no", "yes")),),
        "binary",
        None,
        Source("/data/houses.csv", "0", "csv"),
        (),
        np.arange(3),
    )
    assert repr(table).splitlines() == [
        "Table houses.csv: 3 rows, binary",
        "  area: number, 1.5 to 30",
        "  street: category, s0, s1, s2, s3, s4, s5, s6, s7 and 4 more",
        "  target warm: yes/no, no, yes",
    ]


@given(
    rows=st.lists(
        st.tuples(st.text("ab\n,\" '", max_size=6), st.integers(0, 2)),  # a text, blank lines before it
        min_size=1,
        max_size=8,
    ),
    comments=st.integers(0, 2),
)
def test_places_are_the_lines_of_the_file(tmp_path_factory, rows, comments):
    path = tmp_path_factory.mktemp("lines") / "t.csv"
    text = '# a "comment\n' * comments + "n,y\n"
    starts = []
    for word, blanks in rows:
        text += "\n" * blanks
        starts.append(text.count("\n") + 1)
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow([word, 1])
        text += buffer.getvalue()
    path.write_bytes(text.encode())
    source = Source(str(path), "", "csv", skip_lines=comments)
    table = Table((), (), "regression", None, source, (), np.arange(len(rows)))
    places = [table.where(k, "n") for k in range(len(rows))]
    assert places == [f"t.csv line {start} column 'n'" for start in starts]


def test_place_falls_back_to_the_row_when_the_file_is_gone(tmp_path):
    source = Source(str(tmp_path / "gone.csv"), "", "csv")
    table = Table((), (), "regression", None, source, (), np.array([3]))
    assert table.where(0, "x") == "gone.csv row 4 (index 3) column 'x'"


def test_place_in_a_file_without_header_and_in_parquet(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,2\n3,4\n")
    bare = Table((), (), "regression", None, Source(str(path), "", "csv", header=False), (), np.arange(2))
    assert bare.where(1, "column_1") == "t.csv line 2 column 'column_1'"
    parquet = Table((), (), "regression", None, Source("t.parquet", "", "parquet"), (), np.arange(2))
    assert parquet.where(1, "x") == "t.parquet row 2 (index 1) column 'x'"
