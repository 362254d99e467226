"""Each rule beyond the schema: broken once, it is found with its code at its place."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import DocumentError, Fault
from ledger.intake.passport import RULES, parse_passport
from ledger.intake.passport.table import ROOT

ROOT_FOLDER = Path(__file__).resolve().parents[4]
TODAY = date(2026, 11, 21)
D, P, C = "IdentifiersAndProductData", "PerformanceAndDurability", "CircularityAndResourceEfficiency"
M, S, F = "BatteryMaterialsAndComposition", "SymbolsLabelsAndDocumentationOfConformity", "BatteryCarbonFootprint"
BATTERY = "UniqueBatteryIdentifierUniqueProductIdentifier"
PASSPORT = "UniqueBatteryPassportIdentifierUniqueDPPIdentifier"
RESISTANCE = "InitialInternalResistanceOfBatteryCellAndPackModuleRecommended"
OTHER_GTIN = "https://id.gs1.org/01/09521000003309/21/LC-EV-000417"

Broken = tuple[str, str, str, Any, str]

ERRORS: list[Broken] = [
    ("empty", D, "ManufacturingPlace", " ", ""),
    ("empty", M, "BatteryChemistry", {}, ""),
    ("empty", S, "ExtinguishingAgent", {"agentFireClass": " "}, ""),
    ("too-long", M, "CriticalRawMaterials", "x" * 16_385, ""),
    ("too-long", D, PASSPORT, "https://a.example/" + "x" * 2_000, ""),
    ("bad-uri", S, "EUDeclarationOfConformity", "javascript:alert(document.domain)", ""),
    ("bad-uri", S, "EUDeclarationOfConformity", "declaration.pdf", ""),
    ("identifier", D, BATTERY, "https://id.gs1.org/01/09521000001206", ""),
    ("identifier", D, BATTERY, "https://id.gs1.org/01/09521000001207/21/LC-EV-000417", ""),
    ("identifier", D, BATTERY, "5GZCZ43D13S812715", ""),
    ("identifier", D, BATTERY, "https://www.lindqvist-cells.example/batteries/417", ""),
    ("check-digit", D, "BatteryModelIdentifier", "09521000001207", ""),
    ("check-digit", D, "UniqueManufacturerIdentifier", "9521000000101", ""),
    ("check-digit", D, "UniqueFacilityIdentifier", "https://id.gs1.org/414/9521000000347", ""),
    ("check-digit", D, "UniqueEconomicOperatorIdentifier", "BPNL123", ""),
    ("serial-mismatch", D, "BatterySerialNumber", "LC-EV-000418", ""),
    ("model-mismatch", D, "BatteryModelIdentifier", "09521000003309", ""),
    ("granularity", D, "DPPGranularity", "model", ""),
    ("not-positive", D, "BatteryMass", {"gramKgValue": 0, "gramKg": "kg"}, "gramKgValue"),
    ("not-positive", P, "ExpectedLifetimeInCalendarYears", -1, ""),
    ("negative", P, "NumberOfDeepDischargeEvents", -1, ""),
    ("negative", P, RESISTANCE, {"ohmValue": -1, "ohm": "Ohm"}, "ohmValue"),
    ("below-absolute-zero", P, "TemperatureInformation", {"celsiusValue": -274, "degreeCelsius": "°C"}, "celsiusValue"),
    ("voltage-order", P, "MaximumVoltage", {"voltValue": 350, "volt": "V"}, "voltValue"),
    ("temperature-order", P, "TemperatureRangeIdleStateLowerBoundary", {"celsiusValue": 61, "degreeCelsius": "°C"},
     "celsiusValue"),
    ("date-order", D, "DateOfPuttingTheBatteryIntoService", "2026-05-10", ""),
    ("date-order", D, "WarrantyPeriodOfTheBattery", "2026-05-10", ""),
    ("date-order", D, "Date-timeOfLatestUpdateOfDPP", "2026-05-09T23:59:59Z", ""),
    ("in-future", D, "DateOfPuttingTheBatteryIntoService", "2026-11-23", ""),
    ("in-future", D, "Date-timeOfLatestUpdateOfDPP", "2026-11-23T00:00:00Z", ""),
    ("unit-conflict", D, "BatteryMass", {"gramKgValue": 438.5, "gramKg": "g"}, "@RatedCapacity"),
    ("unit-conflict", P, "RatedCapacity",
     {"amperehourMiliamperehourValue": 180, "ampereHourMiliamperehour": "mAh"}, ""),
]  # fmt: skip

NOTICES: list[Broken] = [
    ("remaining-over-rated", P, "RemainingCapacity",
     {"amperehourMiliamperehourValue": 181, "ampereHourMiliamperehour": "Ah"}, ""),
    ("fade-mismatch", P, "CapacityFade", {"percentageValue": 5, "percent": "%"}, ""),
    ("power-over-limit", P, "MaximumPermittedBatteryPower", {"wattValue": 150_000, "watt": "W"}, ""),
    ("power-not-deliverable", P, RESISTANCE, {"ohmValue": 1, "ohm": "Ohm"}, "@MaximumPermittedBatteryPower"),
    ("share-without-material", C, "RecycledLeadShare", {"percentageValue": 3, "percent": "%"}, ""),
    ("link-not-ours", D, PASSPORT, "urn:uuid:a81576c1-d1d6-4d0e-be18-aa77da87e11e", ""),
    ("odd-identifier", D, BATTERY, "https://id.gs1.org/01/09521000001206/10/L/21/LC-EV-000417", ""),
]  # fmt: skip


def example() -> Any:
    return json.loads((ROOT_FOLDER / "examples/battery/passport-ev.json").read_bytes())


def broken(group: str, name: str, value: Any) -> Any:
    document = example()
    document[ROOT][group][name] = value
    return document


def place_of(group: str, name: str, inner: str) -> str:
    if inner.startswith("@"):
        return f"/{ROOT}/{P}/{inner[1:]}"
    return f"/{ROOT}/{group}/{name}" + (f"/{inner}" if inner else "")


@pytest.mark.parametrize(("code", "group", "name", "value", "inner"), ERRORS)
def test_a_broken_rule_refuses_with_one_fault(code: str, group: str, name: str, value: Any, inner: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_passport(broken(group, name, value), as_of=TODAY)
    found = [(fault.code, fault.pointer) for fault in caught.value.faults]
    assert found == [(code, place_of(group, name, inner))]


@pytest.mark.parametrize(("code", "group", "name", "value", "inner"), NOTICES)
def test_an_odd_value_is_noted_and_accepted(code: str, group: str, name: str, value: Any, inner: str) -> None:
    document = broken(group, name, value)
    if code == "fade-mismatch":
        rated = document[ROOT][P]["RatedCapacity"]
        document[ROOT][P]["RemainingCapacity"] = rated
    accepted = parse_passport(document, as_of=TODAY)
    found = {(fault.code, fault.pointer) for fault in accepted.notices if isinstance(fault, Fault)}
    assert (code, place_of(group, name, inner)) in found


def carbon(value: float) -> dict[str, Any]:
    return {"kgCO2-equivalentPerKilowattHourValue": value, "kgCO2-equivalentPerKilowattHour": "kgCO2-eq/kWh"}


@pytest.mark.parametrize(
    ("total", "stages", "code"),
    [
        (65, (18.5, 38, 2.8, 10), "carbon-shares-sum"),
        (65, (25, 55, 5, 15), "carbon-shares-in-percent"),
        (65, (20, 40, 3, 2), None),
        (100, (25, 55, 5, 15), None),
        (60, (25, 40, 5, -10), None),
    ],
)
def test_carbon_stages_must_add_up(total: float, stages: tuple[float, ...], code: str | None) -> None:
    names = (
        "RawMaterialAcquisitionAndPre-processing",
        "MainProductProduction",
        "Distribution",
        "EndOfLifeAndRecycling",
    )
    group = {f"ContributionOf{name}LifecycleStage": carbon(value) for name, value in zip(names, stages, strict=True)}
    document = example()
    document[ROOT][F] = {**group, "BatteryCarbonFootprintPerFunctionalUnit": carbon(total)}
    told = {fault.code for fault in parse_passport(document, as_of=TODAY).notices if isinstance(fault, Fault)}
    assert told & {"carbon-shares-sum", "carbon-shares-in-percent"} == ({code} if code else set())


def test_one_identifier_under_two_names_is_noted() -> None:
    document = example()
    document[ROOT][D]["ManufacturerInformation"]["name"] = "Another Ltd"
    told = {fault.code for fault in parse_passport(document, as_of=TODAY).notices if isinstance(fault, Fault)}
    assert "same-identifier-two-names" in told


def test_the_blemishes_of_the_published_passports_are_reported(published: dict[str, bytes]) -> None:
    found = {
        name: {fault.code for fault in parse_passport(raw, as_of=TODAY).notices if isinstance(fault, Fault)}
        for name, raw in published.items()
    }
    both = {"carbon-shares-sum", "power-not-deliverable", "same-identifier-two-names"}
    assert found == {"ev": both | {"not-applicable"}, "stationary": both | {"power-over-limit"}}


def test_every_rule_is_broken_by_a_test_and_stands_in_the_docs() -> None:
    text = (ROOT_FOLDER / "docs/intake-passport.md").read_text("utf-8")
    for code, (severity, why) in RULES.items():
        assert f"| `{code}` | {severity} | {why} |" in text, code
    tried = {code for code, *_ in (*ERRORS, *NOTICES)}
    elsewhere = {
        "originals",
        "status-kind",
        "carbon-shares-sum",
        "carbon-shares-in-percent",
        "same-identifier-two-names",
    }
    assert tried | elsewhere == RULES.keys() - {"too-many"}
