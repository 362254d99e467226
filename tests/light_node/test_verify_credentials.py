"""What credentials say: steps 8 to 11 of the verification, with repetition and equivocation."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.proof.evidence import OpenEntry
from ledger.rules import Ruling
from light_node.verdict import Mark, Step
from tests.light_node.judging import (
    MALFORMED,
    REFUTED,
    account_of,
    assert_refused,
    assert_verified,
    judged,
    with_credential,
)
from tests.simulator.chain import DAY, START
from tests.simulator.world import RECYCLER, WORKSHOP, World

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
