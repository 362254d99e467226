"""The claims that bind a credential to its one place in one log, and their comparison with the chain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ipfs.cid import parse_cid
from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.capsule_format import MAX_FILES, CapsuleReference
from ledger.credential.sd_jwt import Disclosed
from ledger.errors import BindingError, MalformedError
from ledger.event import Json

HOUR = 3600
MAX_CLOCK_SKEW_SECONDS = 300
MIN_JTI_BYTES = 16
MAX_JTI_BYTES = 64
SUBJECT_BYTES = 32
HEAD_BYTES = 32
_ORGANISATION_URN = "urn:vinculum:organisation:"
_SUBJECT_URN = "urn:vinculum:subject:"
_MAX_ORGANISATION = 2**32 - 1
_MAX_KIND = 2**16 - 1
_MAX_TIME = 2**48 - 1
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_HEX_32 = re.compile(r"[0-9a-f]{64}")
_LOG = re.compile(r"eip155:[1-9][0-9]{0,31}:0x[0-9a-f]{40}")
_SCHEMA = re.compile(r"urn:vinculum:kind:[a-z][a-z0-9_]{0,31}\.[a-z][a-z0-9_]{0,63}:[1-9][0-9]{0,3}")
_REQUIRED = frozenset({"iss", "sub", "vct", "kind", "log", "jti", "iat", "capsule"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chain says an attestation stands.

    Attributes:
        subject: 32 bytes.
        kind: Number of the kind, as in the meta word.
        schema: ``schema_of`` the kind's name.
        log: ``log_name`` of the contract.
        organisation: Number of the attesting organisation, as in the meta word.
        previous_head: Head before it, 32 bytes, for kinds that change the status, genesis apart; else None.
        attested_at: Time in the meta word, seconds, or None where it is not known yet.
    """

    subject: bytes
    kind: int
    schema: str
    log: str
    organisation: int
    previous_head: bytes | None = None
    attested_at: int | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """What a credential says of its place.

    Attributes:
        subject: 32 bytes (``sub``).
        kind: Number of the kind.
        schema: Name and version of the kind's fields (``vct``).
        log: CAIP-10 name of the log.
        organisation: Number of the issuer (``iss``).
        jti: The event's id at its issuer: base64url of 16 random bytes or more. With the same id and other
            content, the issuer equivocates.
        issued_at: Whole hours, in seconds since 1970 (``iat``).
        capsule: Where the encrypted contents are.
        previous_head: 32 bytes, or None (``prev``).
    """

    subject: bytes
    kind: int
    schema: str
    log: str
    organisation: int
    jti: str
    issued_at: int
    capsule: CapsuleReference
    previous_head: bytes | None = None


def schema_of(kind_name: str) -> str:
    """The ``vct`` of a kind, e.g. ``urn:vinculum:kind:battery.state_of_health:1``."""
    return f"urn:vinculum:kind:{kind_name}:1"


def log_name(chain_id: int, address: bytes) -> str:
    """The CAIP-10 name of a log contract.

    Args:
        chain_id: EIP-155 chain id.
        address: 20 bytes.
    """
    return f"eip155:{chain_id}:0x{address.hex()}"


def coarse_time(seconds: int) -> int:
    """The beginning of the hour: a credential shows no finer time to those who see only its visible claims."""
    return seconds - seconds % HOUR


def claims_of(binding: Binding) -> dict[str, Json]:
    """Write a binding as the claims that are always visible.

    Raises: MalformedError, where ``parse_binding`` would refuse them.
    """
    claims: dict[str, Json] = {
        "iss": f"{_ORGANISATION_URN}{binding.organisation}",
        "sub": f"{_SUBJECT_URN}{binding.subject.hex()}",
        "vct": binding.schema,
        "kind": binding.kind,
        "log": binding.log,
        "jti": binding.jti,
        "iat": binding.issued_at,
        "capsule": {
            "cid": binding.capsule.cid,
            "key_commitment": encode_base64url(binding.capsule.key_commitment),
            "files": [encode_base64url(item) for item in binding.capsule.files],
        },
    }
    if binding.previous_head is not None:
        claims["prev"] = binding.previous_head.hex()
    parse_binding(claims)
    return claims


def parse_binding(claims: Mapping[str, Json]) -> Binding:
    """Read the visible claims.

    Args:
        claims: *Untrusted*, or the ``visible`` claims of a ``Disclosed``.

    Returns:
        The binding; ``claims_of`` it gives ``claims`` again.

    Raises:
        MalformedError: a claim is missing, unknown, or not in its one form.
    """
    if not _REQUIRED <= set(claims) <= _REQUIRED | {"prev"}:
        raise MalformedError("credential", "a visible claim is missing or unknown")
    jti = _text(claims, "jti", None)
    if not MIN_JTI_BYTES <= len(parse_base64url(jti, "claim jti")) <= MAX_JTI_BYTES:
        raise MalformedError("claim jti", f"not {MIN_JTI_BYTES} to {MAX_JTI_BYTES} bytes")
    issued_at = _integer(claims, "iat", _MAX_TIME)
    if issued_at % HOUR:
        raise MalformedError("claim iat", "not a whole hour")
    return Binding(
        subject=bytes.fromhex(_after(claims, "sub", _SUBJECT_URN, _HEX_32)),
        kind=_integer(claims, "kind", _MAX_KIND),
        schema=_text(claims, "vct", _SCHEMA),
        log=_text(claims, "log", _LOG),
        organisation=_organisation(claims),
        jti=jti,
        issued_at=issued_at,
        capsule=parse_capsule_reference(claims["capsule"]),
        previous_head=bytes.fromhex(_text(claims, "prev", _HEX_32)) if "prev" in claims else None,
    )


def parse_capsule_reference(value: Json) -> CapsuleReference:
    """Read the claim ``capsule``.

    Args:
        value: *Untrusted*.

    Raises: MalformedError.
    """
    if not isinstance(value, dict) or set(value) != {"cid", "key_commitment", "files"}:
        raise MalformedError("claim capsule", "not an object of cid, key_commitment and files")
    cid, files = value["cid"], value["files"]
    if not isinstance(cid, str) or not isinstance(files, list) or len(files) > MAX_FILES:
        raise MalformedError("claim capsule", "the CID is not a text, or files are not a list within the limit")
    commitment = parse_base64url(value["key_commitment"], "capsule key_commitment", size=32)
    hashes = tuple(parse_base64url(item, "capsule file", size=32) for item in files)
    parse_cid(cid)
    return CapsuleReference(cid, commitment, hashes)


def verify_binding(credential: Disclosed, place: Place) -> Binding:
    """Prove that a credential was signed for this place and no other.

    1. ``iss``, ``sub``, ``vct``, ``kind`` and ``log`` are the attestation's.
    2. ``prev`` is the head before it where the kind changes the status, and absent otherwise.
    3. ``iat`` is not later than the attestation, but for clocks that are 300 seconds apart.

    Args:
        credential: *Verified*.
        place: *Verified*: proven, or read from one's own node.

    Raises:
        BindingError: carries the first claim that differs.
        MalformedError: the visible claims are not in their form.
    """
    binding = parse_binding(credential.visible)
    verify_place(binding, place)
    return binding


def verify_place(binding: Binding, place: Place) -> None:
    """Prove that a verified credential says of its place what is so: the part of ``verify_binding`` that compares."""
    pairs: tuple[tuple[str, object, object], ...] = (
        ("iss", place.organisation, binding.organisation),
        ("sub", place.subject, binding.subject),
        ("kind", place.kind, binding.kind),
        ("vct", place.schema, binding.schema),
        ("log", place.log, binding.log),  # 1
        ("prev", place.previous_head, binding.previous_head),  # 2
    )
    for claim, expected, found in pairs:
        if expected != found:
            raise BindingError(claim, _shown(expected), _shown(found))
    if place.attested_at is not None and binding.issued_at > place.attested_at + MAX_CLOCK_SKEW_SECONDS:  # 3
        raise BindingError("iat", place.attested_at, binding.issued_at)


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _text(claims: Mapping[str, Json], name: str, pattern: re.Pattern[str] | None) -> str:
    value = claims[name]
    if not isinstance(value, str) or (pattern is not None and pattern.fullmatch(value) is None):
        raise MalformedError(f"claim {name}", "not in its form")
    return value


def _after(claims: Mapping[str, Json], name: str, prefix: str, pattern: re.Pattern[str]) -> str:
    value = _text(claims, name, None)
    if not value.startswith(prefix) or pattern.fullmatch(value, len(prefix)) is None:
        raise MalformedError(f"claim {name}", f"not {prefix}…")
    return value[len(prefix) :]


def _integer(claims: Mapping[str, Json], name: str, highest: int) -> int:
    value = claims[name]
    if type(value) is not int or not 0 <= value <= highest:
        raise MalformedError(f"claim {name}", f"not an integer from 0 to {highest}")
    return value


def _organisation(claims: Mapping[str, Json]) -> int:
    number = int(_after(claims, "iss", _ORGANISATION_URN, _NUMBER))
    if number > _MAX_ORGANISATION:
        raise MalformedError("claim iss", f"the number is beyond {_MAX_ORGANISATION}")
    return number
