"""Merkle trees and tries: thin readers of fields over ``ledger.proof``."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import InclusionError
from ledger.proof.merkle import HASH_BYTES, verify_consistency, verify_inclusion
from ledger.proof.trie import verify_account, verify_trie_proof
from light_node.conformance.fields import Fields

_FIRST_OF_A_LIST = b"\xc0"


def merkle_inclusion(fields: Fields) -> bool:
    """Prove that a leaf hash is in a tree of RFC 9162."""
    fields.exactly("leaf_hash", "index", "size", "path", "root")
    verify_inclusion(
        fields.octets("leaf_hash", HASH_BYTES),
        fields.integer("index"),
        fields.integer("size"),
        fields.many_octets("path", HASH_BYTES),
        fields.octets("root", HASH_BYTES),
    )
    return True


def merkle_consistency(fields: Fields) -> bool:
    """Prove that one tree of RFC 9162 extends another."""
    fields.exactly("size1", "size2", "root1", "root2", "path")
    sizes = fields.integer("size1"), fields.integer("size2")
    length = None if sizes[0] == sizes[1] else HASH_BYTES  # of equal sizes the roots are only compared
    roots = fields.octets("root1", length), fields.octets("root2", length)
    verify_consistency(*sizes, *roots, fields.many_octets("path", HASH_BYTES))
    return True


def trie_proof(fields: Fields) -> bool:
    """Prove that a trie holds exactly this value, or none."""
    fields.exactly("root", "key", "proof", "value")
    claimed = fields.octets_or_null("value")
    found = verify_trie_proof(fields.octets("root"), fields.octets("key"), _proof(fields))
    if found != claimed:
        what = "a key that should be absent" if claimed is None else "value in the trie"
        raise InclusionError(what, claimed or b"", found)
    return True


def account_proof(fields: Fields) -> dict[str, object] | None:
    """Prove what a state holds for an address."""
    fields.exactly("state_root", "address", "proof")
    root, address = fields.octets("state_root"), fields.octets("address")
    account = verify_account(root, address, _proof(fields))
    if account is None:
        return None
    return {
        "nonce": account.nonce,
        "balance": account.balance,
        "storage_root": account.storage_root.hex(),
        "code_hash": account.code_hash.hex(),
    }


def _proof(fields: Fields) -> list[bytes]:
    return without_repeated(fields.many_octets("proof"))


def without_repeated(nodes: Sequence[bytes]) -> list[bytes]:
    """Drop the nodes that some libraries give once more though they stand inside the node before them.

    A node under 32 bytes, other than the root, stands in its parent and nowhere else: the proof is the same without it.
    """
    parents = (b"", *nodes)
    return [node for node, parent in zip(nodes, parents, strict=False) if not _is_inside(node, parent)]


def _is_inside(node: bytes, parent: bytes) -> bool:
    return node >= _FIRST_OF_A_LIST and len(node) < HASH_BYTES and node in parent
