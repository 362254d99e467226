"""Parts: custody by offer and acceptance."""

from __future__ import annotations

from ledger.rules.corrections import CORRECTING_KINDS
from ledger.rules.types import (
    Finding,
    History,
    Judgement,
    OpenedEvent,
    Severity,
    closed_reasons,
    names_of,
    rule,
)

OFFERED, ACCEPTED, ENDED = "part.offered", "part.accepted", "part.offer_ended"
CUSTODY_KINDS = frozenset({OFFERED, ACCEPTED, ENDED, "part.restored_available"})
_FIELDS = frozenset({"from_party", "to_party"})


def assess_custody(history: History) -> tuple[list[Finding], Judgement]:
    """Judge whether custody passed from the one who offered to the one it was offered to.

    Args:
        history: Corrections applied.
    """
    findings: list[Finding] = []
    offer: OpenedEvent | None = None
    numbers = []
    for event in history.opened:
        if event.kind not in CUSTODY_KINDS:
            continue
        numbers.append(event.number)
        if event.kind == ACCEPTED and offer is not None:
            findings += _compare(offer, event)
        offer = event if event.kind == OFFERED else None
    reasons, closed = closed_reasons(history, CUSTODY_KINDS | CORRECTING_KINDS, _FIELDS)
    wrong = [finding.message for finding in findings if finding.severity is Severity.ERROR]
    return findings, rule("custody", wrong, list(reasons), tuple(sorted({*numbers, *closed})))


def _compare(offer: OpenedEvent, acceptance: OpenedEvent) -> list[Finding]:
    numbers = (offer.number, acceptance.number)
    differing = [
        ("accepted-by-another", "to_party", "accepted by another party than it was offered to"),
        ("accepted-from-another", "from_party", "accepted from another party than the one that offered it"),
    ]
    findings = [
        Finding(code, Severity.ERROR, numbers, message)
        for code, name, message in differing
        if _contradict(offer, acceptance, name)
    ]
    if offer.organisation == acceptance.organisation:
        message = "offered and accepted by one organisation"
        findings.append(Finding("self-accepted", Severity.WARNING, numbers, message))
    return findings


def _contradict(offer: OpenedEvent, acceptance: OpenedEvent, name: str) -> bool:
    offered, accepted = (set(names_of(event.fields.get(name))) for event in (offer, acceptance))
    return bool(offered) and bool(accepted) and offered.isdisjoint(accepted)
