"""The command line: `whygrad VERB SUBJECT [options]`. A face: it reads options and prints, and computes nothing.

Exit codes: 0 done, right or equal; 1 the run failed, or not equal; 2 bad input or usage; 3 undecided;
130 and 143 interrupted by Ctrl-C or a request to end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from whygrad.errors import OutputError, WhygradError


def main(tokens: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; every refusal is one line on stderr."""
    from cyclopts import CycloptsError

    from whygrad.cli.app import app

    try:
        result = app(sys.argv[1:] if tokens is None else list(tokens), exit_on_error=False, print_error=False)
    except CycloptsError as problem:
        return _refuse(_usage(problem), 2)
    except WhygradError as problem:
        return _refuse(str(problem), 1 if isinstance(problem, OutputError) else 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read us (`| head`) has gone; that is no error
        return 0
    except KeyboardInterrupt:
        return _refuse("interrupted", 130)
    except MemoryError:
        return _refuse("out of memory; try smaller layers, a smaller --batch or --dtype float32", 1)
    return result if isinstance(result, int) else 0


def _usage(problem: Exception) -> str:
    """What the parser objects to, in one line."""
    return f"{' '.join(str(problem).split())} (see whygrad --help)"


def _refuse(words: str, code: int) -> int:
    print(f"whygrad: {' '.join(words.split())}", file=sys.stderr)
    return code
