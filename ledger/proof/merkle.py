"""The append-only Merkle tree of RFC 9162 with SHA-256.

A tree is kept as its *complete* nodes: node ``position`` at ``level`` stands over the leaves from
``position << level`` up to, not with, ``(position + 1) << level``, and never changes again. Every root and every
path of every size is computed from O(log n) of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ledger.errors import ConsistencyError, InclusionError, MalformedError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 2**63 - 1
MAX_PATH = 64


class NodeReader(Protocol):
    """Where complete nodes are read from."""

    def node(self, level: int, position: int) -> bytes:
        """Return a complete node, 32 bytes; it raises where the tree does not reach that far."""
        ...


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry: SHA-256(0x00 ‖ data), 32 bytes."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes of 32 bytes: SHA-256(0x01 ‖ left ‖ right), 32 bytes."""
    return hashlib.sha256(b"\1" + left + right).digest()


def nodes_to_store(size: int, leaf: bytes, tree: NodeReader) -> Iterator[tuple[int, int, bytes]]:
    """Yield (level, position, node) of every node that the next leaf completes, its own first.

    Args:
        size: Leaves before it.
        leaf: Leaf hash, 32 bytes.
        tree: Read at most once a level.
    """
    level, position, node = 0, size, leaf
    yield level, position, node
    while position % 2:
        node = node_hash(tree.node(level, position - 1), node)
        level, position = level + 1, position // 2
        yield level, position, node


class MemoryTree:
    """A tree whose complete nodes are in memory: 64 bytes of hashes a leaf."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """Leaves so far."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash, 32 bytes."""
        for level, _, node in nodes_to_store(self.size, leaf, self):
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(node)

    def node(self, level: int, position: int) -> bytes:
        """Return a complete node; IndexError where there is none yet."""
        return self._levels[level][position]


class Frontier:
    """A tree that only grows and only knows its root: at most one node a level is kept."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: dict[int, bytes] = {}

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash, 32 bytes."""
        for level, _, node in list(nodes_to_store(self.size, leaf, self)):  # read before it is overwritten
            self._roots[level] = node
        self.size += 1

    def node(self, level: int, position: int) -> bytes:
        """Return the last complete node of a level, which is the only one kept."""
        if position != (self.size >> level) - 1:
            raise IndexError(f"node {position} at level {level} is not kept")
        return self._roots[level]

    def root(self) -> bytes:
        """Return the root, 32 bytes."""
        return root_of(self, self.size)


def root_from_leaves(leaves: Iterable[bytes]) -> bytes:
    """Compute the root of a tree from its leaf hashes, 32 bytes each, in O(log n) memory."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def root_of(tree: NodeReader, size: int) -> bytes:
    """Compute the root that the tree had when it held ``size`` leaves."""
    return _range_root(tree, 0, size) if size else EMPTY_ROOT


def inclusion_path(tree: NodeReader, index: int, size: int) -> list[bytes]:
    """Compute the path from entry ``index`` to the root of the tree of ``size`` entries, leaf side first.

    Raises: ValueError, where not ``0 <= index < size``.
    Source: RFC 9162, 2.1.3.1.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} of {size}")
    path, level, last = [], 0, size - 1
    while last:
        sibling = index ^ 1
        if sibling < last:
            path.append(tree.node(level, sibling))
        elif sibling == last:
            path.append(_range_root(tree, sibling << level, size))
        index, last, level = index >> 1, last >> 1, level + 1
    return path


def consistency_path(tree: NodeReader, size1: int, size2: int) -> list[bytes]:
    """Compute the path that proves the tree of ``size2`` entries to extend that of ``size1``.

    Returns:
        Empty where the sizes are equal or ``size1`` is 0.

    Raises:
        ValueError: Not ``0 <= size1 <= size2``.

    Source: RFC 9162, 2.1.4.1.
    """
    if not 0 <= size1 <= size2:
        raise ValueError(f"from {size1} to {size2} entries")
    path: list[bytes] = []
    start, end = 0, size2
    while size1 and end != size1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if size1 <= middle:
            path.append(_range_root(tree, middle, end))
            end = middle
        else:
            path.append(_range_root(tree, start, middle))
            start = middle
    if start:
        path.append(_range_root(tree, start, end))
    return path[::-1]


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


def _range_root(tree: NodeReader, start: int, end: int) -> bytes:
    """Compute the root over the leaves from ``start`` to ``end``; ``start`` begins a subtree of at least that width."""
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append(tree.node(level, start >> level))
        start += 1 << level
    root = nodes.pop()
    while nodes:
        root = node_hash(nodes.pop(), root)
    return root


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
