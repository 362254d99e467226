"""The door: what is read, what is refused at once, and that nothing else can happen."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DocumentError, Fault
from ledger.event import AssetType, Document
from ledger.intake.assets import IntakeHint
from ledger.intake.document import MAX_DOCUMENT_BYTES, parse_document
from ledger.kinds import kind_by_name
from tests.ledger.intake.conftest import AS_OF, EXAMPLES, Accept, Refuse, example
from tests.ledger.intake.mutate import mutations

FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.json*"))


@pytest.mark.parametrize("name", FILES)
def test_every_example_is_accepted(accept: Accept, name: str) -> None:
    data = (EXAMPLES / name).read_bytes()
    document = accept(data)
    assert document.events
    assert document.digest == hashlib.sha256(data).digest()
    assert document.raw == data
    for event in document.events:
        assert event.occurred_at.tzinfo is not None
        assert kind_by_name(event.kind).concerns(event.asset.asset_type)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"\xff\xfe{}", "malformed"),
        (b'{"a": "\xc3\x28"}', "malformed"),
        (b'{"vinculum_event": 1, "vinculum_event": 1}', "malformed"),
        (b'{"vinculum_event": NaN}', "malformed"),
        (b'{"vinculum_event": -Infinity}', "malformed"),
        (b'{"vinculum_event": 1e999}', "malformed"),
        (b'{"vinculum_event": ' + b"9" * 5000 + b"}", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"type":' * 5000 + b"1" + b"}" * 5000, "malformed"),
        (b'{"vinculum_event": 1, "kind": "\\ud800"}', "malformed"),
        (b"null", "unknown-document"),
        (b"[]", "unknown-document"),
        (b"{}", "unknown-document"),
        (b'"EPCISDocument"', "unknown-document"),
        (b'{"submodels": []}', "unknown-document"),
    ],
)
def test_what_is_no_document_is_refused_with_one_fault(refuse: Refuse, data: bytes, why: str) -> None:
    assert list(refuse(data).values()) == [why]


def test_100_megabytes_are_refused_at_once(refuse: Refuse) -> None:
    assert refuse(b"[" + b" " * 100 * 1024 * 1024 + b"]") == {"": "too-large"}
    assert MAX_DOCUMENT_BYTES < 100 * 1024 * 1024


def outcome(data: bytes) -> Document | tuple[Fault, ...]:
    try:
        return parse_document(data, as_of=AS_OF)
    except DocumentError as error:
        return error.faults


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_refused(data: bytes) -> None:
    assert outcome(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_MARKS = ("vinculum_event", "motTests", "childItems", "partTypeInformation", "claims", "vehicles", "Battery_Passport")


@given(st.sampled_from(_MARKS), _json, st.dictionaries(st.sampled_from((*_MARKS, "vin", "type")), _json, max_size=3))
def test_any_json_under_any_sign_is_a_document_or_refused(mark: str, value: object, more: dict[str, object]) -> None:
    assert outcome(json.dumps(more | {mark: value}).encode())


@pytest.mark.parametrize("name", FILES)
def test_mutated_examples_are_documents_or_refused(name: str) -> None:
    for changed in mutations(example(name), 3, 40):
        assert outcome(json.dumps(changed).encode())


def test_the_future_is_refused(refuse: Refuse, accept: Accept) -> None:
    event = example("vehicle/sale.json")
    assert isinstance(event, dict)
    assert refuse(event | {"occurred_at": "2027-01-01T00:00:00Z"}) == {"": "in-future"}
    assert accept(event | {"occurred_at": "2026-11-22T10:00:00+09:00"}).events


def test_a_passport_of_a_known_battery_is_an_update() -> None:
    data = (EXAMPLES / "battery/passport-ev.json").read_bytes()
    battery = parse_document(data, as_of=AS_OF).events[0].asset
    hint = IntakeHint({battery.identifier: AssetType.BATTERY})
    assert parse_document(data, as_of=AS_OF, hint=hint).events[0].kind == "battery.passport_updated"


def second_life(status: str = "repurposed", **changes: object) -> bytes:
    """A passport of a battery in its second life, which names no originals."""
    passport = example("battery/passport-ev.json")
    assert isinstance(passport, dict)
    root = passport["Battery_Passport"]
    root["IdentifiersAndProductData"]["BatteryStatus"]["batteryStatusValues"] = status
    root["IdentifiersAndProductData"] |= changes
    return json.dumps(passport).encode()


STATION = "https://id.gs1.org/01/09521000001206/21/S1"
OWN_BATTERY = (
    parse_document((EXAMPLES / "battery/passport-ev.json").read_bytes(), as_of=AS_OF).events[0].asset.identifier
)


@pytest.mark.parametrize("status", ["re-used", "repurposed", "remanufactured"])
def test_an_update_of_a_known_second_life_battery_need_not_name_the_originals(status: str) -> None:
    hint = IntakeHint({OWN_BATTERY: AssetType.BATTERY})
    event = parse_document(second_life(status), as_of=AS_OF, hint=hint).events[0]
    assert (event.kind, "originals" in event.fields) == ("battery.passport_updated", False)


@pytest.mark.parametrize("known", [{}, {STATION: AssetType.BATTERY}])
def test_the_birth_of_a_second_life_names_its_originals(refuse: Refuse, known: dict[str, AssetType]) -> None:
    assert set(refuse(second_life(), IntakeHint(known)).values()) == {"originals"}


def test_an_update_of_a_known_battery_is_judged_like_any_passport(refuse: Refuse) -> None:
    hint = IntakeHint({OWN_BATTERY: AssetType.BATTERY})
    found = refuse(second_life(BatteryMass={"value": -1, "unit": "kg"}), hint)
    assert found
    assert "originals" not in found.values()
    wrong = refuse(second_life(OriginalBatteryIdentifiers=["x"]), hint)
    assert "originals" in wrong.values()


@pytest.mark.parametrize("identifier", [None, 5, "", "x", ["x"], {}])
def test_a_passport_that_names_no_battery_is_no_update(refuse: Refuse, identifier: object) -> None:
    data = second_life(UniqueBatteryIdentifierUniqueProductIdentifier=identifier)
    assert refuse(data, IntakeHint({"": AssetType.BATTERY, "x": AssetType.BATTERY}))


def test_the_shared_folder_is_answered_file_by_file(shared_data: Path) -> None:
    refused = {}
    for path in sorted(shared_data.rglob("*.json*")):
        if "schema" in path.name.lower() or "qbft" in path.parts or "aas" in path.parts:
            continue
        try:
            parse_document(path.read_bytes(), as_of=datetime(2026, 11, 21, tzinfo=UTC))
        except DocumentError as error:
            refused[path.relative_to(shared_data).as_posix()] = {fault.code for fault in error.faults}
    assert refused == {
        "battery/ec-guidance-datapoints.json": {"unknown-document"},
        "battery/epcis/commissioning.jsonld": {"wrong-vocabulary"},
        "battery/epcis/negative-event.jsonld": {"wrong-vocabulary"},
        "battery/epcis/ownership-transfer.jsonld": {"wrong-vocabulary"},
        "battery/epcis/shipping.jsonld": {"wrong-vocabulary"},
        "battery/epcis/state-of-health.jsonld": {"wrong-type"},
        "epcis/documents/Combination_of_different_event.json": {"bad-identifier"},
        "epcis/documents/SensorData_with_combined_events.json": {"missing"},
        "epcis/invalid/ObjectEvent_with_invalid_action.json": {"bad-value"},
        "epcis/invalid/ObjectEvent_with_invalid_eventTime_format.json": {"bad-format"},
        "epcis/invalid/ObjectEvent_without_identifier_list.json": {"missing"},
        "parts/as-built-twins.json": {"no-time-zone", "serial-on-several-twins", "wrong-type"},
    }
