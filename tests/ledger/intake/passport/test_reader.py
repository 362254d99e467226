"""A passport becomes one event, or is refused with every fault by its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ledger.access import Tier, fields_visible
from ledger.errors import DocumentError, Fault, MalformedError
from ledger.event import Document
from ledger.intake.passport import Category, is_passport, parse_passport, passport_table
from ledger.intake.passport.table import ROOT, table_from

EXAMPLES = Path(__file__).resolve().parents[4] / "examples" / "battery"
TODAY = date(2026, 11, 21)
EV = "https://id.gs1.org/01/09521000001206/21/LC-EV-000417"
STATIONARY = "https://id.gs1.org/01/09521000003309/21/SH-ST-000023"
DATA, PERFORMANCE = "IdentifiersAndProductData", "PerformanceAndDurability"


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"passport-{name}.json").read_bytes())


def refusal(document: Any, **options: Any) -> set[tuple[str, str]]:
    with pytest.raises(DocumentError) as caught:
        parse_passport(document, as_of=TODAY, **options)
    return {(fault.pointer.removeprefix(f"/{ROOT}"), fault.code) for fault in caught.value.faults}


def notices(document: Document) -> set[tuple[str, str]]:
    found = (fault for fault in document.notices if isinstance(fault, Fault))
    return {(fault.pointer.removeprefix(f"/{ROOT}"), fault.code) for fault in found}


def test_our_example_of_an_electric_vehicle_battery_is_its_genesis() -> None:
    raw = (EXAMPLES / "passport-ev.json").read_bytes()
    document = parse_passport(raw, as_of=TODAY)
    (event,) = document.events
    assert (document.document_type, document.digest, document.raw) == (
        "battery-passport",
        hashlib.sha256(raw).digest(),
        raw,
    )
    assert (event.kind, event.asset.identifier) == ("battery.commissioned", EV)
    assert event.occurred_at == datetime(2026, 6, 2, 7, 20, tzinfo=UTC)
    assert event.issuer_hint == "https://id.gs1.org/417/9521000000100"
    assert event.document_id == f"{EV}#2026-06-02T07:20:00+00:00"
    assert event.fields["identifier"] == EV
    assert event.fields["asset_type"] == "battery"
    assert event.fields[f"{PERFORMANCE}.RatedCapacity"] == {
        "amperehourMiliamperehourValue": 180,
        "ampereHourMiliamperehour": "Ah",
    }
    assert {code for _, code in notices(document)} == {"not-yet-required"}


def test_our_example_of_second_life_names_its_original() -> None:
    (event,) = parse_passport(example("stationary"), as_of=TODAY).events
    assert (event.kind, event.asset.identifier) == ("battery.second_life_repurposed", STATIONARY)
    assert event.fields["originals"] == [EV]
    assert not any("OriginalBatteryIdentifiers" in name for name in event.fields)


def test_every_attribute_is_a_field_of_its_own() -> None:
    source = example("ev")[ROOT]
    (event,) = parse_passport({ROOT: source}, as_of=TODAY).events
    expected = {f"{group}.{name}" for group, attributes in source.items() for name in attributes}
    assert event.fields.keys() == expected | {"identifier", "asset_type"}


def test_missing_not_yet_required_and_not_applicable_are_told_apart() -> None:
    document = example("ev")
    del document[ROOT]["BatteryCarbonFootprint"]
    document[ROOT][PERFORMANCE]["RemainingRoundTripEnergyEfficiency"] = {"percentageValue": 90, "percent": "%"}
    document[ROOT][PERFORMANCE]["RemainingCapacity"] = {
        "amperehourMiliamperehourValue": 180,
        "ampereHourMiliamperehour": "Ah",
    }
    told = notices(parse_passport(document, as_of=TODAY))
    assert ("/BatteryCarbonFootprint", "not-yet-required") in told
    assert (f"/{PERFORMANCE}/RemainingRoundTripEnergyEfficiency", "not-applicable") in told
    assert (f"/{PERFORMANCE}/RemainingCapacity", "not-applicable") in told
    del document[ROOT][PERFORMANCE]["StateOfCertifiedEnergySOCE"]
    assert refusal(document) == {(f"/{PERFORMANCE}/StateOfCertifiedEnergySOCE", "missing")}


def test_what_is_required_depends_on_the_day() -> None:
    document = example("ev")
    parse_passport(document, as_of=date(2026, 7, 28))
    with pytest.raises(DocumentError) as caught:
        parse_passport(document, as_of=date(2026, 7, 27))
    assert {fault.code for fault in caught.value.faults} == {"missing"}
    assert len(caught.value.faults) == 9


def test_an_edition_to_come_can_end_the_relief() -> None:
    line = {"type": "text", "need": "MMMMM"}
    editions = [
        {"name": "b", "from": date(2027, 8, 18), "source": "an act"},
        {"name": "a", "from": date(2026, 1, 1), "source": "x", "pending": [{"attributes": ["A"], "reason": "later"}]},
    ]
    table = table_from({"attributes": {"G": {"A": line}}, "category": [], "edition": editions})
    assert table.edition_at(date(2020, 1, 1)).name == "a"
    assert table.edition_at(date(2027, 8, 17)).pending == {"A": "later"}
    assert table.edition_at(date(2027, 8, 18)).pending == {}


def test_unknown_values_are_kept_apart_and_private() -> None:
    document = example("ev")
    document["identifier"] = "not ours"
    document[ROOT]["Extra"] = {"a": 1}
    document[ROOT][PERFORMANCE]["Extra.Dotted"] = 2
    document[ROOT][PERFORMANCE]["RatedCapacity"]["secret/of~mine"] = 3
    document[ROOT]["BatteryMaterialsAndComposition"]["RatedCapacity"] = 4
    accepted = parse_passport(document, as_of=TODAY)
    (event,) = accepted.events
    unknown = {
        "/identifier": "not ours",
        f"/{ROOT}/Extra": {"a": 1},
        f"/{ROOT}/{PERFORMANCE}/Extra.Dotted": 2,
        f"/{ROOT}/{PERFORMANCE}/RatedCapacity/secret~1of~0mine": 3,
        f"/{ROOT}/BatteryMaterialsAndComposition/RatedCapacity": 4,
    }
    assert {name: value for name, value in event.fields.items() if name.startswith("/")} == unknown
    assert event.fields["identifier"] == EV
    assert "secret/of~mine" not in json.dumps(event.fields[f"{PERFORMANCE}.RatedCapacity"])
    assert not fields_visible(event.kind, unknown, Tier.AUTHORITIES)
    assert {f"/{ROOT}{pointer}" for pointer, code in notices(accepted) if code == "unknown-field"} >= unknown.keys() - {
        "/identifier"
    }


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("original", "battery.commissioned"),
        ("re-used", "battery.second_life_reused"),
        ("repurposed", "battery.second_life_repurposed"),
        ("remanufactured", "battery.second_life_remanufactured"),
        ("waste", "battery.passport_updated"),
    ],
)
def test_the_status_decides_the_kind(status: str, kind: str) -> None:
    document = example("stationary")
    document[ROOT][DATA]["BatteryStatus"]["batteryStatusValues"] = status
    assert parse_passport(document, as_of=TODAY).events[0].kind == kind
    assert (
        parse_passport(document, as_of=TODAY, kind="battery.passport_updated").events[0].kind
        == "battery.passport_updated"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("original", "battery.second_life_reused"),
        ("repurposed", "battery.commissioned"),
        ("repurposed", "battery.second_life_reused"),
        ("waste", "battery.commissioned"),
        ("original", "vehicle.built"),
    ],
)
def test_a_kind_that_contradicts_the_status_is_refused(status: str, kind: str) -> None:
    document = example("stationary")
    document[ROOT][DATA]["BatteryStatus"]["batteryStatusValues"] = status
    assert (f"/{DATA}/BatteryStatus", "status-kind") in refusal(document, kind=kind)


def test_second_life_without_originals_is_refused_unless_the_caller_names_them() -> None:
    document = example("stationary")
    del document[ROOT][DATA]["OriginalBatteryIdentifiers"]
    assert refusal(document) == {(f"/{DATA}/OriginalBatteryIdentifiers", "originals")}
    given = ("urn:epc:id:sgtin:9521000.000120.LC-EV-000417",)
    assert parse_passport(document, as_of=TODAY, originals=given).events[0].fields["originals"] == [EV]
    assert refusal(document, originals=[STATIONARY]) == {(f"/{DATA}/OriginalBatteryIdentifiers", "originals")}
    with pytest.raises(MalformedError):
        parse_passport(document, as_of=TODAY, originals=["5GZCZ43D13S812715"])
    parse_passport(document, as_of=TODAY, kind="battery.passport_updated")


@pytest.mark.parametrize("originals", [[EV, EV], ["x"], [STATIONARY], ["https://id.gs1.org/01/09521000001206"]])
def test_wrong_originals_are_refused(originals: list[str]) -> None:
    document = example("stationary")
    document[ROOT][DATA]["OriginalBatteryIdentifiers"] = originals
    assert "originals" in {code for _, code in refusal(document)}


@pytest.mark.parametrize("originals", [[], [1], "x", None])
def test_originals_of_another_type_are_refused(originals: object) -> None:
    document = example("stationary")
    document[ROOT][DATA]["OriginalBatteryIdentifiers"] = originals
    assert {code for _, code in refusal(document)} <= {"empty", "wrong-type", "originals"}


def test_a_custom_domain_and_a_national_code_are_canonical() -> None:
    document = example("ev")
    document[ROOT][DATA]["UniqueBatteryIdentifierUniqueProductIdentifier"] = (
        "https://batteries.lindqvist-cells.example/b/01/09521000001206/21/LC-EV-000417?linkType=gs1:dpp"
    )
    assert parse_passport(document, as_of=TODAY).events[0].asset.identifier == EV
    document[ROOT][DATA]["UniqueBatteryIdentifierUniqueProductIdentifier"] = "001PE01AB12345B3N0000017"
    (event,) = parse_passport(document, as_of=TODAY).events
    assert (event.asset.identifier, event.aliases) == ("001PE01AB12345B3N0000017", (EV,))


def test_a_category_that_two_models_share_is_told_by_chemistry_and_battery_management(
    passport: Callable[[Category], Any],
) -> None:
    without = passport(Category.INDUSTRIAL_WITHOUT_BMS)
    parse_passport(without, as_of=TODAY)
    other = passport(Category.OTHER_INDUSTRIAL)
    parse_passport(other, as_of=TODAY)
    del other[ROOT][DATA]["ManufacturingDate"]
    assert (f"/{DATA}/ManufacturingDate", "missing") in refusal(other)


@pytest.mark.parametrize("value", ["bicycle battery", "", 3, None, {"batteryCategoryValue": 1}])
def test_an_unknown_category_is_told_with_what_is_wrong_in_every_model(value: object) -> None:
    document = example("ev")
    document[ROOT][DATA]["BatteryCategory"] = value if isinstance(value, dict) else {"batteryCategoryValue": value}
    del document[ROOT][DATA]["BatteryStatus"]
    found = refusal(document)
    assert (f"/{DATA}/BatteryStatus", "missing") in found
    assert any(pointer == f"/{DATA}/BatteryCategory/batteryCategoryValue" for pointer, _ in found)
    del document[ROOT][DATA]["BatteryCategory"]
    assert (f"/{DATA}/BatteryCategory", "missing") in refusal(document)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b'{"Battery_Passport": NaN}',
        b'{"Battery_Passport": {}, "Battery_Passport": {}}',
        b"[" * 100_000,
        b'{"Battery_Passport": 1e999}',
        b'"' + b"\\ud800" + b'"',
    ],
)
def test_what_is_not_json_is_refused_with_one_fault(data: bytes) -> None:
    assert {code for _, code in refusal(data)} == {"malformed"}


@pytest.mark.parametrize("value", [None, [], "x", 1, {}, {ROOT: None}, {ROOT: []}, {ROOT: {}}])
def test_another_document_is_refused(value: Any) -> None:
    assert refusal(value)
    assert is_passport(value) == (isinstance(value, dict) and ROOT in value)


def test_a_value_without_bytes_has_the_digest_of_its_canonical_form() -> None:
    document = example("ev")
    reordered = dict(reversed(list(document.items())))
    assert parse_passport(document, as_of=TODAY).digest == parse_passport(reordered, as_of=TODAY).digest


def test_a_passport_of_too_many_or_too_long_names_is_refused() -> None:
    document = example("ev")
    document[ROOT][PERFORMANCE] |= {f"x{number}": {"y": number} for number in range(100_000)}
    assert refusal(document) == {("", "too-many")}
    document = example("ev")
    document[ROOT][PERFORMANCE]["x" * 1_000_000] = 1
    assert refusal(document) == {(f"/{PERFORMANCE}", "too-long")}


def test_every_attribute_name_stands_once() -> None:
    assert len({attribute.name for attribute in passport_table().attributes.values()}) == 101
