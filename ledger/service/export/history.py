"""The history of keys, organisations and namespaces in an export: the consortium's events as the exporter's node tells.

Events cannot be proven from storage, but they can be replayed: what comes out must be the proven state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ledger.errors import ContentMismatchError, MalformedError
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader
from ledger.proof.slots import IssuerKeyRecord, NamespaceGrant
from ledger.proof.subject import namespace_id
from ledger.service.export.state import KeyName, State
from ledger.strict_json import MAX_INTEGER, canonical_json, parse_json

MEDIA_TYPE = "application/vnd.vinculum.key-history+json"
VERSION = 1
MAX_BYTES = 16 * 1024 * 1024
MAX_EVENTS = 100_000

KEY_EVENTS = ("IssuerKeyAdded", "IssuerKeyLimited", "IssuerKeyRevoked")
ORGANISATION_EVENTS = (
    "OrganisationAdded",
    "OrganisationChanged",
    "OrganisationSuspended",
    "OrganisationResumed",
)
NAMESPACE_EVENT = "NamespaceAssigned"

_read = FieldReader("key history")
_EVENT = frozenset({"block", "log_index", "at", "name", "arguments", "transaction"})
_N = TypeVar("_N")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event of ``Consortium``; ``at`` is its block's time, in seconds since the epoch."""

    block: int
    log_index: int
    at: int
    name: str
    arguments: Mapping[str, Json]
    transaction: str


def encode_history(events: Sequence[HistoryEvent]) -> bytes:
    """Write a key history, events in chain order."""
    listed: list[Json] = [
        {
            "block": event.block,
            "log_index": event.log_index,
            "at": event.at,
            "name": event.name,
            "arguments": dict(event.arguments),
            "transaction": event.transaction,
        }
        for event in events
    ]
    return canonical_json({"type": MEDIA_TYPE, "version": VERSION, "events": listed})


def parse_history(data: bytes) -> list[HistoryEvent]:
    """Read a key history.

    Args:
        data: *Untrusted.*

    Raises: MalformedError, also where its events are not in chain order.
    """
    value = parse_json(data, what="key history", max_bytes=MAX_BYTES, max_depth=8)
    fields = _read.members(value, frozenset({"type", "version", "events"}), "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    items = _read.items(fields["events"], "/events", most=MAX_EVENTS)
    events = [_event(item, f"/events/{place}") for place, item in enumerate(items)]
    places = [(event.block, event.log_index) for event in events]
    if canonical_json(value) != data or places != sorted(set(places)):
        raise MalformedError("key history", "not canonical, or its events are not in chain order")
    return events


def _event(value: Json, at: str) -> HistoryEvent:
    fields = _read.members(value, _EVENT, at)
    arguments = fields["arguments"]
    if not isinstance(arguments, dict):
        raise MalformedError("key history", "an object is needed", f"{at}/arguments")
    return HistoryEvent(
        _read.integer(fields["block"], f"{at}/block", most=MAX_INTEGER),
        _read.integer(fields["log_index"], f"{at}/log_index", most=MAX_INTEGER),
        _read.integer(fields["at"], f"{at}/at", most=MAX_INTEGER),
        _read.text(fields["name"], f"{at}/name", most=64),
        arguments,
        _read.text(fields["transaction"], f"{at}/transaction", most=66),
    )


def verify_key_history(events: Sequence[HistoryEvent], state: State) -> None:
    """Prove that a history leads to the proven state, up to the block of it.

    1. Every key's events, replayed, give its record; and every proven record has its events.
    2. The same for every namespace's grants.
    3. The same for every organisation's roles, profile and suspension.

    Raises:
        ContentMismatchError: It says something else.
        MalformedError: An event is not in its form.
    """
    told = _Told()
    for event in events:
        if event.block > state.as_of.number:
            raise MalformedError("key history", f"an event after block {state.as_of.number}", event.name)
        try:
            told.tell(event)
        except (KeyError, ValueError, TypeError, IndexError):
            raise MalformedError("key history", "an event that is not in its form", event.name) from None
    keys = {name: record for name, (_, record) in state.keys.items() if record is not None}
    _compare("issuer key", keys, {name: record for name, record in told.keys.items() if name in keys})  # 1
    namespaces = {namespace_id(*name): list(grants) for name, grants in state.namespaces.items() if grants}
    _compare("namespace", namespaces, told.namespaces)  # 2
    organisations = {
        number: (record.roles, record.profile_digest, record.suspended)
        for number, record in state.organisations.items()
        if record.since
    }
    _compare("organisation", organisations, told.organisations)  # 3


def _compare(what: str, proven: Mapping[_N, _V], told: Mapping[_N, _V]) -> None:
    for name in sorted({*proven, *told}, key=str):
        if proven.get(name) != told.get(name):
            raise ContentMismatchError(f"key history of {what} {name!r}", str(proven.get(name)), str(told.get(name)))


class _Told:
    def __init__(self) -> None:
        self.keys: dict[KeyName, IssuerKeyRecord] = {}
        self.namespaces: dict[bytes, list[NamespaceGrant]] = {}
        self.organisations: dict[int, tuple[int, bytes, bool]] = {}

    def tell(self, event: HistoryEvent) -> None:
        if event.name in KEY_EVENTS:
            self._key(event)
        elif event.name in ORGANISATION_EVENTS:
            self._organisation(event)
        elif event.name == NAMESPACE_EVENT:
            grants = self.namespaces.setdefault(_octets(event.arguments["namespace"]), [])
            if _number(event.arguments["position"]) != len(grants):
                raise ValueError("a grant was left out")
            organisation, since = event.arguments["organisation"], event.arguments["since"]
            grants.append(NamespaceGrant(_number(organisation), _number(since)))
        else:
            raise ValueError("an event of another kind")

    def _key(self, event: HistoryEvent) -> None:
        name: KeyName = _number(event.arguments["organisation"]), _octets(event.arguments["thumbprint"])
        if event.name == "IssuerKeyAdded":
            record = event.arguments["key"]
            if not isinstance(record, list):
                raise ValueError("no record of a key")
            valid_from, valid_until, revoked_from, _, algorithm, flags = map(_number, record)
            self.keys[name] = IssuerKeyRecord(valid_from, valid_until, revoked_from, event.at, algorithm, flags)
            return
        before = self.keys[name]
        limit = event.arguments.get("validUntil", before.valid_until)
        revoked = event.arguments.get("revokedFrom", before.revoked_from)
        self.keys[name] = replace(
            before, valid_until=_number(limit), revoked_from=_number(revoked), changed_at=event.at
        )

    def _organisation(self, event: HistoryEvent) -> None:
        number = _number(event.arguments["organisation"])
        if event.name in ("OrganisationAdded", "OrganisationChanged"):
            suspended = number in self.organisations and self.organisations[number][2]
            roles, profile = _number(event.arguments["roles"]), _octets(event.arguments["metadata"])
            self.organisations[number] = roles, profile, suspended
        else:
            roles, profile, _ = self.organisations[number]
            self.organisations[number] = roles, profile, event.name == "OrganisationSuspended"


def _number(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("not a number")
    return int(value, 16) if isinstance(value, str) else value


def _octets(value: Json) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise TypeError("not hexadecimal")
    return bytes.fromhex(value[2:])
