"""Secure tries with proofs, by the ``trie`` library: an implementation other than the one under test."""

from __future__ import annotations

from collections.abc import Mapping

import rlp
from trie import HexaryTrie

from ledger.proof.keccak import keccak256

EMPTY_ROOT = keccak256(rlp.encode(b""))


class SecureTrie:
    """Built of key and value once; proves each key, present or absent."""

    def __init__(self, content: Mapping[bytes, bytes]) -> None:
        self._trie = HexaryTrie({})
        for key, value in content.items():
            self._trie[keccak256(key)] = value

    @property
    def root(self) -> bytes:
        return bytes(self._trie.root_hash)

    def proof(self, key: bytes) -> tuple[bytes, ...]:
        """Nodes from the root down, those left out that stand within their parents."""
        if self.root == EMPTY_ROOT:
            return ()
        nodes = [rlp.encode(node) for node in self._trie.get_proof(keccak256(key))]
        return tuple(node for n, node in enumerate(nodes) if n == 0 or len(node) >= 32)


def storage_trie(slots: Mapping[bytes, int]) -> SecureTrie:
    return SecureTrie({slot: rlp.encode(value) for slot, value in slots.items() if value})


def account_value(storage_root: bytes, code_hash: bytes) -> bytes:
    return bytes(rlp.encode([1, 0, storage_root, code_hash]))
