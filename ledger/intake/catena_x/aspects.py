"""Models of the Catena-X aspects: SerialPart, Batch and SingleLevelBomAsBuilt 4.0.0, ClaimData 3.0.0, Vehicles 4.0.0.

They demand what the published JSON Schemas demand. Where a schema's pattern lets through what is no date or no exact
time, a code of its own says so: ``impossible-date``, ``inexact-time``, ``no-time-zone``.
Source: github.com/eclipse-tractusx/sldt-semantic-models, ``io.catenax.*``.
"""

from __future__ import annotations

import re

from ledger.event import Json
from ledger.intake.catena_x import words
from ledger.intake.faults import Faults
from ledger.intake.model import Check, Choice, Number
from ledger.intake.shape import BOOLEAN, DATE, NUMBER, TEXT, Unique, list_of, one_of, record, rule, text
from ledger.intake.times import parse_date, parse_timestamp

_UUID_DIGITS = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_MONTH_AND_DAY = (
    "((0[1,3,5,7,8]|1[0,2])-((0[1-9])|([1,2][0-9])|(3[0,1])))"
    "|((0[4,6,9]|11)-((0[1-9])|([1,2][0-9])|(30)))|((02)-((0[1-9])|([1,2][0-9])))"
)
_LOCAL_DATE = re.compile(f"([0-9]{{4}})-({_MONTH_AND_DAY})")
_TIMESTAMP = re.compile(
    r"-?([1-9][0-9]{3,}|0[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T"
    r"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?|(24:00:00(\.0+)?))(Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))?"
)

ABSENT = ("null", "NULL")
MILEAGE_LIMIT = 2_000_000

UUID = text(f"^{_UUID_DIGITS}$|^urn:uuid:{_UUID_DIGITS}$", "a UUID, with or without urn:uuid:")
_country = text("^[A-Z]{3}$", "a country code of three capitals")
_bpns = text("^BPNS[a-zA-Z0-9]{12}$", "BPNS and 12 letters and digits")
BPNL = text("^BPNL[a-zA-Z0-9]{12}$", "BPNL and 12 letters and digits")
_country_or_null = text("^[A-Z][A-Z][A-Z]$|^null$|^NULL$", "a country code of three capitals, or null,")


def _check_local_date(value: str) -> tuple[str, str] | None:
    if value in ABSENT:
        return None
    if not _LOCAL_DATE.fullmatch(value):
        return "bad-format", "a calendar date such as 2026-07-22, or null, is needed"
    return None if parse_date(value) else ("impossible-date", "there is no such day")


def _check_timestamp(value: str) -> tuple[str, str] | None:
    if not _TIMESTAMP.search(value):
        return "bad-format", "a time such as 2026-02-03T14:48:54Z is needed"
    found = parse_timestamp(value)
    if found == "no-time-zone":
        return "no-time-zone", "this time has no zone: add Z or an offset such as +01:00"
    return ("inexact-time", "not one exact RFC 3339 date-time") if isinstance(found, str) else None


LOCAL_DATE = rule(_check_local_date)
TIMESTAMP = rule(_check_timestamp)

_local_identifier = record({"key": one_of(*words.LOCAL_KEYS), "value": TEXT}, required=("key", "value"))
_classification = record({"standard": TEXT, "id": TEXT, "description": TEXT}, required=("standard", "id"))
_site = record(
    {"siteId": _bpns, "function": one_of("production", "warehouse", "spare part warehouse")},
    required=("siteId", "function"),
)
_manufacturing = record(
    {"productionDate": DATE, "country": _country, "sites": Unique(list_of(_site))}, required=("productionDate",)
)
_type_members: dict[str, Check] = {
    "manufacturerPartId": TEXT,
    "nameAtManufacturer": TEXT,
    "partClassification": Unique(list_of(_classification)),
}
_serial_type = record(
    {**_type_members, "nameAtCustomer": TEXT, "customerPartId": TEXT},
    required=("nameAtCustomer", "customerPartId", "partClassification"),
)
_batch_type = record(_type_members, required=("manufacturerPartId", "nameAtManufacturer"))


def _part(part_type: Check) -> Check:
    members: dict[str, Check] = {
        "globalAssetId": UUID,
        "localIdentifiers": Unique(list_of(_local_identifier)),
        "manufacturingInformation": _manufacturing,
        "partTypeInformation": part_type,
    }
    return record(members, required=tuple(members))


SERIAL_PART = _part(_serial_type)
BATCH = _part(_batch_type)

ITEM_UNIT = Choice(words.ITEM_UNITS, "unknown-unit")
_quantity = record({"value": NUMBER, "unit": ITEM_UNIT}, required=("value", "unit"))
_child_members: dict[str, Check] = {
    "globalAssetId": UUID,
    "businessPartner": BPNL,
    "quantity": _quantity,
    "hasAlternatives": BOOLEAN,
    "createdOn": TIMESTAMP,
    "lastModifiedOn": TIMESTAMP,
}
_child = record(
    _child_members, required=("quantity", "hasAlternatives", "createdOn", "globalAssetId", "businessPartner")
)
BOM = record({"globalAssetId": UUID, "childItems": Unique(list_of(_child))}, required=("globalAssetId", "childItems"))

_texts = dict.fromkeys(words.PART_TEXTS, TEXT)
_fleet_part: dict[str, Check] = {**_texts, "partId": UUID}
_spare_part = record({**_fleet_part, "supplierId": TEXT, "supplierName": TEXT}, required=("partName",))


class _Mileage:
    """A number from -1 (unknown) to less than two million."""

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        Number(minimum=-1).check(value, pointer, faults)
        if not isinstance(value, bool) and isinstance(value, int | float) and value >= MILEAGE_LIMIT:
            faults.error(pointer, "out-of-range", f"less than {MILEAGE_LIMIT} is needed, not {value}")


_workshop = record(
    {"workShopId": TEXT, "latitude": Number(minimum=-90, maximum=90), "longitude": Number(minimum=-180, maximum=180)},
    required=("workShopId",),
)
_claimed_part = record(
    {
        **_fleet_part,
        **dict.fromkeys(("isPartCausal", "isPartReplaced"), BOOLEAN),
        "amountOfReplacedParts": Number(minimum=0),
        "partTreatment": TEXT,
    },
    required=("partName",),
)
_more = list_of(record({"key": TEXT, "value": TEXT}, required=("key", "value")))
_claim = record(
    {
        **dict.fromkeys(("anonymizedVIN", "claimId", "customerComment", "damageCode"), TEXT),
        **dict.fromkeys(("damageCodeDescription", "technicianComment"), TEXT),
        **dict.fromkeys(("qualityTaskId", "vehicleId"), UUID),
        **dict.fromkeys(("repairDate", "dateOfPreviousRepair"), LOCAL_DATE),
        **dict.fromkeys(("breakdown", "repeatedRepair"), BOOLEAN),
        "countryCode": _country_or_null,
        "repairMileage": _Mileage(),
        "repairMileageUnit": one_of("km", "mi"),
        "recordStatus": one_of(*words.RECORD_STATES),
        "workshop": _workshop,
        "diagnosticSessions": list_of(record({"sessionId": TEXT}, required=("sessionId",))),
        "claimedParts": list_of(_claimed_part),
        "spareParts": list_of(_spare_part),
        "additionalInformationList": _more,
        "monthInService": Number(minimum=0),
    },
    required=("anonymizedVIN", "qualityTaskId", "countryCode", "claimId"),
)
_meta = record(
    dict.fromkeys(("selectionCriteria", "selectionStart", "selectionEnd"), TEXT), required=("selectionCriteria",)
)
CLAIM_DATA = record({"claims": list_of(_claim), "metaInformation": _meta}, required=("claims",))

_dates = dict.fromkeys(("productionDate", "installDate"), LOCAL_DATE)
_engine = record(
    {
        **dict.fromkeys(("engineId", "engineDescription", "engineSeries"), TEXT),
        **dict.fromkeys(("engineSize", "power"), NUMBER),
        **_dates,
        "nhtsaFuelType": one_of(*words.FUEL_TYPES),
    },
    required=("engineId",),
)
_transmission = record(
    {
        **dict.fromkeys(("transmissionId", "transmissionDescription", "transmissionSeries"), TEXT),
        **_dates,
        "transmissionSize": NUMBER,
    },
    required=("transmissionId",),
)
_equipment = record(
    dict.fromkeys(("equipmentIdentifier", "equipmentDescription", "group"), TEXT), required=("equipmentIdentifier",)
)
_plant = record(
    {
        **dict.fromkeys(("plantIdentifier", "plantDescription"), TEXT),
        "plantBPNS": _bpns,
        "plantCountryCode": _country_or_null,
    },
    required=("plantIdentifier",),
)
_three = rule(lambda value: None if len(value) == 3 else ("bad-format", "three characters are needed"))
_vehicle = record(
    {
        **dict.fromkeys(words.VEHICLE_TEXTS, TEXT),
        **dict.fromkeys(("productionDate", "soldDate"), LOCAL_DATE),
        "vehicleId": UUID,
        "parts": list_of(record(_fleet_part, required=("partName",))),
        "driveSystemPower": NUMBER,
        "driveType": one_of("All-Wheel Drive", "Front-Wheel Drive", "Rear-Wheel Drive"),
        "engines": list_of(_engine),
        "equipments": list_of(_equipment),
        "plant": _plant,
        "powerTrainType": one_of(*words.POWER_TRAINS),
        "recordStatus": one_of(*words.RECORD_STATES),
        "soldCountryCode": _country_or_null,
        "steeringPos": one_of("Left-Hand Drive", "Right-Hand Drive"),
        "wmiCode": _three,
        "additionalInformationList": _more,
        "transmissions": list_of(_transmission),
    },
    required=("anonymizedVIN", "productionDate", "soldDate"),
)
VEHICLES = record({"vehicles": list_of(_vehicle), "metaInformation": _meta}, required=("vehicles",))
