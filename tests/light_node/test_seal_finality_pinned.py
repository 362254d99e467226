"""Sealed evidence where validators are pinned: rotations that are left out, false or contradict, and who saw them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import MalformedError
from ledger.proof.evidence import Evidence, SealFinality, encode_evidence
from light_node.memory import Memory, SignedHead, encode_memory, parse_fork, parse_memory
from light_node.node import LightNode
from light_node.qbft.rotation import Rotation, encode_rotation
from light_node.state import StateFolder
from light_node.trust import Trust, encode_trust, parse_trust
from light_node.trust_rules import Source, ValidatorRule, pinned_rule
from light_node.verdict import Outcome, Step
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.light_node.sealed_worlds import (
    FIVE,
    FOUR,
    MALFORMED,
    REFUTED,
    STRANGER,
    UNDETERMINED,
    accepted_of,
    evidence_of,
    pinned,
    pinned_evidence,
    pinned_world,
    sealing,
)
from tests.simulator.chain import CHAIN_ID
from tests.simulator.qbft import Validator
from tests.simulator.sealed import SealedSimulator, first_statement, rotation
from tests.simulator.world import World, make_world

# ---- pinned sets -------------------------------------------------------------------------------------------------


def test_without_its_rotations_a_block_is_sealed_by_strangers() -> None:
    world = pinned_world()
    for chosen, outcome, error in (((), REFUTED, "SignatureError"), ((0,), UNDETERMINED, "QuorumError")):
        verdict = judged(world, pinned_evidence(world, *chosen), trust=pinned(world))
        assert_refused(verdict, outcome, Step.FINALITY, error)


def test_a_rotation_cannot_be_left_out() -> None:
    world = pinned_world()
    assert_refused(
        judged(world, pinned_evidence(world, 1), trust=pinned(world)), REFUTED, Step.FINALITY, "ConsistencyError"
    )


@pytest.mark.parametrize("chosen", [(1, 0), (0, 0, 1), (0, 1, 1)])
def test_rotations_stand_in_their_order_each_once(chosen: tuple[int, ...]) -> None:
    world = pinned_world()
    verdict = judged(world, pinned_evidence(world, *chosen), trust=pinned(world))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_two_rotations_that_contradict_are_a_fork() -> None:
    world = pinned_world()
    chain = sealing(world)
    first = first_statement(chain)
    both = [rotation(first, 3, FIVE, FOUR[:3]), rotation(first, 3, [*FOUR[:3], STRANGER], FOUR[1:])]
    files = sorted(map(encode_rotation, both))
    finality = replace(chain.sealed(6, proven=False), rotations=tuple(files))
    verdict = judged(world, evidence_of(world, finality), trust=pinned(world))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize(("signers", "error"), [(FOUR[:2], "QuorumError"), ([*FOUR[:3], STRANGER], "SignatureError")])
def test_a_rotation_by_too_few_or_by_others(signers: list[Validator], error: str) -> None:
    world = pinned_world()
    chain = sealing(world)
    rotations = [rotation(first_statement(chain), 3, FIVE, signers)]
    verdict = judged(world, evidence_of(world, chain.sealed(6, proven=False, rotations=rotations)), trust=pinned(world))
    assert (verdict.step, verdict.error) == (Step.FINALITY, error)


def test_what_is_no_rotation_is_malformed(still: World) -> None:
    for rotations in ((b"{}",), (b"[]",), (b"1",)):
        finality = replace(sealing(still).sealed(6, proven=False), rotations=rotations)
        verdict = judged(still, evidence_of(still, finality), trust=pinned(still))
        assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_pinned_block_of_less_than_the_quorum(still: World) -> None:
    finality = sealing(still).sealed(6, proven=False)
    verdict = judged(still, evidence_of(still, replace(finality, seals=finality.seals[1:])), trust=pinned(still))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "QuorumError")


def pinned_later(world: World, trusted: int, rotations: int) -> Trust:
    """The trust file of whoever pinned block ``trusted``, in which the set of so many rotations is in force."""
    chain = sealing(world)
    statement = first_statement(chain)
    for effective, members, signers in ((3, FIVE, FOUR[:3]), (5, FIVE[1:], FIVE[:4]))[:rotations]:
        statement = rotation(statement, effective, members, signers).statement
    return replace(chain.trust_since(trusted, Source.PINNED), finality=pinned_rule(statement, trusted))


@pytest.mark.parametrize(("trusted", "rotations"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)])
def test_one_file_serves_whoever_pinned_a_set_of_its_line(trusted: int, rotations: int) -> None:
    world = pinned_world()
    trust = pinned_later(world, trusted, rotations)
    assert parse_trust(encode_trust(trust)) == trust
    assert_verified(judged(world, pinned_evidence(world, 0, 1), trust=trust))
    verdict = judged(world, pinned_evidence(world), trust=trust)
    assert (verdict.outcome is Outcome.VERIFIED) is (rotations == 2)


def test_rotations_of_another_line_are_refused() -> None:
    """What a trust file has behind it is not verified, but it has to lead to where the trust file stands."""
    world = pinned_world()
    chain, trust = sealing(world), pinned_later(world, 3, 1)
    for sets in ((FIVE, FOUR[:3], 2), ([*FOUR, STRANGER], FOUR[:3], 3)):
        other = rotation(first_statement(chain), sets[2], sets[0], sets[1])
        after = rotation(other.statement, 5, FIVE[1:], FIVE[:4])
        finality = chain.sealed(6, proven=False, rotations=[other, after])
        verdict = judged(world, evidence_of(world, finality), trust=trust)
        assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


def test_a_rotation_that_follows_another_statement_than_the_pinned_one_is_refused() -> None:
    world = pinned_world()
    trust = pinned_later(world, 1, 0)
    assert isinstance(trust.finality, ValidatorRule)
    other = replace(trust, finality=replace(trust.finality, statement=None))  # begins a line of its own
    verdict = judged(world, pinned_evidence(world, 0, 1), trust=other)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


# ---- a node that has accepted a rotation -------------------------------------------------------------------------


def retired_world() -> World:
    """As ``pinned_world``, with a seventh block that the first four sealed, whom rotations have retired since."""
    world = pinned_world()
    sealing(world).mine(signers=FOUR[:3])
    return world


def pinned_at(world: World, number: int, *rotations: Rotation) -> Evidence:
    return evidence_of(world, sealing(world).sealed(number, proven=False, rotations=rotations), number)


def two_rotations(world: World) -> tuple[Rotation, Rotation]:
    first = rotation(first_statement(sealing(world)), 3, FIVE, FOUR[:3])
    return first, rotation(first.statement, 5, FIVE[1:], FIVE[:4])


def test_those_whom_a_rotation_retired_seal_nothing_for_whoever_has_seen_it() -> None:
    """To a stranger without the rotations their chain is final, within the trusting period."""
    world = retired_world()
    both, trust = two_rotations(world), pinned(world)
    last = len(sealing(world).blocks) - 1
    forged = pinned_at(world, last)
    assert_verified(judged(world, forged, trust=trust))
    for number, sequence, shown in ((2, 1, ()), (4, 2, both[:1]), (4, 2, ())):
        accepted = accepted_of(world, pinned_at(world, number, *both), trust)
        assert accepted.validated is not None
        assert accepted.validated.sequence == sequence
        verdict = judged(world, pinned_at(world, last, *shown), trust=trust, accepted=accepted)
        assert_refused(verdict, UNDETERMINED, Step.FINALITY, "RollbackError")


def test_before_it_takes_effect_a_rotation_may_come_or_not() -> None:
    world = pinned_world()
    both, trust = two_rotations(world), pinned(world)
    accepted = accepted_of(world, pinned_at(world, 1, *both), trust)
    assert accepted.validated is not None
    assert (accepted.validated.sequence, accepted.validated.block.number) == (0, 1)
    assert_verified(judged(world, pinned_at(world, 2), trust=trust, accepted=accepted))
    assert_verified(judged(world, pinned_at(world, 2, *both), trust=trust, accepted=accepted))


def test_a_rotation_that_comes_late_is_accepted_when_it_comes() -> None:
    """Somebody had not published it yet; the block was sealed by enough of both sets."""
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.grow(2)
    chain.mine(signers=FOUR, successors=FIVE)
    chain.mine(signers=FIVE[1:])
    both, trust = two_rotations(world), pinned(world)
    accepted = accepted_of(world, pinned_at(world, 3), trust)
    assert_verified(judged(world, pinned_at(world, 4, both[0]), trust=trust, accepted=accepted))


def test_another_rotation_than_the_accepted_one_is_a_fork_and_is_kept(tmp_path: Path) -> None:
    world, state = pinned_world(), StateFolder(tmp_path)
    trust = pinned(world)
    other = rotation(first_statement(sealing(world)), 3, [*FOUR, STRANGER], FOUR[1:])
    state.make()
    state.pin(trust)
    with state.alone():
        now = sealing(world).time
        node = LightNode(state)
        assert_verified(node.judge(encode_evidence(pinned_at(world, 3, two_rotations(world)[0])), now=now).verdict)
        judged_ = LightNode(state).judge(encode_evidence(pinned_at(world, 4, other)), now=now)
    assert_refused(judged_.verdict, REFUTED, Step.FINALITY, "ForkError")
    assert judged_.fork is not None
    _, first, second = parse_fork(judged_.fork.read_bytes())
    kept = [one.finality.rotations for one in (first, second) if isinstance(one.finality, SealFinality)]
    assert kept == [(encode_rotation(two_rotations(world)[0]),), (encode_rotation(other),)]


def test_the_number_of_a_rotation_is_kept_on_the_disk() -> None:
    world = pinned_world()
    accepted = accepted_of(world, pinned_at(world, 4, *two_rotations(world)), pinned(world))
    signed = SignedHead(sealing(world).blocks[4].header, sealing(world).sealed(4, proven=False))
    memory = Memory(CHAIN_ID, accepted.block, signed, validated=accepted.validated)
    data = encode_memory(memory)
    assert parse_memory(data) == memory
    for wrong in (b'"sequence":0', b'"sequence":-1', b'"sequence":"2"', b'"sequences":2'):
        with pytest.raises(MalformedError):
            parse_memory(data.replace(b'"sequence":2', wrong))


def test_a_trust_file_that_is_past_what_was_accepted_begins_anew() -> None:
    world = pinned_world()
    accepted = accepted_of(world, pinned_at(world, 4, *two_rotations(world)), pinned(world))
    anew = pinned_later(world, 5, 2)
    assert isinstance(anew.finality, ValidatorRule)
    anew = replace(anew, finality=replace(anew.finality, statement=None))
    assert_verified(judged(world, pinned_at(world, 6), trust=anew, accepted=accepted))
