"""Trees of RFC 9162 that are kept: their roots, and the paths that prove what is in them.

A tree is kept as its *complete* nodes: node ``position`` at ``level`` stands over the leaves from
``position << level`` up to, not with, ``(position + 1) << level``, and never changes again. Every root and every
path of every size is computed from O(log n) of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ledger.proof.merkle import EMPTY_ROOT, node_hash


class NodeReader(Protocol):
    """Where complete nodes are read from."""

    def node(self, level: int, position: int) -> bytes:
        """Return a complete node, 32 bytes; it raises where the tree does not reach that far."""
        ...


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
