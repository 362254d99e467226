"""SerialPart and Batch: the birth of a part, a batch, or a vehicle.

The identifier is scoped by the maker (``urn:bpn:<BPNL>:<UUID>``), because a UUID alone belongs to no namespace; a
vehicle whose ``van`` is a VIN is named by the VIN. The global asset id stays an alias, so that lists can refer to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from ledger.errors import MalformedError
from ledger.event import AssetReference, AssetType, Event, Json
from ledger.identifiers import Scheme, parse_identifier, scoped_serial
from ledger.intake.assets import IntakeHint
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.times import parse_date, parse_timestamp, start_of

Members = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Made:
    """Something that was made, as a SerialPart or Batch describes it.

    Attributes:
        asset: As events name it.
        aliases: Global asset id first.
        uuid: ``urn:uuid:`` of the global asset id, lower case.
        is_batch: Whether it may be used in several assemblies.
        event: Its birth.
        place: Where it stands in the document.
    """

    asset: AssetReference
    aliases: tuple[str, ...]
    uuid: str
    is_batch: bool
    event: Event
    place: str


def read_made(body: Members, place: str, hint: IntakeHint, faults: Faults, *, is_batch: bool) -> Made | None:
    """Read one aspect.

    Args:
        body: A SerialPart or Batch of version 4.0.0 that its model found no fault in.
        place: JSON Pointer of the aspect.
        hint: ``maker`` is used where the aspect names no BPNL.
        faults: Receives what is wrong beyond the model.
        is_batch: Which of the two it is.
    """
    uuid = uuid_of(body["globalAssetId"])
    local = local_identifiers(body)
    maker = _maker(local, hint)
    asset, aliases = _asset(uuid, maker, local, place, faults)
    when = _made_at(body, place, faults)
    if when is None:
        return None
    part_type = cast("Members", body["partTypeInformation"])
    kind = "vehicle.built" if asset.asset_type is AssetType.VEHICLE else "part.made"
    fields = _fields(body, part_type, local, is_batch=is_batch)
    event = Event(kind, asset, when, fields, maker or local.get("manufacturerId"), uuid, aliases, (), place)
    return Made(asset, aliases, uuid, is_batch, event, place)


def uuid_of(value: Json) -> str:
    """Write a global asset id that the model accepted in its one form."""
    text = str(value).lower()
    return text if text.startswith("urn:uuid:") else f"urn:uuid:{text}"


def local_identifiers(body: Members) -> dict[str, str]:
    """The local identifiers by key; of several with one key the first."""
    found: dict[str, str] = {}
    for entry in cast("list[dict[str, str]]", body["localIdentifiers"]):
        found.setdefault(entry["key"], entry["value"])
    return found


def bpnl_of(text: str | None) -> str | None:
    """The canonical BPNL in an untrusted text, or None."""
    try:
        found = parse_identifier(text or "")
    except MalformedError:
        return None
    return found.canonical if found.scheme is Scheme.BPN and found.canonical.startswith("BPNL") else None


def _maker(local: dict[str, str], hint: IntakeHint) -> str | None:
    return bpnl_of(local.get("manufacturerId")) or bpnl_of(hint.maker)


def vin_of(text: str | None) -> str | None:
    """The canonical VIN in an untrusted text, or None (an anonymised number is no VIN)."""
    try:
        found = parse_identifier(text or "")
    except MalformedError:
        return None
    return found.canonical if found.scheme is Scheme.VIN else None


def _asset(
    uuid: str, maker: str | None, local: dict[str, str], place: str, faults: Faults
) -> tuple[AssetReference, tuple[str, ...]]:
    asset_type = AssetType.VEHICLE if "van" in local else AssetType.PART
    scoped = None if maker is None else scoped_serial(maker, uuid.removeprefix("urn:uuid:"))
    names = [vin_of(local.get("van")), scoped, uuid, _scoped_van(maker, local)]
    known = tuple(dict.fromkeys(name for name in names if name is not None))
    if known[0] == uuid:
        message = "manufacturerId is no BPNL and no maker is configured: no namespace owns this identifier"
        faults.notice(pointer_to(place, "localIdentifiers"), "no-namespace", message)
    return AssetReference(asset_type, known[0]), known[1:]


def _scoped_van(maker: str | None, local: dict[str, str]) -> str | None:
    van = local.get("van")
    if maker is None or van is None or vin_of(van) is not None:
        return None
    try:
        return scoped_serial(maker, f"van:{van}")
    except MalformedError:
        return None


def _made_at(body: Members, place: str, faults: Faults) -> datetime | None:
    """The day of production as a time; a model of an older version may say an exact time."""
    manufacturing = cast("dict[str, str]", body["manufacturingInformation"])
    text = manufacturing["productionDate"]
    day = parse_date(text)
    found = start_of(day) if isinstance(day, date) else parse_timestamp(text)
    if isinstance(found, datetime):
        return found
    faults.error(pointer_to(place, "manufacturingInformation", "productionDate"), found, "no day and no exact time")
    return None


_TYPE_FIELDS = {
    "manufacturerPartId": "part_number",
    "nameAtManufacturer": "part_name",
    "customerPartId": "customer_part_number",
    "nameAtCustomer": "customer_part_name",
    "partClassification": "part_classification",
}


def _fields(body: Members, part_type: Members, local: dict[str, str], *, is_batch: bool) -> Members:
    manufacturing = cast("Members", body["manufacturingInformation"])
    known = {"globalAssetId", "localIdentifiers", "manufacturingInformation", "partTypeInformation"}
    fields: Members = {ours: part_type[theirs] for theirs, ours in _TYPE_FIELDS.items() if theirs in part_type}
    fields["granularity"] = "batch" if is_batch else "item"
    fields["production_date"] = str(manufacturing["productionDate"])[:10]
    fields["local_identifiers"] = dict(local)
    for theirs, ours in (("country", "production_country"), ("sites", "production_sites")):
        if theirs in manufacturing:
            fields[ours] = manufacturing[theirs]
    more = {name: value for name, value in part_type.items() if name not in _TYPE_FIELDS}
    fields.update({f"catena_x:{name}": value for name, value in (more | body).items() if name not in known})
    return fields
