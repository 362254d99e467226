"""Chinese traction battery codes (GB/T 34014-2017)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.identifiers.types import Identifier, NamespaceScheme, Scheme

CODE_CHARACTERS = 24
SECOND_USE_CHARACTERS = 19
TYPES = {"P": "pack", "M": "module", "C": "cell"}

_CODE = re.compile(
    r"(?P<maker>[0-9A-HJ-NP-Z]{3})(?P<type>[PMC])(?P<chemistry>[A-Z])(?P<specification>[0-9A-Z]{2})"
    r"(?P<traceability>[0-9A-Z]{7})?(?P<year>[0-9A-Z])(?P<month>[1-9A-C])(?P<day>[0-9A-Z])(?P<serial>[0-9A-Z]{7})"
    r"(?P<second_use>R[PMC])?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class BatteryCode:
    """The parts of a code.

    Attributes:
        maker: Maker code, 3 characters.
        product_type: ``pack``, ``module`` or ``cell``.
        chemistry: One letter, e.g. ``B`` for LFP, ``E`` for NCM.
        specification: 2 characters.
        traceability: 7 characters; None in a second-use code.
        made: Year, month and day, one character each.
        serial: 7 characters.
        second_use: ``pack``, ``module`` or ``cell`` into which it was made again, or None.
    """

    maker: str
    product_type: str
    chemistry: str
    specification: str
    traceability: str | None
    made: str
    serial: str
    second_use: str | None


def split_code(text: str) -> BatteryCode:
    """Split a code of 24 characters, or a second-use code of 19.

    A second-use code is the original one without its 7-character traceability block, followed by ``R`` and the type.

    Args:
        text: *Untrusted*; letters of either case.

    Raises:
        MalformedError: Another length or alphabet, or an unknown type or month.
    """
    code = text.upper() if text.isascii() and len(text) in (CODE_CHARACTERS, SECOND_USE_CHARACTERS) else ""
    found = _CODE.fullmatch(code)
    if found is None or (found["traceability"] is None) != (found["second_use"] is not None):
        raise MalformedError("GB/T 34014 code", "24 characters are needed, or 19 that end in R and P, M or C")
    second_use = found["second_use"]
    return BatteryCode(
        maker=found["maker"],
        product_type=TYPES[found["type"]],
        chemistry=found["chemistry"],
        specification=found["specification"],
        traceability=found["traceability"],
        made=found["year"] + found["month"] + found["day"],
        serial=found["serial"],
        second_use=TYPES[second_use[1]] if second_use else None,
    )


def parse_battery_code(text: str) -> Identifier:
    """Parse a code into an identifier whose namespace is the maker code.

    Args:
        text: *Untrusted*.

    Raises:
        MalformedError: See `split_code`.
    """
    code = split_code(text)
    return Identifier(text.upper(), Scheme.GBT34014, ((int(NamespaceScheme.GBT34014_MAKER), code.maker),))
