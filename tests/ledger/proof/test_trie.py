"""Trie proofs: agreement with the `trie` library, every change refused, and real proofs of a real engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from ledger.errors import InclusionError, MalformedError, VerificationError
from ledger.proof.keccak import keccak256
from ledger.proof.rlp import encode_integer, encode_rlp
from ledger.proof.slots import array_slot, mapping_slot, parse_address, word_of
from ledger.proof.trie import (
    EMPTY_ROOT,
    MAX_NODE_BYTES,
    MAX_PROOF_NODES,
    verify_account,
    verify_storage,
    verify_trie_proof,
)
from tests.ledger.proof.vectors import Vector, assert_refused, octets, vectors

# Short keys and values give nodes inside their parents, branches with values and long extensions.
ENTRIES = st.dictionaries(
    st.binary(min_size=1, max_size=4) | st.binary(min_size=32, max_size=32),
    st.binary(min_size=1, max_size=5) | st.binary(min_size=30, max_size=40),
    min_size=1,
    max_size=24,
)
NODES = st.lists(st.binary(max_size=64), max_size=5)


def trie_of(entries: dict[bytes, bytes]) -> HexaryTrie:
    trie = HexaryTrie({})
    for key, value in entries.items():
        trie[key] = value
    return trie


def proof_of(trie: HexaryTrie, key: bytes) -> list[bytes]:
    """Nodes of 32 bytes and more, and the root: what a node's ``eth_getProof`` gives."""
    nodes = [rlp.encode(node) for node in trie.get_proof(key)]  # type: ignore[no-untyped-call]
    return [node for place, node in enumerate(nodes) if place == 0 or len(node) >= 32]


def run(vector: Vector) -> object:
    root, key, proof = octets(vector["root"]), octets(vector["key"]), [octets(node) for node in vector["proof"]]
    function = {"trie": verify_trie_proof, "storage": verify_storage, "account": verify_account}[vector["function"]]
    return function(root, key, proof)


@vectors("trie", refused=False)
def test_what_a_trie_holds(vector: Vector) -> None:
    found, expected = run(vector), vector["value"]
    if vector["function"] == "trie":
        expected = None if expected is None else octets(expected)
    elif vector["function"] == "account" and found is not None:
        found = {
            name: f"0x{value.hex()}" if isinstance(value, bytes) else value
            for name in ("nonce", "balance", "storage_root", "code_hash")
            for value in [getattr(found, name)]
        }
    assert found == expected


@vectors("trie", refused=True)
def test_what_is_no_proof(vector: Vector) -> None:
    assert_refused(vector, lambda: run(vector))


@given(ENTRIES, st.binary(max_size=5))
def test_every_key_and_every_absence_agrees_with_the_library(entries: dict[bytes, bytes], other: bytes) -> None:
    trie = trie_of(entries)
    for key in [*entries, other]:
        found = verify_trie_proof(trie.root_hash, key, proof_of(trie, key))
        assert found == (entries.get(key))


def verdict(root: bytes, key: bytes, proof: Sequence[bytes]) -> Any:
    try:
        return verify_trie_proof(root, key, proof)
    except (InclusionError, MalformedError):
        return "refused"


@given(ENTRIES, st.data())
def test_a_changed_proof_is_refused(entries: dict[bytes, bytes], draw: st.DataObject) -> None:
    trie = trie_of(entries)
    key = draw.draw(st.sampled_from(sorted(entries)))
    proof = proof_of(trie, key)
    place = draw.draw(st.integers(0, len(proof) - 1))
    node = bytearray(proof[place])
    bit = draw.draw(st.integers(0, 8 * len(node) - 1))
    node[bit // 8] ^= 1 << bit % 8
    for changed in (
        [*proof[:place], bytes(node), *proof[place + 1 :]],
        [*proof[:place], proof[place][: bit // 8], *proof[place + 1 :]],
        [*proof[:place], proof[place] + b"\0", *proof[place + 1 :]],
        [*proof[:place], *proof[place + 1 :]],
        [*proof[: place + 1], *proof[place:]],
        [*proof, proof[0]],
        [*proof, b""],
        [b"", *proof],
        [*proof, b"\x80"],
    ):
        assert verdict(trie.root_hash, key, changed) == "refused"


def test_every_bit_and_every_length_of_one_proof() -> None:
    trie = trie_of({keccak256(bytes([n])): encode_rlp(keccak256(b"value%d" % n)) for n in range(60)})
    key = keccak256(b"\x07")
    proof = proof_of(trie, key)
    assert len(proof) > 2
    for place, node in enumerate(proof):
        for bit in range(8 * len(node)):
            changed = bytearray(node)
            changed[bit // 8] ^= 1 << bit % 8
            assert verdict(trie.root_hash, key, [*proof[:place], bytes(changed), *proof[place + 1 :]]) == "refused"
        for length in range(len(node)):
            assert verdict(trie.root_hash, key, [*proof[:place], node[:length], *proof[place + 1 :]]) == "refused"


@given(ENTRIES, st.data())
def test_a_proof_says_nothing_about_another_key(entries: dict[bytes, bytes], draw: st.DataObject) -> None:
    trie = trie_of(entries)
    one, other = (draw.draw(st.sampled_from(sorted(entries))) for _ in range(2))
    assert verdict(trie.root_hash, other, proof_of(trie, one)) in ("refused", entries[other])


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=33), NODES)
def test_any_nodes_are_a_proof_or_refused(root: bytes, key: bytes, proof: list[bytes]) -> None:
    for own_root in (root, *map(keccak256, proof[:1]), EMPTY_ROOT):
        found = verdict(own_root, key, proof)
        assert found is None or isinstance(found, (bytes, str))
        for function in (verify_storage, verify_account):
            try:
                function(own_root, key, proof)
            except VerificationError:
                continue


ANY_NODE: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([b"", b"\x00", b"\x20", b"\x16", b"\x00\x61", b"\x3a", keccak256(b"x")]) | st.binary(max_size=33),
    lambda one: (
        st.lists(one, min_size=2, max_size=2) | st.lists(one, min_size=17, max_size=17) | st.lists(one, max_size=3)
    ),
    max_leaves=40,
)


@given(ANY_NODE, st.binary(max_size=3))
def test_any_well_formed_rlp_under_its_own_root(node: Any, key: bytes) -> None:
    data = encode_rlp(node)
    found = verdict(keccak256(data), key, [data])
    assert found is None or isinstance(found, (bytes, str))


def test_a_path_of_64_branches_is_the_longest() -> None:
    key = bytes(32)
    node = encode_rlp([b"\x20", b"v" * 40])
    proof = [node]
    for _ in range(64):
        node = encode_rlp([keccak256(node), *[b""] * 16])
        proof.insert(0, node)
    assert len(proof) == MAX_PROOF_NODES
    assert verify_trie_proof(keccak256(node), key, proof) == b"v" * 40
    with pytest.raises(MalformedError, match=f"{MAX_PROOF_NODES} nodes"):
        verify_trie_proof(keccak256(node), key, [*proof, b""])


def test_a_node_over_the_limit_is_not_parsed() -> None:
    node = encode_rlp([b"\x20\x12", bytes(MAX_NODE_BYTES)])
    with pytest.raises(MalformedError, match=f"1 to {MAX_NODE_BYTES} are read"):
        verify_trie_proof(keccak256(node), b"\x12", [node])


@given(st.dictionaries(st.integers(0, 2**256 - 1), st.integers(1, 2**256 - 1), min_size=1, max_size=12), st.data())
def test_storage_agrees_with_the_library(slots: dict[int, int], draw: st.DataObject) -> None:
    trie = trie_of({keccak256(word_of(slot)): encode_rlp(encode_integer(value)) for slot, value in slots.items()})
    for slot in [*slots, draw.draw(st.integers(0, 2**256 - 1))]:
        proof = proof_of(trie, keccak256(word_of(slot)))
        assert verify_storage(trie.root_hash, word_of(slot), proof) == slots.get(slot, 0)


RECORDINGS = ("four-validators", "contract-validators")


@pytest.fixture(scope="module", params=RECORDINGS)
def recorded(request: pytest.FixtureRequest, shared_data: Path) -> list[dict[str, Any]]:
    data = json.loads((shared_data / "qbft" / f"{request.param}.json").read_text())
    return [*data["proofs"], *data.get("extra_proofs", [])]


def test_recorded_proofs_hold(recorded: list[dict[str, Any]]) -> None:
    for proof in recorded:
        nodes = [octets(node) for node in proof["accountProof"]]
        account = verify_account(octets(proof["stateRoot"]), octets(proof["address"]), nodes)
        if account is None:
            assert "absent account" in proof["what"]
            continue
        assert account.balance == int(proof["balance"], 16)
        assert account.nonce == int(proof["nonce"], 16)
        assert account.code_hash == octets(proof["codeHash"])
        for slot in proof["storageProof"]:
            key = word_of(int(slot["key"], 16))
            found = verify_storage(account.storage_root, key, [octets(node) for node in slot["proof"]])
            assert found == int(slot["value"], 16)


def test_a_recorded_proof_of_one_block_does_not_hold_in_the_next_that_changed(recorded: list[dict[str, Any]]) -> None:
    roots = {octets(proof["stateRoot"]) for proof in recorded}
    for proof in recorded[:10]:
        nodes = [octets(node) for node in proof["accountProof"]]
        for root in roots - {octets(proof["stateRoot"])}:
            with pytest.raises(InclusionError):
                verify_account(root, octets(proof["address"]), nodes)


def test_validators_are_read_from_the_slots_of_their_contract(shared_data: Path) -> None:
    data = json.loads((shared_data / "qbft" / "contract-validators.json").read_text())
    proof = data["proofs"][0]
    account = verify_account(
        octets(proof["stateRoot"]), octets(proof["address"]), [octets(node) for node in proof["accountProof"]]
    )
    assert account is not None
    nodes = {int(slot["key"], 16): [octets(node) for node in slot["proof"]] for slot in proof["storageProof"]}
    count = verify_storage(account.storage_root, word_of(0), nodes[0])
    slots = [array_slot(0, index) for index in range(count)]
    found = {
        parse_address(verify_storage(account.storage_root, slot, nodes[int.from_bytes(slot, "big")])) for slot in slots
    }
    assert found == {octets(one) for one in data["validator_changes"][0]["validators"]}


def test_heads_are_read_from_the_mapping_of_their_contract(shared_data: Path) -> None:
    data = json.loads((shared_data / "qbft" / "four-validators.json").read_text())
    proofs = [proof for proof in data["proofs"] if proof["storageProof"]]
    known = {mapping_slot(octets(key), 0) for key in data["contract"]["keys"].values()}
    assert proofs
    for proof in proofs:
        assert known & {word_of(int(slot["key"], 16)) for slot in proof["storageProof"]}


def test_a_node_that_was_seen_proves_nothing_at_another_place() -> None:
    trie, key = trie_of({keccak256(b"%d" % number): bytes(40) for number in range(40)}), keccak256(b"7")
    root, proof = trie.root_hash, [rlp.encode(node) for node in trie.get_proof(key)]
    assert verify_trie_proof(root, key, proof) == bytes(40)
    for wrong in (bytes(32), keccak256(proof[-1])):
        with pytest.raises(InclusionError):
            verify_trie_proof(wrong, key, proof)
    for place in range(len(proof)):
        with pytest.raises((InclusionError, MalformedError)):
            verify_trie_proof(root, key, [*proof[:place], proof[0], *proof[place:]])
    assert verify_trie_proof(root, key, proof) == bytes(40)
