"""Corrections: a later event of the same organisation that names an earlier one. Nothing is overwritten."""

from __future__ import annotations

from dataclasses import replace

from ledger.event import Json
from ledger.rules.types import Finding, History, OpenedEvent, Severity, names_of

CORRECTION = "any.correction"
ERROR_DECLARATION = "any.error_declaration"
ERASURE = "any.erasure"
CORRECTING_KINDS = frozenset({CORRECTION, ERROR_DECLARATION, ERASURE})

_OWN_FIELDS = frozenset({"corrects", "reason", "erases"})


def apply_corrections(history: History) -> tuple[History, list[Finding]]:
    """Return the history as it reads with its corrections, and what was corrected.

    A correction replaces the fields that it names; an error declaration sets the event aside. Both count only from
    the organisation that attested the event they name, else any member could edit another's events.

    Args:
        history: As the reader sees it.

    Returns:
        The history without the correcting events themselves, and a finding for each of them.
    """
    events = {event.number: event for event in history.opened}
    findings: list[Finding] = []
    for event in history.opened:
        if event.kind in CORRECTING_KINDS:
            del events[event.number]
            findings.append(_apply(event, events))
    return replace(history, opened=tuple(events.values())), findings


def _apply(correction: OpenedEvent, events: dict[int, OpenedEvent]) -> Finding:
    names = names_of(correction.fields.get("erases" if correction.kind == ERASURE else "corrects"))
    target = _target(correction, names, events)
    if target is None:
        message = f"event {correction.number} refers to an event that is not opened here"
        return Finding("correction-without-target", Severity.NOTICE, (correction.number,), message)
    numbers = (target.number, correction.number)
    if correction.kind == ERASURE:
        message = f"the content of event {target.number} is registered as erased: {_reason(correction)}"
        return Finding("erased", Severity.NOTICE, numbers, message)
    if target.organisation != correction.organisation:
        message = f"organisation {correction.organisation} contradicts event {target.number} of another organisation"
        return Finding("contradicted", Severity.WARNING, numbers, message)
    return _replace(correction, target, events)


def _replace(correction: OpenedEvent, target: OpenedEvent, events: dict[int, OpenedEvent]) -> Finding:
    numbers = (target.number, correction.number)
    if correction.kind == ERROR_DECLARATION:
        del events[target.number]
        message = f"event {target.number} was declared erroneous by its issuer: {_reason(correction)}"
        return Finding("declared-erroneous", Severity.NOTICE, numbers, message)
    changed: dict[str, Json] = {name: value for name, value in correction.fields.items() if name not in _OWN_FIELDS}
    events[target.number] = replace(target, fields={**target.fields, **changed})
    message = f"event {target.number} was corrected by its issuer: {_reason(correction)}"
    return Finding("corrected", Severity.NOTICE, numbers, message)


def _target(correction: OpenedEvent, names: tuple[str, ...], events: dict[int, OpenedEvent]) -> OpenedEvent | None:
    earlier = (event for event in events.values() if event.number < correction.number)
    return next((event for event in earlier if not event.references.isdisjoint(names)), None)


def _reason(event: OpenedEvent) -> str:
    reason = event.fields.get("reason")
    return reason[:200] if isinstance(reason, str) else "no reason in words"
