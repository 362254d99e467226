"""Files and directories: the same CIDs as other importers, and a reader that takes no other layout."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs.cid import RAW, Block, Cid, cid_of_node, cid_of_raw
from ipfs.dag_pb import Link, encode_field, encode_node
from ipfs.unixfs import UNIXFS_V1_2025, Profile, import_file, read_file
from ipfs.unixfs_directory import MAX_ENTRIES, directory, parse_directory
from ledger.errors import ContentMismatchError, MalformedError, TooLargeError
from tests.ipfs.content import VECTORS, by_cid, content, stream

CASES = json.loads((VECTORS / "unixfs.json").read_text())
SMALL = Profile(chunk_bytes=4, max_links=3)
NO_LIMIT = 1 << 40


def _root(blocks: list[Block]) -> Cid:
    return blocks[-1].cid


def _read(blocks: dict[Cid, bytes], root: Cid, max_bytes: int = NO_LIMIT, profile: Profile = SMALL) -> bytes:
    return b"".join(read_file(blocks.__getitem__, root, max_bytes, profile))


@pytest.mark.parametrize(
    "case", [case for case in CASES["files"] if case["size"] < 100_000_000], ids=lambda c: c["size"]
)
def test_files_as_another_importer_makes_them(case: dict) -> None:
    blocks = list(import_file(stream(case["size"])))
    assert str(_root(blocks)) == case["cid"]
    assert sum(len(block.data) for block in blocks) == case["total_bytes"]
    assert _read(by_cid(blocks), _root(blocks), profile=UNIXFS_V1_2025) == content(case["size"])


@pytest.mark.slow
def test_large_file_as_another_importer_makes_it() -> None:
    case = CASES["files"][-1]
    total = 0
    for block in import_file(stream(case["size"])):
        total += len(block.data)
    assert (str(block.cid), total) == (case["cid"], case["total_bytes"])


@pytest.mark.parametrize(
    "case", CASES["small_profiles"], ids=lambda c: f"{c['size']}/{c['chunk_bytes']}/{c['max_links']}"
)
def test_trees_of_many_levels_as_another_importer_makes_them(case: dict) -> None:
    profile = Profile(case["chunk_bytes"], case["max_links"])
    blocks = list(import_file(stream(case["size"]), profile))
    assert str(_root(blocks)) == case["cid"]
    assert _read(by_cid(blocks), _root(blocks), profile=profile) == content(case["size"])


def test_trees_as_a_fresh_run_of_another_importer_makes_them() -> None:
    package = Path(os.environ.get("VINCULUM_UNIXFS_ORACLE", "node_modules/ipfs-unixfs-importer"))
    if not package.is_dir() or shutil.which("node") is None:
        pytest.skip("no node or no ipfs-unixfs-importer: set VINCULUM_UNIXFS_ORACLE to the folder of that package")
    draw = random.Random(3)
    cases = [
        {"size": draw.randrange(3000), "chunk_bytes": draw.randrange(1, 40), "max_links": draw.randrange(2, 9)}
        for _ in range(400)
    ] + [{"size": size, "chunk_bytes": 1 << 20, "max_links": 1024} for size in (0, 1 << 20, (1 << 20) + 1, 9_999_999)]
    command = ["node", str(Path(__file__).parent / "oracle.mjs"), str(package)]
    done = subprocess.run(command, input=json.dumps(cases).encode(), capture_output=True, check=True, timeout=120)
    for case, cid in zip(cases, json.loads(done.stdout), strict=True):
        profile = Profile(case["chunk_bytes"], case["max_links"])
        assert str(_root(list(import_file(stream(case["size"]), profile)))) == cid, case


@given(st.lists(st.binary(max_size=30), max_size=12), st.integers(1, 9), st.integers(2, 5))
def test_pieces_do_not_matter_and_reading_gives_the_bytes(pieces: list[bytes], chunk: int, links: int) -> None:
    profile = Profile(chunk, links)
    blocks = list(import_file(pieces, profile))
    assert blocks == list(import_file([b"".join(pieces)], profile))
    assert _read(by_cid(blocks), _root(blocks), profile=profile) == b"".join(pieces)


def test_importing_needs_memory_for_a_chunk_not_for_the_file() -> None:
    piece = bytes(range(256)) * 512
    tracemalloc.start()
    for _ in import_file(piece for _ in range(512)):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20  # of 64 MiB


def test_a_small_file_is_its_raw_block() -> None:
    assert [block.cid for block in import_file([b"a", b"b"])] == [cid_of_raw(b"ab")]


@pytest.fixture
def tree() -> tuple[dict[Cid, bytes], Cid]:
    blocks = list(import_file([content(40)], SMALL))
    return by_cid(blocks), _root(blocks)


def test_every_changed_block_is_refused(tree: tuple[dict[Cid, bytes], Cid]) -> None:
    blocks, root = tree
    for cid, data in blocks.items():
        for at in range(len(data)):
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            with pytest.raises(ContentMismatchError):
                _read({**blocks, cid: changed}, root)


def test_a_file_over_the_limit_is_refused_before_its_leaves_are_fetched(tree: tuple[dict[Cid, bytes], Cid]) -> None:
    blocks, root = tree
    with pytest.raises(TooLargeError):
        _read({root: blocks[root]}, root, 39)
    assert len(_read(blocks, root, 40)) == 40
    with pytest.raises(TooLargeError):
        _read({cid_of_raw(b"ab"): b"ab"}, cid_of_raw(b"ab"), 1)


def test_a_block_over_the_limit_is_refused() -> None:
    data = bytes((2 << 20) + 1)
    with pytest.raises(TooLargeError):
        _read({cid_of_raw(data): data}, cid_of_raw(data))


def _file(leaves: list[bytes], size: int | None = None, sizes: list[int] | None = None, **other: bytes) -> list[Block]:
    """A file node of one level that says what it is told to say."""
    sizes = [len(leaf) for leaf in leaves] if sizes is None else sizes
    size = sum(sizes) if size is None else size
    data = other.get("head", encode_field(1, 2)) + encode_field(3, size)
    data += b"".join(encode_field(4, one) for one in sizes) + other.get("tail", b"")
    name = other.get("name", b"").decode()
    node = encode_node([Link(cid_of_raw(leaf), name, len(leaf)) for leaf in leaves], data)
    return [*(Block(cid_of_raw(leaf), leaf) for leaf in leaves), Block(cid_of_node(node), node)]


def test_the_hand_made_node_is_right_when_nothing_is_wrong() -> None:
    assert _file([b"abcd", b"ef"]) == list(import_file([b"abcdef"], SMALL))


@pytest.mark.parametrize(
    ("why", "blocks"),
    [
        ("leaves of other sizes", _file([b"abc", b"def"])),
        ("an empty leaf", _file([b"abcd", b"ef", b""])),
        ("one leaf under a node", _file([b"abcd"])),
        ("a small file under a node", _file([b"ab"])),
        ("no leaves", _file([])),
        ("says a smaller size", _file([b"abcd", b"ef"], size=5)),
        ("says a larger size", _file([b"abcd", b"ef"], size=7)),
        ("a leaf longer than said", _file([b"abcd", b"efg"], sizes=[4, 2])),
        ("a leaf shorter than said", _file([b"abcd", b"e"], sizes=[4, 2])),
        ("more sizes than leaves", _file([b"abcd", b"ef"], sizes=[4, 2, 0])),
        ("fewer sizes than leaves", _file([b"abcd", b"ef"], sizes=[4], size=6)),
        ("too many leaves for one node", _file([b"abcd", b"efgh", b"ijkl", b"m"])),
        ("a name on a leaf", _file([b"abcd", b"ef"], name=b"x")),
        ("bytes of its own", _file([b"abcd", b"ef"], head=encode_field(1, 2) + encode_field(2, b"zz"))),
        ("a mode", _file([b"abcd", b"ef"], tail=encode_field(7, 0o644))),
        ("a directory", [directory([])]),
        ("a symlink", _file([], head=encode_field(1, 4))),
        ("type raw", _file([b"abcd", b"ef"], head=encode_field(1, 0))),
    ],
)
def test_other_layouts_are_refused(why: str, blocks: list[Block]) -> None:
    with pytest.raises(MalformedError):
        _read(by_cid(blocks), _root(blocks))


def test_a_leaf_that_is_a_node_is_refused() -> None:
    inner = _file([b"abcd"])
    link = Link(_root(inner), "", 1)
    data = encode_field(1, 2) + encode_field(3, 6) + encode_field(4, 4) + encode_field(4, 2)
    node = encode_node([link, Link(cid_of_raw(b"ef"), "", 2)], data)
    blocks = by_cid(inner) | {cid_of_node(node): node, cid_of_raw(b"ef"): b"ef"}
    with pytest.raises(MalformedError):
        _read(blocks, cid_of_node(node))


def test_a_node_that_is_a_leaf_is_refused() -> None:
    big = content(13)  # needs two levels
    blocks = list(import_file([big], SMALL))
    raw = Cid(RAW, _root(blocks).digest)
    with pytest.raises(MalformedError):
        _read({raw: blocks[-1].data}, raw, profile=Profile(4, 3))


def test_a_node_repeated_a_million_times_costs_its_declared_size_at_most() -> None:
    fetched = []

    def fetch(cid: Cid) -> bytes:
        fetched.append(cid)
        return blocks[cid]

    blocks = by_cid(list(import_file([b""], SMALL)))
    root = cid_of_raw(b"")
    for _ in range(20):  # each node links three times to the one below, all of it empty
        node = encode_node([Link(root, "", 0)] * 3, encode_field(1, 2) + encode_field(3, 0) + encode_field(4, 0) * 3)
        root = cid_of_node(node)
        blocks[root] = node
    with pytest.raises(MalformedError):
        list(read_file(fetch, root, NO_LIMIT))
    assert len(fetched) == 1


def _directory_of(entries: list[tuple[str, int]]) -> Block:
    links = []
    for name, size in entries:
        blocks = list(import_file(stream(size)))
        links.append(Link(_root(blocks), name, sum(len(block.data) for block in blocks)))
    return directory(links)


@pytest.mark.parametrize(
    ("case", "entries"),
    [
        (CASES["directories"][0], CASES["directories"][0]["entries"]),
        (CASES["directories"][1], CASES["directories"][1]["entries"]),
        (CASES["directories"][2], [(f"document-{i}", i % 97) for i in range(MAX_ENTRIES)]),
        (
            CASES["directories"][3],
            [(f"n{i}".ljust(64, "x"), 17 if i > 2 else 1048577) for i in range(MAX_ENTRIES)],
        ),
    ],
    ids=lambda case: case["description"][:20] if isinstance(case, dict) else "",
)
def test_directories_as_another_importer_makes_them(case: dict, entries: list[tuple[str, int]]) -> None:
    block = _directory_of(entries)
    assert str(block.cid) == case["cid"]
    assert set(parse_directory(block.data)) == {name for name, _ in entries}
    assert directory(parse_directory(block.data).values()) == block


LEAF = cid_of_raw(b"x")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0b", "a\nb", "\x7f", "x" * 65, "ä" * 33, "\ud800"])
def test_entries_with_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        directory([Link(LEAF, name, 1)])


def test_directories_too_large_or_with_a_name_twice_are_refused() -> None:
    with pytest.raises(MalformedError):
        directory([Link(LEAF, "a", 1), Link(LEAF, "a", 1)])
    with pytest.raises(MalformedError):
        directory(Link(LEAF, str(i), 1) for i in range(MAX_ENTRIES + 1))


@pytest.mark.parametrize(
    "data",
    [
        encode_node([], encode_field(1, 2)),
        encode_node([], encode_field(1, 5)),  # a shard
        encode_node([], encode_field(1, 1) + encode_field(3, 0)),
        encode_node([Link(LEAF, "b", 1), Link(LEAF, "a", 1)], encode_field(1, 1)),
        encode_node([Link(LEAF, "a", 1), Link(LEAF, "a", 1)], encode_field(1, 1)),
        encode_node([Link(LEAF, "../a", 1)], encode_field(1, 1)),
        b"",
    ],
)
def test_other_directories_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_directory(data)
