"""What became of the transactions that were sent: mined, final, without effect, lost or superseded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain import outbox_questions as questions
from ledger.chain import outbox_store as sql
from ledger.chain.answers import Receipt
from ledger.chain.batches import BATCH_ITEMS
from ledger.chain.client import ChainClient
from ledger.store.database import Database
from ledger.store.work import TransactionState

MOST_REVERTS = 3
SUPERSEDED_BLOCKS = 3


@dataclass(frozen=True, slots=True)
class OutboxSettings:
    """How an outbox works.

    Attributes:
        chain_id: Signed into every transaction.
        finality_depth: Blocks on top of a transaction's block before it is final; 0 where blocks are final (QBFT).
        in_flight: Most transactions that are sent and not mined: more than 100 slow down some pools.
        batch_items: Most items of one transaction.
        poll_s: Seconds between two looks while waiting for a block.
        patience_s: How long :meth:`Outbox.drain` waits for a node or database that went away.
    """

    chain_id: int
    finality_depth: int = 0
    in_flight: int = 64
    batch_items: int = BATCH_ITEMS
    poll_s: float = 0.1
    patience_s: float = 60.0


class Settler:
    """Compares an account's transactions with the chain."""

    def __init__(
        self,
        database: Database,
        client: ChainClient,
        account: bytes,
        settings: OutboxSettings,
        observer: Callable[[str], None],
    ) -> None:
        self._database, self._client, self._account = database, client, account
        self._settings, self._observe = settings, observer

    def settle(self) -> int:
        """Look once, and record what changed; return the chain's height."""
        with self._database.read() as session:
            live = questions.transactions(session, self._account, questions.LIVE)
            last_settled = questions.last_settled_nonce(session, self._account)
        count, height = self._client.nonce(self._account), self._client.block_number()
        lost = self._lost(count, last_settled)
        receipts = self._client.receipts([row.hash for row in live])
        self._observe("settle")
        taken = self._superseded([row for row, receipt in zip(live, receipts, strict=True) if receipt is None], height)
        self._record(lost, list(zip(live, receipts, strict=True)), taken, height)
        return height

    def _lost(self, count: int, last_settled: int) -> list[Any]:
        """Return what was settled before the chain was asked, and stands no more in it."""
        if last_settled < count:
            return []
        with self._database.read() as session:
            return questions.settled_between(session, self._account, count, last_settled)

    def _record(
        self, lost: Sequence[Any], seen: Sequence[tuple[Any, Receipt | None]], taken: set[int], height: int
    ) -> None:
        verdicts = [_verdict(row, receipt, height - self._settings.finality_depth) for row, receipt in seen]
        changes = [verdict for verdict in verdicts if verdict is not None and verdict["key"] not in taken]
        changes += [_lost(row) for row in lost]
        changes += [_fields(number, TransactionState.SUPERSEDED) for number in taken]
        if not changes:
            return
        reverted = [change["key"] for change in changes if change["state"] == TransactionState.REVERTED]
        with self._database.write() as session:
            sql.change(session, changes)
            sql.release(session, reverted, reverted=True, most_reverts=MOST_REVERTS)
            sql.release(session, sorted(taken), reverted=False, most_reverts=MOST_REVERTS)
        self._observe("settled")

    def _superseded(self, absent: Sequence[Any], height: int) -> set[int]:
        """Find those whose nonce another transaction took, in a block that was canonical before and after looking."""
        depth = max(self._settings.finality_depth, SUPERSEDED_BLOCKS)
        if not absent or height < depth:
            return set()
        before = self._client.header(height - depth).hash
        count = self._client.nonce(self._account, height - depth)
        suspects = [row for row in absent if row.nonce < count]
        if not suspects:
            return set()
        receipts = self._client.receipts([row.hash for row in suspects])
        if self._client.header(height - depth).hash != before:
            return set()
        return {row.id for row, receipt in zip(suspects, receipts, strict=True) if receipt is None}


def _verdict(row: Any, receipt: Receipt | None, final_height: int) -> dict[str, Any] | None:
    """Say what changes for a live transaction; None for nothing."""
    if receipt is None:
        gone = row.state == TransactionState.MINED  # a re-org took it out: the same bytes go out again
        return _fields(row.id, TransactionState.SIGNED) if gone else None
    if receipt.block_number > final_height:
        state = TransactionState.MINED
    else:
        state = TransactionState.FINAL if receipt.succeeded else TransactionState.REVERTED
    if (row.state, row.block_hash) == (state, receipt.block_hash):
        return None
    return _fields(row.id, state, receipt)


def _lost(row: Any) -> dict[str, Any]:
    """Say what becomes of a settled transaction that a hard kill of the node took out of the chain.

    One that had no effect let go of its items: it must never be sent again.
    """
    again = row.state == TransactionState.FINAL
    return _fields(row.id, TransactionState.SIGNED if again else TransactionState.SUPERSEDED)


def _fields(number: int, state: TransactionState, receipt: Receipt | None = None) -> dict[str, Any]:
    return {
        "key": number,
        "state": state,
        "block_number": receipt.block_number if receipt else None,
        "block_hash": receipt.block_hash if receipt else None,
    }
