"""How a delimited text file is written: its encoding, delimiter, decimal sign, comment lines and column names.

What nobody says is guessed from the first 64 kB.
"""

from __future__ import annotations

import codecs
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from whygrad.delimited import records
from whygrad.errors import InputError, TableError

SAMPLE = 65536
DELIMITERS = "\t;|, "  # where two fit equally well the earlier one: commas and spaces also occur in values
DELIMITER_NAMES = {"\t": "tab", " ": "space"}
DELIMITER_WORDS = {"tab": "\t", "\\t": "\t", "space": " "}
FOREIGN = {
    b"PK\x03\x04": "a spreadsheet or zip file; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save it as CSV",
    b"\x1f\x8b": "a gzip file; unpack it first",
}

POINT_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
COMMA_NUMBER = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
SEP_LINE = re.compile(r'"?sep=([,;|:\t ])"?[\r\n]*', re.IGNORECASE)  # what Excel reads, and some programs write
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Dialect:
    """How a delimited text file is written; `text_encoding` is a codec name of Python's.

    `skip_lines` come before the records; `sep_line` says that the first of them names the delimiter (sep=;).
    """

    text_encoding: str
    delimiter: str
    decimal: str
    skip_lines: int
    header: bool
    sep_line: bool = False


def decode(data: bytes, name: str, text_encoding: str | None, option: bool = True) -> tuple[bytes, str]:
    """(the text as UTF-8 without a mark, its codec). Guessed: UTF-8, UTF-16 by its mark, else cp1252.

    `option` says that the caller has one, --text-encoding, to be named where it is no text.
    """
    codec = find_codec(lambda: iter([data]), name, text_encoding, option)
    return b"".join(to_utf8([data], codec)), codec


def find_codec(
    chunks: Callable[[], Iterator[bytes]], name: str, text_encoding: str | None, option: bool = True
) -> str:
    """The codec of the bytes that `chunks` begins to give anew at each call; guessed where it is None.

    Raises `TableError` for what is no text, `InputError` for an encoding that does not exist.
    """
    first = next(chunks(), b"")
    for magic, what in FOREIGN.items():
        if first.startswith(magic):
            raise TableError(f"{name} is {what}")
    utf16 = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        codec = codecs.lookup(text_encoding or ("utf-16" if utf16 else "utf-8")).name
        b"".decode(codec)  # some codecs are of no text
        if codec == "utf-8" and first.startswith(codecs.BOM_UTF8):
            codec = "utf-8-sig"
        wrong = _no_text(chunks(), name, codec, option)
    except LookupError:
        raise InputError(f"no text encoding is called {text_encoding!r}; try utf-8 or cp1252") from None
    if wrong is None:
        return codec
    if text_encoding is None and not utf16 and codec.startswith("utf-8"):
        return find_codec(chunks, name, "cp1252", option)
    raise wrong


def _no_text(chunks: Iterator[bytes], name: str, codec: str, option: bool) -> TableError | None:
    """What is said of bytes that are not what that codec makes of a text; None where all are."""
    decoder, lines = codecs.getincrementaldecoder(codec)(), 1
    for chunk in itertools.chain(chunks, [b""]):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line = lines + error.object.count(b"\n", 0, error.start)
            remedy = (
                "is this a text file? --text-encoding names another encoding" if option else "save it as UTF-8"
            )
            byte = f"byte 0x{error.object[error.start]:02x}"
            return TableError(f"{name} line {line}: {byte} is not {codec} text; {remedy}")
        if "\0" in text:
            line = lines + text.count("\n", 0, text.index("\0"))
            raise TableError(f"{name} line {line}: a NUL byte; this is not a text file")
        lines += chunk.count(b"\n")
    return None


def to_utf8(chunks: Iterable[bytes], codec: str) -> Iterator[bytes]:
    """The text of that codec as UTF-8 without a mark, chunk by chunk."""
    if codec == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(codec)()
    for chunk in chunks:
        yield decoder.decode(chunk).encode()


def guess_dialect(utf8: bytes, codec: str, delimiter: str | None, decimal: str | None, header: bool) -> Dialect:
    """The dialect of a text; what is given is kept, what is None is guessed from the first 64 kB."""
    delimiter = None if delimiter is None else DELIMITER_WORDS.get(delimiter, delimiter)
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise InputError(f"delimiter {delimiter!r}: it must be one character, such as ',' or ';' or tab")
    if decimal not in (None, ".", ","):
        raise InputError(f"decimal sign {decimal!r}: it can be '.' or ','")
    sample = utf8[:SAMPLE]
    if len(utf8) > SAMPLE:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    lines = list(io.StringIO(sample.decode(errors="ignore"), newline=""))
    sep = SEP_LINE.fullmatch(lines[0])
    skip = 0 if sep is None else 1
    while skip < len(lines) and (lines[skip].startswith("#") or not lines[skip].strip()):
        skip += 1
    delimiter = delimiter or (_guess_delimiter(lines[skip:]) if sep is None else sep.group(1))
    rows = _sample_rows(lines[skip:], delimiter)
    if header and skip > (sep is not None) and _is_header(lines[skip - 1], rows, delimiter):
        skip -= 1
    return Dialect(codec, delimiter, decimal or _guess_decimal(rows), skip, header, sep is not None)


def _sample_rows(lines: list[str], delimiter: str) -> list[list[str]]:
    return [[field.strip() for field in fields] for _, fields in records(lines, "sample", delimiter)]


def _guess_delimiter(lines: list[str]) -> str:
    """The delimiter that gives the largest share of lines the same number of fields, at least 2.

    csv.Sniffer is not asked: it takes letters and decimal commas for delimiters where it is unsure.
    """
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        widths = [len(fields) for fields in _sample_rows(lines, delimiter)]
        usual, count = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if usual < 2 or (delimiter == " " and (widths[0] != usual or best_share >= 0.5)):
            continue
        if count / len(widths) > best_share:
            best, best_share = delimiter, count / len(widths)
    return best


def _is_header(comment: str, rows: list[list[str]], delimiter: str) -> bool:
    """Whether a line that starts with # names the columns: as many fields as a line with numbers below."""
    if not rows or not comment.startswith("#"):
        return False
    fields = next(iter(_sample_rows([comment], delimiter)), [])
    return len(fields) == len(rows[0]) > 1 and any(_is_number(field) for field in rows[0])


def _is_number(field: str) -> bool:
    return bool(POINT_NUMBER.fullmatch(field) or COMMA_NUMBER.fullmatch(field))


def _guess_decimal(rows: list[list[str]]) -> str:
    """',' where numbers have decimal commas and none has a point, unless all could be thousands (1,234)."""
    fields = [field for row in rows for field in row]
    if any("." in field and POINT_NUMBER.fullmatch(field) for field in fields):
        return "."
    commas = [field for field in fields if "," in field and COMMA_NUMBER.fullmatch(field)]
    return "," if any(not THOUSANDS.fullmatch(field) for field in commas) else "."


def column_names(
    first: list[str], where: str, dialect: Dialect, sure: bool = False
) -> tuple[tuple[str, ...], frozenset[str]]:
    """(column names, those made up here) from the first record; numbers are names only if the caller is `sure`."""
    if not dialect.header:
        return tuple(f"column_{k}" for k in range(1, len(first) + 1)), frozenset()
    fields = [field.strip() for field in first]
    filled = [field for field in fields if field]
    if filled and not sure and all(_is_number(field) for field in filled):
        raise TableError(
            f"{where}: only numbers where column names should be; --no-header if there are none, "
            "--header if numbers are the names"
        )
    if fields[0].startswith("#") and len(fields[0]) > 1:
        fields[0] = fields[0].lstrip("# ")
    nameless = [k for k, field in enumerate(fields) if not field]
    for k in nameless:
        fields[k] = f"column_{k + 1}"
    for k, field in enumerate(fields):
        if field in fields[:k]:
            at = fields.index(field)
            raise TableError(f"{where}: columns {at + 1} and {k + 1} are both called {field!r}; rename one")
    return tuple(fields), frozenset(fields[k] for k in nameless)
