"""Durable work: what is to be attested, and the signed transactions that do it. Never rebuilt, never thrown away."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from ledger.store.columns import BIG_KEY, Row, big, octets


class ItemState(StrEnum):
    """Where an item stands by itself; once ``taken`` it stands where its transaction stands."""

    READY = "ready"
    TAKEN = "taken"
    REFUSED = "refused"


class TransactionState(StrEnum):
    """Where a signed transaction stands.

    ``signed`` is stored and perhaps broadcast, ``sent`` was taken by the node, ``mined`` stands in a block,
    ``final`` stands deep enough, ``reverted`` is final and without effect, ``superseded`` lost its nonce for ever.
    """

    SIGNED = "signed"
    SENT = "sent"
    MINED = "mined"
    FINAL = "final"
    REVERTED = "reverted"
    SUPERSEDED = "superseded"


class OutboxTransaction(Row, table=True):
    """One signed transaction, stored before it is broadcast; a retry sends these very bytes."""

    __tablename__ = "outbox_transaction"
    __table_args__ = (
        Index("ix_outbox_transaction_account_nonce", "account", "nonce"),
        Index("ix_outbox_transaction_account_state", "account", "state", "items"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_KEY)
    account: bytes = octets(20)
    nonce: int = big()
    method: str
    hash: bytes = octets(32, unique=True)
    raw: bytes | None = octets(default=None)
    state: str
    items: int
    block_number: int | None = big(default=None)
    block_hash: bytes | None = octets(32, default=None)


class OutboxItem(Row, table=True):
    """One attestation on its way; ``id`` is the order in which an account's items go out."""

    __tablename__ = "outbox_item"
    __table_args__ = (
        UniqueConstraint("log", "subject", "digest"),
        Index("ix_outbox_item_account_state", "account", "state", "id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_KEY)
    account: bytes = octets(20)
    log: bytes = octets(20)
    subject: bytes = octets(32)
    kind: int
    digest: bytes = octets(32, index=True)
    expected_head: bytes | None = octets(32, default=None)
    state: str = Field(default=ItemState.READY)
    transaction_id: int | None = Field(default=None, foreign_key="outbox_transaction.id", index=True, sa_type=BIG_KEY)
    reverts: int = 0
    error: str | None = None
    reason: str | None = None


WORK_TABLES = (OutboxTransaction, OutboxItem)
