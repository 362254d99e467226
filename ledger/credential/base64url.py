"""Base64url without padding, in its one canonical form."""

from __future__ import annotations

import binascii

from ledger.errors import MalformedError

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
    if not isinstance(text, str) or not text.isascii():
        raise MalformedError(what, "not unpadded base64url")
    try:
        data = binascii.a2b_base64(text.encode().translate(_FROM_URL) + b"==="[: -len(text) % 4])
    except binascii.Error:
        raise MalformedError(what, "not unpadded base64url") from None
    if encode_base64url(data) != text:  # the library passes over what it does not know
        raise MalformedError(what, "not unpadded base64url whose unused bits are zero")
    if size is not None and len(data) != size:
        raise MalformedError(what, f"{len(data)} bytes, {size} are needed")
    return data
