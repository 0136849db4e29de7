"""The second sheet of the workbook: every training row's loss under the live parameters, and their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from whygrad.explanation.cells import Cell, Step, group
from whygrad.explanation.excel import renamed
from whygrad.explanation.links import links_of
from whygrad.explanation.moment import Moment
from whygrad.explanation.symbols import Symbols
from whygrad.explanation.workbook import Page, add_page, letters
from whygrad.propagation import forward_propagation, row_losses
from whygrad.table import Rows

HEAD = 5  # lines


def add_rows(book: Any, moment: Moment, signs: Mapping[str, str]) -> None:
    """A row a line: its numbers, and a forward pass in formulas. `signs` says how cells are written."""
    page = add_page(book, "all rows")
    rows = [moment.rows.take(slice(k, k + 1)) for k in range(len(moment.rows))]
    names = Symbols(moment.net)
    given = [names.x(n).text for n in range(moment.net.inputs)]
    given += [names.y(n).text for n in range(moment.net.outputs)]
    given += [] if moment.rows.weights is None else ["row_weight"]
    columns = ["row", *given, *(cell.name for cell in _forward(moment, rows[0])), "whygrad", "check"]
    for column, name in enumerate(columns):
        look = {"row": "header", "check": "header of checks"}.get(name, "header of numbers")
        page.put(HEAD - 1, column, signs.get(name, name), look)
    for k, row in enumerate(rows):
        number = 1 + int(k if moment.members is None else moment.members[k])
        page.put(HEAD + k, 0, number, "sign")
        _put_row(page, HEAD + k, columns, row, _forward(moment, row), _groups(moment, columns, HEAD + k))
    _put_head(page, moment, letters(columns.index("L")), len(rows))
    page.sheet.set_column(0, len(columns) - 1, 14)
    page.finish(HEAD, len(columns) - 1)


def _put_row(
    page: Page, line: int, columns: list[str], row: Rows, cells: list[Cell], groups: Mapping[str, str]
) -> None:
    """The row's numbers, then formulas in which its own cells stand for the names."""
    where = {name: f"{letters(column)}{line + 1}" for column, name in enumerate(columns)}
    values = [*row.x[0], *row.y[0], *(() if row.weights is None else row.weights)]
    for column, value in enumerate(values, start=1):
        page.put(line, column, float(value), "own")
    for column, cell in enumerate(cells, start=1 + len(values)):
        page.formula(line, column, renamed(cell.formula, {**where, **groups}), cell.number)
    own = len(columns) - 2
    page.put(line, own, cells[-1].number, "own")
    page.check(line, own - 1, own, own + 1)


def _put_head(page: Page, moment: Moment, loss: str, rows: int) -> None:
    page.put(0, 0, "All training rows under the live parameters", "title")
    page.put(1, 0, "Change a parameter on the first sheet, and see what it does to every row.", "hint")
    page.put(2, 0, "mean loss", "sign")
    mean = _mean_loss(moment)
    page.formula(2, 1, f"AVERAGE({loss}{HEAD + 1}:{loss}{HEAD + rows})", mean)
    page.put(2, 2, mean, "own")
    page.check(2, 1, 2, 3)


def _forward(moment: Moment, row: Rows) -> list[Cell]:
    """The forward pass and the loss of a row as cells; the loss comes last."""
    step = Step(links_of(replace(moment, row=row)), moment.loss, row.weights is not None)
    return [*step.forward(), *step.judged()]


def _groups(moment: Moment, columns: list[str], line: int) -> dict[str, str]:
    """Where all z of each layer stand together in that line."""
    names, found = Symbols(moment.net), {}
    for layer, units in enumerate(moment.net.sizes[1:]):
        ends = (columns.index(names.z(layer, unit).text) for unit in (0, units - 1))
        found[group(layer)] = ":".join(f"{letters(column)}{line + 1}" for column in ends)
    return found


def _mean_loss(moment: Moment) -> float:
    rows = moment.rows
    losses = row_losses(moment.net, moment.loss, forward_propagation(moment.net, moment.w, rows.x), rows.y)
    return float((losses if rows.weights is None else losses * rows.weights).mean())
