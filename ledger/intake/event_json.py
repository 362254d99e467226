"""Our own minimal event JSON, version 1: one event, a list of them, or one per line.

::

    {"vinculum_event": 1, "kind": "vehicle.serviced",
     "asset": {"type": "vehicle", "identifier": "WVC...", "aliases": []},
     "occurred_at": "2026-03-01T10:00:00+01:00", "id": "job-7", "issuer": "BPNL...",
     "fields": {"odometer_km": 15021, "work": ["oil"]},
     "attachments": [{"name": "invoice.pdf", "media_type": "application/pdf", "path": "files/invoice.pdf"}]}

``aliases``, ``id``, ``issuer``, ``fields`` and ``attachments`` may be left out. Fields of any name are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ledger.errors import MalformedError
from ledger.event import AssetReference, AssetType, Attachment, Event, Json
from ledger.intake.assets import read_identifier
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.times import read_timestamp
from ledger.strict_json import parse_json

VERSION = 1
MAX_EVENTS = 100_000
MAX_ATTACHMENTS = 64
MAX_ALIASES = 32
MAX_TEXT_CHARACTERS = 1024

_MEMBERS = {"vinculum_event", "kind", "asset", "occurred_at", "id", "issuer", "fields", "attachments"}
_REQUIRED = ("kind", "asset", "occurred_at")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_SEPARATOR = re.compile(r"[\\/]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_event_json(value: Json) -> bool:
    """Whether a parsed value says that it is in this format (an object, or the first of a list)."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and "vinculum_event" in first


def parse_lines(data: bytes) -> Json:
    """Parse JSON lines (one object per line, blank lines ignored) into a list.

    Args:
        data: Untrusted; already known to be within the size limit.

    Raises:
        MalformedError: A line that is not strict JSON, or too many of them.
    """
    lines = [line for line in data.split(b"\n") if line.strip()]
    if len(lines) > MAX_EVENTS:
        raise MalformedError("JSON lines", f"{len(lines)} events, at most {MAX_EVENTS} are read")
    values: list[Json] = []
    for number, line in enumerate(lines):
        try:
            values.append(parse_json(line, what="JSON line"))
        except MalformedError as error:
            raise MalformedError(f"JSON line {number + 1}", error.why, f"/{number}") from None
    return values


def events_from_json(value: Json, faults: Faults) -> list[Event]:
    """Read events out of a parsed document of this format.

    Args:
        value: Untrusted, from ``parse_json`` or ``parse_lines``.
        faults: Receives every fault; the events are only meant if it stays empty.
    """
    if isinstance(value, list):
        if len(value) > MAX_EVENTS:
            faults.error("", "too-many", f"{len(value)} events, at most {MAX_EVENTS} are read")
            return []
        events = [_event(item, f"/{index}", faults) for index, item in enumerate(value)]
    else:
        events = [_event(value, "", faults)]
    return [event for event in events if event is not None]


def _event(value: Json, place: str, faults: Faults) -> Event | None:
    if not isinstance(value, dict):
        faults.error(place, "wrong-type", "an object is needed")
        return None
    _check_members(value, place, faults)
    kind = _text(value, "kind", place, faults)
    asset = _asset(value.get("asset"), pointer_to(place, "asset"), faults)
    when = _time(value, place, faults)
    document_id, issuer = _text(value, "id", place, faults), _text(value, "issuer", place, faults)
    fields = value.get("fields", {})
    if not isinstance(fields, dict):
        faults.error(pointer_to(place, "fields"), "wrong-type", "an object is needed")
        return None
    files = _attachments(value.get("attachments", []), pointer_to(place, "attachments"), faults)
    if kind is None or asset is None or when is None:
        return None
    return Event(kind, asset.reference, when, fields, issuer, document_id, asset.aliases, files, place)


def _check_members(value: dict[str, Json], place: str, faults: Faults) -> None:
    version = value.get("vinculum_event")
    if isinstance(version, bool) or version != VERSION:
        faults.error(pointer_to(place, "vinculum_event"), "unknown-version", f"version {VERSION} is needed")
    for name in _REQUIRED:
        if name not in value:
            faults.error(pointer_to(place, name), "missing", f"{name} is required")
    for name in value.keys() - _MEMBERS:
        message = f"not a member of this format; fields of the event belong under {pointer_to(place, 'fields')}"
        faults.error(pointer_to(place, name), "unknown-field", message)


def _text(value: dict[str, Json], name: str, place: str, faults: Faults) -> str | None:
    text = value.get(name)
    if name not in value:
        return None
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT_CHARACTERS or _CONTROL.search(text):
        message = f"a text of 1 to {MAX_TEXT_CHARACTERS} characters is needed"
        faults.error(pointer_to(place, name), "wrong-type", message)
        return None
    return text


def _time(value: dict[str, Json], place: str, faults: Faults) -> datetime | None:
    text = _text(value, "occurred_at", place, faults)
    return None if text is None else read_timestamp(text, pointer_to(place, "occurred_at"), faults)


@dataclass(frozen=True, slots=True)
class _Asset:
    reference: AssetReference
    aliases: tuple[str, ...]


def _asset(value: Json, place: str, faults: Faults) -> _Asset | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        faults.error(place, "wrong-type", "an object with type and identifier is needed")
        return None
    for name in value.keys() - {"type", "identifier", "aliases"}:
        faults.error(pointer_to(place, name), "unknown-field", "an asset has type, identifier and aliases")
    kind, text = value.get("type"), value.get("identifier")
    if not isinstance(kind, str) or kind not in list(AssetType):
        faults.error(pointer_to(place, "type"), "bad-value", "battery, vehicle or part is needed")
        return None
    if not isinstance(text, str):
        faults.error(pointer_to(place, "identifier"), "missing", "the identifier is required, as text")
        return None
    identifier = read_identifier(text, pointer_to(place, "identifier"), faults, AssetType(kind))
    aliases = _aliases(value.get("aliases", []), pointer_to(place, "aliases"), faults)
    if identifier is None:
        return None
    return _Asset(AssetReference(AssetType(kind), identifier.canonical), aliases)


def _aliases(value: Json, place: str, faults: Faults) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_ALIASES or not all(isinstance(item, str) for item in value):
        faults.error(place, "wrong-type", f"a list of at most {MAX_ALIASES} identifiers is needed")
        return ()
    found = [
        read_identifier(text, pointer_to(place, index), faults) for index, text in enumerate(cast("list[str]", value))
    ]
    return tuple(dict.fromkeys(identifier.canonical for identifier in found if identifier is not None))


def _attachments(value: Json, place: str, faults: Faults) -> tuple[Attachment, ...]:
    if not isinstance(value, list) or len(value) > MAX_ATTACHMENTS:
        faults.error(place, "wrong-type", f"a list of at most {MAX_ATTACHMENTS} files is needed")
        return ()
    files = [_attachment(item, pointer_to(place, index), faults) for index, item in enumerate(value)]
    names = [file.name for file in files if file is not None]
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.error(place, "duplicate-name", f"two files are named {name}")
    return tuple(file for file in files if file is not None)


def _attachment(value: Json, place: str, faults: Faults) -> Attachment | None:
    if not isinstance(value, dict) or value.keys() != {"name", "media_type", "path"}:
        faults.error(place, "wrong-type", "an object with name, media_type and path is needed")
        return None
    name, media_type, path = (_text(value, key, place, faults) for key in ("name", "media_type", "path"))
    if name is None or media_type is None or path is None:
        return None
    if _SEPARATOR.search(name) or name in (".", ".."):
        faults.error(pointer_to(place, "name"), "bad-value", "a file name without folders is needed")
    if not _MEDIA_TYPE.fullmatch(media_type):
        faults.error(pointer_to(place, "media_type"), "bad-format", "a media type such as image/png is needed")
    if not is_inner_path(path):
        faults.error(pointer_to(place, "path"), "outside", "a path inside the document's own folder is needed")
    return Attachment(name, media_type, path)


def is_inner_path(path: str) -> bool:
    """Whether an untrusted relative path stays in its folder by its text (links are the reader's to check)."""
    parts = path.split("/")
    unsafe = "\\" in path or ":" in parts[0] or path.startswith(("/", "~"))
    return not unsafe and all(part not in ("", ".", "..") for part in parts)
