"""Where our contracts keep what is proven, and how their packed words are read.

The numbers are those of the storage layouts in ``contracts/artefacts``; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ledger.errors import MalformedError
from ledger.proof.keccak import keccak256

HEAD_SLOT, SUCCESSOR_SLOT = 0, 1  # of a log
MEMBERS_SLOT, ISSUER_KEYS_SLOT, NAMESPACES_SLOT, VALIDATORS_SLOT = 0, 1, 2, 10  # of Consortium
MAX_NAMESPACE_GRANTS = 64
DEVICE_KEY = 1
"""Flag of an issuer key that is a device's: it signs batches of readings, and no credentials."""

_WORD_BYTES = 32
_SLOTS = 2**256
_TIME = 2**48 - 1
_ORGANISATION = 2**32 - 1


@dataclass(frozen=True, slots=True)
class IssuerKeyRecord:
    """What ``Consortium`` records of an issuer key; times in seconds since the epoch.

    Attributes:
        valid_from: Never back-dated.
        valid_until: Exclusive.
        revoked_from: 0 where it is not revoked.
        changed_at: When it was last changed.
        algorithm: 1 ES256, 2 ES256K, 3 EdDSA.
        flags: The organisation's own; ``DEVICE_KEY`` for the key of a device.
    """

    valid_from: int
    valid_until: int
    revoked_from: int
    changed_at: int
    algorithm: int
    flags: int


@dataclass(frozen=True, slots=True)
class NamespaceGrant:
    """Who holds a namespace from when (seconds since the epoch) until the next grant; organisation 0 is nobody."""

    organisation: int
    since: int


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """Which organisation an account writes for, and its role bits; organisation 0 is none."""

    organisation: int
    roles: int


def mapping_slot(key: bytes, slot: int | bytes) -> bytes:
    """Compute the slot of a mapping's value: keccak256(key ‖ slot of the mapping).

    Args:
        key: The key as a 32-byte word.
        slot: Of the mapping, as a number or as 32 bytes.

    Source: Solidity documentation, "Layout of State Variables in Storage", mappings.
    """
    if len(key) != _WORD_BYTES:
        raise ValueError(f"a key of {len(key)} bytes")
    return keccak256(key + (word_of(slot) if isinstance(slot, int) else slot))


def array_slot(slot: int | bytes, index: int) -> bytes:
    """Compute the slot of element ``index`` of a dynamic array, one slot each: keccak256(slot of the array) + index."""
    start = int.from_bytes(keccak256(word_of(slot) if isinstance(slot, int) else slot), "big")
    return word_of((start + index) % _SLOTS)


def word_of(value: int) -> bytes:
    """Write a number as a 32-byte word."""
    return value.to_bytes(_WORD_BYTES, "big")


def head_slot(subject: bytes) -> bytes:
    """Slot of a subject's head in an attestation log."""
    return mapping_slot(subject, HEAD_SLOT)


def member_slot(account: bytes) -> bytes:
    """Slot of an account's membership in ``Consortium``; ``account`` is a 20-byte address."""
    return mapping_slot(account.rjust(_WORD_BYTES, b"\0"), MEMBERS_SLOT)


@lru_cache(maxsize=128)
def issuer_key_slot(organisation: int, thumbprint: bytes) -> bytes:
    """Slot of an issuer key's record in ``Consortium``; ``thumbprint`` is the JWK's, 32 bytes."""
    return mapping_slot(thumbprint, mapping_slot(word_of(organisation), ISSUER_KEYS_SLOT))


def namespace_slot(identifier: bytes) -> bytes:
    """Slot of the number of grants of a namespace in ``Consortium``; ``identifier`` is its id, 32 bytes."""
    return mapping_slot(identifier, NAMESPACES_SLOT)


def namespace_element_slot(identifier: bytes, index: int) -> bytes:
    """Slot of one grant of a namespace."""
    return array_slot(namespace_slot(identifier), index)


@lru_cache(maxsize=128)
def parse_issuer_key(word: int) -> IssuerKeyRecord | None:
    """Read the record of an issuer key; None where the word is 0: it was never added.

    Raises: MalformedError, where bits are set that the layout leaves empty.
    """
    if not word:
        return None
    _check_width(word, 4 * 48 + 16, "issuer key record")
    return IssuerKeyRecord(
        valid_from=word & _TIME,
        valid_until=word >> 48 & _TIME,
        revoked_from=word >> 96 & _TIME,
        changed_at=word >> 144 & _TIME,
        algorithm=word >> 192 & 0xFF,
        flags=word >> 200 & 0xFF,
    )


def parse_namespace_grant(word: int) -> NamespaceGrant:
    """Read one grant of a namespace.

    Raises: MalformedError, where bits are set that the layout leaves empty.
    """
    _check_width(word, 32 + 48, "namespace grant")
    return NamespaceGrant(word & _ORGANISATION, word >> 32)


def parse_member(word: int) -> MemberRecord:
    """Read an account's membership.

    Raises: MalformedError, where bits are set that the layout leaves empty.
    """
    _check_width(word, 32 + 64, "member record")
    return MemberRecord(word & _ORGANISATION, word >> 32)


def parse_address(word: int) -> bytes:
    """Read an address, 20 bytes, e.g. a validator's or a successor's.

    Raises: MalformedError, where bits are set that the layout leaves empty.
    """
    _check_width(word, 160, "address")
    return word.to_bytes(20, "big")


def _check_width(word: int, bits: int, what: str) -> None:
    if not 0 <= word < 1 << bits:
        raise MalformedError(what, f"bits above the {bits} of the layout")
