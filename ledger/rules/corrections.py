"""Corrections: a later event of the same organisation that names an earlier one. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ledger.event import Json
from ledger.rules.types import ClosedEvent, Finding, History, OpenedEvent, Severity, names_of

CORRECTION = "any.correction"
ERROR_DECLARATION = "any.error_declaration"
ERASURE = "any.erasure"
CORRECTING_KINDS = frozenset({CORRECTION, ERROR_DECLARATION, ERASURE})

_OWN_FIELDS = frozenset({"corrects", "reason", "erases", "occurred_at", "document_id"})
_ID = frozenset({"document_id"})
MAX_TARGETS = 16


def apply_corrections(history: History) -> tuple[History, list[Finding]]:
    """Return the history as it reads with its corrections, and what was corrected.

    A correction replaces the fields that it names; an error declaration sets the event aside. Both count only from
    the organisation that attested the event they name, else any member could edit another's events. They may name
    other corrections: the later one is applied first, and what was set aside corrects nothing.

    Args:
        history: As the reader sees it.

    Returns:
        The history without the correcting events themselves, and findings on each of them. One that may name an event
        whose id is not shown stands under ``closed``.
    """
    events = {event.number: event for event in history.opened}
    aims = _aims(history.opened)
    findings: list[Finding] = []
    for number, targets in reversed(aims.items()):
        if number in events:
            findings += _apply_all(events[number], (target for target in targets if target in aims), events)
    lost, shy = list[OpenedEvent](), _shy(history.opened)
    for number, targets in aims.items():
        if number not in events:
            continue
        correction = events.pop(number)
        found = [*_apply_all(correction, (target for target in targets if target not in aims), events)]
        findings += found
        if not found and not any(target in aims for target in targets):
            findings.append(_without_target(correction))
            if correction.kind != ERASURE and shy.get(correction.organisation, number) < number:
                lost.append(correction)
    closed = (*history.closed, *(ClosedEvent(correction.number, correction.kind) for correction in lost))
    return replace(history, opened=tuple(events.values()), closed=closed), findings


def _aims(opened: Sequence[OpenedEvent]) -> dict[int, list[int]]:
    """The numbers of the earlier events that each correcting event names: its organisation's own before all others.

    An id that another organisation gave to an event of its own must not draw a correction to itself. An id of more
    than ``MAX_TARGETS`` events names none of them, so that junk cannot make the work grow with its square.
    """
    own: dict[tuple[int, str], list[int]] = {}
    all_: dict[str, list[int]] = {}
    aims: dict[int, list[int]] = {}
    for event in opened:
        if event.kind in CORRECTING_KINDS:
            names = dict.fromkeys(names_of(event.fields.get("erases" if event.kind == ERASURE else "corrects")))
            mine = [number for name in names for number in _few(own.get((event.organisation, name)))]
            others = [number for name in names for number in _few(all_.get(name))]
            aims[event.number] = list(dict.fromkeys(mine or others))[:MAX_TARGETS]
        for reference in event.references:
            for numbers in (own.setdefault((event.organisation, reference), []), all_.setdefault(reference, [])):
                if len(numbers) <= MAX_TARGETS:
                    numbers.append(event.number)
    return aims


def _few(numbers: list[int] | None) -> list[int]:
    return numbers if numbers is not None and len(numbers) <= MAX_TARGETS else []


def _apply_all(correction: OpenedEvent, targets: Iterable[int], events: dict[int, OpenedEvent]) -> list[Finding]:
    return [_apply(correction, events[target], events) for target in targets if target in events]


def _apply(correction: OpenedEvent, target: OpenedEvent, events: dict[int, OpenedEvent]) -> Finding:
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


def _without_target(correction: OpenedEvent) -> Finding:
    message = f"event {correction.number} refers to an event that is not opened here"
    return Finding("correction-without-target", Severity.NOTICE, (correction.number,), message)


def _shy(opened: Sequence[OpenedEvent]) -> dict[int, int]:
    """The first event of each organisation that may have an id which it does not show."""
    first: dict[int, int] = {}
    for event in opened:
        if event.may_withhold(_ID):
            first.setdefault(event.organisation, event.number)
    return first


def _reason(event: OpenedEvent) -> str:
    reason = event.fields.get("reason")
    return reason[:200] if isinstance(reason, str) else "no reason in words"
