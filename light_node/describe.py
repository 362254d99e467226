"""A verdict in words for people, and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.rules import Finding, Judgement, Ruling
from light_node.verdict import Account, AsOf, EventReport, EventState, Mark, Outcome, Verdict, time_text

_MARKS = {
    Mark.DISPUTED: "disputed: its key was later said to be compromised by then",
    Mark.REPETITION: "a repetition, counted once",
    Mark.EQUIVOCATION: "the issuer says two different things under one id",
    Mark.INCOMPLETE: "lacks a required field",
}
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Fillers, joiners, selectors of variants, and a pattern of no dots. Source: Unicode, Default_Ignorable_Code_Point."""


def describe(verdict: Verdict) -> str:
    """Tell a verdict as lines of plain text: what was proven up to when, and what gets no judgement."""
    return "".join(f"{visible(line)}\n" for line in _lines(verdict))


def visible(line: str) -> str:
    """Show what a terminal would obey: an issuer's words could otherwise add lines to the verdict, or hide some."""
    return "".join(
        character.encode("unicode_escape").decode() if _is_hidden(character) else character for character in line
    )


def ascii_json(
    value: object,
    *,
    indent: int | None = None,
    sort_keys: bool = False,
    default: Callable[[object], object] | None = None,
) -> str:
    """One JSON value in ASCII, which any stream can carry; a path that is no text has ``?`` in the place of a byte.

    Args:
        value: Of JSON, or of what ``default`` brings into it.
        indent: As ``json.dumps``; as are the two after it.
        sort_keys: Names in order.
        default: Gives JSON for what is none.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=sort_keys, default=default)
    return text if text.isascii() else json.dumps(json.loads(text.encode("utf-8", "replace")), indent=indent)


def _is_hidden(character: str) -> bool:
    """Controls, marks of direction and what has no width are not printable; some that are, show nothing either."""
    return not character.isprintable() or character in _BLANK


def _lines(verdict: Verdict) -> Iterator[str]:
    if verdict.outcome is Outcome.VERIFIED:
        yield "VERIFIED"
    else:
        step = "" if verdict.step is None else f" at step {int(verdict.step)} ({verdict.step.name.lower()})"
        yield f"{verdict.outcome.upper()}{step}: {verdict.reason}"
    if verdict.account is not None:
        yield from _account(verdict.account)
    elif verdict.as_of is not None:
        yield f"  the block is final: {_block(verdict.as_of)}"
    yield f"  judged by the trust file {verdict.trust_fingerprint}"


def _account(account: Account) -> Iterator[str]:
    yield f"  {_name(account)}"
    if not account.events:
        yield f"  no event is registered for this subject up to {_block(account.as_of)}"
        return
    noun = "event" if len(account.events) == 1 else "events"
    yield f"  {len(account.events)} {noun}: complete as registered up to {_block(account.as_of)}"
    yield f"  status: {account.status}"
    yield from (f"  not certain: {doubt.reason}" for doubt in account.doubts)
    yield from (f"  {_event(event)}" for event in account.events)
    yield from (f"  {finding.severity}: {finding.message} ({_numbers(finding.events)})" for finding in account.findings)
    yield from (f"  {_judgement(judgement)}" for judgement in account.judgements)
    closed = sum(event.state is not EventState.OPENED for event in account.events)
    if closed:
        yield f"  {closed} of {len(account.events)} not opened: nothing is concluded from them"
    yield "  what was never registered is not part of this; issuers answer for what they state"


def _name(account: Account) -> str:
    if account.asset is None:
        return f"{account.asset_type} of subject {encode_hexadecimal(account.subject)}; which one it is is not shown"
    how = "by a named registrar, organisation" if account.by_registrar else "by organisation"
    return f"{account.asset_type} {account.asset.identifier}, registered {how} {account.registered_by}"


def _block(as_of: AsOf) -> str:
    return f"block {as_of.number} ({time_text(as_of.time)})"


def _event(event: EventReport) -> str:
    if event.attested_at is None:
        return f"{event.number}. organisation, kind and time are withheld -> {event.status}"
    shown = "" if event.state is EventState.OPENED else ", content withheld"
    marks = "".join(f"; {_MARKS[mark]}" for mark in sorted(event.marks))
    missing = f" ({', '.join(event.missing)})" if event.missing else ""
    who = f"organisation {event.organisation}"
    return (
        f"{event.number}. {time_text(event.attested_at)} {event.kind} by {who} -> {event.status}{shown}{marks}{missing}"
    )


def _numbers(events: tuple[int, ...]) -> str:
    return "event " + ", ".join(map(str, events)) if events else "no event"


def _judgement(judgement: Judgement) -> str:
    if judgement.ruling is Ruling.CONSISTENT:
        return f"{judgement.topic}: consistent, as far as registered"
    return f"{judgement.topic}: {judgement.ruling} ({'; '.join(judgement.reasons)})"


def to_json(verdict: Verdict) -> dict[str, Json]:
    """Write a verdict for machines; every name is always there."""
    account = verdict.account
    return {
        "outcome": str(verdict.outcome),
        "exit_code": verdict.outcome.exit_code,
        "step": None if verdict.step is None else int(verdict.step),
        "step_name": None if verdict.step is None else verdict.step.name.lower(),
        "error": verdict.error,
        "reason": verdict.reason,
        "as_of": None if verdict.as_of is None else _as_of_json(verdict.as_of),
        "trust_fingerprint": verdict.trust_fingerprint,
        "account": None if account is None else _account_json(account),
    }


def _as_of_json(as_of: AsOf) -> dict[str, Json]:
    return {"block": as_of.number, "time": as_of.time, "hash": encode_hexadecimal(as_of.hash)}


def _account_json(account: Account) -> dict[str, Json]:
    return {
        "asset_type": str(account.asset_type),
        "subject": encode_hexadecimal(account.subject),
        "identifier": None if account.asset is None else account.asset.identifier,
        "aliases": [*account.aliases],
        "registered_by": account.registered_by,
        "by_registrar": account.by_registrar,
        "status": account.status,
        "events": [_event_json(event) for event in account.events],
        "findings": [_finding_json(finding) for finding in account.findings],
        "judgements": [_judgement_json(judgement) for judgement in account.judgements],
        "doubts": [{"step": int(doubt.step), "error": doubt.error, "reason": doubt.reason} for doubt in account.doubts],
    }


def _event_json(event: EventReport) -> dict[str, Json]:
    return {
        "number": event.number,
        "state": str(event.state),
        "status": event.status,
        "kind": event.kind,
        "organisation": event.organisation,
        "attested_at": event.attested_at,
        "marks": [str(mark) for mark in sorted(event.marks)],
        "missing": [*event.missing],
        "fields": dict(event.fields),
    }


def _finding_json(finding: Finding) -> dict[str, Json]:
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "events": [*finding.events],
        "message": finding.message,
    }


def _judgement_json(judgement: Judgement) -> dict[str, Json]:
    return {
        "topic": judgement.topic,
        "ruling": str(judgement.ruling),
        "reasons": [*judgement.reasons],
        "events": [*judgement.events],
    }
