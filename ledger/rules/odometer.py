"""The odometer: consistent, inconsistent, or no judgement with the reason, after the practice of RDW and Car-Pass."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger.rules.corrections import CORRECTING_KINDS
from ledger.rules.types import (
    Finding,
    History,
    Judgement,
    OpenedEvent,
    Severity,
    closed_reasons,
    number_of,
    rule,
)

TOPIC = "odometer"
KM_PER_MILE = 1.609344
ROUNDING_KM = 2.0
ROLLOVERS_KM = (100_000.0, 1_000_000.0, 100_000 * KM_PER_MILE, 1_000_000 * KM_PER_MILE)
ROLLOVER_BEFORE = 0.95
ROLLOVER_AFTER = 0.1
UNIT_MARGIN = 0.1
GAP = timedelta(days=730)
MOST_KM_PER_DAY = 2_000.0
NOT_READ = ("unreadable", "no_odometer")

REPLACED = "vehicle.odometer_replaced"
READING_KINDS = CORRECTING_KINDS | {
    "any.observation",
    "any.sensor_report",
    "any.telemetry_batch",
    "any.transferred",
    "vehicle.accident",
    "vehicle.battery_changed",
    "vehicle.claim",
    "vehicle.deregistered",
    "vehicle.first_registered",
    "vehicle.graded",
    "vehicle.inspected",
    "vehicle.odometer_reading",
    "vehicle.part_changed",
    "vehicle.registered_by_registrar",
    "vehicle.post_accident_inspected",
    "vehicle.repaired",
    "vehicle.serviced",
    "vehicle.sold",
    "vehicle.title_event",
    "vehicle.total_loss",
    "vehicle.warranty_claim",
    REPLACED,
}
_FIELDS = frozenset({"odometer_km", "odometer_before_km", "odometer_after_km", "occurred_at"})


@dataclass(frozen=True, slots=True)
class _Reading:
    """A distance that an event gives."""

    number: int
    time: datetime
    km: float
    restarts: bool = False


def assess_odometer(history: History) -> tuple[list[Finding], Judgement]:
    """Judge the odometer readings of a vehicle in the order in which they are said to have been taken.

    A fall is *inconsistent* unless it has one of the known innocent causes, which leave no judgement: the meter
    rolled over, the readings differ as miles and kilometres do, the vehicle was imported in between. A replaced
    meter starts anew at its stated reading. An event that may bear a reading but is not opened, or does not show
    whether it bears one and of when, leaves no judgement; other kinds of events bear none.

    Args:
        history: Corrections applied.

    Returns:
        Findings (falls, jumps, gaps, unreadable meters), and the ruling.
    """
    readings = sorted(_readings(history), key=lambda reading: (reading.time, reading.number))
    imports = [event for event in history.opened if event.fields.get("imported") is True]
    findings, wrong, doubts = _unreadable(history), list[str](), list[str]()
    for first, second in itertools.pairwise(readings):
        finding, innocent = _compare(first, second, imports)
        if finding is not None:
            findings.append(finding)
            (wrong if finding.severity is Severity.ERROR else doubts if innocent else []).append(finding.message)
    if len(readings) < 2:
        doubts.append("fewer than two readings are opened")
    reasons, numbers = closed_reasons(history, READING_KINDS, _FIELDS)
    events = tuple(sorted({reading.number for reading in readings} | set(numbers)))
    return findings, rule(TOPIC, wrong, [*doubts, *reasons], events)


def _readings(history: History) -> list[_Reading]:
    readings = []
    for event in history.opened:
        if event.kind == REPLACED:
            readings += _replacement(event)
        elif event.kind in READING_KINDS and (km := number_of(event.fields.get("odometer_km"))) is not None:
            readings.append(_Reading(event.number, event.time, km))
    return readings


def _replacement(event: OpenedEvent) -> list[_Reading]:
    before, after = (number_of(event.fields.get(f"odometer_{side}_km")) for side in ("before", "after"))
    readings = [] if before is None else [_Reading(event.number, event.time, before)]
    return readings if after is None else [*readings, _Reading(event.number, event.time, after, restarts=True)]


def _unreadable(history: History) -> list[Finding]:
    events = [event for event in history.opened if event.fields.get("odometer_result") in NOT_READ]
    message = "the odometer was not read: "
    return [
        Finding("odometer-not-read", Severity.NOTICE, (event.number,), f"{message}{event.fields['odometer_result']}")
        for event in events
    ]


def _compare(first: _Reading, second: _Reading, imports: list[OpenedEvent]) -> tuple[Finding | None, bool]:
    """Return what is worth saying about two successive readings, and whether it leaves no judgement."""
    numbers = (first.number, second.number)
    if second.restarts:
        message = f"the odometer was replaced at {first.km:.0f} km; the new one starts at {second.km:.0f} km"
        return Finding("odometer-replaced", Severity.NOTICE, numbers, message), False
    if second.km < first.km - ROUNDING_KM:
        return _fall(first, second, imports)
    days = max((second.time - first.time) / timedelta(days=1), 1.0)
    if (second.km - first.km) / days > MOST_KM_PER_DAY:
        message = f"from {first.km:.0f} km to {second.km:.0f} km in {days:.0f} days"
        return Finding("odometer-jump", Severity.WARNING, numbers, message), True
    if second.time - first.time > GAP:
        message = f"no reading for {days:.0f} days from {first.time:%Y-%m-%d} to {second.time:%Y-%m-%d}"
        return Finding("odometer-gap", Severity.NOTICE, numbers, message), False
    return None, False


def _fall(first: _Reading, second: _Reading, imports: list[OpenedEvent]) -> tuple[Finding, bool]:
    numbers = (first.number, second.number)
    fell = f"the odometer fell from {first.km:.0f} km to {second.km:.0f} km"
    if first.time.date() == second.time.date() and first.number != second.number:
        message = f"{fell} within one day, in which the order of the readings is not sure"
        return Finding("odometer-same-day", Severity.WARNING, numbers, message), True
    cause = _innocent_cause(first, second, imports)
    if cause:
        return Finding("odometer-decrease-explained", Severity.WARNING, numbers, f"{fell}: {cause}"), True
    return Finding("odometer-decrease", Severity.ERROR, numbers, fell), False


def _innocent_cause(first: _Reading, second: _Reading, imports: list[OpenedEvent]) -> str | None:
    if any(first.time <= event.time <= second.time for event in imports):
        return "imported in between"
    for limit in ROLLOVERS_KM:
        if limit * ROLLOVER_BEFORE <= first.km < limit and second.km <= limit * ROLLOVER_AFTER:
            return "possibly a rollover of the meter"
    if first.km <= second.km * KM_PER_MILE <= first.km * (1 + UNIT_MARGIN):
        return "possibly miles and kilometres"
    return None
