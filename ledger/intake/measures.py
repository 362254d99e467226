"""Units as people write them in mapping files, and the unit that a field's name promises."""

from __future__ import annotations

from ledger.intake.epcis.units import convert, unit_by_code

KM_PER_MILE = 1.609344

# What people write -> UN/CEFACT code.
UNITS = {
    "km": "KMT",
    "mi": "SMI",
    "m": "MTR",
    "percent": "P1",
    "ah": "AMH",
    "mah": "E09",
    "kwh": "KWH",
    "wh": "WHR",
    "mj": "3B",
    "kw": "KWT",
    "w": "WTT",
    "celsius": "CEL",
    "fahrenheit": "FAH",
    "kelvin": "KEL",
    "ohm": "OHM",
    "mohm": "E45",
    "kg": "KGM",
    "g": "GRM",
    "lb": "LBR",
    "count": "C62",
    "litre": "LTR",
    "hours": "HUR",
    "minutes": "MIN",
    "mm": "MMT",
}
_IN_NAMES = (
    "km",
    "percent",
    "ah",
    "kwh",
    "wh",
    "kw",
    "w",
    "celsius",
    "ohm",
    "kg",
    "count",
    "litre",
    "hours",
    "minutes",
    "mm",
)


def unit_of_name(name: str) -> str | None:
    """The unit in a field's name (``odometer_km`` → ``km``), or None."""
    last = name.rsplit("_", 1)[-1]
    return last if "_" in name and last in _IN_NAMES else None


def to_unit_of_name(value: float, unit: str, name: str) -> float:
    """Convert a value into the unit that the field's name promises.

    Args:
        value: Finite.
        unit: A key of `UNITS`.
        name: A field whose name carries a unit.

    Raises: ValueError, where the two measure different things.
    """
    wanted = unit_of_name(name)
    source, target = unit_by_code(UNITS[unit]), unit_by_code(UNITS[wanted or unit])
    if source is None or target is None or wanted is None:
        raise ValueError(f"{name} carries no unit")
    if wanted == unit:
        return value
    converted = convert(value, source, target)
    return round(converted, 3) if wanted == "km" else converted


def km_from_miles(miles: float) -> float:
    """Convert statute miles (international mile of 1959) to kilometres, to the metre."""
    return round(miles * KM_PER_MILE, 3)
