"""Sealed evidence and what a node remembers: what it passes over, what is too old, and what is a rollback or a fork."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.proof.evidence import Evidence, SealFinality
from light_node.heads import Accepted, ValidatedBlock
from light_node.memory import Memory, SignedHead, encode_memory, parse_fork
from light_node.state import StateFolder
from light_node.trust import TrustedBlock
from light_node.trust_rules import Source
from light_node.verdict import Step
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.light_node.sealed_worlds import (
    FIVE,
    FOUR,
    LAST,
    REFUTED,
    STEPS,
    UNDETERMINED,
    accepted_of,
    by_votes,
    evidence_of,
    sealing,
    voted,
    voted_world,
)
from tests.simulator.chain import CHAIN_ID, DAY
from tests.simulator.qbft import Validator, validators
from tests.simulator.sealed import EPOCH, SealedSimulator
from tests.simulator.world import World, make_world

# ---- what a node remembers ---------------------------------------------------------------------------------------


def test_steps_that_a_node_has_behind_it_are_passed_over(rotated: World) -> None:
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, chain.sealed(7, STEPS), 7))
    assert accepted.validated is not None
    assert accepted.validated.validators == tuple(sorted(one.address for one in FIVE[1:]))
    assert_verified(judged(rotated, evidence_of(rotated), accepted=accepted))  # type: ignore[arg-type]
    assert_verified(judged(rotated, evidence_of(rotated, chain.sealed(LAST, STEPS)), accepted=accepted))  # type: ignore[arg-type]
    assert_refused(judged(rotated, evidence_of(rotated)), UNDETERMINED, Step.FINALITY, "QuorumError")


def test_the_same_file_verifies_again(rotated: World) -> None:
    evidence = evidence_of(rotated, sealing(rotated).sealed(LAST, STEPS))
    accepted = accepted_of(rotated, evidence)
    assert accepted_of(rotated, evidence, before=accepted) == accepted


@pytest.mark.parametrize("height", [1, EPOCH - 1, EPOCH, EPOCH + 2])
def test_votes_are_remembered_as_of_the_last_block(height: int) -> None:
    """Whoever goes on needs no block that he has behind him, wherever in an epoch that was."""
    world = voted_world(height)
    accepted = accepted_of(world, voted(world), by_votes(world))
    assert accepted.validated is not None
    assert accepted.validated.block.number == height
    sealing(world).grow(2)
    behind = range(1, height + 1)
    verdict = judged(world, voted(world, missing=behind), trust=by_votes(world), accepted=accepted)
    assert_verified(verdict)


def test_a_remembered_block_that_a_newer_trust_file_is_past_does_not_count(rotated: World) -> None:
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, number=1))
    verdict = judged(rotated, evidence_of(rotated), trust=chain.trust_since(7), accepted=accepted)
    assert_verified(verdict)


def test_what_is_remembered_of_the_longest_way_can_be_read_again(tmp_path: Path, rotated: World) -> None:
    """Whoever gives a file with thousands of steps that verify must not lock its reader's node up."""
    chain, state = sealing(rotated), StateFolder(tmp_path)
    finality = chain.sealed(LAST, STEPS)
    long = replace(finality, steps=finality.steps * 400)
    block = chain.blocks[LAST]
    head = TrustedBlock(LAST, block.hash, block.time)
    memory = Memory(CHAIN_ID, head, SignedHead(block.header, long))
    assert len(encode_memory(memory)) > 8 * 1024 * 1024
    state.make()
    state.remember(memory)
    assert state.memory() == memory
    assert parse_fork(state.keep_fork(CHAIN_ID, memory.signed, memory.signed).read_bytes())[1] == memory.signed


# ---- time and memory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", Source)
def test_beyond_the_trusting_period_validators_are_believed_no_more(source: Source) -> None:
    world = voted_world(5)
    chain = sealing(world)
    trust = replace(chain.trust_since(0, source), trusting_period_seconds=30 * DAY)
    evidence = voted(world) if source is Source.VOTES else evidence_of(
        world, chain.sealed(5, proven=source is Source.CONTRACT)
    )  # fmt: skip
    last = chain.blocks[0].time + 30 * DAY
    assert_refused(judged(world, evidence, trust=trust, now=last + 1), UNDETERMINED, Step.FINALITY, "StaleError")


@pytest.mark.parametrize("source", Source)
def test_a_header_from_the_future_is_not_judged(source: Source) -> None:
    world = voted_world(5)
    chain = sealing(world)
    evidence = voted(world) if source is Source.VOTES else evidence_of(
        world, chain.sealed(5, proven=source is Source.CONTRACT)
    )  # fmt: skip
    verdict = judged(world, evidence, trust=chain.trust_since(0, source), now=chain.blocks[5].time - 61)
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "StaleError")


def test_a_newer_head_that_was_accepted_keeps_validators_believed(rotated: World) -> None:
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, chain.sealed(8, STEPS), 8))
    trust = chain.trust(trusting_period_seconds=DAY)
    verdict = judged(rotated, evidence_of(rotated), trust=trust, accepted=accepted)
    assert_verified(verdict)
    verdict = judged(rotated, evidence_of(rotated), trust=trust, accepted=accepted.block)
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "StaleError")


@pytest.mark.parametrize("source", Source)
def test_below_what_was_accepted_is_a_rollback(source: Source) -> None:
    world = voted_world(2 * EPOCH)
    chain, trust = sealing(world), sealing(world).trust_since(0, source)

    def at(number: int) -> Evidence:
        if source is Source.VOTES:
            return voted(world, number)
        return evidence_of(world, chain.sealed(number, proven=source is Source.CONTRACT), number)

    accepted = accepted_of(world, at(EPOCH + 2), trust)
    for number in (EPOCH + 1, EPOCH, 1):
        verdict = judged(world, at(number), trust=trust, accepted=accepted)
        assert_refused(verdict, UNDETERMINED, Step.FINALITY, "RollbackError")


def test_below_the_trusted_block_is_a_rollback(still: World) -> None:
    for source in (Source.CONTRACT, Source.PINNED):
        evidence = evidence_of(still, sealing(still).sealed(2, proven=source is Source.CONTRACT), 2)
        verdict = judged(still, evidence, trust=sealing(still).trust_since(4, source))
        assert_refused(verdict, UNDETERMINED, Step.FINALITY, "RollbackError")


def forked(number: int, blocks: int, *, lists: bool = False) -> tuple[World, World]:
    """Two worlds that share the blocks below ``number`` and differ from there, all sealed by the same four."""
    worlds = []
    for wait in (0, 7):
        world = make_world(SealedSimulator(lists=lists))
        sealing(world).grow(number - 1)
        world.chain.time += wait
        sealing(world).grow(blocks - number + 1)
        worlds.append(world)
    return worlds[0], worlds[1]


@pytest.mark.parametrize("source", Source)
def test_another_block_at_the_accepted_height_is_a_fork(source: Source) -> None:
    one, other = forked(EPOCH + 2, EPOCH + 2, lists=True)
    trust = sealing(one).trust_since(0, source)

    def last(world: World) -> Evidence:
        if source is Source.VOTES:
            return voted(world)
        return evidence_of(world, sealing(world).sealed(EPOCH + 2, proven=source is Source.CONTRACT))

    accepted = accepted_of(one, last(one), trust)
    verdict = judged(other, last(other), trust=trust, accepted=accepted)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize("source", Source)
def test_an_earlier_block_at_the_accepted_height_is_a_fork_too(source: Source) -> None:
    earlier, later = forked(EPOCH + 2, EPOCH + 2, lists=True)
    trust, last = sealing(later).trust_since(0, source), later.chain.blocks[-1]
    evidence = voted(earlier) if source is Source.VOTES else evidence_of(
        earlier, sealing(earlier).sealed(EPOCH + 2, proven=source is Source.CONTRACT)
    )  # fmt: skip
    verdict = judged(earlier, evidence, trust=trust, accepted=TrustedBlock(last.number, last.hash, last.time))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("signers", [(), FOUR[:2], validators(4, "stranger")], ids=["nobody", "too few", "strangers"])
def test_another_block_that_no_quorum_sealed_is_no_fork(source: Source, signers: list[Validator]) -> None:
    """Whoever makes a header up must not have a node tell its members that their validators signed two blocks."""
    one, other = forked(EPOCH + 2, EPOCH + 2, lists=True)
    trust, chain = sealing(one).trust_since(0, source), sealing(other)
    honest = voted(other) if source is Source.VOTES else evidence_of(other)
    first = voted(one) if source is Source.VOTES else evidence_of(one)
    if source is Source.PINNED:
        first = evidence_of(one, sealing(one).sealed(EPOCH + 2, proven=False))
        honest = evidence_of(other, chain.sealed(EPOCH + 2, proven=False))
    assert isinstance(honest.finality, SealFinality)
    accepted = accepted_of(one, first, trust)
    finality = replace(honest.finality, seals=tuple(chain.seals(EPOCH + 2, signers)))
    verdict = judged(other, replace(honest, finality=finality), trust=trust, accepted=accepted)
    assert verdict.step is Step.FINALITY
    assert verdict.error in {"QuorumError", "SignatureError"}


@pytest.mark.parametrize("source", Source)
def test_a_child_of_another_block_than_the_accepted_one_is_a_fork(source: Source) -> None:
    one, other = forked(EPOCH + 2, EPOCH + 3, lists=True)
    trust = sealing(one).trust_since(0, source)

    def at(world: World, number: int) -> Evidence:
        if source is Source.VOTES:
            return voted(world, number)
        return evidence_of(world, sealing(world).sealed(number, proven=source is Source.CONTRACT), number)

    accepted = accepted_of(one, at(one, EPOCH + 2), trust)
    for known in (accepted, Accepted(accepted.block)):
        verdict = judged(other, at(other, EPOCH + 3), trust=trust, accepted=known)
        assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_a_step_at_the_accepted_height_that_is_another_block_is_a_fork(source: Source) -> None:
    """Who remembers the head alone, or votes as of the epoch's first block, walks past the accepted height."""
    one, other = forked(EPOCH + 2, EPOCH + 4, lists=True)
    trust = sealing(one).trust_since(0, source)
    if source is Source.VOTES:
        accepted, evidence = accepted_of(one, voted(one, EPOCH + 2), trust), voted(other)
    else:
        accepted = Accepted(accepted_of(one, evidence_of(one, number=EPOCH + 2), trust).block)
        evidence = evidence_of(other, sealing(other).sealed(EPOCH + 4, [EPOCH + 2]))
    verdict = judged(other, evidence, trust=trust, accepted=accepted)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


def test_a_remembered_set_that_is_not_the_blocks_refuses(rotated: World) -> None:
    """Memory is our own, and still no file makes good for it."""
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, chain.sealed(7, STEPS), 7))
    assert accepted.validated is not None
    wrong = ValidatedBlock(accepted.validated.block, tuple(sorted(one.address for one in FOUR)))
    verdict = judged(rotated, evidence_of(rotated), accepted=replace(accepted, validated=wrong))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "QuorumError")
