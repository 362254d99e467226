"""Units of measure in EPCIS documents: UN/CEFACT codes, and readings that become fields with the unit in the name."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

ABSOLUTE_ZERO_CELSIUS = -273.15


@dataclass(frozen=True, slots=True)
class Unit:
    """One code of UN/CEFACT Recommendation 20.

    Attributes:
        code: e.g. ``KWH``.
        quantity: What it measures, e.g. ``energy``; only units of one quantity are converted into each other.
        name: For people.
        factor: Into the quantity's base unit; 0 for temperature scales.
    """

    code: str
    quantity: str
    name: str
    factor: float


@dataclass(frozen=True, slots=True)
class ReadingField:
    """A kind of reading that has a field of its own.

    Attributes:
        name: The field, its unit in the name.
        quantity: The quantity a unit must measure.
        unit: The unit's code.
    """

    name: str
    quantity: str
    unit: str


def unit_by_code(code: str) -> Unit | None:
    """The unit of an untrusted UN/CEFACT code, or None if it is not in the table."""
    return _tables()[0].get(code)


def field_by_type(measurement_type: str) -> ReadingField | None:
    """The field of a measurement type (``eubat:hasStateOfHealth``, a URI, a bare word), or None."""
    word = measurement_type.replace("#", "/").replace(":", "/").rsplit("/", 1)[-1]
    return _tables()[1].get(word)


def convert(value: float, unit: Unit, target: Unit) -> float:
    """Convert between two units of one quantity; exact where both are the same.

    Raises: ValueError, for two quantities or a temperature below absolute zero.
    """
    if unit.quantity != target.quantity:
        raise ValueError(f"{unit.name} measures {unit.quantity}, {target.name} measures {target.quantity}")
    if unit.quantity == "temperature":
        return _convert_temperature(value, unit.code, target.code)
    return value if unit.code == target.code else _rounded(value * unit.factor / target.factor)


def _convert_temperature(value: float, code: str, target: str) -> float:
    celsius = {"CEL": value, "KEL": value + ABSOLUTE_ZERO_CELSIUS, "FAH": (value - 32) / 1.8}[code]
    if celsius < ABSOLUTE_ZERO_CELSIUS - 1e-9:
        raise ValueError("below absolute zero")
    if code == target:
        return value
    return _rounded({"CEL": celsius, "KEL": celsius - ABSOLUTE_ZERO_CELSIUS, "FAH": celsius * 1.8 + 32}[target])


def _rounded(value: float) -> float:
    """Twelve significant digits: what conversion adds to the last bits is no measurement."""
    if value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.12g}")


@cache
def _tables() -> tuple[dict[str, Unit], dict[str, ReadingField]]:
    table = tomllib.loads(resources.files("ledger.intake.epcis").joinpath("units.toml").read_text("utf-8"))
    units = {code: Unit(code, row[0], row[1], float(row[2])) for code, row in table["codes"].items()}
    return units, {word: ReadingField(*row) for word, row in table["fields"].items()}
