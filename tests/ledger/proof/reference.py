"""The trees of RFC 9162 word for word: recursive, slow, and without a single shortcut."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH of 2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), root(leaves[k:])]
    return [*path(index - k, leaves[k:]), root(leaves[:k])]


def proof(size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF of 2.1.4.1."""
    return subproof(size, leaves, complete=True)


def subproof(size: int, leaves: Sequence[bytes], *, complete: bool) -> list[bytes]:
    """SUBPROOF of 2.1.4.1."""
    if size == len(leaves):
        return [] if complete else [root(leaves)]
    k = split(len(leaves))
    if size <= k:
        return [*subproof(size, leaves[:k], complete=complete), root(leaves[k:])]
    return [*subproof(size - k, leaves[k:], complete=False), root(leaves[:k])]


def split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    k = 1
    while 2 * k < size:
        k *= 2
    return k
