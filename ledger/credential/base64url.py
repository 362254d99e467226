"""Base64url without padding, in its one canonical form."""

from __future__ import annotations

import binascii
import re

from ledger.errors import MalformedError

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")
_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LAST = (_CHARACTERS, "", _CHARACTERS[::16], _CHARACTERS[::4])
"""Characters that may stand last, by the length modulo 4: those whose unused bits are zero."""
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def encode_base64url(data: bytes) -> str:
    """Encode without padding (RFC 4648, 5; RFC 7515, 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def parse_base64url(text: object, what: str, *, size: int | None = None) -> bytes:
    """Decode the canonical form only.

    Args:
        text: *Untrusted*; ASCII of the URL-safe alphabet, no padding, unused bits zero.
        what: Name for error messages.
        size: Number of bytes it must decode to, or None for any.

    Returns:
        The bytes; encoding them gives ``text`` again.

    Raises:
        MalformedError: another type, alphabet, length, or set unused bits.
    """
    if not isinstance(text, str) or _ALPHABET.fullmatch(text) is None or len(text) % 4 == 1:
        raise MalformedError(what, "not unpadded base64url")
    data = binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"==="[: -len(text) % 4])
    if text[-1:] not in _LAST[len(text) % 4]:
        raise MalformedError(what, "unused bits of the base64url are not zero")
    if size is not None and len(data) != size:
        raise MalformedError(what, f"{len(data)} bytes, {size} are needed")
    return data
