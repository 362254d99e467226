from __future__ import annotations

import json
import re

import pytest

from ledger.strict_json import canonical_json
from light_node.describe import ascii_json, describe, to_json, visible
from light_node.verdict import Outcome, time_text
from tests.light_node.judging import judged
from tests.simulator.chain import DAY
from tests.simulator.world import BATTERY, MAKER, RECYCLER, VIN, WORKSHOP, World

NEVER = ("accident-free", "anonymous", "guarantee", "gdpr-compliant")


def test_people_read_what_was_proven_up_to_when(honest: World) -> None:
    text = describe(judged(honest, honest.chain.evidence(honest.vehicle)))
    block = honest.chain.blocks[-1]
    assert text.startswith("VERIFIED\n")
    assert f"vehicle {VIN}, registered by organisation 2" in text
    assert f"10 events: complete as registered up to block {block.number} ({time_text(block.time)})" in text
    assert "odometer: consistent, as far as registered" in text
    assert "what was never registered is not part of this" in text


def test_people_read_what_is_not_shown(honest: World) -> None:
    evidence = honest.chain.evidence(honest.vehicle, hidden=[3], withheld=[4], shown={5: []})
    text = describe(judged(honest, evidence))
    assert "3. organisation, kind and time are withheld" in text
    assert "content withheld" in text
    assert "lacks a required field (odometer_km, work)" in text
    assert "2 of 10 not opened" in text
    assert "odometer: no judgement" in text


def test_people_read_why_a_file_is_refused(honest: World) -> None:
    data = honest.chain.file(honest.vehicle)
    old = describe(judged(honest, data, now=honest.chain.time + 8 * DAY))
    assert old.startswith("UNDETERMINED at step 12 (freshness): the block is ")
    assert "not certain: the block is" in old
    assert describe(judged(honest, data[:-1])).startswith("MALFORMED at step 1 (parse): ")


def test_people_read_that_a_registrar_stood_in(world: World) -> None:
    asset = world.chain.asset(world.vehicle.reference.asset_type, "5GZCZ43D13S812715", RECYCLER)
    world.chain.record(asset, RECYCLER, "vehicle.registered_by_registrar", **world.chain.opening(asset))
    text = describe(judged(world, world.chain.evidence(asset)))
    assert "registered by a named registrar, organisation 4" in text
    assert "1 event: complete" in text


def test_people_read_that_nothing_is_registered(world: World) -> None:
    nothing = world.chain.asset(world.battery.reference.asset_type, BATTERY, MAKER)
    assert "no event is registered for this subject up to block" in describe(
        judged(world, world.chain.evidence(nothing))
    )


def test_marks_are_told(world: World) -> None:
    world.chain.attest(world.vehicle, WORKSHOP, "vehicle.serviced", world.vehicle.history[7].credential)
    assert "a repetition, counted once" in describe(judged(world, world.chain.evidence(world.vehicle)))


@pytest.mark.parametrize("hidden", [[], [1], [3, 9]])
def test_machines_read_the_same(honest: World, hidden: list[int]) -> None:
    verdict = judged(honest, honest.chain.evidence(honest.vehicle, hidden=hidden))
    value = to_json(verdict)
    assert json.loads(canonical_json(value)) == value
    assert value["outcome"] == verdict.outcome
    assert value["exit_code"] == verdict.outcome.exit_code
    account = value["account"]
    assert isinstance(account, dict)
    assert isinstance(account["events"], list)
    assert len(account["events"]) == 10


def test_every_name_is_there_when_refused(honest: World) -> None:
    assert to_json(judged(honest, b"x")).keys() == to_json(judged(honest, honest.chain.file(honest.part))).keys()


def test_exit_codes_are_fixed() -> None:
    assert {str(outcome): outcome.exit_code for outcome in Outcome} == {
        "verified": 0,
        "refuted": 1,
        "malformed": 2,
        "undetermined": 3,
    }


def test_no_wording_claims_more_than_is_proven(honest: World) -> None:
    for asset in (honest.battery, honest.vehicle, honest.part):
        text = describe(judged(honest, honest.chain.evidence(asset))).lower()
        assert not any(word in text for word in NEVER)


def test_times_beyond_the_calendar_are_numbers() -> None:
    assert time_text(0) == "1970-01-01T00:00:00Z"
    assert time_text(2**60) == f"{2**60} s after 1970"


HIDDEN = (
    *range(0x20),
    *(0x7F, 0x85, 0xA0, 0xAD, 0x034F, 0x061C, 0x115F, 0x1160, 0x180E, 0x2028, 0x2029, 0x2800, 0x3000, 0x3164, 0xFEFF),
    *(0xFFA0, 0xFE0F, 0x1D173, 0xE0001, 0xE0041, 0xE0101, 0xD800, 0xDFFF, 0xE000, 0xFFFE),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x2030),
    *range(0x2060, 0x2070),
)


@pytest.mark.parametrize("point", HIDDEN, ids=hex)
def test_what_hides_or_turns_words_is_shown_as_what_it_is(point: int) -> None:
    shown = visible(f"not {chr(point)}VERIFIED")
    assert chr(point) not in shown
    assert shown.isprintable()
    assert re.fullmatch(r"not \\[a-zA-Z0-9]+VERIFIED", shown)


@pytest.mark.parametrize("words", ["Müller & Söhne", "Łódź", "比亚迪", "Ελλάς", "شركة", "so…", "😀"])
def test_words_of_any_language_stay_as_they_are(words: str) -> None:
    assert visible(words) == words


@pytest.mark.parametrize("text", ["\u00e9", "\u202e", "\U0001f600", "\udcff", "a\ud800b", "\x1b[2J", "\u2028"])
@pytest.mark.parametrize("indent", [None, 2])
def test_json_is_ascii_and_its_texts_are_text(text: str, indent: int | None) -> None:
    told = ascii_json({text: [text]}, indent=indent)
    assert told.isascii()
    assert "\x1b" not in told
    ((name, [value]),) = json.loads(told).items()
    assert name == value == text.encode("utf-8", "replace").decode()


def test_json_of_what_is_none_is_asked_for_and_else_refused() -> None:
    assert ascii_json({"b": b"\x01", "a": 1}, sort_keys=True, default=lambda one: "0x01") == '{"a": 1, "b": "0x01"}'
    with pytest.raises(TypeError):
        ascii_json(b"\x01")
