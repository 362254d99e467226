"""The outbox in SQL: every question and every change, each in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Insert, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from ledger.chain.batches import Batch, Pending, Subject
from ledger.errors import RuleError, VinculumError
from ledger.kinds import kind_by_number
from ledger.store.columns import table_of
from ledger.store.work import ItemState, OutboxItem, OutboxTransaction, TransactionState

UNMINED = (TransactionState.SIGNED, TransactionState.SENT)
LIVE = (*UNMINED, TransactionState.MINED)
SETTLED = (TransactionState.FINAL, TransactionState.REVERTED)
LOOK_UP = 500


@dataclass(frozen=True, slots=True)
class NewItem:
    """What is to be attested; ``expected_head`` for status kinds other than genesis, and for them alone."""

    log: bytes
    subject: bytes
    kind: int
    digest: bytes
    expected_head: bytes | None = None


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
