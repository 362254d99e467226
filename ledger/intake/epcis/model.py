"""The model of an EPCIS 2.0 document in JSON-LD: what the GS1 JSON Schema demands, said by place and cause.

Source: GS1 EPCIS 2.0.1, section 10, and its JSON Schema.
"""

from __future__ import annotations

from ledger.event import Json
from ledger.intake.epcis import vocabulary as words
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.model import Check
from ledger.intake.shape import (
    BOOLEAN,
    NUMBER,
    TEXT,
    TIMESTAMP,
    AnyOf,
    Anything,
    Closed,
    Unique,
    list_of,
    one_of,
    record,
    text,
)

EVENT_TYPES = ("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent")

_uri = TEXT
_uris = list_of(_uri)
_quantity = Closed(
    record(
        {"epcClass": _uri, "quantity": NUMBER, "uom": text("^[A-Z0-9]{2,3}$", "a UN/CEFACT code such as KGM")},
        required=("epcClass",),
    )
)
_quantities = list_of(_quantity)
_place = record({"id": _uri}, required=("id",))
_transaction = Closed(
    record({"type": words.word(words.TRANSACTION_TYPES), "bizTransaction": _uri}, required=("bizTransaction",))
)
_disposition = words.word(words.DISPOSITIONS)


def _party(side: str) -> Check:
    members = {"type": words.word(words.SOURCE_TYPES), side: _uri}
    return list_of(Closed(record(members, required=("type", side))))


_report = record(
    {
        "type": words.gs1_word(words.MEASUREMENTS),
        "exception": words.gs1_word(words.ALERT_TYPES),
        "component": words.word(words.COMPONENTS),
        "time": TIMESTAMP,
        "booleanValue": BOOLEAN,
        "hexBinaryValue": text("^[A-Fa-f0-9]+$", "hexadecimal digits are needed"),
        **dict.fromkeys(("stringValue", "uriValue", "uom", "deviceID", "deviceMetadata", "rawData"), _uri),
        **dict.fromkeys(("dataProcessingMethod", "bizRules", "microorganism", "chemicalSubstance"), _uri),
        "coordinateReferenceSystem": _uri,
        **dict.fromkeys(("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), NUMBER),
    },
    required=("type",),
)
_sensor_metadata = record(
    {
        **dict.fromkeys(("time", "startTime", "endTime"), TIMESTAMP),
        **dict.fromkeys(("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), _uri),
    }
)
_sensor_element = record(
    {"sensorMetadata": _sensor_metadata, "sensorReport": list_of(_report, least=1)}, required=("sensorReport",)
)
_dispositions = Unique(list_of(_disposition, least=1))
_set_or_unset = Closed(record({"set": _dispositions, "unset": _dispositions}))


class _PersistentDisposition:
    """Sets or unsets, or both."""

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        _set_or_unset.check(value, pointer, faults)
        if isinstance(value, dict) and not value.keys() & {"set", "unset"}:
            faults.error(pointer, "missing", "set or unset is required")


_error_declaration = record(
    {
        "declarationTime": TIMESTAMP,
        "reason": words.word(words.ERROR_REASONS),
        "correctiveEventIDs": _uris,
    },
    required=("declarationTime",),
)
_uri_or_object = AnyOf("a URI or an object", (_uri, record({})))
_context = AnyOf("a URI, an object or a list of them, none twice", (_uri, record({}), Unique(list_of(_uri_or_object))))
_common: dict[str, Check] = {
    "@context": _context,
    "eventTime": TIMESTAMP,
    "recordTime": TIMESTAMP,
    "eventTimeZoneOffset": text("^([+]|[-])((0[0-9]|1[0-3]):([0-5][0-9])|14:00)$", "an offset such as +02:00"),
    "eventID": _uri,
    "certificationInfo": AnyOf("a URI or a list of URIs", (_uri, _uris)),
    "errorDeclaration": _error_declaration,
}
_where_and_why: dict[str, Check] = {
    "bizStep": words.word(words.BUSINESS_STEPS),
    "disposition": _disposition,
    "readPoint": _place,
    "bizLocation": _place,
    "bizTransactionList": list_of(_transaction),
    "sourceList": _party("source"),
    "destinationList": _party("destination"),
    "sensorElementList": list_of(_sensor_element),
}
_action: dict[str, Check] = {"action": one_of("OBSERVE", "ADD", "DELETE")}
_children: dict[str, Check] = {"parentID": _uri, "childEPCs": _uris, "childQuantityList": _quantities}
_times = ("eventTime", "eventTimeZoneOffset")
_events: dict[str, Check] = {
    "ObjectEvent": record(
        {
            **(_common | _where_and_why | _action),
            "epcList": Unique(list_of(_uri)),
            "quantityList": _quantities,
            "persistentDisposition": _PersistentDisposition(),
            "ilmd": record({}),
        },
        required=(*_times, "action"),
    ),
    "AggregationEvent": record(_common | _where_and_why | _action | _children, required=(*_times, "action")),
    "AssociationEvent": record(
        _common | _where_and_why | _action | _children, required=(*_times, "action", "parentID")
    ),
    "TransactionEvent": record(
        {
            **(_common | _where_and_why | _action),
            "bizTransactionList": list_of(_transaction, least=1),
            "parentID": _uri,
            "epcList": _uris,
            "quantityList": _quantities,
        },
        required=(*_times, "action", "bizTransactionList"),
    ),
    "TransformationEvent": record(
        {
            **(_common | _where_and_why),
            **dict.fromkeys(("inputEPCList", "outputEPCList"), Unique(list_of(_uri))),
            **dict.fromkeys(("inputQuantityList", "outputQuantityList"), _quantities),
            "transformationID": _uri,
            "persistentDisposition": _PersistentDisposition(),
            "ilmd": record({}),
        },
        required=_times,
    ),
}
_extended = record(_common, required=_times)


class _Event:
    """One event, by the model of its type; an unknown type is an extension and only held to what all share."""

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(kind, str):
            faults.error(pointer_to(pointer, "type"), "missing", "an event is an object with a type")
            return
        _events.get(kind, _extended).check(value, pointer, faults)
        if kind in _events:
            _check_subject(kind, value, pointer, faults)
        if kind == "ObjectEvent" and "ilmd" in value and value.get("action") in ("OBSERVE", "DELETE"):
            faults.error(pointer_to(pointer, "ilmd"), "not-applicable", "instance data belongs to an event that ADDs")


def _check_subject(kind: str, value: dict[str, Json], place: str, faults: Faults) -> None:
    """An event says what it is about."""

    def some(name: str, least: int = 1) -> bool:
        items = value.get(name)
        return isinstance(items, list) and len(items) >= least

    deletes = value.get("action") == "DELETE"
    if kind == "ObjectEvent":
        known = some("epcList", 0) or some("quantityList") or (some("sensorElementList") and "readPoint" in value)
        needed = "epcList, quantityList, or sensorElementList with readPoint"
    elif kind == "TransactionEvent":
        known, needed = deletes or some("epcList", 0) or some("quantityList"), "epcList or quantityList"
    elif kind == "TransformationEvent":
        inputs = some("inputEPCList") or some("inputQuantityList")
        outputs = some("outputEPCList") or some("outputQuantityList")
        known = (inputs and outputs) or ((inputs or outputs) and "transformationID" in value)
        needed = "inputs and outputs, or one of them and a transformationID,"
    else:
        known, needed = deletes or some("childEPCs") or some("childQuantityList"), "childEPCs or childQuantityList"
    if not known:
        faults.error(place, "missing", f"{needed} is required: the event does not say what it is about")


_attribute = record(
    {"id": _uri, "attribute": AnyOf("a number, text or object", (NUMBER, _uri, record({})))}, required=("id",)
)
_element = record({"id": _uri, "attributes": list_of(_attribute), "children": _uris}, required=("id",))
_vocabulary = record({"type": _uri, "vocabularyElementList": list_of(_element)}, required=("type",))
_vocabularies = list_of(_vocabulary)
_head: dict[str, Check] = {
    "@context": _context,
    "id": _uri,
    "type": TEXT,
    "schemaVersion": text(r"^\d+(\.\d+)*$", "a version such as 2.0"),
    "creationDate": TIMESTAMP,
}
_document = record(
    {
        **_head,
        **dict.fromkeys(("instanceIdentifier", "sender", "receiver"), TEXT),
        "epcisHeader": record({"epcisMasterData": record({"vocabularyList": _vocabularies})}),
        "epcisBody": record({"eventList": list_of(_Event())}, required=("eventList",)),
    },
    required=("@context", "type", "schemaVersion", "creationDate", "epcisBody"),
)
_results = record({"eventList": list_of(_Event()), "vocabularyList": _vocabularies}, required=("eventList",))
_query = record(
    {"queryName": TEXT, "subscriptionID": TEXT, "resultsBody": _results}, required=("queryName", "resultsBody")
)
_query_document = record(
    {**_head, "epcisBody": record({"queryResults": _query}, required=("queryResults",))},
    required=("@context", "type", "epcisBody"),
)


def check_document(value: dict[str, Json], faults: Faults) -> None:
    """Hold a parsed document, query result or single event to the model.

    Args:
        value: Untrusted.
        faults: Receives everything that is wrong.
    """
    kind = value.get("type")
    if kind == "EPCISDocument":
        _document.check(value, "", faults)
    elif kind == "EPCISQueryDocument":
        _query_document.check(value, "", faults)
    else:
        _Event().check(value, "", faults)
        record({"@context": Anything()}, required=("@context",)).check(value, "", faults)
