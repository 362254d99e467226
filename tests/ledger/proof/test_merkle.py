"""RFC 9162 trees: agreement with the recursive definition, published roots, and every change of a path refused."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ConsistencyError, InclusionError, MalformedError
from ledger.proof.merkle import (
    EMPTY_ROOT,
    MAX_SIZE,
    leaf_hash,
    node_hash,
    root_from_inclusion_path,
    verify_consistency,
    verify_inclusion,
)
from ledger.proof.merkle_tree import (
    Frontier,
    MemoryTree,
    consistency_path,
    inclusion_path,
    nodes_to_store,
    root_from_leaves,
    root_of,
)
from tests.ledger.proof import reference
from tests.ledger.proof.vectors import FOLDER, Vector, assert_refused, octets, vectors

LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(5000)]
TREE = MemoryTree(LEAVES)
SMALL = range(65)
SIZES = st.integers(1, len(LEAVES))
PUBLISHED = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PUBLISHED_ENTRIES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")


@functools.cache
def root(size: int) -> bytes:
    return reference.root(LEAVES[:size])


def run(vector: Vector) -> None:
    path = [octets(node) for node in vector["path"]]
    if vector["type"] == "inclusion":
        verify_inclusion(octets(vector["leaf"]), vector["index"], vector["size"], path, octets(vector["root"]))
    else:
        roots = octets(vector["root1"]), octets(vector["root2"])
        verify_consistency(vector["size1"], vector["size2"], *roots, path)


@vectors("merkle", refused=False)
def test_what_a_path_proves(vector: Vector) -> None:
    run(vector)


@vectors("merkle", refused=True)
def test_what_is_no_path(vector: Vector) -> None:
    assert_refused(vector, lambda: run(vector))


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in PUBLISHED_ENTRIES[:size]]
    assert root_from_leaves(leaves).hex() == PUBLISHED[size - 1]


def test_the_vectors_cover_both_kinds() -> None:
    found = json.loads((FOLDER / "merkle.json").read_text(encoding="utf-8"))["vectors"]
    assert {(one["type"], "error" in one) for one in found} == {
        (kind, refused) for kind in ("inclusion", "consistency") for refused in (False, True)
    }


def test_the_empty_tree() -> None:
    assert root_from_leaves([]) == root_of(MemoryTree(), 0) == Frontier().root() == EMPTY_ROOT == reference.root([])


@pytest.mark.parametrize("size", SMALL)
def test_every_root_and_every_inclusion_of_small_trees(size: int) -> None:
    assert root_of(TREE, size) == root_from_leaves(LEAVES[:size]) == root(size)
    for index in range(size):
        path = inclusion_path(TREE, index, size)
        assert path == reference.path(index, LEAVES[:size])
        verify_inclusion(LEAVES[index], index, size, path, root(size))


@pytest.mark.parametrize("size", SMALL)
def test_every_consistency_of_small_trees(size: int) -> None:
    for older in range(size + 1):
        path = consistency_path(TREE, older, size)
        assert path == (reference.proof(older, LEAVES[:size]) if older else [])
        verify_consistency(older, size, root(older), root(size), path)


@given(SIZES, st.data())
def test_larger_trees(size: int, draw: st.DataObject) -> None:
    index, older = draw.draw(st.integers(0, size - 1)), draw.draw(st.integers(1, size))
    assert root_of(TREE, size) == root(size)
    path = inclusion_path(TREE, index, size)
    assert path == reference.path(index, LEAVES[:size])
    verify_inclusion(LEAVES[index], index, size, path, root(size))
    path = consistency_path(TREE, older, size)
    assert path == reference.proof(older, LEAVES[:size])
    verify_consistency(older, size, root(older), root(size), path)


def refuses_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], tree_root: bytes) -> bool:
    with pytest.raises((InclusionError, MalformedError)):
        verify_inclusion(leaf, index, size, path, tree_root)
    return True


def flipped(node: bytes, bit: int) -> bytes:
    return (int.from_bytes(node, "big") ^ 1 << bit).to_bytes(len(node), "big")


def changes(path: list[bytes], bit: int) -> list[list[bytes]]:
    """The path with each node changed, left out, doubled, cut, or swapped with the next; and with one more."""
    found = [[*path, LEAVES[0]], [LEAVES[0], *path]]
    for place, node in enumerate(path):
        before, after = path[:place], path[place + 1 :]
        found += [[*before, *after], [*before, node, node, *after], [*before, flipped(node, bit), *after]]
        found += [[*before, node[:-1], *after], [*before, node + b"\0", *after]]
        if after and after[0] != node:
            found.append([*before, after[0], node, *after[1:]])
    return found


@given(SIZES, st.data())
def test_every_change_of_an_inclusion_is_refused(size: int, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, size - 1))
    path = inclusion_path(TREE, index, size)
    for changed in changes(path, draw.draw(st.integers(0, 255))):
        refuses_inclusion(LEAVES[index], index, size, changed, root(size))
    refuses_inclusion(flipped(LEAVES[index], 0), index, size, path, root(size))
    refuses_inclusion(LEAVES[index], index, size, path, flipped(root(size), 0))


@pytest.mark.parametrize("size", range(1, 34))
def test_an_entry_is_at_no_other_place(size: int) -> None:
    for index in range(size):
        path = inclusion_path(TREE, index, size)
        for other in (*range(-1, index), *range(index + 1, size + 2)):
            refuses_inclusion(LEAVES[index], other, size, path, root(size))


@pytest.mark.parametrize("size", range(1, 34))
def test_a_path_is_of_no_other_root(size: int) -> None:
    for index in range(size):
        path = inclusion_path(TREE, index, size)
        for other in {*range(1, 40)} - {size}:
            refuses_inclusion(LEAVES[index], index, other, path, root(other))


def test_a_node_is_no_entry() -> None:
    """A path that begins a level higher would prove an entry that is a node: the prefixes tell the two apart."""
    node = node_hash(LEAVES[0], LEAVES[1])
    assert node != leaf_hash(LEAVES[0] + LEAVES[1])
    refuses_inclusion(leaf_hash(LEAVES[0] + LEAVES[1]), 0, 2, inclusion_path(TREE, 0, 4)[1:], root(4))


def refuses_consistency(size1: int, size2: int, root1: bytes, root2: bytes, path: Sequence[bytes]) -> None:
    with pytest.raises((ConsistencyError, MalformedError)):
        verify_consistency(size1, size2, root1, root2, path)


@given(SIZES, st.data())
def test_every_change_of_a_consistency_is_refused(size: int, draw: st.DataObject) -> None:
    older = draw.draw(st.integers(1, size))
    path = consistency_path(TREE, older, size)
    for changed in changes(path, draw.draw(st.integers(0, 255))):
        refuses_consistency(older, size, root(older), root(size), changed)
    refuses_consistency(older, size, flipped(root(older), 7), root(size), path)
    refuses_consistency(older, size, root(older), flipped(root(size), 7), path)


@pytest.mark.parametrize("size", range(1, 30))
def test_no_tree_extends_one_that_it_does_not_begin_with(size: int) -> None:
    """Whoever changes an old entry finds no path: not the honest one, nor the one of his own tree."""
    for older in range(1, size + 1):
        for place in range(older):
            forged = [*LEAVES[:place], LEAVES[4000], *LEAVES[place + 1 : size]]
            forged_root = reference.root(forged)
            refuses_consistency(older, size, root(older), forged_root, consistency_path(TREE, older, size))
            refuses_consistency(older, size, root(older), forged_root, reference.proof(older, forged))


@given(st.lists(st.binary(max_size=34), max_size=5), st.integers(-2, 2**64), st.integers(-2, 2**64))
def test_any_path_is_refused(path: list[bytes], one: int, other: int) -> None:
    refuses_inclusion(LEAVES[0], one, other, path, bytes(32))
    refuses_consistency(one, other, bytes(32), flipped(bytes(32), 1), path)


def test_the_largest_tree_has_paths_of_bounded_length() -> None:
    path = [LEAVES[0]] * 63
    assert len(root_from_inclusion_path(LEAVES[0], 0, MAX_SIZE, path)) == 32
    with pytest.raises(MalformedError, match="tree size"):
        root_from_inclusion_path(LEAVES[0], 0, MAX_SIZE + 1, path)


class CountingTree:
    """Only complete nodes, and how often they are read."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.reads = 0

    def node(self, level: int, position: int) -> bytes:
        self.reads += 1
        return self.nodes[level, position]


def test_nodes_to_store_are_written_once_and_every_path_reads_few_of_them() -> None:
    tree = CountingTree()
    for size, leaf in enumerate(LEAVES):
        for level, position, node in nodes_to_store(size, leaf, tree):
            assert (level, position) not in tree.nodes
            tree.nodes[level, position] = node
    assert len(tree.nodes) < 2 * len(LEAVES)
    assert tree.reads < len(LEAVES)
    for size in (1, 2, 4096, 4097, 4999, 5000):
        for index in {0, size // 3, size - 1}:
            tree.reads = 0
            assert inclusion_path(tree, index, size) == reference.path(index, LEAVES[:size])
            assert tree.reads <= 2 * 13
            tree.reads = 0
            assert consistency_path(tree, index + 1, size) == reference.proof(index + 1, LEAVES[:size])
            assert tree.reads <= 3 * 13
            assert root_of(tree, size) == root(size)


def test_a_frontier_keeps_one_node_a_level() -> None:
    frontier = Frontier()
    for size, leaf in enumerate(LEAVES[:1000], start=1):
        frontier.append(leaf)
        assert frontier.size == size
        if size < 70 or size % 97 == 0:
            assert frontier.root() == root(size)
    assert frontier.node(0, 999) == LEAVES[999]
    with pytest.raises(IndexError, match="not kept"):
        frontier.node(0, 998)


def test_paths_that_do_not_exist_are_not_made() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3), (4, 3)):
        with pytest.raises(ValueError, match=f"entry {index} of {size}"):
            inclusion_path(TREE, index, size)
    for older, size in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError, match=f"from {older} to {size}"):
            consistency_path(TREE, older, size)
    with pytest.raises(IndexError):
        root_of(TREE, len(LEAVES) + 1)
