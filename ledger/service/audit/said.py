"""By what an event is recognised when a document comes again, derived from its opened credential.

Recording names events by the type of their document, which no credential carries. A rebuilt index therefore names
them for all types at once (``ANY_DOCUMENT``): the same event again is a repetition, and the same id with other content
a conflict, whichever type of document it comes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from ledger.credential.sd_jwt import CLAIM_NAMES
from ledger.errors import MalformedError
from ledger.event import AssetReference, AssetType, Attachment, Event, Json
from ledger.kinds import Kind
from ledger.service.knowledge import ANY_DOCUMENT
from ledger.service.read import IDENTITY
from ledger.service.same_event import content_hash, event_key
from ledger.store.document_index import Asset, AssetAlias, Credential

_OWN = frozenset({"occurred_at", "document_id", "salt", CLAIM_NAMES})


def said_rows(
    session: Session, row: Credential, kind: Kind, claims: Mapping[str, Json], files: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Rows of ``source_event`` for one credential, one for each name that its asset has.

    Args:
        session: Of an index that has the asset.
        row: The credential.
        kind: Its kind.
        claims: All that it discloses.
        files: Name and media type of each attachment, in order.

    Returns: None where the asset is not known, or a claim is not in the form that recording writes.
    """
    try:
        events = list(_events(session, row, kind, claims, files))
    except (MalformedError, ValueError, TypeError):
        return []
    contents = [(event, content_hash(event)) for event in events]
    rows = {
        event_key(event, content): {
            "scope": f"{row.issuer}:{ANY_DOCUMENT}",
            "document_id": event_key(event, content),
            "content_hash": content,
            "digest": row.digest,
        }
        for event, content in contents
    }
    return list(rows.values())


def _events(
    session: Session, row: Credential, kind: Kind, claims: Mapping[str, Json], files: Sequence[tuple[str, str]]
) -> Iterator[Event]:
    asset = session.get(Asset, row.subject)
    if asset is None:
        return
    aliases = sorted(session.exec(select(AssetAlias.identifier).where(col(AssetAlias.subject) == row.subject)))
    for identifier in (asset.identifier, *(name for name in aliases if name != asset.identifier)):
        yield _event(AssetReference(AssetType(asset.asset_type), identifier), kind, claims, files)
        if kind.genesis:
            return


def _event(asset: AssetReference, kind: Kind, claims: Mapping[str, Json], files: Sequence[tuple[str, str]]) -> Event:
    own = _OWN | IDENTITY if kind.genesis else _OWN
    document_id, aliases = claims.get("document_id"), claims.get("aliases", []) if kind.genesis else []
    if not isinstance(aliases, list) or not (document_id is None or isinstance(document_id, str)):
        raise MalformedError("credential", "an id or aliases in another form")
    return Event(
        kind=kind.name,
        asset=asset,
        occurred_at=datetime.fromisoformat(str(claims["occurred_at"])) if "occurred_at" in claims else _missing(),
        fields={name: value for name, value in claims.items() if name not in own},
        document_id=document_id,
        aliases=tuple(str(name) for name in aliases),
        attachments=tuple(Attachment(name, media_type, "") for name, media_type in files),
    )


def _missing() -> datetime:
    raise MalformedError("credential", "no time at which it happened")
