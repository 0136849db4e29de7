"""Named columns of numbers in a file."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from whygrad.errors import InputError, WrongTypeError
from whygrad.files import refuse_existing, write_bytes


def write_columns(columns: dict[str, NDArray[Any]], path: str | os.PathLike[str], force: bool = False) -> None:
    """Writes named arrays to a .csv or .parquet file, all of it or nothing; numbers read back the same.

    Raises `InputError` for another ending or a file that exists, unless `force`; `OutputError` where it cannot be
    written.
    """
    if not isinstance(path, str | os.PathLike):
        raise WrongTypeError(f"write takes a path, as in 'rows.csv', not a {type(path).__name__}")
    target = Path(path)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"{target}: rows are written as .csv or .parquet; name a file that ends in one of them")
    if not force:
        refuse_existing(target)
    import polars as pl

    frame, stream = pl.DataFrame(columns), BytesIO()
    if target.suffix.lower() == ".csv":
        frame.write_csv(stream)
    else:
        frame.write_parquet(stream)
    write_bytes(stream.getvalue(), target)
