"""Proof that a grantor signed a false key for a capsule, for a third party who can open nothing himself.

Source: the threat of ``docs/threats.md``: AES-GCM does not commit to its key, so that one sealed text can be made to
open under two keys to two contents.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.capsule_format import KEY_BYTES, CapsuleReference, commit_key
from ledger.credential.grant import VerifiedGrant, open_item, open_item_keys, verify_grant, verify_item_key
from ledger.credential.grant_format import Grant, encode_grant
from ledger.credential.grant_reader import MAX_BYTES, parse_grant
from ledger.credential.jose import PublicKey
from ledger.credential.recipient import RecipientPrivateKey
from ledger.errors import ContentMismatchError, MalformedError
from ledger.strict_json import canonical_json, parse_json


@dataclass(frozen=True, slots=True)
class FalseKeyProof:
    """A signed item with the key that opens it; the batch's other keys stay secret.

    Attributes:
        grant: The grant with the one item in question.
        item_key: What opens the item; the item commits to it.
    """

    grant: Grant
    item_key: bytes


def prove_false_key(
    verified: VerifiedGrant, private: RecipientPrivateKey, reference: CapsuleReference
) -> FalseKeyProof:
    """Make the proof that a grant gives another key for a capsule than its credential commits to.

    Args:
        verified: The grant, with an item for the capsule.
        private: The recipient's.
        reference: *Verified*; from the credential.

    Raises:
        MalformedError: The grant has no item for this capsule, or the item gives the right key.
        ContentMismatchError: The grant cannot be opened with this key. That is seen at once, and is as if nothing
            had been granted; what it would have contained cannot be shown to others.
    """
    one = verified.grant.only(reference.cid)
    if not one.items:
        raise MalformedError("grant", f"no item for the capsule {reference.cid}")
    proof = FalseKeyProof(one, open_item_keys(one, private)[reference.cid])
    verify_false_key(proof, verified.key, reference)
    return proof


def verify_false_key(proof: FalseKeyProof, key: PublicKey, reference: CapsuleReference) -> int:
    """Check the proof of a false key.

    1. The grantor signed the statement, and the statement lists the one item, which is of this capsule.
    2. The item commits to the key that is shown.
    3. With that key the item does not open, or opens to another key than the credential commits to.

    Args:
        proof: *Untrusted*.
        key: *Verified*: the grantor's issuer key at that time.
        reference: *Verified*; from the credential.

    Returns:
        Number of the organisation that signed the false key.

    Raises:
        SignatureError: The signature of 1 fails.
        ContentMismatchError: 2 fails.
        MalformedError: The item of 1 is another, or 3 fails: nothing is proven.
    """
    grant = verify_grant(proof.grant, key).grant  # 1
    if [item.capsule for item in grant.items] != [reference.cid]:
        raise MalformedError("proof of a false key", "is about another capsule")
    item = grant.items[0]
    verify_item_key(item, proof.item_key)  # 2
    try:
        found = commit_key(open_item(item, proof.item_key, grant.context.digest()))
    except ContentMismatchError:
        return grant.context.grantor  # 3
    if found == reference.key_commitment:
        raise MalformedError("proof of a false key", "the key is the right one")
    return grant.context.grantor


def encode_false_key_proof(proof: FalseKeyProof) -> bytes:
    """Write the proof as canonical JSON: ``{"grant": …, "item_key": …}``."""
    grant = parse_json(encode_grant(proof.grant))
    return canonical_json({"grant": grant, "item_key": encode_base64url(proof.item_key)})


def parse_false_key_proof(data: bytes) -> FalseKeyProof:
    """Read a proof.

    Args:
        data: *Untrusted*.

    Raises:
        MalformedError: not in the format, or over a limit of ``parse_grant``.
    """
    value = parse_json(data, what="proof of a false key", max_bytes=MAX_BYTES, max_depth=4)
    if not isinstance(value, dict) or set(value) != {"grant", "item_key"} or canonical_json(value) != data:
        raise MalformedError("proof of a false key", "not exactly grant and item_key in canonical JSON")
    item_key = parse_base64url(value["item_key"], "item_key", size=KEY_BYTES)
    return FalseKeyProof(parse_grant(canonical_json(value["grant"])), item_key)
