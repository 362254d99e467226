"""What the chain holds: steps 4 to 6 of the verification, over several logs too, each refusal with its error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.event import AssetType
from ledger.proof.evidence import Evidence, HiddenEntry, OpenEntry, Segment
from light_node.trust import TrustedContract
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
from tests.simulator import layout
from tests.simulator.chain import CONSORTIUM, DAY, LOG_ADDRESSES, account_proof, code_hash
from tests.simulator.world import CAR_MAKER, VIN, WORKSHOP, World

# ---- 4 contracts, 5 storage --------------------------------------------------------------------------------------


def test_other_code_proves_nothing(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    consortium = honest.chain.trust(consortium=TrustedContract(CONSORTIUM, code_hash(b"other")))
    log = honest.chain.trust().logs | {
        AssetType.VEHICLE: (TrustedContract(LOG_ADDRESSES[AssetType.VEHICLE], bytes(32)),)
    }
    for trust in (consortium, honest.chain.trust(logs=log)):
        verdict = judged(honest, evidence, trust=trust)
        assert_refused(verdict, UNDETERMINED, Step.CONTRACTS, "UntrustedError")


def test_a_contract_that_is_not_there_proves_nothing(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    absent = b"\xc1" * 20
    proof = replace(account_proof(world.chain.blocks[-1], CONSORTIUM, [bytes(32)]), address=absent)
    proof = replace(proof, nodes=world.chain.blocks[-1].state.proof(absent))
    accounts = tuple(sorted((evidence.accounts[0], proof), key=lambda account: account.address))
    trust = world.chain.trust(consortium=TrustedContract(absent, code_hash(absent)))
    verdict = judged(world, replace(evidence, accounts=accounts), trust=trust)
    assert_refused(verdict, UNDETERMINED, Step.CONTRACTS, "UntrustedError")


def test_an_account_that_nobody_trusts_is_not_taken(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    block = world.chain.blocks[-1]
    stranger = replace(evidence.accounts[0], address=b"\x07" * 20, nodes=block.state.proof(b"\x07" * 20))
    verdict = judged(world, replace(evidence, accounts=(stranger, *evidence.accounts)))
    assert_refused(verdict, UNDETERMINED, Step.CONTRACTS, "UntrustedError")


def test_another_contracts_storage_is_refuted(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    swapped = tuple(
        replace(account, storage=other.storage)
        for account, other in zip(evidence.accounts, reversed(evidence.accounts), strict=True)
    )
    assert_refused(judged(world, replace(evidence, accounts=swapped)), REFUTED, Step.STORAGE, "InclusionError")


@pytest.mark.parametrize("place", range(8))
def test_a_proof_that_is_missing_is_malformed(honest: World, place: int) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    places = [(a, s) for a, account in enumerate(evidence.accounts) for s in range(len(account.storage))]
    at, slot = places[place % len(places)]
    accounts = list(evidence.accounts)
    storage = accounts[at].storage
    accounts[at] = replace(accounts[at], storage=storage[:slot] + storage[slot + 1 :])
    verdict = judged(honest, replace(evidence, accounts=tuple(account for account in accounts if account.storage)))
    assert (verdict.outcome, verdict.error) == (MALFORMED, "MalformedError")
    assert "no proof of slot" in verdict.reason


def test_a_proof_that_nothing_asks_for_is_malformed(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    log = evidence.segments[0].log
    slots = [layout.head_at(honest.vehicle.subject), layout.successor_at(), layout.head_at(b"\x05" * 32)]
    accounts = tuple(
        account_proof(honest.chain.blocks[-1], log, slots) if account.address == log else account
        for account in evidence.accounts
    )
    verdict = judged(honest, replace(evidence, accounts=accounts))
    assert_refused(verdict, MALFORMED, Step.AUTHORITY, "MalformedError")
    assert "nothing asked for" in verdict.reason


def test_a_contract_that_nothing_asks_for_is_malformed(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle, hidden=range(1, 11))
    surplus = account_proof(honest.chain.blocks[-1], CONSORTIUM, [bytes(32)])
    accounts = tuple(sorted((*evidence.accounts, surplus), key=lambda account: account.address))
    verdict = judged(honest, replace(evidence, accounts=accounts), identity_required=False)
    assert_refused(verdict, MALFORMED, Step.AUTHORITY, "MalformedError")


# ---- 6 fold ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"),
    [("vehicle.scrapped", 3), ("vehicle.serviced", 5), ("vehicle.built", 1), ("vehicle.restored_in_use", 4)],
)
def test_a_status_that_does_not_follow_is_refuted(world: World, kind: str, status: int) -> None:
    world.chain.attest(world.vehicle, WORKSHOP, kind, None, status=status)
    assert_refused(judged(world, world.chain.evidence(world.vehicle)), REFUTED, Step.FOLD, "HistoryError")


@pytest.mark.parametrize("kind", ["vehicle.serviced", "any.observation", "vehicle.scrapped"])
def test_a_life_begins_with_a_genesis(world: World, kind: str) -> None:
    asset = world.chain.asset(AssetType.VEHICLE, VIN, CAR_MAKER)
    world.chain.attest(asset, CAR_MAKER, kind, None, status=1)
    assert_refused(judged(world, world.chain.evidence(asset)), REFUTED, Step.FOLD, "HistoryError")


def test_a_status_outside_the_table_is_malformed(world: World) -> None:
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", None, status=77)
    evidence = world.chain.evidence(world.vehicle, hidden=[11])
    assert_refused(judged(world, evidence), MALFORMED, Step.FOLD, "MalformedError")


def test_times_that_go_back_are_refuted(world: World) -> None:
    world.chain.time -= 30 * DAY
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", None)
    world.chain.time += 60 * DAY
    assert_refused(judged(world, world.chain.evidence(world.vehicle)), REFUTED, Step.FOLD, "HistoryError")


def test_a_time_after_the_block_is_refuted(world: World) -> None:
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", None)
    block = world.chain.mine(time=world.chain.time - 3600)
    verdict = judged(world, world.chain.evidence(world.vehicle, block=block))
    assert_refused(verdict, REFUTED, Step.FOLD, "HistoryError")


def test_a_kind_that_is_not_known_closes_withheld_only(world: World) -> None:
    honest = world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", None)
    unknown = replace(honest, meta=replace(honest.meta, kind=0x7BFF))
    world.vehicle.history[-1] = unknown
    log = world.chain.logs[AssetType.VEHICLE][0]
    world.chain.slots[log][layout.head_at(world.vehicle.subject)] = int.from_bytes(
        world.chain.head(world.vehicle), "big"
    )
    verdict = judged(world, world.chain.evidence(world.vehicle))
    assert_verified(verdict)
    assert account_of(verdict).events[-1].kind == f"unknown.{0x7BFF}"
    credential = world.vehicle.history[3].credential
    assert credential is not None
    evidence = world.chain.evidence(world.vehicle)
    history = list(evidence.history)
    assert isinstance(history[-1], OpenEntry)
    history[-1] = replace(history[-1], credential=credential.text)
    verdict = judged(world, replace(evidence, history=tuple(history)))
    assert_refused(verdict, MALFORMED, Step.FOLD, "MalformedError")


def test_hiding_changes_nothing_but_what_is_shown(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle, hidden=[5])
    entry = evidence.history[4]
    assert isinstance(entry, HiddenEntry)
    for changed in (replace(entry, status=1), replace(entry, leaf=b"\x01" * 32)):
        history = (*evidence.history[:4], changed, *evidence.history[5:])
        verdict = judged(honest, replace(evidence, history=history))
        assert_refused(verdict, REFUTED, Step.FOLD, "HistoryError")


# ---- successors --------------------------------------------------------------------------------------------------

SUCCESSOR = b"\xd2" * 20


def migrated(world: World) -> Evidence:
    world.chain.succeed(AssetType.VEHICLE, SUCCESSOR)
    world.chain.record(world.vehicle, CAR_MAKER, "any.observation", description="after the move")
    return world.chain.evidence(world.vehicle)


def test_one_life_over_two_logs_verifies(world: World) -> None:
    evidence = migrated(world)
    assert [segment.entries for segment in evidence.segments] == [10, 1]
    assert_verified(judged(world, evidence))


def test_a_life_that_never_reached_the_new_log_verifies(world: World) -> None:
    world.chain.succeed(AssetType.VEHICLE, SUCCESSOR)
    evidence = world.chain.evidence(world.vehicle)
    assert [segment.entries for segment in evidence.segments] == [10, 0]
    assert_verified(judged(world, evidence))


def test_what_came_after_the_move_cannot_be_left_out(world: World) -> None:
    evidence = migrated(world)
    logs = (LOG_ADDRESSES[AssetType.VEHICLE], SUCCESSOR)
    cut = replace(evidence, history=evidence.history[:10], segments=(Segment(logs[0], 10), Segment(logs[1], 0)))
    assert_refused(judged(world, cut), REFUTED, Step.FOLD, "HistoryError")
    old_only = replace(cut, segments=(Segment(logs[0], 10),))
    assert_refused(judged(world, old_only), UNDETERMINED, Step.IDENTITY, "UntrustedError")


@pytest.mark.parametrize("split", [(9, 2), (11, 0), (0, 11)])
def test_the_border_between_logs_is_proven(world: World, split: tuple[int, int]) -> None:
    evidence = migrated(world)
    segments = (Segment(LOG_ADDRESSES[AssetType.VEHICLE], split[0]), Segment(SUCCESSOR, split[1]))
    assert_refused(judged(world, replace(evidence, segments=segments)), REFUTED, Step.FOLD, "HistoryError")


def test_logs_out_of_order_prove_nothing(world: World) -> None:
    evidence = migrated(world)
    turned = replace(evidence, segments=tuple(reversed(evidence.segments)))
    assert_refused(judged(world, turned), UNDETERMINED, Step.IDENTITY, "UntrustedError")
