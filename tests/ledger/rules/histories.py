"""Short ways to write histories in the tests of the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ledger.event import AssetType, Json
from ledger.rules import Assessment, ClosedEvent, Finding, History, Judgement, OpenedEvent, assess

START = datetime(2020, 1, 1, 12, tzinfo=UTC)


def event(number: int, kind: str, day: float = 0, organisation: int = 1, **fields: Json) -> OpenedEvent:
    moment = START + timedelta(days=day)
    return OpenedEvent(number, kind, organisation, moment, moment, fields, frozenset({f"id-{number}"}))


def history(
    asset_type: AssetType, *events: OpenedEvent, closed: tuple[ClosedEvent, ...] = (), own: str = "own"
) -> History:
    return History(asset_type, (own,), "in_use", events, closed)


def vehicle(*events: OpenedEvent, closed: tuple[ClosedEvent, ...] = ()) -> Assessment:
    return assess(history(AssetType.VEHICLE, *events, closed=closed))


def battery(*events: OpenedEvent, closed: tuple[ClosedEvent, ...] = ()) -> Assessment:
    return assess(history(AssetType.BATTERY, *events, closed=closed))


def part(*events: OpenedEvent, closed: tuple[ClosedEvent, ...] = ()) -> Assessment:
    return assess(history(AssetType.PART, *events, closed=closed))


def ruling(assessment: Assessment, topic: str) -> Judgement:
    return next(judgement for judgement in assessment.judgements if judgement.topic == topic)


def codes(assessment: Assessment) -> list[str]:
    return [finding.code for finding in assessment.findings]


def finding(assessment: Assessment, code: str) -> Finding:
    return next(item for item in assessment.findings if item.code == code)
