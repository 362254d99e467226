"""The consortium's state in an export: organisations, issuer keys and namespaces, each proven at one block.

A state file is to these what an evidence file is to an asset: header, finality, and storage proofs of ``Consortium``.
Its proofs have the form that they have in evidence files, and are read and verified by the same code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.credential.jose import PublicKey, parse_jwk
from ledger.errors import ContentMismatchError, MalformedError
from ledger.event import AssetType, Json
from ledger.identifiers import parse_identifier
from ledger.proof.evidence import MAX_BYTES, Evidence, parse_evidence
from ledger.proof.evidence import MEDIA_TYPE as EVIDENCE_TYPE
from ledger.proof.evidence import VERSION as EVIDENCE_VERSION
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.evidence_slots import read_grants
from ledger.proof.slots import (
    IssuerKeyRecord,
    NamespaceGrant,
    mapping_slot,
    word_of,
)
from ledger.proof.subject import namespace_id
from ledger.strict_json import canonical_json, parse_json
from light_node.finality import verify_finality
from light_node.proofs import ProvenState, verify_contracts, verify_state
from light_node.trust import Trust
from light_node.verdict import Account, AsOf

MEDIA_TYPE = "application/vnd.vinculum.state+json"
VERSION = 1
ORGANISATIONS_SLOT = 3
MAX_ITEMS = 4096
MAX_PROFILE_CHARACTERS = 16 * 1024
MAX_PREFIX_CHARACTERS = 64

_read = FieldReader("state file")
_STATE = frozenset(
    {"type", "version", "chain_id", "header", "finality", "accounts", "issuers", "organisations", "namespaces"}
)
_TIME, _ROLES = 2**48 - 1, 2**64 - 1

Namespace = tuple[int, str]
KeyName = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class OrganisationRecord:
    """What ``Consortium`` records of an organisation.

    Attributes:
        roles: Bits of the role table.
        since: When it was enrolled, in seconds since the epoch.
        suspended: Whether its writes are refused.
        profile_digest: SHA-256 of its profile, 32 bytes.
        name: From that profile; for people.
    """

    roles: int
    since: int
    suspended: bool
    profile_digest: bytes
    name: str | None


@dataclass(frozen=True, slots=True)
class State:
    """What the state files of a bag prove together; only ``verify_state_file`` and ``join_states`` make it.

    Attributes:
        as_of: The block.
        keys: Public key and record by organisation and thumbprint; a record of None is a key that was never added.
        organisations: By number.
        namespaces: All that were granted, in order, by scheme and prefix.
    """

    as_of: AsOf
    keys: Mapping[KeyName, tuple[PublicKey, IssuerKeyRecord | None]]
    organisations: Mapping[int, OrganisationRecord]
    namespaces: Mapping[Namespace, tuple[NamespaceGrant, ...]]


def organisation_slots(organisation: int) -> tuple[bytes, bytes]:
    """The two slots of an organisation's record: roles, time and suspension; digest of its profile."""
    first = mapping_slot(word_of(organisation), ORGANISATIONS_SLOT)
    return first, word_of(int.from_bytes(first, "big") + 1)


def verify_state_file(data: bytes, trust: Trust, now: int) -> State:
    """Prove what one state file says.

    1. It is in its one encoding, and of the chain of the trust file.
    2. Its header is final, its contract the trusted ``Consortium`` with the trusted code, every slot proven.
    3. Every profile is the one whose digest is recorded; nothing is proven that the file does not speak of.

    Args:
        data: *Untrusted.*
        trust: The reader's own.
        now: The local clock, in seconds since the epoch.

    Raises: VerificationError, as the verification of evidence does.
    """
    fields = _parse(data)  # 1
    evidence = _as_evidence(fields, trust)
    header = verify_finality(evidence, trust, now)  # 2
    proven = verify_state(evidence, trust, verify_contracts(evidence, trust, header))
    state = State(
        AsOf(header.number, header.time, header.hash),
        dict(_keys(evidence, proven)),
        dict(_organisations(fields["organisations"], proven)),  # 3
        dict(_namespaces(fields["namespaces"], proven)),
    )
    proven.verify_consulted()
    return state


def join_states(states: Sequence[State]) -> State:
    """Bring the state files of one bag together.

    Raises: MalformedError, where there is none, they are of different blocks, or say something twice.
    """
    if not states or len({state.as_of for state in states}) != 1:
        raise MalformedError("bag", "no state files, or of more than one block")
    joined = State(states[0].as_of, {}, {}, {})
    for state in states:
        for mine, theirs in zip(_parts(joined), _parts(state), strict=True):
            if not mine.keys().isdisjoint(theirs):
                raise MalformedError("bag", "two state files that speak of the same")
            mine.update(theirs)
    return joined


def _parts(state: State) -> Iterator[dict[object, object]]:
    for part in (state.keys, state.organisations, state.namespaces):
        if isinstance(part, dict):
            yield part


def _parse(data: bytes) -> dict[str, Json]:
    value = parse_json(data, what="state file", max_bytes=MAX_BYTES, max_depth=8)
    fields = _read.members(value, _STATE, "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    if canonical_json(value) != data:
        raise MalformedError("state file", "not the canonical encoding of its content")
    return fields


def _as_evidence(fields: Mapping[str, Json], trust: Trust) -> Evidence:
    """Read the proofs as those of an asset to which nothing happened."""
    _read.constant(fields["chain_id"], trust.chain_id, "/chain_id")
    logs = trust.logs[AssetType.BATTERY]
    segments: list[Json] = [{"log": encode_hexadecimal(log.address), "entries": 0} for log in logs]
    names = ("chain_id", "header", "finality", "accounts", "issuers")
    shape: dict[str, Json] = {
        "type": EVIDENCE_TYPE,
        "version": EVIDENCE_VERSION,
        "asset_type": str(AssetType.BATTERY),
        "subject": encode_hexadecimal(bytes(32)),
        "segments": segments,
        "history": [],
    }
    return parse_evidence(canonical_json(shape | {name: fields[name] for name in names}))


def _keys(
    evidence: Evidence, proven: ProvenState
) -> Iterator[tuple[KeyName, tuple[PublicKey, IssuerKeyRecord | None]]]:
    for issuer in evidence.issuers:
        key = parse_jwk(issuer.jwk)
        yield (issuer.organisation, key.thumbprint), (key, proven.issuer_key(issuer.organisation, key.thumbprint))


def _organisations(value: Json, proven: ProvenState) -> Iterator[tuple[int, OrganisationRecord]]:
    for place, item in enumerate(_read.items(value, "/organisations", most=MAX_ITEMS)):
        at = f"/organisations/{place}"
        fields = _read.members(item, frozenset({"organisation", "profile"}), at)
        number = _read.integer(fields["organisation"], f"{at}/organisation", least=1, most=2**32 - 1)
        packed, digest = map(proven.consortium_value, organisation_slots(number))
        profile = fields["profile"]
        yield (
            number,
            OrganisationRecord(
                roles=packed & _ROLES,
                since=packed >> 64 & _TIME,
                suspended=bool(packed >> 112 & 0xFF),
                profile_digest=word_of(digest),
                name=None if profile is None else _name(profile, word_of(digest), f"{at}/profile"),
            ),
        )


def _name(value: Json, digest: bytes, at: str) -> str:
    text = _read.text(value, at, most=MAX_PROFILE_CHARACTERS)
    found = sha256(text.encode()).digest()
    if found != digest:
        raise ContentMismatchError("profile of an organisation", digest.hex(), found.hex())
    profile = parse_json(text.encode(), what="profile", max_depth=4)
    name = profile.get("name") if isinstance(profile, dict) else None
    return _read.text(name, f"{at}/name", most=MAX_PROFILE_CHARACTERS, least=0)


def _namespaces(value: Json, proven: ProvenState) -> Iterator[tuple[Namespace, tuple[NamespaceGrant, ...]]]:
    for place, item in enumerate(_read.items(value, "/namespaces", most=MAX_ITEMS)):
        at = f"/namespaces/{place}"
        fields = _read.members(item, frozenset({"scheme", "prefix"}), at)
        scheme = _read.integer(fields["scheme"], f"{at}/scheme", least=1, most=255)
        prefix = _read.text(fields["prefix"], f"{at}/prefix", most=MAX_PREFIX_CHARACTERS)
        if not prefix.isascii():
            raise MalformedError("state file", "a prefix outside ASCII", f"{at}/prefix")
        yield (scheme, prefix), read_grants(namespace_id(scheme, prefix), proven.consortium_value)


def namespaces_of(account: Account) -> tuple[Namespace, ...]:
    """The namespaces that might decide over an asset's identifier, where it is shown.

    Args:
        account: *Verified.*
    """
    if account.asset is None:
        return ()
    return tuple(parse_identifier(account.asset.identifier, account.asset_type).namespaces)
