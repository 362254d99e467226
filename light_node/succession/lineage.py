"""Trust files that were pinned here, by whose word each of them was, and successions that were seen. Pure.

It is kept so that a succession of a trust file that was given up already can still be judged: two of one trust file
that name different successors prove that more of its witnesses lie than it tolerates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.strict_json import canonical_json, parse_json
from light_node.succession.rules import digest_of
from light_node.succession.statement import MAX_BYTES as MAX_NOTE_BYTES
from light_node.succession.statement import SignedSuccession, encode_succession, parse_succession
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, encode_trust, parse_trust

MEDIA_TYPE = "application/vnd.vinculum.trust-lineage+json"
CONFLICT_MEDIA_TYPE = "application/vnd.vinculum.conflicting-successions+json"
VERSION = 1
MAX_PINNED = 32
MAX_BYTES = 16 * 1024 * 1024
"""Twice what so many trust files take that have as many keys, logs and signatures as any may have."""
MAX_DEPTH = 10

_read = FieldReader("lineage of trust files")
_LINEAGE = frozenset({"type", "version", "pinned", "successions"})
_PINNED = frozenset({"trust", "follows"})
_CONFLICT = frozenset({"type", "version", "trust", "first", "second"})


@dataclass(frozen=True, slots=True)
class Pinned:
    """A trust file that was pinned here.

    Attributes:
        trust: The file.
        follows: Fingerprint of the one whose witnesses put it in place, 32 bytes; None where a person compared it.
    """

    trust: Trust
    follows: bytes | None = None

    @property
    def digest(self) -> bytes:
        """Its fingerprint, 32 bytes."""
        return digest_of(self.trust)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What was pinned, and what is known to follow.

    Attributes:
        pinned: Each trust file once, the one that was pinned last at the end; the oldest of too many are forgotten.
        successions: At most one of each of these trust files, with enough signatures; whether it was used or not.
    """

    pinned: tuple[Pinned, ...] = ()
    successions: tuple[SignedSuccession, ...] = ()

    def find(self, digest: bytes) -> Pinned | None:
        """The trust file of this fingerprint, or None."""
        return next((one for one in self.pinned if one.digest == digest), None)

    def succession_of(self, digest: bytes) -> SignedSuccession | None:
        """The succession of the trust file of this fingerprint that was seen first, or None."""
        return next((one for one in self.successions if one.statement.old == digest), None)

    def ancestry(self, digest: bytes) -> tuple[bytes, ...]:
        """This trust file and all before it, up to the one that a person compared: whose word it rests on."""
        found = [digest]
        while (one := self.find(found[-1])) is not None and one.follows is not None and one.follows not in found:
            found.append(one.follows)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two successions of one trust file that name different successors, *verified* when they were kept.

    Attributes:
        trust: Whose witnesses signed them; with its fingerprint anybody can verify both.
        first: Seen first.
        second: Seen later.
    """

    trust: Trust
    first: SignedSuccession
    second: SignedSuccession


def with_pinned(lineage: Lineage, trust: Trust, follows: bytes | None = None) -> Lineage:
    """The lineage once this trust file was pinned, again or for the first time."""
    digest = digest_of(trust)
    kept = [one for one in lineage.pinned if one.digest != digest]
    pinned = (*kept, Pinned(trust, follows))[-MAX_PINNED:]
    known = {one.digest for one in pinned}
    return Lineage(pinned, tuple(one for one in lineage.successions if one.statement.old in known))


def with_succession(lineage: Lineage, signed: SignedSuccession) -> Lineage:
    """The lineage once a *verified* succession of one of its trust files was seen; the first of each is kept."""
    if lineage.succession_of(signed.statement.old) is not None:
        return lineage
    return replace(lineage, successions=(*lineage.successions, signed))


def encode_lineage(lineage: Lineage) -> bytes:
    """Write a lineage as canonical JSON; ``parse_lineage`` returns the same value."""
    pinned: list[Json] = [
        {"trust": _trust_value(one.trust), "follows": None if one.follows is None else encode_hexadecimal(one.follows)}
        for one in lineage.pinned
    ]
    notes: list[Json] = [encode_succession(one).decode() for one in lineage.successions]
    return canonical_json({"type": MEDIA_TYPE, "version": VERSION, "pinned": pinned, "successions": notes})


def parse_lineage(data: bytes) -> Lineage:
    """Read a lineage back.

    Args:
        data: Our own file; a disk may have damaged it.

    Raises: MalformedError; the caller must not go on as if no succession had ever been seen.
    """
    fields = _members(data, _LINEAGE, MEDIA_TYPE)
    items = _read.items(fields["pinned"], "/pinned", least=1, most=MAX_PINNED)
    notes = _read.items(fields["successions"], "/successions", most=MAX_PINNED)
    pinned = tuple(_pinned(one, f"/pinned/{n}") for n, one in enumerate(items))
    successions = tuple(_note(one, f"/successions/{n}") for n, one in enumerate(notes))
    known = [one.digest for one in pinned]
    followed = [one.statement.old for one in successions]
    if len(set(known)) != len(known) or len(set(followed)) != len(followed) or not set(followed) <= set(known):
        raise MalformedError(_read.what, "a trust file twice, or a succession of another")
    return Lineage(pinned, successions)


def encode_conflict(conflict: Conflict) -> bytes:
    """Write two successions that contradict each other, with the trust file by which anybody verifies both."""
    value: dict[str, Json] = {"type": CONFLICT_MEDIA_TYPE, "version": VERSION, "trust": _trust_value(conflict.trust)}
    first, second = encode_succession(conflict.first).decode(), encode_succession(conflict.second).decode()
    return canonical_json(value | {"first": first, "second": second})


def parse_conflict(data: bytes) -> Conflict:
    """Read such evidence; trust file and signatures are *untrusted* still.

    Raises: MalformedError, also where the two are not of that trust file, or do not contradict each other.
    """
    fields = _members(data, _CONFLICT, CONFLICT_MEDIA_TYPE)
    trust = _trust(fields["trust"])
    first, second = _note(fields["first"], "/first"), _note(fields["second"], "/second")
    if {first.statement.old, second.statement.old} != {digest_of(trust)} or first.statement == second.statement:
        raise MalformedError(_read.what, "not two different successions of that trust file")
    return Conflict(trust, first, second)


def _members(data: bytes, names: frozenset[str], media_type: str) -> Mapping[str, Json]:
    value = parse_json(data, what=_read.what, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    fields = _read.members(value, names, "")
    _read.constant(fields["type"], media_type, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    if canonical_json(value) != data:
        raise MalformedError(_read.what, "not the canonical encoding of its content")
    return fields


def _pinned(value: Json, at: str) -> Pinned:
    fields = _read.members(value, _PINNED, at)
    follows = fields["follows"]
    return Pinned(
        _trust(fields["trust"]),
        None if follows is None else _read.hexadecimal(follows, f"{at}/follows", length=32),
    )


def _note(value: Json, at: str) -> SignedSuccession:
    return parse_succession(_read.text(value, at, most=MAX_NOTE_BYTES))


def _trust(value: Json) -> Trust:
    return parse_trust(canonical_json(value))


def _trust_value(trust: Trust) -> Json:
    return parse_json(encode_trust(trust), what="trust file", max_bytes=MAX_TRUST_BYTES, max_depth=MAX_DEPTH)
