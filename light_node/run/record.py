"""What a run told last of each asset, so that a later one tells what is new since. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.errors import MalformedError
from ledger.event import AssetType, Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.strict_json import MAX_INTEGER, canonical_json, parse_json
from light_node.sources.port import Wanted
from light_node.verdict import Outcome

MEDIA_TYPE = "application/vnd.vinculum.followed+json"
VERSION = 1
MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 6
MAX_NAME_CHARACTERS, MAX_IDENTIFIER_CHARACTERS, MAX_REASON_CHARACTERS = 64, 4096, 1000

_read = FieldReader("record of a run")
_RECORD = frozenset({"type", "version", "round_at", "success_at", "head", "assets", "trust", "successor"})
_LATER = {"trust": None, "successor": None}
"""What a record of an earlier version of this program does not have."""
_HEAD = frozenset({"number", "hash"})
_ASSET = frozenset(
    {"asset_type", "wanted_subject", "identifier", "subject", "outcome", "error", "reason", "events", "status"}
    | {"block", "time"}
)


@dataclass(frozen=True, slots=True)
class Followed:
    """One asset as it was told last.

    Attributes:
        wanted: As the settings name it.
        outcome: Of the verdict.
        error: Name of the error's class; None where verified.
        reason: In a sentence; empty where verified.
        subject: 32 bytes, as evidence proved it, or None.
        events: How many are proven.
        status: Name of the status, or None.
        block: Up to which they are proven; 0 where nothing was ever verified.
        time: Of that block, in seconds since the epoch.
    """

    wanted: Wanted
    outcome: Outcome
    error: str | None = None
    reason: str = ""
    subject: bytes | None = None
    events: int = 0
    status: str | None = None
    block: int = 0
    time: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """All that was told.

    Attributes:
        round_at: When the last round was finished, in seconds since the epoch; 0: never.
        success_at: When evidence was verified last; 0: never.
        head: Number and hash of the last head that was told, or None.
        assets: By the reader's name.
        trust: Fingerprint of the trust file that was pinned then, 32 bytes, or None.
        successor: That of its successor, where it was told that there is one; else None.
    """

    round_at: int = 0
    success_at: int = 0
    head: tuple[int, bytes] | None = None
    assets: Mapping[str, Followed] = field(default_factory=dict)
    trust: bytes | None = None
    successor: bytes | None = None


def encode_record(record: Record) -> bytes:
    """Write a record as canonical JSON; ``parse_record`` returns the same value."""
    head = record.head
    return canonical_json(
        {
            "type": MEDIA_TYPE,
            "version": VERSION,
            "round_at": record.round_at,
            "success_at": record.success_at,
            "head": None if head is None else {"number": head[0], "hash": encode_hexadecimal(head[1])},
            "assets": {name: _asset_value(one) for name, one in record.assets.items()},
            "trust": _hexadecimal(record.trust),
            "successor": _hexadecimal(record.successor),
        }
    )


def parse_record(data: bytes) -> Record:
    """Read a record back.

    Args:
        data: Our own file; a disk may have damaged it.

    Raises: MalformedError.
    """
    value = parse_json(data, what="record of a run", max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    fields = _read.members({**_LATER, **value} if isinstance(value, dict) else value, _RECORD, "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    assets = fields["assets"]
    if not isinstance(assets, dict):
        raise MalformedError("record of a run", "an object is needed", "/assets")
    return Record(
        round_at=_read.integer(fields["round_at"], "/round_at", most=MAX_INTEGER),
        success_at=_read.integer(fields["success_at"], "/success_at", most=MAX_INTEGER),
        head=None if fields["head"] is None else _head(fields["head"]),
        assets={name: _asset(name, one, f"/assets/{name[:MAX_NAME_CHARACTERS]}") for name, one in assets.items()},
        trust=_digest(fields["trust"], "/trust"),
        successor=_digest(fields["successor"], "/successor"),
    )


def _head(value: Json) -> tuple[int, bytes]:
    fields = _read.members(value, _HEAD, "/head")
    number = _read.integer(fields["number"], "/head/number", most=MAX_INTEGER)
    return number, _read.hexadecimal(fields["hash"], "/head/hash", length=32)


def _asset_value(one: Followed) -> Json:
    return {
        "asset_type": str(one.wanted.asset_type),
        "wanted_subject": _hexadecimal(one.wanted.subject),
        "identifier": one.wanted.identifier,
        "subject": _hexadecimal(one.subject),
        "outcome": str(one.outcome),
        "error": one.error,
        "reason": one.reason[:MAX_REASON_CHARACTERS],
        "events": one.events,
        "status": one.status,
        "block": one.block,
        "time": one.time,
    }


def _hexadecimal(digest: bytes | None) -> str | None:
    return None if digest is None else encode_hexadecimal(digest)


def _asset(name: str, value: Json, at: str) -> Followed:
    fields = _read.members(value, _ASSET, at)
    outcome = fields["outcome"]
    if outcome not in list(Outcome):
        raise MalformedError("record of a run", "not an outcome", f"{at}/outcome")
    return Followed(
        wanted=_wanted(name, fields, at),
        outcome=Outcome(str(outcome)),
        error=None if fields["error"] is None else _read.text(fields["error"], f"{at}/error", most=64),
        reason=_read.text(fields["reason"], f"{at}/reason", least=0, most=MAX_REASON_CHARACTERS),
        subject=_digest(fields["subject"], f"{at}/subject"),
        events=_read.integer(fields["events"], f"{at}/events", most=MAX_INTEGER),
        status=None if fields["status"] is None else _read.text(fields["status"], f"{at}/status", most=64),
        block=_read.integer(fields["block"], f"{at}/block", most=MAX_INTEGER),
        time=_read.integer(fields["time"], f"{at}/time", most=MAX_INTEGER),
    )


def _wanted(name: str, fields: Mapping[str, Json], at: str) -> Wanted:
    kind, identifier = fields["asset_type"], fields["identifier"]
    if kind not in list(AssetType):
        raise MalformedError("record of a run", "not an asset type", f"{at}/asset_type")
    return Wanted(
        name,
        AssetType(str(kind)),
        _digest(fields["wanted_subject"], f"{at}/wanted_subject"),
        None if identifier is None else _read.text(identifier, f"{at}/identifier", most=MAX_IDENTIFIER_CHARACTERS),
    )


def _digest(value: Json, at: str) -> bytes | None:
    return None if value is None else _read.hexadecimal(value, at, length=32)
