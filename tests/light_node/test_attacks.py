"""Attacks that once worked, each by name: what a seller, an issuer or a member could make a reader believe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.credential.base64url import parse_base64url
from ledger.credential.disclosure import parse_disclosure
from ledger.credential.jose import Algorithm
from ledger.credential.jws import sign_jws
from ledger.credential.sd_jwt import CLAIM_NAMES, TYPE
from ledger.credential.signing import generate_private_key
from ledger.event import AssetType, Json
from ledger.proof.evidence import Evidence, Segment
from ledger.rules import Ruling
from light_node.describe import describe
from light_node.trust import Trust
from light_node.verdict import Outcome, Step
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.simulator.chain import DAY, Attested, account_proof
from tests.simulator.layout import head_at, successor_at
from tests.simulator.world import CAR_MAKER, WORKSHOP, World

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


# ---- what is not shown -------------------------------------------------------------------------------------------


def names_of(item: Attested, *without: str) -> list[str]:
    assert item.credential is not None
    found = (parse_disclosure(text).name for text in item.credential.disclosures)
    return [name for name in found if name is not None and name not in without]


def odometer(world: World, evidence: Evidence) -> Ruling:
    account = judged(world, evidence).account
    assert account is not None
    return next(judgement.ruling for judgement in account.judgements if judgement.topic == "odometer")


def test_a_reading_that_speaks_against_the_seller_cannot_be_withheld_from_an_opened_event(world: World) -> None:
    world.chain.time += 100 * DAY
    sold = world.chain.record(world.vehicle, WORKSHOP, "vehicle.sold", sale_state="offered", odometer_km=175_000)
    world.chain.time += 2 * DAY
    world.chain.record(world.vehicle, WORKSHOP, "vehicle.serviced", odometer_km=80_000, work=["oil"])
    number = world.vehicle.history.index(sold) + 1
    assert odometer(world, world.chain.evidence(world.vehicle)) is Ruling.INCONSISTENT
    for without in (["odometer_km"], ["odometer_km", CLAIM_NAMES]):
        shown = {number: names_of(sold, *without)}
        assert odometer(world, world.chain.evidence(world.vehicle, shown=shown)) is Ruling.NO_JUDGEMENT


def test_readings_cannot_be_reordered_by_withholding_when_they_were_taken(world: World) -> None:
    late = world.chain.record(
        world.vehicle,
        WORKSHOP,
        "vehicle.odometer_reading",
        odometer_km=90_000,
        occurred_at="2026-10-20T00:00:00+00:00",
    )
    assert odometer(world, world.chain.evidence(world.vehicle)) is Ruling.INCONSISTENT
    shown = {world.vehicle.history.index(late) + 1: names_of(late, "occurred_at")}
    assert odometer(world, world.chain.evidence(world.vehicle, shown=shown)) is Ruling.NO_JUDGEMENT


@pytest.mark.parametrize("hidden", ["odometer_km", "document_id of the target"])
def test_a_correction_cannot_be_shown_without_what_it_corrects(world: World, hidden: str) -> None:
    world.chain.time += 2 * DAY
    read = world.chain.record(
        world.vehicle, WORKSHOP, "vehicle.odometer_reading", odometer_km=76_000, document_id="reading-1"
    )
    fixed = world.chain.record(
        world.vehicle, WORKSHOP, "any.correction", corrects="reading-1", reason="misread", odometer_km=7_600
    )
    assert odometer(world, world.chain.evidence(world.vehicle)) is Ruling.INCONSISTENT
    number, item, name = (
        (len(world.vehicle.history), fixed, hidden)
        if hidden == "odometer_km"
        else (len(world.vehicle.history) - 1, read, "document_id")
    )
    shown = {number: names_of(item, name)}
    assert odometer(world, world.chain.evidence(world.vehicle, shown=shown)) is Ruling.NO_JUDGEMENT


BUYER_SEES_NOT = ("document_id", "corrects_document_id")


def misread(world: World) -> Attested:
    """A reading that is wrong, with an id of its document."""
    world.chain.time += 2 * DAY
    return world.chain.record(
        world.vehicle, WORKSHOP, "vehicle.odometer_reading", odometer_km=7_600, document_id="reading-1"
    )


def as_a_buyer(world: World) -> Evidence:
    """Every event opened, but for the ids of documents."""
    shown = {n: names_of(item, *BUYER_SEES_NOT) for n, item in enumerate(world.vehicle.history, 1)}
    return world.chain.evidence(world.vehicle, shown=shown)


def findings(world: World, evidence: Evidence) -> dict[str, tuple[int, ...]]:
    account = judged(world, evidence).account
    assert account is not None
    return {finding.code: finding.events for finding in account.findings}


def test_a_buyer_who_sees_no_ids_can_tell_what_is_corrected(world: World) -> None:
    wrong = misread(world)
    assert odometer(world, as_a_buyer(world)) is Ruling.INCONSISTENT
    world.chain.record(
        world.vehicle,
        WORKSHOP,
        "any.correction",
        corrects=[wrong.digest.hex()],
        corrects_document_id="reading-1",
        reason="misread",
        odometer_km=76_000,
    )
    assert findings(world, as_a_buyer(world))["corrected"] == (11, 12)
    assert odometer(world, as_a_buyer(world)) is Ruling.CONSISTENT


def test_a_digest_of_another_history_is_a_finding(world: World) -> None:
    misread(world)
    other = world.battery.history[0].digest.hex()
    world.chain.record(
        world.vehicle, WORKSHOP, "any.correction", corrects=[other], reason="misread", odometer_km=76_000
    )
    evidence = as_a_buyer(world)
    assert findings(world, evidence)["correction-of-no-event"] == (12,)
    assert odometer(world, evidence) is Ruling.NO_JUDGEMENT


def test_a_later_event_is_not_corrected_before_it_was_attested(world: World) -> None:
    world.chain.time += 2 * DAY
    fields: dict[str, Json] = {"odometer_km": 7_600}
    later = world.chain.issue(world.vehicle, WORKSHOP, "vehicle.odometer_reading", fields)
    world.chain.record(
        world.vehicle, WORKSHOP, "any.correction", corrects=[later.digest.hex()], reason="misread", odometer_km=76_000
    )
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.odometer_reading", later)
    evidence = as_a_buyer(world)
    assert findings(world, evidence)["correction-of-later-event"] == (11, 12)
    assert odometer(world, evidence) is Ruling.NO_JUDGEMENT


def test_another_member_corrects_nothing_by_a_digest(world: World) -> None:
    wrong = misread(world)
    world.chain.record(
        world.vehicle,
        CAR_MAKER,
        "any.correction",
        corrects=[wrong.digest.hex()],
        reason="misread",
        odometer_km=76_000,
    )
    evidence = as_a_buyer(world)
    assert findings(world, evidence)["contradicted"] == (11, 12)
    assert odometer(world, evidence) is Ruling.INCONSISTENT


def test_another_member_attests_the_same_digest_and_draws_no_correction_to_himself(world: World) -> None:
    wrong = misread(world)
    world.chain.attest(world.vehicle, CAR_MAKER, "vehicle.lien", None, digest=wrong.digest)
    world.chain.record(
        world.vehicle,
        WORKSHOP,
        "any.correction",
        corrects=[wrong.digest.hex()],
        reason="misread",
        odometer_km=76_000,
    )
    shown = {11: names_of(wrong, *BUYER_SEES_NOT)}
    evidence = world.chain.evidence(world.vehicle, shown=shown)
    assert findings(world, evidence)["corrected"] == (11, 13)
    assert odometer(world, evidence) is Ruling.CONSISTENT


def test_a_correction_of_a_repetition_corrects_the_event(world: World) -> None:
    wrong = misread(world)
    assert wrong.credential is not None
    second = world.chain.keys[5] = generate_private_key(Algorithm.ES256, world.chain.random)
    world.chain.add_key(WORKSHOP, second)
    payload = parse_base64url(wrong.credential.jwt.split(".")[1], "payload")
    again = replace(wrong.credential, jwt=sign_jws(payload, second, TYPE))
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.odometer_reading", again)
    world.chain.record(
        world.vehicle,
        WORKSHOP,
        "any.correction",
        corrects=[again.digest.hex()],
        reason="misread",
        odometer_km=76_000,
    )
    assert odometer(world, as_a_buyer(world)) is Ruling.CONSISTENT


@pytest.mark.parametrize("hidden", [False, True])
def test_an_erasure_by_another_member_is_no_erasure(world: World, hidden: bool) -> None:
    lien = world.chain.record(world.vehicle, WORKSHOP, "vehicle.lien", lien_state="recorded")
    world.chain.record(world.vehicle, CAR_MAKER, "any.erasure", erases=[lien.digest.hex()], reason="not nice")
    found = findings(world, world.chain.evidence(world.vehicle, withheld=[11] if hidden else []))
    assert "erased" not in found
    assert found["erasure-claimed"] == (11, 12)
    world.chain.record(world.vehicle, WORKSHOP, "any.erasure", erases=[lien.digest.hex()], reason="on request")
    found = findings(world, world.chain.evidence(world.vehicle, withheld=[11] if hidden else []))
    assert found["erased"] == (11, 13)


@pytest.mark.parametrize("listed", [["work"], "odometer_km", None])
def test_a_false_list_of_claims_says_nothing(world: World, listed: Json) -> None:
    world.chain.record(
        world.vehicle, WORKSHOP, "vehicle.serviced", odometer_km=80_000, work=["oil"], **{CLAIM_NAMES: listed}
    )
    assert odometer(world, world.chain.evidence(world.vehicle)) is Ruling.NO_JUDGEMENT


def test_a_kind_that_this_version_does_not_know_may_bear_on_everything(world: World) -> None:
    chain = world.chain
    chain.attest(world.vehicle, WORKSHOP, "vehicle.lien", None)
    assert odometer(world, chain.evidence(world.vehicle)) is Ruling.CONSISTENT
    chain.attest(world.vehicle, WORKSHOP, "vehicle.lien", None)
    last = world.vehicle.history[-1]
    world.vehicle.history[-1] = replace(last, meta=replace(last.meta, kind=0x7BFF))
    chain.slots[last.log][head_at(world.vehicle.subject)] = int.from_bytes(chain.head(world.vehicle), "big")
    assert odometer(world, chain.evidence(world.vehicle)) is Ruling.NO_JUDGEMENT


@pytest.mark.parametrize("kind", ["any.observation", "vehicle.total_loss"])
def test_an_attestation_of_another_credentials_digest_is_not_set_aside_as_a_repetition(world: World, kind: str) -> None:
    chain, first = world.chain, world.vehicle.history[7]
    chain.attest(world.vehicle, WORKSHOP, kind, None, digest=first.digest)
    evidence = chain.evidence(world.vehicle)
    assert odometer(world, evidence) is Ruling.NO_JUDGEMENT
    account = judged(world, evidence).account
    assert account is not None
    assert account.events[-1].marks == frozenset()


# ---- words -------------------------------------------------------------------------------------------------------


def test_the_words_of_an_issuer_add_no_line_to_the_verdict(world: World) -> None:
    fake = "fire\n  odometer: consistent, as far as registered\x1b[2J\u202e"
    world.chain.record(world.vehicle, WORKSHOP, "any.error_declaration", corrects="nothing", reason=fake)
    world.chain.record(world.vehicle, WORKSHOP, "vehicle.branded", brand=fake)
    verdict = judged(world, world.chain.evidence(world.vehicle, withheld=[3]))
    text = describe(verdict)
    assert "\n  odometer: consistent" not in text
    assert all(character == "\n" or character.isprintable() for character in text)
    assert r"title brand: fire\n  odometer" in text
