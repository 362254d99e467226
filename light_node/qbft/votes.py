"""The set of validators as proposers vote it in their headers; for a trust file that says that this may be believed.

It may be only where the engine itself binds coinbase and list to the proposer, as Besu does. Where it does not, as in
GoQuorum, one validator alone can vote in the names of all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import ConsistencyError, MalformedError
from ledger.proof.header import RawHeader
from ledger.proof.qbft_extra import QbftExtra, ValidatorVote
from light_node.qbft.seals import SealedHeader
from light_node.qbft.steps import TrustedSet, open_step

MAX_EPOCH_LENGTH = 2**32
MAX_OPEN_VOTES = 2**16
"""So many are remembered from one file to the next."""


@dataclass(frozen=True, slots=True)
class VotingRule:
    """How the engine counts; from the trust file.

    Attributes:
        epoch_length: Blocks after which open votes are forgotten; the numbers that it divides are the boundaries.
        epoch_vote_counts: Whether the vote in the block of a boundary counts, in the new epoch: so in GoQuorum; in Besu
            it does not.
    """

    epoch_length: int
    epoch_vote_counts: bool = True


@dataclass(frozen=True, slots=True)
class Tally:
    """Who is in force for the next block, and the votes that are open.

    Attributes:
        validators: Ascending.
        votes: (voter, candidate), 20 bytes each; to remove a candidate who is a member, to add any other.
    """

    validators: tuple[bytes, ...]
    votes: frozenset[tuple[bytes, bytes]] = frozenset()


@dataclass(frozen=True, slots=True)
class TrustedTally:
    """A block that is final here, and the tally after it.

    One that is pinned, with no votes, must be a block after which none are open, best the last of an epoch. Votes that
    are not known of can only lead to a refusal: the next change is then one that the tally does not explain.

    Attributes:
        number: Height of the block.
        hash: Its hash after the QBFT rule, 32 bytes.
        time: Timestamp of the block, in seconds since the epoch.
        tally: After its vote.
    """

    number: int
    hash: bytes
    time: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class VerifiedChain:
    """Contiguous blocks that are final, in their order, and what to go on from."""

    headers: tuple[SealedHeader, ...]
    trusted: TrustedTally


def apply_votes(tally: Tally, rule: VotingRule, number: int, coinbase: bytes, vote: ValidatorVote | None) -> Tally:
    """Return the tally after block ``number``, which the member ``coinbase`` proposed, with or without a vote.

    1. At a boundary of epochs all open votes are forgotten, before the block's own vote counts, if it does.
    2. The voter's earlier vote on this candidate is replaced: nobody counts twice.
    3. A vote to add a member, or to remove another, counts for nothing (but has withdrawn the earlier one).
    4. With more than half of the set the candidate is added or removed, for the next block.
    5. Then open votes about the candidate, and all by one who was removed, are discarded.

    Source: EEA QBFT Blockchain Protocol Specification 1.0; blocks recorded from GoQuorum 24.4.1.
    """
    members, votes = tally.validators, tally.votes
    at_boundary = number % rule.epoch_length == 0
    if at_boundary:  # 1
        votes = frozenset()
    if vote is None or (at_boundary and not rule.epoch_vote_counts):
        return tally if votes == tally.votes else Tally(members, votes)
    candidate = vote.validator
    votes -= {(coinbase, candidate)}  # 2
    if vote.adds != (candidate in members):  # 3
        votes |= {(coinbase, candidate)}
    if 2 * sum(about == candidate for _, about in votes) <= len(members):  # 4
        return Tally(members, votes)
    changed = set(members) ^ {candidate}
    kept = frozenset((voter, about) for voter, about in votes if about != candidate and voter in changed)  # 5
    return Tally(tuple(sorted(changed)), kept)


def verify_voted_step(trusted: TrustedTally, rule: VotingRule, header: RawHeader) -> tuple[SealedHeader, TrustedTally]:
    """Prove that a block is the next one, and that its list is what the votes before it make.

    1. It is the next block, sealed by the set of the tally: see ``verify_step``.
    2. Its list of validators is in ascending order.
    3. Its list is the set of the tally.
    4. Its coinbase, the author of its vote, is one of them.

    Raises:
        MalformedError: 2 does not hold.
        ConsistencyError: 3 or 4 does not hold: a false list, a vote that was counted twice or not at all.
        RollbackError, ForkError, SignatureError, QuorumError: 1 does not hold.
    """
    tally = trusted.tally
    known = TrustedSet(trusted.number, trusted.hash, tally.validators, trusted.time)
    sealed, extra = open_step(known, header)  # 1
    _check_list(extra, tally.validators, header.number)  # 2, 3
    if header.coinbase not in tally.validators:  # 4
        raise ConsistencyError(f"block {header.number} is by 0x{header.coinbase.hex()}, who is no validator of it")
    after = apply_votes(tally, rule, header.number, header.coinbase, extra.vote)
    return sealed, TrustedTally(sealed.number, sealed.hash, sealed.time, after)


def verify_chain(trusted: TrustedTally, rule: VotingRule, headers: Iterable[RawHeader]) -> VerifiedChain:
    """Prove contiguous blocks by the votes in them; each as in ``verify_voted_step``.

    Args:
        trusted: *Verified*; the block before the first.
        rule: From the trust file.
        headers: *Untrusted*, parsed; ascending. There is no skipping by votes: none of them may be missing.

    Raises:
        MalformedError: An unusable rule, or see ``verify_voted_step``, as for all others.
    """
    if not 0 < rule.epoch_length <= MAX_EPOCH_LENGTH:
        raise MalformedError("voting rule", f"an epoch of {rule.epoch_length} blocks")
    verified = []
    for header in headers:
        sealed, trusted = verify_voted_step(trusted, rule, header)
        verified.append(sealed)
    return VerifiedChain(tuple(verified), trusted)


def _check_list(extra: QbftExtra, expected: tuple[bytes, ...], number: int) -> None:
    listed = extra.validators
    if listed == expected:
        return
    if listed != tuple(sorted(set(listed))):
        raise MalformedError("list of validators", f"not in ascending order in block {number}")
    raise ConsistencyError(f"block {number} lists other validators than the votes before it make")
