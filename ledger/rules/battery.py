"""Batteries: state of health, counters that only rise, and the links of a second life."""

from __future__ import annotations

import itertools
from datetime import timedelta

from ledger.rules.corrections import CORRECTING_KINDS
from ledger.rules.types import (
    Finding,
    History,
    Judgement,
    OpenedEvent,
    Severity,
    closed_reasons,
    names_of,
    number_of,
    rule,
)

HEALTH = "state_of_health_percent"
MOST_HEALTH_PERCENT = 120.0
RISE_PERCENT = 5.0
DROP_PERCENT = 20.0
DROP_WITHIN = timedelta(days=30)
COUNTERS = ("full_cycles_count", "energy_throughput_kwh", "capacity_throughput_ah")

# Work after which a reading may start anew: the pack's cells or its management system may have been changed.
RESETTING_KINDS = frozenset({"battery.serviced", "battery.reused", "battery.repurposed", "battery.remanufactured"})
_READING_KINDS = frozenset(
    {
        "any.observation",
        "any.sensor_report",
        "any.telemetry_batch",
        "battery.commissioned",
        "battery.inspected",
        "battery.negative_event",
        "battery.passport_updated",
        "battery.state_of_health",
    }
)
READING_KINDS = _READING_KINDS | RESETTING_KINDS | CORRECTING_KINDS
_TIME = "occurred_at"
SECOND_LIFE_KINDS = frozenset(
    {"battery.second_life_reused", "battery.second_life_repurposed", "battery.second_life_remanufactured"}
    | {"battery.reused", "battery.repurposed", "battery.remanufactured"}
)


def assess_battery(history: History) -> tuple[list[Finding], list[Judgement]]:
    """Judge a battery's registered life.

    Args:
        history: Corrections applied.

    Returns:
        Findings, and rulings on the state of health, the counters and the second life.
    """
    judged = [_health(history), _counters(history), _second_life(history)]
    return [finding for findings, _ in judged for finding in findings], [judgement for _, judgement in judged]


def _health(history: History) -> tuple[list[Finding], Judgement]:
    readings = _readings(history, HEALTH)
    findings = [
        Finding("health-out-of-range", Severity.ERROR, (event.number,), f"a state of health of {value:g} %")
        for event, value in readings
        if not 0 <= value <= MOST_HEALTH_PERCENT
    ]
    for (first, before), (second, after) in itertools.pairwise(readings):
        if after > before + RISE_PERCENT:
            message = f"the state of health rose from {before:g} % to {after:g} %"
            findings.append(_change(history, "health-rise", message, first, second))
        elif after < before - DROP_PERCENT and second.time - first.time < DROP_WITHIN:
            message = f"the state of health fell from {before:g} % to {after:g} % within {DROP_WITHIN.days} days"
            findings.append(Finding("health-drop", Severity.WARNING, (first.number, second.number), message))
    return findings, _ruling(history, "state of health", findings, readings, frozenset({HEALTH, _TIME}))


def _counters(history: History) -> tuple[list[Finding], Judgement]:
    findings: list[Finding] = []
    everything: list[tuple[OpenedEvent, float]] = []
    for name in COUNTERS:
        readings = _readings(history, name)
        everything += readings
        for (first, before), (second, after) in itertools.pairwise(readings):
            if after < before:
                message = f"{name} fell from {before:g} to {after:g}"
                findings.append(_change(history, "counter-backwards", message, first, second))
    return findings, _ruling(history, "counters", findings, everything, frozenset({*COUNTERS, _TIME}))


def _readings(history: History, name: str) -> list[tuple[OpenedEvent, float]]:
    found = ((event, number_of(event.fields.get(name))) for event in history.opened if event.kind in READING_KINDS)
    readings = [(event, value) for event, value in found if value is not None]
    return sorted(readings, key=lambda reading: (reading[0].time, reading[0].number))


def _change(history: History, code: str, message: str, first: OpenedEvent, second: OpenedEvent) -> Finding:
    numbers = (first.number, second.number)
    reset = (event for event in history.opened if event.kind in RESETTING_KINDS)
    if any(first.time <= event.time <= second.time for event in reset):
        return Finding(f"{code}-explained", Severity.WARNING, numbers, f"{message}: work was registered in between")
    return Finding(code, Severity.ERROR, numbers, message)


def _ruling(
    history: History,
    topic: str,
    findings: list[Finding],
    readings: list[tuple[OpenedEvent, float]],
    fields: frozenset[str],
) -> Judgement:
    wrong = [finding.message for finding in findings if finding.severity is Severity.ERROR]
    doubts = [finding.message for finding in findings if finding.code.endswith("-explained")]
    if not readings:
        doubts.append("no reading is opened")
    reasons, closed = closed_reasons(history, READING_KINDS, fields)
    events = sorted({event.number for event, _ in readings} | set(closed))
    return rule(topic, wrong, [*doubts, *reasons], tuple(events))


def _second_life(history: History) -> tuple[list[Finding], Judgement]:
    links = [event for event in history.opened if event.kind in SECOND_LIFE_KINDS]
    findings: list[Finding] = []
    for event in links:
        name = "originals" if "second_life" in event.kind else "successors"
        named = names_of(event.fields.get(name))
        if not named or len(set(named)) != len(named):
            message = f"{name} are not named, each once"
            findings.append(Finding("second-life-unlinked", Severity.ERROR, (event.number,), message))
        elif not set(named).isdisjoint(history.identifiers):
            message = f"the battery stands among its own {name}"
            findings.append(Finding("second-life-itself", Severity.ERROR, (event.number,), message))
    reasons, closed = closed_reasons(
        history, SECOND_LIFE_KINDS | CORRECTING_KINDS, frozenset({"originals", "successors"})
    )
    numbers = tuple(sorted({event.number for event in links} | set(closed)))
    return findings, rule("second life", [finding.message for finding in findings], list(reasons), numbers)
