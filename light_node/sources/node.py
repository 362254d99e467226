"""What is asked of a node to build evidence: headers, slots, proofs, attestations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.errors import MissingError, RejectedError, TooLargeError
from ledger.event import Json
from ledger.proof.evidence import MAX_EVENTS
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.proof.header import RawHeader
from light_node.sources.answers import (
    ATTESTED,
    ATTESTED_MANY,
    Attestation,
    NodeProof,
    parse_attestations,
    parse_block,
    parse_proof,
    parse_quantity,
)
from light_node.sources.rpc import JsonRpc


class Node:
    """One untrusted node, typed; what it answers is in its format, and no more."""

    def __init__(self, rpc: JsonRpc, block_hash_rule: str) -> None:
        """Nothing is asked yet; ``block_hash_rule`` is the trust file's."""
        self.name, self._rpc, self._rule = rpc.name, rpc, block_hash_rule

    def begin(self) -> None:
        """Start the time that the questions after it have together."""
        self._rpc.begin()

    def height(self) -> int:
        """Fetch the height of its chain.

        Raises: SourceError, MalformedError; as do all others here.
        """
        return parse_quantity(self._rpc.ask("eth_blockNumber"), "eth_blockNumber")

    def header(self, number: int) -> RawHeader:
        """Fetch a header, with its seals where validators seal."""
        answer = self._rpc.ask("eth_getBlockByNumber", hex(number), False)
        if answer is None:
            raise MissingError(f"{self.name} has no block {number}")
        return parse_block(answer, number, self._rule)

    def slot(self, contract: bytes, slot: bytes, number: int) -> int:
        """Fetch what stands in a slot at a block."""
        where = (encode_hexadecimal(contract), encode_hexadecimal(slot), hex(number))
        return parse_quantity(self._rpc.ask("eth_getStorageAt", *where), "eth_getStorageAt")

    def proof(self, contract: bytes, slots: Sequence[bytes], number: int) -> NodeProof:
        """Fetch the proofs of a contract and of its slots at a block."""
        listed: list[Json] = [encode_hexadecimal(slot) for slot in slots]
        answer = self._rpc.ask("eth_getProof", encode_hexadecimal(contract), listed, hex(number))
        return parse_proof(answer, len(slots))

    def attestations(
        self, logs: Sequence[bytes], subjects: frozenset[bytes], first: int, last: int
    ) -> list[Attestation]:
        """Fetch what was attested to some subjects in the blocks ``first`` to ``last``, in the order of the chain."""
        named: list[Json] = [encode_hexadecimal(subject) for subject in sorted(subjects)]
        found = list[Attestation]()
        questions: tuple[list[Json], ...] = ([encode_hexadecimal(ATTESTED), named], [encode_hexadecimal(ATTESTED_MANY)])
        for topics in questions:
            for one in self._events(logs, topics, first, last):
                if one.subject in subjects:
                    found.append(one)
                if len(found) > MAX_EVENTS:
                    raise TooLargeError(f"{self.name}: over {MAX_EVENTS} attestations at once")
        return sorted(found)

    def _events(self, logs: Sequence[bytes], topics: Sequence[Json], first: int, last: int) -> Iterator[Attestation]:
        """A span that is too much for the node is halved, down to one block."""
        spans = [(first, last)]
        while spans:
            start, end = spans.pop()
            try:
                answer = self._rpc.ask("eth_getLogs", _filter(logs, topics, start, end))
            except (RejectedError, TooLargeError):
                if start >= end:
                    raise
                middle = (start + end) // 2
                spans += [(middle + 1, end), (start, middle)]
                continue
            yield from parse_attestations(answer, start, end, frozenset(logs))


def _filter(logs: Sequence[bytes], topics: Sequence[Json], first: int, last: int) -> Json:
    listed: list[Json] = [encode_hexadecimal(log) for log in logs]
    return {"address": listed, "fromBlock": hex(first), "toBlock": hex(last), "topics": [*topics]}
