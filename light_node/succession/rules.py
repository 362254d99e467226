"""What may take the place of a pinned trust file, by whoever's word. Pure."""

from __future__ import annotations

from ledger.errors import RollbackError, StaleError, UntrustedError
from light_node.freshness import CLOCK_TOLERANCE_SECONDS
from light_node.trust import Trust
from light_node.trust_rules import WitnessRule


def digest_of(trust: Trust) -> bytes:
    """The fingerprint of a trust file as 32 bytes."""
    return bytes.fromhex(trust.fingerprint())


def check_place(old: Trust, new: Trust) -> None:
    """Refuse a trust file in place of another with which a reader would go back, or to something else.

    Raises:
        UntrustedError: Another chain or consortium, or another block at the same height.
        RollbackError: Its trusted block is lower, or of an earlier time.
    """
    if (new.chain_id, new.consortium) != (old.chain_id, old.consortium):
        raise UntrustedError("the new trust file is of another chain or another consortium")
    before, after = old.trusted_block, new.trusted_block
    if after.number < before.number:
        raise RollbackError("trusted block", before.number, after.number)
    if after.number == before.number and after != before:
        raise UntrustedError(f"the new trust file has another block {after.number} than the one before it")
    if after.time < before.time:
        raise RollbackError("time of the trusted block", before.time, after.time)


def check_following(old: Trust, new: Trust) -> WitnessRule:
    """Refuse a successor that no witness may sign, and no reader takes from witnesses.

    1. Both are final by witnesses, of one origin: who decides by another rule, a person decides.
    2. It takes nothing back; see ``check_place``.

    Returns: The rule of the old one.

    Raises:
        UntrustedError, RollbackError: 1 or 2 does not hold.
    """
    rule, after = witnesses_rule(old), new.finality
    if not isinstance(after, WitnessRule) or after.origin != rule.origin:  # 1
        raise UntrustedError("the new trust file is not of the same witnesses' log: compare its fingerprint instead")
    check_place(old, new)  # 2
    return rule


def witnesses_rule(trust: Trust) -> WitnessRule:
    """The rule by which successors of a trust file are signed.

    Raises: UntrustedError, where validators seal its chain.
    """
    if not isinstance(trust.finality, WitnessRule):
        raise UntrustedError("validators sign no successor of a trust file: compare its fingerprint instead")
    return trust.finality


def check_period(old: Trust, new: Trust, last: int, now: int) -> None:
    """Refuse to go on by old keys after a sleep, as their owners may have given them up since then, or to the future.

    Args:
        old: The pinned trust file.
        new: Its successor.
        last: Time of the last head that was accepted, or of the last anchor, in seconds since the epoch; 0: none.
        now: The local clock, in seconds since the epoch.

    Raises: StaleError, beyond the trusting period, where the clock is behind what was accepted, or where the block of
        the successor is from the future: with it the node would believe no clock until then.
    """
    since = max(old.trusted_block.time, last)
    if now < since - CLOCK_TOLERANCE_SECONDS:
        raise StaleError(f"the local clock is {since - now} s behind the last accepted head")
    if now - since > old.trusting_period_seconds:
        raise StaleError(
            f"the last accepted head is {now - since} s old, beyond the trusting period: anchor anew, or compare the"
            " fingerprint"
        )
    if new.trusted_block.time > now + CLOCK_TOLERANCE_SECONDS:
        raise StaleError(f"the block of the new trust file is {new.trusted_block.time - now} s in the future")
