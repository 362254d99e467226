"""Units, and what is plausible for a quantity: the table by which readings are flagged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from types import MappingProxyType

from ledger.errors import MalformedError
from light_node.settings_table import parse_toml

MICROSECONDS = 1_000_000
MAX_BYTES = 1024 * 1024
MAX_ROWS = 1024
TEXT = "text"
"""The dimension of what is no number, e.g. of a fault code."""

_WHAT = "table of limits"
_UNIT = frozenset({"measures", "factor", "offset"})
_TIME = frozenset({"earliest", "most_ahead_seconds"})
_ROW = frozenset({"unit", "least", "most", "never_falls", "tolerance", "stuck_after_readings", "stuck_after_seconds"})


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Attributes:
        measures: Its dimension; only units of one dimension are compared.
        factor: A value in the dimension's base is ``(value + offset) * factor``.
        offset: In this unit.
    """

    measures: str
    factor: float = 1.0
    offset: float = 0.0

    def to_base(self, value: float) -> float:
        """Convert into the base of the dimension."""
        return (value + self.offset) * self.factor


@dataclass(frozen=True, slots=True)
class QuantityLimits:
    """What is plausible for one quantity, in the base of its dimension.

    Attributes:
        measures: The dimension that a value's unit must have.
        least: Inclusive; ``-inf`` where there is none.
        most: Inclusive; ``inf`` where there is none.
        never_falls: Whether a value below the highest before is *backwards*.
        tolerance: By how much it may fall all the same, e.g. for rounding.
        stuck_after_readings: *Stuck* needs this many equal values in a row; 0 where it may stand still for ever.
        stuck_after_us: And they must span this many microseconds.
    """

    measures: str
    least: float = -math.inf
    most: float = math.inf
    never_falls: bool = False
    tolerance: float = 0.0
    stuck_after_readings: int = 0
    stuck_after_us: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The whole table.

    Attributes:
        units: By name.
        quantities: By name.
        earliest_us: Readings from before it travel in time; microseconds since 1970.
        most_ahead_us: How far a reading's time may lie ahead of the device's clock.
    """

    units: Mapping[str, Unit]
    quantities: Mapping[str, QuantityLimits]
    earliest_us: int
    most_ahead_us: int


@cache
def default_limits() -> Limits:
    """The table that comes with the program."""
    return parse_limits(resources.files("light_node.edge").joinpath("limits.toml").read_bytes())


def parse_limits(data: bytes) -> Limits:
    """Read a table of limits.

    Args:
        data: TOML; trusted as to its meaning, not as to its form.

    Raises: MalformedError, with the place: no TOML, an unknown or missing name, or a value out of its range.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(_WHAT, f"{len(data)} bytes, at most {MAX_BYTES} are read")
    table = parse_toml(data, _WHAT)
    _members(table, frozenset({"units", "time", "quantities"}), "")
    rows, time = _table(table, "units"), _table(table, "time")
    units = {name: _unit(row, f"/units/{name}") for name, row in rows.items()}
    quantities = {
        name: _quantity(row, units, f"/quantities/{name}") for name, row in _table(table, "quantities").items()
    }
    earliest, ahead = _time(time)
    return Limits(MappingProxyType(units), MappingProxyType(quantities), earliest, ahead)


def _unit(row: object, at: str) -> Unit:
    fields = _members(row, _UNIT, at)
    measures, factor = fields.get("measures"), _number(fields, "factor", 1.0, at)
    if not isinstance(measures, str) or not measures or factor <= 0:
        raise MalformedError(_WHAT, "what it measures, and a factor above 0, are needed", at)
    return Unit(measures, factor, _number(fields, "offset", 0.0, at))


def _quantity(row: object, units: Mapping[str, Unit], at: str) -> QuantityLimits:
    fields = _members(row, _ROW, at)
    unit = units.get(str(fields.get("unit")))
    if unit is None:
        raise MalformedError(_WHAT, "a unit of this table is needed", f"{at}/unit")
    falls = fields.get("never_falls", False)
    least, most = (_number(fields, name, bound, at) for name, bound in (("least", -math.inf), ("most", math.inf)))
    readings, seconds, tolerance = (
        _number(fields, name, 0, at) for name in ("stuck_after_readings", "stuck_after_seconds", "tolerance")
    )
    if not isinstance(falls, bool) or least > most or min(readings, seconds, tolerance) < 0 or readings % 1:
        raise MalformedError(_WHAT, "limits that no value can keep", at)
    return QuantityLimits(
        measures=unit.measures,
        least=unit.to_base(least),
        most=unit.to_base(most),
        never_falls=falls,
        tolerance=tolerance * unit.factor,
        stuck_after_readings=int(readings),
        stuck_after_us=int(seconds * MICROSECONDS),
    )


def _time(row: Mapping[str, object]) -> tuple[int, int]:
    fields = _members(row, _TIME, "/time")
    earliest, ahead = fields.get("earliest"), _number(fields, "most_ahead_seconds", -1, "/time")
    if not isinstance(earliest, datetime) or earliest.tzinfo is None or ahead < 0:
        raise MalformedError(_WHAT, "earliest with a time zone, and most_ahead_seconds, are needed", "/time")
    return int(earliest.timestamp()) * MICROSECONDS, int(ahead * MICROSECONDS)


def _table(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    rows = table.get(name)
    if not isinstance(rows, dict) or not 0 < len(rows) <= MAX_ROWS:
        raise MalformedError(_WHAT, f"1 to {MAX_ROWS} rows are needed", f"/{name}")
    return rows


def _members(row: object, known: frozenset[str], at: str) -> Mapping[str, object]:
    if not isinstance(row, dict):
        raise MalformedError(_WHAT, "a table is needed", at)
    for name in row.keys() - known:
        raise MalformedError(_WHAT, "an unknown name", f"{at}/{name}")
    return row


def _number(fields: Mapping[str, object], name: str, default: float, at: str) -> float:
    value = fields.get(name, default)
    given = name in fields
    if isinstance(value, bool) or not isinstance(value, int | float) or (given and not math.isfinite(value)):
        raise MalformedError(_WHAT, "a finite number is needed", f"{at}/{name}")
    return value
