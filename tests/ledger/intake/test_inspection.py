"""Inspection records: units, unreadable odometers, retests, repetitions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ledger.intake.conftest import Accept, Refuse

VIN = "VCU4EZ7R9K1004176"
Members = dict[str, Any]


def one(**changes: Any) -> Members:
    whole: Members = {
        "completedDate": "2022-04-01T09:12:00Z",
        "testResult": "PASSED",
        "odometerResultType": "READ",
        "odometerValue": 25700,
        "odometerUnit": "MI",
        "motTestNumber": "1",
        "expiryDate": "2023-04-01",
        "defects": [],
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def history(*tests: Members, **about: Any) -> Members:
    return {"vin": VIN, **about, "motTests": list(tests)}


def test_miles_become_kilometres_and_stay_miles(accept: Accept) -> None:
    found = accept(history(one(), make="CORVO", hasOutstandingRecall="No")).events[0]
    assert (found.kind, found.asset.identifier, found.document_id) == ("vehicle.inspected", VIN, "mot:1")
    assert found.fields["odometer_km"] == 41360.141
    assert found.fields["odometer_as_read"] == {"value": 25700, "unit": "mi"}
    assert (found.fields["result"], found.fields["odometer_result"]) == ("passed", "read")
    assert (found.fields["mot:make"], found.fields["has_outstanding_recall"]) == ("CORVO", "No")


def test_kilometres_and_digits_as_text(accept: Accept) -> None:
    assert accept(history(one(odometerValue="41360", odometerUnit="KM"))).events[0].fields["odometer_km"] == 41360


def test_single_records_and_lists(accept: Accept) -> None:
    assert len(accept(one(vin=VIN)).events) == 1
    later = one(vin=VIN, motTestNumber="2", completedDate="2023-03-01T09:00:00Z", expiryDate="2024-03-01")
    found = accept([one(vin=VIN), later]).events
    assert [each.source_pointer for each in found] == ["/0", "/1"]


def test_an_odometer_that_was_not_read(accept: Accept, refuse: Refuse) -> None:
    for kind in ("UNREADABLE", "NO_ODOMETER"):
        unread = one(odometerResultType=kind, odometerValue=None, odometerUnit=None)
        found = accept(history(unread)).events[0]
        assert found.fields["odometer_result"] == kind.lower()
        assert "odometer_km" not in found.fields
        assert refuse(history(one(odometerResultType=kind))) == {"/motTests/0/odometerValue": "contradiction"}


def test_a_failed_test_and_its_retest_are_two_events(accept: Accept) -> None:
    failed = one(testResult="FAILED", expiryDate=None, motTestNumber="0")
    retest = one(completedDate="2022-04-01T15:40:00Z")
    assert [each.fields["result"] for each in accept(history(failed, retest)).events] == ["failed", "passed"]


def test_the_same_test_twice_is_taken_once(accept: Accept, refuse: Refuse) -> None:
    found = accept(history(one(), one()))
    assert len(found.events) == 1
    assert refuse(history(one(), one(odometerValue=25701))) == {"/motTests/1": "conflict"}


def test_a_falling_odometer(refuse: Refuse) -> None:
    later = one(motTestNumber="2", completedDate="2023-03-01T09:00:00Z", odometerUnit="KM", expiryDate=...)
    assert refuse(history(one(), later)) == {"/motTests/1": "backwards-odometer"}


@pytest.mark.parametrize(
    ("changes", "member", "code"),
    [
        ({"odometerUnit": "FURLONG"}, "odometerUnit", "unknown-unit"),
        ({"odometerUnit": None}, "odometerUnit", "unknown-unit"),
        ({"odometerValue": None}, "odometerValue", "missing"),
        ({"odometerValue": "25,700"}, "odometerValue", "wrong-type"),
        ({"odometerValue": True}, "odometerValue", "wrong-type"),
        ({"odometerResultType": "GUESSED"}, "odometerResultType", "bad-value"),
        ({"odometerResultType": ...}, "odometerResultType", "missing"),
        ({"testResult": "MAYBE"}, "testResult", "bad-value"),
        ({"completedDate": "2022.04.01 09:12:00"}, "completedDate", "bad-format"),
        ({"completedDate": "2022-04-01T09:12:00"}, "completedDate", "no-time-zone"),
        ({"expiryDate": "2022-03-31"}, "expiryDate", "contradiction"),
        ({"expiryDate": "next year"}, "expiryDate", "bad-format"),
        ({"defects": [{"text": "x"}]}, "defects/0/type", "missing"),
        ({"defects": [{"text": "x", "type": "MINOR", "dangerous": "no"}]}, "defects/0/dangerous", "wrong-type"),
    ],
)
def test_faults_have_their_place(refuse: Refuse, changes: Members, member: str, code: str) -> None:
    assert refuse(history(one(**changes))) == {f"/motTests/0/{member}": code}


def test_a_registration_mark_does_not_name_a_vehicle(refuse: Refuse) -> None:
    assert refuse({"registration": "AB12 CDE", "motTests": [one()]}) == {"/vin": "missing"}
    assert refuse({"vin": "AB12CDE", "motTests": [one()]}) == {"/vin": "bad-identifier"}
    assert refuse({"vin": VIN, "motTests": ["x"]}) == {"/motTests/0": "wrong-type"}
    assert refuse({"vin": VIN, "motTests": {}}) == {"/motTests": "wrong-type"}
