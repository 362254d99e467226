"""The tree of block hashes in SQL: leaf n is the hash of block n; complete nodes never change but by a re-org."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from ledger.errors import MissingError
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import nodes_to_store
from ledger.store.chain_index import MerkleNode
from ledger.store.columns import table_of

LEVELS = 64


class BlockTree:
    """Reads complete nodes for ``ledger.proof.merkle_tree``: inclusion and consistency paths in O(log n) reads."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def node(self, level: int, position: int) -> bytes:
        """Return the node over leaves ``position << level`` up to (not with) ``(position + 1) << level``.

        Raises: MissingError, if the tree does not reach that far.
        """
        found = self._session.get(MerkleNode, (level, position))
        if found is None:
            raise MissingError(f"the tree of block hashes has no node {position} at level {level} yet")
        return found.hash


class _Edge:
    """The last complete node of each level: all that the next leaf's nodes are made of."""

    def __init__(self, nodes: dict[int, bytes]) -> None:
        self.nodes = nodes

    def node(self, level: int, position: int) -> bytes:
        return self.nodes[level]


def append_blocks(session: Session, size: int, hashes: Sequence[bytes]) -> None:
    """Add the hashes of blocks ``size``, ``size + 1``, … and every node that they complete."""
    edge = _Edge(_frontier(session, size))
    rows: list[dict[str, Any]] = []
    for number, block_hash in enumerate(hashes, start=size):
        completed = list(nodes_to_store(number, leaf_hash(block_hash), edge))
        rows += [{"level": level, "position": position, "hash": node} for level, position, node in completed]
        edge.nodes.update((level, node) for level, _, node in completed)
    if rows:
        session.execute(insert(table_of(MerkleNode)), rows)


def cut_blocks(session: Session, size: int) -> None:
    """Forget everything that a tree of ``size`` leaves does not have."""
    for level in range(LEVELS):
        session.execute(
            delete(MerkleNode).where(col(MerkleNode.level) == level, col(MerkleNode.position) >= size >> level)
        )


def _frontier(session: Session, size: int) -> dict[int, bytes]:
    """Return the roots of the complete subtrees of a tree of ``size`` leaves, by level."""
    levels = [level for level in range(size.bit_length()) if size >> level & 1]
    question = select(col(MerkleNode.hash))
    found = {
        level: session.scalar(
            question.where(col(MerkleNode.level) == level, col(MerkleNode.position) == (size >> level) - 1)
        )
        for level in levels
    }
    if None in found.values():
        raise MissingError(f"the tree of block hashes is not complete up to {size}")
    return {level: node for level, node in found.items() if node is not None}
