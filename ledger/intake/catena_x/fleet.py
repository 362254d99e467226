"""ClaimData and Vehicles: what workshops and makers say about fleets of vehicles."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from ledger.errors import MalformedError
from ledger.event import AssetReference, AssetType, Event, Json
from ledger.identifiers import scoped_serial
from ledger.intake.assets import IntakeHint
from ledger.intake.catena_x.aspects import ABSENT
from ledger.intake.catena_x.parts import Members, bpnl_of, uuid_of, vin_of
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.measures import km_from_miles
from ledger.intake.times import parse_date, start_of

UNKNOWN_MILEAGE = -1


def claim_events(body: Members, hint: IntakeHint, faults: Faults) -> list[Event]:
    """Warranty claims of a ClaimData document that its model found no fault in.

    A claim without a mileage stays an observation: it proves no reading. ``updated`` and ``deleted`` records name the
    claim they correct.
    """
    claims = cast("list[Members]", body["claims"])
    found = [_claim(claim, pointer_to("", "claims", index), hint, faults) for index, claim in enumerate(claims)]
    return [event for event in found if event is not None]


def _claim(claim: Members, place: str, hint: IntakeHint, faults: Faults) -> Event | None:
    named = _vehicle(claim, place, hint, faults)
    when = _day(claim, "repairDate", place, faults)
    if named is None or when is None:
        return None
    asset, aliases = named
    claim_id = str(claim["claimId"])
    fields: Members = {f"catena_x:{name}": value for name, value in claim.items() if name not in _IDENTITY}
    fields["claim_id"], fields["repair_date"] = claim_id, claim["repairDate"]
    for theirs, ours in _CLAIM_FIELDS.items():
        if theirs in claim:
            fields[ours] = fields.pop(f"catena_x:{theirs}")
    _add_mileage(fields, claim, place, faults)
    kind, document_id = _kind_of_claim(claim, fields, place, faults)
    return Event(kind, asset, when, fields, _workshop(claim), document_id, aliases, (), place)


_IDENTITY = frozenset({"anonymizedVIN", "vehicleId", "claimId", "repairDate", "repairMileage", "repairMileageUnit"})
_CLAIM_FIELDS = {
    "damageCode": "damage_code",
    "damageCodeDescription": "damage_code_description",
    "technicianComment": "technician_comment",
    "customerComment": "customer_comment",
    "claimedParts": "claimed_parts",
    "spareParts": "spare_parts",
    "countryCode": "country",
    "workshop": "workshop",
    "monthInService": "months_in_service",
    "breakdown": "breakdown",
    "repeatedRepair": "repeated_repair",
    "qualityTaskId": "quality_task_id",
}


def _kind_of_claim(claim: Members, fields: Members, place: str, faults: Faults) -> tuple[str, str]:
    claim_id, state = str(claim["claimId"]), claim.get("recordStatus", "new")
    if state in ("updated", "deleted"):
        fields["corrects"], fields["reason"] = claim_id, f"the record is {state} at its source"
        kind = "any.correction" if state == "updated" else "any.error_declaration"
        return kind, f"{claim_id}#{state}"
    if "odometer_km" in fields:
        return "vehicle.warranty_claim", claim_id
    fields["description"] = "warranty claim without a mileage"
    faults.notice(place, "incomplete", "a claim without a mileage is kept as an observation")
    return "any.observation", claim_id


def _add_mileage(fields: Members, claim: Members, place: str, faults: Faults) -> None:
    value, unit = claim.get("repairMileage"), claim.get("repairMileageUnit")
    if not isinstance(value, int | float) or value == UNKNOWN_MILEAGE:
        return
    if value < 0:
        faults.error(pointer_to(place, "repairMileage"), "no-mileage", "below zero only -1 (unknown) has a meaning")
    elif unit is None:
        message = "the mileage has no unit: add repairMileageUnit, km or mi"
        faults.error(pointer_to(place, "repairMileageUnit"), "unknown-unit", message)
    else:
        fields["odometer_km"] = value if unit == "km" else km_from_miles(value)
        fields["odometer_as_read"] = {"value": value, "unit": unit}


def _vehicle(
    body: Members, place: str, hint: IntakeHint, faults: Faults
) -> tuple[AssetReference, tuple[str, ...]] | None:
    """The vehicle's names: its VIN, its anonymised number scoped by the maker, its UUID; the first is the primary."""
    text = str(body["anonymizedVIN"])
    vin, maker = vin_of(text), bpnl_of(hint.maker)
    uuid = None if "vehicleId" not in body else uuid_of(body["vehicleId"])
    code = body.get("wmiCode")
    if vin is not None and code is not None and code != vin[:3]:
        message = f"wmiCode is {code}, but the VIN begins with {vin[:3]}"
        faults.error(pointer_to(place, "wmiCode"), "contradiction", message)
    names = [vin, None if vin else _scoped(maker, text), uuid]
    known = tuple(name for name in names if name is not None)
    if not known:
        message = "anonymizedVIN is no VIN, there is no vehicleId and no maker is configured: nothing names the vehicle"
        faults.error(pointer_to(place, "anonymizedVIN"), "no-identifier", message)
        return None
    return AssetReference(AssetType.VEHICLE, known[0]), known[1:]


def _scoped(maker: str | None, text: str) -> str | None:
    try:
        return None if maker is None else scoped_serial(maker, f"van:{text}")
    except MalformedError:
        return None


def _day(body: Members, name: str, place: str, faults: Faults) -> datetime | None:
    text = body.get(name)
    day = None if text is None or text in ABSENT else parse_date(str(text))
    if day is None:
        faults.error(pointer_to(place, name), "no-date", f"{name} is not given: nothing says when this happened")
        return None
    return start_of(day)


def _workshop(claim: Members) -> str | None:
    workshop = claim.get("workshop")
    return str(workshop["workShopId"]) if isinstance(workshop, dict) else None


def vehicle_events(body: Members, hint: IntakeHint, faults: Faults) -> list[Event]:
    """Births, specifications and corrections of a Vehicles document that its model found no fault in."""
    events: list[Event] = []
    for index, vehicle in enumerate(cast("list[Members]", body["vehicles"])):
        events.extend(_vehicle_events(vehicle, pointer_to("", "vehicles", index), hint, faults))
    return events


_VEHICLE_FIELDS = {
    "wmiNameNHTSA": "make",
    "modelDescription": "model",
    "modelIdentifier": "model_identifier",
    "vehicleSeries": "series",
    "powerTrainType": "power_train",
    "driveType": "drive_type",
    "steeringPos": "steering_position",
    "soldCountryCode": "sold_country",
    "engines": "engines",
    "transmissions": "transmissions",
    "equipments": "equipment",
    "plant": "plant",
    "softwareVersion": "software_version",
}


def _vehicle_events(vehicle: Members, place: str, hint: IntakeHint, faults: Faults) -> list[Event]:
    named, state = _vehicle(vehicle, place, hint, faults), vehicle.get("recordStatus", "new")
    when = _day(vehicle, "productionDate", place, faults)
    if named is None or when is None:
        return []
    asset, aliases = named
    fields = _specification(vehicle, place, faults)
    name = str(vehicle.get("vehicleId", asset.identifier))
    if state == "same":
        faults.notice(place, "not-recorded", "the record is unchanged at its source: no event")
        return []
    if state in ("updated", "deleted"):
        fields["corrects"], fields["reason"] = name, f"the record is {state} at its source"
        kind = "any.correction" if state == "updated" else "any.error_declaration"
        return [Event(kind, asset, when, fields, None, f"{name}#{state}", aliases, (), place)]
    built: Json = vehicle["productionDate"]
    birth = Event("vehicle.built", asset, when, {"production_date": built}, None, name, aliases, (), place)
    kind = "vehicle.specification" if {"make", "model"} <= fields.keys() else "any.observation"
    if kind == "any.observation":
        fields["description"] = "specification without make or model"
        faults.notice(place, "incomplete", "a specification without make and model is kept as an observation")
    return [birth, Event(kind, asset, when, fields, None, f"{name}#specification", aliases, (), place)]


def _specification(vehicle: Members, place: str, faults: Faults) -> Members:
    known = {"anonymizedVIN", "vehicleId", "productionDate", "soldDate", *_VEHICLE_FIELDS}
    fields: Members = {ours: vehicle[theirs] for theirs, ours in _VEHICLE_FIELDS.items() if theirs in vehicle}
    fields["production_date"] = vehicle["productionDate"]
    sold = vehicle["soldDate"]
    if sold not in ABSENT:
        fields["sold_date"] = sold
        if str(sold) < str(vehicle["productionDate"]):
            faults.error(pointer_to(place, "soldDate"), "contradiction", "sold before the day it was produced")
    fields.update({f"catena_x:{name}": value for name, value in vehicle.items() if name not in known})
    return fields
