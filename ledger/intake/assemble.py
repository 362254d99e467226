"""The last step of every format: the rules that all events obey, then one immutable document."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.errors import RuleError
from ledger.event import Document, Event
from ledger.intake.faults import Faults
from ledger.intake.fields import check_fields
from ledger.intake.sequence import births_first, check_odometers, without_repetitions
from ledger.intake.times import check_not_in_future
from ledger.kinds import kind_by_name

# What the event itself carries, and the credential therefore discloses, without a field of that name.
CARRIED = frozenset({"identifier", "asset_type"})


@dataclass(frozen=True, slots=True)
class Source:
    """A document on its way through intake.

    Attributes:
        document_type: e.g. ``epcis``.
        data: The bytes as received.
        as_of: The time at which it is taken in; aware.
        fields_under: What stands between an event's pointer and a field's name, e.g. ``/fields``.
    """

    document_type: str
    data: bytes
    as_of: datetime
    fields_under: str = ""


def assemble(source: Source, events: Sequence[Event], faults: Faults) -> Document:
    """Check what events of every format have in common, and make the document.

    1. every event has a known kind of its asset's log, and that kind's required fields;
    2. every field holds what its name promises;
    3. nothing happens in the future;
    4. nothing is said twice, or twice differently;
    5. no odometer runs backwards within the document.

    Args:
        source: Where the events come from.
        events: In the order of the document.
        faults: Found so far; what is found here is added.

    Raises:
        DocumentError: With every fault, if there is any of severity ``error``.
    """
    for event in events:
        check_event(event, source.as_of, faults, source.fields_under)
    kept = without_repetitions(events, faults)
    check_odometers(kept, faults)
    faults.raise_errors(source.document_type)
    if not kept:
        faults.notice("", "nothing-to-record", "the document says nothing about an individual asset")
    genesis = frozenset(event.kind for event in kept if kind_by_name(event.kind).genesis)
    ordered = births_first(kept, genesis)
    digest = hashlib.sha256(source.data).digest()
    return Document(source.document_type, digest, ordered, tuple(faults.notices), source.data)


def check_event(event: Event, as_of: datetime, faults: Faults, fields_under: str = "") -> None:
    """Rules 1 to 3 of `assemble`, for one event."""
    check_kind(event, faults)
    check_fields(event.fields, event.source_pointer + fields_under, faults)
    check_not_in_future(event.occurred_at, as_of, event.source_pointer, faults)


def check_kind(event: Event, faults: Faults) -> None:
    """The kind exists, belongs to the asset's log, and has its required fields."""
    if not known_kind(event.kind):
        faults.error(event.source_pointer, "unknown-kind", f"there is no kind {event.kind[:80]!r}")
        return
    if not kind_by_name(event.kind).concerns(event.asset.asset_type):
        message = f"{event.kind} cannot happen to a {event.asset.asset_type}"
        faults.error(event.source_pointer, "wrong-kind", message)
    for name in missing_fields(event):
        faults.error(event.source_pointer, "missing", f"{event.kind} needs the field {name}")


def missing_fields(event: Event) -> list[str]:
    """Required fields of the event's kind that it lacks, or that are null."""
    required = kind_by_name(event.kind).required
    return [name for name in required if name not in CARRIED and event.fields.get(name) is None]


def known_kind(name: str) -> bool:
    """Whether the kind table has this name."""
    try:
        kind_by_name(name)
    except RuleError:
        return False
    return True
