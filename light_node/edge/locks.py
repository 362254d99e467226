"""A lock between processes that vanishes with the process that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import ConflictError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows is not a platform of ours
    fcntl = None  # type: ignore[assignment]


@contextmanager
def hold(path: Path, role: str) -> Iterator[None]:
    """Hold a role for the file ``path`` against every other holder.

    Raises: ConflictError, where someone else holds it.
    """
    file = os.open(path.with_name(f"{path.name}.{role}.lock"), os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666)
    try:
        _lock(file, f"{path.name} is in use for {role} by another process")
        yield
    finally:
        os.close(file)


def _lock(file: int, otherwise: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConflictError(otherwise) from None
