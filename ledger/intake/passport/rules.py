"""What a passport must satisfy beyond its schema, checked; `RULES` of ``rule_codes`` has the reasons.

A rule looks only at values that have their type, so it never hides or repeats a fault of form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import pairwise

from ledger.errors import Fault
from ledger.intake.passport.identity_rules import IDENTITY_CHECKS
from ledger.intake.passport.rule_codes import fault
from ledger.intake.passport.view import View

MIN_WATT_HOURS_PER_KILOGRAM = 1
MAX_WATT_HOURS_PER_KILOGRAM = 1000
MAX_SUM_ERROR = 0.01
MAX_FADE_ERROR_PERCENT_POINTS = 2
ABSOLUTE_ZERO_CELSIUS = -273
CLOCK_TOLERANCE = timedelta(days=1)

Check = Callable[[View, date], Iterator[Fault]]

_STAGES = (
    "ContributionOfRawMaterialAcquisitionAndPre-processingLifecycleStage",
    "ContributionOfMainProductProductionLifecycleStage",
    "ContributionOfDistributionLifecycleStage",
    "ContributionOfEndOfLifeAndRecyclingLifecycleStage",
)
_CONTAINED = {
    "Pre-consumerRecycledNickelShare": "Ni",
    "Post-consumerRecycledNickelShare": "Ni",
    "Pre-consumerRecycledCobaltShare": "Co",
    "Post-consumerRecycledCobaltShare": "Co",
    "Pre-consumerRecycledLithiumShare": "Li",
    "Post-consumerRecycledLithiumShare": "Li",
    "RecycledLeadShare": "Pb",
}
_MATERIALS = {
    "Li-ion LCO": ("Li", "Co"),
    "Li-ion LFP": ("Li",),
    "Li-ion LMO": ("Li",),
    "Li-ion NCA": ("Li", "Ni", "Co"),
    "Li-ion NMC": ("Li", "Ni", "Co"),
    "Ni-Cd": ("Ni", "Co"),
    "Ni-MH": ("Ni", "Co"),
    "Pb": ("Pb",),
}


def check_rules(view: View, as_of: date) -> Iterator[Fault]:
    """Yield every fault of a passport against `RULES`.

    Args:
        view: The *untrusted* document.
        as_of: The day it is judged as of.
    """
    for check in _CHECKS:
        yield from check(view, as_of)
    for identity_check in IDENTITY_CHECKS:
        for code, pointer, message in identity_check(view):
            yield fault(code, pointer, message)


def _signs(view: View, _: date) -> Iterator[Fault]:
    for attribute in view.table.attributes.values():
        shape = view.table.shape(attribute, view.category)
        for which, name in enumerate(shape.values):
            number = view.number(attribute.name, which)
            place = view.pointer(attribute.name, *([name] if name else []))
            if number is None:
                continue
            if attribute.sign == "positive" and number <= 0:
                yield fault("not-positive", place, f"{number} is not more than 0")
            elif attribute.sign == "not-negative" and number < 0:
                yield fault("negative", place, f"{number} is less than 0")
            elif attribute.type == "temperature" and number < ABSOLUTE_ZERO_CELSIUS:
                yield fault("below-absolute-zero", place, f"{number} °C is below absolute zero")


def _content(view: View, _: date) -> Iterator[Fault]:
    for name in ("BatteryChemistry", "ExtinguishingAgent"):
        value = view.value(name)
        if isinstance(value, dict) and not any(isinstance(text, str) and text.strip() for text in value.values()):
            yield fault("empty", view.pointer(name), "it is there, but says nothing")


def _granularity(view: View, _: date) -> Iterator[Fault]:
    text = view.text("DPPGranularity")
    if text.strip() and text.lower() != "item":
        yield fault("granularity", view.pointer("DPPGranularity"), "'item' is needed: a passport is of one battery")


def _voltages(view: View, _: date) -> Iterator[Fault]:
    names = ("MinimumVoltage", "NominalVoltage", "MaximumVoltage")
    known = [(name, value) for name in names if (value := view.number(name)) is not None]
    for (lower, low), (higher, high) in pairwise(known):
        if low > high:
            yield fault("voltage-order", view.pointer(higher, "voltValue"), f"{high} V is less than {lower}, {low} V")


def _temperatures(view: View, _: date) -> Iterator[Fault]:
    low, high = (view.number(f"TemperatureRangeIdleState{end}Boundary") for end in ("Lower", "Upper"))
    if low is not None and high is not None and low > high:
        place = view.pointer("TemperatureRangeIdleStateLowerBoundary", "celsiusValue")
        yield fault("temperature-order", place, f"{low} °C is above the upper boundary, {high} °C")


def _dates(view: View, as_of: date) -> Iterator[Fault]:
    made, served = view.day("ManufacturingDate"), view.day("DateOfPuttingTheBatteryIntoService")
    warranty, updated = view.day("WarrantyPeriodOfTheBattery"), view.updated_at()
    if made and served and served < made:
        place = view.pointer("DateOfPuttingTheBatteryIntoService")
        yield fault("date-order", place, f"put into service before it was made on {made}")
    if made and warranty and warranty < made:
        place = view.pointer("WarrantyPeriodOfTheBattery")
        yield fault("date-order", place, f"the warranty ends before the battery was made on {made}")
    limit = as_of + CLOCK_TOLERANCE if as_of < date.max else as_of
    for name, day in (("ManufacturingDate", made), ("DateOfPuttingTheBatteryIntoService", served)):
        if day and day > limit:
            yield fault("in-future", view.pointer(name), f"{day} is later than {as_of}")
    if updated and updated.date() > limit:
        yield fault("in-future", view.pointer("Date-timeOfLatestUpdateOfDPP"), f"later than {as_of}")
    if updated and made and updated.date() < made - CLOCK_TOLERANCE:
        place = view.pointer("Date-timeOfLatestUpdateOfDPP")
        yield fault("date-order", place, f"updated before the battery was made on {made}")


def _energy_density(view: View, _: date) -> Iterator[Fault]:
    volts, capacity, mass = (view.number(name) for name in ("NominalVoltage", "RatedCapacity", "BatteryMass"))
    if not (volts and capacity and mass) or min(volts, capacity, mass) <= 0:
        return
    amperehours = capacity / 1000 if view.text("RatedCapacity", "ampereHourMiliamperehour") == "mAh" else capacity
    kilograms = mass / 1000 if view.text("BatteryMass", "gramKg") == "g" else mass
    density = volts * amperehours / kilograms if kilograms else float("inf")
    if not MIN_WATT_HOURS_PER_KILOGRAM <= density <= MAX_WATT_HOURS_PER_KILOGRAM:
        message = f"{volts:g} V x {amperehours:g} Ah in {kilograms:g} kg is {density:.3g} Wh/kg: which unit is wrong?"
        yield fault("unit-conflict", view.pointer("RatedCapacity"), message)


def _carbon(view: View, _: date) -> Iterator[Fault]:
    total = view.number("BatteryCarbonFootprintPerFunctionalUnit")
    stages = [value for name in _STAGES if (value := view.number(name)) is not None]
    if total is None or len(stages) != len(_STAGES):
        return
    found = sum(stages)
    place = view.pointer("BatteryCarbonFootprintPerFunctionalUnit")
    if abs(found - total) <= MAX_SUM_ERROR * max(abs(found), abs(total)):
        return
    if abs(found - 100) <= MAX_SUM_ERROR * 100:
        yield fault("carbon-shares-in-percent", place, f"the stages add up to {found:g}, the whole is {total:g}")
    else:
        yield fault("carbon-shares-sum", place, f"the stages add up to {found:g} kgCO2-eq/kWh, the whole is {total:g}")


def _remaining(view: View, _: date) -> Iterator[Fault]:
    rated, remaining = view.number("RatedCapacity"), view.number("RemainingCapacity")
    if not rated or remaining is None or rated < 0:
        return
    rated = rated / 1000 if view.text("RatedCapacity", "ampereHourMiliamperehour") == "mAh" else rated
    place = view.pointer("RemainingCapacity")
    if remaining > rated:
        yield fault("remaining-over-rated", place, f"{remaining:g} Ah remain of {rated:g} Ah")
        return
    fade, expected = view.number("CapacityFade"), 100 * (1 - remaining / rated)
    if fade is not None and abs(fade - expected) > MAX_FADE_ERROR_PERCENT_POINTS:
        message = f"{remaining:g} of {rated:g} Ah is a fade of {expected:.1f} %, not {fade:g} %"
        yield fault("fade-mismatch", view.pointer("CapacityFade"), message)


def _power(view: View, _: date) -> Iterator[Fault]:
    limit, volts = view.number("MaximumPermittedBatteryPower"), view.number("NominalVoltage")
    ohms = view.number("InitialInternalResistanceOfBatteryCellAndPackModuleRecommended")
    place = view.pointer("MaximumPermittedBatteryPower")
    if limit is None:
        return
    for which, level in ((0, 80), (1, 20)):
        power = view.number("OriginalPowerCapability", which)
        if power is not None and power > limit:
            message = f"{limit:g} W are permitted, {power:g} W stated at {level} % charge"
            yield fault("power-over-limit", place, message)
    if ohms and volts and ohms > 0 and limit > volts * volts / (4 * ohms):
        most = volts * volts / (4 * ohms)
        message = f"{volts:g} V through {ohms:g} Ohm give at most {most:.4g} W, {limit:g} W are stated"
        yield fault("power-not-deliverable", place, message)


def _recycled(view: View, _: date) -> Iterator[Fault]:
    materials = _MATERIALS.get(view.text("BatteryChemistry", "chemicalCodeValue"))
    for name, material in _CONTAINED.items():
        share = view.number(name)
        if materials and share and share > 0 and material not in materials:
            message = f"{share:g} % of recycled {material}, which the chemistry does not contain"
            yield fault("share-without-material", view.pointer(name), message)


_CHECKS: tuple[Check, ...] = (
    _signs,
    _content,
    _granularity,
    _voltages,
    _temperatures,
    _dates,
    _energy_density,
    _carbon,
    _remaining,
    _power,
    _recycled,
)
