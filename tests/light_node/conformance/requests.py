"""One request for each operation with fields of the right types, and signatures to change."""

from __future__ import annotations

from typing import Any

from ledger.credential.jose import Algorithm
from ledger.credential.signing import sign
from tests.ledger.credential.builders import key_of

MESSAGE = b"a battery, its life"
ZERO = "00" * 32
REQUESTS: dict[str, dict[str, Any]] = {
    "merkle_inclusion": {"leaf_hash": ZERO, "index": 0, "size": 1, "path": [], "root": ZERO},
    "merkle_consistency": {"size1": 1, "size2": 1, "root1": ZERO, "root2": ZERO, "path": []},
    "trie_proof": {"root": ZERO, "key": "", "proof": [], "value": None},
    "account_proof": {"state_root": ZERO, "address": "00" * 20, "proof": []},
    "rlp_decode": {"hex": "80"},
    "qbft_header": {"rlp": "c0", "validators": ["01" * 20]},
    "qbft_chain": {
        "trusted": {"number": 1, "hash": ZERO, "validators": ["01" * 20]},
        "epoch_length": 1,
        "headers": ["c0"],
    },
    "qbft_skip": {
        "trusted": {"number": 1, "hash": ZERO, "validators": ["01" * 20], "time": 1},
        "now": 1,
        "trusting_period": 1,
        "header": "c0",
    },
    "validators_proof": {
        "state_root": ZERO,
        "address": "00" * 20,
        "account_proof": [],
        "array_slot": 0,
        "proofs": [{"key": ZERO, "proof": []}],
    },
    "signature": {"alg": "ES256", "jwk": {}, "message": "", "signature": "00" * 64},
    "sd_jwt": {"sd_jwt": "a.b.c~", "jwk": {}},
    "cid": {"hex": ""},
    "fold": {"head": ZERO, "status": 1, "digest": ZERO, "version": 1, "kind": 1, "organisation": 1, "time": 1},
}


def fields_of(algorithm: Algorithm, **changes: Any) -> dict[str, Any]:
    """A request for a signature that verifies, and what is changed in it."""
    key = key_of(algorithm)
    fields = {"alg": algorithm.value, "jwk": dict(key.public.jwk), "message": MESSAGE.hex()}
    return fields | {"signature": sign(key, MESSAGE).hex()} | changes
