"""Rules between the events of one document: repetitions, conflicts, odometers that run backwards, order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ledger.event import Event
from ledger.intake.faults import Faults

_RESETS = "vehicle.odometer_replaced"
_REPLACES = frozenset({"any.correction", "any.error_declaration"})


def without_repetitions(events: Iterable[Event], faults: Faults) -> list[Event]:
    """Drop an event that the document says twice; another content under the same id is a ``conflict``.

    An event's identity in its document is its id, asset and kind; events without an id are never repetitions.
    """
    kept: list[Event] = []
    seen: dict[tuple[str, object, str], Event] = {}
    for event in events:
        first = event if event.document_id is None else seen.setdefault(_identity(event), event)
        if first is event:
            kept.append(event)
        elif _same(first, event):
            faults.notice(event.source_pointer, "repetition", f"the same as {first.source_pointer or '/'}: taken once")
        else:
            message = f"the id {event.document_id} stands at {first.source_pointer or '/'} with other content"
            faults.error(event.source_pointer, "conflict", message)
    return kept


def _identity(event: Event) -> tuple[str, object, str]:
    return event.document_id or "", event.asset, event.kind


def _same(first: Event, second: Event) -> bool:
    return (first.occurred_at, first.fields, first.aliases) == (second.occurred_at, second.fields, second.aliases)


def check_odometers(events: Sequence[Event], faults: Faults) -> None:
    """Refuse a document in which a vehicle's odometer falls from one time to a later one.

    A replaced instrument starts a new count; events that correct others are left out; events of one time are not
    ordered against each other.
    """
    by_vehicle: defaultdict[str, list[tuple[Event, float]]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.occurred_at):
        reading = _reading(event)
        if reading is not None:
            by_vehicle[event.asset.identifier].append((event, reading))
    for readings in by_vehicle.values():
        _check_odometer(readings, faults)


def _reading(event: Event) -> float | None:
    if event.kind in _REPLACES:
        return None
    name = "odometer_after_km" if event.kind == _RESETS else "odometer_km"
    value = event.fields.get(name)
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value


def _check_odometer(readings: Sequence[tuple[Event, float]], faults: Faults) -> None:
    highest, at = 0.0, None
    for event, value in readings:
        if event.kind == _RESETS or at is None:
            highest, at = value, event
        elif value < highest and event.occurred_at > at.occurred_at:
            earlier = f"{at.source_pointer or '/'} ({at.occurred_at.date().isoformat()})"
            message = f"{value:g} km, but {highest:g} km at {earlier}"
            faults.error(event.source_pointer, "backwards-odometer", message)
        elif value >= highest:
            highest, at = value, event


def births_first(events: Sequence[Event], genesis: frozenset[str]) -> tuple[Event, ...]:
    """Put the events that create an asset first, everything else as it stood; stable.

    Args:
        events: In the order of the document.
        genesis: Names of the kinds that create an asset.
    """
    return (
        *(event for event in events if event.kind in genesis),
        *(event for event in events if event.kind not in genesis),
    )
