"""Somebody's code, run apart from whygrad: in a process of its own, with limits on time, memory and print.

A file runs in a new Python process, functions in a fork of this one (where there is no fork, as on Windows, they
run in this process and without limits). The process has no input, its output is caught, and its folder is the
file's own, so that it finds its neighbours and its data. Whatever it does (crash, hang, exit, flood) becomes one
line in the problems. The limits guard against accidents; they are no wall against code that means harm.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from whygrad.errors import InputError, WrongTypeError
from whygrad.judgement.messages import LOADING, answers_from_plain, plain_probe
from whygrad.judgement.observations import Answer, Probe
from whygrad.judgement.printed import printed_losses

Source = str | Path | ModuleType | type | Callable[..., Any] | Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class Limits:
    """What somebody's code may use: seconds for everything it is asked, bytes beyond what Python and NumPy take,
    and characters of print that are kept. Memory is bounded on Linux only.
    """

    seconds: float = 20.0
    memory: float = 2 * 2**30
    printed: int = 1_000_000

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise WrongTypeError(f"limits: {name} is {value!r}, but must be a number")
            if not 0 < value < math.inf:
                raise InputError(f"limits: {name} is {value}, but must be a number above 0")


@dataclass(frozen=True, eq=False)
class Asked:
    """What somebody's code answered.

    `answers[k]` are the answers to probe k, one under each way to store things that fits; the ways stand in the
    same order for every probe. `losses` are the losses printed while the file was loaded, by its own settings.
    """

    form: str = ""  # the name of a form of `FORMS`; "" where nothing was found
    parts: Mapping[str, str] = field(default_factory=dict)  # {"gradients": "backward_propagation", ...}
    answers: tuple[tuple[Answer, ...], ...] = ()
    printed: str = ""
    losses: tuple[float, ...] = ()
    problems: tuple[str, ...] = ()  # of the file as a whole, a line each


def ask(source: Source, probes: Sequence[Probe], limits: Limits | None = None) -> Asked:
    """Asks somebody's code: a .py file's path, a function that returns gradients, a dict of functions by part
    or name, a class, or a module.

    Raises `InputError` for a file that is not there, `WrongTypeError` for a source of another type. Whatever the
    code does is no error, but stands in `problems` of the result or of its answers.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="whygrad-") as folder:
        report = os.path.join(folder, "report")
        Path(report).touch()
        if isinstance(source, str | Path):
            ended = _run_file(existing(source), probes, limits, folder, report)
        elif callable(source) or isinstance(source, Mapping | ModuleType):
            ended = _run_fork(source, probes, limits, report)
        else:
            raise WrongTypeError(
                f"code is a {type(source).__name__}, but must be a .py file, functions or a module"
            )
        return _read(Path(report).read_bytes(), ended, len(probes), limits)


def existing(source: str | Path) -> Path:
    """The file's whole path; raises `InputError` where there is none."""
    path = Path(source).absolute()
    if not path.is_file():
        what = "is a folder; give a .py file in it" if path.is_dir() else "is not there"
        raise InputError(f"{path.name} {what}")
    return path


# ---- processes ----

# Python starts with these paths, not with the working folder, and sees no file of the user's before it has whygrad
_START = """
import sys
sys.path[:0] = [sys.argv[1]]
from whygrad.judgement.limiting import limit
from whygrad.judgement.worker import main
limit(float(sys.argv[4]), int(sys.argv[5]))
main(sys.argv[2], sys.argv[3])
"""


def _run_file(path: Path, probes: Sequence[Probe], limits: Limits, folder: str, report: str) -> str:
    """Why the process ended, if not by itself."""
    question = os.path.join(folder, "question")
    asked = {"path": str(path), "probes": [plain_probe(probe) for probe in probes], "limits": asdict(limits)}
    Path(question).write_text(json.dumps(asked), encoding="utf-8")
    home = str(Path(__file__).parents[2])
    words = [home, question, report, str(limits.seconds), str(int(limits.memory))]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _START, *words],
        cwd=path.parent,
        env={**os.environ, **one_thread, "MPLBACKEND": "agg", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(limits.seconds)
        return _why(code)
    except subprocess.TimeoutExpired:
        return f"did not come back within {limits.seconds:g} s"
    finally:
        _kill_group(process.pid)
        process.wait()


def _run_fork(source: Any, probes: Sequence[Probe], limits: Limits, report: str) -> str:
    """The same for functions: in a fork of this process where there are forks."""
    from whygrad.judgement.worker import answer_from_python

    said = asdict(limits)
    if "fork" not in multiprocessing.get_all_start_methods():
        answer_from_python(source, probes, said, report)
        return ""

    def run() -> None:
        from whygrad.judgement.limiting import limit

        os.setsid()
        limit(limits.seconds, int(limits.memory))
        answer_from_python(source, probes, said, report)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that would rather not be forked
        process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
        process.start()
    process.join(limits.seconds)
    late = process.is_alive()
    _kill_group(process.pid)
    process.kill()
    process.join()
    return f"did not come back within {limits.seconds:g} s" if late else _why(process.exitcode)


def _kill_group(pid: int | None) -> None:
    """Ends a process and all it started."""
    if pid is not None and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _why(code: int | None) -> str:
    """Why a process with that exit code ended early."""
    if code is None or code >= 0:
        return f"ended the process with exit code {code}"
    if -code == signal.SIGXCPU:
        return "used up its processor time"
    if -code == signal.SIGKILL:
        return "was killed by the system, as when memory runs out"
    return f"crashed the process ({signal.Signals(-code).name})"


# ---- what came back ----


_LATER = "; what a check need not run belongs under if __name__ == '__main__'"


def _read(report: bytes, ended: str, probes: int, limits: Limits) -> Asked:
    """The report, and what cut it short."""
    said: dict[str, Any] = {"form": "", "parts": {}, "answers": [], "doing": "starting"}
    problems: list[str] = []
    printed: list[str] = []
    loaded: list[str] = []
    for line in report.splitlines():
        try:
            event = json.loads(line)
        except ValueError:  # cut off in the middle
            continue
        problems += [event["problem"]] if "problem" in event else []
        printed += [event["printed"]] if "printed" in event else []
        loaded += [event["printed"]] if "printed" in event and "by" not in event else []
        said.update(event)
    text = "".join(printed)
    if "done" not in said:
        loading = said["doing"] == LOADING and "within" in ended
        problems.append(f"{said['doing']} {ended}{_LATER if loading else ''}")
        if len(text) >= limits.printed:
            problems.append(f"it prints without end; the first {limits.printed:,} characters were kept")
    answers = answers_from_plain(said["answers"]) or ((),) * probes
    losses = printed_losses("".join(loaded))
    form = said["form"] or ("losses" if losses else "")
    if not form and not problems:
        there = f" (it defines {', '.join(said['seen'][:8])})" if said.get("seen") else ""
        problems.append(
            f"nothing to judge was found: no function of a known name{there}, and no losses were printed"
        )
    return Asked(form, said["parts"], answers, text, losses, tuple(dict.fromkeys(problems)))
