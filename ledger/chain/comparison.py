"""Compares the index with the chain itself: what ``audit`` asks about heads and about the contracts' code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from ledger.chain.answers import hex_of, octets_of
from ledger.chain.client import ChainClient
from ledger.chain.contracts import HEAD
from ledger.store.chain_index import Cursor, Head

PART = 500


@dataclass(frozen=True, slots=True)
class HeadDifference:
    """A history that does not fold to the chain's head: the index is damaged, or the node held events back."""

    log: bytes
    subject: bytes
    indexed: bytes
    on_chain: bytes


def compare_heads(session: Session, client: ChainClient, cursor: str = "projector") -> Iterator[HeadDifference]:
    """Ask the chain for every indexed head, at the block the index has reached.

    Raises:
        SourceError: The node did not answer, or no longer has the state of that block: sync, and ask again.
    """
    reached = session.get_one(Cursor, cursor).block_number
    question = select(col(Head.log), col(Head.subject), col(Head.head)).order_by(col(Head.log), col(Head.subject))
    for part in session.execute(question.execution_options(yield_per=PART)).partitions():
        calls = [
            ("eth_call", ({"to": hex_of(row.log), "data": hex_of(HEAD.encode(row.subject))}, hex(reached)))
            for row in part
        ]
        for row, answer in zip(part, client.rpc.read_many(calls), strict=True):
            on_chain = octets_of(client.rpc.expect(answer))
            if on_chain != row.head:
                yield HeadDifference(row.log, row.subject, row.head, on_chain)
