"""An EPCIS document, query result or single event, from parsed JSON to events."""

from __future__ import annotations

from typing import cast

from ledger.event import Event, Json
from ledger.intake.assets import IntakeHint
from ledger.intake.epcis.events import events_of
from ledger.intake.epcis.model import EVENT_TYPES, check_document
from ledger.intake.epcis.scene import BATTERY_CONTEXT, Scene
from ledger.intake.epcis.sensors import Members
from ledger.intake.faults import Faults, pointer_to

DOCUMENT_TYPES = ("EPCISDocument", "EPCISQueryDocument")


def is_epcis(value: Json) -> bool:
    """Whether a parsed value says that it is EPCIS: by its type, or by its context."""
    if not isinstance(value, dict):
        return False
    return value.get("type") in (*DOCUMENT_TYPES, *EVENT_TYPES) or "epcis-context" in str(value.get("@context"))


def events_from_epcis(value: Members, hint: IntakeHint, faults: Faults) -> list[Event]:
    """Read every event.

    Args:
        value: Untrusted; `is_epcis` holds.
        hint: What the caller knows of the assets.
        faults: Receives every fault. While the model finds any, nothing is read further: what follows from a broken
            document says little.
    """
    check_document(value, faults)
    if faults.errors:
        return []
    battery = BATTERY_CONTEXT in str(value.get("@context")).lower()
    found: list[Event] = []
    for body, place in _bodies(value):
        if body["type"] in EVENT_TYPES:
            found.extend(events_of(Scene(body, place, battery, hint, faults)))
        else:
            message = f"{str(body['type'])[:60]!r} is an extension: kept in the document, without an event"
            faults.notice(place, "unknown-event-type", message)
    return found


def _bodies(value: Members) -> list[tuple[Members, str]]:
    path: tuple[str, ...]
    if value.get("type") == "EPCISDocument":
        path = ("epcisBody", "eventList")
    elif value.get("type") == "EPCISQueryDocument":
        path = ("epcisBody", "queryResults", "resultsBody", "eventList")
    else:
        return [(value, "")]
    found: Json = value
    for name in path:
        found = cast("Members", found)[name]
    return [(body, pointer_to("", *path, index)) for index, body in enumerate(cast("list[Members]", found))]
