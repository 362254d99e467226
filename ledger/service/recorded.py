"""What recording came to: the events that were queued, those known before, and what the contract refused."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.errors import RejectedError
from ledger.service.plan import EventName


@dataclass(slots=True)
class Recorded:
    """What recording came to.

    Attributes:
        events: Names of the events that were signed and queued, with the digests of their credentials.
        repeated: How many events were recorded before, with the same content.
        refused: Digest and reason of each item that the contract did not take.
    """

    events: list[tuple[EventName, bytes]] = field(default_factory=list)
    repeated: int = 0
    refused: list[tuple[bytes, str]] = field(default_factory=list)


def raise_refused(recorded: Recorded) -> None:
    """Turn what the contract refused into an error.

    Raises: RejectedError, with the first reason and the number of the others.
    """
    if recorded.refused:
        digest, reason = recorded.refused[0]
        more = f" (and {len(recorded.refused) - 1} more)" if len(recorded.refused) > 1 else ""
        raise RejectedError(f"the contract refused {digest.hex()[:16]}: {reason}{more}")
