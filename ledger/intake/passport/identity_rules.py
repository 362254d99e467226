"""Rules about identifiers in a passport: check digits, and that they say the same thing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ledger.errors import MalformedError
from ledger.event import AssetType
from ledger.identifiers import Identifier, Scheme, parse_identifier
from ledger.identifiers.gs1 import parse_gs1_key
from ledger.identifiers.gs1_keys import parse_gln, parse_gtin
from ledger.intake.passport.view import View

BATTERY = "UniqueBatteryIdentifierUniqueProductIdentifier"
PASSPORT = "UniqueBatteryPassportIdentifierUniqueDPPIdentifier"
ORIGINALS = "OriginalBatteryIdentifiers"
MAX_LINK_CHARACTERS = 2000

Found = tuple[str, str, str]

_PARTIES = ("UniqueEconomicOperatorIdentifier", "UniqueManufacturerIdentifier", "UniqueFacilityIdentifier")
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}", re.ASCII)
_GLN = re.compile(r"[0-9]{13}", re.ASCII)
_GS1_PATH = re.compile(r"https?://[^/?#]+/(?:[^?#]*/)?(?:41[47]|253|8004|01)/.+", re.ASCII | re.IGNORECASE)


def read_battery(view: View) -> Identifier | None:
    """Return the battery's identifier, or None where it is absent or names no individual battery."""
    try:
        return parse_identifier(view.text(BATTERY), AssetType.BATTERY)
    except MalformedError:
        return None


def read_originals(view: View) -> tuple[str, ...]:
    """Return the originals that the document names, canonical; those that cannot be read are left out."""
    value = view.value(ORIGINALS)
    found = []
    for text in value if isinstance(value, list) else ():
        try:
            found.append(parse_identifier(text, AssetType.BATTERY).canonical if isinstance(text, str) else "")
        except MalformedError:
            continue
    return tuple(text for text in found if text)


def party(text: str) -> str:
    """Return a party's or place's identifier in canonical form: GLN as Digital Link, BPN; others as they are.

    Raises:
        MalformedError: It looks like a GLN, GS1 URI or business partner number, and is wrong.
    """
    if _GLN.fullmatch(text):
        return f"https://id.gs1.org/417/{parse_gln(text)}"
    if text[:8].lower() in ("urn:epc:", "urn:bpn:") or text[:3].upper() == "BPN" or _GS1_PATH.fullmatch(text):
        return parse_identifier(text).canonical
    return text


def _battery(view: View) -> Iterator[Found]:
    text, place = view.text(BATTERY), view.pointer(BATTERY)
    if not text.strip():
        return
    try:
        for warning in parse_identifier(text, AssetType.BATTERY).warnings:
            yield "odd-identifier", place, warning
    except MalformedError as error:
        yield "identifier", place, f"{error.what}: {error.why}"


def _parties(view: View) -> Iterator[Found]:
    for name in _PARTIES:
        try:
            party(view.text(name))
        except MalformedError as error:
            yield "check-digit", view.pointer(name), f"{error.what}: {error.why}"


def _model(view: View) -> Iterator[Found]:
    text, place = view.text("BatteryModelIdentifier"), view.pointer("BatteryModelIdentifier")
    if not _GTIN.fullmatch(text):
        return
    try:
        gtin = parse_gtin(text)
    except MalformedError as error:
        yield "check-digit", place, f"{error.what}: {error.why}"
        return
    battery = read_battery(view)
    if battery is None or battery.scheme is not Scheme.GS1:
        return
    key = parse_gs1_key(battery.canonical)
    if key.ai == "01" and key.value != gtin:
        yield "model-mismatch", place, f"the battery identifier has the GTIN {key.value}"


def _serial(view: View) -> Iterator[Found]:
    battery, text = read_battery(view), view.text("BatterySerialNumber")
    if battery is None or battery.scheme is not Scheme.GS1 or not text.strip():
        return
    serial = dict(parse_gs1_key(battery.canonical).qualifiers).get("21", text)
    if serial != text:
        yield (
            "serial-mismatch",
            view.pointer("BatterySerialNumber"),
            f"the battery identifier has the serial {serial!r}",
        )


def _names(view: View) -> Iterator[Found]:
    identifiers = []
    for name in _PARTIES[:2]:
        try:
            identifiers.append(party(view.text(name)))
        except MalformedError:
            return
    operator, maker = (view.text(name, "name") for name in ("EconomicOperatorInformation", "ManufacturerInformation"))
    if identifiers[0] and identifiers[0] == identifiers[1] and operator and maker and operator != maker:
        place = view.pointer("UniqueManufacturerIdentifier")
        yield "same-identifier-two-names", place, "it is the economic operator's identifier, under another name"


def _link(view: View) -> Iterator[Found]:
    text = view.text(PASSPORT)
    if text.strip() and not text.lower().startswith(("https://", "http://")):
        yield "link-not-ours", view.pointer(PASSPORT), "a QR code must lead to it; a web address is expected"
    elif len(text) > MAX_LINK_CHARACTERS:
        yield "too-long", view.pointer(PASSPORT), f"at most {MAX_LINK_CHARACTERS} characters are registered"


def _originals(view: View) -> Iterator[Found]:
    value = view.value(ORIGINALS)
    battery, seen = read_battery(view), set()
    for index, text in enumerate(value if isinstance(value, list) else ()):
        place = view.pointer(ORIGINALS, index)
        try:
            original = parse_identifier(text, AssetType.BATTERY).canonical if isinstance(text, str) else ""
        except MalformedError as error:
            yield "originals", place, f"{error.what}: {error.why}"
            continue
        if original and original in seen:
            yield "originals", place, "it is named twice"
        if battery and original == battery.canonical:
            yield "originals", place, "a battery is not its own original"
        seen.add(original)


IDENTITY_CHECKS: tuple[Callable[[View], Iterator[Found]], ...] = (
    _battery,
    _parties,
    _model,
    _serial,
    _names,
    _link,
    _originals,
)
