"""What a credential discloses of an event, and under which names it may."""

from __future__ import annotations

from ledger.credential.base64url import encode_base64url
from ledger.credential.disclosure import RESERVED
from ledger.credential.sd_jwt import ALWAYS_VISIBLE, CLAIM_NAMES
from ledger.errors import MalformedError
from ledger.event import Event, Json
from ledger.rules.targets import ID_FIELDS

_OWN = frozenset({"occurred_at", "document_id", "aliases", "salt", CLAIM_NAMES})
"""What a credential says itself beside the fields: a field of such a name would be lost, or taken for it."""
_TAKEN = ALWAYS_VISIBLE | RESERVED | _OWN | set(ID_FIELDS.values())


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


def verify_names(event: Event) -> None:
    """Refuse fields whose names mean something else in a credential: no reader would take it, or he would be misled.

    Raises: MalformedError.
    """
    taken = sorted(event.fields.keys() & _TAKEN)
    if taken:
        raise MalformedError("field", f"{', '.join(taken)}: not a name that a credential can disclose")
    own = {"identifier": event.asset.identifier, "asset_type": event.asset.asset_type.value}
    posing = [name for name, value in own.items() if event.fields.get(name, value) != value]
    if posing:
        raise MalformedError("field", f"{', '.join(posing)}: another than that of the asset which the event is of")
