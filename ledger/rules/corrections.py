"""Corrections: a later event of the same organisation that names an earlier one. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ledger.event import Json
from ledger.rules.targets import ID_FIELDS, NAMING_FIELDS, Target, aims_of
from ledger.rules.types import ClosedEvent, Finding, History, OpenedEvent, Severity

CORRECTION = "any.correction"
ERROR_DECLARATION = "any.error_declaration"
ERASURE = "any.erasure"
CORRECTING_KINDS = frozenset(NAMING_FIELDS)

_OWN_FIELDS = frozenset({*ID_FIELDS, *ID_FIELDS.values(), "reason", "occurred_at", "document_id"})


def apply_corrections(history: History) -> tuple[History, list[Finding]]:
    """Return the history as it reads with its corrections, and what was corrected.

    A correction replaces the fields that it names; an error declaration sets the event aside. Both count only from
    the organisation that attested the event they name, else any member could edit another's events. So does an
    erasure: of another's event it is no more than a claim. They may name other corrections: the later one is applied
    first, and what was set aside corrects nothing.

    Args:
        history: As the reader sees it.

    Returns:
        The history without the correcting events themselves, and findings on each of them. One that may mean an event
        of its organisation that cannot be told stands under ``closed``.
    """
    aims = aims_of(history)
    if not aims:
        return history, []
    events = {event.number: event for event in history.opened}
    findings: list[Finding] = []
    for number, aim in reversed(aims.items()):
        if number in events:
            findings += _apply_all(events[number], (one for one in aim.targets if one.number in aims), events)
    lost: list[ClosedEvent] = []
    for number, aim in aims.items():
        if number not in events:
            continue
        correction = events.pop(number)
        findings += aim.findings
        findings += _apply_all(correction, (one for one in aim.targets if one.number not in aims), events)
        if aim.unsure and correction.kind != ERASURE:
            lost.append(ClosedEvent(number, correction.kind, correction.organisation, correction.digest))
    return replace(history, opened=tuple(events.values()), closed=(*history.closed, *lost)), findings


def _apply_all(correction: OpenedEvent, targets: Iterable[Target], events: dict[int, OpenedEvent]) -> list[Finding]:
    return [_apply(correction, target, events) for target in targets]


def _apply(correction: OpenedEvent, target: Target, events: dict[int, OpenedEvent]) -> Finding:
    numbers, who, which = (target.number, correction.number), correction.organisation, f"event {target.number}"
    own = target.organisation == who
    if correction.kind == ERASURE and own:
        message = f"the content of {which} is registered as erased: {_reason(correction)}"
        return Finding("erased", Severity.NOTICE, numbers, message)
    if correction.kind == ERASURE:
        message = f"organisation {who} claims that {which} of another organisation is erased: {_reason(correction)}"
        return Finding("erasure-claimed", Severity.WARNING, numbers, message)
    if not own:
        message = f"organisation {who} contradicts {which} of another organisation"
        return Finding("contradicted", Severity.WARNING, numbers, message)
    if target.number not in events:
        why = "was set aside" if target.opened else "is not opened here"
        message = f"event {correction.number} refers to {which}, which {why}"
        return Finding("correction-without-target", Severity.NOTICE, numbers, message)
    return _replace(correction, events[target.number], events)


def _replace(correction: OpenedEvent, target: OpenedEvent, events: dict[int, OpenedEvent]) -> Finding:
    numbers = (target.number, correction.number)
    if correction.kind == ERROR_DECLARATION:
        del events[target.number]
        message = f"event {target.number} was declared erroneous by its issuer: {_reason(correction)}"
        return Finding("declared-erroneous", Severity.NOTICE, numbers, message)
    changed: dict[str, Json] = {name: value for name, value in correction.fields.items() if name not in _OWN_FIELDS}
    withheld = _unknown_after(correction, target, changed)
    events[target.number] = replace(target, fields={**target.fields, **changed}, withheld=withheld)
    message = f"event {target.number} was corrected by its issuer: {_reason(correction)}"
    return Finding("corrected", Severity.NOTICE, numbers, message)


def _unknown_after(correction: OpenedEvent, target: OpenedEvent, changed: Mapping[str, Json]) -> frozenset[str] | None:
    """What is not known of an event once it is corrected: also what its correction withholds or takes back."""
    if target.withheld is None or correction.withheld is None:
        return None
    taken_back = {name for name, value in changed.items() if value is None}
    return target.withheld | (correction.withheld - _OWN_FIELDS) | taken_back


def _reason(event: OpenedEvent) -> str:
    reason = event.fields.get("reason")
    return reason[:200] if isinstance(reason, str) else "no reason in words"
