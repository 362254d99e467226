"""Merkle trees: the reference vectors of Certificate Transparency, every small tree, and what must be refused."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.merkle import MAX_SIZE
from ledger.proof.merkle_tree import MemoryTree, consistency_path, inclusion_path, root_of
from tests.ledger.proof.vectors import Vector, vectors
from tests.light_node.conformance.asking import ask, bare, ok, refusal

# Entries, roots and paths of the reference tests of Certificate Transparency (RFC 6962, RFC 9162).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
NODES = {
    "1": "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "4": "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "2-3": "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "4-5": "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "6-7": "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "4-7": "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
}
INCLUDED = [
    (0, 8, [NODES["1"], NODES["2-3"], NODES["4-7"]]),
    (5, 8, [NODES["4"], NODES["6-7"], ROOTS[4]]),
    (2, 3, [ROOTS[2]]),
    (1, 5, [ROOTS[1], NODES["2-3"], NODES["4"]]),
]
CONSISTENT: list[tuple[int, int, list[str]]] = [
    (1, 1, []),
    (1, 8, [NODES["1"], NODES["2-3"], NODES["4-7"]]),
    (6, 8, [NODES["4-5"], NODES["6-7"], ROOTS[4]]),
    (2, 5, [NODES["2-3"], NODES["4"]]),
]
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=20)


def leaf_of(index: int) -> str:
    return sha256(b"\0" + bytes.fromhex(LEAVES[index])).hexdigest()


def inclusion(index: int, size: int, path: list[str]) -> dict[str, Any]:
    return {"leaf_hash": leaf_of(index), "index": index, "size": size, "path": path, "root": ROOTS[size]}


def consistency(size1: int, size2: int, path: list[str]) -> dict[str, Any]:
    return {"size1": size1, "size2": size2, "root1": ROOTS[size1], "root2": ROOTS[size2], "path": path}


@pytest.mark.parametrize("vector", INCLUDED)
def test_published_inclusion(vector: tuple[int, int, list[str]]) -> None:
    index, size, path = vector
    fields = inclusion(*vector)
    assert ok("merkle_inclusion", **fields) is True
    others: list[dict[str, Any]] = [
        {"root": ROOTS[(size + 1) % 9]},
        {"leaf_hash": leaf_of((index + 1) % 8)},
        {"path": [*path[:-1], ROOTS[0]]},
    ]
    for changed in others:
        assert refusal("merkle_inclusion", **fields | changed) == "InclusionError"
    unfit: list[dict[str, Any]] = [
        {"index": size},
        {"index": 2**64 - 1},
        {"size": 0},
        {"size": index},
        {"size": 2**63},
        {"path": path[1:]},
        {"path": [*path, ROOTS[0]]},
        {"path": [*path[:-1], path[-1][2:]]},
        {"root": ROOTS[1][2:]},
        {"leaf_hash": ""},
    ]
    for changed in unfit:
        assert refusal("merkle_inclusion", **fields | changed) == "MalformedError"


@pytest.mark.parametrize("vector", CONSISTENT)
def test_published_consistency(vector: tuple[int, int, list[str]]) -> None:
    fields = consistency(*vector)
    assert ok("merkle_consistency", **fields) is True
    assert refusal("merkle_consistency", **fields | {"root1": ROOTS[0]}) == "ConsistencyError"
    assert refusal("merkle_consistency", **fields | {"root2": ROOTS[0]}) == "ConsistencyError"
    for changed in ({"size1": 9}, {"size2": 0}, {"size2": 2**63}, {"path": [*vector[2], ROOTS[1]]}):
        assert refusal("merkle_consistency", **fields | changed) == "MalformedError"


def test_the_empty_tree_has_one_root_and_everything_extends_it() -> None:
    assert ok("merkle_consistency", **consistency(0, 0, [])) is True
    assert ok("merkle_consistency", **consistency(0, 5, [])) is True
    assert refusal("merkle_consistency", **consistency(0, 5, []) | {"root1": ROOTS[1]}) == "ConsistencyError"
    assert refusal("merkle_consistency", **consistency(0, 0, []) | {"root2": ROOTS[1]}) == "ConsistencyError"
    both = {"root1": ROOTS[1], "root2": ROOTS[1]}
    assert refusal("merkle_consistency", **consistency(0, 0, []) | both) == "ConsistencyError"
    assert refusal("merkle_consistency", **consistency(0, 5, [ROOTS[1]])) == "MalformedError"
    assert refusal("merkle_consistency", **consistency(1, 0, [])) == "MalformedError"


def test_roots_of_equal_sizes_are_only_compared() -> None:
    short = {"root1": "aa" * 12, "root2": "aa" * 12}
    assert ok("merkle_consistency", **consistency(1, 1, []) | short) is True
    assert refusal("merkle_consistency", **consistency(1, 1, []) | short | {"root2": "ab"}) == "ConsistencyError"
    assert refusal("merkle_consistency", **consistency(0, 1, []) | {"root2": "aa" * 12}) == "MalformedError"
    assert refusal("merkle_consistency", **consistency(0, 0, []) | short) == "ConsistencyError"


def test_a_tree_of_one_is_its_leaf() -> None:
    assert ok("merkle_inclusion", **inclusion(0, 1, [])) is True
    short = {"leaf_hash": "aa" * 31, "root": "aa" * 31}
    assert refusal("merkle_inclusion", **inclusion(0, 1, []) | short) == "MalformedError"


def test_the_largest_tree_of_all() -> None:
    path, root = [ROOTS[1]] * 63, bytes.fromhex(ROOTS[1])
    for node in path:
        root = sha256(b"\1" + root + bytes.fromhex(node)).digest()
    fields = {"leaf_hash": ROOTS[1], "index": 0, "size": MAX_SIZE, "path": path}
    assert ok("merkle_inclusion", **fields, root=root.hex()) is True
    assert refusal("merkle_inclusion", **fields, root=ROOTS[1]) == "InclusionError"
    assert refusal("merkle_inclusion", **fields | {"size": MAX_SIZE + 1}, root=root.hex()) == "MalformedError"


@given(HASHES, st.data())
def test_every_path_of_every_tree(leaves: list[bytes], data: st.DataObject) -> None:
    tree = MemoryTree(leaves)
    size1, size2 = sorted((data.draw(st.integers(0, len(leaves))), data.draw(st.integers(0, len(leaves)))))
    roots = {"root1": root_of(tree, size1).hex(), "root2": root_of(tree, size2).hex()}
    path = [node.hex() for node in consistency_path(tree, size1, size2)]
    assert ok("merkle_consistency", size1=size1, size2=size2, **roots, path=path) is True
    if size2:
        index = data.draw(st.integers(0, size2 - 1))
        path = [node.hex() for node in inclusion_path(tree, index, size2)]
        leaf, root = leaves[index].hex(), roots["root2"]
        assert ok("merkle_inclusion", leaf_hash=leaf, index=index, size=size2, path=path, root=root) is True


@vectors("merkle")
def test_vectors_of_trees(vector: Vector) -> None:
    path = [bare(node) for node in vector["path"]]
    if vector["type"] == "inclusion":
        leaf, root = bare(vector["leaf"]), bare(vector["root"])
        numbers = {"index": vector["index"], "size": vector["size"]}
        found = ask("merkle_inclusion", leaf_hash=leaf, **numbers, path=path, root=root)
    else:
        numbers = {"size1": vector["size1"], "size2": vector["size2"]}
        roots = {"root1": bare(vector["root1"]), "root2": bare(vector["root2"])}
        found = ask("merkle_consistency", **numbers, **roots, path=path)
    assert found.get("error") == vector.get("error"), found
