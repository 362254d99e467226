"""How much memory JSON from outside may ask for, judged before anything reads it. Pure.

JSON of nothing but small values takes thirty times its length to read, and whoever gives it decides what stands in it.
"""

from __future__ import annotations

from ledger.errors import MalformedError

BYTES_A_VALUE = 24
"""A node's events and proofs have over 40 bytes a value, evidence over 150; bare leaves alone have 29."""
SMALL_BYTES = 64 * 1024
"""What is no longer can do no harm."""


def check_density(data: bytes, what: str) -> None:
    """Refuse JSON that holds more values than evidence or a node's answer of its length can.

    Args:
        data: *Untrusted*.
        what: Name for error messages.

    Raises: MalformedError.
    """
    if len(data) > SMALL_BYTES and _values(data) > len(data) // BYTES_A_VALUE:
        raise MalformedError(what, f"more than one value in {BYTES_A_VALUE} bytes")


def _values(data: bytes) -> int:
    """At least as many as there are: what stands in strings counts too."""
    return sum(map(data.count, (b",", b"{", b"[")))
