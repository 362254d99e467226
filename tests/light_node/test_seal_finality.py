"""Evidence that is final by the seals of QBFT validators: what verifies, what does not, and that no bit can change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.errors import MalformedError
from ledger.proof.evidence import encode_evidence
from light_node.trust import encode_trust
from light_node.trust_rules import Source
from light_node.verdict import Outcome, Step, Verdict
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.light_node.sealed_worlds import (
    FIVE,
    FOUR,
    LAST,
    MALFORMED,
    REFUTED,
    STEPS,
    UNDETERMINED,
    by_votes,
    changed,
    evidence_of,
    pinned,
    pinned_evidence,
    pinned_world,
    rotated_world,
    sealing,
    small_file,
    voted,
    voted_world,
)
from tests.light_node.test_every_bit import EVERY, flipped
from tests.simulator.qbft import validators
from tests.simulator.sealed import EPOCH, SealedSimulator, first_statement, rotation
from tests.simulator.world import World, make_world

# ---- what verifies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 6])
def test_a_quorum_of_the_contracts_set_makes_a_block_final(still: World, number: int) -> None:
    assert_verified(judged(still, evidence_of(still, number=number)))


def test_more_seals_than_a_quorum_verify_too(still: World) -> None:
    more = changed(still, lambda chain, own: replace(own, seals=tuple(chain.seals(6, FOUR))))
    assert_verified(judged(still, more))


def test_a_later_round_is_sealed_as_such() -> None:
    world = make_world(SealedSimulator())
    sealing(world).mine(number=7)
    assert_verified(judged(world, evidence_of(world)))


@pytest.mark.parametrize("steps", [STEPS, (2, 3, 6), (1, 2, 3, 6), (2, 3, 4, 5, 6, 7), tuple(range(1, LAST))])
def test_steps_lead_over_changes_of_the_set(rotated: World, steps: tuple[int, ...]) -> None:
    finality = sealing(rotated).sealed(LAST, steps)
    assert_verified(judged(rotated, evidence_of(rotated, finality)))


def test_no_step_is_needed_at_a_change_where_enough_overlap() -> None:
    world = rotated_world()
    sealing(world).mine(signers=FIVE[1:])
    finality = sealing(world).sealed(LAST + 1, [2, 3])
    assert_verified(judged(world, evidence_of(world, finality)))


@pytest.mark.parametrize("pin", range(LAST + 1))
def test_one_file_serves_the_trust_file_of_any_time(rotated: World, pin: int) -> None:
    evidence = evidence_of(rotated, sealing(rotated).sealed(LAST, STEPS))
    assert_verified(judged(rotated, evidence, trust=sealing(rotated).trust_since(pin)))


def test_votes_in_every_block_make_the_set() -> None:
    world = voted_world(0)
    chain = sealing(world)
    for _ in range(2):
        chain.mine(vote=(FIVE[4].address, True))
    chain.mine(vote=(FIVE[4].address, True), successors=FIVE)
    chain.grow(2)
    assert_verified(judged(world, voted(world), trust=by_votes(world)))


@pytest.mark.parametrize("blocks", [1, EPOCH - 1, EPOCH, EPOCH + 1, 2 * EPOCH + 1])
def test_votes_are_counted_over_epochs(blocks: int) -> None:
    world = voted_world(blocks)
    assert_verified(judged(world, voted(world), trust=by_votes(world)))


def test_a_pinned_set_seals_for_good() -> None:
    world = make_world(SealedSimulator())
    sealing(world).grow(5)
    evidence = evidence_of(world, sealing(world).sealed(5, proven=False))
    assert_verified(judged(world, evidence, trust=pinned(world)))


def test_rotations_put_other_sets_in_the_place_of_the_pinned_one() -> None:
    world = pinned_world()
    assert_verified(judged(world, pinned_evidence(world, 0, 1), trust=pinned(world)))


def test_a_trusted_block_is_not_sealed_by_the_set_that_follows_it() -> None:
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.mine(successors=validators(4, "new"))
    chain.mine()
    for number in (1, 2):
        evidence = evidence_of(world, chain.sealed(number, proven=False), number)
        assert_verified(judged(world, evidence, trust=chain.trust_since(1, Source.PINNED)))


# ---- what nothing asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [Source.PINNED, Source.VOTES])
def test_proofs_of_validators_that_no_contract_governs(source: Source) -> None:
    world = voted_world(1)
    trust = sealing(world).trust_since(0, source)
    assert_refused(judged(world, evidence_of(world), trust=trust), MALFORMED, Step.FINALITY, "MalformedError")


def test_proofs_of_validators_at_a_step_where_votes_decide() -> None:
    world = voted_world(2)
    chain = sealing(world)
    finality = replace(chain.sealed(2, proven=False), steps=(chain.step(1),))
    verdict = judged(world, evidence_of(world, finality), trust=by_votes(world))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_steps_where_validators_are_pinned(still: World) -> None:
    finality = sealing(still).sealed(6, [3], proven=False)
    verdict = judged(still, evidence_of(still, finality), trust=pinned(still))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_rotations_where_nothing_is_pinned(source: Source) -> None:
    world = voted_world(1)
    chain = sealing(world)
    rotations = [rotation(first_statement(chain), 9, FIVE, FOUR)]
    finality = chain.sealed(1, proven=source is Source.CONTRACT, rotations=rotations)
    verdict = judged(world, evidence_of(world, finality), trust=chain.trust_since(0, source))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_checkpoint_says_nothing_to_whoever_trusts_validators(still: World) -> None:
    evidence = still.chain.evidence(still.part, block=still.chain.blocks[-1])
    assert_refused(judged(still, evidence), UNDETERMINED, Step.FINALITY, "UntrustedError")


def test_seals_say_nothing_to_whoever_trusts_witnesses(honest: World, still: World) -> None:
    trust = still.chain.trust(finality=honest.chain.trust().finality)
    assert_refused(judged(still, evidence_of(still), trust=trust), UNDETERMINED, Step.FINALITY, "UntrustedError")


# ---- votes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [1, 3, 5])
def test_where_votes_decide_no_block_may_be_missing(missing: int) -> None:
    world = voted_world(6)
    verdict = judged(world, voted(world, missing=[missing]), trust=by_votes(world))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


def test_a_list_that_no_vote_explains() -> None:
    world = voted_world(1)
    sealing(world).mine(listed=[one.address for one in validators(4, "intruder")])
    verdict = judged(world, voted(world), trust=by_votes(world))
    assert verdict.step is Step.FINALITY
    assert verdict.error in {"ConsistencyError", "MalformedError"}


def test_too_few_votes_bring_nobody_in() -> None:
    world = voted_world(0)
    chain = sealing(world)
    chain.mine(vote=(FIVE[4].address, True))
    chain.mine(vote=(FIVE[4].address, True), successors=FIVE)
    chain.mine()
    verdict = judged(world, voted(world), trust=by_votes(world))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


def test_votes_are_counted_from_the_first_block_of_an_epoch_alone() -> None:
    world = voted_world(EPOCH)
    trust = sealing(world).trust_since(2, Source.VOTES)
    with pytest.raises(MalformedError, match="first block of an epoch"):
        encode_trust(trust)
    assert_refused(judged(world, voted(world), trust=trust), UNDETERMINED, Step.FINALITY, "UntrustedError")


# ---- no bit can be changed ---------------------------------------------------------------------------------------


def judged_small(world: World, data: bytes) -> Verdict:
    return judged(world, data, identity_required=False)


def outcomes(world: World, data: bytes, bits: range) -> dict[Outcome, int]:
    counts = dict.fromkeys(Outcome, 0)
    for bit in bits:
        counts[judged_small(world, flipped(data, bit)).outcome] += 1
    return counts


def test_a_sample_of_flipped_bits_of_a_sealed_file_is_refused() -> None:
    world, data = small_file()
    assert_verified(judged_small(world, data))
    counts = outcomes(world, data, range(0, len(data) * 8, EVERY * 8 + 1))
    assert counts[Outcome.VERIFIED] == 0
    assert counts[Outcome.REFUTED] > 50
    assert counts[Outcome.MALFORMED] > 50


@pytest.mark.slow
def test_every_flipped_bit_of_a_sealed_file_is_refused() -> None:
    world, data = small_file()
    counts = outcomes(world, data, range(len(data) * 8))
    assert counts[Outcome.VERIFIED] == 0
    assert sum(counts.values()) == len(data) * 8


def test_each_flipped_bit_of_a_rotation_is_refused() -> None:
    world = pinned_world()
    data, trust = encode_evidence(pinned_evidence(world, 0, 1)), pinned(world)
    assert_verified(judged(world, data, trust=trust))
    start = data.index(b'"rotations"') * 8
    end = data.index(b'"round"', start // 8) * 8
    for bit in range(start, end, 23):
        assert judged(world, flipped(data, bit), trust=trust).outcome is not Outcome.VERIFIED
