"""The outbox in SQL: every change, each in the caller's transaction; ``outbox_questions`` has the questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from ledger.chain.batches import Batch, Pending
from ledger.errors import RuleError, VinculumError
from ledger.kinds import kind_by_number
from ledger.store.columns import table_of
from ledger.store.work import ItemState, OutboxItem, OutboxTransaction, TransactionState


@dataclass(frozen=True, slots=True)
class NewItem:
    """What is to be attested; ``expected_head`` for status kinds other than genesis, and for them alone."""

    log: bytes
    subject: bytes
    kind: int
    digest: bytes
    expected_head: bytes | None = None


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """Signed bytes with their place in the account's order; a filler closes a gap and carries no items."""

    nonce: int
    raw: bytes
    hash: bytes
    batch: Batch | None


def enqueue(session: Session, account: bytes, items: Iterable[NewItem]) -> None:
    """Queue items, in order, for the outbox of ``account``; part of the caller's transaction.

    What is queued already (same log, subject and digest) is left as it is, so that a retry counts once.

    Raises:
        MalformedError: A number that is no kind.
        RuleError: An expected head is given for a kind that takes none, or missing for a status kind.
    """
    rows = [
        {
            "account": account,
            "log": item.log,
            "subject": item.subject,
            "kind": item.kind,
            "digest": item.digest,
            "expected_head": item.expected_head,
            "state": ItemState.READY,
            "reverts": 0,
        }
        for item in items
        if _fits(item)
    ]
    if rows:
        session.execute(_insert_new(session), rows)


def retry(session: Session, ids: Sequence[int]) -> None:
    """Give refused items another try, after what was wrong is put right."""
    session.execute(
        update(OutboxItem)
        .where(col(OutboxItem.id).in_(ids), col(OutboxItem.state) == ItemState.REFUSED)
        .values(state=ItemState.READY, error=None, reason=None, reverts=0)
    )


def store_signed(session: Session, account: bytes, signed: Sequence[SignedTransaction]) -> None:
    """Keep signed transactions and bind their items to them; from here on only these bytes are ever sent."""
    for one in signed:
        values = {
            "account": account,
            "nonce": one.nonce,
            "method": one.batch.method if one.batch else "filler",
            "hash": one.hash,
            "raw": one.raw,
            "state": TransactionState.SIGNED,
            "items": len(one.batch.items) if one.batch else 0,
        }
        (number,) = session.execute(insert(OutboxTransaction).values(values).returning(col(OutboxTransaction.id))).one()
        if one.batch is not None:
            _take(session, number, [item.id for item in one.batch.items])


def refuse(session: Session, refused: Iterable[tuple[Pending, VinculumError]]) -> None:
    """Record what the contract says no to, in its words."""
    rows = [{"key": item.id, "error": type(error).__name__, "reason": str(error)} for item, error in refused]
    if rows:
        statement = update(table_of(OutboxItem)).where(col(OutboxItem.id) == bindparam("key"))
        session.connection().execute(statement.values(state=ItemState.REFUSED), rows)


def change(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Update transactions by ``key`` (their id); all rows name the same columns."""
    if rows:
        table = table_of(OutboxTransaction)
        session.connection().execute(update(table).where(table.c.id == bindparam("key")), rows)


def release(session: Session, transaction_ids: Sequence[int], *, reverted: bool, most_reverts: int) -> None:
    """Let go of the items of transactions that can never take effect: ready again, or refused after many reverts."""
    mine = col(OutboxItem.transaction_id).in_(transaction_ids)
    if reverted:
        session.execute(update(OutboxItem).where(mine).values(reverts=col(OutboxItem.reverts) + 1))
        reason = f"the contract took it when asked, but reverted {most_reverts} times when mined"
        spent = mine & (col(OutboxItem.reverts) >= most_reverts)
        refused = {"state": ItemState.REFUSED, "transaction_id": None, "error": "RejectedError", "reason": reason}
        session.execute(update(OutboxItem).where(spent).values(**refused))
    session.execute(update(OutboxItem).where(mine).values(state=ItemState.READY, transaction_id=None))


def _fits(item: NewItem) -> bool:
    kind = kind_by_number(item.kind)
    conditional = kind.changes_status and not kind.genesis
    if conditional != (item.expected_head is not None):
        raise RuleError(f"{kind.name} {'needs an' if conditional else 'takes no'} expected head")
    return True


def _take(session: Session, transaction_id: int, ids: Sequence[int]) -> None:
    session.execute(
        update(OutboxItem)
        .where(col(OutboxItem.id).in_(ids), col(OutboxItem.state) == ItemState.READY)
        .values(state=ItemState.TAKEN, transaction_id=transaction_id)
    )


def _insert_new(session: Session) -> Insert:
    if session.connection().dialect.name == "postgresql":
        return postgresql.insert(table_of(OutboxItem)).on_conflict_do_nothing()
    return sqlite.insert(table_of(OutboxItem)).on_conflict_do_nothing()
