"""Locks that hold between processes and vanish with the process that held them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import text

from ledger.errors import ConflictError
from ledger.store.database import Database

LINGER_S = 3.0  # a server may take a moment to notice that the process of a connection was killed

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows is not a platform of ours
    fcntl = None  # type: ignore[assignment]


@contextmanager
def exclusive(database: Database, name: str) -> Iterator[None]:
    """Hold ``name`` against every other program on this database, and every other holder in this one.

    Raises:
        ConflictError: Someone else holds it.
    """
    with ExitStack() as stack:
        if database.path is not None:
            stack.enter_context(_file_lock(database.path, name))
        else:
            stack.enter_context(_advisory_lock(database, name))
        yield


@contextmanager
def _file_lock(database: Path, name: str) -> Iterator[None]:
    path = database.with_name(f"{database.name}.{name}.lock")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"{name} is in use by another program") from None
        yield


@contextmanager
def _advisory_lock(database: Database, name: str) -> Iterator[None]:
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + LINGER_S
        while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
            if time.monotonic() > deadline:
                raise ConflictError(f"{name} is in use by another program")
            time.sleep(0.05)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
