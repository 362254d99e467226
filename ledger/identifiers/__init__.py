"""Identifiers of assets: untrusted text to one canonical form, and who may register it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ledger.errors import MalformedError
from ledger.event import AssetType
from ledger.identifiers.bpn import parse_bpn, parse_scoped_serial, scoped_serial
from ledger.identifiers.gbt34014 import CODE_CHARACTERS, SECOND_USE_CHARACTERS, parse_battery_code
from ledger.identifiers.gs1 import parse_gs1, parse_gs1_key
from ledger.identifiers.types import MAX_CHARACTERS, Identifier, NamespaceScheme, Scheme
from ledger.identifiers.vin import VIN_CHARACTERS, parse_vin

__all__ = [
    "Identifier",
    "NamespaceScheme",
    "Scheme",
    "parse_identifier",
    "scoped_serial",
]

_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_BARE_LENGTHS: dict[int, Callable[[str], Identifier]] = {
    VIN_CHARACTERS: parse_vin,
    CODE_CHARACTERS: parse_battery_code,
    SECOND_USE_CHARACTERS: parse_battery_code,
}
_OF_TYPE = {
    AssetType.BATTERY: (Scheme.GS1, Scheme.GBT34014, Scheme.SCOPED, Scheme.UUID),
    AssetType.VEHICLE: (Scheme.VIN, Scheme.GS1, Scheme.SCOPED, Scheme.UUID),
    AssetType.PART: (Scheme.GS1, Scheme.GBT34014, Scheme.SCOPED, Scheme.UUID),
}


@lru_cache(maxsize=4096)
def parse_identifier(text: str, asset_type: AssetType | None = None) -> Identifier:
    """Parse an identifier and write it in its one canonical form.

    Args:
        text: *Untrusted*: a VIN, GS1 Digital Link URI or EPC URN, GB/T 34014 code, ``urn:uuid:``,
            ``urn:bpn:<BPNL>:<local id>`` or business partner number. Blanks around it are not removed.
        asset_type: When given, only what can name one such asset is accepted: no parties, places or bare classes;
            a lot (GTIN with batch) is accepted for parts.

    Returns:
        The identifier. Without ``asset_type`` it may name a party, place, class or lot.

    Raises:
        MalformedError: Not ASCII, too long, none of the forms, or not one that names such an asset.
    """
    if not 0 < len(text) <= MAX_CHARACTERS or not text.isascii():
        raise MalformedError("identifier", f"1 to {MAX_CHARACTERS} ASCII characters are needed")
    identifier = _parser_of(text)(text)
    if asset_type is not None:
        _check_names_asset(identifier, asset_type)
    return identifier


def _parser_of(text: str) -> Callable[[str], Identifier]:
    start = text[:9].lower()
    if start.startswith(("http:", "https:", "urn:epc:")):
        return parse_gs1
    if start == "urn:uuid:":
        return _parse_uuid
    if start.startswith("urn:bpn:"):
        return parse_scoped_serial if ":" in text[8:] else parse_bpn
    if start.startswith("bpn"):
        return parse_bpn if len(text) == 16 else _BARE_LENGTHS.get(len(text), _unknown)
    return _BARE_LENGTHS.get(len(text), _unknown)


def _parse_uuid(text: str) -> Identifier:
    canonical = text.lower()
    if not _UUID.fullmatch(canonical):
        raise MalformedError("UUID", "urn:uuid: and 8-4-4-4-12 hexadecimal digits are needed")
    return Identifier(canonical, Scheme.UUID)


def _unknown(_: str) -> Identifier:
    raise MalformedError("identifier", "not a VIN, GS1 Digital Link, EPC URN, GB/T 34014 code, UUID or BPN form")


def _check_names_asset(identifier: Identifier, asset_type: AssetType) -> None:
    if identifier.scheme not in _OF_TYPE[asset_type]:
        raise MalformedError("identifier", f"a {identifier.scheme} identifier does not name a {asset_type}")
    if identifier.scheme is not Scheme.GS1:
        return
    key = parse_gs1_key(identifier.canonical)
    allowed = key.is_item or (asset_type is AssetType.PART and key.is_lot)
    if not allowed or key.ai in ("00", "253"):
        raise MalformedError("identifier", f"this GS1 key does not name one individual {asset_type}")
