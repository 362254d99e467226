"""What the projector knows from the chain alone. Disposable: rebuilt from the logs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field

from ledger.store.columns import BIG_KEY, Row, big, octets


class Block(Row, table=True):
    """A block that was followed; its hash is leaf ``number`` of the tree that checkpoints sign."""

    __tablename__ = "block"

    number: int = big(primary_key=True)
    hash: bytes = octets(32, unique=True)
    timestamp: int = big()


class MerkleNode(Row, table=True):
    """A complete node of the tree of block hashes; level 0 are the leaf hashes. Never changes but by a re-org."""

    __tablename__ = "merkle_node"

    level: int = Field(primary_key=True)
    position: int = big(primary_key=True)
    hash: bytes = octets(32)


class Cursor(Row, table=True):
    """How far a follower is: the last block whose effects are in the tables, all of them or none."""

    __tablename__ = "cursor"

    name: str = Field(primary_key=True)
    block_number: int = big()
    block_hash: bytes = octets(32)


class Attestation(Row, table=True):
    """One entry of one history, with the head and status after it; ``sequence`` counts all of them in chain order."""

    __tablename__ = "attestation"
    __table_args__ = (UniqueConstraint("log", "subject", "position"),)

    sequence: int = Field(primary_key=True, sa_type=BIG_KEY)
    log: bytes = octets(20)
    subject: bytes = octets(32)
    position: int
    digest: bytes = octets(32, index=True)
    version: int
    kind: int
    organisation: int = big()
    attested_at: int = big()
    status: int
    head: bytes = octets(32)
    block_number: int = big(index=True)
    log_index: int
    item: int
    transaction_hash: bytes = octets(32)


class Head(Row, table=True):
    """The last head of a subject in a log, and the number of entries that fold to it."""

    __tablename__ = "head"

    log: bytes = octets(20, primary_key=True)
    subject: bytes = octets(32, primary_key=True)
    head: bytes = octets(32)
    status: int
    length: int
    block_number: int = big(index=True)


class GovernanceEvent(Row, table=True):
    """One event of ``Consortium`` or of a log's migration; the tables below are replayed from these."""

    __tablename__ = "governance_event"

    block_number: int = big(primary_key=True)
    log_index: int = Field(primary_key=True)
    contract: bytes = octets(20)
    name: str = Field(index=True)
    arguments: dict[str, Any] = Field(sa_type=JSON)
    at: int = big()
    transaction_hash: bytes = octets(32)


class Organisation(Row, table=True):
    """A member: roles as bits (``ledger/kinds.toml``), as granted, whether it is suspended or not."""

    __tablename__ = "organisation"

    id: int = big(primary_key=True)
    roles: int = big()
    suspended: bool = False
    metadata_digest: bytes = octets(32)
    since: int = big()
    changed_at: int = big()


class Account(Row, table=True):
    """A chain account and the organisation it writes for; ``organisation`` 0 is one that was taken away."""

    __tablename__ = "account"

    address: bytes = octets(20, primary_key=True)
    organisation: int = big(index=True)
    changed_at: int = big()


class IssuerKey(Row, table=True):
    """A credential key by its RFC 7638 thumbprint; times in seconds; ``revoked_from`` 0 is not revoked."""

    __tablename__ = "issuer_key"

    organisation: int = big(primary_key=True)
    thumbprint: bytes = octets(32, primary_key=True)
    valid_from: int = big()
    valid_until: int = big()
    revoked_from: int = big()
    changed_at: int = big()
    algorithm: int
    flags: int


class Namespace(Row, table=True):
    """One assignment of a namespace, which holds until the next position's; organisation 0 is nobody's."""

    __tablename__ = "namespace"

    namespace: bytes = octets(32, primary_key=True)
    position: int = Field(primary_key=True)
    organisation: int = big(index=True)
    since: int = big()


CHAIN_TABLES: tuple[type[Row], ...] = (
    Attestation,
    Head,
    GovernanceEvent,
    Organisation,
    Account,
    IssuerKey,
    Namespace,
    MerkleNode,
    Block,
    Cursor,
)
