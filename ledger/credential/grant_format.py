"""What a grant consists of, and how it is written; ``ledger.credential.grant_reader`` reads it.

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
from dataclasses import dataclass
from hashlib import sha256

from ledger.credential.base64url import encode_base64url
from ledger.credential.jws import RawJws
from ledger.credential.recipient import SuiteName
from ledger.event import Json
from ledger.strict_json import canonical_json

TYPE = "vinculum-grant+jwt"
MEDIA_TYPE = "application/vnd.vinculum.grant+json"
VERSION = 1
MAX_ITEMS = 10_000
_CONTEXT_LABEL = b"vinculum/grant/1"
_ITEM_LABEL = b"vinculum/grant-item/1"


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
