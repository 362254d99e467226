"""The value types of the BatteryPass-Ready data model: quantities with the unit beside the value, codes, addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ledger.intake.model import Check, Choice, Field, Items, Need, Number, Record, Text, unit
from ledger.intake.text_rules import calendar_date, link, zoned_time

MAX_ORIGINALS = 1000

STATUSES = ("original", "re-used", "remanufactured", "repurposed", "waste")
CHEMISTRIES = (
    "Li-ion LCO",
    "Li-ion LFP",
    "Li-ion LMO",
    "Li-ion NCA",
    "Li-ion NMC",
    "Li-metal",
    "Na-ion",
    "Ni-Cd",
    "Ni-MH",
    "Pb",
)
_DPP_STATUSES = ("Active", "Archived", "Inactive", "Marked-for-deletion")


@dataclass(frozen=True, slots=True)
class Shape:
    """One value type.

    Attributes:
        check: What the value must be.
        values: Names of the numbers in it; ``""`` where the value is itself the number.
        unit: Name of the unit beside them, or ``""``.
    """

    check: Check
    values: tuple[str, ...] = ()
    unit: str = ""

    @property
    def names(self) -> frozenset[str] | None:
        """Names that belong to the value; None where it is not an object."""
        return frozenset(self.check.fields) if isinstance(self.check, Record) else None


def _quantity(value: str, symbol: str, units: tuple[str, ...], number: Number) -> Shape:
    return Shape(Record({value: Field(number), symbol: Field(unit(*units))}), (value,), symbol)


_WHOLE = Number(integer=True)
_ANY = Number()
_SHARE = Number(minimum=0, maximum=100)
_OPTIONAL_WHOLE = Field(_WHOLE, Need.OPTIONAL)
_OPTIONAL_TEXT = Field(Text(filled=False), Need.OPTIONAL)
_BOUNDS = {
    "temperatureRangeUpperBoundaryValue": _OPTIONAL_WHOLE,
    "temperatureRangeLowerBoundaryValue": _OPTIONAL_WHOLE,
}
_BOUND_UNITS = {
    "temperatureRangeUpperBoundary": Field(unit("°C"), Need.OPTIONAL),
    "temperatureRangeLowerBoundary": Field(unit("°C"), Need.OPTIONAL),
}
_POWERS = ("wattValueAt80SoC", "wattValueAt20SoC")
_POWER_FIELDS = {**{name: Field(_WHOLE) for name in _POWERS}, "watt": Field(unit("W"))}
_CAPACITY = ("amperehourMiliamperehourValue", "ampereHourMiliamperehour")
_CARBON_PER_ENERGY = ("kgCO2-equivalentPerKilowattHourValue", "kgCO2-equivalentPerKilowattHour")

_PLAIN = {
    "text": Shape(Text()),
    "link": Shape(Text((link,))),
    "date": Shape(Text((calendar_date,))),
    "time": Shape(Text((zoned_time,))),
    "integer": Shape(_WHOLE, ("",)),
    "number": Shape(_ANY, ("",)),
    "identifiers": Shape(Items(Text(), fewest=1, most=MAX_ORIGINALS)),
}

_QUANTITIES = {
    "percent": _quantity("percentageValue", "percent", ("%",), _SHARE),
    "percent_per_month": _quantity("percentMonthValue", "percentMonth", ("%/month",), _SHARE),
    "capacity": _quantity(*_CAPACITY, ("Ah", "mAh"), _WHOLE),
    "capacity_ah": _quantity(*_CAPACITY, ("Ah",), _WHOLE),
    # the published schema spells this one unit with a small h
    "capacity_throughput": _quantity(_CAPACITY[0], "amperehourMiliamperehour", ("Ah",), _ANY),
    "energy": _quantity("kilowattHourValue", "kilowattHour", ("kWh",), _WHOLE),
    "energy_throughput": _quantity("kilowattHourValue", "kilowattHour", ("kWh",), _ANY),
    "power_ratio": _quantity("wattPerWattHourValue", "wattPerWattHour", ("W/Wh",), _WHOLE),
    "temperature": _quantity("celsiusValue", "degreeCelsius", ("°C",), _WHOLE),
    "mass": _quantity("gramKgValue", "gramKg", ("g", "kg"), _ANY),
    "resistance": _quantity("ohmValue", "ohm", ("Ohm",), _WHOLE),
    "carbon_per_energy": _quantity(*_CARBON_PER_ENERGY, ("kgCO2-eq/kWh",), _ANY),
    "carbon": _quantity("kgCO2-equivalentValue", "kgCO2-equivalent", ("kgCO2-eq",), _WHOLE),
    "c_rate": _quantity("amperePerAmpereHourValue", "amperePerAmpereHour", ("A/Ah",), _ANY),
    "voltage": Shape(
        Record({"voltValue": Field(_ANY), "volt": Field(unit("V")), **_BOUNDS, **_BOUND_UNITS}), ("voltValue",), "volt"
    ),
    "power": Shape(Record({**_POWER_FIELDS, **_BOUNDS, **_BOUND_UNITS}), _POWERS, "watt"),
    "remaining_power": Shape(Record({**_POWER_FIELDS, **_BOUNDS}), _POWERS, "watt"),
    "power_limit": Shape(
        Record({"wattValue": Field(_WHOLE), "watt": Field(unit("W")), **_BOUNDS, **_BOUND_UNITS}),
        ("wattValue",),
        "watt",
    ),
}

_CODES = {
    "status": Shape(Record({"batteryStatusValues": Field(Choice(STATUSES))})),
    "dpp_status": Shape(Record({"dppStatusValue": Field(Choice(_DPP_STATUSES))})),
    "extinguishing_agent": Shape(Record({"agentFireClass": _OPTIONAL_TEXT, "extinguishingAgent": _OPTIONAL_TEXT})),
    "operator": Shape(
        Record(
            {
                "name": Field(Text()),
                "registeredTradeNameOrRegisteredTrademark": Field(Text()),
                "postalAddress": Field(Text()),
                "webAddress": _OPTIONAL_TEXT,
                "e-mailAddress": _OPTIONAL_TEXT,
            }
        )
    ),
}

SHAPES: Mapping[str, Shape] = {**_PLAIN, **_QUANTITIES, **_CODES}


@cache
def category_shape(value: str) -> Shape:
    """Return the shape of ``BatteryCategory`` in the model of one category, which allows one value."""
    return Shape(Record({"batteryCategoryValue": Field(Choice((value,)))}))


@cache
def chemistry_shape(chemistries: tuple[str, ...]) -> Shape:
    """Return the shape of ``BatteryChemistry`` with the codes of one category."""
    fields = {
        "chemicalCodeValue": Field(Choice(chemistries), Need.OPTIONAL),
        "additionallyPossibleValue": _OPTIONAL_TEXT,
    }
    return Shape(Record(fields))
