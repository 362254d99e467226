"""What is known from documents: credentials, assets, grants and the files they came from. Rebuilt from the stores."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field

from ledger.store.columns import Row, big, octets


class Credential(Row, table=True):
    """An issued credential by its digest; two payloads of one (issuer, jti) are equivocation, so both may stand."""

    __tablename__ = "credential"
    __table_args__ = (Index("ix_credential_issuer_jti", "issuer", "jti"),)

    digest: bytes = octets(32, primary_key=True)
    issuer: int = big()
    jti: str
    payload_hash: bytes = octets(32)
    log: bytes = octets(20)
    subject: bytes = octets(32, index=True)
    kind: int
    issued_at: int = big()
    capsule_cid: str | None = Field(default=None, index=True)
    batch_cid: str | None = None
    source_digest: bytes | None = octets(32, default=None, index=True)


class Asset(Row, table=True):
    """A subject opened: which asset it stands for. Two subjects of one identifier may stand here, to be found."""

    __tablename__ = "asset"
    __table_args__ = (Index("ix_asset_asset_type_identifier", "asset_type", "identifier"),)

    subject: bytes = octets(32, primary_key=True)
    asset_type: str
    identifier: str
    salt: bytes | None = octets(32, default=None)
    own: bool = False


class AssetAlias(Row, table=True):
    """Any identifier, the primary one included, by which an asset is found."""

    __tablename__ = "asset_alias"

    identifier: str = Field(primary_key=True)
    subject: bytes = octets(32, primary_key=True, index=True)


class Grant(Row, table=True):
    """Capsule keys sealed for one recipient."""

    __tablename__ = "access_grant"

    digest: bytes = octets(32, primary_key=True)
    grantor: int = big()
    recipient: str = Field(index=True)
    created_at: int = big()
    body: bytes = octets()


class GrantedCapsule(Row, table=True):
    """Which capsules a grant opens."""

    __tablename__ = "access_grant_capsule"

    capsule_cid: str = Field(primary_key=True)
    grant_digest: bytes = octets(32, primary_key=True, foreign_key="access_grant.digest", index=True)


class SourceDocument(Row, table=True):
    """A document that was taken in; the same bytes again are recognised here."""

    __tablename__ = "source_document"

    digest: bytes = octets(32, primary_key=True)
    document_type: str
    name: str
    size: int = big()
    events: int
    received_at: int = big()


class SourceEvent(Row, table=True):
    """A document's own id of an event; the same id with another ``content_hash`` is a conflict.

    ``scope`` is whoever gives out such ids: a document type with the issuer it names.
    """

    __tablename__ = "source_event"

    scope: str = Field(primary_key=True)
    document_id: str = Field(primary_key=True)
    content_hash: bytes = octets(32)
    digest: bytes | None = octets(32, default=None)


DOCUMENT_TABLES = (Credential, Asset, AssetAlias, GrantedCapsule, Grant, SourceDocument, SourceEvent)
