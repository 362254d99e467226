"""Attacks that once worked, each by name: what a seller, an issuer or a member could make a reader believe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.event import AssetType
from ledger.proof.evidence import Evidence, Segment
from light_node.trust import Trust
from light_node.verdict import Outcome, Step
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.simulator.chain import account_proof
from tests.simulator.layout import head_at, successor_at
from tests.simulator.world import CAR_MAKER, World

SUCCESSOR, OTHER = b"\xd2" * 20, b"\xd3" * 20


def over_old_log(world: World) -> tuple[Evidence, Trust]:
    """Fresh evidence of the first log alone, and the trust file of the time when there was no other."""
    trust = world.chain.trust()
    world.chain.succeed(AssetType.VEHICLE, SUCCESSOR)
    world.chain.record(world.vehicle, CAR_MAKER, "any.observation", description="after the move")
    evidence = world.chain.evidence(world.vehicle)
    old = evidence.segments[0].log
    accounts = tuple(account for account in evidence.accounts if account.address != SUCCESSOR)
    return replace(evidence, history=evidence.history[:10], segments=(Segment(old, 10),), accounts=accounts), trust


def test_a_trust_file_from_before_the_move_does_not_hide_what_came_after(world: World) -> None:
    evidence, trust = over_old_log(world)
    verdict = judged(world, evidence, trust=trust)
    assert_refused(verdict, Outcome.UNDETERMINED, Step.STORAGE, "UntrustedError")
    assert f"was closed for 0x{SUCCESSOR.hex()}" in verdict.reason


def test_the_proof_of_the_successor_cannot_be_left_out(world: World) -> None:
    evidence, trust = over_old_log(world)
    block, log = world.chain.blocks[-1], evidence.segments[0].log
    for slots in ([head_at(world.vehicle.subject)], [head_at(world.vehicle.subject), b"\1" * 32]):
        accounts = tuple(
            account_proof(block, log, slots) if account.address == log else account for account in evidence.accounts
        )
        verdict = judged(world, replace(evidence, accounts=accounts), trust=trust)
        assert_refused(verdict, Outcome.MALFORMED, Step.STORAGE, "MalformedError")


@pytest.mark.parametrize("closed", [False, True])
def test_a_log_that_waits_for_its_predecessor_to_close_hides_nothing(world: World, closed: bool) -> None:
    world.chain.succeed(AssetType.VEHICLE, SUCCESSOR)
    if not closed:
        del world.chain.slots[world.chain.logs[AssetType.VEHICLE][0]][successor_at()]
    assert_verified(judged(world, world.chain.evidence(world.vehicle)))


def test_a_log_that_was_closed_for_another_than_the_trusted_one_is_not_the_whole_life(world: World) -> None:
    world.chain.succeed(AssetType.VEHICLE, SUCCESSOR)
    world.chain.slots[world.chain.logs[AssetType.VEHICLE][0]][successor_at()] = int.from_bytes(OTHER, "big")
    verdict = judged(world, world.chain.evidence(world.vehicle))
    assert_refused(verdict, Outcome.UNDETERMINED, Step.STORAGE, "UntrustedError")
