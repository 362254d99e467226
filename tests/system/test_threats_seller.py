"""Threats: a seller who picks old evidence, or hides fields."""

from __future__ import annotations

import time

import pytest

from ledger.access import Tier
from ledger.credential.disclosure import parse_disclosure
from ledger.demo import tampering
from ledger.proof.evidence import OpenEntry
from ledger.rules import Ruling
from light_node.verdict import Mark, Outcome, Step
from tests.system.house import (
    READING,
    House,
    Life,
    assert_refused,
    assert_verified,
    head_of,
    parsed,
)

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("house")]
NOTE = "any.observation"
REFUTED, UNDETERMINED = Outcome.REFUTED, Outcome.UNDETERMINED


def test_a_seller_with_old_evidence(house: House) -> None:
    life, shop = house.register(house.party("car-maker")), house.party("workshop")
    house.tell(life, shop, READING, {"odometer_km": 1_000})
    old = house.evidence(life.asset)
    assert_verified(house.judge(old))
    house.tell(life, shop, NOTE, {"description": "flooded"})
    newer = house.judge(house.evidence(life.asset))
    assert_verified(newer)
    assert_refused(house.judge(old, accepted=head_of(newer)), UNDETERMINED, Step.FINALITY, "RollbackError")
    tomorrow = int(time.time()) + house.trust.maximum_age_seconds + 60
    assert_refused(house.judge(old, now=tomorrow), UNDETERMINED, Step.FRESHNESS, "StaleError")
    before = head_of(newer).time - 3600
    assert_refused(house.judge(old, now=before), UNDETERMINED, Step.FRESHNESS, "StaleError")


def test_a_seller_who_hides_fields_gets_no_judgement(house: House, story: Life) -> None:
    evidence = parsed(house.evidence(story.asset))
    shown = house.judge(evidence)
    entry = evidence.history[3]
    assert isinstance(entry, OpenEntry)
    assert entry.credential is not None
    hidden = house.judge(tampering.show(evidence, 4, _without(entry.credential, "odometer_km")))
    for verdict, ruling, marked in ((shown, Ruling.CONSISTENT, False), (hidden, Ruling.NO_JUDGEMENT, True)):
        assert_verified(verdict)
        assert verdict.account is not None
        assert next(one.ruling for one in verdict.account.judgements if one.topic == "odometer") is ruling
        assert (Mark.INCOMPLETE in verdict.account.events[3].marks) is marked


def test_a_seller_who_shows_only_what_the_public_sees_gets_no_judgement(house: House, story: Life) -> None:
    verdict = house.judge(house.evidence(story.asset, Tier.PUBLIC))
    assert verdict.account is not None
    assert {one.ruling for one in verdict.account.judgements if one.topic == "odometer"} == {Ruling.NO_JUDGEMENT}
    assert len(verdict.account.events) == len(story.events)


def _without(credential: str, name: str) -> str:
    jwt, *disclosures, end = credential.split("~")
    return "~".join((jwt, *(text for text in disclosures if parse_disclosure(text).name != name), end))
