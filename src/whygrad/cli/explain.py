"""`whygrad explain`: open a row's backpropagation, or one derivative of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter

from whygrad.cli import say
from whygrad.cli.options import (
    NETWORK,
    READING,
    STOPPING,
    TABLE,
    TRAINING,
    NetworkOptions,
    ReadingOptions,
    TableOptions,
    TrainingOptions,
)
from whygrad.cli.questions import (
    FORM,
    MORE,
    OF_UNITS,
    OUTPUT,
    WHAT,
    FormOptions,
    MoreOptions,
    WhatOptions,
    about,
    check_files,
    form_of,
    grids_in,
    refuse_beside,
    sections,
    settings_in,
)
from whygrad.cli.request import Request, make_request, names, own_table, resolve
from whygrad.cli.use import open_model
from whygrad.errors import InputError
from whygrad.examples import EXAMPLES
from whygrad.explanation import Explanation
from whygrad.explanation import explain as open_row
from whygrad.explanation.extras import blocks_of
from whygrad.explanation.forms import FORMS
from whygrad.explanation.forms.text import WIDTH, as_text, paragraphs
from whygrad.explanation.opened import Opened
from whygrad.explanation.pages import Equations, Heading, Page, Words
from whygrad.explanation.spreadsheet import write_spreadsheet
from whygrad.explanation.unit import OpenedUnit
from whygrad.files import write_bytes
from whygrad.resuming import table_title

LISTED = 20  # of the parameters, in the ranking


def explain(
    subject: str | None = None,
    /,
    *,
    what: WhatOptions = WHAT,
    more: MoreOptions = MORE,
    form: FormOptions = FORM,
    table: TableOptions = TABLE,
    reading: ReadingOptions = READING,
    network: NetworkOptions = NETWORK,
    training: TrainingOptions = TRAINING,
    config: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Opens one row's backpropagation: forward in numbers, every derivative, what the update does.

    Parameters
    ----------
    subject
        An example (students, placement, xor, chain), a table (with --target), a run.toml, or a model file.
    config
        Take options from this run.toml; the command line wins.
    """
    if subject is None and config is None:
        raise InputError(
            f"what shall be explained? Name an example ({', '.join(EXAMPLES)}), a table or a model file"
        )
    kind = form_of(what, more, form)
    check_files(form, subject, config)
    said = (table, reading, network, training, config)
    if subject is None or not subject.endswith(".whygrad"):
        request = make_request(subject, table, reading, network, training, STOPPING, config)
        title, why = _open(request, what, form)
    elif said != (TABLE, READING, NETWORK, TRAINING, None):
        raise InputError(f"{subject}: a model file is explained as it was trained; leave the other options out")
    else:
        title, why = _open_run(Path(subject), what, form)
    if kind == "xlsx":
        write_spreadsheet(why.moment, why.links, why.symbols, Path(str(form.out)))
        print(f"written to {form.out}")
        return 0
    return _answer(_Question(title, why, _opened(why, what, more, form), more, form), kind)


def _open(request: Request, what: WhatOptions, form: FormOptions) -> tuple[str, Explanation]:
    """The title of an example or a table, and its row, opened."""
    asked = resolve(request)
    return asked.title, open_row(asked.net, asked.table, asked.training, **_how(what, form))


def _open_run(path: Path, what: WhatOptions, form: FormOptions) -> tuple[str, Explanation]:
    """The title of a model file's table, and its row, opened."""
    run = open_model(path, "explain takes a model file, or a table with --target")
    if run.source is None:
        raise InputError(f"{path}: its table was no file; in Python, explain(load({str(path)!r}), table) takes it")
    if run.source.format != "example":
        check_files(form, run.source.path, path.parent / Path(run.source.path).name)
    return table_title(run), open_row(run, own_table(run, path), **_how(what, form))


def _how(what: WhatOptions, form: FormOptions) -> dict[str, Any]:
    return {"row": what.row - 1, "at": what.at, "notation": form.notation}


def _opened(
    why: Explanation, what: WhatOptions, more: MoreOptions, form: FormOptions
) -> Opened | OpenedUnit | None:
    """The weight or unit that is asked for, if any."""
    if what.weight is None:
        return None
    found = why.opened(what.weight)
    if isinstance(found, OpenedUnit):
        refuse_beside(more, form, f"; {what.weight} is none", OF_UNITS)
    return found


class _Question(NamedTuple):
    """What is asked of whom."""

    title: str
    why: Explanation
    opened: Opened | OpenedUnit | None
    more: MoreOptions
    form: FormOptions


def _answer(asked: _Question, kind: str) -> int:
    """Writes or prints it; returns 1 if somebody disagrees, which is a bug."""
    form = asked.form
    if kind == "json":
        found = plain(asked)
        text = say.as_json(found)
        agrees = (found if "agreement" in found else found["opened"])["agreement"]["agrees"]
    else:
        page = page_of(asked, kind)
        wide = WIDTH if form.out is not None else say.width(WIDTH)
        text = as_text(page, wide) if kind in ("text", "tree") else FORMS[kind](page)
        agrees = not any(isinstance(block, Words) and block.loud for block in page.ending)
    if form.rows_out is not None and isinstance(asked.opened, Opened):
        asked.opened.pulls.write(form.rows_out, form.force)
    if form.step:
        reveal(page)
    elif form.out is None:
        print(text.rstrip("\n"))
    else:
        write_bytes((text.rstrip("\n") + "\n").encode("utf-8"), form.out)
        print(f"written to {form.out}")
    return 0 if agrees else 1


def page_of(asked: _Question, kind: str = "text") -> Page:
    """The row's page or the weight's, and the sections that were asked for."""
    more, opened, against = asked.more, asked.opened, _libraries(asked.form.against)
    only = {"only": ("tree",)} if kind == "tree" else {} if more.only is None else {"only": sections(more.only)}
    if opened is None:
        page = asked.why.page(against, **only)
    elif isinstance(opened, OpenedUnit):
        page = opened.page(more.paths, against, **only)
    else:
        page = opened.page(more.paths, more.rows, more.nudge, against, **only)
    besides = [block for found in extras(asked).values() for block in blocks_of(found)]
    return page.with_blocks(*besides).about(asked.title)


def extras(asked: _Question) -> dict[str, Any]:
    """What was asked for besides, by name."""
    why, more = asked.why, asked.more
    found: dict[str, Any] = {}
    if more.formula:
        found["formulas"] = why.formulas()
    if more.biography and isinstance(asked.opened, Opened):
        found["biography"] = why.biography(asked.opened.place)
    if more.sensitivities:
        found["sensitivities"] = why.sensitivities(LISTED)
    if more.set is not None:
        with about("--set"):
            found["what_if"] = why.what_if(settings_in(more.set))
    if more.curve is not None:
        with about("--curve"):
            found["curve"] = why.loss_of(grids_in(more.curve), more.curve_rows)
    return found


def plain(asked: _Question) -> dict[str, Any]:
    """The same for JSON."""
    more, opened, against = asked.more, asked.opened, _libraries(asked.form.against)
    found: dict[str, Any] = {"subject": asked.title}
    if isinstance(opened, Opened):
        found |= asked.why.row_to_plain() | {"opened": opened.to_plain(more.paths, more.nudge, against)}
    else:
        found |= asked.why.to_plain(against)
        if opened is not None:
            found["opened"] = opened.to_plain(more.paths)
    return found | {name: section.to_plain() for name, section in extras(asked).items()}


def _libraries(against: str) -> str | tuple[str, ...]:
    """The libraries that are to be asked."""
    wanted = against.strip().lower()
    return wanted if wanted in ("any", "installed") else () if wanted == "none" else names(wanted)


def reveal(page: Page) -> None:
    """Prints the page, waiting for Enter before each line of its chain, and before what comes after it."""
    chain, waiting = False, True
    print(f"{page.subject}\n{page.title.text.partition(' = ')[0]} = ?")
    for block in page.all_blocks:
        if isinstance(block, Heading):
            if chain:
                waiting = waiting and _wait()
            chain = chain or block.text == "Chain"
            inside = block.text == "Chain"
        print()
        for lines in paragraphs(block, say.width(WIDTH)):
            if chain and inside and isinstance(block, Equations):
                waiting = waiting and _wait()
            print("\n".join(lines))


def _wait() -> bool:
    """Waits for Enter; False once nobody can press it. The prompt is gone afterwards."""
    if sys.stdin is None:
        return False
    sys.stdout.flush()
    if not sys.stdin.isatty():
        return bool(sys.stdin.readline())
    print("[Enter]", end="", flush=True, file=sys.stderr)
    pressed = bool(sys.stdin.readline())
    print("\033[A\033[2K" if pressed else "\r\033[2K", end="", flush=True, file=sys.stderr)
    return pressed
