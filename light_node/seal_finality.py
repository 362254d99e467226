"""Finality by the commit seals of QBFT validators, over steps that lead from a block that is trusted already."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import ForkError, MalformedError, RollbackError, UntrustedError
from ledger.proof.evidence import SealFinality, SealStep
from ledger.proof.header import QBFT, RawHeader, block_hash
from light_node.heads import Accepted, ValidatedBlock
from light_node.qbft.pinned import PinnedSets, rotations_after, verify_pinned, verify_rotations
from light_node.qbft.rotation import parse_rotation
from light_node.qbft.skipping import check_clock, verify_skip
from light_node.qbft.steps import TrustedSet, check_place
from light_node.qbft.votes import MAX_OPEN_VOTES, Tally, TrustedTally, VotingRule, verify_chain
from light_node.seal_steps import step_header, verify_contract_step
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorContract, ValidatorRule, first_statement


@dataclass(frozen=True, slots=True)
class _Reader:
    """What whoever reads the file knows, and when."""

    trust: Trust
    rule: ValidatorRule
    accepted: Accepted | None
    now: int


def verify_sealed(
    header: RawHeader, finality: SealFinality, trust: Trust, rule: ValidatorRule, accepted: Accepted | None, now: int
) -> ValidatedBlock:
    """Prove that a quorum of the validators in force sealed the header.

    1. Nothing but what the source of validators asks for is in the file, each part in its one form and order.
    2. The steps lead from the last trusted block to the header; those that a node has behind it are passed over, and
       at the height of that block itself the header is that block.
    3. At each of them, the header included: the trusted set sealed it, and where the contract decides, so did the set
       that it leads to, and nobody else (``verify_skip``, ``verify_advance``); where votes decide, no block is passed
       over (``verify_chain``); where validators are pinned, those of its height sealed it (``verify_pinned``).
    4. None of them is another block, or the child of another block, than the one that was accepted last; and where
       validators are pinned, the set by which that was followed then is still the one of its height, or a later one.

    Args:
        header: Parsed, without round and seals.
        finality: *Untrusted.*
        trust: The trust file.
        rule: Its rule.
        accepted: What was accepted here before, or None.
        now: The local clock, in seconds since the epoch.

    Returns: The last block whose successor's validators are known, for the next file.

    Raises:
        MalformedError: 1 does not hold, or a part is not in its format.
        StaleError: The last accepted block is beyond the trusting period, or a block is from the future.
        QuorumError, SignatureError: 2 or 3 does not hold: too few, or by others.
        InclusionError, UntrustedError: The set is not that of the contract, or a far block has a seal of neither set.
        RollbackError, ConsistencyError: A step does not follow.
        ForkError: 4 does not hold, or a sealed block contradicts the one that it follows or replaces; carries both.
    """
    _check_parts(finality, rule)  # 1
    reader = _Reader(trust, rule, accepted, now)
    known = _known(reader)
    trusted = TrustedSet(known.block.number, known.block.hash, known.validators, known.block.time)
    last = SealStep(header.rlp, finality.round, finality.seals, finality.account, finality.validators)
    ahead = _ahead((*finality.steps, last), trusted.number)  # 2
    if not ahead:
        _verify_known(header, last, trusted, reader)
        return known
    if rule.contract is not None:
        return _validated(_verify_contract(trusted, ahead, rule.contract, reader))
    headers = [one for _, one in ahead]
    if rule.source is Source.VOTES:
        return _verify_votes(known, headers, reader)
    return _verify_pinned(headers[-1], finality, reader)


def _check_parts(finality: SealFinality, rule: ValidatorRule) -> None:
    if finality.rotations and rule.source is not Source.PINNED:
        raise MalformedError("evidence", "rotations, where validators are not pinned", "/finality/rotations")
    if finality.steps and rule.source is Source.PINNED:
        raise MalformedError("evidence", "steps, where validators are pinned", "/finality/steps")
    parts: tuple[SealFinality | SealStep, ...] = (finality, *finality.steps)
    for step in parts:
        if rule.source is not Source.CONTRACT and (step.account or step.validators):
            raise MalformedError("evidence", "proofs of validators that no contract governs", "/finality")


def _known(reader: _Reader) -> ValidatedBlock:
    """The latest block whose successor's validators are known here; where they are pinned, that of the trust file."""
    stated, accepted = reader.rule.statement, reader.accepted
    sequence = 0 if stated is None else stated.sequence
    known = ValidatedBlock(reader.trust.trusted_block, reader.rule.validators, sequence=sequence)
    if accepted is not None and accepted.validated is not None and reader.rule.source is not Source.PINNED:
        known = max(known, accepted.validated, key=lambda one: one.block.number)
    return known


def _ahead(steps: Sequence[SealStep], number: int) -> list[tuple[SealStep, RawHeader]]:
    """The steps above a height, each with its header as it was sealed."""
    headers = [step_header(step) for step in steps]
    if any(one.number >= other.number for one, other in itertools.pairwise(headers)):
        raise MalformedError("evidence", "steps that are not in ascending order", "/finality/steps")
    return [(step, header) for step, header in zip(steps, headers, strict=True) if header.number > number]


def _verify_known(header: RawHeader, sealed: SealStep, known: TrustedSet, reader: _Reader) -> None:
    """Prove that a header that is not above the known block is that block: no seal has to tell that again.

    Another one contradicts what was accepted only where a quorum sealed it: of the set after that block, as no other is
    remembered. Which block is pinned, the trust file alone decides.
    """
    if header.number < known.number:
        raise RollbackError("block number", known.number, header.number)
    hashed = block_hash(header, QBFT)
    if hashed != known.hash and reader.accepted is not None:
        verify_skip(known, step_header(sealed), reader.now, reader.trust.trusting_period_seconds)
    check_place(known, header, hashed)


def _verify_contract(
    trusted: TrustedSet,
    steps: Sequence[tuple[SealStep, RawHeader]],
    contract: ValidatorContract,
    reader: _Reader,
) -> TrustedSet:
    for step, header in steps:
        trusted = verify_contract_step(
            trusted, step, header, contract, reader.now, reader.trust.trusting_period_seconds
        )
        _check_accepted(header, trusted.hash, reader)  # 4
    return trusted


def _verify_votes(known: ValidatedBlock, headers: Sequence[RawHeader], reader: _Reader) -> ValidatedBlock:
    """Count votes from block to block; return the last of them with the votes that are open after it.

    As engines do that bind votes to the proposer (Besu), none counts in the first block of an epoch: after it, and
    nowhere else, the tally is known to be empty. So a trust file begins there; who remembers more goes on from that.
    """
    block, rule = known.block, VotingRule(reader.rule.epoch_length, epoch_vote_counts=False)
    if known.block == reader.trust.trusted_block and block.number % rule.epoch_length:
        raise UntrustedError(f"block {block.number} is not the first of an epoch: which votes are open is not known")
    check_clock(block, headers[-1], reader.now, reader.trust.trusting_period_seconds)
    start = TrustedTally(block.number, block.hash, block.time, Tally(known.validators, known.votes))
    places = [place for place, header in enumerate(headers, 1) if header.number % rule.epoch_length == 0]
    boundary = _count_votes(start, rule, headers[: places[-1] if places else 0], reader)
    last = _count_votes(boundary, rule, headers[places[-1] if places else 0 :], reader)
    return _tallied(last if len(last.tally.votes) <= MAX_OPEN_VOTES else boundary)


def _count_votes(start: TrustedTally, rule: VotingRule, headers: Sequence[RawHeader], reader: _Reader) -> TrustedTally:
    chain = verify_chain(start, rule, headers)
    for header, sealed in zip(headers, chain.headers, strict=True):
        _check_accepted(header, sealed.hash, reader)  # 4
    return chain.trusted


def _tallied(last: TrustedTally) -> ValidatedBlock:
    block = TrustedBlock(last.number, last.hash, last.time)
    return ValidatedBlock(block, last.tally.validators, last.tally.votes)


def _verify_pinned(header: RawHeader, finality: SealFinality, reader: _Reader) -> ValidatedBlock:
    trust, accepted = reader.trust, reader.accepted
    rotations = [parse_rotation(data) for data in finality.rotations]
    order = [(one.statement.sequence, data) for one, data in zip(rotations, finality.rotations, strict=True)]
    if any(one >= other for one, other in itertools.pairwise(order)):
        raise MalformedError("evidence", "rotations that are not in ascending order, each once", "/finality/rotations")
    first = first_statement(trust.chain_id, trust.trusted_block.number, reader.rule)
    sets = verify_rotations(rotations_after(rotations, first), first)
    last = trust.trusted_block
    if accepted is not None and accepted.block.number > last.number:
        last = accepted.block
    _check_rotations(sets, reader)
    sealed = verify_pinned(last, sets, header, reader.now, trust.trusting_period_seconds)
    _check_accepted(header, sealed.hash, reader)  # 4
    after = sets.stated(sealed.number + 1)
    block = TrustedBlock(sealed.number, sealed.hash, sealed.time)
    return ValidatedBlock(block, after.validators, sequence=after.sequence)


def _check_rotations(sets: PinnedSets, reader: _Reader) -> None:
    """Refuse a file without the rotation by which a set was accepted: those whom it retired may seal another chain.

    Raises:
        RollbackError: It is left out.
        ForkError: Another one of its number stands there, which enough members signed too; carries both sets.
    """
    known = None if reader.accepted is None else reader.accepted.validated
    if known is None or known.block.number < reader.trust.trusted_block.number:
        return
    stated = sets.stated(known.block.number + 1)
    if stated.sequence < known.sequence:
        raise RollbackError("rotation of validators", known.sequence, stated.sequence)
    if stated.sequence == known.sequence and stated.validators != known.validators:
        raise ForkError(f"rotation {stated.sequence}", b"".join(known.validators), b"".join(stated.validators))


def _check_accepted(header: RawHeader, hashed: bytes, reader: _Reader) -> None:
    """Refuse a sealed block that is another one than was accepted; those below it are of the past."""
    if reader.accepted is not None:
        check_place(reader.accepted.block, header, hashed)


def _validated(trusted: TrustedSet) -> ValidatedBlock:
    return ValidatedBlock(TrustedBlock(trusted.number, trusted.hash, trusted.time), trusted.validators)
