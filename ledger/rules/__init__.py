"""Rules: a history as a reader sees it in, its status and findings out. Pure; about registered events only."""

from __future__ import annotations

from ledger.event import AssetType
from ledger.rules.battery import assess_battery
from ledger.rules.composition import assess_composition, circles, doubled_children
from ledger.rules.corrections import apply_corrections
from ledger.rules.general import assess_general
from ledger.rules.part import assess_custody
from ledger.rules.telemetry import assess_telemetry
from ledger.rules.types import (
    Assessment,
    ClosedEvent,
    Finding,
    History,
    Judgement,
    OpenedEvent,
    Ruling,
    Severity,
)
from ledger.rules.vehicle import assess_vehicle

__all__ = [
    "Assessment",
    "ClosedEvent",
    "Finding",
    "History",
    "Judgement",
    "OpenedEvent",
    "Ruling",
    "Severity",
    "assess",
    "circles",
    "doubled_children",
]


def assess(history: History) -> Assessment:
    """Judge the registered life of an asset.

    Args:
        history: Its opened events have every required field; everything else stands under ``closed``.

    Returns:
        Status, findings and one judgement a topic. An event that is not opened leaves no judgement on what it may
        bear on; nothing is said about what was never registered.
    """
    corrected, findings = apply_corrections(history)
    findings += assess_general(corrected) + assess_telemetry(corrected)
    composed, composition = assess_composition(corrected)
    own: list[Finding]
    judgements: list[Judgement]
    if history.asset_type is AssetType.VEHICLE:
        own, judgements = assess_vehicle(corrected)
    elif history.asset_type is AssetType.BATTERY:
        own, judgements = assess_battery(corrected)
    else:
        own, custody = assess_custody(corrected)
        judgements = [custody]
    everything = sorted([*findings, *composed, *own], key=lambda finding: (finding.events, finding.code))
    return Assessment(history.status, tuple(everything), (*judgements, composition))
