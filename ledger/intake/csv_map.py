"""The mapping file of a CSV import: TOML that says what every column means. Nothing is guessed from the data.

::

    version = 1
    delimiter = ";"                 # one character; encoding utf-8, iso-8859-1, iso-8859-15 or windows-1252
    encoding = "utf-8"
    kind = "vehicle.serviced"
    asset_type = "vehicle"
    identifier = { column = "VIN" }
    id = { column = "Job" }         # optional: the same id and content is taken once
    issuer = { constant = "BPNL..." }
    occurred_at = { column = "Date", format = "%d/%m/%Y", time_zone = "Europe/London" }

    [fields.odometer_km]
    column = "Mileage"
    type = "number"                 # text, number, integer, boolean, list, date, time
    unit = "mi"                     # or unit_column = "Unit" with units = { M = "mi", K = "km" }
    decimal = "."                   # and thousands = ","
    optional = true                 # an empty cell leaves the field out

    [fields.country]
    constant = "GBR"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.event import AssetType
from ledger.intake.csv_types import ENCODINGS, TYPES, Cell, CsvMapping
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.measures import UNITS, unit_of_name

MAX_MAPPING_BYTES = 64 * 1024
VERSION = 1

_TOP = {
    "version", "delimiter", "encoding", "quote", "kind", "asset_type", "identifier", "id", "issuer", "occurred_at",
    "fields",
}  # fmt: skip
_CELL = {
    "column", "constant", "type", "unit", "unit_column", "units", "decimal", "thousands", "optional", "format",
    "time_zone", "separator", "true", "false",
}  # fmt: skip


def parse_mapping(data: bytes) -> CsvMapping:
    """Parse a mapping file.

    Args:
        data: Untrusted TOML of at most `MAX_MAPPING_BYTES`.

    Raises:
        DocumentError: With every fault; pointers name the TOML keys.
    """
    faults = Faults()
    table = _load(data, faults)
    faults.raise_errors("CSV mapping")
    mapping = _mapping(table, faults)
    faults.raise_errors("CSV mapping")
    return mapping


def _load(data: bytes, faults: Faults) -> dict[str, object]:
    if len(data) > MAX_MAPPING_BYTES:
        faults.error("", "too-large", f"{len(data)} bytes, at most {MAX_MAPPING_BYTES} are read")
        return {}
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        faults.error("", "malformed", f"not TOML: {str(error)[:200]}")
        return {}


def _mapping(table: dict[str, object], faults: Faults) -> CsvMapping:
    for name in table.keys() - _TOP:
        faults.error(pointer_to("", name), "unknown-field", "not a key of this file")
    if table.get("version") != VERSION:
        faults.error("/version", "unknown-version", f"version = {VERSION} is needed")
    asset_type = _one_of(table, "asset_type", tuple(AssetType), "", faults)
    columns = table.get("fields", {})
    if not isinstance(columns, dict):
        faults.error("/fields", "wrong-type", "a table is needed")
        columns = {}
    fields = {str(name): _cell(cell, pointer_to("/fields", name), faults) for name, cell in columns.items()}
    for name, cell in fields.items():
        _check_unit(name, cell, pointer_to("/fields", name), faults)
    when = _required_cell(table, "occurred_at", faults)
    return CsvMapping(
        kind=_text(table, "kind", "", faults),
        asset_type=AssetType(asset_type),
        identifier=_required_cell(table, "identifier", faults),
        occurred_at=_timed(when),
        fields=fields,
        document_id=_cell(table["id"], "/id", faults) if "id" in table else None,
        issuer=_cell(table["issuer"], "/issuer", faults) if "issuer" in table else None,
        delimiter=_character(table, "delimiter", ",", faults),
        encoding=_one_of({"encoding": "utf-8"} | table, "encoding", ENCODINGS, "", faults),
        quote=_character(table, "quote", '"', faults),
    )


def _timed(cell: Cell) -> Cell:
    return Cell(column=cell.column, constant=cell.constant, type="time", format=cell.format, time_zone=cell.time_zone)


def _text(table: Mapping[str, object], name: str, place: str, faults: Faults) -> str:
    value = table.get(name)
    if isinstance(value, str) and value:
        return value
    faults.error(pointer_to(place, name), "missing", f"{name} is required, as text")
    return ""


def _one_of(table: Mapping[str, object], name: str, words: tuple[str, ...], place: str, faults: Faults) -> str:
    value = table.get(name)
    if isinstance(value, str) and value in words:
        return value
    faults.error(pointer_to(place, name), "bad-value", f"one of {', '.join(words)} is needed")
    return words[0]


def _character(table: Mapping[str, object], name: str, usual: str, faults: Faults) -> str:
    value = table.get(name, usual)
    if isinstance(value, str) and len(value) == 1 and value not in "\r\n":
        return value
    faults.error(pointer_to("", name), "bad-value", "one character is needed")
    return usual


def _required_cell(table: Mapping[str, object], name: str, faults: Faults) -> Cell:
    if name not in table:
        faults.error(pointer_to("", name), "missing", f"{name} is required")
        return Cell()
    return _cell(table[name], pointer_to("", name), faults)


def _cell(value: object, place: str, faults: Faults) -> Cell:
    if not isinstance(value, dict):
        faults.error(place, "wrong-type", "a table with column or constant is needed")
        return Cell()
    for name in value.keys() - _CELL:
        faults.error(pointer_to(place, name), "unknown-field", "not a key of a cell")
    if ("column" in value) == ("constant" in value):
        faults.error(place, "missing", "either column or constant is required")
    texts = {name: _optional_text(value, name, place, faults) for name in ("column", "unit", "unit_column")}
    usual = {"decimal": ".", "thousands": "", "format": "", "separator": ";", "true": "true", "false": "false"}
    marks = {name: _optional_text(value, name, place, faults) or given for name, given in usual.items()}
    return Cell(
        **texts,
        constant=value.get("constant"),
        type=_one_of({"type": "text"} | value, "type", TYPES, place, faults),
        units=_units(value.get("units", {}), pointer_to(place, "units"), faults),
        decimal=marks["decimal"],
        thousands=marks["thousands"],
        format=marks["format"],
        separator=marks["separator"],
        words=(marks["true"], marks["false"]),
        optional=value.get("optional") is True,
        time_zone=_zone(value.get("time_zone"), pointer_to(place, "time_zone"), faults),
    )


def _optional_text(value: Mapping[str, object], name: str, place: str, faults: Faults) -> str | None:
    found = value.get(name)
    if found is None or isinstance(found, str):
        return found
    faults.error(pointer_to(place, name), "wrong-type", "a text is needed")
    return None


def _units(value: object, place: str, faults: Faults) -> dict[str, str]:
    if isinstance(value, dict) and all(isinstance(unit, str) and unit in UNITS for unit in value.values()):
        return {str(word): str(unit) for word, unit in value.items()}
    faults.error(place, "unknown-unit", f"words of the column, each with one of {', '.join(UNITS)}")
    return {}


def _zone(value: object, place: str, faults: Faults) -> tzinfo | None:
    if value is None:
        return None
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.error(place, "bad-value", "an IANA time zone such as Europe/London or UTC is needed")
        return None


def _check_unit(name: str, cell: Cell, place: str, faults: Faults) -> None:
    """A field whose name carries a unit needs to be told the unit of its column."""
    if cell.unit is not None and cell.unit not in UNITS:
        faults.error(pointer_to(place, "unit"), "unknown-unit", f"one of {', '.join(UNITS)} is needed")
    wanted = unit_of_name(name)
    if wanted is None or cell.column is None:
        return
    if cell.type not in ("number", "integer"):
        faults.error(pointer_to(place, "type"), "wrong-type", f"{name} is a number")
    if cell.unit is None and cell.unit_column is None:
        faults.error(place, "unknown-unit", f"say the unit of the column: unit = {wanted!r}, or a unit_column")
