"""What a grant consists of, and its strict reader.

::

    grant file   {"items": [item …], "statement": JWS}, canonical JSON
    item         {"capsule": CID, "ciphertext": …, "item_key_commitment": …, "key_commitment": …}
    statement    ES256 (or the grantor's algorithm), typ "vinculum-grant+jwt", over canonical JSON:
                 {"grantor", "issued_at", "items": [hash of each item …], "policy": {"expires_at", "profile",
                 "purpose"}, "recipient": {"key", "organisation"}, "sealed_key", "suite", "version"}

The statement holds only hashes of the items, so that one item of a batch can be handed on with it, without the
others. ``sealed_key`` is the one HPKE message of the batch: a batch key of 32 bytes. Each item's own key follows from
the batch key and the capsule's CID; the signed item commits to it, so that a recipient can show to a third party what
an item really contains, without opening the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ipfs.cid import parse_cid
from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jws import RawJws, parse_jws
from ledger.credential.recipient import SEALED_BYTES, SuiteName
from ledger.errors import MalformedError
from ledger.event import Json
from ledger.strict_json import canonical_json, parse_json

TYPE = "vinculum-grant+jwt"
MEDIA_TYPE = "application/vnd.vinculum.grant+json"
VERSION = 1
MAX_ITEMS = 10_000
MAX_BYTES = 8 * 1024 * 1024
MAX_STATEMENT_CHARACTERS = 1024 * 1024
MAX_TEXT_CHARACTERS = 255
MAX_ORGANISATION = 2**32 - 1
MAX_TIME = 2**48 - 1
CIPHERTEXT_BYTES = 32 + 16
_CONTEXT_LABEL = b"vinculum/grant/1"
_ITEM_LABEL = b"vinculum/grant-item/1"
_ITEM_MEMBERS = {"capsule", "ciphertext", "item_key_commitment", "key_commitment"}
_STATEMENT_MEMBERS = {
    "grantor",
    "issued_at",
    "items",
    "policy",
    "recipient",
    "sealed_key",
    "suite",
    "version",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the recipient may do with what he opens.

    Attributes:
        profile: URI of the ODRL profile.
        purpose: Term of that profile.
        expires_at: Seconds since 1970, or None. An agreement: a key once given cannot be taken back.
    """

    profile: str
    purpose: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Who grants what to whom; every sealed byte is bound to it.

    Attributes:
        grantor: Number of the granting organisation.
        recipient: Number of the receiving organisation.
        recipient_key: Thumbprint of the key that is sealed for, 32 bytes.
        suite: HPKE suite.
        policy: What for.
        issued_at: Seconds since 1970.
    """

    grantor: int
    recipient: int
    recipient_key: bytes
    suite: SuiteName
    policy: Policy
    issued_at: int

    def claims(self) -> dict[str, Json]:
        """The members of the statement that it stands in."""
        return {
            "grantor": self.grantor,
            "issued_at": self.issued_at,
            "policy": {
                "expires_at": self.policy.expires_at,
                "profile": self.policy.profile,
                "purpose": self.policy.purpose,
            },
            "recipient": {"key": encode_base64url(self.recipient_key), "organisation": self.recipient},
            "suite": self.suite.value,
            "version": VERSION,
        }

    def encode(self) -> bytes:
        """A label and the canonical JSON of the claims: HPKE's ``info``."""
        return _CONTEXT_LABEL + canonical_json(self.claims())

    def digest(self) -> bytes:
        """SHA-256 of ``encode``, 32 bytes: what each item is bound to."""
        return sha256(self.encode()).digest()


@dataclass(frozen=True, slots=True)
class GrantItem:
    """The sealed key of one capsule.

    Attributes:
        capsule: CID of the capsule.
        key_commitment: What the grantor says the key's commitment is, 32 bytes; the credential has the last word.
        item_key_commitment: Commitment to the key that opens ``ciphertext``, 32 bytes.
        ciphertext: The capsule's key, sealed; 48 bytes.
    """

    capsule: str
    key_commitment: bytes
    item_key_commitment: bytes
    ciphertext: bytes

    def digest(self) -> bytes:
        """SHA-256 of a label and the members: what the statement signs, 32 bytes."""
        members = self.key_commitment + self.item_key_commitment + self.ciphertext
        return sha256(_ITEM_LABEL + members + self.capsule.encode("ascii")).digest()


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant in its format; the statement's signature is not verified.

    Attributes:
        jws: The signed statement.
        context: Read from the statement.
        sealed_key: HPKE message that holds the batch key.
        signed: Hashes of the batch's items, in order.
        items: The items that were handed on; each hash of one is in ``signed``.
    """

    jws: RawJws
    context: Context
    sealed_key: bytes
    signed: tuple[bytes, ...]
    items: tuple[GrantItem, ...]

    def only(self, capsule: str) -> Grant:
        """The same grant with the item of one capsule alone; none where it has no such item."""
        items = tuple(item for item in self.items if item.capsule == capsule)
        return Grant(self.jws, self.context, self.sealed_key, self.signed, items)


def encode_grant(grant: Grant) -> bytes:
    """Write a grant as canonical JSON.

    The encoder of the standard library gives it here: everything is ASCII, and there are no numbers.
    """
    items = [
        {
            "capsule": item.capsule,
            "ciphertext": encode_base64url(item.ciphertext),
            "item_key_commitment": encode_base64url(item.item_key_commitment),
            "key_commitment": encode_base64url(item.key_commitment),
        }
        for item in grant.items
    ]
    value = {"items": items, "statement": grant.jws.text}
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode("ascii")


def parse_grant(data: bytes) -> Grant:
    """Read a grant.

    Args:
        data: *Untrusted*.

    Returns:
        The grant; ``encode_grant`` gives ``data`` again.

    Raises:
        MalformedError: not canonical JSON, other members, over a limit, a capsule twice, or an item that the
            statement does not list.
    """
    value = parse_json(data, what="grant", max_bytes=MAX_BYTES, max_depth=3)
    members = _members(value, {"items", "statement"}, "grant")
    if canonical_json(value) != data:
        raise MalformedError("grant", "not canonical JSON")
    items = tuple(map(_parse_item, _list(members["items"], "grant items")))
    return parse_statement(_text(members["statement"], "grant statement", MAX_STATEMENT_CHARACTERS), items)


def parse_statement(text: str, items: tuple[GrantItem, ...]) -> Grant:
    """Read the signed statement of a grant and put it together with its items.

    Args:
        text: *Untrusted*; compact JWS.
        items: *Untrusted*.

    Raises: MalformedError, as ``parse_grant``.
    """
    jws = parse_jws(text, "grant statement", max_characters=MAX_STATEMENT_CHARACTERS)
    members = _members(jws.payload, _STATEMENT_MEMBERS, "grant statement")
    if canonical_json(members) != parse_base64url(text.split(".")[1], "grant statement"):
        raise MalformedError("grant statement", "not canonical JSON")
    context = _parse_context(members)
    sealed = parse_base64url(members["sealed_key"], "grant sealed_key", size=SEALED_BYTES[context.suite])
    listed = _list(members["items"], "grant statement items")
    signed = tuple(parse_base64url(item, "grant item hash", size=32) for item in listed)
    digests = {item.digest() for item in items}
    if len({item.capsule for item in items}) != len(items) or len(set(signed)) != len(signed):
        raise MalformedError("grant", "a capsule or a hash stands twice")
    if not digests <= set(signed):
        raise MalformedError("grant", "an item that the statement does not list")
    return Grant(jws, context, sealed, signed, items)


def _parse_context(members: Mapping[str, Json]) -> Context:
    if type(members["version"]) is not int or members["version"] != VERSION:
        raise MalformedError("grant statement", "another version")
    suite = _text(members["suite"], "grant suite", MAX_TEXT_CHARACTERS)
    if suite not in {name.value for name in SuiteName}:
        raise MalformedError("grant suite", "none that is known")
    recipient = _members(members["recipient"], {"key", "organisation"}, "grant recipient")
    return Context(
        grantor=_integer(members["grantor"], "grant grantor", MAX_ORGANISATION),
        recipient=_integer(recipient["organisation"], "grant recipient", MAX_ORGANISATION),
        recipient_key=parse_base64url(recipient["key"], "grant recipient key", size=32),
        suite=SuiteName(suite),
        policy=_parse_policy(_members(members["policy"], {"expires_at", "profile", "purpose"}, "grant policy")),
        issued_at=_integer(members["issued_at"], "grant issued_at", MAX_TIME),
    )


def _parse_policy(members: Mapping[str, Json]) -> Policy:
    expires = members["expires_at"]
    return Policy(
        profile=_text(members["profile"], "policy profile", MAX_TEXT_CHARACTERS),
        purpose=_text(members["purpose"], "policy purpose", MAX_TEXT_CHARACTERS),
        expires_at=None if expires is None else _integer(expires, "policy expires_at", MAX_TIME),
    )


def _parse_item(value: Json) -> GrantItem:
    members = _members(value, _ITEM_MEMBERS, "grant item")
    return GrantItem(
        capsule=str(parse_cid(_text(members["capsule"], "grant item capsule", MAX_TEXT_CHARACTERS))),
        key_commitment=parse_base64url(members["key_commitment"], "grant key_commitment", size=32),
        item_key_commitment=parse_base64url(members["item_key_commitment"], "grant item_key_commitment", size=32),
        ciphertext=parse_base64url(members["ciphertext"], "grant ciphertext", size=CIPHERTEXT_BYTES),
    )


def _members(value: Json, names: set[str], what: str) -> dict[str, Json]:
    if not isinstance(value, dict) or set(value) != names:
        raise MalformedError(what, f"not an object of exactly {', '.join(sorted(names))}")
    return value


def _list(value: Json, what: str) -> list[Json]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise MalformedError(what, f"not a list of at most {MAX_ITEMS}")
    return value


def _text(value: Json, what: str, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise MalformedError(what, f"not a text of 1 to {longest} characters")
    return value


def _integer(value: Json, what: str, highest: int) -> int:
    if type(value) is not int or not 0 <= value <= highest:
        raise MalformedError(what, f"not an integer from 0 to {highest}")
    return value
