"""EPCIS: what each event means for single assets."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.event import AssetType
from ledger.intake.assets import IntakeHint
from ledger.intake.epcis.vocabulary import business_step
from ledger.kinds import kind_of_business_step, refusal_of_business_step
from tests.ledger.intake.conftest import Accept, Refuse
from tests.ledger.intake.mutate import repaired

CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"]
BATTERY_CONTEXT = [*CONTEXT, "https://ref.openepcis.io/extensions/eu/battery/battery-context.jsonld"]
ONE = "https://id.gs1.org/01/09521000001206/21/A1"
TWO = "urn:epc:id:sgtin:9521000001.020.A2"
TWO_CANONICAL = "https://id.gs1.org/01/09521000001206/21/A2"
OWNER, BUYER = "https://id.gs1.org/417/9521000000100", "https://id.gs1.org/417/9521000000728"
Members = dict[str, Any]


def event(**changes: Any) -> Members:
    whole: Members = {
        "type": "ObjectEvent",
        "eventID": "urn:uuid:550e8400-e29b-41d4-a716-446655440099",
        "eventTime": "2026-02-03T10:00:00+01:00",
        "eventTimeZoneOffset": "+01:00",
        "action": "OBSERVE",
        "epcList": [ONE],
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def document(*events: Members, context: list[Any] = BATTERY_CONTEXT) -> Members:
    return {
        "@context": context,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-02-03T11:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }


def sensors(*reports: Members, **metadata: Any) -> list[Members]:
    return [{"sensorMetadata": metadata, "sensorReport": list(reports)}]


def report(kind: str, value: Any, uom: str | None = None, **more: Any) -> Members:
    found = {"type": kind, "value": value, "uom": uom, **more}
    return {name: item for name, item in found.items() if item is not None}


def test_one_event_for_each_asset(accept: Accept) -> None:
    party = {"sourceList": [{"type": "possessing_party", "source": OWNER}]}
    found = accept(document(event(epcList=[ONE, TWO], bizStep="shipping", **party))).events
    assert [(each.kind, each.asset.identifier) for each in found] == [
        ("any.shipped", ONE),
        ("any.shipped", TWO_CANONICAL),
    ]
    assert {each.document_id for each in found} == {"urn:uuid:550e8400-e29b-41d4-a716-446655440099"}
    assert {each.asset.asset_type for each in found} == {AssetType.BATTERY}
    assert found[0].fields["from_party"] == OWNER
    assert found[0].issuer_hint == OWNER


def test_commissioning_is_a_birth_only_when_it_adds(accept: Accept) -> None:
    born = accept(document(event(action="ADD", bizStep="commissioning"))).events
    assert [each.kind for each in born] == ["battery.commissioned"]
    plain = accept(document(event(action="ADD", bizStep="commissioning"), context=CONTEXT)).events
    assert [(each.kind, each.asset.asset_type) for each in plain] == [("part.made", AssetType.PART)]
    seen = accept(document(event(bizStep="commissioning"))).events
    assert [each.kind for each in seen] == ["any.observation"]


def test_a_known_asset_is_not_born_twice(accept: Accept) -> None:
    hint = IntakeHint({ONE: AssetType.BATTERY})
    found = accept(document(event(action="ADD", bizStep="commissioning"), context=CONTEXT), hint)
    assert [(each.kind, each.asset.asset_type) for each in found.events] == [("any.observation", AssetType.BATTERY)]
    assert "already-registered" in {fault.code for fault in found.notices}  # type: ignore[attr-defined]


def test_an_end_needs_delete(accept: Accept) -> None:
    ended = accept(document(event(action="DELETE", bizStep="destroying"))).events[0]
    assert (ended.kind, ended.fields["recycled_at"]) == ("battery.recycled", "2026-02-03T10:00:00+01:00")
    assert accept(document(event(bizStep="destroying"))).events[0].kind == "any.observation"
    waste = accept(document(event(action="DELETE", bizStep="decommissioning", disposition="disposed"))).events[0]
    assert (waste.kind, waste.fields["reason"]) == ("battery.declared_waste", "disposed")


def test_unknown_steps_and_missing_facts_are_observations(accept: Accept) -> None:
    for step in ("https://example.org/steps/polishing", "example:polishing", None):
        found = accept(document(event(bizStep=step))).events
        assert [each.kind for each in found] == ["any.observation"]
        assert found[0].fields["description"]
    shipped = accept(document(event(bizStep="shipping")))
    assert [each.kind for each in shipped.events] == ["any.observation"]
    assert "incomplete" in {fault.code for fault in shipped.notices}  # type: ignore[attr-defined]


def test_steps_may_be_written_as_uris_of_the_reference_site(accept: Accept) -> None:
    place = {"bizLocation": {"id": "https://id.gs1.org/414/9521000000346"}}
    for step in ("receiving", "cbv:BizStep-receiving", "https://ref.gs1.org/cbv/BizStep-receiving"):
        assert accept(document(event(bizStep=step, **place))).events[0].kind == "any.received"


def test_a_refused_step_is_refused_in_writing(refuse: Refuse) -> None:
    assert refuse(document(event(bizStep="killing"))) == {"/epcisBody/eventList/0/bizStep": "refused-step"}


def test_a_change_of_owner_stands_beside(accept: Accept) -> None:
    lists = {
        "sourceList": [{"type": "owning_party", "source": OWNER}],
        "destinationList": [{"type": "owning_party", "destination": BUYER}],
    }
    found = accept(document(event(bizStep="shipping", **lists))).events
    assert [each.kind for each in found] == ["any.shipped", "any.transferred"]
    assert (found[1].fields["from_party"], found[1].fields["to_party"]) == (OWNER, BUYER)
    assert found[1].document_id == f"{found[0].document_id}#transferred"
    same = lists | {"destinationList": [{"type": "owning_party", "destination": OWNER}]}
    assert [each.kind for each in accept(document(event(bizStep="shipping", **same))).events] == ["any.shipped"]


def test_readings_become_fields_with_units(accept: Accept) -> None:
    reports = (
        report("eubat:hasStateOfHealth", 94.2, "P1"),
        report("eubat:hasRemainingEnergy", 13500, "WHR"),
        report("eubat:hasInternalResistance", 2.4, "E45"),
        report("eubat:hasCycleCount", 847),
        report("Temperature", 300.15, "KEL"),
        report("eubat:hasStateOfCharge", 50, "P1"),
        report("eubat:hasStateOfCharge", 51, "P1"),
    )
    time = "2026-02-03T09:30:00+01:00"
    found = accept(document(event(bizStep="inspecting", sensorElementList=sensors(*reports, time=time)))).events
    assert [each.kind for each in found] == ["battery.state_of_health"]
    fields = found[0].fields
    assert fields["state_of_health_percent"] == 94.2
    assert fields["remaining_energy_kwh"] == 13.5
    assert fields["internal_resistance_ohm"] == 0.0024
    assert fields["full_cycles_count"] == 847
    assert fields["temperature_celsius"] == 27
    assert fields["measured_at"] == time
    assert "state_of_charge_percent" not in fields  # two readings: both stay in the list
    assert isinstance(fields["readings"], list)
    assert len(fields["readings"]) == len(reports)


def test_temperature_alone_is_a_sensor_report(accept: Accept) -> None:
    elements = sensors(report("Temperature", 26, "CEL"))
    found = accept(document(event(bizStep="sensor_reporting", sensorElementList=elements))).events
    assert [each.kind for each in found] == ["any.sensor_report"]


def test_readings_stand_beside_another_step(accept: Accept) -> None:
    elements = sensors(report("eubat:hasStateOfHealth", 100, "P1"))
    found = accept(document(event(action="ADD", bizStep="commissioning", sensorElementList=elements))).events
    assert [each.kind for each in found] == ["battery.commissioned", "battery.state_of_health"]


@pytest.mark.parametrize(
    "wrong",
    [
        report("eubat:hasStateOfHealth", 94.2),
        report("eubat:hasStateOfHealth", 94.2, "KGM"),
        report("eubat:hasStateOfHealth", 94.2, "%"),
        report("Temperature", 26),
        report("Temperature", 26, "C"),
        report("Temperature", -1, "KEL"),
        report("Speed", 26, "XYZ"),
        report("eubat:hasCycleCount", 8, "P1"),
    ],
)
def test_units_are_never_guessed(refuse: Refuse, wrong: Members) -> None:
    elements = sensors(report("Temperature", 20, "CEL"), wrong)
    faults = refuse(document(event(sensorElementList=elements)))
    assert faults == {"/epcisBody/eventList/0/sensorElementList/0/sensorReport/1/uom": "unknown-unit"}


def test_an_incident_is_a_negative_event(accept: Accept) -> None:
    words = {"eubat:hasEventType": "PhysicalDamage", "eubat:hasIncidentSeverity": "Major", "eubat:note": "dented"}
    found = accept(document(event(bizStep="inspecting", **words))).events
    assert [each.kind for each in found] == ["battery.negative_event"]
    assert found[0].fields["event_type"] == "PhysicalDamage"
    assert (found[0].fields["severity"], found[0].fields["description"]) == ("Major", "dented")


def test_an_error_declaration_takes_back_the_event_of_its_id(accept: Accept, refuse: Refuse) -> None:
    declaration = {"declarationTime": "2026-02-04T10:00:00Z", "reason": "incorrect_data", "correctiveEventIDs": ["x:1"]}
    body = event(bizStep="receiving", errorDeclaration=declaration)
    found = accept(document(body)).events
    assert [each.kind for each in found] == ["any.error_declaration"]
    assert found[0].fields["corrects"] == body["eventID"]
    assert found[0].fields["corrective_events"] == ["x:1"]
    assert found[0].occurred_at.day == 4
    without = accept(document(body | {"eventID": "x:2"}), None).events[0].fields["corrects"]
    assert without == "x:2"
    incident = body | {"eubat:hasEventType": "PhysicalDamage"}
    assert refuse(document(incident)) == {"/epcisBody/eventList/0/errorDeclaration": "contradiction"}


def test_an_event_without_id_is_named_by_its_content(accept: Accept) -> None:
    declaration = {"declarationTime": "2026-02-04T10:00:00Z"}
    first = accept(document(event(eventID=None, errorDeclaration=declaration))).events[0]
    again = accept(
        document(event(eventID=None, recordTime="2026-02-05T00:00:00Z", errorDeclaration=declaration))
    ).events[0]
    other = accept(document(event(eventID=None, action="ADD", errorDeclaration=declaration))).events[0]
    assert str(first.fields["corrects"]).startswith("ni:///sha-256;")
    assert first.fields["corrects"] == again.fields["corrects"] != other.fields["corrects"]


def test_persistent_dispositions_and_recalls(accept: Accept) -> None:
    changes = {"set": ["recalled", "damaged"], "unset": ["conformant"]}
    found = accept(document(event(persistentDisposition=changes))).events
    assert [each.kind for each in found] == ["any.maker_recall", "any.disposition"]
    assert found[0].fields["recall_state"] == "open"
    assert found[1].fields["dispositions_set"] == ["damaged"]
    assert found[1].fields["dispositions_unset"] == ["conformant"]
    closed = accept(document(event(persistentDisposition={"unset": ["recalled"]}))).events
    assert [each.fields["recall_state"] for each in closed] == ["closed"]


def test_association_installs_and_removes(accept: Accept) -> None:
    parent = "https://id.gs1.org/8004/9521000001CAR"
    body = event(
        type="AssociationEvent", epcList=None, parentID=parent, childEPCs=[ONE], bizStep="installing", action="ADD"
    )
    found = accept(document(body)).events
    assert [(each.kind, each.asset.asset_type) for each in found] == [
        ("battery.installed", AssetType.BATTERY),
        ("any.aggregated", AssetType.PART),
    ]
    assert found[0].fields["parent"] == parent
    assert found[1].fields["children"] == [ONE]
    removed = accept(document(body | {"bizStep": "removing", "action": "DELETE"})).events
    assert [each.kind for each in removed] == ["battery.removed", "any.aggregated"]
    odd = accept(document(body | {"bizStep": "installing", "action": "DELETE"})).events
    assert [each.kind for each in odd] == ["any.aggregated"]


def test_children_of_a_pallet_keep_their_own_history(accept: Accept) -> None:
    pallet = "urn:epc:id:sscc:0614141.1234567890"
    body = event(
        type="AggregationEvent", epcList=None, parentID=pallet, childEPCs=[ONE], bizStep="packing", action="ADD"
    )
    found = accept(document(body))
    assert [(each.kind, each.asset.identifier) for each in found.events] == [("any.packed", ONE)]
    assert "not-an-asset" in {fault.code for fault in found.notices}  # type: ignore[attr-defined]


def test_transformation_makes_outputs_and_uses_inputs_up(accept: Accept) -> None:
    body = event(type="TransformationEvent", epcList=None, action=None, inputEPCList=[ONE], outputEPCList=[TWO])
    found = accept(document(body | {"bizStep": "commissioning"})).events
    assert [(each.kind, each.asset.identifier) for each in found] == [
        ("battery.commissioned", TWO_CANONICAL),
        ("any.observation", ONE),
    ]
    assert found[0].fields["inputs"] == [ONE]
    assert found[1].fields["outputs"] == [TWO_CANONICAL]
    repacked = accept(document(body)).events
    assert [each.kind for each in repacked] == ["any.aggregated", "any.observation"]


def test_a_single_event_and_a_query_result_are_read_too(accept: Accept) -> None:
    assert len(accept(event() | {"@context": BATTERY_CONTEXT}).events) == 1
    results = {"queryName": "q", "resultsBody": {"eventList": [event()]}}
    query = {"@context": BATTERY_CONTEXT, "type": "EPCISQueryDocument", "epcisBody": {"queryResults": results}}
    found = accept(query).events
    assert [each.source_pointer for each in found] == ["/epcisBody/queryResults/resultsBody/eventList/0"]


def test_extensions_are_kept_and_cannot_pose_as_fields(accept: Accept) -> None:
    found = accept(document(event(**{"example:shift": "B", "odometer_km": 5, "_comment": "x"}))).events[0]
    assert found.fields["example:shift"] == "B"
    assert found.fields["epcis:odometer_km"] == 5
    assert "odometer_km" not in found.fields


def test_a_document_without_assets_says_so(accept: Accept) -> None:
    quantity = event(
        epcList=[], quantityList=[{"epcClass": "urn:epc:class:lgtin:4012345.012345.998877", "quantity": 2}]
    )
    found = accept(
        document(
            quantity, {"type": "example:Own", "eventTime": "2026-02-03T10:00:00Z", "eventTimeZoneOffset": "+00:00"}
        )
    )
    assert found.events == ()
    codes = {fault.code for fault in found.notices}  # type: ignore[attr-defined]
    assert codes == {"nothing-to-record", "unknown-event-type"}


def test_one_event_cannot_blow_up_into_gigabytes(refuse: Refuse) -> None:
    epcs = [f"https://id.gs1.org/01/09521000001206/21/{number}" for number in range(5000)]
    note = {"example:note": "x" * 60_000}
    assert refuse(document(event(epcList=epcs, **note))) == {"/epcisBody/eventList/0": "too-large"}
    both = event(type="TransformationEvent", epcList=None, action=None, inputEPCList=epcs, outputEPCList=epcs[:3000])
    assert refuse(document(both)) == {"/epcisBody/eventList/0": "too-large"}


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"eventTime": "2026-02-03T10:00:00"}, "/eventTime", "no-time-zone"),
        ({"eventTime": None}, "/eventTime", "missing"),
        ({"eventTimeZoneOffset": "+15:00"}, "/eventTimeZoneOffset", "bad-format"),
        ({"action": "CREATE"}, "/action", "bad-value"),
        ({"action": None}, "/action", "missing"),
        ({"epcList": None}, "", "missing"),
        ({"epcList": [ONE, ONE]}, "/epcList/1", "repeated"),
        ({"epcList": ["urn:epc:id:sgtin:1.2.3"]}, "/epcList/0", "bad-identifier"),
        ({"epcList": ["https://id.gs1.org/01/09521000001205/21/A"]}, "/epcList/0", "bad-identifier"),
        ({"bizStep": "urn:epcglobal:cbv:bizstep:shipping"}, "/bizStep", "wrong-vocabulary"),
        ({"disposition": "https://ns.gs1.org/cbv/Disp-active"}, "/disposition", "wrong-vocabulary"),
        ({"readPoint": {}}, "/readPoint/id", "missing"),
        ({"ilmd": {}}, "/ilmd", "not-applicable"),
        ({"persistentDisposition": {}}, "/persistentDisposition", "missing"),
        ({"persistentDisposition": {"set": []}}, "/persistentDisposition/set", "empty"),
        ({"errorDeclaration": {}}, "/errorDeclaration/declarationTime", "missing"),
        ({"sensorElementList": [{}]}, "/sensorElementList/0/sensorReport", "missing"),
        ({"sourceList": [{"type": "owning_party"}]}, "/sourceList/0/source", "missing"),
        ({"bizTransactionList": [{"bizTransaction": "x:1", "note": 1}]}, "/bizTransactionList/0/note", "unknown-field"),
        ({"quantityList": [{"epcClass": "x:1", "uom": "kilogram"}]}, "/quantityList/0/uom", "bad-format"),
        ({"type": None}, "/type", "missing"),
        ({"eventTime": "2027-02-03T10:00:00Z"}, "", "in-future"),
    ],
)
def test_faults_have_their_place(refuse: Refuse, changes: Members, pointer: str, code: str) -> None:
    assert refuse(document(event(**changes))) == {f"/epcisBody/eventList/0{pointer}": code}


@pytest.mark.parametrize(
    "name", ["commissioning", "negative-event", "ownership-transfer", "shipping", "state-of-health"]
)
def test_the_published_battery_events_mean_what_they_say(shared_data: Path, accept: Accept, name: str) -> None:
    original = json.loads((shared_data / f"battery/epcis/{name}.jsonld").read_text("utf-8"))
    found = accept(repaired(copy.deepcopy(original))).events
    assert [each.kind for each in found] == {
        "commissioning": ["battery.commissioned", "battery.state_of_health"],
        "negative-event": ["battery.negative_event", "battery.state_of_health"],
        "ownership-transfer": ["any.shipped", "any.transferred"],
        "shipping": ["any.shipped", "any.transferred"],
        "state-of-health": ["battery.state_of_health"],
    }[name]


def test_every_step_of_the_published_documents_has_an_answer(shared_data: Path) -> None:
    steps = set()
    for path in [*(shared_data / "epcis").rglob("*.json"), *(shared_data / "battery/epcis").iterdir()]:
        body = json.loads(path.read_text("utf-8")).get("epcisBody", {})
        steps |= {business_step(each.get("bizStep")) for each in body.get("eventList", [])}
    for step in steps - {None}:
        answers = [kind_of_business_step(str(step), each) for each in AssetType]
        assert any(answers) or refusal_of_business_step(str(step))
