"""Reading an evidence file: untrusted bytes into types, within limits."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import TypeVar, cast

from ledger.errors import MalformedError
from ledger.event import AssetType, Json
from ledger.proof.evidence_fields import FieldReader
from ledger.proof.evidence_finality import parse_finality
from ledger.proof.evidence_types import (
    MAX_ACCOUNTS,
    MAX_BYTES,
    MAX_CREDENTIAL_CHARACTERS,
    MAX_DEPTH,
    MAX_EVENTS,
    MAX_HEADER_BYTES,
    MAX_ISSUERS,
    MAX_JWK_CHARACTERS,
    MAX_JWK_MEMBERS,
    MAX_NODE_BYTES,
    MAX_ORGANISATION,
    MAX_PROOF_NODES,
    MAX_SEGMENTS,
    MAX_STATUS,
    MAX_STORAGE_PROOFS,
    MEDIA_TYPE,
    VERSION,
    AccountProof,
    Evidence,
    HiddenEntry,
    HistoryEntry,
    IssuerKey,
    OpenEntry,
    Segment,
    StorageProof,
)
from ledger.strict_json import MAX_INTEGER, parse_canonical_json

_read = FieldReader("evidence")
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_Key = TypeVar("_Key", bytes, tuple[int, bytes])
_EVIDENCE = frozenset(
    {"type", "version", "chain_id", "asset_type", "subject", "header", "finality", "accounts", "segments", "history"}
    | {"issuers"}
)
_ACCOUNT = frozenset({"address", "nodes", "storage"})
_STORAGE = frozenset({"slot", "nodes"})
_SEGMENT = frozenset({"log", "entries"})
_OPEN = frozenset({"digest", "meta", "status", "credential"})
_HIDDEN = frozenset({"leaf", "status"})
_ISSUER = frozenset({"organisation", "jwk"})


def parse_evidence(data: bytes) -> Evidence:
    """Bring an evidence file into types.

    Args:
        data: *Untrusted*; at most :data:`MAX_BYTES`.

    Returns:
        The parts, within the limits of this module, from the one canonical encoding; none of them verified.

    Raises:
        MalformedError: Anything else, among it JSON that is not canonical, or denser than evidence is.
    """
    return _evidence(parse_canonical_json(data, what="evidence", max_bytes=MAX_BYTES, max_depth=MAX_DEPTH))


def issuer_order(key: IssuerKey) -> tuple[int, bytes]:
    """Return the sort key of issuers in an evidence file."""
    return key.organisation, canonical(dict(key.jwk))


def canonical(value: object) -> bytes:
    """Serialise after RFC 8785, as far as is needed where no number is a float and every name is ASCII."""
    return _ENCODER.encode(value).encode()


def _evidence(value: Json) -> Evidence:
    fields = _read.members(value, _EVIDENCE, "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    evidence = Evidence(
        chain_id=_read.integer(fields["chain_id"], "/chain_id", least=1, most=MAX_INTEGER),
        asset_type=_asset_type(fields["asset_type"]),
        subject=_read.hexadecimal(fields["subject"], "/subject", length=32),
        header=_read.hexadecimal(fields["header"], "/header", most=MAX_HEADER_BYTES),
        finality=parse_finality(fields["finality"], "/finality"),
        accounts=_accounts(fields["accounts"]),
        segments=_segments(fields["segments"]),
        history=_history(fields["history"]),
        issuers=_issuers(fields["issuers"]),
    )
    if sum(segment.entries for segment in evidence.segments) != len(evidence.history):
        raise MalformedError("evidence", "the segments do not cover the history", "/segments")
    return evidence


def _asset_type(value: Json) -> AssetType:
    try:
        return AssetType(_read.text(value, "/asset_type", most=16))
    except ValueError:
        raise MalformedError("evidence", "not an asset type", "/asset_type") from None


def _nodes(value: Json, at: str) -> tuple[bytes, ...]:
    return _read.hexadecimals(value, at, items=MAX_PROOF_NODES, most=MAX_NODE_BYTES)


def _accounts(value: Json) -> tuple[AccountProof, ...]:
    items = _read.items(value, "/accounts", least=1, most=MAX_ACCOUNTS)
    accounts = tuple(_account(item, f"/accounts/{n}") for n, item in enumerate(items))
    _ascending([account.address for account in accounts], "/accounts")
    return accounts


def _account(value: Json, at: str) -> AccountProof:
    fields = _read.members(value, _ACCOUNT, at)
    items = _read.items(fields["storage"], f"{at}/storage", least=1, most=MAX_STORAGE_PROOFS)
    storage = tuple(_storage(item, f"{at}/storage/{n}") for n, item in enumerate(items))
    _ascending([proof.slot for proof in storage], f"{at}/storage")
    address = _read.hexadecimal(fields["address"], f"{at}/address", length=20)
    return AccountProof(address, _nodes(fields["nodes"], f"{at}/nodes"), storage)


def _storage(value: Json, at: str) -> StorageProof:
    fields = _read.members(value, _STORAGE, at)
    slot = _read.hexadecimal(fields["slot"], f"{at}/slot", length=32)
    return StorageProof(slot, _nodes(fields["nodes"], f"{at}/nodes"))


def _segments(value: Json) -> tuple[Segment, ...]:
    items = _read.items(value, "/segments", least=1, most=MAX_SEGMENTS)
    segments = tuple(_segment(item, f"/segments/{n}") for n, item in enumerate(items))
    if len({segment.log for segment in segments}) != len(segments):
        raise MalformedError("evidence", "one log in two segments", "/segments")
    return segments


def _segment(value: Json, at: str) -> Segment:
    fields = _read.members(value, _SEGMENT, at)
    log = _read.hexadecimal(fields["log"], f"{at}/log", length=20)
    return Segment(log, _read.integer(fields["entries"], f"{at}/entries", most=MAX_EVENTS))


def _history(value: Json) -> tuple[HistoryEntry, ...]:
    items = _read.items(value, "/history", most=MAX_EVENTS)
    return tuple(_entry(item, f"/history/{n}") for n, item in enumerate(items))


def _entry(value: Json, at: str) -> HistoryEntry:
    if isinstance(value, dict) and "leaf" in value:
        fields = _read.members(value, _HIDDEN, at)
        return HiddenEntry(_read.hexadecimal(fields["leaf"], f"{at}/leaf", length=32), _status(fields["status"], at))
    fields = _read.members(value, _OPEN, at)
    credential = fields["credential"]
    if credential is not None:
        credential = _read.text(credential, f"{at}/credential", most=MAX_CREDENTIAL_CHARACTERS)
    digest = _read.hexadecimal(fields["digest"], f"{at}/digest", length=32)
    meta = _read.hexadecimal(fields["meta"], f"{at}/meta", length=32)
    return OpenEntry(digest, meta, _status(fields["status"], at), credential)


def _status(value: Json, at: str) -> int:
    return _read.integer(value, f"{at}/status", least=1, most=MAX_STATUS)


def _issuers(value: Json) -> tuple[IssuerKey, ...]:
    items = _read.items(value, "/issuers", most=MAX_ISSUERS)
    issuers = tuple(_issuer(item, f"/issuers/{n}") for n, item in enumerate(items))
    _ascending([issuer_order(issuer) for issuer in issuers], "/issuers")
    return issuers


def _issuer(value: Json, at: str) -> IssuerKey:
    fields = _read.members(value, _ISSUER, at)
    organisation = _read.integer(fields["organisation"], f"{at}/organisation", least=1, most=MAX_ORGANISATION)
    jwk = fields["jwk"]
    if not isinstance(jwk, dict) or not 1 <= len(jwk) <= MAX_JWK_MEMBERS:
        raise MalformedError("evidence", f"an object of 1 to {MAX_JWK_MEMBERS} members is needed", f"{at}/jwk")
    for name, member in jwk.items():
        if not name.isascii():
            raise MalformedError("evidence", "a name that is not ASCII", f"{at}/jwk")
        _read.text(member, f"{at}/jwk/{name[:16]}", most=MAX_JWK_CHARACTERS)
    return IssuerKey(organisation, cast("dict[str, str]", jwk))


def _ascending(keys: Sequence[_Key], at: str) -> None:
    if any(not first < second for first, second in itertools.pairwise(keys)):
        raise MalformedError("evidence", "not in ascending order, or one twice", at)
