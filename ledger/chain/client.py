"""What the ledger asks a node, typed; small, and over any node that speaks Ethereum's JSON-RPC."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from ledger.chain.abi import Function
from ledger.chain.answers import (
    Header,
    Log,
    Proofs,
    Receipt,
    header_of,
    hex_of,
    log_of,
    nodes_of,
    octets_of,
    receipt_of,
)
from ledger.chain.contract_errors import contract_error
from ledger.chain.rpc import Fault, Rpc
from ledger.chain.signer import Signer
from ledger.errors import MissingError, RejectedError, SourceTimeoutError, TooLargeError, VinculumError

LATEST = "latest"
MAX_LOG_SPAN = 2_000
DEPLOY_GAS = 12_000_000
WAIT_S = 120.0
POLL_S = 0.05


class ChainClient:
    """One node. Reads are repeated when the line fails; sending is the caller's to repeat (see the outbox)."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc

    @classmethod
    def at(cls, url: str, *, timeout_s: float = 20.0) -> ChainClient:
        """Open a client for a node's URL; nothing is asked yet."""
        return cls(Rpc(url, timeout_s=timeout_s))

    def close(self) -> None:
        """Close the connection."""
        self.rpc.close()

    def chain_id(self) -> int:
        """Return the chain id."""
        return int(self.rpc.read("eth_chainId"), 16)

    def block_number(self) -> int:
        """Return the height of the chain."""
        return int(self.rpc.read("eth_blockNumber"), 16)

    def header(self, block: int | str = LATEST) -> Header:
        """Fetch one header.

        Raises: MissingError, if the node has no such block.
        """
        answer = self.rpc.read("eth_getBlockByNumber", _block(block), False)
        if answer is None:
            raise MissingError(f"the node has no block {block}")
        return header_of(answer)

    def blocks(self, first: int, last: int) -> list[tuple[int, bytes, bytes, int]]:
        """Fetch (number, hash, parent hash, timestamp) of the blocks ``first … last``.

        Raises: MissingError, if one of them is not there (any more).
        """
        calls = [("eth_getBlockByNumber", (hex(number), False)) for number in range(first, last + 1)]
        answers = [self.rpc.expect(answer) for answer in self.rpc.read_many(calls)]
        if None in answers:
            raise MissingError(f"the node has not all blocks from {first} to {last}")
        return [
            (int(b["number"], 16), octets_of(b["hash"]), octets_of(b["parentHash"]), int(b["timestamp"], 16))
            for b in answers
        ]

    def code(self, address: bytes, block: int | str = LATEST) -> bytes:
        """Fetch a contract's code; empty if there is none."""
        return octets_of(self.rpc.read("eth_getCode", hex_of(address), _block(block)))

    def storage(self, address: bytes, slot: bytes, block: int | str = LATEST) -> int:
        """Fetch the value of one storage slot; ``slot`` is its number as 32 bytes."""
        return int(self.rpc.read("eth_getStorageAt", hex_of(address), hex_of(slot), _block(block)), 16)

    def nonce(self, account: bytes, block: int | str = LATEST) -> int:
        """Fetch the number of transactions that an account has in the chain."""
        return int(self.rpc.read("eth_getTransactionCount", hex_of(account), _block(block)), 16)

    def proofs(self, address: bytes, slots: Sequence[bytes], block: int) -> Proofs:
        """Fetch the proofs of an account and of its storage slots at one block.

        Args:
            address: The contract.
            slots: 32 bytes each.
            block: A number, so that header and proofs belong together.

        Raises:
            RejectedError: The node no longer has that state.
        """
        answer = self.rpc.read("eth_getProof", hex_of(address), [hex_of(slot) for slot in slots], hex(block))
        try:
            storage = {
                octets_of(entry["key"]).rjust(32, b"\0"): nodes_of(entry["proof"]) for entry in answer["storageProof"]
            }
            return Proofs(nodes_of(answer["accountProof"]), tuple(storage[slot] for slot in slots))
        except (KeyError, TypeError, ValueError):
            raise RejectedError(f"node: no usable proof at block {block}") from None

    def call(self, address: bytes, function: Function, *arguments: Any, block: int | str = LATEST) -> Any:
        """Ask a view of a contract; one result comes plain, several as a tuple.

        Raises:
            RuleError: The contract refused, with its own error.
        """
        transaction = {"to": hex_of(address), "data": hex_of(function.encode(*arguments))}
        answer = self.rpc.read_many([("eth_call", (transaction, _block(block)))])[0]
        if isinstance(answer, Fault) and answer.reverted:
            raise contract_error(answer.data)
        return function.decode(octets_of(self.rpc.expect(answer)))

    def simulate(self, calls: Sequence[tuple[bytes, bytes, bytes, int]]) -> list[VinculumError | None]:
        """Try (sender, contract, data, gas) against the newest state; each gives None or the contract's refusal.

        Raises:
            SourceError: The node did not try it.
        """
        questions = [
            ("eth_call", ({"from": hex_of(sender), "to": hex_of(to), "data": hex_of(data), "gas": hex(gas)}, LATEST))
            for sender, to, data, gas in calls
        ]
        return [self._refusal(answer) for answer in self.rpc.read_many(questions)]

    def logs(self, addresses: Sequence[bytes], first: int, last: int, topics: Sequence[Any] = ()) -> Iterator[Log]:
        """Fetch events of the blocks ``first … last`` in chain order; a range too big for the node is halved."""
        while first <= last:
            span = min(last - first + 1, MAX_LOG_SPAN)
            for start, end, answer in self._halving(addresses, first, first + span - 1, topics):
                yield from sorted(map(log_of, answer), key=_place)
                first = max(first, end + 1, start)

    def send(self, raws: Sequence[bytes]) -> list[Fault | None]:
        """Broadcast signed transactions, once; each gives None or what the node said."""
        answers = self.rpc.write_many([("eth_sendRawTransaction", (hex_of(raw),)) for raw in raws])
        return [answer if isinstance(answer, Fault) else None for answer in answers]

    def receipts(self, hashes: Sequence[bytes]) -> list[Receipt | None]:
        """Fetch receipts; None for what is not in the chain."""
        answers = self.rpc.read_many([("eth_getTransactionReceipt", (hex_of(one),)) for one in hashes])
        return [None if self.rpc.expect(answer) is None else receipt_of(answer) for answer in answers]

    def transact(self, signer: Signer, to: bytes | None, data: bytes, *, gas: int = DEPLOY_GAS) -> Receipt:
        """Send one transaction and wait until it is mined; not for accounts whose outbox is at work.

        Raises:
            RuleError: The contract refuses, found before anything is sent.
            SourceTimeoutError: It was sent, but is not mined in time.
        """
        return self.transact_many(signer, [(to, data)], gas=gas)[0]

    def transact_many(
        self, signer: Signer, calls: Sequence[tuple[bytes | None, bytes]], *, gas: int = DEPLOY_GAS
    ) -> list[Receipt]:
        """Send transactions that do not depend on each other, for one block, and wait; otherwise as ``transact``.

        Args:
            signer: Of the sending account.
            calls: Contract (None: a deployment) and calldata of each.
            gas: Limit of each.

        Raises: As ``transact``; where one is refused, none was sent.
        """
        sender, chain_id = hex_of(signer.address), self.chain_id()
        targets = [({"to": hex_of(to)} if to else {}) | {"data": hex_of(data)} for to, data in calls]
        questions = [("eth_call", (target | {"from": sender, "gas": hex(gas)}, LATEST)) for target in targets]
        for refusal in map(self._refusal, self.rpc.read_many(questions)):
            if refusal is not None:
                raise refusal
        fields = {"gasPrice": 0, "gas": gas, "value": 0, "chainId": chain_id}
        signed = [
            signer.sign(fields | {"nonce": nonce, "to": to or b"", "data": hex_of(data)})
            for nonce, (to, data) in enumerate(calls, start=self.nonce(signer.address))
        ]
        for fault in self.send([raw for raw, _ in signed]):
            if fault is not None:
                raise RejectedError(f"node: {fault.message}")
        return [self._wait(digest) for _, digest in signed]

    def _wait(self, digest: bytes) -> Receipt:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            receipt = self.receipts([digest])[0]
            if receipt is not None:
                if not receipt.succeeded:
                    raise RejectedError(f"transaction 0x{digest.hex()} was mined without effect")
                return receipt
            time.sleep(POLL_S)
        raise SourceTimeoutError(f"transaction 0x{digest.hex()} is not mined after {WAIT_S:.0f} s")

    def _refusal(self, answer: Any) -> VinculumError | None:
        if isinstance(answer, Fault) and answer.reverted:
            return contract_error(answer.data)
        if isinstance(answer, Fault) and "gas" in answer.message.lower():
            return RejectedError(f"node: {answer.message}")
        self.rpc.expect(answer)
        return None

    def _halving(
        self, addresses: Sequence[bytes], first: int, last: int, topics: Sequence[Any]
    ) -> Iterator[tuple[int, int, list[dict[str, Any]]]]:
        question = {"address": [hex_of(one) for one in addresses], "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            answer = self.rpc.read_many([("eth_getLogs", (question | {"topics": list(topics)},))])[0]
        except TooLargeError:
            answer = Fault(0, "too large")
        if not isinstance(answer, Fault):
            yield first, last, answer
        elif first == last:
            self.rpc.expect(answer)
        else:
            middle = (first + last) // 2
            yield from self._halving(addresses, first, middle, topics)
            yield from self._halving(addresses, middle + 1, last, topics)


def _place(log: Log) -> tuple[int, int]:
    return log.block_number, log.log_index


def _block(block: int | str) -> str:
    return block if isinstance(block, str) else hex(block)
