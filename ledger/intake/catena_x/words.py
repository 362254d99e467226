"""Words that the Catena-X aspect models allow."""

from __future__ import annotations

LOCAL_KEYS = (
    "manufacturerId",
    "batchId",
    "customKey",
    "jisNumber",
    "jisCallDate",
    "parentOrderNumber",
    "partInstanceId",
    "van",
)
# fmt: off
ITEM_UNITS = (
    "unit:piece", "unit:set", "unit:pair", "unit:page", "unit:cycle", "unit:kilowattHour", "unit:gram",
    "unit:kilogram", "unit:tonneMetricTon", "unit:tonUsOrShortTonUkorus", "unit:ounceAvoirdupois", "unit:pound",
    "unit:metre", "unit:centimetre", "unit:kilometre", "unit:inch", "unit:foot", "unit:yard",
    "unit:squareCentimetre", "unit:squareMetre", "unit:squareInch", "unit:squareFoot", "unit:squareYard",
    "unit:cubicCentimetre", "unit:cubicMetre", "unit:cubicInch", "unit:cubicFoot", "unit:cubicYard", "unit:litre",
    "unit:millilitre", "unit:hectolitre", "unit:secondUnitOfTime", "unit:minuteUnitOfTime",
    "unit:hourUnitOfTime", "unit:day",
)
PART_TEXTS = (
    "partName", "partDescription", "assemblyPartNumberVersion", "batchNumber", "calibrationInformation",
    "dataMatrixCode", "deliveryNote", "hwVersion", "orderNumber", "partNumber", "partVersion", "serialNumber",
    "swPartNumber", "swVersion", "variantInfomation",
)
VEHICLE_TEXTS = (
    "anonymizedVIN", "class", "modelDescription", "modelIdentifier", "softwareCategory", "softwareVersion",
    "soldCountryGroup", "vehicleSeries", "wmiNameNHTSA",
)
RECORD_STATES = ("new", "updated", "deleted", "same")
FUEL_TYPES = (
    "Compressed Hydrogen/Hydrogen", "Compressed Natural Gas(CNG)", "Diesel", "Electric", "Ethanol(E85)",
    "Flexible Fuel Vehicle(FFV)", "Fuel Cell", "Gasoline", "Liquefied Natural Gas(LNG)",
    "Liquefied Petroleum Gas(propane or LPG)", "Methanol(M85)", "Natural Gas", "Neat Ethanol(E100)",
    "Neat Methanol(M100)", "Unknown",
)
POWER_TRAINS = (
    "BEV (Battery Electric Vehicle)", "Diesel", "FCEV (Fuel Cell Electric Vehicle)", "Gasoline",
    "HEV (Hybrid Electric Vehicle)", "Mild HEV (Hybrid Electric Vehicle)",
    "PHEV (Plug-in Hybrid Electric Vehicle)", "Other",
)
# fmt: on
