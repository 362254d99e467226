"""The door: untrusted bytes of any format that we read to a document of events, or every fault by its place.

What a document is, it says itself; names and endings of files are not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import cast

from ledger.errors import DocumentError, Fault, MalformedError
from ledger.event import Document, Event, Json
from ledger.intake.assemble import Source, assemble
from ledger.intake.assets import NO_HINT, IntakeHint
from ledger.intake.catena_x import aspects
from ledger.intake.catena_x.bom import assembly_events, check_tree, read_assembly
from ledger.intake.catena_x.fleet import claim_events, vehicle_events
from ledger.intake.catena_x.parts import Members, bpnl_of, local_identifiers, read_made
from ledger.intake.catena_x.twins import events_from_twins, is_container
from ledger.intake.epcis.document import events_from_epcis, is_epcis
from ledger.intake.event_json import events_from_json, is_event_json, parse_lines
from ledger.intake.faults import Faults, refused
from ledger.intake.inspection import inspection_events, is_inspection
from ledger.intake.model import Check
from ledger.intake.passport import UPDATED, battery_of, is_passport, parse_passport
from ledger.strict_json import MAX_BYTES, parse_json

MAX_DOCUMENT_BYTES = MAX_BYTES

Reader = Callable[[Json, IntakeHint, Faults], "list[Event]"]


def parse_document(data: bytes, *, as_of: datetime, hint: IntakeHint | None = None) -> Document:
    """Parse one document of any format.

    Args:
        data: Untrusted, at most `MAX_DOCUMENT_BYTES`; larger ones are refused at once (ask the file's size before
            reading it: what is larger belongs into an attachment or a CSV import, which are streamed).
        as_of: Now, aware; later claims are refused, and what is not yet required is told from what is missing.
        hint: What the caller knows of the assets.

    Returns:
        The document; a genesis stands before what refers to it.

    Raises:
        DocumentError: Refused as a whole, with every fault by place and cause.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        message = f"{len(data)} bytes, at most {MAX_DOCUMENT_BYTES} are read as a document"
        raise DocumentError([Fault("", "too-large", message)])
    try:
        value = _parse(data)
    except MalformedError as error:
        raise refused(error, "document") from None
    if is_passport(value):
        return _passport(value, data, as_of, hint or NO_HINT)
    document_type, reader = _reader_of(value)
    faults = Faults()
    events = reader(value, hint or NO_HINT, faults)
    under = "/fields" if document_type == "event" else ""
    return assemble(Source(document_type, data, as_of, under), events, faults)


def _passport(value: Json, data: bytes, as_of: datetime, hint: IntakeHint) -> Document:
    """A passport of a battery that the ledger already knows is an update of it, not a second birth.

    So it is judged as an update from the start: of a second life, only the birth has to name the originals.
    """
    battery = battery_of(value)
    known = battery is not None and battery in hint.asset_types
    return parse_passport(data, as_of=as_of.date(), kind=UPDATED if known else None)


def _parse(data: bytes) -> Json:
    """One JSON value; or our own events one a line, which no single JSON value can be mistaken for."""
    try:
        return parse_json(data, what="document")
    except MalformedError as error:
        first, _, rest = data.lstrip().partition(b"\n")
        if rest.strip() and b'"vinculum_event"' in first:
            return parse_lines(data)
        raise error from None


def _reader_of(value: Json) -> tuple[str, Reader]:
    if is_event_json(value):
        return "event", lambda value, _, faults: events_from_json(value, faults)
    if is_epcis(value):
        return "epcis", lambda value, hint, faults: events_from_epcis(cast("Members", value), hint, faults)
    if is_container(value):
        return "catena-x-twins", lambda value, hint, faults: events_from_twins(cast("Members", value), hint, faults)
    if is_inspection(value):
        return "inspection", lambda value, _, faults: inspection_events(value, faults)
    if isinstance(value, dict):
        for document_type, names, reader in _ASPECTS:
            if names & value.keys():
                return document_type, reader
    message = (
        "not a battery passport, EPCIS document, Catena-X aspect or twin container, inspection record or event JSON"
    )
    raise DocumentError([Fault("", "unknown-document", message)])


def _accepted(model: Check, value: Json, faults: Faults) -> Members | None:
    model.check(value, "", faults)
    return None if faults.errors else cast("Members", value)


def _read_part(value: Json, hint: IntakeHint, faults: Faults) -> list[Event]:
    is_batch = says_batch(cast("Members", value))
    body = _accepted(aspects.BATCH if is_batch else aspects.SERIAL_PART, value, faults)
    made = None if body is None else read_made(body, "", hint, faults, is_batch=is_batch)
    return [] if made is None else [made.event]


def says_batch(value: Members) -> bool:
    """Tell a Batch from a SerialPart (the aspects do not name themselves): by its identifiers, then by its names.

    A serial, a vehicle number or a call-off speak for a part; a batch id for a batch; where neither stands, a part has
    its customer's names and a batch has none.
    """
    try:
        keys = local_identifiers(value).keys()
    except (KeyError, TypeError, AttributeError):
        keys = {}.keys()
    if keys & {"partInstanceId", "van", "jisNumber"}:
        return False
    part_type = value.get("partTypeInformation")
    named = isinstance(part_type, dict) and part_type.keys() & {"nameAtCustomer", "customerPartId"}
    return "batchId" in keys or not named


def _read_bom(value: Json, hint: IntakeHint, faults: Faults) -> list[Event]:
    body = _accepted(aspects.BOM, value, faults)
    if body is None:
        return []
    assembly = read_assembly(body, "")
    check_tree([assembly], {}, faults)
    if not assembly.children:
        faults.notice("/childItems", "nothing-to-record", "an empty list says nothing, and not when")
    return assembly_events(assembly, hint.references(), bpnl_of(hint.maker), frozenset())


def _read_claims(value: Json, hint: IntakeHint, faults: Faults) -> list[Event]:
    body = _accepted(aspects.CLAIM_DATA, value, faults)
    return [] if body is None else claim_events(body, hint, faults)


def _read_vehicles(value: Json, hint: IntakeHint, faults: Faults) -> list[Event]:
    body = _accepted(aspects.VEHICLES, value, faults)
    return [] if body is None else vehicle_events(body, hint, faults)


# document type, members that only it has, reader; asked in this order
_ASPECTS: tuple[tuple[str, frozenset[str], Reader], ...] = (
    ("catena-x-bom-as-built", frozenset({"childItems"}), _read_bom),
    ("catena-x-part", frozenset({"partTypeInformation", "manufacturingInformation"}), _read_part),
    ("catena-x-claim-data", frozenset({"claims"}), _read_claims),
    ("catena-x-vehicles", frozenset({"vehicles"}), _read_vehicles),
)
