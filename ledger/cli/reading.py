"""``history`` and ``show``: what is known here, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from ipfs.cid import cid_from_digest
from ledger.access import tier_of
from ledger.cli.app import command, frame_of
from ledger.cli.options import Asset, OptionalTier, find_asset
from ledger.cli.output import counted, utc
from ledger.credential.capsule_format import FileDescription
from ledger.errors import MissingError, UnknownAssetError, VerificationError
from ledger.event import Json
from ledger.rules import Finding, Judgement, Ruling
from ledger.service.directory import title_of
from ledger.service.read import Reader
from ledger.service.timeline import Timeline, Told, tell
from ledger.service.workspace import Workspace

MAX_FACTS = 5
MAX_FACT_CHARACTERS = 48


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(
        app, "history", "vinculum history VCU4EZ7R9K1004176", "vinculum history VCU4EZ7R9K1004176 --tier public --json"
    )(history)
    command(
        app,
        "show",
        "vinculum show https://id.gs1.org/01/09521000001206/21/LC-EV-000417",
        "vinculum show VCU4EZ7R9K1004176 --event 3 --tier authorities",
    )(show)


def history(context: typer.Context, asset: Asset, tier: OptionalTier = None) -> None:
    """Tell an asset's registered life: every event in order, and what the rules find in those that open here.

    This is what this home's index says; `vinculum evidence` makes the proof of it.
    """
    frame = frame_of(context)
    with frame.workspace() as workspace:
        told = tell(workspace, find_asset(workspace, asset), tier)
        names = _names(workspace, told)
    frame.output.result(_timeline(told, names), _story(told, names))


def show(
    context: typer.Context,
    asset: Asset,
    event: Annotated[int | None, typer.Option("--event", help="Place of one event in the history, from 1.")] = None,
    tier: OptionalTier = None,
) -> None:
    """Show an asset, or one of its events, with every field that the reader may see."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        told = tell(workspace, find_asset(workspace, asset), tier)
        names = _names(workspace, told)
        chosen = [one for one in told.events if event in (None, one.entry.position)]
        if not chosen:
            raise UnknownAssetError(f"this history has {len(told.events)} events, and no event {event}")
        files = {one.entry.position: _files(workspace.reader(), one) for one in chosen}
    value = _timeline(told, names)
    value["events"] = [_event(one, names) | {"files": files[one.entry.position]} for one in chosen]
    lines = [*_heading(told), ""] if event is None else []
    for one in chosen:
        lines += [*([""] if one is not chosen[0] else []), *_details(one, names, files[one.entry.position])]
    frame.output.result(value if event is None else value["events"][0], lines)  # type: ignore[index]


# ---- for people -------------------------------------------------------------------------------------------------


def _heading(told: Timeline) -> Iterator[str]:
    yield f"{told.asset.asset_type} {told.asset.identifier}"
    if told.aliases:
        yield f"  also {', '.join(told.aliases)}"
    yield f"  subject {told.asset.subject.hex()}"
    yield f"  status: {told.assessment.status}"
    known = f"block {told.block_number} ({utc(told.block_time)})"
    yield f"  {counted(len(told.events), 'event')}, as registered up to {known}"


def _story(told: Timeline, names: dict[int, str]) -> Iterator[str]:
    yield from _heading(told)
    yield ""
    for one in told.events:
        yield from _told(one, names)
    yield ""
    yield from (f"  {line}" for line in _findings(told.assessment.findings))
    yield from (f"  {_judgement(judgement)}" for judgement in told.assessment.judgements)
    yield "  what was never registered is not part of this"


def _told(one: Told, names: dict[int, str]) -> Iterator[str]:
    entry = one.entry
    known = one.occurred_at is not None
    when = one.occurred_at.strftime("%Y-%m-%d %H:%M:%SZ") if one.occurred_at is not None else utc(entry.attested_at)
    yield f"{entry.position:4}  {when}  {entry.kind.title}{'' if known else ' (the time is that of its attestation)'}"
    yield f"      {names[entry.organisation]} · {entry.kind.name} → {entry.status} · block {entry.block_number}"
    if not one.opened:
        yield f"      {_unopened(one)}"
        return
    facts = [f"{_short(name.rpartition('.')[2])} {_short(value)}" for name, value in one.fields.items()]
    more = [] if len(facts) <= MAX_FACTS else [f"and {len(facts) - MAX_FACTS} more"]
    if facts:
        yield f"      {' · '.join([*facts[:MAX_FACTS], *more])}"


def _details(one: Told, names: dict[int, str], files: list[dict[str, object]]) -> Iterator[str]:
    entry = one.entry
    yield f"event {entry.position}: {entry.kind.title} ({entry.kind.name}) → {entry.status}"
    yield f"  attested   {utc(entry.attested_at)} in block {entry.block_number} by {names[entry.organisation]}"
    yield f"  digest     {entry.digest.hex()}"
    yield f"  credential {cid_from_digest(entry.digest)}"
    if not one.opened:
        yield f"  {_unopened(one)}"
    for name, value in one.claims.items():
        yield f"  {name}: {_plain(value)}  [{tier_of(entry.kind.name, name, entry.asset_type)}]"
    if one.withheld:
        yield f"  not shown to this reader: {', '.join(one.withheld)}"
    for file in files:
        yield f"  file {file['name']}: {file['media_type']}, {file['size']} bytes"


def _unopened(one: Told) -> str:
    return f"no content is shown: {one.refused}" if one.refused else "content is not open to this reader"


def _findings(findings: tuple[Finding, ...]) -> Iterator[str]:
    for finding in findings:
        where = f" (event {', '.join(map(str, finding.events))})" if finding.events else ""
        yield f"{finding.severity}: {finding.message}{where}"


def _judgement(judgement: Judgement) -> str:
    if judgement.ruling is Ruling.CONSISTENT:
        return f"{judgement.topic}: consistent, as far as registered"
    return f"{judgement.topic}: {judgement.ruling} ({'; '.join(judgement.reasons)})"


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Json) -> str:
    text = _plain(value)
    return text if len(text) <= MAX_FACT_CHARACTERS else f"{text[: MAX_FACT_CHARACTERS - 1]}…"


def _names(workspace: Workspace, told: Timeline) -> dict[int, str]:
    numbers = {one.entry.organisation for one in told.events}
    return {number: title_of(workspace, number) or f"organisation {number}" for number in numbers}


def _files(reader: Reader, one: Told) -> list[dict[str, object]]:
    """Raw files of an event; they are for whoever opens its capsule, so a reader who sees nothing sees none."""
    if not one.opened or one.withheld:
        return []
    try:
        return [_file(file) for file in reader.capsule(one.entry.digest).manifest.files]
    except (MissingError, VerificationError):
        return []


# ---- for machines -----------------------------------------------------------------------------------------------


def _file(file: FileDescription) -> dict[str, object]:
    return {"name": file.name, "media_type": file.media_type, "size": file.size}


def _timeline(told: Timeline, names: dict[int, str]) -> dict[str, object]:
    return {
        "asset_type": str(told.asset.asset_type),
        "identifier": told.asset.identifier,
        "aliases": list(told.aliases),
        "subject": told.asset.subject,
        "status": told.assessment.status,
        "as_of": {"block": told.block_number, "time": told.block_time},
        "events": [_event(one, names) for one in told.events],
        "findings": [
            {"code": one.code, "severity": str(one.severity), "events": list(one.events), "message": one.message}
            for one in told.assessment.findings
        ],
        "judgements": [
            {"topic": one.topic, "ruling": str(one.ruling), "reasons": list(one.reasons), "events": list(one.events)}
            for one in told.assessment.judgements
        ],
    }


def _event(one: Told, names: dict[int, str]) -> dict[str, object]:
    entry = one.entry
    return {
        "number": entry.position,
        "kind": entry.kind.name,
        "title": entry.kind.title,
        "organisation": entry.organisation,
        "organisation_name": names[entry.organisation],
        "attested_at": entry.attested_at,
        "block": entry.block_number,
        "status": entry.status,
        "digest": entry.digest,
        "opened": one.opened,
        "claims": dict(one.claims),
        "withheld": list(one.withheld),
        "refused": one.refused,
    }
