"""The one-slot head: every attestation of a subject folds into 32 bytes.

::

    meta  = version(8) ‖ kind(16) ‖ organisation(32) ‖ time(48)        right-aligned in a 32-byte word
    leaf  = keccak256(digest ‖ meta)
    head' = status' ‖ first 248 bits of keccak256(head ‖ leaf)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.proof.keccak import keccak256

VERSION = 1
EMPTY_HEAD = bytes(32)
MAX_STATUS = 255
_WORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Meta:
    """Who attested what kind of event when.

    Attributes:
        kind: Number in the kind table, 16 bits.
        organisation: Number in ``Consortium``, 32 bits.
        time: Block time in seconds since the epoch, 48 bits.
        version: Of this layout.
    """

    kind: int
    organisation: int
    time: int
    version: int = VERSION

    @property
    def word(self) -> bytes:
        """The 32 bytes that are hashed and emitted."""
        value = self.version << 96 | self.kind << 80 | self.organisation << 48 | self.time
        return value.to_bytes(_WORD_BYTES, "big")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry whose content is named: digest (32 bytes), meta word (32 bytes), and the status after it."""

    digest: bytes
    meta: bytes
    status: int

    @property
    def leaf(self) -> bytes:
        """What is folded, 32 bytes."""
        return leaf(self.digest, self.meta)


@dataclass(frozen=True, slots=True)
class BareLeaf:
    """An entry of which only the leaf (32 bytes) and the status after it are shown."""

    leaf: bytes
    status: int


def parse_meta(word: bytes) -> Meta:
    """Read a meta word.

    Args:
        word: Untrusted.

    Raises: MalformedError, for another length, another version, or bits above it.
    """
    if len(word) != _WORD_BYTES:
        raise MalformedError("meta word", f"{len(word)} bytes, {_WORD_BYTES} are needed")
    value = int.from_bytes(word, "big")
    if value >> 96 != VERSION:
        raise MalformedError("meta word", f"not of version {VERSION}")
    return Meta(value >> 80 & 0xFFFF, value >> 48 & 0xFFFFFFFF, value & 0xFFFFFFFFFFFF)


def leaf(digest: bytes, meta: bytes) -> bytes:
    """Hash one attestation, 32 bytes.

    Args:
        digest: SHA-256 of the issuer-signed JWT, 32 bytes.
        meta: Meta word, 32 bytes.

    Raises: MalformedError, for another length: the two would have another border.
    """
    _check_words(digest, meta)
    return keccak256(digest + meta)


def next_head(head: bytes, entry_leaf: bytes, status: int) -> bytes:
    """Append one leaf to a head.

    Args:
        head: 32 bytes.
        entry_leaf: 32 bytes.
        status: The one after it, 0 to 255.

    Raises: MalformedError, for another length or status.
    """
    _check_words(head, entry_leaf)
    if not 0 <= status <= MAX_STATUS:
        raise MalformedError("status", f"{status} is not 0 to {MAX_STATUS}")
    return bytes((status,)) + keccak256(head + entry_leaf)[:31]


def fold(entries: Iterable[Entry | BareLeaf], head: bytes = EMPTY_HEAD) -> bytes:
    """Fold entries, oldest first, onto ``head``; returns the head after the last."""
    for entry in entries:
        head = next_head(head, entry.leaf, entry.status)
    return head


def _check_words(first: bytes, second: bytes) -> None:
    if len(first) != _WORD_BYTES or len(second) != _WORD_BYTES:
        raise MalformedError("entry", f"words of {len(first)} and {len(second)} bytes, {_WORD_BYTES} are needed")
