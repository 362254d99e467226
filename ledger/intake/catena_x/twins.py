"""Containers of as-built digital twins: many parts and their lists in one file, in today's or an older aspect version.

Older versions (SerialPart 1.0.1, Batch 1.0.2, SingleLevelBomAsBuilt 1.0.0) are rewritten into the names of 4.0.0 before
their model is asked; ``catenaXId`` is today's ``globalAssetId``. Other aspects stay in the document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from ledger.event import AssetReference, Event, Json
from ledger.intake.assets import IntakeHint
from ledger.intake.catena_x import aspects
from ledger.intake.catena_x.bom import Assembly, assembly_events, bottom_up, check_tree, read_assembly
from ledger.intake.catena_x.parts import Made, Members, bpnl_of, read_made
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.model import Check
from ledger.intake.shape import NUMBER, TEXT, TIMESTAMP, frozen, list_of, record

ROOT = "https://catenax.io/schema/TestDataContainer/1.0.0"
MAX_TWINS = 20_000

_ASPECT = re.compile(r"urn:(?:bamm|samm):io\.catenax\.[a-z_.]+:[0-9]+\.[0-9]+\.[0-9]+#([A-Za-z]+)")
_PARTS = {"SerialPart": aspects.SERIAL_PART, "Batch": aspects.BATCH}
_older_manufacturing = record({"date": TIMESTAMP, "country": TEXT}, required=("date",))
_older_type = record(
    dict.fromkeys(("manufacturerPartId", "nameAtManufacturer", "classification", "customerPartId"), TEXT),
    required=("manufacturerPartId", "nameAtManufacturer"),
)
_older_local = record({"key": TEXT, "value": TEXT}, required=("key", "value"))
_OLDER_PART = record(
    {
        "catenaXId": aspects.UUID,
        "localIdentifiers": list_of(_older_local),
        "manufacturingInformation": _older_manufacturing,
        "partTypeInformation": _older_type,
    },
    required=("catenaXId", "localIdentifiers", "manufacturingInformation", "partTypeInformation"),
)
_older_quantity = record(
    {"quantityNumber": NUMBER, "measurementUnit": aspects.ITEM_UNIT},
    required=("quantityNumber", "measurementUnit"),
)
_older_child = record(
    {
        "catenaXId": aspects.UUID,
        "quantity": _older_quantity,
        "businessPartner": aspects.BPNL,
        "createdOn": aspects.TIMESTAMP,
        "lastModifiedOn": aspects.TIMESTAMP,
    },
    required=("catenaXId", "quantity", "createdOn"),
)
_OLDER_BOM = record(
    {"catenaXId": aspects.UUID, "childItems": list_of(_older_child)}, required=("catenaXId", "childItems")
)


def is_container(value: Json) -> bool:
    """Whether a parsed value is such a container."""
    return isinstance(value, dict) and ROOT in value


@dataclass(slots=True)
class _Yard:
    """What was read so far."""

    made: dict[str, Made]
    assemblies: list[Assembly]
    issuers: dict[str, str | None]
    serials: dict[object, str]


def events_from_twins(value: Members, hint: IntakeHint, faults: Faults) -> list[Event]:
    """Read every twin: births first, then from the innermost assembly outwards what is built into what.

    Args:
        value: Untrusted; `is_container` holds.
        hint: See `read_made`; ``asset_types`` is not needed here.
        faults: Receives every fault, also those that only two twins together can have.
    """
    twins = value[ROOT]
    if not isinstance(twins, list) or len(twins) > MAX_TWINS:
        faults.error(pointer_to("", ROOT), "wrong-type", f"a list of at most {MAX_TWINS} twins is needed")
        return []
    yard = _Yard({}, [], {}, {})
    for index, twin in enumerate(twins):
        _read_twin(twin, pointer_to("", ROOT, index), hint, yard, faults)
    check_tree(yard.assemblies, yard.made, faults)
    return [] if faults.errors else _events(yard, faults)


def _events(yard: _Yard, faults: Faults) -> list[Event]:
    assets: dict[str, AssetReference] = {uuid: made.asset for uuid, made in yard.made.items()}
    batches = frozenset(uuid for uuid, made in yard.made.items() if made.is_batch)
    order = bottom_up(yard.assemblies)
    inner = [child.uuid for assembly in order for child in assembly.children if child.uuid in yard.made]
    outer = [assembly.uuid for assembly in order if assembly.uuid in yard.made]
    events = [yard.made[uuid].event for uuid in dict.fromkeys([*inner, *outer, *yard.made])]
    for assembly in order:
        _note_unknown(assembly, yard, faults)
        events.extend(assembly_events(assembly, assets, yard.issuers.get(assembly.uuid), batches))
    return events


def _note_unknown(assembly: Assembly, yard: _Yard, faults: Faults) -> None:
    for child in assembly.children:
        made = yard.made.get(child.uuid)
        if made is None:
            faults.notice(child.place, "unknown-child", f"{child.uuid} is no twin of this document: only listed")
        elif made.event.occurred_at > child.built_in_at:
            faults.notice(child.place, "contradiction", f"{child.uuid} was built in before the day it was made")


def _read_twin(twin: Json, place: str, hint: IntakeHint, yard: _Yard, faults: Faults) -> None:
    if not isinstance(twin, dict):
        faults.error(place, "wrong-type", "a twin is an object of aspects")
        return
    issuer = bpnl_of(str(twin.get("bpnl", "")))
    parts = 0
    for name, content in twin.items():
        match = _ASPECT.fullmatch(name)
        if match is not None:
            spot = pointer_to(place, name)
            parts += _read_aspect(match[1], content, spot, _Reading(hint, issuer, yard, faults))
    if parts != 1:
        faults.error(place, "missing" if parts == 0 else "repeated", "one SerialPart or Batch a twin is needed")


@dataclass(frozen=True, slots=True)
class _Reading:
    hint: IntakeHint
    issuer: str | None
    yard: _Yard
    faults: Faults


def _read_aspect(aspect: str, content: Json, place: str, reading: _Reading) -> int:
    """Read all bodies of one aspect; returns how many of them describe a part."""
    if aspect not in _PARTS and aspect != "SingleLevelBomAsBuilt":
        reading.faults.notice(place, "not-recorded", f"{aspect} stays in the document, without an event")
        return 0
    listed = isinstance(content, list)
    bodies = content if isinstance(content, list) else [content]
    for index, body in enumerate(bodies):
        spot = pointer_to(place, index) if listed else place
        if aspect in _PARTS:
            _read_part(body, spot, aspect, reading)
        else:
            _read_bom(body, spot, reading)
    return len(bodies) if aspect in _PARTS else 0


def _checked(body: Json, place: str, model: Check, faults: Faults) -> Members | None:
    before = len(faults.errors)
    model.check(body, place, faults)
    return cast("Members", body) if len(faults.errors) == before else None


def _read_part(body: Json, place: str, aspect: str, reading: _Reading) -> None:
    yard, faults = reading.yard, reading.faults
    if aspect == "SerialPart":
        _check_serial(body, place, yard.serials, faults)
    older = isinstance(body, dict) and "catenaXId" in body
    part = _checked(body, place, _OLDER_PART if older else _PARTS[aspect], faults)
    if part is None:
        return
    body = _renamed_part(part) if older else part
    made = read_made(body, place, reading.hint, faults, is_batch=aspect == "Batch")
    if made is None:
        return
    if made.uuid in yard.made:
        faults.error(place, "repeated", f"{made.uuid} is already described at {yard.made[made.uuid].place}")
        return
    yard.made[made.uuid] = made


def _read_bom(body: Json, place: str, reading: _Reading) -> None:
    yard, faults = reading.yard, reading.faults
    older = isinstance(body, dict) and "catenaXId" in body
    bom = _checked(body, place, _OLDER_BOM if older else aspects.BOM, faults)
    if bom is None:
        return
    assembly = read_assembly(_renamed_bom(bom) if older else bom, place)
    if assembly.uuid in yard.issuers:
        faults.error(place, "repeated", f"{assembly.uuid} already has an as-built list")
        return
    yard.issuers[assembly.uuid] = reading.issuer
    yard.assemblies.append(assembly)


def _check_serial(body: Json, place: str, serials: dict[object, str], faults: Faults) -> None:
    """One serial names one part: maker, part number and serial together. Asked before the model, whatever it finds."""
    if not isinstance(body, dict):
        return
    local, part_type = body.get("localIdentifiers"), body.get("partTypeInformation")
    entries = [entry for entry in local if isinstance(entry, dict)] if isinstance(local, list) else []
    said = {str(entry.get("key")): entry.get("value") for entry in entries}
    number = part_type.get("manufacturerPartId") if isinstance(part_type, dict) else None
    serial = said.get("partInstanceId")
    if not isinstance(serial, str):
        return
    first = serials.setdefault(frozen([said.get("manufacturerId"), number, serial]), place)
    if first != place:
        message = f"serial {serial} of part number {number} already names the twin at {first}"
        faults.error(place, "serial-on-several-twins", message)


def _renamed_part(body: Members) -> Members:
    manufacturing = dict(cast("Members", body["manufacturingInformation"]))
    manufacturing["productionDate"] = manufacturing.pop("date")
    return _renamed(body) | {"manufacturingInformation": manufacturing}


def _renamed_bom(body: Members) -> Members:
    return _renamed(body) | {"childItems": [_renamed_child(item) for item in cast("list[Members]", body["childItems"])]}


def _renamed_child(item: Members) -> Json:
    quantity = cast("Members", item["quantity"])
    amount: Json = {"value": quantity["quantityNumber"], "unit": quantity["measurementUnit"]}
    return _renamed(item) | {"quantity": amount}


def _renamed(body: Members) -> Members:
    return {("globalAssetId" if name == "catenaXId" else name): value for name, value in body.items()}
