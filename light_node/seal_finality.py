"""Finality by the commit seals of QBFT validators, over steps that lead from a block that is trusted already."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ledger.errors import MalformedError, RollbackError
from ledger.proof.evidence import SealFinality, SealStep
from ledger.proof.header import QBFT, RawHeader, block_hash, parse_header, with_seals
from ledger.proof.keccak import keccak256
from light_node.heads import Accepted, ValidatedBlock
from light_node.qbft.pinned import verify_pinned, verify_rotations
from light_node.qbft.rotation import SetStatement, parse_rotation
from light_node.qbft.skipping import verify_advance, verify_skip
from light_node.qbft.steps import TrustedSet
from light_node.qbft.validator_proof import validators_from_proof
from light_node.qbft.votes import Tally, TrustedTally, VotingRule, verify_chain
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorContract, ValidatorRule


def verify_sealed(
    header: RawHeader, finality: SealFinality, trust: Trust, rule: ValidatorRule, accepted: Accepted | None, now: int
) -> ValidatedBlock:
    """Prove that a quorum of the validators in force sealed the header.

    1. Nothing but what the source of validators asks for is in the file.
    2. The steps lead from the last trusted block to the header; those that a node has behind it are passed over.
    3. At each of them, the header included: the trusted set sealed it, and where the contract decides, so did the set
       that it leads to (``verify_skip``, ``verify_advance``); where votes decide, no block is passed over
       (``verify_chain``); where validators are pinned, those of its height sealed it (``verify_pinned``).

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
        InclusionError, UntrustedError: The set is not that of the contract.
        RollbackError, ForkError, ConsistencyError: A step does not follow.
    """
    _check_parts(finality, rule)  # 1
    sealed = with_seals(header, finality.round, finality.seals)
    if rule.source is Source.PINNED:
        return _verify_pinned(sealed, finality, trust, rule, accepted, now)
    last = SealStep(header.rlp, finality.round, finality.seals, finality.account, finality.validators)
    trusted = _base(trust, rule, accepted)
    trusted = _verify_steps(trusted, (*finality.steps, last), trust, rule, now)  # 2, 3
    if trusted.number > header.number:
        raise RollbackError("block number", trusted.number, header.number)
    return ValidatedBlock(TrustedBlock(trusted.number, trusted.hash, trusted.time), trusted.validators)


def _check_parts(finality: SealFinality, rule: ValidatorRule) -> None:
    if finality.rotations and rule.source is not Source.PINNED:
        raise MalformedError("evidence", "rotations, where validators are not pinned", "/finality/rotations")
    if finality.steps and rule.source is Source.PINNED:
        raise MalformedError("evidence", "steps, where validators are pinned", "/finality/steps")
    parts: tuple[SealFinality | SealStep, ...] = (finality, *finality.steps)
    for step in parts:
        if rule.source is not Source.CONTRACT and (step.account or step.validators):
            raise MalformedError("evidence", "proofs of validators that no contract governs", "/finality")


def _base(trust: Trust, rule: ValidatorRule, accepted: Accepted | None) -> TrustedSet:
    """The latest block whose successor's validators are known here."""
    known = ValidatedBlock(trust.trusted_block, rule.validators)
    if accepted is not None and accepted.validated is not None:
        known = max(known, accepted.validated, key=lambda one: one.block.number)
    return TrustedSet(known.block.number, known.block.hash, known.validators, known.block.time)


def _verify_steps(
    trusted: TrustedSet, steps: Sequence[SealStep], trust: Trust, rule: ValidatorRule, now: int
) -> TrustedSet:
    headers = [_step_header(step) for step in steps]
    if any(one.number >= other.number for one, other in itertools.pairwise(headers)):
        raise MalformedError("evidence", "steps that are not in ascending order", "/finality/steps")
    ahead = [(step, header) for step, header in zip(steps, headers, strict=True) if header.number > trusted.number]
    if rule.contract is None:
        return _verify_votes(trusted, [header for _, header in ahead], rule)
    for step, header in ahead:
        trusted = _verify_contract_step(trusted, step, header, rule.contract, trust, now)
    return trusted


def _verify_contract_step(
    trusted: TrustedSet, step: SealStep, header: RawHeader, contract: ValidatorContract, trust: Trust, now: int
) -> TrustedSet:
    sealed = verify_skip(trusted, header, now, trust.trusting_period_seconds)
    validators = validators_from_proof(
        sealed.state_root, contract.address, contract.code_hash, step.account, contract.slot, step.validators
    )
    return verify_advance(trusted, sealed, validators)


def _verify_votes(trusted: TrustedSet, headers: Sequence[RawHeader], rule: ValidatorRule) -> TrustedSet:
    """Count votes from block to block; return the last of them whose successor's validators a later file can count on.

    As engines do that bind votes to the proposer (Besu), none counts in the first block of an epoch: after it, and
    nowhere else, the tally is known to be empty.
    """
    if trusted.number % rule.epoch_length:
        raise MalformedError("trust file", "votes are counted from the first block of an epoch alone", "/trusted_block")
    boundaries = [place for place, header in enumerate(headers, 1) if header.number % rule.epoch_length == 0]
    last = boundaries[-1] if boundaries else 0
    boundary = _count_votes(trusted, headers[:last], rule)
    _count_votes(boundary, headers[last:], rule)
    return boundary


def _count_votes(trusted: TrustedSet, headers: Sequence[RawHeader], rule: ValidatorRule) -> TrustedSet:
    start = TrustedTally(trusted.number, trusted.hash, trusted.time, Tally(trusted.validators))
    last = verify_chain(start, VotingRule(rule.epoch_length, epoch_vote_counts=False), headers).trusted
    return TrustedSet(last.number, last.hash, last.tally.validators, last.time)


def _verify_pinned(
    header: RawHeader,
    finality: SealFinality,
    trust: Trust,
    rule: ValidatorRule,
    accepted: Accepted | None,
    now: int,
) -> ValidatedBlock:
    block = trust.trusted_block
    first = SetStatement(trust.chain_id, 0, block.number, rule.threshold, bytes(32), rule.validators)
    sets = verify_rotations(map(parse_rotation, finality.rotations), first)
    last = block if accepted is None or accepted.block.number < block.number else accepted.block
    verify_pinned(last, sets, header, now, trust.trusting_period_seconds)
    return ValidatedBlock(block, rule.validators)


def _step_header(step: SealStep) -> RawHeader:
    raw = parse_header(step.header)
    if block_hash(raw, QBFT) != keccak256(step.header):
        raise MalformedError("evidence", "a step's header with a round or seals beside those of the file", "/finality")
    return with_seals(raw, step.round, step.seals)
