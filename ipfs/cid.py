"""Content identifiers: the one form that Vinculum uses, CIDv1 over SHA-256.

Source: the CID and multibase specifications of multiformats. Only the canonical form of a value is accepted:
version 1, codec ``raw`` or ``dag-pb``, hash ``sha2-256`` of 32 bytes, text in lower-case base32 without padding.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from ledger.errors import ContentMismatchError, MalformedError

RAW = 0x55
DAG_PB = 0x70
CODECS = {RAW: "raw", DAG_PB: "dag-pb"}

CID_BYTES = 36
CID_TEXT = 59
_VERSION = 0x01
_SHA2_256 = b"\x12\x20"
_TEXT = re.compile(rf"b[a-z2-7]{{{CID_TEXT - 1}}}", re.ASCII)
_UNUSED_BITS = 5 * (CID_TEXT - 1) - 8 * CID_BYTES
_DIGITS = str.maketrans("abcdefghijklmnopqrstuvwxyz234567", "0123456789abcdefghijklmnopqrstuv")
"""From the alphabet of RFC 4648 to that of ``int``."""


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """The address of one block: what it is encoded in, and the SHA-256 of its bytes.

    Attributes:
        codec: ``RAW`` or ``DAG_PB``.
        digest: SHA-256, 32 bytes.
    """

    codec: int
    digest: bytes

    def __post_init__(self) -> None:
        if self.codec not in CODECS or len(self.digest) != 32:
            raise MalformedError("CID", "needs the codec raw or dag-pb and a digest of 32 bytes")

    def __bytes__(self) -> bytes:
        """The binary form, ``CID_BYTES`` long."""
        return bytes((_VERSION, self.codec)) + _SHA2_256 + self.digest

    def __str__(self) -> str:
        """The text form, ``CID_TEXT`` characters: ``bafkrei…`` (raw) or ``bafybei…`` (dag-pb)."""
        return _text_of(bytes(self))


@lru_cache(maxsize=1024)
def _text_of(data: bytes) -> str:
    return "b" + base64.b32encode(data).rstrip(b"=").decode().lower()


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes with the address that they claim. Claimed only: ``verify_block`` checks.

    Attributes:
        cid: The address.
        data: The bytes, at most ``MAX_BLOCK_BYTES``.
    """

    cid: Cid
    data: bytes


MAX_BLOCK_BYTES = 2 * 1024 * 1024
"""Largest block that IPFS nodes exchange (Kubo, ``BlockSizeLimit``)."""


def parse_cid(text: str) -> Cid:
    """Read the text form.

    Args:
        text: *Untrusted*; exactly ``CID_TEXT`` characters, ``b`` and lower-case base32.

    Returns:
        The CID; ``str`` of it is ``text`` again.

    Raises:
        MalformedError: another version, base, codec or hash, or not canonical.
    """
    if _TEXT.fullmatch(text) is None:
        raise MalformedError("CID", f"not a CIDv1 in lower-case base32 of {CID_TEXT} characters")
    number = int(text[1:].translate(_DIGITS), 32)
    if number % (1 << _UNUSED_BITS):
        raise MalformedError("CID", "unused bits are not zero")
    return parse_cid_bytes((number >> _UNUSED_BITS).to_bytes(CID_BYTES, "big"))


def parse_cid_bytes(data: bytes) -> Cid:
    """Read the binary form.

    Args:
        data: *Untrusted*; exactly ``CID_BYTES``.

    Raises:
        MalformedError: another length, version, codec or hash.
    """
    if len(data) != CID_BYTES or data[0] != _VERSION or data[1] not in CODECS or data[2:4] != _SHA2_256:
        raise MalformedError("CID", "not a CIDv1 of raw or dag-pb with sha2-256")
    return Cid(data[1], bytes(data[4:]))


def cid_from_digest(digest: bytes) -> Cid:
    """The address of the raw block whose SHA-256 is ``digest`` (32 bytes): the digest on chain is the address."""
    return Cid(RAW, bytes(digest))


def cid_of_raw(data: bytes) -> Cid:
    """The address of ``data`` as one raw block."""
    return Cid(RAW, sha256(data).digest())


def cid_of_node(data: bytes) -> Cid:
    """The address of an encoded dag-pb node."""
    return Cid(DAG_PB, sha256(data).digest())


def verify_block(cid: Cid, data: bytes) -> None:
    """Prove that ``data`` (*untrusted*) is what ``cid`` addresses.

    Raises:
        ContentMismatchError: it has another SHA-256; carries both.
    """
    found = sha256(data).digest()
    if found != cid.digest:
        raise ContentMismatchError("block", str(cid), str(Cid(cid.codec, found)))
