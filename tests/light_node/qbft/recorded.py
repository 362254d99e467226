"""Blocks recorded from real engines, as the shared documents hold them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ledger.proof.header import RawHeader, block_hash, parse_header
from light_node.qbft.steps import TrustedSet
from light_node.qbft.validator_proof import validators_from_proof

FILES = ("four-validators", "contract-validators", "lying-proposer")


def octets(text: str) -> bytes:
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0"))


@dataclass(frozen=True)
class Recorded:
    """One file of blocks.

    Attributes:
        data: As it was recorded.
        headers: Block 0 and on.
        alternatives: Copies of some of them, as other nodes keep them.
        sets: By the first block that each set seals.
    """

    data: dict[str, Any]
    headers: tuple[RawHeader, ...]
    alternatives: tuple[RawHeader, ...]
    sets: dict[int, tuple[bytes, ...]]

    def in_force(self, number: int) -> tuple[bytes, ...]:
        return self.sets[max(since for since in self.sets if since <= number)]

    def trusted(self, number: int) -> TrustedSet:
        header = self.headers[number]
        return TrustedSet(number, block_hash(header, "qbft"), self.in_force(number + 1), header.timestamp)

    def contract_set(self, proven_at: int, state_of: int) -> tuple[bytes, ...]:
        """The set by the storage proofs of one block against the state root of another."""
        proof, contract = self.data["proofs"][proven_at], self.data["contract"]
        assert proof["block"] == proven_at
        return validators_from_proof(
            self.headers[state_of].state_root,
            octets(contract["address"]),
            octets(contract["code_hash"]),
            [octets(node) for node in proof["accountProof"]],
            0,
            [[octets(node) for node in one["proof"]] for one in proof["storageProof"]],
        )


@cache
def recorded(folder: Path, name: str) -> Recorded:
    data = json.loads((folder / "qbft" / f"{name}.json").read_bytes())
    changes = data.get("validator_changes") or [{"after_block": 0, "validators": data["true_validators"]}]
    return Recorded(
        data,
        tuple(parse_header(octets(one["rlp"])) for one in data["headers"]),
        tuple(parse_header(octets(one["rlp"])) for one in data.get("alt_headers", [])),
        {one["after_block"] + 1: tuple(map(octets, one["validators"])) for one in changes},
    )
