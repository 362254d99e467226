"""Replacing files so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

from pathlib import Path

from ipfs import files


def write_durably(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` with ``data``: temporary file, flush, rename, flush of the folder.

    Raises: OSError, as the system says it; the old file is still there then.
    """
    files.replace_durably(path, data, mode=mode)
