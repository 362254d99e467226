"""Reading what was named on the command line, within limits."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from ledger.errors import ConfigurationError, MalformedError
from ledger.proof.merkle import HASH_BYTES

MAX_PATH_LINES = 128
_MAX_PATH_BYTES = 64 * 1024


def read_limited(path: Path, most: int, what: str) -> bytes:
    """Read a file of at most ``most`` bytes.

    Raises:
        ConfigurationError: It cannot be read.
        MalformedError: It is larger.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from None
    if len(data) > most:
        raise MalformedError(what, f"over {most} bytes")
    return data


def read_path(path: Path) -> tuple[bytes, ...]:
    """Read a consistency path: one hash a line in base64, as a witness gives it.

    Raises: ConfigurationError, MalformedError.
    """
    lines = read_limited(path, _MAX_PATH_BYTES, "consistency path").decode("ascii", "replace").splitlines()
    if len(lines) > MAX_PATH_LINES:
        raise MalformedError("consistency path", f"{len(lines)} lines, at most {MAX_PATH_LINES} are read")
    return tuple(_hash(line) for line in lines if line)


def _hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != HASH_BYTES:
        raise MalformedError("consistency path", f"not {HASH_BYTES} bytes in base64 on each line")
    return data
