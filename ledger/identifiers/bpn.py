"""Catena-X business partner numbers, and serials scoped by the number of the maker."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from ledger.errors import MalformedError
from ledger.identifiers.types import Identifier, NamespaceScheme, Scheme

MAX_LOCAL_CHARACTERS = 128

_BPN = re.compile(r"BPN[LSA][0-9A-Z]{12}", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE = "-._~:"


def parse_bpn(text: str, *, kinds: str = "LSA") -> Identifier:
    """Parse a business partner number: ``BPNL`` (legal entity), ``BPNS`` (site) or ``BPNA`` (address).

    Args:
        text: *Untrusted*; letters of either case, with or without ``urn:bpn:`` before it.
        kinds: Which of the three are accepted.

    Returns:
        The number in upper case; only a legal entity is a namespace.

    Raises:
        MalformedError: Anything else.
    """
    bare = text[8:] if text[:8].lower() == "urn:bpn:" else text
    number = bare.upper() if bare.isascii() else ""
    if not _BPN.fullmatch(number) or number[3] not in kinds:
        expected = " or ".join(f"BPN{kind}" for kind in kinds)
        raise MalformedError("business partner number", f"{expected} and 12 letters and digits are needed")
    namespaces = ((int(NamespaceScheme.BPN), number),) if number[3] == "L" else ()
    return Identifier(number, Scheme.BPN, namespaces)


def scoped_serial(maker: str, local_id: str) -> str:
    """Write ``urn:bpn:<BPNL>:<local id>``, for parts whose own identifier carries no namespace.

    Args:
        maker: BPNL of the maker.
        local_id: *Untrusted*, up to 128 printable ASCII characters, not percent-encoded.

    Raises:
        MalformedError: The maker is not a BPNL, or the local id is empty, too long or not printable ASCII.
    """
    number = parse_bpn(maker, kinds="L").canonical
    if not 0 < len(local_id) <= MAX_LOCAL_CHARACTERS:
        raise MalformedError("scoped serial", f"the local id needs 1 to {MAX_LOCAL_CHARACTERS} characters")
    if not all(" " <= character <= "~" for character in local_id) or local_id != local_id.strip():
        raise MalformedError("scoped serial", "the local id is not printable ASCII without outer blanks")
    return f"urn:bpn:{number}:{quote(local_id, safe=_SAFE)}"


def parse_scoped_serial(text: str) -> Identifier:
    """Parse ``urn:bpn:<BPNL>:<local id>`` and write its percent-encoding canonically.

    Args:
        text: *Untrusted*.

    Raises:
        MalformedError: Not that form, or not printable ASCII.
    """
    parts = text.split(":", 3)
    if len(parts) != 4 or not text.isascii() or [part.lower() for part in parts[:2]] != ["urn", "bpn"]:
        raise MalformedError("scoped serial", "urn:bpn:<BPNL>:<local id> is needed")
    if _BAD_ESCAPE.search(parts[3]):
        raise MalformedError("scoped serial", "a percent sign without two hexadecimal digits")
    canonical = scoped_serial(parts[2], unquote_to_bytes(parts[3]).decode("latin-1"))
    maker = canonical.split(":", 3)[2]
    return Identifier(canonical, Scheme.SCOPED, ((int(NamespaceScheme.BPN), maker),))
