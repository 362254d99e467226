"""Files that are there as a whole or not at all, read within limits, and a lock that a crash releases.

What is believed (settings, trust files, keys, a program's own folder) is a regular file; what is given to be judged may
come through a pipe too. Nothing here waits for whoever holds the other end of something else.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ledger.errors import ConfigurationError, MalformedError, RejectedError, SourceTimeoutError

PIPE_TIMEOUT_S = 60.0
"""For all that comes through a pipe: whoever holds its other end may never write."""

_LOCK_POLL_S = 0.005
_WRITE_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024
_WAITING_FOR_NOBODY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotAFileError(OSError):
    """In the place of a file there is something else: a folder, a pipe, a device, a socket."""

    def __init__(self, path: Path) -> None:
        """``path``: its place."""
        super().__init__(errno.EINVAL, "not a regular file", str(path))


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses (disk full, no permission, I/O error) into ``RejectedError``."""
    try:
        yield
    except OSError as error:
        raise RejectedError(f"the folder {folder} refuses: {error.strerror or error}") from error


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to be read.

    Raises: OSError, as the system says it; NotAFileError.
    """
    return _open(path, stat.S_ISREG)


def read_file(path: Path, most: int, what: str) -> bytes:
    """Read a regular file of at most ``most`` bytes.

    Raises:
        ConfigurationError: It cannot be read, or is no regular file.
        MalformedError: It is larger; ``what`` says what it was to be.
    """
    with _usable(path), open_regular(path) as stream:
        return _within(stream.read(most + 1), most, what)


def read_file_or_pipe(path: Path, most: int, what: str) -> bytes:
    """Read as ``read_file`` does, or as much through a pipe, such as a shell's ``<(command)``.

    Raises:
        ConfigurationError, MalformedError: As there.
        SourceTimeoutError: Nobody wrote to the pipe, or not to the end, within ``PIPE_TIMEOUT_S``.
    """
    with _usable(path), _open(path, _is_file_or_pipe) as stream:
        piped = stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
        return _within(_read_pipe(stream, most + 1, path) if piped else stream.read(most + 1), most, what)


def _open(path: Path, is_taken: Callable[[int], bool]) -> BinaryIO:
    try:
        descriptor = os.open(path, _WAITING_FOR_NOBODY)
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket, or a device that is not there
            raise NotAFileError(path) from None
        raise
    if not is_taken(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFileError(path)
    return os.fdopen(descriptor, "rb")


def _is_file_or_pipe(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from None


def _within(data: bytes, most: int, what: str) -> bytes:
    if len(data) > most:
        raise MalformedError(what, f"over {most} bytes")
    return data


def _read_pipe(stream: BinaryIO, most: int, path: Path) -> bytes:
    """Read up to ``most`` bytes; a pipe that nobody has opened to write yet is waited for, too."""
    from select import select  # noqa: PLC0415 - who reads files does without

    gathered, deadline = bytearray(), time.monotonic() + PIPE_TIMEOUT_S
    while len(gathered) < most:
        left = deadline - time.monotonic()
        if left <= 0 or not select([stream], [], [], left)[0]:
            raise SourceTimeoutError(f"{path}: a pipe that did not end within {PIPE_TIMEOUT_S:g} s")
        with suppress(BlockingIOError):  # another reader was quicker
            piece = os.read(stream.fileno(), min(_READ_BYTES, most - len(gathered)))
            if not piece:
                break
            gathered += piece
    return bytes(gathered)


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
