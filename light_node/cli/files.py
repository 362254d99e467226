"""Reading what was named on the command line, within limits."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import ConfigurationError, MalformedError
from ledger.proof.tlog_text import MAX_PROOF_BYTES, parse_consistency_proof


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
    """Read a consistency proof as a witness gives it; what it proves, the two roots decide.

    Raises: ConfigurationError, MalformedError.
    """
    return parse_consistency_proof(read_limited(path, MAX_PROOF_BYTES, "consistency proof")).path
