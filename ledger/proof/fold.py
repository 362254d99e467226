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
_WORD_BYTES = 32
_META_BITS = 104


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

    Raises: MalformedError, for another length, set bits above the 104, or another version.
    """
    if len(word) != _WORD_BYTES:
        raise MalformedError("meta word", f"{len(word)} bytes, {_WORD_BYTES} are needed")
    value = int.from_bytes(word, "big")
    version = value >> 96
    if value >> _META_BITS or version != VERSION:
        raise MalformedError("meta word", f"not of version {VERSION}")
    return Meta(value >> 80 & 0xFFFF, value >> 48 & 0xFFFFFFFF, value & 0xFFFFFFFFFFFF, version)


def leaf(digest: bytes, meta: bytes) -> bytes:
    """Hash one attestation: ``digest`` and ``meta`` of 32 bytes each give 32 bytes."""
    return keccak256(digest + meta)


def next_head(head: bytes, entry_leaf: bytes, status: int) -> bytes:
    """Append one leaf (32 bytes) to a head (32 bytes); ``status`` is the one after it, 0 to 255."""
    return bytes((status,)) + keccak256(head + entry_leaf)[:31]


def fold(entries: Iterable[Entry | BareLeaf], head: bytes = EMPTY_HEAD) -> bytes:
    """Fold entries, oldest first, onto ``head``; returns the head after the last."""
    for entry in entries:
        head = next_head(head, entry.leaf, entry.status)
    return head
