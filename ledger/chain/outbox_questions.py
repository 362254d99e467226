"""The outbox in SQL: every question, each in the caller's transaction; ``outbox_store`` has the changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ledger.chain.batches import Pending, Subject
from ledger.store.work import ItemState, OutboxItem, OutboxTransaction, TransactionState

UNMINED = (TransactionState.SIGNED, TransactionState.SENT)
LIVE = (*UNMINED, TransactionState.MINED)
SETTLED = (TransactionState.FINAL, TransactionState.REVERTED)
LOOK_UP = 500


@dataclass(frozen=True, slots=True)
class ItemStatus:
    """Where an item stands: ``ready``, ``signed``, ``sent``, ``mined``, ``final`` or ``refused``.

    Only ``final`` is confirmed; ``reverted`` passes quickly, the item becomes ready again or refused.
    """

    id: int
    digest: bytes
    subject: bytes
    state: str
    transaction_hash: bytes | None
    block_number: int | None
    error: str | None
    reason: str | None


def statuses(session: Session, digests: Sequence[bytes]) -> dict[bytes, ItemStatus]:
    """Say where items stand, by digest; what was never queued is not in the answer."""
    found: dict[bytes, ItemStatus] = {}
    for start in range(0, len(digests), LOOK_UP):
        where = col(OutboxItem.digest).in_(digests[start : start + LOOK_UP])
        for row in session.execute(_STATUS.where(where)):
            state = row.transaction_state if row.item_state == ItemState.TAKEN else row.item_state
            found[row.digest] = ItemStatus(
                row.id, row.digest, row.subject, state, row.hash, row.block_number, row.error, row.reason
            )
    return found


def counts(session: Session, account: bytes) -> dict[str, int]:
    """Count an account's items by state; those inside transactions by the transactions, of which there are few."""
    waiting, sent = OutboxItem, OutboxTransaction
    outside = select(col(waiting.state), func.count()).where(
        col(waiting.account) == account, col(waiting.state).in_((ItemState.READY, ItemState.REFUSED))
    )
    inside = select(col(sent.state), func.sum(col(sent.items))).where(
        col(sent.account) == account, col(sent.state).in_((*LIVE, TransactionState.FINAL))
    )
    found = [*session.execute(outside.group_by(col(waiting.state))), *session.execute(inside.group_by(col(sent.state)))]
    return {str(state): int(number) for state, number in found}


def ready_items(session: Session, account: bytes, limit: int) -> list[Pending]:
    """Return what waits, in queue order."""
    item = OutboxItem
    question = (
        select(
            col(item.id), col(item.log), col(item.subject), col(item.kind), col(item.digest), col(item.expected_head)
        )
        .where(col(item.account) == account, col(item.state) == ItemState.READY)
        .order_by(col(item.id))
        .limit(limit)
    )
    return [Pending(*row) for row in session.execute(question)]


def lives_under_way(
    session: Session, account: bytes, is_genesis: Callable[[int], bool]
) -> tuple[frozenset[Subject], frozenset[Subject]]:
    """Return the subjects with unmined items, and those of them whose item is a genesis or status kind."""
    item = OutboxItem
    question = (
        select(col(item.log), col(item.subject), col(item.kind), col(item.expected_head))
        .join(OutboxTransaction, col(item.transaction_id) == col(OutboxTransaction.id))
        .where(col(OutboxTransaction.account) == account, col(OutboxTransaction.state).in_(UNMINED))
    )
    rows = session.execute(question).all()
    settling = {(log, subject) for log, subject, kind, head in rows if head is not None or is_genesis(kind)}
    return frozenset((log, subject) for log, subject, _, _ in rows), frozenset(settling)


def transactions(session: Session, account: bytes, states: Sequence[str]) -> list[Any]:
    """Return transactions in nonce order, without their bytes."""
    row = OutboxTransaction
    question = (
        select(col(row.id), col(row.nonce), col(row.hash), col(row.state), col(row.block_number), col(row.block_hash))
        .where(col(row.account) == account, col(row.state).in_(states))
        .order_by(col(row.nonce))
    )
    return list(session.execute(question))


def last_settled_nonce(session: Session, account: bytes) -> int:
    """Return the highest nonce of a transaction that was settled; -1 for none."""
    row = OutboxTransaction
    question = select(func.max(col(row.nonce))).where(col(row.account) == account, col(row.state).in_(SETTLED))
    found = session.execute(question).scalar()
    return -1 if found is None else int(found)


def settled_between(session: Session, account: bytes, first: int, last: int) -> list[Any]:
    """Return (id, state) of settled transactions by their nonces, in nonce order."""
    row = OutboxTransaction
    question = select(col(row.id), col(row.state)).where(
        col(row.account) == account, col(row.nonce).between(first, last), col(row.state).in_(SETTLED)
    )
    return list(session.execute(question.order_by(col(row.nonce))))


def raw_transactions(session: Session, ids: Sequence[int]) -> list[tuple[int, bytes]]:
    """Return the signed bytes, in nonce order."""
    row = OutboxTransaction
    question = select(col(row.id), col(row.raw)).where(col(row.id).in_(ids)).order_by(col(row.nonce))
    return [(number, raw) for number, raw in session.execute(question)]


def nonces_from(session: Session, account: bytes, first: int) -> list[int]:
    """Return the nonces from ``first`` on that hold a transaction of ours."""
    row = OutboxTransaction
    question = select(col(row.nonce)).where(
        col(row.account) == account, col(row.nonce) >= first, col(row.state) != TransactionState.SUPERSEDED
    )
    return [nonce for (nonce,) in session.execute(question)]


_STATUS: Any = select(
    col(OutboxItem.id),
    col(OutboxItem.digest),
    col(OutboxItem.subject),
    col(OutboxItem.state).label("item_state"),
    col(OutboxTransaction.state).label("transaction_state"),
    col(OutboxTransaction.hash),
    col(OutboxTransaction.block_number),
    col(OutboxItem.error),
    col(OutboxItem.reason),
).outerjoin(OutboxTransaction, col(OutboxItem.transaction_id) == col(OutboxTransaction.id))
