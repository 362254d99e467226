"""Sealed evidence where a contract names the validators: each lie about seals, sets and steps, with its error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.event import AssetType
from ledger.proof.evidence import SealFinality
from light_node.trust import TrustedBlock
from light_node.trust_rules import Source
from light_node.verdict import Outcome, Step
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.light_node.sealed_worlds import (
    FOUR,
    LAST,
    MALFORMED,
    REFUTED,
    STEPS,
    STRANGER,
    UNDETERMINED,
    Change,
    changed,
    evidence_of,
    sealing,
    small_file,
)
from tests.simulator.qbft import high_s, validators
from tests.simulator.sealed import SealedSimulator, with_extra
from tests.simulator.world import MAKER, PART, World, make_world

# ---- seals -------------------------------------------------------------------------------------------------------

SEALS: dict[str, tuple[Change, int, Outcome, str]] = {
    "one less than the quorum, of the next block": (
        lambda c, f: replace(f, seals=f.seals[:2]), 1, UNDETERMINED, "QuorumError"
    ),
    "one less than the quorum, of a far block": (
        lambda c, f: replace(f, seals=f.seals[:2]), 6, UNDETERMINED, "QuorumError"
    ),
    "none": (lambda c, f: replace(f, seals=()), 6, UNDETERMINED, "QuorumError"),
    "one validator twice, with two signatures": (
        lambda c, f: replace(f, seals=tuple(sorted([*f.seals, again(c, 6)]))), 6, MALFORMED, "MalformedError"
    ),
    "two validators, one of them twice": (
        lambda c, f: replace(f, seals=tuple(sorted([*c.seals(6, FOUR[:2]), again(c, 6)]))),
        6, MALFORMED, "MalformedError",
    ),
    "a stranger's, of the next block": (
        lambda c, f: replace(f, seals=tuple(c.seals(1, [*FOUR, STRANGER]))), 1, REFUTED, "SignatureError"
    ),
    "a stranger's, of a far block": (
        lambda c, f: replace(f, seals=tuple(c.seals(6, [*FOUR, STRANGER]))), 6, UNDETERMINED, "UntrustedError"
    ),
    "a stranger's in the place of a validator's": (
        lambda c, f: replace(f, seals=tuple(c.seals(6, [*FOUR[:2], STRANGER]))), 6, UNDETERMINED, "QuorumError"
    ),
    "those of another round, of the next block": (
        lambda c, f: replace(f, seals=tuple(c.seals(1, at_round=1))), 1, REFUTED, "SignatureError"
    ),
    "those of another round, of a far block": (
        lambda c, f: replace(f, seals=tuple(c.seals(6, at_round=1))), 6, UNDETERMINED, "QuorumError"
    ),
    "another round than the one that was sealed": (
        lambda c, f: replace(f, round=2), 6, UNDETERMINED, "QuorumError"
    ),
    "those of another block": (
        lambda c, f: replace(f, seals=tuple(c.seals(2))), 1, REFUTED, "SignatureError"
    ),
    "the other signature of the same": (
        lambda c, f: replace(f, seals=tuple(sorted((high_s(f.seals[0]), *f.seals[1:])))), 6, REFUTED, "SignatureError"
    ),
}  # fmt: skip


def again(chain: SealedSimulator, number: int) -> bytes:
    """Another seal by the first validator."""
    signer = FOUR[0]

    class Twice:
        sign = staticmethod(signer.sign_again)

    return chain.seals(number, [Twice()])[0]  # type: ignore[list-item]


@pytest.mark.parametrize("case", SEALS)
def test_seals_that_prove_nothing(still: World, case: str) -> None:
    change, number, outcome, error = SEALS[case]
    assert_refused(judged(still, changed(still, change, number=number)), outcome, Step.FINALITY, error)


@pytest.mark.parametrize("at_round", [0, 3])
def test_a_header_bears_no_seals_itself(still: World, at_round: int) -> None:
    chain = sealing(still)
    evidence = evidence_of(still)
    for seals in ((), chain.seals(6)) if at_round else (chain.seals(6),):
        verdict = judged(still, replace(evidence, header=with_extra(evidence.header, at_round, seals)))
        assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")
        assert "does not cover" in verdict.reason


def test_the_header_of_a_step_bears_no_seals_itself(rotated: World) -> None:
    chain = sealing(rotated)
    finality = chain.sealed(LAST, STEPS)
    first = replace(finality.steps[0], header=with_extra(finality.steps[0].header, 0, chain.seals(2)))
    verdict = judged(rotated, evidence_of(rotated, replace(finality, steps=(first, *finality.steps[1:]))))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_the_genesis_is_sealed_by_nobody() -> None:
    world, _ = small_file()
    chain = sealing(world)
    evidence, now = chain.sealed_evidence(chain.asset(AssetType.PART, PART, MAKER), number=0), chain.blocks[0].time
    for source in Source:
        trust = chain.trust_since(0, source)
        alone = replace(evidence, finality=chain.sealed(0, proven=source is Source.CONTRACT))
        assert_verified(judged(world, alone, trust=trust, now=now, identity_required=False))
        other = replace(trust, trusted_block=TrustedBlock(0, b"\1" * 32, now))
        assert_refused(judged(world, alone, trust=other, now=now), REFUTED, Step.FINALITY, "ForkError")


# ---- the set in the contract -------------------------------------------------------------------------------------

PROOFS: dict[str, tuple[Change, Outcome, str]] = {
    "of the state before the change": (lambda c, f: with_set(f, *c.set_proof(5)), REFUTED, "InclusionError"),
    "of the first set": (lambda c, f: with_set(f, *c.set_proof(0)), REFUTED, "InclusionError"),
    "of the right account with another list": (
        lambda c, f: replace(f, validators=c.set_proof(0)[1]), REFUTED, "InclusionError"
    ),
    "no account": (lambda c, f: with_set(f, (), f.validators), REFUTED, "InclusionError"),
    "no proof of the list": (lambda c, f: with_set(f, f.account, ()), MALFORMED, "MalformedError"),
    "an element left out": (lambda c, f: with_set(f, f.account, f.validators[:-1]), MALFORMED, "MalformedError"),
    "one element twice": (
        lambda c, f: with_set(f, f.account, (*f.validators, f.validators[-1])), MALFORMED, "MalformedError"
    ),
    "elements in another order": (
        lambda c, f: with_set(f, f.account, (f.validators[0], *f.validators[:0:-1])), REFUTED, "InclusionError"
    ),
}  # fmt: skip


def with_set(finality: SealFinality, account: tuple[bytes, ...], listed: tuple[tuple[bytes, ...], ...]) -> SealFinality:
    return replace(finality, account=account, validators=listed)


@pytest.mark.parametrize("case", PROOFS)
def test_a_set_that_is_not_the_contracts(rotated: World, case: str) -> None:
    change, outcome, error = PROOFS[case]
    assert_refused(judged(rotated, changed(rotated, change, STEPS)), outcome, Step.FINALITY, error)


@pytest.mark.parametrize("case", PROOFS)
def test_a_set_that_is_not_the_contracts_at_a_step(rotated: World, case: str) -> None:
    change, outcome, error = PROOFS[case]

    def at_last_step(chain: SealedSimulator, finality: SealFinality) -> SealFinality:
        last = finality.steps[-1]
        wrong = change(chain, replace(finality, account=last.account, validators=last.validators))
        step = replace(last, account=wrong.account, validators=wrong.validators)
        return replace(finality, steps=(*finality.steps[:-1], step))

    assert_refused(judged(rotated, changed(rotated, at_last_step, STEPS)), outcome, Step.FINALITY, error)


def test_a_contract_with_other_code_names_nobody(still: World) -> None:
    rule = sealing(still).rule(0)
    assert rule.contract is not None
    other = replace(rule, contract=replace(rule.contract, code_hash=b"\7" * 32))
    verdict = judged(still, evidence_of(still), trust=still.chain.trust(finality=other))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "UntrustedError")


# ---- steps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [(), (1,), (2,), (3,), (3, 6), (2, 3), (2, 3, 5)])
def test_too_few_overlap_where_a_step_is_left_out(rotated: World, steps: tuple[int, ...]) -> None:
    verdict = judged(rotated, evidence_of(rotated, sealing(rotated).sealed(LAST, steps)))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "QuorumError")


@pytest.mark.parametrize("steps", [(3, 2, 5, 6), (6, 5, 3, 2), (2, 3, 3, 5, 6), (2, 3, 5, 6, LAST), (2, 2)])
def test_steps_are_in_ascending_order_each_once(rotated: World, steps: tuple[int, ...]) -> None:
    verdict = judged(rotated, evidence_of(rotated, sealing(rotated).sealed(LAST, steps)))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_far_block_that_only_the_former_quorum_sealed_is_not_final() -> None:
    """Of seven validators by now, three of the former four sealed it: the other four may have sealed another."""
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.mine(successors=[*FOUR, *validators(3, "new")])
    chain.mine()
    chain.mine(signers=FOUR[:3])
    assert_refused(judged(world, evidence_of(world)), UNDETERMINED, Step.FINALITY, "QuorumError")
    with_steps = evidence_of(world, chain.sealed(3, [1, 2]))
    assert_refused(judged(world, with_steps), UNDETERMINED, Step.FINALITY, "QuorumError")


def test_a_far_block_that_only_the_later_quorum_sealed_is_not_reached() -> None:
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.mine(successors=validators(4, "new"))
    chain.mine()
    chain.mine()
    assert_refused(judged(world, evidence_of(world)), UNDETERMINED, Step.FINALITY, "QuorumError")
    assert_verified(judged(world, evidence_of(world, chain.sealed(3, [1]))))


def test_a_block_on_another_parent_is_a_fork(still: World) -> None:
    chain = sealing(still)
    trust = replace(chain.trust(), trusted_block=TrustedBlock(0, b"\1" * 32, chain.blocks[0].time))
    verdict = judged(still, evidence_of(still, number=1), trust=trust)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")
