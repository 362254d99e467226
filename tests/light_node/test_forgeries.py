"""The eleven forgeries, each refused with its own reason; a capsule key that opens to other contents comes last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.credential.base64url import encode_base64url
from ledger.credential.capsule_format import commit_key, verify_key
from ledger.credential.disclosure import digest_disclosure
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.errors import ContentMismatchError
from ledger.event import AssetType, Json
from ledger.proof.evidence import Evidence, OpenEntry, Segment
from ledger.strict_json import canonical_json
from light_node.trust import TrustedBlock
from light_node.verdict import Outcome, Step
from tests.light_node.judging import (
    assert_refused,
    assert_verified,
    judged,
    with_claim,
    with_credential,
    with_disclosure,
)
from tests.simulator.chain import CONSORTIUM, DAY, account_proof
from tests.simulator.layout import head_at
from tests.simulator.world import CAR_MAKER, MAKER, PART, RECYCLER, VIN, WORKSHOP, World

REFUTED, UNDETERMINED = Outcome.REFUTED, Outcome.UNDETERMINED


def rewritten(evidence: Evidence, history: list[OpenEntry]) -> Evidence:
    segments = (Segment(evidence.segments[0].log, len(history)),)
    return replace(evidence, history=tuple(history), segments=segments)


def entries(evidence: Evidence) -> list[OpenEntry]:
    assert all(isinstance(entry, OpenEntry) for entry in evidence.history)
    return list(evidence.history)  # type: ignore[arg-type]


def test_the_honest_files_verify(world: World) -> None:
    for asset in (world.battery, world.vehicle, world.part):
        assert_verified(judged(world, world.chain.evidence(asset)))


def test_01_a_changed_field(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    forged = with_credential(evidence, 8, lambda text: with_disclosure(text, "odometer_km", 35_500))
    assert_refused(judged(world, forged), REFUTED, Step.DISCLOSURES, "ContentMismatchError")


def test_01_a_changed_identifier(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    forged = with_credential(evidence, 1, lambda text: with_disclosure(text, "identifier", "5GZCZ43D13S812715"))
    assert_refused(judged(world, forged), REFUTED, Step.IDENTITY, "ContentMismatchError")


def test_02_a_changed_raw_file(world: World) -> None:
    evidence = world.chain.evidence(world.vehicle)
    entry = entries(evidence)[7]
    assert entry.credential is not None
    capsule = parse_sd_jwt(entry.credential).jws.payload["capsule"]
    assert isinstance(capsule, dict)
    capsule["files"] = [encode_base64url(b"\x01" * 32)]
    forged = with_credential(evidence, 8, lambda text: with_claim(text, "capsule", capsule))
    assert_refused(judged(world, forged), REFUTED, Step.SIGNATURE, "SignatureError")


@pytest.mark.parametrize("number", range(1, 11))
def test_03_an_event_left_out(world: World, number: int) -> None:
    evidence = world.chain.evidence(world.vehicle)
    kept = [entry for n, entry in enumerate(entries(evidence), 1) if n != number]
    verdict = judged(world, rewritten(evidence, kept))
    # Without its genesis the file does not show who it is of, and the fold is what refutes it all the same.
    assert_refused(verdict, REFUTED, Step.FOLD, "HistoryError")


@pytest.mark.parametrize("number", range(1, 10))
def test_04_two_events_swapped(world: World, number: int) -> None:
    evidence = world.chain.evidence(world.vehicle)
    swapped = entries(evidence)
    swapped[number - 1], swapped[number] = swapped[number], swapped[number - 1]
    assert_refused(judged(world, rewritten(evidence, swapped)), REFUTED, Step.FOLD, "HistoryError")


@pytest.mark.parametrize("number", range(1, 11))
def test_05_an_event_added(world: World, number: int) -> None:
    evidence = world.chain.evidence(world.vehicle)
    added = entries(evidence)
    added.insert(number, added[number - 1])
    assert_refused(judged(world, rewritten(evidence, added)), REFUTED, Step.FOLD, "HistoryError")


def test_06_another_assets_event_in_place_of_ones_own(world: World) -> None:
    other = world.chain.asset(AssetType.VEHICLE, "1M8GDM9A1KP042789", CAR_MAKER)
    world.chain.record(other, CAR_MAKER, "vehicle.built", **world.chain.opening(other))
    world.chain.record(other, WORKSHOP, "vehicle.serviced", odometer_km=30_000, work=["oil"])
    evidence = world.chain.evidence(world.vehicle)
    forged = entries(evidence)
    forged[7] = entries(world.chain.evidence(other))[1]
    assert_refused(judged(world, rewritten(evidence, forged)), REFUTED, Step.FOLD, "HistoryError")


def test_06_another_assets_credential_attested_here(world: World) -> None:
    other = world.chain.asset(AssetType.VEHICLE, "1M8GDM9A1KP042789", CAR_MAKER)
    credential = world.chain.issue(other, WORKSHOP, "vehicle.serviced", {"odometer_km": 1, "work": []})
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", credential)
    verdict = judged(world, world.chain.evidence(world.vehicle))
    assert_refused(verdict, REFUTED, Step.BINDING, "BindingError")
    assert "another sub" in verdict.reason


def test_07_a_credential_attested_again_under_another_kind(world: World) -> None:
    credential = world.vehicle.history[7].credential
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.repaired", credential)
    verdict = judged(world, world.chain.evidence(world.vehicle))
    assert_refused(verdict, REFUTED, Step.BINDING, "BindingError")
    assert "another kind" in verdict.reason


def test_07_a_credential_attested_again_in_another_log(world: World) -> None:
    credential = world.chain.issue(world.vehicle, WORKSHOP, "any.observation", {"description": "x"})
    moved = world.chain.asset(AssetType.PART, PART, MAKER)
    moved.subject = world.vehicle.subject
    world.chain.record(moved, MAKER, "part.made")
    world.chain.attest(moved, WORKSHOP, "any.observation", credential)
    evidence = world.chain.evidence(moved, withheld=[1])
    verdict = judged(world, evidence, identity_required=False)
    assert (verdict.step, verdict.error) == (Step.BINDING, "BindingError")
    assert "another log" in verdict.reason


def test_08_another_organisations_key(world: World) -> None:
    credential = world.chain.issue(
        world.vehicle, WORKSHOP, "vehicle.serviced", {"odometer_km": 80_000, "work": []}, key=world.chain.keys[MAKER]
    )
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", credential)
    assert_refused(judged(world, world.chain.evidence(world.vehicle)), REFUTED, Step.AUTHORITY, "IssuerError")


def test_08_another_organisations_credential_attested_as_ones_own(world: World) -> None:
    credential = world.chain.issue(world.vehicle, WORKSHOP, "vehicle.serviced", {"odometer_km": 80_000, "work": []})
    world.chain.attest(world.vehicle, RECYCLER, "vehicle.serviced", credential)
    assert_refused(judged(world, world.chain.evidence(world.vehicle)), REFUTED, Step.AUTHORITY, "IssuerError")


def test_08_another_organisations_name_in_ones_own_credential(world: World) -> None:
    credential = world.chain.issue(
        world.vehicle, RECYCLER, "vehicle.serviced", {"odometer_km": 80_000, "work": []}, organisation=WORKSHOP
    )
    world.chain.attest(world.vehicle, RECYCLER, "vehicle.serviced", credential)
    verdict = judged(world, world.chain.evidence(world.vehicle))
    assert_refused(verdict, REFUTED, Step.BINDING, "BindingError")
    assert "another iss" in verdict.reason


def test_09_a_rolled_back_head_under_a_new_header(world: World) -> None:
    old = world.chain.mine()
    before = len(world.vehicle.history)
    world.chain.record(world.vehicle, RECYCLER, "vehicle.accident", severity="severe")
    evidence = world.chain.evidence(world.vehicle)
    log = world.chain.logs[AssetType.VEHICLE][0]
    accounts = tuple(
        replace(account, storage=account_proof(old, log, [head_at(world.vehicle.subject)]).storage)
        if account.address == log
        else account
        for account in evidence.accounts
    )
    forged = replace(rewritten(evidence, entries(evidence)[:before]), accounts=accounts)
    assert_refused(judged(world, forged), REFUTED, Step.STORAGE, "InclusionError")
    whole = tuple(
        account_proof(old, log, [head_at(world.vehicle.subject)]) if account.address == log else account
        for account in evidence.accounts
    )
    assert_refused(judged(world, replace(forged, accounts=whole)), REFUTED, Step.CONTRACTS, "InclusionError")


def test_09_a_rolled_back_head_under_its_old_header(world: World) -> None:
    old = world.chain.evidence(world.vehicle)
    world.chain.record(world.vehicle, RECYCLER, "vehicle.accident", severity="severe")
    newest = world.chain.mine()
    accepted = TrustedBlock(newest.number, newest.hash, newest.time)
    assert_refused(judged(world, old, accepted=accepted), UNDETERMINED, Step.FINALITY, "RollbackError")
    verdict = judged(world, old, now=world.chain.time + 8 * DAY)
    assert_refused(verdict, UNDETERMINED, Step.FRESHNESS, "StaleError")


def test_10_a_second_subject_for_one_vin_by_another_member(world: World) -> None:
    second = world.chain.asset(AssetType.VEHICLE, VIN, WORKSHOP)
    world.chain.record(second, WORKSHOP, "vehicle.built", **world.chain.opening(second))
    verdict = judged(world, world.chain.evidence(second))
    assert_refused(verdict, UNDETERMINED, Step.AUTHORITY, "IdentityError")
    assert "held by organisation 2, not 3" in verdict.reason


def test_10_a_second_subject_for_one_vin_by_a_registrar(world: World) -> None:
    second = world.chain.asset(AssetType.VEHICLE, VIN, RECYCLER)
    world.chain.record(second, RECYCLER, "vehicle.registered_by_registrar", **world.chain.opening(second))
    assert_refused(judged(world, world.chain.evidence(second)), UNDETERMINED, Step.AUTHORITY, "IdentityError")


def test_10_a_subject_squatted_under_another_prefix(world: World) -> None:
    squatted = world.chain.asset(AssetType.VEHICLE, VIN, CAR_MAKER)
    credential = world.chain.issue(squatted, WORKSHOP, "vehicle.built", world.chain.opening(squatted))
    world.chain.attest(squatted, WORKSHOP, "vehicle.built", credential)
    assert_refused(judged(world, world.chain.evidence(squatted)), UNDETERMINED, Step.AUTHORITY, "IdentityError")


def test_10_a_subject_opened_by_what_is_nested_in_the_genesis(world: World) -> None:
    asset = world.chain.asset(AssetType.VEHICLE, VIN, CAR_MAKER)
    opening = world.chain.opening(asset)
    inner = make_disclosures({"identifier": opening.pop("identifier")}, world.chain.random)
    hidden: list[Json] = [digest_disclosure(text) for text in inner]
    outer = encode_base64url(canonical_json(["AAAAAAAAAAAAAAAAAAAAAA", "nested", {"_sd": hidden}]))
    credential = world.chain.issue(asset, CAR_MAKER, "vehicle.built", opening, more=[outer])
    nested = replace(credential, disclosures=(*credential.disclosures, *inner))
    world.chain.attest(asset, CAR_MAKER, "vehicle.built", nested)
    history = [OpenEntry(item.digest, item.meta.word, item.status, nested.text) for item in asset.history]
    verdict = judged(world, world.chain.assemble(asset, world.chain.mine(), history))
    assert_refused(verdict, Outcome.MALFORMED, Step.DISCLOSURES, "MalformedError")


def test_11_a_capsule_key_that_opens_to_other_contents(world: World) -> None:
    # AES-GCM opens one text under two keys; the commitment in the signed credential tells which one is true.
    true_key, false_key = b"\x01" * 32, b"\x02" * 32
    verify_key(true_key, commit_key(true_key))
    with pytest.raises(ContentMismatchError):
        verify_key(false_key, commit_key(true_key))
    evidence = world.chain.evidence(world.vehicle)
    entry = entries(evidence)[2]
    assert entry.credential is not None
    capsule = parse_sd_jwt(entry.credential).jws.payload["capsule"]
    assert isinstance(capsule, dict)
    capsule["key_commitment"] = encode_base64url(commit_key(false_key))
    forged = with_credential(evidence, 3, lambda text: with_claim(text, "capsule", capsule))
    assert_refused(judged(world, forged), REFUTED, Step.SIGNATURE, "SignatureError")


def test_the_consortium_of_another_state_is_refused(world: World) -> None:
    old = world.chain.mine()
    world.chain.add_key(MAKER, world.chain.keys[WORKSHOP])
    evidence = world.chain.evidence(world.vehicle)
    accounts = tuple(
        account_proof(old, CONSORTIUM, [proof.slot for proof in account.storage])
        if account.address == CONSORTIUM
        else account
        for account in evidence.accounts
    )
    verdict = judged(world, replace(evidence, accounts=accounts))
    assert_refused(verdict, REFUTED, Step.CONTRACTS, "InclusionError")
