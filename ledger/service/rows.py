"""The rows of the document index that belong to one batch; the same rows are written by recording and by a rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, insert
from sqlmodel import Session, col

from ledger.credential.grant_format import Grant, encode_grant
from ledger.kinds import kind_by_number
from ledger.service.contracts import Contracts
from ledger.service.issue import IssuedEvent
from ledger.service.members import Member
from ledger.store.document_index import Asset, AssetAlias, Credential, GrantedCapsule, SourceDocument, SourceEvent
from ledger.store.document_index import Grant as GrantRow


def save_batch(
    session: Session,
    member: Member,
    contracts: Contracts,
    batch_cid: str,
    issued: Sequence[IssuedEvent],
    grants: Sequence[Grant],
) -> None:
    """Write all rows of a batch, as part of the caller's transaction."""
    _insert(session, Credential, [_credential(member, contracts, batch_cid, one) for one in issued])
    births = [one.planned for one in issued if one.planned.salt is not None]
    _insert(session, Asset, [_asset(planned.subject, planned.event.asset, planned.salt) for planned in births])
    _insert(
        session,
        AssetAlias,
        [
            {"identifier": name, "subject": planned.subject}
            for planned in births
            for name in dict.fromkeys((planned.event.asset.identifier, *planned.event.aliases))
        ],
    )
    _insert(session, SourceEvent, [_source_event(one) for one in issued])
    save_grants(session, grants)


def save_grants(session: Session, grants: Sequence[Grant]) -> None:
    """Write grants and which capsules they open."""
    rows, capsules = [], []
    for grant in grants:
        body = encode_grant(grant)
        digest = sha256(body).digest()
        recipient = grant.context.recipient_key.hex()
        created = grant.context.issued_at
        grantor = grant.context.grantor
        rows.append({"digest": digest, "grantor": grantor, "recipient": recipient, "created_at": created, "body": body})
        capsules += [{"capsule_cid": item.capsule, "grant_digest": digest} for item in grant.items]
    _insert(session, GrantRow, rows)
    _insert(session, GrantedCapsule, capsules)


def save_sources(session: Session, sources: Sequence[SourceDocument]) -> None:
    """Write which documents were taken in; one that stands there already is left as it is."""
    for source in sources:
        if session.get(SourceDocument, source.digest) is None:
            session.add(source)
            session.flush()


def forget_refused(session: Session, digests: Sequence[bytes]) -> None:
    """Let events that the contract refused be recorded anew, once what was wrong is put right.

    Forgets their names, the births that never took place, and the documents that they came in. Their credentials
    stay: they were signed.
    """
    for digest in digests:
        row = session.get(Credential, digest)
        if row is None:
            continue
        session.execute(delete(SourceEvent).where(col(SourceEvent.digest) == digest))
        if kind_by_number(row.kind).genesis:
            session.execute(delete(AssetAlias).where(col(AssetAlias.subject) == row.subject))
            session.execute(delete(Asset).where(col(Asset.subject) == row.subject))
        if row.source_digest is not None:
            session.execute(delete(SourceDocument).where(col(SourceDocument.digest) == row.source_digest))


def _credential(member: Member, contracts: Contracts, batch_cid: str, issued: IssuedEvent) -> dict[str, Any]:
    planned = issued.planned
    return {
        "digest": issued.digest,
        "issuer": member.organisation,
        "jti": issued.jti,
        "payload_hash": issued.payload_hash,
        "log": contracts.log(planned.event.asset.asset_type),
        "subject": planned.subject,
        "kind": planned.kind.number,
        "issued_at": issued.issued_at,
        "capsule_cid": issued.capsule_cid,
        "batch_cid": batch_cid,
        "source_digest": planned.source_digest,
    }


def _asset(subject: bytes, asset: Any, salt: bytes | None) -> dict[str, Any]:
    return {
        "subject": subject,
        "asset_type": asset.asset_type.value,
        "identifier": asset.identifier,
        "salt": salt,
        "own": True,
    }


def _source_event(issued: IssuedEvent) -> dict[str, Any]:
    planned = issued.planned
    return {
        "scope": planned.scope,
        "document_id": planned.key,
        "content_hash": planned.content_hash,
        "digest": issued.digest,
    }


def _insert(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table), rows)
