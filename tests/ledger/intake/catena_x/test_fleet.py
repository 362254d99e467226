"""ClaimData and Vehicles."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.intake.assets import IntakeHint
from tests.ledger.intake.conftest import Accept, Refuse

VIN = "VCU4EZ7R9K1004176"
UUID = "580d3adf-1981-44a0-a214-13d6ceed9379"
BPNL = "BPNLVCUDEMOCARS1"
Members = dict[str, Any]


def claims(*changes: Members) -> Members:
    usual = {
        "anonymizedVIN": VIN,
        "qualityTaskId": UUID,
        "countryCode": "GBR",
        "claimId": "C-1",
        "repairDate": "2021-09-14",
        "repairMileage": 100,
        "repairMileageUnit": "km",
    }
    return {"claims": [{name: item for name, item in (usual | each).items() if item is not None} for each in changes]}


def vehicles(**changes: Any) -> Members:
    usual = {"anonymizedVIN": VIN, "productionDate": "2019-03-14", "soldDate": "2019-04-02", "recordStatus": "new"}
    usual |= {"wmiNameNHTSA": "Corvo", "modelDescription": "Merlin", "vehicleId": f"urn:uuid:{UUID}"}
    return {"vehicles": [{name: item for name, item in (usual | changes).items() if item is not None}]}


def test_a_claim_says_its_odometer_in_km(accept: Accept) -> None:
    km, miles = accept(claims({}, {"claimId": "C-2", "repairMileage": 100, "repairMileageUnit": "mi"})).events
    assert (km.kind, km.asset.identifier, km.document_id) == ("vehicle.warranty_claim", VIN, "C-1")
    assert (km.fields["odometer_km"], miles.fields["odometer_km"]) == (100, 160.934)
    assert miles.fields["odometer_as_read"] == {"value": 100, "unit": "mi"}


def test_a_claim_without_mileage_is_an_observation(accept: Accept) -> None:
    for value in (None, -1):
        found = accept(claims({"repairMileage": value}))
        assert [each.kind for each in found.events] == ["any.observation"]
        assert "odometer_km" not in found.events[0].fields


def test_corrections_name_what_they_correct(accept: Accept) -> None:
    updated = accept(claims({"recordStatus": "updated"})).events[0]
    assert (updated.kind, updated.fields["corrects"]) == ("any.correction", "C-1")
    deleted = accept(claims({"recordStatus": "deleted"})).events[0]
    assert deleted.kind == "any.error_declaration"


def test_a_vehicle_needs_a_name(accept: Accept, refuse: Refuse) -> None:
    hidden = {"anonymizedVIN": "3747429FGH382923974682"}
    assert refuse(claims(hidden)) == {"/claims/0/anonymizedVIN": "no-identifier"}
    assert accept(claims(hidden | {"vehicleId": UUID})).events[0].asset.identifier == f"urn:uuid:{UUID}"
    by_maker = accept(claims(hidden), IntakeHint(maker=BPNL)).events[0]
    assert by_maker.asset.identifier == f"urn:bpn:{BPNL}:van:3747429FGH382923974682"


@pytest.mark.parametrize(
    ("changes", "member", "code"),
    [
        ({"repairMileageUnit": None}, "repairMileageUnit", "unknown-unit"),
        ({"repairMileageUnit": "miles"}, "repairMileageUnit", "bad-value"),
        ({"repairMileage": -0.5}, "repairMileage", "no-mileage"),
        ({"repairMileage": -2}, "repairMileage", "out-of-range"),
        ({"repairMileage": 2_000_000}, "repairMileage", "out-of-range"),
        ({"repairMileage": "100"}, "repairMileage", "wrong-type"),
        ({"repairDate": None}, "repairDate", "no-date"),
        ({"repairDate": "null"}, "repairDate", "no-date"),
        ({"repairDate": "2021-02-29"}, "repairDate", "impossible-date"),
        ({"repairDate": "14.09.2021"}, "repairDate", "bad-format"),
        ({"claimId": None}, "claimId", "missing"),
        ({"countryCode": "GB"}, "countryCode", "bad-format"),
        ({"workshop": {}}, "workshop/workShopId", "missing"),
        ({"workshop": {"workShopId": "x", "latitude": 91}}, "workshop/latitude", "out-of-range"),
        ({"claimedParts": [{}]}, "claimedParts/0/partName", "missing"),
        ({"recordStatus": "old"}, "recordStatus", "bad-value"),
    ],
)
def test_faults_of_a_claim(refuse: Refuse, changes: Members, member: str, code: str) -> None:
    assert refuse(claims(changes)) == {f"/claims/0/{member}": code}


def test_the_odometer_of_claims_does_not_run_backwards(refuse: Refuse) -> None:
    later = {"claimId": "C-2", "repairDate": "2022-01-01", "repairMileage": 60, "repairMileageUnit": "mi"}
    assert refuse(claims({}, later)) == {"/claims/1": "backwards-odometer"}


def test_a_vehicle_is_built_and_specified(accept: Accept) -> None:
    built, described = accept(vehicles(soldCountryCode="GBR")).events
    assert (built.kind, described.kind) == ("vehicle.built", "vehicle.specification")
    assert built.aliases == (f"urn:uuid:{UUID}",)
    assert (described.fields["make"], described.fields["model"]) == ("Corvo", "Merlin")
    assert described.fields["sold_country"] == "GBR"


def test_states_of_a_vehicle_record(accept: Accept) -> None:
    assert [each.kind for each in accept(vehicles(recordStatus="updated")).events] == ["any.correction"]
    assert [each.kind for each in accept(vehicles(recordStatus="deleted")).events] == ["any.error_declaration"]
    assert accept(vehicles(recordStatus="same")).events == ()
    assert [each.kind for each in accept(vehicles(wmiNameNHTSA=None)).events] == ["vehicle.built", "any.observation"]


@pytest.mark.parametrize(
    ("changes", "member", "code"),
    [
        ({"wmiCode": "WVW"}, "wmiCode", "contradiction"),
        ({"wmiCode": "VC"}, "wmiCode", "bad-format"),
        ({"soldDate": "2019-03-13"}, "soldDate", "contradiction"),
        ({"productionDate": "null"}, "productionDate", "no-date"),
        ({"driveType": "Six-Wheel Drive"}, "driveType", "bad-value"),
        ({"engines": [{"power": "110"}]}, "engines/0/power", "wrong-type"),
        ({"plant": {"plantIdentifier": "1", "plantBPNS": "BPNS1"}}, "plant/plantBPNS", "bad-format"),
        ({"additionalInformationList": [{"key": "x"}]}, "additionalInformationList/0/value", "missing"),
    ],
)
def test_faults_of_a_vehicle(refuse: Refuse, changes: Members, member: str, code: str) -> None:
    assert refuse(vehicles(**changes))[f"/vehicles/0/{member}"] == code
