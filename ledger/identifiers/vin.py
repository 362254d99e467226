"""Vehicle identification numbers (ISO 3779; check digit: 49 CFR 565.15)."""

from __future__ import annotations

import re

from ledger.errors import MalformedError
from ledger.identifiers.types import Identifier, NamespaceScheme, Scheme

VIN_CHARACTERS = 17
CHECK_DIGIT_INDEX = 8
NORTH_AMERICA = "12345"

_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}", re.ASCII)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    "P": 7,
    "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}


def check_digit(vin: str) -> str:
    """Calculate the character that belongs at position 9.

    Args:
        vin: 17 characters of the VIN alphabet, upper case; what stands at position 9 does not matter.

    Returns: ``0`` to ``9`` or ``X``.
    Source: 49 CFR 565.15(c).
    """
    remainder = sum(_VALUES[character] * weight for character, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if remainder == 10 else str(remainder)


def manufacturer_prefix(vin: str) -> str:
    """Return what identifies the maker: the WMI, and with VIN 12-14 where the WMI ends in 9.

    Source: ISO 3780: makers of fewer than 1,000 vehicles a year share a WMI whose third character is 9.
    """
    wmi = vin[:3]
    return wmi + vin[11:14] if wmi.endswith("9") else wmi


def parse_vin(text: str) -> Identifier:
    """Parse a VIN.

    Args:
        text: *Untrusted*; letters of either case.

    Returns:
        The VIN in upper case. Outside North America a wrong check digit is a warning, since there it is not required.

    Raises:
        MalformedError: Not 17 characters of the alphabet, or a North American VIN with a wrong check digit.
    """
    vin = text.upper() if text.isascii() else ""
    if not _VIN.fullmatch(vin):
        raise MalformedError("VIN", "17 letters and digits without I, O and Q are needed")
    expected, found = check_digit(vin), vin[CHECK_DIGIT_INDEX]
    warnings = []
    if expected != found:
        why = f"the check digit at position 9 is {found}, calculated {expected}"
        if vin[0] in NORTH_AMERICA:
            raise MalformedError("VIN", why, CHECK_DIGIT_INDEX)
        warnings.append(f"{why}; it is not required outside North America")
    if not vin[-4:].isdigit():
        warnings.append("the last four characters are not all digits")
    namespace = (int(NamespaceScheme.WMI), manufacturer_prefix(vin))
    return Identifier(vin, Scheme.VIN, (namespace,), tuple(warnings))
