"""The tree in SQL gives the roots and paths of the tree in memory, at every size, forwards and back."""

from __future__ import annotations

import hashlib

import pytest

from ledger.chain.blocks import BlockTree, append_blocks, cut_blocks
from ledger.errors import MissingError
from ledger.proof.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.proof.merkle_tree import MemoryTree, consistency_path, inclusion_path, root_of
from ledger.store.database import Database

HASHES = [hashlib.sha256(bytes((number,))).digest() for number in range(67)]
MEMORY = MemoryTree(map(leaf_hash, HASHES))


def _append(database: Database, *sizes: int) -> None:
    for first, last in zip((0, *sizes), sizes, strict=False):
        with database.write() as session:
            append_blocks(session, first, HASHES[first:last])


def test_every_root_is_that_of_the_tree_in_memory(database: Database) -> None:
    _append(database, 1, 2, 3, 7, 8, 20, 64, 67)
    with database.read() as session:
        tree = BlockTree(session)
        for size in range(1, 68):
            assert root_of(tree, size) == root_of(MEMORY, size)


def test_paths_from_sql_prove_what_they_say(database: Database) -> None:
    _append(database, 67)
    with database.read() as session:
        tree = BlockTree(session)
        root = root_of(tree, 67)
        for index in range(67):
            verify_inclusion(leaf_hash(HASHES[index]), index, 67, inclusion_path(tree, index, 67), root)
        for size in range(1, 67):
            verify_consistency(size, 67, root_of(tree, size), root, consistency_path(tree, size, 67))


@pytest.mark.parametrize("size", [0, 1, 2, 31, 32, 33, 66])
def test_cutting_back_and_going_on_is_as_if_nothing_was(database: Database, size: int) -> None:
    _append(database, 67)
    with database.write() as session:
        cut_blocks(session, size)
    with database.read() as session:
        with pytest.raises(MissingError):
            BlockTree(session).node(0, size)
        assert size == 0 or root_of(BlockTree(session), size) == root_of(MEMORY, size)
    with database.write() as session:
        append_blocks(session, size, HASHES[size:])
    with database.read() as session:
        assert root_of(BlockTree(session), 67) == root_of(MEMORY, 67)


def test_a_gap_is_not_built_upon(database: Database) -> None:
    _append(database, 5)
    with pytest.raises(MissingError), database.write() as session:
        append_blocks(session, 6, HASHES[6:])


def test_what_is_not_there_yet_is_missing(database: Database) -> None:
    _append(database, 5)
    with database.read() as session:
        tree = BlockTree(session)
        for level, position in ((0, 5), (1, 2), (2, 1), (3, 0), (0, -1)):
            with pytest.raises(MissingError):
                tree.node(level, position)
