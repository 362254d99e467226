"""Threats: a member with a role, against assets and credentials of others."""

from __future__ import annotations

import os

import pytest

from ledger.demo import tampering
from ledger.errors import RuleError
from ledger.event import AssetReference, AssetType
from ledger.proof.evidence import OpenEntry
from ledger.proof.subject import subject
from ledger.service.issuer_keys import add_issuer_key
from ledger.service.read import AssetRecord
from light_node.verdict import EventState, Outcome, Step, Verdict
from tests.system.holder import insist, with_key
from tests.system.house import (
    SERVICED,
    House,
    Life,
    assert_refused,
    assert_verified,
    parsed,
)

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("house")]
NOTE = "any.observation"
REFUTED, UNDETERMINED = Outcome.REFUTED, Outcome.UNDETERMINED


def _refused_for(verdict: Verdict, claim: str) -> None:
    assert_refused(verdict, REFUTED, Step.BINDING, "BindingError")
    assert f"another {claim}" in verdict.reason


def test_anothers_credential_under_ones_own_name_is_refuted(house: House) -> None:
    cars, shop = house.party("car-maker"), house.party("workshop")
    life = house.register(cars)
    event = house.tell(life, shop, NOTE, {"description": "brakes replaced"})
    house.attest(cars, life.asset.subject, NOTE, event.digest)
    verdict = insist(house, life.asset, 3, event, shop.member.issuer.public)
    assert_refused(verdict, REFUTED, Step.AUTHORITY, "IssuerError")


def test_anothers_key_enrolled_as_ones_own_does_not_help(house: House) -> None:
    """The contract takes any thumbprint; the credential still names the organisation that signed it."""
    cars, recycler = house.party("car-maker"), house.party("recycler")
    add_issuer_key(house.workspace, "car-maker", recycler.member.issuer.public)
    life = house.register(cars)
    event = house.sign(life, recycler, NOTE, {"description": "checked"})
    house.attest(cars, life.asset.subject, NOTE, event.digest)
    _refused_for(insist(house, life.asset, 2, event, recycler.member.issuer.public), "iss")


def test_a_credential_under_another_kind_is_refuted(house: House) -> None:
    life, shop = house.register(house.party("car-maker")), house.party("workshop")
    event = house.tell(life, shop, SERVICED, {"odometer_km": 10, "work": ["brakes"]})
    house.attest(shop, life.asset.subject, "vehicle.repaired", event.digest)
    _refused_for(insist(house, life.asset, 3, event, shop.member.issuer.public), "kind")


def test_a_credential_of_another_asset_is_refuted(house: House) -> None:
    cars, shop = house.party("car-maker"), house.party("workshop")
    life, other = house.register(cars), house.register(cars)
    event = house.tell(life, shop, SERVICED, {"odometer_km": 10, "work": ["brakes"]})
    house.attest(shop, other.asset.subject, SERVICED, event.digest)
    _refused_for(insist(house, other.asset, 2, event, shop.member.issuer.public), "sub")


def test_a_credential_in_another_log_is_refuted(house: House) -> None:
    """The same subject, kind and organisation; only the log differs."""
    cars = house.party("car-maker")
    life = house.register(cars)
    event = house.tell(life, cars, NOTE, {"description": "as built"})
    house.attest(cars, life.asset.subject, "part.made", life.events[0].digest, AssetType.PART)
    house.attest(cars, life.asset.subject, NOTE, event.digest, AssetType.PART)
    moved = AssetRecord(AssetType.PART, life.asset.subject, life.asset.identifier)
    evidence = parsed(house.evidence(moved))
    assert all(isinstance(entry, OpenEntry) and entry.credential is None for entry in evidence.history)
    evidence = with_key(house, evidence, cars.member.organisation, cars.member.issuer.public)
    credential = house.workspace.reader().credential(event.digest).text
    _refused_for(house.judge(tampering.show(evidence, 2, credential)), "log")


def test_a_subject_of_anothers_prefix_cannot_be_squatted(house: House) -> None:
    shop, victim = house.party("workshop"), house.party("car-maker").member.organisation
    wanted = subject(victim, "vehicle", "VCUAB12C3R4999999", os.urandom(32))
    with pytest.raises(RuleError, match="subject"):
        house.attest(shop, wanted, "vehicle.registered_by_registrar", os.urandom(32))


def test_anothers_identifier_leaves_the_identity_open(house: House, story: Life) -> None:
    rival = house.register(house.party("workshop"), "vehicle.registered_by_registrar", story.asset.identifier)
    verdict = house.judge(house.evidence(rival.asset))
    assert_refused(verdict, UNDETERMINED, Step.AUTHORITY, "IdentityError")


def test_a_second_life_story_is_a_signed_proof(house: House) -> None:
    """A cheating authority can register twice; each file verifies alone, and both together convict it."""
    cars = house.party("car-maker")
    first = house.register(cars)
    second = house.register(cars, identifier=first.asset.identifier)
    verdicts = [house.judge(house.evidence(life.asset)) for life in (first, second)]
    accounts = [verdict.account for verdict in verdicts if verdict.account is not None]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.VERIFIED] * 2
    assert accounts[0].asset == accounts[1].asset == AssetReference(AssetType.VEHICLE, first.asset.identifier)
    assert accounts[0].registered_by == accounts[1].registered_by == cars.member.organisation
    assert accounts[0].subject != accounts[1].subject


def test_junk_is_attributable_and_its_victim_still_has_evidence(house: House) -> None:
    """Whoever has a role can append digests of nothing; they stand with his number, and prove nothing."""
    life, recycler = house.register(house.party("car-maker")), house.party("recycler")
    house.attest(recycler, life.asset.subject, NOTE, os.urandom(32))
    verdict = house.judge(house.evidence(life.asset))
    assert_verified(verdict)
    assert verdict.account is not None
    junk = verdict.account.events[-1]
    assert (junk.organisation, junk.state) == (recycler.member.organisation, EventState.WITHHELD)
