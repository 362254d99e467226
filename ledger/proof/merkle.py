"""Proofs in the append-only Merkle tree of RFC 9162 with SHA-256: how it hashes, and how a reader verifies a path."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ledger.errors import ConsistencyError, InclusionError, MalformedError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 2**63 - 1
MAX_PATH = 64


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry: SHA-256(0x00 ‖ data), 32 bytes."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes of 32 bytes: SHA-256(0x01 ‖ left ‖ right), 32 bytes."""
    return hashlib.sha256(b"\1" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Prove that ``leaf`` is entry ``index`` of the tree of ``size`` entries with ``root``.

    Args:
        leaf: Leaf hash, 32 bytes.
        index: From 0.
        size: *Verified*, with ``root``.
        path: *Untrusted*; 32 bytes each, leaf side first.
        root: *Verified*, 32 bytes.

    Raises:
        InclusionError: It leads to another root.
        MalformedError: ``index`` is not below ``size``, or the path has another length.

    Source: RFC 9162, 2.1.3.2.
    """
    found = root_from_inclusion_path(leaf, index, size, path)
    if found != root:
        raise InclusionError("root of the tree", root, found)


def root_from_inclusion_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Compute where a path leads to; arguments and errors as for ``verify_inclusion``."""
    _check_size(size)
    if not 0 <= index < size:
        raise MalformedError("inclusion path", f"entry {index} of {size}")
    _check_path(path, "inclusion path", _inclusion_length(index, size))
    node, last = leaf, size - 1
    for sibling in path:
        while not index & 1 and index == last:  # no sibling at this level
            index, last = index >> 1, last >> 1
        node = node_hash(sibling, node) if index & 1 else node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return node


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, path: Sequence[bytes]) -> None:
    """Prove that the tree of ``size2`` entries with ``root2`` begins with the entries of that of ``size1``.

    Args:
        size1: *Verified*, with ``root1``.
        size2: Of the newer tree.
        root1: 32 bytes.
        root2: 32 bytes.
        path: *Untrusted*; 32 bytes each.

    Raises:
        ConsistencyError: It does not, by this path.
        MalformedError: The newer tree is smaller, or the path has another length.

    Source: RFC 9162, 2.1.4.2.
    """
    _check_size(size2)
    if not 0 <= size1 <= size2:
        raise MalformedError("consistency path", f"from {size1} to {size2} entries")
    _check_path(path, "consistency path", _consistency_length(size1, size2))
    if size1 in (0, size2):
        newer = root2 if size2 else EMPTY_ROOT
        found = (newer if size1 else EMPTY_ROOT, newer)
    else:
        found = _roots_from_consistency_path(size1, size2, root1, path)
    if found != (root1, root2):
        which = "older" if found[0] != root1 else "newer"
        raise ConsistencyError(f"the tree of {size2} does not extend that of {size1}: the {which} root is another")


def _roots_from_consistency_path(size1: int, size2: int, root1: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    index, last = size1 - 1, size2 - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    rest = iter(path)
    old = new = next(rest) if index else root1
    for node in rest:
        while not index & 1 and index and index == last:
            index, last = index >> 1, last >> 1
        if index & 1:
            old, new = node_hash(node, old), node_hash(node, new)
        else:
            new = node_hash(new, node)
        index, last = index >> 1, last >> 1
    return old, new


def _inclusion_length(index: int, size: int) -> int:
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def _consistency_length(size1: int, size2: int) -> int:
    if size1 in (0, size2):
        return 0
    index, last = size1 - 1, size2 - 1
    shift = ((index + 1) & -(index + 1)).bit_length() - 1
    return _inclusion_length(index >> shift, (last >> shift) + 1) + (1 if index >> shift else 0)


def _check_size(size: int) -> None:
    if not 0 <= size <= MAX_SIZE:
        raise MalformedError("tree size", f"not between 0 and {MAX_SIZE}")


def _check_path(path: Sequence[bytes], what: str, length: int) -> None:
    if len(path) != length:
        raise MalformedError(what, f"{len(path)} nodes, {length} are needed")
    for node in path:
        if len(node) != HASH_BYTES:
            raise MalformedError(what, f"a node of {len(node)} bytes")
