"""A lock between processes that vanishes with the process that holds it."""

from __future__ import annotations

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
    with path.with_name(f"{path.name}.{role}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"{path.name} is in use for {role} by another process") from None
        yield
