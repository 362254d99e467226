"""Files that are there as a whole or not at all, and a lock that a crash releases."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import RejectedError, SourceTimeoutError

_LOCK_POLL_S = 0.005
_WRITE_BYTES = 256 * 1024


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses (disk full, no permission, I/O error) into ``RejectedError``."""
    try:
        yield
    except OSError as error:
        raise RejectedError(f"the folder {folder} refuses: {error.strerror or error}") from error


def flush(descriptor: int) -> None:
    """Have a file's bytes on the disk, not only in the system's or the drive's cache."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def flush_folder(folder: Path) -> None:
    """Have a folder's names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock file ``path`` alone among all processes and threads; a crash releases it.

    Raises:
        SourceTimeoutError: somebody else held it all that time.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path, time.monotonic() + timeout_s)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise SourceTimeoutError(f"another writer holds {path}") from None
            time.sleep(_LOCK_POLL_S)
        else:
            return


def replace_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace ``path`` with ``data``: temporary file, flush, rename, flush of the folder.

    Raises: OSError, as the system says it; the old file is still there then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_durably(temporary, (data,))
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def write_durably(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a new file, or over an old one, and flush it; its name in the folder is not flushed yet."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        gathered = bytearray()
        for piece in pieces:
            gathered += piece
            if len(gathered) >= _WRITE_BYTES:
                _write_all(descriptor, gathered)
                gathered.clear()
        _write_all(descriptor, gathered)
        flush(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytearray) -> None:
    at = 0
    while at < len(data):
        at += os.write(descriptor, bytes(data[at:]) if at else data)
