from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import rlp

from ledger.credential.jose import Algorithm, generate_private_key
from ledger.event import AssetReference, AssetType
from ledger.proof.evidence import Evidence, HiddenEntry, IssuerKey, OpenEntry, Segment, encode_evidence
from ledger.rules import Ruling
from light_node.trust import TrustedBlock, TrustedContract
from light_node.trust_rules import WitnessRule
from light_node.verdict import EventState, Mark, Outcome, Step
from tests.light_node.judging import assert_refused, assert_verified, judged, with_credential
from tests.simulator import layout
from tests.simulator.chain import CONSORTIUM, DAY, LOG_ADDRESSES, START, account_proof, code_hash, encode_header
from tests.simulator.witnesses import STRANGER, WITNESSES
from tests.simulator.world import BATTERY, CAR_MAKER, MAKER, RECYCLER, VIN, WORKSHOP, World

REFUTED, MALFORMED, UNDETERMINED = Outcome.REFUTED, Outcome.MALFORMED, Outcome.UNDETERMINED


def account_of(verdict: Any) -> Any:
    assert verdict.account is not None
    return verdict.account


# ---- what is verified --------------------------------------------------------------------------------------------


def test_a_verdict_says_what_was_proven(honest: World) -> None:
    verdict = judged(honest, honest.chain.evidence(honest.vehicle), asset=honest.vehicle.reference)
    assert_verified(verdict)
    account = account_of(verdict)
    assert account.asset == AssetReference(AssetType.VEHICLE, VIN)
    assert (account.registered_by, account.by_registrar, account.status) == (CAR_MAKER, False, "deregistered")
    assert [event.state for event in account.events] == [EventState.OPENED] * 10
    assert account.events[7].fields["odometer_km"] == 75_500
    assert account.as_of == verdict.as_of
    assert "salt" not in account.events[0].fields
    assert verdict.outcome.exit_code == 0


def test_aliases_come_with_the_genesis(honest: World) -> None:
    account = account_of(judged(honest, honest.chain.evidence(honest.battery)))
    assert account.aliases == ("urn:uuid:00000000-0000-0000-0000-000000000000",)


def test_hidden_and_withheld_events_close_without_judgement(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle, hidden=[3, 9, 10], withheld=[4])
    verdict = judged(honest, evidence)
    assert_verified(verdict)
    account = account_of(verdict)
    assert [event.state for event in account.events[2:4]] == [EventState.HIDDEN, EventState.WITHHELD]
    assert (account.events[2].kind, account.events[2].organisation, account.events[2].attested_at) == (None,) * 3
    assert account.status == "deregistered"
    odometer = next(judgement for judgement in account.judgements if judgement.topic == "odometer")
    assert odometer.ruling is Ruling.NO_JUDGEMENT
    assert set(odometer.events) >= {3, 4}


def test_a_history_of_bare_leaves_closes_for_who_asks_about_the_subject(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle, hidden=range(1, 11))
    assert_refused(judged(honest, evidence), UNDETERMINED, Step.IDENTITY, "IdentityError")
    verdict = judged(honest, evidence, identity_required=False)
    assert_verified(verdict)
    assert account_of(verdict).asset is None
    assert len(evidence.accounts) == 1


def test_a_field_that_is_not_shown_leaves_the_event_without_judgement(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle, shown={4: ["work"]})
    account = account_of(judged(honest, evidence))
    assert (account.events[3].marks, account.events[3].missing) == (frozenset({Mark.INCOMPLETE}), ("odometer_km",))
    odometer = next(judgement for judgement in account.judgements if judgement.topic == "odometer")
    assert odometer.ruling is Ruling.NO_JUDGEMENT


def test_a_subject_without_events_proves_so(world: World) -> None:
    nothing = world.chain.asset(AssetType.BATTERY, BATTERY, MAKER)
    verdict = judged(world, world.chain.evidence(nothing))
    assert_verified(verdict)
    assert (account_of(verdict).events, account_of(verdict).status) == ((), None)
    asked = judged(world, world.chain.evidence(nothing), asset=nothing.reference)
    assert_refused(asked, UNDETERMINED, Step.IDENTITY, "IdentityError")


def test_a_life_is_not_hidden_by_calling_it_empty(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    log = evidence.segments[0].log
    accounts = tuple(account for account in evidence.accounts if account.address == log)
    empty = replace(evidence, history=(), segments=(Segment(log, 0),), issuers=(), accounts=accounts)
    assert_refused(judged(world, empty), REFUTED, Step.FOLD, "HistoryError")


# ---- 2 identity --------------------------------------------------------------------------------------------------


def test_another_chain_proves_nothing(honest: World) -> None:
    evidence = replace(honest.chain.evidence(honest.vehicle), chain_id=1)
    assert_refused(judged(honest, evidence), UNDETERMINED, Step.IDENTITY, "UntrustedError")


def test_another_log_proves_nothing(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    for segments in ((Segment(b"\x99" * 20, 10),), (Segment(b"\x99" * 20, 0), *evidence.segments)):
        verdict = judged(honest, replace(evidence, segments=segments))
        assert_refused(verdict, UNDETERMINED, Step.IDENTITY, "UntrustedError")


def test_evidence_of_another_asset_than_asked_for_proves_nothing(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    for asset in (honest.battery.reference, AssetReference(AssetType.VEHICLE, "5GZCZ43D13S812715")):
        assert_refused(judged(honest, evidence, asset=asset), UNDETERMINED, Step.IDENTITY, "IdentityError")


@pytest.mark.parametrize("missing", ["identifier", "asset_type", "salt"])
def test_a_genesis_that_does_not_open_the_subject_leaves_the_identity_open(honest: World, missing: str) -> None:
    names = [name for name in ("identifier", "asset_type", "salt") if name != missing]
    if missing == "salt":
        verdict = judged(honest, honest.chain.evidence(honest.vehicle, shown={1: names}))
        assert_refused(verdict, UNDETERMINED, Step.IDENTITY, "IdentityError")
        assert missing in verdict.reason
        assert_verified(
            judged(honest, honest.chain.evidence(honest.vehicle, shown={1: names}), identity_required=False)
        )


def test_a_genesis_of_another_type_is_refuted(world: World) -> None:
    asset = world.chain.asset(AssetType.VEHICLE, VIN, CAR_MAKER)
    world.chain.record(asset, CAR_MAKER, "vehicle.built", **world.chain.opening(asset) | {"asset_type": "part"})
    assert_refused(judged(world, world.chain.evidence(asset)), REFUTED, Step.IDENTITY, "ContentMismatchError")


@pytest.mark.parametrize("identifier", ["1m8gdm9axkp042788", "nonsense", 5, None, "BPNL00000003CML1"])
def test_an_identifier_that_names_no_such_asset_leaves_the_identity_open(world: World, identifier: Any) -> None:
    asset = world.chain.asset(AssetType.VEHICLE, str(identifier), CAR_MAKER)
    opening = world.chain.opening(asset) | {"identifier": identifier}
    world.chain.record(asset, CAR_MAKER, "vehicle.built", **opening)
    history = [
        OpenEntry(item.digest, item.meta.word, item.status, item.credential.text)
        for item in asset.history
        if item.credential
    ]
    asset.reference = world.vehicle.reference
    evidence = world.chain.assemble(asset, world.chain.mine(), history, namespaces=False)
    assert_refused(judged(world, evidence), UNDETERMINED, Step.IDENTITY, "IdentityError")


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


# ---- 7 authority -------------------------------------------------------------------------------------------------


def test_the_longest_held_namespace_decides(world: World) -> None:
    shorter = world.chain.asset(AssetType.BATTERY, BATTERY, 9)
    world.chain.keys[9] = generate_private_key(Algorithm.ES256, world.chain.random)
    world.chain.add_key(9, world.chain.keys[9])
    world.chain.record(shorter, 9, "battery.commissioned", **world.chain.opening(shorter))
    verdict = judged(world, world.chain.evidence(shorter))
    assert_refused(verdict, UNDETERMINED, Step.AUTHORITY, "IdentityError")
    assert "held by organisation 1, not 9" in verdict.reason


def test_authority_is_that_of_the_time(world: World) -> None:
    world.chain.assign(1, "1M8", RECYCLER)
    assert_verified(judged(world, world.chain.evidence(world.vehicle)))
    late = world.chain.asset(AssetType.VEHICLE, VIN, CAR_MAKER)
    world.chain.time += 1
    world.chain.record(late, CAR_MAKER, "vehicle.built", **world.chain.opening(late))
    assert_refused(judged(world, world.chain.evidence(late)), UNDETERMINED, Step.AUTHORITY, "IdentityError")


def test_a_namespace_that_was_given_up_is_nobodys(world: World) -> None:
    world.chain.assign(1, "1M8", 0)
    late = world.chain.asset(AssetType.VEHICLE, VIN, CAR_MAKER)
    world.chain.record(late, CAR_MAKER, "vehicle.built", **world.chain.opening(late))
    verdict = judged(world, world.chain.evidence(late))
    assert_refused(verdict, UNDETERMINED, Step.AUTHORITY, "IdentityError")
    assert "held no namespace" in verdict.reason


def test_a_registrar_stands_in_for_a_maker_that_does_not_take_part(world: World) -> None:
    asset = world.chain.asset(AssetType.VEHICLE, "5GZCZ43D13S812715", RECYCLER)
    world.chain.record(asset, RECYCLER, "vehicle.registered_by_registrar", **world.chain.opening(asset))
    verdict = judged(world, world.chain.evidence(asset))
    assert_verified(verdict)
    assert account_of(verdict).by_registrar
    maker = world.chain.asset(AssetType.VEHICLE, "5GZCZ43D13S812715", RECYCLER)
    world.chain.record(maker, RECYCLER, "vehicle.built", **world.chain.opening(maker))
    assert_refused(judged(world, world.chain.evidence(maker)), UNDETERMINED, Step.AUTHORITY, "IdentityError")


def test_a_refuted_event_outweighs_an_open_identity(world: World) -> None:
    second = world.chain.asset(AssetType.VEHICLE, VIN, WORKSHOP)
    world.chain.record(second, WORKSHOP, "vehicle.built", **world.chain.opening(second))
    wrong = world.chain.issue(second, WORKSHOP, "vehicle.serviced", {"odometer_km": 1, "work": []}, organisation=1)
    world.chain.attest(second, WORKSHOP, "vehicle.serviced", wrong)
    assert_refused(judged(world, world.chain.evidence(second)), REFUTED, Step.BINDING, "BindingError")


KEY_RECORDS: list[tuple[dict[str, int], bool]] = [
    ({"valid_from": START + 9 * DAY}, False),
    ({"valid_until": START + 3600}, False),
    ({"valid_until": START + 9999 * DAY}, True),
    ({"algorithm": 2}, False),
    ({"algorithm": 0}, False),
    ({"algorithm": 99}, False),
    ({"revoked_from": START + 10, "changed_at": START + 20}, False),
    ({"revoked_from": START + 9999 * DAY, "changed_at": START + 9999 * DAY}, True),
]


@pytest.mark.parametrize(("record", "valid"), KEY_RECORDS)
def test_a_key_is_judged_by_its_record_at_that_time(world: World, record: dict[str, int], valid: bool) -> None:
    world.chain.add_key(MAKER, world.chain.keys[MAKER], **record)
    verdict = judged(world, world.chain.evidence(world.battery))
    if valid:
        assert_verified(verdict)
    else:
        assert_refused(verdict, REFUTED, Step.AUTHORITY, "IssuerError")


def test_validity_ends_before_its_last_second(world: World) -> None:
    time = world.battery.history[1].meta.time
    for until, outcome in ((time, REFUTED), (time + 1, Outcome.VERIFIED)):
        world.chain.add_key(MAKER, world.chain.keys[MAKER], valid_until=until)
        assert judged(world, world.chain.evidence(world.battery)).outcome is outcome
    first = world.battery.history[0].meta.time
    for since, outcome in ((first + 1, REFUTED), (first, Outcome.VERIFIED)):
        world.chain.add_key(MAKER, world.chain.keys[MAKER], valid_from=since)
        assert judged(world, world.chain.evidence(world.battery)).outcome is outcome


def test_between_compromise_and_revocation_events_are_disputed(world: World) -> None:
    time = world.vehicle.history[5].meta.time
    now = world.chain.time
    world.chain.add_key(WORKSHOP, world.chain.keys[WORKSHOP], revoked_from=time, changed_at=now)
    verdict = judged(world, world.chain.evidence(world.vehicle))
    assert_verified(verdict)
    account = account_of(verdict)
    assert [Mark.DISPUTED in event.marks for event in account.events] == [False] * 5 + [True] * 3 + [False] * 2
    odometer = next(judgement for judgement in account.judgements if judgement.topic == "odometer")
    assert odometer.ruling is Ruling.NO_JUDGEMENT


def test_after_the_revocation_nothing_is_valid(world: World) -> None:
    now = world.chain.time
    world.chain.add_key(WORKSHOP, world.chain.keys[WORKSHOP], revoked_from=now, changed_at=now)
    assert_verified(judged(world, world.chain.evidence(world.vehicle)))
    world.chain.time = now + 10
    world.chain.record(world.vehicle, WORKSHOP, "vehicle.serviced", odometer_km=90_000, work=[])
    assert_refused(judged(world, world.chain.evidence(world.vehicle)), REFUTED, Step.AUTHORITY, "IssuerError")


def test_keys_that_no_credential_names_are_malformed(honest: World) -> None:
    evidence = honest.chain.evidence(honest.battery)
    surplus = IssuerKey(77, evidence.issuers[0].jwk)
    verdict = judged(honest, replace(evidence, issuers=(*evidence.issuers, surplus)))
    assert_refused(verdict, MALFORMED, Step.AUTHORITY, "MalformedError")
    verdict = judged(honest, replace(evidence, issuers=evidence.issuers[1:]))
    assert_refused(verdict, REFUTED, Step.AUTHORITY, "IssuerError")


# ---- 8 to 10 credentials -----------------------------------------------------------------------------------------


def test_a_signature_in_another_encoding_is_refuted(honest: World) -> None:
    evidence = honest.chain.evidence(honest.battery)
    entry = evidence.history[1]
    assert isinstance(entry, OpenEntry)
    assert entry.credential is not None
    jwt = entry.credential.split("~")[0]
    other = jwt[:-4] + ("AAAA" if jwt[-4:] != "AAAA" else "BBBB")
    verdict = judged(honest, with_credential(evidence, 2, lambda text: text.replace(jwt, other)))
    assert verdict.outcome in {REFUTED, MALFORMED}
    assert verdict.step in {Step.PARSE, Step.SIGNATURE}


def test_a_second_signature_of_the_same_payload_is_not_the_attested_one(world: World) -> None:
    first = world.vehicle.history[3].credential
    assert first is not None
    other = world.chain.issue(world.vehicle, WORKSHOP, "vehicle.serviced", {"odometer_km": 1, "work": []})
    verdict = judged(world, with_credential(world.chain.evidence(world.vehicle), 4, lambda _: other.text))
    assert_refused(verdict, REFUTED, Step.BINDING, "ContentMismatchError")


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("previous_head", b"\x01" * 32),
        ("issued_at", START + 36_000_000 * 10),
        ("schema", "urn:vinculum:kind:any.other:1"),
    ],
)
def test_a_claim_that_is_not_of_this_place_is_refuted(world: World, claim: str, value: object) -> None:
    wrong = world.chain.issue(world.vehicle, RECYCLER, "vehicle.scrapped", {"certificate": "c"}, **{claim: value})
    world.chain.attest(world.vehicle, RECYCLER, "vehicle.scrapped", wrong)
    assert_refused(judged(world, world.chain.evidence(world.vehicle)), REFUTED, Step.BINDING, "BindingError")


def test_a_previous_head_where_none_belongs_is_refuted(world: World) -> None:
    head = world.chain.head(world.vehicle)
    wrong = world.chain.issue(
        world.vehicle, WORKSHOP, "vehicle.serviced", {"odometer_km": 1, "work": []}, previous_head=head
    )
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", wrong)
    assert_refused(judged(world, world.chain.evidence(world.vehicle)), REFUTED, Step.BINDING, "BindingError")


def test_a_disclosure_of_another_credential_is_refuted(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle)
    other = honest.vehicle.history[8].credential
    assert other is not None
    verdict = judged(honest, with_credential(evidence, 4, lambda text: text + other.disclosures[0] + "~"))
    assert_refused(verdict, REFUTED, Step.DISCLOSURES, "ContentMismatchError")


@pytest.mark.parametrize("text", ["x", "~", "a.b.c~", "e30.e30.e30~", "..~"])
def test_what_is_no_credential_is_malformed(honest: World, text: str) -> None:
    verdict = judged(honest, with_credential(honest.chain.evidence(honest.vehicle), 4, lambda _: text))
    assert_refused(verdict, MALFORMED, Step.PARSE, "MalformedError")


# ---- repetition and equivocation ---------------------------------------------------------------------------------


def test_a_repetition_is_kept_and_counted_once(world: World) -> None:
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", world.vehicle.history[7].credential)
    for withheld in ([], [8, 11]):
        verdict = judged(world, world.chain.evidence(world.vehicle, withheld=withheld))
        assert_verified(verdict)
        marks = [event.marks for event in account_of(verdict).events]
        assert marks[10] == {Mark.REPETITION}
        assert marks[7] == frozenset()


def test_equivocation_leaves_both_without_judgement(world: World) -> None:
    jti = "A" * 22
    for km in (80_000, 60_000):
        fields = {"odometer_km": km, "work": []}
        credential = world.chain.issue(world.vehicle, WORKSHOP, "vehicle.serviced", fields, jti=jti)
        world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", credential)
    verdict = judged(world, world.chain.evidence(world.vehicle))
    assert_verified(verdict)
    account = account_of(verdict)
    assert [event.marks for event in account.events[-2:]] == [{Mark.EQUIVOCATION}] * 2
    odometer = next(judgement for judgement in account.judgements if judgement.topic == "odometer")
    assert odometer.ruling is Ruling.NO_JUDGEMENT


def test_one_jti_of_two_issuers_is_no_equivocation(world: World) -> None:
    for organisation in (WORKSHOP, RECYCLER):
        fields = {"description": str(organisation)}
        credential = world.chain.issue(world.vehicle, organisation, "any.observation", fields, jti="A" * 22)
        world.chain.attest(world.vehicle, organisation, "any.observation", credential)
    account = account_of(judged(world, world.chain.evidence(world.vehicle)))
    assert [event.marks for event in account.events[-2:]] == [frozenset()] * 2


# ---- 11 rules ----------------------------------------------------------------------------------------------------


def test_an_odometer_that_falls_is_verified_and_inconsistent(world: World) -> None:
    world.chain.time += 50 * DAY
    world.chain.record(world.vehicle, WORKSHOP, "vehicle.serviced", odometer_km=31_000, work=[])
    account = account_of(judged(world, world.chain.evidence(world.vehicle)))
    odometer = next(judgement for judgement in account.judgements if judgement.topic == "odometer")
    assert odometer.ruling is Ruling.INCONSISTENT


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", 5, [], "9" * 50])
def test_a_claimed_time_that_is_none_is_no_time(world: World, moment: Any) -> None:
    world.chain.record(world.vehicle, WORKSHOP, "vehicle.serviced", odometer_km=90_000, work=[], occurred_at=moment)
    assert_verified(judged(world, world.chain.evidence(world.vehicle)))


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


# ---- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000, b"0" * 100, json.dumps({"type": 1}).encode()])
def test_other_bytes_are_malformed(honest: World, data: bytes) -> None:
    verdict = judged(honest, data)
    assert_refused(verdict, MALFORMED, Step.PARSE, "MalformedError")
    assert verdict.outcome.exit_code == 2


@pytest.mark.parametrize("choices", [{}, {"hidden": [1]}, {"withheld": [2, 3]}, {"hidden": range(1, 11)}])
def test_what_is_built_keeps_to_the_published_schema(honest: World, choices: dict[str, Any]) -> None:
    schema = json.loads((Path(__file__).parents[2] / "ledger" / "proof" / "evidence.schema.json").read_text())
    value = json.loads(encode_evidence(honest.chain.evidence(honest.vehicle, **choices)))
    jsonschema.Draft202012Validator(schema).validate(value)


def test_the_same_file_gives_the_same_verdict(honest: World) -> None:
    data = encode_evidence(honest.chain.evidence(honest.vehicle))
    assert judged(honest, data) == judged(honest, data)
