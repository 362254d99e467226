"""The official JSON Schemas as oracle: intake accepts what they accept, apart from listed rules that go further."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, Draft7Validator, FormatChecker

from ledger.errors import DocumentError
from ledger.intake.document import parse_document
from tests.ledger.intake.conftest import AS_OF
from tests.ledger.intake.mutate import mutations, repaired

# Codes of rules that go further than the schemas; docs/intake.md explains each. Nothing else may differ.
SEMANTIC_RULES = {
    "bad-identifier",
    "conflict",
    "contradiction",
    "cycle",
    "impossible-date",
    "in-future",
    "inexact-time",
    "no-date",
    "no-identifier",
    "no-mileage",
    "no-time-zone",
    "out-of-range",
    "part-inside-itself",
    "refused-step",
    "too-large",
    "two-assemblies",
    "unknown-unit",
}
EPCIS = (
    "epcis/documents/AggregationEvent.json",
    "epcis/documents/AssociationEvent.json",
    "epcis/documents/AssociationEvent_2.json",
    "epcis/documents/Combination_of_different_event.json",
    "epcis/documents/ObjectEvent_all_possible_fields.json",
    "epcis/documents/ObjectEvent_with_error_declaration.json",
    "epcis/documents/ObjectEvent_with_persistentDisposition.json",
    "epcis/documents/SensorData_with_combined_events.json",
    "epcis/documents/TransactionEvent.json",
    "epcis/documents/TransformationEvent.json",
    "epcis/invalid/ObjectEvent_with_invalid_action.json",
    "epcis/invalid/ObjectEvent_with_invalid_eventTime_format.json",
    "epcis/invalid/ObjectEvent_without_identifier_list.json",
    "battery/epcis/commissioning.jsonld",
    "battery/epcis/negative-event.jsonld",
    "battery/epcis/ownership-transfer.jsonld",
    "battery/epcis/shipping.jsonld",
    "battery/epcis/state-of-health.jsonld",
)
CATENA_X = (
    "parts/SerialPart-4.0.0",
    "parts/Batch-4.0.0",
    "parts/SingleLevelBomAsBuilt-4.0.0",
    "vehicles/ClaimData-3.0.0",
    "vehicles/Vehicles-4.0.0",
)
FORMATS = FormatChecker(formats=("date", "date-time"))


def codes_of(document: object) -> set[str]:
    try:
        parse_document(json.dumps(document).encode(), as_of=AS_OF)
    except DocumentError as error:
        return {fault.code for fault in error.faults}
    return set()


def compare(document: object, is_valid: bool) -> bool:
    """Assert agreement; returns whether a semantic rule went further."""
    codes = codes_of(document)
    if is_valid:
        assert codes <= SEMANTIC_RULES, (codes, json.dumps(document)[:4000])
        return bool(codes)
    assert codes, f"accepted, but the schema refuses: {json.dumps(document)[:4000]}"
    return False


@pytest.mark.parametrize("name", EPCIS)
def test_epcis_agrees_with_the_official_schema(shared_data: Path, name: str) -> None:
    schema = json.loads((shared_data / "epcis/schema/EPCIS-JSON-Schema.json").read_text("utf-8"))
    oracle = Draft7Validator(schema, format_checker=FORMATS)
    original = json.loads((shared_data / name).read_text("utf-8"))
    compare(original, oracle.is_valid(original))
    further = sum(compare(each, oracle.is_valid(each)) for each in mutations(repaired(original), 20, 120))
    assert further < 60, "semantic rules hide the comparison"


@pytest.mark.parametrize("name", CATENA_X)
def test_catena_x_agrees_with_the_official_schemas(shared_data: Path, name: str) -> None:
    schema = json.loads((shared_data / f"{name}.schema.json").read_text("utf-8"))
    oracle = Draft4Validator(schema, format_checker=FORMATS)
    original = json.loads((shared_data / f"{name}.json").read_text("utf-8"))
    assert oracle.is_valid(original)
    assert codes_of(original) == set()
    for each in mutations(original, 21, 500):
        if isinstance(each, dict) and same_aspect(name, each):
            compare(each, oracle.is_valid(each))


def same_aspect(name: str, document: dict[str, object]) -> bool:
    """Aspects do not name themselves: a mutation can turn one into another, or into nothing known."""
    kinds = {"childItems", "claims", "vehicles", "partTypeInformation", "manufacturingInformation", "type", "@context"}
    own = {"SingleLevel": "childItems", "ClaimData": "claims", "Vehicles": "vehicles"}
    for start, member in own.items():
        if start in name:
            return kinds & document.keys() == {member}
    part = document.get("partTypeInformation")
    is_batch = not (isinstance(part, dict) and part.keys() & {"nameAtCustomer", "customerPartId"})
    parts = {"partTypeInformation", "manufacturingInformation"}
    return is_batch == ("Batch" in name) and bool(kinds & document.keys()) and kinds & document.keys() <= parts
