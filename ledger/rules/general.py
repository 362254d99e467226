"""What is judged alike for every asset: recalls, claimed times, and what happens after the end."""

from __future__ import annotations

from datetime import timedelta

from ledger.rules.types import Finding, History, OpenedEvent, Severity

RECALL_KINDS = frozenset({"any.recalled", "any.maker_recall"})
ENDING_KINDS = frozenset({"battery.recycled", "vehicle.scrapped", "part.scrapped"})
CLOCK_TOLERANCE = timedelta(hours=24)


def assess_general(history: History) -> list[Finding]:
    """Return findings on recalls, claimed times and events after the end.

    Args:
        history: Corrections applied.
    """
    return _recalls(history) + _future(history) + _after_the_end(history)


def _recalls(history: History) -> list[Finding]:
    """List the recalls whose last registered state is not closed."""
    last: dict[str, OpenedEvent] = {}
    for event in history.opened:
        if event.kind in RECALL_KINDS:
            last[str(event.fields.get("recall_reference"))] = event
    return [
        Finding("open-recall", Severity.WARNING, (event.number,), f"recall {reference[:64]} is registered as open")
        for reference, event in last.items()
        if str(event.fields.get("recall_state")).lower() != "closed"
    ]


def _future(history: History) -> list[Finding]:
    return [
        Finding("after-attestation", Severity.WARNING, (event.number,), "said to have happened after it was attested")
        for event in history.opened
        if event.occurred_at is not None and event.occurred_at > event.attested_at + CLOCK_TOLERANCE
    ]


def _after_the_end(history: History) -> list[Finding]:
    """List events that are said to have happened after the asset ended, where no authority undid that."""
    end: OpenedEvent | None = None
    findings = []
    for event in history.opened:
        if event.kind in ENDING_KINDS:
            end = event
        elif ".restored_" in event.kind:
            end = None
        elif end is not None and event.time > end.time:
            numbers = (end.number, event.number)
            findings.append(Finding("after-the-end", Severity.WARNING, numbers, f"registered after {end.kind}"))
    return findings
