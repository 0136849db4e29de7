"""From the cells of one column to a `Column`: which cells are numbers, which words, which are missing.

A column has one kind. Numbers and words in one column are refused with the place of the first offender,
because a slip in one cell would otherwise turn a column of numbers into a thousand categories.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from whygrad.encoding import ColumnCode, unknown_word
from whygrad.errors import TableError
from whygrad.table import Column, Floats, Held

if TYPE_CHECKING:
    import polars as pl

MISSING_WORDS = ["", "na", "n/a", "nan", "null", "none", "?"]
YES_NO = [("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t")]

GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([,.'\s]\d{3})+([.,]\d+)?")  # 0.125 is no thousands
POINT_THOUSANDS = r"^[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+$"
INTEGER = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)  # as int64 prints it
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?", re.ASCII)
# a number that loses nothing when it is read as one: not 0123
PLAIN_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*|(?=[.,]\d))([.,]\d*)?([eE][+-]?\d{1,3})?", re.ASCII)
OTHER_DECIMAL = re.compile(r"[+-]?(\d+[.,]\d*|[.,]\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of one column, not yet of one kind; all arrays have shape (rows,).

    `numbers` is NaN where a cell is a word or missing, `is_word` says where it is a word. `text` holds the
    words, null where missing; it is None where the column came as numbers. `place(i)` is the cell's place.
    `exact` makes text of numbers that float64 may not hold; `dates` says that the text was dates and times;
    `unsure` that nobody named the decimal mark, in a file whose kind often groups thousands by points. `held` is
    what its classes may be again; `counts`, where these are some cells of many, how many are words, and numbers.
    """

    name: str
    numbers: Floats
    is_word: NDArray[np.bool_]
    text: pl.Series | None
    place: Callable[[int], str]
    decimal: str = "."
    exact: Callable[[], pl.Series] | None = None
    dates: bool = False
    unsure: bool = False
    held: Held = "integer"
    counts: tuple[int, int] | None = None

    def value(self, i: int) -> str:
        """The cell as text, for a message."""
        return number_text(float(self.numbers[i])) if self.text is None else str(self.text[i])


def cells_of_numbers(
    name: str, numbers: Floats, place: Callable[[int], str], exact: Callable[[], pl.Series] | None = None
) -> Cells:
    """The cells of a column that came as numbers; `exact` gives whole numbers as text, null where missing."""
    return Cells(name, numbers, np.zeros(len(numbers), dtype=bool), None, place, exact=exact)


def cells_of_text(
    name: str, series: pl.Series, place: Callable[[int], str], decimal: str = ".", unsure: bool = False
) -> Cells:
    """The cells of a string series."""
    import polars as pl

    numbers = _to_numbers(series, decimal)
    if numbers.null_count() == 0:
        return Cells(
            name, numbers.to_numpy(), np.zeros(len(series), dtype=bool), series, place, decimal, unsure=unsure
        )
    stripped = series.str.strip_chars()
    missing = stripped.is_null() | stripped.str.to_lowercase().is_in(MISSING_WORDS)
    text = pl.select(pl.when(~missing).then(stripped)).to_series()
    numbers = _to_numbers(text, decimal)
    is_word = (numbers.is_null() & text.is_not_null()).to_numpy()
    return Cells(name, numbers.fill_null(np.nan).to_numpy(), is_word, text, place, decimal, unsure=unsure)


def without(cells: Cells, words: tuple[str, ...]) -> Cells:
    """The cells with these spellings of a missing value taken out as well, upper and lower case alike."""
    import polars as pl

    if not words:
        return cells
    if cells.text is None:
        found = _to_numbers(pl.Series(words, dtype=pl.String), ".").drop_nulls().to_numpy()
        return replace(cells, numbers=np.where(np.isin(cells.numbers, found), np.nan, cells.numbers))
    folded = [word.strip().lower() for word in words]
    gone = cells.text.str.strip_chars().str.to_lowercase().is_in(folded).fill_null(False)
    absent = gone.to_numpy()
    return replace(
        cells,
        numbers=np.where(absent, np.nan, cells.numbers),
        is_word=cells.is_word & ~absent,
        text=pl.select(pl.when(~gone).then(cells.text)).to_series(),
    )


def only_words(cells: Cells) -> Cells:
    """The cells that are words; the others as missing."""
    import polars as pl

    text = pl.select(pl.when(pl.Series(cells.is_word)).then(cells.text)).to_series()
    return replace(cells, numbers=np.full(len(cells.numbers), np.nan), text=text)


def _to_numbers(text: pl.Series, decimal: str) -> pl.Series:
    """float64, null where a cell is no number; a grouped number (1,234 or 1.234,5) is none."""
    import polars as pl

    if decimal == ",":
        commas = text.str.replace(",", ".", literal=True)
        text = pl.select(pl.when(~text.str.contains(".", literal=True)).then(commas)).to_series()
    return text.cast(pl.Float64, strict=False).fill_nan(None)


def guess_column(cells: Cells, as_category: bool) -> Column:
    """The column, its kind guessed; `as_category` makes numbers, mixtures and dates categories."""
    has_number, has_word = not np.isnan(cells.numbers).all(), bool(cells.is_word.any())
    if not has_number and not has_word:
        raise TableError(f"{cells.place(0)}: the whole column is empty; --ignore {cells.name}")
    if as_category:
        return category_column(cells)
    if cells.dates or not has_number:
        _refuse_dates(cells)
    if has_number and has_word:
        raise _mixed(cells)
    if has_number:
        return number_column(cells)
    column = yes_no_column(cells)
    if column is None:
        _refuse_decorated_numbers(cells)
        return category_column(cells)
    return column


def number_column(cells: Cells) -> Column:
    """The cells as float64, NaN where missing; a word or an infinite number is refused."""
    if cells.is_word.any():
        i = int(np.argmax(cells.is_word))
        raise TableError(f"{cells.place(i)}: {cells.value(i)!r} is not a number{_number_hint(cells, i)}")
    _refuse_point_thousands(cells)
    infinite = np.isinf(cells.numbers)
    if infinite.any():
        i = int(np.argmax(infinite))
        raise TableError(f"{cells.place(i)}: {cells.value(i)!r} is infinite; numbers must be finite")
    return Column(cells.name, "number", cells.numbers, held=cells.held)


def category_column(cells: Cells) -> Column:
    """The cells as codes: numbers sorted as numbers where all are numbers, words sorted as words.

    What was text stays as it was written (0123 is not 123), and whole numbers keep every digit.
    """
    import polars as pl

    text = None if cells.text is None else cells.text.str.strip_chars()
    if text is None and cells.exact is not None:
        text = pl.select(pl.when(pl.Series(~np.isnan(cells.numbers))).then(cells.exact())).to_series()
    codes = np.full(len(cells.numbers), -1, dtype=np.int32)
    if text is None:
        number_column(cells)  # infinite numbers are no classes either
        present = ~np.isnan(cells.numbers)
        levels, codes[present] = np.unique(cells.numbers[present], return_inverse=True)
        spelled = tuple(number_text(float(level)) for level in levels)
        return Column(cells.name, "category", codes, spelled, held_as(spelled, cells.held))
    if cells.is_word.any():
        words = text.drop_nulls().unique().sort()
    else:
        frame = pl.DataFrame({"text": text, "number": cells.numbers}).drop_nulls().unique("text")
        words = frame.sort("number", pl.col("text").str.len_chars(), "text")["text"]
    codes[:] = text.cast(pl.Enum(words)).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    spelled = tuple(words.to_list())
    return Column(cells.name, "category", codes, spelled, held_as(spelled, cells.held))


def held_as(words: tuple[str, ...], held: Held) -> Held:
    """What classes of these words can be again: what they were held as, or text where not every word is one."""
    if held == "integer" and not all(INTEGER.fullmatch(word) for word in words):
        return "text"
    if held == "boolean" and not {word.lower() for word in words} <= {"false", "true"}:
        return "text"
    return held


def yes_no_column(cells: Cells) -> Column | None:
    """The cells as 0 and 1 where the words are exactly one yes/no pair in any spelling; else None."""
    if cells.text is None:
        return None
    lower = cells.text.str.to_lowercase()
    pair = tuple(lower.drop_nulls().unique().sort().head(3))
    if pair not in YES_NO:
        return None
    spelled = sorted(cells.text.drop_nulls().unique().to_list(), key=str.lower)
    words = (spelled[0], spelled[1]) if len(spelled) == 2 else pair
    return Column(cells.name, "yes/no", _equals(lower, pair[1]), words, held_as(words, cells.held))


def _equals(text: pl.Series, word: str) -> Floats:
    """(rows,) 1 where equal, 0 where not, NaN where missing."""
    import polars as pl

    values: Floats = (text == word).cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values


def known_column(cells: Cells, code: ColumnCode, is_target: bool) -> Column:
    """The cells as the column a model knows: its kind, its categories in its order.

    A new word of an input is appended to the categories for the encoding to judge; of a target, refused.
    """
    if code.kind == "number":
        return number_column(cells)
    column = category_column(cells)
    fold = str.lower if code.kind == "yes/no" else str
    position = {fold(word): k for k, word in enumerate(code.categories)}
    by_number = _by_number(code.categories)
    categories, renumber = list(code.categories), []
    for k, word in enumerate(column.categories):
        at = position.get(fold(word), by_number.get(_plain_number(word)))
        if at is None and (is_target or code.kind == "yes/no"):
            raise unknown_word(code, word, cells.place(int(np.argmax(column.values == k))))
        if at is None:
            at = len(categories)
            categories.append(word)
        renumber.append(at)
    codes = np.array([*renumber, -1], dtype=np.int32)[column.values]
    if code.kind == "yes/no":
        return Column(code.name, "yes/no", np.where(codes < 0, np.nan, codes), code.categories)
    return Column(code.name, "category", codes, tuple(categories))


def _by_number(words: tuple[str, ...]) -> dict[Decimal | None, int]:
    """The places of the words that are numbers, so that 10.0 is known as 10; not where two are the same number."""
    numbers = [_plain_number(word) for word in words]
    often = Counter(numbers)
    return {number: k for k, number in enumerate(numbers) if number is not None and often[number] == 1}


def _plain_number(word: str) -> Decimal | None:
    """The number a word is, in any spelling that loses nothing; None for 0123 and for what is no number."""
    return Decimal(word.replace(",", ".")) if PLAIN_NUMBER.fullmatch(word) else None


def number_text(number: float) -> str:
    """The shortest text that is this number again: "3", "0.1", "1e+30"."""
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _mixed(cells: Cells) -> TableError:
    """The error for numbers and words in one column; the rarer is the offender, or a number in disguise."""
    numbers = ~np.isnan(cells.numbers)
    n_words, n_numbers = cells.counts or (cells.is_word.sum(), numbers.sum())
    if n_words <= n_numbers or _all_disguised(cells):
        i, rare, common = int(np.argmax(cells.is_word)), "a word", "numbers"
    else:
        i, rare, common = int(np.argmax(numbers)), "a number", "words"
    hint = _number_hint(cells, i) if rare == "a word" else ""
    what = "not a number" if hint else f"{rare} in a column of {common}"
    return TableError(
        f"{cells.place(i)}: {cells.value(i)!r} is {what}{hint}; "
        f"{'' if hint else 'mend it, '}or --category {cells.name} if the column holds categories"
    )


def _refuse_dates(cells: Cells) -> None:
    """Refuses a column of dates: as words every day would be a category of its own."""
    words = [] if cells.text is None else cells.text.drop_nulls().unique().to_list()
    dates = words if cells.dates else [word for word in words if ISO_DATE.fullmatch(word)]
    if cells.text is not None and 2 * len(dates) > len(words):
        i = int(cells.text.is_in(dates).fill_null(False).arg_true()[0])
        raise TableError(
            f"{cells.place(i)}: {cells.value(i)!r} is a date or time, not a number; make it one (days, hours), "
            f"or --ignore {cells.name}, or --category {cells.name} to read dates as words"
        )


def _refuse_decorated_numbers(cells: Cells) -> None:
    """Refuses a column of words that are all numbers with separators, percent or currency signs."""
    if _all_disguised(cells):
        i = int(np.argmax(cells.is_word))
        raise TableError(
            f"{cells.place(i)}: {cells.value(i)!r} is not a number{_number_hint(cells, i)}; "
            f"or --category {cells.name} if the column holds categories"
        )


def _all_disguised(cells: Cells) -> bool:
    """Whether every word is a number with separators, percent or currency signs."""
    if cells.text is None:
        return False
    words = cells.text.filter(cells.is_word).unique().to_list()
    return all(_hint(word, cells.decimal, cells.unsure) for word in words)


def point_sorts(cells: Cells) -> dict[str, NDArray[np.bool_]]:
    """Where cells have a point (rows,), and where one that cannot part thousands; {} where that is no question."""
    if not cells.unsure or cells.text is None:
        return {}
    dotted = cells.text.str.contains(".", literal=True).fill_null(False)
    grouped = cells.text.str.strip_chars().str.contains(POINT_THOUSANDS).fill_null(False)
    return {"dotted": dotted.to_numpy(), "decimal": (dotted & ~grouped).to_numpy()}


def _refuse_point_thousands(cells: Cells) -> None:
    """Refuses 1.000, 12.500 ... where nobody said that the point is the decimal mark and it may part thousands."""
    sorts = point_sorts(cells)
    if sorts and sorts["dotted"].any() and not sorts["decimal"].any():
        i = int(np.argmax(sorts["dotted"]))
        hint = _hint(cells.value(i).strip(), ".", True)
        raise TableError(f"{cells.place(i)}: {cells.value(i)!r} is a number in two ways{hint}")


def _number_hint(cells: Cells, i: int) -> str:
    return _hint(cells.value(i), cells.decimal, cells.unsure)


def _hint(word: str, decimal: str, unsure: bool) -> str:
    """What would make a number of a word that looks like one; empty where it does not."""
    if GROUPED.fullmatch(word):
        return _thousands_hint(word, decimal, unsure)
    if OTHER_DECIMAL.fullmatch(word):
        return f" (is the decimal sign another? --decimal {',' if decimal == '.' else '.'})"
    if re.fullmatch(r"[+-]?[\d.,]+ ?%", word):
        return " (write it without the percent sign)"
    if re.fullmatch(r"[$€£] ?[+-]?[\d.,]+|[+-]?[\d.,]+ ?[$€£]", word):
        return " (write it without the currency sign)"
    return ""


def _thousands_hint(word: str, decimal: str, unsure: bool) -> str:
    """How to write 1,000 or 1.234,5; where the mark may as well be the decimal one, how to say so."""
    marks = re.findall(r"[^\d+-]", word)
    separator, last = marks[0], marks[-1]
    plain = word.replace(separator, "")
    if len(marks) == 1 and unsure and decimal == "." and separator in ".,":
        return (
            f" ({plain} or {word.replace(',', '.')}? write thousands without a separator, "
            f"or say --decimal {separator} if {separator!r} is the decimal mark)"
        )
    mark = f", and --decimal {last}" if last != separator and last != decimal else ""
    return f" ({separator!r} parts thousands; write thousands without a separator, as in {plain}{mark})"
