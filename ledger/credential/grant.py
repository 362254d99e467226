"""Grants: keys of capsules, sealed for one recipient and signed by the grantor.

One HPKE encapsulation for each recipient and batch. What HPKE seals is a batch key; each capsule's key is sealed
under a key of its own that follows from it, so that one item can be opened, handed on or shown alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.credential.base64url import encode_base64url
from ledger.credential.capsule_format import KEY_BYTES, commit_key, verify_key
from ledger.credential.grant_format import MAX_ITEMS, TYPE, Context, Grant, GrantItem, Policy
from ledger.credential.grant_reader import parse_statement
from ledger.credential.jose import PublicKey
from ledger.credential.jws import sign_jws, verify_jws
from ledger.credential.recipient import RecipientKey, RecipientPrivateKey, open_sealed, seal_for
from ledger.credential.signing import SigningKey
from ledger.errors import ContentMismatchError, MalformedError
from ledger.strict_json import canonical_json

_ITEM_KEY_LABEL = b"vinculum/grant-item-key/1"
_ITEM_COMMITMENT_LABEL = b"vinculum/grant-item-key-commitment/1"
_NONCE = bytes(12)
"""Fixed: an item's key encrypts one message."""


@dataclass(frozen=True, slots=True)
class VerifiedGrant:
    """A grant whose signature and parts are checked; ``verify_grant`` makes it."""

    grant: Grant
    key: PublicKey


def seal_grant(
    recipient: RecipientKey, context: Context, keys: Sequence[tuple[str, bytes]], key: SigningKey, batch_key: bytes
) -> Grant:
    """Seal keys of capsules for one recipient.

    Args:
        recipient: The key that ``context`` names.
        context: Who, to whom, what for, when (``context_for``).
        keys: CID and key, 32 bytes, of each capsule of the batch. Whoever grants a key that he was given himself
            checks it first (``verify_key``): he answers for what he signs.
        key: The grantor's issuer key.
        batch_key: 32 fresh random bytes, of this recipient and batch alone.

    Returns:
        The grant with all its items.

    Raises:
        MalformedError: a key that ``context`` does not name, a CID twice or not canonical, another length or count.
    """
    if (recipient.thumbprint, recipient.suite) != (context.recipient_key, context.suite):
        raise MalformedError("grant", "the context names another recipient key")
    if len(batch_key) != KEY_BYTES or not 0 < len(keys) <= MAX_ITEMS:
        raise MalformedError("grant", f"needs a batch key of {KEY_BYTES} bytes and 1 to {MAX_ITEMS} keys")
    bound = context.digest()
    items = tuple(_seal_item(cid, capsule_key, batch_key, bound) for cid, capsule_key in keys)
    payload = context.claims()
    payload["items"] = [encode_base64url(item.digest()) for item in items]
    payload["sealed_key"] = encode_base64url(seal_for(recipient, batch_key, context.encode()))
    return parse_statement(sign_jws(canonical_json(payload), key, TYPE), items)


def context_for(recipient: RecipientKey, grantor: int, organisation: int, policy: Policy, issued_at: int) -> Context:
    """The context of a grant.

    Args:
        recipient: Key of the receiving organisation.
        grantor: Number of the granting organisation.
        organisation: Number of the receiving organisation.
        policy: What for.
        issued_at: Seconds since 1970.
    """
    return Context(grantor, organisation, recipient.thumbprint, recipient.suite, policy, issued_at)


def verify_grant(grant: Grant, key: PublicKey) -> VerifiedGrant:
    """Prove that the grantor signed this grant, and each of its items.

    Whether ``key`` is the grantor's is another check: its record in ``Consortium``.

    Raises:
        SignatureError: type, algorithm, key id or signature is wrong.
        MalformedError: an item that the statement does not list.
    """
    verify_jws(grant.jws, key, TYPE)
    return VerifiedGrant(parse_statement(grant.jws.text, grant.items), key)


def open_grant(verified: VerifiedGrant, private: RecipientPrivateKey) -> dict[str, bytes]:
    """Open every item that was handed on.

    1. The grant is for this key.
    2. The batch key opens, bound to the context; each item commits to the key that follows from it.
    3. Each item opens to a key with the commitment that the item states.

    The commitment in the credential is checked where the key is used: ``open_capsule``.

    Returns:
        Keys of capsules by CID.

    Raises:
        ContentMismatchError: One of these fails. Where 3 fails, or where the credential commits to another key than
            the item states, ``false_key.prove_false_key`` makes the proof.
    """
    grant = verified.grant
    item_keys, bound = open_item_keys(grant, private), grant.context.digest()  # 1, 2
    keys = {item.capsule: open_item(item, item_keys[item.capsule], bound) for item in grant.items}
    for item in grant.items:
        verify_key(keys[item.capsule], item.key_commitment)  # 3
    return keys


def _seal_item(cid: str, capsule_key: bytes, batch_key: bytes, bound: bytes) -> GrantItem:
    if len(capsule_key) != KEY_BYTES:
        raise MalformedError("capsule key", f"needs {KEY_BYTES} bytes")
    item_key = _item_key(batch_key, cid, bound)
    commitment = commit_key(capsule_key)
    sealed = AESGCM(item_key).encrypt(_NONCE, capsule_key, bound + cid.encode("ascii"))
    return GrantItem(cid, commitment, _commit_item_key(item_key), sealed)


def open_item_keys(grant: Grant, private: RecipientPrivateKey) -> dict[str, bytes]:
    """The key of each item's ciphertext, by CID; not the capsules' keys.

    Raises: ContentMismatchError, where the grant is for another key, or an item does not commit to its key.
    """
    context = grant.context
    if private.public.thumbprint != context.recipient_key or private.public.suite is not context.suite:
        raise ContentMismatchError("recipient key", context.recipient_key.hex(), private.public.thumbprint.hex())
    batch_key, bound = open_sealed(private, grant.sealed_key, context.encode()), context.digest()
    keys = {item.capsule: _item_key(batch_key, item.capsule, bound) for item in grant.items}
    for item in grant.items:
        verify_item_key(item, keys[item.capsule])
    return keys


def verify_item_key(item: GrantItem, item_key: bytes) -> None:
    """Prove that the signed item commits to this key, and that it is one: 32 bytes.

    Raises: ContentMismatchError.
    """
    found = _commit_item_key(item_key)
    if found != item.item_key_commitment or len(item_key) != KEY_BYTES:
        raise ContentMismatchError("key of a grant's item", item.item_key_commitment.hex(), found.hex())


def open_item(item: GrantItem, item_key: bytes, bound: bytes) -> bytes:
    """The capsule's key out of an item; whether it is the right one is not checked.

    Args:
        item: *Verified*: signed.
        item_key: *Verified* with ``verify_item_key``.
        bound: ``Context.digest`` of the grant.

    Raises: ContentMismatchError, where the ciphertext does not open.
    """
    try:
        return AESGCM(item_key).decrypt(_NONCE, item.ciphertext, bound + item.capsule.encode("ascii"))
    except InvalidTag:
        raise ContentMismatchError("grant item", "an authentic ciphertext", "a changed one") from None


def _item_key(batch_key: bytes, cid: str, bound: bytes) -> bytes:
    return hmac.digest(batch_key, _ITEM_KEY_LABEL + bound + cid.encode("ascii"), "sha256")


def _commit_item_key(item_key: bytes) -> bytes:
    return sha256(_ITEM_COMMITMENT_LABEL + item_key).digest()
