"""The GS1 keys that we read, and the shape of their values (GS1 General Specifications, sections 2 and 3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ledger.errors import MalformedError

MIN_PREFIX_DIGITS = 4
MAX_PREFIX_DIGITS = 12

_TEXT = r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]"  # 82 characters
_PART = r"[#\-/0-9A-Z]"  # 39 characters


@dataclass(frozen=True, slots=True)
class Key:
    """One primary key.

    Attributes:
        name: Its acronym.
        value: What the value must match entirely.
        checked: Number of leading digits that end in a check digit; 0 for none.
        prefix_at: Where the company prefix starts.
        prefix_end: Where the digits that can belong to it end; None for as many as there are.
        qualifiers: Application identifiers that may follow, in the order of the Digital Link path.
        identifying: Those of them that belong to the identity of one item; the others are dropped.
        item: Whether the key, with its identifying qualifiers, names one individual item.
    """

    name: str
    value: re.Pattern[str]
    checked: int
    prefix_at: int
    prefix_end: int | None
    qualifiers: tuple[str, ...] = ()
    identifying: tuple[str, ...] = ()
    item: bool = False


def _digits(count: int, tail: str = "") -> re.Pattern[str]:
    return re.compile(rf"[0-9]{{{count}}}{tail}", re.ASCII)


KEYS = {
    "00": Key("SSCC", _digits(18), 18, 1, 13, item=True),
    "01": Key("GTIN", _digits(14), 14, 1, 13, ("22", "10", "21"), ("21",)),
    "253": Key("GDTI", _digits(13, _TEXT + "{0,17}"), 13, 0, 12),
    "414": Key("GLN", _digits(13), 13, 0, 12, ("254",), ("254",)),
    "417": Key("PGLN", _digits(13), 13, 0, 12),
    "8003": Key("GRAI", _digits(14, _TEXT + "{0,16}"), 14, 1, 13),
    "8004": Key("GIAI", re.compile(rf"[0-9]{{4}}{_TEXT}{{1,26}}", re.ASCII), 0, 0, None, item=True),
    "8006": Key("ITIP", _digits(18), 14, 1, 13, ("22", "10", "21"), ("21",)),
    "8010": Key("CPID", re.compile(rf"[0-9]{{4}}{_PART}{{1,26}}", re.ASCII), 0, 0, None, ("8011",), ("8011",)),
    "8017": Key("GSRNP", _digits(18), 18, 0, 12, ("8019",), ("8019",)),
    "8018": Key("GSRN", _digits(18), 18, 0, 12, ("8019",), ("8019",)),
}

QUALIFIERS = {
    "10": re.compile(_TEXT + "{1,20}", re.ASCII),
    "21": re.compile(_TEXT + "{1,20}", re.ASCII),
    "22": re.compile(_TEXT + "{1,20}", re.ASCII),
    "254": re.compile(_TEXT + "{1,20}", re.ASCII),
    "8011": re.compile(r"(0|[1-9][0-9]{0,11})", re.ASCII),
    "8019": re.compile(r"[0-9]{1,10}", re.ASCII),
}


def check_digit(body: str) -> str:
    """Calculate the GS1 check digit (modulo 10, weights 3 and 1 from the right).

    Args:
        body: ASCII digits without the check digit.

    Source: GS1 General Specifications, 7.9.1.
    """
    total = sum(int(digit) * (3, 1)[index % 2] for index, digit in enumerate(reversed(body)))
    return str(-total % 10)


def verify_check_digit(digits: str, what: str) -> None:
    """Prove that the last digit is the check digit of those before it.

    Args:
        digits: ASCII digits.
        what: Name of the key for the message.

    Raises:
        MalformedError: It is another digit.
    """
    expected = check_digit(digits[:-1])
    if digits[-1] != expected:
        raise MalformedError(what, f"the check digit is {digits[-1]}, calculated {expected}")


def parse_gtin(text: str) -> str:
    """Parse a bare GTIN of 8, 12, 13 or 14 digits into 14 digits.

    Args:
        text: *Untrusted*.

    Raises:
        MalformedError: Another length, not digits, or a wrong check digit.
    """
    if len(text) not in (8, 12, 13, 14) or not (text.isascii() and text.isdigit()):
        raise MalformedError("GTIN", "8, 12, 13 or 14 digits are needed")
    verify_check_digit(text, "GTIN")
    return text.zfill(14)


def parse_gln(text: str) -> str:
    """Parse a bare GLN of 13 digits.

    Args:
        text: *Untrusted*.

    Raises:
        MalformedError: Another length, not digits, or a wrong check digit.
    """
    if len(text) != 13 or not (text.isascii() and text.isdigit()):
        raise MalformedError("GLN", "13 digits are needed")
    verify_check_digit(text, "GLN")
    return text
