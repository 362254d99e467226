"""What a passport must satisfy beyond its schema: every rule by its code, with severity and reason."""

from __future__ import annotations

from ledger.errors import Fault

# code: (severity, why)
RULES = {
    "empty": ("error", "a mandatory text of blanks, or a chemistry or extinguishing agent without any content"),
    "too-long": (
        "error",
        "a text over 16,384 characters, a name over 256 or a passport link over 2,000",
    ),
    "too-many": ("error", "more than 1,000 originals, or more than 2,000 fields"),
    "bad-uri": ("error", "a link that is no absolute URI of a scheme that is safe to show"),
    "identifier": ("error", "the battery identifier does not name one individual battery"),
    "check-digit": ("error", "a GTIN, GLN or GS1 URI whose check digit or form is wrong"),
    "serial-mismatch": ("error", "the serial number is not the one in the battery identifier"),
    "model-mismatch": ("error", "the GTIN of the model is not the one in the battery identifier"),
    "granularity": ("error", "one passport per individual battery: granularity is item (Article 77(1))"),
    "originals": ("error", "a second-life passport names its originals, each once and never itself (Article 77(7))"),
    "status-kind": ("error", "the battery status does not fit the kind of event"),
    "not-positive": ("error", "a quantity that cannot be zero or less"),
    "negative": ("error", "a count or quantity that cannot be negative"),
    "below-absolute-zero": ("error", "a temperature below -273 °C"),
    "voltage-order": ("error", "minimum, nominal and maximum voltage rise in this order"),
    "temperature-order": ("error", "a lower boundary above the upper one"),
    "date-order": ("error", "made, put into service, end of warranty come in this order; no update before it was made"),
    "in-future": ("error", "a day or time that is still to come"),
    "unit-conflict": (
        "error",
        "the energy per mass is not that of any battery: a unit is wrong (g for kg, mAh for Ah)",
    ),
    "carbon-shares-sum": ("notice", "the four stage contributions do not add up to the carbon footprint"),
    "carbon-shares-in-percent": ("notice", "the stage contributions look like percent under the unit kgCO2-eq/kWh"),
    "remaining-over-rated": ("notice", "the remaining capacity is more than the rated one"),
    "fade-mismatch": ("notice", "the capacity fade does not follow from remaining and rated capacity"),
    "power-over-limit": ("notice", "the original power capability is above the maximum permitted power"),
    "power-not-deliverable": ("notice", "the voltage and internal resistance do not allow the permitted power"),
    "share-without-material": ("notice", "a recycled share of a material that the chemistry does not contain"),
    "same-identifier-two-names": ("notice", "operator and manufacturer have one identifier and two names"),
    "link-not-ours": ("notice", "the passport identifier is no web address that a QR code can open"),
    "odd-identifier": ("notice", "the battery identifier is readable, but unusual"),
}


def fault(code: str, pointer: str, message: str) -> Fault:
    """Make a fault of one of the `RULES`, with the severity that stands there."""
    return Fault(pointer, code, message, RULES[code][0])
