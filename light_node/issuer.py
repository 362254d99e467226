"""Whether an issuer's key was valid for its organisation at the time of an attestation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.credential.base64url import parse_base64url
from ledger.credential.jose import Algorithm, PublicKey, parse_jwk
from ledger.credential.sd_jwt import RawSdJwt
from ledger.errors import IssuerError, MalformedError
from ledger.key_validity import Standing, is_devices, standing_at
from ledger.proof.evidence import IssuerKey
from light_node.proofs import ProvenState

ALGORITHMS = {1: Algorithm.ES256, 2: Algorithm.ES256K, 3: Algorithm.EDDSA}
KEY_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Issuers:
    """Public keys of an evidence file by organisation and key id; each believed only with its proven record."""

    keys: Mapping[tuple[int, str], PublicKey]

    def key(self, organisation: int, credential: RawSdJwt) -> PublicKey:
        """Return the key that a credential names.

        Raises:
            MalformedError: What names it is no key id.
            IssuerError: The file holds no such key of the organisation.
        """
        name = credential.jws.header.get("kid", "")
        key = self.keys.get((organisation, name))
        if key is None:
            parse_base64url(name, "kid", size=KEY_ID_BYTES)
            raise IssuerError(f"the credential names a key that is not among those of organisation {organisation}")
        return key


def parse_issuers(issuers: Sequence[IssuerKey]) -> Issuers:
    """Read the public keys of an evidence file.

    Raises: MalformedError, also where one stands twice.
    """
    keys: dict[tuple[int, str], PublicKey] = {}
    for issuer in issuers:
        key = parse_jwk(issuer.jwk)
        if keys.setdefault((issuer.organisation, key.key_id), key) is not key:
            raise MalformedError("evidence", "an issuer key twice", "/issuers")
    return Issuers(keys)


def verify_issuer(key: PublicKey, organisation: int, time: int, state: ProvenState) -> bool:
    """Prove that a key was one of an organisation's issuer keys at a time.

    1. The organisation added it, for this algorithm, and not as a device's, which signs no credentials.
    2. The time lies from ``valid_from`` until before ``valid_until``.
    3. The time lies before ``revoked_from``; or else not after the revocation was recorded: then it is *disputed*.

    Args:
        key: Parsed.
        organisation: Who attested.
        time: Of the attestation, in seconds since the epoch.
        state: *Verified*; holds the proof of the key's record.

    Returns:
        Whether the attestation is disputed.

    Raises:
        IssuerError: 1, 2 or 3 does not hold.
        MalformedError: The proof of the record is not in the file.
    """
    record = state.issuer_key(organisation, key.thumbprint)
    if record is None or ALGORITHMS.get(record.algorithm) is not key.algorithm:  # 1
        raise IssuerError(f"organisation {organisation} never added this {key.algorithm} key")
    if is_devices(record):
        raise IssuerError(f"organisation {organisation} added this key for a device: it signs no credentials")
    standing = standing_at(record, time)
    if standing is Standing.OUTSIDE:  # 2
        window = f"valid from {record.valid_from} until {record.valid_until}"
        raise IssuerError(f"the key of organisation {organisation} is {window}, the attestation is of {time}")
    if standing is Standing.REVOKED:  # 3
        raise IssuerError(f"the key of organisation {organisation} was revoked before the attestation at {time}")
    return standing is Standing.DISPUTED
