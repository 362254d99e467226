"""When a key that ``Consortium`` records may be believed: one rule, for rows of an index and for proven slots. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from ledger.proof.slots import DEVICE_KEY


class KeyRecord(Protocol):
    """What ``Consortium`` records of a key; see ``ledger.proof.slots.IssuerKeyRecord``. Times in seconds."""

    @property
    def valid_from(self) -> int:
        """First second; never back-dated."""
        ...

    @property
    def valid_until(self) -> int:
        """Exclusive."""
        ...

    @property
    def revoked_from(self) -> int:
        """0 where it is not revoked."""
        ...

    @property
    def changed_at(self) -> int:
        """When it was last changed."""
        ...

    @property
    def flags(self) -> int:
        """``DEVICE_KEY`` among them for the key of a device."""
        ...


class Standing(StrEnum):
    """How a key stood at a time."""

    VALID = "valid"
    DISPUTED = "disputed"
    OUTSIDE = "outside its validity"
    REVOKED = "revoked"

    @property
    def counts(self) -> bool:
        """Whether what was signed then is its organisation's; in a span in doubt it is, and is called disputed."""
        return self in (Standing.VALID, Standing.DISPUTED)


def standing_at(record: KeyRecord, time: int, skew: int = 0) -> Standing:
    """Return how a key stood at a time, whatever it is for.

    1. It is valid from ``valid_from`` until before ``valid_until``.
    2. From ``revoked_from`` on it is revoked; but in doubt until the second in which that was recorded, since the order
       within it is not known.

    Args:
        record: As the chain has it, indexed or proven.
        time: In seconds since the epoch.
        skew: By how many seconds the clock that gave the time may differ; 0 for the chain's own.
    """
    if not record.valid_from - skew <= time < record.valid_until + skew:  # 1
        return Standing.OUTSIDE
    if not record.revoked_from or time < record.revoked_from:  # 2
        return Standing.VALID
    return Standing.DISPUTED if time <= record.changed_at + skew else Standing.REVOKED


def is_devices(record: KeyRecord) -> bool:
    """Whether it is the key of a device: it signs batches of readings, and neither credentials, grants nor exports."""
    return bool(record.flags & DEVICE_KEY)


def was_valid(record: KeyRecord | None, time: int, skew: int = 0) -> bool:
    """Whether a key spoke for its organisation at a time: added, no device's, and as ``standing_at`` counts."""
    return record is not None and not is_devices(record) and standing_at(record, time, skew).counts
