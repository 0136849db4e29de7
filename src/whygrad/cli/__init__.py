"""The command line: `whygrad VERB SUBJECT [options]`. A face: it reads options and prints, and computes nothing.

Exit codes: 0 done, right or equal; 1 the run failed, or not equal; 2 bad input or usage; 3 undecided;
130 and 143 interrupted by Ctrl-C or a request to end.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from difflib import SequenceMatcher

from whygrad.errors import OutputError, WhygradError

ALIKE = 0.6  # names more alike than this may be meant; as in difflib


def main(tokens: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; every refusal is one line on stderr."""
    try:
        return _run(sys.argv[1:] if tokens is None else list(tokens))
    except KeyboardInterrupt:
        return _refuse("interrupted", 130)


def _run(tokens: list[str]) -> int:
    from cyclopts import CycloptsError

    from whygrad.cli.app import app

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # no name or curve is worth failing over its letters
    try:
        result = app(tokens, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as problem:
        return _refuse(_usage(problem), 2)
    except WhygradError as problem:
        return _refuse(str(problem), 1 if isinstance(problem, OutputError) else 2)
    except BrokenPipeError:
        print_no_more()  # whoever read us (`| head`) has gone; that is no error
        return 0
    except OSError as problem:  # standard output on a full disk, say
        print_no_more()
        return _refuse(f"{problem.filename or 'the output'} cannot be used: {problem.strerror}", 1)
    except MemoryError:
        return _refuse("out of memory; try smaller layers, a smaller --batch or --dtype float32", 1)
    return result if isinstance(result, int) else 0


def print_no_more() -> None:
    """Sends what is left to print nowhere: whoever read it (`| head`) has gone, or its disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _usage(problem: Exception) -> str:
    """What the parser objects to, in one line."""
    said = " ".join(str(problem).split())
    unable = re.fullmatch(r'(.*): unable to convert "(.*)" into float\.', said)
    if unable:
        said = f"{unable[1]}: {unable[2]!r} is not a number"
    hint = re.fullmatch(r"(Unknown option: --(\S+)\.) Did you mean --(\S+)\?", said)
    if hint and SequenceMatcher(None, hint[2], hint[3]).ratio() < ALIKE:
        said = hint[1]  # the parser counts the dashes as alike
    return f"{said} (see whygrad --help)"


def _refuse(words: str, code: int) -> int:
    print(f"whygrad: {' '.join(words.split())}", file=sys.stderr)
    return code
