"""From a trusted block to a far one, past all between them; and where to look when too many validators changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import QuorumError, RollbackError, StaleError
from ledger.proof.header import RawHeader
from light_node.freshness import CLOCK_TOLERANCE_SECONDS
from light_node.qbft.seals import SealedHeader, check_validators, open_overlap, verify_overlap
from light_node.qbft.steps import AcceptedBlock, TrustedSet, check_place, check_time, verify_step

MAX_RETREATS = 4096


def verify_skip(trusted: TrustedSet, header: RawHeader, now: int, trusting_period_seconds: int) -> SealedHeader:
    """Prove that a block, far or next, belongs to the chain of a trusted one.

    1. The clock is not behind the trusted block, and the trusted block is within the trusting period: later, former
       validators have nothing to lose any more.
    2. The block is not from the future.
    3. It is not below the trusted block, nor above it and of an earlier time.
    4. The next block: as in ``verify_step``; every seal is by the set in force, and the parent is the trusted block.
    5. A far block: every seal is valid and by somebody else, and a quorum of the *trusted* set is among them. Seals by
       strangers are newcomers'; they neither count nor refuse. ``verify_advance`` then needs the set that it leads to.
    6. At the height of the trusted block: the same block.

    Args:
        trusted: *Verified.*
        header: *Untrusted*, parsed.
        now: The local clock, in seconds since the epoch.
        trusting_period_seconds: How long validators are believed after they sealed.

    Raises:
        StaleError: 1 or 2 does not hold.
        RollbackError: 3 does not hold.
        QuorumError: Too few; of a far block, nearer ones may do: see ``Bisection``.
        MalformedError, SignatureError: 4 or 5 does not hold otherwise.
        ForkError: A quorum sealed another block than the trusted one, or another's child; carries both hashes.
    """
    check_clock(trusted, header, now, trusting_period_seconds)
    if header.number == trusted.number + 1:  # 4
        return verify_step(trusted, header)
    sealed = open_overlap(header, trusted.validators)  # 5
    check_place(trusted, header, sealed.hash)  # 6
    return sealed


def verify_advance(trusted: TrustedSet, sealed: SealedHeader, validators: Sequence[bytes]) -> TrustedSet:
    """Advance the trusted set to a block that ``verify_skip`` or ``verify_step`` returned.

    Of a far block, also a quorum of the set that it leads to must have sealed it. A quorum of the earlier set alone
    shows that it is valid, not yet that it is final: where the set has grown, those are too few to decide anything.

    Args:
        trusted: *Verified*; that from which ``sealed`` was reached.
        sealed: *Verified.*
        validators: *Verified*; in force for the block after ``sealed``, e.g. by ``validators_from_proof``.

    Raises:
        MalformedError: No set of validators.
        QuorumError: The far block has no quorum of it: it changed the set itself, or is not final. Nearer ones may do.
    """
    check_validators(validators)
    if sealed.number > trusted.number + 1:
        verify_overlap(frozenset(sealed.signers), validators)
    return TrustedSet(sealed.number, sealed.hash, tuple(sorted(validators)), sealed.time)


def check_clock(accepted: AcceptedBlock, header: RawHeader, now: int, trusting_period_seconds: int) -> None:
    """Refuse a header that cannot be judged now: checks 1 to 3 of ``verify_skip``."""
    age = now - accepted.time
    if age < -CLOCK_TOLERANCE_SECONDS:  # 1
        raise StaleError(f"the local clock is {-age} s behind the trusted block")
    if age > trusting_period_seconds:
        raise StaleError(f"the trusted block is {age} s old, beyond the trusting period: anchor anew")
    if header.timestamp > now + CLOCK_TOLERANCE_SECONDS:  # 2
        raise StaleError(f"the block is {header.timestamp - now} s in the future")
    if header.number < accepted.number:  # 3
        raise RollbackError("block number", accepted.number, header.number)
    if header.number > accepted.number:  # beside it there is a fork, whichever of the two is the earlier
        check_time(accepted, header)


@dataclass(frozen=True, slots=True)
class Bisection:
    """The way to a far block: which height to ask for next. A value; each answer makes the next one.

    The distance halves with each refusal, so between two blocks that were reached there are at most 64; and there are
    at most ``retreats_left`` refusals in all, and one more blocks reached than refusals.

    Attributes:
        reached: Height of the trusted set.
        wanted: Heights still to be reached, the goal first and the next to ask for last, descending.
        retreats_left: How many more refusals are followed up.
    """

    reached: int
    wanted: tuple[int, ...]
    retreats_left: int = MAX_RETREATS

    @property
    def next_height(self) -> int | None:
        """Height to ask for, above ``reached``; None at the goal."""
        return self.wanted[-1] if self.wanted else None

    def reach(self) -> Bisection:
        """Go on from ``next_height``, which was verified and is the trusted set now."""
        return Bisection(self.wanted[-1], self.wanted[:-1], self.retreats_left)

    def retreat(self, error: QuorumError) -> Bisection:
        """Aim half way to ``next_height``, which was refused with ``error``.

        Raises: QuorumError, the one given, where the block is the next one, or no retreat is left.
        """
        distance = self.wanted[-1] - self.reached
        if distance < 2 or not self.retreats_left:
            raise error
        return Bisection(self.reached, (*self.wanted, self.reached + distance // 2), self.retreats_left - 1)


def bisect(reached: int, goal: int) -> Bisection:
    """Begin the way from the trusted height ``reached`` to ``goal``, at once if it may be.

    Raises: RollbackError, for a goal below.
    """
    if goal < reached:
        raise RollbackError("block number", reached, goal)
    return Bisection(reached, (goal,) if goal > reached else ())
