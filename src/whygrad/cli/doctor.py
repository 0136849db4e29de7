"""`whygrad doctor`: what is installed, which engines are ready, where kernels are kept."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Group, Parameter

from whygrad.cli import say
from whygrad.installation import Cache, Installation, installation
from whygrad.printing import columns, counted

_OUTPUT = Group("Output", sort_key=7)


def doctor(*, json: Annotated[bool, Parameter(negative=(), group=_OUTPUT)] = False) -> int:
    """Prints what is installed, which engines are ready and where compiled kernels are kept.

    Parameters
    ----------
    json
        Print one JSON document instead.
    """
    found = installation()
    if json:
        say.tell(say.as_json(found.to_plain()))
        return 0
    for line in columns(_rows(found), left=(0, 1)):
        say.tell(line.rstrip())
    return 0


def _rows(found: Installation) -> list[list[str]]:
    threads = [f"{name}={value}" for name, value in found.threads.items()]
    rows = [[name, said or "not installed"] for name, said in found.versions.items()]
    rows.append(["processor", f"{found.processor} ({', '.join(found.vectors) or 'no vector instructions'})"])
    rows.append(["cores", ", ".join([str(found.cores), *threads])])
    for engine, dtypes in found.engines.items():
        said = "; ".join(
            f"{dtype} {'compiled' if there else 'not compiled yet'}" for dtype, there in dtypes.items()
        )
        rows.append([f"engine {engine}", said or "ready"])
    rows += _cache_rows(found.cache)
    rows += [
        [f"extra {name}", f"xlsxwriter {said}" if said else _absent(name)] for name, said in found.extras.items()
    ]
    rows += [[f"rival {name}", said or "not installed"] for name, said in found.rivals.items()]
    return rows


def _cache_rows(cache: Cache) -> list[list[str]]:
    if cache.folder is None:
        return [["cache", "none: no home is known; kernels are compiled in memory (WHYGRAD_CACHE names a folder)"]]
    how = _megabytes(cache.size) if cache.writable else "cannot be written; kernels are compiled in memory"
    rows = [["cache", f"{cache.folder} ({how})"]]
    if cache.others:
        what = counted(len(cache.others), "folder")
        rows.append(["", f"{what} of other versions, {_megabytes(sum(cache.others.values()))}, may be removed:"])
        rows += [["", folder] for folder in cache.others]
    return rows


def _absent(extra: str) -> str:
    return f"not installed: pip install 'whygrad[{extra}]'"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
