"""Finality by seals, out of a node's headers and proofs: the steps from what a reader knows to a block."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from ledger.errors import MalformedError, QuorumError, TooLargeError, VerificationError
from ledger.proof.evidence import SealFinality, SealStep
from ledger.proof.evidence_types import MAX_STEPS
from ledger.proof.header import QBFT, RawHeader, commit_seal_hash, with_seals
from ledger.proof.qbft_extra import MAX_VALIDATORS, parse_qbft_extra
from ledger.proof.slots import array_slot, word_of
from light_node.heads import Accepted, ValidatedBlock
from light_node.qbft.pinned import rotations_after, verify_rotations
from light_node.qbft.rotation import parse_rotation
from light_node.qbft.seals import quorum_of, recover_signer
from light_node.qbft.skipping import Bisection, bisect
from light_node.qbft.steps import TrustedSet
from light_node.qbft.validator_proof import validators_from_proof
from light_node.seal_steps import step_header, verify_contract_step
from light_node.sources.node import Node
from light_node.sources.port import Hint
from light_node.trust import Trust
from light_node.trust_rules import Source, ValidatorContract, ValidatorRule, first_statement

MAX_WALK = 1024
"""Blocks that votes are counted in at one time: a node is asked for each, and all its answers have one time limit."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How headers become final for a reader.

    Attributes:
        trust: Its trust file.
        rule: The rule in it.
        rotations: Files of rotations, where validators are pinned.
    """

    trust: Trust
    rule: ValidatorRule
    rotations: tuple[bytes, ...] = ()

    def pinned(self, number: int) -> frozenset[bytes]:
        """Who seals a block by the rotations that are known here.

        Raises: VerificationError, where they do not lead there.
        """
        first = first_statement(self.trust.chain_id, self.trust.trusted_block.number, self.rule)
        sets = verify_rotations(rotations_after(map(parse_rotation, self.rotations), first), first)
        return frozenset(sets.in_force(number))

    def reach(self, number: int, accepted: Accepted | None) -> int:
        """The height that evidence is built at, where the chain's is ``number``; by votes no further than one walk."""
        if self.rule.source is not Source.VOTES:
            return number
        return min(number, self.known(accepted).number + MAX_WALK)

    def known(self, accepted: Accepted | None) -> TrustedSet:
        """The latest block whose successor's validators the reader knows."""
        known = ValidatedBlock(self.trust.trusted_block, self.rule.validators)
        if accepted is not None and accepted.validated is not None and self.rule.source is not Source.PINNED:
            known = max(known, accepted.validated, key=lambda one: one.block.number)
        return TrustedSet(known.block.number, known.block.hash, known.validators, known.block.time)


def fetch_sealed(node: Node, number: int, sealing: Sealing, hint: Hint) -> tuple[bytes, SealFinality]:
    """Fetch a block and what makes it final for a reader.

    What does not verify on the way is put in as it came: the reader's own verification says what is wrong with it.

    Args:
        node: *Untrusted.*
        number: Height.
        sealing: How headers become final.
        hint: What the reader accepted, and the time.

    Returns: The header's RLP without round and seals, and its finality.

    Raises:
        SourceError, MalformedError: As the node's answers.
        TooLargeError: Where votes decide, more blocks lie between than fit into a file: see ``Sealing.reach``.
    """
    rule, known = sealing.rule, sealing.known(hint.accepted)
    if rule.source is Source.CONTRACT and rule.contract is not None:
        steps = _Lead(node, sealing, rule.contract, hint.now).steps(known, number)
    elif rule.source is Source.VOTES:
        steps = _contiguous(node, known.number, number)
    else:
        steps = [_pinned_step(node.header(number), sealing)]
    *before, last = steps
    rotations = sealing.rotations if rule.source is Source.PINNED else ()
    return last.header, SealFinality(last.round, last.seals, last.account, last.validators, tuple(before), rotations)


def _contiguous(node: Node, known: int, number: int) -> list[SealStep]:
    """Every block above the known one: each bears votes."""
    if number - known > MAX_STEPS + 1:
        raise TooLargeError(f"{number - known} blocks to count votes in, at most {MAX_STEPS} fit into evidence")
    first = min(known + 1, number)
    return [_sealed_step(node.header(height)) for height in range(first, number + 1)]


def _pinned_step(header: RawHeader, sealing: Sealing) -> SealStep:
    """A block without seals by others than the pinned set, where the rest are enough: around a change some are kept."""
    step = _sealed_step(header)
    try:
        members = sealing.pinned(header.number)
        seals = _seals_of(header, step.seals, members)
    except VerificationError:
        return step  # for the reader to find
    return replace(step, seals=seals) if len(seals) >= quorum_of(len(members)) else step


def _sealed_step(header: RawHeader) -> SealStep:
    """Take round and seals out of a header."""
    if not header.number:
        return SealStep(header.rlp, 0, ())
    extra = parse_qbft_extra(header.extra_data)
    return SealStep(bare(header, QBFT), extra.round, tuple(sorted(extra.seals)))


def bare(header: RawHeader, block_hash_rule: str) -> bytes:
    """The RLP that a header's hash is of: without round and seals, where the rule is ``qbft``."""
    return with_seals(header, 0, ()).rlp if block_hash_rule == QBFT and header.number else header.rlp


@dataclass(frozen=True, slots=True)
class _Lead:
    """Leads from a known set of validators to a block, by as few blocks between as may be."""

    node: Node
    sealing: Sealing
    contract: ValidatorContract
    now: int

    def steps(self, known: TrustedSet, goal: int) -> list[SealStep]:
        """The steps, that to the goal last; where a block does not verify, without what would lie between."""
        steps = list[SealStep]()
        try:
            way = bisect(known.number, goal)
            while way.next_height is not None:
                known, way = self._go(known, way, steps)
        except VerificationError:
            pass  # for the reader to find
        if not steps or known.number != goal:
            steps.append(self._step(self.node.header(goal)))
        return steps

    def _go(self, known: TrustedSet, way: Bisection, steps: list[SealStep]) -> tuple[TrustedSet, Bisection]:
        header = self.node.header(way.wanted[-1])
        step = self._step(header)
        try:
            known, step = self._advance(known, header, step)
        except QuorumError as error:
            return known, way.retreat(error)
        steps.append(step)
        return known, way.reach()

    def _step(self, header: RawHeader) -> SealStep:
        """A step with the proof of the set after it."""
        length = word_of(self.contract.slot)
        count = self.node.slot(self.contract.address, length, header.number)
        if count > MAX_VALIDATORS:
            raise MalformedError("node's answer", f"a list of over {MAX_VALIDATORS} validators")
        slots = [length, *(array_slot(self.contract.slot, index) for index in range(count))]
        proof = self.node.proof(self.contract.address, slots, header.number)
        return replace(_sealed_step(header), account=proof.account, validators=proof.storage)

    def _advance(self, known: TrustedSet, header: RawHeader, step: SealStep) -> tuple[TrustedSet, SealStep]:
        """The set that a block leads to, and the step without seals of strangers, which count for nothing."""
        contract, period = self.contract, self.sealing.trust.trusting_period_seconds
        claimed = validators_from_proof(
            header.state_root, contract.address, contract.code_hash, step.account, contract.slot, step.validators
        )
        step = replace(step, seals=_seals_of(header, step.seals, {*known.validators, *claimed}))
        return verify_contract_step(known, step, step_header(step), contract, self.now, period), step


def _seals_of(header: RawHeader, seals: Sequence[bytes], members: Set[bytes]) -> tuple[bytes, ...]:
    message = commit_seal_hash(header)
    return tuple(seal for seal in seals if recover_signer(seal, message) in members)
