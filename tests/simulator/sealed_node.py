"""A node over a sealed chain, as JSON-RPC tells it: whole or forgetful, with its own copies of seals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import rlp  # type: ignore[import-untyped]

from ledger.chain.rpc import Fault
from ledger.errors import RejectedError
from ledger.proof.keccak import keccak256
from tests.simulator.chain import CHAIN_ID, CONSORTIUM, Block
from tests.simulator.sealed import SealedSimulator, with_extra

NAMES = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty"),
    *("number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas"),
)
QUANTITIES = frozenset({"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"})


class SealedNode:
    """Stands in the place of ``ledger.chain.rpc.Rpc``.

    Attributes:
        copies: Seals of blocks of which this node keeps others than the chain's own.
        states_from: Older states are forgotten.
    """

    def __init__(self, chain: SealedSimulator) -> None:
        self.chain = chain
        self.copies: dict[int, Sequence[bytes]] = {}
        self.states_from = 0
        self.asked: list[str] = []

    def close(self) -> None:
        """Nothing is open."""

    def read(self, method: str, *params: Any) -> Any:
        answer = self._answer(method, params)
        if isinstance(answer, Fault):
            raise RejectedError(f"node: {answer.message}")
        return answer

    def read_many(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return [self._answer(method, params) for method, params in calls]

    def expect(self, answer: Any) -> Any:
        if isinstance(answer, Fault):
            raise RejectedError(f"node: {answer.message}")
        return answer

    def _answer(self, method: str, params: Sequence[Any]) -> Any:
        self.asked.append(method)
        return getattr(self, f"_{method}")(*params)

    def _eth_chainId(self) -> str:  # noqa: N802 - as the method is called
        return hex(CHAIN_ID)

    def _eth_blockNumber(self) -> str:  # noqa: N802
        return hex(len(self.chain.blocks) - 1)

    def _eth_getCode(self, address: str, _: str) -> str:  # noqa: N802
        return "0x" + (b"code of " + bytes.fromhex(address[2:])).hex()

    def _eth_getBlockByNumber(self, number: str, _: bool) -> dict[str, Any] | None:  # noqa: N802
        height = len(self.chain.blocks) - 1 if number == "latest" else int(number, 16)
        if height >= len(self.chain.blocks):
            return None
        block = self.chain.blocks[height]
        seals = self.copies.get(height, self.chain.seals(height))
        header = with_extra(block.header, self.chain.sealings[height].round, seals) if height else block.header
        fields = dict(zip(NAMES, rlp.decode(header), strict=True))
        told = {
            name: hex(int.from_bytes(value, "big")) if name in QUANTITIES else f"0x{value.hex()}"
            for name, value in fields.items()
        }
        return told | {"hash": f"0x{block.hash.hex()}"}

    def _eth_getStorageAt(self, address: str, slot: str, number: str) -> Any:  # noqa: N802
        state = self._state(number)
        if isinstance(state, Fault):
            return state
        return hex(state.slots[bytes.fromhex(address[2:])].get(bytes.fromhex(slot[2:]), 0))

    def _eth_getProof(self, address: str, slots: Sequence[str], number: str) -> Any:  # noqa: N802
        state = self._state(number)
        if isinstance(state, Fault):
            return state
        account = bytes.fromhex(address[2:])
        trie = state.storage[account]
        return {
            "accountProof": [f"0x{node.hex()}" for node in state.state.proof(account)],
            "storageProof": [
                {"key": slot, "proof": [f"0x{node.hex()}" for node in trie.proof(bytes.fromhex(slot[2:]))]}
                for slot in slots
            ],
        }

    def _eth_getLogs(self, question: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: N802
        first, last = (int(question[name], 16) for name in ("fromBlock", "toBlock"))
        return [log for height in range(first, last + 1) for log in self._changes(height)]

    def _changes(self, height: int) -> Iterator[dict[str, Any]]:
        """What ``Consortium`` emits where its list of validators changes."""
        sealing, block = self.chain.sealings[height], self.chain.blocks[height]
        before = {member.address for member in sealing.members} if height else set[bytes]()
        after = {member.address for member in sealing.successors}
        changes = [("ValidatorAdded", one) for one in sorted(after - before)]
        changes += [("ValidatorRemoved", one) for one in sorted(before - after)]
        for index, (name, address) in enumerate(changes):
            yield {
                "address": f"0x{CONSORTIUM.hex()}",
                "topics": [f"0x{keccak256(f'{name}(address)'.encode()).hex()}", f"0x{address.hex():0>64}"],
                "data": "0x",
                "blockNumber": hex(height),
                "blockHash": f"0x{block.hash.hex()}",
                "transactionHash": f"0x{keccak256(block.hash).hex()}",
                "logIndex": hex(index),
            }

    def _state(self, number: str) -> Block | Fault:
        height = int(number, 16)
        return Fault(-32000, "missing trie node") if height < self.states_from else self.chain.blocks[height]
