"""Battery passport JSON (BatteryPass-Ready data model) to an event."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import cast

from ledger.errors import DocumentError, Fault, MalformedError
from ledger.event import AssetReference, AssetType, Document, Event, Json
from ledger.identifiers import parse_identifier
from ledger.intake.faults import Faults, pointer_to, refused
from ledger.intake.fields import MAX_FIELDS
from ledger.intake.passport.identity_rules import ORIGINALS, PASSPORT, party, read_battery, read_originals
from ledger.intake.passport.rule_codes import fault
from ledger.intake.passport.rules import check_rules
from ledger.intake.passport.table import ROOT, Attribute, Category, Edition, Table, current_model, passport_table
from ledger.intake.passport.view import View
from ledger.strict_json import canonical_json, parse_json

NAME = "battery passport"
UPDATED = "battery.passport_updated"
SECOND_LIFE = {
    "re-used": "battery.second_life_reused",
    "repurposed": "battery.second_life_repurposed",
    "remanufactured": "battery.second_life_remanufactured",
}
KINDS_OF_STATUS: Mapping[str, tuple[str, ...]] = {
    "original": ("battery.commissioned", "battery.registered_by_registrar", UPDATED),
    **{status: (kind, UPDATED) for status, kind in SECOND_LIFE.items()},
    "waste": (UPDATED,),
}
_BMS_ATTRIBUTES = (
    "ManufacturingDate",
    "NumberOfFullChargingAndDischargingCycles",
    "InitialInternalResistanceOfBatteryCellAndPackModuleRecommended",
    "InternalResistanceIncreaseOfPackCellAndModuleRecommended",
)


def is_passport(value: Json) -> bool:
    """Tell whether a parsed document means to be a battery passport."""
    return isinstance(value, dict) and ROOT in value


def battery_of(value: Json) -> str | None:
    """Return the canonical identifier of the battery that a passport is of, or None where it names none.

    Args:
        value: *Untrusted*: the parsed document.
    """
    battery = read_battery(View(passport_table(), Category.EV, value))
    return None if battery is None else battery.canonical


def parse_passport(
    data: bytes | Json,
    *,
    as_of: date,
    kind: str | None = None,
    category: Category | None = None,
    originals: Sequence[str] = (),
) -> Document:
    """Parse a battery passport into one event.

    Args:
        data: *Untrusted*: UTF-8 JSON, or the parsed value.
        as_of: The day it is judged as of: which edition of the law applies, and what lies in the future.
        kind: Kind of the event; by default the genesis that the battery status means, for ``waste`` an update.
        category: The model to judge by; by default the one that the document names.
        originals: Identifiers of the batteries this one was made from, beside those the document names.

    Returns:
        A document with one event. Its fields are ``identifier``, ``asset_type``, ``originals`` where there are any,
        one ``<group>.<attribute>`` for each attribute, and one for each unknown value, named by its JSON Pointer.

    Raises:
        DocumentError: With every fault.
        MalformedError: One of ``originals`` is not an identifier of a battery.
    """
    given = tuple(parse_identifier(text, AssetType.BATTERY).canonical for text in originals)
    value, raw = _read(data)
    table, faults = passport_table(), Faults()
    edition = table.edition_at(as_of)
    chosen = category or _category_of(table, value)
    if chosen is None:
        raise _refusal_without_category(table, value, edition)
    view = View(table, chosen, value)
    for found in (*_form_faults(chosen, edition, value), *check_rules(view, as_of)):
        faults.add(found)
    _note_not_applicable(view, edition, faults)
    named = tuple(dict.fromkeys((*read_originals(view), *given)))
    chosen_kind = kind or (KINDS_OF_STATUS.get(view.status) or (UPDATED,))[0]
    _check_kind(view, chosen_kind, named, faults)
    faults.raise_errors(NAME)
    event = _event(view, chosen_kind, named, cast(dict[str, Json], value))
    if len(event.fields) > MAX_FIELDS:
        raise DocumentError(
            [fault("too-many", "", f"{len(event.fields)} fields, at most {MAX_FIELDS} are taken")], NAME
        )
    return Document("battery-passport", hashlib.sha256(raw).digest(), (event,), tuple(faults.notices), raw)


def _read(data: bytes | Json) -> tuple[Json, bytes]:
    try:
        if isinstance(data, bytes):
            return parse_json(data, what=NAME), data
        return data, canonical_json(data)
    except MalformedError as error:
        raise refused(error, NAME) from None


def _category_of(table: Table, value: Json) -> Category | None:
    view = View(table, Category.EV, value)
    text = view.text("BatteryCategory", "batteryCategoryValue")
    found = [category for category, name in table.category_values.items() if name == text]
    if len(found) < 2:
        return found[0] if found else None
    lead = view.text("BatteryChemistry", "chemicalCodeValue") == "Pb"
    managed = any(view.value(name) is not None for name in _BMS_ATTRIBUTES)
    return Category.INDUSTRIAL_WITHOUT_BMS if lead and not managed else Category.OTHER_INDUSTRIAL


def _form_faults(category: Category, edition: Edition, value: Json) -> list[Fault]:
    faults = Faults()
    current_model(category, edition.name).check(value, "", faults)
    return [*faults.errors, *faults.notices]


def _refusal_without_category(table: Table, value: Json, edition: Edition) -> DocumentError:
    """List what is wrong in every model, since the document does not say which one is meant."""
    first, *others = [_form_faults(category, edition, value) for category in Category]
    errors = [item for item in first if item.severity == "error" and all(item in other for other in others)]
    place = View(table, Category.EV, value).pointer("BatteryCategory", "batteryCategoryValue")
    if not any((place + "/").startswith(error.pointer + "/") for error in errors):
        expected = " or ".join(repr(text) for text in dict.fromkeys(table.category_values.values()))
        errors.append(Fault(place, "bad-value", f"{expected} is needed"))
    return DocumentError(errors, NAME)


def _note_not_applicable(view: View, edition: Edition, faults: Faults) -> None:
    for (category, name), reason in edition.not_applicable.items():
        if category is view.category and view.value(name) is not None:
            faults.notice(view.pointer(name), "not-applicable", reason)


def _check_kind(view: View, kind: str, originals: tuple[str, ...], faults: Faults) -> None:
    place = view.pointer("BatteryStatus")
    allowed = KINDS_OF_STATUS.get(view.status)
    if allowed and kind not in allowed:
        faults.add(
            fault("status-kind", place, f"{kind} does not fit the status {view.status!r}: {' or '.join(allowed)}")
        )
    if kind in SECOND_LIFE.values() and not originals:
        message = "a passport of second life names the batteries it was made from"
        faults.add(fault("originals", view.pointer(ORIGINALS), message))
    battery = read_battery(view)
    if battery and battery.canonical in originals and battery.canonical not in read_originals(view):
        faults.add(fault("originals", view.pointer(ORIGINALS), "a battery is not its own original"))


def _event(view: View, kind: str, originals: tuple[str, ...], value: dict[str, Json]) -> Event:
    battery, updated = read_battery(view), view.updated_at()
    if battery is None or updated is None:
        raise AssertionError("the rules refuse a passport without identifier or time")
    fields: dict[str, Json] = {"identifier": battery.canonical, "asset_type": str(AssetType.BATTERY)}
    if originals:
        fields["originals"] = list(originals)
    fields |= _fields(view, value)
    passport = view.text(PASSPORT)
    return Event(
        kind=kind,
        asset=AssetReference(AssetType.BATTERY, battery.canonical),
        occurred_at=updated,
        fields=fields,
        issuer_hint=party(view.text("UniqueEconomicOperatorIdentifier")),
        document_id=f"{passport}#{updated.isoformat()}",
        aliases=_aliases(passport, battery.canonical),
    )


def _aliases(passport: str, battery: str) -> tuple[str, ...]:
    try:
        alias = parse_identifier(passport, AssetType.BATTERY).canonical
    except MalformedError:
        return ()
    return () if alias == battery else (alias,)


def _fields(view: View, document: dict[str, Json]) -> dict[str, Json]:
    fields: dict[str, Json] = {pointer_to("", name): item for name, item in document.items() if name != ROOT}
    for group_name, group in view.groups.items():
        place = pointer_to("", ROOT, group_name)
        if group_name not in view.table.groups or not isinstance(group, dict):
            fields[place] = group
            continue
        for name, value in group.items():
            attribute = view.table.attributes.get(name)
            if attribute is None or not _belongs(view, attribute, group_name):
                fields[pointer_to(place, name)] = value
            elif name != ORIGINALS:
                fields |= _split(view, attribute, value, pointer_to(place, name))
    return fields


def _belongs(view: View, attribute: Attribute, group: str) -> bool:
    return attribute.group == group and attribute.need[list(Category).index(view.category)] != "-"


def _split(view: View, attribute: Attribute, value: Json, place: str) -> dict[str, Json]:
    """Part an attribute from unknown values in it, which must not be shown to whom the attribute is shown."""
    names = view.table.shape(attribute, view.category).names
    if names is None or not isinstance(value, dict):
        return {attribute.field: value}
    known: dict[str, Json] = {name: item for name, item in value.items() if name in names}
    rest = {pointer_to(place, name): item for name, item in value.items() if name not in names}
    return {attribute.field: known, **rest}
