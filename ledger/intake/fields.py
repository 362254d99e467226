"""What field names promise: the unit stands in the name, and the value has that type and a possible size."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ledger.event import Json
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.times import parse_date, read_timestamp

MAX_ODOMETER_KM = 10_000_000
MAX_FIELDS = 2000

# Names of quantities that carry no unit, and the name that does.
NEEDS_UNIT = {
    "odometer": "odometer_km",
    "mileage": "odometer_km",
    "odometer_mi": "odometer_km",
    "odometer_miles": "odometer_km",
    "odometer_before": "odometer_before_km",
    "odometer_after": "odometer_after_km",
    "state_of_health": "state_of_health_percent",
    "state_of_charge": "state_of_charge_percent",
    "state_of_certified_energy": "state_of_certified_energy_percent",
    "remaining_capacity": "remaining_capacity_ah",
    "rated_capacity": "rated_capacity_ah",
    "remaining_energy": "remaining_energy_kwh",
    "energy_throughput": "energy_throughput_kwh",
    "internal_resistance": "internal_resistance_ohm",
    "temperature": "temperature_celsius",
    "mass": "mass_kg",
    "weight": "mass_kg",
    "co2": "co2_g_per_km",
}
_NUMERIC = re.compile(
    r".*_(km|percent|ah|kwh|wh|ohm|celsius|kg|kw|km_h|mm|minutes|hours|litre|count|g_per_km|"
    r"percent_per_month|kg_per_kwh)"
)
# Shares of a whole; only a state of health may exceed it, by what new cells are better than rated.
_SHARE = re.compile(r"(state_of_(charge|certified_energy)|recycled_content|round_trip_efficiency)_percent")
_HEALTH_LIMIT_PERCENT = 120


def check_fields(fields: Mapping[str, Json], pointer: str, faults: Faults) -> None:
    """Hold every top-level field to what its name promises.

    Args:
        fields: Untrusted values by name.
        pointer: Where they stand in the document.
        faults: Receives ``unknown-unit``, ``wrong-type``, ``bad-format``, ``no-time-zone`` and ``out-of-range``.
    """
    if len(fields) > MAX_FIELDS:
        faults.error(pointer, "too-many", f"{len(fields)} fields, at most {MAX_FIELDS} are taken")
        return
    for name, value in fields.items():
        if value is not None:
            _check_field(name, value, pointer_to(pointer, name), faults)


def _check_field(name: str, value: Json, place: str, faults: Faults) -> None:
    if name in NEEDS_UNIT:
        faults.error(place, "unknown-unit", f"the unit is not said: write {NEEDS_UNIT[name]}")
    elif _NUMERIC.fullmatch(name):
        _check_number(name, value, place, faults)
    elif name.endswith("_at") and name != "at":
        _check_time(value, place, faults)
    elif name.endswith("_date") and not (isinstance(value, str) and parse_date(value)):
        faults.error(place, "bad-format", "a calendar date such as 2026-07-22 is needed")


def _check_number(name: str, value: Json, place: str, faults: Faults) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        faults.error(place, "wrong-type", "a number is needed; its unit stands in the name")
        return
    low, high = _limits(name)
    if (low is not None and value < low) or (high is not None and value > high):
        faults.error(place, "out-of-range", f"{value} is outside {low} to {high}")


def _limits(name: str) -> tuple[float | None, float | None]:
    if name.startswith("odometer"):
        return 0, MAX_ODOMETER_KM
    if name == "state_of_health_percent":
        return 0, _HEALTH_LIMIT_PERCENT
    if _SHARE.fullmatch(name):
        return 0, 100
    if name.endswith("_celsius"):
        return -273.15, None
    return (0, None) if name.endswith(("_count", "_kg", "_ah", "_kwh", "_ohm")) else (None, None)


def _check_time(value: Json, place: str, faults: Faults) -> None:
    if isinstance(value, str):
        read_timestamp(value, place, faults)
    else:
        faults.error(place, "wrong-type", "an RFC 3339 date-time with a zone is needed")
