import csv
import decimal
import importlib.util
import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from whygrad.encoding import decode_classes, encode_inputs, encode_targets, fit_encoding
from whygrad.errors import InputError, TableError, WrongTypeError
from whygrad.reading import read_again, read_like, read_table, table_from_arrays
from whygrad.splitting import read_text_columns


@pytest.fixture
def write(tmp_path):
    """Writes t.csv and returns its path."""

    def write(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def diamonds():
    spec = importlib.util.find_spec("plotnine")
    path = None if spec is None else Path(spec.origin).parent / "data" / "diamonds.csv"
    if path is None or not path.exists():
        pytest.skip("plotnine, whose package carries diamonds.csv, is not installed")
    return path


def values(table):
    return {column.name: column.values.tolist() for column in (*table.inputs, *table.targets)}


class TestQuoting:
    """Whatever the csv module writes is read back, by the fast way or the slow."""

    cell = st.text("ab1 ,;|\t\"\n\r'#é", max_size=5)

    @given(
        rows=st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=6),
        delimiter=st.sampled_from([",", ";", "\t", "|", " "]),
        ending=st.sampled_from(["\n", "\r\n"]),
        quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    def test_round_trip(self, rows, delimiter, ending, quoting):
        if delimiter.isspace():  # a line of delimiters only is a blank line there
            assume(all(any(cell.strip() for cell in row) for row in rows))
        if quoting == csv.QUOTE_MINIMAL:  # the csv module writes a bare return unquoted: a line end
            assume(not any("\r" in cell for row in rows for cell in row))
        if delimiter == " ":  # what ends a line is lost among the spaces that align columns
            assume(quoting == csv.QUOTE_ALL)
            assume(not any(" \r" in cell or " \n" in cell for row in rows for cell in row))
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=delimiter, lineterminator=ending, quoting=quoting)
        writer.writerows([["p", "q", "r"], *rows])
        found = read_text_columns(buffer.getvalue().encode(), "t.csv", delimiter=delimiter)
        assert found.names == ("p", "q", "r")
        back = [[(cell or "").strip() for cell in column] for column in found.columns]
        assert back == [[cell.strip() for cell in column] for column in zip(*rows, strict=True)]

    @given(
        numbers=st.lists(
            st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.integers()),
            min_size=1,
            max_size=6,
        ),
        delimiter=st.sampled_from([",", ";", "\t", "|"]),
        decimal=st.sampled_from([".", ","]),
        codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
        blank=st.booleans(),
    )
    def test_numbers_come_back_exactly_and_the_dialect_is_guessed(
        self, tmp_path_factory, numbers, delimiter, decimal, codec, blank
    ):
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n\n" if blank else "\n")
        writer.writerow(["größe", "half", "y"])
        for number, integer in numbers:
            writer.writerow([repr(number).replace(".", decimal), f"0{decimal}5", integer])
        path = tmp_path_factory.mktemp("dialect") / "t.csv"
        path.write_bytes(buffer.getvalue().encode(codec))
        table = read_table(path, "y", task="regression")
        assert table.inputs[0].name == "größe"
        assert table.inputs[0].values.tolist() == [number for number, _ in numbers]
        assert table.targets[0].values.tolist() == [float(integer) for _, integer in numbers]
        source = table.source
        assert (source.delimiter, source.decimal, source.text_encoding) == (delimiter, decimal, codec)

    @pytest.mark.parametrize(
        "text, x",
        [
            ('x,y\n5" pipe,2\n6" pipe,3\n', ('5" pipe', '6" pipe')),  # quotes inside a bare field
            ('x, "y"\na, 2\nb, 3\n', ("a", "b")),  # spaces after the delimiter
            ('x,y\n"a"b,2\nc,3\n', ("ab", "c")),  # text after a closing quote
            ("x,y\ra,2\rb,3\r", ("a", "b")),  # lines that end in returns only
            ("x y\n a   2\n b 3  \n", ("a", "b")),  # columns aligned by spaces
        ],
    )
    def test_unusual_files_are_read_as_the_csv_module_reads_them(self, write, text, x):
        table = read_table(write(text), "y")
        assert table.inputs[0].categories == x
        assert table.targets[0].values.tolist() == [2, 3]


class TestDialect:
    @pytest.mark.parametrize(
        "content, note",
        [
            ("x;y\n1,5;2\n2;3\n", "t.csv: 2 rows, delimiter ';', decimal comma"),
            ("größe\ty\n1\t2\n".encode("cp1252"), "t.csv: 1 row, delimiter tab, text encoding cp1252"),
            ("# by hand\n\n# 2020, May\nx,y\n1,2\n", "t.csv: 1 row, delimiter ',', 3 lines of comment skipped"),
            ("x,y\n\n1,2\n  \n3,4\n\n\n", "t.csv: 2 rows, delimiter ','"),
        ],
    )
    def test_the_guess_is_said(self, write, content, note):
        assert read_table(write(content), "y").notes[0] == note

    @pytest.mark.parametrize("delimiter", ["\t", "tab", "\\t"])
    def test_a_tab_can_be_given_by_name(self, write, delimiter):
        table = read_table(write("x\ty\n1\t2\n"), "y", delimiter=delimiter)
        assert table.source.delimiter == "\t"

    def test_a_header_behind_a_hash_is_found(self, write):
        assert read_table(write("# x,y\n1,2\n"), "y").inputs[0].name == "x"
        assert read_table(write("#,x,y\n1,5,2\n"), "y", ignore="#").inputs[0].name == "x"

    def test_text_with_more_commas_than_semicolons(self, write):
        table = read_table(write("say;y\na, b, c;1\nd, e, f;2\n"), "y")
        assert table.inputs[0].categories == ("a, b, c", "d, e, f")

    def test_columns_without_a_name_are_numbered_and_said(self, write):
        table = read_table(write(",x,y\n1,2,3\n"), "y")
        assert [column.name for column in table.inputs] == ["column_1", "x"]
        assert "columns without a name are called column_1" in table.notes

    def test_columns_with_neither_name_nor_value_are_left_out(self, write):
        table = read_table(write("a,b,y,,,\n1,2,3,,,\n4,5,6, ,,\n"), "y")
        assert values(table) == {"a": [1, 4], "b": [2, 5], "y": [3, 6]}
        assert table.notes[1] == "left out 3 columns with neither a name nor a value"
        table = read_table(write("a,y,,\n1,3,,7\n4,6,,8\n"), "y")
        assert table.notes[1:3] == (
            "columns without a name are called column_4",
            "left out 1 column with neither a name nor a value",
        )
        assert [column.name for column in table.inputs] == ["a", "column_4"]
        with pytest.raises(TableError, match="'column_1': the whole column is empty"):
            read_table(write(",\n,\n,\n"), "column_2")

    @pytest.mark.parametrize(
        ("line", "delimiter"), [("sep=;", ";"), ('"sep=;"', ";"), ("SEP=\t", "\t"), ("sep=,", ","), ("sep=|", "|")]
    )
    def test_a_sep_line_says_the_delimiter(self, write, line, delimiter):
        body = "\n".join(delimiter.join(fields) for fields in ("ay", "13", "45"))
        table = read_table(write(f"{line}\r\n# by hand\n{body}\n"), "y")
        assert values(table) == {"a": [1, 4], "y": [3, 5]}
        assert "sep line skipped" in table.notes[0]
        assert table.notes[0].endswith("1 line of comment skipped")
        assert table.where(1, "a") == "t.csv line 5 column 'a'"
        assert values(read_again(table.source, fit_encoding(table))) == values(table)

    def test_a_header_of_numbers_is_taken_when_it_is_said_to_be_one(self, write):
        path = write("2019,2020,2021\n1,2,3.5\n4,5,6\n")
        with pytest.raises(TableError, match="--header if numbers are the names"):
            read_table(path, "2021")
        table = read_table(path, "2021", header=True)
        assert values(table) == {"2019": [1, 4], "2020": [2, 5], "2021": [3.5, 6]}
        assert values(read_again(table.source, fit_encoding(table))) == values(table)

    def test_no_header(self, write):
        table = read_table(write("1,2\n3,4\n"), "column_2", header=False)
        assert values(table) == {"column_1": [1, 3], "column_2": [2, 4]}
        assert table.where(1, "column_1") == "t.csv line 2 column 'column_1'"


class TestMissingValues:
    TEXT = "x,c,y\n1,a,1.5\n-,#N/A,2\n3,#n/a,3\n4,-,4\n-999,b,5\n"

    def test_spellings_that_are_said_are_missing_too_and_remembered(self, write):
        path = write(self.TEXT)
        with pytest.raises(TableError, match="'-' is a word in a column of numbers"):
            read_table(path, "y")
        table = read_table(path, "y", missing="drop", missing_values=("-", "#N/A", "-999"))
        assert values(table) == {"x": [1], "c": [0], "y": [1.5]}
        assert table.source.missing_values == ("-", "#N/A", "-999")
        assert values(read_again(table.source, fit_encoding(table))) == values(table)
        filled = read_table(path, "y", missing="fill", missing_values=("-", "#N/A"))
        assert filled.inputs[1].categories == ("a", "b")
        encoding = fit_encoding(filled, missing="fill")
        again = read_like(path, encoding, targets=True, like=filled.source)
        assert [column.missing().sum() for column in again.inputs] == [1, 3]
        with pytest.raises(TableError, match="'-' is not a number"):
            read_like(path, encoding, targets=True, like=filled.source, missing_values="#N/A")

    @pytest.mark.parametrize("source", [{"x": [1, -999, 3]}, {"x": [1.0, -999.0, 3]}, {"x": ["1", "-999", "3"]}])
    @pytest.mark.parametrize("make", [dict, pl.DataFrame, pd.DataFrame])
    def test_numbers_may_stand_for_missing_in_any_source(self, source, make):
        columns = make({**source, "y": [1.5, 2, 3]})
        table = read_table(columns, "y", missing="drop", missing_values=-999)
        assert values(table) == {"x": [1, 3], "y": [1.5, 3]}
        column = read_table(columns, "y", category="x", missing="drop", missing_values=[-999]).inputs[0]
        assert column.categories == ("1", "3")


class TestThousands:
    @pytest.mark.parametrize(
        "cells", ["0.980 1.000", "12.5 1.000", "1.0201 1.020", "1e3 0.5"], ids=["zero", "one", "four", "exponent"]
    )
    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_points_that_cannot_all_part_thousands_are_decimal(self, write, cells, delimiter):
        text = f"x{delimiter}y\n" + "".join(f"{cell}{delimiter}1\n" for cell in cells.split())
        assert read_table(write(text), "y").inputs[0].values.tolist() == [float(c) for c in cells.split()]

    def test_a_decimal_mark_that_is_said_is_taken_and_remembered(self, write):
        path = write("x;y\n980;1\n1.000;2\n ;3\n")
        with pytest.raises(TableError, match=r"line 3 column 'x': '1.000' .*1000 or 1.000"):
            read_table(path, "y", missing="drop")
        table = read_table(path, "y", missing="drop", decimal=".")
        assert values(table)["x"] == [980, 1]
        assert values(read_again(table.source, fit_encoding(table)))["x"] == [980, 1]
        assert read_table(path, "y", category="x", missing="drop").inputs[0].categories == ("1.000", "980")

    def test_a_file_with_commas_needs_no_decimal_mark(self, write):
        assert values(read_table(write("x,y\n980,1\n1.000,2\n"), "y"))["x"] == [980, 1]


class TestKinds:
    def test_each_kind(self, write):
        table = read_table(write("n,w,b,y\n +1e2 ,b,Yes,1\n-.5,a,no,2\n5.,b, YES,3\n"), "y")
        number, word, answer = table.inputs
        assert (number.kind, number.values.tolist()) == ("number", [100, -0.5, 5])
        assert (word.kind, word.categories, word.values.tolist()) == ("category", ("a", "b"), [1, 0, 1])
        assert (answer.kind, answer.categories) == ("yes/no", ("no", "yes"))
        assert answer.values.tolist() == [1, 0, 1]
        assert word.values.dtype == np.int32

    def test_one_answer_only_or_another_pair_is_a_category(self, write):
        table = read_table(write("a,b,y\nyes,yes,1\nyes,f,2\n"), "y")
        assert [column.kind for column in table.inputs] == ["category", "category"]

    def test_numbers_as_categories_sort_as_numbers(self, write):
        column = read_table(write("z,y\n10,1\n9,2\n2.50,3\n"), "y", category="z").inputs[0]
        assert column.categories == ("2.50", "9", "10")
        assert column.values.tolist() == [2, 1, 0]

    def test_zip_codes_keep_their_zeros(self, write):
        path = write("z,y\n0123,1\n123,2\n1.1,3\n?,4\n1.10,5\n0123,6\n")
        column = read_table(path, "y", category="z", missing="drop").inputs[0]
        assert column.categories == ("1.1", "1.10", "123", "0123")
        assert column.values.tolist() == [3, 2, 0, 1, 3]

    BIG = (2**53, 2**53 + 1, 3)

    @pytest.mark.parametrize(
        "source",
        [
            "z,y\n{},1\n{},2\n{},3\n".format(*BIG),
            {"z": BIG, "y": [1.5, 2, 3]},
            {"z": np.array(BIG, np.uint64), "y": [1.5, 2, 3]},
            pl.DataFrame({"z": BIG, "y": [1.5, 2, 3]}),
            pd.DataFrame({"z": BIG, "y": [1.5, 2, 3]}),
            pl.DataFrame({"z": [decimal.Decimal(n) for n in BIG], "y": [1.5, 2, 3]}),
        ],
        ids=["csv", "lists", "uint64", "polars", "pandas", "decimals"],
    )
    def test_whole_numbers_that_float64_merges_stay_apart_as_categories(self, write, source):
        path = write(source) if isinstance(source, str) else source
        column = read_table(path, "y", category="z").inputs[0]
        assert column.categories == ("3", "9007199254740992", "9007199254740993")
        assert column.values.tolist() == [1, 2, 0]
        encoding = fit_encoding(read_table(path, "y", category="z"))
        again = read_like({"z": [2**53 + 1]}, encoding, targets=False)
        assert encode_inputs(encoding, again).tolist() == [[0, 0, 1]]

    def test_missing_whole_numbers_stay_missing(self):
        frame = pd.DataFrame({"z": pd.array([2**53 + 1, None, 7], "Int64"), "y": [1.5, 2, 3]})
        column = read_table(frame, "y", category="z", missing="fill").inputs[0]
        assert (column.categories, column.values.tolist()) == (("7", "9007199254740993"), [1, -1, 0])

    def test_class_numbers_that_run_together_are_refused(self):
        columns = {"x": [1, 2, 3], "y": self.BIG}
        with pytest.raises(TableError, match=r"'y' holds 9007199254740992\.0?; .* --category y to tell them"):
            read_table(columns, "y", task="classification")
        assert read_table(columns, "y", category="y").task == "multiclass"

    @pytest.mark.parametrize(
        "day",
        [
            "2024-01-31",
            "2024-01-31T10:20",
            "2024-01-31 10:20:30.5",
            "2024-01-31T10:20:30Z",
            "2024-01-31 10:20:30+01:00",
        ],
    )
    def test_iso_dates_are_refused_as_in_dataframes(self, write, day):
        path = write(f"x,day,y\n1,unknown,1\n2,{day},2\n3,2023-12-31,3\n")
        with pytest.raises(TableError) as caught:
            read_table(path, "y")
        assert str(caught.value) == (
            f"t.csv line 3 column 'day': {day!r} is a date or time, not a number; make it one (days, hours), "
            "or --ignore day, or --category day to read dates as words"
        )
        assert read_table(path, "y", category="day").inputs[1].categories == ("2023-12-31", day, "unknown")
        assert len(read_table(path, "y", ignore="day").inputs) == 1

    def test_words_that_only_begin_like_dates_are_words(self, write):
        path = write("s,y\n2024-01-31-A,1\n2024-1-3,2\n2024-01,3\n")
        assert read_table(path, "y").inputs[0].kind == "category"

    def test_mixed_columns_may_be_named_categories(self, write):
        assert read_table(write("z,y\n10,1\nb,2\n"), "y", category=("z",)).inputs[0].categories == ("10", "b")


class TestTask:
    @pytest.mark.parametrize(
        "y, task, kind, classes",
        [
            (["1", "2.5"], "regression", "number", ()),
            (["0", "2"], "regression", "number", ()),
            (["1", "1"], "regression", "number", ()),
            (["0", "1"], "binary", "category", ("0", "1")),
            (["1.0", "0"], "binary", "category", ("0", "1")),
            (["True", "false"], "binary", "yes/no", ("false", "True")),
            (["cat", "dog"], "binary", "category", ("cat", "dog")),
            (["cat", "dog", "ant"], "multiclass", "category", ("ant", "cat", "dog")),
        ],
    )
    def test_is_guessed_from_the_target(self, y, task, kind, classes):
        table = read_table({"x": range(len(y)), "y": y}, "y")
        target = table.targets[0]
        assert (table.task, target.kind, target.categories) == (task, kind, classes)

    def test_can_be_told(self):
        columns = {"x": [1, 2, 3], "y": [3, 4.5, 10], "z": [0, 1, 1]}
        table = read_table(columns, "y", task="classification", ignore="z")
        assert (table.task, table.targets[0].categories) == ("multiclass", ("3", "4.5", "10"))
        assert read_table(columns, "z", task="regression").task == "regression"
        assert read_table(columns, "y", category="y").task == "multiclass"

    def test_several_targets(self):
        columns = {"x": [1, 2], "p": [0, 1], "q": ["no", "yes"], "r": [1.5, 2], "s": [3, 4]}
        assert read_table(columns, ("r", "s")).task == "regression"
        assert read_table(columns, ("p", "r")).task == "regression"
        both = read_table(columns, ["p", "q"])
        assert both.task == "binary"
        assert [column.categories for column in both.targets] == [("0", "1"), ("no", "yes")]

    def test_the_positive_class_is_said(self):
        notes = read_table({"x": [1, 2], "y": ["yes", "no"]}, "y").notes
        assert any("an output near 1 means 'yes'" in note for note in notes)


class TestMissing:
    text = "x,s,y\n1,u,1\nNA,?,2\n3, None ,\n4,v,n/a\n5,v,5\n"

    def test_refused_by_place(self, write):
        with pytest.raises(TableError, match=r"t.csv line 3 column 'x': missing value \(3 of 5 rows lack one\)"):
            read_table(write(self.text), "y")

    def test_drop_keeps_the_line_numbers_and_only_categories_in_use(self, write):
        table = read_table(write(self.text), "y", missing="drop")
        assert values(table) == {"x": [1, 5], "s": [0, 1], "y": [1, 5]}
        assert table.rows.tolist() == [0, 4]
        assert table.where(1, "s") == "t.csv line 6 column 's'"
        assert "left out 3 of 5 rows with a missing value (x, s, y)" in table.notes
        lost = read_table({"s": ["a", "b", "c"], "x": [1, None, 3], "y": [1, 2, 3]}, "y", missing="drop")
        assert (lost.inputs[0].categories, lost.inputs[0].values.tolist()) == (("a", "c"), [0, 1])

    def test_fill_leaves_inputs_to_the_encoding_but_not_targets(self, write):
        with pytest.raises(TableError, match=r"line 4 column 'y': missing value.*only inputs can be filled"):
            read_table(write(self.text), "y", missing="fill")
        table = read_table(write("x,s,y\n1,u,1\nNA,?,2\n"), "y", missing="fill")
        assert np.isnan(table.inputs[0].values[1])
        assert table.inputs[1].values.tolist() == [0, -1]


class TestFrames:
    columns = {  # noqa: RUF012
        "n": [1, None, 3],
        "w": ["b", "a", None],
        "t": [True, False, None],
        "y": [1.5, 2.5, 3.5],
    }

    @pytest.mark.parametrize(
        "frame",
        [
            pl.DataFrame(columns),
            pa.table(columns),
            pd.DataFrame(columns),
            pd.DataFrame(columns).convert_dtypes(),
            columns,
        ],
        ids=["polars", "pyarrow", "pandas", "pandas nullable", "mapping"],
    )
    def test_the_same_table_from_every_kind(self, frame):
        table = read_table(frame, "y", missing="fill")
        number, word, answer = table.inputs
        np.testing.assert_array_equal(number.values, [1, np.nan, 3])
        assert (word.categories, word.values.tolist()) == (("a", "b"), [1, 0, -1])
        assert answer.kind == "yes/no"
        np.testing.assert_array_equal(answer.values, [1, 0, np.nan])
        assert table.targets[0].values.tolist() == [1.5, 2.5, 3.5]
        with pytest.raises(TableError, match=r"^row 2 \(index 1\) column 'n': missing value"):
            read_table(frame, "y")

    def test_missing_objects_of_pandas(self):
        with pytest.raises(TableError, match=r"row 2 \(index 1\) column 'x': missing value"):
            read_table({"x": ["a", pd.NA, pd.NaT], "y": [1.5, 2, 3]}, "y")

    def test_parquet_is_told_by_content(self, tmp_path):
        path = tmp_path / "t.data"
        pl.DataFrame(self.columns).write_parquet(path)
        assert values(read_table(path, "y", missing="drop")) == {"n": [1], "w": [0], "t": [1], "y": [1.5]}
        with pytest.raises(TableError, match=r"t.data row 2 \(index 1\) column 'n'"):
            read_table(path, "y")

    def test_categoricals_stay_categories(self):
        frame = pd.DataFrame({"z": pd.Categorical([10, 9, 10]), "y": [1.5, 2, 3]})
        assert read_table(frame, "y").inputs[0].categories == ("9", "10")

    @pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame, dict])
    def test_dates_are_refused_unless_ignored(self, frame):
        days = np.array(["NaT", "2020-01-01", "2020-01-02"], dtype="datetime64[us]")
        frame = frame({"day": days, "x": [1, 2, 3], "y": [1.5, 2, 3]})
        said = r"^row 2 \(index 1\) column 'day': '2020-01-01.*' is a date or time, not a number; make it one"
        with pytest.raises(
            TableError, match=f"{said} .*, or --ignore day, or --category day to read dates as words$"
        ):
            read_table(frame, "y")
        assert read_table(frame, "y", ignore="day").inputs[0].name == "x"
        column = read_table(frame, "y", category="day", missing="fill").inputs[0]
        assert (column.kind, column.values.tolist()) == ("category", [-1, 0, 1])
        assert [word[:10] for word in column.categories] == ["2020-01-01", "2020-01-02"]

    @pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame, dict])
    def test_spans_of_time_are_refused_too(self, frame):
        spans = np.array([1, 2], dtype="timedelta64[us]")
        source = frame({"span": spans, "x": [1, 2], "y": [1.5, 2]})
        with pytest.raises(TableError, match=r"column 'span': .* is a date or time"):
            read_table(source, "y")
        encoding = fit_encoding(read_table({"span": [1, 2], "y": [1.5, 2]}, "y"))
        with pytest.raises(TableError, match=r"column 'span': .* is not a number"):
            read_like(source, encoding, targets=False)

    def test_what_is_no_table_is_refused(self):
        for thing in (3, pl.LazyFrame({"x": [1]}), pd.Series([1])):
            with pytest.raises(WrongTypeError, match="a table cannot be read from"):
                read_table(thing, "y")
        with pytest.raises(WrongTypeError, match="table_from_arrays"):
            read_table(np.eye(2), "y")
        with pytest.raises(TableError, match="same name"):
            read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]), "a")
        with pytest.raises(TableError, match="differ in length: x 2, y 1"):
            read_table({"x": [1, 2], "y": [1]}, "y")
        with pytest.raises(TableError, match=r"column 'x' has shape \(2, 2\)"):
            read_table({"x": np.eye(2), "y": [1, 2]}, "y")
        with pytest.raises(TableError, match="no single value"):
            read_table(pl.DataFrame({"x": [[1], [2]], "y": [1, 2]}), "y")


REFUSED = [
    ("", {}, "t.csv is empty"),
    ("x,y\n", {}, "t.csv has a header and no rows"),
    ("1,2\n3,4\n", {}, "t.csv line 1: only numbers where column names should be; --no-header"),
    ("x,x\n1,2\n", {}, "t.csv line 1: columns 1 and 2 are both called 'x'"),
    ("x,y\n1,2\n\n3\n", {}, "t.csv line 4: 1 field where the header has 2"),
    ('x,y\n"a\nb",2\n3,4,5\n', {}, "t.csv line 4: 3 fields where the header has 2"),
    ('x,y\n"5,2\n6,3\n', {}, "t.csv line 2: 1 field .* closing quote"),
    ("x,y\n1,2\n2,3\na,4\n", {}, "line 4 column 'x': 'a' is a word in a column of numbers.*--category x"),
    ("x,y\na,2\nb,3\n4,4\n", {}, "line 4 column 'x': '4' is a number in a column of words"),
    ('x,y\n"1,234",2\n"5,678",3\n', {}, "line 2 column 'x': '1,234' is not a number .*thousands"),
    ("x,y\n1,2\n50%,3\n", {}, "line 3 column 'x': '50%' .*percent"),
    ("x,y\n$5,2\n$6,3\n", {}, "line 2 column 'x': '\\$5' .*currency"),
    ("x;y\n1,5;2\n2.5;3\n", {}, "line 2 column 'x': '1,5' .*--decimal ,"),
    ("x;y\n1,5;2\n2.5;3\n", {"decimal": ","}, r"line 3 column 'x': '2.5' .*--decimal \."),
    ("x,y\n1,2\n-nan,3\n", {}, "line 3 column 'x': '-nan' is a word in a column of numbers"),
    ("a b,y\n1 1,2\n1 1,2\n1 1,2,3\n", {}, r"line 4: 3 fields where the header has 2 \(delimiter ','\)"),
    ("x,y\n1,2\ninf,3\n", {}, "line 3 column 'x': 'inf' is infinite"),
    ("x,y\n1,2\n1e999,3\n", {}, "line 3 column 'x': '1e999' is infinite"),
    ("x,y\n,1\nNA,2\n", {}, "column 'x': the whole column is empty; --ignore x"),
    (b"x,y\n1,2\n\x00,3\n", {}, "t.csv line 3: a NUL byte"),
    (b"PK\x03\x04x", {}, "spreadsheet"),
    (b"PAR1xxxx", {}, "begins as Parquet but cannot be read"),
    (b"x,y\n\x81,2\n", {}, "t.csv line 2: byte 0x81 is not cp1252"),
    (b"x,y\n\xff,2\n", {"text_encoding": "utf-8"}, "t.csv line 2: byte 0xff is not utf-8"),
    ("x,y\n1,2\n", {"text_encoding": "klingon"}, "no text encoding is called 'klingon'"),
    ("x,y\n1,2\n", {"delimiter": ";;"}, "delimiter ';;'"),
    ("x,y\n1,2\n", {"decimal": "x"}, "decimal sign 'x'"),
    ("x,y\n1,2\n", {"delimiter": ";"}, "--target 'y' is not a column of t.csv; .*--delimiter"),
    ("x,price\n1,2\n", {"target": "prise"}, "--target 'prise' is not a column .* did you mean 'price'"),
    ("x,y\n1,2\n", {"ignore": "z"}, "--ignore 'z' is not a column of t.csv; it has x, y"),
    ("x,y\n1,2\n", {"category": "z"}, "--category 'z' is not a column"),
    ("x,y\n1,2\n", {"row_weight": "z"}, "--row-weight 'z' is not a column"),
    ("x,y\n1,2\n", {"ignore": "y"}, "--ignore 'y' is also named by --target"),
    ("x,y\n1,2\n", {"ignore": "x", "category": "x"}, "--category 'x' is also named by --ignore"),
    ("x,y\n1,2\n", {"target": ("y", "y")}, "--target 'y' is given twice"),
    ("x,y\n1,2\n", {"target": ()}, "no --target is given; t.csv has x, y"),
    ("x,y\n1,2\n", {"ignore": "x"}, "no column left as an input"),
    ("x,y\n1,2\n", {"missing": "fil"}, "missing: 'fil' .* did you mean 'fill'"),
    ("x,y\n1,2\n", {"task": "classes"}, "task: 'classes'"),
    ("x,y\n,1\n2,\n", {"missing": "drop"}, "--missing drop leaves none"),
    ("x,w,y\n1,1,1\n2,-2,2\n", {"row_weight": "w"}, "line 3 column 'w': row weight -2"),
    ("x,w,y\n1,0,1\n2,0,2\n", {"row_weight": "w"}, "column 'w': every row weight is 0"),
    ("x,w,y\n1,0,1\n2,,2\n", {"row_weight": "w"}, "line 3 column 'w': missing value"),
    ("x,w,y\n1,0,1\n2,a,2\n", {"row_weight": "w"}, "line 3 column 'w': 'a' is not a number"),
    ("x,y\n1,a\n2,a\n", {}, "column 'y': every row is 'a'; classification needs"),
    ("x,y\n1,a\n2,b\n", {"task": "regression"}, "column 'y' holds 'a', 'b', not numbers"),
    ("x,y,z\n1,a,1\n2,b,2\n", {"target": ("y", "z")}, "several targets must .*'y' is not"),
    ("x,y,z\n1,0,1\n2,0,0\n", {"target": ("y", "z")}, "column 'y': every row is '0'"),
    ("i,y\n" + "".join(f"n{k},{k}\n" for k in range(101)), {}, "column 'i': 101 different words in 101 rows"),
    (
        "x,y\n" + "".join(f"1,{k}\n" for k in range(1001)),
        {"task": "classification"},
        "'y' has 1,001 classes.*--task regression",
    ),
]


@pytest.mark.parametrize("content, options, message", REFUSED)
def test_refused_in_one_line_that_names_the_place(write, content, options, message):
    with pytest.raises(InputError, match=message) as error:
        read_table(write(content), **({"target": "y"} | options))
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_opened(tmp_path, write, monkeypatch):
    with pytest.raises(TableError, match="no such file"):
        read_table(tmp_path / "none.csv", "y")
    with pytest.raises(TableError, match="is a directory"):
        read_table(tmp_path, "y")

    def denied(path):
        raise PermissionError

    path = write("x,y\n1,2\n")
    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(TableError, match="no permission"):
        read_table(path, "y")


def test_an_insisted_category_may_have_many_words(write):
    path = write("i,y\n" + "".join(f"n{k},{k}\n" for k in range(150)))
    assert len(read_table(path, "y", category="i").inputs[0].categories) == 150
    few = write("i,y\n" + "".join(f"n{k % 101},{k}\n" for k in range(202)))
    assert len(read_table(few, "y").inputs[0].categories) == 101


def test_row_weights(write):
    table = read_table(write("x,w,y\n1,0.5,1\n2,2,2\n"), "y", row_weight="w")
    assert table.row_weights.tolist() == [0.5, 2]
    assert [column.name for column in table.inputs] == ["x"]


class TestReadLike:
    def test_same_columns_in_the_models_order_others_ignored(self, write):
        encoding = fit_encoding(read_table({"a": [1, 2], "s": ["u", "v"], "y": ["no", "yes"]}, "y"))
        new = read_like(write("junk,s,a\n1/2,v,5\n?,u,6\n"), encoding, targets=False)
        assert [column.name for column in new.inputs] == ["a", "s"]
        assert encode_inputs(encoding, new).tolist() == [[7, 0, 1], [9, 1, 0]]
        assert (new.targets, new.task) == ((), "binary")
        with pytest.raises(TableError, match=r"lacks the column y, .* it has junk, s, a"):
            read_like(write("junk,s,a\n1,v,5\n"), encoding, targets=True)

    def test_codes_follow_the_model_not_the_new_rows(self):
        encoding = fit_encoding(
            read_table({"s": ["a", "b", "c"], "x": [1, 2, 3], "y": [1, 5, 10]}, "y", category="y")
        )
        new = read_like({"s": ["c"], "x": [2], "y": ["10.0"]}, encoding, targets=True)
        assert new.inputs[0].categories == ("a", "b", "c")
        assert new.targets[0].values.tolist() == [2]
        assert encode_targets(encoding, new).tolist() == [[0, 0, 1]]

    def test_a_number_among_words_is_known_in_any_spelling(self):
        train = {"z": ["10", "b"], "y": [1.5, 2]}
        encoding = fit_encoding(read_table(train, "y", category="z"))
        new = read_like({"z": ["10.0", "b", "c"]}, encoding, targets=False)
        assert (new.inputs[0].categories, new.inputs[0].values.tolist()) == (("10", "b", "c"), [0, 1, 2])

    def test_a_zip_code_is_not_known_by_its_number(self, write):
        encoding = fit_encoding(read_table(write("z,y\n0123,1\n456,2\n"), "y", category="z"))
        new = read_like({"z": [123, 456]}, encoding, targets=False)
        assert (new.inputs[0].categories, new.inputs[0].values.tolist()) == (("0123", "456", "123"), [2, 1])
        new = read_like({"z": ["0456", "456.0"]}, encoding, targets=False)
        assert (new.inputs[0].categories, new.inputs[0].values.tolist()) == (("0123", "456", "0456"), [2, 1])

    def test_two_spellings_of_one_number_are_known_by_their_spelling(self, write):
        encoding = fit_encoding(read_table(write("z,y\n1.1,1\n1.10,2\n2.0,3\n"), "y", category="z"))
        new = read_like({"z": ["1.10", "1.1", "1.100", "2"]}, encoding, targets=False)
        assert new.inputs[0].categories == ("1.1", "1.10", "2.0", "1.100")
        assert new.inputs[0].values.tolist() == [1, 0, 3, 2]

    def test_yes_no_in_any_spelling_even_if_all_are_the_same(self):
        encoding = fit_encoding(read_table({"b": ["No", "yes"], "y": [1.5, 2]}, "y"))
        assert encode_inputs(encoding, read_like({"b": ["YES", "yes"]}, encoding, targets=False)).tolist() == [
            [1],
            [1],
        ]
        with pytest.raises(TableError, match=r"row 1 .* 'maybe' is not known to the model; it knows No, yes"):
            read_like({"b": ["maybe"]}, encoding, targets=False)

    def test_unknown_classes_and_wrong_kinds_are_refused(self, write):
        encoding = fit_encoding(read_table({"x": [1, 2], "y": ["cat", "dog"]}, "y"))
        with pytest.raises(TableError, match=r"line 3 column 'y': 'cats' is not known .* did you mean 'cat'"):
            read_like(write("x,y\n1,dog\n2,cats\n"), encoding, targets=True)
        with pytest.raises(TableError, match="line 2 column 'x': 'one' is not a number"):
            read_like(write("x,y\none,dog\n"), encoding, targets=True)

    def test_missing_is_filled_refused_or_dropped(self):
        train = {"x": [1.0, 3.0], "s": ["u", "v"], "y": [1.5, 2]}
        new = {"x": [None, 3.0], "s": ["v", "u"]}
        strict = fit_encoding(read_table(train, "y"))
        with pytest.raises(TableError, match=r"column 'x': missing value .*trained without a value to fill in"):
            read_like(new, strict, targets=False)
        assert read_like(new, strict, targets=False, missing="drop").rows.tolist() == [1]
        filling = fit_encoding(read_table(train, "y"), missing="fill")
        assert encode_inputs(filling, read_like(new, filling, targets=False))[0].tolist() == [0, 0, 1]
        with pytest.raises(InputError, match="missing: 'fill'"):
            read_like(new, strict, targets=False, missing="fill")


def test_read_again_gives_the_same_rows_and_refuses_a_changed_file(write):
    path = write("# c\nw;x;s;y\n1;1,5;a;3\n2;;b;4\n0;2,5;c;5\n".encode("utf-16"))
    table = read_table(path, "y", missing="drop", row_weight="w")
    encoding = fit_encoding(table)
    again = read_again(table.source, encoding)
    assert values(again) == values(table)
    assert again.row_weights.tolist() == table.row_weights.tolist() == [1, 0]
    assert again.rows.tolist() == [0, 2]
    assert again.source == table.source
    path.write_bytes(path.read_bytes() + b"\n\0")
    with pytest.raises(TableError, match="its content has changed"):
        read_again(table.source, encoding)


def test_a_table_is_found_again_from_another_folder(write, tmp_path, monkeypatch):
    path = write("x,y\n1,2\n3,4\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("t.csv", "here/../t.csv", Path("t.csv")):
        table = read_table(name, "y")
        assert table.source.path == str(path)
        assert repr(table).startswith("Table t.csv: 2 rows")
    pl.DataFrame({"x": [1.5], "y": [2.5]}).write_parquet("t.parquet")
    assert read_table("t.parquet", "y").source.path == str(tmp_path / "t.parquet")
    monkeypatch.chdir("here")
    encoding = fit_encoding(table)
    assert values(read_again(table.source, encoding)) == values(table)
    moved = path.rename(tmp_path / "there" / "t.csv")
    found = read_again(table.source, encoding, tmp_path / "there")
    assert (values(found), found.source.path) == (values(table), str(moved))
    for beside in (None, tmp_path / "here"):
        with pytest.raises(TableError, match=r"t\.csv: no such file"):
            read_again(table.source, encoding, beside)
    moved.write_bytes(b"x,y\n1,2\n3,5\n")
    with pytest.raises(
        TableError, match=r"^t\.csv is not the file the model was trained on: its content has changed$"
    ):
        read_again(table.source, encoding, tmp_path / "there")
    path.write_bytes(b"x,y\n1,2\n3,4\n")  # what is where it was is not looked for elsewhere
    assert values(read_again(table.source, encoding, tmp_path / "there")) == values(table)


@pytest.mark.parametrize("setting", ["target", "ignore", "category", "row_weight"])
@pytest.mark.parametrize("name", [3, 2.5, ("x", 3), [None]])
def test_names_that_are_no_text_are_one_line(setting, name):
    named = {"target": "y", setting: name}
    with pytest.raises(WrongTypeError) as caught:
        read_table({"x": [1, 2], "y": [1.5, 2], "3": [1, 2]}, **named)
    option = "--" + setting.replace("_", "-")
    found = name if setting == "row_weight" else name[-1] if isinstance(name, tuple | list) else name
    assert str(caught.value) == f"{option} is {found!r}, but must be a column's name, as in 'x'"


@pytest.mark.parametrize("quoted", [True, False])
def test_a_field_may_be_long(write, quoted):
    long = "ab c" * 40_000  # 160,000 characters; the csv module's usual limit is 131,072
    field = f'"{long},\n"' if quoted else long
    path = write(f"s,y\n{field},1\nx,2\n{field},3\n")
    limit = csv.field_size_limit(131_072)
    try:
        table = read_table(path, "y")
        assert table.where(2, "s") == f"t.csv line {5 if quoted else 4} column 's'"
        assert table.inputs[0].categories == ((long + ",", "x") if quoted else (long, "x"))
        odd = write(f's,y\n{field},1\nx "y" z,2\n')  # a quote within a field: split by the csv module
        assert read_table(odd, "y").inputs[0].categories[1] == 'x "y" z'
        with pytest.raises(TableError, match="is a closing quote missing"):
            read_table(write(f's,y\n"{long},1\nx,2\n'), "y")
    finally:
        csv.field_size_limit(limit)


def test_one_is_said_as_one(write):
    table = read_table(write("x,y\n1,2\n"), "y")
    assert repr(table).startswith("Table t.csv: 1 row, regression\n")
    assert table.notes[0] == "t.csv: 1 row, delimiter ','"
    wide = read_table({**{f"x{k}": [1.5, 2] for k in range(21)}, "y": [1, 2]}, "y")
    assert "  ... and 1 more input\n" in repr(wide)
    wider = read_table({**{f"x{k}": [1.5, 2] for k in range(22)}, "y": [1, 2]}, "y")
    assert "  ... and 2 more inputs\n" in repr(wider)
    with pytest.raises(TableError, match=r"missing value \(1 of 2 rows lacks one\)"):
        read_table({"x": [1, None], "y": [1, 2]}, "y")


class TestArrays:
    def test_names_shapes_and_tasks(self):
        table = table_from_arrays(np.arange(6).reshape(3, 2), [1.5, 2, 3], row_weights=[1, 2, 3])
        assert values(table) == {"x1": [0, 2, 4], "x2": [1, 3, 5], "y": [1.5, 2, 3]}
        assert (table.task, table.row_weights.tolist()) == ("regression", [1, 2, 3])
        assert table_from_arrays([1, 2], ["a", "b"]).task == "binary"
        two = table_from_arrays([1, 2], np.eye(2), input_names=["t"], target_names=["p", "q"])
        assert (two.task, list(values(two))) == ("binary", ["t", "p", "q"])

    @pytest.mark.parametrize(
        "x, y, names, message",
        [
            (np.zeros((2, 2, 2)), [1, 2], None, r"x has shape \(2, 2, 2\)"),
            ([[1, 2]], [1], ["a"], "^x has 2 columns; as many different names are needed$"),
            ([1, 2], [1, 2.5], ["y"], "'y' names an input and a target"),
            ([1, 2], [1, 2.5, 3], None, "differ in length: x 2, y 3"),
            ([1, np.nan], [1, 2.5], None, r"row 2 \(index 1\) column 'x': missing value"),
            ([1, np.inf], [1, 2.5], None, r"row 2 \(index 1\) column 'x': 'inf' is infinite"),
        ],
    )
    def test_refused(self, x, y, names, message):
        with pytest.raises(InputError, match=message):
            table_from_arrays(x, y, input_names=names)


class TestDiamonds:
    def test_agrees_with_pandas_and_is_fast(self):
        path = diamonds()
        read_table(path, "price")  # the first call imports polars
        begin = time.process_time()  # of every thread, so that a busy machine is no failure
        table = read_table(path, "price")
        assert time.process_time() - begin < 1.0
        truth = pd.read_csv(path)
        assert len(table) == len(truth) == 53940
        for column in (*table.inputs, *table.targets):
            if column.kind == "number":
                assert np.array_equal(column.values, truth[column.name])
            else:
                assert np.array_equal(np.array(column.categories)[column.values], truth[column.name])
        assert table.where(53939, "price") == "diamonds.csv line 53941 column 'price'"

    def test_cut_is_five_classes(self):
        table = read_table(diamonds(), "cut")
        assert table.task == "multiclass"
        assert table.targets[0].categories == ("Fair", "Good", "Ideal", "Premium", "Very Good")
        assert np.bincount(table.targets[0].values).tolist() == [1610, 4906, 21551, 13791, 12082]


class TestClassesComeBackAsTheTargetHeldThem:
    """`(run.predict(d).classes == d.target).mean()` is an accuracy, not silently 0."""

    @pytest.mark.parametrize(
        ("y", "options", "wanted"),
        [
            (np.array([0, 1, 0]), {}, [0, 1]),
            (np.array([0.0, 1.0, 0.0]), {}, [0, 1]),
            (np.array([3, -1, 7], np.int8), {"task": "classification"}, [-1, 3, 7]),
            (np.array([3, 1, 7]), {"category": "y"}, [1, 3, 7]),
            (np.array([True, False, True]), {}, [False, True]),
            (np.array(["0", "1", "0"]), {}, ["0", "1"]),
            (np.array(["True", "False", "True"]), {}, ["False", "True"]),
            (np.array(["b", "a", "c"]), {}, ["a", "b", "c"]),
            (np.array([1.5, 2, 1.5]), {"task": "classification"}, ["1.5", "2"]),
        ],
        ids=["0/1", "floats", "int8", "category", "bool", "digits", "words of bools", "words", "halves"],
    )
    @pytest.mark.parametrize("make", [dict, pl.DataFrame, pd.DataFrame], ids=["dict", "polars", "pandas"])
    def test_from_python(self, y, options, wanted, make):
        encoding = fit_encoding(read_table(make({"x": [1, 2, 3], "y": y}), "y", **options))
        found = decode_classes(encoding, np.eye(len(wanted)) if len(wanted) > 2 else np.array([[0.1], [0.9]]))
        assert found.tolist() == wanted
        assert found.dtype.kind == np.array(wanted).dtype.kind

    def test_from_objects_and_categories(self):
        answers = [True, None, False]
        for y in (answers, pd.array(answers, "boolean"), pd.Categorical(answers)):
            table = read_table(pd.DataFrame({"x": [1, 2, 3], "y": y}), "y", missing="drop")
            assert decode_classes(fit_encoding(table), np.array([[0.1], [0.9]])).tolist() == [False, True]
        table = read_table(pd.DataFrame({"x": [1, 2, 3], "y": pd.Categorical([4, 5, 4])}), "y")
        assert decode_classes(fit_encoding(table), np.array([[0.1], [0.9]])).tolist() == [4, 5]

    @pytest.mark.parametrize(
        ("y", "options", "wanted"),
        [
            ("0 1", {}, [0, 1]),
            ("7 2", {"category": "y"}, [2, 7]),
            ("0123 123", {"category": "y"}, ["123", "0123"]),
            ("true false", {}, ["false", "true"]),
            ("a b", {}, ["a", "b"]),
        ],
    )
    def test_from_a_file(self, write, y, options, wanted):
        path = write("x,y\n" + "".join(f"{k},{word}\n" for k, word in enumerate(y.split())))
        encoding = fit_encoding(read_table(path, "y", **options))
        assert decode_classes(encoding, np.array([[0.1], [0.9]])).tolist() == wanted

    def test_several_targets_that_differ_come_as_words(self):
        table = read_table({"x": [1, 2], "a": [0, 1], "b": [True, False]}, ("a", "b"))
        assert decode_classes(fit_encoding(table), np.array([[0.9, 0.1]])).tolist() == [["1", "false"]]
        table = read_table({"x": [1, 2], "a": [0, 1], "b": [1, 0]}, ("a", "b"))
        assert decode_classes(fit_encoding(table), np.array([[0.9, 0.1]])).tolist() == [[1, 0]]


class TestNotes:
    def test_words_that_differ_by_case_or_space_are_named(self, write):
        table = read_table(write("s,b,y\nMale,x y,1.5\nmale ,X  Y,2\nfemale,z,3\n"), "y")
        assert table.notes[-2:] == (
            "s holds 'Male' and 'male': words that differ only by case or space",
            "b holds 'X  Y' and 'x y': words that differ only by case or space",
        )
        table = read_table(write("x,y\n1,Yes\n2,yes\n3,no\n4,No\n5,maybe\n5,maybe\n"), "y")
        assert "y holds 'No' and 'no', 'Yes' and 'yes': words that differ only by case or space" in table.notes

    def test_a_class_of_one_row_is_named(self, write):
        assert read_table(write("x,y\n1,a\n2,a\n3,b\n"), "y").notes[-1] == "y: the class 'b' has one row only"
        notes = read_table({"x": [1, 2, 3, 4], "y": [0, 1, 2, 2]}, "y", task="classification").notes
        assert notes[-1] == "y: the classes '0', '1' have one row only"

    @pytest.mark.parametrize(
        ("y", "options", "strong"),
        [
            ([3, 5, 6, 5], {}, True),
            ([*range(10), 9], {}, True),
            ([*range(11), 9], {}, False),
            ([3, 5, 6], {}, False),  # no number occurs again
            ([3, 5, 6.5, 5], {}, False),
            ([3, 5, 6, 5], {"task": "regression"}, False),
            ([3, 3], {}, False),
        ],
    )
    def test_few_whole_numbers_may_be_classes(self, y, options, strong):
        table = read_table({"x": range(len(y)), "y": y}, "y", **options)
        assert table.task == "regression"
        assert ("if they name classes, say --task classification" in table.notes[-1]) == strong
