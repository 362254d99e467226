"""What a credential discloses of an event."""

from __future__ import annotations

from ledger.credential.base64url import encode_base64url
from ledger.credential.sd_jwt import CLAIM_NAMES
from ledger.event import Event, Json


def claims_of_event(event: Event, salt: bytes | None) -> dict[str, Json]:
    """The claims that are hashed into the credential one by one, and last a list of their names.

    They are fields, time, ids, and for a genesis its identity.

    Args:
        event: As planned.
        salt: That of the subject, 32 bytes, for a genesis; else None.
    """
    claims: dict[str, Json] = {**event.fields, "occurred_at": event.occurred_at.isoformat()}
    if event.document_id is not None:
        claims["document_id"] = event.document_id
    if salt is not None:
        claims["identifier"] = event.asset.identifier
        claims["asset_type"] = event.asset.asset_type.value
        claims["aliases"] = list(event.aliases)
        claims["salt"] = encode_base64url(salt)
    claims[CLAIM_NAMES] = [*sorted(claims.keys() - {CLAIM_NAMES})]
    return claims
