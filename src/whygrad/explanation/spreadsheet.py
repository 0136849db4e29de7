"""A workbook with live formulas: change a weight, an input, the target or the rate, and see everything follow.

Beside each live number stands whygrad's own, and whether they agree.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from whygrad.errors import InputError, WrongTypeError
from whygrad.explanation.cells import Cell, group
from whygrad.explanation.links import Links
from whygrad.explanation.moment import Moment
from whygrad.explanation.rowsheet import add_rows
from whygrad.explanation.stages import Stage, stages
from whygrad.explanation.symbols import Symbols
from whygrad.explanation.workbook import Page, add_page, open_book
from whygrad.files import write_bytes
from whygrad.names import legend
from whygrad.updates import SGD

MOST_PARAMETERS = 200
MOST_ROWS = 100  # of the second sheet
SHEET = "one row"
WIDTHS = (24, 20, 20, 12, 80)
SIGN, LIVE, OWN, CHECK, HOW = range(5)  # columns


def write_spreadsheet(moment: Moment, links: Links, symbols: Symbols, path: str | os.PathLike[str]) -> None:
    """Writes one row's backpropagation as an .xlsx workbook, over what is there.

    The first sheet has the row, the parameters and every step; where the training rows are few, a second one has
    the loss of all of them. Raises `InputError` for a network too large to be read cell by cell, a formula of
    one's own, numbers that are not finite, another kind of file, or where XlsxWriter is missing; `OutputError`
    where the file cannot be written.
    """
    if not isinstance(path, str | os.PathLike):
        raise WrongTypeError(f"spreadsheet: the path is a {type(path).__name__}; give text or a Path")
    if Path(path).suffix.lower() != ".xlsx":
        raise InputError(f"spreadsheet: {path} is no name of a workbook; it must end in .xlsx")
    if moment.net.n_parameters > MOST_PARAMETERS:
        raise InputError(
            f"spreadsheet: the network has {moment.net.n_parameters:,} parameters; one is made for at most "
            f"{MOST_PARAMETERS}"
        )
    found = stages(moment, links, symbols)
    for cell in (cell for stage in found for cell in stage.cells):
        if not np.isfinite(cell.number):
            raise InputError(f"spreadsheet: {cell.sign} is {cell.number:g}, but cells hold only finite numbers")
    buffer = io.BytesIO()
    book = open_book(buffer, f"Backpropagation of {moment.place}, {moment.when}")
    _add_step(book, moment, found, symbols.notation)
    if len(moment.rows) <= MOST_ROWS:
        add_rows(book, moment, {cell.name: cell.sign for stage in found for cell in stage.cells})
    book.close()
    write_bytes(buffer.getvalue(), Path(path))


def _add_step(book: Any, moment: Moment, found: list[Stage], notation: str) -> None:
    """The row, the parameters and every step, one quantity a line; the head stays in sight."""
    page = add_page(book, SHEET)
    for column, width in enumerate(WIDTHS):
        page.sheet.set_column(column, column, width)
    every = {cell.name: cell for stage in found for cell in stage.cells}
    keys = _keys(moment, every)
    head = 7 + len(keys)  # lines
    lines: dict[str, int] = {}
    at = head
    for stage in found:
        for column in range(len(WIDTHS)):
            page.put(at, column, stage.title if column == SIGN else "", "stage")
        for line, cell in enumerate(stage.cells, start=at + 1):
            lines[cell.name] = line
            _put_line(page, line, cell)
        at += len(stage.cells) + 2
    _define(book, moment, lines)
    changeable = max(lines[cell.name] for cell in every.values() if not cell.formula)
    computed = sum(1 for cell in every.values() if cell.formula)
    _put_head(page, moment, notation, keys, f"$D${head + 1}:$D${at}", computed)
    line = 5 + len(keys)
    page.put(line, SIGN, "yellow cells changed", "sign")
    page.formula(line, LIVE, f'COUNTIF($D${head + 1}:$D${changeable + 1},"changed")', 0)
    book.define_name("cells_changed", f"='{SHEET}'!$B${line + 1}")
    page.finish(head, CHECK)


def _keys(moment: Moment, every: dict[str, Cell]) -> list[tuple[str, Cell]]:
    """What stays in sight: the first predictions, the loss, and the loss after the step."""
    names, last = Symbols(moment.net), len(moment.net.layers) - 1
    outputs = [every[names.a(last, unit).text] for unit in range(min(3, moment.net.outputs))]
    loss, after = every["L"], every["new_L"]
    return [
        *((f"prediction {cell.sign}", cell) for cell in outputs),
        (f"loss {loss.sign}", loss),
        ("loss after the step", after),
    ]


def _put_line(page: Page, line: int, cell: Cell) -> None:
    """One quantity: its sign, the live number, whygrad's, whether they agree, and how it comes about."""
    page.put(line, SIGN, cell.sign, "sign")
    page.put(line, OWN, cell.number, "own")
    page.put(line, HOW, cell.how, "how")
    if cell.formula:
        page.formula(line, LIVE, cell.formula, cell.number)
        page.check(line, LIVE, OWN, CHECK)
    else:
        page.put(line, LIVE, cell.number, "put in")
        page.formula(line, CHECK, f'IF(B{line + 1}=C{line + 1},"","changed")', "", "check")


def _define(book: Any, moment: Moment, lines: dict[str, int]) -> None:
    """Gives every live cell its name, and all z of a layer one together."""
    for name, line in lines.items():
        book.define_name(name, f"='{SHEET}'!$B${line + 1}")
    names = Symbols(moment.net)
    for layer, units in enumerate(moment.net.sizes[1:]):
        for new in ("", "new_"):
            first, last = (lines[new + names.z(layer, unit).text] + 1 for unit in (0, units - 1))
            book.define_name(new + group(layer), f"='{SHEET}'!$B${first}:$B${last}")


def _put_head(
    page: Page, moment: Moment, notation: str, keys: list[tuple[str, Cell]], checks: str, computed: int
) -> None:
    """Title, what to do, whether all agrees, the numbers that stay in sight, and the columns' headers."""
    page.put(0, SIGN, f"Backpropagation of {moment.place}, {moment.when}", "title")
    page.put(1, SIGN, f"network {moment.net}; loss {moment.loss}; {_trained(moment)}", "hint")
    hint = "Change a yellow cell, and everything follows: the other numbers are formulas."
    page.put(2, SIGN, legend(moment.net, notation), "hint")
    page.put(3, SIGN, hint, "hint")
    agreed = f"all {computed} numbers agree with whygrad's"
    moved = f'COUNTIF({checks},"moved")&" of {computed} numbers moved; the others do not depend on it"'
    differ = f'COUNTIF({checks},"DIFFERS")'
    state = f'IF({differ}>0,{differ}&" numbers DIFFER from whygrad\'s",IF(cells_changed=0,"{agreed}",{moved}))'
    page.formula(4, SIGN, state, agreed, "status")
    for line, (label, cell) in enumerate(keys, start=5):
        page.put(line, SIGN, label, "sign")
        page.formula(line, LIVE, cell.name, cell.number)
        page.put(line, OWN, cell.number, "own")
    line = 6 + len(keys)
    looks = {LIVE: "header of numbers", OWN: "header of numbers", CHECK: "header of checks"}
    for column, text in enumerate(("quantity", "live", "whygrad", "check", "  how it comes about")):
        page.put(line, column, text, looks.get(column, "header"))
    page.sheet.write_comment(
        line, LIVE, "Yellow: yours to change. The others are formulas. Every cell has a name."
    )
    page.sheet.write_comment(line, OWN, "whygrad's numbers for the cells as they were when this was written.")
    page.sheet.write_comment(line, CHECK, "agrees: to 12 digits. moved: since a yellow cell was changed.")


def _trained(moment: Moment) -> str:
    """How the step here goes with that of the training."""
    t = moment.training
    plain = isinstance(t.optimizer, SGD) and t.clip is None and not (t.l1 or t.l2 or t.freeze)
    if plain and t.batch_size(len(moment.rows)) == 1:
        return "the training updates after every row, as here"
    return f"the training's own step differs: {type(t.optimizer).__name__}, batch {t.batch}"
