"""The way to a block, built from what a real engine answered: GoQuorum's blocks and proofs, as recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import InclusionError, QuorumError, SignatureError
from ledger.proof.evidence import SealFinality
from ledger.proof.header import RawHeader, block_hash, parse_header
from light_node.heads import Accepted, ValidatedBlock
from light_node.seal_finality import verify_sealed
from light_node.sources.node import Node
from light_node.sources.port import Hint
from light_node.sources.rpc import JsonRpc
from light_node.sources.sealing import Sealing, fetch_sealed
from light_node.sources.web import Web
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorContract, ValidatorRule
from tests.light_node.qbft.recorded import Recorded, octets, recorded
from tests.light_node.sources.servers import FIELDS, NUMBERS, Serve, hexadecimal
from tests.simulator.chain import DAY, Simulator


class RecordedNode:
    """Answers what the engine answered when it was recorded."""

    def __init__(self, chain: Recorded) -> None:
        self.chain, self.asked = chain, list[str]()

    def __call__(self, _: str, __: str, body: bytes) -> tuple[int, bytes]:
        question = json.loads(body)
        self.asked.append(question["method"])
        result = {"eth_getBlockByNumber": self._block, "eth_getProof": self._proof, "eth_getStorageAt": self._slot}[
            question["method"]
        ](*question["params"])
        return 200, json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode()

    def _block(self, number: str, _: bool) -> dict[str, Any]:
        header = self.chain.headers[int(number, 16)]
        pairs = zip(FIELDS, header.fields, strict=False)
        fields = {name: hex(int.from_bytes(one, "big")) if name in NUMBERS else hexadecimal(one) for name, one in pairs}
        return {**fields, "hash": hexadecimal(block_hash(header, "qbft"))}

    def _proof(self, _: str, slots: list[str], number: str) -> dict[str, Any]:
        proof: dict[str, Any] = self.chain.data["proofs"][int(number, 16)]
        assert [one["key"] for one in proof["storageProof"]] == slots
        return proof

    def _slot(self, _: str, slot: str, number: str) -> str:
        listed = self.chain.data["proofs"][int(number, 16)]["storageProof"]
        return next(f"0x{int(one['value'], 16):064x}" for one in listed if one["key"] == slot)


class Reader:
    """Somebody who pinned one of the blocks, and a node that he does not believe."""

    def __init__(self, chain: Recorded, serve: Serve, pinned: int) -> None:
        self.chain, self.server = chain, RecordedNode(chain)
        known, contract = chain.trusted(pinned), chain.data["contract"]
        self.rule = ValidatorRule(
            Source.CONTRACT,
            known.validators,
            contract=ValidatorContract(octets(contract["address"]), octets(contract["code_hash"]), 0),
        )
        block = TrustedBlock(known.number, known.hash, known.time)
        self.trust: Trust = Simulator().trust(
            block_hash_rule="qbft",
            trusted_block=block,
            finality=self.rule,
            trusting_period_seconds=100 * 366 * DAY,  # the genesis is of 1970
        )
        rpc = JsonRpc(Web(5.0).server(serve(self.server), "engine"), 30.0)
        self.node, self.accepted = Node(rpc, "qbft"), None
        self.node.begin()

    def fetch(self, goal: int, accepted: Accepted | None = None) -> tuple[RawHeader, SealFinality]:
        now = self.chain.headers[goal].timestamp + 5
        header, finality = fetch_sealed(self.node, goal, Sealing(self.trust, self.rule), Hint(now, accepted))
        return parse_header(header), finality

    def reach(self, goal: int, accepted: Accepted | None = None) -> ValidatedBlock:
        header, finality = self.fetch(goal, accepted)
        now = self.chain.headers[goal].timestamp + 5
        return verify_sealed(header, finality, self.trust, self.rule, accepted, now)


@pytest.fixture(scope="module")
def chain(shared_data: Path) -> Recorded:
    return recorded(shared_data, "contract-validators")


@pytest.mark.parametrize("pinned", [0, 14, 15, 16, 30, 44])
def test_every_block_is_reached_from_a_pinned_one(chain: Recorded, serve: Serve, pinned: int) -> None:
    reader = Reader(chain, serve, pinned)
    for goal in range(pinned, len(chain.headers) - 1, 7):
        validated = reader.reach(goal)
        assert (validated.block.number, validated.validators) == (goal, chain.in_force(goal + 1))


def test_it_goes_on_from_what_was_accepted(chain: Recorded, serve: Serve) -> None:
    reader, accepted = Reader(chain, serve, 0), None
    for goal in range(1, len(chain.headers) - 1, 9):
        validated = reader.reach(goal, accepted)
        accepted = Accepted(validated.block, validated=validated)
    assert reader.server.asked.count("eth_getBlockByNumber") < 3 * len(chain.headers) // 2


def test_a_node_with_another_chain_of_the_same_engine_is_refused(
    chain: Recorded, serve: Serve, shared_data: Path
) -> None:
    reader = Reader(chain, serve, 0)
    other = recorded(shared_data, "four-validators")
    reader.server.chain = Recorded(chain.data, other.headers, (), other.sets)
    for goal in (1, 20, 60):
        with pytest.raises((SignatureError, QuorumError, InclusionError)):
            reader.reach(goal)


def test_a_node_that_hides_the_proofs_between_proves_nothing_far(chain: Recorded, serve: Serve) -> None:
    reader = Reader(chain, serve, 0)
    proofs = [dict(one) for one in chain.data["proofs"]]
    for number in range(1, 60):
        proofs[number] = {**proofs[number], "accountProof": proofs[0]["accountProof"]}
    reader.server.chain = Recorded({**chain.data, "proofs": proofs}, chain.headers, (), chain.sets)
    with pytest.raises((QuorumError, InclusionError)):
        reader.reach(50)
