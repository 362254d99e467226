"""What one EPCIS event says besides its assets: when, where, between whom, why, and what was measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import cast

from ledger.errors import MalformedError
from ledger.event import AssetReference, AssetType, Json
from ledger.identifiers import parse_identifier
from ledger.intake.assets import IntakeHint, read_identifier, type_of
from ledger.intake.epcis.sensors import Members, Readings, read_sensors
from ledger.intake.epcis.vocabulary import bare_word, business_step
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.times import parse_timestamp
from ledger.strict_json import canonical_json

BATTERY_MARK = "eubat:"
BATTERY_CONTEXT = "battery"

# What an event is made of; every other member is an extension and is kept under its own name.
_STANDARD = frozenset(
    """@context type eventTime recordTime eventTimeZoneOffset eventID certificationInfo errorDeclaration epcList
    quantityList action bizStep disposition persistentDisposition readPoint bizLocation bizTransactionList sourceList
    destinationList sensorElementList ilmd parentID childEPCs childQuantityList inputEPCList inputQuantityList
    outputEPCList outputQuantityList transformationID""".split()  # noqa: SIM905
)
_KEPT = {
    "disposition": "disposition",
    "bizTransactionList": "business_transactions",
    "certificationInfo": "certification",
    "ilmd": "instance_data",
    "quantityList": "quantities",
    "childQuantityList": "child_quantities",
    "inputQuantityList": "input_quantities",
    "outputQuantityList": "output_quantities",
    "transformationID": "transformation",
    "recordTime": "recorded_at",
}


@dataclass(frozen=True)
class Scene:
    """One event of a document that the model found no fault in.

    Attributes:
        body: The event.
        place: Its JSON Pointer.
        battery_context: Whether the document declares a battery vocabulary.
        hint: What the caller knows.
        faults: Of the document.
    """

    body: Members
    place: str
    battery_context: bool
    hint: IntakeHint
    faults: Faults

    @property
    def type(self) -> str:
        """``ObjectEvent`` and so on."""
        return str(self.body["type"])

    @property
    def action(self) -> str:
        """``ADD``, ``OBSERVE`` or ``DELETE``; transformations have none and ADD."""
        return str(self.body.get("action", "ADD"))

    @cached_property
    def step(self) -> str | None:
        """The CBV word of the business step, or None."""
        return business_step(self.body.get("bizStep"))

    @cached_property
    def occurred_at(self) -> datetime:
        """``eventTime`` in UTC."""
        found = parse_timestamp(str(self.body["eventTime"]))
        return found if isinstance(found, datetime) else datetime.min.replace(tzinfo=UTC)

    @cached_property
    def readings(self) -> Readings:
        """What the sensors said."""
        return read_sensors(
            self.body.get("sensorElementList"), pointer_to(self.place, "sensorElementList"), self.faults
        )

    @cached_property
    def event_id(self) -> str:
        """``eventID``, or the SHA-256 of the event without what an error declaration and a repository add to it."""
        given = self.body.get("eventID")
        if given is not None:
            return str(given)
        left_out = ("errorDeclaration", "recordTime", "@context")
        bare: Json = {name: value for name, value in self.body.items() if name not in left_out}
        return f"ni:///sha-256;{hashlib.sha256(canonical_json(bare)).hexdigest()}?ver=vinculum1"

    @cached_property
    def says_battery(self) -> bool:
        """Whether the event speaks of batteries: its document's context, its members or its measurements."""
        reports = cast("list[Members]", self.readings.reports)
        names = [*self.body, *(str(report["type"]) for report in reports)]
        return self.battery_context or any(name.startswith(BATTERY_MARK) for name in names)

    def party(self, side: str, kind: str) -> str | None:
        """The party of a ``source`` or ``destination`` entry of one kind, canonical where it is a GS1 key."""
        for entry in cast("list[Members]", self.body.get(f"{side}List", [])):
            if bare_word(str(entry["type"])) == kind:
                return canonical(str(entry[side]))
        return None

    @cached_property
    def location(self) -> str | None:
        """Where it is afterwards (``bizLocation``), else where it was read."""
        for name in ("bizLocation", "readPoint"):
            found = self.body.get(name)
            if isinstance(found, dict):
                return canonical(str(found["id"]))
        return None

    @cached_property
    def issuer(self) -> str | None:
        """Who seems to have captured it: the owning or possessing source, else the place."""
        return self.party("source", "possessing_party") or self.party("source", "owning_party") or self.location

    def fields(self) -> Members:
        """Everything that is common to all events made of this one."""
        found: Members = {ours: self.body[theirs] for theirs, ours in _KEPT.items() if theirs in self.body}
        found["epcis_type"], found["event_time_zone"] = self.type, self.body["eventTimeZoneOffset"]
        if "bizStep" in self.body:
            found["business_step"] = self.step or self.body["bizStep"]
        if "action" in self.body:
            found["action"] = self.action
        for name, value in (
            ("at_location", self.location),
            ("from_party", self.party("source", "owning_party") or self.party("source", "possessing_party")),
            ("to_party", self.party("destination", "owning_party") or self.party("destination", "possessing_party")),
            ("from_location", self.party("source", "location")),
            ("to_location", self.party("destination", "location")),
        ):
            if value is not None:
                found[name] = value
        for name, item in self.body.items():
            if name not in _STANDARD:
                found[name if ":" in name else f"epcis:{name}"] = item
        return found

    def asset(self, epc: Json, place: str, *, said: AssetType | None = None) -> AssetReference | None:
        """The asset that an EPC names; None for logistic units, documents, people, classes and places (noted)."""
        identifier = read_identifier(str(epc), place, self.faults)
        if identifier is None:
            return None
        said = said or (AssetType.BATTERY if self.says_battery else None)
        asset_type = type_of(identifier, self.hint, said)
        try:
            checked = parse_identifier(identifier.canonical, asset_type)
        except MalformedError as error:
            self.faults.notice(place, "not-an-asset", f"{error.why}: listed, without an event of its own")
            return None
        return AssetReference(asset_type, checked.canonical)


def canonical(text: str) -> str:
    """An identifier in canonical text where it is one; any other text as it stands."""
    try:
        return parse_identifier(text).canonical
    except MalformedError:
        return text
