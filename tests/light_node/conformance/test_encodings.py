"""RLP, CIDs and the fold: the libraries and other importers as the other side, and what has no canonical form."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from base64 import b32encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from tests.ipfs.content import VECTORS, content
from tests.ledger.proof.vectors import Vector, vectors
from tests.light_node.conformance.asking import ask, bare, ok, refusal

FILES = [case for case in json.loads((VECTORS / "unixfs.json").read_text())["files"] if case["size"] < 2**25]
ITEMS = st.recursive(st.binary(max_size=60), lambda inner: st.lists(inner, max_size=5), max_leaves=20)
WORDS = st.binary(min_size=32, max_size=32)
ZERO = "00" * 32
# Cases of the Ethereum Yellow Paper, appendix B, and of the tests that clients share.
DECODED: list[tuple[str, Any]] = [
    ("80", ""),
    ("c0", []),
    ("00", "00"),
    ("7f", "7f"),
    ("8180", "80"),
    ("83646f67", "646f67"),
    ("c88363617483646f67", ["636174", "646f67"]),
    ("820400", "0400"),
    ("c7c0c1c0c3c0c1c0", [[], [[]], [[], [[]]]]),
    (
        "b8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e6720656c6974",
        "4c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e6720656c6974",
    ),
]
NOT_CANONICAL = [
    "",
    "8100",
    "817f",
    "b800",
    "b837" + "00" * 55,
    "b90038" + "00" * 56,
    "b90000",
    "f800",
    "f837" + "80" * 55,
    "f90000",
    "bf0f000000000000021111",
    "ff0f000000000000021111",
    "bfffffffffffffffff",
    "ffffffffffffffffff",
    "b9",
    "f9",
    "81",
    "83646f",
    "c3",
    "c18100",
    "c28100",
    "8080",
    "c0c0",
    "00" * 2,
    "c1" * 17 + "c0",
]


@pytest.mark.parametrize(("data", "value"), DECODED)
def test_shared_cases_of_rlp(data: str, value: object) -> None:
    assert ok("rlp_decode", hex=data) == value


@pytest.mark.parametrize("data", NOT_CANONICAL)
def test_rlp_has_one_form(data: str) -> None:
    assert refusal("rlp_decode", hex=data) == "MalformedError"


@vectors("rlp")
def test_vectors_of_rlp(vector: Vector) -> None:
    found = ask("rlp_decode", hex=bare(vector["rlp"]))
    assert found.get("error") == vector.get("error"), found


def _hex(item: Any) -> Any:
    return item.hex() if isinstance(item, bytes) else [_hex(one) for one in item]


@given(ITEMS)
def test_what_the_library_encodes_is_decoded(item: Any) -> None:
    assert ok("rlp_decode", hex=rlp.encode(item).hex()) == _hex(item)


@given(st.binary(max_size=12))
def test_the_library_and_we_take_the_same_bytes(data: bytes) -> None:
    try:
        expected = _hex(rlp.decode(data, strict=True))
    except (rlp.DecodingError, IndexError):
        expected = None
    found = ask("rlp_decode", hex=data.hex())
    assert found.get("ok") == expected
    assert found.get("error") == (None if expected is not None else "MalformedError")


@pytest.mark.parametrize("case", FILES, ids=lambda case: case["size"])
def test_cids_as_another_importer_makes_them(case: dict[str, Any]) -> None:
    assert ok("cid", hex=content(case["size"]).hex()) == case["cid"]


@given(st.binary(max_size=300))
def test_a_small_file_is_one_raw_block_under_its_own_hash(data: bytes) -> None:
    address = b"\x01\x55\x12\x20" + sha256(data).digest()
    assert ok("cid", hex=data.hex()) == "b" + b32encode(address).decode().rstrip("=").lower()


def test_cids_as_a_fresh_run_of_another_importer_makes_them() -> None:
    package = Path(os.environ.get("VINCULUM_UNIXFS_ORACLE", "node_modules/ipfs-unixfs-importer"))
    if not package.is_dir() or shutil.which("node") is None:
        pytest.skip("no node or no ipfs-unixfs-importer: set VINCULUM_UNIXFS_ORACLE to the folder of that package")
    draw = random.Random(5)
    sizes = [draw.randrange(4 * 2**20) for _ in range(6)]
    cases = [{"size": size, "chunk_bytes": 2**20, "max_links": 1024} for size in sizes]
    program = Path(__file__).parents[2] / "ipfs" / "oracle.mjs"
    command = ["node", str(program), str(package)]
    done = subprocess.run(command, input=json.dumps(cases).encode(), capture_output=True, check=True, timeout=120)
    for size, found in zip(sizes, json.loads(done.stdout), strict=True):
        assert ok("cid", hex=content(size).hex()) == found


NUMBERS = st.fixed_dictionaries(
    {
        "status": st.integers(0, 255),
        "version": st.integers(0, 255),
        "kind": st.integers(0, 2**16 - 1),
        "organisation": st.integers(0, 2**32 - 1),
        "time": st.integers(0, 2**48 - 1),
    }
)


def folded(head: bytes, digest: bytes, numbers: dict[str, int]) -> str:
    """The next head, from the words of the design, by another library."""
    word = numbers["version"] << 96 | numbers["kind"] << 80 | numbers["organisation"] << 48 | numbers["time"]
    leaf = keccak(digest + word.to_bytes(32, "big"))
    return (bytes((numbers["status"],)) + keccak(head + leaf)[:31]).hex()


@given(WORDS, WORDS, NUMBERS)
def test_the_fold_is_that_of_the_design(head: bytes, digest: bytes, numbers: dict[str, int]) -> None:
    expected = folded(head, digest, numbers)
    assert ok("fold", head=head.hex(), digest=digest.hex(), **numbers) == expected


def test_a_life_folds_to_its_head() -> None:
    path = Path(__file__).parents[2] / "vectors" / "proof" / "fold.json"
    lives = [one for one in json.loads(path.read_text("utf-8"))["vectors"] if "error" not in one]
    folds = 0
    for life in lives:
        if not all("digest" in entry for entry in life["entries"]):
            continue
        head = ZERO
        for entry in life["entries"]:
            word = int(entry["meta"], 16)
            numbers = {"version": word >> 96, "kind": word >> 80 & 0xFFFF, "organisation": word >> 48 & 0xFFFFFFFF}
            fields = {"status": entry["status"], "digest": bare(entry["digest"]), "time": word & (2**48 - 1)}
            head = ok("fold", head=head, **numbers, **fields)
            folds += 1
        assert head == bare(life["head"]), life["description"]
    assert folds > 5


@pytest.mark.parametrize(
    "changed",
    [{"status": 256}, {"version": 256}, {"kind": 2**16}, {"organisation": 2**32}, {"time": 2**48}, {"time": -1}]
    + [{name: word} for name in ("head", "digest") for word in ("", "00" * 31, "00" * 33)]
    + [{"status": True}, {"kind": 1.0}, {"time": "1"}, {"organisation": None}],
)
def test_what_does_not_fit_is_not_folded(changed: dict[str, Any]) -> None:
    fields = {"head": ZERO, "status": 1, "digest": ZERO, "version": 1, "kind": 1, "organisation": 1, "time": 1}
    assert refusal("fold", **fields | changed) == "MalformedError"
