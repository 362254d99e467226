"""The batch statement: what a device signs about a batch of readings of one asset; a compact JWS of its own type.

::

    {"bytes": 113664, "closed_at_us": …, "first_at_us": …, "flagged": 3, "last_at_us": …,
     "log": "eip155:84600:0x…", "previous": "0x…" or null, "root": "0x…", "sequence": 7, "size": 1024,
     "subject": "0x…", "version": 1}

Statements of one device about one subject form a chain: each names the SHA-256 of the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from ledger.credential.jose import PublicKey
from ledger.credential.jws import RawJws, parse_jws, sign_jws_with, verify_jws
from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.strict_json import MAX_INTEGER, canonical_json

TYPE = "vinculum-batch+jwt"
VERSION = 1
MAX_CHARACTERS = 4096
MAX_LOG_CHARACTERS = 128
MAX_READINGS = 65_536
MAX_READINGS_BYTES = 16 * 1024 * 1024
_WHAT = "batch statement"
_MEMBERS = frozenset(
    {"bytes", "closed_at_us", "first_at_us", "flagged", "last_at_us", "log"}
    | {"previous", "root", "sequence", "size", "subject", "version"}
)
_read = FieldReader(_WHAT)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said about a batch. All times are the device's claims, in microseconds since 1970.

    Attributes:
        log: CAIP-10 name of the log that it is meant for.
        subject: The asset's pseudonym, 32 bytes.
        sequence: From 0, without gaps.
        previous: Digest of the statement before, 32 bytes; None for the first.
        root: Of the RFC 9162 tree over the leaves, 32 bytes.
        size: How many readings.
        byte_count: Length of the leaves, each with its line feed.
        flagged: How many readings have a flag.
        first_at_us: Earliest time of a reading.
        last_at_us: Latest time of a reading.
        closed_at_us: When the batch was closed.
    """

    log: str
    subject: bytes
    sequence: int
    previous: bytes | None
    root: bytes
    size: int
    byte_count: int
    flagged: int
    first_at_us: int
    last_at_us: int
    closed_at_us: int


@dataclass(frozen=True, slots=True)
class RawStatement:
    """A statement in its format; the signature is not verified.

    Attributes:
        jws: As received.
        statement: What it says.
    """

    jws: RawJws
    statement: Statement

    @property
    def key_id(self) -> str:
        """The thumbprint that it names as its signer's."""
        return self.jws.header.get("kid", "")


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement that ``key`` signed; ``verify_statement`` makes it.

    Attributes:
        text: The compact JWS.
        digest: Its SHA-256, 32 bytes.
        key: The device's.
        statement: What it says.
    """

    text: str
    digest: bytes
    key: PublicKey
    statement: Statement


def digest_statement(text: str) -> bytes:
    """SHA-256 of a compact JWS, 32 bytes: the batch's name, and the idempotency key of its submission."""
    return sha256(text.encode("ascii")).digest()


def sign_statement(statement: Statement, public: PublicKey, signer: Callable[[bytes], bytes]) -> VerifiedStatement:
    """Sign a statement.

    Args:
        statement: What to say.
        public: The device's key.
        signer: Signs with its private half; 64 bytes.

    Returns: The signed statement, read back and verified: a broken key store shows here, not at the receiver.

    Raises:
        MalformedError: A value is out of its range.
        SignatureError: ``signer`` does not sign with this key.
    """
    text = sign_jws_with(canonical_json(_value(statement)), public, TYPE, signer)
    return verify_statement(parse_statement(text), public)


def parse_statement(text: str) -> RawStatement:
    """Read a statement.

    Args:
        text: *Untrusted*.

    Raises: MalformedError, for anything but the one encoding of a statement.
    """
    if not text.isascii():
        raise MalformedError(_WHAT, "not ASCII")
    jws = parse_jws(text, _WHAT, max_characters=MAX_CHARACTERS)
    fields = _read.members(jws.payload, _MEMBERS, "")
    _read.constant(fields["version"], VERSION, "/version")
    numbers = {name: _read.integer(fields[name], f"/{name}", most=most) for name, most in _MOST.items()}
    previous = fields["previous"]
    statement = Statement(
        log=_read.text(fields["log"], "/log", most=MAX_LOG_CHARACTERS),
        subject=_read.hexadecimal(fields["subject"], "/subject", length=32),
        sequence=numbers["sequence"],
        previous=None if previous is None else _read.hexadecimal(previous, "/previous", length=32),
        root=_read.hexadecimal(fields["root"], "/root", length=32),
        size=numbers["size"],
        byte_count=numbers["bytes"],
        flagged=numbers["flagged"],
        first_at_us=numbers["first_at_us"],
        last_at_us=numbers["last_at_us"],
        closed_at_us=numbers["closed_at_us"],
    )
    _check(statement)
    return RawStatement(jws, statement)


def verify_statement(raw: RawStatement, key: PublicKey) -> VerifiedStatement:
    """Prove that ``key`` signed a statement.

    Whether the key was the device's and valid then is another check: its record in ``Consortium``.

    Raises: SignatureError.
    """
    verify_jws(raw.jws, key, TYPE)
    return VerifiedStatement(raw.jws.text, digest_statement(raw.jws.text), key, raw.statement)


_MOST = {
    "sequence": MAX_INTEGER,
    "size": MAX_READINGS,
    "bytes": MAX_READINGS_BYTES,
    "flagged": MAX_READINGS,
    "first_at_us": MAX_INTEGER,
    "last_at_us": MAX_INTEGER,
    "closed_at_us": MAX_INTEGER,
}


def _check(statement: Statement) -> None:
    if (statement.sequence == 0) != (statement.previous is None):
        raise MalformedError(_WHAT, "the first statement, and no other, has no previous one", "/previous")
    if not statement.size or not statement.size <= statement.byte_count or statement.flagged > statement.size:
        raise MalformedError(_WHAT, "numbers that no batch has", "/size")
    if statement.first_at_us > statement.last_at_us:
        raise MalformedError(_WHAT, "the first reading is later than the last", "/first_at_us")


def _value(statement: Statement) -> dict[str, Json]:
    return {
        "version": VERSION,
        "log": statement.log,
        "subject": encode_hexadecimal(statement.subject),
        "sequence": statement.sequence,
        "previous": None if statement.previous is None else encode_hexadecimal(statement.previous),
        "root": encode_hexadecimal(statement.root),
        "size": statement.size,
        "bytes": statement.byte_count,
        "flagged": statement.flagged,
        "first_at_us": statement.first_at_us,
        "last_at_us": statement.last_at_us,
        "closed_at_us": statement.closed_at_us,
    }
