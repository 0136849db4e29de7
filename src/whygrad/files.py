"""Bytes to a file on disk: all of them or none, and nothing overwritten that was not meant.

Writing goes to a temporary file beside the path, synced to disk, then renamed over it: whoever reads sees the old
file or the new one, never half of one, whenever the process or the machine stops. The temporary file of a process
that was killed stays, and the next `remove_stale` takes it away.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from whygrad.errors import InputError, OutputError, WhygradError

_PROCESS = secrets.token_hex(4)  # tells this process from an earlier one of the same number, as in containers
_OWNER = re.compile(r"\.([1-9][0-9]{0,9})\.([0-9a-f]{8})-[0-9a-f]+\.tmp")


def refuse_existing(path: Path) -> None:
    """One line for a file that is already there, or a folder that is not."""
    if _there(path) is not None:
        raise InputError(f"{path} exists; --force (force=True) overwrites it, or choose another name")
    _refuse_nowhere(path)


def refuse_unwritable(path: Path) -> None:
    """One line, before any work is done for it, for a path at which no file can be written."""
    _there(path)
    _refuse_nowhere(path)
    temporary = _temporary(path)
    try:
        temporary.touch()
        temporary.unlink()
    except OSError as problem:
        raise InputError(f"{path} cannot be written: {problem.strerror}") from None


def _there(path: Path) -> os.stat_result | None:
    """What stands at the path, None for nothing; refused where it is something else than a file."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:  # such as a name that is too long
        raise InputError(f"{path} cannot be written: {problem.strerror}") from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a folder; name a file in it, as in {path / 'model.whygrad'}")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is no regular file but a pipe, socket or device; name a file")
    return found


def _refuse_nowhere(path: Path) -> None:
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    if not _target(path).parent.is_dir():
        raise InputError(f"{path} leads to {_target(path)}, whose folder does not exist")


def _target(path: Path) -> Path:
    """Where the bytes go: the path, or what a symbolic link there leads to."""
    return Path(os.path.realpath(path))


def write_bytes(data: bytes, path: Path) -> None:
    """Puts these bytes at `path`, all or none of them; see `write_chunks`."""
    write_chunks([data], path)


def write_chunks(chunks: Iterable[bytes], path: Path) -> None:
    """Puts bytes that come in chunks at `path`, all or none of them, even where making a chunk fails.

    A symbolic link stays and the file it leads to is written; a file that was there keeps its permissions.
    Raises `OutputError` and leaves what was there; `InputError` where something else than a file is there.
    """
    old = _there(path)
    temporary = _temporary(path)
    mode = 0o666 if old is None else 0o600  # nobody reads what will be private, not even half of it
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=mode)) as stream:
            if old is not None:
                os.chmod(temporary, stat.S_IMODE(old.st_mode))
            for data in chunks:
                stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, _target(path))
        _sync_folder(temporary.parent)
    except BaseException as problem:  # Ctrl-C too leaves nothing behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        if not isinstance(problem, OSError) or isinstance(problem, WhygradError):
            raise
        kept = " (the file there is as it was)" if old is not None else ""
        raise OutputError(f"{path} cannot be written: {problem.strerror}{kept}") from None


def _temporary(path: Path) -> Path:
    """Where this thread writes what will be `path`: beside it, so that a rename is all that is left to do."""
    target = _target(path)
    return target.with_name(f".{target.name}.{os.getpid()}.{_PROCESS}-{threading.get_ident():x}.tmp")


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself durable; where a folder cannot be opened there is nothing to sync."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_stale(path: Path) -> list[Path]:
    """Removes temporary files that killed processes left beside `path`; returns them."""
    target, removed = _target(path), []
    prefix = f".{target.name}"
    try:
        names = os.listdir(target.parent)
    except OSError:  # what cannot be listed, nobody can have left anything in
        return []
    for name in sorted(names):
        owner = _OWNER.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if owner is not None and not _alive(int(owner.group(1)), owner.group(2)):
            with contextlib.suppress(OSError):  # where it cannot be removed it harms nobody
                (target.parent / name).unlink()
                removed.append(target.parent / name)
    return removed


def _alive(process: int, token: str) -> bool:
    """Whether the writer may still be at work."""
    if process == os.getpid():
        return token == _PROCESS  # another thread of ours; else an earlier process that had our number
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # somebody else's; no process number at all
        return True
    return True
