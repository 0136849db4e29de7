import statistics
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from whygrad.encoding import (
    ColumnCode,
    Encoding,
    decode_classes,
    decode_outputs,
    encode_inputs,
    encode_targets,
    fit_encoding,
    target_scale,
)
from whygrad.errors import InputError, TableError
from whygrad.reading import read_like, read_table
from whygrad.remarks import encoding_notes

RNG = np.random.default_rng(0)
N = 60
COLUMNS = {
    "area": RNG.normal(2000, 500, N),
    "street": RNG.choice(["Grvl", "Pave", "Dirt"], N),
    "warm": RNG.choice([True, False], N),
    "price": RNG.normal(1e5, 2e4, N),
}
HALF = np.arange(0, N, 2)


def test_inputs_agree_with_scikit_learn_fitted_on_the_training_rows():
    table = read_table(COLUMNS, "price")
    x = encode_inputs(fit_encoding(table, HALF), table)
    area, street = COLUMNS["area"][:, None], COLUMNS["street"][:, None]
    np.testing.assert_allclose(x[:, :1], StandardScaler().fit(area[HALF]).transform(area), rtol=1e-12)
    onehot = OneHotEncoder(sparse_output=False).fit(street)
    assert np.array_equal(x[:, 1:4], onehot.transform(street))
    assert np.array_equal(x[:, 4], COLUMNS["warm"].astype(float))
    assert x.flags.c_contiguous
    assert x.dtype == np.float64


def test_targets_of_a_regression_are_scaled_and_come_back():
    table = read_table(COLUMNS, "price")
    encoding = fit_encoding(table, HALF)
    y = encode_targets(encoding, table)
    price = COLUMNS["price"][:, None]
    np.testing.assert_allclose(y, StandardScaler().fit(price[HALF]).transform(price), rtol=1e-10)
    np.testing.assert_allclose(decode_outputs(encoding, y), price, rtol=1e-14)
    np.testing.assert_allclose(target_scale(encoding), [COLUMNS["price"][HALF].std()], rtol=1e-12)
    raw = fit_encoding(table, scale_targets=False)
    assert np.array_equal(encode_targets(raw, table), price)
    assert raw.inputs == fit_encoding(table).inputs


def test_names_and_sizes():
    encoding = fit_encoding(read_table(COLUMNS, "price"))
    assert encoding.input_names == ("area", "street=Dirt", "street=Grvl", "street=Pave", "warm")
    assert (encoding.n_inputs, encoding.n_outputs) == (5, 1)
    assert encoding.output_names == ("price",)
    assert encoding.classes == ()
    streets = fit_encoding(read_table(COLUMNS, "street"))
    assert streets.output_names == ("street=Dirt", "street=Grvl", "street=Pave")
    assert streets.classes == ("Dirt", "Grvl", "Pave")


def test_scale_none_leaves_the_numbers_alone():
    table = read_table(COLUMNS, "price")
    encoding = fit_encoding(table, scale="none")
    assert np.array_equal(encode_inputs(encoding, table)[:, 0], COLUMNS["area"])
    assert np.array_equal(encode_targets(encoding, table)[:, 0], COLUMNS["price"])


@given(
    offset=st.sampled_from([0.0, 1e9, -1e12, 1e-200, 1e200]),
    values=st.lists(st.integers(-1000, 1000), min_size=2, max_size=40),
)
def test_mean_and_std_are_exact_to_rounding(offset, values):
    numbers = np.array([offset + v * max(abs(offset) * 1e-6, 1e-210) for v in values])
    code = fit_encoding(read_table({"x": numbers, "y": np.arange(len(values)) + 2.0}, "y")).inputs[0]
    exact = [Fraction(float(v)) for v in numbers]
    mean = sum(exact) / len(exact)
    np.testing.assert_allclose(code.shift, float(mean), rtol=0, atol=1e-15 * np.abs(numbers).max())
    if len(set(exact)) > 1:
        variance = sum((v - mean) ** 2 for v in exact) / len(exact)
        unit = max(abs(v - mean) for v in exact)
        np.testing.assert_allclose(code.scale, float(unit) * float(variance / unit**2) ** 0.5, rtol=1e-12)
    else:
        assert code.scale == 1.0


def test_a_constant_column_becomes_zero_not_nan():
    table = read_table({"x": [0.1] * 7, "z": range(7), "y": np.arange(7) * 1.5}, "y")
    encoding = fit_encoding(table)
    assert np.array_equal(encode_inputs(encoding, table)[:, 0], np.zeros(7))
    assert encoding_notes(table, None, encoding) == ("x is 0.1 in every training row: it explains nothing",)


def test_json_round_trip_is_exact():
    columns = {**COLUMNS, "x": [None, *RNG.normal(size=N - 1)], "s": [None, *["u", "v"] * 29, "u"]}
    encoding = fit_encoding(read_table(columns, "price", missing="fill"), missing="fill")
    assert any(isinstance(code.fill, str) for code in encoding.inputs)
    assert msgspec.json.decode(msgspec.json.encode(encoding), type=Encoding) == encoding


class TestClasses:
    def test_binary_is_one_column_with_the_second_class_as_one(self):
        table = read_table({"x": [1, 2, 3], "y": ["b", "a", "b"]}, "y")
        encoding = fit_encoding(table)
        assert encode_targets(encoding, table).tolist() == [[1], [0], [1]]
        outputs = np.array([[0.9], [0.2], [0.5]])
        assert decode_classes(encoding, outputs).tolist() == ["b", "a", "a"]
        assert decode_classes(encoding, outputs, threshold=0.1).tolist() == ["b", "b", "b"]
        assert np.array_equal(decode_outputs(encoding, outputs), outputs)
        assert target_scale(encoding).tolist() == [1]

    def test_several_yes_no_targets(self):
        table = read_table({"x": [1, 2], "p": ["no", "yes"], "q": [1, 0]}, ("p", "q"))
        encoding = fit_encoding(table)
        assert encode_targets(encoding, table).tolist() == [[0, 1], [1, 0]]
        assert decode_classes(encoding, np.array([[0.1, 0.8], [0.6, 0.4]])).tolist() == [
            ["no", "1"],
            ["yes", "0"],
        ]

    def test_multiclass_is_one_hot_and_the_largest_output_wins(self):
        table = read_table({"x": [1, 2, 3], "y": ["b", "c", "a"]}, "y")
        encoding = fit_encoding(table)
        y = encode_targets(encoding, table)
        assert y.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
        assert decode_classes(encoding, y).tolist() == ["b", "c", "a"]
        assert target_scale(encoding).tolist() == [1, 1, 1]

    def test_a_class_without_training_rows_is_still_the_truth(self):
        table = read_table({"x": [1, 2, 3], "y": ["a", "a", "b"]}, "y")
        encoding = fit_encoding(table, np.array([0, 1]))
        assert encode_targets(encoding, table).tolist() == [[0], [0], [1]]
        assert "y: no training row is of class b; it cannot be learned" in encoding_notes(
            table, np.array([0, 1]), encoding
        )

    def test_a_regression_has_no_classes(self):
        with pytest.raises(InputError, match="decode_outputs"):
            decode_classes(fit_encoding(read_table(COLUMNS, "price")), np.zeros((1, 1)))


class TestUnknownWords:
    table = read_table({"s": ["Ideal", "Good", "Fair", "Good"], "y": [1.5, 2, 3, 4]}, "y")

    def test_a_category_without_training_rows_is_all_zeros_and_said(self):
        rows = np.array([0, 1, 3])
        encoding = fit_encoding(self.table, rows)
        assert encoding.inputs[0].seen == ("Good", "Ideal")
        assert encode_inputs(encoding, self.table).tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0], [0, 1, 0]]
        assert "s: no training row has Fair; encoded as all zeros" in encoding_notes(self.table, rows, encoding)

    def test_an_unknown_word_is_refused_by_place_with_the_closest(self, tmp_path):
        encoding = fit_encoding(self.table)
        path = tmp_path / "new.csv"
        path.write_text("s\nGood\nIdeall\n")
        new = read_like(path, encoding, targets=False)
        with pytest.raises(TableError) as error:
            encode_inputs(encoding, new)
        assert str(error.value) == (
            "new.csv line 3 column 's': 'Ideall' is not known to the model; "
            "it knows Fair, Good, Ideal; did you mean 'Ideal'?"
        )
        assert encode_inputs(encoding, new, unknown="zeros").tolist() == [[0, 1, 0], [0, 0, 0]]

    def test_long_lists_of_words_are_cut(self):
        words = [f"w{k}" for k in range(20)]
        table = read_table({"s": words, "y": np.arange(20) * 1.5}, "y")
        encoding = fit_encoding(table)
        with pytest.raises(TableError, match=r"it knows w0, .* and 12 more"):
            encode_inputs(encoding, read_like({"s": ["zzz"]}, encoding, targets=False))


class TestMissing:
    columns = {  # noqa: RUF012
        "x": [1.0, None, 5.0, 3.0],
        "s": ["u", "v", None, "v"],
        "b": ["yes", None, "no", "yes"],
        "y": [1.5, 2.0, 3.0, 4.0],
    }

    def test_fill_is_the_training_mean_or_the_most_frequent(self):
        table = read_table(self.columns, "y", missing="fill")
        rows = np.array([0, 1, 3])
        encoding = fit_encoding(table, rows, missing="fill")
        assert [code.fill for code in encoding.inputs] == [2.0, "v", 1.0]
        x = encode_inputs(encoding, table)
        assert x[1, 0] == 0.0
        assert x[2, 1:3].tolist() == [0, 1]
        assert x[1, 3] == 1.0
        assert encoding.inputs[0].scale == statistics.pstdev([1.0, 3.0])

    def test_without_fill_the_first_missing_entry_is_refused(self):
        table = read_table(self.columns, "y", missing="fill")
        with pytest.raises(TableError, match=r"row 2 \(index 1\) column 'x': missing value"):
            fit_encoding(table)
        clean = fit_encoding(read_table({k: [v[0], v[3]] for k, v in self.columns.items()}, "y"))
        with pytest.raises(TableError, match=r"row 2 \(index 1\) column 'x': missing value"):
            encode_inputs(clean, table)

    def test_a_column_empty_in_the_training_rows_is_refused(self):
        table = read_table(self.columns, "y", missing="fill")
        with pytest.raises(TableError, match="'x' has no value in the training rows"):
            fit_encoding(table, np.array([1]), missing="fill")


class TestNotes:
    @pytest.mark.parametrize(
        "area, warned",
        [([5.0, 8, 6], None), ([5.0, 1000, 6], "area has std"), ([101, 100, 99.5], "above 100 in area")],
    )
    def test_unscaled_ranges_are_warned_of(self, area, warned):
        table = read_table({"area": area, "z": [0.1, 1.0, 2.0], "y": [1, 2, 3.5]}, "y")
        notes = encoding_notes(table, None, fit_encoding(table, scale="none"))
        assert (warned is None) == (notes == ())
        if warned:
            assert warned in notes[0]
        assert encoding_notes(table, None, fit_encoding(table)) == ()


def test_arguments_and_tables_that_do_not_fit_are_refused():
    table = read_table(COLUMNS, "price")
    encoding = fit_encoding(table)
    with pytest.raises(InputError, match=r"scale: 'standart' .* did you mean 'standard'"):
        fit_encoding(table, scale="standart")
    with pytest.raises(InputError, match="missing: 'x'"):
        fit_encoding(table, missing="x")
    with pytest.raises(InputError, match="unknown: 'x'"):
        encode_inputs(encoding, table, unknown="x")
    with pytest.raises(InputError, match="at least one training row"):
        fit_encoding(table, np.array([], dtype=int))
    with pytest.raises(TableError, match="no column 'area'"):
        encode_inputs(encoding, read_table({"x": [1, 2], "y": [1, 2.5]}, "y"))
    other = Encoding((ColumnCode("area", "category", categories=("a",)),), (), "regression")
    with pytest.raises(TableError, match="'area' is a number here and a category in the model"):
        encode_inputs(other, table)
