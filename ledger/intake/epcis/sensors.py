"""Sensor elements of an EPCIS event: every reading kept as it was sent, and the known ones as fields with units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from ledger.event import Json
from ledger.intake.epcis.units import ReadingField, convert, field_by_type, unit_by_code
from ledger.intake.epcis.vocabulary import bare_word
from ledger.intake.faults import Faults, pointer_to

Members = dict[str, Json]

VALUES = ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue")
UNITLESS = frozenset({"Count", "Dimensionless"})


@dataclass(frozen=True, slots=True)
class Readings:
    """What the sensors of one event said.

    Attributes:
        reports: Every report with its element's metadata, as sent; shared by all events, never changed.
        fields: Single values of known kinds, by field name, in the unit of the name.
        condition: Whether any of them says something about a battery's condition.
        measured_at: The time of the first report that has one, as sent; None if none has.
    """

    reports: list[Json]
    fields: Members
    condition: bool
    measured_at: str | None


def read_sensors(elements: Json, place: str, faults: Faults) -> Readings:
    """Read a ``sensorElementList`` that the model found no fault in.

    Args:
        elements: The list, or None.
        place: JSON Pointer of the list.
        faults: Receives ``unknown-unit`` (not in the table, not of this quantity, or none given) and ``out-of-range``.
    """
    reports: list[Json] = []
    fields: dict[str, list[Json]] = {}
    measured_at: str | None = None
    for at, metadata, report in _reports(elements, place):
        reports.append(report | ({"metadata": metadata} if metadata else {}))
        time = report.get("time") or metadata.get("time") or metadata.get("endTime")
        measured_at = measured_at or (None if time is None else str(time))
        _check_unit(report, at, faults)
        known = field_by_type(str(report["type"]))
        value = None if known is None or "component" in report else _value(report, known, at, faults)
        if known is not None and value is not None:
            fields.setdefault(known.name, []).append(value)
    single: Members = {name: values[0] for name, values in fields.items() if len(values) == 1}
    condition = any(name != "temperature_celsius" for name in single)
    return Readings(reports, single, condition, measured_at)


def _reports(elements: Json, place: str) -> Iterator[tuple[str, Members, Members]]:
    for index, element in enumerate(cast("list[Members]", elements or [])):
        metadata = cast("Members", element.get("sensorMetadata", {}))
        for number, report in enumerate(cast("list[Members]", element["sensorReport"])):
            yield pointer_to(place, index, "sensorReport", number), metadata, report


def _check_unit(report: Members, at: str, faults: Faults) -> None:
    code = report.get("uom")
    if code is not None:
        if unit_by_code(str(code)) is None:
            message = f"{str(code)[:20]!r} is not in the table of UN/CEFACT codes that are understood here"
            faults.error(pointer_to(at, "uom"), "unknown-unit", message)
        return
    known = field_by_type(str(report["type"]))
    standard = ":" not in str(report["type"]) and str(report["type"]) not in UNITLESS
    measures = standard if known is None else known.quantity != "count"
    if measures and any(name in report for name in VALUES):
        faults.error(
            pointer_to(at, "uom"), "unknown-unit", f"{bare_word(str(report['type']))} is a number without its unit"
        )


def _value(report: Members, known: ReadingField, at: str, faults: Faults) -> Json:
    """The report's single value in the field's unit, or None."""
    value, code = report.get("value"), report.get("uom")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if code is None:
        return value if known.quantity == "count" else None
    unit, target = unit_by_code(str(code)), unit_by_code(known.unit)
    if unit is None or target is None:
        return None
    try:
        return convert(value, unit, target)
    except ValueError as error:
        faults.error(pointer_to(at, "uom"), "unknown-unit", str(error))
        return None
