"""Tries: proofs as the `trie` library gives them, our own vectors, and what must be refused."""

from __future__ import annotations

import pytest
import rlp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from ledger.proof.keccak import keccak256
from ledger.proof.trie import EMPTY_ROOT
from tests.ledger.proof.vectors import Vector, vectors
from tests.light_node.conformance.asking import ask, bare, ok, refusal

ENTRIES = st.dictionaries(
    st.binary(min_size=1, max_size=4) | st.binary(min_size=32, max_size=32),
    st.binary(min_size=1, max_size=5) | st.binary(min_size=30, max_size=40),
    max_size=16,
)


@vectors("trie")
def test_vectors_of_tries(vector: Vector) -> None:
    proof = [bare(node) for node in vector["proof"]]
    root, key = bare(vector["root"]), bare(vector["key"])
    if vector["function"] == "account":
        found = ask("account_proof", state_root=root, address=key, proof=proof)
        assert found.get("error") == vector.get("error"), found
    elif vector["function"] == "trie":
        value = vector.get("value")
        found = ask("trie_proof", root=root, key=key, proof=proof, value=None if value is None else bare(value))
        assert found.get("error") == vector.get("error"), found


def library_proof(trie: HexaryTrie, key: bytes) -> list[str]:
    """All that the library gives: also the nodes that stand inside their parents."""
    return [rlp.encode(node).hex() for node in trie.get_proof(key)]  # type: ignore[no-untyped-call]


@given(ENTRIES, st.data())
def test_proofs_of_the_library_as_it_gives_them(entries: dict[bytes, bytes], data: st.DataObject) -> None:
    trie = HexaryTrie({})
    for key, value in entries.items():
        trie[key] = value
    asked = data.draw(st.sampled_from([*entries, b"\x01", bytes(32)]))
    held, proof = entries.get(asked), library_proof(trie, asked)
    claimed = None if held is None else held.hex()
    fields = {"root": trie.root_hash.hex(), "key": asked.hex(), "proof": proof}
    assert ok("trie_proof", **fields, value=claimed) is True
    assert refusal("trie_proof", **fields, value="ff" * 50) == "InclusionError"
    assert refusal("trie_proof", **fields, value="") == "InclusionError"
    assert refusal("trie_proof", **fields | {"proof": [*proof, "a1" * 40]}, value=claimed) == "MalformedError"
    if held is not None:
        assert refusal("trie_proof", **fields, value=None) == "InclusionError"
        assert refusal("trie_proof", **fields | {"proof": proof[1:]}, value=claimed) == "InclusionError"
        assert refusal("trie_proof", **fields | {"root": "11" * 32}, value=claimed) == "InclusionError"


def test_a_node_that_stands_nowhere_in_its_parent_is_one_too_many() -> None:
    trie = HexaryTrie({})
    trie[b"dog"], trie[b"doge"] = b"puppy" * 9, b"coin" * 9
    fields = {"root": trie.root_hash.hex(), "key": b"dog".hex(), "value": (b"puppy" * 9).hex()}
    proof = library_proof(trie, b"dog")
    assert ok("trie_proof", **fields, proof=proof) is True
    for more in ("", "80", "c0", "c4820011", "80" * 33, proof[-1]):
        assert refusal("trie_proof", **fields, proof=[*proof, more]) == "MalformedError"


@pytest.mark.parametrize("proof", [[], ["80"]])
def test_an_empty_trie_holds_nothing(proof: list[str]) -> None:
    fields = {"root": EMPTY_ROOT.hex(), "key": "00", "proof": proof}
    assert ok("trie_proof", **fields, value=None) is True
    assert refusal("trie_proof", **fields, value="00") == "InclusionError"
    assert refusal("trie_proof", **fields | {"key": "00" * 33}, value=None) == "MalformedError"
    assert ok("account_proof", state_root=EMPTY_ROOT.hex(), address="00" * 20, proof=proof) is None


def test_an_account_whose_balance_is_beyond_53_bits() -> None:
    address, balance, code = bytes(19) + b"\1", 10**30 + 7, keccak256(b"")
    trie = HexaryTrie({})
    account = rlp.encode([b"\5", balance.to_bytes(13, "big"), EMPTY_ROOT, code])
    trie[keccak256(address)], trie[keccak256(b"other")] = account, account
    root, proof = trie.root_hash.hex(), library_proof(trie, keccak256(address))
    expected = {"nonce": 5, "balance": balance, "storage_root": EMPTY_ROOT.hex(), "code_hash": code.hex()}
    assert ok("account_proof", state_root=root, address=address.hex(), proof=proof) == expected
    absent = library_proof(trie, keccak256(bytes(20)))
    assert ok("account_proof", state_root=root, address="00" * 20, proof=absent) is None
    assert refusal("account_proof", state_root=root, address="00" * 19, proof=absent) == "MalformedError"
    assert refusal("account_proof", state_root=root, address=address.hex(), proof=[]) == "InclusionError"
    assert refusal("account_proof", state_root="00" * 32, address=address.hex(), proof=proof) == "InclusionError"
