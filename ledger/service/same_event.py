"""When two events are the same: the name of an event, and the hash of what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from ledger.credential.sd_jwt import CLAIM_NAMES
from ledger.errors import RuleError
from ledger.event import Document, Event, Json
from ledger.kinds import all_kinds, kind_by_name
from ledger.rules.targets import ID_FIELDS
from ledger.service.read import IDENTITY

_FRAME = frozenset({"occurred_at", "document_id", CLAIM_NAMES})
_UPDATED = "battery.passport_updated"


def content_hash(event: Event) -> bytes:
    """SHA-256 over what an event says, 32 bytes; where it was read from does not count. Only compared in one home.

    It follows from the opened credential too, so that an index can be made anew: what a birth says of its identity is
    counted once, and aliases, which no other event records, count for a birth alone.
    """
    own = _FRAME | IDENTITY if (birth := _is_birth(event)) else _FRAME
    content: dict[str, Json] = {
        "kind": event.kind,
        "asset": [event.asset.asset_type.value, event.asset.identifier],
        "aliases": list(event.aliases) if birth else [],
        "occurred_at": event.occurred_at.isoformat(),
        "document_id": event.document_id,
        "fields": {name: value for name, value in _as_said(event.fields).items() if name not in own},
        "attachments": [[file.name, file.media_type] for file in event.attachments],
    }
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")).digest()


def _as_said(fields: Mapping[str, Json]) -> Mapping[str, Json]:
    """Fields with the ids by which the document named earlier events, where digests were signed in their place."""
    ids = {naming: fields[name] for naming, name in ID_FIELDS.items() if name in fields}
    return {name: value for name, value in {**fields, **ids}.items() if name not in ID_FIELDS.values()}


def event_key(event: Event, content: bytes) -> str:
    """Name an event within its scope: by its document's own id, kind and asset, or else by its content."""
    if event.document_id is None:
        return content.hex()
    return f"{event.document_id} {event.kind} {event.asset.identifier}"


def births_as(event: Event) -> list[Event]:
    """The births that intake would have made of an update of a passport, had it not known the battery."""
    if event.kind != _UPDATED:
        return []
    kinds = (kind for kind in all_kinds() if kind.genesis and kind.concerns(event.asset.asset_type))
    return [replace(event, kind=kind.name) for kind in kinds]


def births_by_key(document: Document) -> dict[str, Event]:
    """Those births of a whole document, by their names."""
    births = [birth for event in document.events for birth in births_as(event)]
    return {event_key(birth, content_hash(birth)): birth for birth in births}


def _is_birth(event: Event) -> bool:
    try:
        return kind_by_name(event.kind).genesis
    except RuleError:  # said where it is planned
        return False
