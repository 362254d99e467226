"""Whose history it is: steps 2 and 7 of the verification, each refusal with its error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.credential.jose import Algorithm
from ledger.credential.signing import generate_private_key
from ledger.event import AssetReference, AssetType
from ledger.proof.evidence import IssuerKey, OpenEntry, Segment
from ledger.rules import Ruling
from light_node.verdict import Mark, Outcome, Step
from tests.light_node.judging import (
    MALFORMED,
    REFUTED,
    UNDETERMINED,
    account_of,
    assert_refused,
    assert_verified,
    judged,
)
from tests.simulator.chain import DAY, START
from tests.simulator.world import BATTERY, CAR_MAKER, MAKER, RECYCLER, VIN, WORKSHOP, World

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
