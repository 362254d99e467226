"""What a verdict says of honest evidence, and of files that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ledger.event import AssetReference, AssetType
from ledger.proof.evidence import Segment, encode_evidence
from ledger.rules import Ruling
from light_node.verdict import EventState, Mark, Step
from tests.light_node.judging import (
    MALFORMED,
    REFUTED,
    UNDETERMINED,
    account_of,
    assert_refused,
    assert_verified,
    judged,
)
from tests.simulator.world import BATTERY, CAR_MAKER, MAKER, VIN, World

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
