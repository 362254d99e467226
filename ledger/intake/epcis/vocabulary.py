"""The words of the Core Business Vocabulary (GS1 CBV 2.0) that EPCIS documents use, and where they come from."""

from __future__ import annotations

import re

from ledger.event import Json
from ledger.intake.model import Text
from ledger.intake.shape import rule

# fmt: off
BUSINESS_STEPS = (
    "accepting", "arriving", "assembling", "collecting", "commissioning", "consigning", "creating_class_instance",
    "cycle_counting", "decommissioning", "departing", "destroying", "disassembling", "dispensing", "encoding",
    "entering_exiting", "holding", "inspecting", "installing", "killing", "loading", "other", "packing", "picking",
    "receiving", "removing", "repackaging", "repairing", "replacing", "reserving", "retail_selling", "shipping",
    "staging_outbound", "stock_taking", "stocking", "storing", "transporting", "unloading", "unpacking",
    "void_shipping", "sensor_reporting", "sampling",
)
DISPOSITIONS = (
    "active", "container_closed", "damaged", "destroyed", "dispensed", "disposed", "encoded", "expired",
    "in_progress", "in_transit", "inactive", "no_pedigree_match", "non_sellable_other", "partially_dispensed",
    "recalled", "reserved", "retail_sold", "returned", "sellable_accessible", "sellable_not_accessible", "stolen",
    "unknown", "available", "completeness_verified", "completeness_inferred", "conformant", "container_open",
    "mismatch_instance", "mismatch_class", "mismatch_quantity", "needs_replacement", "non_conformant", "unavailable",
)
TRANSACTION_TYPES = (
    "bol", "cert", "desadv", "inv", "pedigree", "po", "poc", "prodorder", "recadv", "rma", "testprd", "testres",
    "upevt",
)
SOURCE_TYPES = (
    "owning_party", "possessing_party", "location",
)
ERROR_REASONS = (
    "did_not_occur", "incorrect_data",
)
COMPONENTS = (
    "x", "y", "z", "axial_distance", "azimuth", "height", "spherical_radius", "polar_angle", "elevation_angle",
    "easting", "northing", "latitude", "longitude", "altitude",
)
ALERT_TYPES = (
    "ALARM_CONDITION", "ERROR_CONDITION",
)
MEASUREMENTS = (
    "AbsoluteHumidity", "AbsorbedDose", "AbsorbedDoseRate", "Acceleration", "Radioactivity", "Altitude",
    "AmountOfSubstance", "AmountOfSubstancePerUnitVolume", "Angle", "AngularAcceleration", "AngularMomentum",
    "AngularVelocity", "Area", "Capacitance", "Conductance", "Conductivity", "Count", "Density", "Dimensionless",
    "DoseEquivalent", "DoseEquivalentRate", "DynamicViscosity", "ElectricCharge", "ElectricCurrent",
    "ElectricCurrentDensity", "ElectricFieldStrength", "Energy", "Exposure", "Force", "Frequency", "Illuminance",
    "Inductance", "Irradiance", "KinematicViscosity", "Length", "LinearMomentum", "Luminance", "LuminousFlux",
    "LuminousIntensity", "MagneticFlux", "MagneticFluxDensity", "MagneticVectorPotential", "Mass",
    "MassConcentration", "MassFlowRate", "MassPerAreaTime", "MemoryCapacity", "MolalityOfSolute", "MolarEnergy",
    "MolarMass", "MolarVolume", "Power", "Pressure", "RadiantFlux", "RadiantIntensity", "RelativeHumidity",
    "Resistance", "Resistivity", "SolidAngle", "SpecificVolume", "Speed", "SurfaceDensity", "SurfaceTension",
    "Temperature", "Time", "Torque", "Voltage", "Volume", "VolumeFlowRate", "VolumeFraction", "VolumetricFlux",
    "Wavenumber",
)
# fmt: on

_CBV = re.compile(r"urn:epcglobal:cbv|https?://ns\.gs1\.org/cbv/")
_GS1_VOC = re.compile(r"https?://(www\.)?gs1\.org/voc/")
_LAST_WORD = re.compile(r".*[:/#]", re.DOTALL)
_PREFIXES = ("BizStep-", "Disp-", "BTT-", "SDT-", "ER-", "Comp-")


def word(words: tuple[str, ...]) -> Text:
    """A CBV word written bare, or a URI of somebody else's vocabulary; a CBV word as URI is ``wrong-vocabulary``."""
    return _vocabulary(words, _CBV)


def gs1_word(words: tuple[str, ...]) -> Text:
    """A word of the GS1 Web Vocabulary written bare, or a URI of somebody else's vocabulary."""
    return _vocabulary(words, _GS1_VOC)


def _vocabulary(words: tuple[str, ...], reserved: re.Pattern[str]) -> Text:
    def check(value: str) -> tuple[str, str] | None:
        if not reserved.match(value):
            return None
        bare = bare_word(value)
        right = f"write {bare!r}" if bare in words else "there is no such standard word"
        return "wrong-vocabulary", f"standard words are written bare in EPCIS 2.0 JSON: {right}"

    return rule(check)


def bare_word(value: str) -> str:
    """The last word of a vocabulary URI or prefixed name: ``https://ref.gs1.org/cbv/BizStep-packing`` → ``packing``."""
    last = _LAST_WORD.sub("", value)
    for prefix in _PREFIXES:
        if last.startswith(prefix):
            return last.removeprefix(prefix)
    return last


def business_step(value: Json) -> str | None:
    """The CBV word of an event's business step; None if it has none or one of another vocabulary."""
    if not isinstance(value, str):
        return None
    own = value in BUSINESS_STEPS or value.startswith(("cbv:BizStep-", "https://ref.gs1.org/cbv/BizStep-"))
    last = bare_word(value)
    return last if own and last in BUSINESS_STEPS else None
