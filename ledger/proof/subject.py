"""Pseudonyms on chain: subjects of assets, ids of namespaces."""

from __future__ import annotations

from ledger.proof.keccak import keccak256

SALT_BYTES = 32


def subject(organisation: int, asset_type: str, identifier: str, salt: bytes) -> bytes:
    """Compute an asset's pseudonym.

    Args:
        organisation: Who registers it, 32 bits; only it can write the genesis.
        asset_type: ``battery``, ``vehicle`` or ``part``.
        identifier: Canonical text.
        salt: 32 random bytes, never derived from the identifier.

    Returns:
        32 bytes: organisation ‖ first 224 bits of keccak256(type ‖ 0 ‖ identifier ‖ 0 ‖ salt).
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    hashed = keccak256(b"\0".join((asset_type.encode("ascii"), identifier.encode("utf-8"), salt)))
    return organisation.to_bytes(4, "big") + hashed[:28]


def namespace_id(scheme: int, prefix: str) -> bytes:
    """Key of a namespace in ``Consortium``: keccak256(scheme ‖ prefix in ASCII), 32 bytes."""
    return keccak256(bytes((scheme,)) + prefix.encode("ascii"))
