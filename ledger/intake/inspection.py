"""Statutory inspections in the manner of the UK MOT history: one record, or a vehicle with its tests, or a list.

::

    {"vin": "...", "motTests": [{"completedDate": "2024-03-02T10:15:00Z", "testResult": "PASSED",
      "odometerResultType": "READ", "odometerValue": 41234, "odometerUnit": "MI", "motTestNumber": "...",
      "expiryDate": "2025-03-01", "defects": [{"text": "...", "type": "MINOR", "dangerous": false}]}]}

The registration mark is not an identifier of a vehicle (it moves), so a record without a VIN is refused. Every test is
an event of its own: a failed test and its retest on one day are two.
"""

from __future__ import annotations

from datetime import datetime

from ledger.event import AssetReference, AssetType, Event, Json
from ledger.intake.assets import read_identifier
from ledger.intake.expansion import check_expansion
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.measures import km_from_miles
from ledger.intake.model import Check
from ledger.intake.shape import BOOLEAN, DATE, NUMBER, TEXT, TIMESTAMP, AnyOf, Anything, list_of, one_of, record, rule
from ledger.intake.text_rules import matching
from ledger.intake.times import parse_date, parse_timestamp

MAX_ODOMETER_CHARACTERS = 9

Members = dict[str, Json]

_digits = rule(matching(f"[0-9]{{1,{MAX_ODOMETER_CHARACTERS}}}", "a number of digits only"))
_defect = record({"text": TEXT, "type": TEXT, "dangerous": BOOLEAN}, required=("text", "type"))
_test_members: dict[str, Check] = {
    "completedDate": TIMESTAMP,
    "testResult": one_of("PASSED", "FAILED"),
    "expiryDate": DATE,
    "odometerValue": AnyOf("a number, or a text of digits", (NUMBER, _digits)),
    "odometerUnit": TEXT,
    "odometerResultType": one_of("READ", "UNREADABLE", "NO_ODOMETER"),
    "motTestNumber": TEXT,
    "defects": list_of(_defect),
}
_needed = ("completedDate", "testResult", "odometerResultType")
_TEST = record(_test_members, required=_needed)
_VEHICLE = record({"vin": TEXT, "motTests": list_of(Anything())}, required=("vin",))
_UNITS = {"MI": "mi", "KM": "km"}


def is_inspection(value: Json) -> bool:
    """Whether a parsed value looks like such a record, or a list of them."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and ("motTests" in first or {"completedDate", "testResult"} <= first.keys())


def inspection_events(value: Json, faults: Faults) -> list[Event]:
    """Read every test.

    Args:
        value: Untrusted; `is_inspection` holds.
        faults: Receives every fault.
    """
    events: list[Event] = []
    entries = value if isinstance(value, list) else [value]
    for index, entry in enumerate(entries):
        events.extend(_vehicle_events(entry, f"/{index}" if isinstance(value, list) else "", faults))
    return events


def _vehicle_events(value: Json, place: str, faults: Faults) -> list[Event]:
    before = len(faults.errors)
    _VEHICLE.check(value, place, faults)
    if not isinstance(value, dict) or len(faults.errors) > before:
        return []
    identifier = read_identifier(str(value["vin"]), pointer_to(place, "vin"), faults, AssetType.VEHICLE)
    if identifier is None:
        return []
    asset = AssetReference(AssetType.VEHICLE, identifier.canonical)
    tests = value.get("motTests")
    if not isinstance(tests, list):
        own = [_test(value, asset, {}, place, faults)]
    else:
        about = {name: item for name, item in value.items() if name not in ("vin", "motTests")}
        check_expansion(about, len(tests), place, faults)
        own = [_test(test, asset, about, pointer_to(place, "motTests", i), faults) for i, test in enumerate(tests)]
    return [event for event in own if event is not None]


def _test(test: Json, asset: AssetReference, about: Members, place: str, faults: Faults) -> Event | None:
    before = len(faults.errors)
    given: Json = test
    if isinstance(test, dict):
        given = {name: item for name, item in test.items() if item is not None}
    _TEST.check(given, place, faults)
    if not isinstance(given, dict) or len(faults.errors) > before:
        return None
    when = parse_timestamp(str(given["completedDate"]))
    if not isinstance(when, datetime):
        return None
    number = given.get("motTestNumber")
    fields = _fields(given, about, when, place, faults)
    document_id = None if number is None else f"mot:{number}"
    return Event("vehicle.inspected", asset, when, fields, None, document_id, (), (), place)


def _fields(test: Members, about: Members, when: datetime, place: str, faults: Faults) -> Members:
    known = {*_test_members, "vin", "hasOutstandingRecall"}
    fields: Members = {
        "result": str(test["testResult"]).lower(),
        "odometer_result": str(test["odometerResultType"]).lower(),
        "defects": test.get("defects", []),
        **{f"mot:{name}": item for name, item in (about | test).items() if name not in known},
    }
    for theirs, ours in (("motTestNumber", "test_number"), ("expiryDate", "expiry_date")):
        if theirs in test:
            fields[ours] = test[theirs]
    recall = test.get("hasOutstandingRecall", about.get("hasOutstandingRecall"))
    if recall is not None:
        fields["has_outstanding_recall"] = recall
    _add_odometer(fields, test, place, faults)
    _check_expiry(fields, when, place, faults)
    return fields


def _add_odometer(fields: Members, test: Members, place: str, faults: Faults) -> None:
    value, unit = test.get("odometerValue"), str(test.get("odometerUnit"))
    if test["odometerResultType"] != "READ":
        if value is not None:
            message = f"a value is given, but the odometer was {fields['odometer_result']}"
            faults.error(pointer_to(place, "odometerValue"), "contradiction", message)
    elif value is None or isinstance(value, dict | list):
        faults.error(pointer_to(place, "odometerValue"), "missing", "the odometer was read: its value is required")
    elif unit not in _UNITS:
        faults.error(pointer_to(place, "odometerUnit"), "unknown-unit", "MI or KM is needed")
    else:
        reading = float(value) if isinstance(value, str) else value
        reading = int(reading) if float(reading).is_integer() else reading
        fields["odometer_km"] = reading if unit == "KM" else km_from_miles(reading)
        fields["odometer_as_read"] = {"value": reading, "unit": _UNITS[unit]}


def _check_expiry(fields: Members, when: datetime, place: str, faults: Faults) -> None:
    expiry = parse_date(str(fields.get("expiry_date")))
    if expiry is not None and expiry < when.date() and fields["result"] == "passed":
        faults.error(pointer_to(place, "expiryDate"), "contradiction", "passed, but expired before the test")
