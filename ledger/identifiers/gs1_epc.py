"""EPC pure identity URNs to GS1 keys, and back (GS1 EPC Tag Data Standard 2.x, section 6.3)."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from ledger.errors import MalformedError
from ledger.identifiers.gs1_keys import check_digit

MIN_EPC_PREFIX_DIGITS = 6
MAX_EPC_PREFIX_DIGITS = 12

_PREFIX = re.compile(r"[0-9]{6,12}", re.ASCII)
_DIGITS = re.compile(r"[0-9]*", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE = "!'()*+,-.:;=_"

Elements = list[tuple[str, str]]

# scheme: (AI, digits of prefix and reference together, AI of the serial; "" where it joins the value)
_FIXED = {
    "id:sscc": ("00", 17, None),
    "id:sgtin": ("01", 13, "21"),
    "class:lgtin": ("01", 13, "10"),
    "idpat:sgtin": ("01", 13, "*"),
    "id:itip": ("8006", 13, "21"),
    "id:sgln": ("414", 12, "254"),
    "id:pgln": ("417", 12, None),
    "id:grai": ("8003", 12, ""),
    "id:gdti": ("253", 12, ""),
    "id:gsrn": ("8018", 17, None),
    "id:gsrnp": ("8017", 17, None),
}
_LEADING_DIGIT = ("00", "01", "8006")


def elements_from_epc(text: str) -> Elements:
    """Read an EPC URN into (application identifier, value) pairs; the caller proves the values.

    Args:
        text: *Untrusted*, visible ASCII, starting with ``urn:epc:``.

    Raises:
        MalformedError: Unknown scheme, or prefix and reference of another length.
    """
    parts = text.split(":", 4)
    if len(parts) != 5:
        raise MalformedError("EPC URN", "urn:epc:<type>:<scheme>:<value> is needed")
    scheme, body = f"{parts[2]}:{parts[3]}", parts[4]
    if scheme in ("id:giai", "id:cpi"):
        return _open_length(scheme, body)
    if scheme not in _FIXED:
        raise MalformedError("EPC URN", "not a scheme that names a GS1 key")
    ai, total, serial_ai = _FIXED[scheme]
    count = 2 if serial_ai is None else 3
    fields = body.split(".", 4) if scheme == "id:itip" else body.split(".", count - 1)
    if len(fields) != (5 if scheme == "id:itip" else count):
        raise MalformedError("EPC URN", "too few or too many fields")
    value = _value(ai, total, fields[0], fields[1])
    if scheme == "id:itip":
        value += "".join(fields[2:4])
    return _with_serial(ai, value, serial_ai, _decode(fields[-1]))


def _value(ai: str, total: int, prefix: str, reference: str) -> str:
    if not _PREFIX.fullmatch(prefix) or not _DIGITS.fullmatch(reference) or len(prefix) + len(reference) != total:
        raise MalformedError("EPC URN", f"a company prefix of 6 to 12 digits and {total} digits in all are needed")
    leading = ai in _LEADING_DIGIT
    body = reference[:1] + prefix + reference[1:] if leading else prefix + reference
    checked = body + check_digit(body)
    return "0" + checked if ai == "8003" else checked


def _with_serial(ai: str, value: str, serial_ai: str | None, serial: str) -> Elements:
    if serial_ai is None:
        return [(ai, value)]
    if serial_ai == "":
        return [(ai, value + serial)]
    if serial_ai == "*":
        if serial != "*":
            raise MalformedError("EPC URN", "a pattern must end in *; use urn:epc:id for one item")
        return [(ai, value)]
    if ai == "414" and serial == "0":
        return [(ai, value)]  # extension 0 stands for "no extension"
    return [(ai, value), (serial_ai, serial)]


def _open_length(scheme: str, body: str) -> Elements:
    fields = body.split(".", 1 if scheme == "id:giai" else 2)
    if len(fields) != (2 if scheme == "id:giai" else 3) or not _PREFIX.fullmatch(fields[0]):
        raise MalformedError("EPC URN", "a company prefix of 6 to 12 digits and a reference are needed")
    value = fields[0] + _decode(fields[1])
    return [("8004", value)] if scheme == "id:giai" else [("8010", value), ("8011", fields[2])]


def _decode(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise MalformedError("EPC URN", "a percent sign without two hexadecimal digits")
    return unquote_to_bytes(text).decode("latin-1")


def epc_urn(ai: str, value: str, qualifiers: dict[str, str], prefix_digits: int) -> str:
    """Write the EPC URN of a key.

    Args:
        ai: Application identifier of the primary key.
        value: Its *verified* value.
        qualifiers: Its identifying qualifiers, by application identifier.
        prefix_digits: Length of the company prefix, which a Digital Link does not tell.

    Raises:
        MalformedError: The prefix length is not 6 to 12, or the key has no EPC of its own (a GTIN without serial).
    """
    if not MIN_EPC_PREFIX_DIGITS <= prefix_digits <= MAX_EPC_PREFIX_DIGITS:
        raise MalformedError("EPC URN", "the company prefix needs 6 to 12 digits")
    if ai in ("8004", "8010"):
        return _open_urn(ai, value, qualifiers, prefix_digits)
    scheme, serial, digits = _fixed_parts(ai, value, qualifiers)
    leading = digits[:1] if ai in _LEADING_DIGIT else ""
    rest = digits[len(leading) :]
    fields = [rest[:prefix_digits], leading + rest[prefix_digits:], *serial]
    return f"urn:epc:{scheme}:" + ".".join(fields)


def _open_urn(ai: str, value: str, qualifiers: dict[str, str], prefix_digits: int) -> str:
    prefix, reference = value[:prefix_digits], value[prefix_digits:]
    if not _PREFIX.fullmatch(prefix) or not reference:
        raise MalformedError("EPC URN", "the value has no company prefix of that length")
    if ai == "8004":
        return f"urn:epc:id:giai:{prefix}.{quote(reference, safe=_SAFE)}"
    if "8011" not in qualifiers:
        raise MalformedError("EPC URN", "a component without a serial has no EPC")
    return f"urn:epc:id:cpi:{prefix}.{quote(reference, safe=_SAFE)}.{qualifiers['8011']}"


def _fixed_parts(ai: str, value: str, qualifiers: dict[str, str]) -> tuple[str, list[str], str]:
    if ai in ("01", "8006") and "21" in qualifiers:
        middle = [value[14:16], value[16:18]] if ai == "8006" else []
        return ("id:itip" if middle else "id:sgtin"), [*middle, quote(qualifiers["21"], safe=_SAFE)], value[:13]
    if ai == "01":
        lot = qualifiers.get("10")
        return ("class:lgtin", [quote(lot, safe=_SAFE)], value[:13]) if lot else ("idpat:sgtin", ["*"], value[:13])
    if ai in ("8003", "253"):
        start, scheme = (1, "id:grai") if ai == "8003" else (0, "id:gdti")
        serial = value[start + 13 :]
        if not serial:
            raise MalformedError("EPC URN", "a key without a serial has no EPC")
        return scheme, [quote(serial, safe=_SAFE)], value[start : start + 12]
    simple = {"00": "id:sscc", "417": "id:pgln", "8017": "id:gsrnp", "8018": "id:gsrn"}
    if ai == "414":
        return "id:sgln", [quote(qualifiers.get("254", "0"), safe=_SAFE)], value[:12]
    if ai not in simple:
        raise MalformedError("EPC URN", "the key has no EPC")
    return simple[ai], [], value[:-1]
