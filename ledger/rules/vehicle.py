"""Vehicles: odometer, statutory tests, title brands, losses, and what was changed in them."""

from __future__ import annotations

import itertools

from ledger.rules.odometer import assess_odometer
from ledger.rules.types import Finding, History, Judgement, OpenedEvent, Severity, names_of

TEST = "vehicle.inspected"
BRANDED = "vehicle.branded"
TITLE = "vehicle.title_event"
BATTERY_CHANGED = "vehicle.battery_changed"

_TELLING = {
    "vehicle.accident": "accident or damage registered",
    "vehicle.claim": "insurance claim registered",
    "vehicle.total_loss": "declared a total loss",
    "vehicle.lien": "a lien was recorded or released",
    "vehicle.use_changed": "its use changed",
}


def assess_vehicle(history: History) -> tuple[list[Finding], list[Judgement]]:
    """Judge a vehicle's registered life.

    Args:
        history: Corrections applied.

    Returns:
        Findings, and the ruling on the odometer.
    """
    findings, odometer = assess_odometer(history)
    findings += _telling(history) + _brands(history) + _tests(history) + _batteries(history)
    return findings, [odometer]


def _telling(history: History) -> list[Finding]:
    return [
        Finding(event.kind.partition(".")[2].replace("_", "-"), Severity.NOTICE, (event.number,), _TELLING[event.kind])
        for event in history.opened
        if event.kind in _TELLING
    ]


def _brands(history: History) -> list[Finding]:
    """List the brands, and each later title that does not carry one that was given before."""
    brands: dict[str, OpenedEvent] = {}
    findings = []
    for event in history.opened:
        if event.kind == BRANDED:
            for brand in names_of(event.fields.get("brand")):
                brands.setdefault(brand, event)
                message = f"title brand: {brand[:64]}"
                findings.append(Finding("brand", Severity.WARNING, (event.number,), message))
        elif event.kind == TITLE and "brands" in event.fields:
            findings += _dropped(event, brands)
    return findings


def _dropped(title: OpenedEvent, brands: dict[str, OpenedEvent]) -> list[Finding]:
    carried = names_of(title.fields["brands"])
    return [
        Finding(
            "brand-dropped",
            Severity.WARNING,
            (event.number, title.number),
            f"the title no longer carries the brand {brand[:64]} that was given before",
        )
        for brand, event in brands.items()
        if brand not in carried
    ]


def _tests(history: History) -> list[Finding]:
    tests = sorted((event for event in history.opened if event.kind == TEST), key=lambda event: event.time)
    findings = []
    for first, second in itertools.pairwise(tests):
        if first.time.date() != second.time.date():
            continue
        numbers = (first.number, second.number)
        results = first.fields.get("result"), second.fields.get("result")
        if _same_test(first, second):
            message = "one test stands twice"
            findings.append(Finding("duplicate-test", Severity.NOTICE, numbers, message))
        elif results == ("failed", "passed"):
            message = "failed and passed again on one day: a retest"
            findings.append(Finding("retest", Severity.NOTICE, numbers, message))
    return findings


def _same_test(first: OpenedEvent, second: OpenedEvent) -> bool:
    """Whether two events report one test: by its number where both have one, else by all of their content."""
    one, other = (event.fields.get("test_number") for event in (first, second))
    if one is not None and other is not None:
        return one == other
    return first.time == second.time and first.fields == second.fields


def _batteries(history: History) -> list[Finding]:
    findings = []
    for event in history.opened:
        removed, installed = (set(names_of(event.fields.get(f"battery_{what}"))) for what in ("removed", "installed"))
        if event.kind == BATTERY_CHANGED and removed & installed:
            message = "the battery installed is the one that was removed"
            findings.append(Finding("battery-unchanged", Severity.WARNING, (event.number,), message))
    return findings
