"""That a block is final and not too old: steps 3 and 12 of the verification, each refusal with its error."""

from __future__ import annotations

from dataclasses import replace

import pytest
import rlp

from light_node.trust import TrustedBlock
from light_node.trust_rules import WitnessRule
from light_node.verdict import Step
from tests.light_node.judging import (
    MALFORMED,
    REFUTED,
    UNDETERMINED,
    account_of,
    assert_refused,
    assert_verified,
    judged,
)
from tests.simulator.chain import DAY, encode_header
from tests.simulator.witnesses import STRANGER, WITNESSES
from tests.simulator.world import World

# ---- 3 finality --------------------------------------------------------------------------------------------------


def test_too_few_cosignatures_prove_nothing(world: World) -> None:
    block = world.chain.mine()
    evidence = world.chain.evidence(world.vehicle, block=block)
    for witnesses in ([WITNESSES[0]], [WITNESSES[0], STRANGER]):
        verdict = judged(world, replace(evidence, finality=world.chain.finality(block, witnesses)))
        assert_refused(verdict, UNDETERMINED, Step.FINALITY, "QuorumError")


def test_one_witness_twice_counts_once(world: World) -> None:
    block = world.chain.mine()
    evidence = world.chain.evidence(world.vehicle, block=block)
    verdict = judged(world, replace(evidence, finality=world.chain.finality(block, [WITNESSES[0], WITNESSES[0]])))
    assert verdict.outcome in {MALFORMED, UNDETERMINED}


def test_surplus_signatures_of_strangers_are_ignored(world: World) -> None:
    block = world.chain.mine()
    evidence = world.chain.evidence(world.vehicle, block=block)
    assert_verified(judged(world, replace(evidence, finality=world.chain.finality(block, [STRANGER, *WITNESSES]))))


def test_a_checkpoint_of_another_origin_proves_nothing(honest: World) -> None:
    rule = WitnessRule("other.example", 2, tuple(witness.vkey for witness in WITNESSES), 0)
    verdict = judged(honest, honest.chain.evidence(honest.vehicle), trust=honest.chain.trust(finality=rule))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "UntrustedError")


def test_a_header_that_is_not_in_the_tree_is_refuted(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    other = world.chain.blocks[-2]
    verdict = judged(world, replace(evidence, header=other.header))
    assert_refused(verdict, REFUTED, Step.FINALITY, "InclusionError")
    short = replace(evidence.finality, path=evidence.finality.path[:-1])
    assert_refused(judged(world, replace(evidence, finality=short)), MALFORMED, Step.FINALITY, "MalformedError")


def test_a_header_beyond_the_checkpoint_is_refuted(world: World) -> None:
    old = world.chain.evidence(world.vehicle)
    newer = world.chain.evidence(world.vehicle)
    verdict = judged(world, replace(newer, finality=old.finality))
    assert_refused(verdict, REFUTED, Step.FINALITY, "InclusionError")


def test_blocks_below_what_was_accepted_are_not_taken(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    newer = world.chain.mine()
    block = TrustedBlock(newer.number, newer.hash, newer.time)
    assert_refused(judged(world, evidence, accepted=block), UNDETERMINED, Step.FINALITY, "RollbackError")
    trust = world.chain.trust(trusted_block=block)
    assert_refused(judged(world, evidence, trust=trust), UNDETERMINED, Step.FINALITY, "RollbackError")


def test_a_time_that_goes_back_is_not_taken(world: World) -> None:
    last = world.chain.blocks[-1]
    world.chain.mine(time=last.time - 1000)
    evidence = world.chain.evidence(world.vehicle, block=world.chain.blocks[-1])
    accepted = TrustedBlock(last.number, last.hash, last.time)
    assert_refused(judged(world, evidence, accepted=accepted), UNDETERMINED, Step.FINALITY, "RollbackError")


def test_another_block_at_the_accepted_height_is_a_fork(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    block = world.chain.blocks[-1]
    assert_verified(judged(world, evidence, accepted=TrustedBlock(block.number, block.hash, block.time)))
    fork = TrustedBlock(block.number, b"\x01" * 32, block.time)
    assert_refused(judged(world, evidence, accepted=fork), REFUTED, Step.FINALITY, "ForkError")
    verdict = judged(world, evidence, trust=world.chain.trust(trusted_block=fork))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize("header", [b"\xc0", b"\x80", b"\xf8", b"\xff" * 100])
def test_what_is_no_header_is_malformed(honest: World, header: bytes) -> None:
    verdict = judged(honest, replace(honest.chain.evidence(honest.vehicle), header=header))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_note_that_is_none_is_malformed(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    verdict = judged(honest, replace(evidence, finality=replace(evidence.finality, note="x")))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_header_of_the_far_future_is_malformed(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle, block=world.chain.mine(time=2**40))
    assert_refused(judged(world, evidence), MALFORMED, Step.FINALITY, "MalformedError")


def test_a_plain_header_is_none_of_qbft(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    verdict = judged(honest, evidence, trust=honest.chain.trust(block_hash_rule="qbft"))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def qbft_extra(round_number: int, *seals: bytes) -> bytes:
    return bytes(rlp.encode([bytes(32), [b"\x0a" * 20], [], round_number, list(seals)]))


def test_a_qbft_header_stands_without_round_and_seals(world: World) -> None:
    trust = world.chain.trust(block_hash_rule="qbft")
    block = world.chain.mine(extra=qbft_extra(0))
    evidence = world.chain.evidence(world.vehicle, block=block)
    assert_verified(judged(world, evidence, trust=trust))
    for extra in (qbft_extra(1), qbft_extra(0, bytes(65)), qbft_extra(7, bytes(65), bytes(65))):
        header = encode_header(world.chain.blocks[-2].hash, block.state.root, block.number, block.time, extra)
        verdict = judged(world, replace(evidence, header=header), trust=trust)
        assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")
        assert "does not cover" in verdict.reason


# ---- 12 freshness ------------------------------------------------------------------------------------------------


def test_too_old_from_the_future_or_a_slow_clock_prove_nothing(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    block = world.chain.blocks[-1]
    accepted = TrustedBlock(block.number, block.hash, block.time)
    for now, head, word in (
        (block.time + 7 * DAY + 1, None, "old"),
        (block.time - 61, None, "future"),
        (block.time - 61, accepted, "behind"),
        (0, None, "behind"),
        (-(2**60), None, "behind"),
        (2**60, None, "trusting period"),
    ):
        verdict = judged(world, evidence, now=now, accepted=head)
        assert_refused(verdict, UNDETERMINED, Step.FRESHNESS, "StaleError")
        assert word in verdict.reason
        assert account_of(verdict).asset == world.vehicle.reference
    for now in (block.time - 60, block.time, block.time + 7 * DAY):
        assert_verified(judged(world, evidence, now=now, accepted=accepted))


def test_beyond_the_trusting_period_only_a_newer_head_helps(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    block = world.chain.blocks[-1]
    trust = world.chain.trust(trusting_period_seconds=30 * DAY)
    verdict = judged(world, evidence, trust=trust)
    assert_refused(verdict, UNDETERMINED, Step.FRESHNESS, "StaleError")
    assert_verified(judged(world, evidence, trust=trust, accepted=TrustedBlock(block.number, block.hash, block.time)))
