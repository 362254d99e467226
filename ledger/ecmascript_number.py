"""Numbers as ECMAScript writes them, and so canonical JSON. Pure."""

from __future__ import annotations

import math

from ledger.errors import MalformedError


def ecmascript_number(value: float) -> str:
    """Write a finite float as ECMAScript's ``Number.prototype.toString`` does.

    Raises: MalformedError, for NaN and the infinities.
    Source: RFC 8785, 3.2.2.3.
    """
    if not math.isfinite(value):
        raise MalformedError("JSON", "NaN and infinities are not JSON")
    if value == 0:
        return "0"
    mantissa, _, exponent_text = repr(value).lower().partition("e")
    sign, mantissa = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent_text or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    return sign + _place_point(digits, point)


def _place_point(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    exponent = point - 1
    mantissa = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{'+' if exponent >= 0 else '-'}{abs(exponent)}"
