"""The event: what happened to an asset, on its way from intake to credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class AssetType(StrEnum):
    """What an asset is; also the name of the log that keeps its history."""

    BATTERY = "battery"
    VEHICLE = "vehicle"
    PART = "part"


@dataclass(frozen=True, slots=True, order=True)
class AssetReference:
    """An asset as documents name it. Never goes on chain.

    Attributes:
        asset_type: Battery, vehicle or part.
        identifier: The primary identifier in canonical text (``ledger.identifiers.parse_identifier`` makes it):
            a VIN, a GS1 Digital Link URI, a GB/T 34014 code, or a ``urn:uuid:`` / BPN-scoped serial.
    """

    asset_type: AssetType
    identifier: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A raw file that belongs to an event: read as a stream, kept encrypted.

    Attributes:
        name: File name without folders.
        media_type: IANA media type.
        path: Where the bytes are read from; never recorded.
    """

    name: str
    media_type: str
    path: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one asset.

    Attributes:
        kind: Name in the kind table, e.g. ``battery.state_of_health``.
        asset: Whose history it belongs to.
        occurred_at: When it happened (aware; normalised to UTC). A claim of the source.
        fields: Domain fields by name; units stand in the names. Names outside the field table are kept, but private.
        issuer_hint: Who the document says issued it (BPN, GLN, GS1 company prefix ...), or None.
        document_id: The document's own id of this event (EPCIS ``eventID``, MOT test number ...), or None.
            With the same id and other content, ingest reports a conflict.
        aliases: Further identifiers of the asset, canonical.
        attachments: Raw files, in order.
        source_pointer: JSON Pointer of the event inside its document.
    """

    kind: str
    asset: AssetReference
    occurred_at: datetime
    fields: Mapping[str, Json]
    issuer_hint: str | None = None
    document_id: str | None = None
    aliases: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    source_pointer: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that intake accepted: its events, and what is worth saying about it.

    Attributes:
        document_type: e.g. ``battery-passport``, ``epcis``, ``catena-x-serial-part``, ``mot``, ``csv``, ``event``.
        digest: SHA-256 of the bytes as received.
        events: In the order in which they are to be recorded (a genesis comes before what refers to it).
        notices: Faults of severity ``notice``.
        raw: The bytes as received; kept encrypted as evidence.
    """

    document_type: str
    digest: bytes
    events: tuple[Event, ...]
    notices: tuple[object, ...] = ()
    raw: bytes = field(default=b"", repr=False)
