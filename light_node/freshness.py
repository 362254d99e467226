"""Whether a block is of a time that can be judged by, now."""

from __future__ import annotations

from ledger.errors import StaleError
from light_node.heads import Accepted, VerifiedHeader
from light_node.trust import Trust

CLOCK_TOLERANCE_SECONDS = 60


def verify_freshness(header: VerifiedHeader, trust: Trust, accepted: Accepted | None, now: int, since: int = 0) -> None:
    """Prove that the header is neither from the future nor too old, as far as the local clock can be believed.

    1. The clock is not behind the last accepted head: then it says nothing about age.
    2. The last accepted head, or the last anchor, is within the trusting period: else the pinned keys may have been
       retired since.
    3. The header is not from the future.
    4. The header is not older than the maximum age.
    5. It is not older than the reader asked for: nothing that happened before he asked can be left out.

    Args:
        header: *Verified.*
        trust: The trust file.
        accepted: What was accepted here before, or None.
        now: The local clock, in seconds since the epoch.
        since: When he asked, in seconds since the epoch; 0 where any recent block will do.

    Raises:
        StaleError: 1 to 5 does not hold.
    """
    before = (0, 0) if accepted is None else (accepted.block.time, accepted.anchored_at)
    last = max(trust.trusted_block.time, *before)
    if now < last - CLOCK_TOLERANCE_SECONDS:  # 1
        raise StaleError(f"the local clock is {last - now} s behind the last accepted head")
    if now - last > trust.trusting_period_seconds:  # 2
        raise StaleError(f"the last accepted head is {now - last} s old, beyond the trusting period: anchor anew")
    if header.time > now + CLOCK_TOLERANCE_SECONDS:  # 3
        raise StaleError(f"the block is {header.time - now} s in the future")
    if now - header.time > trust.maximum_age_seconds:  # 4
        raise StaleError(f"the block is {now - header.time} s old, at most {trust.maximum_age_seconds} s are judged by")
    if header.time < since:  # 5
        raise StaleError(f"the block is {since - header.time} s older than what was asked for")
