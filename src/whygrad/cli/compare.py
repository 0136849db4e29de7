"""`whygrad compare`: the same run in other libraries, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from whygrad.agreement import compare_job
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
from whygrad.cli.request import make_request, names, own_table, resolve
from whygrad.engines.choosing import continued
from whygrad.errors import InputError
from whygrad.job import Job, prepare
from whygrad.modelfile import load
from whygrad.resuming import table_title
from whygrad.rivals import RIVALS
from whygrad.weights import views

_CODES = {"equal": 0, "not equal": 1, "no verdict": 3}


def compare(
    subject: str | None = None,
    /,
    *,
    against: str = ",".join(RIVALS),
    table: TableOptions = TABLE,
    reading: ReadingOptions = READING,
    network: NetworkOptions = NETWORK,
    training: TrainingOptions = TRAINING,
    config: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Follows one training in whygrad and in other libraries, and says where they part.

    Parameters
    ----------
    subject
        An example (students, placement, xor, chain), a table, a run.toml, or a model file to train again.
    against
        Libraries, separated by commas.
    config
        Take options from this run.toml; the command line wins.
    json
        Print one JSON document instead.
    """
    title, job = _job(subject, table, reading, network, training, config)
    found = compare_job(job, names(against))
    if json:
        print(say.as_json({"subject": title, **found.to_plain()}))
    else:
        print(title)
        print("\n".join(found.lines()))
    return _CODES[found.verdict]


def _job(
    subject: str | None,
    table: TableOptions,
    reading: ReadingOptions,
    network: NetworkOptions,
    training: TrainingOptions,
    config: Path | None,
) -> tuple[str, Job]:
    if subject is not None and subject.endswith(".whygrad"):
        if (table, reading, network, training, config) != (TABLE, READING, NETWORK, TRAINING, None):
            raise InputError(
                f"{subject}: a model file's training is repeated as it was; leave the other options out"
            )
        run = load(subject)
        opened = own_table(run, Path(subject))
        start = views(run.model.network, run.start)
        return table_title(run), prepare(
            run.model.network,
            opened,
            run.training,
            engine=continued("auto", run.engine),
            start=start,
            encoding=run.model.encoding,
        )
    asked = resolve(make_request(subject, table, reading, network, training, STOPPING, config))
    return asked.title, prepare(asked.net, asked.table, asked.training)
